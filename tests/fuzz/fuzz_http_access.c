/* Host, Origin, Sec-Fetch-Site and a name of http_host, each behind a byte of 1: what is read as a host is read again
 * from its own name, and nothing is allowed whose name is neither an address, localhost, nor the one of the list. */
#include "base/mem.h"
#include "model/http_access.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_host(const struct bc_http_host *host) {
  char text[300];
  struct bc_http_host again;
  (void)snprintf(text, sizeof text, host->is_ipv6 ? "[%s]:%u" : "%s:%u", host->name, host->has_port ? host->port : 1U);
  if (!bc_http_host_parse(bc_str_of(text), &again) || strcmp(again.name, host->name) != 0 ||
      again.is_address != host->is_address || strpbrk(host->name, " @/\\,[]?#%") != NULL) {
    abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *parts[4] = {NULL};
  struct bc_str rest = {(const char *)data, size};
  struct bc_str part;
  for (unsigned i = 0; i < 4 && bc_str_next_field(&rest, 1, &part); i++) {
    parts[i] = bc_mem_copy_text(part.at, part.len);
  }
  struct bc_http_access *access = bc_http_access_new();
  struct bc_fault fault;
  struct bc_http_host host;
  struct bc_http_host origin;
  struct bc_http_host listed = {0};
  bool is_listed = parts[3] != NULL && bc_http_access_add(access, bc_str_of(parts[3]), &fault) == BC_ERR_OK &&
                   bc_http_host_parse(bc_str_trim(bc_str_of(parts[3])), &listed);
  struct bc_http_access_ask ask = {.host = parts[0], .origin = parts[1], .fetch_site = parts[2]};
  bool is_host = bc_http_host_parse(bc_str_of(parts[0]), &host);
  if (is_host) {
    check_host(&host);
  }
  if (bc_http_access_judge(access, &ask, &fault) == BC_HTTP_ACCESS_ALLOWED) {
    bool is_ours = is_host && (host.is_address || strcmp(host.name, "localhost") == 0 ||
                               (is_listed && strcmp(host.name, listed.name) == 0));
    bool is_own =
        parts[1] == NULL || (bc_http_origin_parse(bc_str_of(parts[1]), &origin) && strcmp(origin.name, host.name) == 0);
    if (!is_ours || !is_own) {
      abort();
    }
  }
  bc_http_access_free(access);
  for (unsigned i = 0; i < 4; i++) {
    free(parts[i]);
  }
  return 0;
}
