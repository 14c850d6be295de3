/* Where a script may connect to that is run without a daemon: what the daemon would make of the same settings. */
#include "cli/run_request.h"
#include "model/address.h"
#include "model/egress.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { EGRESS_HOST_BYTES = 256, EGRESS_HTTP_PORT = 80, EGRESS_HTTPS_PORT = 443 };

/* http://HOST:PORT/…; false: it leads nowhere on the network. */
static bool egress_split(struct bc_str url, char host[static EGRESS_HOST_BYTES], unsigned *port) {
  bool is_plain = bc_str_starts(url, "http://");
  if (!is_plain && !bc_str_starts(url, "https://")) {
    return false;
  }
  size_t skip = is_plain ? strlen("http://") : strlen("https://");
  struct bc_str rest = {url.at + skip, url.len - skip};
  struct bc_str authority;
  (void)bc_str_next_field(&rest, '/', &authority);
  const char *at = authority.len == 0 ? NULL : memrchr(authority.at, '@', authority.len);
  if (at != NULL) {
    authority.len -= (size_t)(at + 1 - authority.at);
    authority.at = at + 1;
  }
  const char *end = authority.len > 0 && authority.at[0] == '[' ? memchr(authority.at, ']', authority.len) : NULL;
  size_t host_from = end == NULL ? 0 : 1;
  size_t host_to = end == NULL ? authority.len : (size_t)(end - authority.at);
  size_t tail = end == NULL ? 0 : host_to + 1;
  const char *colon = memchr(authority.at + tail, ':', authority.len - tail);
  uint64_t number = is_plain ? EGRESS_HTTP_PORT : EGRESS_HTTPS_PORT;
  if (colon != NULL) {
    size_t from = (size_t)(colon - authority.at);
    host_to = end == NULL ? from : host_to;
    if (bc_str_to_u64((struct bc_str){colon + 1, authority.len - from - 1}, UINT16_MAX, &number) != BC_ERR_OK) {
      return false;
    }
  }
  *port = (unsigned)number;
  return host_to > host_from && (size_t)snprintf(host, EGRESS_HOST_BYTES, "%.*s", (int)(host_to - host_from),
                                                 authority.at + host_from) < EGRESS_HOST_BYTES;
}

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
  char host[EGRESS_HOST_BYTES];
  unsigned port;
  const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  if (!egress_split(url, host, &port)) {
    return true;
  }
  if (getaddrinfo(host, NULL, &hints, &found) != 0) {
    (void)fprintf(stderr, "warning: the etcd endpoint %s has no address now: the script may connect to it\n", host);
    return true;
  }
  bool is_fine = egress_add_found(egress, found, port);
  freeaddrinfo(found);
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
