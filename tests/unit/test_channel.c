#include "base/limits.h"
#include "io/channel.h"
#include "proto/frame.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { WAIT_MS = 20000 };

struct end {
  struct bc_loop *loop;
  struct bc_channel *channel;
  struct bc_timer *timer;
  unsigned messages;
  unsigned stop_after;
  unsigned closed;
  bool frees_on_message;
  bool frees_on_closed;
  bool late;
  uint64_t last_number;
  size_t last_bytes;
  char why[200];
};

static void end_free_channel(struct end *end) {
  bc_channel_free(end->channel);
  end->channel = NULL;
}

static void on_message(void *arg, const struct bc_msg *message) {
  struct end *end = arg;
  end->messages++;
  if (end->frees_on_message) {
    end_free_channel(end);
    bc_loop_stop(end->loop);
  }
  /* Also after the channel was freed: the message is valid until we return. */
  if (message->type == BC_MSG_PONG) {
    assert_int_equal(message->pong.number, end->last_number + 1);
    end->last_number = message->pong.number;
  } else if (message->type == BC_MSG_RESULT) {
    end->last_bytes = message->result.output.len;
    for (size_t i = 0; i < message->result.output.len; i++) {
      assert_int_equal(message->result.output.at[i], 'o');
    }
  }
  if (end->messages == end->stop_after) {
    bc_loop_stop(end->loop);
  }
}

static void on_closed(void *arg, const char *why) {
  struct end *end = arg;
  end->closed++;
  (void)snprintf(end->why, sizeof end->why, "%s", why);
  if (end->frees_on_closed) {
    end_free_channel(end);
  }
  bc_loop_stop(end->loop);
}

static void on_late(void *arg) {
  struct end *end = arg;
  end->late = true;
  bc_loop_stop(end->loop);
}

/* `peer`: a plain, blocking socket. */
static void end_open(struct end *end, int *peer) {
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  *end = (struct end){.loop = bc_loop_new()};
  const struct bc_channel_handler handler = {.arg = end, .message = on_message, .closed = on_closed};
  end->channel = bc_channel_new(end->loop, ends[0], BC_MSG_TO_CORE, &handler);
  end->timer = bc_timer_new(end->loop, on_late, end);
  bc_timer_start(end->timer, WAIT_MS);
  *peer = ends[1];
}

static void end_run(struct end *end) {
  bc_loop_run(end->loop);
  assert_false(end->late);
}

static void end_close(struct end *end, int peer) {
  if (peer >= 0) {
    (void)close(peer);
  }
  bc_channel_free(end->channel);
  bc_timer_free(end->timer);
  bc_loop_free(end->loop);
}

static void put_message(struct bc_buf *out, const struct bc_msg *message) {
  size_t start = bc_frame_start(out, message->type);
  assert_int_equal(bc_msg_encode(message, out), BC_ERR_OK);
  assert_int_equal(bc_frame_finish(out, start), BC_ERR_OK);
}

static void put_pong(struct bc_buf *out, uint64_t number) {
  struct bc_msg pong = {.type = BC_MSG_PONG, .pong = {.number = number}};
  put_message(out, &pong);
}

static void peer_write(int peer, const struct bc_buf *bytes) {
  assert_int_equal(send(peer, bytes->data, bytes->len, MSG_NOSIGNAL), (ssize_t)bytes->len);
}

static void messages_come_in_order_and_before_the_end(void **state) {
  (void)state;
  struct end end;
  int peer;
  end_open(&end, &peer);
  struct bc_buf bytes;
  bc_buf_init(&bytes, 100000);
  for (uint64_t i = 1; i <= 1000; i++) {
    put_pong(&bytes, i);
  }
  peer_write(peer, &bytes);
  (void)close(peer);
  end_run(&end);
  assert_int_equal(end.messages, 1000);
  assert_int_equal(end.closed, 1);
  assert_string_equal(end.why, "the other end closed it");
  struct bc_msg ping = {.type = BC_MSG_PING};
  assert_int_equal(bc_channel_send(end.channel, &ping), BC_ERR_CLOSED);
  bc_buf_free(&bytes);
  end_close(&end, -1);
}

