#include "io/channel.h"

#include "base/limits.h"
#include "base/mem.h"
#include "proto/frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sent bytes stay at the front of the queue until they are this many: moving the rest is not free. */
enum { CHANNEL_COMPACT_BYTES = 262144, CHANNEL_WHY_BYTES = 160 };

struct bc_channel {
  struct bc_channel_handler handler;
  enum bc_msg_direction receives;
  int fd;
  struct bc_watch *watch;
  struct bc_timer *late; /* reports `why` from the loop when sending found the end */
  struct bc_frame_reader reader;
  struct bc_buf queue;
  size_t sent; /* bytes at the front of the queue that are gone */
  char why[CHANNEL_WHY_BYTES];
  bool is_full;
  bool is_peer_gone; /* nobody reads what we send; what it sent is still to be read */
  bool is_closed;
  bool is_busy; /* one of our callbacks runs */
  bool is_freed;
};

static void channel_destroy(struct bc_channel *channel) {
  bc_frame_reader_free(&channel->reader);
  bc_buf_free(&channel->queue);
  free(channel);
}

static void channel_want(struct bc_channel *channel) {
  bool writes = !channel->is_peer_gone && channel->queue.len > channel->sent;
  if (channel->watch != NULL) {
    bc_watch_set(channel->watch, BC_WATCH_READ | (writes ? BC_WATCH_WRITE : 0));
  }
}

/* Must be the last thing that a callback of ours does with the channel. */
static void channel_close(struct bc_channel *channel, const char *why) {
  if (channel->is_closed || channel->is_freed) {
    return;
  }
  channel->is_closed = true;
  bc_watch_free(channel->watch);
  channel->watch = NULL;
  bc_timer_stop(channel->late);
  channel->handler.closed(channel->handler.arg, why);
}

static void channel_on_late(void *arg) {
  struct bc_channel *channel = arg;
  channel->is_busy = true;
  channel_close(channel, channel->why);
  channel->is_busy = false;
  if (channel->is_freed) {
    channel_destroy(channel);
  }
}

/* `closed` must not come out of bc_channel_send, in the middle of its caller's work. */
static void channel_close_later(struct bc_channel *channel, const char *why) {
  (void)snprintf(channel->why, sizeof channel->why, "%s", why);
  bc_timer_start(channel->late, 0);
}

static void channel_write(struct bc_channel *channel) {
  size_t waiting = channel->queue.len - channel->sent;
  if (waiting == 0) {
    return;
  }
  ssize_t gone = send(channel->fd, channel->queue.data + channel->sent, waiting, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (gone < 0) {
    if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
      channel->is_peer_gone = true;
      bc_buf_clear(&channel->queue);
      channel->sent = 0;
    }
    return;
  }
  channel->sent += (size_t)gone;
  if (channel->sent == channel->queue.len || channel->sent >= CHANNEL_COMPACT_BYTES) {
    bc_buf_consume(&channel->queue, channel->sent);
    channel->sent = 0;
  }
}

/* False when the channel is at its end. */
static bool channel_deliver(struct bc_channel *channel) {
  struct bc_frame frame;
  enum bc_err err;
  char why[CHANNEL_WHY_BYTES];
  while ((err = bc_frame_reader_next(&channel->reader, &frame)) == BC_ERR_OK) {
    struct bc_msg message;
    if (!bc_msg_goes(frame.type, channel->receives)) {
      (void)snprintf(why, sizeof why, "protocol error: unexpected message %u (%s)", frame.type,
                     bc_msg_name(frame.type));
      channel_close(channel, why);
      return false;
    }
    err = bc_msg_decode(frame.type, frame.payload, &message);
    if (err != BC_ERR_OK) {
      (void)snprintf(why, sizeof why, "protocol error: broken message %s", bc_msg_name(frame.type));
      channel_close(channel, why);
      return false;
    }
    channel->handler.message(channel->handler.arg, &message);
    if (channel->is_freed) {
      return false;
    }
  }
  if (err != BC_ERR_AGAIN) {
    (void)snprintf(why, sizeof why, "protocol error: broken frame (%s)", bc_err_name(err));
    channel_close(channel, why);
    return false;
  }
  return true;
}

