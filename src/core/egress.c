/* Where Lua checks may connect to: gathered here from the node file and from what core knows of etcd, told to each Lua
 * worker before its first check. */
#include "model/egress.h"
#include "base/mem.h"
#include "core/private.h"
#include "io/resolver.h"
#include "model/address.h"
#include "model/listen.h"

#include <stdlib.h>
#include <string.h>

enum {
  EGRESS_LOOK_UP_MS = 2000,
  EGRESS_AGAIN_MS = 60000,
  EGRESS_AGAIN_SOON_MS = 5000,
  EGRESS_TEXT_BYTES = 131072,
  EGRESS_OWN_ADDRESSES = 64
};

/* One of --endpoints. */
struct core_endpoint {
  struct bc_core *core;
  struct bc_resolver_call *call;
  char *host; /* NULL: it is an address */
  uint16_t port;
  struct bc_resolver_address addresses[BC_RESOLVER_ADDRESSES]; /* the last that were found */
  size_t count;
};

/* ---- rules ---- */

static void egress_add(struct bc_egress *egress, enum bc_egress_kind kind, const struct bc_resolver_address *address,
                       uint16_t port) {
  struct bc_fault fault;
  struct bc_buf rule;
  bc_buf_init(&rule, BC_FAULT_TEXT_BYTES);
  bc_buf_add_text(&rule, address->is_ipv6 ? "[" : "");
  bc_address_print(address->bytes, address->is_ipv6, &rule);
  bc_buf_add_format(&rule, "%s:%u", address->is_ipv6 ? "]" : "", port);
  if (bc_egress_add(egress, kind, bc_buf_str(&rule), &fault) != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "Lua checks may connect to %s at %s: %s", kind == BC_EGRESS_ETCD ? "etcd" : "the HTTP API",
           rule.data, fault.text);
  }
  bc_buf_free(&rule);
}

/* Connecting to :: or 0.0.0.0 reaches this host, as loopback does. */
static bool egress_is_unspecified(const struct bc_resolver_address *address) {
  static const uint8_t zeros[sizeof address->bytes];
  return memcmp(address->bytes, zeros, sizeof zeros) == 0;
}

static void egress_add_endpoint(struct bc_egress *egress, const struct core_endpoint *endpoint) {
  const struct bc_resolver_address loopback = {.bytes = {127, 0, 0, 1}};
  for (size_t i = 0; i < endpoint->count; i++) {
    egress_add(egress, BC_EGRESS_ETCD, &endpoint->addresses[i], endpoint->port);
    if (egress_is_unspecified(&endpoint->addresses[i])) {
      egress_add(egress, BC_EGRESS_ETCD, &loopback, endpoint->port);
    }
  }
}

/* A listener at every address is reached at each that the host has. */
static void egress_add_listener(struct bc_core *core, struct bc_egress *egress, const struct bc_listen *listen) {
  struct bc_resolver_address address = {.is_ipv6 = listen->is_ipv6};
  const struct bc_rtnetlink_address *own = NULL;
  unsigned count = 0;
  if (!bc_listen_is_every(listen)) {
    memcpy(address.bytes, listen->address, sizeof address.bytes);
    egress_add(egress, BC_EGRESS_LISTENER, &address, listen->port);
    return;
  }
  address.bytes[0] = 127;
  address.bytes[3] = 1;
  address.is_ipv6 = false; /* stands for ::1 too */
  egress_add(egress, BC_EGRESS_LISTENER, &address, listen->port);
  while ((own = bc_addresses_next(core->addresses.host, own)) != NULL && count < EGRESS_OWN_ADDRESSES) {
    if (own->is_ipv6 == listen->is_ipv6) {
      address.is_ipv6 = own->is_ipv6;
      memcpy(address.bytes, own->local, sizeof address.bytes);
      egress_add(egress, BC_EGRESS_LISTENER, &address, listen->port);
      count++;
    }
  }
}

static void egress_add_listeners(struct bc_core *core, struct bc_egress *egress) {
  struct bc_str list = bc_str_of(core->settings->http);
  struct bc_str one;
  struct bc_listen listen;
  while (list.len > 0 && bc_str_next_field(&list, ',', &one)) {
    if (bc_listen_parse(one, &listen) == BC_ERR_OK && !listen.is_unix) {
      egress_add_listener(core, egress, &listen);
    }
  }
}

/* True when the rules are others than before. */
static bool egress_make(struct bc_core *core) {
  struct core_egress *state = &core->egress;
  struct bc_egress *egress = bc_egress_new();
  struct bc_fault fault;
  /* They were judged with the node file. */
  if (bc_egress_add_list(egress, BC_EGRESS_ALLOW, bc_str_of(core->settings->egress_allow), &fault) != BC_ERR_OK ||
      bc_egress_add_list(egress, BC_EGRESS_DENY, bc_str_of(core->settings->egress_deny), &fault) != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "egress rules: %s", fault.text);
  }
  for (size_t i = 0; i < state->endpoint_count; i++) {
    egress_add_endpoint(egress, &state->endpoints[i]);
  }
  egress_add_listeners(core, egress);
  struct bc_buf rules;
  bc_buf_init(&rules, EGRESS_TEXT_BYTES);
  bc_egress_print(egress, &rules);
  bc_egress_free(egress);
  bool is_new = state->rules == NULL || strcmp(state->rules, rules.data == NULL ? "" : rules.data) != 0;
  free(state->rules);
  state->rules = bc_mem_copy_text(rules.data == NULL ? "" : rules.data, rules.len);
  bc_buf_free(&rules);
  return is_new;
}

