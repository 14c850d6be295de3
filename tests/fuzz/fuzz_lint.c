/* Any bytes as a script of each kind: each finding lies within the text and says something in one line; a text that is
 * no Lua has one of the rule `syntax`, and the same text always the same ones. */
#include "model/lint.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

struct seen {
  unsigned lines, count, hash;
  struct bc_lua_place last;
};

static void look(void *arg, const struct bc_lint_finding *finding) {
  struct seen *seen = arg;
  size_t len = strlen(finding->text);
  require(len > 0 && strchr(finding->text, '\n') == NULL && finding->rule < BC_LINT_RULES);
  require(finding->place.line >= 1 && finding->place.line <= seen->lines && finding->place.column >= 1);
  require(finding->place.line > seen->last.line ||
          (finding->place.line == seen->last.line && finding->place.column >= seen->last.column));
  seen->last = finding->place;
  seen->count++;
  for (size_t i = 0; i < len; i++) {
    seen->hash = seen->hash * 31 + (unsigned char)finding->text[i];
  }
}

static bool has_module(void *arg, struct bc_str name) {
  (void)arg;
  return name.len % 2 == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size == 0 ? 1 : size);
  require(text != NULL);
  memcpy(text, data, size);
  struct seen first = {.lines = 1};
  for (size_t i = 0; i < size; i++) {
    first.lines += text[i] == '\n' || text[i] == '\r' ? 1 : 0;
  }
  for (int mode = 0; mode < BC_LINT_MODES; mode++) {
    const struct bc_lint_options options = {
        .mode = (enum bc_lint_mode)mode, .users = size % 8, .has_module = size % 2 == 0 ? has_module : NULL};
    struct seen one = first;
    struct seen other = first;
    bc_lint_script((struct bc_str){text, size}, &options, look, &one);
    bc_lint_script((struct bc_str){text, size}, &options, look, &other);
    require(one.count == other.count && one.hash == other.hash);
  }
  require(bc_lint_guess((struct bc_str){text, size}) < BC_LINT_MODES);
  free(text);
  return 0;
}
