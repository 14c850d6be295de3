#include "io/ping.h"

#include "base/limits.h"
#include "hold_up.h"
#include "own_network.h"
#include "ping_peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { GUARD_MS = 30000, LONG_MS = 10000 };

static bool has_network;

static struct world {
  struct bc_loop *loop;
  struct bc_ping *ping;
  struct bc_timer *guard;
  unsigned awaited;
  bool is_starting, frees_in_callback;
  struct bc_ping_result result;
} world;

static void world_on_guard(void *arg) {
  (void)arg;
  fail_msg("nothing came");
}

static void world_on_result(void *arg, const struct bc_ping_result *result) {
  (void)arg;
  assert_false(world.is_starting);
  assert_true(world.awaited > 0);
  world.result = *result;
  world.awaited--;
  if (world.frees_in_callback) {
    bc_ping_free(world.ping);
    world.ping = NULL;
    world.awaited = 0;
  }
  if (world.awaited == 0) {
    bc_loop_stop(world.loop);
  }
}

static int world_start(void **state) {
  (void)state;
  world = (struct world){.loop = bc_loop_new()};
  world.guard = bc_timer_new(world.loop, world_on_guard, NULL);
  bc_timer_start(world.guard, GUARD_MS);
  world.ping = bc_ping_new(world.loop);
  return has_network && !own_network_allow_ping("0 0") ? -1 : 0;
}

static int world_stop(void **state) {
  (void)state;
  peer_stop();
  bc_ping_free(world.ping);
  bc_timer_free(world.guard);
  bc_loop_free(world.loop);
  return 0;
}

static struct bc_ping_wanted wanted_of(const char *address) {
  struct bc_ping_wanted wanted = {.address = {.is_ipv6 = strchr(address, ':') != NULL},
                                  .count = 3,
                                  .interval_ms = BC_PING_INTERVAL_LEAST_MS,
                                  .timeout_ms = LONG_MS,
                                  .size = 56,
                                  .fn = world_on_result};
  assert_int_equal(inet_pton(wanted.address.is_ipv6 ? AF_INET6 : AF_INET, address, wanted.address.bytes), 1);
  return wanted;
}

static struct bc_ping_call *world_begin(const struct bc_ping_wanted *wanted) {
  world.awaited++;
  world.is_starting = true;
  struct bc_ping_call *call = bc_ping_start(world.ping, wanted);
  world.is_starting = false;
  return call;
}

static void world_ping(const struct bc_ping_wanted *wanted) {
  (void)world_begin(wanted);
  bc_loop_run(world.loop);
}

static void assert_received(unsigned sent, unsigned received) {
  const struct bc_ping_result *result = &world.result;
  assert_string_equal(result->fault.text, "");
  assert_int_equal(result->err, BC_ERR_OK);
  assert_int_equal(result->error_number, 0);
  assert_int_equal(result->sent, sent);
  assert_int_equal(result->received, received);
  assert_true(result->min_us <= result->average_us && result->average_us <= result->max_us);
  assert_true(result->min_us >= 0 && result->max_us <= LONG_MS * 1000);
  assert_true(received > 0 || result->max_us == 0);
}

static void assert_failed(enum bc_err err, int number, const char *text) {
  assert_string_equal(world.result.fault.text, text);
  assert_int_equal(world.result.err, err);
  assert_int_equal(world.result.error_number, number);
}

static void who_answers_is_received_and_measured(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  static const char *const addresses[] = {"127.0.0.1", "::1"};
  for (size_t i = 0; i < 2; i++) {
    struct bc_ping_wanted wanted = wanted_of(addresses[i]);
    world_ping(&wanted);
    assert_received(3, 3);
    assert_true(world.result.max_us > 0);
  }
}

static void the_sizes_from_least_to_most_go_through(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  static const size_t sizes[] = {0, BC_PING_SIZE_LEAST, BC_PING_SIZE_MOST, BC_PING_SIZE_MOST + 1};
  for (size_t i = 0; i < 4; i++) {
    struct bc_ping_wanted wanted = wanted_of("127.0.0.1");
    wanted.size = sizes[i];
    wanted.count = 1;
    world_ping(&wanted);
    assert_received(1, 1);
  }
}

static void answer_all_but_the_second(unsigned index, const uint8_t *icmp, size_t len) {
  assert_int_equal(len, 8 + 56);
  assert_int_equal(icmp[6] << 8 | icmp[7], index);
  if (index != 1) {
    peer_answer(icmp, len);
  }
}

static void what_is_lost_is_counted(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  for (int i = 0; i < 2; i++) {
    struct bc_ping_wanted wanted = wanted_of(i == 0 ? "127.0.0.2" : "::1");
    wanted.timeout_ms = 1000;
    peer_start(world.loop, i == 1, answer_all_but_the_second);
    world_ping(&wanted);
    assert_received(3, 2);
    assert_true(world.result.min_us > 0);
    peer_stop();
  }
}

static void answer(unsigned index, const uint8_t *icmp, size_t len) {
  (void)index;
  peer_answer(icmp, len);
}

