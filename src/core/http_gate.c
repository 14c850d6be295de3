/* Who asks, and whether that may be: Host and Origin, token, scope, rate. */
#include "core/http_private.h"

#include "base/mem.h"
#include "io/process.h"
#include "model/listen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whoever guesses gets few guesses; a typing error costs a moment. */
enum { GATE_DELAY_MS = 250, GATE_MILLI = 1000 };

/* A wrong token: the answer is held back. */
struct http_delayed {
  TAILQ_ENTRY(http_delayed) link;
  struct bc_core *core;
  struct bc_httpd_request *request;
  struct bc_mono due;
  const char *detail; /* static */
};

/* Whose requests are counted. */
struct http_caller {
  TAILQ_ENTRY(http_caller) link;
  char who[CORE_HTTP_WHO_BYTES];
  uint64_t left_milli; /* thousandths of requests that it may make now, … */
  struct bc_mono at;   /* … as of then */
};

/* ---- Host and Origin ---- */

static bool gate_is_open_path(const struct core_http_call *call) {
  return call->path->scope == CORE_HTTP_PUBLIC && strcmp(call->path->method, "GET") == 0;
}

static bool gate_judge_origin(struct core_http_call *call) {
  struct bc_fault fault;
  const struct bc_http_access_ask ask = {.host = bc_httpd_header(call->request, "Host"),
                                         .origin = bc_httpd_header(call->request, "Origin"),
                                         .fetch_site = bc_httpd_header(call->request, "Sec-Fetch-Site"),
                                         .is_open = gate_is_open_path(call)};
  enum bc_http_access_answer answer = bc_http_access_judge(call->core->admission.access, &ask, &fault);
  if (answer == BC_HTTP_ACCESS_ALLOWED) {
    return true;
  }
  core_http_fail(call->request, bc_http_access_status(answer), bc_http_access_code(answer), "%s", fault.text);
  return false;
}

/* ---- tokens ---- */

static void gate_refuse_token(struct bc_httpd_request *request, const char *detail) {
  bc_httpd_add_header(request, "WWW-Authenticate", "Bearer realm=\"bgpcommander\"");
  core_http_fail(request, 401, "token", "%s", detail);
}

static void gate_forget_delayed(struct http_delayed *delayed) {
  struct core_http *http = delayed->core->http;
  TAILQ_REMOVE(&http->delayed, delayed, link);
  http->delayed_count--;
  free(delayed);
}

static void gate_on_gone(void *arg) {
  gate_forget_delayed(arg);
}

static void gate_on_delay(void *arg) {
  struct bc_core *core = arg;
  struct core_http *http = core->http;
  struct http_delayed *first;
  struct bc_mono now = bc_mono_now();
  while ((first = TAILQ_FIRST(&http->delayed)) != NULL && bc_mono_reached(first->due, now)) {
    struct bc_httpd_request *request = first->request;
    const char *detail = first->detail;
    bc_httpd_on_gone(request, NULL, NULL);
    gate_forget_delayed(first);
    gate_refuse_token(request, detail);
  }
  if (first != NULL) {
    bc_timer_start_at(http->delay_timer, first->due);
  }
}

static void gate_delay(struct core_http_call *call, const char *detail) {
  struct core_http *http = call->core->http;
  if (http->delayed_count == BC_LIMIT_HTTP_DELAYED) {
    bc_httpd_add_header(call->request, "Retry-After", "1");
    core_http_fail(call->request, 429, "too-many-wrong-tokens", "too many wrong tokens at once");
    return;
  }
  struct http_delayed *delayed = bc_mem_new(1, sizeof *delayed);
  delayed->core = call->core;
  delayed->request = call->request;
  delayed->due = bc_mono_add_ms(bc_mono_now(), GATE_DELAY_MS);
  delayed->detail = detail;
  TAILQ_INSERT_TAIL(&http->delayed, delayed, link);
  http->delayed_count++;
  bc_httpd_on_gone(call->request, gate_on_gone, delayed);
  if (!bc_timer_is_armed(http->delay_timer)) {
    bc_timer_start_at(http->delay_timer, delayed->due);
  }
}

static bool gate_has_scope(const struct bc_token *token, enum core_http_scope scope) {
  switch (scope) {
  case CORE_HTTP_PUBLIC:
    return true;
  case CORE_HTTP_READ:
    return bc_token_has(token, BC_SCOPE_READ);
  case CORE_HTTP_ANNOUNCE:
    return bc_token_has(token, BC_SCOPE_ANNOUNCE);
  case CORE_HTTP_OPERATE:
    break;
  }
  return bc_token_has(token, BC_SCOPE_OPERATE);
}

/* A line a second at most, however fast somebody guesses. */
static void gate_tell_wrong(const struct core_http_call *call, enum bc_token_answer answer) {
  struct core_http *http = call->core->http;
  struct bc_mono now = bc_mono_now();
  http->wrong_tokens++;
  if (bc_mono_is_set(http->wrong_told) && bc_mono_ms_between(http->wrong_told, now) < GATE_MILLI) {
    return;
  }
  http->wrong_told = now;
  bc_log(BC_LOG_WARNING, "HTTP API: %s: %s%s%s (%" PRIu64 " wrong ones since the start)", call->source,
         bc_token_answer_text(answer), call->token == NULL ? "" : ": ",
         call->token == NULL ? "" : bc_token_name(call->token), http->wrong_tokens);
}

