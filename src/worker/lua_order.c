#include "worker/lua_order.h"

#include "base/limits.h"
#include "base/str.h"
#include "worker/lua_module.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum { ORDER_FEW = 32 };

enum order_rank { ORDER_NUMBER, ORDER_TEXT, ORDER_BOOLEAN, ORDER_NULL, ORDER_OTHER };

struct order_key {
  enum order_rank rank;
  bool is_integer;
  lua_Integer integer;
  lua_Number number;
  struct bc_str text; /* of the key itself, which the table holds */
  lua_Integer place;
};

/* ---- keys ---- */

static struct order_key order_read(lua_State *L, int index) {
  struct order_key key = {.rank = ORDER_OTHER};
  switch (lua_type(L, index)) {
  case LUA_TNUMBER:
    key.rank = ORDER_NUMBER;
    key.is_integer = lua_isinteger(L, index) != 0;
    key.integer = key.is_integer ? lua_tointeger(L, index) : 0;
    key.number = lua_tonumber(L, index);
    break;
  case LUA_TSTRING:
    key.rank = ORDER_TEXT;
    key.text.at = lua_tolstring(L, index, &key.text.len);
    break;
  case LUA_TBOOLEAN:
    key.rank = ORDER_BOOLEAN;
    key.is_integer = true;
    key.integer = lua_toboolean(L, index);
    break;
  case LUA_TLIGHTUSERDATA:
    key.rank = ORDER_NULL;
    break;
  default:
    break;
  }
  return key;
}

static int order_compare_texts(struct bc_str a, struct bc_str b) {
  int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
  return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int order_compare(const void *one, const void *other) {
  const struct order_key *a = one;
  const struct order_key *b = other;
  if (a->rank != b->rank) {
    return (a->rank > b->rank) - (a->rank < b->rank);
  }
  if (a->rank == ORDER_TEXT) {
    return order_compare_texts(a->text, b->text);
  }
  if (a->is_integer && b->is_integer) {
    return (a->integer > b->integer) - (a->integer < b->integer);
  }
  if (a->number != b->number) {
    return a->number < b->number ? -1 : 1;
  }
  /* A float as a key is never whole, or beyond all integers: those that round to it are smaller. */
  return (int)b->is_integer - (int)a->is_integer;
}

static int order_refuse(lua_State *L) {
  return luaL_error(L, "a table with two keys that are neither numbers nor texts has no order");
}

/* ---- pairs ---- */

/* Pushes the keys of the table in their order, as a list; or how many there are, when they are 1, 2, 3 …: a number. */
static void order_push_keys(lua_State *L, int table) {
  lua_Integer count = 0;
  unsigned others = 0;
  bool is_list = true;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
    count++;
    is_list = is_list && lua_isinteger(L, -2) != 0 && lua_tointeger(L, -2) == count;
    others += order_read(L, -2).rank == ORDER_OTHER ? 1 : 0;
  }
  if (others > 1) {
    (void)order_refuse(L);
  }
  if (is_list) {
    lua_pushinteger(L, count);
    return;
  }
  struct order_key few[ORDER_FEW];
  struct order_key *keys = few;
  int top = lua_gettop(L);
  if (count > ORDER_FEW) {
    keys = lua_newuserdatauv(L, (size_t)count * sizeof *keys, 0);
  }
  lua_createtable(L, (int)count, 0);
  int unsorted = lua_gettop(L);
  lua_Integer place = 0;
  for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
    keys[place] = order_read(L, -2);
    keys[place].place = place + 1;
    lua_pushvalue(L, -2);
    lua_rawseti(L, unsorted, ++place);
  }
  qsort(keys, (size_t)count, sizeof *keys, order_compare);
  lua_createtable(L, (int)count, 0);
  for (lua_Integer i = 0; i < count; i++) {
    (void)lua_rawgeti(L, unsorted, keys[i].place);
    lua_rawseti(L, -2, i + 1);
  }
  lua_insert(L, top + 1);
  lua_settop(L, top + 1);
}

/* Upvalues: the table, its keys (or their number), the place of the key that was given last. */
static int order_step(lua_State *L) {
  lua_Integer place = lua_isnoneornil(L, 2) ? 0 : lua_tointeger(L, lua_upvalueindex(3));
  bool is_list = lua_isinteger(L, lua_upvalueindex(2)) != 0;
  lua_Integer count = is_list ? lua_tointeger(L, lua_upvalueindex(2)) : (lua_Integer)lua_rawlen(L, lua_upvalueindex(2));
  while (place < count) {
    place++;
    if (is_list) {
      lua_pushinteger(L, place);
    } else {
      (void)lua_rawgeti(L, lua_upvalueindex(2), place);
    }
    lua_pushvalue(L, -1);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
      lua_pushinteger(L, place);
      lua_replace(L, lua_upvalueindex(3));
      return 2;
    }
    lua_pop(L, 2);
  }
  return 0;
}

