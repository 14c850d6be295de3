/* Where a script may connect to that is run without a daemon: what the daemon would make of the same settings. */
#include "base/mem.h"
#include "cli/run_request.h"
#include "model/address.h"
#include "model/egress.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static bool egress_add_address(struct bc_egress *egress, const uint8_t *address, bool is_ipv6, unsigned port) {
  struct bc_fault fault;
  struct bc_buf rule;
  bc_buf_init(&rule, BC_FAULT_TEXT_BYTES);
  bc_buf_add_text(&rule, is_ipv6 ? "[" : "");
  bc_address_print(address, is_ipv6, &rule);
  bc_buf_add_format(&rule, "%s:%u", is_ipv6 ? "]" : "", port);
  enum bc_err err = bc_egress_add(egress, BC_EGRESS_ETCD, bc_buf_str(&rule), &fault);
  if (err != BC_ERR_OK) {
    (void)fprintf(stderr, "etcd endpoint %s: %s\n", rule.data, fault.text);
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
    is_fine = egress_add_address(egress, address, is_ipv6, port) &&
              (memcmp(address, zeros, sizeof zeros) != 0 || egress_add_address(egress, loopback, false, port));
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
