/* Lua values that the input builds, as results and as JSON: nothing but valid JSON comes out, within its bounds; in
 * order the names stand in order; both forms say the same; results are read without an error of Lua. */
#include "base/limits.h"
#include "worker/lua_module.h"
#include "worker/lua_value.h"
#include "worker/sandbox_private.h"

#include <jansson.h>
#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FUZZ_STACK = 40, FUZZ_OPERATIONS = 400, FUZZ_TEXT_BYTES = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
  const uint8_t *at;
  size_t left;
};

static uint8_t take(struct input *input) {
  if (input->left == 0) {
    return 0;
  }
  input->left--;
  return *input->at++;
}

static void push_number(lua_State *L, struct input *input, bool is_whole) {
  uint64_t bits = 0;
  double number;
  for (int i = 0; i < 8; i++) {
    bits = bits << 8 | take(input);
  }
  memcpy(&number, &bits, sizeof number);
  if (is_whole) {
    lua_pushinteger(L, (lua_Integer)bits);
  } else {
    lua_pushnumber(L, number);
  }
}

static void push_text(lua_State *L, struct input *input) {
  size_t len = take(input) % 64;
  len = len < input->left ? len : input->left;
  (void)lua_pushlstring(L, (const char *)input->at, len);
  input->at += len;
  input->left -= len;
}

/* Value and, below it, key, into the table below these; keys that cannot be are passed over. */
static void set_member(lua_State *L) {
  lua_Number key = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
  if (!lua_istable(L, -3) || bc_lua_push_thawed(L, -3)) {
    return;
  }
  if (lua_isnil(L, -2) || key != key) {
    lua_pop(L, 2);
  } else {
    lua_rawset(L, -3);
  }
}

static void operate(lua_State *L, struct input *input) {
  switch (take(input) % 13) {
  case 0:
    lua_pushnil(L);
    break;
  case 1:
    lua_pushboolean(L, take(input) & 1);
    break;
  case 2:
    push_number(L, input, true);
    break;
  case 3:
    push_number(L, input, false);
    break;
  case 4:
  case 5:
    push_text(L, input);
    break;
  case 6:
    lua_newtable(L);
    break;
  case 7:
    lua_pushinteger(L, take(input) % 8);
    break;
  case 8:
    lua_pushvalue(L, -1 - take(input) % lua_gettop(L));
    break;
  case 9:
  case 10:
    if (lua_gettop(L) >= 3) {
      set_member(L);
    }
    break;
  case 11:
    if (lua_istable(L, -1) && !bc_lua_push_thawed(L, -1)) {
      bc_lua_freeze(L);
    }
    break;
  default:
    if (take(input) % 4 == 0) {
      lua_pushlightuserdata(L, NULL);
    } else {
      lua_pushcfunction(L, bc_lua_metric_open);
    }
    break;
  }
}

static int build(lua_State *L) {
  struct input *input = lua_touserdata(L, 1);
  lua_settop(L, 0);
  lua_newtable(L);
  for (int i = 0; i < FUZZ_OPERATIONS && input->left > 0; i++) {
    operate(L, input);
    if (lua_gettop(L) > FUZZ_STACK) {
      lua_remove(L, 2);
    }
  }
  return 1;
}

/* ---- what must hold ---- */

static void check_order(const json_t *value) {
  const char *name;
  const char *before = NULL;
  json_t *member;
  size_t index;
  json_object_foreach((json_t *)value, name, member) {
    if (before != NULL && strcmp(before, name) >= 0) {
      abort();
    }
    before = name;
    check_order(member);
  }
  json_array_foreach(value, index, member) {
    check_order(member);
  }
}

/* NULL: it could not be printed. */
static char *print(lua_State *L, int depth, size_t max, bool is_ordered) {
  struct bc_buf text;
  bc_buf_init(&text, max);
  int top = lua_gettop(L);
  enum bc_err err =
      is_ordered ? bc_lua_value_print_in_order(L, -1, depth, &text) : bc_lua_value_print(L, -1, depth, &text);
  if (lua_gettop(L) != top || (err == BC_ERR_OK && text.len > max)) {
    abort();
  }
  char *printed = err == BC_ERR_OK ? bc_buf_take(&text) : NULL;
  bc_buf_free(&text);
  return printed;
}

static void check_json(lua_State *L, int depth, size_t max) {
  char *plain = print(L, depth, max, false);
  char *ordered = print(L, depth, max, true);
  /* Names with a NUL are not for jansson, and equal names may be two in the plain form. */
  bool is_odd = plain == NULL || ordered == NULL || strstr(plain, "\\u0000") != NULL ||
                strstr(plain, "\\ufffd") != NULL || strlen(plain) != strlen(ordered);
  json_t *first = plain == NULL ? NULL : json_loads(plain, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
  json_t *second = ordered == NULL ? NULL : json_loads(ordered, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
  if ((plain == NULL && ordered != NULL && strlen(ordered) + 2 < max && depth > BC_LIMIT_LUA_DATA_DEPTH) ||
      (!is_odd && (first == NULL || second == NULL || !json_equal(first, second)))) {
    abort();
  }
  if (!is_odd) {
    check_order(second);
  }
  json_decref(first);
  json_decref(second);
  free(plain);
  free(ordered);
}

static void check_line(const char *text) {
  for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
    if (*at < 0x20 || *at == 0x7f) {
      abort();
    }
  }
}

static void check_result(lua_State *L, int count) {
  struct bc_sandbox_outcome outcome = {.end = BC_SANDBOX_YIELDED};
  sandbox_result_read(L, count, &outcome);
  bool is_end = outcome.end == BC_SANDBOX_DONE || outcome.end == BC_SANDBOX_ERROR;
  if (!is_end || (outcome.end == BC_SANDBOX_ERROR) != (outcome.error[0] != '\0') ||
      (outcome.has_score && !(outcome.score >= 0 && outcome.score <= 100)) ||
      (outcome.data != NULL && strlen(outcome.data) > BC_LIMIT_LUA_DATA_BYTES)) {
    abort();
  }
  check_line(outcome.reason);
  check_line(outcome.error);
  free(outcome.data);
  free(outcome.returned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input input = {.at = data, .left = size};
  lua_State *L = luaL_newstate();
  if (L == NULL) {
    return 0;
  }
  lua_pushcfunction(L, build);
  lua_pushlightuserdata(L, &input);
  /* It may fail for tables that are odd keys of each other; then there is nothing to print. */
  if (lua_pcall(L, 1, LUA_MULTRET, 0) == LUA_OK) {
    check_json(L, BC_LIMIT_LUA_DATA_DEPTH, FUZZ_TEXT_BYTES);
    check_json(L, BC_LIMIT_LUA_JSON_DEPTH, FUZZ_TEXT_BYTES * 4);
    check_json(L, 1, 10);
    for (int count = 0; count <= 3 && count <= lua_gettop(L); count++) {
      check_result(L, count);
    }
  }
  lua_close(L);
  return 0;
}