static bool gate_judge_token(struct core_http_call *call) {
  const struct bc_tokens *tokens = call->core->admission.tokens;
  if (bc_tokens_count(tokens) == 0 || call->path->scope == CORE_HTTP_PUBLIC) {
    return true;
  }
  const char *shown = bc_httpd_header(call->request, "Authorization");
  enum bc_token_answer answer = bc_tokens_find(tokens, shown, bc_wall_now_ms(), &call->token);
  if (answer == BC_TOKEN_MISSING) {
    gate_refuse_token(call->request, bc_token_answer_text(answer));
    return false;
  }
  if (answer != BC_TOKEN_VALID) {
    gate_tell_wrong(call, answer);
    gate_delay(call, bc_token_answer_text(answer));
    return false;
  }
  (void)snprintf(call->who, sizeof call->who, "token %s", bc_token_name(call->token));
  if (!gate_has_scope(call->token, call->path->scope)) {
    core_http_fail(call->request, 403, "scope", "the token %s lacks the scope %s", bc_token_name(call->token),
                   core_http_scope_text(call->path->scope));
    return false;
  }
  return true;
}

/* ---- what health checks may ---- */

/* Of a Unix socket the kernel tells who asks; of others it does not. */
static bool gate_judge_process(struct core_http_call *call) {
  struct bc_httpd_peer peer;
  bc_httpd_peer(call->request, &peer);
  pid_t exec = core_pool_pid(call->core, CORE_WORKER_EXEC);
  bool changes = call->path->scope == CORE_HTTP_ANNOUNCE || call->path->scope == CORE_HTTP_OPERATE;
  if (!changes || !peer.is_unix || exec <= 0 || !bc_process_is_below(peer.pid, exec)) {
    return true;
  }
  bc_log(BC_LOG_WARNING, "HTTP API: a health check (pid %d) asked for %s %s: refused", (int)peer.pid,
         call->path->method, call->path->path);
  core_http_fail(call->request, 403, "health-check", "a health check may only read");
  return false;
}

/* ---- rate ---- */

static struct http_caller *gate_find_caller(struct core_http *http, const char *who) {
  struct http_caller *caller;
  TAILQ_FOREACH(caller, &http->callers, link) {
    if (strcmp(caller->who, who) == 0) {
      TAILQ_REMOVE(&http->callers, caller, link);
      TAILQ_INSERT_HEAD(&http->callers, caller, link);
      return caller;
    }
  }
  return NULL;
}

/* A new one, or the one that has been silent for longest. */
static struct http_caller *gate_new_caller(struct core_http *http, const char *who, uint64_t burst_milli) {
  struct http_caller *caller = TAILQ_LAST(&http->callers, http_caller_list);
  if (http->caller_count < BC_LIMIT_HTTP_CALLERS) {
    caller = bc_mem_new(1, sizeof *caller);
    http->caller_count++;
  } else {
    TAILQ_REMOVE(&http->callers, caller, link);
  }
  (void)snprintf(caller->who, sizeof caller->who, "%s", who);
  caller->left_milli = burst_milli;
  caller->at = bc_mono_now();
  TAILQ_INSERT_HEAD(&http->callers, caller, link);
  return caller;
}

static bool gate_judge_rate(struct core_http_call *call) {
  uint64_t rate = call->core->settings->http_rate;
  uint64_t burst_milli = rate * GATE_MILLI;
  struct core_http *http = call->core->http;
  if (rate == 0 || call->path->scope == CORE_HTTP_PUBLIC) {
    return true;
  }
  struct http_caller *caller = gate_find_caller(http, call->who);
  caller = caller == NULL ? gate_new_caller(http, call->who, burst_milli) : caller;
  struct bc_mono now = bc_mono_now();
  uint64_t gained = (uint64_t)bc_mono_ms_between(caller->at, now) * rate;
  if (gained > 0) {
    caller->left_milli = caller->left_milli + gained < burst_milli ? caller->left_milli + gained : burst_milli;
    caller->at = now;
  }
  if (caller->left_milli >= GATE_MILLI) {
    caller->left_milli -= GATE_MILLI;
    return true;
  }
  bc_httpd_add_header(call->request, "Retry-After", "1");
  core_http_fail(call->request, 429, "too-many-requests", "more than %u requests a second of %s", (unsigned)rate,
                 call->who);
  return false;
}

bool core_http_gate_judge(struct core_http_call *call) {
  return gate_judge_origin(call) && gate_judge_token(call) && gate_judge_process(call) && gate_judge_rate(call);
}

bool core_http_gate_allows(const struct bc_core *core, const char *listen, struct bc_fault *fault) {
  struct bc_listen where = {0};
  bool is_local = bc_listen_parse(bc_str_of(listen), &where) == BC_ERR_OK && bc_listen_is_local(&where);
  if (is_local || bc_tokens_count(core->admission.tokens) > 0) {
    return true;
  }
  bc_fault_set(fault, 0, "%s can be reached from elsewhere, and the node file holds no http_token", listen);
  return false;
}

/* ---- begin and end ---- */

void core_http_gate_open(struct bc_core *core) {
  struct core_http *http = core->http;
  TAILQ_INIT(&http->delayed);
  TAILQ_INIT(&http->callers);
  http->delay_timer = bc_timer_new(core->loop, gate_on_delay, core);
}

void core_http_gate_close(struct bc_core *core) {
  struct core_http *http = core->http;
  struct http_caller *caller;
  while ((caller = TAILQ_FIRST(&http->callers)) != NULL) {
    TAILQ_REMOVE(&http->callers, caller, link);
    free(caller);
  }
  bc_timer_free(http->delay_timer);
}
