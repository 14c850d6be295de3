/* `tls`: connections with TLS from the start. */
#include "worker/lua_tls.h"

#include "base/limits.h"
#include "base/mono.h"
#include "worker/lua_args.h"
#include "worker/lua_conn.h"
#include "worker/lua_module.h"

#include <lauxlib.h>
#include <string.h>

enum { TLS_NAME_BYTES = 255, TLS_MS_A_DAY = 86400000 };

/* ---- options ---- */

static void tls_read_alpn(lua_State *L, int index, struct bc_tls_options *options) {
  bc_lua_args_push(L, index, "alpn");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return;
  }
  if (!lua_istable(L, -1)) {
    (void)luaL_error(L, "option 'alpn': expected a table of texts, found %s", luaL_typename(L, -1));
  }
  int table = lua_gettop(L);
  table += bc_lua_push_thawed(L, table) ? 1 : 0;
  lua_Unsigned count = lua_rawlen(L, table);
  if (count > BC_TLS_ALPN_MOST) {
    (void)luaL_error(L, "option 'alpn': expected at most %d texts", (int)BC_TLS_ALPN_MOST);
  }
  for (lua_Unsigned i = 0; i < count; i++) {
    if (lua_rawgeti(L, table, (lua_Integer)i + 1) != LUA_TSTRING) {
      (void)luaL_error(L, "option 'alpn': expected texts in it, found %s", luaL_typename(L, -1));
    }
    struct bc_str *one = &options->alpn[i];
    one->at = lua_tolstring(L, -1, &one->len);
    lua_pop(L, 1);
  }
  options->alpn_count = count;
  lua_settop(L, index);
}

static void tls_read_text(lua_State *L, int index, const char *name, size_t most_bytes, struct bc_str *to) {
  struct bc_str text = bc_lua_args_text(L, index, name, most_bytes);
  *to = text.at == NULL ? *to : text;
}

void bc_lua_tls_read(lua_State *L, int index, struct bc_tls_options *options) {
  static const char *const versions[] = {"1.2", "1.3", NULL};
  luaL_checkstack(L, 6, NULL);
  options->is_unverified = !bc_lua_args_bool(L, index, "verify", !options->is_unverified);
  tls_read_text(L, index, "ca", BC_LIMIT_TLS_PEM_BYTES, &options->ca);
  tls_read_text(L, index, "cert", BC_LIMIT_TLS_PEM_BYTES, &options->cert);
  tls_read_text(L, index, "key", BC_LIMIT_TLS_PEM_BYTES, &options->key);
  tls_read_text(L, index, "name", TLS_NAME_BYTES, &options->name);
  options->needs_tls13 = bc_lua_args_choice(L, index, "min", versions, options->needs_tls13 ? 1 : 0) == 1;
  tls_read_alpn(L, index, options);
}

/* ---- certificates ---- */

static void tls_set_text(lua_State *L, const char *name, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

void bc_lua_tls_push_cert(lua_State *L, const struct bc_tls_cert *cert) {
  luaL_checkstack(L, 4, NULL);
  lua_createtable(L, 0, 8);
  tls_set_text(L, "subject", cert->subject);
  tls_set_text(L, "issuer", cert->issuer);
  tls_set_text(L, "serial", cert->serial);
  tls_set_text(L, "sha256", cert->sha256);
  lua_pushinteger(L, cert->not_before);
  lua_setfield(L, -2, "not_before");
  lua_pushinteger(L, cert->not_after);
  lua_setfield(L, -2, "not_after");
  lua_pushnumber(L, (double)(cert->not_after * 1000 - bc_wall_now_ms()) / TLS_MS_A_DAY);
  lua_setfield(L, -2, "days_left");
  lua_createtable(L, (int)cert->name_count, 0);
  const char *name = cert->names;
  for (size_t i = 0; i < cert->name_count; i++) {
    lua_pushstring(L, name);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
    name += strlen(name) + 1;
  }
  lua_setfield(L, -2, "names");
}

/* ---- the module ---- */

static int tls_connect(lua_State *L) {
  return bc_lua_conn_connect(L, true);
}

int bc_lua_tls_open(lua_State *L) {
  bc_lua_conn_open(L);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, tls_connect);
  lua_setfield(L, -2, "connect");
  return 1;
}
