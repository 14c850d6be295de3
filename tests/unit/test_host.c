#include "base/check_status.h"
#include "base/mem.h"
#include "io/channel.h"
#include "io/child.h"
#include "proto/lua_page.h"
#include "worker/host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Core's side of a Lua worker: the test program itself, started again in that role. */

enum { RESULTS = 512, WAIT_MS = 30000, LOOK_MS = 5, HOUR_MS = 3600000, PAGE_FD_LEAST = 10 };

struct result {
  uint32_t id, generation;
  enum bc_check_status status;
  uint64_t cpu_us, duration_us;
  char reason[512], data[512], output[512], kept[512], metrics[512];
  uint32_t score;
};

static struct {
  struct bc_loop *loop;
  struct bc_child *child;
  struct bc_channel *channel;
  struct bc_timer *look;
  struct bc_lua_page *page;
  struct bc_mono until;
  struct result results[RESULTS];
  size_t count, wanted, batches;
  uint32_t known;
  uint64_t ping, pong;
  bool is_ready, is_ended;
  char why[64];
} at;

static void copy(char to[static 512], struct bc_str from) {
  (void)snprintf(to, 512, BC_STR_FMT, BC_STR_ARG(from));
}

static void keep(const struct bc_msg_lua_result *from) {
  assert_true(at.count < RESULTS);
  struct result *to = &at.results[at.count++];
  *to = (struct result){.id = from->id,
                        .generation = from->generation,
                        .status = (enum bc_check_status)from->status,
                        .cpu_us = from->cpu_us,
                        .duration_us = from->duration_us};
  copy(to->reason, from->reason);
  copy(to->data, from->data);
  copy(to->output, from->output);
  copy(to->kept, from->state);
  copy(to->metrics, from->metrics);
  to->score = from->score;
}

static void keep_all(struct bc_str rest) {
  at.batches++;
  while (rest.len > 0) {
    struct bc_msg one;
    const unsigned char *bytes = (const unsigned char *)rest.at;
    size_t len = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    assert_true(len <= rest.len - 4);
    assert_int_equal(bc_msg_decode(BC_MSG_LUA_RESULT, (struct bc_str){rest.at + 4, len}, &one), BC_ERR_OK);
    keep(&one.lua_result);
    rest.at += 4 + len;
    rest.len -= 4 + len;
  }
}

static void on_message(void *arg, const struct bc_msg *message) {
  (void)arg;
  switch ((int)message->type) {
  case BC_MSG_HELLO:
    assert_int_equal(message->hello.version, BC_MSG_VERSION);
    at.is_ready = true;
    break;
  case BC_MSG_PONG:
    at.pong = message->pong.number;
    at.known = message->pong.known;
    break;
  case BC_MSG_LUA_RESULTS:
    keep_all(message->lua_results.results);
    break;
  default:
    fail_msg("%s is not expected", bc_msg_name(message->type));
  }
}

static void on_closed(void *arg, const char *why) {
  (void)arg;
  (void)why;
}

static void on_ended(void *arg, int status, const char *why) {
  (void)arg;
  (void)status;
  at.is_ended = true;
  (void)snprintf(at.why, sizeof at.why, "%s", why);
}

static bool is_there(void) {
  return at.is_ended || (at.is_ready && at.count >= at.wanted && at.pong == at.ping);
}

static void on_look(void *arg) {
  (void)arg;
  if (is_there() || bc_mono_reached(at.until, bc_mono_now())) {
    bc_loop_stop(at.loop);
  } else {
    bc_timer_start(at.look, LOOK_MS);
  }
}

static void wait_until_there(void) {
  at.until = bc_mono_add_ms(bc_mono_now(), WAIT_MS);
  bc_timer_start(at.look, 0);
  bc_loop_run(at.loop);
  assert_true(is_there());
}

static void wait_results(size_t more) {
  at.wanted = at.count + more;
  wait_until_there();
  assert_false(at.is_ended);
}

