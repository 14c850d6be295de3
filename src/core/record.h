/* Decision records as core makes them (docs/decision-records.md). Included by core/private.h. */
#ifndef BC_CORE_RECORD_H
#define BC_CORE_RECORD_H

#include "base/buf.h"
#include "io/loop.h"
#include "model/decide.h"
#include "model/record.h"
#include "model/rib.h"

#include <jansson.h>

struct bc_core;
struct core_route;

/* Notes of one kind, made in one millisecond, that are one record: of how many routes they tell is not known before. */
struct core_record_group {
  enum bc_record_type type;
  int64_t at_ms;
  unsigned neighbor;
  uint64_t line;   /* SENT: its number */
  const char *how; /* static; NULL = nothing special */
  struct bc_buf text;
  uint64_t *ids; /* of decisions */
  size_t count;  /* 0 = the group is free */
  size_t room;
};

enum { CORE_RECORD_GROUPS = 8 };
#define CORE_RECORD_FILES "decisions"

struct bc_ring;

struct core_record {
  struct bc_ring *ring; /* NULL: nothing is recorded */
  uint64_t last_id;
  struct bc_timer *timer; /* to hand over what is in the batch */
  struct bc_buf batch;
  struct core_record_group groups[CORE_RECORD_GROUPS]; /* a ring … */
  unsigned group_first;                                /* … from here on */
  uint64_t lost;                                       /* since the start */
  uint32_t input_s;                                    /* wall clock, seconds, of the last record of inputs */
  size_t context_room;                                 /* bytes of contexts that may be kept, … */
  struct bc_mono context_at;                           /* … as of then */
  uint64_t lost_told;                                  /* of these, in records */
  char *problem;                                       /* why the last ones were lost; NULL = fine */
};

/* What a record tells of a decision beside the route, its checks and the store. */
struct core_decision_told {
  bool was_announced;            /* before it */
  const struct bc_route *wanted; /* as it is to be announced from now on; NULL = nothing is */
  /* What the policy that was asked got and gave; NULL = none was. Without `context` when it is not to be kept. */
  const struct bc_record_policy *policy;
};

void core_record_open(struct bc_core *core);
void core_record_close(struct bc_core *core);
/* What became of a command. */
void core_record_command(struct bc_core *core, const struct bc_rib_event *event);
/* What is in memory goes to the disk thread. */
void core_record_flush(struct bc_core *core);
/* on_exit withdraws it. */
void core_record_exit(struct bc_core *core, struct core_route *route);
/* Adds what is wrong with the keeping of records. */
void core_record_warn(const struct bc_core *core, json_t *list);
/* Records the route's decision, which stands in route->decision already: call it when that or what is wanted is another
 * than before, and before the rib is told (commands refer to route->record, which is set here). Copies all that it
 * keeps; never waits, never fails: what cannot be kept is counted. The id, also where nothing is recorded; 0 = it is no
 * record (a route that was never announced goes on waiting). */
uint64_t core_record_decision(struct bc_core *core, struct core_route *route, const struct core_decision_told *told);
/* The inputs of its policy are others, its verdict is not: kept at most once in 10 s for a route,
 * and once a second for all. */
void core_record_input(struct bc_core *core, struct core_route *route, const struct bc_record_policy *policy);
/* Whether it would be kept now, of a route that is under a policy. */
bool core_record_takes_input(const struct bc_core *core, const struct core_route *route);
/* Whether one more context of some size may be kept; `len` bytes are then counted by core_record_count_context. */
bool core_record_has_context_room(struct bc_core *core);
void core_record_count_context(struct bc_core *core, size_t len);
/* Whether a decision is worth a record: its verdict, layer or kind of reason is another (what a policy says as its
 * reason is not looked at). */
bool core_record_is_news(const struct bc_decision *before, const struct bc_decision *after);

#endif
