/* A TCP connection that we make, on the loop: to one address and port, with or without TLS.
 *
 * The caller has judged the address (model/egress.h) and resolved the name (io/resolver.h). Nothing is read unless
 * somebody wants bytes, and then into a buffer of at most BC_LIMIT_STREAM_INPUT_BYTES: a peer that floods fills its own
 * windows, not our memory. What is to be sent waits in a queue of at most BC_LIMIT_STREAM_QUEUE_BYTES.
 *
 * There is one callback, "look again", and never from inside a call of this module; it may close the stream. It comes
 * when the connect or the handshake of TLS is over, when as many bytes as wanted are there or no more will come, and
 * when the queue is empty or cannot be sent any more. No time limit: the caller has a timer and closes.
 *
 *   stream = bc_stream_connect(…)     … callback: bc_stream_is_busy is false, bc_stream_input_end says how it went
 *   bc_stream_send(stream, …)         … callback: bc_stream_queued is 0, or bc_stream_output_end
 *   bc_stream_want(stream, 1)         … callback: bc_stream_input is not empty, or bc_stream_input_end
 *   bc_stream_close(stream) */
#ifndef BC_IO_STREAM_H
#define BC_IO_STREAM_H

#include "base/enum_text.h"
#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"
#include "io/resolver.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bc_stream;
struct bc_tls_session;

/* How a connection, or one direction of it, ended. Some texts are codes that scripts see. */
#define BC_STREAM_ERROR_LIST(X)                                                                                        \
  X(BC_STREAM_FINE, "fine")               /* it did not */                                                             \
  X(BC_STREAM_REFUSED, "refused")         /* nobody listens there */                                                   \
  X(BC_STREAM_UNREACHABLE, "unreachable") /* no route, or a router says so */                                          \
  X(BC_STREAM_TIMEOUT, "timeout")         /* the kernel's own, of minutes */                                           \
  X(BC_STREAM_RESET, "reset")                                                                                          \
  X(BC_STREAM_CLOSED, "closed")         /* by the peer */                                                              \
  X(BC_STREAM_TLS, "tls")               /* handshake, certificate, or what came is not TLS */                          \
  X(BC_STREAM_PROTOCOL, "protocol")     /* bytes before TLS began */                                                   \
  X(BC_STREAM_PERMISSION, "permission") /* a packet filter of this host */                                             \
  X(BC_STREAM_LIMIT, "limit")           /* descriptors, ports, memory of the kernel */                                 \
  X(BC_STREAM_IO, "io")                 /* anything else */

enum bc_stream_error { BC_STREAM_ERROR_LIST(BC_ENUM_MEMBER) };
const char *bc_stream_error_text(enum bc_stream_error value);

struct bc_stream_end {
  enum bc_stream_error error;
  struct bc_fault fault; /* "10.0.0.1 port 53: connection refused"; "" while fine */
};

typedef void bc_stream_fn(void *arg);

/* Begins to connect. Never fails: what cannot be started ends in `fn`, later. Must be released with bc_stream_close. */
struct bc_stream *bc_stream_connect(struct bc_loop *loop, const struct bc_resolver_address *address, uint16_t port,
                                    bc_stream_fn *fn, void *arg);
/* Ends it at once; what is queued and not with the kernel yet is dropped. No callback afterwards. NULL is allowed. */
void bc_stream_close(struct bc_stream *stream);

/* The connect or the handshake is under way. */
bool bc_stream_is_busy(const struct bc_stream *stream);
/* Microseconds from the start to the end of the TCP connect; 0 before. */
int64_t bc_stream_connect_us(const struct bc_stream *stream);
/* "10.0.0.1 port 53"; valid as long as the stream. */
const char *bc_stream_place(const struct bc_stream *stream);
const struct bc_resolver_address *bc_stream_address(const struct bc_stream *stream);
uint16_t bc_stream_port(const struct bc_stream *stream);

/* What came and was not consumed; valid until the loop goes on. */
struct bc_str bc_stream_input(const struct bc_stream *stream);
void bc_stream_consume(struct bc_stream *stream, size_t len);
/* Reads until the input holds `bytes` (at most BC_LIMIT_STREAM_INPUT_BYTES), and perhaps more, then calls back, also
 * when they are there already. 0: nobody wants any. A later call replaces it. */
void bc_stream_want(struct bc_stream *stream, size_t bytes);
/* FINE, or why no more will come; CLOSED: the peer has closed its side (it may still read what we send). */
const struct bc_stream_end *bc_stream_input_end(const struct bc_stream *stream);

/* Queues a copy. BC_ERR_LIMIT: the queue would be too long, nothing was queued. To be called when not busy. */
BC_MUST_CHECK enum bc_err bc_stream_send(struct bc_stream *stream, struct bc_str bytes);
/* Bytes that the kernel has not taken yet. */
size_t bc_stream_queued(const struct bc_stream *stream);
/* FINE, or why no more can be sent; what was queued is lost then. */
const struct bc_stream_end *bc_stream_output_end(const struct bc_stream *stream);

/* Begins TLS on a connection that is open, not busy, with nothing queued, and without TLS yet. Takes `session`
 * (io/tls.h) over. Bytes that came before TLS and were not consumed end the stream with PROTOCOL: whoever can put bytes
 * in front of a handshake could else make them pass for what TLS protects. */
void bc_stream_start_tls(struct bc_stream *stream, struct bc_tls_session *session);
/* NULL without TLS; to be asked when not busy. */
const struct bc_tls_session *bc_stream_tls(const struct bc_stream *stream);

/* ---- for tests of scripts: a connection to nobody ---- */

/* Connected, after `connect_us`. Without a loop: nothing calls back. It is not to be sent to; what "comes" is fed. */
struct bc_stream *bc_stream_pretend(const struct bc_resolver_address *address, uint16_t port, int64_t connect_us);
/* Takes `session` over, as if its handshake had gone well; its facts are empty. */
void bc_stream_pretend_tls(struct bc_stream *stream, struct bc_tls_session *session);
/* These bytes came; what does not fit in is lost. */
void bc_stream_feed(struct bc_stream *stream, struct bc_str bytes);
/* CLOSED: the peer has closed its side. RESET: neither direction goes on. */
void bc_stream_feed_end(struct bc_stream *stream, enum bc_stream_error error);

#endif
