/* Names by c-ares and single queries, against a real dnsmasq and against servers that misbehave. */
#include "base/limits.h"
#include "resolver_world.h"

#include <sys/resource.h>
#include <sys/stat.h>

/* ---- names ---- */

static bool has_ipv6_loopback(void) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool is_there = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
  if (fd >= 0) {
    (void)close(fd);
  }
  return is_there;
}

static void a_name_has_its_addresses_of_both_families_ipv6_first(void **state) {
  (void)state;
  world_look_up("loop.test", WORLD_TIMEOUT_MS);
  assert_int_equal(world.found.count, 2);
  world_assert_address(has_ipv6_loopback() ? 0 : 1, "::1");
  world_assert_address(has_ipv6_loopback() ? 1 : 0, "127.0.0.1");
  world_look_up("alias.test", WORLD_TIMEOUT_MS);
  assert_int_equal(world.found.count, 2);
}

static void a_family_without_a_route_comes_last(void **state) {
  (void)state;
  world_look_up("far.test", WORLD_TIMEOUT_MS);
  assert_int_equal(world.found.count, 2);
  world_assert_address(0, "127.0.0.1");
  world_assert_address(1, "fe80::1");
}

static void the_hosts_file_is_asked_first(void **state) {
  (void)state;
  world_look_up("hosted.example", WORLD_TIMEOUT_MS);
  assert_int_equal(world.found.count, 2);
  assert_int_equal(world.found.err, BC_ERR_OK);
}

/* As an editor replaces a file: this process may not read the new one. */
static void replace_hosts(const char *path, mode_t mode) {
  char fresh[80];
  (void)snprintf(fresh, sizeof fresh, "%s.new", path);
  world_write(fresh, "192.0.2.9 hosted.example\n2001:db8::9 hosted.example\n");
  assert_int_equal(chmod(fresh, mode), 0);
  assert_int_equal(rename(fresh, path), 0);
}

static void without_its_hosts_file_no_name_is_said_not_to_be(void **state) {
  (void)state;
  const char *hosts = getenv("CARES_HOSTS");
  bool is_root = geteuid() == 0;
  assert_int_equal(chmod(folder, 0755), 0);
  replace_hosts(hosts, 0);
  assert_int_equal(is_root ? seteuid(65534) : 0, 0);
  world_assert_not_found("hosted.example", BC_ERR_AUTH,
                         "hosted.example: it is not looked up: /etc/hosts was replaced, and this process may not read "
                         "the new one");
  world_assert_not_found("loop.test", BC_ERR_AUTH,
                         "loop.test: it is not looked up: /etc/hosts was replaced, and this process may not read the "
                         "new one");
  assert_int_equal(is_root ? seteuid(0) : 0, 0);
  replace_hosts(hosts, 0644);
  world_look_up("hosted.example", WORLD_TIMEOUT_MS);
  assert_int_equal(world.found.count, 2);
}

