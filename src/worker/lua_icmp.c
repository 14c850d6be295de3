/* The module `icmp` of scripts.
 *
 *   icmp.ping(HOST, {count = 3, interval = 0.2, timeout = 1, size = 56})
 *     {address = "10.0.0.1", sent = 3, received = 3, loss = 0, min = seconds, avg = seconds, max = seconds}
 *
 * `timeout` is that of each answer. `loss` in percent. When all is lost there are no times: a result, but it counts as
 * a failed call for what the script raises later. The first address of a name that there is a route to is pinged. */
#include "io/endpoint.h"
#include "worker/lua_args.h"
#include "worker/lua_call.h"
#include "worker/lua_fake.h"
#include "worker/lua_host.h"

#include <lauxlib.h>

enum { ICMP_COUNT = 3, ICMP_INTERVAL_MS = 200, ICMP_TIMEOUT_MS = 1000, ICMP_SIZE = 56, ICMP_HOST_MOST = 255 };

struct icmp_call {
  struct bc_lua_call base;
  struct bc_lua_host host;
  struct bc_ping_call *started; /* NULL: none under way */
  struct bc_ping_wanted wanted;
  struct bc_ping_result result;
};

static void icmp_set_seconds(lua_State *L, const char *name, int64_t us) {
  lua_pushnumber(L, (lua_Number)us / 1e6);
  lua_setfield(L, -2, name);
}

static int icmp_finish(lua_State *L, struct bc_lua_call *base) {
  const struct icmp_call *call = (struct icmp_call *)base;
  const struct bc_ping_result *result = &call->result;
  char address[BC_ENDPOINT_TEXT_BYTES];
  luaL_checkstack(L, 4, NULL);
  bc_endpoint_print(&call->wanted.address, 0, address);
  lua_createtable(L, 0, 7);
  lua_pushstring(L, address);
  lua_setfield(L, -2, "address");
  lua_pushinteger(L, result->sent);
  lua_setfield(L, -2, "sent");
  lua_pushinteger(L, result->received);
  lua_setfield(L, -2, "received");
  lua_pushnumber(L, 100.0 * (result->sent - result->received) / result->sent);
  lua_setfield(L, -2, "loss");
  if (result->received == 0) {
    bc_sandbox_note_io_failure(L);
    return 1;
  }
  icmp_set_seconds(L, "min", result->min_us);
  icmp_set_seconds(L, "avg", result->average_us);
  icmp_set_seconds(L, "max", result->max_us);
  return 1;
}

static void icmp_stop(struct bc_lua_call *base) {
  struct icmp_call *call = (struct icmp_call *)base;
  bc_lua_host_end(&call->host);
  bc_ping_cancel(call->started);
  call->started = NULL;
}

/* The next address, if there is one that may be pinged. */
static bool icmp_go_on(struct icmp_call *call) {
  if (!bc_lua_host_next(&call->host, 0, &call->wanted.address)) {
    return false;
  }
  call->started = bc_ping_start(call->base.held.io->ping, &call->wanted);
  return true;
}

static void icmp_on_result(void *arg, const struct bc_ping_result *result) {
  struct icmp_call *call = arg;
  call->started = NULL;
  call->result = *result;
  if (result->err == BC_ERR_OK) {
    bc_lua_call_done(&call->base);
    return;
  }
  bool has_no_route = result->err == BC_ERR_IO && result->sent == 0;
  if (has_no_route && icmp_go_on(call)) {
    return;
  }
  enum bc_lua_code code = result->err == BC_ERR_AUTH    ? BC_LUA_PERMISSION
                          : result->err == BC_ERR_LIMIT ? BC_LUA_LIMIT
                                                        : bc_lua_code_of_errno(result->error_number);
  bc_lua_call_fail(&call->base, code, "%s", result->fault.text);
}

static void icmp_on_host(void *arg) {
  struct icmp_call *call = arg;
  if (!icmp_go_on(call)) {
    bc_lua_call_fail(&call->base, call->host.code, "%s", call->host.fault.text);
  }
}

static const struct bc_lua_call_kind icmp_kind = {
    .size = sizeof(struct icmp_call), .stop = icmp_stop, .finish = icmp_finish};

static int icmp_ping(lua_State *L) {
  static const char *const options[] = {"count", "interval", "timeout", "size", NULL};
  struct bc_ping_wanted wanted = {.fn = icmp_on_result};
  struct bc_str host;
  bc_lua_args_check(L, 2, options);
  luaL_checktype(L, 1, LUA_TSTRING);
  host.at = lua_tolstring(L, 1, &host.len);
  luaL_argcheck(L, host.len > 0 && host.len <= ICMP_HOST_MOST, 1, "expected a name or an address");
  wanted.count = (unsigned)bc_lua_args_integer(L, 2, "count", 1, BC_PING_COUNT, ICMP_COUNT);
  wanted.interval_ms = bc_lua_args_ms(L, 2, "interval", ICMP_INTERVAL_MS);
  if (wanted.interval_ms < BC_PING_INTERVAL_LEAST_MS) {
    return luaL_error(L, "option 'interval': expected at least %d ms, found %d ms", BC_PING_INTERVAL_LEAST_MS,
                      (int)wanted.interval_ms);
  }
  wanted.timeout_ms = bc_lua_args_ms(L, 2, "timeout", ICMP_TIMEOUT_MS);
  wanted.size = (size_t)bc_lua_args_integer(L, 2, "size", BC_PING_SIZE_LEAST, BC_PING_SIZE_MOST, ICMP_SIZE);
  const struct bc_lua_io *io = bc_sandbox_io_of(L);
  if (io != NULL && io->fake != NULL) {
    return bc_lua_fake_call(L, "icmp.ping", BC_LUA_NO_TIMEOUT);
  }
  struct icmp_call *call = bc_lua_call_new(L, &icmp_kind);
  if (call == NULL) {
    return bc_lua_call_refuse(L);
  }
  wanted.arg = call;
  call->wanted = wanted;
  call->base.host = &call->host;
  bc_lua_host_begin(&call->host, call->base.held.io, host, 0, icmp_on_host, call);
  return bc_lua_call_wait(L, &call->base, BC_LUA_NO_TIMEOUT);
}

int bc_lua_icmp_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"ping", icmp_ping}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
