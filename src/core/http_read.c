/* Reading by HTTP: the local socket's answers at paths. */
#include "core/http_read.h"

#include "base/str.h"
#include "core/openapi.h"
#include "model/token.h"

#include <string.h>

/* ---- the query ---- */

struct read_query {
  const struct core_http_member *members;
  json_t *made;
  struct bc_fault fault;
};

static json_t *read_list(const char *value) {
  json_t *list = json_array();
  struct bc_str rest = bc_str_of(value);
  struct bc_str one;
  while (rest.len > 0 && bc_str_next_field(&rest, ',', &one)) {
    json_array_append_new(list, json_stringn(one.at, one.len));
  }
  return list;
}

/* NULL: it is none of this kind. */
static json_t *read_value(enum core_http_member_kind kind, const char *value) {
  uint64_t number;
  switch (kind) {
  case CORE_HTTP_MEMBER_LIST:
    return value[0] == '\0' ? NULL : read_list(value);
  case CORE_HTTP_MEMBER_NUMBER:
    return bc_str_to_u64(bc_str_of(value), INT64_MAX, &number) == BC_ERR_OK ? json_integer((json_int_t)number) : NULL;
  case CORE_HTTP_MEMBER_FLAG:
    return strcmp(value, "1") == 0 || strcmp(value, "0") == 0 ? json_boolean(value[0] == '1') : NULL;
  case CORE_HTTP_MEMBER_TEXT:
    break;
  }
  return json_string(value);
}

static const char *read_expected(enum core_http_member_kind kind) {
  static const char *const texts[] = {[CORE_HTTP_MEMBER_TEXT] = "a text",
                                      [CORE_HTTP_MEMBER_LIST] = "one or more, with commas between",
                                      [CORE_HTTP_MEMBER_NUMBER] = "a whole number",
                                      [CORE_HTTP_MEMBER_FLAG] = "1 or 0"};
  return texts[kind];
}

static void read_fault_unknown(struct read_query *query, const char *name) {
  struct bc_buf known;
  bc_buf_init(&known, BC_FAULT_TEXT_BYTES);
  for (const struct core_http_member *member = query->members; member->name != NULL; member++) {
    bc_buf_add_format(&known, "%s%s", known.len == 0 ? "" : ", ", member->name);
  }
  bc_fault_set(&query->fault, 0, "the query has `%s`: this path takes %s", name, known.len == 0 ? "none" : known.data);
  bc_buf_free(&known);
}

static void read_each(void *arg, const char *name, const char *value) {
  struct read_query *query = arg;
  const struct core_http_member *member = query->members;
  while (member->name != NULL && strcmp(member->name, name) != 0) {
    member++;
  }
  if (member->name == NULL) {
    read_fault_unknown(query, name);
    return;
  }
  json_t *made = read_value(member->kind, value);
  if (made == NULL) {
    bc_fault_set(&query->fault, 0, "`%s` in the query: expected %s", name, read_expected(member->kind));
  } else {
    json_object_set_new(query->made, name, made);
  }
}

json_t *core_http_read_query(struct core_http_call *call, const struct core_http_member *members) {
  struct read_query query = {.members = members, .made = json_object()};
  bc_httpd_query_each(call->request, read_each, &query);
  if (query.fault.text[0] != '\0') {
    core_http_fail(call->request, 400, "bad-query", "%s", query.fault.text);
    json_decref(query.made);
    return NULL;
  }
  return query.made;
}

static const struct core_http_member read_none[] = {{NULL, 0}};

static bool read_takes_none(struct core_http_call *call) {
  json_t *query = core_http_read_query(call, read_none);
  json_decref(query);
  return query != NULL;
}

/* ---- what is told at once ---- */

/* Who asks, and what is granted: without tokens all, to who may ask at all. */
static json_t *read_access(const struct core_http_call *call) {
  json_t *scopes = json_array();
  for (unsigned scope = 0; scope < BC_SCOPES; scope++) {
    if (call->token == NULL || bc_token_has(call->token, (enum bc_scope)scope)) {
      json_array_append_new(scopes, json_string(bc_scope_text((enum bc_scope)scope)));
    }
  }
  json_t *made = json_object();
  json_object_set_new(made, "who", json_string(call->who));
  json_object_set_new(made, "scopes", scopes);
  return made;
}

void core_http_read_status(struct core_http_call *call) {
  if (read_takes_none(call)) {
    json_t *made = core_report_status(call->core);
    json_object_set_new(made, "access", read_access(call));
    core_http_json(call->request, 200, made);
  }
}

void core_http_read_neighbors(struct core_http_call *call) {
  if (read_takes_none(call)) {
    core_http_json(call->request, 200, core_report_neighbors(call->core));
  }
}

void core_http_read_workers(struct core_http_call *call) {
  if (read_takes_none(call)) {
    core_http_json(call->request, 200, core_report_workers(call->core));
  }
}

