/* Edits of a directory store, on a thread of its own: a file system that does not answer holds up nobody. */
#include "io/store_edit_dir.h"

#include "io/dir_file.h"
#include "io/lane.h"
#include "io/store_edit_private.h"
#include "proto/dir_key.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- reading, on the thread ---- */

static bool dir_wants(const struct bc_store_edit_job *job, const char *key) {
  size_t len = strlen(key);
  for (size_t i = 0; i < job->walk.count; i++) {
    const char *item = job->walk.items[i];
    size_t item_len = strlen(item);
    bool is_folder = item_len > 0 && item[item_len - 1] == '/';
    /* Below it, it itself, or (a folder) on the way to it. */
    if (strcmp(item, key) == 0 || (is_folder && strncmp(item, key, item_len) == 0) ||
        (len > 0 && key[len - 1] == '/' && strncmp(item, key, len) == 0)) {
      return true;
    }
  }
  return false;
}

/* One line for people; `key` is what it is about. */
void bc_store_edit_job_fail(struct bc_store_edit_job *job, enum bc_err err, const char *why, const char *key) {
  if (job->err == BC_ERR_OK) {
    job->err = err;
    bc_fault_set(&job->text, 0, "%s (%s%s%s)", why, job->directory, key[0] == '\0' ? "" : "/", key);
  }
}

static void dir_read_leaf(struct bc_store_edit_job *job, int folder_fd, const char *folder, const char *name,
                          size_t bytes_most) {
  char key[BC_LIMIT_KEY_BYTES];
  struct bc_dir_file_answer answer;
  struct bc_buf content;
  (void)snprintf(key, sizeof key, "%s%s", folder, name);
  if (!dir_wants(job, key)) {
    return;
  }
  bc_buf_init(&content, bytes_most + 1);
  const struct bc_dir_file_request request = {.dir_fd = folder_fd, .name = name, .bytes_most = bytes_most};
  switch (bc_dir_file_read(&request, &content, &answer)) {
  case BC_DIR_FILE_READ:
  case BC_DIR_FILE_SAME:
    bc_store_edit_list_add(&job->keys, bc_str_of(key),
                           (struct bc_str){content.data == NULL ? "" : content.data, content.len}, NULL, answer.id);
    break;
  case BC_DIR_FILE_ABSENT:
    break;
  case BC_DIR_FILE_CHANGING:
    bc_store_edit_list_add(&job->keys, bc_str_of(key), (struct bc_str){0}, "is being written right now", 1);
    break;
  case BC_DIR_FILE_UNREADABLE:
    bc_store_edit_list_add(&job->keys, bc_str_of(key), (struct bc_str){0}, answer.why, 1);
    break;
  case BC_DIR_FILE_BROKEN:
    bc_store_edit_job_fail(job, BC_ERR_IO, answer.why, key);
    break;
  }
  bc_buf_free(&content);
}

/* -1: not there, or not to be had (told). */
static int dir_open_folder(struct bc_store_edit_job *job, int at_fd, const char *name, const char *folder) {
  char text[96];
  int fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 && errno != ENOENT && errno != ENOTDIR) {
    bc_store_edit_job_fail(job, BC_ERR_IO, bc_dir_error_text(errno, text, sizeof text), folder);
  }
  return fd;
}