/* One piece a turn: a talkative peer must not starve the timers. */
static bool channel_read(struct bc_channel *channel) {
  char bytes[BC_FRAME_READ_BYTES];
  ssize_t got = recv(channel->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) {
      return true;
    }
    char why[CHANNEL_WHY_BYTES];
    (void)snprintf(why, sizeof why, "the other end is gone: %s", strerror(errno));
    channel_close(channel, why);
    return false;
  }
  if (got == 0) {
    channel_close(channel, bc_frame_reader_is_empty(&channel->reader) ? "the other end closed it"
                                                                      : "the other end closed it inside a message");
    return false;
  }
  enum bc_err err = bc_frame_reader_add(&channel->reader, bytes, (size_t)got);
  if (err != BC_ERR_OK) {
    channel_close(channel, "protocol error: frame too long");
    return false;
  }
  return channel_deliver(channel);
}

static void channel_on_ready(void *arg, int fd, int events) {
  (void)fd;
  struct bc_channel *channel = arg;
  channel->is_busy = true;
  bool open = true;
  if ((events & BC_WATCH_WRITE) != 0) {
    channel_write(channel);
  }
  if ((events & BC_WATCH_READ) != 0) {
    open = channel_read(channel);
  }
  channel->is_busy = false;
  if (channel->is_freed) {
    channel_destroy(channel);
  } else if (open) {
    channel_want(channel);
  }
}

struct bc_channel *bc_channel_new(struct bc_loop *loop, int fd, enum bc_msg_direction receives,
                                  const struct bc_channel_handler *handler) {
  struct bc_channel *channel = bc_mem_new(1, sizeof *channel);
  channel->handler = *handler;
  channel->receives = receives;
  channel->fd = fd;
  bc_frame_reader_init(&channel->reader);
  bc_buf_init(&channel->queue, BC_LIMIT_CHANNEL_QUEUE_BYTES + CHANNEL_COMPACT_BYTES);
  channel->late = bc_timer_new(loop, channel_on_late, channel);
  channel->watch = bc_watch_new(loop, fd, channel_on_ready, channel);
  if (channel->watch == NULL) {
    channel_close_later(channel, "the descriptor cannot be watched");
  }
  channel_want(channel);
  return channel;
}

void bc_channel_free(struct bc_channel *channel) {
  if (channel == NULL || channel->is_freed) {
    return;
  }
  channel->is_freed = true;
  bc_watch_free(channel->watch);
  channel->watch = NULL;
  bc_timer_free(channel->late);
  (void)close(channel->fd);
  /* A message that is being handled points into the reader. */
  if (!channel->is_busy) {
    channel_destroy(channel);
  }
}

enum bc_err bc_channel_send(struct bc_channel *channel, const struct bc_msg *message) {
  if (channel->is_closed || channel->is_freed || channel->is_peer_gone || channel->is_full) {
    return BC_ERR_CLOSED;
  }
  size_t start = bc_frame_start(&channel->queue, message->type);
  enum bc_err err = channel->queue.failed ? BC_ERR_LIMIT : bc_msg_encode(message, &channel->queue);
  channel->queue.failed = channel->queue.failed || err != BC_ERR_OK;
  enum bc_err finished = bc_frame_finish(&channel->queue, start);
  if (err != BC_ERR_OK || finished != BC_ERR_OK) {
    /* A message too large is its sender's fault; one that finds no room ends the channel. */
    channel->is_full = channel->queue.len - channel->sent > BC_LIMIT_CHANNEL_QUEUE_BYTES - BC_LIMIT_FRAME_BYTES;
    if (channel->is_full) {
      channel_close_later(channel, "the other end does not read: the queue is full");
    }
    return err == BC_ERR_OK ? finished : err;
  }
  channel_want(channel);
  return BC_ERR_OK;
}

size_t bc_channel_queued_bytes(const struct bc_channel *channel) {
  return channel->queue.len - channel->sent;
}
