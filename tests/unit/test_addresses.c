/* The addresses of the host, in a network namespace of the test's own; skipped where none can be made. */
#include "io/addresses.h"

#include "model/address.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LIMIT_MS = 20000, FLOOD = 4000 };

static bool has_namespace;

struct world {
  struct bc_loop *loop;
  struct bc_addresses *addresses;
  struct bc_timer *limit;
  int netlink;
  unsigned changes;
  bool (*until)(struct world *world);
  bool is_late;
};

static void world_on_changed(void *arg) {
  struct world *world = arg;
  world->changes++;
  if (world->until(world)) {
    bc_loop_stop(world->loop);
  }
}

static void world_on_limit(void *arg) {
  struct world *world = arg;
  world->is_late = true;
  bc_loop_stop(world->loop);
}

static void world_wait(struct world *world, bool (*until)(struct world *world)) {
  world->until = until;
  bc_timer_start(world->limit, LIMIT_MS);
  if (!until(world)) {
    bc_loop_run(world->loop);
  }
  assert_false(world->is_late);
}

static bool is_known(struct world *world) {
  return bc_addresses_problem(world->addresses) == NULL;
}

static void world_open(struct world *world) {
  if (!has_namespace) {
    skip();
  }
  *world = (struct world){.loop = bc_loop_new(), .netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)};
  assert_true(world->netlink >= 0);
  world->limit = bc_timer_new(world->loop, world_on_limit, world);
  world->addresses = bc_addresses_new(world->loop, world_on_changed, world);
  assert_non_null(bc_addresses_problem(world->addresses));
  world_wait(world, is_known);
}

static void world_close(struct world *world) {
  bc_addresses_free(world->addresses);
  bc_timer_free(world->limit);
  bc_loop_free(world->loop);
  (void)close(world->netlink);
}

static int world_change(struct world *world, bool is_set, const char *text) {
  static uint32_t sequence;
  uint8_t bytes[16];
  bool is_ipv6;
  char answer[4096];
  struct bc_buf request;
  struct bc_rtnetlink_message message;
  assert_true(bc_address_parse(bc_str_of(text), bytes, &is_ipv6));
  bc_buf_init(&request, BC_RTNETLINK_REQUEST_BYTES);
  if (is_set) {
    bc_rtnetlink_print_set(is_ipv6, bytes, ++sequence, &request);
  } else {
    bc_rtnetlink_print_remove(is_ipv6, bytes, ++sequence, &request);
  }
  assert_int_equal(send(world->netlink, request.data, request.len, 0), request.len);
  bc_buf_free(&request);
  ssize_t got = recv(world->netlink, answer, sizeof answer, 0);
  assert_true(got > 0);
  struct bc_str datagram = {.at = answer, .len = (size_t)got};
  assert_int_equal(bc_rtnetlink_next(&datagram, &message), BC_ERR_OK);
  assert_int_equal(message.kind, BC_RTNETLINK_ANSWER);
  return message.error;
}

static struct bc_addresses_found world_find(struct world *world, const char *text, unsigned length) {
  uint8_t bytes[16];
  bool is_ipv6;
  assert_true(bc_address_parse(bc_str_of(text), bytes, &is_ipv6));
  return bc_addresses_find(world->addresses, is_ipv6, bytes, length);
}

static bool has_first(struct world *world) {
  return world_find(world, "192.0.2.1", 32).is_usable;
}

static bool has_no_first(struct world *world) {
  return !has_first(world);
}

static bool has_six(struct world *world) {
  return world_find(world, "2001:db8::5", 128).is_usable;
}

static void what_comes_and_goes_is_told(void **state) {
  (void)state;
  struct world world;
  world_open(&world);
  assert_true(world_find(&world, "127.0.0.1", 32).is_foreign);
  assert_false(world_find(&world, "192.0.2.1", 32).is_there);
  assert_int_equal(world_change(&world, true, "192.0.2.1"), 0);
  world_wait(&world, has_first);
  struct bc_addresses_found found = world_find(&world, "192.0.2.1", 32);
  assert_true(found.is_ours && found.is_there && !found.is_foreign && !found.is_tentative);
  assert_int_equal(world_change(&world, true, "192.0.2.1"), EEXIST);
  assert_int_equal(world_change(&world, false, "192.0.2.1"), 0);
  world_wait(&world, has_no_first);
  assert_int_equal(world_change(&world, false, "192.0.2.1"), EADDRNOTAVAIL);
  world_close(&world);
}

