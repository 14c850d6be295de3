/* `time`: clocks in seconds, and waiting. */
#include "base/mono.h"
#include "worker/lua_module.h"

#include <lauxlib.h>
#include <math.h>

enum { TIME_SLEEP_MOST_S = 86400 };

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

int bc_lua_time_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"now", time_now}, {"monotonic", time_monotonic}, {"sleep", time_sleep}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
