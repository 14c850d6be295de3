#include "model/config_private.h"

#include <string.h>

BC_ENUM_TEXT_FUNCTION(bc_config_key_text, enum bc_config_key, BC_CONFIG_KEY_LIST, "unknown")

static bool key_is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool bc_config_name_is_valid(struct bc_str name, bool globs) {
  if (name.len == 0 || name.len > BC_LIMIT_NAME_BYTES || memchr("._-", name.at[0], 3) != NULL) {
    return false;
  }
  for (size_t i = 0; i < name.len; i++) {
    bool is_glob = globs && (name.at[i] == '*' || name.at[i] == '?');
    if (!is_glob && !key_is_name_byte(name.at[i])) {
      return false;
    }
  }
  return true;
}

static struct bc_config_key_parts key_parse_route(struct bc_str rest) {
  struct bc_config_key_parts parts = {.kind = BC_CONFIG_BAD_NAME};
  struct bc_str key;
  if (!bc_str_next_field(&rest, '/', &parts.name) || !bc_config_name_is_valid(parts.name, false)) {
    return parts;
  }
  parts.kind = BC_CONFIG_BAD_KEY;
  if (!bc_str_next_field(&rest, '/', &key) || rest.at != NULL) {
    return parts;
  }
  for (int i = 0; i < BC_CONFIG_KEY_COUNT; i++) {
    if (bc_str_is(key, bc_config_key_text((enum bc_config_key)i))) {
      parts.kind = BC_CONFIG_ROUTE_KEY;
      parts.key = (enum bc_config_key)i;
    }
  }
  return parts;
}

struct bc_config_key_parts bc_config_key_parse(const struct bc_config *config, struct bc_str key) {
  struct bc_config_key_parts parts = {.kind = BC_CONFIG_IGNORED};
  struct bc_str rest = key;
  struct bc_str folder;
  struct bc_str node;
  if (key.len == 0 || !bc_str_next_field(&rest, '/', &folder) || rest.at == NULL) {
    return parts;
  }
  if (bc_str_is(folder, "routes")) {
    return key_parse_route(rest);
  }
  if (bc_str_is(folder, "node") && bc_str_next_field(&rest, '/', &node) && bc_str_is(node, config->node)) {
    if (bc_str_is(rest, "subscribedRoutes")) {
      parts.kind = BC_CONFIG_SUBSCRIPTION;
    } else if (bc_str_is(rest, "adminState")) {
      parts.kind = BC_CONFIG_ADMIN;
    }
  }
  return parts;
}
