/* Our own roles as children, and what a process does to protect itself (base/harden, base/procs). */
#include "base/harden.h"
#include "base/procs.h"
#include "hang.h"
#include "io/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { WAIT_MS = 20000, TEXT_BYTES = 16384 };

struct watcher {
  struct bc_loop *loop;
  struct bc_timer *timer;
  unsigned ended;
  bool is_late;
  char why[64];
};

static void on_ended(void *arg, int status, const char *why) {
  (void)status;
  struct watcher *watcher = arg;
  watcher->ended++;
  (void)snprintf(watcher->why, sizeof watcher->why, "%s", why);
  bc_loop_stop(watcher->loop);
}

static void on_late(void *arg) {
  struct watcher *watcher = arg;
  watcher->is_late = true;
  bc_loop_stop(watcher->loop);
}

static void watcher_open(struct watcher *watcher) {
  *watcher = (struct watcher){.loop = bc_loop_new()};
  watcher->timer = bc_timer_new(watcher->loop, on_late, watcher);
}

static void watcher_run(struct watcher *watcher) {
  bc_timer_start(watcher->timer, WAIT_MS);
  bc_loop_run(watcher->loop);
  assert_false(watcher->is_late);
}

static void watcher_close(struct watcher *watcher) {
  bc_timer_free(watcher->timer);
  bc_loop_free(watcher->loop);
}

static struct bc_child *start(struct watcher *watcher, const char *path, const char *const arguments[], int *fd) {
  char texts[4][256];
  char *argv[5] = {NULL};
  for (size_t i = 0; i < 4 && arguments[i] != NULL; i++) {
    (void)snprintf(texts[i], sizeof texts[i], "%s", arguments[i]);
    argv[i] = texts[i];
  }
  struct bc_child *child;
  struct bc_fault fault;
  assert_int_equal(bc_child_start(watcher->loop, path, argv, on_ended, watcher, &child, fd, &fault), BC_ERR_OK);
  return child;
}

/* Runs a shell whose output goes to its channel; returns what it wrote. */
static void shell(const char *script, char text[static TEXT_BYTES], char why[static 64]) {
  struct watcher watcher;
  watcher_open(&watcher);
  int fd;
  struct bc_child *child = start(&watcher, "/bin/sh", (const char *const[]){"display name", "-c", script, NULL}, &fd);
  watcher_run(&watcher);
  size_t len = 0;
  ssize_t got;
  while (len < TEXT_BYTES - 1 && (got = read(fd, text + len, TEXT_BYTES - 1 - len)) > 0) {
    len += (size_t)got;
  }
  text[len] = '\0';
  (void)snprintf(why, 64, "%s", watcher.why);
  assert_int_equal(watcher.ended, 1);
  (void)close(fd);
  bc_child_free(child);
  watcher_close(&watcher);
}

static void the_way_it_ended_is_told(void **state) {
  (void)state;
  char text[TEXT_BYTES];
  char why[64];
  shell("exit 3", text, why);
  assert_string_equal(why, "exit code 3");
  shell("kill -KILL $$", text, why);
  assert_string_equal(why, "signal 9 (Killed)");
}

static void it_has_null_input_and_output_our_log_and_its_channel(void **state) {
  (void)state;
  int other = open("/dev/zero", O_RDONLY);
  assert_true(other > 2);
  char text[TEXT_BYTES];
  char why[64];
  shell("f=/proc/$$/fd; (readlink $f/0 $f/1 $f/2 $f/3 $f/4 $f/5 $f/6 $f/7 $f/8 $f/9 >&3); :", text, why);
  char log[256];
  char expected[512];
  ssize_t len = readlink("/proc/self/fd/2", log, sizeof log - 1);
  assert_true(len > 0);
  log[len] = '\0';
  (void)snprintf(expected, sizeof expected, "/dev/null\n/dev/null\n%s\nsocket:[", log);
  assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
  assert_string_equal(strchr(text + strlen(expected), '\n'), "\n");
  (void)close(other);
}

