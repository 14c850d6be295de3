#include "io/dir.h"

#include "base/log.h"
#include "base/mem.h"
#include "io/dir_publish.h"
#include "io/dir_scan.h"
#include "io/lane.h"
#include "io/store_kind.h"
#include "proto/dir_key.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* After a scan so many times what it took is rest: whoever writes all the time costs us a quarter of a processor. */
enum { DIR_RETELL_MS = 60000, DIR_REST_TIMES = 3 };

const struct bc_dir_tuning bc_dir_tuning_default = {
    .quiet_ms = 50,
    .quiet_most_ms = 500,
    .removal_most_ms = 5000,
    .rescan_ms = 30000,
    .poll_ms = 2000,
    .hang_ms = 10000,
    .round_ms = 500,
    .pause_ms = 30000,
    .stale_ms = 10000,
};

/* What the thread works on; it outlives a store that is closed while the directory hangs. */
struct dir_work {
  struct bc_dir_watch *watch;
  struct bc_dir_scan *scan;
  struct bc_dir_round *round;
  /* Set by the loop before a job, for dir_on_done. */
  struct dir *dir;
};

enum dir_job { JOB_NONE, JOB_SCAN, JOB_ROUND, JOB_LEAVE };

struct dir {
  struct bc_store base;
  struct bc_loop *loop;
  struct bc_dir_tuning tuning;
  struct bc_store_handler handler;
  char *directory;
  char *endpoint;
  struct bc_lane *lane;
  struct dir_work *work;
  struct bc_dir_publish_handler publish_handler;
  struct bc_dir_publish *publish;
  struct bc_watch *events;
  enum dir_job job;
  struct bc_timer *scan_timer;  /* after events, and now and then */
  struct bc_timer *round_timer; /* own keys */
  struct bc_timer *hang_timer;  /* the job takes long */
  struct bc_timer *leave_timer;
  struct bc_timer *end;     /* frees a closed store, away from its callbacks */
  struct bc_mono disturbed; /* the first event since the last list that was told; not set = none */
  struct bc_mono heard;     /* the last good scan */
  int64_t patience_ms;      /* how long after that events may put a list off */
  struct bc_mono last_disturbed;
  struct bc_mono scan_begun;
  struct bc_mono rest_until; /* events are no reason for a scan before */
  bool is_scan_due;
  bool is_rushed;          /* the scan began although it was not quiet yet */
  bool is_disturbed_again; /* events since the scan began */
  bool need_list;          /* even if nothing changed */
  bool is_connected;
  bool is_leaving;
  bool is_closed;
  bool has_told_watches; /* that something cannot be watched */
  bc_loop_fn *leave_done;
  void *leave_arg;
  enum bc_store_state state;
  char *state_text;
  struct bc_mono told;
};

static void dir_pump(struct dir *dir);

static void dir_tell_state(struct dir *dir, enum bc_store_state state, const char *text) {
  struct bc_mono now = bc_mono_now();
  if (dir->state_text != NULL && dir->state == state) {
    bool is_soon = state != BC_STORE_STATE_CONNECTED && bc_mono_ms_between(dir->told, now) < DIR_RETELL_MS;
    if (is_soon || strcmp(text, dir->state_text) == 0) {
      return;
    }
  }
  dir->told = now;
  dir->state = state;
  free(dir->state_text);
  dir->state_text = bc_mem_copy_string(text);
  dir->handler.state(dir->handler.arg, state, dir->state_text);
}

static void dir_fail(struct dir *dir, const char *text) {
  dir->is_connected = false;
  dir_tell_state(dir, BC_STORE_STATE_UNREACHABLE, text);
}

/* ---- when to look ---- */

static void dir_arm_scan(struct dir *dir, struct bc_mono when) {
  bc_timer_start_at(dir->scan_timer, when);
}

/* Something happened: not before it is quiet, but not for ever. */
static void dir_arm_quiet(struct dir *dir) {
  struct bc_mono now = bc_mono_now();
  dir->last_disturbed = now;
  if (!bc_mono_is_set(dir->disturbed)) {
    dir->disturbed = now;
  }
  struct bc_mono when =
      bc_mono_earlier(bc_mono_add_ms(now, dir->tuning.quiet_ms), bc_mono_add_ms(dir->disturbed, dir->patience_ms));
  dir_arm_scan(dir, bc_mono_reached(dir->rest_until, when) ? when : dir->rest_until);
}

static void dir_on_events(void *arg, int fd, int events) {
  struct dir *dir = arg;
  (void)fd;
  (void)events;
  if (!bc_dir_watch_read(dir->work->watch) || dir->is_leaving) {
    return;
  }
  if (dir->job == JOB_SCAN) {
    dir->is_disturbed_again = true;
  } else {
    dir_arm_quiet(dir);
  }
}

