/* When a route's policy is asked: at once, after a while, or when it wanted to be. A slice of the work in a turn of the
 * loop, however many routes there are. */
#include "base/mem.h"
#include "core/private.h"

#include <stdlib.h>
#include <string.h>

enum {
  ASK_LAZILY_MS = 1000,      /* at least between two questions for what may wait; grows with the routes, … */
  ASK_LAZILY_MOST_MS = 5000, /* … up to this, and that long for what stands */
  ASK_ROUTES_A_MS = 25,
  ASK_UNHEARD_MS = 30000, /* checks that tell nothing by then are not waited for */
  ASK_QUEUE_SHORT = 256,  /* passes go on when not more wait */
  ASK_A_TURN = 256,
  ASK_CLOCK_MS = 250,
  ASK_LATE_MS = 2000,  /* without an answer to anybody */
  ASK_QUEUE_MS = 10000 /* behind others that get theirs, with a failed check */
};

/* ---- by time ---- */

static int ask_compare(const struct core_route_policy *a, const struct core_route_policy *b) {
  if (a->due_at.us != b->due_at.us) {
    return a->due_at.us < b->due_at.us ? -1 : 1;
  }
  return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

BC_TREE(core_policy_due_tree, core_route_policy, due, ask_compare)

static void ask_arm_due(struct bc_core *core) {
  const struct core_route_policy *first = RB_MIN(core_policy_due_tree, &core->policies.due);
  bc_timer_start_at(core->policies.due_timer, first == NULL ? (struct bc_mono){0} : first->due_at);
}

void core_policy_due_changed(struct bc_core *core, struct core_route_policy *part) {
  struct core_policies *policies = &core->policies;
  if (bc_mono_is_set(part->due_at)) {
    RB_REMOVE(core_policy_due_tree, &policies->due, part);
  }
  part->due_at = bc_mono_earlier(bc_mono_earlier(part->delayed_at, part->again_at), part->lazy_at);
  if (bc_mono_is_set(part->due_at)) {
    (void)RB_INSERT(core_policy_due_tree, &policies->due, part);
  }
  ask_arm_due(core);
}

static void ask_hear(struct bc_core *core, struct core_route_policy *part);

static bool ask_take_time(struct bc_mono *at, struct bc_mono now) {
  bool is_due = bc_mono_is_set(*at) && bc_mono_reached(*at, now);
  if (is_due) {
    *at = (struct bc_mono){0};
  }
  return is_due;
}

static void ask_on_due(void *arg) {
  struct bc_core *core = arg;
  struct bc_mono now = bc_mono_now();
  struct core_route_policy *part;
  for (unsigned turn = 0; turn < ASK_A_TURN; turn++) {
    part = RB_MIN(core_policy_due_tree, &core->policies.due);
    if (part == NULL || !bc_mono_reached(part->due_at, now)) {
      break;
    }
    bool is_lazy = ask_take_time(&part->lazy_at, now);
    bool is_again = ask_take_time(&part->again_at, now);
    bool is_delayed = ask_take_time(&part->delayed_at, now);
    core_policy_due_changed(core, part);
    if (is_lazy) {
      part->lazily_at = now;
      ask_hear(core, part);
    }
    if (is_lazy || is_again) {
      core_policy_ask(core, part, POLICY_QUEUE_LATER);
    }
    if (is_delayed) {
      core_policy_take_delayed(core, part);
    }
  }
  ask_arm_due(core);
  core_link_pump(core);
}

/* ---- queues ---- */

static void ask_unqueue(struct bc_core *core, struct core_route_policy *part) {
  struct core_policies *policies = &core->policies;
  if (part->queue != POLICY_QUEUE_NONE) {
    TAILQ_REMOVE(&policies->queues[part->queue], part, queued);
    part->queue = POLICY_QUEUE_NONE;
    policies->queued--;
  }
}

void core_policy_ask(struct bc_core *core, struct core_route_policy *part, enum core_policy_queue queue) {
  struct core_policies *policies = &core->policies;
  if (part->job != NULL) {
    part->is_old = true;
    part->is_very_old = part->is_very_old || queue == POLICY_QUEUE_FIRST;
    return;
  }
  bool is_down = queue == POLICY_QUEUE_FIRST && core_route_health(part->route).state == BC_HEALTH_DOWN;
  queue = is_down ? POLICY_QUEUE_DOWN : queue;
  if (part->queue != POLICY_QUEUE_NONE && (queue == POLICY_QUEUE_LATER || part->queue <= queue)) {
    return;
  }
  ask_unqueue(core, part);
  part->queue = (uint8_t)queue;
  TAILQ_INSERT_TAIL(&policies->queues[queue], part, queued);
  policies->queued++;
  core_policy_work_soon(core);
}

struct core_route_policy *core_policy_next_asked(struct bc_core *core) {
  struct core_policies *policies = &core->policies;
  for (enum core_policy_queue queue = POLICY_QUEUE_DOWN; queue < POLICY_QUEUES; queue++) {
    struct core_route_policy *part = TAILQ_FIRST(&policies->queues[queue]);
    if (part != NULL) {
      ask_unqueue(core, part);
      return part;
    }
  }
  return NULL;
}

/* ---- what is late ---- */

static void ask_stop_awaiting(struct bc_core *core, struct core_route_policy *part) {
  if (part->is_awaited) {
    TAILQ_REMOVE(&core->policies.waiting, part, waiting);
    part->is_awaited = false;
  }
}

void core_policy_answered(struct bc_core *core, struct core_route_policy *part) {
  ask_stop_awaiting(core, part);
  part->is_late = false;
  core->policies.progress_us = core->policies.clock_us;
}

static void ask_go_on_waiting(struct bc_core *core, struct core_route_policy *part) {
  part->is_awaited = true;
  part->awaited_us = core->policies.clock_us;
  TAILQ_INSERT_TAIL(&core->policies.waiting, part, waiting);
}

static void ask_await(struct bc_core *core, struct core_route_policy *part) {
  struct core_policies *policies = &core->policies;
  /* Without an answer once it stays so until there is one. */
  if (part->is_awaited || part->is_late) {
    return;
  }
  part->asked_us = policies->clock_us;
  ask_go_on_waiting(core, part);
  if (!bc_timer_is_armed(policies->clock_timer)) {
    policies->clock_at = bc_mono_now();
    bc_timer_start(policies->clock_timer, ASK_CLOCK_MS);
  }
}

static bool ask_is_moving(const struct bc_core *core) {
  return core->policies.clock_us - core->policies.progress_us < (int64_t)ASK_LATE_MS * 1000;
}

/* A long queue that moves is no failure, but who waits in it with a failed check must leave some time. */
static bool ask_is_patient(const struct bc_core *core, const struct core_route_policy *part) {
  bool is_long = core->policies.clock_us - part->asked_us >= (int64_t)ASK_QUEUE_MS * 1000;
  return ask_is_moving(core) && !(is_long && core_route_health(part->route).state == BC_HEALTH_DOWN);
}

/* True when more of them are due. */
static bool ask_look_at_waiting(struct bc_core *core) {
  struct core_policies *policies = &core->policies;
  struct core_route_policy *part;
  for (unsigned turn = 0; (part = TAILQ_FIRST(&policies->waiting)) != NULL; turn++) {
    if (policies->clock_us - part->awaited_us < (int64_t)ASK_LATE_MS * 1000) {
      return false;
    }
    if (turn == ASK_A_TURN) {
      return true;
    }
    ask_stop_awaiting(core, part);
    if (ask_is_patient(core, part)) {
      ask_go_on_waiting(core, part);
    } else {
      part->is_late = true;
      core_policy_set_late(core, part, (ask_is_moving(core) ? ASK_QUEUE_MS : ASK_LATE_MS) / 1000);
    }
  }
  return false;
}

static void ask_on_clock(void *arg) {
  struct bc_core *core = arg;
  struct core_policies *policies = &core->policies;
  struct bc_mono now = bc_mono_now();
  int64_t passed_ms = bc_mono_ms_between(policies->clock_at, now);
  /* What held up core itself held up nobody else. */
  policies->clock_us += (passed_ms < 2 * ASK_CLOCK_MS ? passed_ms : 2 * ASK_CLOCK_MS) * 1000;
  policies->clock_at = now;
  bool has_more = ask_look_at_waiting(core);
  if (!TAILQ_EMPTY(&policies->waiting)) {
    bc_timer_start(policies->clock_timer, has_more ? 0 : ASK_CLOCK_MS);
  }
  core_link_pump(core);
}

/* ---- what changed ---- */

/* Without any result of its checks nothing is decided of a route. */
bool core_policy_may_ask(const struct core_route_policy *part) {
  return !part->is_unheard && core_route_health(part->route).state != BC_HEALTH_UNKNOWN;
}

/* It is presumed healthy, and its checks have no score and no data. */
static bool ask_is_unheard(const struct core_route *route) {
  const struct core_check *check;
  bool is_unheard = false;
  for (size_t i = 0; !is_unheard && (check = core_route_member(route, i)) != NULL; i++) {
    is_unheard = !check->running.has_result && check->health.state != BC_HEALTH_UNCHECKED;
  }
  return is_unheard && core_route_health(route).state != BC_HEALTH_DOWN;
}

static void ask_hear(struct bc_core *core, struct core_route_policy *part) {
  if (part->is_unheard) {
    part->is_unheard = false;
    part->lazy_at = (struct bc_mono){0};
    core_policy_due_changed(core, part);
    core->policies.unheard--;
    core_policy_work_soon(core);
  }
}

void core_policy_wait_for_checks(struct bc_core *core, struct core_route_policy *part) {
  if (part->is_unheard || core->options->is_safe_mode || !ask_is_unheard(part->route)) {
    return;
  }
  core_policy_stop_asking(core, part);
  part->is_unheard = true;
  part->lazy_at = bc_mono_add_ms(bc_mono_now(), ASK_UNHEARD_MS);
  core_policy_due_changed(core, part);
  core->policies.unheard++;
}

static int64_t ask_pause_ms(const struct bc_core *core) {
  int64_t pause = ASK_LAZILY_MS + (int64_t)(core->policies.routes / ASK_ROUTES_A_MS);
  return pause < ASK_LAZILY_MOST_MS ? pause : ASK_LAZILY_MOST_MS;
}

static void ask_lazily(struct bc_core *core, struct core_route_policy *part, int64_t pause_ms) {
  struct bc_mono now = bc_mono_now();
  struct bc_mono at = bc_mono_is_set(part->lazily_at) ? bc_mono_add_ms(part->lazily_at, pause_ms) : now;
  if (part->force == NULL || !core_policy_may_ask(part)) {
    return;
  }
  part->lazy_at = bc_mono_earlier(part->lazy_at, bc_mono_reached(at, now) ? now : at);
  core_policy_due_changed(core, part);
}

void core_policy_touch(struct bc_core *core, struct core_route *route, bool may_wait) {
  struct core_route_policy *part = route->policy;
  if (part == NULL || core->is_exiting) {
    return;
  }
  if (part->is_unheard && !ask_is_unheard(route)) {
    ask_hear(core, part);
    may_wait = false;
  }
  if (may_wait) {
    ask_lazily(core, part, ask_pause_ms(core));
  } else if (part->force != NULL && core_policy_may_ask(part)) {
    ask_await(core, part);
    core_policy_ask(core, part, POLICY_QUEUE_FIRST);
  }
}

void core_policy_stop_asking(struct bc_core *core, struct core_route_policy *part) {
  ask_hear(core, part);
  ask_stop_awaiting(core, part);
  ask_unqueue(core, part);
  core_policy_forget_jobs(core, part);
  part->lazy_at = part->again_at = part->delayed_at = (struct bc_mono){0};
  core_policy_due_changed(core, part);
}

static void ask_look_at_standing(struct bc_core *core, struct core_route_policy *part) {
  const struct core_route *route = part->route;
  const char *stands = route->is_wanted ? route->claimed.attributes : NULL;
  if (stands == part->standing_attributes) {
    return;
  }
  bc_intern_put(core->intern, part->standing_attributes);
  bc_intern_put(core->intern, part->standing_reason);
  part->standing_attributes = stands == NULL ? NULL : bc_intern_ref(stands);
  part->standing_reason = bc_intern_get(core->intern, bc_str_of(core_route_reason(route)));
  part->standing_since_ms = part->is_looked_at ? bc_wall_now_ms() : 0;
  if (part->is_looked_at) {
    ask_lazily(core, part, ASK_LAZILY_MOST_MS);
  }
}

void core_policy_on_decided(struct bc_core *core, struct core_route *route) {
  struct core_route_policy *part = route->policy;
  if (part == NULL) {
    return;
  }
  bool is_healthy = core_policy_is_healthy(route);
  if (part->is_looked_at && is_healthy != part->is_healthy) {
    part->healthy_since_ms = bc_wall_now_ms();
  }
  part->is_healthy = is_healthy;
  ask_look_at_standing(core, part);
  part->is_looked_at = true;
}

/* ---- all routes of a key, and all of them ---- */

void core_policy_pass(struct bc_core *core, struct core_policy *policy) {
  if (policy->pass_left == 0 && policy->user_count > 0) {
    TAILQ_INSERT_TAIL(&core->policies.passing, policy, passing);
  }
  policy->pass_left = policy->user_count;
  core_policy_work_soon(core);
}

static void ask_pass_some(struct bc_core *core) {
  struct core_policies *policies = &core->policies;
  struct core_policy *policy;
  for (unsigned turn = 0; turn < ASK_A_TURN && policies->queued < ASK_QUEUE_SHORT; turn++) {
    policy = TAILQ_FIRST(&policies->passing);
    if (policy == NULL) {
      return;
    }
    struct core_route_policy *part = policy->pass_next == NULL ? TAILQ_FIRST(&policy->users) : policy->pass_next;
    policy->pass_next = TAILQ_NEXT(part, user);
    if (--policy->pass_left == 0) {
      TAILQ_REMOVE(&policies->passing, policy, passing);
    }
    core_policy_follow(core, part);
    core_policy_touch(core, part->route, false);
  }
}

static void ask_on_work(void *arg) {
  struct bc_core *core = arg;
  struct core_policies *policies = &core->policies;
  bool is_attaching = core_policy_attach_some(core);
  ask_pass_some(core);
  if (!is_attaching) {
    core_policy_trial_some(core);
  }
  bool has_room = core_policy_send_some(core);
  bool has_more = !TAILQ_EMPTY(&policies->passing) || core_policy_trial_is_due(core);
  if (is_attaching || (has_room && (has_more || policies->queued > 0))) {
    bc_timer_start(policies->work_timer, 0);
  }
  core_link_pump(core);
}

void core_policy_work_soon(struct bc_core *core) {
  if (!bc_timer_is_armed(core->policies.work_timer)) {
    bc_timer_start(core->policies.work_timer, 0);
  }
}

/* Of all keys: what all policies see is another. */
void core_policy_pass_all(struct bc_core *core) {
  for (struct core_policy *policy = core_policy_next(core, NULL); policy != NULL;
       policy = core_policy_next(core, policy)) {
    core_policy_pass(core, policy);
  }
}

static bool ask_reads(const struct core_policy_version *version, const char *name) {
  bool is_read = version->reads_all;
  for (unsigned i = 0; !is_read && i < version->read_count; i++) {
    is_read = strcmp(version->reads[i], name) == 0;
  }
  return is_read;
}

void core_policy_on_data(struct bc_core *core, const char *name) {
  struct core_policies *policies = &core->policies;
  if (policies->routes == 0) {
    return;
  }
  for (struct core_policy *policy = core_policy_next(core, NULL); policy != NULL;
       policy = core_policy_next(core, policy)) {
    if (policy->running != NULL && policy->user_count > 0 && ask_reads(policy->running, name)) {
      core_policy_pass(core, policy);
    }
  }
}

void core_policy_ask_open(struct bc_core *core) {
  struct core_policies *policies = &core->policies;
  policies->work_timer = bc_timer_new(core->loop, ask_on_work, core);
  policies->due_timer = bc_timer_new(core->loop, ask_on_due, core);
  policies->clock_timer = bc_timer_new(core->loop, ask_on_clock, core);
  policies->news_timer = bc_timer_new(core->loop, core_history_on_news, core);
}

void core_policy_ask_close(struct bc_core *core) {
  bc_timer_free(core->policies.work_timer);
  bc_timer_free(core->policies.due_timer);
  bc_timer_free(core->policies.clock_timer);
  bc_timer_free(core->policies.news_timer);
}
