#include "proto/dir_key.h"

#include <string.h>

/* Room for what comes below DIR in a path of at most PATH_MAX bytes. */
enum { DIR_PATH_BYTES = 3072 };

static const char dir_scheme[] = "file:";

BC_ENUM_TEXT_FUNCTION(bc_dir_leaf_name, enum bc_dir_leaf_kind, BC_DIR_LEAF_LIST, "")

size_t bc_dir_leaf_bytes(enum bc_dir_leaf_kind leaf) {
#define LEAF_BYTES(name, text, bytes) bytes,
  static const size_t most[] = {BC_DIR_LEAF_LIST(LEAF_BYTES)};
#undef LEAF_BYTES
  return most[leaf];
}

static bool dir_is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

enum bc_dir_name bc_dir_name_judge(struct bc_str name) {
  if (name.len == 0 || name.at[0] == '.') {
    return BC_DIR_NAME_IGNORED;
  }
  if (name.len > BC_LIMIT_NAME_BYTES || !dir_is_alphanumeric(name.at[0])) {
    return BC_DIR_NAME_BAD;
  }
  for (size_t i = 1; i < name.len; i++) {
    if (!dir_is_alphanumeric(name.at[i]) && (name.at[i] == '\0' || strchr("._-", name.at[i]) == NULL)) {
      return BC_DIR_NAME_BAD;
    }
  }
  return BC_DIR_NAME_ROUTE;
}

/* ---- own files ---- */

static const char *const dir_neighbor_files[] = {"state",   "ipAddress", "localAddress", "peerAs",
                                                 "localAs", "since",     "reason"};
enum { DIR_NEIGHBOR_FILES = sizeof dir_neighbor_files / sizeof dir_neighbor_files[0] };

const char *bc_dir_own_neighbor(size_t index) {
  return index < DIR_NEIGHBOR_FILES ? dir_neighbor_files[index] : NULL;
}

static bool dir_is_neighbor_file(struct bc_str name) {
  for (size_t i = 0; i < DIR_NEIGHBOR_FILES; i++) {
    if (bc_str_is(name, dir_neighbor_files[i])) {
      return true;
    }
  }
  return false;
}

/* An address as a file name: no path, nothing hidden. */
static bool dir_is_address(struct bc_str name) {
  return name.len > 0 && name.len <= BC_LIMIT_NAME_BYTES && name.at[0] != '.' && bc_str_is_printable(name) &&
         memchr(name.at, '/', name.len) == NULL;
}

bool bc_dir_own_is_valid(struct bc_str below_node) {
  struct bc_str rest = below_node;
  struct bc_str folder;
  struct bc_str name;
  struct bc_str file;
  if (bc_str_is(below_node, "status")) {
    return true;
  }
  if (below_node.len == 0 || !bc_str_next_field(&rest, '/', &folder) || !bc_str_next_field(&rest, '/', &name) ||
      !bc_str_next_field(&rest, '/', &file) || rest.at != NULL) {
    return false;
  }
  if (bc_str_is(folder, "routes")) {
    return bc_dir_name_judge(name) == BC_DIR_NAME_ROUTE && bc_str_is(file, "state");
  }
  return bc_str_is(folder, "neighbors") && dir_is_address(name) && dir_is_neighbor_file(file);
}

/* ---- the endpoint ---- */

bool bc_dir_endpoint_is(struct bc_str endpoints) {
  struct bc_str rest = endpoints;
  struct bc_str one;
  while (bc_str_next_field(&rest, ',', &one)) {
    if (bc_str_starts(bc_str_trim(one), dir_scheme)) {
      return true;
    }
  }
  return false;
}

enum bc_err bc_dir_endpoint_parse(struct bc_str endpoints, struct bc_buf *path, struct bc_fault *fault) {
  if (endpoints.len > 0 && memchr(endpoints.at, ',', endpoints.len) != NULL) {
    bc_fault_set(fault, 0, "a directory store is the only endpoint: expected one file:///DIR (without a comma)");
    return BC_ERR_SYNTAX;
  }
  struct bc_str text = bc_str_trim(endpoints);
  if (!bc_str_starts(text, "file:///")) {
    bc_fault_set(fault, 0, "expected file:///DIR with an absolute path, found %.*s",
                 (int)(text.len < 64 ? text.len : 64), text.at);
    return BC_ERR_SYNTAX;
  }
  text.at += strlen("file://");
  text.len -= strlen("file://");
  while (text.len > 0 && text.at[text.len - 1] == '/') {
    text.len--;
  }
  if (text.len == 0) {
    bc_fault_set(fault, 0, "the root directory cannot be a store: expected file:///DIR");
    return BC_ERR_SYNTAX;
  }
  if (text.len > DIR_PATH_BYTES) {
    bc_fault_set(fault, 0, "the directory's path is longer than %d bytes", DIR_PATH_BYTES);
    return BC_ERR_RANGE;
  }
  if (memchr(text.at, '%', text.len) != NULL || !bc_str_is_printable(text)) {
    bc_fault_set(fault, 0, "file:///DIR is taken as it stands: no %% and only printable ASCII");
    return BC_ERR_SYNTAX;
  }
  bc_buf_add_str(path, text);
  return bc_buf_status(path);
}