static void dir_on_scan_timer(void *arg) {
  struct dir *dir = arg;
  dir->is_scan_due = true;
  dir_pump(dir);
}

static void dir_on_round_timer(void *arg) {
  dir_pump(arg);
}

static void dir_on_hang(void *arg) {
  struct dir *dir = arg;
  struct bc_fault text;
  bc_fault_set(&text, 0, "does not answer (%s)", dir->directory);
  dir_fail(dir, text.text);
}

/* ---- jobs ---- */

static void dir_work_scan(void *arg) {
  bc_dir_scan_run(((struct dir_work *)arg)->scan);
}

static void dir_work_round(void *arg) {
  bc_dir_round_run(((struct dir_work *)arg)->round);
}

static void dir_work_leave(void *arg) {
  bc_dir_round_leave(((struct dir_work *)arg)->round);
}

static void dir_on_done(void *arg);

static void dir_run(struct dir *dir, enum dir_job job, bc_loop_fn *work) {
  dir->job = job;
  bc_timer_start(dir->hang_timer, dir->tuning.hang_ms);
  bc_lane_run(dir->lane, work, dir_on_done, dir->work);
}

static bool dir_is_round_due(const struct dir *dir) {
  struct bc_mono due = bc_dir_publish_due(dir->publish);
  /* A tree that is being exchanged may have no place for them now. */
  if (!dir->is_connected || bc_mono_is_set(dir->disturbed) || !bc_mono_is_set(due)) {
    return false;
  }
  if (bc_mono_reached(due, bc_mono_now())) {
    return true;
  }
  bc_timer_start_at(dir->round_timer, due);
  return false;
}

/* The next thing that the thread has to do. */
static void dir_pump(struct dir *dir) {
  if (dir->job != JOB_NONE || dir->is_closed) {
    return;
  }
  if (dir->is_leaving) {
    if (dir->leave_done != NULL) {
      dir_run(dir, JOB_LEAVE, dir_work_leave);
    }
  } else if (dir->is_scan_due) {
    dir->is_scan_due = false;
    dir->is_disturbed_again = false;
    dir->scan_begun = bc_mono_now();
    dir->is_rushed =
        bc_mono_is_set(dir->disturbed) && bc_mono_ms_between(dir->last_disturbed, bc_mono_now()) < dir->tuning.quiet_ms;
    dir_run(dir, JOB_SCAN, dir_work_scan);
  } else if (dir_is_round_due(dir)) {
    bc_dir_publish_begin(dir->publish, dir->work->round, bc_mono_now());
    dir_run(dir, JOB_ROUND, dir_work_round);
  }
}

/* ---- after a scan ---- */

static void dir_tell_connected(struct dir *dir) {
  const char *problem = bc_dir_watch_problem(dir->work->watch);
  struct bc_fault text;
  if (!dir->is_connected) {
    dir->is_connected = true;
    bc_dir_publish_again(dir->publish, bc_mono_now());
  }
  if (problem == NULL) {
    bc_fault_set(&text, 0, "%s", dir->endpoint);
  } else {
    bc_fault_set(&text, 0, "%s: looked at every %lld ms: %s", dir->endpoint, (long long)dir->tuning.poll_ms, problem);
    if (!dir->has_told_watches) {
      bc_log(BC_LOG_WARNING, "store %s: not all of it can be watched: %s", dir->directory, problem);
    }
  }
  dir->has_told_watches = problem != NULL;
  dir_tell_state(dir, BC_STORE_STATE_CONNECTED, text.text);
}

/* Changes are under way, and there is still time to wait for their end. */
static bool dir_should_wait(struct dir *dir, const struct bc_dir_scan_state *is) {
  bool is_moving =
      dir->is_disturbed_again || dir->is_rushed || is->is_unsettled || (!is->is_good && bc_mono_is_set(dir->disturbed));
  dir->patience_ms = is->has_lost_routes ? dir->tuning.removal_most_ms : dir->tuning.quiet_most_ms;
  struct bc_mono end = bc_mono_add_ms(dir->disturbed, dir->patience_ms);
  bool is_over = bc_mono_is_set(dir->disturbed) && bc_mono_reached(end, bc_mono_now());
  if (!is_moving || is_over) {
    return false;
  }
  dir_arm_quiet(dir);
  return true;
}

static void dir_arm_next(struct dir *dir, const struct bc_dir_scan_state *is) {
  struct bc_mono now = bc_mono_now();
  bool is_watched = is->is_good && bc_dir_watch_problem(dir->work->watch) == NULL;
  bool is_moving = dir->is_disturbed_again || is->is_unsettled;
  dir->disturbed = (struct bc_mono){0};
  dir->patience_ms = dir->tuning.quiet_most_ms;
  if (is_moving) {
    dir_arm_quiet(dir);
  } else {
    dir_arm_scan(dir, bc_mono_add_ms(now, is_watched ? dir->tuning.rescan_ms : dir->tuning.poll_ms));
  }
}

