#include "io/dir_shelf.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/tree.h"
#include "io/dir_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHELF_CHECK_LEAVES = 2, SHELF_FOLDER_BYTES = NAME_MAX + 16 };

/* One more than each limit is told, so that there is a fault that says so. */
static const struct {
  const char *name;
  bool is_of_folders; /* each entry is a folder of leaves, not a file */
  size_t entries_most;
  size_t bytes_most;
} shelf_kinds[] = {
    {"checks", true, BC_LIMIT_NAMED_CHECKS + 1, 0},
    {"lua", false, BC_LIMIT_LUA_MODULES_ALL + 1, BC_LIMIT_SCRIPT_BYTES},
    {"data", false, BC_LIMIT_DATA_KEYS + 1, BC_LIMIT_DATA_BYTES},
};

static const struct {
  const char *name;
  size_t bytes_most;
} shelf_check_leaves[SHELF_CHECK_LEAVES] = {{"script", BC_LIMIT_SCRIPT_BYTES}, {"options", BC_LIMIT_OPTIONS_BYTES}};

enum { SHELF_KINDS = sizeof shelf_kinds / sizeof shelf_kinds[0] };

struct shelf_entry {
  RB_ENTRY(shelf_entry) link;
  uint64_t generation; /* of the last scan that found it */
  struct bc_dir_leaf leaves[SHELF_CHECK_LEAVES];
  char name[];
};
RB_HEAD(shelf_tree, shelf_entry);

struct bc_dir_shelves {
  struct bc_dir_reader *reader;
  uint64_t generation;
  struct {
    struct shelf_tree entries;
    size_t count;
  } of[SHELF_KINDS];
};

static int shelf_compare(const struct shelf_entry *a, const struct shelf_entry *b) {
  return strcmp(a->name, b->name);
}

BC_TREE(shelf_tree, shelf_entry, link, shelf_compare)

/* NULL: there are too many. */
static struct shelf_entry *shelf_entry_for(struct bc_dir_shelves *shelves, size_t kind, const char *name) {
  size_t len = strlen(name);
  struct shelf_entry *entry = bc_mem_new(1, sizeof *entry + len + 1);
  memcpy(entry->name, name, len);
  struct shelf_entry *held = RB_FIND(shelf_tree, &shelves->of[kind].entries, entry);
  if (held != NULL || shelves->of[kind].count >= shelf_kinds[kind].entries_most) {
    free(entry);
    return held;
  }
  (void)RB_INSERT(shelf_tree, &shelves->of[kind].entries, entry);
  shelves->of[kind].count++;
  return entry;
}

static void shelf_drop(struct bc_dir_shelves *shelves, size_t kind, struct shelf_entry *entry) {
  for (size_t i = 0; i < SHELF_CHECK_LEAVES; i++) {
    bc_dir_leaf_clear(shelves->reader, &entry->leaves[i]);
  }
  RB_REMOVE(shelf_tree, &shelves->of[kind].entries, entry);
  shelves->of[kind].count--;
  free(entry);
}

/* ---- reading ---- */

static bool shelf_read_check(struct bc_dir_shelves *shelves, size_t kind, const char *name, int fd) {
  char folder[SHELF_FOLDER_BYTES];
  char path[PATH_MAX];
  struct shelf_entry *entry = shelf_entry_for(shelves, kind, name);
  bool is_good = true;
  if (entry == NULL) {
    return true;
  }
  entry->generation = shelves->generation;
  (void)snprintf(folder, sizeof folder, "%s/%s", shelf_kinds[kind].name, name);
  int len = snprintf(path, sizeof path, "%s/%s", shelves->reader->directory, folder);
  if (len > 0 && (size_t)len < sizeof path) {
    bc_dir_watch_add(shelves->reader->watch, path, NULL);
  }
  for (size_t i = 0; i < SHELF_CHECK_LEAVES && is_good; i++) {
    is_good = bc_dir_leaf_read_named(shelves->reader, &entry->leaves[i], shelf_check_leaves[i].name,
                                     shelf_check_leaves[i].bytes_most, fd, folder);
  }
  return is_good;
}

/* A directory that is there and cannot be entered: any key may be in it. */
static void shelf_refuse_check(struct bc_dir_shelves *shelves, size_t kind, const char *name, const char *why) {
  char folder[SHELF_FOLDER_BYTES];
  struct shelf_entry *entry = shelf_entry_for(shelves, kind, name);
  (void)snprintf(folder, sizeof folder, "%s/%s", shelf_kinds[kind].name, name);
  for (size_t i = 0; entry != NULL && i < SHELF_CHECK_LEAVES; i++) {
    entry->generation = shelves->generation;
    bc_dir_leaf_refuse(shelves->reader, &entry->leaves[i], why, folder, shelf_check_leaves[i].name);
  }
}

static bool shelf_scan_check(struct bc_dir_shelves *shelves, size_t kind, int shelf_fd, const char *name) {
  struct stat link;
  int fd = openat(shelf_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    bool is_good = shelf_read_check(shelves, kind, name, fd);
    (void)close(fd);
    return is_good;
  }
  int code = errno;
  if (code == ENOTDIR || (code == ENOENT && fstatat(shelf_fd, name, &link, AT_SYMLINK_NOFOLLOW) != 0)) {
    return true; /* a file, or just gone */
  }
  if (!bc_dir_error_is_local(code)) {
    return bc_dir_reader_fail_code(shelves->reader, code, shelf_kinds[kind].name, name);
  }
  char text[96];
  shelf_refuse_check(shelves, kind, name,
                     code == ENOENT ? "the link leads nowhere" : bc_dir_error_text(code, text, sizeof text));
  return true;
}

