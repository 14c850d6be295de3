/* Nothing that a check started outlives it, wherever it went. */
#include "exec_harness.h"

#include <sys/prctl.h>
#include <sys/wait.h>

/* A grandchild with a session of its own whose parents are gone; its number is in $B/NAME. It holds our
 * pipe as long as it lives, and ignores what can be ignored. */
#define DAEMON(name)                                                                                                   \
  "mkfifo $B/up; "                                                                                                     \
  "setsid sh -c 'trap \"\" TERM HUP INT; (setsid sh -c \"trap \\\"\\\" TERM HUP INT; echo \\$\\$ > $0/" name           \
  "; echo > $0/up; " HANG "\" &) ; exit 0' $B; "                                                                       \
  "read _ < $B/up\n"

static void a_daemon_dies_with_the_run_that_started_it(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  struct bc_msg_check_set check = harness_check(1, harness_script(&h, DAEMON("pid") "kill -0 $(cat $B/pid); exit 3"));
  const struct harness_result *result = harness_run_check(&h, &check);
  assert_int_equal(result->status, BC_CHECK_FAILED);
  assert_int_equal(result->code, 3);
  harness_wait_dead(&h, harness_wait_pid(&h, "pid"));
  harness_close(&h);
}

static void a_result_does_not_wait_for_who_holds_the_pipe(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  struct bc_msg_check_set check =
      harness_check(1, harness_script(&h, HANG " & echo $! > $B/one; setsid " HANG " & echo $! > $B/two; echo done"));
  const struct harness_result *result = harness_run_check(&h, &check);
  assert_int_equal(result->status, BC_CHECK_PASSED);
  assert_string_equal(result->output, "done\n");
  assert_true(result->duration_us < 20000000);
  harness_wait_dead(&h, harness_wait_pid(&h, "one"));
  harness_wait_dead(&h, harness_wait_pid(&h, "two"));
  harness_close(&h);
}

/* It hides: no job in its environment, its own session, its parents dead. Another check that runs could
 * be its owner for all we can see. */
static void a_daemon_without_our_environment_dies_too(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  harness_set_script(&h, 2, harness_script(&h, "echo $$ > $B/neighbour; " HANG "; :"));
  pid_t neighbour = harness_wait_pid(&h, "neighbour");
  struct bc_msg_check_set check = harness_check(
      1, harness_script(&h, "mkfifo $B/up\n"
                            "(env -i setsid /bin/sh -c 'echo $$ > '$B'/pid; echo > '$B'/up; " HANG "; :' &)\n"
                            "read _ < $B/up"));
  (void)harness_run_check(&h, &check);
  harness_wait_dead(&h, harness_wait_pid(&h, "pid"));
  assert_false(harness_is_gone(neighbour));
  harness_close(&h);
}

static void a_neighbours_end_does_not_touch_a_running_check_and_its_daemon(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  int go = harness_make_fifo(&h, "go");
  struct bc_msg_check_set check = harness_check(
      1, harness_script(&h, DAEMON("pid") "echo ready > $B/ready; read _ < $B/go; kill -0 $(cat $B/pid)"));
  harness_set(&h, &check);
  (void)harness_wait_pid(&h, "pid");
  h.wanted_file = "ready";
  harness_wait(&h, harness_until_file_line);
  for (uint32_t id = 2; id < 8; id++) {
    struct bc_msg_check_set other = harness_check(id, harness_script(&h, "setsid " HANG " & echo $! > $B/other"));
    (void)harness_run_check(&h, &other);
    harness_wait_dead(&h, harness_wait_pid(&h, "other"));
  }
  assert_int_equal(write(go, "\n", 1), 1);
  harness_wait_results(&h, 7);
  (void)close(go);
  assert_int_equal(h.results[6].id, 1);
  assert_int_equal(h.results[6].status, BC_CHECK_PASSED);
  harness_wait_dead(&h, harness_wait_pid(&h, "pid"));
  harness_close(&h);
}

static pid_t start_daemon(struct harness *h) {
  harness_set_script(h, 1, harness_script(h, DAEMON("pid") HANG));
  return harness_wait_pid(h, "pid");
}

static void a_daemon_dies_when_its_check_is_removed(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  pid_t pid = start_daemon(&h);
  harness_remove(&h, 1);
  harness_wait_dead(&h, pid);
  assert_int_equal(h.count, 0);
  harness_close(&h);
}

static void a_daemon_dies_when_its_check_times_out(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  struct bc_msg_check_set check = harness_check(1, harness_script(&h, DAEMON("pid") HANG));
  check.timeout_ms = 1500;
  assert_int_equal(harness_run_check(&h, &check)->status, BC_CHECK_TIMED_OUT);
  harness_wait_dead(&h, harness_wait_pid(&h, "pid"));
  harness_close(&h);
}

static void everything_is_dead_before_the_worker_has_ended(void **state) {
  (void)state;
  static const int ways = 3;
  for (int way = 0; way < ways; way++) {
    struct harness h;
    harness_open(&h);
    pid_t pid = start_daemon(&h);
    if (way == 0) {
      bc_channel_free(h.channel);
      h.channel = NULL;
    } else if (way == 1) {
      assert_int_equal(kill(bc_child_pid(h.child), SIGTERM), 0);
    } else {
      struct bc_msg stop = {.type = BC_MSG_STOP};
      harness_send(&h, &stop);
    }
    harness_wait(&h, harness_until_ended);
    assert_true(harness_is_gone(pid));
    assert_int_equal(h.count, 0);
    harness_close(&h);
  }
}