static void ipv6_is_marked_too_and_known_again_by_another(void **state) {
  (void)state;
  struct world world;
  world_open(&world);
  assert_int_equal(world_change(&world, true, "2001:db8::5"), 0);
  world_wait(&world, has_six);
  assert_true(world_find(&world, "2001:db8::5", 128).is_ours);
  bc_addresses_free(world.addresses);
  world.addresses = bc_addresses_new(world.loop, world_on_changed, &world);
  world_wait(&world, is_known);
  assert_true(world_find(&world, "2001:db8::5", 128).is_ours);
  const struct bc_rtnetlink_address *ours = bc_addresses_next_ours(world.addresses, NULL);
  assert_non_null(ours);
  assert_int_equal(ours->local[15], 5);
  assert_null(bc_addresses_next_ours(world.addresses, ours));
  assert_int_equal(world_change(&world, false, "2001:db8::5"), 0);
  world_close(&world);
}

static void a_prefix_is_searched_between_its_bounds(void **state) {
  (void)state;
  struct world world;
  world_open(&world);
  assert_int_equal(world_change(&world, true, "192.0.2.1"), 0);
  world_wait(&world, has_first);
  assert_true(world_find(&world, "192.0.2.0", 24).is_usable);
  assert_true(world_find(&world, "192.0.2.0", 31).is_usable);
  assert_true(world_find(&world, "192.0.0.0", 22).is_usable);
  assert_true(world_find(&world, "0.0.0.0", 0).is_usable);
  assert_false(world_find(&world, "192.0.2.2", 31).is_there);
  assert_false(world_find(&world, "192.0.3.0", 24).is_there);
  assert_false(world_find(&world, "192.0.0.0", 23).is_there);
  assert_false(world_find(&world, "c000:201::", 32).is_there);
  assert_int_equal(world_change(&world, false, "192.0.2.1"), 0);
  world_close(&world);
}

/* Many times what the socket holds: the notifications that are lost are made up for by a list. */
static char flood_last[32];

static bool has_flood(struct world *world) {
  return world_find(world, flood_last, 32).is_usable && world_find(world, "10.1.0.0", 32).is_usable;
}

static bool has_no_flood(struct world *world) {
  return !world_find(world, "10.1.0.0", 16).is_there;
}

static void lost_notifications_are_made_up_for(void **state) {
  (void)state;
  struct world world;
  world_open(&world);
  for (unsigned i = 0; i < FLOOD; i++) {
    (void)snprintf(flood_last, sizeof flood_last, "10.1.%u.%u", i / 250, i % 250);
    assert_int_equal(world_change(&world, true, flood_last), 0);
  }
  world_wait(&world, has_flood);
  for (unsigned i = 0; i < FLOOD; i++) {
    (void)snprintf(flood_last, sizeof flood_last, "10.1.%u.%u", i / 250, i % 250);
    assert_int_equal(world_change(&world, false, flood_last), 0);
  }
  world_wait(&world, has_no_flood);
  world_close(&world);
}

static bool is_over(struct world *world) {
  return world_find(world, "192.0.2.9", 32).is_usable;
}

static void a_burst_is_told_once(void **state) {
  (void)state;
  struct world world;
  world_open(&world);
  world.changes = 0;
  for (int i = 0; i < 50; i++) {
    assert_int_equal(world_change(&world, true, "192.0.2.1"), 0);
    assert_int_equal(world_change(&world, false, "192.0.2.1"), 0);
  }
  assert_int_equal(world_change(&world, true, "192.0.2.9"), 0);
  world_wait(&world, is_over);
  assert_int_equal(world.changes, 1);
  assert_int_equal(world_change(&world, false, "192.0.2.9"), 0);
  world_close(&world);
}

static void make_namespace(void) {
  struct ifreq lo = {.ifr_name = "lo"};
  int fd = unshare(CLONE_NEWNET) == 0 ? socket(AF_INET, SOCK_DGRAM, 0) : -1;
  if (fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &lo) == 0) {
    lo.ifr_flags = (short)(lo.ifr_flags | IFF_UP);
    has_namespace = ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
  }
  if (fd >= 0) {
    (void)close(fd);
  }
}

int main(void) {
  make_namespace();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_comes_and_goes_is_told),
      cmocka_unit_test(ipv6_is_marked_too_and_known_again_by_another),
      cmocka_unit_test(a_prefix_is_searched_between_its_bounds),
      cmocka_unit_test(lost_notifications_are_made_up_for),
      cmocka_unit_test(a_burst_is_told_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
