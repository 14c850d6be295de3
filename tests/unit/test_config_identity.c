/* Two routes with one prefix: who wins, and that it never depends on who came first. */
#include "config_helper.h"

#include "base/limits.h"

#define SAME "route 192.0.2.0/24 next-hop self"

static void subscribe_all(void) {
  put("node/ME/subscribedRoutes", "*");
}

static void the_smaller_name_wins_in_any_order_of_arrival(void **state) {
  (void)state;
  subscribe_all();
  for (int round = 0; round < 2; round++) {
    put_route(round == 0 ? "a" : "b", SAME);
    put_route(round == 0 ? "b" : "a", SAME " med 7");
    assert_false(view("a").lost_identity);
    expect_no_fault("a");
    assert_true(view("b").lost_identity);
    expect_fault("b", "routes/b: has the same prefix as routes/a, which comes first by name");
    assert_int_equal(bc_config_counts(helper->config).faulty, 1);
    delete_key("routes/a/config");
    assert_false(view("b").lost_identity);
    expect_no_fault("b");
    delete_key("routes/b/config");
  }
}

static void the_one_that_stands_wins(void **state) {
  (void)state;
  subscribe_all();
  put_route("b", SAME);
  bc_config_set_standing(helper->config, "b", true);
  put_route("a", SAME);
  (void)changes();
  assert_true(view("a").lost_identity);
  expect_fault("a", "routes/a: has the same prefix as routes/b, which is announced");
  bc_config_set_standing(helper->config, "b", false);
  assert_string_equal(changes(), "+a +b ");
  assert_true(view("b").lost_identity);
  assert_false(view("a").lost_identity);
  bc_config_set_standing(helper->config, "unknown", true);
}

static void a_route_replaced_in_one_go_still_stands(void **state) {
  (void)state;
  subscribe_all();
  put_route("b", SAME);
  put_route("a", SAME);
  bc_config_set_standing(helper->config, "b", true);
  (void)changes();
  delete_key("routes/b/config");
  put("routes/b/config", SAME);
  assert_false(view("b").lost_identity);
  assert_true(view("a").lost_identity);
}

static void a_route_that_stands_brings_no_right_to_another_prefix(void **state) {
  (void)state;
  subscribe_all();
  put_route("a", "route 192.0.2.1/32 next-hop self");
  put_route("b", SAME);
  bc_config_set_standing(helper->config, "a", true);
  bc_config_set_standing(helper->config, "b", true);
  (void)changes();
  put("routes/a/config", SAME);
  assert_true(view("a").lost_identity);
  expect_fault("a", "routes/a: has the same prefix as routes/b, which is announced");
  assert_false(view("b").lost_identity);
}

static void routes_are_passed_in_the_order_of_their_keys(void **state) {
  (void)state;
  struct bc_config_route passed;
  bc_config_list_begin(helper->config);
  subscribe_all();
  put("routes/a-b/config", SAME);
  assert_false(bc_config_next_passed(helper->config, &passed));
  put("routes/a.c/config", "route 192.0.2.1/32 next-hop self");
  put("routes/a.c/options", "{}");
  assert_true(bc_config_next_passed(helper->config, &passed));
  assert_string_equal(passed.name, "a-b");
  assert_true(passed.is_settled);
  assert_false(bc_config_next_passed(helper->config, &passed));
  put("routes/a/config", SAME);
  assert_true(bc_config_next_passed(helper->config, &passed));
  assert_string_equal(passed.name, "a.c");
  assert_false(bc_config_next_passed(helper->config, &passed));
  bc_config_list_end(helper->config, helper->now);
  /* It was told first, and so it would be without a list. */
  assert_false(view("a-b").lost_identity);
  assert_true(view("a").lost_identity);
  assert_string_equal(changes(), "+a ");
  assert_false(bc_config_next_passed(helper->config, &passed));
}

static void what_a_list_has_not_named_yet_is_not_passed(void **state) {
  (void)state;
  struct bc_config_route passed;
  subscribe_all();
  put_route("a", "route 192.0.2.1/32 next-hop self");
  put_route("b", SAME);
  bc_config_list_begin(helper->config);
  put("routes/b/config", SAME);
  put("routes/c/config", "route 192.0.2.3/32 next-hop self");
  assert_true(bc_config_next_passed(helper->config, &passed));
  assert_string_equal(passed.name, "b");
  assert_false(bc_config_next_passed(helper->config, &passed));
  bc_config_list_abort(helper->config);
  assert_false(bc_config_next_passed(helper->config, &passed));
}

