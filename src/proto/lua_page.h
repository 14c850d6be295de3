/* The page of memory that core shares with a Lua worker: what the worker is inside of right now.
 *
 * A call into C cannot be interrupted from within the process, so core looks from outside. The worker writes, core
 * reads. `job` is written last when work begins and is zero while none is done. The CPU time is that of the whole
 * process at that moment, which core can ask for too. */
#ifndef BC_PROTO_LUA_PAGE_H
#define BC_PROTO_LUA_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

enum { BC_LUA_PAGE_FD = 4, BC_LUA_PAGE_BYTES = 4096 };

struct bc_lua_page {
  _Atomic uint64_t cpu_us;
  _Atomic uint32_t generation;
  _Atomic uint32_t job; /* id of the check and one; 0: none */
};

#endif
