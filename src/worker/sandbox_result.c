/* What a run returned, as plain C. Raw access only: no metamethod of the script runs here, and nothing allocates by
 * Lua, as nothing would catch what that raises. */
#include "base/mem.h"
#include "worker/lua_module.h"
#include "worker/lua_value.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESULT_EXPECTED "expected true, false, nil and a reason, a score from 0 to 100, or a table with ok or score"

enum { RESULT_SCORE_MOST = 100, RESULT_RETURNED_BYTES = 4096 };

static struct bc_str result_text(lua_State *co, int index) {
  struct bc_str text = {0};
  text.at = lua_tolstring(co, index, &text.len);
  return text;
}

static void result_refuse(struct bc_sandbox_outcome *outcome, const char *format, ...) BC_PRINTF(2, 3);

static void result_refuse(struct bc_sandbox_outcome *outcome, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(outcome->error, sizeof outcome->error, format, arguments);
  va_end(arguments);
  outcome->end = BC_SANDBOX_ERROR;
}

/* ---- pieces ---- */

static char *result_print(lua_State *co, int index, int depth, size_t max) {
  struct bc_buf text;
  bc_buf_init(&text, max);
  char *printed = bc_lua_value_print(co, index, depth, &text) == BC_ERR_OK ? bc_buf_take(&text) : NULL;
  bc_buf_free(&text);
  return printed;
}

static void result_set_data(lua_State *co, int index, struct bc_sandbox_outcome *outcome) {
  if (lua_isnoneornil(co, index)) {
    return;
  }
  outcome->data = result_print(co, index, BC_LIMIT_LUA_DATA_DEPTH, BC_LIMIT_LUA_DATA_BYTES);
  outcome->is_data_bad = outcome->data == NULL;
}

static void result_set_returned(lua_State *co, int index, struct bc_sandbox_outcome *outcome) {
  outcome->returned = result_print(co, index, BC_LIMIT_LUA_DATA_DEPTH, RESULT_RETURNED_BYTES);
  if (outcome->returned == NULL) {
    char name[32];
    (void)snprintf(name, sizeof name, "\"%s\"", luaL_typename(co, index));
    outcome->returned = bc_mem_copy_string(name);
  }
}

static bool result_set_score(lua_State *co, int index, struct bc_sandbox_outcome *outcome) {
  lua_Number score = lua_tonumber(co, index);
  if (!isfinite(score) || score < 0 || score > RESULT_SCORE_MOST) {
    result_refuse(outcome, "returned the number %.14g as a score, expected 0 to 100", score);
    return false;
  }
  outcome->has_score = true;
  outcome->score = score;
  return true;
}

/* ---- the forms ---- */

/* `first` is false or nil: a text behind it is the reason, and the data comes after it. */
static void result_read_down(lua_State *co, int first, int last, struct bc_sandbox_outcome *outcome) {
  outcome->word = BC_SANDBOX_DOWN;
  bool has_reason = first < last && lua_type(co, first + 1) == LUA_TSTRING;
  int data = first + (has_reason ? 2 : 1);
  if (has_reason) {
    bc_lua_value_clean(result_text(co, first + 1), outcome->reason, sizeof outcome->reason);
  } else if (lua_isnil(co, first)) {
    result_refuse(outcome, "returned nil without a reason (is a name misspelt?); " RESULT_EXPECTED);
    return;
  }
  if (data <= last) {
    result_set_data(co, data, outcome);
  }
}

/* Pushes what the table at `table` holds, whose read-only face does not matter. */
static int result_push_member(lua_State *co, int table, const char *name) {
  /* lua_getfield would make a text, which allocates; the members are few. */
  for (lua_pushnil(co); lua_next(co, table) != 0; lua_pop(co, 1)) {
    if (lua_type(co, -2) == LUA_TSTRING && bc_str_is(result_text(co, -2), name)) {
      lua_remove(co, -2);
      return lua_type(co, -1);
    }
  }
  lua_pushnil(co);
  return LUA_TNIL;
}

static bool result_read_members(lua_State *co, int table, struct bc_sandbox_outcome *outcome) {
  int score = result_push_member(co, table, "score");
  if (score != LUA_TNIL && score != LUA_TNUMBER) {
    result_refuse(outcome, "returned a table whose score is a %s, expected a number", lua_typename(co, score));
    return false;
  }
  if (score == LUA_TNUMBER && !result_set_score(co, -1, outcome)) {
    return false;
  }
  int ok = result_push_member(co, table, "ok");
  if (ok != LUA_TBOOLEAN && (ok != LUA_TNIL || score == LUA_TNIL)) {
    result_refuse(outcome, "returned a table whose ok is a %s, expected true or false (or a score)",
                  lua_typename(co, ok));
    return false;
  }
  outcome->word = ok == LUA_TNIL ? BC_SANDBOX_SCORE : lua_toboolean(co, -1) ? BC_SANDBOX_UP : BC_SANDBOX_DOWN;
  int reason = result_push_member(co, table, "reason");
  if (reason != LUA_TNIL && reason != LUA_TSTRING) {
    result_refuse(outcome, "returned a table whose reason is a %s, expected a string", lua_typename(co, reason));
    return false;
  }
  if (reason == LUA_TSTRING) {
    bc_lua_value_clean(result_text(co, -1), outcome->reason, sizeof outcome->reason);
  }
  return true;
}

