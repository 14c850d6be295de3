#include "worker/lua_host.h"

#include "base/buf.h"
#include "model/address.h"

#include <string.h>

bool bc_lua_host_parse(struct bc_str text, struct bc_resolver_address *address) {
  if (text.len > 2 && text.at[0] == '[' && text.at[text.len - 1] == ']') {
    struct bc_str inner = {.at = text.at + 1, .len = text.len - 2};
    address->is_ipv6 = true;
    return bc_address_parse_ipv6(inner, address->bytes);
  }
  return bc_address_parse(text, address->bytes, &address->is_ipv6);
}

void bc_lua_host_print(const struct bc_resolver_address *address, char to[static BC_LUA_HOST_TEXT_BYTES]) {
  struct bc_buf text;
  bc_buf_init(&text, BC_LUA_HOST_TEXT_BYTES - 1);
  bc_address_print(address->bytes, address->is_ipv6, &text);
  memcpy(to, text.data, text.len + 1);
  bc_buf_free(&text);
}

/* Keeps those of `family`. */
static void host_take(struct bc_lua_host *host, const struct bc_resolver_address *addresses, size_t count, int family) {
  for (size_t i = 0; i < count; i++) {
    if (family == 0 || (family == 6) == addresses[i].is_ipv6) {
      host->addresses[host->count++] = addresses[i];
    }
  }
}

static void host_on_found(void *arg, const struct bc_resolver_found *found) {
  struct bc_lua_host *host = arg;
  host->look_up = NULL;
  if (found->err != BC_ERR_OK) {
    host->code = found->err == BC_ERR_LIMIT  ? BC_LUA_LIMIT
                 : found->err == BC_ERR_AUTH ? BC_LUA_PERMISSION
                                             : BC_LUA_RESOLVE;
    host->fault = found->fault;
    host->is_untold = found->err == BC_ERR_TIMEOUT || found->err == BC_ERR_IO;
  } else {
    host_take(host, found->addresses, found->count, host->family);
    if (host->count == 0) {
      bc_fault_set(&host->fault, 0, "%s: it has no IPv%d address", host->name, host->family);
      host->code = BC_LUA_RESOLVE;
    }
  }
  host->fn(host->arg);
}

void bc_lua_host_begin(struct bc_lua_host *host, struct bc_lua_io *io, struct bc_str text, int family,
                       bc_lua_host_fn *fn, void *arg) {
  struct bc_resolver_address literal;
  memset(host, 0, sizeof *host);
  host->io = io;
  host->fn = fn;
  host->arg = arg;
  host->family = family;
  bc_fault_set(&host->fault, 0, "%.*s", (int)(text.len < BC_LUA_HOST_NAME_BYTES ? text.len : BC_LUA_HOST_NAME_BYTES),
               text.at);
  memcpy(host->name, host->fault.text, sizeof host->name - 1);
  host->fault.text[0] = '\0';
  if (text.len > 0 && text.at[0] == '[' && !bc_lua_host_parse(text, &literal)) {
    bc_fault_set(&host->fault, 0, "%s: expected an IPv6 address in the brackets", host->name);
    host->code = BC_LUA_RESOLVE;
    fn(arg);
    return;
  }
  if (!bc_lua_host_parse(text, &literal)) {
    host->look_up = bc_resolver_look_up(io->resolver, text, BC_RESOLVER_TIMEOUT_MS, host_on_found, host);
    return;
  }
  host_take(host, &literal, 1, family);
  if (host->count == 0) {
    bc_fault_set(&host->fault, 0, "%s: it is not an IPv%d address", host->name, family);
    host->code = BC_LUA_RESOLVE;
  }
  fn(arg);
}

bool bc_lua_host_next(struct bc_lua_host *host, uint16_t port, struct bc_resolver_address *address) {
  while (host->next < host->count) {
    *address = host->addresses[host->next++];
    if (bc_lua_io_judge(host->io, address, port, &host->fault) == BC_ERR_OK) {
      return true;
    }
    host->code = BC_LUA_EGRESS;
  }
  return false;
}

void bc_lua_host_end(struct bc_lua_host *host) {
  bc_resolver_cancel(host->look_up);
  host->look_up = NULL;
}