/* Another process plays core, so that it can be killed. */
static void a_killed_core_takes_every_daemon_along(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  char role[] = "--play-core";
  char name[] = "test-core";
  char *argv[] = {name, role, h.base, NULL};
  struct bc_child *core;
  struct bc_fault fault;
  struct harness unused = {.why = ""};
  int fd;
  assert_int_equal(bc_child_start(h.loop, NULL, argv, harness_on_ended, &unused, &core, &fd, &fault), BC_ERR_OK);
  pid_t pid = harness_wait_pid(&h, "pid");
  pid_t worker = harness_wait_pid(&h, "worker");
  assert_false(harness_is_gone(pid));
  bc_child_kill(core);
  harness_wait_dead(&h, pid);
  harness_wait_dead(&h, worker);
  bc_child_free(core);
  (void)close(fd);
  harness_close(&h);
}

static int play_core(const char *base) {
  struct harness h = {.why = ""};
  (void)snprintf(h.base, sizeof h.base, "%s", base);
  harness_start_worker(&h);
  (void)start_daemon(&h);
  char path[128];
  harness_path(&h, "worker", path);
  FILE *file = fopen(path, "w");
  if (file == NULL || fprintf(file, "%d\n", (int)bc_child_pid(h.child)) < 0 || fclose(file) != 0) {
    return 1;
  }
  (void)harness_wait_at_most(&h, harness_until_ended, HARNESS_WAIT_MS);
  return 1;
}

/* The worker cannot clean up any more: core, a subreaper, does. */
static void core_kills_what_a_killed_worker_leaves(void **state) {
  (void)state;
  assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
  struct harness h;
  harness_open(&h);
  pid_t pid = start_daemon(&h);
  struct harness other;
  harness_open(&other);
  bc_child_kill(h.child);
  harness_wait(&h, harness_until_ended);
  assert_string_equal(h.why, "signal 9 (Killed)");
  assert_true(bc_child_kill_strays() >= 2);
  assert_true(harness_is_gone(pid));
  assert_int_equal(bc_child_kill_strays(), 0);
  /* Our other children are no strays. */
  assert_int_equal(harness_run(&other, "exit 0")->status, BC_CHECK_PASSED);
  bc_channel_free(h.channel);
  bc_child_free(h.child);
  bc_timer_free(h.look);
  bc_loop_free(h.loop);
  free(h.results);
  (void)nftw(h.base, harness_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  harness_close(&other);
  assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}

static bool until_storm_is_over(struct harness *h) {
  char text[HARNESS_TEXT_BYTES];
  harness_read(h, "pids", text);
  for (char *at = text; *at != '\0';) {
    pid_t pid = (pid_t)strtol(at, &at, 10);
    if (pid > 1 && !harness_is_gone(pid)) {
      return false;
    }
    at += strspn(at, "\n");
  }
  return true;
}

static void a_fork_storm_is_gone_and_nobody_waited_for_it(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  struct bc_msg_check_set check = harness_check(
      1, harness_script(&h, "mkfifo $B/up; exec 3<>$B/up; i=0; while [ $i -lt 200 ]; do\n"
                            "case $((i % 3)) in\n"
                            "0) " HANG " & echo $! >&3;;\n"
                            "1) setsid sh -c 'echo $$ >&3; " HANG "; :' & ;;\n"
                            "2) (setsid sh -c '(setsid sh -c \"echo \\$\\$ >&3; " HANG "; :\" &)' &) ;;\n"
                            "esac; i=$((i+1)); done\n"
                            "while [ $i -gt 0 ]; do read pid <&3; echo $pid >> $B/pids; i=$((i-1)); done\n"));
  harness_set(&h, &check);
  harness_ping(&h);
  harness_wait_results(&h, 1);
  assert_int_equal(h.results[0].status, BC_CHECK_PASSED);
  char text[HARNESS_TEXT_BYTES];
  harness_read(&h, "pids", text);
  unsigned lines = 0;
  for (const char *at = text; *at != '\0'; at++) {
    lines += *at == '\n';
  }
  assert_int_equal(lines, 200);
  harness_wait(&h, until_storm_is_over);
  /* And it goes on as if nothing had been. */
  harness_ping(&h);
  assert_int_equal(h.pong.running, 0);
  assert_int_equal(harness_run(&h, "exit 0")->status, BC_CHECK_PASSED);
  harness_close(&h);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_daemon_dies_with_the_run_that_started_it),
      cmocka_unit_test(a_result_does_not_wait_for_who_holds_the_pipe),
      cmocka_unit_test(a_daemon_without_our_environment_dies_too),
      cmocka_unit_test(a_neighbours_end_does_not_touch_a_running_check_and_its_daemon),
      cmocka_unit_test(a_daemon_dies_when_its_check_is_removed),
      cmocka_unit_test(a_daemon_dies_when_its_check_times_out),
      cmocka_unit_test(everything_is_dead_before_the_worker_has_ended),
      cmocka_unit_test(a_killed_core_takes_every_daemon_along),
      cmocka_unit_test(core_kills_what_a_killed_worker_leaves),
      cmocka_unit_test(a_fork_storm_is_gone_and_nobody_waited_for_it),
  };
  if (argc > 2 && strcmp(argv[1], "--play-core") == 0) {
    return play_core(argv[2]);
  }
  return harness_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
