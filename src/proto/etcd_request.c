#include "proto/etcd_request.h"

#include "proto/base64.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

void bc_etcd_request_prefix_end(struct bc_buf *to, struct bc_str prefix) {
  size_t len = prefix.len;
  while (len > 0 && (unsigned char)prefix.at[len - 1] == 0xff) {
    len--;
  }
  if (len == 0) {
    bc_buf_add_char(to, '\0');
    return;
  }
  bc_buf_add(to, prefix.at, len - 1);
  bc_buf_add_char(to, (char)(unsigned char)((unsigned char)prefix.at[len - 1] + 1));
}

static void etcd_request_add_bytes(struct bc_buf *to, const char *name, struct bc_str bytes) {
  bc_buf_add_char(to, '"');
  bc_buf_add_text(to, name);
  bc_buf_add_text(to, "\":\"");
  bc_base64_encode(to, bytes);
  bc_buf_add_char(to, '"');
}

static void etcd_request_add_keys(struct bc_buf *to, struct bc_str key, struct bc_str range_end) {
  etcd_request_add_bytes(to, "key", key);
  if (range_end.len > 0) {
    bc_buf_add_char(to, ',');
    etcd_request_add_bytes(to, "range_end", range_end);
  }
}

static void etcd_request_add_number(struct bc_buf *to, const char *name, uint64_t number) {
  if (number != 0) {
    bc_buf_add_format(to, ",\"%s\":\"%" PRIu64 "\"", name, number);
  }
}

void bc_etcd_request_range(struct bc_buf *to, const struct bc_etcd_range *range) {
  bc_buf_add_char(to, '{');
  etcd_request_add_keys(to, range->key, range->range_end);
  etcd_request_add_number(to, "revision", range->revision);
  etcd_request_add_number(to, "limit", range->limit);
  if (range->count_only) {
    bc_buf_add_text(to, ",\"count_only\":true");
  }
  bc_buf_add_char(to, '}');
}

void bc_etcd_request_watch(struct bc_buf *to, struct bc_str key, struct bc_str range_end, uint64_t start_revision) {
  bc_buf_add_text(to, "{\"create_request\":{");
  etcd_request_add_keys(to, key, range_end);
  etcd_request_add_number(to, "start_revision", start_revision);
  bc_buf_add_text(to, ",\"progress_notify\":true,\"fragment\":true}}");
}

void bc_etcd_request_txn_begin(struct bc_buf *to) {
  bc_buf_add_text(to, "{\"success\":[");
}

static void etcd_request_add_comma(struct bc_buf *to) {
  if (to->len > 0 && to->data[to->len - 1] == '}') {
    bc_buf_add_char(to, ',');
  }
}

void bc_etcd_request_txn_if(struct bc_buf *to) {
  bc_buf_add_text(to, "{\"compare\":[");
}

void bc_etcd_request_txn_unchanged(struct bc_buf *to, struct bc_str key, uint64_t mod_revision) {
  etcd_request_add_comma(to);
  bc_buf_add_text(to, "{\"target\":\"MOD\",\"result\":\"EQUAL\",");
  etcd_request_add_bytes(to, "key", key);
  /* Also 0 must be said: without it there is nothing to compare with. */
  bc_buf_add_format(to, ",\"mod_revision\":\"%" PRIu64 "\"}", mod_revision);
}

void bc_etcd_request_txn_then(struct bc_buf *to) {
  bc_buf_add_text(to, "],\"success\":[");
}

void bc_etcd_request_txn_put(struct bc_buf *to, struct bc_str key, struct bc_str value, uint64_t lease) {
  etcd_request_add_comma(to);
  bc_buf_add_text(to, "{\"request_put\":{");
  etcd_request_add_bytes(to, "key", key);
  bc_buf_add_char(to, ',');
  etcd_request_add_bytes(to, "value", value);
  etcd_request_add_number(to, "lease", lease);
  bc_buf_add_text(to, "}}");
}

void bc_etcd_request_txn_delete(struct bc_buf *to, struct bc_str key) {
  etcd_request_add_comma(to);
  bc_buf_add_text(to, "{\"request_delete_range\":{");
  etcd_request_add_bytes(to, "key", key);
  bc_buf_add_text(to, "}}");
}

void bc_etcd_request_txn_end(struct bc_buf *to) {
  bc_buf_add_text(to, "]}");
}

void bc_etcd_request_lease_grant(struct bc_buf *to, unsigned ttl_s) {
  bc_buf_add_format(to, "{\"TTL\":\"%u\"}", ttl_s);
}

void bc_etcd_request_lease(struct bc_buf *to, uint64_t lease) {
  bc_buf_add_format(to, "{\"ID\":\"%" PRIu64 "\"}", lease);
}

enum bc_err bc_etcd_request_authenticate(struct bc_buf *to, struct bc_str user, struct bc_str password) {
  json_t *name = json_stringn(user.at == NULL ? "" : user.at, user.len);
  json_t *secret = json_stringn(password.at == NULL ? "" : password.at, password.len);
  json_t *body = json_object();
  /* set_new takes the strings over, also when it fails, and fails on NULL. */
  int failed = json_object_set_new(body, "name", name);
  failed |= json_object_set_new(body, "password", secret);
  char *text = failed != 0 ? NULL : json_dumps(body, JSON_COMPACT);
  json_decref(body);
  if (text == NULL) {
    return BC_ERR_SYNTAX;
  }
  bc_buf_add_text(to, text);
  free(text);
  return BC_ERR_OK;
}
