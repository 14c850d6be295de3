/* Core's beginning and end. */
#include "core/core.h"

#include "base/harden.h"
#include "base/mem.h"
#include "core/http.h"
#include "core/private.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
  CORE_LOCK_RETRY_MS = 500,
  CORE_LOCK_MEND_MS = 5000,
  CORE_EXIT_POLL_MS = 10,
  CORE_EXIT_WITHDRAW_MS = 1000, /* for on_exit withdraws to be confirmed */
  CORE_EXIT_LEAVE_MS = 800,     /* for the lease */
  CORE_EXIT_LIMIT_S = 2,
  CORE_MMAP_BYTES = 1024 * 1024
};

static const int core_signals[] = {SIGTERM, SIGINT, SIGHUP};

#define CORE_SIGNALS (sizeof core_signals / sizeof core_signals[0])

/* ---- the end ---- */

static void core_on_left(void *arg) {
  struct bc_core *core = arg;
  core->store_left = true;
}

static void core_on_exit_timer(void *arg) {
  struct bc_core *core = arg;
  int64_t waited = bc_mono_ms_between(core->exit_begun, bc_mono_now());
  bool is_written = core->link.pipe == NULL || bc_exabgp_pipe_pending_bytes(core->link.pipe) == 0;
  bool is_settled = core->exit_code == BC_CORE_EXIT_UPGRADE || !core->routes_started || core->pipe_closed ||
                    (bc_rib_is_settled(core->rib) && core_address_is_settled(core));
  if ((is_written && is_settled && core->store_left) || waited > CORE_EXIT_WITHDRAW_MS) {
    bc_loop_stop(core->loop);
    return;
  }
  bc_timer_start(core->exit_timer, CORE_EXIT_POLL_MS);
}

void core_exit_begin(struct bc_core *core, int exit_code, const char *why) {
  if (core->is_exiting) {
    return;
  }
  core->is_exiting = true;
  core->exit_code = exit_code;
  core->exit_begun = bc_mono_now();
  bc_log(BC_LOG_NOTICE, "ending: %s", why);
  (void)core_event_tell(core, BC_EVENT_NODE, NULL, 0, core_event_detail("end", why));
  /* A hung disk or a stuck library must not keep us: the default action of SIGALRM ends the process. */
  (void)alarm(CORE_EXIT_LIMIT_S);
  if (core->apply.save_dirty) {
    core_lastgood_save(core);
  }
  core_state_save(core);
  core_lease_end(core);
  core_wait_end_all(core);
  core->store_left = core->apply.store == NULL || exit_code == BC_CORE_EXIT_UPGRADE;
  if (exit_code != BC_CORE_EXIT_UPGRADE) {
    core_dispatch_exit(core);
    core_link_pump(core);
    if (core->apply.store != NULL) {
      bc_store_leave(core->apply.store, CORE_EXIT_LEAVE_MS, core_on_left, core);
    }
  }
  bc_timer_start(core->exit_timer, 0);
}

