#include "model/config_private.h"

#include "base/mem.h"
#include "model/service_address.h"

#include <stdlib.h>
#include <string.h>

static unsigned value_bit(enum bc_config_key key) {
  return 1U << key;
}

bool bc_config_value_is_present(const struct bc_config_entry *entry, enum bc_config_key key) {
  return (entry->present & value_bit(key)) != 0;
}

void bc_config_value_block(struct bc_config_entry *entry, enum bc_config_key key, bool has_good) {
  if (!entry->is_settled && !has_good) {
    entry->blocked = (uint8_t)(entry->blocked | value_bit(key));
  }
}

void bc_config_value_unblock(struct bc_config_entry *entry, enum bc_config_key key) {
  entry->blocked = (uint8_t)(entry->blocked & ~value_bit(key));
}

static size_t *value_nlri(struct bc_config *config, const struct bc_config_entry *entry) {
  return entry->is_local ? &config->local_nlri : &config->list_nlri;
}

static void value_hold(struct bc_config *config, const char **slot, const char *text) {
  const char *held = text == NULL ? NULL : bc_intern_ref(text);
  bc_intern_put(config->intern, *slot);
  *slot = held;
}

/* ---- config and prefix ---- */

static void route_drop(struct bc_config *config, struct bc_config_entry *entry) {
  value_hold(config, &entry->good[BC_CONFIG_KEY_CONFIG], NULL);
  value_hold(config, &entry->good[BC_CONFIG_KEY_PREFIX], NULL);
  if (!entry->has_route) {
    return;
  }
  bc_config_identity_drop(config, entry);
  *value_nlri(config, entry) -= bc_route_nlri_count(&entry->route) - 1;
  bc_route_release(config->intern, &entry->route);
  entry->has_route = false;
  entry->is_settled = false;
  if (bc_config_fault_is_set(entry, BC_CONFIG_KEY_HEALTHCHECK)) {
    bc_config_value_block(entry, BC_CONFIG_KEY_HEALTHCHECK, entry->script.script != NULL);
  }
  if (bc_config_fault_is_set(entry, BC_CONFIG_KEY_OPTIONS)) {
    bc_config_value_block(entry, BC_CONFIG_KEY_OPTIONS, entry->options_text != NULL);
  }
  if (bc_config_fault_is_set(entry, BC_CONFIG_KEY_POLICY)) {
    bc_config_value_block(entry, BC_CONFIG_KEY_POLICY, entry->policy != NULL);
  }
  bc_config_view_mark(config, entry);
}

/* Takes `route` over. */
static void route_install(struct bc_config *config, struct bc_config_entry *entry, struct bc_route *route) {
  value_hold(config, &entry->good[BC_CONFIG_KEY_CONFIG], entry->now[BC_CONFIG_KEY_CONFIG]);
  value_hold(config, &entry->good[BC_CONFIG_KEY_PREFIX], entry->now[BC_CONFIG_KEY_PREFIX]);
  if (entry->has_route && bc_route_equal(&entry->route, route) && entry->route.name == route->name) {
    bc_route_release(config->intern, route);
    return;
  }
  /* What stands is the old prefix: it gives no right to a new one, which may be another route's that is announced. */
  bool keeps = bc_config_identity_keeps(config, entry, route);
  bc_config_identity_drop(config, entry);
  entry->stands = keeps;
  *value_nlri(config, entry) += bc_route_nlri_count(route) - bc_route_nlri_count(&entry->route);
  bc_route_release(config->intern, &entry->route);
  entry->route = *route;
  entry->has_route = true;
  if (keeps) {
    bc_config_identity_standing(config, entry, true);
  }
  bc_config_view_mark(config, entry);
}

static bool route_is_whole_line(struct bc_str text) {
  static const char *const words[] = {"route", "neighbor", "announce", "attributes", "flow", "vpls"};
  struct bc_str word = bc_str_next_word(&text);
  bool is_line = false;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    is_line = is_line || bc_str_is(word, words[i]);
  }
  return is_line;
}