static void only_subscribed_routes_with_a_version_claim(void **state) {
  (void)state;
  put("routes/a/config", SAME);
  put("routes/b/config", SAME);
  assert_false(view("b").lost_identity);
  put("node/ME/subscribedRoutes", "b");
  assert_false(view("b").lost_identity);
  put("node/ME/subscribedRoutes", "a b");
  assert_true(view("b").lost_identity);
  put("node/ME/subscribedRoutes", "b");
  assert_false(view("b").lost_identity);
  put("node/ME/subscribedRoutes", "a b");
  put("routes/a/healthcheck", "#!luajit");
  assert_false(view("a").has_version);
  assert_false(view("b").lost_identity);
  put("routes/a/healthcheck", "true");
  assert_true(view("b").lost_identity);
}

static void a_new_config_moves_the_claim(void **state) {
  (void)state;
  subscribe_all();
  put_route("a", SAME);
  put_route("b", SAME);
  put_route("c", "route 192.0.3.0/24 next-hop self");
  (void)changes();
  put("routes/a/config", "route 192.0.3.0/24 next-hop self");
  assert_string_equal(changes(), "+a +b +c ");
  assert_false(view("b").lost_identity);
  assert_true(view("c").lost_identity);
  put("routes/a/config", "route 192.0.3.0/24 next-hop self med 9");
  assert_string_equal(changes(), "+a ");
}

static void routes_for_other_neighbors_are_other_routes(void **state) {
  (void)state;
  subscribe_all();
  put_route("a", "neighbor 10.0.0.1 " SAME);
  put_route("b", "neighbor 10.0.0.2 " SAME);
  assert_false(view("b").lost_identity);
  put_route("c", SAME);
  assert_false(view("a").lost_identity);
  assert_false(view("b").lost_identity);
  expect_fault("c", "routes/c: has the same prefix as routes/a");
  delete_key("routes/a/config");
  expect_fault("c", "routes/c: has the same prefix as routes/b");
  delete_key("routes/b/config");
  expect_no_fault("c");
}

static void a_fault_of_a_key_is_told_before_that_of_the_identity(void **state) {
  (void)state;
  subscribe_all();
  put_route("a", SAME);
  put_route("b", SAME);
  put("routes/b/options", "x");
  expect_fault("b", "routes/b/options: ");
  assert_true(view("b").lost_identity);
  delete_key("routes/b/options");
  expect_fault("b", "routes/b: has the same prefix");
}

static void a_few_winners_of_one_prefix_are_enough(void **state) {
  (void)state;
  subscribe_all();
  char key[64];
  char config[96];
  for (int i = 0; i < BC_LIMIT_SAME_PREFIX + 1; i++) {
    (void)snprintf(key, sizeof key, "routes/r%03d/config", i);
    (void)snprintf(config, sizeof config, "neighbor 10.0.0.%d route 192.0.2.0/24 next-hop self", i + 1);
    put(key, config);
  }
  assert_false(view("r063").lost_identity);
  expect_fault("r064", "routes/r064: more than 64 routes have its prefix");
}

static void many_routes_of_one_prefix_are_decided_once(void **state) {
  (void)state;
  subscribe_all();
  char key[64];
  for (int i = 20000; i > 0; i--) {
    (void)snprintf(key, sizeof key, "routes/r%05d/config", i);
    put(key, SAME);
  }
  struct bc_config_counts counts = bc_config_counts(helper->config);
  assert_int_equal(counts.faulty, 19999);
  assert_false(view("r00001").lost_identity);
}

#define LIST "attributes next-hop self nlri "

