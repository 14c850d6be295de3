/* What a run reports, what it is given, and when it runs. What it leaves behind: test_exec_kill.c. */
#include "base/harden.h"
#include "exec_harness.h"

#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static void hello_comes_first_and_tells_the_truth(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  assert_int_equal(h.hellos, 1);
  assert_int_equal(h.version, BC_MSG_VERSION);
  const struct harness_result *result = harness_run(&h, "grep CapBnd /proc/self/status");
  unsigned long long bounding = strtoull(result->output + strlen("CapBnd:"), NULL, 16);
  bool has_ptrace = (bounding >> 19 & 1) != 0;
  assert_string_equal(h.confinement, has_ptrace ? "none" : "bounding set");
  harness_close(&h);
}

static void expect(struct harness *h, const char *script, enum bc_check_status status, int code) {
  const struct harness_result *result = harness_run(h, script);
  assert_int_equal(result->status, status);
  assert_int_equal(result->code, code);
}

static void each_way_to_end_has_its_status(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  expect(&h, "exit 0", BC_CHECK_PASSED, 0);
  expect(&h, "", BC_CHECK_PASSED, 0);
  expect(&h, "exit 1", BC_CHECK_FAILED, 1);
  expect(&h, "exit 255", BC_CHECK_FAILED, 255);
  expect(&h, "no-such-program-anywhere", BC_CHECK_NOT_FOUND, 127);
  assert_non_null(strstr(h.results[h.count - 1].output, "no-such-program-anywhere"));
  expect(&h, "/etc/passwd", BC_CHECK_NOT_FOUND, 126);
  expect(&h, "kill -SEGV $$", BC_CHECK_SIGNALLED, SIGSEGV);
  expect(&h, "#!/bin/bash\n[[ 1 == 1 ]] && exit 7", BC_CHECK_FAILED, 7);
  expect(&h, "#!/bin/sh -e\nfalse\nexit 9", BC_CHECK_FAILED, 1);
  harness_close(&h);
}

static void a_missing_interpreter_is_a_program_not_found_and_explained(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  expect(&h, "#!/no/such/interpreter -x\nexit 0", BC_CHECK_NOT_FOUND, 127);
  assert_non_null(strstr(h.results[h.count - 1].output, "#!/no/such/interpreter -x"));
  expect(&h, "#!/bin/sh\r\nexit 0\r\n", BC_CHECK_NOT_FOUND, 127);
  assert_non_null(strstr(h.results[h.count - 1].output, "carriage return"));
  expect(&h, "#!/etc/passwd\nexit 0", BC_CHECK_NOT_FOUND, 126);
  harness_close(&h);
}

static void a_run_that_ends_on_term_at_its_deadline_timed_out(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  struct bc_msg_check_set check = harness_check(1, "trap 'echo asked; exit 0' TERM; echo begun; " HANG " & wait");
  check.timeout_ms = 300;
  const struct harness_result *result = harness_run_check(&h, &check);
  assert_int_equal(result->status, BC_CHECK_TIMED_OUT);
  assert_string_equal(result->output, "begun\nasked\n");
  assert_true(result->duration_us >= 300000);
  harness_close(&h);
}

static void a_run_that_ignores_term_is_killed_a_second_later(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  struct bc_msg_check_set check = harness_check(1, "trap '' TERM; " HANG);
  check.timeout_ms = 200;
  const struct harness_result *result = harness_run_check(&h, &check);
  assert_int_equal(result->status, BC_CHECK_TIMED_OUT);
  assert_int_equal(result->code, SIGKILL);
  assert_true(result->duration_us >= 1200000);
  harness_close(&h);
}

/* A process that is traced stays, though killed, until its tracer lets it go: as one on a hung disk. */
static void a_run_that_the_kernel_does_not_let_die_keeps_timing_out(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  struct bc_msg_check_set check = harness_check(1, harness_script(&h, "echo $$ > $B/pid; " HANG));
  check.timeout_ms = 1000;
  check.interval_ms = 100;
  harness_set(&h, &check);
  pid_t pid = harness_wait_pid(&h, "pid");
  if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0) {
    harness_close(&h);
    skip();
  }
  harness_wait_results(&h, 2);
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(h.results[i].status, BC_CHECK_TIMED_OUT);
    assert_true(h.results[i].duration_us >= 2000000);
  }
  harness_ping(&h);
  assert_int_equal(h.pong.running, 1);
  assert_int_equal(waitpid(pid, NULL, __WALL), pid);
  /* Now it is gone, and the next run starts. */
  harness_remove(&h, 1);
  harness_close(&h);
}

