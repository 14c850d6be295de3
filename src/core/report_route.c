/* What is told of a route: whole, in brief for tables, and when it changes. */
#include "core/private.h"

#include <stdio.h>
#include <string.h>

static json_t *report_neighbor_set(const struct bc_core *core, uint64_t set) {
  json_t *list = json_array();
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    const struct core_neighbor *neighbor = &core->neighbors[i];
    if ((set >> i & 1) != 0) {
      json_array_append_new(list, json_string(neighbor->config.peer));
    }
  }
  return list;
}

/* ---- how it stands ---- */

struct report_seen {
  struct bc_config_route config;
  bool is_found; /* … in the configuration */
  struct core_view view;
  const struct bc_route *shown; /* its version in force; NULL = none */
  char reason[CORE_REASON_BYTES];
  struct bc_buf trouble; /* holds `error`, if that is made here */
  const char *error;
};

static const char *report_route_state(const struct core_route *route, const struct core_view *view,
                                      const struct bc_config_route *config) {
  if (view->state != BC_RIB_NONE) {
    return bc_rib_state_text(view->state);
  }
  if (config == NULL || !config->has_version) {
    return "faulty";
  }
  if (!config->is_subscribed) {
    return "unsubscribed";
  }
  return route->decision.verdict == BC_VERDICT_KEEP ? "waiting" : "withdrawn";
}

/* What keeps it from the wire is more than why it is wanted. */
static void report_standby_reason(const struct bc_core *core, const struct core_route *route, char *text, size_t room) {
  char why[256];
  core_route_standby_reason(core, route, why, sizeof why);
  if (why[0] != '\0') {
    (void)snprintf(text, room, "%s", why);
  }
}

/* Of several NLRI it says which. */
static const char *report_rib_error(const struct core_route *route, const struct core_view *view, struct bc_buf *to) {
  if (view->error == NULL && view->is_alarmed) {
    return "not seen on the wire of all neighbors after three repairs: look at ExaBGP's log; it is tried once a minute";
  }
  if (view->error == NULL || view->count == 1) {
    return view->error;
  }
  bc_nlri_print(bc_route_nlri(&route->claimed, view->error_at), to);
  bc_buf_add_text(to, ": ");
  bc_buf_add_text(to, view->error);
  return to->data;
}

static const char *report_error(const struct core_route *route, struct report_seen *seen) {
  const struct core_check *check = route->check;
  if (seen->is_found && seen->config.fault != NULL) {
    return seen->config.fault;
  }
  const char *error = core_guard_fault(route) != NULL ? core_guard_fault(route) : core_address_fault(route);
  error = error == NULL ? report_rib_error(route, &seen->view, &seen->trouble) : error;
  if (error == NULL && check != NULL && core_check_is_troubled(check)) {
    core_check_describe_trouble(check, &seen->trouble);
    error = seen->trouble.data;
  }
  if (error == NULL && core_policy_is_troubled(route)) {
    core_policy_describe_trouble(route, &seen->trouble);
    error = seen->trouble.data;
  }
  return error;
}

/* To be ended with bc_buf_free of `trouble`; valid until the next change of anything. */
static void report_look(struct bc_core *core, const struct core_route *route, struct report_seen *seen) {
  seen->is_found = bc_config_find(core->config, route->name, &seen->config);
  (void)core_route_view(core, route, &seen->view);
  seen->shown = seen->is_found ? seen->config.route : NULL;
  core_route_explain(route, seen->reason, sizeof seen->reason);
  if (seen->view.state == BC_RIB_STANDBY) {
    report_standby_reason(core, route, seen->reason, sizeof seen->reason);
  }
  bc_buf_init(&seen->trouble, 2U * (BC_LIMIT_COMMAND_BYTES + CORE_REASON_BYTES));
  seen->error = report_error(route, seen);
}

const char *core_route_state_text(const struct bc_core *core, const struct core_route *route) {
  struct bc_config_route config;
  struct core_view view;
  (void)core_route_view(core, route, &view);
  bool is_found = view.state == BC_RIB_NONE && bc_config_find(core->config, route->name, &config);
  return report_route_state(route, &view, is_found ? &config : NULL);
}

/* ---- its parts ---- */

static json_t *report_nlri(const struct report_seen *seen) {
  size_t shown = seen->shown == NULL ? 0 : bc_route_nlri_count(seen->shown);
  size_t count = seen->view.count > 0 ? seen->view.count : shown;
  json_t *made = json_object();
  json_object_set_new(made, "count", json_integer((json_int_t)count));
  json_object_set_new(made, "announced", json_integer((json_int_t)seen->view.announced));
  return made;
}

