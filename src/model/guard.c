#include "model/guard.h"

#include "base/limits.h"
#include "base/mem.h"
#include "model/policy_items.h"
#include "model/prefix_rule.h"

#include <stdlib.h>
#include <string.h>

BC_ENUM_TEXT_FUNCTION(bc_guard_setting_text, enum bc_guard_setting, BC_GUARD_LIST, "announce_allow")

enum { GUARD_TEXT_BYTES = 128 };

struct guard_rule {
  struct bc_prefix_rule prefix; /* of ALLOW and DENY */
  enum bc_family family;        /* of FAMILY */
  char *text;                   /* as it was given; of COMMUNITY in canonical form */
};

struct guard_rules {
  struct guard_rule *rule;
  size_t count;
};

struct bc_guard {
  struct guard_rules rules[BC_GUARD_SETTINGS];
  size_t most; /* NLRI; 0 = any number */
};

struct bc_guard *bc_guard_new(void) {
  return bc_mem_new(1, sizeof(struct bc_guard));
}

void bc_guard_free(struct bc_guard *guard) {
  for (unsigned i = 0; guard != NULL && i < BC_GUARD_SETTINGS; i++) {
    for (size_t j = 0; j < guard->rules[i].count; j++) {
      free(guard->rules[i].rule[j].text);
    }
    free(guard->rules[i].rule);
  }
  free(guard);
}

void bc_guard_set_most(struct bc_guard *guard, size_t most) {
  guard->most = most;
}

/* ---- rules ---- */

static int guard_shown(struct bc_str text) {
  return (int)(text.len < GUARD_TEXT_BYTES / 2 ? text.len : GUARD_TEXT_BYTES / 2);
}

static enum bc_err guard_expected(struct bc_fault *fault, enum bc_guard_setting setting, const char *expected,
                                  struct bc_str text) {
  bc_fault_set(fault, 0, "%s: expected %s, found \"%.*s\"", bc_guard_setting_text(setting), expected, guard_shown(text),
               text.at);
  return BC_ERR_SYNTAX;
}

/* The canonical text of a single community of any kind; NULL = it is none. Owned by the caller. */
static char *guard_canonical(struct bc_str community) {
  static const char *const kinds[] = {"community", "large_community", "extended_community"};
  struct bc_intern *intern = bc_intern_new();
  char *made = NULL;
  for (size_t i = 0; made == NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
    const struct bc_policy_attribute *kind = bc_policy_attribute_find(bc_str_of(kinds[i]), BC_POLICY_IN_ROUTE);
    struct bc_buf text;
    struct bc_route route;
    bc_buf_init(&text, BC_LIMIT_CONFIG_BYTES);
    bc_buf_add_format(&text, "route 0.0.0.0/0 next-hop self %s ", kind->word);
    bc_buf_add_str(&text, community);
    if (bc_route_parse(intern, bc_buf_str(&text), &route, NULL) == BC_ERR_OK) {
      struct bc_policy_items items;
      bc_policy_items_read(&items, BC_FAMILY_IPV4_UNICAST, route.attributes);
      const struct bc_policy_item *item = bc_policy_items_find(&items, kind);
      made = item == NULL || items.count != 2 ? NULL : bc_mem_copy_text(item->value.at, item->value.len);
      bc_policy_items_free(&items);
      bc_route_release(intern, &route);
    }
    bc_buf_free(&text);
  }
  bc_intern_free(intern);
  return made;
}

/* Without stars it is a community; with stars it is one when numbers stand in their places. */
static enum bc_err guard_read_community(struct bc_str text, char **pattern, struct bc_fault *fault) {
  static const char expected[] = "a community such as 65000:100, 65000:*, 65000:*:*, target:65000:*, no-export or *";
  char probe[GUARD_TEXT_BYTES];
  bool has_star = false;
  bool is_fine = text.len > 0 && text.len < sizeof probe && bc_str_is_printable(text);
  for (size_t i = 0; is_fine && i < text.len; i++) {
    is_fine = strchr(" [](){},;?", text.at[i]) == NULL;
    has_star = has_star || text.at[i] == '*';
    probe[i] = text.at[i] == '*' ? '1' : text.at[i];
  }
  if (is_fine && bc_str_is(text, "*")) {
    *pattern = bc_mem_copy_text("*", 1);
    return BC_ERR_OK;
  }
  char *canonical = is_fine ? guard_canonical((struct bc_str){.at = probe, .len = text.len}) : NULL;
  if (canonical == NULL) {
    return guard_expected(fault, BC_GUARD_COMMUNITY, expected, text);
  }
  if (has_star) {
    free(canonical);
    canonical = bc_mem_copy_text(text.at, text.len);
  }
  *pattern = canonical;
  return BC_ERR_OK;
}

