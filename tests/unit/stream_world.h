/* A stream on a loop, and the socket at its other end, held by the test itself. */
#ifndef BC_TESTS_STREAM_WORLD_H
#define BC_TESTS_STREAM_WORLD_H

#include "base/limits.h"
#include "base/mem.h"
#include "io/stream.h"
#include "io/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORLD_HANG_MS = 20000 };

struct world {
  struct bc_loop *loop;
  struct bc_timer *hang;
  struct bc_stream *stream;
  int listener;
  uint16_t port;
  int peer;           /* -1: none */
  bool is_calling;    /* inside a call of the stream */
  bool closes;        /* the callback closes the stream */
  unsigned callbacks; /* so far */
};

static struct world world;

static void world_on_hang(void *arg) {
  (void)arg;
  fail_msg("no callback came");
}

static void world_on_news(void *arg) {
  (void)arg;
  assert_false(world.is_calling);
  world.callbacks++;
  if (world.closes) {
    bc_stream_close(world.stream);
    world.stream = NULL;
  }
  bc_loop_stop(world.loop);
}

static inline int world_start(void **state) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof address;
  (void)state;
  world = (struct world){.loop = bc_loop_new(), .peer = -1};
  world.hang = bc_timer_new(world.loop, world_on_hang, NULL);
  world.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(world.listener, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(world.listener, 128), 0);
  assert_int_equal(getsockname(world.listener, (struct sockaddr *)&address, &len), 0);
  world.port = ntohs(address.sin_port);
  return 0;
}

static inline int world_stop(void **state) {
  (void)state;
  bc_stream_close(world.stream);
  bc_timer_free(world.hang);
  bc_loop_free(world.loop);
  if (world.peer >= 0) {
    (void)close(world.peer);
  }
  (void)close(world.listener);
  return 0;
}

/* Until the next callback. */
static inline void world_wait(void) {
  unsigned before = world.callbacks;
  bc_timer_start(world.hang, WORLD_HANG_MS);
  while (world.callbacks == before) {
    bc_loop_run(world.loop);
  }
  bc_timer_stop(world.hang);
}

static inline void world_connect(uint16_t port) {
  struct bc_resolver_address address = {.bytes = {127, 0, 0, 1}};
  world.is_calling = true;
  world.stream = bc_stream_connect(world.loop, &address, port, world_on_news, NULL);
  world.is_calling = false;
}

/* A connection whose other end is world.peer. */
static inline void world_open(void) {
  world_connect(world.port);
  assert_true(bc_stream_is_busy(world.stream));
  world_wait();
  assert_false(bc_stream_is_busy(world.stream));
  assert_int_equal(bc_stream_input_end(world.stream)->error, BC_STREAM_FINE);
  world.peer = accept4(world.listener, NULL, NULL, SOCK_CLOEXEC);
  assert_true(world.peer >= 0);
}

static inline void world_want(size_t bytes) {
  world.is_calling = true;
  bc_stream_want(world.stream, bytes);
  world.is_calling = false;
}

static inline enum bc_err world_queue(const void *bytes, size_t len) {
  world.is_calling = true;
  enum bc_err err = bc_stream_send(world.stream, (struct bc_str){.at = bytes, .len = len});
  world.is_calling = false;
  return err;
}

static inline void world_send(const char *text) {
  assert_int_equal(world_queue(text, strlen(text)), BC_ERR_OK);
  while (bc_stream_queued(world.stream) > 0) {
    world_wait();
  }
}

/* Until so many bytes are there, or no more will come. */
static inline struct bc_str world_receive(size_t bytes) {
  world_want(bytes);
  while (bc_stream_input(world.stream).len < bytes && bc_stream_input_end(world.stream)->error == BC_STREAM_FINE) {
    world_wait();
  }
  world_want(0);
  return bc_stream_input(world.stream);
}

static inline void world_assert_end(const struct bc_stream_end *end, enum bc_stream_error error, const char *text) {
  char wanted[BC_FAULT_TEXT_BYTES];
  (void)snprintf(wanted, sizeof wanted, "%s: %s", bc_stream_place(world.stream), text);
  assert_string_equal(end->fault.text, wanted);
  assert_string_equal(bc_stream_error_text(end->error), bc_stream_error_text(error));
}

/* So that the kernel takes little at once of what the stream sends. */
static inline void world_shrink_send_buffer(uint16_t port) {
  enum { FDS = 256 };
  int least = 1;
  for (int fd = 0; fd < FDS; fd++) {
    struct sockaddr_in to = {0};
    socklen_t len = sizeof to;
    if (getpeername(fd, (struct sockaddr *)&to, &len) == 0 && to.sin_family == AF_INET && to.sin_port == htons(port)) {
      assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
      return;
    }
  }
  fail_msg("no such socket");
}

/* One turn of the loop, whether there is something to do or not. */
static inline void world_turn(void) {
  struct bc_timer *timer = bc_timer_new(world.loop, world_on_news, NULL);
  bc_timer_start(timer, 0);
  bc_loop_run(world.loop);
  bc_timer_free(timer);
}

#define WORLD_RULE(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)

#endif
