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

/* A policy's word, beside the flags. */
struct said {
  enum bc_policy_word_state state;
  enum bc_verdict verdict;
  const char *reason;
  const char *guard_reason;
  bool is_unknown; /* the policy in force was never good */
};
static const struct said nothing_said;

static struct bc_decision decide_said(unsigned flags, enum bc_admin_state admin, enum bc_health_state health,
                                      const struct said *said, bool stands) {
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
      .policy = {.is_unknown = said->is_unknown},
  };
  return bc_decide(
      &(struct bc_decide_input){.route = (flags & GONE) != 0 ? NULL : &route,
                                .admin = admin,
                                .health = health,
                                .address = address,
                                .policy = {.state = said->state, .verdict = said->verdict, .reason = said->reason},
                                .guard_reason = said->guard_reason,
                                .stands = stands});
}

static struct bc_decision decide(unsigned flags, enum bc_admin_state admin, enum bc_health_state health, bool stands) {
  return decide_said(flags, admin, health, &nothing_said, stands);
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

/* ---- policies ---- */

#define AWAITED BC_POLICY_AWAITED
#define SAYS BC_POLICY_SAYS
#define FAILED BC_POLICY_FAILED
#define ANNOUNCE BC_VERDICT_ANNOUNCE
#define WITHDRAW BC_VERDICT_WITHDRAW
#define KEEP BC_VERDICT_KEEP

static const struct policy_case {
  enum bc_policy_word_state state;
  enum bc_verdict said;
  enum bc_health_state health;
  enum bc_verdict verdict;
  enum bc_layer layer;
  const char *standing, *absent; /* reasons; NULL = the policy's own */
} policy_cases[] = {
    {AWAITED, KEEP, BC_HEALTH_UP, KEEP, BC_LAYER_POLICY, "the policy has not answered yet: stays announced",
     "the policy has not answered yet"},
    {AWAITED, ANNOUNCE, BC_HEALTH_UP, KEEP, BC_LAYER_POLICY, "the policy has not answered yet: stays announced",
     "the policy has not answered yet"},
    {AWAITED, WITHDRAW, BC_HEALTH_DOWN, KEEP, BC_LAYER_POLICY, "the policy has not answered yet: stays announced",
     "the policy has not answered yet"},
    {AWAITED, KEEP, BC_HEALTH_UNCHECKED, KEEP, BC_LAYER_POLICY, "the policy has not answered yet: stays announced",
     "the policy has not answered yet"},
    {AWAITED, KEEP, BC_HEALTH_NONE, KEEP, BC_LAYER_POLICY, "the policy has not answered yet: stays announced",
     "the policy has not answered yet"},
    /* what it says counts, also against the health */
    {SAYS, ANNOUNCE, BC_HEALTH_UP, ANNOUNCE, BC_LAYER_POLICY, NULL, NULL},
    {SAYS, ANNOUNCE, BC_HEALTH_DOWN, ANNOUNCE, BC_LAYER_POLICY, NULL, NULL},
    {SAYS, ANNOUNCE, BC_HEALTH_UNCHECKED, ANNOUNCE, BC_LAYER_POLICY, NULL, NULL},
    {SAYS, ANNOUNCE, BC_HEALTH_NONE, ANNOUNCE, BC_LAYER_POLICY, NULL, NULL},
    {SAYS, WITHDRAW, BC_HEALTH_UP, WITHDRAW, BC_LAYER_POLICY, NULL, NULL},
    {SAYS, WITHDRAW, BC_HEALTH_DOWN, WITHDRAW, BC_LAYER_POLICY, NULL, NULL},
    {SAYS, WITHDRAW, BC_HEALTH_UNCHECKED, WITHDRAW, BC_LAYER_POLICY, NULL, NULL},
    {SAYS, KEEP, BC_HEALTH_UP, KEEP, BC_LAYER_POLICY, NULL, NULL},
    {SAYS, KEEP, BC_HEALTH_DOWN, KEEP, BC_LAYER_POLICY, NULL, NULL},
    /* one that fails: a failed check decides by itself, and so does one without a result; else what it said last */
    {FAILED, ANNOUNCE, BC_HEALTH_UP, ANNOUNCE, BC_LAYER_POLICY, "the policy fails: its last verdict holds",
     "the policy fails: its last verdict holds"},
    {FAILED, WITHDRAW, BC_HEALTH_UP, WITHDRAW, BC_LAYER_POLICY, "the policy fails: its last verdict holds",
     "the policy fails: its last verdict holds"},
    {FAILED, KEEP, BC_HEALTH_UP, KEEP, BC_LAYER_POLICY, "the policy fails: stays announced",
     "the policy fails: stays withdrawn"},
    {FAILED, ANNOUNCE, BC_HEALTH_NONE, ANNOUNCE, BC_LAYER_POLICY, "the policy fails: its last verdict holds",
     "the policy fails: its last verdict holds"},
    {FAILED, KEEP, BC_HEALTH_NONE, KEEP, BC_LAYER_POLICY, "the policy fails: stays announced",
     "the policy fails: stays withdrawn"},
    {FAILED, ANNOUNCE, BC_HEALTH_DOWN, WITHDRAW, BC_LAYER_HEALTH, "health check failed", "health check failed"},
    {FAILED, WITHDRAW, BC_HEALTH_DOWN, WITHDRAW, BC_LAYER_HEALTH, "health check failed", "health check failed"},
    {FAILED, KEEP, BC_HEALTH_DOWN, WITHDRAW, BC_LAYER_HEALTH, "health check failed", "health check failed"},
    {FAILED, ANNOUNCE, BC_HEALTH_UNCHECKED, KEEP, BC_LAYER_HEALTH, "the health check gives no result: stays announced",
     "the health check gives no result: stays withdrawn"},
    {FAILED, WITHDRAW, BC_HEALTH_UNCHECKED, KEEP, BC_LAYER_HEALTH, "the health check gives no result: stays announced",
     "the health check gives no result: stays withdrawn"},
    /* it is not asked while nothing is known */
    {AWAITED, KEEP, BC_HEALTH_UNKNOWN, KEEP, BC_LAYER_HEALTH, "no result of the health check yet: stays announced",
     "no result of the health check yet"},
    {SAYS, ANNOUNCE, BC_HEALTH_UNKNOWN, KEEP, BC_LAYER_HEALTH, "no result of the health check yet: stays announced",
     "no result of the health check yet"},
    {SAYS, WITHDRAW, BC_HEALTH_UNKNOWN, KEEP, BC_LAYER_HEALTH, "no result of the health check yet: stays announced",
     "no result of the health check yet"},
    {FAILED, WITHDRAW, BC_HEALTH_UNKNOWN, KEEP, BC_LAYER_HEALTH, "no result of the health check yet: stays announced",
     "no result of the health check yet"},
};

static void every_case_of_a_policy(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof policy_cases / sizeof policy_cases[0]; i++) {
    const struct policy_case *one = &policy_cases[i];
    struct said said = {.state = one->state, .verdict = one->said, .reason = "high load"};
    for (int stands = 0; stands < 2; stands++) {
      struct bc_decision found = decide_said(0, UP, one->health, &said, stands != 0);
      const char *reason = one->standing == NULL ? said.reason : stands != 0 ? one->standing : one->absent;
      if (found.verdict != one->verdict || found.layer != one->layer || strcmp(found.reason, reason) != 0) {
        fail_msg("case %zu: expected %s by %s (%s), found %s by %s (%s)", i, bc_verdict_text(one->verdict),
                 bc_layer_text(one->layer), reason, bc_verdict_text(found.verdict), bc_layer_text(found.layer),
                 found.reason);
      }
    }
  }
}

