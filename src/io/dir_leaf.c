#include "io/dir_leaf.h"

#include "base/intern.h"
#include "base/limits.h"
#include "base/mem.h"
#include "io/dir_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void bc_dir_reader_init(struct bc_dir_reader *reader, const char *directory, struct bc_dir_watch *watch) {
  *reader =
      (struct bc_dir_reader){.directory = bc_mem_copy_string(directory), .watch = watch, .values = bc_intern_new()};
  bc_buf_init(&reader->content, BC_LIMIT_SUBSCRIPTION_BYTES);
}

void bc_dir_reader_fini(struct bc_dir_reader *reader) {
  bc_intern_free(reader->values);
  bc_buf_free(&reader->content);
  free(reader->directory);
}

bool bc_dir_reader_fail(struct bc_dir_reader *reader, const char *why, const char *folder, const char *name) {
  struct bc_fault text;
  bc_fault_set(&text, 0, "%s (%s%s%s%s%s)", why, reader->directory, folder[0] == '\0' ? "" : "/", folder,
               name[0] == '\0' ? "" : "/", name);
  memcpy(reader->failure, text.text, sizeof reader->failure);
  return false;
}

bool bc_dir_reader_fail_code(struct bc_dir_reader *reader, int code, const char *folder, const char *name) {
  char text[96];
  return bc_dir_reader_fail(reader, bc_dir_error_text(code, text, sizeof text), folder, name);
}

/* Opens a directory of the tree. -1: it is not there (then *is_good), or cannot be read (told). */
int bc_dir_reader_open(struct bc_dir_reader *reader, int at_fd, const char *name, const char *folder, int flags,
                       bool *is_good) {
  struct stat link;
  int fd = openat(at_fd, name, flags | O_DIRECTORY | O_CLOEXEC);
  *is_good = true;
  if (fd < 0) {
    int code = errno;
    bool is_link = fstatat(at_fd, name, &link, AT_SYMLINK_NOFOLLOW) == 0;
    *is_good = code == ENOENT && !is_link && folder[0] != '\0';
    if (!*is_good) {
      (void)bc_dir_reader_fail_code(reader, code, folder, "");
    }
  }
  return fd;
}

bool bc_dir_is_still(int at_fd, const char *name, int fd) {
  struct stat is;
  struct stat was;
  return fstatat(at_fd, name, &is, 0) == 0 && fstat(fd, &was) == 0 && is.st_dev == was.st_dev &&
         is.st_ino == was.st_ino;
}

/* What stands behind a folder, which may be DIR itself: "". */
static const char *leaf_slash(const char *folder) {
  return folder[0] == '\0' ? "" : "/";
}

static void leaf_set_problem(struct bc_dir_reader *reader, struct bc_dir_leaf *leaf, const char *problem) {
  bool is_same = problem == NULL ? leaf->problem == NULL : leaf->problem != NULL && strcmp(problem, leaf->problem) == 0;
  if (!is_same) {
    free(leaf->problem);
    leaf->problem = bc_mem_copy_string(problem);
    reader->is_changed = true;
  }
}

static void leaf_drop_value(struct bc_dir_reader *reader, struct bc_dir_leaf *leaf) {
  size_t held = bc_intern_count(reader->values);
  bc_intern_put(reader->values, leaf->value);
  reader->bytes -= bc_intern_count(reader->values) < held ? leaf->len : 0;
  leaf->value = NULL;
  leaf->len = 0;
  leaf->id = 0;
  leaf->is_racy = false;
}

void bc_dir_leaf_clear(struct bc_dir_reader *reader, struct bc_dir_leaf *leaf) {
  if (leaf->value != NULL) {
    leaf_drop_value(reader, leaf);
    reader->is_changed = true;
  }
  leaf_set_problem(reader, leaf, NULL);
}

