/* The checks of a worker, and when each runs next: from start to start, each interval a little off to both sides, so
 * that checks which started together drift apart. Runs in the worker's one thread. */
#ifndef BC_WORKER_SCHEDULE_H
#define BC_WORKER_SCHEDULE_H

#include "base/mono.h"
#include "base/tree.h"
#include "io/loop.h"

/* A part of each check; the fields are for reading, but for is_fast. */
struct bc_schedule_item {
  RB_ENTRY(bc_schedule_item) by_id;
  RB_ENTRY(bc_schedule_item) by_due; /* while is_due */
  void *check;                       /* of which this is a part */
  uint32_t id;
  uint32_t interval_ms;
  uint32_t fast_interval_ms;
  uint32_t jitter_percent;
  uint32_t late_us; /* how late the last start was */
  bool is_fast;
  bool is_due;
  struct bc_mono due;     /* the planned time; kept when it has come */
  struct bc_mono planned; /* before it was postponed; not set: it was not */
  struct bc_mono started; /* the last start; not set: it never ran */
};

RB_HEAD(bc_schedule_ids, bc_schedule_item);
RB_HEAD(bc_schedule_dues, bc_schedule_item);

struct bc_schedule {
  struct bc_loop *loop;
  struct bc_timer *timer;
  struct bc_schedule_ids ids;
  struct bc_schedule_dues dues;
  unsigned known;
  uint64_t random;
};

/* fn(arg) is called when something is due: it takes, and arms at its end. */
void bc_schedule_init(struct bc_schedule *schedule, struct bc_loop *loop, bc_loop_fn *fn, void *arg);
/* Empty by then. */
void bc_schedule_fini(struct bc_schedule *schedule);

/* The check with this id; NULL: none. */
void *bc_schedule_find(const struct bc_schedule *schedule, uint32_t id);
/* Any check; NULL: there is none left. */
void *bc_schedule_any(const struct bc_schedule *schedule);
/* False when there are BC_LIMIT_ROUTES already, which is logged. */
BC_MUST_CHECK bool bc_schedule_has_room(const struct bc_schedule *schedule, uint32_t id);
/* The item stays the check's; it is zeroed. */
void bc_schedule_add(struct bc_schedule *schedule, struct bc_schedule_item *item, void *check, uint32_t id);
void bc_schedule_remove(struct bc_schedule *schedule, struct bc_schedule_item *item);

/* As a message says it: fast_interval_ms 0 is interval_ms, jitter above 100 % is 100 %. It has never run. */
void bc_schedule_pace(struct bc_schedule_item *item, uint32_t interval_ms, uint32_t fast_interval_ms,
                      uint32_t jitter_percent);
void bc_schedule_plan(struct bc_schedule *schedule, struct bc_schedule_item *item, struct bc_mono due);
/* One interval (at least least_us) after its start; at once when that time has passed. */
void bc_schedule_plan_next(struct bc_schedule *schedule, struct bc_schedule_item *item, int64_t least_us);
void bc_schedule_unplan(struct bc_schedule *schedule, struct bc_schedule_item *item);
/* The first that is due, planned no more; NULL: none is. */
void *bc_schedule_take(struct bc_schedule *schedule, struct bc_mono now);
void bc_schedule_arm(struct bc_schedule *schedule);
/* What was just taken waits until then. Of several the one that was planned first comes first, and how late it is
 * counts from then. */
void bc_schedule_postpone(struct bc_schedule *schedule, struct bc_schedule_item *item, struct bc_mono until);
/* It starts now: notes it, and how late that is. */
void bc_schedule_begin(struct bc_schedule_item *item, struct bc_mono now);

#endif
