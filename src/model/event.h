/* What happened, told to whoever wants to follow it: the newest events are kept in a ring, and each reader has a place
 * in it of its own. A reader costs no memory; one that is too slow is told how much it missed.
 *
 * Pure: no I/O, no clock. docs/events.md tells what each kind says. */
#ifndef BC_MODEL_EVENT_H
#define BC_MODEL_EVENT_H

#include "base/buf.h"
#include "base/enum_text.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What it is about; name, text. The subject of each stands in docs/events.md. */
#define BC_EVENT_LIST(X)                                                                                               \
  X(BC_EVENT_ROUTE, "route")       /* what people see of a route is another than before */                             \
  X(BC_EVENT_DECISION, "decision") /* one was made */                                                                  \
  X(BC_EVENT_COMMAND, "command")   /* one was written, acknowledged, seen on a wire, refused */                        \
  X(BC_EVENT_NEIGHBOR, "neighbor") /* a session came or went */                                                        \
  X(BC_EVENT_CHECK, "check")       /* it says something else, or its state turned */                                   \
  X(BC_EVENT_WORKER, "worker")     /* a worker process came or went */                                                 \
  X(BC_EVENT_STORE, "store")       /* its state, a loss, an approval */                                                \
  X(BC_EVENT_POLICY, "policy")     /* a text is tried, held, decides */                                                \
  X(BC_EVENT_LEASE, "lease")       /* a route of the API came, was changed, went, expired */                           \
  X(BC_EVENT_WARNING, "warning")   /* one came, or is over */                                                          \
  X(BC_EVENT_HTTP, "http")         /* somebody asked for a change */                                                   \
  X(BC_EVENT_NODE, "node")         /* the daemon itself: start, end, adminState */                                     \
  X(BC_EVENT_GAP, "gap")           /* something was missed: by one reader, or by all; passes every filter */

enum bc_event_type { BC_EVENT_LIST(BC_ENUM_MEMBER) };
enum { BC_EVENT_TYPES = BC_EVENT_GAP + 1 };
const char *bc_event_type_text(enum bc_event_type value);

struct bc_event {
  uint64_t id; /* one more than that of the event before */
  int64_t at_ms;
  enum bc_event_type type;
  bool is_of_route;    /* the subject is a route's name */
  uint64_t decision;   /* the decision record that it goes back to; 0 = none */
  const char *subject; /* "" = none */
  const char *detail;  /* a JSON object */
};

struct bc_events;

/* Ids begin behind `last_id`, which must be greater than any id of an earlier process: milliseconds since 1970 times
 * 1,000 will do. */
struct bc_events *bc_events_new(uint64_t last_id);
void bc_events_free(struct bc_events *events);
/* Copies what it is given, but for the id, and returns its id. A detail above BC_LIMIT_EVENT_BYTES is replaced by {}.
 */
uint64_t bc_events_add(struct bc_events *events, const struct bc_event *event);
/* The newest id; what bc_events_new got when there was no event yet. */
uint64_t bc_events_last(const struct bc_events *events);
/* Behind which all lie that are kept. */
uint64_t bc_events_oldest(const struct bc_events *events);

/* Which events a reader wants. */
struct bc_event_filter {
  uint32_t types;                       /* a set of 1 << type; 0 = all */
  char route[BC_LIMIT_NAME_BYTES + 32]; /* a name or glob: only what is of such a route; "" = all */
};
/* `types`: names with commas, `route`: a name or glob; NULL or "": all. BC_ERR_SYNTAX with what is wrong. */
BC_MUST_CHECK enum bc_err bc_event_filter_read(const char *types, const char *route, struct bc_event_filter *filter,
                                               struct bc_fault *fault);

/* A reader's place. */
struct bc_event_cursor {
  uint64_t after; /* the id of the last event that it got, or passed over */
  struct bc_event_filter filter;
};

enum bc_event_next { BC_EVENT_NEXT_NONE, BC_EVENT_NEXT_MORE, BC_EVENT_NEXT_GOT };
/* The next one for this reader. NONE: there is none; MORE: it looked at 256 that the filter does not want, and there
 * are more behind them; GOT: `event` is filled in, valid until the next bc_events_add. What the reader has missed is
 * told first, with an event of type GAP, whatever the filter says: its detail has "missed", how many, or null when that
 * is not known, as `after` is another process's. */
enum bc_event_next bc_events_next(struct bc_events *events, struct bc_event_cursor *cursor, struct bc_event *event);

/* Appends a JSON string, as a part of a detail: what is not printable ASCII, a line feed or a tab is told as '?'. */
void bc_event_add_quoted(struct bc_buf *to, struct bc_str text);

/* Appends {"id":…,"time":…,"type":…,"subject":…,"decision":…,"detail":…}. */
void bc_event_print(const struct bc_event *event, struct bc_buf *to);

#endif
