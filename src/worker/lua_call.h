/* A call of a script that waits for something outside, and what a run holds from one call to the next.
 *
 *   static int udp_exchange(lua_State *L) {
 *     … read all arguments (may raise) …
 *     struct udp_call *call = bc_lua_call_new(L, &udp_kind);
 *     if (call == NULL) {
 *       return bc_lua_call_refuse(L);
 *     }
 *     … start; nothing here may raise, so texts of Lua are copied before or taken as they are …
 *     return bc_lua_call_wait(L, &call->base, timeout_ms);
 *   }
 *
 * Whatever was started ends by bc_lua_call_done or bc_lua_call_fail, later, from a callback of the loop. */
#ifndef BC_WORKER_LUA_CALL_H
#define BC_WORKER_LUA_CALL_H

#include "base/enum_text.h"
#include "base/err.h"
#include "io/stream.h"
#include "worker/lua_io.h"
#include "worker/lua_module.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* name, the third value that a failed call returns. LOCAL ones come from this node, so they say nothing of who was
 * called: a run with one of these counts only if it passes. */
#define BC_LUA_CODE_LIST(X)                                                                                            \
  X(BC_LUA_OK, "ok")                                                                                                   \
  X(BC_LUA_TIMEOUT, "timeout")         /* the call's own timeout */                                                    \
  X(BC_LUA_REFUSED, "refused")         /* nobody listens */                                                            \
  X(BC_LUA_UNREACHABLE, "unreachable") /* no way there */                                                              \
  X(BC_LUA_RESET, "reset")             /* cut off by the other side */                                                 \
  X(BC_LUA_CLOSED, "closed")           /* ended by the other side, or by us */                                         \
  X(BC_LUA_RESOLVE, "resolve")         /* the name has no address, or nobody says so: `host` */                        \
  X(BC_LUA_EGRESS, "egress")           /* LOCAL: this node does not allow it */                                        \
  X(BC_LUA_TLS, "tls")                 /* handshake or certificate */                                                  \
  X(BC_LUA_PROTOCOL, "protocol")       /* what came is not what was to come */                                         \
  X(BC_LUA_TOO_LONG, "toolong")        /* what came is longer than the call takes */                                   \
  X(BC_LUA_LIMIT, "limit")             /* LOCAL: too many at once, too much work */                                    \
  X(BC_LUA_DENIED, "denied")           /* LOCAL: the node file does not allow it */                                    \
  X(BC_LUA_NOT_FOUND, "notfound")      /* no such program */                                                           \
  X(BC_LUA_PERMISSION, "permission")   /* LOCAL: the kernel forbids it */                                              \
  X(BC_LUA_UNSUPPORTED, "unsupported") /* LOCAL: not in this process */                                                \
  X(BC_LUA_IO, "io")                   /* anything else */

enum bc_lua_code { BC_LUA_CODE_LIST(BC_ENUM_MEMBER) };
const char *bc_lua_code_text(enum bc_lua_code value);
bool bc_lua_code_is_local(enum bc_lua_code value);
/* Of an errno of connect, send, recv: ECONNREFUSED is REFUSED … */
enum bc_lua_code bc_lua_code_of_errno(int error);
enum bc_lua_code bc_lua_code_of_stream(enum bc_stream_error error);

/* ---- what a run holds: released at its end at the latest ---- */

enum { BC_LUA_NO_TIMEOUT = -1, BC_LUA_PLACE_BYTES = 160 };

struct bc_lua_held {
  LIST_ENTRY(bc_lua_held) link;
  struct bc_sandbox_run *run;
  struct bc_lua_io *io;
  void (*release)(struct bc_lua_held *held); /* frees it; it is off the lists already */
};

/* Enters it for the run that calls. False, with nothing done, when there is no I/O here, or the run holds
 * BC_LIMIT_LUA_CALLS, or the process BC_LIMIT_LUA_CALLS_ALL: then `return bc_lua_call_refuse(L)`. */
