/* announce, withdraw, keep, admit, refuse: the words of policies. What they give is opaque to scripts and holds the
 * verdict as the JSON text that is told. */
#ifndef BC_WORKER_LUA_POLICY_H
#define BC_WORKER_LUA_POLICY_H

#include "base/str.h"

#include <lua.h>

/* Puts them into the table on top. May raise for want of memory. */
void bc_lua_policy_open(lua_State *L);
/* The verdict at `index`: {"again_in":…,"attributes":{…},"reason":…,"verdict":…}, members sorted, those that were not
 * given left out. `at` is NULL when the value is none. Valid as long as the value; never raises. */
struct bc_str bc_lua_policy_verdict(lua_State *L, int index);

#endif
