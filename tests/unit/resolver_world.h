/* A resolver on a loop with a dnsmasq that it asks, and a server whose answers a test makes. */
#ifndef BC_TESTS_RESOLVER_WORLD_H
#define BC_TESTS_RESOLVER_WORLD_H

#include "base/mem.h"
#include "io/resolver.h"
#include "proto/dns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORLD_GUARD_MS = 20000, WORLD_TIMEOUT_MS = 10000, WORLD_CALLS = 600 };

struct world {
  struct bc_loop *loop;
  struct bc_resolver *resolver;
  struct bc_timer *guard;
  unsigned awaited; /* callbacks */
  bool frees_in_callback;
  bool is_starting; /* inside a call of the resolver */
  struct bc_resolver_found found;
  struct bc_resolver_answer answer;
  char bytes[BC_DNS_MESSAGE_BYTES];
};

static struct world world;
static pid_t dnsmasq;
static uint16_t dnsmasq_port;
static char folder[] = "/tmp/bc-resolver-XXXXXX";
static char resolv_conf[64];

static inline void world_write(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

/* A socket on a port of 127.0.0.1 that the kernel picks. */
static inline int world_bind(int type, uint16_t *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
  *port = ntohs(address.sin_port);
  return fd;
}

static inline void world_on_guard(void *arg) {
  (void)arg;
  fail_msg("nothing came");
}

static inline void world_count_down(void) {
  assert_false(world.is_starting);
  assert_true(world.awaited > 0);
  world.awaited--;
  if (world.frees_in_callback) {
    bc_resolver_free(world.resolver);
    world.resolver = NULL;
    world.awaited = 0;
  }
  if (world.awaited == 0) {
    bc_loop_stop(world.loop);
  }
}

static inline void world_on_found(void *arg, const struct bc_resolver_found *found) {
  (void)arg;
  world.found = *found;
  world_count_down();
}

static inline void world_on_answer(void *arg, const struct bc_resolver_answer *answer) {
  (void)arg;
  world.answer = *answer;
  if (answer->err == BC_ERR_OK) {
    memcpy(world.bytes, answer->bytes.at, answer->bytes.len);
    world.answer.bytes.at = world.bytes;
  }
  world_count_down();
}

static inline void world_open(uint16_t port) {
  struct bc_resolver_options options = {.resolv_conf = resolv_conf, .port = port, .has_own_hosts = true};
  struct bc_fault fault;
  world.resolver = bc_resolver_new(world.loop, &options, &fault);
  assert_non_null(world.resolver);
}

static inline int world_start(void **state) {
  (void)state;
  world = (struct world){0};
  world_write(resolv_conf, "nameserver 127.0.0.1\n");
  world.loop = bc_loop_new();
  world.guard = bc_timer_new(world.loop, world_on_guard, NULL);
  bc_timer_start(world.guard, WORLD_GUARD_MS);
  world_open(dnsmasq_port);
  return 0;
}

static inline int world_stop(void **state) {
  (void)state;
  bc_resolver_free(world.resolver);
  bc_timer_free(world.guard);
  bc_loop_free(world.loop);
  return 0;
}

static inline struct bc_resolver_call *world_begin_name(const char *name, int64_t timeout_ms) {
  world.awaited++;
  world.is_starting = true;
  struct bc_resolver_call *call =
      bc_resolver_look_up(world.resolver, bc_str_of(name), timeout_ms, world_on_found, NULL);
  world.is_starting = false;
  return call;
}

static inline void world_look_up(const char *name, int64_t timeout_ms) {
  (void)world_begin_name(name, timeout_ms);
  bc_loop_run(world.loop);
}

static inline void world_assert_not_found(const char *name, enum bc_err err, const char *text) {
  world_look_up(name, WORLD_TIMEOUT_MS);
  assert_string_equal(world.found.fault.text, text);
  assert_int_equal(world.found.err, err);
  assert_int_equal(world.found.count, 0);
}

static inline void world_assert_address(size_t index, const char *wanted) {
  char text[INET6_ADDRSTRLEN] = "";
  const struct bc_resolver_address *address = &world.found.addresses[index];
  assert_string_equal(world.found.fault.text, "");
  assert_int_equal(world.found.err, BC_ERR_OK);
  assert_true(index < world.found.count);
  (void)inet_ntop(address->is_ipv6 ? AF_INET6 : AF_INET, address->bytes, text, sizeof text);
  assert_string_equal(text, wanted);
}

/* For A of `name` at 127.0.0.1. */
static inline struct bc_resolver_query world_query(const char *name, uint16_t port) {
  return (struct bc_resolver_query){.name = bc_str_of(name),
                                    .type = 1,
                                    .dns_class = 1,
                                    .wants_recursion = true,
                                    .server = {.bytes = {127, 0, 0, 1}},
                                    .port = port,
                                    .timeout_ms = WORLD_TIMEOUT_MS,
                                    .fn = world_on_answer};
}

static inline struct bc_resolver_call *world_begin_query(const struct bc_resolver_query *query) {
  world.awaited++;
  world.is_starting = true;
  struct bc_resolver_call *call = bc_resolver_ask(world.resolver, query);
  world.is_starting = false;
  return call;
}

static inline void world_ask(const struct bc_resolver_query *query) {
  (void)world_begin_query(query);
  bc_loop_run(world.loop);
}

/* Until it says that it has started; what it says later is in the pipe, which is large enough. False: it ended. */
static inline bool world_spawn_dnsmasq(const char *const argv[]) {
  static int said[2] = {-1, -1};
  char line[512];
  posix_spawn_file_actions_t actions;
  if (said[0] >= 0) {
    (void)close(said[0]);
  }
  assert_int_equal(pipe2(said, O_CLOEXEC), 0);
  (void)posix_spawn_file_actions_init(&actions);
  (void)posix_spawn_file_actions_adddup2(&actions, said[1], STDERR_FILENO);
  assert_int_equal(posix_spawnp(&dnsmasq, "setpriv", &actions, NULL, (char *const *)(uintptr_t)argv, environ), 0);
  (void)posix_spawn_file_actions_destroy(&actions);
  (void)close(said[1]);
  FILE *stream = fdopen(dup(said[0]), "r");
  assert_non_null(stream);
  bool is_there = true;
  do {
    is_there = fgets(line, sizeof line, stream) != NULL;
  } while (is_there && strstr(line, "started, version") == NULL);
  (void)fclose(stream);
  return is_there;
}

static inline int world_start_dnsmasq(void **state) {
  (void)state;
  static char port[32];
  char path[4096];
  char hosts[64];
  extern char **environ;
  static const char *const records[] = {
      "--host-record=both.test,192.0.2.2,2001:db8::2",
      "--host-record=loop.test,127.0.0.1,::1",
      "--host-record=far.test,127.0.0.1,fe80::1",
      "--cname=alias.test,loop.test",
      "--mx-host=mail.test,mx.mail.test,10",
      "--txt-record=big.test,"
      "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
      "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789,"
      "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
      "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789,"
      "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
      "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"};
  /* It ends with us, however we end. */
  static const char *const fixed[] = {"setpriv",
                                      "--pdeathsig",
                                      "TERM",
                                      "dnsmasq",
                                      "--keep-in-foreground",
                                      "--no-resolv",
                                      "--no-hosts",
                                      "--conf-file=/dev/null",
                                      "--pid-file=",
                                      "--user=",
                                      "--group=root",
                                      port,
                                      "--bind-interfaces",
                                      "--listen-address=127.0.0.1",
                                      "--local=/test/",
                                      "--log-facility=-"};
  enum { FIXED = sizeof fixed / sizeof fixed[0], RECORDS = sizeof records / sizeof records[0] };
  const char *argv[FIXED + RECORDS + 1] = {NULL};
  assert_non_null(mkdtemp(folder));
  (void)snprintf(resolv_conf, sizeof resolv_conf, "%s/resolv.conf", folder);
  (void)snprintf(hosts, sizeof hosts, "%s/hosts", folder);
  world_write(hosts, "192.0.2.9 hosted.example\n2001:db8::9 hosted.example\n");
  assert_int_equal(setenv("CARES_HOSTS", hosts, 1), 0);
  (void)snprintf(path, sizeof path, "%s:/usr/sbin:/sbin", getenv("PATH") == NULL ? "/usr/bin:/bin" : getenv("PATH"));
  assert_int_equal(setenv("PATH", path, 1), 0);
  memcpy((void *)argv, (const void *)fixed, sizeof fixed);
  memcpy((void *)(argv + FIXED), (const void *)records, sizeof records);
  /* Somebody else's connection may have got the port that was free. */
  bool is_there = false;
  for (int tries = 0; !is_there && tries < 20; tries++) {
    int fd = world_bind(SOCK_DGRAM, &dnsmasq_port);
    (void)close(fd);
    (void)snprintf(port, sizeof port, "--port=%u", dnsmasq_port);
    is_there = world_spawn_dnsmasq(argv);
  }
  assert_true(is_there);
  (void)world_start(NULL);
  struct bc_resolver_query query = world_query("loop.test", dnsmasq_port);
  world_ask(&query);
  assert_int_equal(world.answer.err, BC_ERR_OK);
  return world_stop(NULL);
}

static inline int world_stop_dnsmasq(void **state) {
  (void)state;
  char path[64];
  (void)kill(dnsmasq, SIGTERM);
  (void)waitpid(dnsmasq, NULL, 0);
  (void)unlink(resolv_conf);
  (void)snprintf(path, sizeof path, "%s/hosts", folder);
  (void)unlink(path);
  return rmdir(folder);
}

#endif
