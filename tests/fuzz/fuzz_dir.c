/* Names of files → keys. What a directory store takes as a route's name is what the configuration takes, no key of the
 * configuration is shadowed by one that we write, and an own file never leaves its place. */
#include "base/buf.h"
#include "model/config.h"
#include "proto/dir_key.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

/* "routes/NAME/config" makes a route, or a fault of the node. */
static bool config_takes(struct bc_str name) {
  struct bc_intern *intern = bc_intern_new();
  struct bc_config *config = bc_config_new(intern, "ME");
  struct bc_buf key;
  bc_buf_init(&key, 8192);
  bc_buf_add_text(&key, "routes/");
  bc_buf_add_str(&key, name);
  bc_buf_add_text(&key, "/config");
  bc_config_put(config, bc_buf_str(&key), bc_str_of("route 192.0.2.0/24 next-hop self"), (struct bc_mono){.us = 1});
  bool is_route = bc_config_counts(config).routes == 1;
  const char *fault = NULL;
  require(is_route != bc_config_node_fault(config, 0, &fault));
  bc_buf_free(&key);
  bc_config_free(config);
  bc_intern_free(intern);
  return is_route;
}

static void check_name(struct bc_str name) {
  if (name.len > 4096 || memchr(name.at, '/', name.len) != NULL) {
    return;
  }
  enum bc_dir_name is = bc_dir_name_judge(name);
  require((is == BC_DIR_NAME_ROUTE) == config_takes(name));
  require((is == BC_DIR_NAME_IGNORED) == (name.len == 0 || name.at[0] == '.'));
}

static void check_own(struct bc_str below) {
  if (!bc_dir_own_is_valid(below)) {
    return;
  }
  struct bc_str rest = below;
  struct bc_str part;
  size_t parts = 0;
  while (bc_str_next_field(&rest, '/', &part)) {
    require(part.len > 0 && part.at[0] != '.' && part.len <= BC_LIMIT_NAME_BYTES);
    require(bc_str_is_printable(part));
    parts++;
  }
  require(parts == 1 || parts == 3);
  for (int leaf = 0; leaf < BC_DIR_ROUTE_LEAVES + BC_DIR_NODE_LEAVES + BC_DIR_ROOT_LEAVES; leaf++) {
    require(!bc_str_is(below, bc_dir_leaf_name((enum bc_dir_leaf_kind)leaf)));
  }
}

static void check_endpoint(struct bc_str endpoints) {
  struct bc_buf path;
  struct bc_fault fault = {0};
  bc_buf_init(&path, 4096);
  if (bc_dir_endpoint_parse(endpoints, &path, &fault) == BC_ERR_OK) {
    require(bc_dir_endpoint_is(endpoints));
    require(path.len > 1 && path.data[0] == '/' && path.data[path.len - 1] != '/');
    require(bc_str_is_printable(bc_buf_str(&path)));
  } else {
    require(fault.text[0] != '\0');
  }
  bc_buf_free(&path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_str text = {.at = (const char *)data, .len = size};
  if (size == 0) {
    return 0;
  }
  check_name(text);
  check_own(text);
  check_endpoint(text);
  return 0;
}
