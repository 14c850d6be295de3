#include "model/config_private.h"

bool bc_config_find_policy(const struct bc_config *config, const char *key, struct bc_config_policy *view) {
  (void)config;
  (void)key;
  *view = (struct bc_config_policy){.key = NULL};
  return false;
}

bool bc_config_next_changed_policy(struct bc_config *config, struct bc_config_policy *view) {
  return bc_config_find_policy(config, "policy", view);
}

const char *bc_config_labels(const struct bc_config *config) {
  (void)config;
  return "{}";
}

bool bc_config_take_labels_changed(struct bc_config *config) {
  (void)config;
  return false;
}
