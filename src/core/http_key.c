/* Idempotency-Key: who asks again, because an answer was lost on its way, gets the answer of the first time. */
#include "base/mem.h"
#include "core/http_private.h"
#include "model/config_named.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { KEY_KEPT_MS = 600000, KEY_ANSWER_BYTES = 65536 };

struct http_key {
  TAILQ_ENTRY(http_key) link;
  char *text;     /* who, a line break, the key */
  uint64_t asked; /* hash of all that the first request asked for */
  struct bc_mono until;
  bool is_done;
  unsigned status;
  char *type, *location; /* NULL = none */
  char *body;
  size_t body_len;
};

static void key_free(struct core_http *http, struct http_key *key) {
  TAILQ_REMOVE(&http->keys, key, link);
  http->key_count--;
  http->key_bytes -= key->body_len;
  free(key->text);
  free(key->type);
  free(key->location);
  free(key->body);
  free(key);
}

static void key_add_query(void *arg, const char *name, const char *value) {
  bc_buf_add_format(arg, "\n%s=%s", name, value);
}

static uint64_t key_hash(const struct bc_httpd_request *request) {
  const char *type = bc_httpd_header(request, "Content-Type");
  struct bc_buf all;
  bc_buf_init(&all, BC_LIMIT_HTTP_BODY_BYTES + 2U * BC_LIMIT_HTTP_HEAD_BYTES);
  bc_buf_add_format(&all, "%s %s\n%s", bc_httpd_method(request), bc_httpd_path(request),
                    core_http_wants_json(request) ? "json" : "text");
  bc_httpd_query_each(request, key_add_query, &all);
  /* The boundary of a form is another each time. */
  bool is_multipart = type != NULL && strncasecmp(type, "multipart/", 10) == 0;
  static const char *const fields[] = {"command", "id", "ttl", "reason"};
  struct bc_str value;
  for (size_t i = 0; is_multipart && i < sizeof fields / sizeof fields[0]; i++) {
    if (bc_httpd_form(request, fields[i], &value)) {
      bc_buf_add_format(&all, "\n%s:%zu:", fields[i], value.len);
      bc_buf_add_str(&all, value);
    }
  }
  bc_buf_add_str(&all, is_multipart ? bc_str_of("") : bc_httpd_body(request));
  uint64_t hash = bc_config_script_hash(bc_buf_str(&all));
  bc_buf_free(&all);
  return hash;
}

static bool key_is_valid(const char *key) {
  size_t len = strlen(key);
  return len > 0 && len <= BC_LIMIT_HTTP_KEY_BYTES && bc_str_is_printable(bc_str_of(key));
}

/* Drops what is over, and of the rest the oldest answers until there is room for one more of `len` bytes. */
static bool key_make_room(struct core_http *http, size_t len) {
  struct bc_mono now = bc_mono_now();
  struct http_key *key = TAILQ_LAST(&http->keys, http_key_list);
  while (key != NULL) {
    struct http_key *newer = TAILQ_PREV(key, http_key_list, link);
    bool is_full = http->key_count >= BC_LIMIT_HTTP_KEYS || http->key_bytes + len > BC_LIMIT_HTTP_KEYS_BYTES;
    bool is_over = bc_mono_reached(key->until, now);
    if (!is_over && !is_full) {
      return true;
    }
    if (key->is_done) {
      key_free(http, key);
    }
    key = newer;
  }
  return http->key_count < BC_LIMIT_HTTP_KEYS && http->key_bytes + len <= BC_LIMIT_HTTP_KEYS_BYTES;
}

static void key_replay(struct core_http_call *call, const struct http_key *key) {
  bc_httpd_add_header(call->request, "Idempotency-Replayed", "true");
  if (key->location != NULL) {
    bc_httpd_add_header(call->request, "Location", key->location);
  }
  bc_httpd_answer(call->request, key->status, key->type, (struct bc_str){.at = key->body, .len = key->body_len});
}

static void key_answer_again(struct core_http_call *call, const struct http_key *key, uint64_t asked) {
  if (key->asked != asked) {
    core_http_fail(call->request, 422, "key-reused", "this Idempotency-Key came with another request before");
  } else if (!key->is_done) {
    bc_httpd_add_header(call->request, "Retry-After", "1");
    core_http_fail(call->request, 409, "key-busy", "the first request with this Idempotency-Key is not answered yet");
  } else {
    key_replay(call, key);
  }
}

bool core_http_key_begin(struct core_http_call *call, struct http_key **out) {
  struct core_http *http = call->core->http;
  const char *text = bc_httpd_header(call->request, "Idempotency-Key");
  *out = NULL;
  if (text == NULL) {
    return true;
  }
  if (!key_is_valid(text)) {
    core_http_fail(call->request, 400, "key", "Idempotency-Key: expected 1 to %d printable characters",
                   (int)BC_LIMIT_HTTP_KEY_BYTES);
    return false;
  }
  bool has_room = key_make_room(http, 0);
  char name[CORE_HTTP_WHO_BYTES + BC_LIMIT_HTTP_KEY_BYTES + 2];
  (void)snprintf(name, sizeof name, "%s\n%s", call->who, text);
  uint64_t asked = key_hash(call->request);
  struct http_key *key;
  TAILQ_FOREACH(key, &http->keys, link) {
    if (strcmp(key->text, name) == 0) {
      key_answer_again(call, key, asked);
      return false;
    }
  }
  if (!has_room) {
    bc_httpd_add_header(call->request, "Retry-After", "1");
    core_http_fail(call->request, 503, "busy", "too many requests with an Idempotency-Key are under way");
    return false;
  }
  key = bc_mem_new(1, sizeof *key);
  key->text = bc_mem_copy_string(name);
  key->asked = asked;
  key->until = bc_mono_add_ms(bc_mono_now(), KEY_KEPT_MS);
  TAILQ_INSERT_HEAD(&http->keys, key, link);
  http->key_count++;
  *out = key;
  return true;
}

void core_http_key_end(struct bc_core *core, struct http_key *key, unsigned status, const char *type,
                       const char *location, struct bc_str body) {
  struct core_http *http = core->http;
  if (key == NULL) {
    return;
  }
  /* What did not happen may be asked for again. */
  if (status == 429 || status >= 500 || body.len > KEY_ANSWER_BYTES || !key_make_room(http, body.len)) {
    key_free(http, key);
    return;
  }
  key->is_done = true;
  key->status = status;
  key->type = bc_mem_copy_string(type);
  key->location = bc_mem_copy_string(location);
  key->body = bc_mem_copy_text(body.at, body.len);
  key->body_len = body.len;
  http->key_bytes += body.len;
}

void core_http_key_drop(struct bc_core *core, struct http_key *key) {
  if (key != NULL) {
    key_free(core->http, key);
  }
}

void core_http_key_close(struct bc_core *core) {
  struct http_key *key;
  while ((key = TAILQ_FIRST(&core->http->keys)) != NULL) {
    key_free(core->http, key);
  }
}
