/* The node's guard (model/guard.h) as core applies it to routes. Included by core/private.h. */
#ifndef BC_CORE_GUARD_H
#define BC_CORE_GUARD_H

#include "io/loop.h"
#include "model/guard.h"

#include <sys/queue.h>

struct bc_core;
struct core_route;

/* What the guard has against a route; routes that it never refused have none. */
struct core_guarded {
  TAILQ_ENTRY(core_guarded) waiting; /* in core->guard.waiting while is_waiting */
  struct core_route *route;
  const char *reason; /* interned; NULL = nothing now */
  const char *before; /* what it was until the last judgement: somebody may still hold it */
  char *fault;        /* "routes/NAME: REASON"; NULL = nothing */
  bool forbids;       /* it may not stand either */
  bool is_waiting;    /* for room under max_routes */
  bool is_tolerated;  /* it stands, but would not be announced anew: counted in core->guard.tolerated */
};
TAILQ_HEAD(core_guarded_list, core_guarded);

struct core_guard {
  struct bc_guard *guard;
  struct bc_timer *room_timer;
  struct core_guarded_list waiting;
  size_t announced; /* NLRI that are wanted of ExaBGP */
  size_t tolerated; /* routes */
  bool is_starting; /* what stands is being counted: nothing else gets room under max_routes */
  bool is_started;  /* … and that is over: whoever waits is to be judged once, for what there is to tell */
};

/* ---- guard.c ---- */
void core_guard_open(struct bc_core *core);
/* After the routes are gone. */
void core_guard_close(struct bc_core *core);
/* From now on until the end of the start what stands has precedence. */
void core_guard_start(struct bc_core *core);
void core_guard_start_end(struct bc_core *core);
/* Judges what would be announced of it, and what is. `wanted` NULL: nothing would be. */
void core_guard_judge(struct bc_core *core, struct core_route *route, const struct bc_route *wanted);
/* Why the guard refuses what would be announced; NULL = it does not. Valid until the judgement after the next. */
const char *core_guard_reason(const struct core_route *route);
/* … and what stands must leave. */
bool core_guard_forbids(const struct core_route *route);
/* The same as a fault of the route, or NULL. */
const char *core_guard_fault(const struct core_route *route);
/* What the route announces went from so many NLRI to so many. */
void core_guard_count(struct bc_core *core, struct core_route *route, size_t before, size_t after);
void core_guard_forget(struct bc_core *core, struct core_route *route);
/* One line, or "". */
void core_guard_warn(const struct bc_core *core, char *line, size_t room);

#endif
