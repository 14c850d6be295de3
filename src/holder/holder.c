#include "holder/holder.h"

#include "base/log.h"
#include "base/mono.h"
#include "holder/backoff.h"
#include "holder/start.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  HOLDER_STOP_MS = 1800,   /* ExaBGP 5.0 kills us 2 s after its TERM */
  HOLDER_HANGUP_MS = 5000, /* ExaBGP is gone, core should be too */
  HOLDER_GIVE_UP_MS = 100, /* after SIGKILL; a process in the kernel's hands may not end at once */
  HOLDER_STRAYS_MS = 1000, /* for an orphan to end by itself */
  HOLDER_AGAIN_MS = 50,    /* killing a stray may make its children ours */
  HOLDER_REMIND_MS = 60000,
  HOLDER_DRAIN_ROUNDS = 64
};

struct holder {
  const struct bc_holder_options *options;
  struct bc_backoff backoff;
  int signal_fd;
  int exe_fd;
  pid_t core; /* 0 = none runs */
  unsigned starts;
  bool is_stopping;
  bool is_done;
  bool has_hangup;
  struct bc_mono core_started;
  struct bc_mono start_at, kill_at, give_up_at, strays_at, remind_at;
};

/* Whoever started us may have had them ignored: then none would ever be seen. */
static void holder_take_signals(struct holder *holder) {
  static const int taken[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
  static const int ignored[] = {SIGPIPE, SIGUSR1, SIGUSR2};
  struct sigaction usual = {.sa_handler = SIG_DFL};
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigset_t set;
  (void)sigemptyset(&set);
  for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
    (void)sigaddset(&set, taken[i]);
  }
  (void)sigprocmask(SIG_BLOCK, &set, NULL);
  for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
    (void)sigaction(taken[i], &usual, NULL);
  }
  for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
    (void)sigaction(ignored[i], &ignore, NULL);
  }
  holder->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void holder_start_core(struct holder *holder, struct bc_mono now) {
  holder->start_at = (struct bc_mono){0};
  holder->starts++;
  pid_t core = bc_start_core(holder->options, holder->exe_fd, holder->starts, holder->backoff.is_safe);
  if (core > 0) {
    holder->core = core;
    holder->core_started = now;
    return;
  }
  int64_t delay = bc_backoff_next(&holder->backoff, BC_BACKOFF_CRASHED, 0, now.us / 1000);
  holder->start_at = bc_mono_add_ms(now, delay > 0 ? delay : 1000);
  bc_log(BC_LOG_ERROR, "core cannot be started: %s", strerror(errno));
}

/* Reads what ExaBGP wrote while nobody listens; true at the end of input. */
static bool holder_drain(void) {
  static char dropped[65536];
  for (unsigned round = 0; round < HOLDER_DRAIN_ROUNDS; round++) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&input, 1, 0) != 1) {
      return false;
    }
    ssize_t got = read(STDIN_FILENO, dropped, sizeof dropped);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
      return true;
    }
  }
  return false;
}

static void holder_describe_end(int status, char *text, size_t size) {
  if (WIFSIGNALED(status)) {
    (void)snprintf(text, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
  } else {
    (void)snprintf(text, size, "exit code %d", WEXITSTATUS(status));
  }
}

static enum bc_backoff_end holder_judge_end(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == BC_HOLDER_CORE_UPGRADE) {
    return BC_BACKOFF_UPGRADE;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == BC_HOLDER_CORE_REFUSED ? BC_BACKOFF_REFUSED : BC_BACKOFF_CRASHED;
}

static void holder_core_ended(struct holder *holder, int status, struct bc_mono now) {
  enum bc_backoff_end end = holder_judge_end(status);
  holder->core = 0;
  holder->strays_at = bc_mono_add_ms(now, HOLDER_STRAYS_MS);
  /* What waits after an upgrade is for the next core. */
  if (holder->is_stopping || (end != BC_BACKOFF_UPGRADE && holder_drain())) {
    holder->is_done = true;
    return;
  }
  bool was_safe = holder->backoff.is_safe;
  int64_t lived = bc_mono_ms_between(holder->core_started, now);
  int64_t delay = bc_backoff_next(&holder->backoff, end, lived, now.us / 1000);
  holder->start_at = bc_mono_add_ms(now, delay);
  char text[128];
  holder_describe_end(status, text, sizeof text);
  bc_log(end == BC_BACKOFF_UPGRADE ? BC_LOG_NOTICE : BC_LOG_ERROR,
         "core ended after %lld ms: %s; the next starts in %lld s, no route moves", (long long)lived, text,
         (long long)(delay / 1000));
  if (holder->backoff.is_safe && !was_safe) {
    bc_log(BC_LOG_ERROR,
           "%d crashes within %d s: core starts in safe mode, with the last known good routes and "
           "without store and checks",
           BC_BACKOFF_CRASHES, BC_BACKOFF_WINDOW_MS / 1000);
  }
}

static void holder_reap(struct holder *holder, struct bc_mono now) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid == holder->core) {
      holder_core_ended(holder, status, now);
    }
  }
}

