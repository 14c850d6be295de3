/* Core's side of policy workers: the test program itself, started again in that role. */
#ifndef BC_TESTS_POLICY_WORKER_HARNESS_H
#define BC_TESTS_POLICY_WORKER_HARNESS_H

#include "base/limits.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/policy_status.h"
#include "io/channel.h"
#include "io/child.h"
#include "proto/lua_page.h"
#include "worker/policy.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { RESULTS = BC_LIMIT_POLICY_RUNS * 2, WAIT_MS = 30000, LOOK_MS = 5, PAGE_FD_LEAST = 10 };

struct result {
  uint32_t id;
  enum bc_policy_status status;
  uint64_t cpu_us;
  char *verdict, *error, *log;
  char reads[64];
  size_t reads_len;
};

struct worker {
  struct bc_child *child;
  struct bc_channel *channel;
  struct bc_lua_page *page;
  struct result results[RESULTS];
  size_t count, batches;
  size_t count_at_pong; /* results that were there when the last pong came */
  uint32_t running, known;
  uint64_t ping, pong;
  bool is_ready, is_ended;
  char why[64];
  char confinement[128];
};

static struct bc_loop *loop;
static struct bc_timer *look;
static struct bc_mono until;
static uint32_t job_seen; /* the last on the page that was none */
static uint32_t generation_seen;
static struct worker *waited; /* for whom the loop runs … */
static size_t wanted;         /* … and for how many results */

static inline char *copy(struct bc_str from) {
  return bc_mem_copy_text(from.at, from.len);
}

static inline void keep_all(struct worker *worker, struct bc_str rest) {
  worker->batches++;
  while (rest.len > 0) {
    struct bc_msg one;
    const unsigned char *bytes = (const unsigned char *)rest.at;
    size_t len = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    assert_true(len <= rest.len - 4);
    assert_int_equal(bc_msg_decode(BC_MSG_POLICY_RESULT, (struct bc_str){rest.at + 4, len}, &one), BC_ERR_OK);
    assert_true(worker->count < RESULTS);
    struct result *to = &worker->results[worker->count++];
    const struct bc_msg_policy_result *from = &one.policy_result;
    *to = (struct result){.id = from->id, .status = (enum bc_policy_status)from->status, .cpu_us = from->cpu_us};
    to->verdict = copy(from->verdict);
    to->error = copy(from->error);
    to->log = copy(from->log);
    assert_true(from->reads.len < sizeof to->reads);
    memcpy(to->reads, from->reads.at, from->reads.len);
    to->reads_len = from->reads.len;
    rest.at += 4 + len;
    rest.len -= 4 + len;
  }
}

static inline void on_message(void *arg, const struct bc_msg *message) {
  struct worker *worker = arg;
  switch ((int)message->type) {
  case BC_MSG_HELLO:
    assert_int_equal(message->hello.version, BC_MSG_VERSION);
    (void)snprintf(worker->confinement, sizeof worker->confinement, BC_STR_FMT, BC_STR_ARG(message->hello.confinement));
    worker->is_ready = true;
    break;
  case BC_MSG_PONG:
    worker->pong = message->pong.number;
    worker->known = message->pong.known;
    worker->running = message->pong.running;
    worker->count_at_pong = worker->count;
    break;
  case BC_MSG_POLICY_RESULTS:
    keep_all(worker, message->policy_results.results);
    break;
  default:
    fail_msg("%s is not expected", bc_msg_name(message->type));
  }
}

static inline void on_closed(void *arg, const char *why) {
  (void)arg;
  (void)why;
}

static inline void on_ended(void *arg, int status, const char *why) {
  struct worker *worker = arg;
  (void)status;
  worker->is_ended = true;
  (void)snprintf(worker->why, sizeof worker->why, "%s", why);
}

static inline bool is_there(void) {
  return waited->is_ended || (waited->is_ready && waited->count >= wanted && waited->pong == waited->ping);
}

static inline void note_page(void) {
  uint32_t job = atomic_load(&waited->page->job);
  if (job != 0) {
    job_seen = job;
    generation_seen = atomic_load(&waited->page->generation);
  }
}

static inline void on_look(void *arg) {
  (void)arg;
  note_page();
  if (is_there() || bc_mono_reached(until, bc_mono_now())) {
    bc_loop_stop(loop);
  } else {
    bc_timer_start(look, LOOK_MS);
  }
}

