/* DNS on the loop: names into addresses for connects, and single queries to a server that is named by its address.
 * Nothing blocks and no thread is made, but for /etc/hosts, a local file, which c-ares reads at each look-up. Where it
 * could never be read, DNS alone answers; where it can be no more (it was replaced, and this process may not open the
 * new one; no descriptors), names are not looked up at all: DNS would deny those that stand only there.
 * /etc/resolv.conf is read by bc_resolver_new and bc_resolver_reload.
 *
 * Names go through c-ares (its getaddrinfo: /etc/hosts first, then DNS with the search list, TCP where UDP is too
 * small). Single queries do not: a channel of c-ares takes 70 us and 70 KiB to make, and checks address a server each.
 * Each has a socket of its own, connected: the kernel drops what others send, tells at once that nobody listens, picks
 * a port that cannot be guessed, and a server that floods fills no buffer but its own. One socket for all would take 20
 * us instead of 27 us a query.
 *
 * No callback comes from inside a call of this module: each may start and cancel others and free the resolver.
 * Addresses are not judged here: whoever connects does (model/egress.h), also with the server of a query. */
#ifndef BC_IO_RESOLVER_H
#define BC_IO_RESOLVER_H

#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bc_resolver;
struct bc_resolver_call;

enum { BC_RESOLVER_ADDRESSES = 32, BC_RESOLVER_TIMEOUT_MS = 3600000 };

struct bc_resolver_address {
  uint8_t bytes[16]; /* network order; IPv4 in the first four, zero behind */
  bool is_ipv6;
};

/* For tests: another resolv.conf (NULL: /etc/resolv.conf; copied), a port of its servers (0: 53), and whether the
 * environment's CARES_HOSTS names the hosts file. */
struct bc_resolver_options {
  const char *resolv_conf;
  uint16_t port;
  bool has_own_hosts;
};

/* `options` may be NULL. NULL with `fault` when c-ares cannot start. */
struct bc_resolver *bc_resolver_new(struct bc_loop *loop, const struct bc_resolver_options *options,
                                    struct bc_fault *fault);
/* Cancels all calls. NULL is allowed. */
void bc_resolver_free(struct bc_resolver *resolver);
/* Reads /etc/resolv.conf anew; what is under way goes on with the old one. Keeps the old one when that fails. */
BC_MUST_CHECK enum bc_err bc_resolver_reload(struct bc_resolver *resolver, struct bc_fault *fault);

/* The first server of resolv.conf (without one, this host) and its port: for queries that name none. */
void bc_resolver_first_server(const struct bc_resolver *resolver, struct bc_resolver_address *server, uint16_t *port);

/* ---- names ---- */

struct bc_resolver_found {
  /* OK: there is at least one address. NOT_FOUND: there is no such name, or it has no address; TIMEOUT; SYNTAX: it can
   * be no name; LIMIT: BC_LIMIT_RESOLVER_NAMES are looked up at once (also such that were given up, until c-ares has),
   * or there are no descriptors; AUTH: /etc/hosts was replaced, and this process may not read the new one; IO: the
   * servers fail or cannot be reached. */
  enum bc_err err;
  struct bc_fault fault; /* "nosuch.example: there is no such name"; when not OK */
  /* In the order in which to try them: what there is a route to first, then IPv6 first. At most half of them of one
   * family. */
  struct bc_resolver_address addresses[BC_RESOLVER_ADDRESSES];
  size_t count;
};
typedef void bc_resolver_found_fn(void *arg, const struct bc_resolver_found *found);

/* `text` is a name or an address. `timeout_ms`: 1 to BC_RESOLVER_TIMEOUT_MS. Valid until `fn` or bc_resolver_cancel.
 * Never fails: what cannot be started ends in `fn`, later. */
struct bc_resolver_call *bc_resolver_look_up(struct bc_resolver *resolver, struct bc_str text, int64_t timeout_ms,
                                             bc_resolver_found_fn *fn, void *arg);

/* ---- single queries ---- */

struct bc_resolver_answer {
  /* OK: a whole message came that answers this query, whatever it says. TIMEOUT; SYNTAX: the name cannot be asked for;
   * CLOSED: the connection ended early; PROTOCOL: by TCP, the answer to another query; LIMIT: BC_LIMIT_DNS_QUERIES are
   * under way, or there are no descriptors; IO. */
  enum bc_err err;
  struct bc_fault fault; /* "10.0.0.1 port 53: connection refused"; when not OK */
  int error_number;      /* the errno behind IO and LIMIT, 0 = none */
  struct bc_str bytes;   /* for proto/dns.h; valid during the call */
  int64_t rtt_us;        /* from the start; of TCP with its connect */
};
typedef void bc_resolver_answer_fn(void *arg, const struct bc_resolver_answer *answer);

struct bc_resolver_query {
  struct bc_str name; /* as master files have it */
  uint16_t type;
  uint16_t dns_class;   /* 1 = IN */
  bool wants_recursion; /* RD */
  struct bc_resolver_address server;
  uint16_t port;
  bool uses_tcp;
  uint16_t edns_bytes; /* the UDP answer that we take, told by EDNS; 0 = no EDNS (and 512) */
  int64_t timeout_ms;  /* 1 to BC_RESOLVER_TIMEOUT_MS */
  bc_resolver_answer_fn *fn;
  void *arg;
};

/* One query, sent once: neither again after a time nor by TCP when it is truncated. Everything in `wanted` is copied.
 * Valid until its `fn` or bc_resolver_cancel. Never fails: what cannot be started ends in `fn`, later. */
struct bc_resolver_call *bc_resolver_ask(struct bc_resolver *resolver, const struct bc_resolver_query *wanted);

/* No callback afterwards. NULL is allowed. */
void bc_resolver_cancel(struct bc_resolver_call *call);

#endif
