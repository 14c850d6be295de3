/* Any bytes as Lua: the names lie in the text, one behind the other, each is one that a key can have, and what stands
 * before it is the word. */
#include "model/lua_require.h"
#include "model/name.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  /* Its own memory, so that a step behind its end is seen. */
  char *text = malloc(size == 0 ? 1 : size);
  require(text != NULL);
  memcpy(text, data, size);
  struct bc_str rest = bc_lua_require_begin((struct bc_str){text, size});
  require(rest.at + rest.len == text + size);
  const char *before = rest.at;
  struct bc_str name;
  while (bc_lua_require_next(&rest, &name)) {
    require(bc_name_is_valid(name, false));
    require(name.at > before && name.at + name.len <= rest.at && rest.at + rest.len == text + size);
    require(memmem(before, (size_t)(name.at - before), "require", strlen("require")) != NULL);
    before = name.at + name.len;
  }
  require(rest.len == 0);
  free(text);
  return 0;
}
