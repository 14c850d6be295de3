#include "worker/lua_policy.h"

#include "base/duration.h"
#include "worker/lua_module.h"
#include "worker/lua_value.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { POLICY_AGAIN_LEAST_MS = 100, POLICY_AGAIN_MOST_MS = 86400000 };

static const struct policy_word {
  const char *name;
  bool takes_attributes; /* a table; else a reason and options */
  bool is_admission;
} policy_words[] = {{"announce", true, false},
                    {"withdraw", false, false},
                    {"keep", false, false},
                    {"admit", true, true},
                    {"refuse", false, true}};

enum { POLICY_WORDS = sizeof policy_words / sizeof policy_words[0] };

/* Under its address in the registry: the metatable of verdicts. */
static const char policy_verdict_key;

/* ---- the pieces ---- */

/* Argument 1 or 2, whose members are asked for; read-only ones too. */
static void policy_check_table(lua_State *L, int index, const char *word, const char *expected) {
  if (!lua_istable(L, index)) {
    (void)luaL_error(L, "%s: expected %s, found a %s", word, expected, luaL_typename(L, index));
  }
  if (bc_lua_push_thawed(L, index)) {
    lua_replace(L, index);
  }
}

/* The value on top. */
static void policy_read_reason(lua_State *L, const char *word, char reason[static BC_LIMIT_LUA_REASON_BYTES]) {
  reason[0] = '\0';
  if (lua_type(L, -1) == LUA_TSTRING) {
    struct bc_str text;
    text.at = lua_tolstring(L, -1, &text.len);
    bc_lua_value_clean(text, reason, BC_LIMIT_LUA_REASON_BYTES);
  } else if (!lua_isnil(L, -1)) {
    (void)luaL_error(L, "%s: reason: expected a text, found a %s", word, luaL_typename(L, -1));
  }
}

/* The value on top; 0: it is nil. */
static unsigned policy_read_again(lua_State *L, const char *word) {
  double ms = -1;
  if (lua_isnil(L, -1)) {
    return 0;
  }
  if (lua_type(L, -1) == LUA_TNUMBER) {
    ms = round(lua_tonumber(L, -1) * 1000);
  } else if (lua_type(L, -1) == LUA_TSTRING) {
    struct bc_str text;
    unsigned parsed;
    text.at = lua_tolstring(L, -1, &text.len);
    if (bc_duration_parse(text, &parsed) == BC_ERR_OK) {
      ms = parsed;
    }
  }
  if (!(ms >= POLICY_AGAIN_LEAST_MS && ms <= POLICY_AGAIN_MOST_MS)) {
    const char *found = lua_isstring(L, -1) ? lua_tostring(L, -1) : luaL_typename(L, -1);
    (void)luaL_error(L, "%s: again_in: expected seconds or a text with a unit (\"5m\"), from 0.1 s to 24 h, found %s",
                     word, found);
  }
  return (unsigned)ms;
}

static unsigned policy_read_member_again(lua_State *L, int table, const char *word) {
  lua_pushliteral(L, "again_in");
  (void)lua_rawget(L, table);
  unsigned again_ms = policy_read_again(L, word);
  lua_pop(L, 1);
  return again_ms;
}

/* ---- attributes ---- */

static bool policy_is_own(lua_State *L, int index) {
  const char *name = lua_tostring(L, index);
  return strcmp(name, "reason") == 0 || strcmp(name, "again_in") == 0;
}

/* Pushes a table of the members of argument 1 that are attributes; false: there are none, nothing is pushed. */
static bool policy_push_attributes(lua_State *L, const char *word) {
  bool has_any = false;
  lua_newtable(L);
  int to = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, 1) != 0;) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      (void)luaL_error(L, "%s: attributes have names: %s{ med = 100 }; found a %s as a name", word, word,
                       luaL_typename(L, -2));
    }
    if (policy_is_own(L, -2)) {
      lua_pop(L, 1);
      continue;
    }
    has_any = true;
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, to);
  }
  if (!has_any) {
    lua_pop(L, 1);
  }
  return has_any;
}

/* Raises, with the name of the first attribute that cannot be printed; the table of them is on top. */
static void policy_refuse_attributes(lua_State *L, const char *word) {
  const char *found = "";
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
    struct bc_buf *scratch = bc_sandbox_scratch(L);
    const char *name = lua_tostring(L, -2);
    if (bc_lua_value_print(L, -1, BC_LIMIT_LUA_DATA_DEPTH, scratch) == BC_ERR_UNSUPPORTED &&
        (found[0] == '\0' || strcmp(name, found) < 0)) {
      found = name;
    }
  }
  if (found[0] != '\0') {
    (void)luaL_error(
        L, "%s: %s: expected numbers, texts, true, false, or lists of them; a function, NaN and infinity have no form",
        word, found);
  }
  (void)luaL_error(L, "%s: the attributes are too long, nested too deep, or hold themselves", word);
}

/* ---- the words ---- */

