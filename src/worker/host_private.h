/* What the files of the Lua worker share: checks and their schedule (host_check.c), runs and results (host_run.c), the
 * process itself (host.c). */
#ifndef BC_WORKER_HOST_PRIVATE_H
#define BC_WORKER_HOST_PRIVATE_H

#include "base/check_status.h"
#include "base/mono.h"
#include "worker/lua_io.h"
#include "worker/lua_process.h"
#include "worker/schedule.h"

enum {
  HOST_CPU_SHARE = 10,  /* a check has at most this part of our CPU time */
  HOST_COSTLY_MS = 20,  /* CPU time of a run */
  HOST_STRANGER_MS = 1, /* who has not run yet lets pass who is known to be quick */
  HOST_TURN_MS = 20,
  HOST_LATE_MS = 1000, /* a wake-up this late says that we were held up */
  HOST_GRACE_TURNS = 3,
  HOST_BEAT_MS = 250 /* how often we look whether we are; and how late is nothing yet */
};

struct host_worker;

struct host_check {
  struct bc_schedule_item when; /* the next start, or the wake-up of the run */
  struct host_worker *worker;
  uint32_t generation;
  char *name;
  struct bc_shelf_place place;
  char *state; /* as in the message, for its first run; NULL: it has it */
  size_t state_len;
  uint32_t timeout_ms;
  uint32_t threshold;
  struct bc_sandbox_run *run; /* NULL: does not run */
  struct bc_mono deadline;    /* of the run */
  struct bc_mono wake;        /* when it wants to go on; not set: it waits for an event */
  bool is_extended;
  unsigned grace;         /* turns for which its deadline still waits */
  unsigned grace_turn;    /* the last of them */
  int64_t held_ms_before; /* the worker's, when the run began */
  uint64_t cpu_us;        /* that the last run used … */
  bool has_run;           /* … if there was one */
};

struct host_worker {
  struct bc_lua_process process;
  struct bc_lua_exec *exec;
  struct bc_schedule schedule;
  struct bc_timer *beat_timer; /* while anything runs */
  struct bc_mono beat;         /* when it is due */
  int64_t held_ms;             /* for how long this process stood still, of all that we saw */
  struct bc_lua_io *io;
  unsigned running;
  unsigned turn;            /* of host_check_on_due */
  struct bc_mono costly_at; /* when the last costly run ended, … */
  int64_t costly_ms;        /* … and what it used */
};

/* ---- host_check.c: what is set, and when it runs ---- */

void host_check_set(struct host_worker *worker, const struct bc_msg_lua_set *message);
void host_check_set_state(struct host_worker *worker, const struct bc_msg_check_state *message);
void host_check_remove(struct host_worker *worker, uint32_t id);
void host_check_remove_all(struct host_worker *worker);
/* The timer of the next start or wake-up. */
void host_check_on_due(void *arg);
/* Its run waits, until `at` at most. */
void host_check_wait(struct host_check *check, struct bc_mono at);
/* Its run has used so much CPU time. */
void host_check_note_cost(struct host_check *check, uint64_t cpu_us);
/* Its run is over: plans the next. */
void host_check_ended(struct host_check *check);

/* ---- host_run.c ---- */

/* The name of a script in its own errors, as checks with other names share it. */
#define HOST_SCRIPT_NAME "healthcheck"

void host_run_start(struct host_check *check);
/* The time has come that it waits for. */
void host_run_wake(struct host_check *check);
/* Ends it without a result. */
void host_run_discard(struct host_check *check);
/* Sees for how long this process stood still; to be called before what is due is called late. */
void host_run_on_beat(void *arg);

/* ---- host.c ---- */

/* Around all that may use the CPU for long, on behalf of a check: core sees it and measures. */
void host_page_enter(const struct host_check *check);
void host_page_leave(const struct host_check *check);

#endif