static void a_conflict_in_one_nlri_costs_a_list_all_of_it(void **state) {
  (void)state;
  subscribe_all();
  for (int round = 0; round < 2; round++) {
    put_route(round == 0 ? "a" : "b",
              round == 0 ? "route 192.0.2.3/32 next-hop self" : LIST "192.0.2.1/32 192.0.2.3/32");
    put_route(round == 0 ? "b" : "a",
              round == 0 ? LIST "192.0.2.1/32 192.0.2.3/32" : "route 192.0.2.3/32 next-hop self");
    assert_false(view("a").lost_identity);
    assert_true(view("b").lost_identity);
    expect_fault("b", "routes/b: 192.0.2.3/32 is also in routes/a, which comes first by name");
    delete_key("routes/a/config");
    assert_false(view("b").lost_identity);
    delete_key("routes/b/config");
  }
}

static void a_loser_stands_in_nobodys_way(void **state) {
  (void)state;
  subscribe_all();
  /* a has 1, b has 1 and 2, c has 2 and 3, d has 3: b loses to a, so c has 2, so d loses to c. */
  static const char *const texts[] = {"192.0.2.1/32", "192.0.2.1/32 192.0.2.2/32", "192.0.2.2/32 192.0.2.3/32",
                                      "192.0.2.3/32"};
  static const char orders[][5] = {"abcd", "dcba", "bdac", "cadb"};
  for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
    for (const char *at = orders[i]; *at != '\0'; at++) {
      char text[128];
      (void)snprintf(text, sizeof text, LIST "%s", texts[*at - 'a']);
      put_route((const char[]){*at, '\0'}, text);
    }
    assert_false(view("a").lost_identity);
    assert_true(view("b").lost_identity);
    assert_false(view("c").lost_identity);
    expect_fault("d", "routes/d: 192.0.2.3/32 is also in routes/c, which comes first by name");
    (void)changes();
    delete_key("routes/a/config");
    assert_false(view("b").lost_identity);
    expect_fault("c", "routes/c: 192.0.2.2/32 is also in routes/b");
    assert_false(view("d").lost_identity);
    delete_key("routes/b/config");
    delete_key("routes/c/config");
    delete_key("routes/d/config");
  }
}

static void a_list_that_stands_keeps_what_it_has_when_it_grows(void **state) {
  (void)state;
  subscribe_all();
  put_route("c", LIST "192.0.2.1/32 192.0.2.2/32");
  bc_config_set_standing(helper->config, "c", true);
  put_route("a", "route 192.0.2.2/32 next-hop self");
  expect_fault("a", "routes/a: 192.0.2.2/32 is also in routes/c, which is announced");
  put("routes/c/config", LIST "192.0.2.1/32 192.0.2.2/32 192.0.2.9/32");
  assert_false(view("c").lost_identity);
  assert_true(view("a").lost_identity);
  /* But not what another one announces. */
  put_route("d", "route 192.0.2.7/32 next-hop self");
  bc_config_set_standing(helper->config, "d", true);
  put("routes/c/config", LIST "192.0.2.1/32 192.0.2.2/32 192.0.2.7/32");
  expect_fault("c", "routes/c: 192.0.2.2/32 is also in routes/a");
  assert_false(view("d").lost_identity);
  delete_key("routes/a/config");
  expect_fault("c", "routes/c: 192.0.2.7/32 is also in routes/d, which is announced");
  delete_key("routes/d/config");
  expect_no_fault("c");
  /* What is left of it when all of it is another list is nothing. */
  bc_config_set_standing(helper->config, "c", true);
  put_route("b", LIST "198.51.100.1/32");
  put("routes/c/config", LIST "198.51.100.1/32 198.51.100.2/32");
  expect_fault("c", "routes/c: 198.51.100.1/32 is also in routes/b");
}

static void a_split_a_list_and_a_flow_have_identities_too(void **state) {
  (void)state;
  subscribe_all();
  put_route("a", "route 192.0.2.0/30 next-hop self split /32");
  put_route("b", LIST "192.0.2.3/32 192.0.2.4/32");
  expect_fault("b", "routes/b: 192.0.2.3/32 is also in routes/a");
  put_route("f", "flow route { match { source 192.0.2.0/30; protocol tcp; } then { discard; } }");
  put_route("g", "flow route { match { protocol tcp; source 192.0.2.0/30; } then { rate-limit 9600; } }");
  put_route("h", "flow route { match { source 192.0.2.0/30; } then { discard; } }");
  assert_false(view("f").lost_identity);
  assert_false(view("h").lost_identity);
  expect_fault("g", "routes/g: flow source-ipv4 192.0.2.0/30 protocol =tcp is also in routes/f, which comes first");
}

