#include "model/config_private.h"
#include "model/name.h"

#include <string.h>

BC_ENUM_TEXT_FUNCTION(bc_config_key_text, enum bc_config_key, BC_CONFIG_KEY_LIST, "unknown")
BC_ENUM_TEXT_FUNCTION(bc_config_check_key_text, enum bc_config_check_key, BC_CONFIG_CHECK_KEY_LIST, "unknown")
BC_ENUM_TEXT_FUNCTION(bc_config_folder_text, enum bc_config_folder, BC_CONFIG_FOLDER_LIST, "unknown")

void bc_config_name_copy(struct bc_str name, char to[static BC_LIMIT_NAME_BYTES + 1]) {
  memcpy(to, name.at, name.len);
  to[name.len] = '\0';
}

bool bc_config_has_room(const struct bc_config *config, enum bc_config_folder folder, size_t held, size_t listed) {
#define KEY_FOLDER_LIMIT(member, text, limit, ...) (limit),
  static const size_t limits[] = {BC_CONFIG_FOLDER_LIST(KEY_FOLDER_LIMIT)};
#undef KEY_FOLDER_LIMIT
  size_t limit = limits[folder];
  return config->in_list ? listed < limit && held < 2 * limit : held < limit;
}

static void key_parse_route(struct bc_str key, struct bc_config_key_parts *parts) {
  for (int i = 0; i < BC_CONFIG_KEY_COUNT; i++) {
    if (bc_str_is(key, bc_config_key_text((enum bc_config_key)i))) {
      parts->kind = BC_CONFIG_ROUTE_KEY;
      parts->key = (enum bc_config_key)i;
    }
  }
}

static void key_parse_check(struct bc_str key, struct bc_config_key_parts *parts) {
  for (int i = 0; i < BC_CONFIG_CHECK_KEY_COUNT; i++) {
    if (bc_str_is(key, bc_config_check_key_text((enum bc_config_check_key)i))) {
      parts->kind = BC_CONFIG_CHECK_KEY;
      parts->check_key = (enum bc_config_check_key)i;
    }
  }
}

/* `rest` is what stands behind the folder. */
static struct bc_config_key_parts key_parse_folder(enum bc_config_folder folder, struct bc_str rest) {
  struct bc_config_key_parts parts = {.kind = BC_CONFIG_BAD_NAME, .folder = folder};
  struct bc_str key;
  if (!bc_str_next_field(&rest, '/', &parts.name) || !bc_name_is_valid(parts.name, false)) {
    return parts;
  }
  parts.kind = BC_CONFIG_BAD_KEY;
  if (folder == BC_CONFIG_LUA || folder == BC_CONFIG_DATA) {
    bool is_whole = rest.at == NULL;
    enum bc_config_key_kind whole = folder == BC_CONFIG_LUA ? BC_CONFIG_MODULE_KEY : BC_CONFIG_DATA_KEY;
    parts.kind = is_whole ? whole : BC_CONFIG_BAD_NAME;
  } else if (bc_str_next_field(&rest, '/', &key) && rest.at == NULL) {
    if (folder == BC_CONFIG_ROUTES) {
      key_parse_route(key, &parts);
    } else {
      key_parse_check(key, &parts);
    }
  }
  return parts;
}

struct bc_config_key_parts bc_config_key_parse(const struct bc_config *config, struct bc_str key) {
  struct bc_config_key_parts parts = {.kind = BC_CONFIG_IGNORED};
  struct bc_str rest = key;
  struct bc_str folder;
  struct bc_str node;
  if (bc_str_is(key, "policy") || bc_str_is(key, "admission")) {
    parts.kind = BC_CONFIG_POLICY_KEY;
    parts.policy = bc_str_is(key, "policy") ? BC_CONFIG_POLICY_DEFAULT : BC_CONFIG_POLICY_ADMISSION;
    return parts;
  }
  if (key.len == 0 || !bc_str_next_field(&rest, '/', &folder) || rest.at == NULL) {
    return parts;
  }
  for (int i = 0; i < BC_CONFIG_FOLDER_COUNT; i++) {
    if (bc_str_is(folder, bc_config_folder_text((enum bc_config_folder)i))) {
      return key_parse_folder((enum bc_config_folder)i, rest);
    }
  }
  if (bc_str_is(folder, "node") && bc_str_next_field(&rest, '/', &node) && bc_str_is(node, config->node)) {
    if (bc_str_is(rest, "subscribedRoutes")) {
      parts.kind = BC_CONFIG_SUBSCRIPTION;
    } else if (bc_str_is(rest, "adminState")) {
      parts.kind = BC_CONFIG_ADMIN;
    } else if (bc_str_is(rest, "labels")) {
      parts.kind = BC_CONFIG_LABELS;
    } else if (bc_str_is(rest, "policy")) {
      parts.kind = BC_CONFIG_POLICY_KEY;
      parts.policy = BC_CONFIG_POLICY_NODE;
    }
  }
  return parts;
}
