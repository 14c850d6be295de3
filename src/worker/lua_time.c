/* `time`: the calendar, and, for checks, clocks in seconds and waiting. */
#include "base/mono.h"
#include "base/str.h"
#include "worker/lua_module.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

enum {
  TIME_SLEEP_MOST_S = 86400,
  TIME_DAY_S = 86400,
  TIME_FIELD_MOST = 1000000000, /* of what time.of adds up */
  TIME_YEAR_MOST = 9999
};

/* ---- clocks ---- */

static int time_now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)bc_wall_now_ms() / 1000);
  return 1;
}

static int time_monotonic(lua_State *L) {
  lua_pushnumber(L, (lua_Number)bc_mono_now().us / 1e6);
  return 1;
}

static int time_wake(lua_State *L, int status, lua_KContext context) {
  (void)L;
  (void)status;
  (void)context;
  return 0;
}

static int time_sleep(lua_State *L) {
  lua_Number seconds = luaL_checknumber(L, 1);
  luaL_argcheck(L, seconds >= 0 && seconds <= TIME_SLEEP_MOST_S, 1, "expected seconds from 0 to 86400");
  /* Rounded up: nobody wakes too early. */
  return bc_sandbox_wait(L, (int64_t)ceil(seconds * 1000), NULL, NULL, time_wake);
}

/* ---- the calendar: Gregorian, without the zones and the leap seconds of this host ---- */

/* Days since 1970-01-01 of the first of a month; `month` counts from 0 and may be any. */
static int64_t time_days_before(int64_t year, int64_t month) {
  year += month >= 0 ? month / 12 : -((11 - month) / 12);
  month = ((month % 12) + 12) % 12;
  /* Years that begin in March, so that the leap day is their last. */
  int64_t shifted = year - (month < 2 ? 1 : 0);
  int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
  int64_t of_era = shifted - era * 400;
  int64_t from_march = (month + 10) % 12;
  int64_t day = (153 * from_march + 2) / 5;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day - 719468;
}

struct time_date {
  int64_t year;
  int64_t month; /* from 1 */
  int64_t day;   /* from 1 */
};

static struct time_date time_date_of(int64_t days) {
  int64_t shifted = days + 719468;
  int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  int64_t of_era = shifted - era * 146097;
  int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t from_march = (5 * of_year + 2) / 153;
  struct time_date date = {.day = of_year - (153 * from_march + 2) / 5 + 1};
  date.month = from_march < 10 ? from_march + 3 : from_march - 9;
  date.year = year_of_era + era * 400 + (date.month <= 2 ? 1 : 0);
  return date;
}

/* "+01:00", "-0530", "Z"; none: 0. In seconds to the east of UTC. */
static int64_t time_offset(lua_State *L, int index) {
  const char *text = luaL_optstring(L, index, "Z");
  int digits[4] = {0};
  int count = 0;
  if (strcmp(text, "Z") == 0) {
    return 0;
  }
  const char *at = text + (text[0] == '+' || text[0] == '-' ? 1 : 0);
  bool is_fine = at != text;
  for (; is_fine && *at != '\0'; at++) {
    bool is_colon = *at == ':' && count == 2 && at[-1] != ':';
    bool is_digit = *at >= '0' && *at <= '9' && count < 4;
    is_fine = is_colon || is_digit;
    if (is_digit) {
      digits[count++] = *at - '0';
    }
  }
  int64_t hours = (int64_t)digits[0] * 10 + digits[1];
  int64_t minutes = (int64_t)digits[2] * 10 + digits[3];
  if (!is_fine || count != 4 || hours > 14 || minutes > 59) {
    return luaL_argerror(L, index, "expected an offset from UTC: \"+01:00\", \"-05:30\" or \"Z\"");
  }
  int64_t seconds = hours * 3600 + minutes * 60;
  return text[0] == '-' ? -seconds : seconds;
}

static void time_set(lua_State *L, const char *name, int64_t value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static int time_date(lua_State *L) {
  lua_Number wanted = luaL_checknumber(L, 1);
  int64_t offset = time_offset(L, 2);
  const lua_Number first = (lua_Number)time_days_before(0, 0) * TIME_DAY_S;
  const lua_Number behind = (lua_Number)time_days_before(TIME_YEAR_MOST + 1, 0) * TIME_DAY_S;
  luaL_argcheck(L, wanted + (lua_Number)offset >= first && wanted + (lua_Number)offset < behind, 1,
                "expected seconds since 1970 of a year from 0 to 9999");
  int64_t seconds = (int64_t)floor(wanted) + offset;
  int64_t days = (seconds >= 0 ? seconds : seconds - (TIME_DAY_S - 1)) / TIME_DAY_S;
  int64_t rest = seconds - days * TIME_DAY_S;
  struct time_date date = time_date_of(days);
  lua_createtable(L, 0, 8);
  time_set(L, "year", date.year);
  time_set(L, "month", date.month);
  time_set(L, "day", date.day);
  time_set(L, "hour", rest / 3600);
  time_set(L, "min", rest / 60 % 60);
  time_set(L, "sec", rest % 60);
  /* 1970-01-01 was a Thursday. */
  time_set(L, "weekday", ((days + 3) % 7 + 7) % 7 + 1);
  time_set(L, "yearday", days - time_days_before(date.year, 0) + 1);
  return 1;
}

/* A member of argument 1. */
static lua_Number time_field(lua_State *L, const char *name, bool is_needed) {
  (void)lua_getfield(L, 1, name);
  lua_Number value = lua_tonumber(L, -1);
  if (lua_isnil(L, -1) && !is_needed) {
    value = 0;
  } else if (lua_type(L, -1) != LUA_TNUMBER || !(fabs(value) <= TIME_FIELD_MOST)) {
    (void)luaL_error(L, "time.of: %s: expected a number, found %s", name,
                     lua_type(L, -1) == LUA_TNUMBER ? "one that is too large" : luaL_typename(L, -1));
  } else if (value != floor(value) && strcmp(name, "sec") != 0) {
    (void)luaL_error(L, "time.of: %s: expected a whole number, found %s", name, lua_tostring(L, -1));
  }
  lua_pop(L, 1);
  return value;
}

/* What is over the end of a month, a day … counts on: day 32 is in the next month. */
static int time_of(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  int64_t offset = time_offset(L, 2);
  /* One after the other: the first that is wrong is told. */
  int64_t year = (int64_t)time_field(L, "year", true);
  int64_t month = (int64_t)time_field(L, "month", true) - 1;
  int64_t days = time_days_before(year, month);
  days += (int64_t)time_field(L, "day", true) - 1;
  int64_t seconds = days * TIME_DAY_S + (int64_t)time_field(L, "hour", false) * 3600;
  seconds += (int64_t)time_field(L, "min", false) * 60 - offset;
  lua_Number rest = time_field(L, "sec", false);
  if (rest == floor(rest)) {
    lua_pushinteger(L, seconds + (int64_t)rest);
  } else {
    lua_pushnumber(L, (lua_Number)seconds + rest);
  }
  return 1;
}

int bc_lua_time_open(lua_State *L) {
  static const luaL_Reg calendar[] = {{"date", time_date}, {"of", time_of}, {NULL, NULL}};
  static const luaL_Reg clocks[] = {
      {"now", time_now}, {"monotonic", time_monotonic}, {"sleep", time_sleep}, {NULL, NULL}};
  luaL_newlib(L, calendar);
  if (!bc_sandbox_is_pure(L)) {
    luaL_setfuncs(L, clocks, 0);
  }
  return 1;
}