static void for_want_of_descriptors_no_server_is_blamed(void **state) {
  (void)state;
  static int taken[256];
  char hosts[64];
  struct rlimit before;
  size_t count = 0;
  (void)snprintf(hosts, sizeof hosts, "%s", getenv("CARES_HOSTS"));
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  struct rlimit few = {.rlim_cur = 256, .rlim_max = before.rlim_max};
  /* With a hosts file, which needs one itself, and without. */
  for (int round = 0; round < 2; round++) {
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while ((taken[count] = dup(STDERR_FILENO)) >= 0) {
      count++;
    }
    world_assert_not_found("loop.test", BC_ERR_LIMIT,
                           "loop.test: it cannot be looked up: too many descriptors are open");
    while (count > 0) {
      (void)close(taken[--count]);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    world_look_up("loop.test", WORLD_TIMEOUT_MS);
    assert_int_equal(world.found.err, BC_ERR_OK);
    bc_resolver_free(world.resolver);
    assert_int_equal(setenv("CARES_HOSTS", round == 0 ? "/dev/null/hosts" : hosts, 1), 0);
    world_open(dnsmasq_port);
  }
}

static void an_address_is_a_name_of_its_own(void **state) {
  (void)state;
  world_look_up("192.0.2.7", WORLD_TIMEOUT_MS);
  assert_int_equal(world.found.count, 1);
  world_assert_address(0, "192.0.2.7");
  world_look_up("2001:db8::7", WORLD_TIMEOUT_MS);
  assert_int_equal(world.found.count, 1);
  world_assert_address(0, "2001:db8::7");
}

static void negative_answers_are_told_apart(void **state) {
  (void)state;
  world_assert_not_found("nosuch.test", BC_ERR_NOT_FOUND, "nosuch.test: there is no such name");
  world_assert_not_found("mail.test", BC_ERR_NOT_FOUND, "mail.test: the name has no address");
  world_assert_not_found("refused.example", BC_ERR_IO,
                         "refused.example: no DNS server is reached that takes the query");
}

static void what_cannot_be_a_name_is_not_asked_for(void **state) {
  (void)state;
  char longest[256];
  memset(longest, 'a', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  static const char *const names[] = {"", "a b", "a..b", "\n", "\303\244.test"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    world_look_up(names[i], WORLD_TIMEOUT_MS);
    assert_int_equal(world.found.err, BC_ERR_SYNTAX);
  }
  world_look_up(longest, WORLD_TIMEOUT_MS);
  assert_int_equal(world.found.err, BC_ERR_SYNTAX);
  world.awaited++;
  (void)bc_resolver_look_up(world.resolver, (struct bc_str){.at = "loop.test\0x", .len = 11}, WORLD_TIMEOUT_MS,
                            world_on_found, NULL);
  bc_loop_run(world.loop);
  assert_int_equal(world.found.err, BC_ERR_SYNTAX);
}

/* Instead of dnsmasq a socket that nobody reads. */
static int ask_nobody(void) {
  uint16_t port;
  int fd = world_bind(SOCK_DGRAM, &port);
  bc_resolver_free(world.resolver);
  world_open(port);
  return fd;
}

static void a_silent_server_costs_the_caller_its_timeout_only(void **state) {
  (void)state;
  int fd = ask_nobody();
  struct bc_mono before = bc_mono_now();
  world_look_up("loop.test", 100);
  int64_t took_ms = bc_mono_ms_between(before, bc_mono_now());
  assert_int_equal(world.found.err, BC_ERR_TIMEOUT);
  assert_string_equal(world.found.fault.text, "loop.test: no DNS server answered in time");
  assert_true(took_ms >= 100 && took_ms < 5000);
  (void)close(fd);
}

static void servers_that_nobody_runs_are_told(void **state) {
  (void)state;
  (void)close(ask_nobody());
  struct bc_mono before = bc_mono_now();
  world_assert_not_found("loop.test", BC_ERR_TIMEOUT, "loop.test: no DNS server answered");
  assert_true(bc_mono_ms_between(before, bc_mono_now()) < WORLD_TIMEOUT_MS / 2);
}

static void names_at_once_are_bounded_and_those_given_up_make_room(void **state) {
  (void)state;
  int fd = ask_nobody();
  for (int i = 0; i < BC_LIMIT_RESOLVER_NAMES; i++) {
    (void)world_begin_name("loop.test", 300);
  }
  world.awaited++;
  struct bc_resolver_call *call = bc_resolver_look_up(world.resolver, bc_str_of("one.test"), 1, world_on_found, NULL);
  (void)call;
  world.awaited -= BC_LIMIT_RESOLVER_NAMES;
  bc_loop_run(world.loop);
  assert_int_equal(world.found.err, BC_ERR_LIMIT);
  assert_string_equal(world.found.fault.text, "one.test: too many names are looked up at once");
  world.awaited = BC_LIMIT_RESOLVER_NAMES;
  bc_loop_run(world.loop);
  assert_int_equal(world.found.err, BC_ERR_TIMEOUT);
  world_look_up("hosted.example", WORLD_TIMEOUT_MS);
  assert_int_equal(world.found.err, BC_ERR_OK);
  (void)close(fd);
}

static void a_cancelled_name_is_not_called_back(void **state) {
  (void)state;
  struct bc_resolver_call *call = world_begin_name("both.test", WORLD_TIMEOUT_MS);
  bc_resolver_cancel(call);
  call = world_begin_name("192.0.2.7", WORLD_TIMEOUT_MS); /* found already, not told yet */
  bc_resolver_cancel(call);
  world.awaited = 0;
  world_look_up("loop.test", WORLD_TIMEOUT_MS);
  assert_int_equal(world.found.count, 2);
  assert_int_equal(world.awaited, 0);
}

static void the_resolver_may_be_freed_in_a_callback(void **state) {
  (void)state;
  struct bc_resolver_query query = world_query("loop.test", dnsmasq_port);
  for (int i = 0; i < 3; i++) {
    (void)world_begin_name("both.test", WORLD_TIMEOUT_MS);
    (void)world_begin_query(&query);
  }
  world.frees_in_callback = true;
  bc_loop_run(world.loop);
  assert_null(world.resolver);
}

static void a_reload_takes_the_new_servers_and_lets_old_names_end(void **state) {
  (void)state;
  struct bc_fault fault;
  world_write(resolv_conf, "nameserver 127.0.0.77\n");
  assert_int_equal(bc_resolver_reload(world.resolver, &fault), BC_ERR_OK);
  world_assert_not_found("loop.test", BC_ERR_TIMEOUT, "loop.test: no DNS server answered");
  (void)world_begin_name("loop.test", WORLD_TIMEOUT_MS);
  world_write(resolv_conf, "nameserver 127.0.0.1\n");
  assert_int_equal(bc_resolver_reload(world.resolver, &fault), BC_ERR_OK);
  bc_loop_run(world.loop);
  assert_int_equal(world.found.err, BC_ERR_TIMEOUT);
  world_look_up("loop.test", WORLD_TIMEOUT_MS);
  assert_int_equal(world.found.err, BC_ERR_OK);
}

static void the_first_server_is_that_of_resolv_conf(void **state) {
  (void)state;
  struct bc_resolver_address server;
  uint16_t port;
  struct bc_fault fault;
  bc_resolver_first_server(world.resolver, &server, &port);
  assert_false(server.is_ipv6);
  assert_memory_equal(server.bytes, "\177\0\0\1\0", 5);
  assert_int_equal(port, dnsmasq_port);
  world_write(resolv_conf, "nameserver 2001:db8::53\nnameserver 192.0.2.53\n");
  assert_int_equal(bc_resolver_reload(world.resolver, &fault), BC_ERR_OK);
  bc_resolver_first_server(world.resolver, &server, &port);
  assert_true(server.is_ipv6);
  assert_memory_equal(server.bytes, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\x53", 16);
  world_write(resolv_conf, "# nobody\n");
  bc_resolver_free(world.resolver);
  world_open(0);
  bc_resolver_first_server(world.resolver, &server, &port);
  assert_memory_equal(server.bytes, "\177\0\0\1", 4);
  assert_int_equal(port, 53);
}

/* ---- single queries ---- */

static struct bc_dns_message message;

static void assert_answer(void) {
  struct bc_fault fault = {0};
  assert_string_equal(world.answer.fault.text, "");
  assert_int_equal(world.answer.err, BC_ERR_OK);
  assert_true(world.answer.rtt_us > 0 && world.answer.rtt_us < 1000000 * 10);
  assert_int_equal(bc_dns_open(&message, world.answer.bytes, &fault), BC_ERR_OK);
}

static void assert_failed(enum bc_err err, const char *end) {
  const char *text = world.answer.fault.text;
  assert_int_equal(world.answer.err, err);
  assert_memory_equal(text, "127.0.0.1 port ", 15);
  assert_non_null(strstr(text, end));
  assert_string_equal(strstr(text, end), end);
}

static void a_query_is_answered_by_udp_and_by_tcp(void **state) {
  (void)state;
  struct bc_resolver_query query = world_query("loop.test", dnsmasq_port);
  for (int i = 0; i < 2; i++) {
    query.uses_tcp = i == 1;
    world_ask(&query);
    assert_answer();
    assert_string_equal(message.name, "loop.test");
    assert_int_equal(message.counts[BC_DNS_ANSWER], 1);
    assert_int_equal(message.rcode, 0);
  }
  query.name = bc_str_of("nosuch.test");
  world_ask(&query);
  assert_answer();
  assert_int_equal(message.rcode, 3);
}

static void a_long_answer_is_whole_by_edns_or_tcp(void **state) {
  (void)state;
  struct bc_resolver_query query = world_query("big.test", dnsmasq_port);
  query.type = 16;
  world_ask(&query);
  assert_answer();
  assert_true(message.is_truncated && !message.has_edns);
  query.edns_bytes = 4096;
  world_ask(&query);
  assert_answer();
  assert_true(!message.is_truncated && message.has_edns && world.answer.bytes.len > 600);
  query.edns_bytes = 0;
  query.uses_tcp = true;
  world_ask(&query);
  assert_answer();
  assert_true(!message.is_truncated && world.answer.bytes.len > 600);
}

static void a_port_that_nobody_listens_at_is_told_at_once(void **state) {
  (void)state;
  struct bc_resolver_query query = world_query("loop.test", 0);
  int fd = world_bind(SOCK_STREAM, &query.port);
  (void)close(fd);
  for (int i = 0; i < 2; i++) {
    struct bc_mono before = bc_mono_now();
    query.uses_tcp = i == 1;
    world_ask(&query);
    assert_failed(BC_ERR_IO, ": connection refused");
    assert_true(bc_mono_ms_between(before, bc_mono_now()) < WORLD_TIMEOUT_MS / 2);
  }
}

static void a_name_that_cannot_be_asked_for_is_told(void **state) {
  (void)state;
  struct bc_resolver_query query = world_query("a..b", dnsmasq_port);
  world_ask(&query);
  assert_failed(BC_ERR_SYNTAX, ": this name cannot be asked for");
  query.name = (struct bc_str){.at = "loop.test\0", .len = 10};
  world_ask(&query);
  assert_int_equal(world.answer.err, BC_ERR_SYNTAX);
  query.name = bc_str_of(".");
  world_ask(&query);
  assert_answer();
}

/* A server on the same loop that hands each query to `reply`. */
static struct server {
  int fd;
  struct bc_watch *watch;
  char query[512];
  size_t len;
  void (*reply)(const struct sockaddr_in *to);
} server;

static void server_on_read(void *arg, int fd, int events) {
  (void)arg;
  (void)events;
  struct sockaddr_in from;
  socklen_t len = sizeof from;
  ssize_t got = recvfrom(fd, server.query, sizeof server.query, 0, (struct sockaddr *)&from, &len);
  assert_true(got > 0);
  server.len = (size_t)got;
  if (server.reply != NULL) {
    server.reply(&from);
  }
}

static void server_start(uint16_t *port, void (*reply)(const struct sockaddr_in *to)) {
  server.fd = world_bind(SOCK_DGRAM, port);
  server.reply = reply;
  server.watch = bc_watch_new(world.loop, server.fd, server_on_read, NULL);
  bc_watch_set(server.watch, BC_WATCH_READ);
}

static void server_stop(void) {
  if (server.watch != NULL) {
    bc_watch_free(server.watch);
    (void)close(server.fd);
    server.watch = NULL;
  }
}

static void server_send(const struct sockaddr_in *to, size_t len) {
  (void)sendto(server.fd, server.query, len, 0, (const struct sockaddr *)to, sizeof *to);
}

static void server_reply_falsely(const struct sockaddr_in *to) {
  server_send(to, server.len); /* no answer */
  server.query[2] = (char)(server.query[2] | 0x80);
  server.query[0] ^= 1; /* another id */
  server_send(to, server.len);
  server.query[0] ^= 1;
  server.query[13] ^= 1; /* another name */
  server_send(to, server.len);
  server.query[13] ^= 1;
  server_send(to, 11); /* cut */
}

static void server_reply_at_last(const struct sockaddr_in *to) {
  server_reply_falsely(to);
  server.query[3] = 5;
  server_send(to, server.len);
}

static void only_the_answer_to_this_query_is_taken(void **state) {
  (void)state;
  struct bc_resolver_query query = world_query("loop.test", 0);
  server_start(&query.port, server_reply_at_last);
  world_ask(&query);
  assert_answer();
  assert_int_equal(message.rcode, 5);
  server.reply = server_reply_falsely;
  query.timeout_ms = 200;
  world_ask(&query);
  assert_failed(BC_ERR_TIMEOUT, ": no answer in time");
}

static void what_was_wished_stands_in_the_query(void **state) {
  (void)state;
  struct bc_resolver_query query = world_query("Id.server", 0);
  struct bc_fault fault = {0};
  server_start(&query.port, NULL);
  query.timeout_ms = 100;
  query.type = 16;
  query.dns_class = 3;
  query.edns_bytes = 1400;
  query.wants_recursion = false;
  world_ask(&query);
  assert_int_equal(bc_dns_open(&message, (struct bc_str){.at = server.query, .len = server.len}, &fault), BC_ERR_OK);
  assert_string_equal(message.name, "Id.server");
  assert_int_equal(message.type, 16);
  assert_int_equal(message.dns_class, 3);
  assert_true(message.has_edns && !message.is_recursion_desired && !message.is_answer);
  assert_int_equal(message.edns_bytes, 1400);
  uint16_t first_id = message.id;
  query.wants_recursion = true;
  query.edns_bytes = 0;
  world_ask(&query);
  assert_int_equal(bc_dns_open(&message, (struct bc_str){.at = server.query, .len = server.len}, &fault), BC_ERR_OK);
  assert_true(message.is_recursion_desired && !message.has_edns);
  for (int i = 0; i < 3 && message.id == first_id; i++) {
    world_ask(&query);
    assert_int_equal(bc_dns_open(&message, (struct bc_str){.at = server.query, .len = server.len}, &fault), BC_ERR_OK);
  }
  assert_int_not_equal(message.id, first_id);
}

static void queries_at_once_are_bounded_and_cancelled_ones_make_room(void **state) {
  (void)state;
  struct bc_resolver_call *calls[BC_LIMIT_DNS_QUERIES];
  struct bc_resolver_query query = world_query("loop.test", 0);
  server_start(&query.port, NULL);
  bc_watch_set(server.watch, 0);
  for (size_t i = 0; i < BC_LIMIT_DNS_QUERIES; i++) {
    calls[i] = world_begin_query(&query);
  }
  world.awaited = 0;
  world_ask(&query);
  assert_failed(BC_ERR_LIMIT, ": too many DNS queries are under way");
  for (size_t i = 0; i < BC_LIMIT_DNS_QUERIES; i++) {
    bc_resolver_cancel(calls[i]);
  }
  query.port = dnsmasq_port;
  world_ask(&query);
  assert_answer();
}

/* ---- a TCP server: reads the query, then does what `script` says ---- */

static struct stream {
  int listener, fd;
  struct bc_watch *accept_watch, *watch;
  struct bc_timer *timer;
  char bytes[512]; /* the query with its length, then the answer */
  size_t len, sent, most;
} stream;

static void stream_on_turn(void *arg) {
  (void)arg;
  if (stream.sent == stream.most) {
    (void)close(stream.fd);
    stream.fd = -1;
    return;
  }
  assert_int_equal(send(stream.fd, stream.bytes + stream.sent, 1, MSG_NOSIGNAL), 1);
  stream.sent++;
  bc_timer_start(stream.timer, 0);
}

static void stream_on_read(void *arg, int fd, int events) {
  (void)arg;
  (void)events;
  ssize_t got = recv(fd, stream.bytes + stream.len, sizeof stream.bytes - stream.len, 0);
  assert_true(got > 0);
  stream.len += (size_t)got;
  if (stream.len >= 2 && stream.len == 2 + (size_t)(unsigned char)stream.bytes[1]) {
    stream.bytes[4] = (char)(stream.bytes[4] | 0x80);
    bc_watch_free(stream.watch);
    stream.watch = NULL;
    bc_timer_start(stream.timer, 0);
  }
}

static void stream_on_accept(void *arg, int fd, int events) {
  (void)arg;
  (void)events;
  stream.fd = accept(fd, NULL, NULL);
  assert_true(stream.fd >= 0);
  stream.len = 0;
  stream.sent = 0;
  stream.watch = bc_watch_new(world.loop, stream.fd, stream_on_read, NULL);
  bc_watch_set(stream.watch, BC_WATCH_READ);
}

static void by_tcp_the_answer_comes_in_pieces_and_must_be_whole(void **state) {
  (void)state;
  struct bc_resolver_query query = world_query("loop.test", 0);
  query.uses_tcp = true;
  stream = (struct stream){.fd = -1, .most = 29};
  stream.listener = world_bind(SOCK_STREAM, &query.port);
  assert_int_equal(listen(stream.listener, 4), 0);
  stream.timer = bc_timer_new(world.loop, stream_on_turn, NULL);
  stream.accept_watch = bc_watch_new(world.loop, stream.listener, stream_on_accept, NULL);
  bc_watch_set(stream.accept_watch, BC_WATCH_READ);
  world_ask(&query);
  assert_answer();
  assert_int_equal(world.answer.bytes.len, 27);
  static const size_t cuts[] = {0, 1, 2, 28};
  for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
    stream.most = cuts[i];
    world_ask(&query);
    assert_failed(BC_ERR_CLOSED, ": closed before the answer was whole");
  }
}

/* Also after a test that failed: the loop ends only without watches. */
static int stop(void **state) {
  server_stop();
  bc_watch_free(stream.accept_watch);
  bc_watch_free(stream.watch);
  bc_timer_free(stream.timer);
  if (stream.accept_watch != NULL) {
    (void)close(stream.listener);
  }
  if (stream.accept_watch != NULL && stream.fd >= 0) {
    (void)close(stream.fd);
  }
  stream = (struct stream){0};
  return world_stop(state);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, stop)
  static const struct CMUnitTest tests[] = {
      TEST(a_name_has_its_addresses_of_both_families_ipv6_first),
      TEST(a_family_without_a_route_comes_last),
      TEST(the_hosts_file_is_asked_first),
      TEST(without_its_hosts_file_no_name_is_said_not_to_be),
      TEST(for_want_of_descriptors_no_server_is_blamed),
      TEST(an_address_is_a_name_of_its_own),
      TEST(negative_answers_are_told_apart),
      TEST(what_cannot_be_a_name_is_not_asked_for),
      TEST(a_silent_server_costs_the_caller_its_timeout_only),
      TEST(servers_that_nobody_runs_are_told),
      TEST(names_at_once_are_bounded_and_those_given_up_make_room),
      TEST(a_cancelled_name_is_not_called_back),
      TEST(the_resolver_may_be_freed_in_a_callback),
      TEST(a_reload_takes_the_new_servers_and_lets_old_names_end),
      TEST(the_first_server_is_that_of_resolv_conf),
      TEST(a_query_is_answered_by_udp_and_by_tcp),
      TEST(a_long_answer_is_whole_by_edns_or_tcp),
      TEST(a_port_that_nobody_listens_at_is_told_at_once),
      TEST(a_name_that_cannot_be_asked_for_is_told),
      TEST(only_the_answer_to_this_query_is_taken),
      TEST(what_was_wished_stands_in_the_query),
      TEST(queries_at_once_are_bounded_and_cancelled_ones_make_room),
      TEST(by_tcp_the_answer_comes_in_pieces_and_must_be_whole),
  };
  return cmocka_run_group_tests(tests, world_start_dnsmasq, world_stop_dnsmasq);
}
