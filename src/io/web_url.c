#include "base/limits.h"
#include "base/mem.h"
#include "io/web.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* A part of `handle` as a text of ours; NULL: there is none. */
static char *web_url_part(CURLU *handle, CURLUPart part, unsigned flags) {
  char *text = NULL;
  if (curl_url_get(handle, part, &text, flags) != CURLUE_OK) {
    return NULL;
  }
  char *copy = bc_mem_copy_string(text);
  curl_free(text);
  return copy;
}

/* Addresses lose their brackets and get one spelling, so that hosts can be compared. */
static void web_url_settle_host(char *host) {
  uint8_t address[16];
  size_t len = strlen(host);
  if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
    memmove(host, host + 1, len - 2);
    host[len - 2] = '\0';
    if (inet_pton(AF_INET6, host, address) == 1) {
      /* No text of an address is longer than what curl took for one; its own room says so all the same. */
      char canonical[INET6_ADDRSTRLEN];
      (void)inet_ntop(AF_INET6, address, canonical, sizeof canonical);
      if (strlen(canonical) <= len) {
        memcpy(host, canonical, strlen(canonical) + 1);
      }
    }
    return;
  }
  for (char *c = host; *c != '\0'; c++) {
    *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
  }
}

static enum bc_err web_url_read(CURLU *handle, struct bc_web_url *url, struct bc_fault *fault) {
  char *scheme = web_url_part(handle, CURLUPART_SCHEME, 0);
  bool is_known = scheme != NULL && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
  url->is_tls = is_known && scheme[4] == 's';
  free(scheme);
  if (!is_known) {
    bc_fault_set(fault, 0, "expected a URL with http:// or https://, found another scheme");
    return BC_ERR_UNSUPPORTED;
  }
  char *zone = web_url_part(handle, CURLUPART_ZONEID, 0);
  free(zone);
  if (zone != NULL) {
    bc_fault_set(fault, 0, "an address in a URL cannot have a zone");
    return BC_ERR_UNSUPPORTED;
  }
  (void)curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
  char *port = web_url_part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  url->host = web_url_part(handle, CURLUPART_HOST, 0);
  url->text = web_url_part(handle, CURLUPART_URL, 0);
  uint64_t number = 0;
  bool is_whole = port != NULL && bc_str_to_u64(bc_str_of(port), UINT16_MAX, &number) == BC_ERR_OK && number > 0 &&
                  url->text != NULL && url->host != NULL && url->host[0] != '\0' &&
                  bc_str_is_printable(bc_str_of(url->host));
  free(port);
  if (!is_whole) {
    bc_fault_set(fault, 0, "expected a URL with a host and a port from 1 to 65535; a host is written in ASCII (xn--…)");
    return BC_ERR_SYNTAX;
  }
  web_url_settle_host(url->host);
  url->port = (uint16_t)number;
  return BC_ERR_OK;
}

/* `base` NULL: `text` stands for itself. */
static enum bc_err web_url_set(const char *base, struct bc_str text, unsigned flags, struct bc_web_url *url,
                               struct bc_fault *fault) {
  *url = (struct bc_web_url){0};
  if (text.len > BC_LIMIT_WEB_URL_BYTES) {
    bc_fault_set(fault, 0, "expected a URL of at most %d bytes", (int)BC_LIMIT_WEB_URL_BYTES);
    return BC_ERR_LIMIT;
  }
  CURLU *handle = curl_url();
  if (handle == NULL) {
    abort();
  }
  char *copy = bc_mem_copy_text(text.at, text.len);
  CURLUcode code = base == NULL ? CURLUE_OK : curl_url_set(handle, CURLUPART_URL, base, flags);
  code = code != CURLUE_OK          ? code
         : strlen(copy) == text.len ? curl_url_set(handle, CURLUPART_URL, copy, flags)
                                    : CURLUE_MALFORMED_INPUT;
  enum bc_err err = BC_ERR_UNSUPPORTED;
  if (code == CURLUE_OK) {
    err = web_url_read(handle, url, fault);
  } else if (code == CURLUE_UNSUPPORTED_SCHEME) {
    bc_fault_set(fault, 0, "expected a URL with http:// or https://, found another scheme");
  } else {
    bc_fault_set(fault, 0, "expected a URL such as http://www.example.com/: %s", curl_url_strerror(code));
    err = BC_ERR_SYNTAX;
  }
  if (err == BC_ERR_OK && strlen(url->text) > BC_LIMIT_WEB_URL_BYTES) {
    bc_fault_set(fault, 0, "expected a URL of at most %d bytes", (int)BC_LIMIT_WEB_URL_BYTES);
    err = BC_ERR_LIMIT;
  }
  free(copy);
  curl_url_cleanup(handle);
  if (err != BC_ERR_OK) {
    bc_web_url_free(url);
  }
  return err;
}

enum bc_err bc_web_url_parse(struct bc_str text, struct bc_web_url *url, struct bc_fault *fault) {
  if (!bc_str_is_printable(text)) {
    *url = (struct bc_web_url){0};
    bc_fault_set(fault, 0, "expected a URL in printable ASCII: other bytes are escaped (%%C3%%A4)");
    return BC_ERR_SYNTAX;
  }
  return web_url_set(NULL, text, 0, url, fault);
}

enum bc_err bc_web_url_follow(const struct bc_web_url *from, struct bc_str location, struct bc_web_url *url,
                              struct bc_fault *fault) {
  return web_url_set(from->text, location, CURLU_URLENCODE | CURLU_ALLOW_SPACE, url, fault);
}

void bc_web_url_free(struct bc_web_url *url) {
  free(url->text);
  free(url->host);
  *url = (struct bc_web_url){0};
}

bool bc_web_url_has_same_origin(const struct bc_web_url *a, const struct bc_web_url *b) {
  return a->is_tls == b->is_tls && a->port == b->port && strcmp(a->host, b->host) == 0;
}
