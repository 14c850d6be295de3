/* What goes wrong around the worker (its directory, its clock, its descriptors, the user database) is no
 * failure of a check, and costs it nothing. */
#include "exec_harness.h"
#include "worker/exec_private.h"

#include <pwd.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/syscall.h>

/* In the worker: its base folder, in which files named for a fault switch that fault on. */
static const char *fault_folder;

static bool fault_is_on(const char *name) {
  char path[128];
  (void)snprintf(path, sizeof path, "%s/%s", fault_folder == NULL ? "/nonexistent" : fault_folder, name);
  return access(path, F_OK) == 0;
}

/* Takes the place of the C library's, also for libuv: the kernel's limit of watches is the whole machine's. Only
 * pipes: libuv ends the process when a socket that it has accepted already is refused later. */
int epoll_ctl(int epoll_fd, int what, int fd, struct epoll_event *event) {
  struct stat info;
  if (what == EPOLL_CTL_ADD && fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode) && fault_is_on("no-watches")) {
    errno = ENOSPC;
    return -1;
  }
  return (int)syscall(SYS_epoll_ctl, epoll_fd, what, fd, event);
}

int flock(int fd, int operation) {
  if (fault_is_on("no-locks")) {
    errno = ENOLCK;
    return -1;
  }
  return (int)syscall(SYS_flock, fd, operation);
}

/* A directory server that never answers. */
struct passwd *getpwuid(uid_t uid) {
  (void)uid;
  for (;;) {
    (void)pause();
  }
}

static void set_fault(const struct harness *h, const char *name, bool is_on) {
  char path[128];
  harness_path(h, name, path);
  if (is_on) {
    assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
  } else {
    assert_int_equal(unlink(path), 0);
  }
}

static struct harness_result last_result(const struct harness *h) {
  return h->results[h->count - 1];
}

/* ---- the directory ---- */

static void open_own_mounts(struct harness *h) {
  if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
    skip();
  }
  harness_make_base(h);
}

/* Runs that were under way when the mount changed count, too: so several are looked at. */
static void expect_only_failures_with_6(struct harness *h) {
  size_t before = h->count;
  harness_wait_results(h, before + 4);
  for (size_t i = before; i < h->count; i++) {
    assert_int_equal(h->results[i].status, BC_CHECK_FAILED);
    assert_int_equal(h->results[i].code, 6);
  }
}

static void a_folder_that_turns_noexec_is_no_failure_of_its_scripts(void **state) {
  (void)state;
  struct harness h;
  open_own_mounts(&h);
  assert_int_equal(mount("none", h.base, "tmpfs", 0, "mode=0700"), 0);
  harness_start_worker(&h);
  struct bc_msg_check_set check = harness_check(1, "#!/bin/sh\nexit 6");
  check.interval_ms = 50;
  harness_set(&h, &check);
  expect_only_failures_with_6(&h);
  assert_int_equal(mount(NULL, h.base, NULL, MS_REMOUNT | MS_NOEXEC, NULL), 0);
  expect_only_failures_with_6(&h);
  harness_stop_worker(&h);
  assert_int_equal(umount(h.base), 0);
  assert_int_equal(rmdir(h.base), 0);
}

/* The directory that we hold is still the one that the path leads to. */
static void a_noexec_mount_laid_over_the_folder_is_no_failure_of_its_scripts(void **state) {
  (void)state;
  struct harness h;
  open_own_mounts(&h);
  harness_start_worker(&h);
  struct bc_msg_check_set check = harness_check(1, "#!/bin/sh\nexit 6");
  check.interval_ms = 50;
  harness_set(&h, &check);
  expect_only_failures_with_6(&h);
  assert_int_equal(mount(h.base, h.base, NULL, MS_BIND, NULL), 0);
  assert_int_equal(mount(NULL, h.base, NULL, MS_REMOUNT | MS_BIND | MS_NOEXEC, NULL), 0);
  expect_only_failures_with_6(&h);
  assert_int_equal(umount(h.base), 0);
  harness_close(&h);
}

static void a_script_file_that_lost_its_mode_is_our_trouble_and_written_again(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  struct bc_msg_check_set check = harness_check(1, "#!/bin/sh\nchmod 600 \"$0\"");
  check.interval_ms = 50;
  harness_set(&h, &check);
  harness_wait_results(&h, 3);
  assert_int_equal(h.results[0].status, BC_CHECK_PASSED);
  assert_int_equal(h.results[1].status, BC_CHECK_NOT_STARTED);
  assert_non_null(strstr(h.results[1].output, "Permission denied"));
  assert_int_equal(h.results[2].status, BC_CHECK_PASSED);
  harness_close(&h);
}