/* Whether a text that is no route would be one with a prefix before it. */
static bool route_is_attributes(struct bc_config *config, struct bc_str text) {
  static const char *const prefixes[] = {"192.0.2.0/24", "2001:db8::/32"};
  for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
    struct bc_route route = {0};
    bool in_prefix = false;
    if (bc_route_parse_parts(config->intern, bc_str_of(prefixes[i]), text, &route, NULL, &in_prefix) == BC_ERR_OK) {
      bc_route_release(config->intern, &route);
      return true;
    }
  }
  return false;
}

static bool route_parse(struct bc_config *config, const struct bc_config_entry *entry, struct bc_route *route,
                        struct bc_fault *fault, bool *in_prefix) {
  struct bc_str text = bc_str_of(entry->now[BC_CONFIG_KEY_CONFIG]);
  *in_prefix = false;
  if (!bc_config_value_is_present(entry, BC_CONFIG_KEY_PREFIX)) {
    if (bc_route_parse(config->intern, text, route, fault) == BC_ERR_OK) {
      return true;
    }
    if (!route_is_whole_line(text) && route_is_attributes(config, text)) {
      bc_fault_set(fault, 0, "attributes only: expected \"route PREFIX ...\", or the prefix in the key prefix");
    }
    return false;
  }
  if (route_is_whole_line(text)) {
    bc_fault_set(fault, 0, "a whole line: expected attributes only (\"next-hop self\") beside the key prefix");
    return false;
  }
  return bc_route_parse_parts(config->intern, bc_str_of(entry->now[BC_CONFIG_KEY_PREFIX]), text, route, fault,
                              in_prefix) == BC_ERR_OK;
}

static bool route_refuse_internal(const struct bc_route *route, struct bc_fault *fault) {
  if (route->internal == 0) {
    return false;
  }
  const char *word = (route->internal & BC_ROUTE_WATCHDOG) != 0 ? "watchdog" : "withdraw";
  bc_fault_set(fault, 0, "%s: this word steers ExaBGP behind our back and is not supported", word);
  return true;
}

/* The options in force ask for something that it cannot have. */
static bool route_refuse_unfit(const struct bc_config_entry *entry, const struct bc_route *route,
                               struct bc_fault *fault) {
  struct bc_fault why = {0};
  if (entry->options == NULL || bc_service_address_check(route, entry->options->options.address, &why) == BC_ERR_OK) {
    return false;
  }
  bc_fault_set(fault, 0, "does not fit the options: %s", why.text);
  return true;
}

/* Forgets the text, so that the same one is judged again when it comes once more. */
static bool route_refuse_crowd(struct bc_config *config, struct bc_config_entry *entry, const struct bc_route *route,
                               struct bc_fault *fault) {
  size_t old = entry->has_route ? bc_route_nlri_count(&entry->route) - 1 : 0;
  size_t more = bc_route_nlri_count(route) - 1;
  if (entry->is_local || more <= old || config->list_nlri - old + more <= BC_LIMIT_LIST_NLRI) {
    return false;
  }
  bc_fault_set(fault, 0, "%zu NLRI: with the %zu that other routes have beyond one each there are more than %d",
               more + 1, config->list_nlri - old, BC_LIMIT_LIST_NLRI);
  value_hold(config, &entry->now[BC_CONFIG_KEY_CONFIG], NULL);
  return true;
}