static void dir_take_scan(struct dir *dir) {
  const struct bc_dir_scan_state *is = bc_dir_scan_state(dir->work->scan);
  /* What happened while it ran may still wait to be read. */
  dir->is_disturbed_again = bc_dir_watch_read(dir->work->watch) || dir->is_disturbed_again;
  bc_dir_watch_settle(dir->work->watch);
  struct bc_mono now = bc_mono_now();
  dir->rest_until = bc_mono_add_ms(now, DIR_REST_TIMES * bc_mono_ms_between(dir->scan_begun, now));
  if (dir->is_leaving || dir_should_wait(dir, is)) {
    return;
  }
  dir_arm_next(dir, is);
  if (!is->is_good) {
    dir_fail(dir, is->text);
    return;
  }
  dir->heard = bc_mono_now();
  dir_tell_connected(dir);
  if (!dir->is_closed && (dir->need_list || is->is_changed)) {
    dir->need_list = false;
    bc_dir_scan_tell(dir->work->scan, &dir->handler, &dir->is_closed);
  }
}

static void dir_end_leave(void *arg) {
  struct dir *dir = arg;
  bc_loop_fn *done = dir->leave_done;
  bc_timer_stop(dir->leave_timer);
  dir->leave_done = NULL;
  if (done != NULL) {
    done(dir->leave_arg);
  }
}

static void dir_on_done(void *arg) {
  struct dir *dir = ((struct dir_work *)arg)->dir;
  enum dir_job job = dir->job;
  dir->job = JOB_NONE;
  bc_timer_stop(dir->hang_timer);
  if (dir->is_closed) {
    return;
  }
  switch (job) {
  case JOB_SCAN:
    dir_take_scan(dir);
    break;
  case JOB_ROUND:
    bc_dir_publish_take(dir->publish, dir->work->round, bc_mono_now());
    if (!dir->is_connected && !dir->is_leaving) {
      dir_arm_scan(dir, bc_mono_now()); /* it hung, and answers again */
    }
    break;
  case JOB_LEAVE:
    dir_end_leave(dir);
    break;
  case JOB_NONE:
    break;
  }
  dir_pump(dir);
}

/* ---- as a store ---- */

static void dir_relist(struct bc_store *store) {
  struct dir *dir = (struct dir *)store;
  dir->need_list = true;
  if (!dir->is_leaving) {
    dir_arm_scan(dir, bc_mono_now());
  }
}

static void dir_publish(struct bc_store *store, const char *key, const char *value) {
  struct dir *dir = (struct dir *)store;
  bc_dir_publish_set(dir->publish, key, value);
  if (!dir->is_leaving) {
    bc_timer_start_at(dir->round_timer, bc_dir_publish_due(dir->publish));
  }
}

static void dir_publish_enable(struct bc_store *store, bool on) {
  struct dir *dir = (struct dir *)store;
  if (!dir->is_leaving) {
    bc_dir_publish_enable(dir->publish, on, bc_mono_now());
    bc_timer_start(dir->round_timer, 0);
  }
}

static void dir_on_problem(void *arg, const char *problem) {
  struct dir *dir = arg;
  dir->handler.publish_state(dir->handler.arg, problem);
}

static void dir_stop_timers(struct dir *dir) {
  bc_timer_stop(dir->scan_timer);
  bc_timer_stop(dir->round_timer);
  bc_timer_stop(dir->hang_timer);
  bc_timer_stop(dir->leave_timer);
}

static void dir_leave(struct bc_store *store, int64_t timeout_ms, bc_loop_fn *done, void *arg) {
  struct dir *dir = (struct dir *)store;
  dir_stop_timers(dir);
  dir->is_leaving = true;
  dir->leave_done = done;
  dir->leave_arg = arg;
  bc_timer_start(dir->leave_timer, bc_dir_publish_is_enabled(dir->publish) ? timeout_ms : 0);
  if (bc_dir_publish_is_enabled(dir->publish)) {
    dir_pump(dir);
  }
}

static const char *dir_endpoint(const struct bc_store *store) {
  const struct dir *dir = (const struct dir *)store;
  return dir->is_connected ? dir->endpoint : "";
}

static int64_t dir_age_ms(const struct bc_store *store) {
  const struct dir *dir = (const struct dir *)store;
  return bc_mono_is_set(dir->heard) ? bc_mono_ms_between(dir->heard, bc_mono_now()) : -1;
}

static void dir_work_free(void *arg) {
  struct dir_work *work = arg;
  bc_dir_scan_free(work->scan);
  bc_dir_round_free(work->round);
  bc_dir_watch_free(work->watch);
  free(work);
}

