/* Which modules a Lua text requires, as far as their names stand in it as plain texts: require "x", require('x'),
 * require[[x]], pcall(require, "x"). Pure; linear in the text; no Lua needed.
 *
 * Comments, strings and long brackets are told apart as Lua does (manual, 3.1), but the text need not be good Lua. A
 * field or a method of that name (a.require "x") is another function, and a name with an escape in it, or joined with
 * something (require("a" .. b)), is none that can be known: they are not found. */
#ifndef BC_MODEL_LUA_REQUIRE_H
#define BC_MODEL_LUA_REQUIRE_H

#include "base/str.h"

/* Where to begin: behind a first line that begins with '#', which Lua skips. */
struct bc_str bc_lua_require_begin(struct bc_str text);

/* Takes the next of these names from *rest, which is at first what bc_lua_require_begin gave. Only those that can be
 * the name of a key (model/name.h); as often as they stand there. False after the last. */
bool bc_lua_require_next(struct bc_str *rest, struct bc_str *name);

#endif