static void a_policy_without_words_has_some_of_ours(void **state) {
  (void)state;
  static const char *const none[] = {NULL, ""};
  for (size_t i = 0; i < 2; i++) {
    struct said said = {.state = SAYS, .verdict = ANNOUNCE, .reason = none[i]};
    assert_string_equal(decide_said(0, UP, BC_HEALTH_DOWN, &said, true).reason, "the policy says so");
    said.verdict = WITHDRAW;
    assert_string_equal(decide_said(0, UP, BC_HEALTH_DOWN, &said, true).reason, "the policy says so");
    said.verdict = KEEP;
    assert_string_equal(decide_said(0, UP, BC_HEALTH_UP, &said, true).reason, "the policy keeps it: stays announced");
    assert_string_equal(decide_said(0, UP, BC_HEALTH_UP, &said, false).reason, "the policy keeps it: stays withdrawn");
  }
}

/* Its key is there, and never was good: not the same as none. */
static void an_unknown_policy_is_one_that_fails(void **state) {
  (void)state;
  struct said said = {.is_unknown = true};
  for (int stands = 0; stands < 2; stands++) {
    struct bc_decision found = decide_said(0, UP, BC_HEALTH_UP, &said, stands != 0);
    assert_int_equal(found.verdict, KEEP);
    assert_int_equal(found.layer, BC_LAYER_POLICY);
    found = decide_said(0, UP, BC_HEALTH_DOWN, &said, stands != 0);
    assert_int_equal(found.verdict, WITHDRAW);
    assert_int_equal(found.layer, BC_LAYER_HEALTH);
  }
}

/* ---- pairs ---- */

