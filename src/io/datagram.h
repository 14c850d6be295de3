/* One exchange by UDP on the loop: a datagram goes out, the first one that comes back is the reply.
 *
 * The socket is connected: the kernel drops what others send, and tells at once when nobody listens or there is no way.
 *
 * No callback comes from inside a call of this module: each may start and cancel others and free the object. Addresses
 * are not judged here: whoever sends does (model/egress.h). */
#ifndef BC_IO_DATAGRAM_H
#define BC_IO_DATAGRAM_H

#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"
#include "io/resolver.h"

#include <stddef.h>
#include <stdint.h>

struct bc_datagram;
struct bc_datagram_call;

enum { BC_DATAGRAM_BYTES = 65535, BC_DATAGRAM_TRIES = 10, BC_DATAGRAM_TIMEOUT_MS = 3600000 };

struct bc_datagram_result {
  /* OK: a reply came, perhaps an empty one. TIMEOUT; RANGE: the reply is longer than was allowed; LIMIT:
   * BC_LIMIT_DATAGRAMS exchanges are under way, or there are no descriptors; IO: nobody listens, there is no way. */
  enum bc_err err;
  struct bc_fault fault; /* "10.0.0.1 port 123: connection refused"; when not OK */
  int error_number;      /* the errno behind IO and LIMIT, 0 = none */
  struct bc_str bytes;   /* valid during the call */
  int64_t rtt_us;        /* from the last time that it was sent */
};
typedef void bc_datagram_fn(void *arg, const struct bc_datagram_result *result);

struct bc_datagram_wanted {
  struct bc_resolver_address address;
  uint16_t port;
  struct bc_str payload; /* any bytes, also none; copied */
  size_t most_bytes;     /* of the reply; at most BC_DATAGRAM_BYTES */
  unsigned tries;        /* how often it is sent at most; 1 to BC_DATAGRAM_TRIES */
  int64_t again_ms;      /* after which it is sent again; 1 to BC_DATAGRAM_TIMEOUT_MS */
  int64_t timeout_ms;    /* for all; 1 to BC_DATAGRAM_TIMEOUT_MS */
  bc_datagram_fn *fn;
  void *arg;
};

struct bc_datagram *bc_datagram_new(struct bc_loop *loop);
/* Cancels all calls. NULL is allowed. */
void bc_datagram_free(struct bc_datagram *datagram);

/* What is out of its range is taken as the nearest that is in it. Valid until its `fn` or bc_datagram_cancel. Never
 * fails: what cannot be started ends in `fn`, later. */
struct bc_datagram_call *bc_datagram_start(struct bc_datagram *datagram, const struct bc_datagram_wanted *wanted);
/* No callback afterwards. NULL is allowed. */
void bc_datagram_cancel(struct bc_datagram_call *call);

#endif