static bool shelf_scan_file(struct bc_dir_shelves *shelves, size_t kind, int shelf_fd, const char *name) {
  struct shelf_entry *entry = shelf_entry_for(shelves, kind, name);
  if (entry == NULL) {
    return true;
  }
  entry->generation = shelves->generation;
  return bc_dir_leaf_read_named(shelves->reader, &entry->leaves[0], name, shelf_kinds[kind].bytes_most, shelf_fd,
                                shelf_kinds[kind].name);
}

static bool shelf_list(struct bc_dir_shelves *shelves, size_t kind, DIR *shelf) {
  for (;;) {
    errno = 0;
    const struct dirent *found = readdir(shelf);
    if (found == NULL) {
      return errno == 0 || bc_dir_reader_fail_code(shelves->reader, errno, shelf_kinds[kind].name, "");
    }
    if (bc_dir_name_judge(bc_str_of(found->d_name)) != BC_DIR_NAME_ROUTE) {
      continue;
    }
    bool is_good = shelf_kinds[kind].is_of_folders ? shelf_scan_check(shelves, kind, dirfd(shelf), found->d_name)
                                                   : shelf_scan_file(shelves, kind, dirfd(shelf), found->d_name);
    if (!is_good) {
      return false;
    }
  }
}

static bool shelf_scan(struct bc_dir_shelves *shelves, size_t kind, int root_fd, bool *is_moved) {
  const char *name = shelf_kinds[kind].name;
  bool is_good = true;
  int fd = bc_dir_reader_open(shelves->reader, root_fd, name, name, O_RDONLY, &is_good);
  if (fd < 0) {
    return is_good;
  }
  DIR *shelf = fdopendir(fd);
  if (shelf == NULL) {
    int code = errno;
    (void)close(fd);
    return bc_dir_reader_fail_code(shelves->reader, code, name, "");
  }
  is_good = shelf_list(shelves, kind, shelf);
  *is_moved = *is_moved || !bc_dir_is_still(root_fd, name, fd);
  (void)closedir(shelf);
  return is_good;
}

bool bc_dir_shelves_scan(struct bc_dir_shelves *shelves, int root_fd, bool *is_moved) {
  bool is_good = true;
  shelves->generation++;
  for (size_t kind = 0; kind < SHELF_KINDS && is_good; kind++) {
    is_good = shelf_scan(shelves, kind, root_fd, is_moved);
  }
  return is_good;
}

void bc_dir_shelves_watch(struct bc_dir_shelves *shelves, char *path) {
  struct bc_dir_watch *watch = shelves->reader->watch;
  size_t len = strlen(path);
  for (size_t kind = 0; kind < SHELF_KINDS; kind++) {
    bc_dir_watch_add(watch, path, shelf_kinds[kind].name);
    (void)snprintf(path + len, PATH_MAX - len, "/%s", shelf_kinds[kind].name);
    bc_dir_watch_add_way(watch, path);
    bc_dir_watch_add(watch, path, NULL);
    path[len] = '\0';
  }
}

void bc_dir_shelves_sweep(struct bc_dir_shelves *shelves) {
  for (size_t kind = 0; kind < SHELF_KINDS; kind++) {
    struct shelf_entry *entry;
    struct shelf_entry *next;
    RB_FOREACH_SAFE(entry, shelf_tree, &shelves->of[kind].entries, next) {
      if (entry->generation != shelves->generation) {
        shelf_drop(shelves, kind, entry);
      }
    }
  }
}

/* ---- telling ---- */

static void shelf_tell_leaf(const struct bc_dir_leaf *leaf, const char *key, const struct bc_store_handler *handler) {
  if (leaf->problem != NULL) {
    handler->list_unreadable(handler->arg, bc_str_of(key), leaf->problem);
  } else if (leaf->value != NULL) {
    handler->list_entry(handler->arg, bc_str_of(key), (struct bc_str){.at = leaf->value, .len = leaf->len}, 0);
  }
}

void bc_dir_shelves_tell(const struct bc_dir_shelves *shelves, const struct bc_store_handler *handler,
                         const bool *is_closed) {
  char key[SHELF_FOLDER_BYTES + 16];
  for (size_t kind = 0; kind < SHELF_KINDS; kind++) {
    size_t leaves = shelf_kinds[kind].is_of_folders ? SHELF_CHECK_LEAVES : 1;
    struct shelf_entry *entry;
    RB_FOREACH(entry, shelf_tree, (struct shelf_tree *)(uintptr_t)&shelves->of[kind].entries) {
      for (size_t i = 0; i < leaves && !*is_closed; i++) {
        (void)snprintf(key, sizeof key, "%s/%s%s%s", shelf_kinds[kind].name, entry->name, leaves > 1 ? "/" : "",
                       leaves > 1 ? shelf_check_leaves[i].name : "");
        shelf_tell_leaf(&entry->leaves[i], key, handler);
      }
    }
  }
}

/* ---- life ---- */

struct bc_dir_shelves *bc_dir_shelves_new(struct bc_dir_reader *reader) {
  struct bc_dir_shelves *shelves = bc_mem_new(1, sizeof *shelves);
  shelves->reader = reader;
  return shelves;
}

void bc_dir_shelves_free(struct bc_dir_shelves *shelves) {
  for (size_t kind = 0; kind < SHELF_KINDS; kind++) {
    struct shelf_entry *entry;
    while ((entry = RB_MIN(shelf_tree, &shelves->of[kind].entries)) != NULL) {
      shelf_drop(shelves, kind, entry);
    }
  }
  free(shelves);
}
