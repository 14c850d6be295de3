/* /v1/routes/{name}: all that is known of one route. What became of it is in the records, which the disk thread reads.
 */
#include "base/mem.h"
#include "core/http_read.h"
#include "model/lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTE_DECISIONS = 20, ROUTE_LOOKS = 50, ROUTE_PIECE_BYTES = 65536 };

struct http_route {
  struct bc_core *core;
  const char *name; /* interned, held */
  struct core_recall *recall;
  struct bc_buf text; /* the answer, once it is made */
  size_t given;       /* … of it */
};

struct core_route *core_http_read_route(struct core_http_call *call) {
  struct core_route *route = core_route_find(call->core, call->name);
  char name[CORE_HTTP_NAME_BYTES + sizeof BC_LEASE_PREFIX];
  if (route == NULL) {
    (void)snprintf(name, sizeof name, BC_LEASE_PREFIX "%s", call->name);
    route = core_route_find(call->core, name);
  }
  if (route == NULL) {
    core_http_fail(call->request, 404, "no-such-route", "there is no such route");
  }
  return route;
}

/* ---- scripts ---- */

/* Any bytes, as a script may have them. */
static json_t *route_text(const char *text, size_t len) {
  json_t *made = json_stringn(text, len);
  if (made == NULL) {
    char *mended = bc_mem_copy_text(text, len);
    for (size_t i = 0; i < len; i++) {
      bool is_fine = (mended[i] >= ' ' && mended[i] <= '~') || mended[i] == '\n' || mended[i] == '\t';
      mended[i] = is_fine ? mended[i] : '?';
    }
    made = json_stringn(mended, len);
    free(mended);
  }
  return made;
}

static void route_add_script(json_t *list, const struct core_check *check, const struct core_version *version) {
  char key[CORE_CHECK_KEY_BYTES];
  if (version == NULL || version->script == NULL) {
    return;
  }
  json_t *made = json_object();
  json_object_set_new(made, "key", json_string(core_check_key(check, key)));
  json_object_set_new(made, "language", json_string(version->script->is_lua ? "lua" : "shell"));
  json_object_set_new(made, "hash", json_sprintf("%016" PRIx64, version->script->hash));
  json_object_set_new(made, "text", route_text(version->script->text, version->script->len));
  json_object_set_new(made, "decides", json_boolean(version == &check->running));
  json_array_append_new(list, made);
}

static json_t *route_scripts(const struct core_route *route) {
  json_t *list = json_array();
  const struct core_check *check;
  for (size_t i = 0; (check = core_route_member(route, i)) != NULL; i++) {
    route_add_script(list, check, &check->running);
    route_add_script(list, check, check->candidate);
  }
  return list;
}

/* ---- the chain ---- */

static json_t *route_step(json_t *chain, const char *step, json_t *time, json_t *text) {
  json_t *made = json_object();
  json_object_set_new(made, "step", json_string(step));
  json_object_set_new(made, "time", time);
  json_object_set_new(made, "text", text);
  json_array_append_new(chain, made);
  return made;
}

static json_t *route_time_of(const json_t *record) {
  return core_report_time(json_integer_value(json_object_get(record, "at")));
}

static void route_add_checks(json_t *chain, const struct core_route *route) {
  const struct core_check *check;
  for (size_t i = 0; (check = core_route_member(route, i)) != NULL; i++) {
    const struct core_version *version = &check->running;
    const char *state = bc_health_state_text(check->health.state);
    if (!version->has_result) {
      (void)route_step(chain, "check", json_null(), json_sprintf("%s: no result yet", state));
    } else {
      json_t *step = route_step(chain, "check", core_report_time(version->ran_ms),
                                json_sprintf("%s: %s", state, bc_check_status_text(version->last_status)));
      json_object_set_new(step, "name", json_string(check->name));
      json_object_set_new(step, "tookMs", json_integer((json_int_t)(version->took_us + 500) / 1000));
    }
  }
}

static void route_add_note(json_t *chain, const json_t *note) {
  const char *type = json_string_value(json_object_get(note, "type"));
  bool is_sent = type != NULL && strcmp(type, "sent") == 0;
  json_t *text = json_object_get(note, "text");
  json_t *step = route_step(chain,
                            is_sent        ? "command"
                            : type == NULL ? "error"
                                           : type,
                            route_time_of(note), json_is_string(text) ? json_incref(text) : json_string(""));
  static const char *const members[] = {"neighbor", "how"};
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    json_t *value = json_object_get(note, members[i]);
    if (value != NULL) {
      json_object_set(step, members[i], value);
    }
  }
}

