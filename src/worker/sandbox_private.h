/* What the files of the sandbox share: states and checks (sandbox.c), memory (sandbox_memory.c), CPU time
 * (sandbox_burst.c), runs (sandbox_run.c), what runs return (sandbox_result.c). */
#ifndef BC_WORKER_SANDBOX_PRIVATE_H
#define BC_WORKER_SANDBOX_PRIVATE_H

#include "worker/lua_call.h"
#include "worker/sandbox.h"

#include <lua.h>

enum { SANDBOX_POOL = 4 };

struct sandbox_memory {
  size_t used;
  size_t peak;
  size_t cap;
  size_t lift; /* beyond the cap, for a moment: bc_lua_lift */
  bool is_hard;
  bool refused; /* the last growth: the next attempt, after a collection, is let through (is_hard) */
};

struct bc_sandbox {
  lua_State *L;
  struct sandbox_memory memory;
  struct bc_sandbox_options options; /* with the defaults filled in */
  unsigned checks;
  lua_State *idle[SANDBOX_POOL]; /* coroutines that ended well, each in the registry under its own address */
  unsigned idle_count;
};

struct bc_sandbox_check {
  struct bc_sandbox *sandbox;
  unsigned runs;
  bool has_globals; /* the registry holds a table of them under our address */
};

struct bc_sandbox_run {
  struct bc_sandbox_check *check;
  lua_State *co; /* NULL: not begun, or over */
  struct bc_sandbox_outcome outcome;
  struct bc_buf log;
  size_t log_dropped;
  /* While it waits: how to undo that. */
  void (*cancel)(void *arg);
  void *cancel_arg;
  void (*ready)(void *arg); /* NULL: nobody wants to know */
  void *ready_arg;
  LIST_HEAD(, bc_lua_held) held; /* released at its end */
  unsigned held_count;
};

/* ---- sandbox_memory.c ---- */

void *sandbox_memory_alloc(void *memory, void *old, size_t old_size, size_t size);

/* ---- sandbox_burst.c ---- */

/* From here on, until sandbox_burst_leave, `co` has `burst_ms` of this thread's CPU time. One at a time. */
void sandbox_burst_enter(lua_State *co, unsigned burst_ms);
/* True: it was over its time, at `*line` (0 = not known), and must not be resumed. `cpu_us` is added to. */
bool sandbox_burst_leave(uint64_t *cpu_us, size_t *line);

/* ---- sandbox_result.c ---- */

/* Reads the `count` values on top of `co` into `outcome`: DONE, or ERROR with its text. Runs no code of the script,
 * never raises. */
void sandbox_result_read(lua_State *co, int count, struct bc_sandbox_outcome *outcome);
/* The error value on top of `co`, and the line. */
void sandbox_result_read_error(lua_State *co, struct bc_sandbox_outcome *outcome);

/* The key of the compiled script in the registry. */
extern const char sandbox_script_key;

#endif