static void route_judge(struct bc_config *config, struct bc_config_entry *entry) {
  if (!bc_config_value_is_present(entry, BC_CONFIG_KEY_CONFIG)) {
    route_drop(config, entry);
    return;
  }
  bool has_prefix = bc_config_value_is_present(entry, BC_CONFIG_KEY_PREFIX);
  if (entry->now[BC_CONFIG_KEY_CONFIG] == NULL || (has_prefix && entry->now[BC_CONFIG_KEY_PREFIX] == NULL)) {
    return;
  }
  struct bc_route route = {0};
  struct bc_fault fault = {0};
  bool in_prefix = false;
  bool is_good = route_parse(config, entry, &route, &fault, &in_prefix);
  if (is_good && (route_refuse_internal(&route, &fault) || route_refuse_unfit(entry, &route, &fault) ||
                  route_refuse_crowd(config, entry, &route, &fault))) {
    bc_route_release(config->intern, &route);
    is_good = false;
  }
  if (is_good) {
    route_install(config, entry, &route);
    bc_config_fault_clear(config, entry, BC_CONFIG_KEY_CONFIG);
    bc_config_fault_clear(config, entry, BC_CONFIG_KEY_PREFIX);
    return;
  }
  bc_config_fault_set(config, entry, in_prefix ? BC_CONFIG_KEY_PREFIX : BC_CONFIG_KEY_CONFIG, &fault);
  bc_config_fault_clear(config, entry, in_prefix ? BC_CONFIG_KEY_CONFIG : BC_CONFIG_KEY_PREFIX);
}

static bool text_check(struct bc_str value, struct bc_fault *fault) {
  if (value.len == 0) {
    bc_fault_set(fault, 0, "is empty");
    return false;
  }
  if (value.len > BC_LIMIT_CONFIG_BYTES) {
    bc_fault_set(fault, 0, "expected at most %d bytes, found %zu", BC_LIMIT_CONFIG_BYTES, value.len);
    return false;
  }
  for (size_t i = 0; i < value.len; i++) {
    unsigned char c = (unsigned char)value.at[i];
    if (c == '\n' || c == '\r') {
      bc_fault_set(fault, i + 1, "line break: expected one line");
      return false;
    }
    if ((c < ' ' && c != '\t') || c > '~') {
      bc_fault_set(fault, i + 1, "expected printable ASCII, found byte 0x%02x", c);
      return false;
    }
  }
  return true;
}

/* The fault that a pair had goes with either of its keys; what a key is accused of alone stays. */
static void text_clear_partner(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key) {
  enum bc_config_key partner = key == BC_CONFIG_KEY_CONFIG ? BC_CONFIG_KEY_PREFIX : BC_CONFIG_KEY_CONFIG;
  if (entry->now[partner] != NULL) {
    bc_config_fault_clear(config, entry, partner);
  }
}

static bool text_put(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key,
                     struct bc_str value) {
  value = bc_str_trim(value);
  const char **now = &entry->now[key];
  if (*now != NULL && bc_str_is(value, *now)) {
    return false;
  }
  bc_intern_put(config->intern, *now);
  *now = NULL;
  struct bc_fault fault = {0};
  text_clear_partner(config, entry, key);
  if (!text_check(value, &fault)) {
    bc_config_fault_set(config, entry, key, &fault);
    return true;
  }
  *now = bc_intern_get(config->intern, value);
  bc_config_value_unblock(entry, key);
  bc_config_fault_clear(config, entry, key);
  route_judge(config, entry);
  return true;
}

void bc_config_value_judge_route(struct bc_config *config, struct bc_config_entry *entry) {
  if (entry->now[BC_CONFIG_KEY_CONFIG] != NULL &&
      (bc_config_fault_is_set(entry, BC_CONFIG_KEY_CONFIG) || bc_config_fault_is_set(entry, BC_CONFIG_KEY_PREFIX))) {
    route_judge(config, entry);
  }
}

/* ---- healthcheck ---- */

static bool check_is_left_without(const struct bc_options *options) {
  unsigned left = bc_options_count_checks(options, false);
  bool is_enough = options->combine != BC_COMBINE_AT_LEAST || options->at_least <= left;
  return !options->check_is_none && (left == 0 || !is_enough);
}

