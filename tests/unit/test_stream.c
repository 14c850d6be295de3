/* TCP connections on the loop, against sockets that the test holds. */
#include "own_network.h"
#include "stream_world.h"

#include <sched.h>
#include <sys/resource.h>

enum { FLOOD_BYTES = 10485760 };

static bool has_network;

static void a_connect_ends_later_and_tells_how_long_it_took(void **state) {
  (void)state;
  char place[64];
  world_connect(world.port);
  assert_int_equal(bc_stream_connect_us(world.stream), 0);
  world_wait();
  (void)snprintf(place, sizeof place, "127.0.0.1 port %u", world.port);
  assert_string_equal(bc_stream_place(world.stream), place);
  assert_true(bc_stream_connect_us(world.stream) > 0);
  assert_int_equal(world.callbacks, 1);
}

static void ipv6_is_connected_to_as_well(void **state) {
  (void)state;
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  socklen_t len = sizeof address;
  struct bc_resolver_address to = {.bytes = {[15] = 1}, .is_ipv6 = true};
  int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) != 0) {
    (void)close(listener);
    skip();
  }
  assert_int_equal(listen(listener, 1), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
  world.stream = bc_stream_connect(world.loop, &to, ntohs(address.sin6_port), world_on_news, NULL);
  world_wait();
  assert_int_equal(bc_stream_input_end(world.stream)->error, BC_STREAM_FINE);
  assert_memory_equal(bc_stream_place(world.stream), "::1 port ", 9);
  (void)close(listener);
}

static void a_port_where_nobody_listens_is_refused(void **state) {
  (void)state;
  (void)close(world.listener);
  world.listener = -1;
  world_connect(world.port);
  world_wait();
  assert_false(bc_stream_is_busy(world.stream));
  world_assert_end(bc_stream_input_end(world.stream), BC_STREAM_REFUSED, "connection refused");
  world_assert_end(bc_stream_output_end(world.stream), BC_STREAM_REFUSED, "connection refused");
}

/* In a network of its own, which has no routes. */
static void a_network_without_a_route_is_unreachable(void **state) {
  (void)state;
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (home < 0 || unshare(CLONE_NEWNET) != 0) {
    (void)close(home);
    skip();
  }
  struct bc_resolver_address address = {.bytes = {192, 0, 2, 1}};
  world.stream = bc_stream_connect(world.loop, &address, 80, world_on_news, NULL);
  assert_int_equal(setns(home, CLONE_NEWNET), 0);
  (void)close(home);
  world_wait();
  world_assert_end(bc_stream_input_end(world.stream), BC_STREAM_UNREACHABLE, "no route to its network");
}

static void without_descriptors_it_is_a_limit(void **state) {
  (void)state;
  struct rlimit before;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  struct rlimit few = {.rlim_cur = 3, .rlim_max = before.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  world_connect(world.port);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  world_wait();
  world_assert_end(bc_stream_input_end(world.stream), BC_STREAM_LIMIT, "too many descriptors are open");
}

/* The server is as well as ever. */
static void without_free_ports_it_is_a_limit(void **state) {
  (void)state;
  char before[64] = "";
  static const char path[] = "/proc/sys/net/ipv4/ip_local_port_range";
  if (!has_network) {
    skip();
  }
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  assert_non_null(fgets(before, sizeof before, file));
  (void)fclose(file);
  assert_true(own_network_write(path, "50001 50001"));
  world_open();
  struct bc_stream *first = world.stream;
  world_connect(world.port);
  world_wait();
  world_assert_end(bc_stream_input_end(world.stream), BC_STREAM_LIMIT, "no port of this host is free to connect from");
  bc_stream_close(first);
  assert_true(own_network_write(path, before));
}

static void bytes_go_both_ways_and_stay_what_they_are(void **state) {
  (void)state;
  static const char bytes[] = "a\0b\r\n\xff";
  char got[sizeof bytes];
  world_open();
  assert_int_equal(world_queue(bytes, sizeof bytes), BC_ERR_OK);
  assert_int_equal(bc_stream_queued(world.stream), sizeof bytes);
  world_wait();
  assert_int_equal(bc_stream_queued(world.stream), 0);
  assert_int_equal(recv(world.peer, got, sizeof got, MSG_WAITALL), sizeof bytes);
  assert_memory_equal(got, bytes, sizeof bytes);
  assert_int_equal(send(world.peer, bytes, sizeof bytes, 0), sizeof bytes);
  struct bc_str input = world_receive(sizeof bytes);
  assert_int_equal(input.len, sizeof bytes);
  assert_memory_equal(input.at, bytes, sizeof bytes);
  bc_stream_consume(world.stream, 2);
  assert_memory_equal(bc_stream_input(world.stream).at, bytes + 2, sizeof bytes - 2);
  bc_stream_consume(world.stream, 1000);
  assert_int_equal(bc_stream_input(world.stream).len, 0);
}

static void the_callback_comes_when_as_much_as_wanted_is_there(void **state) {
  (void)state;
  world_open();
  unsigned before = world.callbacks;
  world_want(5);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(send(world.peer, "x", 1, 0), 1);
    /* A second connection: when its callback has come, the loop has seen the byte. */
    struct bc_stream *first = world.stream;
    world_connect(world.port);
    world_wait();
    before++;
    bc_stream_close(world.stream);
    world.stream = first;
  }
  assert_int_equal(world.callbacks, before);
  assert_int_equal(send(world.peer, "x", 1, 0), 1);
  world_wait();
  assert_int_equal(bc_stream_input(world.stream).len, 5);
  /* What is there already is told as well, later. */
  world_want(3);
  world_wait();
  assert_int_equal(bc_stream_input(world.stream).len, 5);
}

