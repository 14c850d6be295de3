#include "config_helper.h"

#include "base/limits.h"

#include <time.h>

#define SUBSCRIBED "node/ME/subscribedRoutes"

static void put_names(void) {
  static const char *const names[] = {"web", "web-2", "dns.a", "dns.b", "X"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char key[64];
    char config[64];
    (void)snprintf(key, sizeof key, "routes/%s/config", names[i]);
    (void)snprintf(config, sizeof config, "route 192.0.2.%zu/32 next-hop self", i);
    put(key, config);
  }
}

/* The subscribed ones, in the order of names, each behind a blank. */
static const char *subscribed(void) {
  static char text[1024];
  text[0] = '\0';
  struct bc_config_route route = {.name = NULL};
  size_t count = 0;
  while (bc_config_each(helper->config, route.name, &route)) {
    if (route.is_subscribed) {
      size_t used = strlen(text);
      (void)snprintf(text + used, sizeof text - used, " %s", route.name);
      count++;
    }
  }
  assert_int_equal(bc_config_counts(helper->config).subscribed, count);
  return text;
}

static void words_are_names_and_globs(void **state) {
  (void)state;
  static const struct {
    const char *value, *names;
  } cases[] = {
      {"web", " web"},
      {"web X", " X web"},
      {"\tweb\r\n X\v\fdns.a\n", " X dns.a web"},
      {"web web", " web"},
      {"*", " X dns.a dns.b web-2 web"},
      {"dns.*", " dns.a dns.b"},
      {"dns.? we*2", " dns.a dns.b web-2"},
      {"?", " X"},
      {"x", ""},
      {"-", ""},
      {"web- nothing*", ""},
  };
  put_names();
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      put(SUBSCRIBED, cases[i].value);
      assert_string_equal(subscribed(), cases[i].names);
    }
  }
}

static void without_the_key_nothing_is_subscribed(void **state) {
  (void)state;
  put_names();
  assert_string_equal(subscribed(), "");
  put(SUBSCRIBED, "*");
  (void)changes();
  delete_key(SUBSCRIBED);
  assert_string_equal(subscribed(), "");
  assert_string_equal(changes(), "+X +dns.a +dns.b +web-2 +web ");
  delete_key(SUBSCRIBED);
  assert_string_equal(changes(), "");
}

static void only_routes_that_changed_sides_are_told(void **state) {
  (void)state;
  put_names();
  put(SUBSCRIBED, "web dns.a");
  (void)changes();
  put(SUBSCRIBED, "web dns.b");
  assert_string_equal(changes(), "+dns.a +dns.b ");
}

static void a_route_that_comes_later_is_subscribed_at_once(void **state) {
  (void)state;
  put(SUBSCRIBED, "web dns.*");
  assert_string_equal(node_fault(0), "node/ME/subscribedRoutes: no route matches \"web\", \"dns.*\"");
  put("routes/web/config", "route 192.0.2.0/24 next-hop self");
  assert_true(view("web").is_subscribed);
  assert_string_equal(node_fault(0), "node/ME/subscribedRoutes: no route matches \"dns.*\"");
  put("routes/dns.a/config", "route 192.0.3.0/24 next-hop self");
  assert_true(view("dns.a").is_subscribed);
  assert_null(node_fault(0));
  delete_key("routes/web/config");
  delete_key("routes/dns.a/config");
  assert_string_equal(node_fault(0), "node/ME/subscribedRoutes: no route matches \"web\", \"dns.*\"");
}

static void at_most_five_lonely_names_are_told(void **state) {
  (void)state;
  put_names();
  put(SUBSCRIBED, "f e d c web b* a g");
  assert_string_equal(node_fault(0),
                      "node/ME/subscribedRoutes: no route matches \"a\", \"c\", \"d\", \"e\", \"f\" and 2 more");
  assert_null(node_fault(1));
}

