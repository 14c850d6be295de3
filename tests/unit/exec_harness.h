/* Core's side of an exec worker, for tests: the test program itself, started again in that role. */
#ifndef BC_TESTS_EXEC_HARNESS_H
#define BC_TESTS_EXEC_HARNESS_H

#include "base/check_status.h"
#include "base/command_outcome.h"
#include "base/mem.h"
#include "base/procs.h"
#include "hang.h"
#include "io/channel.h"
#include "io/child.h"
#include "worker/exec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { HARNESS_RESULTS = 4096, HARNESS_WAIT_MS = 30000, HARNESS_LOOK_MS = 5, HARNESS_TEXT_BYTES = 8192 };

struct harness_result {
  uint32_t id;
  uint32_t generation;
  enum bc_check_status status;
  int code;
  uint64_t duration_us;
  uint32_t late_us;
  size_t output_len;
  char output[4097];
  char error_output[513]; /* of a command, as the next ones */
  enum bc_command_outcome outcome;
  bool is_truncated;
};

struct harness {
  char base[64];
  struct bc_loop *loop;
  struct bc_child *child;
  struct bc_channel *channel;
  struct bc_timer *look;
  struct bc_mono deadline;
  bool (*until)(struct harness *harness);
  bool is_late;
  unsigned hellos;
  uint32_t version;
  char confinement[128];
  size_t count;
  struct harness_result *results;
  struct bc_msg_pong pong;
  unsigned pongs;
  size_t wanted_count;
  pid_t wanted_dead;
  const char *wanted_file;
  bool has_ended;
  bool is_closed;
  char why[64];
};

static bool harness_is_gone(pid_t pid) {
  struct bc_procs_child found;
  pid_t parent;
  return !bc_procs_stat(pid, &found, &parent) || found.is_zombie;
}

static void harness_keep_command(struct harness *harness, const struct bc_msg_command_result *from) {
  assert_true(harness->count < HARNESS_RESULTS);
  struct harness_result *to = &harness->results[harness->count++];
  assert_true(from->output.len < sizeof to->output && from->error_output.len < sizeof to->error_output);
  *to = (struct harness_result){.id = from->id,
                                .outcome = (enum bc_command_outcome)from->outcome,
                                .code = from->code,
                                .duration_us = from->duration_us,
                                .is_truncated = from->is_truncated != 0,
                                .output_len = from->output.len};
  memcpy(to->output, from->output.at, from->output.len);
  memcpy(to->error_output, from->error_output.at, from->error_output.len);
}

static void harness_on_message(void *arg, const struct bc_msg *message) {
  struct harness *harness = arg;
  if (message->type == BC_MSG_HELLO) {
    assert_int_equal(harness->count + harness->pongs, 0);
    harness->hellos++;
    harness->version = message->hello.version;
    (void)snprintf(harness->confinement, sizeof harness->confinement, BC_STR_FMT,
                   BC_STR_ARG(message->hello.confinement));
  } else if (message->type == BC_MSG_PONG) {
    harness->pong = message->pong;
    harness->pongs++;
  } else if (message->type == BC_MSG_RESULT) {
    const struct bc_msg_result *from = &message->result;
    assert_true(harness->count < HARNESS_RESULTS);
    assert_true(from->output.len <= 4096);
    struct harness_result *to = &harness->results[harness->count++];
    *to = (struct harness_result){.id = from->id,
                                  .generation = from->generation,
                                  .status = (enum bc_check_status)from->status,
                                  .code = from->code,
                                  .duration_us = from->duration_us,
                                  .late_us = from->late_us,
                                  .output_len = from->output.len};
    memcpy(to->output, from->output.at, from->output.len);
  } else if (message->type == BC_MSG_COMMAND_RESULT) {
    harness_keep_command(harness, &message->command_result);
  }
  if (harness->until != NULL && harness->until(harness)) {
    bc_loop_stop(harness->loop);
  }
}

static void harness_on_closed(void *arg, const char *why) {
  (void)why;
  struct harness *harness = arg;
  harness->is_closed = true;
}

static void harness_on_ended(void *arg, int status, const char *why) {
  (void)status;
  struct harness *harness = arg;
  harness->has_ended = true;
  (void)snprintf(harness->why, sizeof harness->why, "%s", why);
}

