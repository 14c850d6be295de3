/* Tables in an order of their own, for scripts whose result must not depend on the process that they run in: Lua's
 * order of keys rests on addresses and on chance, its sort on the clock.
 *
 * The order of keys: numbers, texts (byte by byte), false, true, json.null, then one key of another type. Two of these
 * (tables, functions) have no order: an error. */
#ifndef BC_WORKER_LUA_ORDER_H
#define BC_WORKER_LUA_ORDER_H

#include <lua.h>

/* Functions of scripts, in place of the system's; read-only tables are gone through too. A loop by pairs sees the keys
 * that were there when it began, without those that it meanwhile removed. */
int bc_lua_order_pairs(lua_State *L);
/* A search in all keys at each step. */
int bc_lua_order_next(lua_State *L);
/* table.sort, stable: what is equal stays as it was. An error leaves the table as it was. */
int bc_lua_order_sort(lua_State *L);

/* Pushes the three values of a loop over the table at `real`, which scripts know as the value at `face`. May raise. */
int bc_lua_order_push_loop(lua_State *L, int real, int face);

#endif
