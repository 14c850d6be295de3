#include "model/admission.h"

#include "base/limits.h"
#include "base/mem.h"
#include "model/admission_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

BC_ENUM_TEXT_FUNCTION(bc_admission_setting_text, enum bc_admission_setting, BC_ADMISSION_SETTING_LIST, "admit_allow")

enum { ADMISSION_SHOWN_BYTES = 60 };

#define ADMISSION_STATUS(name, status, code) status,
#define ADMISSION_CODE(name, status, code) code,

unsigned bc_admission_status(enum bc_admission_answer answer) {
  static const unsigned statuses[] = {BC_ADMISSION_LIST(ADMISSION_STATUS)};
  return statuses[answer];
}

const char *bc_admission_code(enum bc_admission_answer answer) {
  static const char *const codes[] = {BC_ADMISSION_LIST(ADMISSION_CODE)};
  return codes[answer];
}

/* What no router forwards, so whoever asks for it has slipped. */
static const char *const admission_martians[] = {"0.0.0.0/8",   "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4",
                                                 "240.0.0.0/4", "::/128",      "::1/128",        "::ffff:0:0/96",
                                                 "fe80::/10",   "ff00::/8"};

/* ---- life ---- */

struct bc_admission *bc_admission_new(void) {
  struct bc_admission *rules = bc_mem_new(1, sizeof *rules);
  rules->length = (struct admission_lengths){.least = {8, 16}, .most = {32, 128}};
  rules->blackhole_length = (struct admission_lengths){.least = {32, 128}, .most = {32, 128}};
  bc_admission_flow_init(&rules->flow);
  return rules;
}

static void admission_free_rules(struct admission_rules *list) {
  for (size_t i = 0; i < list->count; i++) {
    free(list->rule[i].text);
  }
  free(list->rule);
}

void bc_admission_free(struct bc_admission *rules) {
  if (rules == NULL) {
    return;
  }
  admission_free_rules(&rules->allow);
  admission_free_rules(&rules->never);
  for (unsigned i = 0; i < ADMISSION_COMMUNITY_KINDS; i++) {
    free(rules->community[i]);
  }
  free(rules->next_hop[0]);
  free(rules->next_hop[1]);
  free(rules);
}

/* ---- settings ---- */