static void a_file_system_without_locks_is_named_and_not_filled_with_folders(void **state) {
  (void)state;
  struct harness h;
  harness_make_base(&h);
  set_fault(&h, "no-locks", true);
  harness_start_worker(&h);
  struct bc_msg_check_set check = harness_check(1, "exit 0");
  check.interval_ms = 50;
  assert_int_equal(harness_run_check(&h, &check)->status, BC_CHECK_NOT_STARTED);
  assert_non_null(strstr(h.results[0].output, "No locks available (-p needs a file system with locks)"));
  assert_non_null(strstr(h.results[0].output, h.base));
  harness_wait_results(&h, 3);
  assert_int_equal(harness_count_folders(&h), 0);
  set_fault(&h, "no-locks", false);
  while (last_result(&h).status == BC_CHECK_NOT_STARTED) {
    harness_wait_results(&h, h.count + 1);
  }
  assert_int_equal(last_result(&h).status, BC_CHECK_PASSED);
  harness_close(&h);
}

/* ---- the clock ---- */

static struct bc_mono awaited;

static bool until_awaited(struct harness *h) {
  (void)h;
  return bc_mono_reached(awaited, bc_mono_now());
}

/* Starts check 1, whose run lasts until something is written to `*go`; with the worker stopped, waits until
 * `late_ms` after its deadline. Returns its process. */
static pid_t miss_deadline(struct harness *h, int64_t timeout_ms, int64_t late_ms, int go, bool ends_meanwhile) {
  char path[128];
  harness_path(h, "pid", path);
  (void)unlink(path);
  struct bc_msg_check_set check = harness_check(1, harness_script(h, "echo $$ > $B/pid; read _ < $B/go"));
  check.timeout_ms = (uint32_t)timeout_ms;
  harness_set(h, &check);
  pid_t pid = harness_wait_pid(h, "pid");
  awaited = bc_mono_add_ms(bc_mono_now(), timeout_ms + late_ms);
  assert_int_equal(kill(bc_child_pid(h->child), SIGSTOP), 0);
  if (ends_meanwhile) {
    assert_int_equal(write(go, "\n", 1), 1);
    harness_wait_dead(h, pid);
  }
  harness_wait(h, until_awaited);
  assert_int_equal(kill(bc_child_pid(h->child), SIGCONT), 0);
  return pid;
}

static void a_run_that_ended_while_the_worker_was_stopped_has_not_timed_out(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  int go = harness_make_fifo(&h, "go");
  (void)miss_deadline(&h, 1500, 200, go, true);
  harness_wait_results(&h, 1);
  assert_int_equal(h.results[0].status, BC_CHECK_PASSED);
  (void)close(go);
  harness_close(&h);
}

static void a_deadline_that_the_worker_missed_is_moved_once(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  int go = harness_make_fifo(&h, "go");
  (void)miss_deadline(&h, 1500, 2000, go, false);
  harness_ping(&h);
  assert_int_equal(write(go, "\n", 1), 1);
  harness_wait_results(&h, 1);
  assert_int_equal(h.results[0].status, BC_CHECK_PASSED);
  pid_t pid = miss_deadline(&h, 1500, 2000, go, false);
  harness_wait_results(&h, 2);
  assert_int_equal(h.results[1].status, BC_CHECK_TIMED_OUT);
  assert_true(h.results[1].duration_us >= 1500000 + 2000000 + 1500000);
  harness_wait_dead(&h, pid);
  (void)close(go);
  harness_close(&h);
}

/* ---- descriptors, the user database ---- */

static void a_check_whose_output_cannot_be_watched_is_not_started(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  set_fault(&h, "no-watches", true);
  struct bc_msg_check_set check = harness_check(1, harness_script(&h, "echo ran >> $B/log; exit 0"));
  check.interval_ms = 50;
  assert_int_equal(harness_run_check(&h, &check)->status, BC_CHECK_NOT_STARTED);
  assert_non_null(strstr(h.results[0].output, "fs.epoll.max_user_watches"));
  harness_wait_results(&h, 3);
  char text[HARNESS_TEXT_BYTES];
  harness_read(&h, "log", text);
  assert_string_equal(text, "");
  set_fault(&h, "no-watches", false);
  while (last_result(&h).status == BC_CHECK_NOT_STARTED) {
    harness_wait_results(&h, h.count + 1);
  }
  assert_int_equal(last_result(&h).status, BC_CHECK_PASSED);
  harness_close(&h);
}

static void expect_home(const char *users, const char *home) {
  struct harness h;
  open_own_mounts(&h);
  char path[128];
  harness_path(&h, "passwd", path);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(users, file) >= 0);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(mount(path, "/etc/passwd", NULL, MS_BIND, NULL), 0);
  harness_start_worker(&h);
  const struct harness_result *result = harness_run(&h, "echo $HOME");
  assert_int_equal(umount("/etc/passwd"), 0);
  assert_string_equal(result->output, home);
  harness_close(&h);
}