static void result_read_table(lua_State *co, int first, int last, struct bc_sandbox_outcome *outcome) {
  int top = lua_gettop(co);
  int table = bc_lua_push_thawed(co, first) ? top + 1 : first;
  if (result_read_members(co, table, outcome)) {
    if (result_push_member(co, table, "data") != LUA_TNIL) {
      result_set_data(co, lua_gettop(co), outcome);
    } else if (first < last) {
      result_set_data(co, first + 1, outcome);
    }
  }
  lua_settop(co, top);
}

/* A score or true: what comes behind is data. */
static void result_read_data(lua_State *co, int first, int last, struct bc_sandbox_outcome *outcome) {
  if (first < last) {
    result_set_data(co, first + 1, outcome);
  }
}

void sandbox_result_read(lua_State *co, int count, struct bc_sandbox_outcome *outcome) {
  int last = lua_gettop(co);
  int first = last - count + 1;
  outcome->end = BC_SANDBOX_DONE;
  if (lua_checkstack(co, LUA_MINSTACK) == 0) {
    result_refuse(outcome, "not enough memory to read the result");
    outcome->end = BC_SANDBOX_MEMORY;
    return;
  }
  if (count == 0) {
    result_refuse(outcome, "returned nothing, " RESULT_EXPECTED);
    return;
  }
  result_set_returned(co, first, outcome);
  switch (lua_type(co, first)) {
  case LUA_TNIL:
    result_read_down(co, first, last, outcome);
    break;
  case LUA_TBOOLEAN:
    if (lua_toboolean(co, first) == 0) {
      result_read_down(co, first, last, outcome);
    } else {
      outcome->word = BC_SANDBOX_UP;
      result_read_data(co, first, last, outcome);
    }
    break;
  case LUA_TNUMBER:
    outcome->word = BC_SANDBOX_SCORE;
    if (result_set_score(co, first, outcome)) {
      result_read_data(co, first, last, outcome);
    }
    break;
  case LUA_TTABLE:
    result_read_table(co, first, last, outcome);
    break;
  default:
    result_refuse(outcome, "returned a %s, " RESULT_EXPECTED, luaL_typename(co, first));
    break;
  }
}

/* ---- errors ---- */

/* "name:12: text" tells its line. */
static size_t result_told_line(struct bc_str text, const char *name) {
  uint64_t told = 0;
  struct bc_str number;
  size_t len = strlen(name);
  if (bc_str_starts(text, name) && text.len > len && text.at[len] == ':') {
    text.at += len + 1;
    text.len -= len + 1;
    if (bc_str_next_field(&text, ':', &number)) {
      (void)!bc_str_to_u64(number, BC_LIMIT_SCRIPT_BYTES, &told);
    }
  }
  return (size_t)told;
}

/* Where nothing tells it (error with a level 0, or a table, or of a module), the innermost line of the script. */
static size_t result_find_line(lua_State *co, struct bc_str text) {
  const char *source = bc_sandbox_run_of(co)->check->sandbox->source;
  lua_Debug frame;
  for (int level = 0; lua_getstack(co, level, &frame) != 0; level++) {
    if (lua_getinfo(co, "Sl", &frame) != 0 && frame.currentline > 0 && strcmp(frame.source, source) == 0) {
      size_t told = result_told_line(text, frame.short_src);
      return told > 0 ? told : (size_t)frame.currentline;
    }
  }
  return 0;
}

void sandbox_result_read_error(lua_State *co, struct bc_sandbox_outcome *outcome) {
  struct bc_str text = {0};
  outcome->end = BC_SANDBOX_ERROR;
  if (lua_type(co, -1) == LUA_TSTRING) {
    text = result_text(co, -1);
    bc_lua_value_clean(text, outcome->error, sizeof outcome->error);
    /* Lua's own text. One that `parallel` has passed on comes as any error does. */
    outcome->end = bc_str_is(text, "not enough memory") ? BC_SANDBOX_MEMORY : BC_SANDBOX_ERROR;
  } else if (lua_type(co, -1) == LUA_TNUMBER) {
    (void)snprintf(outcome->error, sizeof outcome->error, "%.14g", lua_tonumber(co, -1));
  } else {
    /* Its __tostring would be code of the script. */
    (void)snprintf(outcome->error, sizeof outcome->error, "raised a value that is a %s, not a text",
                   luaL_typename(co, -1));
  }
  outcome->line = result_find_line(co, text);
}

static bool result_is_up(const struct bc_sandbox_outcome *outcome, double threshold) {
  return outcome->word == BC_SANDBOX_UP || (outcome->word == BC_SANDBOX_SCORE && outcome->score >= threshold);
}

enum bc_check_status bc_sandbox_outcome_judge(const struct bc_sandbox_outcome *outcome, double threshold) {
  switch (outcome->end) {
  case BC_SANDBOX_MEMORY:
    return BC_CHECK_MEMORY;
  case BC_SANDBOX_KILLED:
    return BC_CHECK_KILLED;
  case BC_SANDBOX_DONE:
    if (result_is_up(outcome, threshold)) {
      return BC_CHECK_PASSED;
    }
    return outcome->refusal[0] != '\0' ? BC_CHECK_REFUSED : BC_CHECK_FAILED;
  case BC_SANDBOX_YIELDED:
    return outcome->refusal[0] != '\0' ? BC_CHECK_REFUSED : BC_CHECK_TIMED_OUT;
  case BC_SANDBOX_ERROR:
    break;
  }
  if (outcome->refusal[0] != '\0') {
    return BC_CHECK_REFUSED;
  }
  return outcome->had_io_failure ? BC_CHECK_BROKEN : BC_CHECK_ERROR;
}