static void harness_on_look(void *arg) {
  struct harness *harness = arg;
  harness->is_late = bc_mono_reached(harness->deadline, bc_mono_now());
  if (harness->is_late || harness->until(harness)) {
    bc_loop_stop(harness->loop);
    return;
  }
  bc_timer_start(harness->look, HARNESS_LOOK_MS);
}

static bool harness_wait_at_most(struct harness *harness, bool (*until)(struct harness *), int64_t most_ms) {
  harness->until = until;
  harness->deadline = bc_mono_add_ms(bc_mono_now(), most_ms);
  bc_timer_start(harness->look, 0);
  bc_loop_run(harness->loop);
  bc_timer_stop(harness->look);
  return !harness->is_late;
}

static void harness_wait(struct harness *harness, bool (*until)(struct harness *)) {
  assert_true(harness_wait_at_most(harness, until, HARNESS_WAIT_MS));
}

static bool harness_until_hello(struct harness *harness) {
  return harness->hellos > 0;
}

static bool harness_until_count(struct harness *harness) {
  return harness->count >= harness->wanted_count;
}

static bool harness_until_ended(struct harness *harness) {
  return harness->has_ended;
}

static bool harness_until_dead(struct harness *harness) {
  return harness_is_gone(harness->wanted_dead);
}

static bool harness_until_pong(struct harness *harness) {
  return harness->pongs > 0;
}

static __attribute__((unused)) void harness_wait_results(struct harness *harness, size_t count) {
  harness->wanted_count = count;
  harness_wait(harness, harness_until_count);
}

static __attribute__((unused)) void harness_wait_dead(struct harness *harness, pid_t pid) {
  assert_true(pid > 1);
  harness->wanted_dead = pid;
  harness_wait(harness, harness_until_dead);
}

/* A private folder; harness_close removes it. */
static void harness_make_base(struct harness *harness) {
  *harness = (struct harness){.base = "/tmp/bc-test-exec.XXXXXX"};
  assert_non_null(mkdtemp(harness->base));
}

static void harness_start_worker(struct harness *harness) {
  char role[] = "--exec-worker";
  char name[] = "test-exec-worker";
  char *argv[] = {name, role, harness->base, NULL};
  struct bc_fault fault;
  int fd;
  harness->loop = bc_loop_new();
  harness->results = bc_mem_new(HARNESS_RESULTS, sizeof *harness->results);
  harness->look = bc_timer_new(harness->loop, harness_on_look, harness);
  assert_int_equal(bc_child_start(harness->loop, NULL, argv, harness_on_ended, harness, &harness->child, &fd, &fault),
                   BC_ERR_OK);
  const struct bc_channel_handler handler = {
      .arg = harness, .message = harness_on_message, .closed = harness_on_closed};
  harness->channel = bc_channel_new(harness->loop, fd, BC_MSG_TO_CORE, &handler);
  harness_wait(harness, harness_until_hello);
}

static __attribute__((unused)) void harness_open(struct harness *harness) {
  harness_make_base(harness);
  harness_start_worker(harness);
}

static int harness_remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info;
  (void)kind;
  (void)walk;
  return remove(path);
}

/* How many private folders of workers there are. */
static unsigned harness_count_folders(const struct harness *harness) {
  unsigned count = 0;
  DIR *dir = opendir(harness->base);
  assert_non_null(dir);
  struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    count += strncmp(entry->d_name, "bgpcommander-exec.", 18) == 0;
  }
  (void)closedir(dir);
  return count;
}

static void harness_stop_worker(struct harness *harness) {
  bc_channel_free(harness->channel);
  harness->channel = NULL;
  harness_wait(harness, harness_until_ended);
  assert_string_equal(harness->why, "exit code 0");
  bc_child_free(harness->child);
  bc_timer_free(harness->look);
  bc_loop_free(harness->loop);
  free(harness->results);
  assert_int_equal(harness_count_folders(harness), 0);
}

