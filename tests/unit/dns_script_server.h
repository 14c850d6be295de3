/* A DNS server on a loop, by UDP and TCP at one port of 127.0.0.1, that does what the name that is asked for says. */
#ifndef BC_TESTS_DNS_SCRIPT_SERVER_H
#define BC_TESTS_DNS_SCRIPT_SERVER_H

#include "io/loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { SCRIPT_BYTES = 70000, SCRIPT_HEAD = 12 };

static struct script_server {
  struct bc_loop *loop;
  uint16_t port;
  int fd, listener, stream;
  struct bc_watch *watch, *listener_watch, *stream_watch;
  uint8_t query[1024]; /* the last one */
  size_t query_len;
  size_t question_end; /* in it */
  unsigned by_udp, by_tcp;
  uint8_t answer[SCRIPT_BYTES];
  size_t len;
  void (*on_query)(void *arg); /* called at each */
  void *arg;
} scripted;

/* ---- the answer under work ---- */

static inline void script_put(const void *bytes, size_t len) {
  assert_true(scripted.len + len <= sizeof scripted.answer);
  memcpy(scripted.answer + scripted.len, bytes, len);
  scripted.len += len;
}

static inline void script_put_u16(unsigned value) {
  uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};
  script_put(bytes, 2);
}

/* A record of the name that was asked for; `section`: 0 answer, 1 authority, 2 additional. */
static inline void script_put_record(int section, unsigned type, const void *rdata, size_t len) {
  uint8_t *count = scripted.answer + 6 + 2 * section;
  unsigned number = ((unsigned)count[0] << 8 | count[1]) + 1;
  count[0] = (uint8_t)(number >> 8);
  count[1] = (uint8_t)number;
  script_put_u16(0xc00c);
  script_put_u16(type);
  script_put_u16(1);
  script_put("\0\0\1\54", 4); /* 300 s */
  script_put_u16((unsigned)len);
  script_put(rdata, len);
}
#define SCRIPT_RECORD(section, type, rdata) script_put_record(section, type, rdata, sizeof(rdata) - 1)

/* Head and question, as an answer to the query. */
static inline void script_begin(unsigned flags) {
  scripted.len = 0;
  memset(scripted.answer, 0, SCRIPT_HEAD);
  script_put(scripted.query, scripted.question_end);
  scripted.answer[2] = (uint8_t)(flags >> 8);
  scripted.answer[3] = (uint8_t)flags;
  memset(scripted.answer + 6, 0, 6);
}

static inline void script_make_records(void) {
  script_begin(0x85a0); /* QR, AA, RD, RA, AD */
  SCRIPT_RECORD(0, 1, "\300\0\2\1");
  SCRIPT_RECORD(0, 28, "\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1");
  SCRIPT_RECORD(0, 16, "\3one\4t\"wo\0");
  SCRIPT_RECORD(0, 15, "\0\12\2mx\300\14");
  SCRIPT_RECORD(0, 33, "\0\1\0\2\37\220\1s\300\14");
  SCRIPT_RECORD(0, 257, "\200\5issueca.test");
  SCRIPT_RECORD(0, 65, "\1\2\3");
  SCRIPT_RECORD(1, 6, "\2ns\300\14\4host\300\14\377\377\377\377\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5");
  SCRIPT_RECORD(1, 2, "\2ns\300\14");
  SCRIPT_RECORD(2, 1, "\300\0\2\2");
  /* EDNS: the root, OPT, 1400 bytes. */
  scripted.answer[11]++;
  script_put("\0\0\51\5\170\0\0\0\0\0\0", 11);
}

static inline void script_make_many(unsigned count) {
  script_begin(0x8180);
  for (unsigned i = 0; i < count; i++) {
    uint8_t address[] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};
    script_put_record(0, 1, address, 4);
  }
}

/* What the first label asks for; nothing: silence. */
static inline bool script_is(const char *word) {
  size_t len = strlen(word);
  return scripted.query[SCRIPT_HEAD] == len && memcmp(scripted.query + SCRIPT_HEAD + 1, word, len) == 0;
}

static inline void script_send(const struct sockaddr_in *to) {
  (void)sendto(scripted.fd, scripted.answer, scripted.len, 0, (const struct sockaddr *)to, sizeof *to);
}

static inline void script_make(bool is_tcp) {
  scripted.len = 0;
  if (script_is("silent") || (is_tcp && script_is("closed"))) {
    return;
  }
  script_begin(0x8180);
  if (script_is("records")) {
    script_make_records();
  } else if (script_is("many")) {
    script_make_many(500);
  } else if (script_is("flooded")) {
    script_make_many(4000);
  } else if (script_is("servfail")) {
    script_begin(0x8182);
  } else if (script_is("garbage")) {
    scripted.answer[7] = 5;
    script_put("\7rubbish\300\377\1\2\3", 13);
  } else if (script_is("loop")) {
    SCRIPT_RECORD(0, 1, "\300\0\2\1");
    unsigned here = (unsigned)scripted.len + 12; /* its rdata: a name that goes on at itself */
    uint8_t rdata[] = {(uint8_t)(0xc0 | here >> 8), (uint8_t)here};
    script_put_record(0, 5, rdata, 2);
  } else {
    SCRIPT_RECORD(0, 1, "\300\0\2\1");
  }
}

