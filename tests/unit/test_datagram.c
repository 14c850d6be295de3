#include "io/datagram.h"

#include "base/limits.h"
#include "base/mem.h"
#include "hold_up.h"
#include "own_network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { GUARD_MS = 30000, LONG_MS = 10000 };

static bool has_network;

static struct world {
  struct bc_loop *loop;
  struct bc_datagram *datagram;
  struct bc_timer *guard;
  unsigned awaited;
  bool is_starting, frees_in_callback;
  struct bc_datagram_result result;
  char bytes[BC_DATAGRAM_BYTES];
  /* A server on the same loop. */
  int fd;
  uint16_t port;
  struct bc_watch *watch;
  unsigned came;
  char last[BC_DATAGRAM_BYTES]; /* what came */
  size_t len;
  void (*reply)(const struct sockaddr_in *to);
} world;

static void world_on_guard(void *arg) {
  (void)arg;
  fail_msg("nothing came");
}

static void world_on_result(void *arg, const struct bc_datagram_result *result) {
  (void)arg;
  assert_false(world.is_starting);
  assert_true(world.awaited > 0);
  world.awaited--;
  if (world.frees_in_callback) {
    bc_datagram_free(world.datagram);
    world.datagram = NULL;
    world.awaited = 0;
  }
  world.result = *result; /* still there */
  if (result->err == BC_ERR_OK) {
    memcpy(world.bytes, result->bytes.at, result->bytes.len);
    world.result.bytes.at = world.bytes;
  }
  if (world.awaited == 0) {
    bc_loop_stop(world.loop);
  }
}

static void server_on_read(void *arg, int fd, int events) {
  (void)arg;
  (void)events;
  struct sockaddr_in from;
  socklen_t len = sizeof from;
  ssize_t got = recvfrom(fd, world.last, sizeof world.last, 0, (struct sockaddr *)&from, &len);
  assert_true(got >= 0);
  world.len = (size_t)got;
  world.came++;
  if (world.reply != NULL) {
    world.reply(&from);
  }
}

static int server_bind(uint16_t *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
  *port = ntohs(address.sin_port);
  return fd;
}

static int world_start(void **state) {
  (void)state;
  world = (struct world){.loop = bc_loop_new()};
  world.guard = bc_timer_new(world.loop, world_on_guard, NULL);
  bc_timer_start(world.guard, GUARD_MS);
  world.datagram = bc_datagram_new(world.loop);
  world.fd = server_bind(&world.port);
  world.watch = bc_watch_new(world.loop, world.fd, server_on_read, NULL);
  bc_watch_set(world.watch, BC_WATCH_READ);
  return 0;
}

static int world_stop(void **state) {
  (void)state;
  bc_datagram_free(world.datagram);
  bc_watch_free(world.watch);
  (void)close(world.fd);
  bc_timer_free(world.guard);
  bc_loop_free(world.loop);
  return 0;
}

static struct bc_datagram_wanted wanted_of(const char *payload) {
  return (struct bc_datagram_wanted){.address = {.bytes = {127, 0, 0, 1}},
                                     .port = world.port,
                                     .payload = bc_str_of(payload),
                                     .most_bytes = BC_DATAGRAM_BYTES,
                                     .tries = 1,
                                     .again_ms = LONG_MS,
                                     .timeout_ms = LONG_MS,
                                     .fn = world_on_result};
}

static struct bc_datagram_call *world_begin(const struct bc_datagram_wanted *wanted) {
  world.awaited++;
  world.is_starting = true;
  struct bc_datagram_call *call = bc_datagram_start(world.datagram, wanted);
  world.is_starting = false;
  return call;
}

static void world_exchange(const struct bc_datagram_wanted *wanted) {
  (void)world_begin(wanted);
  bc_loop_run(world.loop);
}

static void assert_reply(const char *text) {
  assert_string_equal(world.result.fault.text, "");
  assert_int_equal(world.result.err, BC_ERR_OK);
  assert_true(bc_str_is(world.result.bytes, text));
  assert_true(world.result.rtt_us > 0 && world.result.rtt_us < (int64_t)GUARD_MS * 1000);
}

static void assert_failed(enum bc_err err, int number, const char *end) {
  const char *text = world.result.fault.text;
  assert_int_equal(world.result.err, err);
  assert_int_equal(world.result.error_number, number);
  assert_memory_equal(text, "127.0.0.1 port ", 15);
  assert_non_null(strstr(text, end));
  assert_string_equal(strstr(text, end), end);
}

