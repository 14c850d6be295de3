/* What a process that runs tests asks for: it can open no file itself. */
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/script_file.h"
#include "cli/test_suite.h"
#include "model/name.h"
#include "model/options_globals.h"
#include "model/ready_made.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SERVE_HEAD_BYTES = 48 };

bool bc_test_send(int to_fd, const char *word, struct bc_str bytes) {
  char head[SERVE_HEAD_BYTES];
  int len = snprintf(head, sizeof head, "%s %zu\n", word, bytes.len);
  return len > 0 && bc_file_write_all(to_fd, head, (size_t)len) == 0 &&
         (bytes.len == 0 || bc_file_write_all(to_fd, bytes.at, bytes.len) == 0);
}

static void serve_refuse(int to_fd, const char *format, ...) BC_PRINTF(2, 3);

static void serve_refuse(int to_fd, const char *format, ...) {
  char text[BC_FAULT_TEXT_BYTES];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  (void)bc_test_send(to_fd, "fail", bc_str_of(text));
}

int bc_test_read_file(const char *path, struct bc_buf *to) {
  char bytes[16384];
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  ssize_t got = fd < 0 ? -1 : 1;
  while (got > 0 && !to->failed) {
    got = read(fd, bytes, sizeof bytes);
    bc_buf_add(to, bytes, got > 0 ? (size_t)got : 0);
  }
  int problem = got < 0 ? errno : to->failed ? EFBIG : 0;
  if (fd >= 0) {
    (void)close(fd);
  }
  return problem;
}

/* ---- where ---- */

void bc_test_folder_of(const char *path, char *folder, size_t size) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL) {
    (void)snprintf(folder, size, ".");
  } else {
    (void)snprintf(folder, size, "%.*s", (int)(slash == path ? 1 : slash - path), path);
  }
}

/* `path` is `root` or stands below it; both as realpath gives them. */
static bool serve_is_below(const char *path, const char *root) {
  size_t len = strlen(root);
  return strncmp(path, root, len) == 0 && (root[len - 1] == '/' || path[len] == '/' || path[len] == '\0');
}

bool bc_test_is_below(const char *path, const char *root) {
  char found[PATH_MAX];
  char top[PATH_MAX];
  return realpath(path, found) != NULL && realpath(root, top) != NULL && serve_is_below(found, top);
}

/* What `what` is beside the file. False: it is not there, or outside of its root; told to the process. */
static bool serve_find(const struct bc_test_file *file, struct bc_str what, int to_fd, char found[static PATH_MAX]) {
  char folder[PATH_MAX];
  char root[PATH_MAX];
  char *name = bc_mem_copy_text(what.at, what.len);
  char path[2 * PATH_MAX];
  bool is_found = false;
  bc_test_folder_of(file->path, folder, sizeof folder);
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  if (what.len == 0 || name[0] == '/' || strlen(name) != what.len) {
    serve_refuse(to_fd, "%.100s: expected a path from the directory of the test on", name);
  } else if (realpath(path, found) == NULL || realpath(file->root, root) == NULL) {
    serve_refuse(to_fd, "%.100s: %s", name, strerror(errno));
  } else if (!serve_is_below(found, root)) {
    serve_refuse(to_fd, "%.100s: outside of the directory that is tested", name);
  } else {
    is_found = true;
  }
  free(name);
  return is_found;
}

static bool serve_is_folder(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* By their names alone: paths of tests begin with their root. */
bool bc_test_modules_folder(const struct bc_test_suite *suite, const struct bc_test_file *file, char *folder) {
  char at[PATH_MAX];
  size_t root_len = strlen(file->root);
  if (suite->settings->modules != NULL) {
    (void)snprintf(folder, PATH_MAX, "%s", suite->settings->modules);
    return true;
  }
  while (root_len > 1 && file->root[root_len - 1] == '/') {
    root_len--;
  }
  bc_test_folder_of(file->path, at, sizeof at);
  for (;;) {
    (void)snprintf(folder, PATH_MAX, "%.*s/lua", PATH_MAX - 5, at);
    if (serve_is_folder(folder)) {
      return true;
    }
    char *slash = strrchr(at, '/');
    if (strlen(at) <= root_len || slash == NULL) {
      return false;
    }
    *slash = '\0';
  }
}

/* ---- scripts ---- */

static void serve_send_modules(json_t *modules, int to_fd) {
  const char *name;
  json_t *value;
  json_object_foreach(modules, name, value) {
    struct bc_buf piece;
    bc_buf_init(&piece, BC_LIMIT_SCRIPT_BYTES + BC_LIMIT_NAME_BYTES + 1);
    bc_buf_add_text(&piece, name);
    bc_buf_add_char(&piece, '\0');
    bc_buf_add(&piece, json_string_value(value), json_string_length(value));
    (void)bc_test_send(to_fd, "module", bc_buf_str(&piece));
    bc_buf_free(&piece);
  }
}

static void serve_send_script(const struct bc_test_suite *suite, const struct bc_test_file *file, struct bc_str name,
                              struct bc_str text, const char *options, int to_fd) {
  char folder[PATH_MAX];
  json_t *modules = json_object();
  if (bc_test_modules_folder(suite, file, folder)) {
    (void)!bc_script_file_read_modules(folder, text, modules);
  }
  (void)bc_test_send(to_fd, "name", name);
  (void)bc_test_send(to_fd, "text", text);
  if (options != NULL) {
    (void)bc_test_send(to_fd, "options", bc_str_of(options));
  }
  serve_send_modules(modules, to_fd);
  (void)bc_test_send(to_fd, "done", (struct bc_str){0});
  json_decref(modules);
}

/* {"use": NAME, …} */
static void serve_ready_policy(const struct bc_test_suite *suite, const struct bc_test_file *file, struct bc_str json,
                               int to_fd) {
  json_error_t error = {.line = 1};
  struct bc_fault fault = {0};
  char *options = NULL;
  json_t *given = json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES, &error);
  const struct bc_ready_made *ready = given == NULL ? NULL : bc_ready_made_use(BC_READY_POLICIES, given, &fault);
  if (given == NULL) {
    serve_refuse(to_fd, "line %d: %s", error.line, error.text);
  } else if (ready == NULL || bc_ready_made_check(ready, given, &options, &fault) != BC_ERR_OK) {
    serve_refuse(to_fd, "%s", fault.text);
  } else {
    struct bc_str text = {ready->text, ready->len};
    serve_send_script(suite, file, bc_str_of(ready->name), text, options, to_fd);
  }
  free(options);
  json_decref(given);
}