void bc_dir_leaf_refuse(struct bc_dir_reader *reader, struct bc_dir_leaf *leaf, const char *why, const char *folder,
                        const char *name) {
  struct bc_fault text;
  bc_fault_set(&text, 0, "%s (%s/%s%s%s)", why, reader->directory, folder, leaf_slash(folder), name);
  if (leaf->value != NULL) {
    leaf_drop_value(reader, leaf);
  }
  leaf_set_problem(reader, leaf, text.text);
}

static bool leaf_take_value(struct bc_dir_reader *reader, struct bc_dir_leaf *leaf,
                            const struct bc_dir_file_answer *answer) {
  size_t held = bc_intern_count(reader->values);
  const char *value = bc_intern_get(reader->values, bc_buf_str(&reader->content));
  bool is_new = bc_intern_count(reader->values) > held;
  if (is_new && reader->bytes + reader->content.len > BC_LIMIT_DIR_BYTES) {
    bc_intern_put(reader->values, value);
    return false;
  }
  reader->bytes += is_new ? reader->content.len : 0;
  bool is_same = leaf->value == value && leaf->len == reader->content.len;
  /* An empty file is most often one that is about to be written: believed when it is so twice. */
  reader->is_unsettled |= reader->content.len == 0 && leaf->id != answer->id;
  reader->is_changed |= !is_same;
  if (leaf->value != NULL) {
    leaf_drop_value(reader, leaf);
  }
  leaf->value = value;
  leaf->len = reader->content.len;
  leaf->id = answer->id;
  leaf->is_racy = answer->is_racy;
  leaf_set_problem(reader, leaf, NULL);
  return true;
}

static void leaf_watch_link(struct bc_dir_reader *reader, const char *folder, const char *name) {
  char path[PATH_MAX];
  int len = snprintf(path, sizeof path, "%s/%s%s%s", reader->directory, folder, leaf_slash(folder), name);
  if (len > 0 && (size_t)len < sizeof path) {
    bc_dir_watch_add(reader->watch, path, NULL);
  }
}

bool bc_dir_leaf_read(struct bc_dir_reader *reader, struct bc_dir_leaf *leaf, enum bc_dir_leaf_kind kind, int dir_fd,
                      const char *folder) {
  return bc_dir_leaf_read_named(reader, leaf, bc_dir_leaf_name(kind), bc_dir_leaf_bytes(kind), dir_fd, folder);
}

bool bc_dir_leaf_read_named(struct bc_dir_reader *reader, struct bc_dir_leaf *leaf, const char *name, size_t bytes_most,
                            int dir_fd, const char *folder) {
  struct bc_dir_file_request request = {.dir_fd = dir_fd,
                                        .name = name,
                                        .bytes_most = bytes_most,
                                        .id = leaf->value == NULL || leaf->is_racy ? 0 : leaf->id};
  struct bc_dir_file_answer answer;
  if (leaf->is_link) {
    leaf_watch_link(reader, folder, name);
  }
  enum bc_dir_file found = bc_dir_file_read(&request, &reader->content, &answer);
  if (answer.is_link && !leaf->is_link) {
    leaf_watch_link(reader, folder, name);
  }
  leaf->is_link = answer.is_link;
  switch (found) {
  case BC_DIR_FILE_SAME:
    break;
  case BC_DIR_FILE_READ:
    if (!leaf_take_value(reader, leaf, &answer)) {
      bc_dir_leaf_refuse(reader, leaf, "all files together are too large", folder, name);
    }
    break;
  case BC_DIR_FILE_ABSENT:
    bc_dir_leaf_clear(reader, leaf);
    break;
  case BC_DIR_FILE_CHANGING:
    reader->is_unsettled = true;
    if (leaf->value == NULL) {
      bc_dir_leaf_refuse(reader, leaf, "it is being written", folder, name);
    }
    break;
  case BC_DIR_FILE_UNREADABLE:
    bc_dir_leaf_refuse(reader, leaf, answer.why, folder, name);
    break;
  case BC_DIR_FILE_BROKEN:
    return bc_dir_reader_fail(reader, answer.why, folder, name);
  }
  return true;
}