static void what_was_sent_arrives_whole_though_the_socket_is_full_meanwhile(void **state) {
  (void)state;
  struct end end;
  int peer;
  end_open(&end, &peer);
  char *script = malloc(BC_LIMIT_SCRIPT_BYTES);
  assert_non_null(script);
  memset(script, 's', BC_LIMIT_SCRIPT_BYTES);
  struct bc_msg set = {.type = BC_MSG_CHECK_SET, .check_set = {.script = {.at = script, .len = BC_LIMIT_SCRIPT_BYTES}}};
  for (uint32_t i = 0; i < 20; i++) {
    set.check_set.id = i;
    assert_int_equal(bc_channel_send(end.channel, &set), BC_ERR_OK);
  }
  pid_t reader = fork();
  assert_true(reader >= 0);
  if (reader == 0) {
    struct bc_frame_reader frames;
    bc_frame_reader_init(&frames);
    static char bytes[BC_FRAME_READ_BYTES];
    uint32_t got = 0;
    while (got < 20) {
      ssize_t len = read(peer, bytes, sizeof bytes);
      if (len <= 0 || bc_frame_reader_add(&frames, bytes, (size_t)len) != BC_ERR_OK) {
        _exit(1);
      }
      struct bc_frame frame;
      struct bc_msg message;
      while (bc_frame_reader_next(&frames, &frame) == BC_ERR_OK) {
        if (bc_msg_decode(frame.type, frame.payload, &message) != BC_ERR_OK || message.check_set.id != got ||
            message.check_set.script.len != BC_LIMIT_SCRIPT_BYTES) {
          _exit(1);
        }
        got++;
      }
    }
    struct bc_buf answer;
    bc_buf_init(&answer, 100);
    put_pong(&answer, 1);
    _exit(write(peer, answer.data, answer.len) == (ssize_t)answer.len ? 0 : 1);
  }
  (void)close(peer);
  end.stop_after = 1;
  end_run(&end);
  assert_int_equal(end.messages, 1);
  assert_int_equal(bc_channel_queued_bytes(end.channel), 0);
  free(script);
  end_close(&end, -1);
}

static void a_peer_that_does_not_read_ends_the_channel_not_the_memory(void **state) {
  (void)state;
  struct end end;
  int peer;
  end_open(&end, &peer);
  char *script = calloc(1, BC_LIMIT_SCRIPT_BYTES);
  assert_non_null(script);
  struct bc_msg set = {.type = BC_MSG_CHECK_SET, .check_set = {.script = {.at = script, .len = BC_LIMIT_SCRIPT_BYTES}}};
  enum bc_err err = BC_ERR_OK;
  unsigned sent = 0;
  while (sent < 1000 && (err = bc_channel_send(end.channel, &set)) == BC_ERR_OK) {
    sent++;
  }
  assert_int_equal(err, BC_ERR_LIMIT);
  assert_true(bc_channel_queued_bytes(end.channel) <= BC_LIMIT_CHANNEL_QUEUE_BYTES + BC_LIMIT_FRAME_BYTES);
  assert_true(bc_channel_queued_bytes(end.channel) > BC_LIMIT_CHANNEL_QUEUE_BYTES - BC_LIMIT_FRAME_BYTES);
  assert_int_equal(end.closed, 0);
  assert_int_equal(bc_channel_send(end.channel, &set), BC_ERR_CLOSED);
  end_run(&end);
  assert_int_equal(end.closed, 1);
  assert_non_null(strstr(end.why, "queue is full"));
  free(script);
  end_close(&end, peer);
}

static void a_message_too_large_is_refused_and_the_channel_goes_on(void **state) {
  (void)state;
  struct end end;
  int peer;
  end_open(&end, &peer);
  char *script = calloc(1, BC_LIMIT_FRAME_BYTES);
  assert_non_null(script);
  struct bc_msg set = {.type = BC_MSG_CHECK_SET, .check_set = {.script = {.at = script, .len = BC_LIMIT_FRAME_BYTES}}};
  assert_int_equal(bc_channel_send(end.channel, &set), BC_ERR_LIMIT);
  assert_int_equal(bc_channel_queued_bytes(end.channel), 0);
  struct bc_msg ping = {.type = BC_MSG_PING, .ping = {.number = 5}};
  assert_int_equal(bc_channel_send(end.channel, &ping), BC_ERR_OK);
  struct bc_buf pong;
  bc_buf_init(&pong, 100);
  put_pong(&pong, 1);
  peer_write(peer, &pong);
  end.stop_after = 1;
  end_run(&end);
  assert_int_equal(end.closed, 0);
  char bytes[100];
  assert_int_equal(recv(peer, bytes, sizeof bytes, 0), BC_FRAME_HEADER_BYTES + 8);
  bc_buf_free(&pong);
  free(script);
  end_close(&end, peer);
}

