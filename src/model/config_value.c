#include "model/config_private.h"

#include "base/mem.h"
#include "model/service_address.h"

#include <stdlib.h>
#include <string.h>

static unsigned value_bit(enum bc_config_key key) {
  return 1U << key;
}

static bool value_is_present(const struct bc_config_entry *entry, enum bc_config_key key) {
  return (entry->present & value_bit(key)) != 0;
}

/* A route that is acted on goes on with what it has; a new one that never had a good value here must
 * not start with the default of a key that says something else. */
static void value_block(struct bc_config_entry *entry, enum bc_config_key key, bool has_good) {
  if (!entry->is_settled && !has_good) {
    entry->blocked = (uint8_t)(entry->blocked | value_bit(key));
  }
}

static void value_unblock(struct bc_config_entry *entry, enum bc_config_key key) {
  entry->blocked = (uint8_t)(entry->blocked & ~value_bit(key));
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
  config->list_nlri -= bc_route_nlri_count(&entry->route) - 1;
  bc_route_release(config->intern, &entry->route);
  entry->has_route = false;
  entry->is_settled = false;
  if (bc_config_fault_is_set(entry, BC_CONFIG_KEY_HEALTHCHECK)) {
    value_block(entry, BC_CONFIG_KEY_HEALTHCHECK, entry->script != NULL);
  }
  if (bc_config_fault_is_set(entry, BC_CONFIG_KEY_OPTIONS)) {
    value_block(entry, BC_CONFIG_KEY_OPTIONS, entry->options_text != NULL);
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
  config->list_nlri += bc_route_nlri_count(route) - bc_route_nlri_count(&entry->route);
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
  if (!value_is_present(entry, BC_CONFIG_KEY_PREFIX)) {
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
  if (entry->options == NULL || bc_service_address_check(route, entry->options->address, &why) == BC_ERR_OK) {
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
  if (more <= old || config->list_nlri - old + more <= BC_LIMIT_LIST_NLRI) {
    return false;
  }
  bc_fault_set(fault, 0, "%zu NLRI: with the %zu that other routes have beyond one each there are more than %d",
               more + 1, config->list_nlri - old, BC_LIMIT_LIST_NLRI);
  value_hold(config, &entry->now[BC_CONFIG_KEY_CONFIG], NULL);
  return true;
}

static void route_judge(struct bc_config *config, struct bc_config_entry *entry) {
  if (!value_is_present(entry, BC_CONFIG_KEY_CONFIG)) {
    route_drop(config, entry);
    return;
  }
  bool has_prefix = value_is_present(entry, BC_CONFIG_KEY_PREFIX);
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
  value_unblock(entry, key);
  bc_config_fault_clear(config, entry, key);
  route_judge(config, entry);
  return true;
}

/* ---- options ---- */

/* Takes `options` over. */
static void options_install(struct bc_config *config, struct bc_config_entry *entry, struct bc_options *options) {
  const struct bc_options *old = entry->options == NULL ? &config->default_options : entry->options;
  if (bc_options_equal(old, options)) {
    bc_options_release(options);
    return;
  }
  if (entry->options != NULL) {
    bc_options_release(entry->options);
    free(entry->options);
    entry->options = NULL;
  }
  if (!bc_options_equal(&config->default_options, options)) {
    entry->options = bc_mem_new(1, sizeof *entry->options);
    *entry->options = *options;
  }
  bc_config_view_mark(config, entry);
}

static void check_forget_lost(struct bc_config *config, struct bc_config_entry *entry) {
  if (entry->has_lost_check && entry->options != NULL && entry->options->check_is_none) {
    entry->has_lost_check = false;
    bc_config_script_put(config, entry->script);
    entry->script = NULL;
    if (!value_is_present(entry, BC_CONFIG_KEY_HEALTHCHECK)) {
      bc_config_fault_clear(config, entry, BC_CONFIG_KEY_HEALTHCHECK);
    }
    bc_config_view_mark(config, entry);
  }
}

static bool options_fit(struct bc_config *config, struct bc_config_entry *entry, struct bc_str value,
                        struct bc_options *options, struct bc_fault *fault) {
  if (!entry->has_route || bc_service_address_check(&entry->route, options->address, fault) == BC_ERR_OK) {
    return true;
  }
  entry->options_unfit = bc_intern_get(config->intern, value);
  bc_options_release(options);
  return false;
}

/* A route that did not fit the options before may fit these. */
static void options_judge_route(struct bc_config *config, struct bc_config_entry *entry) {
  if (entry->now[BC_CONFIG_KEY_CONFIG] != NULL &&
      (bc_config_fault_is_set(entry, BC_CONFIG_KEY_CONFIG) || bc_config_fault_is_set(entry, BC_CONFIG_KEY_PREFIX))) {
    route_judge(config, entry);
  }
}

static void options_forget_unfit(struct bc_config *config, struct bc_config_entry *entry) {
  bc_intern_put(config->intern, entry->options_unfit);
  entry->options_unfit = NULL;
}

static bool options_put(struct bc_config *config, struct bc_config_entry *entry, struct bc_str value) {
  value = bc_str_trim(value);
  struct bc_options options;
  struct bc_fault fault = {0};
  bool is_held = entry->options_text != NULL && bc_str_is(value, entry->options_text);
  if (is_held && !bc_config_fault_is_set(entry, BC_CONFIG_KEY_OPTIONS)) {
    return false;
  }
  options_forget_unfit(config, entry);
  if (bc_options_parse(value, BC_OPTIONS_OF_ROUTE, &options, &fault) != BC_ERR_OK ||
      !options_fit(config, entry, value, &options, &fault)) {
    value_block(entry, BC_CONFIG_KEY_OPTIONS, entry->options_text != NULL);
    bc_config_fault_set(config, entry, BC_CONFIG_KEY_OPTIONS, &fault);
    return true;
  }
  options_install(config, entry, &options);
  bc_intern_put(config->intern, entry->options_text);
  entry->options_text = bc_intern_get(config->intern, value);
  value_unblock(entry, BC_CONFIG_KEY_OPTIONS);
  bc_config_fault_clear(config, entry, BC_CONFIG_KEY_OPTIONS);
  check_forget_lost(config, entry);
  options_judge_route(config, entry);
  return true;
}

static void options_delete(struct bc_config *config, struct bc_config_entry *entry) {
  struct bc_options defaults = bc_options_default();
  options_forget_unfit(config, entry);
  options_install(config, entry, &defaults);
  bc_intern_put(config->intern, entry->options_text);
  entry->options_text = NULL;
  value_unblock(entry, BC_CONFIG_KEY_OPTIONS);
  bc_config_fault_clear(config, entry, BC_CONFIG_KEY_OPTIONS);
  options_judge_route(config, entry);
}

/* Options that did not fit the route before may fit this one. */
static void options_judge(struct bc_config *config, struct bc_config_entry *entry) {
  const char *text = entry->options_unfit;
  if (text != NULL) {
    entry->options_unfit = NULL;
    (void)options_put(config, entry, bc_str_of(text));
    bc_intern_put(config->intern, text);
  }
}

/* ---- healthcheck ---- */

static bool check_put(struct bc_config *config, struct bc_config_entry *entry, struct bc_str value) {
  const struct bc_config_script *old = entry->script;
  bool is_held = old != NULL && !entry->has_lost_check && bc_str_equal(value, (struct bc_str){old->text, old->len});
  if (is_held && !bc_config_fault_is_set(entry, BC_CONFIG_KEY_HEALTHCHECK)) {
    return false;
  }
  struct bc_fault fault = {0};
  struct bc_config_script *script = bc_config_script_get(config, value, old, &fault);
  if (script == NULL) {
    value_block(entry, BC_CONFIG_KEY_HEALTHCHECK, old != NULL);
    bc_config_fault_set(config, entry, BC_CONFIG_KEY_HEALTHCHECK, &fault);
    return true;
  }
  bc_config_script_put(config, entry->script);
  entry->script = script;
  entry->has_lost_check = false;
  value_unblock(entry, BC_CONFIG_KEY_HEALTHCHECK);
  bc_config_fault_clear(config, entry, BC_CONFIG_KEY_HEALTHCHECK);
  bc_config_view_mark(config, entry);
  return true;
}

static void check_delete(struct bc_config *config, struct bc_config_entry *entry) {
  value_unblock(entry, BC_CONFIG_KEY_HEALTHCHECK);
  bc_config_view_mark(config, entry);
  if (entry->script == NULL) {
    bc_config_fault_clear(config, entry, BC_CONFIG_KEY_HEALTHCHECK);
    return;
  }
  struct bc_fault fault;
  bc_fault_set(&fault, 0, "was removed: put another one, or \"check\": \"none\" into options");
  entry->has_lost_check = true;
  bc_config_fault_set(config, entry, BC_CONFIG_KEY_HEALTHCHECK, &fault);
  check_forget_lost(config, entry);
}

/* ---- all ---- */

bool bc_config_value_put(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key,
                         struct bc_str value) {
  switch (key) {
  case BC_CONFIG_KEY_CONFIG:
  case BC_CONFIG_KEY_PREFIX: {
    bool is_changed = text_put(config, entry, key, value);
    options_judge(config, entry);
    return is_changed;
  }
  case BC_CONFIG_KEY_HEALTHCHECK:
    return check_put(config, entry, value);
  case BC_CONFIG_KEY_OPTIONS:
    return options_put(config, entry, value);
  case BC_CONFIG_KEY_POLICY: {
    struct bc_fault fault;
    bc_fault_set(&fault, 0, "policies are not supported by this version: it has no effect");
    bc_config_fault_set(config, entry, key, &fault);
    return false;
  }
  case BC_CONFIG_KEY_COUNT:
  case BC_CONFIG_FAULT_COUNT:
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
    return entry->script != NULL;
  case BC_CONFIG_KEY_OPTIONS:
    return entry->options_text != NULL;
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
  if (key == BC_CONFIG_KEY_OPTIONS) {
    options_forget_unfit(config, entry);
  }
  value_block(entry, key, value_has_good(entry, key));
  bc_config_fault_set(config, entry, key, &fault);
  return is_news;
}

void bc_config_value_delete(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key) {
  switch (key) {
  case BC_CONFIG_KEY_CONFIG:
  case BC_CONFIG_KEY_PREFIX:
    value_unblock(entry, key);
    value_hold(config, &entry->now[key], NULL);
    bc_config_fault_clear(config, entry, key);
    text_clear_partner(config, entry, key);
    route_judge(config, entry);
    options_judge(config, entry);
    break;
  case BC_CONFIG_KEY_HEALTHCHECK:
    check_delete(config, entry);
    break;
  case BC_CONFIG_KEY_OPTIONS:
    options_delete(config, entry);
    break;
  case BC_CONFIG_KEY_POLICY:
    bc_config_fault_clear(config, entry, key);
    break;
  case BC_CONFIG_KEY_COUNT:
  case BC_CONFIG_FAULT_COUNT:
    break;
  }
}

void bc_config_value_free(struct bc_config *config, struct bc_config_entry *entry) {
  for (int i = 0; i <= BC_CONFIG_KEY_PREFIX; i++) {
    value_hold(config, &entry->now[i], NULL);
    value_hold(config, &entry->good[i], NULL);
  }
  config->list_nlri -= bc_route_nlri_count(&entry->route) - 1;
  bc_route_release(config->intern, &entry->route);
  bc_intern_put(config->intern, entry->options_text);
  options_forget_unfit(config, entry);
  if (entry->options != NULL) {
    bc_options_release(entry->options);
    free(entry->options);
  }
  bc_config_script_put(config, entry->script);
}
