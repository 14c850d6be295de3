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
struct core_route;
struct core_version;

/* Somebody who is to hear that there is something new: soon, once for all that came meanwhile. */
struct core_event_reader {
  TAILQ_ENTRY(core_event_reader) link;
  void (*fn)(void *arg);
  void *arg;
};
TAILQ_HEAD(core_event_readers, core_event_reader);
TAILQ_HEAD(core_event_routes, core_route);

/* What became of the commands of one route, in one turn of the loop or a few: a list of 1,000 NLRI is one event. */
struct core_event_command {
  int64_t at_ms;
  unsigned kind, neighbor; /* as of a struct bc_rib_event, as are these: */
  uint64_t mark, line;
  bool is_repair, is_by_time;
  const char *owner; /* interned, held; NULL = the place is free */
  unsigned nlri;
  const char *text; /* interned, as a JSON string; NULL = none. That of a line is made once for all of its routes. */
};
enum { CORE_EVENT_COMMANDS = 8 };

struct core_event {
  struct bc_events *ring; /* NULL: core begins or ends, nothing is told */
  struct bc_timer *timer; /* for all that waits for a moment: readers, routes, commands */
  struct core_event_readers readers;
  unsigned streams;               /* of these, by HTTP */
  struct core_event_routes moved; /* to be told as they are when the timer fires */
  size_t moved_count;
  struct core_event_command commands[CORE_EVENT_COMMANDS]; /* a ring … */
  unsigned command_first;                                  /* … from here on */
  struct bc_mono second;                                   /* when this second began, … */
  unsigned in_second;                                      /* … and how many were told in it */
  uint64_t left_out;                                       /* of too many at once, not told yet as a gap */
  struct bc_timer *look_timer;                             /* to compare the warnings */
  json_t *warnings;                                        /* as told last: objects by kind */
  uint64_t told[BC_EVENT_TYPES];                           /* since the start, for metrics, as is this: */
  uint64_t left_out_all;
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
/* One was made for it: route->decision, route->record. */
void core_event_decision(struct bc_core *core, const struct core_route *route, bool was_announced);
/* What became of a command, of whatever the rib tells. */
void core_event_command(struct bc_core *core, const struct bc_rib_event *event);
/* Something that the warnings may tell has changed: soon they are compared with those of before, and each that came, or
 * went, is told. */
void core_event_look(struct bc_core *core);
/* The state or the status of a check is another than before, or its version's. */
void core_event_check(struct bc_core *core, const struct core_version *version, const char *was);

/* From now on, until it is taken out. */
void core_event_listen(struct bc_core *core, struct core_event_reader *reader);
void core_event_unlisten(struct bc_core *core, struct core_event_reader *reader);

/* Begins the answer to `events`; NULL, or what is wrong with the request (static, or in `fault`). */
const char *core_event_begin(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer,
                             struct bc_fault *fault);
/* {"what":WHAT,"text":TEXT}; TEXT may be NULL: without. */
json_t *core_event_detail(const char *what, const char *text);

#endif
