#include "proto/etcd2_request.h"

#include "proto/base64.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

/* `safe`: what stays as it is beside letters and digits. */
static void request_add_encoded(struct bc_buf *to, struct bc_str text, const char *safe) {
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.at[i];
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_plain || (c != '\0' && strchr(safe, c) != NULL)) {
      bc_buf_add_char(to, (char)c);
    } else {
      bc_buf_add_format(to, "%%%02X", c);
    }
  }
}

void bc_etcd2_request_key(struct bc_buf *to, struct bc_str key) {
  while (key.len > 0 && key.at[key.len - 1] == '/') {
    key.len--;
  }
  bc_buf_add_text(to, "/v2/keys");
  request_add_encoded(to, key, "/-_.~");
}

void bc_etcd2_request_key_if(struct bc_buf *to, struct bc_str key, uint64_t index) {
  bc_etcd2_request_key(to, key);
  if (index == 0) {
    bc_buf_add_text(to, "?prevExist=false");
  } else {
    bc_buf_add_format(to, "?prevIndex=%" PRIu64, index);
  }
}

void bc_etcd2_request_empty_dir(struct bc_buf *to, struct bc_str key) {
  bc_etcd2_request_key(to, key);
  bc_buf_add_text(to, "?dir=true");
}

void bc_etcd2_request_get(struct bc_buf *to, struct bc_str key, bool recursive) {
  bc_etcd2_request_key(to, key);
  bc_buf_add_text(to, recursive ? "?quorum=true&recursive=true" : "?quorum=true");
}

void bc_etcd2_request_wait(struct bc_buf *to, struct bc_str key, uint64_t index) {
  bc_etcd2_request_key(to, key);
  bc_buf_add_format(to, "?wait=true&recursive=true&waitIndex=%" PRIu64, index);
}

static void request_add_field(struct bc_buf *to, const char *field) {
  if (to->len > 0) {
    bc_buf_add_char(to, '&');
  }
  bc_buf_add_text(to, field);
}

bool bc_etcd2_request_can_hold(struct bc_str value) {
  json_t *text = json_stringn(value.at == NULL ? "" : value.at, value.len);
  bool is_text = text != NULL && (value.len == 0 || memchr(value.at, '\0', value.len) == NULL);
  json_decref(text);
  return is_text;
}

void bc_etcd2_request_put(struct bc_buf *to, const struct bc_etcd2_put *put) {
  if (put->only_refresh) {
    request_add_field(to, "refresh=true&prevExist=true");
  }
  if (put->is_directory) {
    request_add_field(to, "dir=true");
  }
  if (put->ttl_s > 0) {
    request_add_field(to, "ttl=");
    bc_buf_add_format(to, "%" PRIu64, put->ttl_s);
  }
  if (put->value.at != NULL) {
    request_add_field(to, "value=");
    request_add_encoded(to, put->value, "-_.~");
  }
}

void bc_etcd2_request_authorization(struct bc_buf *to, struct bc_str user, struct bc_str password) {
  struct bc_buf both;
  bc_buf_init(&both, to->max);
  bc_buf_add_str(&both, user);
  bc_buf_add_char(&both, ':');
  bc_buf_add_str(&both, password);
  bc_buf_add_text(to, "Authorization: Basic ");
  bc_base64_encode(to, bc_buf_str(&both));
  explicit_bzero(both.data, both.len);
  bc_buf_free(&both);
}
