/* Routes by name: PUT and DELETE; and those that are made of what is asked for: a blackhole, a flow. */
#include "base/mem.h"
#include "core/http_private.h"
#include "proto/http_flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTE_COMMUNITIES = 64 };

static struct bc_str route_member(const json_t *body, const char *name) {
  const json_t *value = json_object_get(body, name);
  return (struct bc_str){.at = json_string_value(value), .len = json_string_length(value)};
}

/* A member that has to be a text. False: it is answered. */
static bool route_needs_text(struct core_http_call *call, const json_t *body, const char *name, const char *expected) {
  if (json_is_string(json_object_get(body, name))) {
    return true;
  }
  char detail[64];
  (void)snprintf(detail, sizeof detail, "%s: expected a text", name);
  core_http_fail_at(call->request, 400, name, 0, expected, detail);
  return false;
}

/* `text` may begin with announce or not. False: it is answered. */
static bool route_read(struct core_http_call *call, struct bc_str text, struct http_ask *ask) {
  if (!core_http_ask_command(call, text, ask)) {
    return false;
  }
  if (ask->verb == BC_VERB_WITHDRAW) {
    core_http_fail_at(call->request, 400, "syntax", 0, "route 192.0.2.1/32 next-hop self",
                      "a withdraw is no route; use DELETE");
    return false;
  }
  ask->verb = BC_VERB_ANNOUNCE;
  ask->is_put = true;
  return true;
}

/* `name` is optional. */
static bool route_take_name(struct core_http_call *call, const json_t *body, struct http_ask *ask) {
  const json_t *name = json_object_get(body, "name");
  if (name == NULL || json_is_null(name)) {
    return true;
  }
  if (!json_is_string(name)) {
    core_http_fail(call->request, 400, "name", "name: expected a text");
    return false;
  }
  ask->name = bc_mem_copy_string(json_string_value(name));
  return true;
}

void core_http_put_route(struct core_http_call *call) {
  static const char *const members[] = {"route", "ttl", "reason", NULL};
  struct http_ask ask = {0};
  json_t *body = core_http_ask_query(call, &ask) ? core_http_ask_json(call, members) : NULL;
  if (body != NULL && core_http_ask_terms(call, body, &ask) &&
      route_needs_text(call, body, "route", "route 192.0.2.1/32 next-hop self") &&
      route_read(call, route_member(body, "route"), &ask)) {
    ask.name = bc_mem_copy_string(call->name);
    core_http_change(call, &ask);
  }
  json_decref(body);
  core_http_ask_release(call->core, &ask);
}

void core_http_delete_route(struct core_http_call *call) {
  struct http_ask ask = {.verb = BC_VERB_WITHDRAW};
  if (core_http_ask_query(call, &ask)) {
    ask.name = bc_mem_copy_string(call->name);
    core_http_change(call, &ask);
  }
  core_http_ask_release(call->core, &ask);
}

/* ---- blackholes ---- */

/* False: it is no list of texts. */
static bool route_read_communities(const json_t *list, struct bc_str communities[static ROUTE_COMMUNITIES],
                                   size_t *count) {
  size_t i;
  const json_t *one;
  *count = 0;
  if (list == NULL || json_is_null(list)) {
    return true;
  }
  if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > ROUTE_COMMUNITIES) {
    return false;
  }
  json_array_foreach(list, i, one) {
    if (!json_is_string(one)) {
      return false;
    }
    communities[i] = (struct bc_str){.at = json_string_value(one), .len = json_string_length(one)};
  }
  *count = i;
  return true;
}