static inline void wait_for(struct worker *worker, size_t results) {
  waited = worker;
  wanted = results;
  until = bc_mono_add_ms(bc_mono_now(), WAIT_MS);
  bc_timer_start(look, 0);
  bc_loop_run(loop);
  assert_true(is_there());
}

static inline void wait_results(struct worker *worker, size_t more) {
  wait_for(worker, worker->count + more);
  assert_false(worker->is_ended);
}

static inline void tell(struct worker *worker, const struct bc_msg *message) {
  assert_int_equal(bc_channel_send(worker->channel, message), BC_ERR_OK);
}

/* What was sent before has been read. */
static inline void barrier(struct worker *worker) {
  tell(worker, &(struct bc_msg){.type = BC_MSG_PING, .ping = {.number = ++worker->ping}});
  wait_for(worker, 0);
}

static inline struct worker *worker_start(void) {
  char name[] = "test-policy-worker";
  char role[] = "--policy-worker";
  char *argv[] = {name, role, NULL};
  struct bc_fault fault;
  int fd;
  struct worker *worker = bc_mem_new(1, sizeof *worker);
  int made = memfd_create("test", MFD_CLOEXEC);
  int page_fd = fcntl(made, F_DUPFD_CLOEXEC, PAGE_FD_LEAST);
  (void)close(made);
  assert_int_equal(ftruncate(page_fd, BC_LUA_PAGE_BYTES), 0);
  worker->page = mmap(NULL, BC_LUA_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
  assert_true(worker->page != MAP_FAILED);
  assert_int_equal(bc_child_start_bare(loop, argv, page_fd, on_ended, worker, &worker->child, &fd, &fault), BC_ERR_OK);
  (void)close(page_fd);
  const struct bc_channel_handler handler = {.arg = worker, .message = on_message, .closed = on_closed};
  worker->channel = bc_channel_new(loop, fd, BC_MSG_TO_CORE, &handler);
  wait_for(worker, 0);
  return worker;
}

static inline void worker_free(struct worker *worker) {
  for (size_t i = 0; i < worker->count; i++) {
    free(worker->results[i].verdict);
    free(worker->results[i].error);
    free(worker->results[i].log);
  }
  bc_channel_free(worker->channel);
  bc_child_free(worker->child);
  (void)munmap(worker->page, BC_LUA_PAGE_BYTES);
  free(worker);
}

/* It ends well, and with the sanitizer: it has lost no memory. */
static inline void worker_stop(struct worker *worker) {
  tell(worker, &(struct bc_msg){.type = BC_MSG_STOP});
  wait_for(worker, SIZE_MAX);
  assert_string_equal(worker->why, "exit code 0");
  worker_free(worker);
}

static struct worker *at;

static inline int start(void **state) {
  (void)state;
  loop = bc_loop_new();
  look = bc_timer_new(loop, on_look, NULL);
  at = worker_start();
  return 0;
}

static inline int stop(void **state) {
  (void)state;
  worker_stop(at);
  bc_timer_free(look);
  bc_loop_free(loop);
  return 0;
}

static inline struct bc_msg_policy_set policy(uint32_t number, const char *script) {
  return (struct bc_msg_policy_set){
      .number = number, .name = bc_str_of("routes/web/policy"), .script = bc_str_of(script)};
}

static inline void set(struct worker *worker, struct bc_msg_policy_set policy_set) {
  tell(worker, &(struct bc_msg){.type = BC_MSG_POLICY_SET, .policy_set = policy_set});
}

static inline void ask(struct worker *worker, uint32_t id, uint32_t number, const char *context) {
  tell(worker, &(struct bc_msg){.type = BC_MSG_POLICY_RUN,
                                .policy_run = {.id = id, .number = number, .context = bc_str_of(context)}});
}

static inline const struct result *answer(uint32_t number, const char *context) {
  ask(at, 7, number, context);
  wait_results(at, 1);
  assert_int_equal(at->results[at->count - 1].id, 7);
  return &at->results[at->count - 1];
}

static inline const struct result *run(const char *script) {
  set(at, policy(1, script));
  return answer(1, "{\"healthy\":true}");
}

#endif
