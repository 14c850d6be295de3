/* Lua values as bytes, to carry them from one state into another. For C only: the bytes are not checked. */
#ifndef BC_WORKER_LUA_PACK_H
#define BC_WORKER_LUA_PACK_H

#include "base/buf.h"

#include <lua.h>

/* Adds the value at `index`: any bytes in texts; tables to a depth of BC_LIMIT_LUA_JSON_DEPTH, without metatables
 * (read-only ones are read); of what cannot be carried (functions, connections) the name of its type. Never raises;
 * what is too long fails the buffer. */
void bc_lua_pack(lua_State *L, int index, struct bc_buf *to);
/* Adds the values `first` to `last` as one table with their number as `n`. */
void bc_lua_pack_list(lua_State *L, int first, int last, struct bc_buf *to);
/* Pushes what bc_lua_pack has made. May raise for want of memory. */
void bc_lua_unpack(lua_State *L, struct bc_str packed);

#endif