static void expect_broken(const void *bytes, size_t len, const char *why) {
  struct end end;
  int peer;
  end_open(&end, &peer);
  assert_int_equal(send(peer, bytes, len, 0), (ssize_t)len);
  end_run(&end);
  assert_int_equal(end.messages, 0);
  assert_int_equal(end.closed, 1);
  assert_non_null(strstr(end.why, why));
  end_close(&end, peer);
}

static void a_message_of_the_other_direction_or_none_is_a_protocol_error(void **state) {
  (void)state;
  const char ping[] = {0, 0, 0, 8, 0, BC_MSG_PING, BC_FRAME_VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  expect_broken(ping, sizeof ping, "unexpected message 2 (PING)");
  const char unknown[] = {0, 0, 0, 0, 3, 3, BC_FRAME_VERSION, 0};
  expect_broken(unknown, sizeof unknown, "unexpected message 771 (unknown)");
  const char cut[] = {0, 0, 0, 4, 0, BC_MSG_PONG, BC_FRAME_VERSION, 0, 0, 0, 0, 0};
  expect_broken(cut, sizeof cut, "broken message PONG");
  const char version[] = {0, 0, 0, 4, 0, BC_MSG_PONG, BC_FRAME_VERSION + 1, 0, 0, 0, 0, 0};
  expect_broken(version, sizeof version, "broken frame");
}

static void an_end_inside_a_message_is_told(void **state) {
  (void)state;
  struct end end;
  int peer;
  end_open(&end, &peer);
  assert_int_equal(send(peer, "\0\0\0", 3, 0), 3);
  (void)close(peer);
  end_run(&end);
  assert_int_equal(end.closed, 1);
  assert_non_null(strstr(end.why, "inside a message"));
  end_close(&end, -1);
}

static void it_may_be_freed_inside_its_callbacks(void **state) {
  (void)state;
  struct end end;
  int peer;
  end_open(&end, &peer);
  end.frees_on_message = true;
  struct bc_buf bytes;
  bc_buf_init(&bytes, 1000);
  char output[100];
  memset(output, 'o', sizeof output);
  struct bc_msg result = {.type = BC_MSG_RESULT, .result = {.output = {.at = output, .len = sizeof output}}};
  put_message(&bytes, &result);
  put_message(&bytes, &result);
  peer_write(peer, &bytes);
  end_run(&end);
  assert_int_equal(end.messages, 1);
  assert_int_equal(end.last_bytes, sizeof output);
  assert_int_equal(end.closed, 0);
  bc_buf_free(&bytes);
  end_close(&end, peer);

  end_open(&end, &peer);
  end.frees_on_closed = true;
  (void)close(peer);
  end_run(&end);
  assert_int_equal(end.closed, 1);
  end_close(&end, -1);
}

/* A worker's last results must count although core can no longer talk to it. */
static void what_a_dead_peer_sent_is_still_delivered_when_sending_fails(void **state) {
  (void)state;
  struct end end;
  int peer;
  end_open(&end, &peer);
  struct bc_buf bytes;
  bc_buf_init(&bytes, 1000);
  put_pong(&bytes, 1);
  put_pong(&bytes, 2);
  peer_write(peer, &bytes);
  (void)close(peer);
  struct bc_msg ping = {.type = BC_MSG_PING};
  assert_int_equal(bc_channel_send(end.channel, &ping), BC_ERR_OK);
  end_run(&end);
  assert_int_equal(end.messages, 2);
  assert_int_equal(end.closed, 1);
  bc_buf_free(&bytes);
  end_close(&end, -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_come_in_order_and_before_the_end),
      cmocka_unit_test(what_was_sent_arrives_whole_though_the_socket_is_full_meanwhile),
      cmocka_unit_test(a_peer_that_does_not_read_ends_the_channel_not_the_memory),
      cmocka_unit_test(a_message_too_large_is_refused_and_the_channel_goes_on),
      cmocka_unit_test(a_message_of_the_other_direction_or_none_is_a_protocol_error),
      cmocka_unit_test(an_end_inside_a_message_is_told),
      cmocka_unit_test(it_may_be_freed_inside_its_callbacks),
      cmocka_unit_test(what_a_dead_peer_sent_is_still_delivered_when_sending_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
