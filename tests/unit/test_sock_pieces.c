/* Answers in pieces: none is made before it is needed, or can be. */
#include "sock_world.h"

enum { PIECE = 256 << 10, PIECES = 80 };

static void an_answer_in_pieces_arrives_whole(void **state) {
  struct fixture *f = *state;
  struct client client;
  f->answer_bytes = PIECE;
  f->pieces = PIECES;
  client_start(&client, f, "x\n");
  client_wait(&client);
  assert_int_equal(client.answer.len, (PIECES + 1) * PIECE + 1);
  assert_int_equal(client.answer.data[client.answer.len - 1], '\n');
  assert_null(memchr(client.answer.data, '\n', client.answer.len - 1));
  assert_int_equal(f->ended, 1);
  client_end(&client);
}

/* It gets as many as the kernel's buffer holds and one that waits, however long the answer. */
static void no_piece_is_made_before_the_one_before_is_read(void **state) {
  struct fixture *f = *state;
  struct client client;
  f->answer_bytes = PIECE;
  f->pieces = PIECES;
  client_start(&client, f, "x\n");
  bc_watch_set(client.watch, 0);
  while (f->calls == 0) {
    one_round(f);
  }
  for (int i = 0; i < 1000; i++) {
    one_round(f);
  }
  assert_true(f->made < PIECES / 4);
  f->pieces = 0;
  f->answer_bytes = 0;
  ask(f, "ping\n", "pong\n");
  client_end(&client);
  while (f->ended == 0) {
    one_round(f);
  }
  assert_int_equal(bc_sock_counts(f->sock).lost, 1);
}

/* Else the time of a turn of the loop would grow with the clients. */
static void in_a_turn_of_the_loop_one_piece_is_made_whoever_asks(void **state) {
  struct fixture *f = *state;
  static struct client clients[8];
  f->answer_bytes = 1;
  f->pieces = PIECES;
  for (int i = 0; i < 8; i++) {
    client_start(&clients[i], f, "x\n");
    bc_watch_set(clients[i].watch, 0);
  }
  while (f->ended < 8) {
    unsigned before = f->made;
    one_round(f);
    assert_true(f->made - before <= 2); /* a round is a turn, and the end of the one before */
  }
  for (int i = 0; i < 8; i++) {
    bc_watch_set(clients[i].watch, BC_WATCH_READ);
    client_wait(&clients[i]);
    assert_int_equal(clients[i].answer.len, PIECES + 2);
    client_end(&clients[i]);
  }
}

static void a_piece_that_is_not_ready_is_waited_for_and_others_are_answered_meanwhile(void **state) {
  struct fixture *f = *state;
  struct client client;
  f->answer_bytes = 1;
  f->pieces = 2;
  f->looks = 1000000;
  client_start(&client, f, "x\n");
  while (f->calls == 0) {
    one_round(f);
  }
  f->answer_bytes = 0;
  f->pieces = 0;
  ask(f, "ping\n", "pong\n");
  assert_int_equal(f->made, 0);
  f->looks = 3;
  client_wait(&client);
  assert_int_equal(client.answer.len, 4);
  assert_int_equal(f->ended, 1);
  client_end(&client);
}

static void closing_the_server_ends_answers_in_pieces(void **state) {
  struct fixture *f = *state;
  struct client client;
  f->answer_bytes = PIECE;
  f->pieces = PIECES;
  client_start(&client, f, "x\n");
  bc_watch_set(client.watch, 0);
  while (f->calls == 0) {
    one_round(f);
  }
  bc_sock_close(f->sock);
  f->sock = NULL;
  assert_int_equal(f->ended, 1);
  client_end(&client);
}

int main(void) {
#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      RULE(an_answer_in_pieces_arrives_whole),
      RULE(no_piece_is_made_before_the_one_before_is_read),
      RULE(in_a_turn_of_the_loop_one_piece_is_made_whoever_asks),
      RULE(a_piece_that_is_not_ready_is_waited_for_and_others_are_answered_meanwhile),
      RULE(closing_the_server_ends_answers_in_pieces),
  };
#undef RULE
  return cmocka_run_group_tests(tests, NULL, NULL);
}
