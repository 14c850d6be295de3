/* What came with a request: its query, and its body as JSON or as a command. */
#include "base/duration.h"
#include "base/mem.h"
#include "core/http_private.h"
#include "proto/http_target.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
  ASK_TIMEOUT_MS = 10000,
  ASK_TIMEOUT_MS_MOST = 60000,
  ASK_TTL_MS_LEAST = 1000,
  ASK_TTL_S_MOST = 10 * 366 * 86400,
  ASK_JSON_DEPTH = 8
};

void core_http_ask_release(struct bc_core *core, struct http_ask *ask) {
  bc_route_release(core->intern, &ask->route);
  free(ask->name);
  free(ask->command);
  free(ask->reason);
  *ask = (struct http_ask){0};
}

/* ---- the query ---- */

struct ask_query {
  struct http_ask *ask;
  const char *problem; /* static; NULL = none yet */
};

static bool ask_read_switch(const char *value, bool *out) {
  *out = value[0] == '\0' || strcmp(value, "1") == 0 || strcmp(value, "true") == 0;
  return *out || strcmp(value, "0") == 0 || strcmp(value, "false") == 0;
}

static bool ask_read_wait(const char *value, enum http_wait *out) {
  static const char *const words[] = {"ack", "wire", "none"};
  for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strcmp(value, words[i]) == 0) {
      *out = (enum http_wait)i;
      return true;
    }
  }
  return false;
}

/* A number of seconds, or with a unit. */
static bool ask_read_duration(struct bc_str text, uint64_t most_s, uint64_t *out_ms) {
  uint64_t seconds = 0;
  unsigned ms = 0;
  if (bc_str_to_u64(text, most_s, &seconds) == BC_ERR_OK) {
    *out_ms = seconds * 1000;
    return true;
  }
  if (bc_duration_parse(text, &ms) != BC_ERR_OK || ms > most_s * 1000) {
    return false;
  }
  *out_ms = ms;
  return true;
}

static void ask_on_query(void *arg, const char *name, const char *value) {
  struct ask_query *query = arg;
  struct http_ask *ask = query->ask;
  uint64_t ms = 0;
  if (strcmp(name, "dry_run") == 0) {
    query->problem = ask_read_switch(value, &ask->is_dry_run) ? query->problem : "dry_run: expected 1 or 0";
  } else if (strcmp(name, "wait") == 0) {
    query->problem = ask_read_wait(value, &ask->wait) ? query->problem : "wait: expected ack, wire or none";
  } else if (strcmp(name, "timeout") == 0) {
    bool is_fine = ask_read_duration(bc_str_of(value), ASK_TIMEOUT_MS_MOST / 1000, &ms) && ms > 0;
    query->problem = is_fine ? query->problem : "timeout: expected at most 60 seconds, such as 5 or 500ms";
    ask->timeout_ms = (unsigned)ms;
  } else {
    query->problem = "the query takes dry_run, wait and timeout";
  }
}

bool core_http_ask_query(struct core_http_call *call, struct http_ask *ask) {
  struct ask_query query = {.ask = ask};
  ask->timeout_ms = ASK_TIMEOUT_MS;
  bc_httpd_query_each(call->request, ask_on_query, &query);
  if (query.problem != NULL) {
    core_http_fail(call->request, 400, "query", "%s", query.problem);
  }
  return query.problem == NULL;
}

/* ---- time and reason ---- */

const char *core_http_read_ttl(struct bc_str text, uint64_t *ttl_ms) {
  return ask_read_duration(text, ASK_TTL_S_MOST, ttl_ms) && *ttl_ms >= ASK_TTL_MS_LEAST
             ? NULL
             : "ttl: expected seconds or a time with a unit, at least 1s, such as 90, \"90s\", \"10m\" or \"2h\"";
}

/* It is shown to people, on terminals too. */
const char *core_http_read_reason(struct bc_str text) {
  if (!bc_http_is_text(text)) {
    return "reason: expected one line of text";
  }
  return text.len > BC_LIMIT_HTTP_REASON_BYTES ? "reason: expected at most 512 bytes" : NULL;
}

/* ---- JSON ---- */

static bool ask_is_known(const char *const *names, const char *name) {
  for (; *names != NULL; names++) {
    if (strcmp(*names, name) == 0) {
      return true;
    }
  }
  return false;
}

static void ask_fail_unknown(struct core_http_call *call, const char *const *names, const char *found) {
  struct bc_buf expected;
  bc_buf_init(&expected, 512);
  for (size_t i = 0; names[i] != NULL; i++) {
    bc_buf_add_format(&expected, "%s%s", i == 0 ? "" : ", ", names[i]);
  }
  char detail[BC_FAULT_TEXT_BYTES];
  (void)snprintf(detail, sizeof detail, "there is no member \"%.64s\"", found);
  core_http_fail_at(call->request, 400, "unknown-member", 0, expected.data, detail);
  bc_buf_free(&expected);
}

static bool ask_is_json(const struct core_http_call *call) {
  const char *type = bc_httpd_header(call->request, "Content-Type");
  size_t len = type == NULL ? 0 : strcspn(type, "; \t");
  return len == strlen("application/json") && strncasecmp(type, "application/json", len) == 0;
}

