/* The module `udp` of scripts.
 *
 *   udp.exchange(HOST, PORT, PAYLOAD, {timeout, max = 65535, tries = 1})
 *     the reply, and the seconds that it took from the last sending
 *
 * With `tries` the payload is sent again each timeout/tries; without a timeout, each second. Of the addresses of a name
 * the next one is tried when nobody listens at one or there is no way to it. A reply longer than `max` is a failure. */
#include "base/mem.h"
#include "io/endpoint.h"
#include "worker/lua_args.h"
#include "worker/lua_call.h"
#include "worker/lua_fake.h"
#include "worker/lua_host.h"

#include <lauxlib.h>
#include <stdlib.h>

enum { UDP_AGAIN_MS = 1000, UDP_HOST_MOST = 255 };

struct udp_call {
  struct bc_lua_call base;
  struct bc_lua_host host;
  struct bc_datagram_call *started; /* NULL: none under way */
  struct bc_datagram_wanted wanted;
  char *payload;
  char *reply;
  size_t len;
  int64_t rtt_us;
  bool is_tried;
};

static int udp_finish(lua_State *L, struct bc_lua_call *base) {
  struct udp_call *call = (struct udp_call *)base;
  luaL_checkstack(L, 3, NULL);
  lua_pushlstring(L, call->reply, call->len);
  lua_pushnumber(L, (lua_Number)call->rtt_us / 1e6);
  return 2;
}

static void udp_stop(struct bc_lua_call *base) {
  struct udp_call *call = (struct udp_call *)base;
  bc_lua_host_end(&call->host);
  bc_datagram_cancel(call->started);
  call->started = NULL;
}

static void udp_free(struct bc_lua_call *base) {
  struct udp_call *call = (struct udp_call *)base;
  free(call->payload);
  free(call->reply);
}

/* The next address, if there is one that may be sent to. */
static bool udp_go_on(struct udp_call *call) {
  char place[BC_ENDPOINT_TEXT_BYTES];
  if (!bc_lua_host_next(&call->host, call->wanted.port, &call->wanted.address)) {
    return false;
  }
  call->is_tried = true;
  bc_endpoint_print(&call->wanted.address, call->wanted.port, place);
  bc_lua_call_set_place(&call->base, "%s", place);
  call->started = bc_datagram_start(call->base.held.io->datagram, &call->wanted);
  return true;
}

static void udp_on_result(void *arg, const struct bc_datagram_result *result) {
  struct udp_call *call = arg;
  call->started = NULL;
  if (result->err == BC_ERR_OK) {
    call->reply = bc_mem_copy_text(result->bytes.at, result->bytes.len);
    call->len = result->bytes.len;
    call->rtt_us = result->rtt_us;
    bc_lua_call_done(&call->base);
    return;
  }
  if (result->err == BC_ERR_IO && udp_go_on(call)) {
    return;
  }
  enum bc_lua_code code = result->err == BC_ERR_TIMEOUT ? BC_LUA_TIMEOUT
                          : result->err == BC_ERR_RANGE ? BC_LUA_TOO_LONG
                          : result->err == BC_ERR_LIMIT ? BC_LUA_LIMIT
                                                        : bc_lua_code_of_errno(result->error_number);
  bc_lua_call_fail(&call->base, code, "%s", result->fault.text);
}

static void udp_on_host(void *arg) {
  struct udp_call *call = arg;
  if (!udp_go_on(call)) {
    bc_lua_call_fail(&call->base, call->host.code, "%s", call->host.fault.text);
  }
}

static const struct bc_lua_call_kind udp_kind = {
    .size = sizeof(struct udp_call), .stop = udp_stop, .free = udp_free, .finish = udp_finish};

static struct bc_str udp_text(lua_State *L, int index) {
  struct bc_str text;
  luaL_checktype(L, index, LUA_TSTRING);
  text.at = lua_tolstring(L, index, &text.len);
  return text;
}

static int udp_exchange(lua_State *L) {
  static const char *const options[] = {"timeout", "max", "tries", NULL};
  struct bc_datagram_wanted wanted = {.timeout_ms = BC_DATAGRAM_TIMEOUT_MS, .fn = udp_on_result};
  bc_lua_args_check(L, 4, options);
  struct bc_str host = udp_text(L, 1);
  luaL_argcheck(L, host.len > 0 && host.len <= UDP_HOST_MOST, 1, "expected a name or an address");
  lua_Integer port = luaL_checkinteger(L, 2);
  luaL_argcheck(L, port >= 1 && port <= UINT16_MAX, 2, "expected a port, 1 to 65535");
  struct bc_str payload = udp_text(L, 3);
  luaL_argcheck(L, payload.len <= BC_DATAGRAM_BYTES, 3, "too long for a datagram");
  wanted.port = (uint16_t)port;
  wanted.most_bytes = (size_t)bc_lua_args_integer(L, 4, "max", 1, BC_DATAGRAM_BYTES, BC_DATAGRAM_BYTES);
  wanted.tries = (unsigned)bc_lua_args_integer(L, 4, "tries", 1, BC_DATAGRAM_TRIES, 1);
  int64_t timeout_ms = bc_lua_args_ms(L, 4, "timeout", BC_LUA_NO_TIMEOUT);
  wanted.again_ms = timeout_ms == BC_LUA_NO_TIMEOUT ? UDP_AGAIN_MS : timeout_ms / wanted.tries;
  const struct bc_lua_io *io = bc_sandbox_io_of(L);
  if (io != NULL && io->fake != NULL) {
    return bc_lua_fake_call(L, "udp.exchange", timeout_ms);
  }
  struct udp_call *call = bc_lua_call_new(L, &udp_kind);
  if (call == NULL) {
    return bc_lua_call_refuse(L);
  }
  call->payload = bc_mem_copy_text(payload.at, payload.len);
  wanted.payload = (struct bc_str){.at = call->payload, .len = payload.len};
  wanted.arg = call;
  call->wanted = wanted;
  call->base.host = &call->host;
  bc_lua_host_begin(&call->host, call->base.held.io, host, 0, udp_on_host, call);
  if (!call->is_tried) {
    bc_lua_call_set_place(&call->base, "%s", call->host.name);
  }
  return bc_lua_call_wait(L, &call->base, timeout_ms);
}

int bc_lua_udp_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"exchange", udp_exchange}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
