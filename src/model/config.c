#include "model/config.h"

#include "base/mem.h"
#include "model/config_private.h"

#include <stdlib.h>

enum { CONFIG_SETTLE_MS = 1000 };

struct bc_config *bc_config_new(struct bc_intern *intern, const char *node) {
  struct bc_config *config = bc_mem_new(1, sizeof *config);
  config->intern = intern;
  config->node = bc_mem_copy_string(node);
  config->default_options = bc_options_default();
  config->settle_ms = CONFIG_SETTLE_MS;
  bc_config_policy_init(config);
  TAILQ_INIT(&config->changed);
  TAILQ_INIT(&config->changed_local);
  TAILQ_INIT(&config->modules.changed);
  TAILQ_INIT(&config->data.changed);
  TAILQ_INIT(&config->checks.changed);
  TAILQ_INIT(&config->checks.settling);
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
  bc_config_check_free(config);
  bc_config_policy_free(config);
  bc_config_data_free(config);
  bc_config_module_free(config);
  bc_config_view_free(config);
  bc_config_subscription_free(config);
  bc_config_node_faults_free(config);
  free(config->admin_fault);
  free(config->labels);
  free(config->labels_fault);
  free(config->node);
  free(config);
}

/* ---- keys ---- */

static void config_take(struct bc_config *config, struct bc_str key, struct bc_config_content content,
                        struct bc_mono now) {
  struct bc_config_key_parts parts = bc_config_key_parse(config, key);
  switch (parts.kind) {
  case BC_CONFIG_ROUTE_KEY:
    bc_config_entry_put(config, &parts, content, now);
    break;
  case BC_CONFIG_CHECK_KEY:
    bc_config_check_put(config, &parts, content, now);
    break;
  case BC_CONFIG_MODULE_KEY:
    bc_config_module_put(config, parts.name, content);
    break;
  case BC_CONFIG_DATA_KEY:
    bc_config_data_put(config, parts.name, content);
    break;
  case BC_CONFIG_SUBSCRIPTION:
    bc_config_subscription_put(config, content);
    break;
  case BC_CONFIG_ADMIN:
    bc_config_admin_put(config, content);
    break;
  case BC_CONFIG_LABELS:
    bc_config_labels_put(config, content);
    break;
  case BC_CONFIG_POLICY_KEY:
    bc_config_policy_put(config, parts.policy, content);
    break;
  case BC_CONFIG_BAD_NAME:
  case BC_CONFIG_BAD_KEY:
    bc_config_stray_put(config, key, &parts);
    break;
  case BC_CONFIG_IGNORED:
    break;
  }
}

void bc_config_put(struct bc_config *config, struct bc_str key, struct bc_str value, struct bc_mono now) {
  config_take(config, key, (struct bc_config_content){.value = value}, now);
}

void bc_config_put_unreadable(struct bc_config *config, struct bc_str key, const char *why, struct bc_mono now) {
  config_take(config, key, (struct bc_config_content){.unreadable = why}, now);
}

static void config_delete_route_key(struct bc_config *config, const struct bc_config_key_parts *parts,
                                    struct bc_mono now) {
  char name[BC_LIMIT_NAME_BYTES + 1];
  bc_config_name_copy(parts->name, name);
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
  case BC_CONFIG_CHECK_KEY:
    bc_config_check_delete(config, &parts, now);
    break;
  case BC_CONFIG_MODULE_KEY:
    bc_config_module_delete(config, parts.name);
    break;
  case BC_CONFIG_DATA_KEY:
    bc_config_data_delete(config, parts.name);
    break;
  case BC_CONFIG_SUBSCRIPTION:
    bc_config_subscription_delete(config);
    break;
  case BC_CONFIG_ADMIN:
    bc_config_admin_delete(config);
    break;
  case BC_CONFIG_LABELS:
    bc_config_labels_delete(config);
    break;
  case BC_CONFIG_POLICY_KEY:
    bc_config_policy_delete(config, parts.policy);
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
  return config->route_keys + config->route_strays;
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
  config->labels_seen = false;
  for (struct bc_config_entry *at = bc_config_entry_after(config, NULL); at != NULL; at = bc_config_entry_next(at)) {
    at->seen = 0;
  }
  bc_config_check_list_begin(config);
  bc_config_module_list_begin(config);
  bc_config_data_list_begin(config);
  bc_config_policy_list_begin(config);
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
  if (!config->has_listed) {
    bc_config_check_list_told(config);
  }
  config->in_list = false;
  config->listing = NULL;
  /* First what routes refer to. */
  bc_config_module_list_end(config);
  bc_config_data_list_end(config);
  bc_config_policy_list_end(config);
  bc_config_check_list_end(config, now);
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
    bc_config_admin_delete(config);
  }
  if (!config->labels_seen) {
    bc_config_labels_delete(config);
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