/* A removed one is forgotten as soon as it is no more needed. */
static void check_judge_lost(struct bc_config *config, struct bc_config_entry *entry) {
  if (entry->has_lost_check && !check_is_left_without(bc_config_entry_options(config, entry))) {
    entry->has_lost_check = false;
    bc_config_use_drop(config, &entry->script);
    if (!bc_config_value_is_present(entry, BC_CONFIG_KEY_HEALTHCHECK)) {
      bc_config_fault_clear(config, entry, BC_CONFIG_KEY_HEALTHCHECK);
    }
    bc_config_view_mark(config, entry);
  }
}

/* A fault of the value itself stands before the one that it has no effect. */
static void check_judge_idle(struct bc_config *config, struct bc_config_entry *entry) {
  const struct bc_ready_made *use = bc_config_entry_options(config, entry)->use;
  bool is_faulty = bc_config_fault_is_set(entry, BC_CONFIG_KEY_HEALTHCHECK) && !entry->has_idle_check;
  bool is_idle = use != NULL && bc_config_value_is_present(entry, BC_CONFIG_KEY_HEALTHCHECK) && !is_faulty;
  if (is_idle) {
    char text[BC_FAULT_TEXT_BYTES];
    struct bc_fault fault;
    bc_fault_set(&fault, 0, "%s", bc_config_idle_text(use, text));
    bc_config_fault_set(config, entry, BC_CONFIG_KEY_HEALTHCHECK, &fault);
  } else if (entry->has_idle_check) {
    bc_config_fault_clear(config, entry, BC_CONFIG_KEY_HEALTHCHECK);
  }
  entry->has_idle_check = is_idle;
}

void bc_config_value_judge_check(struct bc_config *config, struct bc_config_entry *entry) {
  check_judge_lost(config, entry);
  check_judge_idle(config, entry);
}

static bool check_put(struct bc_config *config, struct bc_config_entry *entry, struct bc_str value) {
  const struct bc_config_script *old = entry->script.script;
  bool is_held = old != NULL && !entry->has_lost_check && bc_str_equal(value, (struct bc_str){old->text, old->len});
  if (is_held && (entry->has_idle_check || !bc_config_fault_is_set(entry, BC_CONFIG_KEY_HEALTHCHECK))) {
    return false;
  }
  struct bc_fault fault = {0};
  entry->has_idle_check = false;
  if (!bc_config_use_set(config, &entry->script, BC_CONFIG_USER_ROUTE, value, &fault)) {
    bc_config_value_block(entry, BC_CONFIG_KEY_HEALTHCHECK, old != NULL);
    bc_config_fault_set(config, entry, BC_CONFIG_KEY_HEALTHCHECK, &fault);
    return true;
  }
  entry->has_lost_check = false;
  bc_config_value_unblock(entry, BC_CONFIG_KEY_HEALTHCHECK);
  bc_config_fault_clear(config, entry, BC_CONFIG_KEY_HEALTHCHECK);
  bc_config_view_mark(config, entry);
  check_judge_idle(config, entry);
  bc_config_options_judge(config, entry);
  return true;
}

static void check_delete(struct bc_config *config, struct bc_config_entry *entry) {
  bc_config_value_unblock(entry, BC_CONFIG_KEY_HEALTHCHECK);
  bc_config_fault_clear(config, entry, BC_CONFIG_KEY_HEALTHCHECK);
  bc_config_view_mark(config, entry);
  entry->has_idle_check = false;
  if (entry->script.script == NULL) {
    return;
  }
  entry->has_lost_check = true;
  check_judge_lost(config, entry);
  if (!entry->has_lost_check) {
    return;
  }
  const struct bc_options *options = bc_config_entry_options(config, entry);
  struct bc_fault fault;
  if (options->combine == BC_COMBINE_AT_LEAST) {
    bc_fault_set(&fault, 0, "was removed, and the options want at least %u checks: put another one", options->at_least);
  } else {
    bc_fault_set(&fault, 0, "was removed: put another one, or \"check\": \"none\" into options");
  }
  bc_config_fault_set(config, entry, BC_CONFIG_KEY_HEALTHCHECK, &fault);
}

