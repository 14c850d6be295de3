/* Where the HTTP API listens. */
#include "core/http.h"

#include "base/mem.h"
#include "core/http_private.h"
#include "model/listen.h"

#include <stdlib.h>
#include <string.h>

/* A core that ends may still hold the port for as long as that takes. */
enum { HTTP_RETRY_MS = 500, HTTP_RETRY_MS_MOST = 5000, HTTP_EAGER_MS = 30000 };

static void http_set_problem(struct http_listener *listener, const char *problem) {
  if (listener->problem == NULL || strcmp(listener->problem, problem) != 0) {
    bc_log(BC_LOG_WARNING, "HTTP API: %s; going on without it", problem);
  }
  free(listener->problem);
  listener->problem = bc_mem_copy_string(problem);
}

static bool http_listen(struct http_listener *listener) {
  struct bc_core *core = listener->core;
  struct bc_fault fault;
  if (!core_http_gate_allows(core, listener->text, &fault) ||
      bc_httpd_open(core->loop, listener->text, core_http_on_request, core, &listener->httpd, &fault) != BC_ERR_OK) {
    listener->httpd = NULL;
    http_set_problem(listener, fault.text);
    return false;
  }
  bc_httpd_on_end(listener->httpd, core_http_on_end, core);
  free(listener->problem);
  listener->problem = NULL;
  bc_log(BC_LOG_NOTICE, "HTTP API: listening at %s", listener->text);
  return true;
}

static void http_on_retry(void *arg) {
  struct bc_core *core = arg;
  struct core_http *http = core->http;
  bool is_whole = true;
  for (size_t i = 0; i < http->count && !core->is_exiting; i++) {
    struct http_listener *listener = &http->listeners[i];
    is_whole = (listener->httpd != NULL || http_listen(listener)) && is_whole;
  }
  bool is_eager = bc_wall_now_ms() - core->started_wall_ms < HTTP_EAGER_MS;
  if (!is_whole) {
    bc_timer_start(http->retry_timer, is_eager ? HTTP_RETRY_MS : HTTP_RETRY_MS_MOST);
  }
}

void core_http_open(struct bc_core *core) {
  struct bc_str list = bc_str_of(core->settings->http);
  struct bc_str one;
  if (core->settings->http == NULL) {
    return;
  }
  struct core_http *http = bc_mem_new(1, sizeof *http);
  core->http = http;
  http->counts = bc_mem_new(core_http_path_count + 1, sizeof *http->counts);
  http->last_id = (uint64_t)bc_wall_now_ms() * 1000;
  http->retry_timer = bc_timer_new(core->loop, http_on_retry, core);
  TAILQ_INIT(&http->changes);
  TAILQ_INIT(&http->keys);
  core_http_gate_open(core);
  while (http->count < BC_LIMIT_HTTP_LISTEN && bc_str_next_field(&list, ',', &one)) {
    struct http_listener *listener = &http->listeners[http->count++];
    listener->core = core;
    listener->text = bc_mem_copy_text(one.at, one.len);
  }
  http_on_retry(core);
}

void core_http_close(struct bc_core *core) {
  struct core_http *http = core->http;
  if (http == NULL) {
    return;
  }
  for (size_t i = 0; i < http->count; i++) {
    bc_httpd_close(http->listeners[i].httpd);
    free(http->listeners[i].text);
    free(http->listeners[i].problem);
  }
  core_http_read_close(core);
  core_http_change_close(core);
  core_http_key_close(core);
  core_http_gate_close(core);
  bc_timer_free(http->retry_timer);
  free(http->counts);
  free(http);
  core->http = NULL;
}

void core_http_warn(const struct bc_core *core, json_t *list) {
  for (size_t i = 0; core->http != NULL && i < core->http->count; i++) {
    const struct http_listener *listener = &core->http->listeners[i];
    if (listener->problem != NULL) {
      json_array_append_new(list, json_sprintf("HTTP API: %s", listener->problem));
    }
  }
}

const struct core_http_counts *core_http_counts(const struct bc_core *core, size_t path) {
  static const struct core_http_counts none;
  return core->http == NULL || path > core_http_path_count ? &none : &core->http->counts[path];
}

struct core_http_numbers core_http_numbers(const struct bc_core *core) {
  const struct core_http *http = core->http;
  struct core_http_numbers numbers = {0};
  if (http == NULL) {
    return numbers;
  }
  for (size_t i = 0; i < http->count; i++) {
    numbers.listeners += http->listeners[i].httpd != NULL ? 1 : 0;
  }
  numbers.silent = http->count - numbers.listeners;
  numbers.changes = http->change_count;
  numbers.keys = http->key_count;
  numbers.wrong_tokens = http->wrong_tokens;
  return numbers;
}

struct bc_httpd_counts core_http_listener_counts(const struct bc_core *core) {
  struct bc_httpd_counts sum = {0};
  for (size_t i = 0; core->http != NULL && i < core->http->count; i++) {
    if (core->http->listeners[i].httpd == NULL) {
      continue;
    }
    struct bc_httpd_counts one = bc_httpd_counts(core->http->listeners[i].httpd);
#define HTTP_ADD(name, label, text) sum.name += one.name;
    BC_HTTPD_COUNT_LIST(HTTP_ADD)
#undef HTTP_ADD
  }
  return sum;
}
