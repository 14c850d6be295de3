#include "worker/exec_private.h"

#include "base/mem.h"
#include "base/procs.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  SWEEP_CHILDREN = 4096,
  SWEEP_ROUNDS = 8, /* without a pause, as each killed process may hand its children to us */
  SWEEP_SHARE = 10, /* a sweep that took 1 ms is followed by 10 ms without one */
  SWEEP_PAUSE_MS = 5,
  SWEEP_DOUBT_MS = 100,
  SWEEP_WAIT_US = 2000 /* between two looks at processes that take their time to die */
};

enum sweep_owner { SWEEP_LIVE, SWEEP_ENDED, SWEEP_UNKNOWN };

void exec_sweep_request(struct exec_worker *worker) {
  struct bc_mono now = bc_mono_now();
  bool may_now = bc_mono_reached(worker->sweep_allowed, now);
  bc_timer_start_at(worker->sweep_timer, may_now ? now : worker->sweep_allowed);
}

/* Which kind of run a child of ours belongs to. */
static enum sweep_owner sweep_find_owner(struct exec_worker *worker, const struct bc_procs_child *child) {
  const struct exec_run *run;
  bool any_live = false;
  LIST_FOREACH(run, &worker->runs, link) {
    if (child->pid == run->pid || (!run->is_discarded && child->session == run->pid)) {
      return SWEEP_LIVE;
    }
    any_live = any_live || !run->is_discarded;
  }
  if (exec_command_has_process(worker, child->pid, child->session)) {
    return SWEEP_LIVE;
  }
  any_live = any_live || exec_command_is_any(worker);
  char found[EXEC_JOB_BYTES];
  if (!any_live) {
    return SWEEP_ENDED;
  }
  if (!bc_procs_environment(child->pid, EXEC_JOB_VARIABLE, found, sizeof found)) {
    return SWEEP_UNKNOWN;
  }
  LIST_FOREACH(run, &worker->runs, link) {
    char job[EXEC_JOB_BYTES];
    exec_env_job(run->number, job);
    if (!run->is_discarded && strcmp(job, found) == 0) {
      return SWEEP_LIVE;
    }
  }
  return exec_command_has_job(worker, found) ? SWEEP_LIVE : SWEEP_ENDED;
}

/* True when it has been suspect for long enough; else it is noted for the next round in `kept`. */
static bool sweep_is_condemned(const struct exec_worker *worker, pid_t pid, struct bc_mono now,
                               struct exec_suspect *kept, size_t *kept_count) {
  struct bc_mono since = now;
  for (size_t i = 0; i < worker->suspect_count; i++) {
    if (worker->suspects[i].pid == pid) {
      since = worker->suspects[i].since;
    }
  }
  if (bc_mono_ms_between(since, now) >= SWEEP_DOUBT_MS) {
    return true;
  }
  if (*kept_count < EXEC_SUSPECTS) {
    kept[(*kept_count)++] = (struct exec_suspect){.pid = pid, .since = since};
  }
  return false;
}

/* With its group, which cannot outrun us by forking. */
static void sweep_kill(const struct bc_procs_child *child) {
  (void)kill(child->pid, SIGKILL);
  if (child->group > 1 && child->group != getpgrp()) {
    (void)kill(-child->group, SIGKILL);
  }
}

static unsigned sweep_round(struct exec_worker *worker, struct bc_procs_child *list) {
  struct exec_suspect kept[EXEC_SUSPECTS];
  size_t kept_count = 0;
  unsigned killed = 0;
  struct bc_mono now = bc_mono_now();
  size_t count = bc_procs_children(list, SWEEP_CHILDREN);
  for (size_t i = 0; i < count; i++) {
    enum sweep_owner owner = list[i].is_zombie ? SWEEP_LIVE : sweep_find_owner(worker, &list[i]);
    if (owner == SWEEP_ENDED ||
        (owner == SWEEP_UNKNOWN && sweep_is_condemned(worker, list[i].pid, now, kept, &kept_count))) {
      sweep_kill(&list[i]);
      killed++;
    }
  }
  memcpy(worker->suspects, kept, kept_count * sizeof kept[0]);
  worker->suspect_count = kept_count;
  return killed;
}

void exec_sweep_on_timer(void *arg) {
  struct exec_worker *worker = arg;
  struct bc_mono begin = bc_mono_now();
  struct bc_procs_child *list = bc_mem_new(SWEEP_CHILDREN, sizeof *list);
  unsigned killed = 1;
  bool any = false;
  siginfo_t info;
  for (int round = 0; killed > 0 && round < SWEEP_ROUNDS; round++) {
    /* No child at all is the common case and costs one call instead of a walk through /proc. */
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
      worker->suspect_count = 0;
      break;
    }
    killed = sweep_round(worker, list);
    any = any || killed > 0;
  }
  free(list);
  struct bc_mono end = bc_mono_now();
  worker->sweep_allowed =
      bc_mono_add_ms((struct bc_mono){.us = end.us + (end.us - begin.us) * SWEEP_SHARE}, SWEEP_PAUSE_MS);
  if (any) {
    exec_sweep_request(worker);
  } else if (worker->suspect_count > 0) {
    bc_timer_start(worker->sweep_timer, SWEEP_DOUBT_MS);
  }
}

static bool sweep_reap_all(void) {
  pid_t pid;
  while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
  }
  return pid < 0;
}

bool exec_sweep_all(int most_ms) {
  struct bc_procs_child *list = bc_mem_new(SWEEP_CHILDREN, sizeof *list);
  struct bc_mono deadline = bc_mono_add_ms(bc_mono_now(), most_ms);
  bool is_clean = sweep_reap_all();
  while (!is_clean && !bc_mono_reached(deadline, bc_mono_now())) {
    size_t count = bc_procs_children(list, SWEEP_CHILDREN);
    for (size_t i = 0; i < count; i++) {
      sweep_kill(&list[i]);
    }
    (void)nanosleep(&(struct timespec){.tv_nsec = SWEEP_WAIT_US * 1000}, NULL);
    is_clean = sweep_reap_all();
  }
  free(list);
  return is_clean;
}
