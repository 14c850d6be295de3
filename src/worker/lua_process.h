/* A worker process that runs scripts for core, and what each of them has: the page, the wall (worker/confine.h), the
 * channel, the shelf with its modules and data, and the results that are sent together. What the scripts are for is its
 * owner's subject. */
#ifndef BC_WORKER_LUA_PROCESS_H
#define BC_WORKER_LUA_PROCESS_H

#include "io/channel.h"
#include "io/loop.h"
#include "worker/batch.h"
#include "worker/confine.h"
#include "worker/lua_data.h"
#include "worker/page.h"
#include "worker/shelf.h"

struct bc_lua_process_kind {
  const char *title;  /* in messages: "the policy worker" */
  const char *script; /* the name of every script in its errors (bc_shelf_new) */
  enum bc_confine_reach reach;
  enum bc_msg_type results;                                   /* the message that holds several (worker/batch.h) */
  void (*message)(void *owner, const struct bc_msg *message); /* hands what is not its own to bc_lua_process_take */
};

/* A part of what its owner keeps; for reading. */
struct bc_lua_process {
  const struct bc_lua_process_kind *kind;
  void *owner;
  char confinement[BC_CONFINE_TEXT_BYTES];
  struct bc_loop *loop;
  struct bc_lua_page *page;
  struct bc_channel *channel;
  struct bc_lua_data *data;
  struct bc_shelf *shelf;
  struct bc_batch batch;
};

enum { BC_LUA_PROCESS_EXIT_OK = 0, BC_LUA_PROCESS_EXIT_TROUBLE = 1, BC_LUA_PROCESS_EXIT_PARENT_GONE = 2 };

/* Takes the page, ties the process to core, confines it and makes the loop; to be called first, and once. Another exit
 * code than BC_LUA_PROCESS_EXIT_OK, which was logged: the process must end with it at once. `kind` must outlive it. */
BC_MUST_CHECK int bc_lua_process_enter(struct bc_lua_process *process, const struct bc_lua_process_kind *kind);
/* Makes the rest and says HELLO; messages come to the kind's `message` with `owner`. The sandboxes get
 * `options`, and their `data` from here. */
void bc_lua_process_open(struct bc_lua_process *process, const struct bc_sandbox_options *options, void *owner);
/* A message that cannot be sent is logged. */
void bc_lua_process_send(struct bc_lua_process *process, const struct bc_msg *message);
/* What every such worker does with a message: LUA_MODULE, LUA_MODULE_REMOVE, LUA_DATA and STOP; another is logged. */
void bc_lua_process_take(struct bc_lua_process *process, const struct bc_msg *message);
/* The answer to PING `number`. */
void bc_lua_process_pong(struct bc_lua_process *process, uint64_t number, unsigned running, unsigned known);
/* Undoes bc_lua_process_open, after all places of the shelf have been left … */
void bc_lua_process_close(struct bc_lua_process *process);
/* … and this bc_lua_process_enter, after all else that uses the loop has been released. */
void bc_lua_process_leave(struct bc_lua_process *process);

#endif