static __attribute__((unused)) void harness_close(struct harness *harness) {
  harness_stop_worker(harness);
  (void)nftw(harness->base, harness_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void harness_send(struct harness *harness, const struct bc_msg *message) {
  assert_int_equal(bc_channel_send(harness->channel, message), BC_ERR_OK);
}

/* The default: once, with time enough. Change what the test is about. */
static struct bc_msg_check_set harness_check(uint32_t id, const char *script) {
  return (struct bc_msg_check_set){.id = id,
                                   .generation = 1,
                                   .name = bc_str_of("test"),
                                   .script = bc_str_of(script),
                                   .interval_ms = 3600000,
                                   .timeout_ms = 20000};
}

static void harness_set(struct harness *harness, const struct bc_msg_check_set *check) {
  struct bc_msg message = {.type = BC_MSG_CHECK_SET, .check_set = *check};
  harness_send(harness, &message);
}

static __attribute__((unused)) void harness_set_script(struct harness *harness, uint32_t id, const char *script) {
  struct bc_msg_check_set check = harness_check(id, script);
  harness_set(harness, &check);
}

static __attribute__((unused)) void harness_remove(struct harness *harness, uint32_t id) {
  struct bc_msg message = {.type = BC_MSG_CHECK_REMOVE, .check_remove = {.id = id}};
  harness_send(harness, &message);
}

/* Everything sent before has been done when this returns. */
static __attribute__((unused)) void harness_ping(struct harness *harness) {
  struct bc_msg message = {.type = BC_MSG_PING, .ping = {.number = 42}};
  harness->pongs = 0;
  harness_send(harness, &message);
  harness_wait(harness, harness_until_pong);
  assert_int_equal(harness->pong.number, 42);
}

/* Runs a script once and returns its result. */
static __attribute__((unused)) const struct harness_result *harness_run_check(struct harness *harness,
                                                                              const struct bc_msg_check_set *check) {
  size_t before = harness->count;
  harness_set(harness, check);
  harness_wait_results(harness, before + 1);
  assert_int_equal(harness->results[before].id, check->id);
  return &harness->results[before];
}

static __attribute__((unused)) const struct harness_result *harness_run(struct harness *harness, const char *script) {
  struct bc_msg_check_set check = harness_check(1, script);
  return harness_run_check(harness, &check);
}

static __attribute__((unused)) void harness_path(const struct harness *harness, const char *name,
                                                 char path[static 128]) {
  (void)snprintf(path, 128, "%s/%s", harness->base, name);
}

/* $B/NAME, of which a script may read what the test writes into the descriptor. */
static __attribute__((unused)) int harness_make_fifo(const struct harness *harness, const char *name) {
  char path[128];
  harness_path(harness, name, path);
  assert_int_equal(mkfifo(path, 0600), 0);
  /* Both ways: that waits for nobody. */
  int fd = open(path, O_RDWR | O_CLOEXEC);
  assert_true(fd >= 0);
  return fd;
}

/* The text of a file in the base folder; "" when there is none. */
static void harness_read(const struct harness *harness, const char *name, char text[static HARNESS_TEXT_BYTES]) {
  char path[128];
  harness_path(harness, name, path);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t len = fd < 0 ? 0 : read(fd, text, HARNESS_TEXT_BYTES - 1);
  text[len < 0 ? 0 : len] = '\0';
  if (fd >= 0) {
    (void)close(fd);
  }
}

static bool harness_until_file_line(struct harness *harness) {
  char text[HARNESS_TEXT_BYTES];
  harness_read(harness, harness->wanted_file, text);
  return strchr(text, '\n') != NULL;
}

/* Waits until a script has written the number of a process there. */
static __attribute__((unused)) pid_t harness_wait_pid(struct harness *harness, const char *name) {
  harness->wanted_file = name;
  harness_wait(harness, harness_until_file_line);
  char text[HARNESS_TEXT_BYTES];
  harness_read(harness, name, text);
  pid_t pid = (pid_t)strtol(text, NULL, 10);
  assert_true(pid > 1);
  return pid;
}

/* A script from a format; `$B` is the base folder. */
static __attribute__((unused)) const char *harness_script(const struct harness *harness, const char *body) {
  static char script[4096];
  (void)snprintf(script, sizeof script, "B=%s\n%s", harness->base, body);
  return script;
}

static int harness_main(int argc, char **argv, const struct CMUnitTest *tests, size_t count) {
  if (argc > 2 && strcmp(argv[1], "--exec-worker") == 0) {
    return bc_exec_worker_run(argv[2]);
  }
  return _cmocka_run_group_tests(argv[0], tests, count, NULL, NULL);
}

#endif