static void route_add_decision(json_t *chain, const json_t *decision) {
  const char *verdict = json_string_value(json_object_get(decision, "verdict"));
  const char *layer = json_string_value(json_object_get(decision, "layer"));
  const char *reason = json_string_value(json_object_get(decision, "reason"));
  json_t *step = route_step(chain, "decision", route_time_of(decision),
                            json_sprintf("%s: %s: %s", verdict == NULL ? "" : verdict, layer == NULL ? "" : layer,
                                         reason == NULL ? "" : reason));
  json_object_set(step, "id", json_object_get(decision, "id"));
  size_t i;
  const json_t *note;
  json_array_foreach(json_object_get(decision, "notes"), i, note) {
    route_add_note(chain, note);
  }
}

/* The newest ones into `decisions`, the last that moved it into the chain. */
static void route_add_records(const struct core_recall *recall, json_t *chain, json_t *decisions) {
  bool is_told = false;
  json_t *decision;
  for (size_t i = 0; (decision = core_recall_get(recall, i)) != NULL; i++) {
    if (!is_told && bc_record_is_move(decision)) {
      route_add_decision(chain, decision);
      is_told = true;
    }
    if (i < ROUTE_DECISIONS) {
      json_array_append(decisions, decision);
    }
    json_decref(decision);
  }
}

/* ---- the whole ---- */

static json_t *route_history(const struct core_route *route) {
  const struct core_check *check = core_route_member(route, 0);
  return check == NULL ? json_null() : core_history_report(check);
}

static json_t *route_make(struct bc_core *core, const struct core_route *route, const struct core_recall *recall) {
  json_t *made = core_report_route(core, route);
  json_t *chain = json_array();
  json_t *decisions = json_array();
  json_t *text = json_object_get(made, "text");
  json_t *key = route->key_ms == 0 ? json_null() : core_report_time(route->key_ms);
  (void)route_step(chain, "key", json_incref(key), json_incref(text));
  route_add_checks(chain, route);
  route_add_records(recall, chain, decisions);
  json_object_set_new(made, "key", key);
  json_object_set_new(made, "scripts", route_scripts(route));
  json_object_set_new(made, "history", route_history(route));
  json_object_set_new(made, "chain", chain);
  json_object_set_new(made, "decisions", decisions);
  return made;
}

static bool route_is_ready(void *arg) {
  struct http_route *detail = arg;
  return detail->text.len > 0 || core_recall_is_ready(detail->recall);
}

static bool route_more(void *arg, struct bc_buf *text) {
  struct http_route *detail = arg;
  struct core_route *route = core_route_find(detail->core, detail->name);
  if (detail->text.len == 0 && route == NULL) {
    /* Gone while its records were read; the head of the answer is out. */
    bc_buf_add_text(text, "{\"error\":\"there is no such route\"}");
    return false;
  }
  if (detail->text.len == 0) {
    json_t *made = route_make(detail->core, route, detail->recall);
    core_report_print(made, &detail->text);
    json_decref(made);
  }
  size_t left = detail->text.len - detail->given;
  size_t piece = left < ROUTE_PIECE_BYTES ? left : ROUTE_PIECE_BYTES;
  bc_buf_add(text, detail->text.data + detail->given, piece);
  detail->given += piece;
  return piece < left;
}

static void route_end(void *arg) {
  struct http_route *detail = arg;
  core_recall_end(detail->recall);
  bc_intern_put(detail->core->intern, detail->name);
  bc_buf_free(&detail->text);
  free(detail);
}

void core_http_read_one_route(struct core_http_call *call) {
  static const struct core_http_member members[] = {{NULL, 0}};
  json_t *query = core_http_read_query(call, members);
  struct core_route *route = query == NULL ? NULL : core_http_read_route(call);
  json_decref(query);
  if (route == NULL) {
    return;
  }
  struct http_route *detail = bc_mem_new(1, sizeof *detail);
  json_t *request = json_pack("{s:s, s:i}", "route", route->name, "limit", ROUTE_LOOKS);
  const char *problem = core_recall_new(call->core, request, &detail->recall);
  json_decref(request);
  if (problem != NULL) {
    free(detail);
    core_http_fail(call->request, 500, "internal", "%s", problem);
    return;
  }
  detail->core = call->core;
  detail->name = bc_intern_ref(route->name);
  bc_buf_init(&detail->text, BC_LIMIT_SOCKET_ANSWER_BYTES);
  struct bc_sock_answer answer = {.more = route_more, .end = route_end, .is_ready = route_is_ready, .arg = detail};
  bc_buf_init(&answer.text, BC_LIMIT_SOCKET_PIECE_BYTES);
  core_http_pieces(call->request, CORE_HTTP_READ_JSON, &answer);
}