static enum bc_err admission_add_rule(struct bc_admission *rules, enum bc_admission_setting setting, struct bc_str text,
                                      struct bc_fault *fault) {
  struct admission_rules *list = setting == BC_ADMIT_NEVER ? &rules->never : &rules->allow;
  enum bc_prefix_meaning meaning = setting == BC_ADMIT_NEVER ? BC_PREFIX_NEVER : BC_PREFIX_EXACT;
  struct admission_rule rule = {0};
  enum bc_err err = bc_prefix_rule_parse(bc_admission_setting_text(setting), meaning, text, &rule.rule, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  if (list->count == BC_LIMIT_GUARD_RULES) {
    bc_fault_set(fault, 0, "%s: more than %d of them", bc_admission_setting_text(setting), BC_LIMIT_GUARD_RULES);
    return BC_ERR_LIMIT;
  }
  rule.text = bc_mem_copy_text(text.at, text.len);
  list->rule = bc_mem_resize(list->rule, list->count + 1, sizeof *list->rule);
  list->rule[list->count++] = rule;
  return BC_ERR_OK;
}

static enum bc_err admission_add_lengths(struct admission_lengths *lengths, struct bc_str text,
                                         struct bc_fault *fault) {
  struct bc_str rest = text;
  struct bc_str version = bc_str_next_word(&rest);
  struct bc_str range = bc_str_trim(rest);
  struct bc_str least_text;
  unsigned at = bc_str_is(version, "ipv6") ? 1 : 0;
  unsigned bits = at == 1 ? 128 : 32;
  uint64_t least = 0;
  uint64_t most = 0;
  bool is_fine = (at == 1 || bc_str_is(version, "ipv4")) && range.len > 0 &&
                 bc_str_next_field(&range, '-', &least_text) && bc_str_to_u64(least_text, bits, &least) == BC_ERR_OK;
  most = least;
  if (is_fine && range.at != NULL) {
    is_fine = bc_str_to_u64(range, bits, &most) == BC_ERR_OK && most >= least;
  }
  if (!is_fine) {
    bc_fault_set(fault, 0, "expected ipv4 or ipv6 and lengths such as 24-32 or 32, found \"%.*s\"",
                 (int)(text.len < ADMISSION_SHOWN_BYTES ? text.len : ADMISSION_SHOWN_BYTES), text.at);
    return BC_ERR_SYNTAX;
  }
  if (lengths->is_given[at]) {
    bc_fault_set(fault, 0, "%s is given twice", at == 1 ? "ipv6" : "ipv4");
    return BC_ERR_EXISTS;
  }
  lengths->is_given[at] = true;
  lengths->least[at] = (unsigned)least;
  lengths->most[at] = (unsigned)most;
  return BC_ERR_OK;
}

static enum bc_err admission_add_family(struct bc_admission *rules, struct bc_str text, struct bc_fault *fault) {
  enum bc_family family;
  if (bc_family_parse(text, &family) != BC_ERR_OK) {
    bc_fault_set(fault, 0, "expected a family such as ipv4 unicast or ipv6 flow, found \"%.*s\"",
                 (int)(text.len < ADMISSION_SHOWN_BYTES ? text.len : ADMISSION_SHOWN_BYTES), text.at);
    return BC_ERR_SYNTAX;
  }
  rules->families |= 1U << family;
  return BC_ERR_OK;
}

enum bc_err bc_admission_add(struct bc_admission *rules, enum bc_admission_setting setting, struct bc_str text,
                             struct bc_fault *fault) {
  struct bc_fault found = {0};
  enum bc_err err = BC_ERR_OK;
  text = bc_str_trim(text);
  switch (setting) {
  case BC_ADMIT_FAMILY:
    err = admission_add_family(rules, text, &found);
    break;
  case BC_ADMIT_LENGTH:
    err = admission_add_lengths(&rules->length, text, &found);
    break;
  case BC_BLACKHOLE_LENGTH:
    err = admission_add_lengths(&rules->blackhole_length, text, &found);
    break;
  case BC_ADMIT_FLOW:
    err = bc_admission_flow_add(&rules->flow, text, &found);
    break;
  case BC_BLACKHOLE_COMMUNITY:
    err = bc_admission_add_community(rules, text, &found);
    break;
  case BC_BLACKHOLE_NEXT_HOP:
    err = bc_admission_add_next_hop(rules, text, &found);
    break;
  default:
    return admission_add_rule(rules, setting, text, fault);
  }
  if (err != BC_ERR_OK) {
    bc_fault_set(fault, 0, "%s: %s", bc_admission_setting_text(setting), found.text);
  }
  return err;
}

enum bc_err bc_admission_add_list(struct bc_admission *rules, enum bc_admission_setting setting, struct bc_str list,
                                  struct bc_fault *fault) {
  struct bc_str field;
  enum bc_err err = BC_ERR_OK;
  while (err == BC_ERR_OK && list.len > 0 && bc_str_next_field(&list, ',', &field)) {
    err = bc_admission_add(rules, setting, field, fault);
  }
  return err;
}

static enum bc_err admission_add_settings(struct bc_admission *rules, const struct bc_settings *settings,
                                          struct bc_fault *fault) {
  const char *const lists[BC_ADMISSION_SETTINGS] = {
      [BC_ADMIT_ALLOW] = settings->admit_allow,
      [BC_ADMIT_NEVER] = settings->admit_never,
      [BC_ADMIT_FAMILY] = settings->admit_family,
      [BC_ADMIT_LENGTH] = settings->admit_length,
      [BC_ADMIT_FLOW] = settings->admit_flow,
      [BC_BLACKHOLE_LENGTH] = settings->blackhole_length,
      [BC_BLACKHOLE_COMMUNITY] = settings->blackhole_community,
      [BC_BLACKHOLE_NEXT_HOP] = settings->blackhole_next_hop,
  };
  enum bc_err err = BC_ERR_OK;
  for (unsigned i = 0; err == BC_ERR_OK && i < BC_ADMISSION_SETTINGS; i++) {
    err = bc_admission_add_list(rules, (enum bc_admission_setting)i, bc_str_of(lists[i]), fault);
  }
  return err;
}

enum bc_err bc_admission_check(const struct bc_settings *settings, struct bc_fault *fault) {
  struct bc_admission *rules = bc_admission_new();
  enum bc_err err = admission_add_settings(rules, settings, fault);
  bc_admission_free(rules);
  if (err == BC_ERR_OK && settings->admit_max_ttl != 0 && settings->admit_default_ttl > settings->admit_max_ttl) {
    bc_fault_set(fault, 0, "admit_default_ttl: expected at most admit_max_ttl");
    err = BC_ERR_RANGE;
  }
  return err;
}

struct bc_admission *bc_admission_of(const struct bc_settings *settings) {
  struct bc_admission *rules = bc_admission_new();
  (void)!admission_add_settings(rules, settings, NULL);
  rules->most = settings->admit_max_routes;
  rules->most_of_token = settings->admit_max_routes_per_token;
  rules->most_per_hour = settings->admit_max_per_hour;
  rules->ttl_most_ms = settings->admit_max_ttl;
  rules->ttl_default_ms = settings->admit_default_ttl;
  return rules;
}

/* ---- what is judged of each NLRI ---- */

static enum bc_admission_answer admission_judge_martian(const struct bc_prefix *prefix, const char *text,
                                                        struct bc_fault *fault) {
  for (size_t i = 0; i < sizeof admission_martians / sizeof admission_martians[0]; i++) {
    struct bc_prefix martian;
    const char *expected;
    if (bc_prefix_parse(bc_str_of(admission_martians[i]), &martian, &expected) == BC_ERR_OK &&
        bc_prefix_contains(&martian, prefix)) {
      bc_fault_set(fault, 0, "%s lies in %s, which is never announced by HTTP", text, admission_martians[i]);
      return BC_ADMISSION_NEVER;
    }
  }
  return BC_ADMISSION_OK;
}

/* What drops traffic harms also what lies within it. */
static enum bc_admission_answer admission_judge_never(const struct bc_admission *rules, const struct bc_prefix *prefix,
                                                      bool drops, const char *text, struct bc_fault *fault) {
  for (size_t i = 0; i < rules->never.count; i++) {
    const struct admission_rule *rule = &rules->never.rule[i];
    bool covers = drops && bc_prefix_contains(prefix, &rule->rule.prefix);
    if (bc_prefix_rule_holds(&rule->rule, prefix, drops) || covers) {
      bc_fault_set(fault, 0, "admit_never %.60s: %s may not be announced by HTTP on this node", rule->text, text);
      return BC_ADMISSION_NEVER;
    }
  }
  return BC_ADMISSION_OK;
}

static enum bc_admission_answer admission_judge_allow(const struct bc_admission *rules, const struct bc_prefix *prefix,
                                                      bool is_flow, const char *text, struct bc_fault *fault) {
  for (size_t i = 0; i < rules->allow.count; i++) {
    if (bc_prefix_rule_holds(&rules->allow.rule[i].rule, prefix, is_flow)) {
      return BC_ADMISSION_OK;
    }
  }
  if (rules->allow.count == 0) {
    return BC_ADMISSION_OK;
  }
  bc_fault_set(fault, 0, "admit_allow: %s is not among the prefixes that may be announced by HTTP on this node", text);
  return BC_ADMISSION_PREFIX;
}

static enum bc_admission_answer admission_judge_length(const struct bc_admission *rules, const struct bc_prefix *prefix,
                                                       bool is_blackhole, const char *text, struct bc_fault *fault) {
  const struct admission_lengths *lengths = is_blackhole ? &rules->blackhole_length : &rules->length;
  unsigned at = prefix->is_ipv6 ? 1 : 0;
  if (prefix->length >= lengths->least[at] && prefix->length <= lengths->most[at]) {
    return BC_ADMISSION_OK;
  }
  bc_fault_set(fault, 0, "%s: %s: expected a length from %u to %u", is_blackhole ? "blackhole_length" : "admit_length",
               text, lengths->least[at], lengths->most[at]);
  return BC_ADMISSION_LENGTH;
}

/* Who drops what goes to a BGP speaker ends the session that carries the order to stop. */
static enum bc_admission_answer admission_judge_own(const struct bc_admission_ask *ask, const struct bc_prefix *prefix,
                                                    bool drops, const char *text, struct bc_fault *fault) {
  for (size_t i = 0; i < ask->own_count; i++) {
    bool is_hit = drops ? bc_prefix_contains(prefix, &ask->own[i]) : bc_prefix_compare(prefix, &ask->own[i]) == 0;
    if (is_hit) {
      char own[BC_PREFIX_TEXT_BYTES];
      bc_prefix_print(&ask->own[i], own);
      bc_fault_set(fault, 0, "%s %s an address of a BGP session of this node", text,
                   prefix->length == bc_prefix_bits(prefix) ? "is" : "holds");
      return BC_ADMISSION_OWN_ADDRESS;
    }
  }
  return BC_ADMISSION_OK;
}

struct admission_nlri {
  const struct bc_nlri *nlri;
  struct bc_prefix prefix;
  char text[BC_PREFIX_TEXT_BYTES];
  bool is_flow;
  bool is_blackhole;
  bool drops;
};

static enum bc_admission_answer admission_judge_prefix(const struct bc_admission *rules,
                                                       const struct bc_admission_ask *ask,
                                                       const struct admission_nlri *one, struct bc_fault *fault) {
  enum bc_admission_answer answer = admission_judge_never(rules, &one->prefix, one->drops, one->text, fault);
  if (answer == BC_ADMISSION_OK && !one->is_flow) {
    answer = admission_judge_martian(&one->prefix, one->text, fault);
  }
  if (answer == BC_ADMISSION_OK) {
    answer = admission_judge_allow(rules, &one->prefix, one->is_flow, one->text, fault);
  }
  if (answer == BC_ADMISSION_OK && !one->is_flow) {
    answer = admission_judge_length(rules, &one->prefix, one->is_blackhole, one->text, fault);
  }
  return answer == BC_ADMISSION_OK ? admission_judge_own(ask, &one->prefix, one->drops, one->text, fault) : answer;
}

/* A flow that drops what comes from an address that is never to be touched, or from a BGP neighbor. */
static enum bc_admission_answer admission_judge_source(const struct bc_admission *rules,
                                                       const struct bc_admission_ask *ask,
                                                       const struct admission_nlri *one, struct bc_fault *fault) {
  struct bc_prefix source;
  char text[BC_PREFIX_TEXT_BYTES];
  if (!one->drops || !bc_prefix_of_flow_source(one->nlri, &source)) {
    return BC_ADMISSION_OK;
  }
  bc_prefix_print(&source, text);
  for (size_t i = 0; i < rules->never.count; i++) {
    if (bc_prefix_rule_holds(&rules->never.rule[i].rule, &source, true)) {
      bc_fault_set(fault, 0, "admit_never %.60s: what comes from %s may not be dropped by HTTP on this node",
                   rules->never.rule[i].text, text);
      return BC_ADMISSION_NEVER;
    }
  }
  bool is_host = source.length == bc_prefix_bits(&source);
  return is_host ? admission_judge_own(ask, &source, true, text, fault) : BC_ADMISSION_OK;
}

static enum bc_admission_answer admission_judge_nlri(const struct bc_admission *rules,
                                                     const struct bc_admission_ask *ask, bool is_blackhole, bool drops,
                                                     const struct bc_nlri *nlri, struct bc_fault *fault) {
  bool is_flow = bc_family_kind((enum bc_family)nlri->family) == BC_NLRI_FLOW;
  struct admission_nlri one = {.nlri = nlri, .is_flow = is_flow, .is_blackhole = is_blackhole, .drops = drops};
  enum bc_admission_answer answer = BC_ADMISSION_OK;
  if (bc_prefix_of_nlri(nlri, &one.prefix)) {
    bc_prefix_print(&one.prefix, one.text);
    answer = admission_judge_prefix(rules, ask, &one, fault);
  } else if (rules->allow.count > 0 &&
             !(is_flow && rules->flow.source[bc_family_is_ipv6((enum bc_family)nlri->family)] != ADMISSION_OFF)) {
    bc_fault_set(fault, 0, "admit_allow: expected a %s among the prefixes that may be announced by HTTP on this node",
                 is_flow ? "destination" : "prefix");
    answer = BC_ADMISSION_PREFIX;
  }
  if (answer == BC_ADMISSION_OK && is_flow) {
    answer = bc_admission_judge_flow(rules, ask->route, nlri, fault);
  }
  return answer == BC_ADMISSION_OK && is_flow ? admission_judge_source(rules, ask, &one, fault) : answer;
}

/* ---- what is judged once ---- */

static enum bc_admission_answer admission_judge_ttl(const struct bc_admission *rules, uint64_t asked_ms,
                                                    uint64_t *ttl_ms, struct bc_fault *fault) {
  if (asked_ms == 0) {
    *ttl_ms = rules->ttl_default_ms != 0 ? rules->ttl_default_ms : rules->ttl_most_ms;
    return BC_ADMISSION_OK;
  }
  *ttl_ms = asked_ms;
  if (rules->ttl_most_ms == 0 || asked_ms <= rules->ttl_most_ms) {
    return BC_ADMISSION_OK;
  }
  bc_fault_set(fault, 0, "admit_max_ttl: expected at most %" PRIu64 " s, found %" PRIu64 " s",
               rules->ttl_most_ms / 1000, (asked_ms + 999) / 1000);
  return BC_ADMISSION_TTL;
}

/* A route of many NLRI is as many: else one route would pass all that these limits hold up. */
static enum bc_admission_answer admission_judge_counts(const struct bc_admission *rules,
                                                       const struct bc_admission_ask *ask, struct bc_fault *fault) {
  size_t nlri = bc_route_nlri_count(ask->route);
  size_t more = nlri > ask->replaced ? nlri - ask->replaced : 0;
  if (rules->most != 0 && more > 0 && ask->nlri + more > rules->most) {
    bc_fault_set(fault, 0, "admit_max_routes %zu: %zu stand by HTTP, and these are %zu more", rules->most, ask->nlri,
                 more);
    return BC_ADMISSION_ROOM;
  }
  if (rules->most_of_token != 0 && more > 0 && ask->token_nlri + more > rules->most_of_token) {
    bc_fault_set(fault, 0, "admit_max_routes_per_token %zu: %zu of yours stand, and these are %zu more",
                 rules->most_of_token, ask->token_nlri, more);
    return BC_ADMISSION_TOKEN_ROOM;
  }
  if (rules->most_per_hour != 0 && ask->token_hour + nlri > rules->most_per_hour) {
    bc_fault_set(fault, 0, "admit_max_per_hour %zu: %zu of yours came within the last hour, and these are %zu",
                 rules->most_per_hour, ask->token_hour, nlri);
    return BC_ADMISSION_RATE;
  }
  return BC_ADMISSION_OK;
}

enum bc_admission_answer bc_admission_judge(const struct bc_admission *rules, const struct bc_admission_ask *ask,
                                            uint64_t *ttl_ms, struct bc_fault *fault) {
  const struct bc_route *route = ask->route;
  enum bc_family family = (enum bc_family)route->nlri.family;
  bool is_blackhole = ask->is_blackhole || bc_admission_is_blackhole(rules, route);
  bool drops = is_blackhole || (bc_family_kind(family) == BC_NLRI_FLOW && bc_admission_flow_drops(route));
  enum bc_admission_answer answer = BC_ADMISSION_OK;
  *ttl_ms = 0;
  if (rules->families != 0 && (rules->families >> family & 1U) == 0) {
    bc_fault_set(fault, 0, "admit_family: %s is not among the families that may be announced by HTTP on this node",
                 bc_family_text(family));
    return BC_ADMISSION_FAMILY;
  }
  for (size_t i = 0; answer == BC_ADMISSION_OK && i < bc_route_nlri_count(route); i++) {
    answer = admission_judge_nlri(rules, ask, is_blackhole, drops, bc_route_nlri(route, i), fault);
  }
  if (answer == BC_ADMISSION_OK) {
    answer = admission_judge_ttl(rules, ask->ttl_ms, ttl_ms, fault);
  }
  return answer == BC_ADMISSION_OK ? admission_judge_counts(rules, ask, fault) : answer;
}