void core_egress_send(struct bc_core *core, unsigned worker) {
  struct bc_msg message = {.type = BC_MSG_LUA_EGRESS, .lua_egress = {.rules = bc_str_of(core->egress.rules)}};
  (void)core_pool_send(core, worker, &message);
}

void core_egress_on_host(struct bc_core *core) {
  if (core->egress.rules != NULL && egress_make(core)) {
    core_pool_on_egress(core);
  }
}

bool core_egress_is_ready(const struct bc_core *core) {
  return core->egress.rules != NULL;
}

/* ---- names of endpoints ---- */

static void egress_settle(struct bc_core *core) {
  struct core_egress *state = &core->egress;
  bool any_name = false;
  bool is_whole = true;
  for (size_t i = 0; i < state->endpoint_count; i++) {
    any_name = any_name || state->endpoints[i].host != NULL;
    is_whole = is_whole && state->endpoints[i].count > 0;
  }
  if (any_name) {
    bc_timer_start(state->timer, is_whole ? EGRESS_AGAIN_MS : EGRESS_AGAIN_SOON_MS);
  }
  if (egress_make(core)) {
    core_pool_on_egress(core);
  }
}

static void egress_on_found(void *arg, const struct bc_resolver_found *found) {
  struct core_endpoint *endpoint = arg;
  struct core_egress *state = &endpoint->core->egress;
  endpoint->call = NULL;
  if (found->err == BC_ERR_OK) {
    memcpy(endpoint->addresses, found->addresses, found->count * sizeof found->addresses[0]);
    endpoint->count = found->count;
  } else if (endpoint->count == 0) {
    bc_log(BC_LOG_WARNING, "the etcd endpoint %s is not known to the egress rules of Lua checks: %s", endpoint->host,
           found->fault.text);
  }
  if (--state->pending == 0) {
    egress_settle(endpoint->core);
  }
}

static void egress_look_up(void *arg) {
  struct bc_core *core = arg;
  struct core_egress *state = &core->egress;
  for (size_t i = 0; i < state->endpoint_count; i++) {
    struct core_endpoint *endpoint = &state->endpoints[i];
    if (endpoint->host != NULL && state->resolver != NULL) {
      state->pending++;
      endpoint->call =
          bc_resolver_look_up(state->resolver, bc_str_of(endpoint->host), EGRESS_LOOK_UP_MS, egress_on_found, endpoint);
    }
  }
  if (state->pending == 0) {
    egress_settle(core);
  }
}

static void egress_add_url(struct bc_core *core, struct bc_str url) {
  struct core_egress *state = &core->egress;
  struct core_endpoint *endpoint = &state->endpoints[state->endpoint_count];
  struct bc_str host;
  if (!bc_egress_read_endpoint(url, &host, &endpoint->port)) {
    return;
  }
  endpoint->core = core;
  state->endpoint_count++;
  if (bc_address_parse(host, endpoint->addresses[0].bytes, &endpoint->addresses[0].is_ipv6)) {
    endpoint->count = 1;
  } else {
    endpoint->host = bc_mem_copy_text(host.at, host.len);
  }
}

/* ---- begin and end ---- */

void core_egress_open(struct bc_core *core) {
  struct core_egress *state = &core->egress;
  struct bc_fault fault;
  struct bc_str list = bc_str_of(core->settings->endpoints);
  struct bc_str url;
  state->endpoints = bc_mem_new(BC_LIMIT_ETCD_ENDPOINTS, sizeof *state->endpoints);
  state->timer = bc_timer_new(core->loop, egress_look_up, core);
  while (state->endpoint_count < BC_LIMIT_ETCD_ENDPOINTS && bc_str_next_field(&list, ',', &url)) {
    egress_add_url(core, url);
  }
  state->resolver = bc_resolver_new(core->loop, NULL, &fault);
  if (state->resolver == NULL) {
    bc_log(BC_LOG_ERROR, "names of etcd endpoints are not known to the egress rules of Lua checks: %s", fault.text);
  }
  egress_look_up(core);
}

void core_egress_close(struct bc_core *core) {
  struct core_egress *state = &core->egress;
  bc_resolver_free(state->resolver);
  bc_timer_free(state->timer);
  for (size_t i = 0; i < state->endpoint_count; i++) {
    free(state->endpoints[i].host);
  }
  free(state->endpoints);
  free(state->rules);
  *state = (struct core_egress){0};
}
