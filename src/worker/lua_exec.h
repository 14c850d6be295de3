/* The module `exec` of scripts, and its way to core, which has the programs run by another process.
 *
 *   exec.run({PROGRAM, WORD …}, {timeout, input = "", max_output = 16384})
 *     {code = 0 or nil, signal = nil or 9, stdout = …, stderr = …, truncated = bool, took = seconds} */
#ifndef BC_WORKER_LUA_EXEC_H
#define BC_WORKER_LUA_EXEC_H

#include "proto/msg.h"

#include <stdbool.h>

/* One for each process that has such a way; a member of struct bc_lua_io. */
struct bc_lua_exec;

/* `send` takes LUA_EXEC and LUA_EXEC_CANCEL; false: it could not be sent. */
struct bc_lua_exec *bc_lua_exec_new(bool (*send)(void *arg, const struct bc_msg *message), void *arg);
/* After the sandboxes. NULL is allowed. */
void bc_lua_exec_free(struct bc_lua_exec *exec);
/* The answer to LUA_EXEC; one that nobody waits for any more is dropped. */
void bc_lua_exec_on_result(struct bc_lua_exec *exec, const struct bc_msg_lua_exec_result *result);

#endif
