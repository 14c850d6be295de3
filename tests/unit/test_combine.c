#include "model/combine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* u = up, d = down, ? = unknown, x = unchecked, n = none */
static enum bc_health_state state_of(char letter) {
  switch (letter) {
  case 'u':
    return BC_HEALTH_UP;
  case 'd':
    return BC_HEALTH_DOWN;
  case 'x':
    return BC_HEALTH_UNCHECKED;
  case 'n':
    return BC_HEALTH_NONE;
  default:
    return BC_HEALTH_UNKNOWN;
  }
}

static struct bc_combined judge(enum bc_combine how, unsigned at_least, const char *members) {
  enum bc_health_state states[8];
  size_t count = strlen(members);
  assert_true(count <= sizeof states / sizeof states[0]);
  for (size_t i = 0; i < count; i++) {
    states[i] = state_of(members[i]);
  }
  return bc_combine_judge(how, at_least, states, count);
}

static void members_make_a_state_and_name_who_decides(void **state) {
  (void)state;
  static const struct {
    enum bc_combine how;
    unsigned at_least;
    const char *members;
    char state;
    size_t decider, deciders;
  } cases[] = {
      {BC_COMBINE_ALL, 0, "", 'n', 0, 0},         {BC_COMBINE_ALL, 0, "nn", 'n', 0, 0},
      {BC_COMBINE_ALL, 0, "u", 'u', 0, 1},        {BC_COMBINE_ALL, 0, "uuu", 'u', 0, 3},
      {BC_COMBINE_ALL, 0, "udu", 'd', 1, 1},      {BC_COMBINE_ALL, 0, "udd", 'd', 1, 2},
      {BC_COMBINE_ALL, 0, "u?u", '?', 1, 1},      {BC_COMBINE_ALL, 0, "?d", 'd', 1, 1},
      {BC_COMBINE_ALL, 0, "ux", 'x', 1, 1},       {BC_COMBINE_ALL, 0, "?x", 'x', 1, 1},
      {BC_COMBINE_ALL, 0, "nu", 'u', 1, 1},       {BC_COMBINE_ALL, 0, "n?", '?', 1, 1},
      {BC_COMBINE_ALL, 0, "x", 'x', 0, 1},        {BC_COMBINE_ALL, 0, "d", 'd', 0, 1},
      {BC_COMBINE_ANY, 0, "", 'n', 0, 0},         {BC_COMBINE_ANY, 0, "du", 'u', 1, 1},
      {BC_COMBINE_ANY, 0, "?u", 'u', 1, 1},       {BC_COMBINE_ANY, 0, "dd", 'd', 0, 2},
      {BC_COMBINE_ANY, 0, "d?", '?', 1, 1},       {BC_COMBINE_ANY, 0, "dx", 'x', 1, 1},
      {BC_COMBINE_ANY, 0, "nd", 'd', 1, 1},       {BC_COMBINE_AT_LEAST, 2, "uud", 'u', 0, 2},
      {BC_COMBINE_AT_LEAST, 2, "udd", 'd', 1, 2}, {BC_COMBINE_AT_LEAST, 2, "u?d", '?', 1, 1},
      {BC_COMBINE_AT_LEAST, 2, "u??", '?', 1, 2}, {BC_COMBINE_AT_LEAST, 2, "dd?", 'd', 0, 2},
      {BC_COMBINE_AT_LEAST, 2, "uxd", 'x', 1, 1}, {BC_COMBINE_AT_LEAST, 2, "u", 'u', 0, 1},
      {BC_COMBINE_AT_LEAST, 2, "nu", 'u', 1, 1},  {BC_COMBINE_AT_LEAST, 9, "uu", 'u', 0, 2},
      {BC_COMBINE_AT_LEAST, 9, "?", '?', 0, 1},   {BC_COMBINE_AT_LEAST, 0, "du", 'u', 1, 1},
      {BC_COMBINE_AT_LEAST, 0, "dd", 'd', 0, 2},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_combined made = judge(cases[i].how, cases[i].at_least, cases[i].members);
    if (made.state != state_of(cases[i].state) || made.decider != cases[i].decider ||
        made.deciders != cases[i].deciders) {
      fail_msg("case %zu: \"%s\": expected %c %zu %zu, found %s %zu %zu", i, cases[i].members, cases[i].state,
               cases[i].decider, cases[i].deciders, bc_health_state_text(made.state), made.decider, made.deciders);
    }
  }
}

/* Whatever the neutral members turned out to be, the verdict would be the same; and where nothing counts, there is
 * none. */
static void check_one(enum bc_combine how, unsigned at_least, const char *members) {
  enum bc_health_state found = judge(how, at_least, members).state;
  if (found != BC_HEALTH_UP && found != BC_HEALTH_DOWN) {
    return;
  }
  if (strchr(members, found == BC_HEALTH_UP ? 'u' : 'd') == NULL) {
    fail_msg("\"%s\" is %s and no member is", members, bc_health_state_text(found));
  }
  for (int pass = 0; pass < 2; pass++) {
    char told[8];
    size_t i = 0;
    for (; members[i] != '\0'; i++) {
      bool is_neutral = members[i] == '?' || members[i] == 'x';
      told[i] = !is_neutral ? members[i] : pass == 0 ? 'u' : 'd';
    }
    told[i] = '\0';
    if (judge(how, at_least, told).state != found) {
      fail_msg("how %d at_least %u: \"%s\" is %s, but \"%s\" is not", (int)how, at_least, members,
               bc_health_state_text(found), told);
    }
  }
}

static void no_neutral_member_withdraws_or_announces(void **state) {
  (void)state;
  static const char letters[] = "ud?xn";
  for (size_t count = 0; count <= 6; count++) {
    size_t total = 1;
    for (size_t i = 0; i < count; i++) {
      total *= sizeof letters - 1;
    }
    for (size_t number = 0; number < total; number++) {
      char members[8] = "";
      for (size_t i = 0, rest = number; i < count; i++, rest /= sizeof letters - 1) {
        members[i] = letters[rest % (sizeof letters - 1)];
      }
      check_one(BC_COMBINE_ALL, 0, members);
      check_one(BC_COMBINE_ANY, 0, members);
      for (unsigned least = 0; least <= 7; least++) {
        check_one(BC_COMBINE_AT_LEAST, least, members);
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(members_make_a_state_and_name_who_decides),
      cmocka_unit_test(no_neutral_member_withdraws_or_announces),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