/* What makes each layer speak, the upper one first. No two of one `field` can be at once. */
static const struct speaker {
  const char *name;
  unsigned flags;
  enum { FIELD_FLAG, FIELD_ADMIN, FIELD_ADDRESS, FIELD_POLICY, FIELD_HEALTH, FIELD_GUARD } field;
  int value;
  enum bc_verdict said;
  bool refuses; /* only what those below would announce */
} speakers[] = {
    {"guard", 0, FIELD_GUARD, 0, 0, true},
    {"gone", GONE, FIELD_FLAG, 0, 0, false},
    {"subscription", UNSUBSCRIBED, FIELD_FLAG, 0, 0, false},
    {"adminState down", 0, FIELD_ADMIN, BC_ADMIN_DOWN, 0, false},
    {"adminState drain", 0, FIELD_ADMIN, BC_ADMIN_DRAIN, 0, false},
    {"no config", NO_CONFIG, FIELD_FLAG, 0, 0, false},
    {"no version", NO_VERSION, FIELD_FLAG, 0, 0, false},
    {"identity", LOSER, FIELD_FLAG, 0, 0, false},
    {"settling", NEW, FIELD_FLAG, 0, 0, false},
    {"address missing", MISSING, FIELD_ADDRESS, 0, 0, false},
    {"lost check", LOST_CHECK, FIELD_FLAG, 0, 0, false},
    {"health unknown", 0, FIELD_HEALTH, BC_HEALTH_UNKNOWN, 0, false},
    {"address coming", COMING, FIELD_ADDRESS, 0, 0, true},
    {"address unknown", UNSURE, FIELD_ADDRESS, 0, 0, true},
    {"policy awaited", 0, FIELD_POLICY, AWAITED, KEEP, false},
    {"policy announces", 0, FIELD_POLICY, SAYS, ANNOUNCE, false},
    {"policy withdraws", 0, FIELD_POLICY, SAYS, WITHDRAW, false},
    {"policy keeps", 0, FIELD_POLICY, SAYS, KEEP, false},
    {"health down", 0, FIELD_HEALTH, BC_HEALTH_DOWN, 0, false},
    {"health unchecked", 0, FIELD_HEALTH, BC_HEALTH_UNCHECKED, 0, false},
    {"health none", 0, FIELD_HEALTH, BC_HEALTH_NONE, 0, false},
    {"health up", 0, FIELD_HEALTH, BC_HEALTH_UP, 0, false},
};
enum { SPEAKERS = sizeof speakers / sizeof speakers[0] };

/* `other` may be the same. */
static struct bc_decision decide_both(const struct speaker *one, const struct speaker *other, bool stands) {
  const struct speaker *const both[] = {one, other};
  enum bc_admin_state admin = UP;
  enum bc_health_state health = BC_HEALTH_UP;
  struct said said = nothing_said;
  for (size_t i = 0; i < 2; i++) {
    if (both[i]->field == FIELD_ADMIN) {
      admin = (enum bc_admin_state)both[i]->value;
    } else if (both[i]->field == FIELD_HEALTH) {
      health = (enum bc_health_state)both[i]->value;
    } else if (both[i]->field == FIELD_GUARD) {
      said.guard_reason = "the node allows no such prefix";
    } else if (both[i]->field == FIELD_POLICY) {
      said.state = (enum bc_policy_word_state)both[i]->value;
      said.verdict = both[i]->said;
      said.reason = "in its own words";
    }
  }
  return decide_said(one->flags | other->flags, admin, health, &said, stands);
}

static void the_upper_layer_wins_whatever_the_lower_says(void **state) {
  (void)state;
  size_t pairs = 0;
  for (size_t upper = 0; upper < SPEAKERS; upper++) {
    for (size_t lower = upper + 1; lower < SPEAKERS; lower++) {
      const struct speaker *one = &speakers[upper];
      const struct speaker *other = &speakers[lower];
      if (one->field == other->field && one->field != FIELD_FLAG) {
        continue;
      }
      pairs++;
      for (int stands = 0; stands < 2; stands++) {
        struct bc_decision above = decide_both(one, one, stands != 0);
        struct bc_decision below = decide_both(other, other, stands != 0);
        struct bc_decision expected = one->refuses && below.verdict != ANNOUNCE ? below : above;
        struct bc_decision found = decide_both(one, other, stands != 0);
        if (found.verdict != expected.verdict || found.layer != expected.layer ||
            strcmp(found.reason, expected.reason) != 0) {
          fail_msg("%s over %s: expected %s by %s (%s), found %s by %s (%s)", one->name, other->name,
                   bc_verdict_text(expected.verdict), bc_layer_text(expected.layer), expected.reason,
                   bc_verdict_text(found.verdict), bc_layer_text(found.layer), found.reason);
        }
      }
    }
  }
  assert_true(pairs > 200);
}

