/* Results of a worker that are sent together: payloads of one message, each behind its length (4 bytes, big endian). */
#ifndef BC_WORKER_BATCH_H
#define BC_WORKER_BATCH_H

#include "base/buf.h"
#include "io/channel.h"
#include "io/loop.h"

enum { BC_BATCH_BYTES = 65536, BC_BATCH_MS = 5 };

struct bc_batch {
  struct bc_channel *channel;
  enum bc_msg_type type; /* BC_MSG_LUA_RESULTS or BC_MSG_POLICY_RESULTS: the message that holds several */
  struct bc_timer *timer;
  struct bc_buf bytes;
};

void bc_batch_init(struct bc_batch *batch, struct bc_loop *loop, struct bc_channel *channel, enum bc_msg_type type);
void bc_batch_fini(struct bc_batch *batch);
/* `result` is sent BC_BATCH_MS later at the latest; it encodes to less than BC_BATCH_BYTES. */
void bc_batch_add(struct bc_batch *batch, const struct bc_msg *result);
/* Sends what waits. */
void bc_batch_flush(struct bc_batch *batch);

#endif
