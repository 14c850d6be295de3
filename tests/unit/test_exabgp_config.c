/* `show neighbor configuration` and `show neighbor extensive` as real ExaBGP answers them. */
#include "proto/exabgp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state) {
  *state = bc_exabgp_new();
  return 0;
}

static int teardown(void **state) {
  bc_exabgp_free(*state);
  return 0;
}

/* No line of these answers may be taken for anything else. */
static enum bc_exabgp_line kind_of(struct bc_exabgp *codec, const char *line) {
  struct bc_exabgp_event event;
  bc_exabgp_read(codec, bc_str_of(line), &event, NULL, NULL);
  return event.kind;
}

/* `show neighbor configuration` of 4.2.21, shortened where 17 families stand. */
static const char *const configuration[] = {"neighbor 10.99.0.2 {",
                                            "  description \"a { b }\";",
                                            "  router-id 10.99.0.1;",
                                            "  host-name r1;",
                                            "  domain-name localhost;",
                                            "  local-address 10.99.0.1;",
                                            "  local-as 65000;",
                                            "  peer-as 65001;",
                                            "  hold-time 90;",
                                            "  rate-limit disable;",
                                            "  manual-eor false;",
                                            "",
                                            "  passive false;",
                                            "  group-updates true;",
                                            "  auto-flush true;",
                                            "  adj-rib-in true;",
                                            "  adj-rib-out true;",
                                            "  md5-base64 auto;",
                                            "  md5-ip \"10.99.0.1\";",
                                            "",
                                            "  capability {",
                                            "    asn4 enable;",
                                            "    route-refresh enable;",
                                            "    graceful-restart disable;",
                                            "    nexthop disable;",
                                            "    add-path send/receive;",
                                            "    multi-session disable;",
                                            "    operational disable;",
                                            "    aigp disable;",
                                            "  }",
                                            "  family {",
                                            "    ipv4 unicast;",
                                            "    ipv4 mpls-vpn;",
                                            "    l2vpn vpls;",
                                            "  }",
                                            "  nexthop {",
                                            "  }",
                                            "  add-path {",
                                            "    ipv4 unicast;",
                                            "  }",
                                            "  api {",
                                            "    processes [ api ];",
                                            "    neighbor-changes;",
                                            "    receive {",
                                            "      parsed;",
                                            "      update;",
                                            "    }",
                                            "    send {",
                                            "      parsed;",
                                            "      update;",
                                            "    }",
                                            "  }",
                                            "}"};

/* Feeds `lines`, one of them replaced, and returns how many blocks ended. */
static unsigned feed_config(struct bc_exabgp *codec, const char *from, const char *to,
                            struct bc_exabgp_neighbor_config *config) {
  unsigned ended = 0;
  for (size_t i = 0; i < sizeof configuration / sizeof configuration[0]; i++) {
    const char *line = from != NULL && strcmp(configuration[i], from) == 0 ? to : configuration[i];
    assert_int_equal(kind_of(codec, line), BC_EXABGP_LINE_OTHER);
    ended += bc_exabgp_read_config(codec, bc_str_of(line), config) ? 1 : 0;
  }
  return ended;
}

static void a_neighbors_configuration_is_read(void **state) {
  struct bc_exabgp *codec = *state;
  struct bc_exabgp_neighbor_config config;
  assert_int_equal(feed_config(codec, NULL, NULL, &config), 1);
  assert_string_equal(config.peer, "10.99.0.2");
  assert_string_equal(config.local, "10.99.0.1");
  assert_string_equal(config.router_id, "10.99.0.1");
  assert_string_equal(config.local_as, "65000");
  assert_string_equal(config.peer_as, "65001");
  assert_string_equal(config.processes, "api");
  assert_int_equal(config.family_count, 3);
  assert_string_equal(config.families[1], "ipv4 mpls-vpn");
  assert_true(config.neighbor_changes);
  assert_true(config.reports_updates);
  assert_true(config.route_refresh);
  assert_int_equal(feed_config(codec, "    route-refresh enable;", "    route-refresh disable;", &config), 1);
  assert_false(config.route_refresh);
}

static void only_what_is_sent_counts_as_reported_updates(void **state) {
  struct bc_exabgp *codec = *state;
  struct bc_exabgp_neighbor_config config;
  assert_int_equal(feed_config(codec, "    send {", "    other {", &config), 1);
  assert_false(config.reports_updates);
  assert_true(config.neighbor_changes);
  assert_int_equal(feed_config(codec, "    neighbor-changes;", "    fsm;", &config), 1);
  assert_false(config.neighbor_changes);
}