static void invalid_words_are_a_fault_and_the_rest_works(void **state) {
  (void)state;
  put_names();
  put(SUBSCRIBED, "web a/b,c - X");
  assert_string_equal(subscribed(), " X web");
  assert_string_equal(node_fault(0), "node/ME/subscribedRoutes: not a route name or glob: \"a/b,c\" and 1 more");
  put(SUBSCRIBED, "web X");
  assert_null(node_fault(0));
}

static void a_value_that_says_nothing_leaves_the_last_good_one(void **state) {
  (void)state;
  put_names();
  put(SUBSCRIBED, "web");
  put(SUBSCRIBED, " \n");
  assert_string_equal(subscribed(), " web");
  assert_string_equal(node_fault(0), "node/ME/subscribedRoutes: is empty: write - for none");
  put(SUBSCRIBED, "[\"web\",\"X\"]");
  assert_string_equal(subscribed(), " web");
  assert_string_equal(node_fault(0), "node/ME/subscribedRoutes: not a route name or glob: \"[\"web\",\"X\"]\": nothing "
                                     "is taken from it");
  char *big = malloc(BC_LIMIT_SUBSCRIPTION_BYTES + 2);
  memset(big, 'a', BC_LIMIT_SUBSCRIPTION_BYTES + 1);
  big[BC_LIMIT_SUBSCRIPTION_BYTES + 1] = '\0';
  put(SUBSCRIBED, big);
  free(big);
  assert_string_equal(node_fault(0), "node/ME/subscribedRoutes: expected at most 1048576 bytes, found 1048577");
  assert_string_equal(subscribed(), " web");
  bc_config_put(helper->config, bc_str_of(SUBSCRIBED), (struct bc_str){"X\0 *", 4}, helper->now);
  assert_string_equal(node_fault(0), "node/ME/subscribedRoutes: holds a NUL byte");
  assert_string_equal(subscribed(), " web");
  put(SUBSCRIBED, "web");
  assert_null(node_fault(0));
  put(SUBSCRIBED, "");
  delete_key(SUBSCRIBED);
  assert_null(node_fault(0));
  assert_string_equal(subscribed(), "");
}

static void there_are_at_most_256_globs(void **state) {
  (void)state;
  put_names();
  char text[4096] = "";
  for (int i = 0; i < BC_LIMIT_SUBSCRIBED_GLOBS; i++) {
    (void)snprintf(text + strlen(text), sizeof text - strlen(text), "*%d ", i);
  }
  (void)snprintf(text + strlen(text), sizeof text - strlen(text), "we* *2 X");
  put(SUBSCRIBED, text);
  /* The last new glob is one too many; the one that is there already and the name are not. */
  assert_string_equal(subscribed(), " X web-2");
  assert_string_equal(node_fault(0), "node/ME/subscribedRoutes: more than 256 globs");
}

/* Quadratic work would be 3.6 * 10^9 comparisons of names. */
static void many_names_are_not_quadratic(void **state) {
  (void)state;
  enum { COUNT = 60000 };
  char *text = malloc((size_t)COUNT * 8 + 1);
  size_t used = 0;
  char key[64];
  for (int i = 0; i < COUNT; i++) {
    used += (size_t)snprintf(text + used, 9, "n%05d ", i);
    (void)snprintf(key, sizeof key, "routes/n%05d/options", i);
    put(key, "{}");
  }
  clock_t start = clock();
  put(SUBSCRIBED, text);
  double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
  assert_int_equal(bc_config_counts(helper->config).subscribed, COUNT);
  assert_null(node_fault(0));
  assert_true(seconds < 10);
  free(text);
}

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      CONFIG_TEST(words_are_names_and_globs),
      CONFIG_TEST(without_the_key_nothing_is_subscribed),
      CONFIG_TEST(only_routes_that_changed_sides_are_told),
      CONFIG_TEST(a_route_that_comes_later_is_subscribed_at_once),
      CONFIG_TEST(at_most_five_lonely_names_are_told),
      CONFIG_TEST(invalid_words_are_a_fault_and_the_rest_works),
      CONFIG_TEST(a_value_that_says_nothing_leaves_the_last_good_one),
      CONFIG_TEST(there_are_at_most_256_globs),
      CONFIG_TEST(many_names_are_not_quadratic),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
