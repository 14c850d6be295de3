#include "base/limits.h"
#include "model/admission_private.h"
#include "model/policy_items.h"

#include <string.h>

BC_ENUM_TEXT_FUNCTION(bc_admission_action_text, enum admission_action, BC_ADMISSION_ACTION_LIST, "extended-community")

enum { FLOW_DESTINATION, FLOW_WHOLE, FLOW_SOURCE, FLOW_KINDS };
enum { FLOW_SHOWN_BYTES = 60 };

static const char *const flow_kinds[FLOW_KINDS] = {"destination", "whole", "source"};

void bc_admission_flow_init(struct admission_flow *flow) {
  *flow = (struct admission_flow){.destination = {24, 48},
                                  .whole = {32, 128},
                                  .source = {ADMISSION_OFF, ADMISSION_OFF},
                                  .actions = 1U << ADMISSION_ACCEPT | 1U << ADMISSION_DISCARD | 1U << ADMISSION_RATE};
}

/* ---- the setting ---- */

static enum bc_err flow_expected(struct bc_fault *fault, const char *expected, struct bc_str found) {
  bc_fault_set(fault, 0, "expected %s, found \"%.*s\"", expected,
               (int)(found.len < FLOW_SHOWN_BYTES ? found.len : FLOW_SHOWN_BYTES), found.at == NULL ? "" : found.at);
  return BC_ERR_SYNTAX;
}

static enum bc_err flow_add_action(struct admission_flow *flow, struct bc_str word, struct bc_fault *fault) {
  for (unsigned i = 0; i < ADMISSION_ACTIONS; i++) {
    if (bc_str_is(word, bc_admission_action_text((enum admission_action)i))) {
      flow->actions = (flow->has_actions ? flow->actions : 0) | 1U << i;
      flow->has_actions = true;
      return BC_ERR_OK;
    }
  }
  return flow_expected(fault,
                       "accept, discard, rate-limit, redirect, redirect-to-nexthop, redirect-to-nexthop-ietf, copy, "
                       "mark, action, interface-set or extended-community",
                       word);
}

static enum bc_err flow_add_length(struct admission_flow *flow, unsigned kind, struct bc_str *rest,
                                   struct bc_fault *fault) {
  struct bc_str version = bc_str_next_word(rest);
  struct bc_str word = bc_str_next_word(rest);
  int *const lengths[FLOW_KINDS] = {flow->destination, flow->whole, flow->source};
  unsigned at = bc_str_is(version, "ipv6") ? 1 : 0;
  uint64_t number;
  if (at == 0 && !bc_str_is(version, "ipv4")) {
    return flow_expected(fault, "ipv4 or ipv6", version);
  }
  bool is_number = bc_str_to_u64(word, at == 1 ? 128 : 32, &number) == BC_ERR_OK;
  bool is_any = kind == FLOW_DESTINATION && bc_str_is(word, "any");
  bool is_off = kind == FLOW_SOURCE && bc_str_is(word, "off");
  if (!is_number && !is_any && !is_off) {
    return flow_expected(fault,
                         kind == FLOW_DESTINATION ? "a length up to 32 (128), or any"
                         : kind == FLOW_SOURCE    ? "a length up to 32 (128), or off"
                                                  : "a length up to 32 (128)",
                         word);
  }
  if (flow->is_given[kind][at]) {
    bc_fault_set(fault, 0, "%s %s is given twice", flow_kinds[kind], at == 1 ? "ipv6" : "ipv4");
    return BC_ERR_EXISTS;
  }
  flow->is_given[kind][at] = true;
  lengths[kind][at] = is_number ? (int)number : is_any ? ADMISSION_ANY : ADMISSION_OFF;
  return BC_ERR_OK;
}

enum bc_err bc_admission_flow_add(struct admission_flow *flow, struct bc_str text, struct bc_fault *fault) {
  struct bc_str rest = text;
  struct bc_str word = bc_str_next_word(&rest);
  enum bc_err err = BC_ERR_SYNTAX;
  unsigned kind = 0;
  while (kind < FLOW_KINDS && !bc_str_is(word, flow_kinds[kind])) {
    kind++;
  }
  if (bc_str_is(word, "off")) {
    flow->is_off = true;
    err = BC_ERR_OK;
  } else if (bc_str_is(word, "action")) {
    err = flow_add_action(flow, bc_str_next_word(&rest), fault);
  } else if (kind < FLOW_KINDS) {
    err = flow_add_length(flow, kind, &rest, fault);
  } else {
    return flow_expected(fault, "off, destination, whole, source or action", word);
  }
  rest = bc_str_trim(rest);
  return err == BC_ERR_OK && rest.len > 0 ? flow_expected(fault, "no more words", rest) : err;
}

/* ---- judging ---- */

