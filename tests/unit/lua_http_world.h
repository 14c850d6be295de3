/* Scripts that ask web servers: names are in a hosts file that tests write, 127.0.0.66 is denied. */
#ifndef BC_TESTS_LUA_HTTP_WORLD_H
#define BC_TESTS_LUA_HTTP_WORLD_H

#include "base/mem.h"
#include "lua_world.h"
#include "web_server.h"

#include <fcntl.h>
#include <stdio.h>

static struct http_world {
  struct lua_world lua;
  char hosts[32];
  struct web_server *server; /* 127.0.0.1 */
  struct web_server *other;  /* another server, at 127.0.0.2 or with TLS at 127.0.0.1; may be NULL */
  struct web_server *denied; /* at 127.0.0.66 and the port of `server` */
  char globals[3][32];
  char *ca; /* as JSON */
} http;

/* "ADDRESS NAME" lines; may be called by a server's thread. */
static inline void http_write_hosts(const char *lines) {
  char changed[64];
  (void)snprintf(changed, sizeof changed, "%s.new", http.hosts);
  int fd = open(changed, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, lines, strlen(lines)) != (ssize_t)strlen(lines) || rename(changed, http.hosts) != 0) {
    abort();
  }
  (void)close(fd);
}

static inline int http_setup(void **state) {
  struct bc_fault fault;
  memset(&http, 0, sizeof http);
  *state = &http.lua;
  (void)snprintf(http.hosts, sizeof http.hosts, "/tmp/bc-lua-http-XXXXXX");
  int fd = mkstemp(http.hosts);
  assert_true(fd >= 0);
  (void)close(fd);
  http_write_hosts("127.0.0.1 www.test\n127.0.0.2 other.test\n127.0.0.66 denied.test\n"
                   "127.0.0.99 many.test\n127.0.0.1 many.test\n");
  assert_int_equal(setenv("CARES_HOSTS", http.hosts, 1), 0);
  assert_int_equal(setenv("SSL_CERT_FILE", "/nonexistent", 1), 0);
  lua_world_open(&http.lua);
  lua_world_ask_hosts_only(&http.lua);
  assert_int_equal(bc_egress_add(http.lua.io->egress, BC_EGRESS_DENY, bc_str_of("127.0.0.66"), &fault), BC_ERR_OK);
  return 0;
}

static inline int http_teardown(void **state) {
  (void)state;
  lua_world_close(&http.lua);
  web_server_free(http.server);
  web_server_free(http.other);
  web_server_free(http.denied);
  free(http.ca);
  return unlink(http.hosts);
}

static inline void http_serve(const struct web_reply *replies) {
  http.server = web_server_new("127.0.0.1", 0, replies, NULL);
}

/* With `port`, `other` (its port) and `ca` (PEM) as globals. */
static inline void http_load(struct bc_sandbox_options options, const char *script) {
  const char *globals[7] = {NULL};
  size_t at = 0;
  const struct {
    const char *name;
    const struct web_server *server;
  } ports[] = {{"port", http.server}, {"other", http.other}};
  for (size_t i = 0; i < 2; i++) {
    if (ports[i].server != NULL) {
      (void)snprintf(http.globals[i], sizeof http.globals[i], "%u", ports[i].server->port);
      globals[at++] = ports[i].name;
      globals[at++] = http.globals[i];
    }
  }
  if (http.ca != NULL) {
    globals[at++] = "ca";
    globals[at++] = http.ca;
  }
  lua_world_load(&http.lua, options, script, globals);
}

/* What all scripts of these tests begin with. */
#define HTTP_PRELUDE                                                                                                   \
  "local function url(path, host) return 'http://' .. (host or 'www.test') .. ':' .. port .. path end\n"               \
  "local function fails(expected_text, expected_code, r, text, code)\n"                                                \
  "  if r then error('it did not fail: ' .. r.status) end\n"                                                           \
  "  if code ~= expected_code or text ~= expected_text then error(text .. ' ' .. code) end\n"                          \
  "  return true\n"                                                                                                    \
  "end\n"                                                                                                              \
  "local function place(at, p) return (at or '127.0.0.1') .. ' port ' .. (p or port) end\n"

/* The script ends well and says up. */
static inline void http_expect(const char *script) {
  struct bc_buf text;
  bc_buf_init(&text, 100000);
  bc_buf_add_format(&text, "%s%s", HTTP_PRELUDE, script);
  http_load((struct bc_sandbox_options){0}, text.data);
  const struct bc_sandbox_outcome *outcome = lua_world_run(&http.lua);
  if (outcome->end != BC_SANDBOX_DONE || outcome->word != BC_SANDBOX_UP) {
    fail_msg("%s\n  expected up, found %s \"%s\" \"%s\"", script, bc_sandbox_end_text(outcome->end), outcome->error,
             outcome->reason);
  }
  bc_buf_free(&text);
}

static inline void http_expect_counts(unsigned connections, unsigned requests) {
  assert_int_equal(atomic_load(&http.server->connections), connections);
  assert_int_equal(atomic_load(&http.server->requests), requests);
}

#endif
