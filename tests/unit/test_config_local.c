/* Routes that are not the store's stand beside its own: nothing of the store touches them, and they take nothing of it.
 */
#include "config_helper.h"

#include "base/limits.h"

#define SAME "route 192.0.2.0/24 next-hop self"
#define OTHER "route 198.51.100.0/24 next-hop self"

static void put_local(const char *name, const char *text) {
  bc_config_put_local(helper->config, name, bc_str_of(text), helper->now);
}

static enum bc_err try_local(const char *name, const char *text, struct bc_fault *fault) {
  struct bc_route route = {0};
  assert_int_equal(bc_route_parse(helper->intern, bc_str_of(text), &route, NULL), BC_ERR_OK);
  enum bc_err err = bc_config_try_local(helper->config, name, &route, fault);
  bc_route_release(helper->intern, &route);
  return err;
}

static const char *holder(const char *text, const char *except) {
  struct bc_route route = {0};
  assert_int_equal(bc_route_parse(helper->intern, bc_str_of(text), &route, NULL), BC_ERR_OK);
  const char *found = bc_config_find_holder(helper->config, &route, except);
  bc_route_release(helper->intern, &route);
  return found == NULL ? "" : found;
}

static void it_is_in_force_at_once(void **state) {
  (void)state;
  bc_config_set_settle_ms(helper->config, 1000);
  put_local("api:web", SAME);
  struct bc_config_route web = view("api:web");
  assert_true(web.is_local && web.is_subscribed && web.is_settled && web.has_config && web.has_version);
  assert_string_equal(version("api:web"), SAME);
  assert_null(web.script.text);
  assert_string_equal(changes(), "+api:web ");
  put_local("api:web", SAME " med 5");
  assert_string_equal(version("api:web"), SAME " med 5");
  assert_string_equal(changes(), "+api:web ");
  put_local("api:web", SAME " med 5");
  assert_string_equal(changes(), "");
  assert_true(bc_config_delete_local(helper->config, "api:web"));
  assert_false(exists("api:web"));
  assert_string_equal(changes(), "-api:web ");
  assert_false(bc_config_delete_local(helper->config, "api:web"));
}

static void no_list_and_no_subscription_touches_it(void **state) {
  (void)state;
  put_local("api:web", SAME);
  put("node/ME/subscribedRoutes", "a");
  put_route("a", OTHER);
  put("policy", "return function() return withdraw() end");
  (void)changes();
  for (int round = 0; round < 2; round++) {
    bc_config_list_begin(helper->config);
    bc_config_list_end(helper->config, helper->now);
  }
  assert_false(exists("a"));
  struct bc_config_route web = view("api:web");
  assert_true(web.is_subscribed && web.has_version);
  assert_string_equal(changes(), "-a ");
  put("node/ME/subscribedRoutes", "-");
  assert_true(view("api:web").is_subscribed);
  assert_string_equal(changes(), "");
}

static void it_has_no_policy(void **state) {
  (void)state;
  put("policy", "return function() return withdraw() end");
  put_local("api:web", SAME);
  assert_null(view("api:web").policy.key);
  assert_null(view("api:web").policy.script.text);
}

static size_t saved_keys;

static void count_key(void *arg, struct bc_str key, struct bc_str value) {
  (void)arg;
  (void)value;
  assert_false(memmem(key.at, key.len, "api:", 4) != NULL);
  saved_keys++;
}

static void it_counts_for_nothing_of_the_store(void **state) {
  (void)state;
  put_local("api:web", SAME);
  struct bc_config_counts counts = bc_config_counts(helper->config);
  assert_int_equal(counts.routes, 0);
  assert_int_equal(counts.subscribed, 0);
  assert_int_equal(counts.local, 1);
  assert_int_equal(bc_config_route_keys(helper->config), 0);
  saved_keys = 0;
  bc_config_save(helper->config, count_key, NULL);
  assert_int_equal(saved_keys, 0);
  (void)bc_config_delete_local(helper->config, "api:web");
  counts = bc_config_counts(helper->config);
  assert_true(counts.local == 0 && counts.routes == 0 && counts.subscribed == 0);
}