static void echo(const struct sockaddr_in *to) {
  assert_int_equal(sendto(world.fd, world.last, world.len, 0, (const struct sockaddr *)to, sizeof *to), world.len);
}

/* What waits for the server, which a busy loop has not brought. */
static unsigned server_drain(void) {
  while (recv(world.fd, world.last, sizeof world.last, MSG_DONTWAIT) >= 0) {
    world.came++;
  }
  return world.came;
}

static void echo_the_third(const struct sockaddr_in *to) {
  if (world.came == 3) {
    echo(to);
  }
}

static void echo_the_second(const struct sockaddr_in *to) {
  if (world.came == 2) {
    echo(to);
  }
}

static void the_reply_is_brought(void **state) {
  (void)state;
  struct bc_datagram_wanted wanted = wanted_of("ping");
  world.reply = echo;
  world_exchange(&wanted);
  assert_reply("ping");
  wanted.payload.len = 0;
  world_exchange(&wanted);
  assert_reply("");
  assert_int_equal(world.came, 2);
  wanted.payload = (struct bc_str){.at = "a\0b", .len = 3};
  world_exchange(&wanted);
  assert_int_equal(world.result.bytes.len, 3);
  assert_memory_equal(world.result.bytes.at, "a\0b", 3);
}

static void what_is_not_answered_is_sent_again(void **state) {
  (void)state;
  struct bc_datagram_wanted wanted = wanted_of("ping");
  world.reply = echo_the_second;
  wanted.tries = 2;
  wanted.again_ms = 1000;
  struct bc_mono begin = bc_mono_now();
  world_exchange(&wanted);
  assert_reply("ping");
  assert_int_equal(world.came, 2);
  /* Since the second: the second between the two is not in it. */
  assert_true(world.result.rtt_us < bc_mono_now().us - begin.us - 900000);
  world.came = 0;
  world.reply = echo_the_third;
  wanted.tries = 3;
  wanted.again_ms = 10;
  world_exchange(&wanted);
  assert_reply("ping");
  assert_int_equal(server_drain(), 3);
}

static void silence_ends_with_the_time(void **state) {
  (void)state;
  struct bc_datagram_wanted wanted = wanted_of("ping");
  wanted.tries = 3;
  wanted.again_ms = 10;
  wanted.timeout_ms = 100;
  world_exchange(&wanted);
  assert_failed(BC_ERR_TIMEOUT, 0, ": no reply in time");
  /* A loop that comes late finds the time over and sends fewer. */
  assert_in_range(server_drain(), 1, 3);
  world.came = 0;
  wanted.again_ms = BC_DATAGRAM_TIMEOUT_MS; /* behind the end */
  world_exchange(&wanted);
  assert_failed(BC_ERR_TIMEOUT, 0, ": no reply in time");
  assert_int_equal(server_drain(), 1);
}

static void a_port_that_nobody_listens_at_is_told_at_once(void **state) {
  (void)state;
  struct bc_datagram_wanted wanted = wanted_of("ping");
  (void)close(server_bind(&wanted.port));
  world_exchange(&wanted);
  assert_failed(BC_ERR_IO, ECONNREFUSED, ": connection refused");
}

static void an_address_without_a_route_is_told_at_once(void **state) {
  (void)state;
  struct bc_datagram_wanted wanted = wanted_of("ping");
  if (!has_network) {
    skip();
  }
  wanted.address = (struct bc_resolver_address){.bytes = {192, 0, 2, 1}};
  wanted.port = 7;
  world_exchange(&wanted);
  assert_int_equal(world.result.error_number, ENETUNREACH);
  assert_string_equal(world.result.fault.text, "192.0.2.1 port 7: network is unreachable");
  wanted.address = (struct bc_resolver_address){.bytes = {0x20, 1, 0xd, 0xb8, [15] = 1}, .is_ipv6 = true};
  world_exchange(&wanted);
  assert_int_equal(world.result.err, BC_ERR_IO);
  assert_memory_equal(world.result.fault.text, "2001:db8::1 port 7: ", 20);
}

static void a_reply_that_is_too_long_is_told(void **state) {
  (void)state;
  struct bc_datagram_wanted wanted = wanted_of("12345");
  world.reply = echo;
  wanted.most_bytes = 5;
  world_exchange(&wanted);
  assert_reply("12345");
  wanted.most_bytes = 4;
  world_exchange(&wanted);
  assert_failed(BC_ERR_RANGE, 0, ": the reply is longer than allowed");
}