static void its_environment_is_the_listed_one(void **state) {
  (void)state;
  assert_int_equal(setenv("LD_PRELOAD_OF_TEST", "x", 1), 0);
  assert_int_equal(setenv("PATHS", "x", 1), 0);
  assert_int_equal(setenv("TZ", "UTC", 1), 0);
  assert_int_equal(setenv("BGPCOMMANDER_TEST", "yes", 1), 0);
  char text[TEXT_BYTES];
  char why[64];
  shell("tr '\\0' '\\n' < /proc/$$/environ >&3", text, why);
  assert_non_null(strstr(text, "TZ=UTC\n"));
  assert_non_null(strstr(text, "BGPCOMMANDER_TEST=yes\n"));
  char *rest = text;
  char *line;
  while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
    assert_true(strncmp(line, "PATH=", 5) == 0 || strncmp(line, "HOME=", 5) == 0 || strncmp(line, "LANG=", 5) == 0 ||
                strncmp(line, "TZ=", 3) == 0 || strncmp(line, "BGPCOMMANDER_", 13) == 0);
  }
}

/* Without 32 and 33, which belong to the C library: its posix_spawn always has them ignored. */
static unsigned long long ignored_signals(const char *status_text) {
  const char *at = strstr(status_text, "SigIgn:");
  assert_non_null(at);
  return strtoull(at + strlen("SigIgn:"), NULL, 16) & ~(3ULL << 31);
}

static void it_leads_its_group_with_default_signals_under_its_name(void **state) {
  (void)state;
  (void)signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  (void)sigemptyset(&blocked);
  (void)sigaddset(&blocked, SIGUSR1);
  (void)sigprocmask(SIG_BLOCK, &blocked, NULL);
  char text[TEXT_BYTES];
  char why[64];
  shell("set -- $(cat /proc/$$/stat); [ $1 = $5 ] && echo leader >&3; tr '\\0' ' ' < /proc/$$/cmdline | head -c 12 >&3;"
        "grep -E '^Sig(Blk|Ign):' /proc/self/status >&3",
        text, why);
  (void)sigprocmask(SIG_UNBLOCK, &blocked, NULL);
  (void)signal(SIGPIPE, SIG_DFL);
  assert_int_equal(strncmp(text, "leader\ndisplay nameSig", 22), 0);
  assert_non_null(strstr(text, "SigBlk:\t0000000000000000"));
  assert_true(ignored_signals(text) == 0);
}

static void our_end_is_non_blocking_and_not_inherited(void **state) {
  (void)state;
  struct watcher watcher;
  watcher_open(&watcher);
  int fd;
  struct bc_child *child = start(&watcher, "/bin/sh", (const char *const[]){"sh", "-c", "exec " HANG, NULL}, &fd);
  assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  bc_child_kill(child);
  watcher_run(&watcher);
  (void)close(fd);
  bc_child_free(child);
  watcher_close(&watcher);
}

static void a_program_that_is_missing_is_a_fault_at_once(void **state) {
  (void)state;
  struct watcher watcher;
  watcher_open(&watcher);
  char name[] = "x";
  char *argv[] = {name, NULL};
  struct bc_child *child = NULL;
  struct bc_fault fault;
  int fd = -1;
  assert_int_equal(bc_child_start(watcher.loop, "/no/such", argv, on_ended, &watcher, &child, &fd, &fault), BC_ERR_IO);
  assert_non_null(strstr(fault.text, "/no/such"));
  assert_null(child);
  watcher_close(&watcher);
}

static void freeing_kills_and_reaps(void **state) {
  (void)state;
  struct watcher watcher;
  watcher_open(&watcher);
  int fd;
  struct bc_child *child = start(&watcher, "/bin/sh", (const char *const[]){"sh", "-c", "exec " HANG, NULL}, &fd);
  pid_t pid = bc_child_pid(child);
  bc_child_free(child);
  assert_int_equal(kill(pid, 0), -1);
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
  assert_int_equal(watcher.ended, 0);
  (void)close(fd);
  watcher_close(&watcher);
}

static void on_grandchild_gone(void *arg, int fd, int events) {
  struct watcher *watcher = arg;
  (void)fd;
  (void)events;
  watcher->ended++;
  bc_loop_stop(watcher->loop);
}

static void poll_loop(void *arg) {
  struct watcher *watcher = arg;
  bc_loop_stop(watcher->loop);
}

