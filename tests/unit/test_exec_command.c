/* Commands of Lua checks in the exec worker. Each test ends the worker: with the sanitizer, it has lost no memory then.
 */
#include "exec_harness.h"

#include "base/limits.h"

enum { TIMEOUT_MS = 20000 };

/* /bin/sh -c SCRIPT, with the base folder as $0. */
static void start(struct harness *h, uint32_t id, const char *script, const char *input, uint32_t most_output,
                  uint32_t timeout_ms) {
  char argv[BC_LIMIT_EXEC_ARGV_BYTES];
  int len = snprintf(argv, sizeof argv, "/bin/sh%c-c%c%s%c%s", 0, 0, script, 0, h->base);
  assert_true(len > 0 && (size_t)len < sizeof argv);
  struct bc_msg message = {.type = BC_MSG_COMMAND_RUN,
                           .command_run = {.id = id,
                                           .timeout_ms = timeout_ms,
                                           .most_output = most_output,
                                           .argv = {argv, (size_t)len + 1},
                                           .input = bc_str_of(input)}};
  harness_send(h, &message);
}

static const struct harness_result *run(struct harness *h, const char *script, const char *input) {
  size_t before = h->count;
  start(h, 5, script, input, 4096, TIMEOUT_MS);
  harness_wait_results(h, before + 1);
  assert_int_equal(h->results[before].id, 5);
  return &h->results[before];
}

static void input_output_and_code_go_their_ways(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  const struct harness_result *got = run(&h, "cat; printf err >&2; exit 3", "one\ntwo\n");
  assert_int_equal(got->outcome, BC_COMMAND_EXITED);
  assert_int_equal(got->code, 3);
  assert_string_equal(got->output, "one\ntwo\n");
  assert_string_equal(got->error_output, "err");
  assert_false(got->is_truncated);
  got = run(&h, "cat; kill -15 $$", "");
  assert_int_equal(got->outcome, BC_COMMAND_SIGNALLED);
  assert_int_equal(got->code, 15);
  assert_string_equal(got->output, "");
  harness_close(&h);
}

static void it_has_three_descriptors_and_a_session_of_its_own_in_the_root(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  const struct harness_result *got =
      run(&h,
          "for n in 0 1 2 3 4 5 6 7 8 9 10 11; do [ ! -e /proc/$$/fd/$n ] || printf "
          "\"$n \"; done; pwd; read -r a b c d g s rest </proc/$$/stat; "
          "[ $g = $$ ] && [ $s = $$ ] && echo own; sed -n 's/SigIgn:.*\\(.......\\)$/\\1/p' /proc/$$/status",
          "");
  assert_string_equal(got->output, "0 1 2 /\nown\n0000000\n");
  harness_close(&h);
}

static void the_first_of_a_long_output_is_kept_and_the_rest_is_read(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  start(&h, 5, "head -c 20000000 /dev/zero | tr '\\0' x; echo end >&2", "", 100, TIMEOUT_MS);
  harness_wait_results(&h, 1);
  assert_int_equal(h.results[0].outcome, BC_COMMAND_EXITED);
  assert_int_equal(h.results[0].output_len, 100);
  assert_true(h.results[0].is_truncated);
  assert_string_equal(h.results[0].error_output, "end\n");
  harness_close(&h);
}

static void at_its_timeout_its_group_is_killed(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  start(&h, 5, "trap '' TERM; tail -f /dev/null >/dev/null & echo $! >$0/pid; printf x; tail -f /dev/null >/dev/null",
        "", 100, 500);
  pid_t pid = harness_wait_pid(&h, "pid");
  harness_wait_results(&h, 1);
  assert_int_equal(h.results[0].outcome, BC_COMMAND_TIMED_OUT);
  assert_string_equal(h.results[0].output, "x");
  assert_true(h.results[0].duration_us >= 500000);
  harness_wait_dead(&h, pid);
  harness_close(&h);
}

static void a_cancelled_one_dies_and_says_nothing(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  start(&h, 5, "tail -f /dev/null >/dev/null & echo $! >$0/pid; tail -f /dev/null >/dev/null", "", 100, TIMEOUT_MS);
  pid_t pid = harness_wait_pid(&h, "pid");
  harness_send(&h, &(struct bc_msg){.type = BC_MSG_COMMAND_CANCEL, .command_cancel = {.id = 5}});
  harness_wait_dead(&h, pid);
  /* Another one is told, that one is not. */
  const struct harness_result *got = run(&h, "echo next", "");
  assert_string_equal(got->output, "next\n");
  assert_int_equal(h.count, 1);
  harness_close(&h);
}

static void what_it_leaves_behind_dies_while_others_live(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  start(&h, 7,
        "(setsid sh -c 'echo $$ >'$0'/lives; exec tail -f /dev/null >/dev/null' &); echo $$ >$0/main; tail -f "
        "/dev/null >/dev/null",
        "", 100, TIMEOUT_MS);
  pid_t lives = harness_wait_pid(&h, "lives");
  (void)run(&h,
            "(setsid sh -c 'echo $$ >'$0'/left; exec tail -f /dev/null >/dev/null' >/dev/null 2>&1 &); while ! [ -s "
            "$0/left ]; do :; done",
            "");
  harness_wait_dead(&h, harness_wait_pid(&h, "left"));
  assert_false(harness_is_gone(lives));
  harness_send(&h, &(struct bc_msg){.type = BC_MSG_COMMAND_CANCEL, .command_cancel = {.id = 7}});
  harness_wait_dead(&h, lives);
  harness_close(&h);
}

static void what_cannot_be_run_says_why(void **state) {
  (void)state;
  static const struct {
    const char *program;
    enum bc_command_outcome outcome;
  } cases[] = {{"/no/such/program", BC_COMMAND_NOT_FOUND},
               {"/etc/hostname", BC_COMMAND_PERMISSION},
               {"/", BC_COMMAND_PERMISSION}};
  struct harness h;
  harness_open(&h);
  for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_str argv = {cases[i].program, strlen(cases[i].program) + 1};
    harness_send(&h, &(struct bc_msg){.type = BC_MSG_COMMAND_RUN,
                                      .command_run = {.id = i, .timeout_ms = 1000, .most_output = 1, .argv = argv}});
    harness_wait_results(&h, i + 1);
    assert_int_equal(h.results[i].outcome, cases[i].outcome);
  }
  harness_close(&h);
}

static void the_end_of_core_kills_them(void **state) {
  (void)state;
  struct harness h;
  harness_open(&h);
  start(&h, 5, "echo $$ >$0/pid; tail -f /dev/null >/dev/null", "input that nobody reads", 100, TIMEOUT_MS);
  pid_t pid = harness_wait_pid(&h, "pid");
  harness_close(&h);
  assert_true(harness_is_gone(pid));
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(input_output_and_code_go_their_ways),
      cmocka_unit_test(it_has_three_descriptors_and_a_session_of_its_own_in_the_root),
      cmocka_unit_test(the_first_of_a_long_output_is_kept_and_the_rest_is_read),
      cmocka_unit_test(at_its_timeout_its_group_is_killed),
      cmocka_unit_test(a_cancelled_one_dies_and_says_nothing),
      cmocka_unit_test(what_it_leaves_behind_dies_while_others_live),
      cmocka_unit_test(what_cannot_be_run_says_why),
      cmocka_unit_test(the_end_of_core_kills_them),
  };
  return harness_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
