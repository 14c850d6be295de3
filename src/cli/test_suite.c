#include "cli/test_suite.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SUITE_FILES = 10000, SUITE_DEPTH = 16 };

static const char suite_ending[] = "_test.lua";

void bc_test_suite_init(struct bc_test_suite *suite, const struct bc_settings *settings) {
  *suite = (struct bc_test_suite){
      .settings = settings, .results = json_array(), .broken = json_array(), .covered = json_object()};
  STAILQ_INIT(&suite->files);
}

void bc_test_suite_fini(struct bc_test_suite *suite) {
  struct bc_test_file *file;
  while ((file = STAILQ_FIRST(&suite->files)) != NULL) {
    STAILQ_REMOVE_HEAD(&suite->files, link);
    free(file->path);
    free(file->root);
    free(file);
  }
  json_decref(suite->results);
  json_decref(suite->broken);
  json_decref(suite->covered);
}

static bool suite_add_file(struct bc_test_suite *suite, const char *path, const char *root) {
  if (suite->file_count == SUITE_FILES) {
    (void)fprintf(stderr, "%s: more than %d files of tests\n", path, (int)SUITE_FILES);
    return false;
  }
  struct bc_test_file *file = bc_mem_new(1, sizeof *file);
  file->path = bc_mem_copy_string(path);
  file->root = bc_mem_copy_string(root);
  STAILQ_INSERT_TAIL(&suite->files, file, link);
  suite->file_count++;
  return true;
}

static int suite_is_visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

static bool suite_is_test(const char *name) {
  size_t len = strlen(name);
  return len > strlen(suite_ending) && strcmp(name + len - strlen(suite_ending), suite_ending) == 0;
}

static bool suite_add_folder(struct bc_test_suite *suite, const char *folder, const char *root, int depth);

static bool suite_add_entry(struct bc_test_suite *suite, const char *folder, const char *name, const char *root,
                            int depth) {
  char path[PATH_MAX];
  struct stat about;
  size_t len = strlen(folder);
  bool has_slash = len > 0 && folder[len - 1] == '/';
  if (snprintf(path, sizeof path, "%s%s%s", folder, has_slash ? "" : "/", name) >= (int)sizeof path ||
      lstat(path, &about) != 0) {
    return true;
  }
  if (S_ISDIR(about.st_mode)) {
    return suite_add_folder(suite, path, root, depth - 1);
  }
  if (!suite_is_test(name)) {
    return true;
  }
  if (S_ISLNK(about.st_mode) && !bc_test_is_below(path, root)) {
    const struct bc_test_file file = {.path = path};
    bc_test_suite_note_broken(suite, &file, "a link to nowhere, or out of the directory that is tested");
    return true;
  }
  return suite_add_file(suite, path, root);
}

static bool suite_add_folder(struct bc_test_suite *suite, const char *folder, const char *root, int depth) {
  struct dirent **entries;
  if (depth <= 0) {
    return true;
  }
  int count = scandir(folder, &entries, suite_is_visible, alphasort);
  if (count < 0) {
    (void)fprintf(stderr, "%s: %s\n", folder, strerror(errno));
    return false;
  }
  bool is_fine = true;
  for (int i = 0; i < count; i++) {
    is_fine = is_fine && suite_add_entry(suite, folder, entries[i]->d_name, root, depth);
    free(entries[i]);
  }
  free(entries);
  return is_fine;
}

bool bc_test_suite_add(struct bc_test_suite *suite, const char *word) {
  struct stat about;
  if (stat(word, &about) != 0) {
    (void)fprintf(stderr, "%s: %s\n", word, strerror(errno));
    return false;
  }
  if (S_ISDIR(about.st_mode)) {
    return suite_add_folder(suite, word, word, SUITE_DEPTH);
  }
  const char *slash = strrchr(word, '/');
  char *root = slash == NULL ? bc_mem_copy_string(".") : bc_mem_copy_text(word, (size_t)(slash - word) + 1);
  bool is_fine = suite_add_file(suite, word, root);
  free(root);
  return is_fine;
}

/* ---- what came of them ---- */

/* JSON has no place for what is not UTF-8: '?' for each byte that is not ASCII then. */
static json_t *suite_text(const char *text) {
  json_t *shown = json_string(text);
  if (shown != NULL) {
    return shown;
  }
  char *ascii = bc_mem_copy_string(text);
  for (char *at = ascii; *at != '\0'; at++) {
    *at = (unsigned char)*at >= 0x80 ? '?' : *at;
  }
  shown = json_string(ascii);
  free(ascii);
  return shown;
}

void bc_test_suite_note(struct bc_test_suite *suite, const struct bc_test_file *file, json_t *result) {
  bool is_skipped = json_is_true(json_object_get(result, "skipped"));
  bool is_ok = json_is_true(json_object_get(result, "ok"));
  (void)json_object_set_new(result, "file", suite_text(file->path));
  suite->skipped += is_skipped ? 1 : 0;
  suite->passed += !is_skipped && is_ok ? 1 : 0;
  suite->failed += !is_skipped && !is_ok ? 1 : 0;
  (void)json_array_append_new(suite->results, result);
  bc_test_report_result(suite, result);
}

void bc_test_suite_note_broken(struct bc_test_suite *suite, const struct bc_test_file *file, const char *message) {
  json_t *broken = json_pack("{s:o, s:o}", "file", suite_text(file->path), "message", suite_text(message));
  if (broken != NULL) {
    (void)json_array_append_new(suite->broken, broken);
    bc_test_report_broken(suite, broken);
  }
}