/* ---- by UDP ---- */

static inline void script_send_falsely(const struct sockaddr_in *to) {
  script_make(false);
  scripted.answer[0] ^= 1;
  script_send(to); /* another id */
  scripted.answer[0] ^= 1;
  scripted.answer[SCRIPT_HEAD + 1] ^= 1;
  script_send(to); /* another name */
  scripted.answer[SCRIPT_HEAD + 1] ^= 1;
  scripted.answer[2] = 1;
  script_send(to); /* a query */
  scripted.len = 5;
  script_send(to);
}

static inline void script_on_datagram(void *arg, int fd, int events) {
  (void)arg;
  (void)events;
  struct sockaddr_in from;
  socklen_t len = sizeof from;
  ssize_t got = recvfrom(fd, scripted.query, sizeof scripted.query, 0, (struct sockaddr *)&from, &len);
  assert_true(got > SCRIPT_HEAD);
  scripted.query_len = (size_t)got;
  scripted.question_end = SCRIPT_HEAD + strnlen((char *)scripted.query + SCRIPT_HEAD, 256) + 5;
  scripted.by_udp++;
  if (scripted.on_query != NULL) {
    scripted.on_query(scripted.arg);
  }
  if (script_is("false")) {
    script_send_falsely(&from);
  }
  if (script_is("flood")) {
    for (int i = 0; i < 40; i++) {
      script_send_falsely(&from);
    }
  }
  if (script_is("falseonly")) {
    script_send_falsely(&from);
    return;
  }
  script_make(false);
  if (script_is("cut") || script_is("closed") || script_is("half") || script_is("othertcp") || script_is("tcpsilent")) {
    /* Truncated, in the middle of its second record. */
    SCRIPT_RECORD(0, 1, "\300\0\2\2");
    scripted.answer[2] |= 2;
    scripted.len -= 3;
  }
  if (scripted.len > 0) {
    script_send(&from);
  }
}

/* ---- by TCP: one connection, one query, one answer ---- */

static inline void script_end_stream(void) {
  if (scripted.stream_watch != NULL) {
    bc_watch_free(scripted.stream_watch);
    (void)close(scripted.stream);
    scripted.stream_watch = NULL;
  }
}

static inline void script_on_stream(void *arg, int fd, int events) {
  (void)arg;
  (void)events;
  uint8_t bytes[2 + sizeof scripted.query];
  ssize_t got = recv(fd, bytes, sizeof bytes, 0);
  if (got <= 2) {
    script_end_stream();
    return;
  }
  scripted.query_len = (size_t)got - 2;
  memcpy(scripted.query, bytes + 2, scripted.query_len);
  scripted.question_end = SCRIPT_HEAD + strnlen((char *)scripted.query + SCRIPT_HEAD, 256) + 5;
  scripted.by_tcp++;
  if (script_is("tcpsilent")) {
    return;
  }
  script_make(true);
  if (script_is("othertcp")) {
    scripted.answer[0] ^= 1;
  }
  uint8_t head[] = {(uint8_t)(scripted.len >> 8), (uint8_t)scripted.len};
  size_t len = script_is("half") ? scripted.len / 2 : scripted.len;
  if (len > 0) {
    assert_int_equal(send(fd, head, 2, MSG_NOSIGNAL), 2);
    assert_int_equal(send(fd, scripted.answer, len, MSG_NOSIGNAL), (ssize_t)len);
  }
  script_end_stream();
}

static inline void script_on_accept(void *arg, int fd, int events) {
  (void)arg;
  (void)events;
  script_end_stream();
  scripted.stream = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
  assert_true(scripted.stream >= 0);
  scripted.stream_watch = bc_watch_new(scripted.loop, scripted.stream, script_on_stream, NULL);
  bc_watch_set(scripted.stream_watch, BC_WATCH_READ);
}

/* ---- start and end ---- */

static inline void script_start(struct bc_loop *loop) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof address;
  bool is_bound = false;
  scripted = (struct script_server){.loop = loop};
  /* A port that is free for both. */
  for (int i = 0; i < 100 && !is_bound; i++) {
    address.sin_port = 0;
    scripted.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    scripted.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(scripted.fd >= 0 && scripted.listener >= 0);
    assert_int_equal(bind(scripted.listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(scripted.listener, (struct sockaddr *)&address, &len), 0);
    is_bound = bind(scripted.fd, (struct sockaddr *)&address, len) == 0;
    if (!is_bound) {
      (void)close(scripted.listener);
      (void)close(scripted.fd);
    }
  }
  assert_true(is_bound);
  assert_int_equal(listen(scripted.listener, 8), 0);
  scripted.port = ntohs(address.sin_port);
  scripted.watch = bc_watch_new(loop, scripted.fd, script_on_datagram, NULL);
  scripted.listener_watch = bc_watch_new(loop, scripted.listener, script_on_accept, NULL);
  bc_watch_set(scripted.watch, BC_WATCH_READ);
  bc_watch_set(scripted.listener_watch, BC_WATCH_READ);
}

static inline void script_stop(void) {
  script_end_stream();
  bc_watch_free(scripted.watch);
  bc_watch_free(scripted.listener_watch);
  (void)close(scripted.fd);
  (void)close(scripted.listener);
}

#endif
