#include "model/http_access.h"

#include "base/limits.h"
#include "base/mem.h"
#include "model/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ACCESS_NAME_BYTES = 253, ACCESS_LABEL_BYTES = 63, ACCESS_HTTP_PORT = 80, ACCESS_HTTPS_PORT = 443 };

struct bc_http_access {
  char **host;
  size_t count;
};

#define ACCESS_STATUS(name, status, code) status,
#define ACCESS_CODE(name, status, code) code,

unsigned bc_http_access_status(enum bc_http_access_answer answer) {
  static const unsigned statuses[] = {BC_HTTP_ACCESS_LIST(ACCESS_STATUS)};
  return statuses[answer];
}

const char *bc_http_access_code(enum bc_http_access_answer answer) {
  static const char *const codes[] = {BC_HTTP_ACCESS_LIST(ACCESS_CODE)};
  return codes[answer];
}

struct bc_http_access *bc_http_access_new(void) {
  return bc_mem_new(1, sizeof(struct bc_http_access));
}

void bc_http_access_free(struct bc_http_access *access) {
  for (size_t i = 0; access != NULL && i < access->count; i++) {
    free(access->host[i]);
  }
  if (access != NULL) {
    free(access->host);
  }
  free(access);
}

/* ---- names ---- */

/* Labels of letters, digits, '-' and, as some internal names have them, '_', no '-' at their ends (RFC 1123 2.1). A
 * last label of digits alone would be read as an address by some. */
static bool access_is_name(struct bc_str text) {
  struct bc_str label;
  bool has_letter = false;
  if (text.len == 0 || text.len > ACCESS_NAME_BYTES) {
    return false;
  }
  while (bc_str_next_field(&text, '.', &label)) {
    if (label.len == 0 || label.len > ACCESS_LABEL_BYTES || label.at[0] == '-' || label.at[label.len - 1] == '-') {
      return false;
    }
    has_letter = false;
    for (size_t i = 0; i < label.len; i++) {
      char c = label.at[i];
      bool is_digit = c >= '0' && c <= '9';
      bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
      if (!is_digit && !is_letter && c != '-' && c != '_') {
        return false;
      }
      has_letter = has_letter || !is_digit;
    }
  }
  return has_letter;
}

static void access_copy_lower(struct bc_str text, char *to) {
  for (size_t i = 0; i < text.len; i++) {
    bool is_upper = text.at[i] >= 'A' && text.at[i] <= 'Z';
    to[i] = (char)(is_upper ? text.at[i] | 0x20 : text.at[i]);
  }
  to[text.len] = '\0';
}

static bool access_read_address(struct bc_str text, bool is_ipv6, struct bc_http_host *out) {
  uint8_t address[16];
  struct bc_buf printed;
  bool is_fine = is_ipv6 ? bc_address_parse_ipv6(text, address) : bc_address_parse_ipv4(text, address);
  if (!is_fine) {
    return false;
  }
  bc_buf_init(&printed, BC_ADDRESS_TEXT_BYTES);
  bc_address_print(address, is_ipv6, &printed);
  (void)snprintf(out->name, sizeof out->name, "%s", printed.data);
  bc_buf_free(&printed);
  out->is_address = true;
  out->is_ipv6 = is_ipv6;
  return true;
}

static bool access_read_port(struct bc_str text, struct bc_http_host *out) {
  uint64_t port;
  if (text.len == 0 || text.len > 5 || bc_str_to_u64(text, UINT16_MAX, &port) != BC_ERR_OK || port == 0) {
    return false;
  }
  out->has_port = true;
  out->port = (uint16_t)port;
  return true;
}

/* Cuts ":PORT" off; false: it is none. */
static bool access_cut_port(struct bc_str *text, struct bc_http_host *out) {
  const char *end = text->at;
  if (text->at[0] == '[') {
    end = memchr(text->at, ']', text->len);
    if (end == NULL) {
      return false;
    }
    end++;
  } else {
    end = memchr(text->at, ':', text->len);
    end = end == NULL ? text->at + text->len : end;
  }
  struct bc_str behind = {.at = end, .len = (size_t)(text->at + text->len - end)};
  text->len -= behind.len;
  if (behind.len == 0) {
    return true;
  }
  return behind.at[0] == ':' && access_read_port((struct bc_str){behind.at + 1, behind.len - 1}, out);
}

bool bc_http_host_parse(struct bc_str text, struct bc_http_host *out) {
  *out = (struct bc_http_host){0};
  if (text.len == 0 || !access_cut_port(&text, out) || text.len == 0) {
    return false;
  }
  if (text.at[0] == '[') {
    return access_read_address((struct bc_str){text.at + 1, text.len - 2}, true, out);
  }
  if (access_read_address(text, false, out)) {
    return true;
  }
  text.len -= text.at[text.len - 1] == '.' ? 1U : 0U;
  if (!access_is_name(text)) {
    return false;
  }
  access_copy_lower(text, out->name);
  return true;
}