static void the_guard_withdraws_nothing_and_lets_withdraw(void **state) {
  (void)state;
  struct said said = {.guard_reason = "the node allows no such prefix"};
  struct bc_decision found = decide_said(0, UP, BC_HEALTH_UP, &said, true);
  assert_int_equal(found.verdict, KEEP);
  assert_int_equal(found.layer, BC_LAYER_GUARD);
  assert_ptr_equal(found.reason, said.guard_reason);
  found = decide_said(0, UP, BC_HEALTH_DOWN, &said, true);
  assert_int_equal(found.verdict, WITHDRAW);
  assert_int_equal(found.layer, BC_LAYER_HEALTH);
  /* What a lower one refuses is nothing to refuse any more. */
  found = decide_said(COMING, UP, BC_HEALTH_UP, &said, false);
  assert_int_equal(found.verdict, KEEP);
  assert_int_equal(found.layer, BC_LAYER_ADDRESS);
}

/* ---- all inputs ---- */

static bool may_announce(enum bc_health_state health, const struct said *said) {
  bool is_healthy = health == BC_HEALTH_UP || health == BC_HEALTH_NONE;
  switch (said->state) {
  case BC_POLICY_NONE:
    return is_healthy && !said->is_unknown;
  case BC_POLICY_AWAITED:
    return false;
  case BC_POLICY_SAYS:
    return said->verdict == ANNOUNCE && health != BC_HEALTH_UNKNOWN;
  case BC_POLICY_FAILED:
    break;
  }
  return said->verdict == ANNOUNCE && is_healthy;
}

static bool may_withdraw(enum bc_health_state health, const struct said *said) {
  switch (said->state) {
  case BC_POLICY_NONE:
    return health == BC_HEALTH_DOWN;
  case BC_POLICY_AWAITED:
    return false;
  case BC_POLICY_SAYS:
    return said->verdict == WITHDRAW && health != BC_HEALTH_UNKNOWN;
  case BC_POLICY_FAILED:
    break;
  }
  return health == BC_HEALTH_DOWN ||
         (said->verdict == WITHDRAW && (health == BC_HEALTH_UP || health == BC_HEALTH_NONE));
}

static void require_safe(unsigned flags, enum bc_admin_state admin, enum bc_health_state health,
                         const struct said *said, bool stands) {
  struct bc_decision found = decide_said(flags, admin, health, said, stands);
  bool is_not_to_be = (flags & (GONE | UNSUBSCRIBED | NO_CONFIG | LOSER | MISSING)) != 0 || admin != BC_ADMIN_UP;
  if (found.verdict == ANNOUNCE) {
    assert_true(flags == 0 && admin == BC_ADMIN_UP && said->guard_reason == NULL && may_announce(health, said));
  }
  if (found.verdict == WITHDRAW) {
    assert_true(is_not_to_be || may_withdraw(health, said));
  }
  assert_non_null(found.reason);
  assert_null(strchr(found.reason, '\n'));
}

/* All 3 x 5 x 1024 x 2 inputs, with all that a policy and the guard may say: what must never happen whatever else
 * holds. */
static void no_input_makes_an_outage_or_announces_the_unknown(void **state) {
  (void)state;
  static const struct said words[] = {
      {.state = BC_POLICY_NONE},
      {.state = BC_POLICY_NONE, .is_unknown = true},
      {.state = BC_POLICY_NONE, .guard_reason = "no"},
      {.state = AWAITED},
      {.state = SAYS, .verdict = ANNOUNCE},
      {.state = SAYS, .verdict = ANNOUNCE, .guard_reason = "no"},
      {.state = SAYS, .verdict = WITHDRAW},
      {.state = SAYS, .verdict = KEEP},
      {.state = FAILED, .verdict = ANNOUNCE},
      {.state = FAILED, .verdict = WITHDRAW},
      {.state = FAILED, .verdict = KEEP},
  };
  for (unsigned input = 0; input < (ALL_FLAGS + 1) * 3U * 5U * 2U; input++) {
    unsigned flags = input % (ALL_FLAGS + 1);
    unsigned rest = input / (ALL_FLAGS + 1);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
      require_safe(flags, (enum bc_admin_state)(rest % 3), (enum bc_health_state)(rest / 3 % 5), &words[i],
                   rest / 15 != 0);
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
      cmocka_unit_test(every_case_of_a_policy),
      cmocka_unit_test(a_policy_without_words_has_some_of_ours),
      cmocka_unit_test(an_unknown_policy_is_one_that_fails),
      cmocka_unit_test(the_upper_layer_wins_whatever_the_lower_says),
      cmocka_unit_test(the_guard_withdraws_nothing_and_lets_withdraw),
      cmocka_unit_test(no_input_makes_an_outage_or_announces_the_unknown),
      cmocka_unit_test(the_reason_of_keeping_tells_which_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