static enum bc_err guard_read(enum bc_guard_setting setting, struct bc_str text, struct guard_rule *out,
                              struct bc_fault *fault) {
  enum bc_err err;
  text = bc_str_trim(text);
  if (setting == BC_GUARD_COMMUNITY) {
    return guard_read_community(text, &out->text, fault);
  }
  if (setting == BC_GUARD_FAMILY) {
    err = bc_family_parse(text, &out->family);
    if (err != BC_ERR_OK) {
      return guard_expected(fault, setting, "a family such as ipv4 unicast or ipv6 flow", text);
    }
  } else {
    enum bc_prefix_meaning meaning = setting == BC_GUARD_DENY ? BC_PREFIX_NEVER : BC_PREFIX_EXACT;
    err = bc_prefix_rule_parse(bc_guard_setting_text(setting), meaning, text, &out->prefix, fault);
  }
  if (err == BC_ERR_OK) {
    out->text = bc_mem_copy_text(text.at, text.len);
  }
  return err;
}

enum bc_err bc_guard_add(struct bc_guard *guard, enum bc_guard_setting setting, struct bc_str text,
                         struct bc_fault *fault) {
  struct guard_rules *rules = &guard->rules[setting];
  struct guard_rule rule = {0};
  enum bc_err err = guard_read(setting, text, &rule, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  if (rules->count == BC_LIMIT_GUARD_RULES) {
    free(rule.text);
    bc_fault_set(fault, 0, "%s: more than %d of them", bc_guard_setting_text(setting), BC_LIMIT_GUARD_RULES);
    return BC_ERR_LIMIT;
  }
  rules->rule = bc_mem_resize(rules->rule, rules->count + 1, sizeof *rules->rule);
  rules->rule[rules->count++] = rule;
  return BC_ERR_OK;
}

enum bc_err bc_guard_add_list(struct bc_guard *guard, enum bc_guard_setting setting, struct bc_str list,
                              struct bc_fault *fault) {
  struct bc_str field;
  enum bc_err err = BC_ERR_OK;
  while (err == BC_ERR_OK && list.len > 0 && bc_str_next_field(&list, ',', &field)) {
    err = bc_guard_add(guard, setting, field, fault);
  }
  return err;
}

struct bc_guard *bc_guard_of(const struct bc_settings *settings) {
  const char *const lists[BC_GUARD_SETTINGS] = {
      [BC_GUARD_ALLOW] = settings->announce_allow,
      [BC_GUARD_DENY] = settings->announce_deny,
      [BC_GUARD_FAMILY] = settings->announce_family,
      [BC_GUARD_COMMUNITY] = settings->announce_community,
  };
  struct bc_guard *guard = bc_guard_new();
  for (unsigned i = 0; i < BC_GUARD_SETTINGS; i++) {
    (void)!bc_guard_add_list(guard, (enum bc_guard_setting)i, bc_str_of(lists[i]), NULL);
  }
  guard->most = settings->max_routes;
  return guard;
}

/* ---- judging ---- */

static const struct guard_rule *guard_find(const struct guard_rules *rules, const struct bc_prefix *prefix,
                                           bool any_longer) {
  for (size_t i = 0; i < rules->count; i++) {
    if (bc_prefix_rule_holds(&rules->rule[i].prefix, prefix, any_longer)) {
      return &rules->rule[i];
    }
  }
  return NULL;
}

static enum bc_guard_answer guard_judge_nlri(const struct bc_guard *guard, const struct bc_nlri *nlri,
                                             struct bc_fault *fault) {
  bool is_flow = bc_family_kind((enum bc_family)nlri->family) == BC_NLRI_FLOW;
  const struct guard_rules *allowed = &guard->rules[BC_GUARD_ALLOW];
  struct bc_prefix prefix;
  char text[BC_PREFIX_TEXT_BYTES];
  if (!bc_prefix_of_nlri(nlri, &prefix)) {
    if (is_flow && allowed->count > 0) {
      bc_fault_set(fault, 0,
                   "announce_allow: a flow without destination is for all prefixes, also those that may not "
                   "be announced on this node");
      return BC_GUARD_REFUSES;
    }
    return BC_GUARD_ALLOWS;
  }
  const struct guard_rule *denied = guard_find(&guard->rules[BC_GUARD_DENY], &prefix, false);
  bc_prefix_print(&prefix, text);
  if (denied != NULL) {
    bc_fault_set(fault, 0, "announce_deny %s: %s may not be announced on this node", denied->text, text);
    return BC_GUARD_FORBIDS;
  }
  if (allowed->count > 0 && guard_find(allowed, &prefix, is_flow) == NULL) {
    bc_fault_set(fault, 0, "announce_allow: %s is not among the prefixes that may be announced on this node", text);
    return BC_GUARD_REFUSES;
  }
  return BC_GUARD_ALLOWS;
}

static size_t guard_count(struct bc_str text, char wanted) {
  size_t count = 0;
  for (size_t i = 0; i < text.len; i++) {
    count += text.at[i] == wanted ? 1U : 0U;
  }
  return count;
}

/* A star stands for one of the parts between colons, but "*" for any community. */
static bool guard_allows_community(const struct guard_rules *rules, struct bc_str community) {
  for (size_t i = 0; i < rules->count; i++) {
    struct bc_str pattern = bc_str_of(rules->rule[i].text);
    if (bc_str_is(pattern, "*") ||
        (guard_count(pattern, ':') == guard_count(community, ':') && bc_str_glob(pattern, community))) {
      return true;
    }
  }
  return false;
}

static enum bc_guard_answer guard_judge_communities(const struct bc_guard *guard, const struct bc_route *route,
                                                    struct bc_fault *fault) {
  const struct guard_rules *rules = &guard->rules[BC_GUARD_COMMUNITY];
  enum bc_guard_answer answer = BC_GUARD_ALLOWS;
  struct bc_policy_items items;
  bc_policy_items_read(&items, (enum bc_family)route->nlri.family, route->attributes);
  for (size_t i = 0; answer == BC_GUARD_ALLOWS && i < items.count; i++) {
    struct bc_str rest = items.item[i].value;
    if (!bc_str_is(items.item[i].text, "community") && !bc_str_is(items.item[i].text, "large-community") &&
        !bc_str_is(items.item[i].text, "extended-community")) {
      continue;
    }
    for (struct bc_str word; (word = bc_policy_items_next(&rest)).len > 0;) {
      if (!guard_allows_community(rules, word)) {
        bc_fault_set(fault, 0, "announce_community: %.*s is not among the communities that may be sent from this node",
                     guard_shown(word), word.at);
        answer = BC_GUARD_REFUSES;
        break;
      }
    }
  }
  bc_policy_items_free(&items);
  return answer;
}

static enum bc_guard_answer guard_judge_family(const struct bc_guard *guard, enum bc_family family,
                                               struct bc_fault *fault) {
  const struct guard_rules *rules = &guard->rules[BC_GUARD_FAMILY];
  for (size_t i = 0; i < rules->count; i++) {
    if (rules->rule[i].family == family) {
      return BC_GUARD_ALLOWS;
    }
  }
  if (rules->count == 0) {
    return BC_GUARD_ALLOWS;
  }
  bc_fault_set(fault, 0, "announce_family: %s is not among the families that may be announced on this node",
               bc_family_text(family));
  return BC_GUARD_REFUSES;
}

enum bc_guard_answer bc_guard_judge(const struct bc_guard *guard, const struct bc_route *route,
                                    struct bc_fault *fault) {
  enum bc_guard_answer worst = BC_GUARD_ALLOWS;
  bool has_prefixes = guard->rules[BC_GUARD_ALLOW].count > 0 || guard->rules[BC_GUARD_DENY].count > 0;
  for (size_t i = 0; has_prefixes && worst != BC_GUARD_FORBIDS && i < bc_route_nlri_count(route); i++) {
    struct bc_fault found = {0};
    enum bc_guard_answer answer = guard_judge_nlri(guard, bc_route_nlri(route, i), &found);
    if (answer > worst) {
      worst = answer;
      bc_fault_set(fault, 0, "%s", found.text);
    }
  }
  if (worst == BC_GUARD_ALLOWS) {
    worst = guard_judge_family(guard, (enum bc_family)route->nlri.family, fault);
  }
  if (worst == BC_GUARD_ALLOWS && guard->rules[BC_GUARD_COMMUNITY].count > 0) {
    worst = guard_judge_communities(guard, route, fault);
  }
  return worst;
}

enum bc_guard_answer bc_guard_judge_count(const struct bc_guard *guard, size_t announced, size_t more,
                                          struct bc_fault *fault) {
  if (guard->most == 0 || more == 0 || (announced <= guard->most && more <= guard->most - announced)) {
    return BC_GUARD_ALLOWS;
  }
  bc_fault_set(fault, 0, "max_routes %zu: %zu are announced on this node, %zu more would be too many", guard->most,
               announced, more);
  return BC_GUARD_REFUSES;
}
