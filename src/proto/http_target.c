#include "proto/http_target.h"

#include "base/mem.h"
#include "proto/http_form.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool bc_http_is_token(struct bc_str text) {
  static const char others[] = "!#$%&'*+-.^_`|~";
  for (size_t i = 0; i < text.len; i++) {
    char c = text.at[i];
    bool is_alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!is_alphanumeric && (c == '\0' || strchr(others, c) == NULL)) {
      return false;
    }
  }
  return text.len > 0;
}

bool bc_http_is_value(struct bc_str text) {
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.at[i];
    if ((c < 0x20 && c != '\t') || c == 0x7f) {
      return false;
    }
  }
  return true;
}

bool bc_http_is_text(struct bc_str text) {
  while (text.len > 0) {
    size_t len = bc_str_character(text);
    unsigned char first = (unsigned char)text.at[0];
    /* The controls U+0080 to U+009F are c2 80 to c2 9f. */
    bool is_c1 = len == 2 && first == 0xc2 && (unsigned char)text.at[1] < 0xa0;
    if (len == 0 || first < 0x20 || first == 0x7f || is_c1) {
      return false;
    }
    text = (struct bc_str){.at = text.at + len, .len = text.len - len};
  }
  return true;
}

/* Decodes `text` in its place and ends it with a NUL; `base` is the begin of the target, for the column. */
static enum bc_err http_target_decode(char *text, bool is_path, const char *base, struct bc_fault *fault) {
  char *to = text;
  for (const char *at = text; *at != '\0'; at++) {
    if (*at == '%') {
      int high = bc_http_hex(at[1]);
      int low = high < 0 ? -1 : bc_http_hex(at[2]);
      if (low < 0) {
        bc_fault_set(fault, (size_t)(at - base) + 1, "%% is not followed by two hexadecimal digits");
        return BC_ERR_SYNTAX;
      }
      char byte = (char)(high * 16 + low);
      if (byte == '\0') {
        bc_fault_set(fault, (size_t)(at - base) + 1, "%%00 has no place in a request's target");
        return BC_ERR_SYNTAX;
      }
      if (is_path && byte == '/') {
        memcpy(to, "%2F", 3); /* not behind `at`: as long as what was read */
        to += 3;
      } else {
        *to++ = byte;
      }
      at += 2;
    } else {
      *to++ = !is_path && *at == '+' ? ' ' : *at;
    }
  }
  *to = '\0';
  if (!bc_http_is_text(bc_str_of(text))) {
    bc_fault_set(fault, (size_t)(text - base) + 1, "the request's target holds control characters or no UTF-8");
    return BC_ERR_SYNTAX;
  }
  return BC_ERR_OK;
}

const char *bc_http_target_query(const struct bc_http_target *target, const char *name) {
  for (size_t i = 0; i < target->query_count; i++) {
    if (strcmp(target->query[i].name, name) == 0) {
      return target->query[i].value;
    }
  }
  return NULL;
}

static enum bc_err http_target_add(struct bc_http_target *to, char *pair, struct bc_fault *fault) {
  size_t column = (size_t)(pair - to->text) + 1;
  char *equals = strchr(pair, '=');
  char *value = equals == NULL ? pair + strlen(pair) : equals + 1;
  if (equals != NULL) {
    *equals = '\0';
  }
  enum bc_err err = http_target_decode(value, false, to->text, fault);
  if (err == BC_ERR_OK) {
    err = http_target_decode(pair, false, to->text, fault);
  }
  if (err != BC_ERR_OK) {
    return err;
  }
  if (*pair == '\0') {
    bc_fault_set(fault, column, "a part of the query has no name");
    return BC_ERR_SYNTAX;
  }
  if (bc_http_target_query(to, pair) != NULL) {
    bc_fault_set(fault, column, "the query has %.64s twice", pair);
    return BC_ERR_EXISTS;
  }
  if (to->query_count == BC_LIMIT_HTTP_QUERY_NAMES) {
    bc_fault_set(fault, column, "the query has more than %d names", BC_LIMIT_HTTP_QUERY_NAMES);
    return BC_ERR_LIMIT;
  }
  to->query[to->query_count++] = (struct bc_http_parameter){.name = pair, .value = value};
  return BC_ERR_OK;
}

static enum bc_err http_target_parse_query(char *text, struct bc_http_target *to, struct bc_fault *fault) {
  enum bc_err err = BC_ERR_OK;
  while (err == BC_ERR_OK && text != NULL) {
    char *next = strchr(text, '&');
    if (next != NULL) {
      *next++ = '\0';
    }
    /* "?a&" and "?" alone: nothing is meant. */
    err = *text == '\0' ? BC_ERR_OK : http_target_add(to, text, fault);
    text = next;
  }
  return err;
}

/* Past "http://HOST" of the absolute form; NULL with `fault` when HOST is not that of the header. */
static char *http_target_skip_host(char *text, const char *host, struct bc_fault *fault) {
  static const char scheme[] = "http://";
  if (strncasecmp(text, scheme, sizeof scheme - 1) != 0) {
    bc_fault_set(fault, 1, "the request's target does not begin with /");
    return NULL;
  }
  char *at = text + sizeof scheme - 1;
  size_t len = strcspn(at, "/?");
  if (host == NULL || strlen(host) != len || strncasecmp(at, host, len) != 0) {
    bc_fault_set(fault, sizeof scheme, "the host in the request's target is not that of its Host header");
    return NULL;
  }
  return at + len;
}

enum bc_err bc_http_target_parse(const char *raw, const char *host, struct bc_http_target *to, struct bc_fault *fault) {
  static char root[] = "/";
  *to = (struct bc_http_target){.text = bc_mem_copy_string(raw)};
  char *at = to->text;
  for (const char *byte = raw; *byte != '\0'; byte++) {
    unsigned char c = (unsigned char)*byte;
    if (c <= ' ' || c >= 0x7f || c == '#') {
      bc_fault_set(fault, (size_t)(byte - raw) + 1, "a character of the request's target should be percent-encoded");
      return BC_ERR_SYNTAX;
    }
  }
  if (*at != '/') {
    at = http_target_skip_host(at, host, fault);
    if (at == NULL) {
      return BC_ERR_SYNTAX;
    }
  }
  char *query = strchr(at, '?');
  if (query != NULL) {
    *query++ = '\0';
  }
  to->path = *at == '\0' ? root : at;
  enum bc_err err = *at == '\0' ? BC_ERR_OK : http_target_decode(at, true, to->text, fault);
  return err == BC_ERR_OK ? http_target_parse_query(query, to, fault) : err;
}

void bc_http_target_free(struct bc_http_target *target) {
  free(target->text);
  *target = (struct bc_http_target){0};
}