static bool route_read_blackhole(struct core_http_call *call, const json_t *body, struct http_ask *ask) {
  struct bc_str more[ROUTE_COMMUNITIES];
  size_t more_count;
  struct bc_buf command;
  struct bc_fault fault = {0};
  bool is_fine = false;
  if (!route_read_communities(json_object_get(body, "communities"), more, &more_count)) {
    core_http_fail_at(call->request, 400, "communities", 0, "[\"65000:666\"]",
                      "communities: expected a list of 1 to 64 communities");
    return false;
  }
  bc_buf_init(&command, BC_LIMIT_CONFIG_BYTES);
  enum bc_err err = bc_admission_print_blackhole(call->core->admission.rules, route_member(body, "prefix"), more,
                                                 more_count, &command, &fault);
  if (err == BC_ERR_UNSUPPORTED) {
    core_http_fail(call->request, 422, "no-next-hop", "%s", fault.text);
  } else if (err == BC_ERR_REFUSED) {
    core_http_fail_at(call->request, 400, "communities", 0, "[\"65000:666\"]", fault.text);
  } else if (err != BC_ERR_OK) {
    core_http_fail_at(call->request, 400, err == BC_ERR_CONFLICT ? "host-bits" : "prefix", fault.column, NULL,
                      fault.text);
  } else {
    ask->is_blackhole = true;
    is_fine = route_read(call, bc_buf_str(&command), ask);
  }
  bc_buf_free(&command);
  return is_fine;
}

void core_http_post_blackhole(struct core_http_call *call) {
  static const char *const members[] = {"prefix", "communities", "name", "ttl", "reason", NULL};
  struct http_ask ask = {0};
  json_t *body = core_http_ask_query(call, &ask) ? core_http_ask_json(call, members) : NULL;
  if (body != NULL && core_http_ask_terms(call, body, &ask) && route_take_name(call, body, &ask) &&
      route_needs_text(call, body, "prefix", "192.0.2.1/32") && route_read_blackhole(call, body, &ask)) {
    core_http_change(call, &ask);
  }
  json_decref(body);
  core_http_ask_release(call->core, &ask);
}

/* ---- flows ---- */

static bool route_read_flow(struct core_http_call *call, const json_t *body, struct http_ask *ask) {
  const json_t *route = json_object_get(body, "route");
  const json_t *match = json_object_get(body, "match");
  const json_t *then = json_object_get(body, "then");
  struct bc_buf command;
  char problem[BC_FAULT_TEXT_BYTES];
  bool is_made = match != NULL && then != NULL;
  if ((route != NULL) == is_made || (route != NULL && (match != NULL || then != NULL))) {
    core_http_fail_at(call->request, 400, "flow", 0,
                      "{\"match\":{\"destination\":\"192.0.2.1/32\"},\"then\":{\"discard\":true}}",
                      "expected `match` and `then`, or `route`");
    return false;
  }
  if (!is_made) {
    return route_needs_text(call, body, "route", "flow route { match { … } then { … } }") &&
           route_read(call, route_member(body, "route"), ask);
  }
  bc_buf_init(&command, BC_LIMIT_CONFIG_BYTES);
  bool is_fine = bc_http_flow_print(match, then, &command, problem, sizeof problem);
  if (!is_fine) {
    core_http_fail(call->request, 400, "flow", "%s", problem);
  }
  is_fine = is_fine && route_read(call, bc_buf_str(&command), ask);
  bc_buf_free(&command);
  return is_fine;
}

/* Other routes have paths of their own, with rules of their own. */
static bool route_is_flow(struct core_http_call *call, const struct http_ask *ask) {
  if (bc_family_kind((enum bc_family)ask->route.nlri.family) == BC_NLRI_FLOW) {
    return true;
  }
  core_http_fail_at(call->request, 400, "flow", 0, "flow route { match { … } then { … } }", "this is no flow");
  return false;
}

void core_http_post_flow(struct core_http_call *call) {
  static const char *const members[] = {"match", "then", "route", "name", "ttl", "reason", NULL};
  struct http_ask ask = {0};
  json_t *body = core_http_ask_query(call, &ask) ? core_http_ask_json(call, members) : NULL;
  if (body != NULL && core_http_ask_terms(call, body, &ask) && route_take_name(call, body, &ask) &&
      route_read_flow(call, body, &ask) && route_is_flow(call, &ask)) {
    core_http_change(call, &ask);
  }
  json_decref(body);
  core_http_ask_release(call->core, &ask);
}
