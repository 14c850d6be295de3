/* `tcp`: connections as they are. */
#include "worker/lua_conn.h"
#include "worker/lua_module.h"

static int tcp_connect(lua_State *L) {
  return bc_lua_conn_connect(L, false);
}

int bc_lua_tcp_open(lua_State *L) {
  bc_lua_conn_open(L);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, tcp_connect);
  lua_setfield(L, -2, "connect");
  return 1;
}