/* The node's own keys, as far as they are asked for. */
static void dir_read_node(struct bc_store_edit_job *job, int fd, const char *folder, const char *node) {
  if (job->walk.has_status) {
    dir_read_leaf(job, fd, folder, "status", BC_LIMIT_STATUS_BYTES * 2);
  }
  for (size_t i = 0; i < job->walk.state_count; i++) {
    char path[BC_LIMIT_NAME_BYTES + 32];
    char key[BC_LIMIT_KEY_BYTES];
    struct bc_dir_file_answer answer;
    struct bc_buf content;
    (void)snprintf(path, sizeof path, "routes/%s/state", job->walk.states[i]);
    (void)snprintf(key, sizeof key, "node/%s/%s", node, path);
    bc_buf_init(&content, BC_LIMIT_OPTIONS_BYTES);
    const struct bc_dir_file_request request = {.dir_fd = fd, .name = path, .bytes_most = BC_LIMIT_OPTIONS_BYTES};
    if (bc_dir_file_read(&request, &content, &answer) == BC_DIR_FILE_READ) {
      bc_store_edit_list_add(&job->keys, bc_str_of(key), bc_str_trim(bc_buf_str(&content)), NULL, answer.id);
    }
    bc_buf_free(&content);
  }
}

/* What stands below DIR/TOP/NAME. */
static void dir_read_group(struct bc_store_edit_job *job, int top_fd, const char *top, const char *name) {
  static const char *const check_leaves[] = {"script", "options"};
  char folder[BC_LIMIT_KEY_BYTES];
  (void)snprintf(folder, sizeof folder, "%s%s/", top, name);
  int fd = dir_wants(job, folder) ? dir_open_folder(job, top_fd, name, folder) : -1;
  if (fd < 0) {
    return;
  }
  if (strcmp(top, "checks/") == 0) {
    for (size_t i = 0; i < sizeof check_leaves / sizeof check_leaves[0]; i++) {
      dir_read_leaf(job, fd, folder, check_leaves[i], i == 0 ? BC_LIMIT_SCRIPT_BYTES : BC_LIMIT_OPTIONS_BYTES);
    }
  } else {
    bool is_route = strcmp(top, "routes/") == 0;
    size_t first = is_route ? 0 : BC_DIR_ROUTE_LEAVES;
    size_t count = is_route ? BC_DIR_ROUTE_LEAVES : BC_DIR_NODE_LEAVES;
    for (size_t i = first; i < first + count; i++) {
      enum bc_dir_leaf_kind leaf = (enum bc_dir_leaf_kind)i;
      dir_read_leaf(job, fd, folder, bc_dir_leaf_name(leaf), bc_dir_leaf_bytes(leaf));
    }
    if (!is_route) {
      dir_read_node(job, fd, folder, name);
    }
  }
  (void)close(fd);
}

static void dir_read_top(struct bc_store_edit_job *job, int dir_fd, const char *top) {
  char name[16];
  (void)snprintf(name, sizeof name, "%.*s", (int)(strlen(top) - 1), top);
  int fd = dir_wants(job, top) ? dir_open_folder(job, dir_fd, name, name) : -1;
  if (fd < 0) {
    return;
  }
  struct dirent **entries = NULL;
  bool is_flat = strcmp(top, "lua/") == 0 || strcmp(top, "data/") == 0;
  int count = scandirat(dir_fd, name, &entries, NULL, alphasort);
  for (int i = 0; i < count; i++) {
    if (bc_dir_name_judge(bc_str_of(entries[i]->d_name)) == BC_DIR_NAME_ROUTE) {
      if (is_flat) {
        dir_read_leaf(job, fd, top, entries[i]->d_name,
                      strcmp(top, "lua/") == 0 ? BC_LIMIT_SCRIPT_BYTES : BC_LIMIT_DATA_BYTES);
      } else {
        dir_read_group(job, fd, top, entries[i]->d_name);
      }
    }
    free(entries[i]);
  }
  free(entries);
  (void)close(fd);
}

static void dir_read(void *arg) {
  static const char *const tops[] = {"routes/", "checks/", "lua/", "data/", "node/"};
  struct bc_store_edit_job *job = arg;
  int fd = open(job->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    char text[96];
    bc_store_edit_job_fail(job, BC_ERR_IO, bc_dir_error_text(errno, text, sizeof text), "");
    return;
  }
  for (size_t i = 0; i < BC_DIR_ROOT_LEAVES; i++) {
    enum bc_dir_leaf_kind leaf = (enum bc_dir_leaf_kind)(BC_DIR_ROUTE_LEAVES + BC_DIR_NODE_LEAVES + i);
    dir_read_leaf(job, fd, "", bc_dir_leaf_name(leaf), bc_dir_leaf_bytes(leaf));
  }
  for (size_t i = 0; i < sizeof tops / sizeof tops[0]; i++) {
    dir_read_top(job, fd, tops[i]);
  }
  (void)close(fd);
}

