/* Answers echo requests on a loop in the place of the kernel, each as a test says; in a namespace of its own
 * (own_network.h). */
#ifndef BC_TESTS_PING_PEER_H
#define BC_TESTS_PING_PEER_H

#include "io/loop.h"
#include "own_network.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PEER_BYTES = 10000, PEER_IPV4_HEAD = 20, PEER_ICMP_HEAD = 8 };

static struct peer {
  bool is_ipv6;
  int fd;
  struct bc_watch *watch;
  unsigned requests;         /* how many came */
  uint8_t bytes[PEER_BYTES]; /* the last one, from its IPv4 head or, of IPv6, from its ICMP head */
  size_t len;
  void (*reply)(unsigned index, const uint8_t *icmp, size_t len);
} peer;

static inline void peer_send_from(const char *address, const void *icmp, size_t len) {
  struct sockaddr_in from = {.sin_family = AF_INET};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  uint8_t copy[PEER_BYTES];
  uint32_t sum = 0;
  int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
  assert_true(fd >= 0);
  assert_int_equal(inet_pton(AF_INET, address, &from.sin_addr), 1);
  assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
  memcpy(copy, icmp, len);
  copy[len] = 0;
  copy[2] = 0;
  copy[3] = 0;
  for (size_t i = 0; i < len; i += 2) {
    sum += (uint32_t)copy[i] << 8 | copy[i + 1];
  }
  sum = (sum & 0xffff) + (sum >> 16);
  sum = ~(sum + (sum >> 16));
  copy[2] = (uint8_t)(sum >> 8);
  copy[3] = (uint8_t)sum;
  assert_int_equal(sendto(fd, copy, len, 0, (struct sockaddr *)&to, sizeof to), (ssize_t)len);
  (void)close(fd);
}

/* From 127.0.0.2, which was asked, or from ::1. */
static inline void peer_send(const void *icmp, size_t len) {
  struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  if (!peer.is_ipv6) {
    peer_send_from("127.0.0.2", icmp, len);
  } else {
    assert_int_equal(sendto(peer.fd, icmp, len, 0, (struct sockaddr *)&to, sizeof to), (ssize_t)len);
  }
}

static inline void peer_answer(const uint8_t *icmp, size_t len) {
  uint8_t copy[PEER_BYTES];
  memcpy(copy, icmp, len);
  copy[0] = peer.is_ipv6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
  peer_send(copy, len);
}

/* "Host unreachable" or "no route" about the request under work, said by 127.0.0.9 or ::1; `quoted` bytes of its ICMP
 * message. */
static inline void peer_refuse(size_t quoted) {
  uint8_t bytes[PEER_BYTES] = {0};
  if (peer.is_ipv6) {
    struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;
    bytes[0] = ICMP6_DST_UNREACH;
    bytes[8] = 0x60; /* the head of the packet that it is about */
    bytes[8 + 5] = (uint8_t)peer.len;
    bytes[8 + 6] = IPPROTO_ICMPV6;
    bytes[8 + 7] = 64;
    memcpy(bytes + 8 + 8, &loopback, 16);
    memcpy(bytes + 8 + 24, &loopback, 16);
    memcpy(bytes + 8 + 40, peer.bytes, quoted);
    peer_send(bytes, 8 + 40 + quoted);
    return;
  }
  bytes[0] = ICMP_DEST_UNREACH;
  bytes[1] = ICMP_HOST_UNREACH;
  memcpy(bytes + PEER_ICMP_HEAD, peer.bytes, PEER_IPV4_HEAD + quoted);
  peer_send_from("127.0.0.9", bytes, PEER_ICMP_HEAD + PEER_IPV4_HEAD + quoted);
}

static inline void peer_on_ready(void *arg, int fd, int events) {
  (void)arg;
  (void)events;
  ssize_t got = recv(fd, peer.bytes, sizeof peer.bytes, 0);
  size_t head = peer.is_ipv6 ? 0 : PEER_IPV4_HEAD;
  assert_true(got > (ssize_t)head);
  peer.len = (size_t)got;
  if (peer.bytes[head] == (peer.is_ipv6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO)) {
    unsigned index = peer.requests++;
    peer.reply(index, peer.bytes + head, peer.len - head);
  }
}

static inline void peer_start(struct bc_loop *loop, bool is_ipv6,
                              void (*reply)(unsigned index, const uint8_t *icmp, size_t len)) {
  peer = (struct peer){.is_ipv6 = is_ipv6, .reply = reply};
  assert_true(own_network_answer_ping(false));
  peer.fd =
      socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, is_ipv6 ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP);
  assert_true(peer.fd >= 0);
  peer.watch = bc_watch_new(loop, peer.fd, peer_on_ready, NULL);
  bc_watch_set(peer.watch, BC_WATCH_READ);
}

/* Does nothing where none was started. */
static inline void peer_stop(void) {
  if (peer.watch != NULL) {
    bc_watch_free(peer.watch);
    (void)close(peer.fd);
    peer.watch = NULL;
    assert_true(own_network_answer_ping(true));
  }
}

#endif
