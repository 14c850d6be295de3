#include "worker/lua_data.h"

#include "base/mem.h"
#include "base/tree.h"
#include "worker/lua_module.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

struct data_value {
  RB_ENTRY(data_value) link;
  struct bc_str name;
  struct bc_str json;
};
RB_HEAD(data_values, data_value);

struct bc_lua_data {
  struct data_values values;
};

/* In the registry of a state: the table that stands for all. */
static const char data_table_key;

static int data_compare(const struct data_value *a, const struct data_value *b) {
  size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
  int order = len == 0 ? 0 : memcmp(a->name.at, b->name.at, len);
  return order != 0 ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

BC_TREE(data_values, data_value, link, data_compare)

struct bc_lua_data *bc_lua_data_new(void) {
  struct bc_lua_data *data = bc_mem_new(1, sizeof *data);
  RB_INIT(&data->values);
  return data;
}

static void data_remove(struct bc_lua_data *data, struct data_value *value) {
  (void)RB_REMOVE(data_values, &data->values, value);
  free(value);
}

void bc_lua_data_clear(struct bc_lua_data *data) {
  while (!RB_EMPTY(&data->values)) {
    data_remove(data, RB_ROOT(&data->values));
  }
}

void bc_lua_data_free(struct bc_lua_data *data) {
  if (data != NULL) {
    bc_lua_data_clear(data);
  }
  free(data);
}

static struct data_value *data_find(const struct bc_lua_data *data, struct bc_str name) {
  struct data_value key = {.name = name};
  return data == NULL ? NULL : RB_FIND(data_values, (struct data_values *)&data->values, &key);
}

void bc_lua_data_set(struct bc_lua_data *data, struct bc_str name, struct bc_str json) {
  struct data_value *old = data_find(data, name);
  if (old != NULL) {
    data_remove(data, old);
  }
  if (json.len == 0) {
    return;
  }
  struct data_value *value = bc_mem_new(1, sizeof *value + name.len + json.len);
  char *bytes = (char *)(value + 1);
  if (name.len > 0) {
    memcpy(bytes, name.at, name.len);
  }
  memcpy(bytes + name.len, json.at, json.len);
  value->name = (struct bc_str){bytes, name.len};
  value->json = (struct bc_str){bytes + name.len, json.len};
  (void)RB_INSERT(data_values, &data->values, value);
}

bool bc_lua_data_is_empty(const struct bc_lua_data *data) {
  return data == NULL || RB_EMPTY(&data->values);
}

/* ---- for scripts ---- */

static const struct bc_lua_data *data_of(lua_State *L) {
  const struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  return run == NULL ? NULL : run->check->sandbox->options.data;
}

/* Pushes what this run has decoded. */
static void data_push_decoded(lua_State *L) {
  struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  if (!run->has_data) {
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &run->has_data);
    run->has_data = true;
  }
  (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &run->has_data);
}

static void data_push_value(lua_State *L, const struct data_value *value) {
  luaL_checkstack(L, 8, NULL);
  data_push_decoded(L);
  (void)lua_pushlstring(L, value->name.at, value->name.len);
  lua_pushvalue(L, -1);
  if (lua_rawget(L, -3) == LUA_TNIL) {
    lua_pop(L, 1);
    bc_lua_json_push(L, value->json);
    if (lua_istable(L, -1)) {
      bc_lua_freeze_deep(L);
    } else if (lua_islightuserdata(L, -1)) {
      /* null */
      lua_pop(L, 1);
      lua_pushnil(L);
    }
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5);
  }
  lua_insert(L, -3);
  lua_pop(L, 2);
}

static int data_index(lua_State *L) {
  struct bc_str name = {0};
  if (lua_type(L, 2) == LUA_TSTRING) {
    name.at = lua_tolstring(L, 2, &name.len);
    sandbox_policy_note_read(bc_sandbox_run_of(L), name);
  }
  const struct data_value *value = name.at == NULL ? NULL : data_find(data_of(L), name);
  if (value == NULL) {
    lua_pushnil(L);
  } else {
    data_push_value(L, value);
  }
  return 1;
}

static int data_newindex(lua_State *L) {
  return luaL_error(L, "attempt to change data, which is read-only");
}

static int data_next(lua_State *L) {
  const struct bc_lua_data *data = data_of(L);
  struct data_value key = {0};
  const struct data_value *value = NULL;
  if (lua_type(L, 2) == LUA_TSTRING) {
    key.name.at = lua_tolstring(L, 2, &key.name.len);
  }
  if (data != NULL) {
    struct data_values *values = (struct data_values *)&data->values;
    value = key.name.at == NULL ? RB_MIN(data_values, values) : RB_NFIND(data_values, values, &key);
    bool is_same = value != NULL && key.name.at != NULL && data_compare(value, &key) == 0;
    value = is_same ? RB_NEXT(data_values, values, (struct data_value *)value) : value;
  }
  if (value == NULL) {
    return 0;
  }
  (void)lua_pushlstring(L, value->name.at, value->name.len);
  data_push_value(L, value);
  return 2;
}

static int data_pairs(lua_State *L) {
  sandbox_policy_note_all_read(bc_sandbox_run_of(L));
  lua_pushcfunction(L, data_next);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

void bc_lua_data_push(lua_State *L) {
  static const luaL_Reg events[] = {
      {"__index", data_index}, {"__newindex", data_newindex}, {"__pairs", data_pairs}, {NULL, NULL}};
  luaL_checkstack(L, 6, NULL);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &data_table_key) != LUA_TNIL) {
    return;
  }
  lua_pop(L, 1);
  lua_newtable(L);
  luaL_newlib(L, events);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &data_table_key);
}
