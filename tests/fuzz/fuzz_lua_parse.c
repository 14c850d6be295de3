/* Any bytes as Lua: the tree lies within the text and its limits, and where the sandbox's compiler takes it as Lua, so
 * does the parser, and the other way round. */
#include "base/limits.h"
#include "model/lua_parse.h"
#include "worker/sandbox.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

static bool look(void *arg, struct bc_lua_node *node) {
  const struct bc_str *text = arg;
  require(node->depth <= BC_LUA_DEPTH && node->place.line > 0 && node->place.column > 0);
  require(node->text.len == 0 ||
          (node->text.at >= text->at && node->text.at + node->text.len <= text->at + text->len) ||
          bc_str_is(node->text, "self"));
  return true;
}

/* Its limits of registers, constants and upvalues are not ours. */
static bool is_limit(const char *fault) {
  return strstr(fault, "limit is") != NULL || strstr(fault, "overflow") != NULL || strstr(fault, "memory") != NULL ||
         strstr(fault, "registers") != NULL || strstr(fault, "too long") != NULL ||
         strstr(fault, "too many levels") != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *bytes = malloc(size == 0 ? 1 : size);
  require(bytes != NULL);
  memcpy(bytes, data, size);
  struct bc_str text = {bytes, size};
  struct bc_lua_place place = {0};
  struct bc_fault fault = {0};
  struct bc_fault other = {0};
  struct bc_lua_tree *tree = bc_lua_parse(text, NULL, NULL, &place, &fault);
  require(tree != NULL || (fault.text[0] != '\0' && place.line > 0));
  if (tree != NULL && bc_lua_tree_root(tree) != NULL) {
    bc_lua_tree_walk(bc_lua_tree_root(tree)->block, false, look, &text);
  }
  struct bc_sandbox *sandbox = bc_sandbox_new(NULL, "fuzz", text, &other);
  if ((sandbox != NULL) != (tree != NULL) && !is_limit(sandbox == NULL ? other.text : fault.text)) {
    (void)fprintf(stderr, "the parser: %s (line %u); the compiler: %s; the text:\n%.*s\n", fault.text, place.line,
                  other.text, (int)size, bytes);
    abort();
  }
  bc_sandbox_free(sandbox);
  bc_lua_tree_free(tree);
  free(bytes);
  return 0;
}
