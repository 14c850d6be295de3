#include "model/config.h"

#include "base/mem.h"
#include "model/config_private.h"

#include <stdlib.h>
#include <string.h>

enum { CONFIG_SETTLE_MS = 1000, CONFIG_ADMIN_SHOWN = 64 };

struct bc_config *bc_config_new(struct bc_intern *intern, const char *node) {
  struct bc_config *config = bc_mem_new(1, sizeof *config);
  config->intern = intern;
  config->node = bc_mem_copy_string(node);
  config->default_options = bc_options_default();
  config->settle_ms = CONFIG_SETTLE_MS;
  TAILQ_INIT(&config->changed);
  return config;
}

void bc_config_free(struct bc_config *config) {
  if (config == NULL) {
    return;
  }
  struct bc_config_entry *entry;
  while ((entry = bc_config_entry_after(config, NULL)) != NULL) {
    bc_config_entry_free(config, entry);
  }
  bc_config_identity_free(config);
  bc_config_view_free(config);
  bc_config_subscription_free(config);
  bc_config_node_faults_free(config);
  free(config->admin_fault);
  free(config->node);
  free(config);
}

/* ---- admin state ---- */

static const char *const admin_texts[] = {BC_ADMIN_STATE_LIST(BC_ENUM_TEXT)};

static void admin_set(struct bc_config *config, enum bc_admin_state state) {
  config->admin_changed = config->admin_changed || config->admin != state;
  config->admin = state;
  bc_config_node_fault_set(config, &config->admin_fault, NULL);
}

static void admin_put(struct bc_config *config, struct bc_str value) {
  value = bc_str_trim(value);
  config->admin_seen = true;
  for (size_t i = 0; i < sizeof admin_texts / sizeof admin_texts[0]; i++) {
    if (bc_str_is(value, admin_texts[i])) {
      config->has_admin = true;
      admin_set(config, (enum bc_admin_state)i);
      return;
    }
  }
  struct bc_fault shown;
  bc_fault_set(&shown, 0, "%.*s", (int)(value.len < CONFIG_ADMIN_SHOWN ? value.len : CONFIG_ADMIN_SHOWN), value.at);
  bc_config_node_fault_set(
      config, &config->admin_fault,
      bc_config_text("node/%s/adminState: expected up, down or drain, found \"%s\"", config->node, shown.text));
}

static void admin_put_unreadable(struct bc_config *config, const char *why) {
  config->admin_seen = true;
  bc_config_node_fault_set(config, &config->admin_fault, bc_config_text("node/%s/adminState: %s", config->node, why));
}

static void admin_delete(struct bc_config *config) {
  config->has_admin = false;
  admin_set(config, BC_ADMIN_UP);
}

enum bc_admin_state bc_config_admin_state(const struct bc_config *config) {
  return config->admin;
}

bool bc_config_take_admin_changed(struct bc_config *config) {
  bool changed = config->admin_changed;
  config->admin_changed = false;
  return changed;
}

/* ---- keys ---- */

/* What a key says now: `value`, or (`why` is set) that it cannot be had. */
static void config_take(struct bc_config *config, struct bc_str key, struct bc_str value, const char *why,
                        struct bc_mono now) {
  struct bc_config_key_parts parts = bc_config_key_parse(config, key);
  bool is_readable = why == NULL;
  switch (parts.kind) {
  case BC_CONFIG_ROUTE_KEY:
    if (is_readable) {
      bc_config_entry_put(config, &parts, value, now);
    } else {
      bc_config_entry_put_unreadable(config, &parts, why, now);
    }
    break;
  case BC_CONFIG_SUBSCRIPTION:
    if (is_readable) {
      bc_config_subscription_put(config, value);
    } else {
      bc_config_subscription_put_unreadable(config, why);
    }
    break;
  case BC_CONFIG_ADMIN:
    if (is_readable) {
      admin_put(config, value);
    } else {
      admin_put_unreadable(config, why);
    }
    break;
  case BC_CONFIG_BAD_NAME:
  case BC_CONFIG_BAD_KEY:
    bc_config_stray_put(config, key, parts.kind == BC_CONFIG_BAD_NAME);
    break;
  case BC_CONFIG_IGNORED:
    break;
  }
}

void bc_config_put(struct bc_config *config, struct bc_str key, struct bc_str value, struct bc_mono now) {
  config_take(config, key, value, NULL, now);
}

void bc_config_put_unreadable(struct bc_config *config, struct bc_str key, const char *why, struct bc_mono now) {
  config_take(config, key, (struct bc_str){.at = NULL, .len = 0}, why, now);
}

static void config_delete_route_key(struct bc_config *config, const struct bc_config_key_parts *parts,
                                    struct bc_mono now) {
  char name[BC_LIMIT_NAME_BYTES + 1];
  memcpy(name, parts->name.at, parts->name.len);
  name[parts->name.len] = '\0';
  struct bc_config_entry *entry = bc_config_entry_find(config, name);
  if (entry != NULL) {
    bc_config_entry_delete(config, entry, parts->key, now);
  }
}