static void answer_nothing(unsigned index, const uint8_t *icmp, size_t len) {
  (void)index;
  (void)icmp;
  (void)len;
}

static void all_lost_is_a_result(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  struct bc_ping_wanted wanted = wanted_of("127.0.0.2");
  wanted.timeout_ms = 50;
  peer_start(world.loop, false, answer_nothing);
  world_ping(&wanted);
  assert_received(3, 0);
  assert_int_equal(peer.requests, 3);
}

static void answer_falsely(unsigned index, const uint8_t *request, size_t len) {
  uint8_t icmp[PEER_BYTES] = {0};
  memcpy(icmp, request, len);
  icmp[0] = ICMP_ECHOREPLY;
  icmp[8] ^= 1; /* another token */
  peer_send(icmp, len);
  icmp[8] ^= 1;
  icmp[7] = 77; /* never sent */
  peer_send(icmp, len);
  icmp[7] = (uint8_t)index;
  icmp[6] = 77;
  peer_send(icmp, len);
  icmp[6] = 0;
  icmp[5] ^= 1; /* another identifier */
  peer_send(icmp, len);
  icmp[5] ^= 1;
  peer_send(icmp, len - 1);
  peer_send(icmp, len + 1);
  peer_send(icmp, 8);
  peer_send_from("127.0.0.3", icmp, len);
  icmp[0] = ICMP_TIMESTAMPREPLY;
  peer_send(icmp, len);
}

static void only_the_answer_to_what_was_sent_counts(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  struct bc_ping_wanted wanted = wanted_of("127.0.0.2");
  wanted.timeout_ms = 200;
  peer_start(world.loop, false, answer_falsely);
  world_ping(&wanted);
  assert_received(3, 0);
  wanted.size = BC_PING_SIZE_MOST;
  peer.requests = 0;
  world_ping(&wanted);
  assert_received(3, 0);
  assert_int_equal(peer.requests, 3);
}

static void answer_the_first_three_times(unsigned index, const uint8_t *icmp, size_t len) {
  if (index == 0) {
    peer_answer(icmp, len);
    peer_answer(icmp, len);
    peer_answer(icmp, len);
  }
}

static void a_doubled_answer_counts_once(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  struct bc_ping_wanted wanted = wanted_of("127.0.0.2");
  wanted.timeout_ms = 500;
  peer_start(world.loop, false, answer_the_first_three_times);
  world_ping(&wanted);
  assert_received(3, 1);
}

static uint8_t first_request[64];

static void answer_the_first_with_the_second(unsigned index, const uint8_t *icmp, size_t len) {
  if (index == 0) {
    memcpy(first_request, icmp, len);
  } else {
    peer_answer(first_request, len);
  }
}

static void what_comes_after_its_time_is_lost(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  struct bc_ping_wanted wanted = wanted_of("127.0.0.2");
  wanted.count = 2;
  wanted.timeout_ms = 100;
  wanted.interval_ms = 300;
  peer_start(world.loop, false, answer_the_first_with_the_second);
  world_ping(&wanted);
  assert_received(2, 0);
}

/* The kernel answers while this process sleeps: the answer waits in the socket, not late. */
static void a_loop_that_is_late_makes_no_answer_late(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  struct bc_ping_wanted wanted = wanted_of("127.0.0.1");
  wanted.count = 1;
  wanted.timeout_ms = 500;
  (void)world_begin(&wanted);
  hold_up_past(bc_mono_add_ms(bc_mono_now(), 700));
  bc_loop_run(world.loop);
  assert_received(1, 1);
  assert_true(world.result.max_us < 500000);
}

/* The answer comes too late, and waits as long as this process sleeps. */
static void what_comes_late_is_lost_when_the_loop_is_late_too(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  struct bc_ping_wanted wanted = wanted_of("127.0.0.2");
  wanted.count = 1;
  wanted.timeout_ms = 200;
  peer_start(world.loop, false, answer);
  (void)world_begin(&wanted);
  hold_up_past(bc_mono_add_ms(bc_mono_now(), 300));
  peer_on_ready(NULL, peer.fd, BC_WATCH_READ);
  assert_int_equal(peer.requests, 1);
  bc_loop_run(world.loop);
  assert_received(1, 0);
}

static void refuse_wholly(unsigned index, const uint8_t *icmp, size_t len) {
  (void)index;
  (void)icmp;
  peer_refuse(len);
}

static void refuse_by_the_head(unsigned index, const uint8_t *icmp, size_t len) {
  (void)index;
  (void)icmp;
  (void)len;
  peer_refuse(8);
}

static void refuse_with_another_token(unsigned index, const uint8_t *icmp, size_t len) {
  (void)index;
  (void)icmp;
  peer.bytes[(peer.is_ipv6 ? 0 : PEER_IPV4_HEAD) + 8] ^= 1;
  peer_refuse(len);
}

static void refuse_the_first(unsigned index, const uint8_t *icmp, size_t len) {
  if (index == 0) {
    peer_refuse(len);
  } else {
    peer_answer(icmp, len);
  }
}

