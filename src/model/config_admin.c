#include "model/config_private.h"

enum { ADMIN_SHOWN = 64 };

BC_ENUM_TEXT_FUNCTION(bc_admin_state_text, enum bc_admin_state, BC_ADMIN_STATE_LIST, "up")

static const char *const admin_texts[] = {BC_ADMIN_STATE_LIST(BC_ENUM_TEXT)};

static void admin_set(struct bc_config *config, enum bc_admin_state state) {
  config->admin_changed = config->admin_changed || config->admin != state;
  config->admin = state;
  bc_config_node_fault_set(config, &config->admin_fault, NULL);
}

void bc_config_admin_put(struct bc_config *config, struct bc_config_content content) {
  config->admin_seen = true;
  if (content.unreadable != NULL) {
    bc_config_node_fault_set(config, &config->admin_fault,
                             bc_config_text("node/%s/adminState: %s", config->node, content.unreadable));
    return;
  }
  struct bc_str value = bc_str_trim(content.value);
  for (size_t i = 0; i < sizeof admin_texts / sizeof admin_texts[0]; i++) {
    if (bc_str_is(value, admin_texts[i])) {
      config->has_admin = true;
      admin_set(config, (enum bc_admin_state)i);
      return;
    }
  }
  struct bc_fault shown;
  bc_fault_set(&shown, 0, "%.*s", (int)(value.len < ADMIN_SHOWN ? value.len : ADMIN_SHOWN), value.at);
  bc_config_node_fault_set(
      config, &config->admin_fault,
      bc_config_text("node/%s/adminState: expected up, down or drain, found \"%s\"", config->node, shown.text));
}

void bc_config_admin_delete(struct bc_config *config) {
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

const char *bc_config_admin_text(const struct bc_config *config) {
  return config->has_admin ? admin_texts[config->admin] : NULL;
}
