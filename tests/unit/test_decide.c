#include "model/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* What a route is, from the flags of a case; a good, settled, subscribed one without any. */
enum {
  GONE = 1,
  UNSUBSCRIBED = 2,
  NO_CONFIG = 4,
  NO_VERSION = 8,
  LOSER = 16,
  NEW = 32,
  LOST_CHECK = 64,
  MISSING = 128,
  COMING = 256,
  UNSURE = 512,
  ALL_FLAGS = 1023,
};

static struct bc_decision decide(unsigned flags, enum bc_admin_state admin, enum bc_health_state health, bool stands) {
  enum bc_address_state address = (flags & MISSING) != 0  ? BC_ADDRESS_MISSING
                                  : (flags & COMING) != 0 ? BC_ADDRESS_COMING
                                  : (flags & UNSURE) != 0 ? BC_ADDRESS_UNKNOWN
                                                          : BC_ADDRESS_FINE;
  struct bc_config_route route = {
      .name = "web",
      .is_subscribed = (flags & UNSUBSCRIBED) == 0,
      .has_config = (flags & NO_CONFIG) == 0,
      .has_version = (flags & (NO_CONFIG | NO_VERSION)) == 0,
      .is_settled = (flags & NEW) == 0,
      .has_lost_check = (flags & LOST_CHECK) != 0,
      .lost_identity = (flags & LOSER) != 0,
  };
  return bc_decide(&(struct bc_decide_input){.route = (flags & GONE) != 0 ? NULL : &route,
                                             .admin = admin,
                                             .health = health,
                                             .address = address,
                                             .stands = stands});
}

#define UP BC_ADMIN_UP
#define DOWN BC_ADMIN_DOWN
#define DRAIN BC_ADMIN_DRAIN

static const struct decide_case {
  unsigned flags;
  enum bc_admin_state admin;
  enum bc_health_state health;
  enum bc_verdict verdict;
  enum bc_layer layer;
} cases[] = {
    /* health alone */
    {0, UP, BC_HEALTH_UP, BC_VERDICT_ANNOUNCE, BC_LAYER_HEALTH},
    {0, UP, BC_HEALTH_NONE, BC_VERDICT_ANNOUNCE, BC_LAYER_HEALTH},
    {0, UP, BC_HEALTH_DOWN, BC_VERDICT_WITHDRAW, BC_LAYER_HEALTH},
    {0, UP, BC_HEALTH_UNKNOWN, BC_VERDICT_KEEP, BC_LAYER_HEALTH},
    {0, UP, BC_HEALTH_UNCHECKED, BC_VERDICT_KEEP, BC_LAYER_HEALTH},
    /* each layer against all that stand below it */
    {GONE, DRAIN, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_CONFIG},
    {UNSUBSCRIBED, UP, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_SUBSCRIPTION},
    {UNSUBSCRIBED | NO_VERSION | NEW, DOWN, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_SUBSCRIPTION},
    {0, DOWN, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_ADMIN},
    {0, DRAIN, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_ADMIN},
    {0, DOWN, BC_HEALTH_UNKNOWN, BC_VERDICT_WITHDRAW, BC_LAYER_ADMIN},
    {NO_VERSION | LOSER | NEW | LOST_CHECK, DOWN, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_ADMIN},
    {NO_CONFIG, UP, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_CONFIG},
    {NO_CONFIG | NEW | LOST_CHECK, UP, BC_HEALTH_UNKNOWN, BC_VERDICT_WITHDRAW, BC_LAYER_CONFIG},
    {NO_VERSION, UP, BC_HEALTH_UP, BC_VERDICT_KEEP, BC_LAYER_CONFIG},
    {NO_VERSION | NEW, UP, BC_HEALTH_DOWN, BC_VERDICT_KEEP, BC_LAYER_CONFIG},
    {LOSER, UP, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_IDENTITY},
    {LOSER | NEW | LOST_CHECK, UP, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_IDENTITY},
    {NEW, UP, BC_HEALTH_UP, BC_VERDICT_KEEP, BC_LAYER_SETTLING},
    {NEW, UP, BC_HEALTH_NONE, BC_VERDICT_KEEP, BC_LAYER_SETTLING},
    {NEW | LOST_CHECK, UP, BC_HEALTH_DOWN, BC_VERDICT_KEEP, BC_LAYER_SETTLING},
    {LOST_CHECK, UP, BC_HEALTH_NONE, BC_VERDICT_KEEP, BC_LAYER_CONFIG},
    {LOST_CHECK, UP, BC_HEALTH_DOWN, BC_VERDICT_KEEP, BC_LAYER_CONFIG},
    /* the service address: below all of those, above the check */
    {MISSING, DOWN, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_ADMIN},
    {MISSING, DRAIN, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_ADMIN},
    {MISSING | UNSUBSCRIBED, UP, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_SUBSCRIPTION},
    {MISSING | NO_VERSION, UP, BC_HEALTH_UP, BC_VERDICT_KEEP, BC_LAYER_CONFIG},
    {MISSING | LOSER, UP, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_IDENTITY},
    {MISSING | NEW, UP, BC_HEALTH_UP, BC_VERDICT_KEEP, BC_LAYER_SETTLING},
    {MISSING | LOST_CHECK, UP, BC_HEALTH_NONE, BC_VERDICT_WITHDRAW, BC_LAYER_ADDRESS},
    {MISSING, UP, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_ADDRESS},
    {MISSING, UP, BC_HEALTH_NONE, BC_VERDICT_WITHDRAW, BC_LAYER_ADDRESS},
    {MISSING, UP, BC_HEALTH_DOWN, BC_VERDICT_WITHDRAW, BC_LAYER_ADDRESS},
    {MISSING, UP, BC_HEALTH_UNKNOWN, BC_VERDICT_WITHDRAW, BC_LAYER_ADDRESS},
    {COMING, UP, BC_HEALTH_UP, BC_VERDICT_KEEP, BC_LAYER_ADDRESS},
    {COMING, UP, BC_HEALTH_NONE, BC_VERDICT_KEEP, BC_LAYER_ADDRESS},
    {COMING, UP, BC_HEALTH_DOWN, BC_VERDICT_WITHDRAW, BC_LAYER_HEALTH},
    {COMING, UP, BC_HEALTH_UNKNOWN, BC_VERDICT_KEEP, BC_LAYER_HEALTH},
    {UNSURE, UP, BC_HEALTH_UP, BC_VERDICT_KEEP, BC_LAYER_ADDRESS},
    {UNSURE, UP, BC_HEALTH_NONE, BC_VERDICT_KEEP, BC_LAYER_ADDRESS},
    {UNSURE, UP, BC_HEALTH_DOWN, BC_VERDICT_WITHDRAW, BC_LAYER_HEALTH},
    {UNSURE | LOST_CHECK, UP, BC_HEALTH_NONE, BC_VERDICT_KEEP, BC_LAYER_CONFIG},
    {UNSURE, DOWN, BC_HEALTH_UP, BC_VERDICT_WITHDRAW, BC_LAYER_ADMIN},
};