static void what_a_router_says_is_told_if_nothing_answers(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  static const char *const texts[] = {"127.0.0.2: no route to host, says 127.0.0.9",
                                      "::1: network is unreachable, says ::1"};
  for (int i = 0; i < 2; i++) {
    struct bc_ping_wanted wanted = wanted_of(i == 0 ? "127.0.0.2" : "::1");
    int number = i == 0 ? EHOSTUNREACH : ENETUNREACH;
    peer_start(world.loop, i == 1, refuse_wholly);
    world_ping(&wanted);
    assert_failed(BC_ERR_IO, number, texts[i]);
    assert_int_equal(world.result.sent, 3);
    peer.reply = refuse_by_the_head;
    world_ping(&wanted);
    assert_failed(BC_ERR_IO, number, texts[i]);
    peer.requests = 0;
    peer.reply = refuse_the_first;
    world_ping(&wanted);
    assert_received(3, 2);
    wanted.timeout_ms = 100;
    peer.reply = refuse_with_another_token;
    world_ping(&wanted);
    assert_received(3, 0);
    peer_stop();
  }
}

static void an_address_without_a_route_is_told_at_once(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  struct bc_ping_wanted wanted = wanted_of("192.0.2.1");
  world_ping(&wanted);
  assert_failed(BC_ERR_IO, ENETUNREACH, "192.0.2.1: network is unreachable");
  wanted = wanted_of("2001:db8::1");
  world_ping(&wanted);
  assert_int_equal(world.result.err, BC_ERR_IO);
  assert_memory_equal(world.result.fault.text, "2001:db8::1: ", 13);
}

static void a_kernel_that_allows_no_ping_is_told_with_what_to_set(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  char text[BC_FAULT_TEXT_BYTES];
  if (!own_network_allow_ping("1 0")) {
    skip(); /* group 1 does not exist in a user namespace */
  }
  static const char *const addresses[] = {"127.0.0.1", "::1"};
  for (size_t i = 0; i < 2; i++) {
    struct bc_ping_wanted wanted = wanted_of(addresses[i]);
    world_ping(&wanted);
    (void)snprintf(text, sizeof text,
                   "%s: the kernel lets group %u not ping; set by root: "
                   "sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"",
                   addresses[i], (unsigned)getegid());
    assert_failed(BC_ERR_AUTH, 0, text);
  }
}

static void pings_at_once_are_bounded_and_cancelled_ones_make_room(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  struct bc_ping_call *calls[BC_LIMIT_PINGS];
  struct bc_ping_wanted wanted = wanted_of("127.0.0.2");
  peer_start(world.loop, false, answer_nothing);
  for (size_t i = 0; i < BC_LIMIT_PINGS; i++) {
    calls[i] = world_begin(&wanted);
  }
  world.awaited = 0;
  world_ping(&wanted);
  assert_failed(BC_ERR_LIMIT, 0, "too many pings are under way");
  for (size_t i = 0; i < BC_LIMIT_PINGS; i++) {
    bc_ping_cancel(calls[i]);
  }
  peer_stop();
  world_ping(&wanted);
  assert_received(3, 3);
}

static void a_cancelled_ping_is_not_called_back(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  struct bc_ping_wanted wanted = wanted_of("127.0.0.1");
  struct bc_ping_wanted lost = wanted_of("192.0.2.1");
  bc_ping_cancel(NULL);
  bc_ping_cancel(world_begin(&wanted));
  bc_ping_cancel(world_begin(&lost)); /* ended already, not told yet */
  world.awaited = 0;
  world_ping(&wanted);
  assert_received(3, 3);
  assert_int_equal(world.awaited, 0);
}

static void all_may_be_freed_in_a_callback(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  struct bc_ping_wanted wanted = wanted_of("127.0.0.1");
  for (int i = 0; i < 3; i++) {
    (void)world_begin(&wanted);
  }
  world.frees_in_callback = true;
  bc_loop_run(world.loop);
  assert_null(world.ping);
}

int main(void) {
  has_network = own_network_make() && own_network_allow_ping("0 0");
#define PING_TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)
  const struct CMUnitTest tests[] = {
      PING_TEST(who_answers_is_received_and_measured),
      PING_TEST(the_sizes_from_least_to_most_go_through),
      PING_TEST(what_is_lost_is_counted),
      PING_TEST(all_lost_is_a_result),
      PING_TEST(only_the_answer_to_what_was_sent_counts),
      PING_TEST(a_doubled_answer_counts_once),
      PING_TEST(what_comes_after_its_time_is_lost),
      PING_TEST(a_loop_that_is_late_makes_no_answer_late),
      PING_TEST(what_comes_late_is_lost_when_the_loop_is_late_too),
      PING_TEST(what_a_router_says_is_told_if_nothing_answers),
      PING_TEST(an_address_without_a_route_is_told_at_once),
      PING_TEST(a_kernel_that_allows_no_ping_is_told_with_what_to_set),
      PING_TEST(pings_at_once_are_bounded_and_cancelled_ones_make_room),
      PING_TEST(a_cancelled_ping_is_not_called_back),
      PING_TEST(all_may_be_freed_in_a_callback),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
