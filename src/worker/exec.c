#include "worker/exec.h"

#include "base/harden.h"
#include "base/log.h"
#include "base/mem.h"
#include "worker/exec_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a fork storm leaves is reaped in pieces, so that pings are answered meanwhile. */
enum { WORKER_REAPS_A_TURN = 512 };

enum { WORKER_EXIT_OK = 0, WORKER_EXIT_TROUBLE = 1, WORKER_EXIT_PARENT_GONE = 2 };

static void worker_reap(void *arg) {
  struct exec_worker *worker = arg;
  bool any_stray = false;
  for (int i = 0; i < WORKER_REAPS_A_TURN; i++) {
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
      if (any_stray) {
        exec_sweep_request(worker);
      }
      return;
    }
    struct exec_run *run = exec_run_find(worker, info.si_pid);
    if (run != NULL) {
      exec_run_end(run);
    } else if (!exec_command_end(worker, info.si_pid)) {
      (void)waitpid(info.si_pid, NULL, WNOHANG);
      any_stray = true;
    }
  }
  exec_sweep_request(worker);
  bc_timer_start(worker->reap_timer, 0);
}

static void worker_on_child(void *arg, int number) {
  (void)number;
  worker_reap(arg);
}

static void worker_on_term(void *arg, int number) {
  (void)number;
  struct exec_worker *worker = arg;
  bc_loop_stop(worker->loop);
}

static void worker_send(struct exec_worker *worker, const struct bc_msg *message) {
  if (bc_channel_send(worker->channel, message) != BC_ERR_OK) {
    bc_log(BC_LOG_WARNING, "%s could not be sent", bc_msg_name(message->type));
  }
}

static void worker_on_message(void *arg, const struct bc_msg *message) {
  struct exec_worker *worker = arg;
  switch (message->type) {
  case BC_MSG_PING: {
    struct bc_msg pong = {
        .type = BC_MSG_PONG,
        .pong = {.number = message->ping.number, .running = worker->running, .known = worker->schedule.known}};
    worker_send(worker, &pong);
    break;
  }
  case BC_MSG_CHECK_SET:
    exec_check_set(worker, &message->check_set);
    break;
  case BC_MSG_CHECK_STATE:
    exec_check_set_state(worker, &message->check_state);
    break;
  case BC_MSG_CHECK_REMOVE:
    exec_check_remove(worker, message->check_remove.id);
    break;
  case BC_MSG_COMMAND_RUN:
    exec_command_run(worker, &message->command_run);
    break;
  case BC_MSG_COMMAND_CANCEL:
    exec_command_cancel(worker, message->command_cancel.id);
    break;
  case BC_MSG_STOP:
    bc_loop_stop(worker->loop);
    break;
  case BC_MSG_ADDRESS_SET:
  case BC_MSG_ADDRESS_REMOVE:
    exec_address_change(worker, message);
    break;
  default:
    bc_log(BC_LOG_WARNING, "a shell check worker has no use for %s", bc_msg_name(message->type));
  }
}

static void worker_on_closed(void *arg, const char *why) {
  struct exec_worker *worker = arg;
  bc_log(BC_LOG_INFO, "core is gone (%s): stopping every check", why);
  bc_loop_stop(worker->loop);
}

struct worker_confinement {
  bool is_bounded;
  bool has_net_admin;
};

/* Core's death comes as TERM, not KILL: only we know the descendants that are to die too. */
static enum bc_err worker_confine(struct worker_confinement *is, struct bc_fault *fault) {
  enum bc_err err = bc_harden_process_with(022, BC_HARDEN_NET_ADMIN_USE, &is->has_net_admin, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  if (fcntl(EXEC_CHANNEL_FD, F_SETFD, FD_CLOEXEC) != 0) {
    bc_fault_set(fault, 0, "no channel on descriptor %d: %s", EXEC_CHANNEL_FD, strerror(errno));
    return BC_ERR_IO;
  }
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
    bc_fault_set(fault, 0, "prctl(PR_SET_CHILD_SUBREAPER): %s", strerror(errno));
    return BC_ERR_IO;
  }
  is->is_bounded = bc_harden_bound_capabilities();
  return BC_ERR_OK;
}

static void worker_start(struct exec_worker *worker, const char *script_dir, const struct worker_confinement *is) {
  TAILQ_INIT(&worker->queue);
  worker->scripts = bc_intern_new();
  LIST_INIT(&worker->runs);
  LIST_INIT(&worker->commands);
  exec_dir_init(&worker->dir, script_dir);
  bc_schedule_init(&worker->schedule, worker->loop, exec_check_on_due, worker);
  worker->reap_timer = bc_timer_new(worker->loop, worker_reap, worker);
  worker->sweep_timer = bc_timer_new(worker->loop, exec_sweep_on_timer, worker);
  const struct bc_channel_handler handler = {.arg = worker, .message = worker_on_message, .closed = worker_on_closed};
  worker->channel = bc_channel_new(worker->loop, EXEC_CHANNEL_FD, BC_MSG_TO_WORKER, &handler);
  struct bc_msg hello = {
      .type = BC_MSG_HELLO,
      .hello = {.version = BC_MSG_VERSION, .confinement = bc_str_of(is->is_bounded ? "bounding set" : "none")}};
  worker_send(worker, &hello);
  exec_address_start(worker, is->has_net_admin);
}

static void worker_finish(struct exec_worker *worker) {
  /* Results of what we kill now would be taken for the checks' own. */
  exec_check_remove_all(worker);
  exec_command_cancel_all(worker);
  bool is_clean = exec_sweep_all(EXEC_SHUTDOWN_MS);
  struct exec_run *run;
  while ((run = LIST_FIRST(&worker->runs)) != NULL) {
    exec_run_free(run);
  }
  exec_command_free_all(worker);
  if (!is_clean) {
    bc_log(BC_LOG_WARNING, "a process of a check could not be killed");
  }
  exec_address_stop(worker);
  exec_dir_free(&worker->dir);
  bc_intern_free(worker->scripts);
  bc_channel_free(worker->channel);
  bc_schedule_fini(&worker->schedule);
  bc_timer_free(worker->reap_timer);
  bc_timer_free(worker->sweep_timer);
  bc_signal_free(worker->child_signal);
  bc_signal_free(worker->term_signal);
}

int bc_exec_worker_run(const char *script_dir) {
  struct exec_worker worker = {.running = 0};
  struct bc_fault fault;
  struct worker_confinement is = {0};
  (void)signal(SIGPIPE, SIG_IGN);
  worker.loop = bc_loop_new();
  /* Before the tie to the parent: from there on TERM may come. */
  worker.term_signal = bc_signal_new(worker.loop, SIGTERM, worker_on_term, &worker);
  worker.child_signal = bc_signal_new(worker.loop, SIGCHLD, worker_on_child, &worker);
  enum bc_err err = worker_confine(&is, &fault);
  if (err == BC_ERR_OK) {
    err = bc_harden_tie_to_parent(bc_harden_peer(EXEC_CHANNEL_FD), SIGTERM, &fault);
  }
  if (err != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "the worker of the shell checks cannot start: %s", fault.text);
    bc_signal_free(worker.term_signal);
    bc_signal_free(worker.child_signal);
    bc_loop_free(worker.loop);
    return err == BC_ERR_CLOSED ? WORKER_EXIT_PARENT_GONE : WORKER_EXIT_TROUBLE;
  }
  worker_start(&worker, script_dir, &is);
  bc_loop_run(worker.loop);
  worker_finish(&worker);
  bc_loop_free(worker.loop);
  return WORKER_EXIT_OK;
}
