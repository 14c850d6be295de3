/* What the files of the exec worker share: checks and their schedule (exec_check.c), runs
 * (exec_run.c, exec_spawn.c), commands of Lua checks (exec_command.c), service addresses (exec_address.c), the private
 * directory (exec_dir.c), environments (exec_env.c), what runs leave behind (exec_sweep.c), and the process itself
 * (exec.c). */
#ifndef BC_WORKER_EXEC_PRIVATE_H
#define BC_WORKER_EXEC_PRIVATE_H

#include "base/buf.h"
#include "base/check_status.h"
#include "base/intern.h"
#include "base/limits.h"
#include "base/mono.h"
#include "io/channel.h"
#include "io/loop.h"
#include "worker/schedule.h"

#include <sys/queue.h>
#include <sys/types.h>

/* The variable by which a run's descendants are known wherever they went: PID of the worker, a dot,
 * number of the run. */
#define EXEC_JOB_VARIABLE "BGPCOMMANDER_JOB"

enum {
  EXEC_CHANNEL_FD = 3,
  EXEC_GRACE_MS = 1000, /* from TERM to KILL */
  EXEC_STATE_BYTES = 32,
  EXEC_JOB_BYTES = 48,
  EXEC_SHUTDOWN_MS = 2000,
  EXEC_SUSPECTS = 256,
  EXEC_SPAWN_CODE_NOT_FOUND = 127,
  EXEC_SPAWN_CODE_NOT_EXECUTABLE = 126
};

struct exec_worker;

struct exec_check {
  struct bc_schedule_item when;
  TAILQ_ENTRY(exec_check) in_queue; /* while is_queued: its time has come, all places are taken */
  struct exec_worker *worker;
  uint32_t generation;
  char *name;
  char *file_name;    /* of its script in the private directory */
  const char *script; /* one reference to the text in the worker's `scripts` */
  size_t script_len;
  char *environment; /* as in the message: NAME=value, each ended by a NUL */
  size_t environment_len;
  uint32_t timeout_ms;
  char state[EXEC_STATE_BYTES];
  uint32_t attempt;
  bool is_written; /* the file holds this script */
  bool is_queued;
  struct exec_run *run; /* NULL: does not run */
};

TAILQ_HEAD(exec_queue, exec_check);

/* The end of an output. */
struct exec_tail {
  char bytes[BC_LIMIT_CHECK_OUTPUT_BYTES];
  size_t len;
};

struct exec_run {
  LIST_ENTRY(exec_run) link;
  struct exec_worker *worker;
  struct exec_check *check; /* NULL: the check was removed */
  uint64_t number;
  uint32_t id;
  uint32_t generation;
  pid_t pid; /* of the main process; also its group and session */
  int output_fd;
  struct bc_watch *watch;
  struct bc_timer *timer;
  struct bc_mono started;
  struct bc_mono deadline; /* it is asked to end */
  uint32_t late_us;
  bool is_extended; /* the deadline was moved, as we were late for it ourselves */
  bool is_timed_out;
  bool is_stuck;     /* KILL was sent, and it is still there */
  bool is_discarded; /* killed because nobody wants the result any more */
  struct exec_tail tail;
};

LIST_HEAD(exec_run_list, exec_run);

struct exec_command;
LIST_HEAD(exec_command_list, exec_command);

struct exec_dir {
  char *base;     /* the folder in which we make ours, absolute */
  char *path;     /* NULL: could not be made yet */
  int fd;         /* of `path`, locked as long as we live; -1 */
  bool is_noexec; /* files in it cannot be executed: interpreters are started by us */
};

/* A process that came to us and shows no job. For a moment that is so in every execve, therefore it is
 * killed only when it still shows none a little later. */
struct exec_suspect {
  pid_t pid;
  struct bc_mono since;
};

struct exec_worker {
  struct bc_loop *loop;
  struct bc_channel *channel;
  struct bc_schedule schedule;
  struct bc_timer *reap_timer;
  struct bc_timer *sweep_timer;
  struct bc_signal *child_signal;
  struct bc_signal *term_signal;
  struct exec_dir dir;
  struct bc_intern *scripts; /* most checks share theirs */
  struct exec_queue queue;
  struct exec_run_list runs;
  struct exec_command_list commands;
  unsigned running;
  uint64_t run_number;
  struct exec_suspect suspects[EXEC_SUSPECTS];
  size_t suspect_count;
  struct bc_mono sweep_allowed; /* not before: sweeping takes a bounded share of the time */
  int address_fd;               /* netlink; -1: none */
  uint32_t address_sequence;
};

/* ---- exec_check.c: what is set, and when it runs ---- */