/* ---- all ---- */

bool bc_config_value_put(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key,
                         struct bc_str value) {
  switch (key) {
  case BC_CONFIG_KEY_CONFIG:
  case BC_CONFIG_KEY_PREFIX: {
    bool is_changed = text_put(config, entry, key, value);
    bc_config_options_judge(config, entry);
    return is_changed;
  }
  case BC_CONFIG_KEY_HEALTHCHECK:
    return check_put(config, entry, value);
  case BC_CONFIG_KEY_OPTIONS:
    return bc_config_options_put(config, entry, value);
  case BC_CONFIG_KEY_POLICY:
    return bc_config_policy_put_route(config, entry, value);
  default:
    break;
  }
  return false;
}

static bool value_has_good(const struct bc_config_entry *entry, enum bc_config_key key) {
  switch (key) {
  case BC_CONFIG_KEY_CONFIG:
  case BC_CONFIG_KEY_PREFIX:
    return entry->good[key] != NULL;
  case BC_CONFIG_KEY_HEALTHCHECK:
    return entry->script.script != NULL;
  case BC_CONFIG_KEY_OPTIONS:
    return entry->options_text != NULL;
  case BC_CONFIG_KEY_POLICY:
    return entry->policy != NULL;
  default:
    return true;
  }
}

bool bc_config_value_put_unreadable(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key,
                                    const char *why) {
  bool is_text = key == BC_CONFIG_KEY_CONFIG || key == BC_CONFIG_KEY_PREFIX;
  bool is_news = !bc_config_fault_is_set(entry, key) || (is_text && entry->now[key] != NULL);
  struct bc_fault fault;
  bc_fault_set(&fault, 0, "%s", why);
  if (is_text) {
    text_clear_partner(config, entry, key);
    value_hold(config, &entry->now[key], NULL);
  }
  if (key == BC_CONFIG_KEY_HEALTHCHECK) {
    is_news = is_news || entry->has_idle_check;
    entry->has_idle_check = false;
  }
  if (key == BC_CONFIG_KEY_OPTIONS) {
    bc_config_options_forget_unfit(config, entry);
  }
  bc_config_value_block(entry, key, value_has_good(entry, key));
  bc_config_fault_set(config, entry, key, &fault);
  return is_news;
}

void bc_config_value_delete(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key) {
  switch (key) {
  case BC_CONFIG_KEY_CONFIG:
  case BC_CONFIG_KEY_PREFIX:
    bc_config_value_unblock(entry, key);
    value_hold(config, &entry->now[key], NULL);
    bc_config_fault_clear(config, entry, key);
    text_clear_partner(config, entry, key);
    route_judge(config, entry);
    bc_config_options_judge(config, entry);
    break;
  case BC_CONFIG_KEY_HEALTHCHECK:
    check_delete(config, entry);
    break;
  case BC_CONFIG_KEY_OPTIONS:
    bc_config_options_delete(config, entry);
    break;
  case BC_CONFIG_KEY_POLICY:
    bc_config_policy_delete_route(config, entry);
    break;
  default:
    break;
  }
}

void bc_config_value_free(struct bc_config *config, struct bc_config_entry *entry) {
  for (int i = 0; i <= BC_CONFIG_KEY_PREFIX; i++) {
    value_hold(config, &entry->now[i], NULL);
    value_hold(config, &entry->good[i], NULL);
  }
  *value_nlri(config, entry) -= bc_route_nlri_count(&entry->route) - 1;
  bc_route_release(config->intern, &entry->route);
  bc_config_options_free(config, entry);
  bc_config_use_drop(config, &entry->script);
  bc_config_policy_free_route(config, entry);
}
