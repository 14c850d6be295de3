#include "cli/policy_judge.h"

#include "base/limits.h"
#include "cli/client.h"

#include <stdio.h>
#include <string.h>

void bc_policy_judged_init(struct bc_policy_judged *judged) {
  *judged = (struct bc_policy_judged){.is_good = false};
  bc_buf_init(&judged->command, BC_LIMIT_COMMAND_BYTES);
}

void bc_policy_judged_fini(struct bc_policy_judged *judged) {
  bc_policy_verdict_free(&judged->verdict);
  bc_buf_free(&judged->command);
}

static void judge_copy(char *to, size_t room, const json_t *object, const char *member) {
  const json_t *value = json_object_get(object, member);
  if (json_is_integer(value)) {
    (void)snprintf(to, room, "%lld", (long long)json_integer_value(value));
  } else {
    (void)snprintf(to, room, "%s", bc_client_text(object, member));
  }
}

static size_t judge_neighbors(const json_t *context, struct bc_neighbor_name to[static BC_LIMIT_NEIGHBORS]) {
  size_t index;
  size_t count = 0;
  const json_t *neighbor;
  json_array_foreach(json_object_get(context, "neighbors"), index, neighbor) {
    if (count < BC_LIMIT_NEIGHBORS) {
      struct bc_neighbor_name *name = &to[count++];
      *name = (struct bc_neighbor_name){.ip = ""};
      judge_copy(name->ip, sizeof name->ip, neighbor, "address");
      judge_copy(name->local_ip, sizeof name->local_ip, neighbor, "local_address");
      judge_copy(name->local_as, sizeof name->local_as, neighbor, "local_as");
      judge_copy(name->peer_as, sizeof name->peer_as, neighbor, "peer_as");
    }
  }
  return count;
}

/* The route of the context with these attributes. False and a fault. */
static bool judge_make(struct bc_intern *intern, const json_t *context, const json_t *attributes, struct bc_route *made,
                       struct bc_fault *fault) {
  const char *text = bc_client_text(json_object_get(context, "route"), "text");
  struct bc_neighbor_name neighbors[BC_LIMIT_NEIGHBORS];
  struct bc_route base = {.selector = NULL};
  struct bc_fault why;
  if (bc_route_parse(intern, bc_str_of(text), &base, &why) != BC_ERR_OK) {
    bc_fault_set(fault, 0, "route.text of the context: column %zu: %s", why.column, why.text);
    return false;
  }
  bool is_good = bc_policy_apply(intern, &base, attributes, neighbors, judge_neighbors(context, neighbors), made,
                                 fault) == BC_ERR_OK;
  bc_route_release(intern, &base);
  return is_good;
}

static bool judge_route(const json_t *context, enum bc_verb verb, struct bc_policy_judged *to) {
  struct bc_intern *intern = bc_intern_new();
  struct bc_route made = {.selector = NULL};
  bool is_good = judge_make(intern, context, to->verdict.attributes, &made, &to->fault);
  if (is_good) {
    bc_route_print(&made, verb, &to->command);
  }
  bc_route_release(intern, &made);
  bc_intern_free(intern);
  return is_good;
}

json_t *bc_policy_attributes_of(const json_t *context, const json_t *attributes) {
  struct bc_intern *intern = bc_intern_new();
  struct bc_route made = {.selector = NULL};
  struct bc_fault fault;
  json_t *list = judge_make(intern, context, attributes, &made, &fault) ? bc_policy_list_attributes(&made) : NULL;
  bc_route_release(intern, &made);
  bc_intern_free(intern);
  return list;
}

void bc_policy_judge(const json_t *context, const struct bc_policy_answer *answer, struct bc_policy_judged *to) {
  bool is_admission = strcmp(bc_client_text(context, "kind"), "admission") == 0;
  enum bc_policy_kind kind = is_admission ? BC_POLICY_ADMISSION : BC_POLICY_ROUTE;
  bc_policy_verdict_free(&to->verdict);
  bc_buf_clear(&to->command);
  to->is_good = false;
  if (answer->status != BC_POLICY_STATUS_DONE) {
    bc_fault_set(&to->fault, 0, BC_STR_FMT, BC_STR_ARG(bc_buf_str(&answer->error)));
    return;
  }
  if (bc_policy_verdict_parse(bc_buf_str(&answer->verdict), kind, &to->verdict, &to->fault) != BC_ERR_OK) {
    return;
  }
  bool has_route = bc_client_text(json_object_get(context, "route"), "text")[0] != '\0';
  bool has_command = has_route && to->verdict.verdict != BC_VERDICT_KEEP;
  enum bc_verb verb = to->verdict.verdict == BC_VERDICT_WITHDRAW ? BC_VERB_WITHDRAW : BC_VERB_ANNOUNCE;
  to->is_good = !has_command || (is_admission && verb == BC_VERB_WITHDRAW) || judge_route(context, verb, to);
}