void core_http_read_healthz(struct core_http_call *call) {
  bc_httpd_answer(call->request, 200, "text/plain; charset=utf-8", bc_str_of("ok\n"));
}

void core_http_read_openapi(struct core_http_call *call) {
  bc_httpd_answer(call->request, 200, CORE_HTTP_READ_JSON,
                  (struct bc_str){.at = core_openapi, .len = core_openapi_bytes});
}

static void read_add_reason(json_t *reasons, const char *reason) {
  json_array_append_new(reasons, json_string(reason));
}

/* What it takes to go on with what it knows: once it was there, a store that is lost takes nothing away. */
void core_http_read_readyz(struct core_http_call *call) {
  const struct bc_core *core = call->core;
  json_t *reasons = json_array();
  if (core->is_exiting) {
    read_add_reason(reasons, "bgpcommander is ending");
  }
  if (!core->apply.is_authoritative) {
    json_array_append_new(reasons,
                          json_sprintf("store: %s: its keys are not known yet and nothing is remembered of them",
                                       bc_store_state_text(core->apply.state)));
  }
  if (!core->routes_started && core->link.phase != LINK_READY) {
    read_add_reason(reasons, "exabgp: it has not told yet what stands");
  } else if (!core->routes_started && core->apply.is_authoritative) {
    read_add_reason(reasons, "the routes are being decided");
  }
  bool is_ready = json_array_size(reasons) == 0;
  json_t *made = json_object();
  json_object_set_new(made, "ready", json_boolean(is_ready));
  json_object_set_new(made, "reasons", reasons);
  core_http_json(call->request, is_ready ? 200 : 503, made);
}

/* ---- what is told in pieces ---- */

static struct bc_sock_answer read_new_answer(void) {
  struct bc_sock_answer answer = {.more = NULL};
  bc_buf_init(&answer.text, BC_LIMIT_SOCKET_PIECE_BYTES);
  return answer;
}

/* Consumes `answer`. */
static void read_pass(struct core_http_call *call, const char *problem, struct bc_sock_answer *answer) {
  if (problem != NULL) {
    bc_buf_free(&answer->text);
    core_http_fail(call->request, 400, "bad-query", "%s", problem);
  } else {
    core_http_pieces(call->request, CORE_HTTP_READ_JSON, answer);
  }
}

static void read_pass_list(struct core_http_call *call, enum core_list_of of, const struct core_http_member *members) {
  json_t *query = core_http_read_query(call, members);
  if (query != NULL) {
    struct bc_sock_answer answer = read_new_answer();
    read_pass(call, core_list_begin(call->core, of, query, &answer), &answer);
  }
  json_decref(query);
}

void core_http_read_routes(struct core_http_call *call) {
  static const struct core_http_member members[] = {{"name", CORE_HTTP_MEMBER_LIST},
                                                    {"state", CORE_HTTP_MEMBER_LIST},
                                                    {"q", CORE_HTTP_MEMBER_TEXT},
                                                    {"brief", CORE_HTTP_MEMBER_FLAG},
                                                    {NULL, 0}};
  read_pass_list(call, CORE_LIST_ROUTES, members);
}

void core_http_read_checks(struct core_http_call *call) {
  static const struct core_http_member members[] = {{"name", CORE_HTTP_MEMBER_LIST}, {NULL, 0}};
  read_pass_list(call, CORE_LIST_CHECKS, members);
}

void core_http_read_decisions(struct core_http_call *call) {
  static const struct core_http_member members[] = {
      {"route", CORE_HTTP_MEMBER_TEXT},    {"id", CORE_HTTP_MEMBER_NUMBER},
      {"since", CORE_HTTP_MEMBER_NUMBER},  {"until", CORE_HTTP_MEMBER_NUMBER},
      {"before", CORE_HTTP_MEMBER_NUMBER}, {"limit", CORE_HTTP_MEMBER_NUMBER},
      {"inputs", CORE_HTTP_MEMBER_FLAG},   {NULL, 0}};
  json_t *query = core_http_read_query(call, members);
  if (query != NULL) {
    struct bc_sock_answer answer = read_new_answer();
    read_pass(call, core_recall_begin(call->core, query, &answer), &answer);
  }
  json_decref(query);
}

void core_http_read_events(struct core_http_call *call) {
  static const struct core_http_member members[] = {{"after", CORE_HTTP_MEMBER_NUMBER},
                                                    {"limit", CORE_HTTP_MEMBER_NUMBER},
                                                    {"type", CORE_HTTP_MEMBER_TEXT},
                                                    {"route", CORE_HTTP_MEMBER_TEXT},
                                                    {NULL, 0}};
  json_t *query = core_http_read_query(call, members);
  if (query != NULL) {
    struct bc_fault fault;
    struct bc_sock_answer answer = read_new_answer();
    read_pass(call, core_event_begin(call->core, query, &answer, &fault), &answer);
  }
  json_decref(query);
}
