/* The local socket: one request line in, one answer line out, closed.
 *
 * A client that is slow, silent or floods harms nobody: at most BC_LIMIT_SOCKET_CLIENTS at once, 5 s
 * for the request, 5 s without progress for the answer. A request that cannot be read gets
 * {"error":"…"}. A long answer is made in pieces, one in a turn of the loop whoever asks, and the next of a client only
 * when it has read the one before: neither time nor memory grows with the answer or the clients. */
#ifndef BC_IO_SOCK_H
#define BC_IO_SOCK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bc_sock;

/* Who asks, as the kernel says (SO_PEERCRED at connect). */
struct bc_sock_peer {
  pid_t pid; /* 0: in a process namespace that we do not see */
  uid_t uid;
  gid_t gid;
};

struct bc_sock_answer {
  struct bc_buf text; /* what the handler adds is the answer, or its beginning: at most BC_LIMIT_SOCKET_PIECE_BYTES */
  /* Set for an answer in pieces. `more` adds the next one to the empty `text` (at most so much again) and returns false
   * when it was the last; one that adds nothing and returns true is called again a moment later (at most for 5 s);
   * `end` comes once, when all is written or the client is gone. Neither may close the server. */
  bool (*more)(void *arg, struct bc_buf *text);
  void (*end)(void *arg);
  /* Whether the next piece can be made now; looked at every few milliseconds. NULL: always. */
  bool (*is_ready)(void *arg);
  void *arg;
};

/* Called once per request line (without its line break; any bytes, valid during the call). Fill in
 * `answer`; the line break is added. May close the server. */
typedef void bc_sock_fn(void *arg, const struct bc_sock_peer *peer, struct bc_str request,
                        struct bc_sock_answer *answer);

/* Listens at `path`, mode 0660. A socket that nobody answers is removed first.
 * BC_ERR_EXISTS  another process listens there
 * BC_ERR_REFUSED there is something that is not a socket
 * BC_ERR_RANGE   the path is too long (107 bytes)
 * BC_ERR_IO      anything else, named in `fault` */
BC_MUST_CHECK enum bc_err bc_sock_open(struct bc_loop *loop, const char *path, bc_sock_fn *fn, void *arg,
                                       struct bc_sock **out, struct bc_fault *fault);
/* Closes the clients too and removes the socket's file if it is still ours. NULL is allowed. */
void bc_sock_close(struct bc_sock *sock);

/* How clients fared; one list for the struct and for what shows it. */
#define BC_SOCK_COUNT_LIST(X)                                                                                          \
  X(answered, "answered")                                                                                              \
  X(refused, "too many at once") X(timed_out, "timed out") X(faulty, "request faulty") X(lost, "left early")
struct bc_sock_counts {
#define BC_SOCK_COUNT_FIELD(name, text) uint64_t name;
  BC_SOCK_COUNT_LIST(BC_SOCK_COUNT_FIELD)
#undef BC_SOCK_COUNT_FIELD
};
struct bc_sock_counts bc_sock_counts(const struct bc_sock *sock);

#endif
