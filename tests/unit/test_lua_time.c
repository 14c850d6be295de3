#include "sandbox_harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* The calendar of scripts, compared with that of the C library. */

enum { DATES = 3000, BATCH = 100 };

static uint64_t chance = 88172645463325252U;

static int64_t some_seconds(void) {
  /* Of the years 0 to 9999. */
  const int64_t first = -62167219200;
  const int64_t last = 253402300799;
  chance ^= chance << 13;
  chance ^= chance >> 7;
  chance ^= chance << 17;
  return first + (int64_t)(chance % (uint64_t)(last - first + 1));
}

static void add_case(struct bc_buf *script, int64_t seconds) {
  struct tm is;
  time_t when = (time_t)seconds;
  assert_non_null(gmtime_r(&when, &is));
  bc_buf_add_format(script,
                    "look(%" PRId64 ", {year = %d, month = %d, day = %d, hour = %d, min = %d, sec = %d, weekday = %d, "
                    "yearday = %d})\n",
                    seconds, is.tm_year + 1900, is.tm_mon + 1, is.tm_mday, is.tm_hour, is.tm_min, is.tm_sec,
                    is.tm_wday == 0 ? 7 : is.tm_wday, is.tm_yday + 1);
}

static void the_calendar_is_that_of_the_library(void **state) {
  (void)state;
  static const int64_t edges[] = {0,         -1,        1,           86399,        86400,        951782399,
                                  951782400, 951868800, 1077926400,  1078012800,   4107542399,   4107542400,
                                  -86400,    -86401,    -2203977600, -62167219200, 253402300799, 1709164800,
                                  1735603200};
  size_t edge = 0;
  for (int done = 0; done < DATES; done += BATCH) {
    struct bc_buf script;
    bc_buf_init(&script, 100000);
    bc_buf_add_text(
        &script,
        "local function look(at, is) local t = time.date(at) for k, v in pairs(is) do "
        "if t[k] ~= v then error(at .. ': ' .. k .. ' = ' .. t[k] .. ', not ' .. v) end end "
        "if time.of(t) ~= at or time.of(is, '+05:30') ~= at - 19800 then error(at .. ' back') end "
        "if at > -62e9 and time.of(time.date(at + 0.5, '-11:45'), '-1145') ~= at then error(at .. ' away') end end\n");
    for (int i = 0; i < BATCH; i++) {
      add_case(&script, edge < sizeof edges / sizeof edges[0] ? edges[edge++] : some_seconds());
    }
    bc_buf_add_text(&script, "return true");
    world_expect_up(script.data);
    bc_buf_free(&script);
  }
}

static void what_is_over_counts_on(void **state) {
  (void)state;
  world_expect_up("local function of(...) local t = {...} return time.of({year = t[1], month = t[2], day = t[3], "
                  "hour = t[4], min = t[5], sec = t[6]}) end\n"
                  "return of(2024, 14, 1) == of(2025, 2, 1) and of(2024, -1, 1) == of(2023, 11, 1)\n"
                  "  and of(2024, 0, 1) == of(2023, 12, 1) and of(2024, -12, 1) == of(2022, 12, 1)\n"
                  "  and of(2024, 3, 0) == of(2024, 2, 29) and of(2024, 1, 1, 0, -1) == of(2023, 12, 31, 23, 59)\n"
                  "  and of(1970, 1, 1, 0, 0, 1.5) == 1.5 and math.type(of(1970, 1, 1, 0, 0, 1.0)) == 'integer'");
}

static void wrong_arguments_raise(void **state) {
  (void)state;
  static const struct {
    const char *script;
    const char *error;
  } cases[] = {
      {"time.date(0/0)", "a year from 0 to 9999"},
      {"time.date(1e18)", "a year from 0 to 9999"},
      {"time.date(-62167219201)", "a year from 0"},
      {"time.date(253402300799, '+00:01')", "a year from 0"},
      {"time.date()", "number expected"},
      {"time.date(0, '01:00')", "expected an offset from UTC"},
      {"time.date(0, '+1')", "expected an offset"},
      {"time.date(0, '+15:00')", "expected an offset"},
      {"time.date(0, '+01:60')", "expected an offset"},
      {"time.date(0, '+01::0')", "expected an offset"},
      {"time.date(0, '+0100:')", "expected an offset"},
      {"time.date(0, '')", "expected an offset"},
      {"time.of()", "table expected"},
      {"time.of({})", "time.of: year: expected a number, found nil"},
      {"time.of({year = 1, month = 1})", "time.of: day"},
      {"time.of({year = 1.5, month = 1, day = 1})", "a whole number"},
      {"time.of({year = 1e10, month = 1, day = 1})", "too large"},
      {"time.of({year = 0/0, month = 1, day = 1})", "too large"},
      {"time.of({year = '1', month = 1, day = 1})", "found string"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    world_expect(cases[i].script, BC_SANDBOX_ERROR, cases[i].error);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_calendar_is_that_of_the_library),
      cmocka_unit_test(what_is_over_counts_on),
      cmocka_unit_test(wrong_arguments_raise),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
