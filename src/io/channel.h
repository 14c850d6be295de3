/* One end of the socketpair between core and a worker: whole frames in, whole frames out, bounded,
 * never blocking. Wire format: proto/frame.h; messages: proto/msg.h. */
#ifndef BC_IO_CHANNEL_H
#define BC_IO_CHANNEL_H

#include "base/err.h"
#include "io/loop.h"
#include "proto/msg.h"

struct bc_channel;

/* `message`: each good message. `closed`: once, on end of file, a protocol error or a full queue; `why` is one line.
 * The channel must then be freed; it calls nothing more. */
struct bc_channel_handler {
  void *arg;
  void (*message)(void *arg, const struct bc_msg *message);
  void (*closed)(void *arg, const char *why);
};

/* Takes over `fd` (a non-blocking stream socket). Messages other than `direction` are a protocol error. */
struct bc_channel *bc_channel_new(struct bc_loop *loop, int fd, enum bc_msg_direction receives,
                                  const struct bc_channel_handler *handler);
/* Closes the descriptor; what waits is dropped. NULL is allowed. Allowed inside the callbacks. */
void bc_channel_free(struct bc_channel *channel);

/* Queues a message. BC_ERR_LIMIT when the queue is full or the message too large, BC_ERR_CLOSED. */
BC_MUST_CHECK enum bc_err bc_channel_send(struct bc_channel *channel, const struct bc_msg *message);
size_t bc_channel_queued_bytes(const struct bc_channel *channel);

#endif