static void report_set_prefix(json_t *made, const struct bc_route *shown) {
  struct bc_buf prefix;
  bc_buf_init(&prefix, BC_LIMIT_COMMAND_BYTES);
  if (shown != NULL) {
    bc_nlri_print(&shown->nlri, &prefix);
  }
  json_object_set_new(made, "prefix", json_string(bc_buf_str(&prefix).at));
  json_object_set_new(made, "family", json_string(shown == NULL ? "" : bc_family_text(shown->nlri.family)));
  bc_buf_free(&prefix);
}

static void report_set_text(json_t *made, const struct bc_route *shown) {
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
  if (shown != NULL) {
    bc_route_print(shown, BC_VERB_NONE, &text);
  }
  json_object_set_new(made, "text", json_string(bc_buf_str(&text).at));
  bc_buf_free(&text);
}

static void report_set_decision(json_t *made, const struct core_route *route, const struct report_seen *seen) {
  json_object_set_new(made, "verdict", json_string(bc_verdict_text(route->decision.verdict)));
  json_object_set_new(made, "layer", json_string(bc_layer_text(route->decision.layer)));
  json_object_set_new(made, "reason", json_string(seen->reason));
}

static void report_set_state(json_t *made, const struct core_route *route, const struct report_seen *seen) {
  const struct bc_config_route *config = seen->is_found ? &seen->config : NULL;
  json_object_set_new(made, "state", json_string(report_route_state(route, &seen->view, config)));
  json_object_set_new(made, "health", json_string(bc_health_state_text(core_route_health(route).state)));
}

static void report_set_wire(struct bc_core *core, json_t *made, const struct core_route *route,
                            const struct report_seen *seen) {
  enum bc_rib_state state = seen->view.state;
  json_object_set_new(made, "since", core_report_time(route->since_ms));
  json_object_set_new(made, "acked",
                      json_boolean(state == BC_RIB_ACKED || state == BC_RIB_ANNOUNCED || state == BC_RIB_STANDBY ||
                                   state == BC_RIB_UNCONFIRMED));
  json_object_set_new(made, "nlri", report_nlri(seen));
  json_object_set_new(made, "onWire", report_neighbor_set(core, seen->view.on_wire));
  json_object_set_new(made, "missing", report_neighbor_set(core, seen->view.missing));
  json_object_set_new(made, "error", core_report_text(seen->error));
}

static void report_set_checks(json_t *made, const struct core_route *route) {
  const struct core_check *check = route->check;
  const char *output = check == NULL ? NULL : check->running.output;
  json_object_set_new(made, "output", core_report_bytes(output, BC_LIMIT_CHECK_OUTPUT_SHOWN_BYTES));
  json_object_set_new(made, "data", core_report_data(check));
  json_object_set_new(made, "checks", core_report_route_checks(route));
}

/* ---- the whole ---- */

json_t *core_report_route(struct bc_core *core, const struct core_route *route) {
  struct report_seen seen;
  json_t *made = json_object();
  report_look(core, route, &seen);
  json_object_set_new(made, "name", json_string(route->name));
  report_set_prefix(made, seen.shown);
  report_set_text(made, seen.shown);
  json_object_set_new(made, "subscribed", json_boolean(seen.is_found && seen.config.is_subscribed));
  report_set_decision(made, route, &seen);
  report_set_state(made, route, &seen);
  report_set_wire(core, made, route, &seen);
  report_set_checks(made, route);
  json_object_set_new(made, "policy", core_report_policy(route));
  core_lease_report(core, route->name, made);
  bc_buf_free(&seen.trouble);
  return made;
}

json_t *core_report_route_brief(struct bc_core *core, const struct core_route *route) {
  struct report_seen seen;
  json_t *made = json_object();
  report_look(core, route, &seen);
  json_object_set_new(made, "name", json_string(route->name));
  report_set_prefix(made, seen.shown);
  report_set_state(made, route, &seen);
  report_set_decision(made, route, &seen);
  report_set_wire(core, made, route, &seen);
  json_object_set_new(made, "history", core_history_report_brief(route));
  core_lease_report(core, route->name, made);
  bc_buf_free(&seen.trouble);
  return made;
}

json_t *core_report_route_event(struct bc_core *core, const struct core_route *route) {
  struct report_seen seen;
  json_t *made = json_object();
  report_look(core, route, &seen);
  report_set_state(made, route, &seen);
  report_set_decision(made, route, &seen);
  json_object_set_new(made, "error", core_report_text(seen.error));
  bc_buf_free(&seen.trouble);
  return made;
}