/* All that the kernel takes. */
static size_t fill_from_peer(void) {
  static const char zeros[65536];
  size_t put = 0;
  for (;;) {
    ssize_t some = send(world.peer, zeros, sizeof zeros, MSG_DONTWAIT);
    if (some < 0) {
      assert_int_equal(errno, EAGAIN);
      return put;
    }
    put += (size_t)some;
  }
}

static void nothing_is_read_that_nobody_wants_and_never_more_than_fits(void **state) {
  (void)state;
  world_open();
  assert_true(fill_from_peer() > BC_LIMIT_STREAM_INPUT_BYTES);
  assert_int_equal(bc_stream_input(world.stream).len, 0);
  world_want(1);
  world_wait();
  world_want(0);
  size_t first = bc_stream_input(world.stream).len;
  assert_true(first > 0 && first < BC_LIMIT_STREAM_INPUT_BYTES);
  world_send("x");
  assert_int_equal(bc_stream_input(world.stream).len, first);
  world_want(10 * BC_LIMIT_STREAM_INPUT_BYTES);
  world_wait();
  assert_int_equal(bc_stream_input(world.stream).len, BC_LIMIT_STREAM_INPUT_BYTES);
}

static void a_flood_comes_through_whole(void **state) {
  (void)state;
  unsigned char bytes[4096];
  size_t sent = 0;
  size_t taken = 0;
  world_open();
  while (taken < FLOOD_BYTES) {
    for (ssize_t put = 1; put > 0 && sent<FLOOD_BYTES; sent += put> 0 ? (size_t)put : 0) {
      for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)((sent + i) % 251);
      }
      size_t len = FLOOD_BYTES - sent < sizeof bytes ? FLOOD_BYTES - sent : sizeof bytes;
      put = send(world.peer, bytes, len, MSG_DONTWAIT);
    }
    struct bc_str input = world_receive(1);
    for (size_t i = 0; i < input.len; i++) {
      if ((unsigned char)input.at[i] != (taken + i) % 251) {
        fail_msg("byte %zu is wrong", taken + i);
      }
    }
    taken += input.len;
    bc_stream_consume(world.stream, input.len);
  }
  assert_int_equal(taken, FLOOD_BYTES);
}

static void what_a_slow_reader_leaves_waits_in_a_queue_with_a_limit(void **state) {
  (void)state;
  static char piece[65536];
  static char got[65536];
  size_t queued = 0;
  size_t read = 0;
  world_open();
  /* Once the kernel has its fill nothing leaves the queue any more. */
  for (memset(piece, 'a', sizeof piece); world_queue(piece, sizeof piece) == BC_ERR_OK; world_turn()) {
    queued += sizeof piece;
  }
  assert_true(bc_stream_queued(world.stream) > BC_LIMIT_STREAM_QUEUE_BYTES - sizeof piece);
  while (read < queued) {
    ssize_t some = recv(world.peer, got, sizeof got, bc_stream_queued(world.stream) > 0 ? MSG_DONTWAIT : 0);
    if (some < 0) {
      assert_int_equal(errno, EAGAIN);
      world_turn();
      continue;
    }
    assert_memory_equal(got, piece, (size_t)some);
    read += (size_t)some;
  }
  assert_int_equal(bc_stream_queued(world.stream), 0);
  assert_int_equal(read, queued);
}

