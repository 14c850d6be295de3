#include "worker/lua_http_private.h"
#include "worker/lua_tls.h"

#include <string.h>

static void result_set_text(lua_State *L, const char *name, struct bc_str text) {
  lua_pushlstring(L, text.at, text.len);
  lua_setfield(L, -2, name);
}

static void result_set_integer(lua_State *L, const char *name, int64_t value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static void result_set_seconds(lua_State *L, const char *name, int64_t us) {
  lua_pushnumber(L, (lua_Number)us / 1e6);
  lua_setfield(L, -2, name);
}

static void result_push_headers(lua_State *L, const struct bc_buf *headers) {
  const char *end = headers->data + headers->len;
  lua_newtable(L);
  for (const char *name = headers->data; name < end;) {
    const char *value = name + strlen(name) + 1;
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
    name = value + strlen(value) + 1;
  }
}

static void result_push_timings(lua_State *L, const struct http_call *call) {
  const struct bc_web_answer *answer = call->answer;
  int64_t before = call->connect_started.us - call->started.us;
  lua_createtable(L, 0, 5);
  result_set_seconds(L, "resolve", call->resolve_us);
  result_set_seconds(L, "connect", answer->connect_us);
  result_set_seconds(L, "tls", answer->tls_us);
  result_set_seconds(L, "first_byte", before + answer->first_byte_us);
  result_set_seconds(L, "total", call->ended.us - call->started.us);
}

int http_result_push(lua_State *L, const struct http_call *call) {
  const struct bc_web_answer *answer = call->answer;
  char address[BC_LUA_HOST_TEXT_BYTES];
  lua_createtable(L, 0, 12);
  result_set_integer(L, "status", answer->status);
  result_push_headers(L, &answer->headers);
  lua_setfield(L, -2, "headers");
  result_set_text(L, "body", bc_buf_str(&answer->body));
  lua_pushboolean(L, answer->is_cut);
  lua_setfield(L, -2, "body_truncated");
  result_set_text(L, "url", bc_str_of(call->url.text));
  result_set_integer(L, "redirects", call->redirects_done);
  bc_lua_host_print(&call->address, address);
  result_set_text(L, "address", bc_str_of(address));
  result_set_integer(L, "port", call->port);
  result_set_text(L, "version", bc_str_of(answer->version));
  result_push_timings(L, call);
  lua_setfield(L, -2, "timings");
  if (answer->cert != NULL) {
    bc_lua_tls_push_cert(L, answer->cert);
    lua_setfield(L, -2, "cert");
  }
  return 1;
}
