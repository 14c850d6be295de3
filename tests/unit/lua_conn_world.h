/* The modules `tcp` and `tls` in the sandbox, against real servers. */
#ifndef BC_TESTS_LUA_CONN_WORLD_H
#define BC_TESTS_LUA_CONN_WORLD_H

#include "base/mem.h"
#include "lua_world.h"
#include "tls_peer.h"

#include <stdio.h>
#include <unistd.h>

static struct lua_world *world;
static struct tls_peer peer;
static struct tls_cert good;  /* of itself, for 127.0.0.1 and name.test */
static struct tls_cert other; /* of itself, for nobody we ask */
static char good_json[2 * TLS_PEER_PEM_BYTES];
static char key_json[2 * TLS_PEER_PEM_BYTES];
static char port_json[16];
static char hosts[] = "/tmp/bc-conn-XXXXXX";

/* ---- servers ---- */

static inline void put(int fd, const char *text) {
  (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* A greeting, then what comes comes back. */
static inline void before_echo(int fd) {
  char bytes[16384];
  put(fd, "220 mx.example ready\r\n");
  for (;;) {
    ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    if (got <= 0 || send(fd, bytes, (size_t)got, MSG_NOSIGNAL) != got) {
      return;
    }
  }
}

static inline void serve(void (*before)(int fd)) {
  tls_peer_stop(&peer);
  peer = tls_peer_start(&(struct tls_peer_wish){.before = before});
}

/* A port of ours where nobody takes what came. */
static inline int listen_at_port(int backlog) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(listener, backlog), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
  tls_peer_stop(&peer);
  peer.port = ntohs(address.sin_port);
  return listener;
}

/* ---- scripts ---- */

static inline void load(const char *script, bool is_gc_hard) {
  const char *const globals[] = {"port", port_json, "pem", good_json, "key", key_json, NULL};
  (void)snprintf(port_json, sizeof port_json, "%u", peer.port);
  lua_world_load(world, (struct bc_sandbox_options){.is_gc_hard = is_gc_hard}, script, globals);
}

static inline void up_once(const char *script, bool is_gc_hard) {
  load(script, is_gc_hard);
  const struct bc_sandbox_outcome *outcome = lua_world_run(world);
  if (outcome->end != BC_SANDBOX_DONE || outcome->word != BC_SANDBOX_UP) {
    fail_msg("%s\n  expected up, found %s \"%s\" \"%s\"", script, bc_sandbox_end_text(outcome->end), outcome->error,
             outcome->reason);
  }
}

/* The script says up; also when garbage is collected whenever it could be. */
static inline void up(const char *script) {
  up_once(script, false);
  up_once(script, true);
}

/* The script raises `text`, and no I/O has failed. */
static inline void raises(const char *script, const char *text) {
  load(script, false);
  const struct bc_sandbox_outcome *outcome = lua_world_run(world);
  if (outcome->end != BC_SANDBOX_ERROR || strstr(outcome->error, text) == NULL) {
    fail_msg("%s\n  expected an error with \"%s\", found %s \"%s\"", script, text, bc_sandbox_end_text(outcome->end),
             outcome->error);
  }
  assert_false(outcome->had_io_failure);
}

/* `expression`, where `c` is a connection by tcp, gives nil, a text that ends with `text` behind the place, and `code`.
 */
static inline void fails(const char *expression, const char *text, const char *code) {
  char script[2048];
  (void)snprintf(script, sizeof script,
                 "%slocal r, text, code = %s\n"
                 "local place = '127.0.0.1 port ' .. port .. ': '\n"
                 "return r == nil and text == place .. [==[%s]==] and code == '%s', tostring(text) .. ' ' .. "
                 "tostring(code)",
                 strstr(expression, "c:") == NULL ? "" : "local c = tcp.connect('127.0.0.1', port)\n", expression, text,
                 code);
  up_once(script, false);
  assert_true(bc_sandbox_run_outcome(world->run)->had_io_failure);
  up_once(script, true);
}

/* ---- the world ---- */

static inline void print_json(const char *text, char *to, size_t size) {
  size_t len = 0;
  to[len++] = '"';
  for (const char *at = text; *at != '\0' && len + 4 < size; at++) {
    if (*at == '\n') {
      to[len++] = '\\';
    }
    to[len++] = (char)(*at == '\n' ? 'n' : *at);
  }
  to[len++] = '"';
  to[len] = '\0';
}

static inline int make_certs(void **state) {
  static const char text[] = "127.0.0.2 two.test\n127.0.0.1 two.test\n127.0.0.2 dead.test\n127.0.0.1 name.test\n"
                             "169.254.1.1 linked.test\n127.0.0.1 linked.test\n169.254.1.1 onlylinked.test\n";
  (void)state;
  tls_cert_make(&good, &(struct tls_cert_wish){.name = "good", .names = "IP:127.0.0.1,DNS:name.test"});
  tls_cert_make(&other, &(struct tls_cert_wish){.name = "other", .names = "IP:127.0.0.1"});
  print_json(good.pem, good_json, sizeof good_json);
  print_json(good.key_pem, key_json, sizeof key_json);
  return lua_world_write_hosts(hosts, text);
}

static inline int free_certs(void **state) {
  (void)state;
  tls_cert_free(&good);
  tls_cert_free(&other);
  return unlink(hosts);
}

static inline int open_world(void **state) {
  (void)state;
  world = bc_mem_new(1, sizeof *world);
  lua_world_open(world);
  lua_world_ask_hosts_only(world);
  return 0;
}

static inline int close_world(void **state) {
  (void)state;
  lua_world_close(world);
  free(world);
  tls_peer_stop(&peer);
  return 0;
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

#endif