static void news_of_one_direction_do_not_hide_those_of_the_other(void **state) {
  (void)state;
  static char piece[BC_LIMIT_STREAM_QUEUE_BYTES];
  world_open();
  assert_int_equal(send(world.peer, "x", 1, 0), 1);
  world_shrink_send_buffer(world.port);
  assert_int_equal(world_queue(piece, sizeof piece), BC_ERR_OK);
  world_want(1);
  while (bc_stream_input(world.stream).len == 0) {
    world_wait();
  }
}

static void a_peer_that_closes_its_side_may_still_be_sent_to(void **state) {
  (void)state;
  char got[8] = "";
  world_open();
  assert_int_equal(send(world.peer, "bye", 3, 0), 3);
  assert_int_equal(shutdown(world.peer, SHUT_WR), 0);
  struct bc_str input = world_receive(100);
  assert_int_equal(input.len, 3);
  world_assert_end(bc_stream_input_end(world.stream), BC_STREAM_CLOSED, "closed");
  assert_int_equal(bc_stream_output_end(world.stream)->error, BC_STREAM_FINE);
  world_send("still");
  assert_int_equal(recv(world.peer, got, 5, MSG_WAITALL), 5);
  assert_string_equal(got, "still");
  /* Told again to who asks again. */
  world_want(100);
  world_wait();
}

static void cut_off(void) {
  struct linger hard = {.l_onoff = 1, .l_linger = 0};
  assert_int_equal(setsockopt(world.peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
  (void)close(world.peer);
  world.peer = -1;
}

static void a_reset_ends_both_directions(void **state) {
  (void)state;
  world_open();
  cut_off();
  (void)world_receive(1);
  world_assert_end(bc_stream_input_end(world.stream), BC_STREAM_RESET, "connection reset");
  assert_int_equal(world_queue("x", 1), BC_ERR_OK);
  world_wait();
  world_assert_end(bc_stream_output_end(world.stream), BC_STREAM_RESET, "connection reset");
  assert_int_equal(bc_stream_queued(world.stream), 0);
  /* And so is what comes behind. */
  assert_int_equal(world_queue("x", 1), BC_ERR_OK);
  assert_int_equal(bc_stream_queued(world.stream), 0);
  world_wait();
}

static void it_may_be_closed_in_its_callback_and_while_it_connects(void **state) {
  (void)state;
  world_connect(world.port);
  bc_stream_close(world.stream);
  world.closes = true;
  world_connect(world.port);
  world_wait();
  assert_null(world.stream);
  world.closes = false;
  world_open();
  world.closes = true;
  assert_int_equal(send(world.peer, "x", 1, 0), 1);
  assert_int_equal(world_queue("y", 1), BC_ERR_OK);
  world_want(1);
  world_wait();
  assert_null(world.stream);
}

static void many_are_open_at_once(void **state) {
  (void)state;
  enum { MANY = 65 };
  struct bc_stream *streams[MANY];
  for (int i = 0; i < MANY; i++) {
    world_connect(world.port);
    streams[i] = world.stream;
  }
  while (world.callbacks < MANY) {
    world_wait();
  }
  for (int i = 0; i < MANY; i++) {
    assert_int_equal(bc_stream_input_end(streams[i])->error, BC_STREAM_FINE);
    bc_stream_close(streams[i]);
  }
  world.stream = NULL;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WORLD_RULE(a_connect_ends_later_and_tells_how_long_it_took),
      WORLD_RULE(ipv6_is_connected_to_as_well),
      WORLD_RULE(a_port_where_nobody_listens_is_refused),
      WORLD_RULE(a_network_without_a_route_is_unreachable),
      WORLD_RULE(without_descriptors_it_is_a_limit),
      WORLD_RULE(without_free_ports_it_is_a_limit),
      WORLD_RULE(bytes_go_both_ways_and_stay_what_they_are),
      WORLD_RULE(the_callback_comes_when_as_much_as_wanted_is_there),
      WORLD_RULE(nothing_is_read_that_nobody_wants_and_never_more_than_fits),
      WORLD_RULE(a_flood_comes_through_whole),
      WORLD_RULE(what_a_slow_reader_leaves_waits_in_a_queue_with_a_limit),
      WORLD_RULE(news_of_one_direction_do_not_hide_those_of_the_other),
      WORLD_RULE(a_peer_that_closes_its_side_may_still_be_sent_to),
      WORLD_RULE(a_reset_ends_both_directions),
      WORLD_RULE(it_may_be_closed_in_its_callback_and_while_it_connects),
      WORLD_RULE(many_are_open_at_once),
  };
  has_network = own_network_make();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