static void a_list_gives_only_its_own(void **state) {
  (void)state;
  put_local("api:web", SAME);
  put("node/ME/subscribedRoutes", "*");
  bc_config_list_begin(helper->config);
  put_route("a", OTHER);
  put_route("z", "route 203.0.113.0/24 next-hop self");
  struct bc_config_route passed;
  assert_true(bc_config_next_passed(helper->config, &passed));
  assert_string_equal(passed.name, "a");
  assert_false(bc_config_next_passed(helper->config, &passed));
}

static void local_changes_can_be_taken_alone(void **state) {
  (void)state;
  struct bc_config_route route;
  bool found;
  put("node/ME/subscribedRoutes", "*");
  put_route("a", OTHER);
  put_route("zz", "route 203.0.113.0/24 next-hop self");
  put_local("api:b", SAME);
  delete_key("routes/zz/config");
  assert_true(bc_config_next_changed_local(helper->config, &route, &found));
  assert_true(found && strcmp(route.name, "api:b") == 0);
  assert_false(bc_config_next_changed_local(helper->config, &route, &found));
  (void)bc_config_delete_local(helper->config, "api:b");
  assert_true(bc_config_next_changed_local(helper->config, &route, &found));
  assert_true(!found && route.is_local && strcmp(route.name, "api:b") == 0);
  assert_false(bc_config_next_changed_local(helper->config, &route, &found));
  assert_string_equal(changes(), "-zz +a ");
}

static void what_the_store_has_is_refused(void **state) {
  (void)state;
  struct bc_fault fault;
  put("node/ME/subscribedRoutes", "a");
  put_route("a", SAME);
  put_route("b", OTHER);
  assert_int_equal(try_local("api:web", SAME " med 5", &fault), BC_ERR_EXISTS);
  assert_non_null(strstr(fault.text, "routes/a"));
  assert_int_equal(try_local("api:web", "neighbor 10.0.0.1 " SAME, &fault), BC_ERR_EXISTS);
  assert_int_equal(try_local("api:web", "attributes next-hop self nlri 192.0.2.0/24 192.0.3.0/24", &fault),
                   BC_ERR_EXISTS);
  assert_int_equal(try_local("api:web", OTHER, &fault), BC_ERR_OK);
  put_local("api:web", OTHER);
  assert_int_equal(try_local("api:two", OTHER, &fault), BC_ERR_EXISTS);
  assert_non_null(strstr(fault.text, "api:web"));
  assert_int_equal(try_local("api:web", OTHER " med 7", &fault), BC_ERR_OK);
  assert_string_equal(holder(OTHER, NULL), "api:web");
  assert_string_equal(holder(OTHER, "api:web"), "");
  assert_string_equal(holder(SAME, NULL), "a");
}

static void names_that_a_key_could_have_are_refused(void **state) {
  (void)state;
  struct bc_fault fault;
  static const char *const bad[] = {"web", "api:", "api:a/b", "api:a b", "api:*", "api:-a", "API:a", "api:a:b"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(try_local(bad[i], SAME, &fault), BC_ERR_SYNTAX);
  }
  char name[BC_LIMIT_NAME_BYTES + 2];
  memset(name, 'a', sizeof name);
  memcpy(name, "api:", 4);
  name[sizeof name - 1] = '\0';
  assert_int_equal(try_local(name, SAME, &fault), BC_ERR_SYNTAX);
  name[sizeof name - 2] = '\0';
  assert_int_equal(try_local(name, SAME, &fault), BC_ERR_OK);
  put_local("web", SAME);
  assert_false(exists("web"));
  assert_int_equal(try_local("api:w", SAME " watchdog x", &fault), BC_ERR_SYNTAX);
}