void bc_config_delete(struct bc_config *config, struct bc_str key, struct bc_mono now) {
  struct bc_config_key_parts parts = bc_config_key_parse(config, key);
  switch (parts.kind) {
  case BC_CONFIG_ROUTE_KEY:
    config_delete_route_key(config, &parts, now);
    break;
  case BC_CONFIG_SUBSCRIPTION:
    bc_config_subscription_delete(config);
    break;
  case BC_CONFIG_ADMIN:
    admin_delete(config);
    break;
  case BC_CONFIG_BAD_NAME:
  case BC_CONFIG_BAD_KEY:
    bc_config_stray_delete(config, key);
    break;
  case BC_CONFIG_IGNORED:
    break;
  }
}

size_t bc_config_route_keys(const struct bc_config *config) {
  return config->route_keys + config->stray_count;
}

void bc_config_set_standing(struct bc_config *config, const char *name, bool stands) {
  struct bc_config_entry *entry = bc_config_entry_find(config, name);
  if (entry != NULL) {
    bc_config_identity_standing(config, entry, stands);
  }
}

/* ---- lists ---- */

void bc_config_list_begin(struct bc_config *config) {
  config->in_list = true;
  config->listed = 0;
  config->listing = NULL;
  config->passed = NULL;
  config->subscription.is_seen = false;
  config->admin_seen = false;
  for (struct bc_config_entry *at = bc_config_entry_after(config, NULL); at != NULL; at = bc_config_entry_next(at)) {
    at->seen = 0;
  }
  bc_config_stray_list_begin(config);
  bc_config_surplus_clear(config);
}

void bc_config_list_abort(struct bc_config *config) {
  config->in_list = false;
  config->listing = NULL;
}

void bc_config_list_end(struct bc_config *config, struct bc_mono now) {
  if (!config->in_list) {
    return;
  }
  config->in_list = false;
  config->listing = NULL;
  struct bc_config_entry *next;
  for (struct bc_config_entry *at = bc_config_entry_after(config, NULL); at != NULL; at = next) {
    next = bc_config_entry_next(at);
    bc_config_entry_sweep(config, at, now);
  }
  bc_config_stray_list_end(config);
  if (!config->subscription.is_seen) {
    bc_config_subscription_delete(config);
  }
  if (!config->admin_seen) {
    admin_delete(config);
  }
  if (config->has_listed) {
    return;
  }
  config->has_listed = true;
  for (struct bc_config_entry *at = bc_config_entry_after(config, NULL); at != NULL; at = bc_config_entry_next(at)) {
    if (bc_config_entry_has_version(at)) {
      bc_config_settle_end(config, at);
    }
  }
}

/* ---- last known good ---- */

static void config_save_key(const char *folder, const char *name, const char *key, struct bc_str value,
                            bc_config_key_fn *fn, void *arg) {
  if (value.at != NULL) {
    char *text = bc_config_text("%s/%s/%s", folder, name, key);
    fn(arg, bc_str_of(text), value);
    free(text);
  }
}

static void config_save_route(const struct bc_config_entry *entry, bc_config_key_fn *fn, void *arg) {
  /* What was not acted on yet is no known good: read back it would not wait any more. */
  if (!entry->is_settled || !bc_config_entry_has_version(entry)) {
    return;
  }
  struct bc_str values[BC_CONFIG_KEY_COUNT] = {
      [BC_CONFIG_KEY_CONFIG] = bc_str_of(entry->good[BC_CONFIG_KEY_CONFIG]),
      [BC_CONFIG_KEY_PREFIX] = bc_str_of(entry->good[BC_CONFIG_KEY_PREFIX]),
      [BC_CONFIG_KEY_OPTIONS] = bc_str_of(entry->options_text),
  };
  if (entry->script != NULL) {
    /* Also a removed one: that it was removed must be seen again after a restart. */
    values[BC_CONFIG_KEY_HEALTHCHECK] = (struct bc_str){entry->script->text, entry->script->len};
  }
  for (int i = 0; i < BC_CONFIG_KEY_COUNT; i++) {
    config_save_key("routes", entry->name, bc_config_key_text((enum bc_config_key)i), values[i], fn, arg);
  }
}

void bc_config_save(const struct bc_config *config, bc_config_key_fn *fn, void *arg) {
  for (struct bc_config_entry *at = bc_config_entry_after(config, NULL); at != NULL; at = bc_config_entry_next(at)) {
    config_save_route(at, fn, arg);
  }
  config_save_key("node", config->node, "subscribedRoutes", bc_str_of(config->subscription.text), fn, arg);
  if (config->has_admin) {
    config_save_key("node", config->node, "adminState", bc_str_of(admin_texts[config->admin]), fn, arg);
  }
}
