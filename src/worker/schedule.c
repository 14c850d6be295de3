#include "worker/schedule.h"

#include "base/limits.h"
#include "base/log.h"

#include <sys/random.h>

enum { SCHEDULE_JITTER_MOST = 100, SCHEDULE_LEAST_US = 10000 };

static int schedule_compare_ids(const struct bc_schedule_item *a, const struct bc_schedule_item *b) {
  return (a->id > b->id) - (a->id < b->id);
}

static int schedule_compare_dues(const struct bc_schedule_item *a, const struct bc_schedule_item *b) {
  if (a->due.us != b->due.us) {
    return a->due.us < b->due.us ? -1 : 1;
  }
  if (a->planned.us != b->planned.us) {
    return a->planned.us < b->planned.us ? -1 : 1;
  }
  return schedule_compare_ids(a, b);
}

BC_TREE(bc_schedule_ids, bc_schedule_item, by_id, schedule_compare_ids)
BC_TREE(bc_schedule_dues, bc_schedule_item, by_due, schedule_compare_dues)

void bc_schedule_init(struct bc_schedule *schedule, struct bc_loop *loop, bc_loop_fn *fn, void *arg) {
  *schedule = (struct bc_schedule){.loop = loop, .timer = bc_timer_new(loop, fn, arg)};
  RB_INIT(&schedule->ids);
  RB_INIT(&schedule->dues);
  ssize_t got = getrandom(&schedule->random, sizeof schedule->random, GRND_NONBLOCK);
  if (got != sizeof schedule->random || schedule->random == 0) {
    schedule->random = (uint64_t)bc_mono_now().us | 1;
  }
}

void bc_schedule_fini(struct bc_schedule *schedule) {
  bc_timer_free(schedule->timer);
  schedule->timer = NULL;
}

/* ---- which ---- */

/* The functions of <sys/tree.h> take the head without const, though finding changes nothing. */
static struct bc_schedule_ids *schedule_ids(const struct bc_schedule *schedule) {
  return (struct bc_schedule_ids *)(uintptr_t)&schedule->ids;
}

void *bc_schedule_find(const struct bc_schedule *schedule, uint32_t id) {
  struct bc_schedule_item wanted = {.id = id};
  const struct bc_schedule_item *item = RB_FIND(bc_schedule_ids, schedule_ids(schedule), &wanted);
  return item == NULL ? NULL : item->check;
}

void *bc_schedule_any(const struct bc_schedule *schedule) {
  const struct bc_schedule_item *item = RB_MIN(bc_schedule_ids, schedule_ids(schedule));
  return item == NULL ? NULL : item->check;
}

bool bc_schedule_has_room(const struct bc_schedule *schedule, uint32_t id) {
  if (schedule->known >= BC_LIMIT_ROUTES) {
    bc_log(BC_LOG_ERROR, "check %u is not run: there are %u already", id, schedule->known);
    return false;
  }
  return true;
}

void bc_schedule_add(struct bc_schedule *schedule, struct bc_schedule_item *item, void *check, uint32_t id) {
  *item = (struct bc_schedule_item){.check = check, .id = id};
  RB_INSERT(bc_schedule_ids, &schedule->ids, item);
  schedule->known++;
}

void bc_schedule_remove(struct bc_schedule *schedule, struct bc_schedule_item *item) {
  bc_schedule_unplan(schedule, item);
  RB_REMOVE(bc_schedule_ids, &schedule->ids, item);
  schedule->known--;
}

/* ---- when ---- */

void bc_schedule_pace(struct bc_schedule_item *item, uint32_t interval_ms, uint32_t fast_interval_ms,
                      uint32_t jitter_percent) {
  item->interval_ms = interval_ms;
  item->fast_interval_ms = fast_interval_ms == 0 ? interval_ms : fast_interval_ms;
  item->jitter_percent = jitter_percent > SCHEDULE_JITTER_MOST ? SCHEDULE_JITTER_MOST : jitter_percent;
  item->started = (struct bc_mono){.us = 0};
}

void bc_schedule_arm(struct bc_schedule *schedule) {
  const struct bc_schedule_item *first = RB_MIN(bc_schedule_dues, &schedule->dues);
  bc_timer_start_at(schedule->timer, first == NULL ? (struct bc_mono){.us = 0} : first->due);
}

void bc_schedule_unplan(struct bc_schedule *schedule, struct bc_schedule_item *item) {
  if (item->is_due) {
    RB_REMOVE(bc_schedule_dues, &schedule->dues, item);
    item->is_due = false;
  }
}

static void schedule_insert(struct bc_schedule *schedule, struct bc_schedule_item *item, struct bc_mono due,
                            struct bc_mono planned) {
  bc_schedule_unplan(schedule, item);
  item->due = due;
  item->planned = planned;
  item->is_due = true;
  RB_INSERT(bc_schedule_dues, &schedule->dues, item);
  if (RB_MIN(bc_schedule_dues, &schedule->dues) == item) {
    bc_schedule_arm(schedule);
  }
}

void bc_schedule_plan(struct bc_schedule *schedule, struct bc_schedule_item *item, struct bc_mono due) {
  schedule_insert(schedule, item, due, (struct bc_mono){.us = 0});
}

void bc_schedule_postpone(struct bc_schedule *schedule, struct bc_schedule_item *item, struct bc_mono until) {
  schedule_insert(schedule, item, until, bc_mono_is_set(item->planned) ? item->planned : item->due);
}

static int64_t schedule_interval_us(struct bc_schedule *schedule, const struct bc_schedule_item *item) {
  int64_t interval = (int64_t)(item->is_fast ? item->fast_interval_ms : item->interval_ms) * 1000;
  int64_t span = interval / 100 * item->jitter_percent;
  uint64_t *random = &schedule->random;
  *random ^= *random << 13;
  *random ^= *random >> 7;
  *random ^= *random << 17;
  int64_t offset = span == 0 ? 0 : (int64_t)(*random % (uint64_t)(2 * span + 1)) - span;
  return interval + offset < SCHEDULE_LEAST_US ? SCHEDULE_LEAST_US : interval + offset;
}

void bc_schedule_plan_next(struct bc_schedule *schedule, struct bc_schedule_item *item, int64_t least_us) {
  struct bc_mono now = bc_mono_now();
  int64_t interval_us = schedule_interval_us(schedule, item);
  struct bc_mono due = {.us = item->started.us + (interval_us > least_us ? interval_us : least_us)};
  bc_schedule_plan(schedule, item, bc_mono_reached(due, now) ? now : due);
}

void *bc_schedule_take(struct bc_schedule *schedule, struct bc_mono now) {
  struct bc_schedule_item *first = RB_MIN(bc_schedule_dues, &schedule->dues);
  if (first == NULL || !bc_mono_reached(first->due, now)) {
    return NULL;
  }
  bc_schedule_unplan(schedule, first);
  return first->check;
}

void bc_schedule_begin(struct bc_schedule_item *item, struct bc_mono now) {
  int64_t late_us = now.us - (bc_mono_is_set(item->planned) ? item->planned.us : item->due.us);
  item->late_us = late_us < 0 ? 0 : late_us > UINT32_MAX ? UINT32_MAX : (uint32_t)late_us;
  item->started = now;
}
