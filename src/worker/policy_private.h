/* What the files of the policy worker share: policies and runs (policy_run.c), the process itself (policy.c). */
#ifndef BC_WORKER_POLICY_PRIVATE_H
#define BC_WORKER_POLICY_PRIVATE_H

#include "base/tree.h"
#include "worker/lua_process.h"
#include "worker/policy.h"

#include <sys/queue.h>

enum { POLICY_TURN_MS = 20 };

/* The name of a script in its own errors, as policies with other names share it. */
#define POLICY_SCRIPT_NAME "policy"

struct policy {
  RB_ENTRY(policy) link; /* while it is known under its number */
  uint32_t number;
  char *name;
  struct bc_shelf_place place;
  unsigned users; /* one for being known, one for each run that waits */
};
RB_HEAD(policies, policy);

struct policy_run {
  STAILQ_ENTRY(policy_run) link;
  uint32_t id;
  struct policy *policy; /* NULL: it was not known */
  size_t context_len;
  char context[];
};
STAILQ_HEAD(policy_runs, policy_run);

struct policy_worker {
  struct bc_lua_process process;
  struct bc_timer *turn; /* armed while runs wait */
  struct policies policies;
  unsigned known;
  struct policy_runs runs;
  unsigned waiting;
};

void policy_set(struct policy_worker *worker, const struct bc_msg_policy_set *message);
void policy_remove(struct policy_worker *worker, uint32_t number);
/* Puts a run behind those that wait. */
void policy_ask(struct policy_worker *worker, const struct bc_msg_policy_run *message);
/* The timer: executes runs that wait, for POLICY_TURN_MS. */
void policy_on_turn(void *arg);
/* Policies and runs that wait; no result is told. */
void policy_remove_all(struct policy_worker *worker);

#endif
