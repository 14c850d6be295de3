#include "cli/script_file.h"

#include "base/limits.h"
#include "model/lua_require.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 0, or an errno; EFBIG: longer than the buffer may be. */
static int file_read(const char *path, struct bc_buf *to) {
  char bytes[16384];
  bool is_input = strcmp(path, "-") == 0;
  int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  ssize_t got = fd < 0 ? -1 : 1;
  while (got > 0 && !to->failed) {
    got = read(fd, bytes, sizeof bytes);
    bc_buf_add(to, bytes, got > 0 ? (size_t)got : 0);
  }
  int problem = got < 0 ? errno : to->failed ? EFBIG : 0;
  if (fd >= 0 && !is_input) {
    (void)close(fd);
  }
  return problem;
}

static bool file_tell(const char *path, int problem, const struct bc_buf *text) {
  if (problem == EFBIG) {
    (void)fprintf(stderr, "%s: longer than %zu bytes\n", path, text->max);
  } else if (problem != 0) {
    (void)fprintf(stderr, "%s: %s\n", path, strerror(problem));
  }
  return problem == 0;
}

bool bc_script_file_read(const char *path, struct bc_buf *to) {
  return file_tell(path, file_read(path, to), to);
}

/* ---- modules ---- */

json_t *bc_script_file_required(struct bc_str text) {
  struct bc_str rest = bc_lua_require_begin(text);
  struct bc_str name;
  json_t *names = json_array();
  while (bc_lua_require_next(&rest, &name)) {
    (void)json_array_append_new(names, json_stringn(name.at, name.len));
  }
  return names;
}

/* NULL: there is none. False: it cannot be read. */
static bool file_read_module(const char *folder, const char *name, json_t **text) {
  static const char *const endings[] = {".lua", ""};
  int problem = ENOENT;
  char path[PATH_MAX];
  struct bc_buf bytes;
  *text = NULL;
  bc_buf_init(&bytes, BC_LIMIT_SCRIPT_BYTES);
  for (size_t i = 0; i < sizeof endings / sizeof endings[0] && problem == ENOENT; i++) {
    (void)snprintf(path, sizeof path, "%s/%s%s", folder, name, endings[i]);
    problem = file_read(path, &bytes);
  }
  if (problem == 0) {
    *text = json_stringn(bytes.data, bytes.len);
    if (*text == NULL) {
      (void)fprintf(stderr, "%s: not UTF-8\n", path);
      problem = EILSEQ;
    }
  } else if (problem != ENOENT) {
    (void)file_tell(path, problem, &bytes);
  }
  bc_buf_free(&bytes);
  return problem == 0 || problem == ENOENT;
}

bool bc_script_file_read_modules(const char *folder, struct bc_str script, json_t *modules) {
  json_t *names = bc_script_file_required(script);
  bool is_fine = true;
  json_t *text;
  /* The list grows while it is gone through. */
  for (size_t i = 0; is_fine && i < json_array_size(names); i++) {
    const char *name = json_string_value(json_array_get(names, i));
    bool is_new = json_object_get(modules, name) == NULL && json_object_size(modules) < BC_LIMIT_LUA_MODULES;
    if (is_new && (is_fine = file_read_module(folder, name, &text)) && text != NULL) {
      json_t *more = bc_script_file_required((struct bc_str){json_string_value(text), json_string_length(text)});
      (void)json_array_extend(names, more);
      json_decref(more);
      (void)json_object_set_new(modules, name, text);
    }
  }
  json_decref(names);
  return is_fine;
}