/* Communities that ExaBGP does not list as an action may be one to a router. */
static bool flow_is_plain_extended(struct bc_str words) {
  struct bc_str word;
  while ((word = bc_policy_items_next(&words)).len > 0) {
    if (!bc_str_starts(word, "target:") && !bc_str_starts(word, "origin:")) {
      return false;
    }
  }
  return true;
}

static unsigned flow_actions(const struct bc_route *route) {
  struct bc_policy_items items;
  unsigned actions = 0;
  bc_policy_items_read(&items, (enum bc_family)route->nlri.family, route->attributes);
  for (size_t i = 0; i < items.count; i++) {
    struct bc_str text = items.item[i].text;
    unsigned action = 0;
    if (bc_str_is(text, "next-hop") || bc_str_is(text, "community") || bc_str_is(text, "large-community") ||
        (bc_str_is(text, "extended-community") && flow_is_plain_extended(items.item[i].value))) {
      continue;
    }
    while (action < ADMISSION_OTHER && !bc_str_is(text, bc_admission_action_text((enum admission_action)action))) {
      action++;
    }
    actions |= 1U << action;
  }
  bc_policy_items_free(&items);
  return actions;
}

bool bc_admission_flow_drops(const struct bc_route *route) {
  return (flow_actions(route) & (1U << ADMISSION_DISCARD | 1U << ADMISSION_RATE | 1U << ADMISSION_OTHER)) != 0;
}

static enum bc_admission_answer flow_judge_actions(const struct admission_flow *flow, const struct bc_route *route,
                                                   struct bc_fault *fault) {
  unsigned actions = flow_actions(route);
  for (unsigned i = 0; i < ADMISSION_ACTIONS; i++) {
    if ((actions >> i & 1U) != 0 && (flow->actions >> i & 1U) == 0) {
      bc_fault_set(fault, 0, "admit_flow: flows that come by HTTP may not have the action %s on this node",
                   bc_admission_action_text((enum admission_action)i));
      return BC_ADMISSION_FLOW_ACTION;
    }
  }
  return BC_ADMISSION_OK;
}

static enum bc_admission_answer flow_judge_source(const struct admission_flow *flow, const struct bc_flow_reach *reach,
                                                  bool is_ipv6, struct bc_fault *fault) {
  const char *version = is_ipv6 ? "ipv6" : "ipv4";
  int least = flow->source[is_ipv6 ? 1 : 0];
  if (!reach->has_source || least == ADMISSION_OFF) {
    bc_fault_set(fault, 0, "admit_flow: a flow without destination is for the traffic of all, expected a destination");
    return BC_ADMISSION_FLOW;
  }
  if (reach->source.length < (unsigned)least) {
    bc_fault_set(fault, 0,
                 "admit_flow source %s %d: a flow without destination needs a source of that length or longer, found "
                 "/%u",
                 version, least, (unsigned)reach->source.length);
    return BC_ADMISSION_FLOW;
  }
  return BC_ADMISSION_OK;
}

enum bc_admission_answer bc_admission_judge_flow(const struct bc_admission *rules, const struct bc_route *route,
                                                 const struct bc_nlri *nlri, struct bc_fault *fault) {
  const struct admission_flow *flow = &rules->flow;
  bool is_ipv6 = bc_family_is_ipv6((enum bc_family)nlri->family);
  const char *version = is_ipv6 ? "ipv6" : "ipv4";
  int least = flow->destination[is_ipv6 ? 1 : 0];
  int whole = flow->whole[is_ipv6 ? 1 : 0];
  struct bc_flow_reach reach;
  if (flow->is_off) {
    bc_fault_set(fault, 0, "admit_flow off: no flow may come by HTTP on this node");
    return BC_ADMISSION_FLOW;
  }
  bc_flow_reach_of(nlri, &reach);
  if (!reach.has_destination && least != ADMISSION_ANY) {
    enum bc_admission_answer answer = flow_judge_source(flow, &reach, is_ipv6, fault);
    return answer == BC_ADMISSION_OK ? flow_judge_actions(flow, route, fault) : answer;
  }
  if (reach.has_destination && least != ADMISSION_ANY && reach.destination.length < (unsigned)least) {
    bc_fault_set(fault, 0, "admit_flow destination %s %d: expected a destination of that length or longer, found /%u",
                 version, least, (unsigned)reach.destination.length);
    return BC_ADMISSION_FLOW;
  }
  unsigned length = reach.has_destination ? reach.destination.length : 0;
  if (length < (unsigned)whole && !reach.is_narrow && bc_admission_flow_drops(route)) {
    bc_fault_set(fault, 0,
                 "admit_flow whole %s %d: it would drop or limit all traffic of a protocol to a /%u; expected a "
                 "destination of that length, or few ports, packet lengths or ICMP types, fragments, or a source",
                 version, whole, length);
    return BC_ADMISSION_FLOW;
  }
  return flow_judge_actions(flow, route, fault);
}