/* As a process that hung in the kernel while the strays were killed, and has a child. */
static void a_stray_that_dies_later_is_reaped_and_its_children_killed(void **state) {
  (void)state;
  assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
  struct watcher watcher;
  watcher_open(&watcher);
  struct bc_child_strays *strays = bc_child_strays_new(watcher.loop);
  int go[2];
  int alive[2]; /* readable when the grandchild is gone */
  assert_int_equal(pipe(go), 0);
  assert_int_equal(pipe(alive), 0);
  pid_t stray = fork();
  assert_true(stray >= 0);
  if (stray == 0) {
    pid_t grandchild = fork();
    (void)close(go[1]);
    char byte;
    if (grandchild == 0) {
      for (;;) {
        (void)pause();
      }
    }
    (void)close(alive[1]);
    _exit(grandchild > 0 && read(go[0], &byte, 1) == 0 ? 0 : 1);
  }
  (void)close(go[0]);
  (void)close(alive[1]);
  struct bc_watch *watch = bc_watch_new(watcher.loop, alive[0], on_grandchild_gone, &watcher);
  bc_watch_set(watch, BC_WATCH_READ);
  (void)close(go[1]);
  watcher_run(&watcher);
  struct bc_timer *timer = bc_timer_new(watcher.loop, poll_loop, &watcher);
  bc_watch_set(watch, 0);
  struct bc_procs_child left;
  while (bc_procs_children(&left, 1) > 0) {
    bc_timer_start(timer, 1);
    watcher_run(&watcher);
  }
  bc_timer_free(timer);
  bc_watch_free(watch);
  bc_child_strays_free(strays);
  watcher_close(&watcher);
  (void)close(alive[0]);
  assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}

static void one_that_we_started_is_no_stray(void **state) {
  (void)state;
  struct watcher watcher;
  watcher_open(&watcher);
  struct bc_child_strays *strays = bc_child_strays_new(watcher.loop);
  int fd;
  int other_fd;
  struct bc_child *first = start(&watcher, "/bin/sh", (const char *const[]){"sh", "-c", "exec " HANG, NULL}, &fd);
  struct bc_child *second = start(&watcher, "/bin/sh", (const char *const[]){"sh", "-c", "exit 7", NULL}, &other_fd);
  watcher_run(&watcher);
  assert_string_equal(watcher.why, "exit code 7");
  assert_int_equal(kill(bc_child_pid(first), 0), 0);
  (void)close(fd);
  (void)close(other_fd);
  bc_child_free(second);
  bc_child_free(first);
  bc_child_strays_free(strays);
  watcher_close(&watcher);
}

/* What a worker does at its start; then its core goes away. */
static int play_worker(int death_signal) {
  struct bc_fault fault;
  if (bc_harden_process(027, &fault) != BC_ERR_OK ||
      bc_harden_tie_to_parent(bc_harden_peer(3), death_signal, &fault) != BC_ERR_OK) {
    return 1;
  }
  FILE *status = fopen("/proc/self/status", "r");
  char line[256];
  char text[TEXT_BYTES] = "";
  size_t len = 0;
  while (status != NULL && fgets(line, sizeof line, status) != NULL) {
    if (strncmp(line, "CapInh", 6) == 0 || strncmp(line, "CapAmb", 6) == 0 || strncmp(line, "Umask", 5) == 0) {
      len += (size_t)snprintf(text + len, sizeof text - len, "%s", line);
    }
  }
  len += (size_t)snprintf(text + len, sizeof text - len, "dumpable %d\n", prctl(PR_GET_DUMPABLE));
  if (write(3, text, len) != (ssize_t)len) {
    return 1;
  }
  (void)pause();
  return 0;
}

static void a_hardened_process_is_not_dumpable_and_passes_nothing_on(void **state) {
  (void)state;
  struct watcher watcher;
  watcher_open(&watcher);
  int fd;
  struct bc_child *child = start(&watcher, NULL, (const char *const[]){"worker", "--play-worker", NULL}, &fd);
  (void)fcntl(fd, F_SETFL, 0);
  char text[TEXT_BYTES];
  ssize_t len = read(fd, text, sizeof text - 1);
  assert_true(len > 0);
  text[len] = '\0';
  assert_non_null(strstr(text, "Umask:\t0027"));
  assert_non_null(strstr(text, "CapInh:\t0000000000000000"));
  assert_non_null(strstr(text, "CapAmb:\t0000000000000000"));
  assert_non_null(strstr(text, "dumpable 0"));
  (void)close(fd);
  bc_child_free(child);
  watcher_close(&watcher);
}