bool bc_http_origin_parse(struct bc_str text, struct bc_http_host *out) {
  static const char http[] = "http://";
  static const char https[] = "https://";
  bool is_https = bc_str_starts(text, https);
  if (!is_https && !bc_str_starts(text, http)) {
    return false;
  }
  size_t scheme = is_https ? sizeof https - 1 : sizeof http - 1;
  if (!bc_http_host_parse((struct bc_str){text.at + scheme, text.len - scheme}, out)) {
    return false;
  }
  if (!out->has_port) {
    out->has_port = true;
    out->port = is_https ? ACCESS_HTTPS_PORT : ACCESS_HTTP_PORT;
  }
  return true;
}

enum bc_err bc_http_access_add(struct bc_http_access *access, struct bc_str name, struct bc_fault *fault) {
  struct bc_http_host host;
  name = bc_str_trim(name);
  if (!bc_http_host_parse(name, &host) || host.has_port || host.is_address) {
    bc_fault_set(fault, 0, "expected a host's name without a port, such as bgp.example.net, found \"%.*s\"",
                 (int)(name.len < 60 ? name.len : 60), name.at);
    return BC_ERR_SYNTAX;
  }
  if (access->count == BC_LIMIT_HTTP_HOSTS) {
    bc_fault_set(fault, 0, "more than %d of them", BC_LIMIT_HTTP_HOSTS);
    return BC_ERR_LIMIT;
  }
  access->host = bc_mem_resize(access->host, access->count + 1, sizeof *access->host);
  access->host[access->count++] = bc_mem_copy_string(host.name);
  return BC_ERR_OK;
}

enum bc_err bc_http_access_add_list(struct bc_http_access *access, struct bc_str list, struct bc_fault *fault) {
  struct bc_str field;
  enum bc_err err = BC_ERR_OK;
  while (err == BC_ERR_OK && list.len > 0 && bc_str_next_field(&list, ',', &field)) {
    err = bc_http_access_add(access, field, fault);
  }
  return err;
}

/* ---- requests ---- */

static bool access_is_ours(const struct bc_http_access *access, const struct bc_http_host *host) {
  if (host->is_address || strcmp(host->name, "localhost") == 0) {
    return true;
  }
  for (size_t i = 0; i < access->count; i++) {
    if (strcmp(access->host[i], host->name) == 0) {
      return true;
    }
  }
  return false;
}

/* A host without a port was asked at the default port of a scheme that only the client knows, as a proxy may speak TLS
 * to it. */
static bool access_is_same(const struct bc_http_host *origin, const struct bc_http_host *host) {
  bool is_default = origin->port == ACCESS_HTTP_PORT || origin->port == ACCESS_HTTPS_PORT;
  return strcmp(origin->name, host->name) == 0 && (host->has_port ? origin->port == host->port : is_default);
}

static bool access_is_own_origin(const char *origin, const struct bc_http_host *host) {
  struct bc_http_host from;
  return bc_http_origin_parse(bc_str_of(origin), &from) && access_is_same(&from, host);
}

enum bc_http_access_answer bc_http_access_judge(const struct bc_http_access *access,
                                                const struct bc_http_access_ask *ask, struct bc_fault *fault) {
  struct bc_http_host host;
  const char *site = ask->fetch_site;
  if (!bc_http_host_parse(bc_str_of(ask->host), &host)) {
    bc_fault_set(fault, 0, "Host: expected a name or an address, with or without a port, found \"%.60s\"",
                 ask->host == NULL ? "" : ask->host);
    return BC_HTTP_ACCESS_BAD_HOST;
  }
  if (!access_is_ours(access, &host)) {
    bc_fault_set(fault, 0,
                 "Host: \"%.100s\" is no name of this node: expected an address, localhost, or a name that "
                 "http_host of the node file lists",
                 host.name);
    return BC_HTTP_ACCESS_OTHER_HOST;
  }
  if (ask->is_open) {
    return BC_HTTP_ACCESS_ALLOWED;
  }
  if (site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0) {
    bc_fault_set(fault, 0, "Sec-Fetch-Site: %.40s: pages from elsewhere may not ask for this", site);
    return BC_HTTP_ACCESS_FOREIGN;
  }
  if (ask->origin != NULL && !access_is_own_origin(ask->origin, &host)) {
    bc_fault_set(fault, 0, "Origin: %.100s: pages from elsewhere may not ask for this", ask->origin);
    return BC_HTTP_ACCESS_FOREIGN;
  }
  return BC_HTTP_ACCESS_ALLOWED;
}