static void what_cannot_be_sent_is_told(void **state) {
  (void)state;
  static char bytes[BC_DATAGRAM_BYTES]; /* with its heads it is too long */
  struct bc_datagram_wanted wanted = wanted_of("");
  wanted.payload = (struct bc_str){.at = bytes, .len = sizeof bytes};
  world_exchange(&wanted);
  assert_failed(BC_ERR_IO, EMSGSIZE, ": message too long");
}

static void reply_falsely(const struct sockaddr_in *to) {
  uint16_t port;
  int other = server_bind(&port);
  (void)sendto(other, "false", 5, 0, (const struct sockaddr *)to, sizeof *to);
  (void)close(other);
  echo(to);
}

static void only_the_one_asked_is_heard(void **state) {
  (void)state;
  struct bc_datagram_wanted wanted = wanted_of("ping");
  world.reply = reply_falsely;
  world_exchange(&wanted);
  assert_reply("ping");
}

/* The reply waits in the socket while this process sleeps. */
static void a_loop_that_is_late_makes_no_reply_late(void **state) {
  (void)state;
  struct bc_datagram_wanted wanted = wanted_of("ping");
  wanted.timeout_ms = 200;
  (void)world_begin(&wanted);
  world.reply = echo;
  server_on_read(NULL, world.fd, BC_WATCH_READ);
  hold_up_past(bc_mono_add_ms(bc_mono_now(), 300));
  bc_loop_run(world.loop);
  assert_reply("ping");
}

static void exchanges_at_once_are_bounded_and_cancelled_ones_make_room(void **state) {
  (void)state;
  struct bc_datagram_call *calls[BC_LIMIT_DATAGRAMS];
  struct bc_datagram_wanted wanted = wanted_of("ping");
  bc_watch_set(world.watch, 0);
  for (size_t i = 0; i < BC_LIMIT_DATAGRAMS; i++) {
    calls[i] = world_begin(&wanted);
  }
  world.awaited = 0;
  world_exchange(&wanted);
  assert_failed(BC_ERR_LIMIT, 0, ": too many UDP exchanges are under way");
  for (size_t i = 0; i < BC_LIMIT_DATAGRAMS; i++) {
    bc_datagram_cancel(calls[i]);
  }
  while (recv(world.fd, world.last, sizeof world.last, MSG_DONTWAIT) >= 0) {
  }
  bc_watch_set(world.watch, BC_WATCH_READ);
  world.reply = echo;
  wanted.payload = bc_str_of("again");
  world_exchange(&wanted);
  assert_reply("again");
}

static void a_cancelled_exchange_is_not_called_back(void **state) {
  (void)state;
  struct bc_datagram_wanted wanted = wanted_of("ping");
  struct bc_datagram_wanted nobody = wanted_of("ping");
  nobody.address = (struct bc_resolver_address){.bytes = {255, 255, 255, 255}};
  bc_datagram_cancel(NULL);
  bc_datagram_cancel(world_begin(&wanted));
  bc_datagram_cancel(world_begin(&nobody)); /* ended already, not told yet */
  world.awaited = 0;
  world.reply = echo;
  world_exchange(&wanted);
  assert_reply("ping");
  assert_int_equal(world.awaited, 0);
}

static void all_may_be_freed_in_a_callback(void **state) {
  (void)state;
  struct bc_datagram_wanted wanted = wanted_of("ping");
  world.reply = echo;
  for (int i = 0; i < 3; i++) {
    (void)world_begin(&wanted);
  }
  world.frees_in_callback = true;
  bc_loop_run(world.loop);
  assert_null(world.datagram);
  assert_reply("ping");
}

int main(void) {
  has_network = own_network_make();
#define DATAGRAM_TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)
  const struct CMUnitTest tests[] = {
      DATAGRAM_TEST(the_reply_is_brought),
      DATAGRAM_TEST(what_is_not_answered_is_sent_again),
      DATAGRAM_TEST(silence_ends_with_the_time),
      DATAGRAM_TEST(a_port_that_nobody_listens_at_is_told_at_once),
      DATAGRAM_TEST(an_address_without_a_route_is_told_at_once),
      DATAGRAM_TEST(a_reply_that_is_too_long_is_told),
      DATAGRAM_TEST(what_cannot_be_sent_is_told),
      DATAGRAM_TEST(only_the_one_asked_is_heard),
      DATAGRAM_TEST(a_loop_that_is_late_makes_no_reply_late),
      DATAGRAM_TEST(exchanges_at_once_are_bounded_and_cancelled_ones_make_room),
      DATAGRAM_TEST(a_cancelled_exchange_is_not_called_back),
      DATAGRAM_TEST(all_may_be_freed_in_a_callback),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
