#include "worker/batch.h"

#include "base/log.h"

static void batch_on_time(void *arg) {
  bc_batch_flush(arg);
}

void bc_batch_init(struct bc_batch *batch, struct bc_loop *loop, struct bc_channel *channel, enum bc_msg_type type) {
  batch->channel = channel;
  batch->type = type;
  batch->timer = bc_timer_new(loop, batch_on_time, batch);
  bc_buf_init(&batch->bytes, BC_BATCH_BYTES);
}

void bc_batch_fini(struct bc_batch *batch) {
  bc_timer_free(batch->timer);
  bc_buf_free(&batch->bytes);
}

void bc_batch_flush(struct bc_batch *batch) {
  struct bc_msg message = {.type = batch->type};
  bc_timer_stop(batch->timer);
  if (batch->bytes.len == 0) {
    return;
  }
  if (batch->type == BC_MSG_POLICY_RESULTS) {
    message.policy_results.results = bc_buf_str(&batch->bytes);
  } else {
    message.lua_results.results = bc_buf_str(&batch->bytes);
  }
  if (bc_channel_send(batch->channel, &message) != BC_ERR_OK) {
    bc_log(BC_LOG_WARNING, "results could not be sent");
  }
  bc_buf_clear(&batch->bytes);
}

void bc_batch_add(struct bc_batch *batch, const struct bc_msg *result) {
  struct bc_buf payload;
  bc_buf_init(&payload, BC_BATCH_BYTES);
  if (bc_msg_encode(result, &payload) == BC_ERR_OK) {
    if (batch->bytes.len + payload.len + 4 > BC_BATCH_BYTES) {
      bc_batch_flush(batch);
    }
    uint32_t len = (uint32_t)payload.len;
    const char bytes[4] = {(char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len};
    bc_buf_add(&batch->bytes, bytes, sizeof bytes);
    bc_buf_add_str(&batch->bytes, bc_buf_str(&payload));
    if (!bc_timer_is_armed(batch->timer)) {
      bc_timer_start(batch->timer, BC_BATCH_MS);
    }
  }
  bc_buf_free(&payload);
}
