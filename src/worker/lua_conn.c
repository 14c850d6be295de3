#include "worker/lua_conn.h"

#include "base/mem.h"
#include "worker/lua_conn_private.h"
#include "worker/lua_tls.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>

#define CONN_TYPE "connection"

enum { CONN_US_A_SECOND = 1000000 };

/* Of this process: no two connections have the same. */
static uint64_t conn_last_id;

/* ---- life ---- */

static void conn_lose_calls(struct lua_conn *conn, const char *text) {
  struct lua_conn_opening *opening = conn->opening;
  struct lua_conn_reading *reading = conn->reading;
  struct lua_conn_sending *sending = conn->sending;
  conn->opening = NULL;
  conn->reading = NULL;
  conn->sending = NULL;
  if (opening != NULL) {
    lua_conn_opening_lose(opening, text);
  }
  if (reading != NULL) {
    lua_conn_reading_lose(reading, text);
  }
  if (sending != NULL) {
    lua_conn_sending_lose(sending, text);
  }
}

static void conn_release(struct bc_lua_held *held) {
  struct lua_conn *conn = (struct lua_conn *)held;
  conn_lose_calls(conn, NULL);
  bc_stream_close(conn->stream);
  free(conn->name);
  free(conn);
}

struct lua_conn *lua_conn_new(lua_State *L, struct bc_str name) {
  struct lua_conn *conn = bc_mem_new(1, sizeof *conn);
  conn->id = ++conn_last_id;
  if (!bc_lua_hold(L, &conn->held, conn_release)) {
    free(conn);
    return NULL;
  }
  conn->name = bc_mem_copy_text(name.at, name.len);
  return conn;
}

/* ---- the userdata ---- */

static struct lua_conn *conn_of(const struct bc_sandbox_run *run, uint64_t id) {
  struct bc_lua_held *held;
  LIST_FOREACH(held, &run->held, link) {
    struct lua_conn *conn = (struct lua_conn *)held;
    if (held->release == conn_release && conn->id == id) {
      return conn;
    }
  }
  return NULL;
}

/* Also of one that another run made: there is none of its number then. */
static struct lua_conn *conn_find(lua_State *L) {
  const uint64_t *id = luaL_checkudata(L, 1, CONN_TYPE);
  const struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  return run == NULL ? NULL : conn_of(run, *id);
}

void bc_lua_conn_feed(struct bc_sandbox_run *run, uint64_t id, struct bc_str bytes, enum bc_stream_error end) {
  const struct lua_conn *conn = conn_of(run, id);
  if (conn == NULL || conn->stream == NULL) {
    return;
  }
  bc_stream_feed(conn->stream, bytes);
  if (end != BC_STREAM_FINE) {
    bc_stream_feed_end(conn->stream, end);
  }
  if (conn->reading != NULL) {
    lua_conn_reading_on_news(conn->reading);
  }
}

struct lua_conn *lua_conn_check(lua_State *L) {
  struct lua_conn *conn = conn_find(L);
  if (conn == NULL) {
    (void)luaL_error(L, "this connection is closed");
  }
  return conn;
}

static void conn_set_seconds(lua_State *L, const char *name, int64_t us) {
  lua_pushnumber(L, (double)us / CONN_US_A_SECOND);
  lua_setfield(L, -2, name);
}

void lua_conn_push(lua_State *L, const struct lua_conn *conn) {
  char address[BC_LUA_HOST_TEXT_BYTES];
  luaL_checkstack(L, 6, NULL);
  uint64_t *id = lua_newuserdatauv(L, sizeof *id, 1);
  *id = conn->id;
  luaL_setmetatable(L, CONN_TYPE);
  lua_createtable(L, 0, 3);
  bc_lua_host_print(bc_stream_address(conn->stream), address);
  lua_pushstring(L, address);
  lua_setfield(L, -2, "address");
  lua_pushinteger(L, bc_stream_port(conn->stream));
  lua_setfield(L, -2, "port");
  conn_set_seconds(L, "rtt", bc_stream_connect_us(conn->stream));
  (void)lua_setiuservalue(L, -2, 1);
}

void lua_conn_set_tls_fields(lua_State *L, int index, const struct lua_conn *conn) {
  const struct bc_tls_facts *facts = bc_tls_session_facts(bc_stream_tls(conn->stream));
  luaL_checkstack(L, 6, NULL);
  (void)lua_getiuservalue(L, index, 1);
  conn_set_seconds(L, "handshake", facts->handshake_us);
  lua_pushstring(L, facts->version);
  lua_setfield(L, -2, "protocol");
  if (facts->alpn[0] != '\0') {
    lua_pushstring(L, facts->alpn);
    lua_setfield(L, -2, "alpn");
  }
  if (facts->has_cert) {
    bc_lua_tls_push_cert(L, &facts->cert);
    lua_setfield(L, -2, "cert");
  }
  lua_pop(L, 1);
}

/* ---- errors ---- */

int lua_conn_push_end(lua_State *L, const struct bc_stream_end *end) {
  return bc_lua_call_push_failure(L, bc_lua_code_of_stream(end->error), end->fault.text);
}

int lua_conn_push_closed(lua_State *L) {
  return bc_lua_call_push_failure(L, BC_LUA_CLOSED, "closed by this script");
}

/* ---- close ---- */

/* Other threads of the run may wait on it. */
static int conn_close(lua_State *L) {
  struct lua_conn *conn = conn_find(L);
  if (conn != NULL) {
    conn_lose_calls(conn, "closed by this script");
    bc_lua_let_go(&conn->held);
  }
  return 0;
}

/* ---- the metatable ---- */

/* Upvalue 1: the methods. */
static int conn_index(lua_State *L) {
  (void)luaL_checkudata(L, 1, CONN_TYPE);
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
    return 1;
  }
  (void)lua_getiuservalue(L, 1, 1);
  lua_pushvalue(L, 2);
  (void)lua_rawget(L, -2);
  return 1;
}

static int conn_refuse_write(lua_State *L) {
  return luaL_error(L, "a connection is read-only");
}

static int conn_print(lua_State *L) {
  (void)luaL_checkudata(L, 1, CONN_TYPE);
  (void)lua_getiuservalue(L, 1, 1);
  (void)lua_getfield(L, -1, "address");
  (void)lua_getfield(L, -2, "port");
  lua_pushfstring(L, "connection to %s port %d", lua_tostring(L, -2), (int)lua_tointeger(L, -1));
  return 1;
}

void bc_lua_conn_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"send", lua_conn_send},
                                     {"receive", lua_conn_receive},
                                     {"line", lua_conn_line},
                                     {"expect", lua_conn_expect},
                                     {"starttls", lua_conn_starttls},
                                     {"close", conn_close},
                                     {NULL, NULL}};
  static const char *const picked[] = {"find", NULL};
  if (luaL_newmetatable(L, CONN_TYPE) != 0) {
    lua_createtable(L, 0, 6);
    bc_lua_pick(L, luaopen_string, picked);
    (void)lua_getfield(L, -1, "find");
    lua_remove(L, -2);
    luaL_setfuncs(L, methods, 1);
    lua_pushcclosure(L, conn_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, conn_refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, conn_print);
    lua_setfield(L, -2, "__tostring");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
  }
  lua_pop(L, 1);
}
