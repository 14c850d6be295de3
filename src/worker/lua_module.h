/* What modules for scripts are made of.
 *
 * A module is a file lua_NAME.c with bc_lua_NAME_open and a line in lua_modules.def; the sandbox makes its table
 * read-only. Its functions are called by scripts and so bound what they do: one call may last some tenths of a second
 * at most and must not fill memory outside Lua's allocator. They may raise; whoever holds something that Lua does not
 * know of must not (lua_error jumps over C).
 *
 * A function that waits for time alone ends with `return bc_sandbox_wait(L, wait_ms, cancel, arg, continuation)`. When
 * the wait is over the host resumes the run, and the continuation returns the results; when the run ends before,
 * `cancel` releases what arg is. One that waits for something outside rests on lua_call.h. I/O errors are returned
 * (nil, text, code) and noted; wrong arguments raise. */
#ifndef BC_WORKER_LUA_MODULE_H
#define BC_WORKER_LUA_MODULE_H

#include "base/buf.h"

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

/* Each pushes one table and returns 1. Called once for each state, without a limit of CPU time; may raise for want of
 * memory. */
#define BC_LUA_MODULE(name, users) int bc_lua_##name##_open(lua_State *L);
#include "worker/lua_modules.def"
#undef BC_LUA_MODULE

/* ---- the run that calls ---- */

struct bc_sandbox_run;

/* One thread of a run: that of the script itself, or one of `parallel`. */
struct bc_sandbox_task;

/* Whether the scripts of this state are policies: what they say may rest on nothing but what they are given. */
bool bc_sandbox_is_pure(lua_State *L);
/* An empty buffer of BC_LIMIT_LUA_JSON_BYTES, the run's: valid until the next call of this. A function may raise while
 * it holds it. Only inside a run. */
struct bc_buf *bc_sandbox_scratch(lua_State *L);
/* NULL while a state is set up. */
struct bc_sandbox_run *bc_sandbox_run_of(lua_State *L);
struct bc_sandbox_task *bc_sandbox_task_of(lua_State *L);
/* What the sandbox was given for calls to the outside; NULL: nothing. */
struct bc_lua_io *bc_sandbox_io_of(lua_State *L);
/* The run waits: its end is YIELDED with `wait_ms`. `cancel` (or NULL) is called with `arg` if it is not resumed any
 * more; not after the continuation was entered. Raises inside a callback of string.gsub or table.sort, which cannot
 * wait; then `cancel` has been called. */
int bc_sandbox_wait(lua_State *L, int64_t wait_ms, void (*cancel)(void *arg), void *arg, lua_KFunction continuation);
/* What this task waits for is ready: its run goes on, soon. From a callback of the loop, or from inside another thread
 * of its run. */
void bc_sandbox_wake(struct bc_sandbox_task *task);
void bc_sandbox_note_io_failure(lua_State *L);
/* It was this node that refused a call, not who was called. */
void bc_sandbox_note_refusal(lua_State *L, const char *text);
/* One line into the run's log; cleaned and cut. */
void bc_sandbox_log(lua_State *L, const char *level, struct bc_str text);
/* For a call into a library that would leak if an allocation failed inside: lets `bytes` more pass the cap until the
 * next call with 0. Afterwards raises "not enough memory" if, after a collection, it is still passed. */
void bc_sandbox_lift_memory(lua_State *L, size_t bytes);

/* ---- lua_base.c ---- */

/* Pushes the table of what scripts find besides modules (assert, pairs, tostring …); 1. */
int bc_lua_base_open(lua_State *L);
/* Pushes a new table with these functions of the system's library `open` (luaopen_string …); `names` ends with NULL. */
void bc_lua_pick(lua_State *L, lua_CFunction open, const char *const *names);
/* Puts function `wrapper` in place of member `name` of the table on top, with the member as its first upvalue. */
void bc_lua_wrap(lua_State *L, const char *name, lua_CFunction wrapper);
/* Calls the function that the running wrapper stands in for, with the arguments as they are on the stack. Only for
 * functions of the system's Lua that have no upvalues. */
int bc_lua_call_wrapped(lua_State *L);
/* Pushes argument `index` as a text, without addresses, as scripts see it: may call __tostring. */
void bc_lua_push_text(lua_State *L, int index);

/* ---- lua_freeze.c ---- */

/* Puts a read-only table in place of the one on top: reading, #, pairs and ipairs work; writing raises; `next` and the
 * functions of `table` see nothing. */
void bc_lua_freeze(lua_State *L);
/* The same for all tables in it, to a depth of BC_LIMIT_LUA_JSON_DEPTH; the table must not hold itself. */
void bc_lua_freeze_deep(lua_State *L);
/* Pushes what the read-only table at `index` stands for: true. Pushes nothing: false. For C only: scripts could write
 * to it. Never raises. */
bool bc_lua_push_thawed(lua_State *L, int index);

/* ---- lua_json.c ---- */

/* Pushes the value of a JSON text of at most BC_LIMIT_LUA_JSON_BYTES; raises when it is none. */
void bc_lua_json_push(lua_State *L, struct bc_str text);
/* The same without what is null: such members are not there. */
void bc_lua_json_push_plain(lua_State *L, struct bc_str text);

#endif