static void tell(const struct bc_msg *message) {
  assert_int_equal(bc_channel_send(at.channel, message), BC_ERR_OK);
}

/* What was sent before has been read. */
static void barrier(void) {
  tell(&(struct bc_msg){.type = BC_MSG_PING, .ping = {.number = ++at.ping}});
  wait_until_there();
}

static int start(void **state) {
  (void)state;
  char name[] = "test-lua-worker";
  char role[] = "--lua-worker";
  char *argv[] = {name, role, NULL};
  struct bc_fault fault;
  int fd;
  memset(&at, 0, sizeof at);
  int made = memfd_create("test", MFD_CLOEXEC);
  int page_fd = fcntl(made, F_DUPFD_CLOEXEC, PAGE_FD_LEAST);
  (void)close(made);
  assert_int_equal(ftruncate(page_fd, BC_LUA_PAGE_BYTES), 0);
  at.page = mmap(NULL, BC_LUA_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
  assert_true(at.page != MAP_FAILED);
  at.loop = bc_loop_new();
  at.look = bc_timer_new(at.loop, on_look, NULL);
  assert_int_equal(bc_child_start_bare(at.loop, argv, page_fd, on_ended, NULL, &at.child, &fd, &fault), BC_ERR_OK);
  (void)close(page_fd);
  const struct bc_channel_handler handler = {.message = on_message, .closed = on_closed};
  at.channel = bc_channel_new(at.loop, fd, BC_MSG_TO_CORE, &handler);
  wait_until_there();
  return 0;
}

/* It ends well, and with the sanitizer: it has lost no memory. */
static int stop(void **state) {
  (void)state;
  tell(&(struct bc_msg){.type = BC_MSG_STOP});
  at.wanted = SIZE_MAX;
  wait_until_there();
  assert_string_equal(at.why, "exit code 0");
  bc_channel_free(at.channel);
  bc_child_free(at.child);
  bc_timer_free(at.look);
  bc_loop_free(at.loop);
  (void)munmap(at.page, BC_LUA_PAGE_BYTES);
  return 0;
}

/* Once, with time enough. Change what the test is about. */
static struct bc_msg_lua_set check(uint32_t id, const char *script) {
  return (struct bc_msg_lua_set){.id = id,
                                 .generation = 1,
                                 .name = bc_str_of("web"),
                                 .script = bc_str_of(script),
                                 .interval_ms = HOUR_MS,
                                 .timeout_ms = 20000,
                                 .threshold = 50};
}

static void set(struct bc_msg_lua_set wanted) {
  tell(&(struct bc_msg){.type = BC_MSG_LUA_SET, .lua_set = wanted});
}

static const struct result *run(const char *script) {
  set(check(1, script));
  wait_results(1);
  return &at.results[at.count - 1];
}

static void each_end_has_its_status_and_reason(void **state) {
  (void)state;
  static const struct {
    const char *script;
    enum bc_check_status status;
    const char *reason;
  } cases[] = {
      {"#!lua\nreturn true", BC_CHECK_PASSED, ""},
      {"return false, 'no'", BC_CHECK_FAILED, "no"},
      {"return 50", BC_CHECK_PASSED, ""},
      {"return 49", BC_CHECK_FAILED, ""},
      {"#!lua\n\nerror('oh')", BC_CHECK_ERROR, "web:3: oh"},
      {"#!lua\nreturn tru e", BC_CHECK_ERROR, "web:2: "},
      {"return", BC_CHECK_ERROR, ""},
      {"local t = {} for i = 1, 1e9 do t[i] = {} end", BC_CHECK_MEMORY, "web: not enough memory"},
      {"#!lua\nwhile true do end", BC_CHECK_KILLED, "web:2: used more than 250 ms"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct result *got = run(cases[i].script);
    assert_int_equal(got->status, cases[i].status);
    assert_int_equal(strncmp(got->reason, cases[i].reason, strlen(cases[i].reason)), 0);
  }
}

static void a_wait_past_the_timeout_is_a_timeout(void **state) {
  (void)state;
  struct bc_msg_lua_set wanted = check(1, "time.sleep(3600) return true");
  wanted.timeout_ms = 100;
  set(wanted);
  wait_results(1);
  assert_int_equal(at.results[0].status, BC_CHECK_TIMED_OUT);
  assert_string_equal(at.results[0].reason, "still waiting after 100 ms");
  assert_true(at.results[0].duration_us >= 100000);
  wanted.generation = 2;
  wanted.timeout_ms = 20000;
  wanted.script = bc_str_of("time.sleep(0.05) time.sleep(0.05) return true");
  set(wanted);
  wait_results(1);
  assert_int_equal(at.results[1].status, BC_CHECK_PASSED);
  assert_true(at.results[1].duration_us >= 100000 && at.results[1].cpu_us < 100000);
}

/* Lets this test's own loop, and so core's side, run on. */
static void pass(int64_t ms) {
  at.wanted = SIZE_MAX;
  at.until = bc_mono_add_ms(bc_mono_now(), ms);
  bc_timer_start(at.look, 0);
  bc_loop_run(at.loop);
  at.wanted = 0;
}

/* Stopped in the middle of all that it does, as by a hypervisor. */
static void pause_worker(int64_t ms) {
  assert_int_equal(kill(bc_child_pid(at.child), SIGSTOP), 0);
  pass(ms);
  assert_int_equal(kill(bc_child_pid(at.child), SIGCONT), 0);
}

static void a_pause_of_the_worker_is_not_the_scripts_fault(void **state) {
  (void)state;
  struct bc_msg_lua_set wanted = check(1, "for i = 1, 5 do time.sleep(0.2) end return true");
  wanted.timeout_ms = 1500;
  set(wanted);
  barrier();
  pause_worker(1500);
  at.wanted = 1;
  wait_until_there();
  assert_int_equal(at.results[0].status, BC_CHECK_PASSED);
}

static int listen_on_loopback(uint16_t *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
  const struct timeval most = {.tv_sec = WAIT_MS / 1000};
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most), 0);
  assert_int_equal(listen(fd, 8), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
  *port = ntohs(address.sin_port);
  return fd;
}

/* Begins a run of `script`, which connects to port PORT, and gives the server's end of that connection. */
static int connected(int listener, uint16_t port, const char *script, uint32_t timeout_ms) {
  static char text[1024];
  (void)snprintf(text, sizeof text, "local c = assert(tcp.connect('127.0.0.1', %u)) %s", port, script);
  struct bc_msg_lua_set wanted = check(1, text);
  static uint32_t generation;
  wanted.generation = ++generation;
  wanted.timeout_ms = timeout_ms;
  set(wanted);
  barrier();
  int fd = accept(listener, NULL, NULL);
  assert_true(fd >= 0);
  return fd;
}

static const struct result *ended(size_t before, int fd) {
  at.wanted = before + 1;
  wait_until_there();
  (void)close(fd);
  return &at.results[before];
}

static void an_answer_that_came_in_time_counts_however_late_the_worker_reads_it(void **state) {
  (void)state;
  uint16_t port;
  int listener = listen_on_loopback(&port);
  tell(&(struct bc_msg){.type = BC_MSG_LUA_EGRESS, .lua_egress = {.rules = bc_str_of("egress_allow 127.0.0.0/8\n")}});
  int fd = connected(listener, port, "return c:receive(2) == 'ok'", 800);
  assert_int_equal(kill(bc_child_pid(at.child), SIGSTOP), 0);
  assert_int_equal(write(fd, "ok", 2), 2);
  pass(1200);
  assert_int_equal(kill(bc_child_pid(at.child), SIGCONT), 0);
  assert_int_equal(ended(at.count, fd)->status, BC_CHECK_PASSED);
  (void)close(listener);
}

static void who_was_held_up_asks_on_and_calls_nobody_dead(void **state) {
  (void)state;
  uint16_t port;
  int listener = listen_on_loopback(&port);
  tell(&(struct bc_msg){.type = BC_MSG_LUA_EGRESS, .lua_egress = {.rules = bc_str_of("egress_allow 127.0.0.0/8\n")}});
  /* There is time yet for what was to be said. */
  int fd = connected(listener, port, "return c:receive(2) == 'ok'", 1500);
  size_t before = at.count;
  pause_worker(3000);
  barrier();
  assert_int_equal(write(fd, "ok", 2), 2);
  assert_int_equal(ended(before, fd)->status, BC_CHECK_PASSED);
  /* Timeouts of calls pass meanwhile, and what the script makes of them. */
  fd = connected(listener, port, "local r, text, code = c:receive(2, {timeout = 0.5}) return false, code", 20000);
  before = at.count;
  pause_worker(2500);
  const struct result *got = ended(before, fd);
  assert_int_equal(got->status, BC_CHECK_HELD_UP);
  assert_non_null(strstr(got->reason, ": timeout"));
  /* The next run of the same counts again. */
  fd = connected(listener, port, "local r, text, code = c:receive(2, {timeout = 0.5}) return false, code", 20000);
  got = ended(at.count, fd);
  assert_int_equal(got->status, BC_CHECK_FAILED);
  (void)close(listener);
}

static void globals_data_and_log_go_both_ways(void **state) {
  (void)state;
  struct bc_msg_lua_set wanted = check(1, "log.info('x') return true, {name = route.name, v = options.env.V}");
  static const char globals[] = "route={\"name\":\"a\"}\0options={\"env\":{\"V\":\"a=b\"}}";
  wanted.globals = (struct bc_str){globals, sizeof globals};
  set(wanted);
  wait_results(1);
  assert_int_equal(at.results[0].status, BC_CHECK_PASSED);
  assert_true(strcmp(at.results[0].data, "{\"name\":\"a\",\"v\":\"a=b\"}") == 0 ||
              strcmp(at.results[0].data, "{\"v\":\"a=b\",\"name\":\"a\"}") == 0);
  assert_string_equal(at.results[0].output, "info: x\n");
}

static void runs_repeat_at_their_interval_and_never_overlap(void **state) {
  (void)state;
  struct bc_msg_lua_set wanted = check(1, "time.sleep(0.03) return true");
  wanted.interval_ms = 50;
  struct bc_mono begun = bc_mono_now();
  set(wanted);
  wait_results(6);
  assert_true(bc_mono_ms_between(begun, bc_mono_now()) >= 5 * 50);
  wanted.generation = 2;
  wanted.interval_ms = 10;
  set(wanted);
  begun = bc_mono_now();
  wait_results(6);
  assert_true(bc_mono_ms_between(begun, bc_mono_now()) >= 5 * 30);
}

static void who_uses_much_cpu_time_runs_less_often(void **state) {
  (void)state;
  struct bc_msg_lua_set wanted = check(1, "local x = 0 for i = 1, 6000000 do x = x + i end return true");
  wanted.interval_ms = 50;
  struct bc_mono begun = bc_mono_now();
  set(wanted);
  wait_results(4);
  int64_t used_ms = 0;
  for (size_t i = 0; i < 3; i++) {
    used_ms += (int64_t)at.results[i].cpu_us / 1000;
  }
  assert_true(used_ms > 10);
  assert_true(bc_mono_ms_between(begun, bc_mono_now()) >= 10 * used_ms);
}

/* They would follow each other without a gap: each is due all the time. */
static void between_two_costly_runs_others_have_their_turn(void **state) {
  (void)state;
  static const char burn[] = "local x = 0 for i = 1, 6000000 do x = x + i end return true";
  struct bc_msg_lua_set cheap = check(9, "return true");
  cheap.interval_ms = 10;
  set(cheap);
  wait_results(1);
  for (uint32_t id = 1; id <= 4; id++) {
    struct bc_msg_lua_set costly = check(id, burn);
    costly.interval_ms = 50;
    set(costly);
  }
  wait_results(100);
  bool is_cheap_between = true;
  size_t costly_runs = 0;
  for (size_t i = 0; i < at.count; i++) {
    assert_int_equal(at.results[i].status, BC_CHECK_PASSED);
    if (at.results[i].id == 9) {
      is_cheap_between = true;
      continue;
    }
    assert_true(is_cheap_between);
    is_cheap_between = at.results[i].cpu_us < 20000;
    costly_runs += !is_cheap_between;
  }
  assert_true(costly_runs > 1);
}

static void a_new_setting_ends_the_old_run_and_a_removed_check_is_silent(void **state) {
  (void)state;
  set(check(1, "time.sleep(0.2) return true"));
  struct bc_msg_lua_set wanted = check(1, "return false, 'new'");
  wanted.generation = 2;
  set(wanted);
  wait_results(1);
  assert_int_equal(at.results[0].generation, 2);
  set(check(2, "time.sleep(0.1) return true"));
  tell(&(struct bc_msg){.type = BC_MSG_CHECK_REMOVE, .check_remove = {.id = 2}});
  barrier();
  assert_int_equal(at.known, 1);
  set(check(3, "time.sleep(0.4) return true"));
  wait_results(1);
  assert_int_equal(at.results[1].id, 3);
  assert_int_equal(at.count, 2);
}

static long resident_bytes(void) {
  char path[64];
  long pages = 0;
  (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)bc_child_pid(at.child));
  FILE *file = fopen(path, "re");
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
  (void)fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

static void equal_scripts_are_one_and_results_come_together(void **state) {
  (void)state;
  (void)run("return true");
  long before = resident_bytes();
  for (uint32_t id = 0; id < 300; id++) {
    struct bc_msg_lua_set wanted = check(id, "#!lua\nif #route.name == 0 then error('x') end return true");
    static const char globals[] = "route={\"name\":\"a\"}";
    wanted.globals = (struct bc_str){globals, sizeof globals};
    set(wanted);
  }
  wait_results(300);
  for (size_t i = 1; i < 301; i++) {
    assert_int_equal(at.results[i].status, BC_CHECK_PASSED);
  }
  assert_true(at.batches < 150);
  /* A sandbox of its own for each would be some 100 KiB. */
  assert_true(resident_bytes() - before < 12L * 1024 * 1024);
}

static void the_page_tells_what_runs(void **state) {
  (void)state;
  struct bc_msg_lua_set wanted =
      check(6, "local t = time.monotonic() while time.monotonic() - t < 0.2 do end return true");
  wanted.generation = 77;
  set(wanted);
  bool is_seen = false;
  at.wanted = 1;
  struct bc_mono until = bc_mono_add_ms(bc_mono_now(), WAIT_MS);
  while (at.count == 0 && !bc_mono_reached(until, bc_mono_now())) {
    is_seen = is_seen || (atomic_load(&at.page->job) == 7 && atomic_load(&at.page->generation) == 77 &&
                          atomic_load(&at.page->cpu_us) > 0);
    at.until = bc_mono_now();
    bc_timer_start(at.look, 0);
    bc_loop_run(at.loop);
  }
  assert_true(is_seen);
  assert_int_equal(at.results[0].status, BC_CHECK_PASSED);
  assert_int_equal(atomic_load(&at.page->job), 0);
}

static void set_module(uint32_t number, const char *name, const char *text) {
  tell(&(struct bc_msg){.type = BC_MSG_LUA_MODULE,
                        .lua_module = {.number = number, .name = bc_str_of(name), .text = bc_str_of(text)}});
}

static void modules_are_those_of_the_check_and_equal_scripts_may_have_others(void **state) {
  (void)state;
  static const char first[] = "m=1\0none=99";
  static const char second[] = "m=2";
  set_module(1, "m", "return {ok = true}");
  set_module(2, "m", "\nerror('no')");
  struct bc_msg_lua_set wanted = check(1, "#!lua\nlocal ok, text = pcall(require, 'none')\n"
                                          "return require('m').ok and text ~= nil");
  wanted.modules = (struct bc_str){first, sizeof first};
  set(wanted);
  wait_results(1);
  assert_int_equal(at.results[0].status, BC_CHECK_PASSED);
  wanted.id = 2;
  wanted.modules = (struct bc_str){second, sizeof second};
  set(wanted);
  wait_results(1);
  assert_int_equal(at.results[1].status, BC_CHECK_ERROR);
  assert_string_equal(at.results[1].reason, "web: lua/m:2: no; required at web:3");
  /* Who has them keeps them. */
  tell(&(struct bc_msg){.type = BC_MSG_LUA_MODULE_REMOVE, .lua_module_remove = {.number = 1}});
  wanted.id = 3;
  wanted.modules = (struct bc_str){first, sizeof first};
  set(wanted);
  wait_results(1);
  assert_int_equal(at.results[2].status, BC_CHECK_PASSED);
  tell(&(struct bc_msg){.type = BC_MSG_LUA_MODULE_REMOVE, .lua_module_remove = {.number = 7}});
  barrier();
}

static void set_data(const char *name, const char *json) {
  tell(&(struct bc_msg){.type = BC_MSG_LUA_DATA, .lua_data = {.name = bc_str_of(name), .json = bc_str_of(json)}});
}

static void state_metrics_score_and_data_go_both_ways(void **state) {
  (void)state;
  set_data("limit", "7");
  struct bc_msg_lua_set wanted = check(1, "state.n = (state.n or 0) + data.limit metric.gauge('g', state.n)\n"
                                          "return state.n % 100 + 0.25");
  wanted.state = bc_str_of("{\"n\":1}");
  wanted.interval_ms = 10;
  set(wanted);
  wait_results(2);
  assert_string_equal(at.results[0].kept, "{\"n\":8}");
  assert_string_equal(at.results[0].metrics, "[{\"name\":\"g\",\"type\":\"gauge\",\"value\":8}]");
  assert_int_equal(at.results[0].score, 826);
  assert_string_equal(at.results[1].kept, "{\"n\":15}");
  set_data("limit", "");
  barrier();
  wait_results(2);
  assert_int_equal(at.results[at.count - 1].status, BC_CHECK_ERROR);
  assert_string_equal(at.results[at.count - 1].kept, "");
  assert_int_equal(at.results[at.count - 1].score, 0);
  /* A new setting brings the state that counts. */
  set_data("limit", "7");
  wanted.generation = 2;
  wanted.interval_ms = HOUR_MS;
  wanted.state = bc_str_of("{\"n\":50}");
  set(wanted);
  do {
    wait_results(1);
  } while (at.results[at.count - 1].generation == 1);
  assert_string_equal(at.results[at.count - 1].kept, "{\"n\":57}");
}

#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      HOST_TEST(each_end_has_its_status_and_reason),
      HOST_TEST(a_wait_past_the_timeout_is_a_timeout),
      HOST_TEST(globals_data_and_log_go_both_ways),
      HOST_TEST(runs_repeat_at_their_interval_and_never_overlap),
      HOST_TEST(who_uses_much_cpu_time_runs_less_often),
      HOST_TEST(between_two_costly_runs_others_have_their_turn),
      HOST_TEST(a_new_setting_ends_the_old_run_and_a_removed_check_is_silent),
      HOST_TEST(a_pause_of_the_worker_is_not_the_scripts_fault),
      HOST_TEST(an_answer_that_came_in_time_counts_however_late_the_worker_reads_it),
      HOST_TEST(who_was_held_up_asks_on_and_calls_nobody_dead),
      HOST_TEST(equal_scripts_are_one_and_results_come_together),
      HOST_TEST(the_page_tells_what_runs),
      HOST_TEST(state_metrics_score_and_data_go_both_ways),
      HOST_TEST(modules_are_those_of_the_check_and_equal_scripts_may_have_others),
  };
  if (argc > 1 && strcmp(argv[1], "--lua-worker") == 0) {
    return bc_host_worker_run();
  }
  (void)signal(SIGPIPE, SIG_IGN);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