void exec_check_set(struct exec_worker *worker, const struct bc_msg_check_set *message);
void exec_check_set_state(struct exec_worker *worker, const struct bc_msg_check_state *message);
void exec_check_remove(struct exec_worker *worker, uint32_t id);
void exec_check_remove_all(struct exec_worker *worker);
/* The timer of the next start. */
void exec_check_on_due(void *arg);
/* Starts what waits while there are places. */
void exec_check_pump(struct exec_worker *worker);
/* The run of `check` is over: plans the next. */
void exec_check_ended(struct exec_check *check);

/* ---- exec_run.c: one run from spawn to result ---- */

/* Starts a run; when that fails, its result says so and the next is planned. */
void exec_run_start(struct exec_check *check);
/* Kills it; its result will not be sent. It stays in the list until it was reaped. */
void exec_run_discard(struct exec_run *run);
/* Its main process has ended but is not reaped yet. Kills the group, reaps, reports, frees. */
void exec_run_end(struct exec_run *run);
void exec_run_free(struct exec_run *run);
struct exec_run *exec_run_find(struct exec_worker *worker, pid_t pid);

/* ---- exec_spawn.c ---- */

/* Starts the script with its output on `output_fd`; `job` marks its descendants. 0 or an errno. */
int exec_spawn(const struct exec_check *check, int output_fd, const char *job, pid_t *pid);
/* The script starts with `#!`; any other is for /bin/sh. */
bool exec_spawn_names_interpreter(const struct exec_check *check);

/* ---- exec_dir.c: the private directory ---- */

/* Notes where the directory is to be made and removes those of dead workers of our user. */
void exec_dir_init(struct exec_dir *dir, const char *base);
/* The directory exists afterwards (it may have been removed under us), and in it a file `name`, mode
 * 0700, with these bytes; written when `is_written` is false or the file is gone. */
BC_MUST_CHECK enum bc_err exec_dir_provide(struct exec_dir *dir, const char *name, const char *bytes, size_t len,
                                           bool is_written, struct bc_fault *fault);
void exec_dir_remove_file(struct exec_dir *dir, const char *name);
/* Looks again, as a mounted file system can be changed: true when files could be executed in it until now and cannot
 * any more. */
bool exec_dir_turned_noexec(struct exec_dir *dir);
/* Whether the file is there and can be used as exec_spawn does; if so, what does not start is not our fault. */
bool exec_dir_is_fit(const struct exec_dir *dir, const char *name);
/* Removes the directory and all in it. */
void exec_dir_free(struct exec_dir *dir);

/* ---- exec_address.c: service addresses on the loopback interface ---- */

/* Tells core whether we can set them: `is_permitted` says that we kept CAP_NET_ADMIN. */
void exec_address_start(struct exec_worker *worker, bool is_permitted);
/* ADDRESS_SET or ADDRESS_REMOVE; answers. Waits for the kernel, which answers at once. */
void exec_address_change(struct exec_worker *worker, const struct bc_msg *message);
void exec_address_stop(struct exec_worker *worker);

/* ---- exec_env.c ---- */

/* The whole environment of a run, NULL-terminated. Free with exec_env_free. */
char **exec_env_new(const struct exec_check *check, const char *job);
void exec_env_free(char **variables);
void exec_env_job(uint64_t run_number, char job[static EXEC_JOB_BYTES]);

/* ---- exec_command.c: programs that Lua checks run ---- */

void exec_command_run(struct exec_worker *worker, const struct bc_msg_command_run *message);
/* Kills it; its result will not be sent. It stays in the list until it was reaped. */
void exec_command_cancel(struct exec_worker *worker, uint32_t id);
void exec_command_cancel_all(struct exec_worker *worker);
/* A process has ended but is not reaped yet: false when it is none of these, else it is dealt with. */
bool exec_command_end(struct exec_worker *worker, pid_t pid);
/* Frees what is left, after exec_sweep_all. */
void exec_command_free_all(struct exec_worker *worker);
/* What sweeps ask: whether any lives, whether this is the process of one or in its session, whether this job is one's.
 */
bool exec_command_is_any(const struct exec_worker *worker);
bool exec_command_has_process(const struct exec_worker *worker, pid_t pid, pid_t session);
bool exec_command_has_job(const struct exec_worker *worker, const char *job);

/* ---- exec_sweep.c: what runs leave behind ---- */

/* Something may have been left behind: look soon, and again until nothing is found. */
void exec_sweep_request(struct exec_worker *worker);
void exec_sweep_on_timer(void *arg);
/* Kills and reaps every child that we have, for at most `most_ms`. False when one remains. */
bool exec_sweep_all(int most_ms);

#endif
