#include "io/dir_scan.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/tree.h"
#include "io/dir_file.h"
#include "io/dir_leaf.h"
#include "io/dir_shelf.h"
#include "proto/dir_key.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A tree that is exchanged while it is read is read again at once, so often. */
enum { SCAN_TRIES = 5 };

struct scan_route {
  RB_ENTRY(scan_route) link;
  uint64_t generation; /* of the last scan that found it */
  struct bc_dir_leaf leaves[BC_DIR_ROUTE_LEAVES];
  char name[];
};
RB_HEAD(scan_tree, scan_route);

/* Directories below routes/ that can be no route. */
struct scan_strays {
  char *names[BC_LIMIT_STRAY_KEYS + 1];
  size_t count;
  uint64_t sum; /* of them all, whatever their order */
};

struct bc_dir_scan {
  struct bc_dir_reader reader;
  char *node;
  struct scan_tree routes;
  size_t route_count;
  struct bc_dir_leaf node_leaves[BC_DIR_NODE_LEAVES];
  struct bc_dir_leaf root_leaves[BC_DIR_ROOT_LEAVES];
  struct scan_strays strays;
  struct bc_dir_shelves *shelves;
  bool knows_admin; /* whether there is an adminState, and which */
  uint64_t generation;
  bool has_lost_routes;
  struct bc_dir_scan_state state;
};

static int scan_compare(const struct scan_route *a, const struct scan_route *b) {
  return strcmp(a->name, b->name);
}

BC_TREE(scan_tree, scan_route, link, scan_compare)

/* ---- routes ---- */

static struct scan_route *route_find(struct bc_dir_scan *scan, const char *name, size_t len) {
  struct scan_route *wanted = bc_mem_new(1, sizeof *wanted + len + 1);
  memcpy(wanted->name, name, len);
  struct scan_route *held = RB_FIND(scan_tree, &scan->routes, wanted);
  free(wanted);
  return held;
}

static struct scan_route *route_for(struct bc_dir_scan *scan, const char *name) {
  size_t len = strlen(name);
  struct scan_route *route = route_find(scan, name, len);
  /* One more than the limit is told, so that there is a fault that says so. */
  if (route == NULL && scan->route_count <= BC_LIMIT_ROUTES) {
    route = bc_mem_new(1, sizeof *route + len + 1);
    memcpy(route->name, name, len);
    (void)RB_INSERT(scan_tree, &scan->routes, route);
    scan->route_count++;
  }
  return route;
}

static void route_free(struct bc_dir_scan *scan, struct scan_route *route) {
  for (size_t i = 0; i < BC_DIR_ROUTE_LEAVES; i++) {
    bc_dir_leaf_clear(&scan->reader, &route->leaves[i]);
  }
  RB_REMOVE(scan_tree, &scan->routes, route);
  scan->route_count--;
  free(route);
}

static bool route_has_keys(const struct scan_route *route) {
  for (size_t i = 0; i < BC_DIR_ROUTE_LEAVES; i++) {
    if (route->leaves[i].value != NULL || route->leaves[i].problem != NULL) {
      return true;
    }
  }
  return false;
}

/* A directory that is there and cannot be entered: any key may be in it. */
static void route_refuse(struct bc_dir_scan *scan, const char *name, const char *why) {
  char place[NAME_MAX + sizeof "routes/"];
  struct scan_route *route = route_for(scan, name);
  if (route == NULL) {
    return;
  }
  (void)snprintf(place, sizeof place, "routes/%s", name);
  route->generation = scan->generation;
  for (int i = 0; i < BC_DIR_ROUTE_LEAVES; i++) {
    bc_dir_leaf_refuse(&scan->reader, &route->leaves[i], why, place, bc_dir_leaf_name((enum bc_dir_leaf_kind)i));
  }
}

static bool route_scan_open(struct bc_dir_scan *scan, const char *name, int fd) {
  char folder[NAME_MAX + sizeof "routes/"];
  char path[PATH_MAX];
  struct scan_route *route = route_for(scan, name);
  if (route == NULL) {
    return true;
  }
  (void)snprintf(folder, sizeof folder, "routes/%s", name);
  int len = snprintf(path, sizeof path, "%s/%s", scan->reader.directory, folder);
  if (len > 0 && (size_t)len < sizeof path) {
    bc_dir_watch_add(scan->reader.watch, path, NULL);
  }
  bool had_keys = route_has_keys(route);
  route->generation = scan->generation;
  for (int i = 0; i < BC_DIR_ROUTE_LEAVES; i++) {
    if (!bc_dir_leaf_read(&scan->reader, &route->leaves[i], (enum bc_dir_leaf_kind)i, fd, folder)) {
      return false;
    }
  }
  scan->has_lost_routes |= had_keys && !route_has_keys(route);
  return true;
}