static void list_of(char *text, size_t room, int which, int count) {
  size_t used = (size_t)snprintf(text, room, LIST);
  for (int i = 0; i < count; i++) {
    int n = which * 1000 + i;
    used += (size_t)snprintf(text + used, room - used, "%s10.%d.%d.%d/32", i > 0 ? " " : "", n >> 16, n >> 8 & 255,
                             n & 255);
  }
}

static void the_nlri_of_all_lists_are_bounded(void **state) {
  (void)state;
  subscribe_all();
  static char text[32768];
  char key[64];
  int most = BC_LIMIT_LIST_NLRI / 999;
  for (int i = 0; i <= most; i++) {
    (void)snprintf(key, sizeof key, "routes/r%03d/config", i);
    list_of(text, sizeof text, i, 1000);
    put(key, text);
  }
  wait_ms(1000);
  (void)snprintf(key, sizeof key, "r%03d", most);
  assert_false(view(key).has_version);
  expect_fault(key,
               "routes/r100/config: 1000 NLRI: with the 99900 that other routes have beyond one each there are more");
  expect_no_fault("r099");
  put_route("single", "route 192.0.2.1/32 next-hop self");
  expect_no_fault("single");
  /* A list that shrinks makes room, and the same text is then taken. */
  put("routes/r000/config", LIST "10.0.0.0/32");
  put("routes/r100/config", text);
  expect_no_fault(key);
  assert_true(view(key).has_version);
}

static void many_lists_that_meet_in_one_nlri_are_judged_in_no_time(void **state) {
  (void)state;
  subscribe_all();
  char key[64];
  char text[96];
  for (int i = 20000; i > 0; i--) {
    (void)snprintf(key, sizeof key, "routes/r%05d/config", i);
    (void)snprintf(text, sizeof text, LIST "10.%d.%d.1/32 192.0.2.1/32", i >> 8, i & 255);
    put(key, text);
  }
  assert_int_equal(bc_config_counts(helper->config).faulty, 19999);
  assert_false(view("r00001").lost_identity);
  delete_key("routes/r00001/config");
  assert_false(view("r00002").lost_identity);
  assert_int_equal(bc_config_counts(helper->config).faulty, 19998);
}

static void what_a_route_comes_back_to_in_one_go_is_still_its_own(void **state) {
  (void)state;
  subscribe_all();
  put_route("c", LIST "192.0.2.1/32 192.0.2.2/32");
  put_route("m", "route 192.0.2.9/32 next-hop self");
  bc_config_set_standing(helper->config, "c", true);
  bc_config_set_standing(helper->config, "m", true);
  put("routes/c/config", LIST "192.0.2.2/32 192.0.2.9/32");
  expect_fault("c", "routes/c: 192.0.2.9/32 is also in routes/m, which is announced");
  put("routes/c/config", LIST "192.0.2.1/32 192.0.2.2/32");
  put_route("a", "route 192.0.2.1/32 next-hop self");
  expect_no_fault("c");
  expect_fault("a", "routes/a: 192.0.2.1/32 is also in routes/c, which is announced");
  /* Also when it has grown before, … */
  put("routes/c/config", LIST "192.0.2.1/32 192.0.2.2/32 192.0.2.3/32");
  put("routes/c/config", LIST "192.0.2.3/32 192.0.2.9/32");
  assert_true(view("c").lost_identity);
  put("routes/c/config", LIST "192.0.2.1/32 192.0.2.2/32 192.0.2.3/32");
  expect_no_fault("c");
  assert_true(view("a").lost_identity);
  delete_key("routes/a/config");
  /* … but not when another one has announced it meanwhile. */
  put("routes/c/config", LIST "192.0.2.3/32 192.0.2.9/32");
  put_route("d", "route 192.0.2.1/32 next-hop self");
  bc_config_set_standing(helper->config, "d", true);
  put("routes/c/config", LIST "192.0.2.1/32 192.0.2.2/32 192.0.2.3/32");
  expect_fault("c", "routes/c: 192.0.2.1/32 is also in routes/d, which is announced");
}