/* Any other first line is that of a shell check. */
static bool serve_is_lua(struct bc_str text) {
  struct bc_str line;
  (void)bc_str_next_field(&text, '\n', &line);
  return !bc_str_starts(line, "#!") || bc_str_is(bc_str_trim(line), "#!lua");
}

static void serve_script(const struct bc_test_suite *suite, const struct bc_test_file *file, struct bc_str what,
                         bool is_policy, int to_fd) {
  char path[PATH_MAX];
  struct bc_buf text;
  if (!serve_find(file, what, to_fd, path)) {
    return;
  }
  bc_buf_init(&text, BC_LIMIT_SCRIPT_BYTES);
  int problem = bc_test_read_file(path, &text);
  if (problem != 0) {
    serve_refuse(to_fd, BC_STR_FMT ": %s", BC_STR_ARG(what),
                 problem == EFBIG ? "longer than a script may be" : strerror(problem));
  } else if (!serve_is_lua(bc_buf_str(&text))) {
    serve_refuse(to_fd, BC_STR_FMT ": Lua scripts begin with the line #!lua", BC_STR_ARG(what));
  } else if (is_policy && bc_str_starts(bc_str_trim(bc_buf_str(&text)), "{")) {
    serve_ready_policy(suite, file, bc_buf_str(&text), to_fd);
  } else {
    serve_send_script(suite, file, what, bc_buf_str(&text), NULL, to_fd);
  }
  bc_buf_free(&text);
}

static void serve_ready(const struct bc_test_suite *suite, const struct bc_test_file *file, struct bc_str what,
                        int to_fd) {
  const struct bc_ready_made *ready = bc_ready_made_find(BC_READY_CHECKS, what);
  if (ready == NULL) {
    serve_refuse(to_fd, "there is no ready-made check %.*s", (int)(what.len < 60 ? what.len : 60), what.at);
    return;
  }
  serve_send_script(suite, file, bc_str_of(ready->name), (struct bc_str){ready->text, ready->len}, NULL, to_fd);
}

/* ---- the rest ---- */

static void serve_module(const struct bc_test_suite *suite, const struct bc_test_file *file, struct bc_str what,
                         int to_fd) {
  static const char *const endings[] = {".lua", ""};
  char folder[PATH_MAX];
  char path[2 * PATH_MAX];
  struct bc_buf text;
  int problem = ENOENT;
  bc_buf_init(&text, BC_LIMIT_SCRIPT_BYTES);
  bool has_folder = bc_name_is_valid(what, false) && bc_test_modules_folder(suite, file, folder);
  for (size_t i = 0; has_folder && problem == ENOENT && i < sizeof endings / sizeof endings[0]; i++) {
    (void)snprintf(path, sizeof path, "%s/" BC_STR_FMT "%s", folder, BC_STR_ARG(what), endings[i]);
    bc_buf_clear(&text);
    problem = bc_test_read_file(path, &text);
  }
  if (problem != 0) {
    serve_refuse(to_fd, "module '%.*s': %s", (int)(what.len < 60 ? what.len : 60), what.at,
                 has_folder ? strerror(problem) : "there is no folder of modules");
  } else {
    (void)bc_test_send(to_fd, "have", bc_buf_str(&text));
  }
  bc_buf_free(&text);
}

static void serve_options(struct bc_str what, int to_fd) {
  struct bc_options options;
  struct bc_fault fault;
  if (bc_options_parse(what, BC_OPTIONS_OF_ROUTE, &options, &fault) != BC_ERR_OK) {
    serve_refuse(to_fd, "%s", fault.text);
    return;
  }
  json_t *made = bc_options_make_globals(&options, options.parameters);
  char *text = json_dumps(made, JSON_COMPACT | JSON_REAL_PRECISION(15));
  (void)bc_test_send(to_fd, "have", bc_str_of(text));
  free(text);
  json_decref(made);
  bc_options_release(&options);
}

void bc_test_serve(const struct bc_test_suite *suite, const struct bc_test_file *file, const char *word,
                   struct bc_str what, int to_fd) {
  if (strcmp(word, "script") == 0 || strcmp(word, "policy") == 0) {
    serve_script(suite, file, what, word[0] == 'p', to_fd);
  } else if (strcmp(word, "ready_policy") == 0) {
    serve_ready_policy(suite, file, what, to_fd);
  } else if (strcmp(word, "route") == 0) {
    bc_test_serve_route(what, to_fd);
  } else if (strcmp(word, "judge") == 0) {
    bc_test_serve_judge(what, to_fd);
  } else if (strcmp(word, "ready") == 0) {
    serve_ready(suite, file, what, to_fd);
  } else if (strcmp(word, "module") == 0) {
    serve_module(suite, file, what, to_fd);
  } else if (strcmp(word, "options") == 0) {
    serve_options(what, to_fd);
  }
}
