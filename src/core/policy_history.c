/* What policies see of the past of checks: kept only of those that a route under a policy rests on. */
#include "base/mem.h"
#include "core/private.h"

#include <stdlib.h>

enum { HISTORY_USERS_A_TURN = 256 };

static void history_provide(struct core_check *check) {
  if (check->history == NULL) {
    check->history = bc_mem_new(1, sizeof *check->history);
    bc_buf_init(&check->history->shown, BC_LIMIT_POLICY_CONTEXT_BYTES);
  }
}

static void history_free(struct core_check *check) {
  if (check->history != NULL) {
    bc_buf_free(&check->history->shown);
  }
  free(check->history);
  check->history = NULL;
}

void core_history_provide(struct core_route *route) {
  if (route->check != NULL) {
    history_provide(route->check);
  }
  for (unsigned i = 0; route->uses != NULL && i < route->uses->count; i++) {
    struct core_use *use = &route->uses->each[i];
    if (!use->is_seen) {
      use->is_seen = true;
      core_named_place(use, true);
      history_provide(&use->named->check);
      use->named->check.history->users++;
    }
  }
}

static void history_leave(struct core_use *use) {
  struct core_check *check = &use->named->check;
  if (use->is_seen && --check->history->users == 0) {
    history_free(check);
  }
  use->is_seen = false;
}

void core_history_forget(struct core_route *route) {
  if (route->check != NULL) {
    history_free(route->check);
  }
  for (unsigned i = 0; route->uses != NULL && i < route->uses->count; i++) {
    struct core_use *use = &route->uses->each[i];
    if (use->is_seen) {
      core_named_place(use, false);
    }
    history_leave(use);
  }
}

static void history_add_state(struct core_check_history *history, enum bc_health_state state) {
  history->states[history->state_count++ % CORE_POLICY_CHANGES] =
      (struct core_past_state){.at_ms = bc_wall_now_ms(), .state = (uint8_t)state};
}

const struct core_past_state *core_history_state(const struct core_check *check, unsigned back) {
  const struct core_check_history *history = check->history;
  bool is_there = history != NULL && back < history->state_count && back < CORE_POLICY_CHANGES;
  return is_there ? &history->states[(history->state_count - 1 - back) % CORE_POLICY_CHANGES] : NULL;
}

const struct core_past_run *core_history_run(const struct core_check *check, unsigned back) {
  const struct core_check_history *history = check->history;
  bool is_there = history != NULL && back < history->run_count && back < CORE_POLICY_RESULTS;
  return is_there ? &history->runs[(history->run_count - 1 - back) % CORE_POLICY_RESULTS] : NULL;
}

/* ---- what is new ---- */

/* Its users are asked some at a time. */
static void history_tell_users(struct bc_core *core, struct core_check *check) {
  struct core_named *named = (struct core_named *)((char *)check - offsetof(struct core_named, check));
  struct core_policies *policies = &core->policies;
  if (named->news_left == 0 && named->user_count > 0) {
    TAILQ_INSERT_TAIL(&policies->news, named, news);
  }
  named->news_left = named->user_count;
  if (!TAILQ_EMPTY(&policies->news) && !bc_timer_is_armed(policies->news_timer)) {
    bc_timer_start(policies->news_timer, 0);
  }
}

void core_history_on_news(void *arg) {
  struct bc_core *core = arg;
  struct core_policies *policies = &core->policies;
  struct core_named *named;
  for (unsigned turn = 0; turn < HISTORY_USERS_A_TURN && (named = TAILQ_FIRST(&policies->news)) != NULL; turn++) {
    struct core_use *use = named->news_next == NULL ? TAILQ_FIRST(&named->users) : named->news_next;
    named->news_next = TAILQ_NEXT(use, link);
    if (--named->news_left == 0) {
      TAILQ_REMOVE(&policies->news, named, news);
    }
    core_policy_touch(core, use->route, true);
  }
  if (!TAILQ_EMPTY(&policies->news)) {
    bc_timer_start(policies->news_timer, 0);
  }
}

void core_history_on_detach(struct bc_core *core, struct core_use *use) {
  struct core_named *named = use->named;
  history_leave(use);
  if (named->news_next == use) {
    named->news_next = TAILQ_NEXT(use, link);
  }
  /* The user is about to be taken from the list. */
  if (named->news_left > named->user_count - 1) {
    named->news_left = named->user_count - 1;
    if (named->news_left == 0) {
      TAILQ_REMOVE(&core->policies.news, named, news);
    }
  }
}

void core_policy_on_run(struct bc_core *core, struct core_check *check, bool is_news) {
  struct core_check_history *history = check->history;
  if (history == NULL) {
    return;
  }
  const struct core_version *version = &check->running;
  history->runs[history->run_count++ % CORE_POLICY_RESULTS] =
      (struct core_past_run){.at_ms = bc_wall_now_ms(),
                             .took_us = version->took_us,
                             .score = version->score,
                             .status = (uint8_t)version->last_status};
  if (!is_news) {
    return;
  }
  if (check->route != NULL) {
    core_policy_touch(core, check->route, true);
  } else {
    history_tell_users(core, check);
  }
}

void core_policy_on_state(struct core_check *check) {
  if (check->history != NULL) {
    history_add_state(check->history, check->health.state);
  }
}