static void a_route_replaced_by_another_prefix_in_one_go_takes_nothing(void **state) {
  (void)state;
  subscribe_all();
  put_route("a", "route 192.0.2.1/32 next-hop self");
  put("routes/a/options", "{}");
  put_route("b", SAME);
  for (int round = 0; round < 2; round++) {
    bc_config_set_standing(helper->config, "a", true);
    bc_config_set_standing(helper->config, "b", true);
    (void)changes();
    delete_key("routes/a/config");
    if (round == 1) {
      delete_key("routes/a/options");
    }
    put("routes/a/config", SAME);
    wait_ms(1000);
    expect_fault("a", "routes/a: has the same prefix as routes/b, which is announced");
    assert_false(view("b").lost_identity);
    put("routes/a/config", "route 192.0.2.1/32 next-hop self");
    expect_no_fault("a");
  }
}

static void a_route_that_stands_keeps_its_prefix_when_its_neighbors_change(void **state) {
  (void)state;
  subscribe_all();
  put_route("z", "neighbor 10.0.0.1 " SAME);
  bc_config_set_standing(helper->config, "z", true);
  put_route("a", SAME " med 7");
  expect_fault("a", "routes/a: has the same prefix as routes/z, which is announced");
  put("routes/z/config", "neighbor 10.0.0.1, neighbor 10.0.0.2 " SAME);
  assert_false(view("z").lost_identity);
  assert_true(view("a").lost_identity);
  bc_config_set_standing(helper->config, "z", true);
  /* Not those that another one announces there, … */
  put_route("zm", "neighbor 10.0.0.3 " SAME);
  bc_config_set_standing(helper->config, "zm", true);
  put("routes/z/config", "neighbor 10.0.0.1, neighbor 10.0.0.3 " SAME);
  assert_true(view("z").lost_identity);
  assert_false(view("zm").lost_identity);
  delete_key("routes/zm/config");
  /* … and none where it did not stand. */
  put("routes/z/config", "neighbor 10.0.0.1, neighbor 10.0.0.2 " SAME);
  assert_false(view("z").lost_identity);
  put("routes/z/config", "neighbor 10.0.0.4 " SAME);
  assert_true(view("z").lost_identity);
}

static void losers_before_it_cost_a_list_no_time(void **state) {
  (void)state;
  subscribe_all();
  char key[64];
  char text[96];
  for (int i = 0; i < 20000; i++) {
    (void)snprintf(key, sizeof key, "routes/a%05d/config", i);
    (void)snprintf(text, sizeof text, "route 10.%d.%d.1/32 next-hop self", i >> 8, i & 255);
    put(key, text);
    (void)snprintf(key, sizeof key, "routes/r%05d/config", i);
    (void)snprintf(text, sizeof text, LIST "10.%d.%d.1/32 9.0.2.1/32", i >> 8, i & 255);
    put(key, text);
  }
  struct bc_mono begin = bc_mono_now();
  assert_int_equal(bc_config_counts(helper->config).faulty, 20000);
  /* It was 17 s when each of them looked at all losers before it. */
  assert_in_range(bc_mono_ms_between(begin, bc_mono_now()), 0, 5000);
}

/* ---- any history ---- */

enum { ANY_ROUTES = 9, ANY_NLRI = 6, ANY_SELECTORS = 4 };

struct any_route {
  bool is_there, stands;
  unsigned nlri; /* a bit each */
  int selector;
};

static const char *const any_selectors[ANY_SELECTORS] = {"", "neighbor 10.0.0.1 ", "neighbor 10.0.0.2 ",
                                                         "neighbor 10.0.0.1, neighbor 10.0.0.3 "};

static bool any_meet(const struct any_route *a, const struct any_route *b) {
  static const bool meet[ANY_SELECTORS][ANY_SELECTORS] = {
      {true, true, true, true}, {true, true, false, true}, {true, false, true, false}, {true, true, false, true}};
  return (a->nlri & b->nlri) != 0 && meet[a->selector][b->selector];
}