static bool route_scan(struct bc_dir_scan *scan, int routes_fd, const char *name) {
  struct stat link;
  int fd = openat(routes_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    bool is_good = route_scan_open(scan, name, fd);
    (void)close(fd);
    return is_good;
  }
  int code = errno;
  if (code == ENOTDIR || (code == ENOENT && fstatat(routes_fd, name, &link, AT_SYMLINK_NOFOLLOW) != 0)) {
    return true; /* a file, or just gone */
  }
  if (!bc_dir_error_is_local(code)) {
    return bc_dir_reader_fail_code(&scan->reader, code, "routes", name);
  }
  char text[96];
  route_refuse(scan, name, code == ENOENT ? "the link leads nowhere" : bc_dir_error_text(code, text, sizeof text));
  return true;
}

/* ---- directories that can be no route ---- */

static void strays_clear(struct scan_strays *strays) {
  for (size_t i = 0; i < strays->count; i++) {
    free(strays->names[i]);
  }
  strays->count = 0;
  strays->sum = 0;
}

static void strays_add(struct scan_strays *strays, int routes_fd, const char *name) {
  struct stat status;
  if (strays->count > BC_LIMIT_STRAY_KEYS || fstatat(routes_fd, name, &status, 0) != 0 || !S_ISDIR(status.st_mode)) {
    return;
  }
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char *at = name; *at != '\0'; at++) {
    hash = (hash ^ (unsigned char)*at) * 0x100000001b3U;
  }
  strays->sum += hash;
  strays->names[strays->count++] = bc_mem_copy_string(name);
}

/* ---- the tree ---- */

static bool scan_list_routes(struct bc_dir_scan *scan, DIR *routes, struct scan_strays *strays) {
  int fd = dirfd(routes);
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(routes);
    if (entry == NULL) {
      return errno == 0 || bc_dir_reader_fail_code(&scan->reader, errno, "routes", "");
    }
    switch (bc_dir_name_judge(bc_str_of(entry->d_name))) {
    case BC_DIR_NAME_ROUTE:
      if (!route_scan(scan, fd, entry->d_name)) {
        return false;
      }
      break;
    case BC_DIR_NAME_BAD:
      strays_add(strays, fd, entry->d_name);
      break;
    case BC_DIR_NAME_IGNORED:
      break;
    }
  }
}

static bool scan_routes(struct bc_dir_scan *scan, int root_fd, struct scan_strays *strays, bool *is_moved) {
  bool is_good = true;
  int fd = bc_dir_reader_open(&scan->reader, root_fd, "routes", "routes", O_RDONLY, &is_good);
  if (fd < 0) {
    return is_good;
  }
  DIR *routes = fdopendir(fd);
  if (routes == NULL) {
    int code = errno;
    (void)close(fd);
    return bc_dir_reader_fail_code(&scan->reader, code, "routes", "");
  }
  is_good = scan_list_routes(scan, routes, strays);
  *is_moved = *is_moved || !bc_dir_is_still(root_fd, "routes", fd);
  (void)closedir(routes);
  return is_good;
}

/* Whether a route may be announced at all must be known before the first list. */
static bool scan_judge_admin(struct bc_dir_scan *scan) {
  const struct bc_dir_leaf *admin = &scan->node_leaves[BC_DIR_LEAF_ADMIN - BC_DIR_ROUTE_LEAVES];
  if (admin->problem != NULL && !scan->knows_admin) {
    memcpy(scan->reader.failure, admin->problem, strlen(admin->problem) + 1);
    return false;
  }
  scan->knows_admin = true;
  return true;
}

static bool scan_node(struct bc_dir_scan *scan, int root_fd, bool *is_moved) {
  char folder[NAME_MAX + sizeof "node/"];
  bool is_good = true;
  struct stat node;
  if (fstatat(root_fd, "node", &node, 0) != 0 && fstatat(root_fd, "node", &node, AT_SYMLINK_NOFOLLOW) == 0) {
    return bc_dir_reader_fail(&scan->reader, "the link leads nowhere", "node", "");
  }
  (void)snprintf(folder, sizeof folder, "node/%s", scan->node);
  int fd = bc_dir_reader_open(&scan->reader, root_fd, folder, folder, O_PATH, &is_good);
  for (int i = 0; i < BC_DIR_NODE_LEAVES && is_good; i++) {
    if (fd < 0) {
      bc_dir_leaf_clear(&scan->reader, &scan->node_leaves[i]);
    } else {
      is_good = bc_dir_leaf_read(&scan->reader, &scan->node_leaves[i], (enum bc_dir_leaf_kind)(BC_DIR_ROUTE_LEAVES + i),
                                 fd, folder);
    }
  }
  if (fd >= 0) {
    *is_moved = *is_moved || !bc_dir_is_still(root_fd, folder, fd);
    (void)close(fd);
  }
  return is_good && scan_judge_admin(scan);
}