int bc_lua_order_push_loop(lua_State *L, int real, int face) {
  real = lua_absindex(L, real);
  face = lua_absindex(L, face);
  lua_pushvalue(L, real);
  order_push_keys(L, real);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, order_step, 3);
  lua_pushvalue(L, face);
  lua_pushnil(L);
  return 3;
}

int bc_lua_order_pairs(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
    lua_insert(L, 1);
    lua_call(L, 1, 3);
    return 3;
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  return bc_lua_order_push_loop(L, 1, 1);
}

/* ---- next ---- */

int bc_lua_order_next(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  if (bc_lua_push_thawed(L, 1)) {
    lua_replace(L, 1);
  }
  bool is_first = lua_isnil(L, 2);
  struct order_key after = order_read(L, 2);
  struct order_key best = {.rank = ORDER_NUMBER};
  bool has_best = false;
  unsigned others = 0;
  /* 3: the best key */
  lua_pushnil(L);
  for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
    struct order_key key = order_read(L, -2);
    others += key.rank == ORDER_OTHER ? 1 : 0;
    bool is_behind = is_first || order_compare(&key, &after) > 0;
    if (is_behind && (!has_best || order_compare(&key, &best) < 0)) {
      best = key;
      has_best = true;
      lua_copy(L, -2, 3);
    }
  }
  if (others > 1) {
    return order_refuse(L);
  }
  if (!has_best) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushvalue(L, 3);
  (void)lua_rawget(L, 1);
  return 2;
}

/* ---- sort ---- */

enum { SORT_TABLE = 1, SORT_BEFORE, SORT_VALUES };

/* Whether element `b`, which stands behind element `a`, must come before it. */
static bool sort_must_swap(lua_State *L, lua_Integer a, lua_Integer b) {
  bool is_before;
  if (lua_isnil(L, SORT_BEFORE)) {
    (void)lua_rawgeti(L, SORT_VALUES, b);
    (void)lua_rawgeti(L, SORT_VALUES, a);
    is_before = lua_compare(L, -2, -1, LUA_OPLT) != 0;
    lua_pop(L, 2);
  } else {
    lua_pushvalue(L, SORT_BEFORE);
    (void)lua_rawgeti(L, SORT_VALUES, b);
    (void)lua_rawgeti(L, SORT_VALUES, a);
    lua_call(L, 2, 1);
    is_before = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
  }
  return is_before;
}

/* The two sorted pieces of `from`, that from `at` and that from `middle` to before `end`, become one in `to`. */
static void sort_merge(lua_State *L, const int *from, int *to, int at, int middle, int end) {
  int left = at;
  int right = middle;
  for (int i = at; i < end; i++) {
    bool takes_right = left >= middle || (right < end && sort_must_swap(L, from[left], from[right]));
    to[i] = takes_right ? from[right++] : from[left++];
  }
}

int bc_lua_order_sort(lua_State *L) {
  int count = (int)lua_rawlen(L, SORT_TABLE);
  if (!lua_isnoneornil(L, SORT_BEFORE)) {
    luaL_checktype(L, SORT_BEFORE, LUA_TFUNCTION);
  }
  lua_settop(L, SORT_BEFORE);
  lua_createtable(L, count, 0);
  for (int i = 1; i <= count; i++) {
    (void)lua_rawgeti(L, SORT_TABLE, i);
    lua_rawseti(L, SORT_VALUES, i);
  }
  int *places = lua_newuserdatauv(L, ((size_t)count + 1) * 2 * sizeof *places, 0);
  int *other = places + count;
  for (int i = 0; i < count; i++) {
    places[i] = i + 1;
  }
  for (int width = 1; width < count; width *= 2) {
    for (int at = 0; at < count; at += 2 * width) {
      int middle = at + width < count ? at + width : count;
      int end = middle + width < count ? middle + width : count;
      sort_merge(L, places, other, at, middle, end);
    }
    int *swapped = places;
    places = other;
    other = swapped;
  }
  for (int i = 0; i < count; i++) {
    (void)lua_rawgeti(L, SORT_VALUES, places[i]);
    lua_rawseti(L, SORT_TABLE, i + 1);
  }
  return 0;
}
