#include "model/config_private.h"
#include "model/name.h"

BC_ENUM_TEXT_FUNCTION(bc_config_key_text, enum bc_config_key, BC_CONFIG_KEY_LIST, "unknown")

static struct bc_config_key_parts key_parse_route(struct bc_str rest) {
  struct bc_config_key_parts parts = {.kind = BC_CONFIG_BAD_NAME};
  struct bc_str key;
  if (!bc_str_next_field(&rest, '/', &parts.name) || !bc_name_is_valid(parts.name, false)) {
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
