/* Lua values as JSON and as plain text. Nothing here runs code of a script, raises, or allocates by Lua. */
#ifndef BC_WORKER_LUA_VALUE_H
#define BC_WORKER_LUA_VALUE_H

#include "base/buf.h"
#include "base/err.h"

#include <lua.h>
#include <stddef.h>

/* The value at `index` as JSON, added to `to`, whose maximum bounds the work. Tables whose keys are 1 … n are arrays,
 * others objects (an empty one too; whole numbers as keys become texts); metatables do not count, but read-only tables
 * are read; nil and json.null are null. Bytes that are not UTF-8 become U+FFFD. BC_ERR_LIMIT: too long, or deeper than
 * `depth` tables (also what holds itself). BC_ERR_UNSUPPORTED: functions, NaN, infinity, keys of other types. `to` may
 * then hold a part. */
BC_MUST_CHECK enum bc_err bc_lua_value_print(lua_State *L, int index, int depth, struct bc_buf *to);

/* The same with the members of objects in the order of their names, so that equal values give equal texts; of two keys
 * with one name (1 and "1") one is left out. */
BC_MUST_CHECK enum bc_err bc_lua_value_print_in_order(lua_State *L, int index, int depth, struct bc_buf *to);

/* A JSON string; bytes that are not UTF-8 become U+FFFD. */
void bc_lua_value_print_text(struct bc_str text, struct bc_buf *to);

/* `text` as one line of UTF-8 without control characters, cut to fit `size` bytes with its NUL. */
void bc_lua_value_clean(struct bc_str text, char *to, size_t size);

#endif