/* 4.2 prints one api block per process and we do not know which one we are. */
static void updates_count_only_when_every_process_gets_them(void **state) {
  struct bc_exabgp *codec = *state;
  struct bc_exabgp_neighbor_config config;
  static const char *const more[] = {"  }", "  api {", "    processes [ other ];", "    neighbor-changes;", "  }", "}"};
  size_t last = sizeof configuration / sizeof configuration[0] - 2;
  for (size_t i = 0; i < last; i++) {
    assert_false(bc_exabgp_read_config(codec, bc_str_of(configuration[i]), &config));
  }
  bool ended = false;
  for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
    ended = bc_exabgp_read_config(codec, bc_str_of(more[i]), &config);
  }
  assert_true(ended);
  assert_string_equal(config.processes, "api other");
  assert_true(config.neighbor_changes);
  assert_false(config.reports_updates);
}

static void a_reset_forgets_a_half_read_block(void **state) {
  struct bc_exabgp *codec = *state;
  struct bc_exabgp_neighbor_config config;
  assert_false(bc_exabgp_read_config(codec, bc_str_of("neighbor 10.0.0.1 {"), &config));
  assert_false(bc_exabgp_read_config(codec, bc_str_of("  family {"), &config));
  bc_exabgp_read_reset(codec);
  assert_int_equal(feed_config(codec, NULL, NULL, &config), 1);
  assert_string_equal(config.peer, "10.99.0.2");
}

static void deep_nesting_is_given_up(void **state) {
  struct bc_exabgp *codec = *state;
  struct bc_exabgp_neighbor_config config;
  assert_false(bc_exabgp_read_config(codec, bc_str_of("neighbor 10.0.0.1 {"), &config));
  for (int i = 0; i < 100; i++) {
    assert_false(bc_exabgp_read_config(codec, bc_str_of("x {"), &config));
  }
  assert_int_equal(feed_config(codec, NULL, NULL, &config), 1);
}

/* `show neighbor extensive` of 4.2.21 (the first) and of 5.0.13. */
static const char *const extensive[] = {"Neighbor 10.99.0.2",
                                        "",
                                        "  Session                         Local",
                                        "   local                      10.99.0.1                                ",
                                        "   state                    ESTABLISHED                                ",
                                        "   up for                       0:00:05                                ",
                                        "",
                                        "  Setup                           Local          Remote",
                                        "   AS                             65000           65001                ",
                                        "   ID                         10.99.0.1       10.99.0.1                ",
                                        "   hold-time                         90             240                ",
                                        "",
                                        "  Capability                      Local          Remote",
                                        "   asn4:                        enabled         enabled                ",
                                        "",
                                        "  Families                        Local          Remote        Add-Path",
                                        "   ipv4 unicast:                enabled         enabled         enabled",
                                        "   ipv6 flow:                   enabled         enabled        disabled",
                                        "   l2vpn vpls:                  enabled        disabled        disabled",
                                        "",
                                        "  Message Statistic                Sent        Received",
                                        "   open:                              1               1",
                                        "",
                                        "Neighbor 10.99.0.9",
                                        "",
                                        "    Session                       Local",
                                        "   local                      10.99.0.1                                ",
                                        "   state                           IDLE                                ",
                                        "   down for                     0:00:06                                ",
                                        "",
                                        "    Setup                         Local          Remote",
                                        "   AS                             65000           65009                ",
                                        "",
                                        "    Families                      Local          Remote        Add-Path",
                                        "   ipv4 unicast:                enabled             n/a send/receive   ",
                                        "",
                                        "    Message Statistic              Sent        Received",
                                        ""};

static void a_neighbors_details_are_read(void **state) {
  struct bc_exabgp *codec = *state;
  struct bc_exabgp_neighbor_detail details[3], *next = details;
  for (size_t i = 0; i < sizeof extensive / sizeof extensive[0]; i++) {
    assert_int_equal(kind_of(codec, extensive[i]), BC_EXABGP_LINE_OTHER);
    if (bc_exabgp_read_detail(codec, bc_str_of(extensive[i]), next)) {
      assert_true(next < details + 2);
      next++;
    }
  }
  assert_ptr_equal(next, details + 2);
  assert_string_equal(details[0].peer, "10.99.0.2");
  assert_string_equal(details[0].local, "10.99.0.1");
  assert_string_equal(details[0].local_as, "65000");
  assert_string_equal(details[0].peer_as, "65001");
  assert_true(details[0].is_established);
  assert_int_equal(details[0].family_count, 2);
  assert_string_equal(details[0].families[1], "ipv6 flow");
  assert_string_equal(details[1].peer, "10.99.0.9");
  assert_false(details[1].is_established);
  assert_int_equal(details[1].family_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(a_neighbors_configuration_is_read),
                                     TEST(only_what_is_sent_counts_as_reported_updates),
                                     TEST(updates_count_only_when_every_process_gets_them),
                                     TEST(a_reset_forgets_a_half_read_block),
                                     TEST(deep_nesting_is_given_up),
                                     TEST(a_neighbors_details_are_read)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