static enum bc_dir_leaf_kind scan_root_kind(int i) {
  return (enum bc_dir_leaf_kind)(BC_DIR_ROUTE_LEAVES + BC_DIR_NODE_LEAVES + i);
}

static bool scan_root(struct bc_dir_scan *scan, int root_fd) {
  bool is_good = true;
  for (int i = 0; i < BC_DIR_ROOT_LEAVES && is_good; i++) {
    is_good = bc_dir_leaf_read(&scan->reader, &scan->root_leaves[i], scan_root_kind(i), root_fd, "");
  }
  return is_good;
}

static void scan_watch_tree(struct bc_dir_scan *scan) {
  char path[PATH_MAX];
  char *tail = path + snprintf(path, sizeof path, "%s", scan->reader.directory);
  size_t room = sizeof path - (size_t)(tail - path);
  bc_dir_watch_add_way(scan->reader.watch, path);
  bc_dir_watch_add(scan->reader.watch, path, "routes");
  bc_dir_watch_add(scan->reader.watch, path, "node");
  for (int i = 0; i < BC_DIR_ROOT_LEAVES; i++) {
    bc_dir_watch_add(scan->reader.watch, path, bc_dir_leaf_name(scan_root_kind(i)));
  }
  bc_dir_shelves_watch(scan->shelves, path);
  (void)snprintf(tail, room, "/routes");
  bc_dir_watch_add_way(scan->reader.watch, path);
  bc_dir_watch_add(scan->reader.watch, path, NULL);
  (void)snprintf(tail, room, "/node/%s", scan->node);
  bc_dir_watch_add_way(scan->reader.watch, path);
  for (int i = BC_DIR_ROUTE_LEAVES; i < BC_DIR_ROUTE_LEAVES + BC_DIR_NODE_LEAVES; i++) {
    bc_dir_watch_add(scan->reader.watch, path, bc_dir_leaf_name((enum bc_dir_leaf_kind)i));
  }
  bc_dir_watch_add(scan->reader.watch, path, "..data");
  (void)snprintf(tail, room, "/node");
  bc_dir_watch_add(scan->reader.watch, path, scan->node);
}

/* What was not found is gone. */
static void scan_sweep(struct bc_dir_scan *scan, struct scan_strays *strays) {
  struct scan_route *route;
  struct scan_route *next;
  RB_FOREACH_SAFE(route, scan_tree, &scan->routes, next) {
    if (route->generation != scan->generation) {
      scan->has_lost_routes |= route_has_keys(route);
      route_free(scan, route);
    }
  }
  scan->reader.is_changed |= strays->sum != scan->strays.sum;
  strays_clear(&scan->strays);
  scan->strays = *strays;
  strays->count = 0;
}

static bool scan_once(struct bc_dir_scan *scan, bool *is_moved) {
  struct scan_strays strays = {.count = 0};
  bool is_good = true;
  scan->generation++;
  bc_dir_watch_begin(scan->reader.watch);
  scan_watch_tree(scan);
  int fd = bc_dir_reader_open(&scan->reader, AT_FDCWD, scan->reader.directory, "", O_PATH, &is_good);
  if (fd >= 0) {
    is_good = scan_routes(scan, fd, &strays, is_moved) && bc_dir_shelves_scan(scan->shelves, fd, is_moved) &&
              scan_root(scan, fd) && scan_node(scan, fd, is_moved);
    *is_moved = *is_moved || !bc_dir_is_still(AT_FDCWD, scan->reader.directory, fd);
    (void)close(fd);
  }
  if (is_good && !*is_moved) {
    scan_sweep(scan, &strays);
    bc_dir_shelves_sweep(scan->shelves);
  }
  strays_clear(&strays);
  bc_dir_watch_end(scan->reader.watch, is_good && !*is_moved);
  return is_good;
}

void bc_dir_scan_run(struct bc_dir_scan *scan) {
  bool is_moved = true;
  bool is_good = false;
  scan->reader.is_unsettled = false;
  scan->reader.failure[0] = '\0';
  for (unsigned tries = 0; tries < SCAN_TRIES && is_moved; tries++) {
    is_moved = false;
    is_good = scan_once(scan, &is_moved);
  }
  if (is_good && is_moved) {
    is_good = bc_dir_reader_fail(&scan->reader, "it is exchanged again and again while it is read", "", "");
  }
  scan->state = (struct bc_dir_scan_state){.is_good = is_good,
                                           .text = scan->reader.failure,
                                           .is_unsettled = scan->reader.is_unsettled,
                                           .is_changed = scan->reader.is_changed,
                                           .has_lost_routes = scan->has_lost_routes};
}

