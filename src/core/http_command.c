/* POST /: a command, as the scripts took it that this program replaces. */
#include "base/mem.h"
#include "core/http_private.h"
#include "proto/http_target.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum command_type { COMMAND_FORM, COMMAND_TEXT, COMMAND_JSON, COMMAND_OTHER };

static enum command_type command_type_of(const struct core_http_call *call) {
  static const struct {
    const char *name;
    enum command_type type;
  } types[] = {{"application/x-www-form-urlencoded", COMMAND_FORM},
               {"multipart/form-data", COMMAND_FORM},
               {"text/plain", COMMAND_TEXT},
               {"application/json", COMMAND_JSON}};
  const char *found = bc_httpd_header(call->request, "Content-Type");
  size_t len = found == NULL ? 0 : strcspn(found, "; \t");
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    if (len == strlen(types[i].name) && strncasecmp(found, types[i].name, len) == 0) {
      return types[i].type;
    }
  }
  return COMMAND_OTHER;
}

/* What a withdraw by its id is asked with: {"id": …}. */
static void command_take_id(struct http_ask *ask, struct bc_str id) {
  ask->verb = BC_VERB_WITHDRAW;
  ask->name = bc_mem_copy_text(id.at, id.len);
}

/* Both or neither is one thing too many. False: it is answered. */
static bool command_take(struct core_http_call *call, const struct bc_str *command, const struct bc_str *id,
                         struct http_ask *ask) {
  if ((command == NULL) == (id == NULL)) {
    core_http_fail_at(call->request, 400, "command", 0, "command=announce route 192.0.2.1/32 next-hop self",
                      command == NULL ? "there is neither a field `command` nor `id`"
                                      : "there is both a field `command` and `id`");
    return false;
  }
  if (id != NULL && !bc_http_is_text(*id)) {
    core_http_fail(call->request, 400, "id", "id: expected the name of a route");
    return false;
  }
  if (id != NULL) {
    command_take_id(ask, bc_str_trim(*id));
    return true;
  }
  if (!core_http_ask_command(call, *command, ask)) {
    return false;
  }
  if (ask->verb == BC_VERB_NONE) {
    core_http_fail_at(call->request, 400, "syntax", 1, "announce or withdraw",
                      "expected announce or withdraw before the route");
    return false;
  }
  return true;
}

static bool command_read_terms(struct core_http_call *call, struct http_ask *ask) {
  struct bc_str ttl;
  struct bc_str reason;
  const char *problem = NULL;
  if (bc_httpd_form(call->request, "ttl", &ttl) && ttl.len > 0) {
    problem = core_http_read_ttl(ttl, &ask->ttl_ms);
  }
  if (problem != NULL) {
    core_http_fail(call->request, 400, "ttl", "%s", problem);
    return false;
  }
  if (bc_httpd_form(call->request, "reason", &reason) && reason.len > 0) {
    problem = core_http_read_reason(reason);
    ask->reason = problem == NULL ? bc_mem_copy_text(reason.at, reason.len) : NULL;
  }
  if (problem != NULL) {
    core_http_fail(call->request, 400, "reason", "%s", problem);
  }
  return problem == NULL;
}

static bool command_read_form(struct core_http_call *call, struct http_ask *ask) {
  struct bc_str command;
  struct bc_str id;
  bool has_command = bc_httpd_form(call->request, "command", &command);
  bool has_id = bc_httpd_form(call->request, "id", &id);
  return command_read_terms(call, ask) && command_take(call, has_command ? &command : NULL, has_id ? &id : NULL, ask);
}

static bool command_read_json(struct core_http_call *call, struct http_ask *ask) {
  static const char *const members[] = {"command", "id", "ttl", "reason", NULL};
  json_t *body = core_http_ask_json(call, members);
  bool is_fine = body != NULL && core_http_ask_terms(call, body, ask);
  struct bc_str texts[2];
  const struct bc_str *found[2] = {NULL, NULL};
  for (size_t i = 0; is_fine && i < 2; i++) {
    const json_t *value = json_object_get(body, members[i]);
    if (value != NULL && !json_is_string(value)) {
      core_http_fail(call->request, 400, members[i], "%s: expected a text", members[i]);
      is_fine = false;
    } else if (value != NULL) {
      texts[i] = (struct bc_str){.at = json_string_value(value), .len = json_string_length(value)};
      found[i] = &texts[i];
    }
  }
  is_fine = is_fine && command_take(call, found[0], found[1], ask);
  json_decref(body);
  return is_fine;
}

static bool command_read(struct core_http_call *call, struct http_ask *ask) {
  struct bc_str body = bc_httpd_body(call->request);
  switch (command_type_of(call)) {
  case COMMAND_FORM:
    return command_read_form(call, ask);
  case COMMAND_TEXT:
    return command_take(call, &body, NULL, ask);
  case COMMAND_JSON:
    return command_read_json(call, ask);
  case COMMAND_OTHER:
    break;
  }
  core_http_fail_at(call->request, 415, "content-type", 0,
                    "application/x-www-form-urlencoded, multipart/form-data, text/plain or application/json",
                    "this type of body is not understood");
  return false;
}

void core_http_post_command(struct core_http_call *call) {
  struct http_ask ask = {0};
  if (core_http_ask_query(call, &ask) && command_read(call, &ask)) {
    core_http_change(call, &ask);
  }
  core_http_ask_release(call->core, &ask);
}