static void every_case_of_the_table(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (int stands = 0; stands < 2; stands++) {
      struct bc_decision found = decide(cases[i].flags, cases[i].admin, cases[i].health, stands != 0);
      if (found.verdict != cases[i].verdict || found.layer != cases[i].layer) {
        fail_msg("case %zu: expected %s by %s, found %s by %s (%s)", i, bc_verdict_text(cases[i].verdict),
                 bc_layer_text(cases[i].layer), bc_verdict_text(found.verdict), bc_layer_text(found.layer),
                 found.reason);
      }
    }
  }
}

/* All 3 x 5 x 1024 x 2 inputs: what must never happen whatever else holds. */
static void no_input_makes_an_outage_or_announces_the_unknown(void **state) {
  (void)state;
  for (unsigned flags = 0; flags <= ALL_FLAGS; flags++) {
    for (int admin = BC_ADMIN_UP; admin <= BC_ADMIN_DRAIN; admin++) {
      for (int health = BC_HEALTH_UNKNOWN; health <= BC_HEALTH_NONE; health++) {
        for (int stands = 0; stands < 2; stands++) {
          struct bc_decision found =
              decide(flags, (enum bc_admin_state)admin, (enum bc_health_state)health, stands != 0);
          bool is_healthy = health == BC_HEALTH_UP || health == BC_HEALTH_NONE;
          if (found.verdict == BC_VERDICT_ANNOUNCE) {
            assert_true(flags == 0 && admin == BC_ADMIN_UP && is_healthy);
          }
          if (found.verdict == BC_VERDICT_WITHDRAW && health != BC_HEALTH_DOWN) {
            assert_true((flags & (GONE | UNSUBSCRIBED | NO_CONFIG | LOSER | MISSING)) != 0 || admin != BC_ADMIN_UP);
          }
          assert_non_null(found.reason);
          assert_null(strchr(found.reason, '\n'));
        }
      }
    }
  }
}

static void the_reason_of_keeping_tells_which_way(void **state) {
  (void)state;
  assert_string_equal(decide(0, UP, BC_HEALTH_UNKNOWN, true).reason,
                      "no result of the health check yet: stays announced");
  assert_string_equal(decide(0, UP, BC_HEALTH_UNKNOWN, false).reason, "no result of the health check yet");
  assert_string_equal(decide(0, UP, BC_HEALTH_DOWN, true).reason, "health check failed");
  assert_string_equal(decide(UNSURE, UP, BC_HEALTH_UP, true).reason,
                      "the addresses of this host are not known: stays announced");
  assert_string_equal(decide(UNSURE, UP, BC_HEALTH_UP, false).reason,
                      "the addresses of this host are not known: stays withdrawn");
  assert_string_equal(bc_layer_text(BC_LAYER_ADMIN), "adminState");
  assert_string_equal(bc_verdict_text(BC_VERDICT_WITHDRAW), "withdraw");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_case_of_the_table),
      cmocka_unit_test(no_input_makes_an_outage_or_announces_the_unknown),
      cmocka_unit_test(the_reason_of_keeping_tells_which_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