/* Whoever stands goes on; when neither stands the local one comes first, whatever its name. */
static void of_two_with_one_prefix_the_standing_one_wins_and_else_the_local_one(void **state) {
  (void)state;
  put("node/ME/subscribedRoutes", "*");
  put_route("AAA", SAME);
  put_local("api:web", SAME " med 5");
  assert_true(view("AAA").lost_identity);
  expect_fault("AAA", "routes/AAA: has the same prefix as api:web, which came by the API");
  bc_config_set_standing(helper->config, "AAA", true);
  assert_false(view("AAA").lost_identity);
  assert_true(view("api:web").lost_identity);
  expect_fault("api:web", "api:web: has the same prefix as routes/AAA, which is announced");
  bc_config_set_standing(helper->config, "AAA", false);
  bc_config_set_standing(helper->config, "api:web", true);
  expect_fault("AAA", "routes/AAA: has the same prefix as api:web, which is announced");
  (void)bc_config_delete_local(helper->config, "api:web");
  assert_false(view("AAA").lost_identity);
  expect_no_fault("AAA");
}

static void both_that_are_said_to_stand_give_the_local_one_the_prefix(void **state) {
  (void)state;
  put("node/ME/subscribedRoutes", "*");
  put_local("api:web", SAME);
  put_route("a", SAME);
  bc_config_set_standing(helper->config, "a", true);
  bc_config_set_standing(helper->config, "api:web", true);
  assert_true(view("a").lost_identity);
  assert_false(view("api:web").lost_identity);
}

static void its_nlri_take_no_room_from_the_store(void **state) {
  (void)state;
  struct bc_fault fault;
  struct bc_buf text;
  bc_buf_init(&text, 65536);
  unsigned number = 0;
  for (unsigned i = 0; i * 999 + 999 <= BC_LIMIT_LEASES_NLRI; i++) {
    char name[16];
    bc_buf_clear(&text);
    bc_buf_add_text(&text, "attributes next-hop self nlri");
    for (unsigned n = 0; n < BC_LIMIT_KEY_NLRI; n++, number++) {
      bc_buf_add_format(&text, " 10.%u.%u.%u/32", number / 65536, number / 256 % 256, number % 256);
    }
    (void)snprintf(name, sizeof name, "api:%u", i);
    assert_int_equal(try_local(name, text.data, &fault), BC_ERR_OK);
    put_local(name, text.data);
  }
  bc_buf_clear(&text);
  bc_buf_add_text(&text, "attributes next-hop self nlri");
  for (unsigned n = 0; n < 200; n++) {
    bc_buf_add_format(&text, " 12.0.0.%u/32", n);
  }
  assert_int_equal(try_local("api:more", text.data, &fault), BC_ERR_LIMIT);
  assert_int_equal(try_local("api:0", text.data, &fault), BC_ERR_OK);
  put("node/ME/subscribedRoutes", "*");
  put_route("a", "attributes next-hop self nlri 11.1.0.0/24 11.1.1.0/24");
  expect_no_fault("a");
  (void)bc_config_delete_local(helper->config, "api:0");
  assert_int_equal(bc_config_counts(helper->config).local, (BC_LIMIT_LEASES_NLRI / 999) - 1);
  bc_buf_free(&text);
}

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      CONFIG_TEST(it_is_in_force_at_once),
      CONFIG_TEST(no_list_and_no_subscription_touches_it),
      CONFIG_TEST(it_has_no_policy),
      CONFIG_TEST(it_counts_for_nothing_of_the_store),
      CONFIG_TEST(a_list_gives_only_its_own),
      CONFIG_TEST(local_changes_can_be_taken_alone),
      CONFIG_TEST(what_the_store_has_is_refused),
      CONFIG_TEST(names_that_a_key_could_have_are_refused),
      CONFIG_TEST(of_two_with_one_prefix_the_standing_one_wins_and_else_the_local_one),
      CONFIG_TEST(both_that_are_said_to_stand_give_the_local_one_the_prefix),
      CONFIG_TEST(its_nlri_take_no_room_from_the_store),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