static void a_worker_dies_with_its_parent(void **state) {
  (void)state;
  assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
  int pipe_ends[2];
  assert_int_equal(pipe(pipe_ends), 0);
  pid_t middle = fork();
  assert_true(middle >= 0);
  if (middle == 0) {
    struct watcher watcher;
    watcher_open(&watcher);
    int fd;
    struct bc_child *child = start(&watcher, NULL, (const char *const[]){"worker", "--play-worker", NULL}, &fd);
    (void)fcntl(fd, F_SETFL, 0);
    char text[TEXT_BYTES];
    pid_t pid = bc_child_pid(child);
    _exit(read(fd, text, sizeof text) > 0 && write(pipe_ends[1], &pid, sizeof pid) == sizeof pid ? 0 : 1);
  }
  pid_t worker = 0;
  assert_int_equal(read(pipe_ends[0], &worker, sizeof worker), sizeof worker);
  int status;
  assert_int_equal(waitpid(middle, &status, 0), middle);
  assert_int_equal(waitpid(worker, &status, 0), worker);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  (void)close(pipe_ends[0]);
  (void)close(pipe_ends[1]);
  assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}

static void a_parent_that_is_another_than_told_is_refused(void **state) {
  (void)state;
  struct bc_fault fault;
  assert_int_equal(bc_harden_tie_to_parent(getpid(), 0, &fault), BC_ERR_CLOSED);
  assert_int_equal(bc_harden_tie_to_parent(getppid(), 0, &fault), BC_ERR_OK);
}

static void the_peer_of_a_socketpair_is_who_made_it(void **state) {
  (void)state;
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  assert_int_equal(bc_harden_peer(ends[0]), getpid());
  (void)close(ends[0]);
  (void)close(ends[1]);
  assert_int_equal(bc_harden_peer(-1), 0);
}

static void children_are_found_with_group_session_and_environment(void **state) {
  (void)state;
  struct bc_procs_child children[64];
  assert_int_equal(bc_procs_children(children, 64), 0);
  struct watcher watcher;
  watcher_open(&watcher);
  int fd;
  struct bc_child *child = start(&watcher, "/bin/sleep", (const char *const[]){"a) b (c", "1000", NULL}, &fd);
  assert_int_equal(bc_procs_children(children, 64), 1);
  assert_int_equal(children[0].pid, bc_child_pid(child));
  assert_int_equal(children[0].group, bc_child_pid(child));
  assert_int_equal(children[0].session, getsid(0));
  assert_false(children[0].is_zombie);
  assert_int_equal(bc_procs_children(children, 0), 0);
  char value[16];
  /* The kernel lets posix_spawn return a moment before the new program's environment can be read. */
  while (!bc_procs_environment(children[0].pid, "BGPCOMMANDER_TEST", value, sizeof value)) {
    (void)sched_yield();
  }
  assert_string_equal(value, "yes");
  assert_false(bc_procs_environment(children[0].pid, "BGPCOMMANDER_TEST", value, 3));
  assert_false(bc_procs_environment(children[0].pid, "BGPCOMMANDER", value, sizeof value));
  pid_t pid = children[0].pid;
  bc_child_free(child);
  pid_t parent;
  assert_false(bc_procs_stat(pid, &children[0], &parent));
  assert_false(bc_procs_environment(pid, "BGPCOMMANDER_TEST", value, sizeof value));
  (void)close(fd);
  watcher_close(&watcher);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_way_it_ended_is_told),
      cmocka_unit_test(it_has_null_input_and_output_our_log_and_its_channel),
      cmocka_unit_test(its_environment_is_the_listed_one),
      cmocka_unit_test(it_leads_its_group_with_default_signals_under_its_name),
      cmocka_unit_test(our_end_is_non_blocking_and_not_inherited),
      cmocka_unit_test(a_program_that_is_missing_is_a_fault_at_once),
      cmocka_unit_test(freeing_kills_and_reaps),
      cmocka_unit_test(a_stray_that_dies_later_is_reaped_and_its_children_killed),
      cmocka_unit_test(one_that_we_started_is_no_stray),
      cmocka_unit_test(a_hardened_process_is_not_dumpable_and_passes_nothing_on),
      cmocka_unit_test(a_worker_dies_with_its_parent),
      cmocka_unit_test(a_parent_that_is_another_than_told_is_refused),
      cmocka_unit_test(the_peer_of_a_socketpair_is_who_made_it),
      cmocka_unit_test(children_are_found_with_group_session_and_environment),
  };
  if (argc > 1 && strcmp(argv[1], "--play-worker") == 0) {
    return play_worker(SIGKILL);
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
