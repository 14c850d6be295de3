/* The HTTP server over a socket pair. The first byte says how: bit 0: the bytes come one by one, bit 1: half of them,
 * then the rest; bit 2: the client leaves at the end (else it only stops sending); bit 3: what is pending is answered.
 */
#include "base/limits.h"
#include "io/httpd.h"
#include "io/httpd_private.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ONE_BY_ONE = 1, IN_HALVES = 2, LEAVES = 4, IS_ANSWERED = 8, ROUNDS = 400 };

static struct {
  struct bc_loop *loop;
  struct bc_httpd *httpd;
  struct bc_timer *stop;
  struct bc_httpd_request *pending;
  unsigned handled, ended;
} world;

static void must(bool is_true, const char *what) {
  if (!is_true) {
    fprintf(stderr, "fuzz_httpd: %s\n", what);
    abort();
  }
}

static bool on_more(void *arg, struct bc_buf *text) {
  unsigned *left = arg;
  bc_buf_add_text(text, "piece\n");
  return --*left > 0;
}

static void on_gone(void *arg) {
  (void)arg;
  world.pending = NULL;
}

static void on_name(void *arg, const char *name, const char *value) {
  (void)arg;
  must(bc_http_is_text(bc_str_of(name)) && bc_http_is_text(bc_str_of(value)), "a query that is no text");
}

static void on_request(void *arg, struct bc_httpd_request *request) {
  static unsigned pieces;
  static const struct bc_httpd_pieces answer = {.more = on_more, .arg = &pieces};
  struct bc_str value = {0};
  (void)arg;
  world.handled++;
  const char *path = bc_httpd_path(request);
  must(path[0] == '/' && bc_http_is_text(bc_str_of(path)), "a path that is none");
  must(bc_http_is_token(bc_str_of(bc_httpd_method(request))), "a method that is none");
  must(bc_httpd_body(request).len <= BC_LIMIT_HTTP_BODY_BYTES, "a body above the limit");
  bc_httpd_query_each(request, on_name, NULL);
  if (bc_httpd_form(request, "command", &value)) {
    must(value.len <= BC_LIMIT_HTTP_BODY_BYTES, "a field above the limit");
  }
  if (strcmp(path, "/later") == 0) {
    world.pending = request;
    bc_httpd_on_gone(request, on_gone, NULL);
  } else if (strcmp(path, "/pieces") == 0) {
    pieces = 3;
    bc_httpd_answer_pieces(request, 200, "text/plain", &answer, false);
  } else {
    bc_httpd_answer(request, 200, "text/plain", value.len > 0 ? value : bc_httpd_body(request));
  }
}

static void on_end(void *arg, struct bc_httpd_request *request, unsigned status) {
  (void)arg;
  (void)request;
  (void)status;
  world.ended++;
}

static void on_stop(void *arg) {
  bc_loop_stop(arg);
}

static void run_round(void) {
  bc_timer_start(world.stop, 0);
  bc_loop_run(world.loop);
}

static void open_world(void) {
  static char directory[64] = "/tmp/bc-fuzz-httpd-XXXXXX";
  char listen[128];
  struct bc_fault fault;
  (void)signal(SIGPIPE, SIG_IGN);
  must(mkdtemp(directory) != NULL, "no directory");
  (void)snprintf(listen, sizeof listen, "unix:%s/s", directory);
  world.loop = bc_loop_new();
  world.stop = bc_timer_new(world.loop, on_stop, world.loop);
  must(bc_httpd_open(world.loop, listen, on_request, NULL, &world.httpd, &fault) == BC_ERR_OK, "not open");
  bc_httpd_on_end(world.httpd, on_end, NULL);
  bc_httpd_listen_end(world.httpd); /* only the socket pairs */
  (void)rmdir(directory);
}

static void feed(int fd, const uint8_t *data, size_t size) {
  while (size > 0) {
    ssize_t put = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    run_round();
    if (put < 0) {
      return; /* it does not read more */
    }
    data += put;
    size -= (size_t)put;
  }
}

static void read_all(int fd) {
  char bytes[65536];
  while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
  }
}

static void converse(int fd, int how, const uint8_t *data, size_t size) {
  if ((how & ONE_BY_ONE) != 0 && size < 512) {
    for (size_t i = 0; i < size; i++) {
      feed(fd, data + i, 1);
    }
  } else if ((how & IN_HALVES) != 0) {
    feed(fd, data, size / 2);
    feed(fd, data + size / 2, size - size / 2);
  } else {
    feed(fd, data, size);
  }
  for (int i = 0; i < 6; i++) {
    run_round();
    read_all(fd);
    if ((how & IS_ANSWERED) != 0 && world.pending != NULL) {
      struct bc_httpd_request *request = world.pending;
      world.pending = NULL;
      bc_httpd_answer(request, 200, NULL, (struct bc_str){.at = "", .len = 0});
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (world.loop == NULL) {
    open_world();
  }
  if (size < 1) {
    return 0;
  }
  int pair[2];
  struct bc_httpd_peer peer = {.is_unix = true, .address = "unix"};
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0, "no socket pair");
  bc_httpd_add(world.httpd, pair[0], &peer, (struct sockaddr *)&address, sizeof address);
  converse(pair[1], data[0], data + 1, size - 1);
  if ((data[0] & LEAVES) == 0) {
    (void)shutdown(pair[1], SHUT_WR);
    run_round();
    read_all(pair[1]);
  }
  (void)close(pair[1]);
  for (int i = 0; i < ROUNDS && bc_httpd_connections(world.httpd) > 0; i++) {
    run_round();
  }
  must(bc_httpd_connections(world.httpd) == 0, "a connection stays behind");
  must(bc_httpd_pending(world.httpd) == 0 && world.pending == NULL, "a request stays behind");
  must(world.handled == world.ended, "the end of a request was not told once");
  must(world.httpd->body_bytes == 0, "a body stays behind");
  return 0;
}