const struct bc_dir_scan_state *bc_dir_scan_state(const struct bc_dir_scan *scan) {
  return &scan->state;
}

/* ---- telling ---- */

static void scan_tell_leaf(const struct bc_dir_leaf *leaf, const char *folder, const char *name,
                           const struct bc_store_handler *handler) {
  char key[2 * NAME_MAX];
  if (leaf->problem == NULL && leaf->value == NULL) {
    return;
  }
  (void)snprintf(key, sizeof key, "%s%s%s", folder, folder[0] == '\0' ? "" : "/", name);
  if (leaf->problem != NULL) {
    handler->list_unreadable(handler->arg, bc_str_of(key), leaf->problem);
  } else {
    handler->list_entry(handler->arg, bc_str_of(key), (struct bc_str){.at = leaf->value, .len = leaf->len}, 0);
  }
}

static bool scan_tell_routes(struct bc_dir_scan *scan, const struct bc_store_handler *handler, const bool *is_closed) {
  char folder[NAME_MAX + sizeof "routes/"];
  struct scan_route *route;
  bool any = false;
  RB_FOREACH(route, scan_tree, &scan->routes) {
    (void)snprintf(folder, sizeof folder, "routes/%s", route->name);
    any = any || route_has_keys(route);
    for (int i = 0; i < BC_DIR_ROUTE_LEAVES && !*is_closed; i++) {
      scan_tell_leaf(&route->leaves[i], folder, bc_dir_leaf_name((enum bc_dir_leaf_kind)i), handler);
    }
  }
  return any;
}

/* A store that holds nothing but strays is an empty one. */
static void scan_tell_strays(const struct bc_dir_scan *scan, const struct bc_store_handler *handler,
                             const bool *is_closed) {
  for (size_t i = 0; i < scan->strays.count && !*is_closed; i++) {
    char key[NAME_MAX + sizeof "routes/"];
    int len = snprintf(key, sizeof key, "routes/%s", scan->strays.names[i]);
    handler->list_entry(handler->arg, (struct bc_str){.at = key, .len = (size_t)len},
                        (struct bc_str){.at = "", .len = 0}, 0);
  }
}

void bc_dir_scan_tell(struct bc_dir_scan *scan, const struct bc_store_handler *handler, const bool *is_closed) {
  char folder[NAME_MAX + sizeof "node/"];
  const struct bc_store_point point = {.type = BC_STORE_TYPE_DIRECTORY};
  scan->reader.is_changed = false;
  scan->has_lost_routes = false;
  handler->list_begin(handler->arg, point);
  for (int i = 0; i < BC_DIR_ROOT_LEAVES && !*is_closed; i++) {
    scan_tell_leaf(&scan->root_leaves[i], "", bc_dir_leaf_name(scan_root_kind(i)), handler);
  }
  bc_dir_shelves_tell(scan->shelves, handler, is_closed);
  if (scan_tell_routes(scan, handler, is_closed)) {
    scan_tell_strays(scan, handler, is_closed);
  }
  (void)snprintf(folder, sizeof folder, "node/%s", scan->node);
  for (int i = 0; i < BC_DIR_NODE_LEAVES && !*is_closed; i++) {
    scan_tell_leaf(&scan->node_leaves[i], folder, bc_dir_leaf_name((enum bc_dir_leaf_kind)(BC_DIR_ROUTE_LEAVES + i)),
                   handler);
  }
  if (!*is_closed) {
    handler->list_end(handler->arg, point);
  }
}

struct bc_dir_scan *bc_dir_scan_new(const char *directory, const char *node, struct bc_dir_watch *watch) {
  struct bc_dir_scan *scan = bc_mem_new(1, sizeof *scan);
  scan->node = bc_mem_copy_string(node);
  bc_dir_reader_init(&scan->reader, directory, watch);
  scan->shelves = bc_dir_shelves_new(&scan->reader);
  return scan;
}

void bc_dir_scan_free(struct bc_dir_scan *scan) {
  if (scan == NULL) {
    return;
  }
  struct scan_route *route;
  while ((route = RB_MIN(scan_tree, &scan->routes)) != NULL) {
    route_free(scan, route);
  }
  for (size_t i = 0; i < BC_DIR_NODE_LEAVES; i++) {
    bc_dir_leaf_clear(&scan->reader, &scan->node_leaves[i]);
  }
  for (size_t i = 0; i < BC_DIR_ROOT_LEAVES; i++) {
    bc_dir_leaf_clear(&scan->reader, &scan->root_leaves[i]);
  }
  strays_clear(&scan->strays);
  bc_dir_shelves_free(scan->shelves);
  bc_dir_reader_fini(&scan->reader);
  free(scan->node);
  free(scan);
}
