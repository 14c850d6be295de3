#include "model/config_private.h"

#include <stdint.h>
#include <stdlib.h>

void bc_config_save_key(const char *folder, const char *name, const char *key, struct bc_str value,
                        bc_config_key_fn *fn, void *arg) {
  if (value.at != NULL) {
    char *text = bc_config_text("%s/%s%s%s", folder, name, key == NULL ? "" : "/", key == NULL ? "" : key);
    fn(arg, bc_str_of(text), value);
    free(text);
  }
}

static void save_route(const struct bc_config_entry *entry, bc_config_key_fn *fn, void *arg) {
  /* What was not acted on yet is no known good: read back it would not wait any more. */
  if (entry->is_local || !entry->is_settled || !bc_config_entry_has_version(entry)) {
    return;
  }
  struct bc_str values[BC_CONFIG_KEY_COUNT] = {
      [BC_CONFIG_KEY_CONFIG] = bc_str_of(entry->good[BC_CONFIG_KEY_CONFIG]),
      [BC_CONFIG_KEY_PREFIX] = bc_str_of(entry->good[BC_CONFIG_KEY_PREFIX]),
      [BC_CONFIG_KEY_OPTIONS] = bc_str_of(entry->options_text),
      [BC_CONFIG_KEY_POLICY] = bc_config_policy_text(entry->policy),
  };
  if (entry->script.script != NULL) {
    /* Also a removed one: that it was removed must be seen again after a restart. */
    values[BC_CONFIG_KEY_HEALTHCHECK] = (struct bc_str){entry->script.script->text, entry->script.script->len};
  }
  for (int i = 0; i < BC_CONFIG_KEY_COUNT; i++) {
    bc_config_save_key("routes", entry->name, bc_config_key_text((enum bc_config_key)i), values[i], fn, arg);
  }
}

const char *bc_config_save_routes(const struct bc_config *config, const char *after, size_t most, bc_config_key_fn *fn,
                                  void *arg) {
  const struct bc_config_entry *last = NULL;
  struct bc_config_entry *at = bc_config_entry_after(config, after);
  for (; at != NULL && most > 0; at = bc_config_entry_next(at), most--) {
    save_route(at, fn, arg);
    last = at;
  }
  return last == NULL ? NULL : last->name;
}

void bc_config_save_policies(const struct bc_config *config, bc_config_key_fn *fn, void *arg) {
  bc_config_policy_save(config, fn, arg);
}

void bc_config_save_others(const struct bc_config *config, bc_config_key_fn *fn, void *arg) {
  bc_config_save_key("node", config->node, "subscribedRoutes", bc_str_of(config->subscription.text), fn, arg);
  bc_config_save_key("node", config->node, "adminState", bc_str_of(bc_config_admin_text(config)), fn, arg);
  bc_config_save_key("node", config->node, "labels", bc_str_of(config->labels), fn, arg);
  bc_config_check_save(config, fn, arg);
  bc_config_data_save(config, fn, arg);
  bc_config_module_save(config, fn, arg);
}

void bc_config_save(const struct bc_config *config, bc_config_key_fn *fn, void *arg) {
  /* First: whether one that was never good matters depends on whether a route was acted on before it. */
  bc_config_save_policies(config, fn, arg);
  (void)bc_config_save_routes(config, NULL, SIZE_MAX, fn, arg);
  bc_config_save_others(config, fn, arg);
}