/* What must come out, from the rules alone: those that stand first, then by name; a loser stands in nobody's way. */
static void any_check(const struct any_route *routes, int step) {
  bool has_won[ANY_ROUTES] = {false};
  for (int pass = 0; pass < 2; pass++) {
    for (int i = 0; i < ANY_ROUTES; i++) {
      if (!routes[i].is_there || routes[i].stands != (pass == 0)) {
        continue;
      }
      has_won[i] = true;
      for (int j = 0; j < ANY_ROUTES; j++) {
        bool is_better = routes[j].stands != routes[i].stands ? routes[j].stands : j < i;
        has_won[i] = has_won[i] && !(j != i && is_better && has_won[j] && any_meet(&routes[i], &routes[j]));
      }
      if (view((const char[]){(char)('a' + i), '\0'}).lost_identity == has_won[i]) {
        fail_msg("step %d: route %c %s", step, 'a' + i, has_won[i] ? "lost" : "won");
      }
    }
  }
}

static void the_outcome_depends_on_no_history(void **state) {
  (void)state;
  subscribe_all();
  struct any_route routes[ANY_ROUTES] = {{0}};
  uint64_t random = 88172645463325252U;
  for (int step = 0; step < 4000; step++) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    int which = (int)(random % ANY_ROUTES);
    struct any_route *route = &routes[which];
    char key[64];
    char text[256];
    (void)snprintf(key, sizeof key, "routes/%c/config", 'a' + which);
    switch (random >> 16 & 7) {
    case 0:
      delete_key(key);
      *route = (struct any_route){0};
      break;
    case 1:
    case 2:
      route->stands = route->is_there && !route->stands;
      break;
    default:
      route->is_there = true;
      route->nlri = (unsigned)(random >> 32 & ((1U << ANY_NLRI) - 1)) | 1U << (random >> 40 & 3);
      route->selector = (int)(random >> 48 & 3);
      int used = snprintf(text, sizeof text, "%s" LIST, any_selectors[route->selector]);
      for (int i = 0; i < ANY_NLRI; i++) {
        if ((route->nlri >> i & 1U) != 0) {
          used += snprintf(text + used, sizeof text - (size_t)used, "192.0.2.%d/32 ", i);
        }
      }
      put(key, text);
      break;
    }
    for (int i = 0; i < ANY_ROUTES; i++) {
      bc_config_set_standing(helper->config, (const char[]){(char)('a' + i), '\0'}, routes[i].stands);
    }
    if ((random >> 20 & 1) != 0) {
      any_check(routes, step);
    }
  }
}

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      CONFIG_TEST(the_smaller_name_wins_in_any_order_of_arrival),
      CONFIG_TEST(the_one_that_stands_wins),
      CONFIG_TEST(a_route_replaced_in_one_go_still_stands),
      CONFIG_TEST(a_route_that_stands_brings_no_right_to_another_prefix),
      CONFIG_TEST(routes_are_passed_in_the_order_of_their_keys),
      CONFIG_TEST(what_a_list_has_not_named_yet_is_not_passed),
      CONFIG_TEST(only_subscribed_routes_with_a_version_claim),
      CONFIG_TEST(a_new_config_moves_the_claim),
      CONFIG_TEST(routes_for_other_neighbors_are_other_routes),
      CONFIG_TEST(a_fault_of_a_key_is_told_before_that_of_the_identity),
      CONFIG_TEST(a_few_winners_of_one_prefix_are_enough),
      CONFIG_TEST(many_routes_of_one_prefix_are_decided_once),
      CONFIG_TEST(a_conflict_in_one_nlri_costs_a_list_all_of_it),
      CONFIG_TEST(a_loser_stands_in_nobodys_way),
      CONFIG_TEST(a_list_that_stands_keeps_what_it_has_when_it_grows),
      CONFIG_TEST(a_split_a_list_and_a_flow_have_identities_too),
      CONFIG_TEST(the_nlri_of_all_lists_are_bounded),
      CONFIG_TEST(many_lists_that_meet_in_one_nlri_are_judged_in_no_time),
      CONFIG_TEST(what_a_route_comes_back_to_in_one_go_is_still_its_own),
      CONFIG_TEST(a_route_replaced_by_another_prefix_in_one_go_takes_nothing),
      CONFIG_TEST(a_route_that_stands_keeps_its_prefix_when_its_neighbors_change),
      CONFIG_TEST(losers_before_it_cost_a_list_no_time),
      CONFIG_TEST(the_outcome_depends_on_no_history),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