static void dir_free(void *arg) {
  struct dir *dir = arg;
  bc_watch_free(dir->events);
  if (dir->lane != NULL) {
    bc_lane_close(dir->lane, dir_work_free, dir->work);
  } else {
    dir_work_free(dir->work);
  }
  bc_dir_publish_free(dir->publish);
  bc_timer_free(dir->scan_timer);
  bc_timer_free(dir->round_timer);
  bc_timer_free(dir->hang_timer);
  bc_timer_free(dir->leave_timer);
  bc_timer_free(dir->end);
  free(dir->directory);
  free(dir->endpoint);
  free(dir->state_text);
  free(dir);
}

static void dir_close(struct bc_store *store) {
  struct dir *dir = (struct dir *)store;
  dir->is_closed = true;
  dir->is_leaving = true;
  dir->leave_done = NULL;
  dir_stop_timers(dir);
  /* A handler may be what closes it: the rest goes when nothing of it is on the stack any more. */
  bc_timer_start(dir->end, 0);
}

static const struct bc_store_kind dir_kind = {
    .name = "directory",
    .close = dir_close,
    .relist = dir_relist,
    .publish = dir_publish,
    .publish_enable = dir_publish_enable,
    .leave = dir_leave,
    .endpoint = dir_endpoint,
    .age_ms = dir_age_ms,
};

static char *dir_name_endpoint(const char *directory) {
  struct bc_buf text;
  bc_buf_init(&text, PATH_MAX);
  bc_buf_add_text(&text, "file://");
  bc_buf_add_text(&text, directory);
  return bc_buf_take(&text);
}

static struct dir *dir_new(struct bc_loop *loop, char *directory, const char *node, const struct bc_dir_tuning *tuning,
                           const struct bc_store_handler *handler) {
  struct dir *dir = bc_mem_new(1, sizeof *dir);
  dir->base.kind = &dir_kind;
  dir->loop = loop;
  dir->tuning = *tuning;
  dir->handler = *handler;
  dir->directory = directory;
  dir->endpoint = dir_name_endpoint(directory);
  dir->need_list = true;
  dir->patience_ms = tuning->quiet_most_ms;
  dir->publish_handler = (struct bc_dir_publish_handler){.arg = dir, .problem = dir_on_problem};
  dir->publish = bc_dir_publish_new(&dir->tuning, node, &dir->publish_handler);
  dir->scan_timer = bc_timer_new(loop, dir_on_scan_timer, dir);
  dir->round_timer = bc_timer_new(loop, dir_on_round_timer, dir);
  dir->hang_timer = bc_timer_new(loop, dir_on_hang, dir);
  dir->leave_timer = bc_timer_new(loop, dir_end_leave, dir);
  dir->end = bc_timer_new(loop, dir_free, dir);
  dir->work = bc_mem_new(1, sizeof *dir->work);
  dir->work->dir = dir;
  dir->work->watch = bc_dir_watch_new((size_t)tuning->watches_most);
  dir->work->scan = bc_dir_scan_new(directory, node, dir->work->watch);
  dir->work->round = bc_dir_round_new(directory, node);
  return dir;
}

static bool dir_node_is_fit(const char *node, struct bc_fault *fault) {
  if (bc_dir_name_judge(bc_str_of(node)) == BC_DIR_NAME_ROUTE) {
    return true;
  }
  bc_fault_set(fault, 0, "no directory can have the node's name %s", node);
  return false;
}

enum bc_err bc_dir_open(struct bc_loop *loop, const struct bc_store_options *options,
                        const struct bc_dir_tuning *tuning, const struct bc_store_handler *handler,
                        struct bc_store **store, struct bc_fault *fault) {
  struct bc_buf path;
  bc_buf_init(&path, PATH_MAX);
  enum bc_err err = bc_dir_endpoint_parse(bc_str_of(options->endpoints), &path, fault);
  if (err != BC_ERR_OK || !dir_node_is_fit(options->node, fault)) {
    bc_buf_free(&path);
    return err != BC_ERR_OK ? err : BC_ERR_SYNTAX;
  }
  struct dir *dir = dir_new(loop, bc_buf_take(&path), options->node, tuning, handler);
  dir->lane = bc_lane_new(loop);
  if (dir->lane == NULL) {
    bc_fault_set(fault, 0, "no thread can be started for %s", dir->directory);
    dir_free(dir);
    return BC_ERR_LIMIT;
  }
  if (bc_dir_watch_fd(dir->work->watch) >= 0) {
    dir->events = bc_watch_new(loop, bc_dir_watch_fd(dir->work->watch), dir_on_events, dir);
    bc_watch_set(dir->events, BC_WATCH_READ);
  }
  bc_timer_start(dir->scan_timer, 0);
  *store = &dir->base;
  return BC_ERR_OK;
}