/* A text in brackets within brackets … would cost the stack. */
static bool ask_is_flat(struct bc_str text) {
  int depth = 0;
  bool is_quoted = false;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.at[i];
    if (is_quoted) {
      i += c == '\\' ? 1 : 0;
      is_quoted = c != '"';
    } else if (c == '"') {
      is_quoted = true;
    } else if (c == '{' || c == '[') {
      depth++;
    } else if (c == '}' || c == ']') {
      depth--;
    }
    if (depth > ASK_JSON_DEPTH) {
      return false;
    }
  }
  return true;
}

json_t *core_http_ask_json(struct core_http_call *call, const char *const *names) {
  struct bc_str body = bc_httpd_body(call->request);
  json_error_t error;
  const char *name;
  json_t *value;
  if (!ask_is_json(call)) {
    core_http_fail_at(call->request, 415, "content-type", 0, "application/json",
                      "the body must be of the type application/json");
    return NULL;
  }
  if (!ask_is_flat(body)) {
    core_http_fail(call->request, 400, "json", "at most %d brackets within each other", (int)ASK_JSON_DEPTH);
    return NULL;
  }
  json_t *made = json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES, &error);
  if (!json_is_object(made)) {
    bool is_other = made != NULL;
    json_decref(made);
    core_http_fail_at(call->request, 400, "json", is_other ? 0 : (size_t)error.position, "a JSON object",
                      is_other ? "the body is no JSON object" : error.text);
    return NULL;
  }
  json_object_foreach(made, name, value) {
    if (!ask_is_known(names, name)) {
      ask_fail_unknown(call, names, name);
      json_decref(made);
      return NULL;
    }
  }
  return made;
}

static struct bc_str ask_text_of(const json_t *value) {
  return (struct bc_str){.at = json_string_value(value), .len = json_string_length(value)};
}

static const char *ask_read_json_ttl(const json_t *value, uint64_t *ttl_ms) {
  char digits[24];
  if (json_is_string(value)) {
    return core_http_read_ttl(ask_text_of(value), ttl_ms);
  }
  /* What is no number reads as one that is too short. */
  json_int_t seconds = json_is_integer(value) ? json_integer_value(value) : 0;
  (void)snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, seconds);
  return core_http_read_ttl(bc_str_of(digits), ttl_ms);
}

bool core_http_ask_terms(struct core_http_call *call, const json_t *body, struct http_ask *ask) {
  const json_t *ttl = json_object_get(body, "ttl");
  const json_t *reason = json_object_get(body, "reason");
  const char *problem = ttl == NULL || json_is_null(ttl) ? NULL : ask_read_json_ttl(ttl, &ask->ttl_ms);
  if (problem == NULL && reason != NULL && !json_is_null(reason)) {
    problem = json_is_string(reason) ? core_http_read_reason(ask_text_of(reason)) : "reason: expected a text";
  }
  if (problem != NULL) {
    core_http_fail(call->request, 400, strncmp(problem, "ttl", 3) == 0 ? "ttl" : "reason", "%s", problem);
    return false;
  }
  ask->reason = json_is_string(reason) ? bc_mem_copy_string(json_string_value(reason)) : NULL;
  return true;
}

/* ---- commands ---- */

/* "…, expected X", "expected X, found …": X. */
static const char *ask_find_expected(const struct bc_fault *fault, char text[static BC_FAULT_TEXT_BYTES]) {
  const char *at = strstr(fault->text, "expected ");
  if (at == NULL) {
    return NULL;
  }
  at += strlen("expected ");
  const char *end = strstr(at, ", found");
  size_t len = end == NULL ? strlen(at) : (size_t)(end - at);
  memcpy(text, at, len);
  text[len] = '\0';
  return text;
}

static void ask_fail_command(struct core_http_call *call, enum bc_err err, const struct bc_fault *fault) {
  char expected[BC_FAULT_TEXT_BYTES];
  const char *code = err == BC_ERR_UNSUPPORTED ? "unsupported"
                     : err == BC_ERR_RANGE     ? "range"
                     : err == BC_ERR_LIMIT     ? "too-long"
                                               : "syntax";
  const char *wanted = ask_find_expected(fault, expected);
  if (err == BC_ERR_UNSUPPORTED && wanted == NULL) {
    wanted = "announce or withdraw, and a route, attributes, a flow or a vpls";
  }
  core_http_fail_at(call->request, 400, code, fault->column, wanted, fault->text);
}

bool core_http_ask_command(struct core_http_call *call, struct bc_str text, struct http_ask *ask) {
  struct bc_fault fault = {0};
  struct bc_str command = bc_str_trim(text);
  enum bc_err err = bc_route_parse_command(call->core->intern, command, &ask->verb, &ask->route, &fault);
  if (err != BC_ERR_OK) {
    fault.column += fault.column > 0 ? (size_t)(command.at - text.at) : 0;
    ask_fail_command(call, err, &fault);
    return false;
  }
  ask->has_route = true;
  if (ask->route.internal != 0) {
    core_http_fail_at(call->request, 400, "unsupported", 0, "announce or withdraw without them",
                      "the words watchdog and withdraw within a route steer ExaBGP itself");
    return false;
  }
  ask->command = bc_mem_copy_text(command.at, command.len);
  return true;
}
