/* `log`: lines into the log of the run. */
#include "worker/lua_module.h"

#include <lauxlib.h>

/* Its arguments as texts, with a blank between them. */
static int log_line(lua_State *L) {
  int count = lua_gettop(L);
  luaL_checkstack(L, 2 * count + 2, "too many arguments");
  for (int i = 1; i <= count; i++) {
    if (i > 1) {
      lua_pushliteral(L, " ");
    }
    bc_lua_push_text(L, i);
  }
  if (count == 0) {
    lua_pushliteral(L, "");
  } else {
    lua_concat(L, 2 * count - 1);
  }
  struct bc_str text;
  text.at = lua_tolstring(L, -1, &text.len);
  bc_sandbox_log(L, lua_tostring(L, lua_upvalueindex(1)), text);
  return 0;
}

int bc_lua_log_open(lua_State *L) {
  static const char *const levels[] = {"debug", "info", "warn", "error"};
  lua_newtable(L);
  for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
    lua_pushstring(L, levels[i]);
    lua_pushcclosure(L, log_line, 1);
    lua_setfield(L, -2, levels[i]);
  }
  return 1;
}