static void the_end_of_the_output_is_kept(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  const struct harness_result *result = harness_run(&h, "echo out; echo err >&2; exit 1");
  assert_string_equal(result->output, "out\nerr\n");
  result = harness_run(&h, "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done");
  assert_int_equal(result->output_len, 4096);
  assert_string_equal(result->output + 4096 - 10, "line 2999\n");
  char expected[65536] = "";
  size_t len = 0;
  for (int i = 0; i < 3000; i++) {
    len += (size_t)snprintf(expected + len, sizeof expected - len, "line %d\n", i);
  }
  assert_memory_equal(result->output, expected + len - 4096, 4096);
  harness_close(&h);
}

static void a_hundred_megabytes_of_output_pass_and_pings_are_answered(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  harness_set_script(&h, 1, "head -c 100000000 /dev/zero; printf end");
  harness_ping(&h);
  harness_ping(&h);
  harness_wait_results(&h, 1);
  assert_int_equal(h.results[0].status, BC_CHECK_PASSED);
  assert_int_equal(h.results[0].output_len, 4096);
  assert_memory_equal(h.results[0].output + 4093, "end", 3);
  harness_close(&h);
}

static int compare_texts(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void the_environment_is_what_was_promised_and_nothing_else(void **state) {
  (void)state;
  struct harness h;
  harness_make_base(&h);
  assert_int_equal(setenv("LD_LIBRARY_PATH", "/tmp", 1), 0);
  assert_int_equal(setenv("SECRET", "x", 1), 0);
  assert_int_equal(setenv("HOME", "/var/of/test", 1), 0);
  harness_start_worker(&h);
  struct bc_msg_check_set check = harness_check(1, "#!/bin/cat /proc/self/environ\n");
  static const char given[] =
      "ROUTE=r1\0PREFIX=192.0.2.1/32\0CHECK=forged\0BGPCOMMANDER_JOB=forged\0PATH=/own\0=x\0bad\0LAST=1";
  check.environment = (struct bc_str){.at = given, .len = sizeof given - 1};
  check.name = bc_str_of("dns");
  const struct harness_result *result = harness_run_check(&h, &check);
  char job[64];
  (void)snprintf(job, sizeof job, "BGPCOMMANDER_JOB=%d.1", (int)bc_child_pid(h.child));
  char home[256];
  (void)snprintf(home, sizeof home, "HOME=%s", getpwuid(getuid())->pw_dir);
  const char *expected[] = {"ATTEMPT=0", job,         "CHECK=dns",           home,       "LANG=C.UTF-8",
                            "LAST=1",    "PATH=/own", "PREFIX=192.0.2.1/32", "ROUTE=r1", "STATE=unknown"};
  const char *found[16];
  size_t count = 0;
  for (const char *at = result->output; *at != '#' && count < 16; at += strlen(at) + 1) {
    found[count++] = at;
  }
  qsort(found, count, sizeof found[0], compare_texts);
  qsort(expected, 10, sizeof expected[0], compare_texts);
  assert_int_equal(count, 10);
  for (size_t i = 0; i < 10; i++) {
    assert_string_equal(found[i], expected[i]);
  }
  harness_close(&h);
}

static void state_and_attempt_are_those_that_core_told(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  struct bc_msg_check_set check = harness_check(1, "echo $STATE $ATTEMPT $PATH $HOME");
  check.first_delay_ms = 50;
  harness_set(&h, &check);
  struct bc_msg told = {.type = BC_MSG_CHECK_STATE, .check_state = {.id = 1, .state = bc_str_of("down"), .attempt = 3}};
  harness_send(&h, &told);
  harness_wait_results(&h, 1);
  assert_non_null(strstr(h.results[0].output, "down 3 /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /"));
  harness_close(&h);
}

static void a_check_has_three_descriptors_and_default_signals(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  /* 3 is the folder that ls reads. */
  const struct harness_result *result = harness_run(&h, "#!/bin/ls /proc/self/fd\n");
  assert_non_null(strstr(result->output, "/proc/self/fd:\n0\n1\n2\n3\n"));
  assert_null(strstr(result->output, "\n4\n"));
  result = harness_run(&h, "readlink /proc/self/fd/0; a=$(readlink /proc/$$/fd/1); b=$(readlink /proc/$$/fd/2);"
                           "[ \"$a\" = \"$b\" ] && case $a in pipe:*) echo one pipe;; esac");
  assert_string_equal(result->output, "/dev/null\none pipe\n");
  result = harness_run(&h, "grep -E '^Sig(Blk|Ign):' /proc/self/status");
  assert_non_null(strstr(result->output, "SigBlk:\t0000000000000000"));
  /* 32 and 33 belong to the C library: its posix_spawn always has them ignored. */
  const char *ignored = strstr(result->output, "SigIgn:");
  assert_non_null(ignored);
  assert_true((strtoull(ignored + strlen("SigIgn:"), NULL, 16) & ~(3ULL << 31)) == 0);
  harness_close(&h);
}

static void a_check_leads_its_own_group_in_a_private_folder(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  const struct harness_result *result =
      harness_run(&h, "set -- $(cat /proc/$$/stat); [ $1.$1 = $5.$6 ] && echo leader; "
                      "stat -c %a . \"$0\"; pwd; umask; echo ${0##*/}");
  char expected[256];
  (void)snprintf(expected, sizeof expected, "leader\n700\n700\n%s/bgpcommander-exec.", h.base);
  assert_int_equal(strncmp(result->output, expected, strlen(expected)), 0);
  assert_non_null(strstr(result->output, "\n0022\ntest.1\n"));
  harness_close(&h);
}

/* The check runs as the same user, here even as root. */
static void a_check_cannot_reach_the_descriptors_or_memory_of_the_worker(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  const struct harness_result *result = harness_run(
      &h,
      "for p in $PPID; do for f in 0 1 2 3; do (echo stolen > /proc/$p/fd/$f) 2>/dev/null && echo wrote $f; done;"
      "(exec 9<>/proc/$p/mem) 2>/dev/null && echo memory; cat /proc/$p/environ 2>/dev/null && echo environment; done;"
      "echo parent ${PPID:+known}");
  assert_string_equal(result->output, "parent known\n");
  harness_close(&h);
}

static void a_replaced_check_reports_only_its_new_script(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  harness_set_script(&h, 1, harness_script(&h, "echo $$ > $B/pid; " HANG "; exit 9"));
  pid_t old = harness_wait_pid(&h, "pid");
  char script[4096];
  (void)snprintf(script, sizeof script, "kill -0 %d && echo overlap; echo new", (int)old);
  struct bc_msg_check_set check = harness_check(1, script);
  check.generation = 2;
  const struct harness_result *result = harness_run_check(&h, &check);
  assert_int_equal(result->generation, 2);
  assert_int_equal(result->status, BC_CHECK_PASSED);
  assert_null(strstr(result->output, "overlap\n"));
  assert_true(harness_is_gone(old));
  harness_ping(&h);
  assert_int_equal(h.count, 1);
  assert_int_equal(h.pong.known, 1);
  harness_close(&h);
}

static void a_removed_check_reports_nothing_any_more(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  harness_set_script(&h, 1, harness_script(&h, "echo $$ > $B/pid; " HANG));
  pid_t pid = harness_wait_pid(&h, "pid");
  harness_ping(&h);
  assert_int_equal(h.pong.running, 1);
  harness_remove(&h, 1);
  harness_wait_dead(&h, pid);
  do {
    harness_ping(&h);
  } while (h.pong.running > 0);
  assert_int_equal(h.pong.known, 0);
  assert_int_equal(h.count, 0);
  harness_close(&h);
}

/* A run that lasts until it may go. */
static const char long_run[] = "echo S $(date +%s%N) >> $B/log; read _ < $B/go; echo E >> $B/log";

static bool until_begun(struct harness *h) {
  char text[HARNESS_TEXT_BYTES];
  harness_read(h, "log", text);
  size_t begun = 0;
  for (const char *at = text; *at != '\0'; at++) {
    begun += *at == 'S';
  }
  return begun >= h->wanted_count;
}

static void wait_begun(struct harness *h, size_t count) {
  h->wanted_count = count;
  harness_wait(h, until_begun);
}

static void two_hundred_checks_run_at_most_64_at_once(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  int go = harness_make_fifo(&h, "go");
  const char *script = harness_script(&h, long_run);
  for (uint32_t id = 1; id <= 200; id++) {
    harness_set_script(&h, id, script);
  }
  harness_ping(&h);
  assert_int_equal(h.pong.known, 200);
  struct bc_mono all_known = bc_mono_now();
  wait_begun(&h, 64);
  harness_ping(&h);
  assert_int_equal(h.pong.running, 64);
  int64_t waited_us = bc_mono_now().us - all_known.us;
  char bytes[200];
  memset(bytes, '\n', sizeof bytes);
  assert_int_equal(write(go, bytes, sizeof bytes), sizeof bytes);
  harness_wait_results(&h, 200);
  char text[HARNESS_TEXT_BYTES];
  harness_read(&h, "log", text);
  int running = 0;
  int most = 0;
  for (const char *at = text; *at != '\0'; at++) {
    running += *at == 'S' ? 1 : *at == 'E' ? -1 : 0;
    most = running > most ? running : most;
  }
  assert_int_equal(most, 64);
  bool seen[201] = {false};
  for (size_t i = 0; i < 200; i++) {
    assert_int_equal(h.results[i].status, BC_CHECK_PASSED);
    assert_false(seen[h.results[i].id]);
    seen[h.results[i].id] = true;
  }
  /* Who had to wait for a place says so. */
  assert_true(h.results[199].late_us >= waited_us);
  (void)close(go);
  harness_close(&h);
}

enum { LONG_RUNS = 6 };

/* Check 1 makes long runs; check 2 tells by its runs that time passes. */
struct long_runs {
  struct harness_result results[LONG_RUNS];
  int64_t begun_ns[LONG_RUNS];
  char log[HARNESS_TEXT_BYTES];
};

static size_t results_of(const struct harness *h, uint32_t id) {
  size_t count = 0;
  for (size_t i = 0; i < h->count; i++) {
    count += h->results[i].id == id;
  }
  return count;
}

static bool until_other_has_run(struct harness *h) {
  return results_of(h, 2) >= h->wanted_count;
}

static bool until_long_run_has_ended(struct harness *h) {
  return results_of(h, 1) >= h->wanted_count;
}

/* Each of them lasts until the other check has run `others` times. */
static void make_long_runs(struct long_runs *runs, uint32_t interval_ms, uint8_t jitter_percent,
                           uint32_t other_interval_ms, size_t others) {
  struct harness h;
  harness_open(&h);
  int go = harness_make_fifo(&h, "go");
  struct bc_msg_check_set other = harness_check(2, "exit 0");
  other.interval_ms = other_interval_ms;
  harness_set(&h, &other);
  struct bc_msg_check_set check = harness_check(1, harness_script(&h, long_run));
  check.interval_ms = interval_ms;
  check.jitter_percent = jitter_percent;
  harness_set(&h, &check);
  for (size_t i = 0; i < LONG_RUNS; i++) {
    wait_begun(&h, i + 1);
    h.wanted_count = results_of(&h, 2) + others;
    harness_wait(&h, until_other_has_run);
    assert_int_equal(write(go, "\n", 1), 1);
    h.wanted_count = i + 1;
    harness_wait(&h, until_long_run_has_ended);
    runs->results[i] = h.results[h.count - 1];
    for (size_t at = h.count; runs->results[i].id != 1; at--) {
      runs->results[i] = h.results[at - 1];
    }
  }
  harness_remove(&h, 1);
  harness_ping(&h);
  harness_read(&h, "log", runs->log);
  const char *at = runs->log;
  for (size_t i = 0; i < LONG_RUNS; i++) {
    at = strchr(at, 'S') + 1;
    runs->begun_ns[i] = strtoll(at, NULL, 10);
  }
  (void)close(go);
  harness_close(&h);
}

static void runs_never_overlap_and_a_long_one_is_followed_at_once(void **state) {
  (void)state;
  struct long_runs runs;
  make_long_runs(&runs, 20, 50, 20, 6);
  const char *line = runs.log;
  uint64_t least_late_us = UINT64_MAX;
  uint64_t least_us = UINT64_MAX;
  for (size_t i = 0; i < LONG_RUNS; i++) {
    const struct harness_result *result = &runs.results[i];
    least_us = result->duration_us < least_us ? result->duration_us : least_us;
    least_late_us = i > 0 && result->late_us < least_late_us ? result->late_us : least_late_us;
    assert_int_equal(*line, 'S');
    line = strchr(line, '\n') + 1;
    assert_int_equal(*line, 'E');
    line = strchr(line, '\n') + 1;
  }
  /* Its start is planned for the moment when the former ended, so it is not late by as much as that took. */
  assert_true(least_late_us < least_us / 2);
}

static void the_interval_counts_from_start_to_start(void **state) {
  (void)state;
  static const int64_t interval_us = 300000;
  struct long_runs runs;
  make_long_runs(&runs, 300, 0, 50, 4);
  int64_t late_us = 0;
  int64_t expected_us = 0;
  int64_t more_us = 0; /* if it counted from end to start */
  for (size_t i = 1; i < LONG_RUNS; i++) {
    late_us += runs.results[i].late_us;
    int64_t took_us = (int64_t)runs.results[i - 1].duration_us;
    expected_us += took_us > interval_us ? took_us : interval_us;
    more_us += took_us > interval_us ? interval_us : took_us;
  }
  /* A busy machine may start late; that is told, and taken off here. */
  int64_t spent_us = (runs.begun_ns[LONG_RUNS - 1] - runs.begun_ns[0]) / 1000 - late_us;
  assert_true(spent_us > expected_us - interval_us / 3);
  assert_true(spent_us < expected_us + more_us / 2);
}

static void a_first_delay_is_waited_for(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  struct bc_msg_check_set check = harness_check(1, "exit 0");
  check.first_delay_ms = 400;
  struct bc_mono begin = bc_mono_now();
  (void)harness_run_check(&h, &check);
  assert_true(bc_mono_ms_between(begin, bc_mono_now()) >= 400);
  harness_close(&h);
}

static void a_state_that_is_not_settled_brings_the_next_run_forward(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  struct bc_msg_check_set check = harness_check(1, "exit 0");
  check.fast_interval_ms = 50;
  harness_set(&h, &check);
  harness_wait_results(&h, 1);
  struct bc_msg told = {.type = BC_MSG_CHECK_STATE,
                        .check_state = {.id = 1, .state = bc_str_of("up"), .attempt = 1, .is_fast = 1}};
  harness_send(&h, &told);
  harness_wait_results(&h, 4);
  told.check_state.is_fast = 0;
  harness_send(&h, &told);
  harness_ping(&h);
  size_t before = h.count + h.pong.running;
  harness_ping(&h);
  assert_true(h.count <= before);
  harness_close(&h);
}

static void trouble_of_ours_is_neutral_and_passes(void **state) {
  (void)state;
  struct harness h;
  harness_make_base(&h);
  assert_int_equal(rmdir(h.base), 0);
  harness_start_worker(&h);
  struct bc_msg_check_set check = harness_check(1, "exit 0");
  check.interval_ms = 50;
  const struct harness_result *result = harness_run_check(&h, &check);
  assert_int_equal(result->status, BC_CHECK_NOT_STARTED);
  assert_non_null(strstr(result->output, "cannot make a directory"));
  assert_int_equal(mkdir(h.base, 0700), 0);
  for (size_t next = h.count; h.results[next - 1].status == BC_CHECK_NOT_STARTED; next++) {
    harness_wait_results(&h, next + 1);
  }
  assert_int_equal(h.results[h.count - 1].status, BC_CHECK_PASSED);
  harness_close(&h);
}

static void a_folder_that_was_cleaned_away_is_made_again(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  struct bc_msg_check_set check = harness_check(1, "rm -rf \"${0%/*}\"; exit 0");
  check.interval_ms = 50;
  harness_set(&h, &check);
  harness_wait_results(&h, 4);
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(h.results[i].status, BC_CHECK_PASSED);
  }
  harness_close(&h);
}

