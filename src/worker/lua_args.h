/* The options of functions of scripts: a table with names, the last argument, which may be left out. Read-only tables
 * are read too. All of these raise, with the name and what was expected; none calls code of the script. */
#ifndef BC_WORKER_LUA_ARGS_H
#define BC_WORKER_LUA_ARGS_H

#include "base/str.h"

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

enum { BC_LUA_ARGS_MOST_MS = 3600000 };

/* The last argument, `index`, is a table, nil or absent, and has no other names than these; `known` ends with NULL. To
 * be called first: arguments behind it are dropped, and an absent one becomes nil. */
void bc_lua_args_check(lua_State *L, int index, const char *const *known);

/* Pushes the option's value (nil: it is not given). */
void bc_lua_args_push(lua_State *L, int index, const char *name);

/* Each gives `none` when the option is not given. */

/* A number of seconds, or a text with a unit: in milliseconds, 1 to BC_LUA_ARGS_MOST_MS. */
int64_t bc_lua_args_ms(lua_State *L, int index, const char *name, int64_t none);
bool bc_lua_args_bool(lua_State *L, int index, const char *name, bool none);
/* A whole number. */
int64_t bc_lua_args_integer(lua_State *L, int index, const char *name, int64_t least, int64_t most, int64_t none);
/* A text; `at` is NULL when it is not given. Valid as long as the table holds it: until the run waits. */
struct bc_str bc_lua_args_text(lua_State *L, int index, const char *name, size_t most_bytes);
/* One of these words; `words` ends with NULL. */
int bc_lua_args_choice(lua_State *L, int index, const char *name, const char *const *words, int none);

#endif
