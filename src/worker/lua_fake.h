/* Calls of scripts that are answered in place of the network, and in made-up time: for tests of scripts (testkit.h).
 *
 * Where bc_lua_io has a fake, a function of a script reads and checks its arguments as ever; what it would begin then
 * becomes an *ask*, which whoever made the fake answers. Its limits, its timeout and what it says of a failure are the
 * call's own (lua_call.h). No timer ends anything here: the maker holds both clocks (bc_mono_pretend), and tells the
 * fake when they have moved.
 *
 *   while (resume(run) == BC_SANDBOX_YIELDED) {
 *     while ((ask = bc_lua_fake_take(fake)) != NULL) { … bc_lua_ask_answer(ask, …) }
 *     … to the earliest of bc_lua_fake_next, bc_lua_call_next_deadline and the wait of the run …
 *     bc_lua_call_expire(run, now); bc_lua_fake_tell(fake, run, now);
 *   } */
#ifndef BC_WORKER_LUA_FAKE_H
#define BC_WORKER_LUA_FAKE_H

#include "base/buf.h"
#include "base/mono.h"
#include "worker/lua_call.h"

#include <sys/queue.h>

enum { BC_LUA_ASK_NAME_BYTES = 24, BC_LUA_ASK_WHERE_BYTES = 100, BC_LUA_ASK_BYTES = 4 * 1024 * 1024 };

struct bc_lua_fake;

struct bc_lua_ask {
  TAILQ_ENTRY(bc_lua_ask) link;
  struct bc_lua_fake *fake;
  struct bc_lua_call *call;
  uint64_t number;                      /* counted from 1 */
  uint64_t conn;                        /* the connection that it is about or makes; 0: none */
  char name[BC_LUA_ASK_NAME_BYTES];     /* "http.get", of a connection ":send" */
  char where[BC_LUA_ASK_WHERE_BYTES];   /* "web.lua:3"; "" = not known */
  struct bc_buf arguments;              /* packed, as a list (lua_pack.h) */
  void (*take)(struct bc_lua_ask *ask); /* what a good answer does first; NULL: nothing */
  bool is_taken, is_answered;
  /* the answer */
  struct bc_mono due; /* not set: it never comes */
  enum bc_lua_code code;
  char text[BC_FAULT_TEXT_BYTES];     /* why, where `code` is not OK */
  struct bc_buf results;              /* packed, as a list; of a connect: the fields of the connection, as a table */
  bool had_failure;                   /* a result that counts as a failed call */
  struct bc_resolver_address address; /* of a connect, with what follows */
  uint16_t port;
  int64_t connect_us;
};

struct bc_lua_fake *bc_lua_fake_new(void);
/* After the runs that ask. NULL is allowed. */
void bc_lua_fake_free(struct bc_lua_fake *fake);

/* ---- for functions of scripts ---- */

/* A call that is nothing but an ask: its arguments are what stands on the stack, its results those of the answer. */
int bc_lua_fake_call(lua_State *L, const char *name, int64_t timeout_ms);
/* What the call, new, asks; the arguments are the values `first` to `last` of the stack. It goes with the call. Never
 * raises. */
struct bc_lua_ask *bc_lua_ask_new(lua_State *L, struct bc_lua_call *call, const char *name, int first, int last);
/* NULL is allowed. */
void bc_lua_ask_free(struct bc_lua_ask *ask);

/* ---- for who answers ---- */

/* The next that was not taken yet; NULL: there is none. */
struct bc_lua_ask *bc_lua_fake_take(struct bc_lua_fake *fake);
/* NULL: it is over. */
struct bc_lua_ask *bc_lua_fake_find(struct bc_lua_fake *fake, uint64_t number);
/* From now on what the ask says as its answer comes when it is due. */
void bc_lua_ask_answer(struct bc_lua_ask *ask);
/* At `due` these bytes come on a connection (none: nothing), and then its end, unless that is FINE. */
void bc_lua_fake_feed(struct bc_lua_fake *fake, uint64_t conn, struct bc_mono due, struct bc_str bytes,
                      enum bc_stream_error end);
/* When the next of all that happens; not set: nothing will. */
struct bc_mono bc_lua_fake_next(const struct bc_lua_fake *fake);
/* It is `now`: what is due happens, in the order of its times. */
void bc_lua_fake_tell(struct bc_lua_fake *fake, struct bc_sandbox_run *run, struct bc_mono now);
/* The run is over: nothing more comes on connections. */
void bc_lua_fake_forget(struct bc_lua_fake *fake);

#endif