static void folders_of_dead_workers_are_removed_and_of_living_ones_kept(void **state) {
  (void)state;
  struct harness living;
  harness_open(&living);
  struct harness h;
  harness_make_base(&h);
  assert_int_equal(rmdir(h.base), 0);
  memcpy(h.base, living.base, sizeof h.base);
  char path[128];
  harness_path(&h, "bgpcommander-exec.dead", path);
  assert_int_equal(mkdir(path, 0700), 0);
  harness_path(&h, "bgpcommander-exec.dead/old", path);
  assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0700)), 0);
  (void)harness_run(&living, "exit 0");
  harness_start_worker(&h);
  assert_int_equal(harness_count_folders(&h), 1);
  expect(&living, "exit 0", BC_CHECK_PASSED, 0);
  expect(&h, "exit 0", BC_CHECK_PASSED, 0);
  assert_int_equal(harness_count_folders(&h), 2);
  bc_channel_free(h.channel);
  h.channel = NULL;
  harness_wait(&h, harness_until_ended);
  assert_int_equal(harness_count_folders(&h), 1);
  bc_child_free(h.child);
  bc_timer_free(h.look);
  bc_loop_free(h.loop);
  free(h.results);
  harness_close(&living);
}

static void scripts_run_from_a_folder_without_exec_permission(void **state) {
  (void)state;
  if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
    skip();
  }
  struct harness h;
  harness_make_base(&h);
  assert_int_equal(mount("none", h.base, "tmpfs", MS_NOEXEC, "mode=0700"), 0);
  harness_start_worker(&h);
  expect(&h, "#! /bin/bash  -e \n[[ $0 == */test.1 ]] && [[ $- == *e* ]] && exit 5", BC_CHECK_FAILED, 5);
  expect(&h, "#!/bin/sh\nexit 6", BC_CHECK_FAILED, 6);
  expect(&h, "exit 7", BC_CHECK_FAILED, 7);
  expect(&h, "#!/no/such\n", BC_CHECK_NOT_FOUND, 127);
  harness_stop_worker(&h);
  assert_int_equal(umount(h.base), 0);
  assert_int_equal(rmdir(h.base), 0);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hello_comes_first_and_tells_the_truth),
      cmocka_unit_test(each_way_to_end_has_its_status),
      cmocka_unit_test(a_missing_interpreter_is_a_program_not_found_and_explained),
      cmocka_unit_test(a_run_that_ends_on_term_at_its_deadline_timed_out),
      cmocka_unit_test(a_run_that_ignores_term_is_killed_a_second_later),
      cmocka_unit_test(a_run_that_the_kernel_does_not_let_die_keeps_timing_out),
      cmocka_unit_test(the_end_of_the_output_is_kept),
      cmocka_unit_test(a_hundred_megabytes_of_output_pass_and_pings_are_answered),
      cmocka_unit_test(the_environment_is_what_was_promised_and_nothing_else),
      cmocka_unit_test(state_and_attempt_are_those_that_core_told),
      cmocka_unit_test(a_check_has_three_descriptors_and_default_signals),
      cmocka_unit_test(a_check_leads_its_own_group_in_a_private_folder),
      cmocka_unit_test(a_check_cannot_reach_the_descriptors_or_memory_of_the_worker),
      cmocka_unit_test(a_replaced_check_reports_only_its_new_script),
      cmocka_unit_test(a_removed_check_reports_nothing_any_more),
      cmocka_unit_test(two_hundred_checks_run_at_most_64_at_once),
      cmocka_unit_test(runs_never_overlap_and_a_long_one_is_followed_at_once),
      cmocka_unit_test(the_interval_counts_from_start_to_start),
      cmocka_unit_test(a_first_delay_is_waited_for),
      cmocka_unit_test(a_state_that_is_not_settled_brings_the_next_run_forward),
      cmocka_unit_test(trouble_of_ours_is_neutral_and_passes),
      cmocka_unit_test(a_folder_that_was_cleaned_away_is_made_again),
      cmocka_unit_test(folders_of_dead_workers_are_removed_and_of_living_ones_kept),
      cmocka_unit_test(scripts_run_from_a_folder_without_exec_permission),
  };
  return harness_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