/* ---- on the loop ---- */

static void job_release(void *arg) {
  struct bc_store_edit_job *job = arg;
  bc_store_edit_walk_end(&job->walk);
  bc_store_edit_list_clear(&job->keys);
  free(job->keys.at);
  for (size_t i = 0; i < job->step_count; i++) {
    free(job->steps[i].key);
    free(job->steps[i].value);
  }
  free(job->directory);
  free(job);
}

/* A job belongs to the thread while it runs; one that hangs is left behind with it. */
static void dir_drop_job(struct bc_store_edit *edit) {
  if (edit->job != NULL) {
    struct bc_store_edit_job *job = edit->job;
    edit->job = NULL;
    bc_lane_close(job->lane, job_release, job);
  }
}

static struct bc_store_edit_job *dir_new_job(struct bc_store_edit *edit) {
  struct bc_buf path;
  dir_drop_job(edit);
  struct bc_store_edit_job *job = bc_mem_new(1, sizeof *job);
  bc_buf_init(&path, BC_LIMIT_KEY_BYTES * 4);
  (void)!bc_dir_endpoint_parse(bc_str_of(edit->options.endpoints), &path, NULL);
  job->directory = bc_buf_take(&path);
  job->edit = edit;
  job->timeout_ms = edit->timeout_ms;
  job->lane = bc_lane_new(edit->loop);
  if (job->lane == NULL) {
    job_release(job);
    return NULL;
  }
  edit->job = job;
  return job;
}

static void dir_on_read(void *arg) {
  struct bc_store_edit_job *job = arg;
  struct bc_store_edit *edit = job->edit;
  struct bc_store_edit_list empty = *edit->into;
  *edit->into = job->keys;
  job->keys = empty;
  bc_store_edit_walked(edit, job->err, "%s", job->text.text);
}

static void dir_on_written(void *arg) {
  struct bc_store_edit_job *job = arg;
  bc_store_edit_finish(job->edit, job->err, "%s", job->text.text);
}

static void dir_walk(struct bc_store_edit *edit) {
  struct bc_store_edit_job *job = dir_new_job(edit);
  if (job == NULL) {
    bc_store_edit_walked(edit, BC_ERR_IO, "no thread is left to read %s", edit->options.endpoints);
    return;
  }
  job->walk = edit->walk;
  edit->walk = (struct bc_store_edit_walk){.count = 0};
  bc_lane_run(job->lane, dir_read, dir_on_read, job);
}

static void dir_write(struct bc_store_edit *edit) {
  struct bc_store_edit_job *job = dir_new_job(edit);
  if (job == NULL) {
    bc_store_edit_finish(edit, BC_ERR_IO, "no thread is left to write %s", edit->options.endpoints);
    return;
  }
  for (size_t i = 0; i < edit->step_count; i++) {
    const struct bc_store_edit_step *step = &edit->steps[i];
    job->steps[job->step_count++] =
        (struct bc_store_edit_step){.key = bc_mem_copy_string(step->key),
                                    .value = step->value == NULL ? NULL : bc_mem_copy_text(step->value, step->len),
                                    .len = step->len,
                                    .revision = step->revision};
  }
  edit->is_sent = true;
  bc_lane_run(job->lane, bc_store_edit_job_write, dir_on_written, job);
}

const struct bc_store_edit_kind bc_store_edit_dir_kind = {
    .type = BC_STORE_TYPE_DIRECTORY, .walk = dir_walk, .write = dir_write, .stop = dir_drop_job};
