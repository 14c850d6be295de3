/* `data`: what all scripts of a process find under names, held once, outside of Lua. */
#ifndef BC_WORKER_LUA_DATA_H
#define BC_WORKER_LUA_DATA_H

#include "base/str.h"

#include <lua.h>

struct bc_lua_data;

struct bc_lua_data *bc_lua_data_new(void);
/* After the sandboxes that have it. NULL is allowed. */
void bc_lua_data_free(struct bc_lua_data *data);

/* `json` is the value from now on; empty: there is none. */
void bc_lua_data_set(struct bc_lua_data *data, struct bc_str name, struct bc_str json);
/* From now on there are none. */
void bc_lua_data_clear(struct bc_lua_data *data);
/* Whether there are none. NULL is allowed. */
bool bc_lua_data_is_empty(const struct bc_lua_data *data);

/* Pushes the table that stands for all values, read-only: a value is decoded when a run asks for it, and then kept as
 * long as that run. pairs gives them in the order of their names. May raise. */
void bc_lua_data_push(lua_State *L);

#endif