static void core_on_signal(void *arg, int number) {
  struct bc_core *core = arg;
  if (number == SIGHUP) {
    bc_log(BC_LOG_NOTICE, "SIGHUP: the node file is read at the next start (`bgpcommander upgrade` does it now)");
    return;
  }
  core_exit_begin(core, BC_CORE_EXIT_OK, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* ---- the beginning ---- */

static void core_open_all(struct bc_core *core) {
  struct bc_fault fault;
  core->is_open = true;
  core_event_open(core);
  core_journal_open(core);
  core_record_open(core);
  core_audit_open(core);
  core_wait_open(core);
  core_lease_open(core);
  core_observe_open(core);
  core_guard_open(core);
  core_admission_open(core);
  core_neighbor_open(core);
  core_check_open(core);
  core_policy_open(core);
  core_publish_open(core);
  core_apply_open(core);
  if (!core_api_open(core, &fault)) {
    /* Routing goes on without it. */
    bc_log(BC_LOG_ERROR, "local socket %s: %s", core->paths.socket, fault.text);
  }
  core_http_open(core);
  core_address_open(core);
  core_lua_open(core);
  core_command_open(core);
  core_pool_open(core);
  core_renew_open(core);
  core_egress_open(core);
  core_link_open(core);
}

static void core_stop_waiting(struct bc_core *core) {
  bc_watch_free(core->drain);
  core->drain = NULL;
}

static void core_on_drain(void *arg, int fd, int events) {
  struct bc_core *core = arg;
  char bytes[4096];
  (void)events;
  ssize_t got = read(fd, bytes, sizeof bytes);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
    core_stop_waiting(core);
    core_exit_begin(core, BC_CORE_EXIT_OK, "ExaBGP closed the pipe");
  }
}

/* Another daemon has the directory. */
static void core_wait_for_lock(struct bc_core *core, const char *why) {
  if (!core->lock_told) {
    core->lock_told = true;
    bc_log(BC_LOG_WARNING, "state directory %s: %s; waiting, announcing nothing", core->paths.state_dir, why);
    core->drain = bc_watch_new(core->loop, STDIN_FILENO, core_on_drain, core);
    if (core->drain != NULL) {
      bc_watch_set(core->drain, BC_WATCH_READ);
    }
  }
  bc_timer_start(core->lock_timer, CORE_LOCK_RETRY_MS);
}

/* A lock that cannot be had (no inodes, no right) tells of no other daemon: what stands must be followed all the same,
 * and withdrawn when its check says so. */
static void core_set_lock_problem(struct bc_core *core, const char *problem) {
  if (core->lock_problem == NULL && problem != NULL) {
    bc_log(BC_LOG_ERROR, "%s; going on without the lock", problem);
  } else if (core->lock_problem != NULL && problem == NULL) {
    bc_log(BC_LOG_NOTICE, "state directory %s: locked", core->paths.state_dir);
  }
  free(core->lock_problem);
  core->lock_problem = bc_mem_copy_string(problem);
}

static void core_on_lock_timer(void *arg) {
  struct bc_core *core = arg;
  struct bc_fault fault;
  pid_t holder = 0;
  if (core->is_exiting) {
    return;
  }
  enum bc_err err = bc_disk_lock(core->disk, &holder, &fault);
  if (err == BC_ERR_EXISTS && !core->is_open) {
    core_wait_for_lock(core, fault.text);
    return;
  }
  core_set_lock_problem(core, err == BC_ERR_OK ? NULL : fault.text);
  if (err != BC_ERR_OK) {
    bc_timer_start(core->lock_timer, CORE_LOCK_MEND_MS);
  }
  if (!core->is_open) {
    core_stop_waiting(core);
    core_open_all(core);
  }
}

static void core_free(struct bc_core *core) {
  core_stop_waiting(core);
  if (core->link.pump_timer != NULL) {
    core_link_close(core);
    core_renew_close(core);
    core_pool_close(core);
    core_command_close(core);
    core_lua_close(core);
    core_egress_close(core);
  }
  if (core->publish.timer != NULL) {
    core_api_close(core);
    core_http_close(core);
    core_apply_close(core);
    core_publish_close(core);
  }
  core_lease_close(core);
  core_wait_close(core);
  core_admission_close(core);
  core_audit_close(core);
  core_journal_close(core);
  core_observe_close(core);
  core_record_close(core);
  core_event_close(core);
  bc_disk_close(core->disk);
  core_dispatch_free(core);
  core_policy_close(core);
  core_guard_close(core);
  core_check_close(core);
  if (core->addresses.review_timer != NULL) {
    core_address_close(core);
  }
  bc_timer_free(core->exit_timer);
  bc_timer_free(core->lock_timer);
  for (size_t i = 0; i < CORE_SIGNALS; i++) {
    bc_signal_free(core->signals[i]);
    /* Else their default action is back, and a second TERM cuts off the last writes to the disk. */
    (void)signal(core_signals[i], SIG_IGN);
  }
  bc_rib_free(core->rib);
  bc_config_free(core->config);
  bc_intern_free(core->intern);
  bc_paths_release(&core->paths);
  free(core->lock_problem);
  bc_buf_free(&core->heard);
  bc_loop_free(core->loop);
}

/* Checks of the same user must not reach our descriptors; we must not outlive the holder; what a dead
 * exec worker leaves behind comes to us to be killed. */
static bool core_harden(void) {
  struct bc_fault fault;
  if (bc_harden_process_with(022, BC_HARDEN_NET_ADMIN_PASS, NULL, &fault) != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "%s", fault.text);
    return false;
  }
  if (bc_harden_tie_to_parent(getppid(), SIGKILL, &fault) != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "%s", fault.text);
    return false;
  }
  return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
}

int bc_core_run(const struct bc_core_options *options) {
  if (!core_harden()) {
    return 1;
  }
  const struct bc_settings *settings = options->settings;
  /* Large passing buffers (lists, the last known good) are mapped and go back when they are freed; left
   * to itself the library moves them into the heap, which then stays large. */
  (void)mallopt(M_MMAP_THRESHOLD, CORE_MMAP_BYTES);
  struct bc_core *core = bc_mem_new(1, sizeof *core);
  struct bc_fault fault;
  core->options = options;
  core->settings = settings;
  core->started_wall_ms = bc_wall_now_ms();
  TAILQ_INIT(&core->notable);
  RB_INIT(&core->routes);
  core->loop = bc_loop_new();
  core->intern = bc_intern_new();
  core->config = bc_config_new(core->intern, settings->node);
  core->rib = bc_rib_new(core->intern);
  core->exit_timer = bc_timer_new(core->loop, core_on_exit_timer, core);
  core->lock_timer = bc_timer_new(core->loop, core_on_lock_timer, core);
  for (size_t i = 0; i < CORE_SIGNALS; i++) {
    core->signals[i] = bc_signal_new(core->loop, core_signals[i], core_on_signal, core);
  }
  struct bc_paths_wish wish = {.node = settings->node,
                               .state_dir = settings->state_dir,
                               .socket = settings->socket,
                               .script_dir = settings->script_dir};
  if (bc_paths_resolve(&wish, &core->paths, &fault) != BC_ERR_OK ||
      bc_disk_open(core->loop, core->paths.state_dir, &core->disk, &fault) != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "state directory: %s", fault.text);
    core->exit_code = 1;
  } else {
    bc_log(BC_LOG_NOTICE, "version %s, node %s, start %u%s", BC_VERSION, settings->node, options->start_number,
           options->is_safe_mode ? ", SAFE MODE after repeated crashes: last known good only" : "");
    if (core->paths.is_fallback) {
      bc_log(BC_LOG_NOTICE, "state is kept in %s (/var/lib/bgpcommander is not writable)", core->paths.state_dir);
    }
    bc_timer_start(core->lock_timer, 0);
    bc_loop_run(core->loop);
  }
  int exit_code = core->exit_code;
  core_free(core);
  free(core);
  return exit_code;
}