bool bc_lua_hold(lua_State *L, struct bc_lua_held *held, void (*release)(struct bc_lua_held *held));
/* Takes it off the lists and releases it. */
void bc_lua_let_go(struct bc_lua_held *held);

/* ---- calls ---- */

struct bc_lua_call;
struct bc_lua_ask;

enum { BC_LUA_CALL_AGAIN = -1 };

struct bc_lua_host;

struct bc_lua_call_kind {
  size_t size; /* of the struct that begins with a struct bc_lua_call */
  /* Ends what was started: no callback comes afterwards. Also called when it has ended, then at its release. May be
   * NULL. */
  void (*stop)(struct bc_lua_call *call);
  /* Releases what else it has, but not the struct; behind `stop`. May be NULL. */
  void (*free)(struct bc_lua_call *call);
  /* It ended well: pushes the results, returns their number. May raise, and may itself fail:
   * `return bc_lua_call_push_failure(L, …)`. BC_LUA_CALL_AGAIN, with nothing pushed: what came does not suffice, it
   * goes on to wait within its timeout. */
  int (*finish)(lua_State *L, struct bc_lua_call *call);
};

struct bc_lua_call {
  struct bc_lua_held held;
  const struct bc_lua_call_kind *kind;
  struct bc_sandbox_task *task; /* that waits for it; NULL: it is not waited for yet */
  struct bc_timer *timer;       /* NULL: it has no timeout of its own */
  int64_t timeout_ms;
  struct bc_mono deadline; /* not set: none of its own */
  unsigned grace;          /* rounds of the loop that a timeout still waits for what came in time */
  /* Whose name is looked up first, for a call that is not about names: what DNS does not tell in time, or cannot, says
   * nothing of who was to be called, so it counts as LOCAL ones do. NULL: there is none. */
  const struct bc_lua_host *host;
  struct bc_lua_ask *ask; /* how it is answered in place of the network; NULL: it is not (lua_fake.h) */
  bool is_done;
  bool is_ours; /* it failed by that */
  enum bc_lua_code code;
  struct bc_fault fault;
  char place[BC_LUA_PLACE_BYTES]; /* stands before the text of a timeout: "10.0.0.1 port 53" */
};

/* A zeroed struct of kind->size, held by the run. NULL as bc_lua_hold. */
void *bc_lua_call_new(lua_State *L, const struct bc_lua_call_kind *kind);
/* Pushes why bc_lua_call_new or bc_lua_hold gave nothing: nil, text, code; 3. */
int bc_lua_call_refuse(lua_State *L);
/* Pushes nil, text, code and notes the failure; 3. */
int bc_lua_call_push_failure(lua_State *L, enum bc_lua_code code, const char *text);

void bc_lua_call_set_place(struct bc_lua_call *call, const char *format, ...) BC_PRINTF(2, 3);
/* Waits, `timeout_ms` at most (BC_LUA_NO_TIMEOUT: until the run's own end), then pushes what `finish` gives, or nil,
 * text, code. The call is released then, or with the run. Also for a call that is done already. */
int bc_lua_call_wait(lua_State *L, struct bc_lua_call *call, int64_t timeout_ms);
/* From callbacks of the loop, before bc_lua_call_wait, or from another thread of the run. Only the first of these
 * counts. */
void bc_lua_call_done(struct bc_lua_call *call);
void bc_lua_call_fail(struct bc_lua_call *call, enum bc_lua_code code, const char *format, ...) BC_PRINTF(3, 4);
/* The run is over its time: notes as a refusal of this node if a call of it still waits for DNS to tell a name. */
void bc_lua_call_note_waits(struct bc_sandbox_run *run);

/* ---- where time is made up (lua_fake.h): no timer of the loop ends these calls ---- */

/* The first of those at which a call that waits is over its timeout; not set: none is. */
struct bc_mono bc_lua_call_next_deadline(const struct bc_sandbox_run *run);
/* Ends those that are over theirs. */
void bc_lua_call_expire(struct bc_sandbox_run *run, struct bc_mono now);

#endif
