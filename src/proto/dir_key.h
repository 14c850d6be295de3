/* The tree of a directory store: which names in it mean something. Pure: no file is looked at.
 *
 * DIR/{policy,admission}, DIR/routes/NAME/{config,prefix,healthcheck,options,policy}, DIR/checks/NAME/{script,options},
 * DIR/lua/NAME, DIR/data/NAME and DIR/node/ME/{subscribedRoutes,adminState,policy,labels} are read;
 * this node writes DIR/node/ME/{status,routes/NAME/state,neighbors/IP/…}. The depth is fixed, so links can lead nobody
 * in circles. */
#ifndef BC_PROTO_DIR_KEY_H
#define BC_PROTO_DIR_KEY_H

#include "base/buf.h"
#include "base/enum_text.h"
#include "base/limits.h"

#include <stdbool.h>

/* name, name of the file, most bytes */
#define BC_DIR_LEAF_LIST(X)                                                                                            \
  X(BC_DIR_LEAF_CONFIG, "config", BC_LIMIT_CONFIG_BYTES)                                                               \
  X(BC_DIR_LEAF_PREFIX, "prefix", BC_LIMIT_CONFIG_BYTES)                                                               \
  X(BC_DIR_LEAF_HEALTHCHECK, "healthcheck", BC_LIMIT_SCRIPT_BYTES)                                                     \
  X(BC_DIR_LEAF_OPTIONS, "options", BC_LIMIT_OPTIONS_BYTES)                                                            \
  X(BC_DIR_LEAF_POLICY, "policy", BC_LIMIT_SCRIPT_BYTES)                                                               \
  X(BC_DIR_LEAF_SUBSCRIPTION, "subscribedRoutes", BC_LIMIT_SUBSCRIPTION_BYTES)                                         \
  X(BC_DIR_LEAF_ADMIN, "adminState", BC_LIMIT_OPTIONS_BYTES)                                                           \
  X(BC_DIR_LEAF_NODE_POLICY, "policy", BC_LIMIT_SCRIPT_BYTES)                                                          \
  X(BC_DIR_LEAF_LABELS, "labels", BC_LIMIT_LABELS_BYTES)                                                               \
  X(BC_DIR_LEAF_DEFAULT_POLICY, "policy", BC_LIMIT_SCRIPT_BYTES)                                                       \
  X(BC_DIR_LEAF_ADMISSION, "admission", BC_LIMIT_SCRIPT_BYTES)

enum bc_dir_leaf_kind { BC_DIR_LEAF_LIST(BC_ENUM_MEMBER) };
/* First those of a route, then those of a node, then those by themselves. */
enum {
  BC_DIR_ROUTE_LEAVES = BC_DIR_LEAF_POLICY + 1,
  BC_DIR_NODE_LEAVES = BC_DIR_LEAF_LABELS + 1 - BC_DIR_ROUTE_LEAVES,
  BC_DIR_ROOT_LEAVES = BC_DIR_LEAF_ADMISSION + 1 - BC_DIR_NODE_LEAVES - BC_DIR_ROUTE_LEAVES
};
const char *bc_dir_leaf_name(enum bc_dir_leaf_kind value);
size_t bc_dir_leaf_bytes(enum bc_dir_leaf_kind leaf);

/* What the name of an entry of DIR/routes (checks, lua, data) says; whether it is a directory, only the file system
 * knows. */
enum bc_dir_name {
  BC_DIR_NAME_IGNORED, /* ".", "..", "..data", ".git", ".config.swp" */
  BC_DIR_NAME_ROUTE,
  BC_DIR_NAME_BAD /* no route can be called so */
};
enum bc_dir_name bc_dir_name_judge(struct bc_str name);

/* Files that the daemon writes below node/ME/: "status", "routes/NAME/state", "neighbors/IP/reason". False for
 * anything else, so that nothing else is ever written or removed. */
bool bc_dir_own_is_valid(struct bc_str below_node);
/* The names of a neighbor's files; NULL after the last. */
const char *bc_dir_own_neighbor(size_t index);

/* "file:///srv/bgp/" → "/srv/bgp" added to `path`. BC_ERR_SYNTAX with a fault: more than one endpoint, a path that is
 * not absolute, "%" (which is not decoded), a byte that is not printable. BC_ERR_RANGE: too long for a path. */
BC_MUST_CHECK enum bc_err bc_dir_endpoint_parse(struct bc_str endpoints, struct bc_buf *path, struct bc_fault *fault);
/* Any of the endpoints begins with "file:". */
bool bc_dir_endpoint_is(struct bc_str endpoints);

#endif