static void holder_stop(struct holder *holder, struct bc_mono now) {
  if (holder->core == 0) {
    holder->is_done = true;
  } else if (!holder->is_stopping) {
    (void)kill(holder->core, SIGTERM);
    holder->kill_at = bc_mono_earlier(holder->kill_at, bc_mono_add_ms(now, HOLDER_STOP_MS));
  }
  holder->is_stopping = true;
}

static void holder_read_signals(struct holder *holder, struct bc_mono now) {
  struct signalfd_siginfo info;
  while (read(holder->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
    if (info.ssi_signo == SIGCHLD) {
      holder_reap(holder, now);
    } else if (info.ssi_signo == SIGHUP && holder->core != 0) {
      (void)kill(holder->core, SIGHUP);
    } else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
      holder_stop(holder, now);
    }
  }
}

static bool holder_is_due(struct bc_mono *deadline, struct bc_mono now) {
  if (!bc_mono_is_set(*deadline) || !bc_mono_reached(*deadline, now)) {
    return false;
  }
  *deadline = (struct bc_mono){0};
  return true;
}

static void holder_run_timers(struct holder *holder, struct bc_mono now) {
  if (holder_is_due(&holder->start_at, now)) {
    holder_start_core(holder, now);
  }
  if (holder_is_due(&holder->kill_at, now) && holder->core != 0) {
    (void)kill(holder->core, SIGKILL);
    holder->is_stopping = true;
    holder->give_up_at = bc_mono_add_ms(now, HOLDER_GIVE_UP_MS);
  }
  if (holder_is_due(&holder->give_up_at, now)) {
    holder->is_done = true;
  }
  if (holder_is_due(&holder->strays_at, now) && bc_start_kill_strays(holder->core) > 0) {
    holder->strays_at = bc_mono_add_ms(now, HOLDER_AGAIN_MS);
  }
  if (holder_is_due(&holder->remind_at, now)) {
    bc_log(BC_LOG_ERROR, "nothing runs, and no route moves: %s", holder->options->reason);
    holder->remind_at = bc_mono_add_ms(now, HOLDER_REMIND_MS);
  }
}

static int holder_wait_ms(const struct holder *holder, struct bc_mono now) {
  struct bc_mono next = bc_mono_earlier(holder->start_at, holder->kill_at);
  next = bc_mono_earlier(next, holder->give_up_at);
  next = bc_mono_earlier(next, holder->strays_at);
  next = bc_mono_earlier(next, holder->remind_at);
  if (!bc_mono_is_set(next)) {
    return -1;
  }
  int64_t wait = bc_mono_ms_between(now, next) + 1;
  return wait < 0 ? 0 : (int)wait;
}

/* While core runs, input is core's; only its end is looked for, in case that core does not see it. */
static void holder_wait(struct holder *holder) {
  struct pollfd entries[] = {
      {.fd = holder->signal_fd, .events = POLLIN},
      {.fd = holder->core != 0 && holder->has_hangup ? -1 : STDIN_FILENO, .events = holder->core == 0 ? POLLIN : 0}};
  (void)poll(entries, 2, holder_wait_ms(holder, bc_mono_now()));
  struct bc_mono now = bc_mono_now();
  holder_read_signals(holder, now);
  if (holder->core == 0) {
    holder->is_done = holder->is_done || (entries[1].revents != 0 && holder_drain());
  } else if (entries[1].revents != 0) {
    holder->has_hangup = true;
    holder->kill_at = bc_mono_earlier(holder->kill_at, bc_mono_add_ms(now, HOLDER_HANGUP_MS));
  }
}

/* Nothing of ours may outlive us; a few rounds, as strays have children too. */
static void holder_end_strays(void) {
  for (unsigned round = 0; round < 5 && bc_start_kill_strays(0) > 0; round++) {
    struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    (void)nanosleep(&pause, NULL);
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
  }
}

int bc_holder_run(const struct bc_holder_options *options) {
  struct holder holder = {.options = options};
  struct bc_mono now = bc_mono_now();
  bc_log_setup(BC_LOG_NOTICE, BC_LOG_TEXT, "holder");
  holder.exe_fd = bc_start_prepare();
  holder_take_signals(&holder);
  if (options->is_idle) {
    holder.remind_at = now;
  } else {
    holder.start_at = now;
  }
  while (!holder.is_done) {
    holder_run_timers(&holder, bc_mono_now());
    if (!holder.is_done) {
      holder_wait(&holder);
    }
  }
  holder_end_strays();
  (void)close(holder.signal_fd);
  (void)close(holder.exe_fd);
  return options->is_idle ? 2 : 0;
}