static void the_home_is_that_of_the_local_file_and_no_server_is_asked(void **state) {
  (void)state;
  char users[256];
  (void)snprintf(users, sizeof users, "other:x:%u:1::/of/other:\nours:x:%u:1::/of/ours:/bin/sh\n",
                 (unsigned)getuid() + 1, (unsigned)getuid());
  expect_home(users, "/of/ours\n");
  (void)snprintf(users, sizeof users, "other:x:%u:1::/of/other:\n", (unsigned)getuid() + 1);
  expect_home(users, "/\n");
  (void)snprintf(users, sizeof users, "ours:x:%u:1::relative:\n", (unsigned)getuid());
  expect_home(users, "/\n");
}

/* ---- many checks ---- */

/* A worker in this process that has taken all its places, so that it starts nothing, and has no directory. */
static void open_full_worker(struct exec_worker *worker) {
  *worker = (struct exec_worker){.running = BC_LIMIT_CHECKS_AT_ONCE};
  worker->loop = bc_loop_new();
  worker->scripts = bc_intern_new();
  bc_schedule_init(&worker->schedule, worker->loop, exec_check_on_due, worker);
  TAILQ_INIT(&worker->queue);
  exec_dir_init(&worker->dir, "/nonexistent");
}

static void close_full_worker(struct exec_worker *worker) {
  exec_check_remove_all(worker);
  exec_dir_free(&worker->dir);
  bc_schedule_fini(&worker->schedule);
  bc_intern_free(worker->scripts);
  bc_loop_free(worker->loop);
}

static void a_hundred_thousand_waiting_checks_are_removed_as_fast_as_they_were_set(void **state) {
  (void)state;
  struct exec_worker worker;
  open_full_worker(&worker);
  struct bc_mono begin = bc_mono_now();
  for (uint32_t id = 1; id <= BC_LIMIT_ROUTES; id++) {
    struct bc_msg_check_set check = harness_check(id, "exit 0");
    exec_check_set(&worker, &check);
  }
  exec_check_on_due(&worker);
  int64_t setting_us = bc_mono_now().us - begin.us;
  begin = bc_mono_now();
  assert_int_equal(worker.schedule.known, BC_LIMIT_ROUTES);
  for (uint32_t id = BC_LIMIT_ROUTES; id > 0; id--) {
    exec_check_remove(&worker, id);
  }
  assert_true(TAILQ_EMPTY(&worker.queue));
  assert_true(bc_mono_now().us - begin.us < setting_us);
  close_full_worker(&worker);
}

static void equal_scripts_are_held_once(void **state) {
  (void)state;
  struct exec_worker worker;
  open_full_worker(&worker);
  for (uint32_t id = 1; id <= 6; id++) {
    struct bc_msg_check_set check = harness_check(id, id <= 4 ? "exit 1" : "exit 2");
    exec_check_set(&worker, &check);
  }
  assert_int_equal(bc_intern_count(worker.scripts), 2);
  struct bc_msg_check_set changed = harness_check(1, "exit 2");
  exec_check_set(&worker, &changed);
  exec_check_remove(&worker, 2);
  exec_check_remove(&worker, 3);
  assert_int_equal(bc_intern_count(worker.scripts), 2);
  exec_check_remove(&worker, 4);
  assert_int_equal(bc_intern_count(worker.scripts), 1);
  exec_check_remove_all(&worker);
  assert_int_equal(bc_intern_count(worker.scripts), 0);
  close_full_worker(&worker);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_script_file_that_lost_its_mode_is_our_trouble_and_written_again),
      cmocka_unit_test(a_file_system_without_locks_is_named_and_not_filled_with_folders),
      cmocka_unit_test(a_run_that_ended_while_the_worker_was_stopped_has_not_timed_out),
      cmocka_unit_test(a_deadline_that_the_worker_missed_is_moved_once),
      cmocka_unit_test(a_check_whose_output_cannot_be_watched_is_not_started),
      cmocka_unit_test(a_hundred_thousand_waiting_checks_are_removed_as_fast_as_they_were_set),
      cmocka_unit_test(equal_scripts_are_held_once),
      cmocka_unit_test(the_home_is_that_of_the_local_file_and_no_server_is_asked),
      cmocka_unit_test(a_folder_that_turns_noexec_is_no_failure_of_its_scripts),
      cmocka_unit_test(a_noexec_mount_laid_over_the_folder_is_no_failure_of_its_scripts),
  };
  if (argc > 2) {
    fault_folder = argv[2];
  }
  return harness_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
