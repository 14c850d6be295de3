/* The hub of events: what happens is told here once, and read by whoever follows it (the local socket's `events`,
 * /v1/events, /v1/events/stream). Telling never waits and never fails; what nobody reads is forgotten (model/event.h).
 * Included by core/private.h. */
#ifndef BC_CORE_EVENT_H
#define BC_CORE_EVENT_H

#include "io/loop.h"
#include "model/event.h"

#include <jansson.h>
#include <sys/queue.h>

struct bc_core;
struct bc_rib_event;
struct bc_sock_answer;
struct core_check;
struct core_route;

/* Somebody who is to hear that there is something new: soon, once for all that came meanwhile. */
struct core_event_reader {
  TAILQ_ENTRY(core_event_reader) link;
  void (*fn)(void *arg);
  void *arg;
};
TAILQ_HEAD(core_event_readers, core_event_reader);
TAILQ_HEAD(core_event_routes, core_route);

struct core_event {
  struct bc_events *ring; /* NULL: core begins or ends, nothing is told */
  struct bc_timer *timer; /* for readers, and for routes that moved */
  struct core_event_readers readers;
  struct core_event_routes moved; /* to be told as they are when the timer fires */
  json_t *warnings;               /* as told last: an object, by text */
  uint64_t told[BC_EVENT_TYPES];  /* since the start, for metrics */
};

void core_event_open(struct bc_core *core);
void core_event_close(struct bc_core *core);

/* Tells one. `subject`: what it is about, see docs/events.md (NULL = nothing); `decision`: the id of the decision
 * record that it goes back to, 0 = none; `detail` (consumed; NULL = {}): a JSON object with texts and numbers, its
 * members as docs/events.md has them. The id of the event; 0 = it is not kept. */
uint64_t core_event_tell(struct bc_core *core, enum bc_event_type type, const char *subject, uint64_t decision,
                         json_t *detail);
/* What people see of the route has changed: told a moment later, as it is then, however often it is said. */
void core_event_moved(struct bc_core *core, struct core_route *route);
/* The route goes: what is to be told of it is told now. */
void core_event_forget(struct bc_core *core, struct core_route *route);
/* What became of a command, of whatever the rib tells. */
void core_event_command(struct bc_core *core, const struct bc_rib_event *event);
/* Compares the warnings with those of before: each that came, or went, is told. */
void core_event_warnings(struct bc_core *core, const json_t *list);

/* From now on, until it is taken out. */
void core_event_listen(struct bc_core *core, struct core_event_reader *reader);
void core_event_unlisten(struct bc_core *core, struct core_event_reader *reader);

/* Begins the answer to `events`; NULL, or what is wrong with the request. */
const char *core_event_begin(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer);

#endif
