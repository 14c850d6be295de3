/* Patterns that the estimate allows: the system's matcher must be done with them soon. The input is the pattern, a line
 * break, and what the text is made of by repetition. */
#include "base/limits.h"
#include "worker/lua_pattern.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FUZZ_TEXT_BYTES = 3000, FUZZ_MOST_MS = 3000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t cpu_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static lua_State *lua(void) {
  static lua_State *L;
  if (L == NULL) {
    L = luaL_newstate();
    luaL_requiref(L, "string", luaopen_string, 0);
  }
  lua_settop(L, 1);
  return L;
}

static void call(const char *name, struct bc_str text, struct bc_str pattern) {
  lua_State *L = lua();
  (void)lua_getfield(L, 1, name);
  (void)lua_pushlstring(L, text.at, text.len);
  (void)lua_pushlstring(L, pattern.at, pattern.len);
  lua_pushliteral(L, "");
  /* It may be malformed. */
  (void)lua_pcall(L, strcmp(name, "gsub") == 0 ? 3 : 2, 0, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_str piece = {.at = (const char *)data, .len = size};
  struct bc_str pattern;
  char text[FUZZ_TEXT_BYTES];
  if (!bc_str_next_field(&piece, '\n', &pattern) || piece.at == NULL || piece.len == 0) {
    return 0;
  }
  for (size_t i = 0; i < sizeof text; i++) {
    text[i] = piece.at[i % piece.len];
  }
  /* The shortest text that is too dear, and the one before: where the estimate is stretched most. */
  struct bc_str subject = {.at = text, .len = sizeof text};
  while (subject.len > 0 && bc_lua_pattern_steps(subject, pattern, true) > BC_LIMIT_LUA_PATTERN_STEPS) {
    subject.len = subject.len * 9 / 10;
  }
  int64_t began = cpu_ms();
  call("find", subject, pattern);
  call("gsub", subject, pattern);
  if (cpu_ms() - began > FUZZ_MOST_MS) {
    (void)fprintf(stderr, "%lld ms for %zu bytes\n", (long long)(cpu_ms() - began), subject.len);
    abort();
  }
  return 0;
}
