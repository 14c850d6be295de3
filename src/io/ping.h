/* ICMP and ICMPv6 echo on the loop, by the ping sockets of Linux (SOCK_DGRAM), which need no capability but a group in
 * net.ipv4.ping_group_range (for IPv6 too).
 *
 * Each ping has a socket of its own, as each query of io/resolver.h has: who floods it fills no other's buffer, and an
 * ICMP error belongs to it. The kernel gives the socket an identifier and brings what carries it. An answer counts when
 * it comes from the address that was asked, and holds the sequence number and the random token that were sent: answers
 * to others, late answers to an earlier ping, guessed and doubled ones do not. Times are those at which the kernel
 * received, so a loop that is late makes no answer late.
 *
 * No callback comes from inside a call of this module: each may start and cancel others and free the object. Addresses
 * are not judged here: whoever pings does (model/egress.h). */
#ifndef BC_IO_PING_H
#define BC_IO_PING_H

#include "base/err.h"
#include "io/loop.h"
#include "io/resolver.h"

#include <stddef.h>
#include <stdint.h>

struct bc_ping;
struct bc_ping_call;

enum {
  BC_PING_COUNT = 100,
  BC_PING_INTERVAL_LEAST_MS = 10,
  BC_PING_SIZE_LEAST = 8, /* the token */
  BC_PING_SIZE_MOST = 9000,
  BC_PING_TIME_MS = 3600000 /* of interval and timeout */
};

struct bc_ping_result {
  /* OK: each request was answered or is lost, perhaps all of them. AUTH: the kernel allows no ping to this process's
   * groups; the text says what to set. IO: not one answer, and an error was told (no route, a router says unreachable).
   * LIMIT: BC_LIMIT_PINGS are under way, or there are no descriptors. */
  enum bc_err err;
  struct bc_fault fault; /* "10.0.0.1: no route to host, says 10.9.0.1"; when not OK */
  int error_number;      /* the errno behind IO and LIMIT, 0 = none */
  unsigned sent, received;
  int64_t min_us, average_us, max_us; /* of those received; 0 when there are none */
};
typedef void bc_ping_fn(void *arg, const struct bc_ping_result *result);

struct bc_ping_wanted {
  struct bc_resolver_address address;
  unsigned count;      /* 1 to BC_PING_COUNT */
  int64_t interval_ms; /* from one request to the next, answered or not; BC_PING_INTERVAL_LEAST_MS to BC_PING_TIME_MS */
  int64_t timeout_ms;  /* for each answer; 1 to BC_PING_TIME_MS */
  size_t size;         /* bytes behind the ICMP head; BC_PING_SIZE_LEAST to BC_PING_SIZE_MOST */
  bc_ping_fn *fn;
  void *arg;
};

struct bc_ping *bc_ping_new(struct bc_loop *loop);
/* Cancels all calls. NULL is allowed. */
void bc_ping_free(struct bc_ping *ping);

/* What is out of its range is taken as the nearest that is in it. Valid until its `fn` or bc_ping_cancel. Never fails:
 * what cannot be started ends in `fn`, later. */
struct bc_ping_call *bc_ping_start(struct bc_ping *ping, const struct bc_ping_wanted *wanted);
/* No callback afterwards. NULL is allowed. */
void bc_ping_cancel(struct bc_ping_call *call);

#endif
