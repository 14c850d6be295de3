/* Requests of io/web.h on a loop, to servers of web_server.h. */
#ifndef BC_TESTS_WEB_WORLD_H
#define BC_TESTS_WEB_WORLD_H

#include "base/limits.h"
#include "base/mem.h"
#include "io/web.h"
#include "web_server.h"

#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { AT_ONCE = 65 };

static struct world {
  struct bc_loop *loop;
  struct bc_tls *tls;
  struct bc_web *web;
  struct bc_timer *guard;
  struct web_server *server;
  struct bc_web_answer *answers[AT_ONCE];
  unsigned done;
  unsigned wanted;
  bool free_in_done;
} world;

/* libcurl's own resolver must never be asked: here is where it would ask. */
static unsigned resolved;
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res) {
  (void)node;
  (void)service;
  (void)hints;
  *res = NULL;
  resolved++;
  return EAI_FAIL;
}

static inline void on_guard(void *arg) {
  (void)arg;
  fail_msg("nothing happened for 20 s");
}

static inline void on_done(void *arg, struct bc_web_answer *answer) {
  (void)arg;
  world.answers[world.done++] = answer;
  if (world.free_in_done) {
    bc_web_free(world.web);
    world.web = NULL;
  }
  if (world.done == world.wanted) {
    bc_loop_stop(world.loop);
  }
}

static inline int setup(void **state) {
  (void)state;
  memset(&world, 0, sizeof world);
  resolved = 0;
  (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
  (void)setenv("https_proxy", "http://127.0.0.1:1", 1);
  (void)setenv("all_proxy", "http://127.0.0.1:1", 1);
  world.loop = bc_loop_new();
  world.tls = bc_tls_new("/nonexistent");
  world.web = bc_web_new(world.loop, world.tls);
  world.guard = bc_timer_new(world.loop, on_guard, NULL);
  bc_timer_start(world.guard, 20000);
  return 0;
}

static inline int teardown(void **state) {
  (void)state;
  for (unsigned i = 0; i < world.done; i++) {
    bc_web_answer_free(world.answers[i]);
  }
  bc_web_free(world.web);
  bc_tls_free(world.tls);
  web_server_free(world.server);
  bc_timer_free(world.guard);
  bc_loop_free(world.loop);
  return 0;
}

static inline void serve(const struct web_reply *replies) {
  world.server = web_server_new("127.0.0.1", 0, replies, NULL);
}

static inline struct bc_resolver_address loopback(uint8_t last) {
  return (struct bc_resolver_address){.bytes = {127, 0, 0, last}};
}

static inline struct bc_web_request request_of(const struct bc_web_url *url) {
  return (struct bc_web_request){.url = url,
                                 .address = loopback(1),
                                 .port = world.server == NULL ? url->port : world.server->port,
                                 .method = "GET",
                                 .max_body = 65536,
                                 .fn = on_done};
}

static inline void parse(const char *text, struct bc_web_url *url) {
  struct bc_fault fault = {0};
  if (bc_web_url_parse(bc_str_of(text), url, &fault) != BC_ERR_OK) {
    fail_msg("%s: %s", text, fault.text);
  }
}

/* Starts it and waits for its end. */
static inline const struct bc_web_answer *await(const struct bc_web_request *request) {
  world.wanted = world.done + 1;
  (void)bc_web_start(world.web, request);
  assert_int_equal(world.done, world.wanted - 1);
  bc_loop_run(world.loop);
  return world.answers[world.done - 1];
}

static inline const struct bc_web_answer *get(const char *text) {
  struct bc_web_url url;
  parse(text, &url);
  struct bc_web_request request = request_of(&url);
  const struct bc_web_answer *answer = await(&request);
  bc_web_url_free(&url);
  return answer;
}

static inline const char *header(const struct bc_web_answer *answer, const char *name) {
  const char *at = answer->headers.data;
  while (at < answer->headers.data + answer->headers.len) {
    const char *value = at + strlen(at) + 1;
    if (strcmp(at, name) == 0) {
      return value;
    }
    at = value + strlen(value) + 1;
  }
  return NULL;
}

static inline void assert_failed(const struct bc_web_answer *answer, enum bc_stream_error error, const char *text) {
  char expected[256];
  (void)snprintf(expected, sizeof expected, "127.0.0.1 port %u: %s", world.server->port, text);
  assert_string_equal(answer->fault.text, expected);
  assert_int_equal(answer->error, error);
}

#endif