/* The text that was made becomes a verdict. Memory of Lua, as what follows may raise. */
static int policy_push_verdict(lua_State *L, const struct bc_buf *text, const char *word) {
  if (text->failed || text->len > BC_LIMIT_POLICY_VERDICT_BYTES) {
    return luaL_error(L, "%s: the verdict is too long, expected at most %d bytes of JSON", word,
                      (int)BC_LIMIT_POLICY_VERDICT_BYTES);
  }
  void *verdict = lua_newuserdatauv(L, text->len, 0);
  memcpy(verdict, text->data, text->len);
  (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &policy_verdict_key);
  lua_setmetatable(L, -2);
  return 1;
}

/* The table of attributes is on top, if there is one. */
static int policy_finish(lua_State *L, const char *word, bool has_attributes, const char *reason, unsigned again_ms) {
  struct bc_buf *text = bc_sandbox_scratch(L);
  bc_buf_add_char(text, '{');
  if (again_ms > 0) {
    bc_buf_add_format(text, "\"again_in\":%.14g,", (double)again_ms / 1000);
  }
  if (has_attributes) {
    bc_buf_add_text(text, "\"attributes\":");
    if (bc_lua_value_print_in_order(L, -1, BC_LIMIT_LUA_DATA_DEPTH, text) != BC_ERR_OK) {
      policy_refuse_attributes(L, word);
    }
    bc_buf_add_char(text, ',');
  }
  if (reason[0] != '\0') {
    bc_buf_add_text(text, "\"reason\":");
    bc_lua_value_print_text(bc_str_of(reason), text);
    bc_buf_add_char(text, ',');
  }
  bc_buf_add_format(text, "\"verdict\":\"%s\"}", word);
  return policy_push_verdict(L, text, word);
}

/* announce{ med = 100, reason = "…", again_in = 30 } */
static int policy_with_attributes(lua_State *L, const char *word) {
  char reason[BC_LIMIT_LUA_REASON_BYTES] = "";
  unsigned again_ms = 0;
  bool has_attributes = false;
  if (lua_gettop(L) > 1) {
    return luaL_error(L, "%s: expected one table: %s{ med = 100, reason = \"…\" }", word, word);
  }
  if (!lua_isnoneornil(L, 1)) {
    policy_check_table(L, 1, word, "a table of attributes");
    lua_pushliteral(L, "reason");
    (void)lua_rawget(L, 1);
    policy_read_reason(L, word, reason);
    lua_pop(L, 1);
    again_ms = policy_read_member_again(L, 1, word);
    has_attributes = policy_push_attributes(L, word);
  }
  return policy_finish(L, word, has_attributes, reason, again_ms);
}

/* withdraw("reason", { again_in = 30 }) */
static int policy_with_reason(lua_State *L, const char *word) {
  char reason[BC_LIMIT_LUA_REASON_BYTES];
  unsigned again_ms = 0;
  lua_settop(L, 2);
  if (!lua_isnil(L, 2)) {
    policy_check_table(L, 2, word, "options behind the reason");
    for (lua_pushnil(L); lua_next(L, 2) != 0; lua_pop(L, 1)) {
      if (lua_type(L, -2) != LUA_TSTRING || strcmp(lua_tostring(L, -2), "again_in") != 0) {
        return luaL_error(L, "%s: unknown option '%s': expected again_in", word,
                          lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2));
      }
    }
    again_ms = policy_read_member_again(L, 2, word);
  }
  lua_settop(L, 1);
  policy_read_reason(L, word, reason);
  return policy_finish(L, word, false, reason, again_ms);
}

static int policy_say(lua_State *L) {
  const struct policy_word *word = &policy_words[lua_tointeger(L, lua_upvalueindex(1))];
  const struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (run == NULL) {
    return luaL_error(L, "%s cannot be called here", word->name);
  }
  if (word->is_admission != run->policy.is_admission) {
    return luaL_error(L, "%s: %s", word->name,
                      word->is_admission ? "the policy of a route says announce{}, withdraw() or keep()"
                                         : "an admission policy says admit{} or refuse()");
  }
  return word->takes_attributes ? policy_with_attributes(L, word->name) : policy_with_reason(L, word->name);
}

/* ---- */

void bc_lua_policy_open(lua_State *L) {
  for (lua_Integer i = 0; i < POLICY_WORDS; i++) {
    lua_pushinteger(L, i);
    lua_pushcclosure(L, policy_say, 1);
    lua_setfield(L, -2, policy_words[i].name);
  }
  lua_createtable(L, 0, 1);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &policy_verdict_key);
}

struct bc_str bc_lua_policy_verdict(lua_State *L, int index) {
  struct bc_str verdict = {0};
  index = lua_absindex(L, index);
  if (lua_type(L, index) == LUA_TUSERDATA && lua_getmetatable(L, index) != 0) {
    (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &policy_verdict_key);
    if (lua_rawequal(L, -1, -2) != 0) {
      verdict.at = lua_touserdata(L, index);
      verdict.len = (size_t)lua_rawlen(L, index);
    }
    lua_pop(L, 2);
  }
  return verdict;
}
