/* Where a script may connect to that is run without a daemon: what the daemon would make of the same settings. */
#include "base/mem.h"
#include "cli/run_request.h"
#include "model/address.h"
#include "model/egress.h"
#include "model/listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static bool egress_add_address(struct bc_egress *egress, enum bc_egress_kind kind, const uint8_t *address, bool is_ipv6,
                               unsigned port) {
  struct bc_fault fault;
  struct bc_buf rule;
  bc_buf_init(&rule, BC_FAULT_TEXT_BYTES);
  bc_buf_add_text(&rule, is_ipv6 ? "[" : "");
  bc_address_print(address, is_ipv6, &rule);
  bc_buf_add_format(&rule, "%s:%u", is_ipv6 ? "]" : "", port);
  enum bc_err err = bc_egress_add(egress, kind, bc_buf_str(&rule), &fault);
  if (err != BC_ERR_OK) {
    (void)fprintf(stderr, "%s %s: %s\n", bc_egress_kind_text(kind), rule.data, fault.text);
  }
  bc_buf_free(&rule);
  return err == BC_ERR_OK;
}

/* Connecting to :: or 0.0.0.0 reaches this host, as loopback does. */
static bool egress_add_found(struct bc_egress *egress, const struct addrinfo *found, unsigned port) {
  static const uint8_t loopback[] = {127, 0, 0, 1};
  static const uint8_t zeros[16];
  bool is_fine = true;
  for (; found != NULL && is_fine; found = found->ai_next) {
    bool is_ipv6 = found->ai_family == AF_INET6;
    uint8_t address[16] = {0};
    if (is_ipv6) {
      memcpy(address, &((const struct sockaddr_in6 *)(const void *)found->ai_addr)->sin6_addr, 16);
    } else {
      memcpy(address, &((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr, 4);
    }
    is_fine = egress_add_address(egress, BC_EGRESS_ETCD, address, is_ipv6, port) &&
              (memcmp(address, zeros, sizeof zeros) != 0 ||
               egress_add_address(egress, BC_EGRESS_ETCD, loopback, false, port));
  }
  return is_fine;
}

static bool egress_add_endpoint(struct bc_egress *egress, struct bc_str url) {
  struct bc_str name;
  uint16_t port;
  const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  if (!bc_egress_read_endpoint(url, &name, &port)) {
    return true;
  }
  char *host = bc_mem_copy_text(name.at, name.len);
  bool is_fine = true;
  if (getaddrinfo(host, NULL, &hints, &found) == 0) {
    is_fine = egress_add_found(egress, found, port);
    freeaddrinfo(found);
  } else {
    (void)fprintf(stderr, "warning: the etcd endpoint %s has no address now: the script may connect to it\n", host);
  }
  free(host);
  return is_fine;
}

/* Of one at every address only loopback is known here. */
static bool egress_add_listener(struct bc_egress *egress, struct bc_str text) {
  static const uint8_t loopback[16] = {127, 0, 0, 1};
  struct bc_listen listen;
  if (bc_listen_parse(text, &listen) != BC_ERR_OK || listen.is_unix) {
    return true;
  }
  bool is_every = bc_listen_is_every(&listen);
  return egress_add_address(egress, BC_EGRESS_LISTENER, is_every ? loopback : listen.address,
                            listen.is_ipv6 && !is_every, listen.port);
}

static bool egress_make(struct bc_egress *egress, const struct bc_settings *settings) {
  struct bc_fault fault;
  struct bc_str rest = bc_str_of(settings->endpoints);
  struct bc_str url;
  if (bc_egress_add_list(egress, BC_EGRESS_ALLOW, bc_str_of(settings->egress_allow), &fault) != BC_ERR_OK ||
      bc_egress_add_list(egress, BC_EGRESS_DENY, bc_str_of(settings->egress_deny), &fault) != BC_ERR_OK) {
    (void)fprintf(stderr, "egress rules: %s\n", fault.text);
    return false;
  }
  bool is_fine = true;
  while (is_fine && rest.len > 0 && bc_str_next_field(&rest, ',', &url)) {
    is_fine = egress_add_endpoint(egress, url);
  }
  rest = bc_str_of(settings->http);
  while (is_fine && rest.len > 0 && bc_str_next_field(&rest, ',', &url)) {
    is_fine = egress_add_listener(egress, url);
  }
  return is_fine;
}

bool bc_run_request_begin(struct bc_run_request *request, const struct bc_settings *settings) {
  struct bc_egress *egress = bc_egress_new();
  bool is_fine = egress_make(egress, settings);
  bc_egress_print(egress, &request->egress);
  bc_egress_free(egress);
  (void)json_object_set_new(request->globals, "node", json_pack("{s:s}", "name", settings->node));
  (void)json_object_set_new(request->globals, "check", json_pack("{s:s}", "name", request->name));
  (void)json_object_set_new(request->globals, "options",
                            json_pack("{s:{}, s:f, s:f, s:i}", "env", "interval", 1.0, "timeout",
                                      request->timeout_ms / 1000.0, "threshold", (int)request->threshold));
  return is_fine;
}
