#include "cli/lint_file.h"

#include "base/limits.h"
#include "cli/lint_store.h"
#include "cli/script_file.h"
#include "model/config.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_DEPTH = 32 };

struct file_walk {
  struct bc_lint_report *report;
  const struct bc_settings *settings;
  enum bc_lint_mode mode;
};

/* ---- what it is ---- */

static bool file_ends(const char *path, const char *end) {
  size_t len = strlen(path);
  return len >= strlen(end) && strcmp(path + len - strlen(end), end) == 0;
}

static bool file_is_folder(const char *folder, const char *name) {
  char path[PATH_MAX];
  struct stat info;
  int len = snprintf(path, sizeof path, "%s/%s", folder, name);
  return len < (int)sizeof path && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static enum bc_lint_mode file_mode(const struct file_walk *walk, const char *path, struct bc_str text) {
  const char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;
  return walk->mode != BC_LINT_MODES                                       ? walk->mode
         : file_ends(path, "_test.lua")                                    ? BC_LINT_TEST
         : strcmp(name, "healthcheck") == 0 || strcmp(name, "script") == 0 ? BC_LINT_CHECK
         : strcmp(name, "policy") == 0                                     ? BC_LINT_POLICY
         : strcmp(name, "admission") == 0                                  ? BC_LINT_ADMISSION
                                                                           : bc_lint_guess(text);
}

/* Descriptions for editors are no scripts. */
static bool file_is_description(struct bc_str text) {
  struct bc_str line;
  while (bc_str_next_field(&text, '\n', &line) && bc_str_starts(line, "--")) {
    if (bc_str_starts(line, "---@meta")) {
      return true;
    }
  }
  return false;
}

static bool file_has_module(void *arg, struct bc_str name) {
  static const char *const ends[] = {".lua", ""};
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    char path[PATH_MAX];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/" BC_STR_FMT "%s", (const char *)arg, BC_STR_ARG(name), ends[i]);
    if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
      return true;
    }
  }
  return false;
}

/* ---- one file ---- */

static void file_look(const struct file_walk *walk, const char *path, bool is_named) {
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_SCRIPT_BYTES);
  if (!bc_script_file_read(path, &text)) {
    bc_lint_report_fail(walk->report, "%s: not looked at", path);
  } else {
    struct bc_str script = bc_buf_str(&text);
    bool is_program = bc_str_starts(script, "#!") && !bc_config_script_is_sandboxed(script);
    struct bc_lint_options options = {.mode = file_mode(walk, path, script)};
    if (walk->settings->modules != NULL) {
      options.has_module = file_has_module;
      options.arg = walk->settings->modules;
    }
    if (is_program && is_named) {
      bc_lint_report_fail(walk->report, "%s: a program, not Lua: its first line is not #!lua", path);
    } else if (!is_program && !file_is_description(script)) {
      bc_lint_report_script(walk->report, path, script, &options);
    }
  }
  bc_buf_free(&text);
}

static bool file_begins_as_script(const char *path) {
  char line[16] = "";
  FILE *file = fopen(path, "re");
  if (file != NULL) {
    size_t got = fread(line, 1, sizeof line - 1, file);
    line[got] = '\0';
    (void)fclose(file);
  }
  return strncmp(line, "#!lua", 5) == 0;
}

/* ---- folders ---- */

static void file_walk_folder(const struct file_walk *walk, const char *folder, unsigned depth);

static void file_walk_entry(const struct file_walk *walk, const char *path, unsigned depth) {
  struct stat info;
  if (lstat(path, &info) != 0) {
    return;
  }
  if (S_ISDIR(info.st_mode) && depth < FILE_DEPTH) {
    file_walk_folder(walk, path, depth + 1);
  } else if (S_ISREG(info.st_mode) && (file_ends(path, ".lua") || file_begins_as_script(path))) {
    file_look(walk, path, false);
  }
}

static void file_walk_folder(const struct file_walk *walk, const char *folder, unsigned depth) {
  struct dirent **entries = NULL;
  if (file_is_folder(folder, "routes") || file_is_folder(folder, "node")) {
    bc_lint_store_tree(walk->report, walk->settings, folder);
    return;
  }
  int count = scandir(folder, &entries, NULL, alphasort);
  if (count < 0) {
    bc_lint_report_fail(walk->report, "%s: %s", folder, strerror(errno));
  }
  for (int i = 0; i < count; i++) {
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s%s%s", folder, file_ends(folder, "/") ? "" : "/", entries[i]->d_name);
    if (entries[i]->d_name[0] != '.' && len < (int)sizeof path) {
      file_walk_entry(walk, path, depth);
    }
    free(entries[i]);
  }
  free(entries);
}

void bc_lint_file_look(struct bc_lint_report *report, const struct bc_settings *settings, const char *path,
                       enum bc_lint_mode mode) {
  const struct file_walk walk = {.report = report, .settings = settings, .mode = mode};
  struct stat info;
  if (strcmp(path, "-") != 0 && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
    file_walk_folder(&walk, path, 0);
  } else {
    file_look(&walk, path, true);
  }
}
