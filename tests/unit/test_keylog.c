#include "model/keylog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static void count_key(void *arg, struct bc_str key, struct bc_str value) {
  size_t *count = arg;
  (*count)++;
  assert_true(bc_str_starts(key, "routes/"));
  assert_true(value.len == 3 || value.len == 0 || value.len == 5);
}

static void fill(struct bc_buf *to) {
  bc_buf_init(to, 4096);
  bc_keylog_begin(to);
  bc_keylog_add(to, bc_str_of("routes/a/config"), bc_str_of("abc"));
  bc_keylog_add(to, bc_str_of("routes/b/config"), bc_str_of(""));
  bc_keylog_add(to, bc_str_of("routes/c/healthcheck"), (struct bc_str){.at = "\n\0 1\n", .len = 5});
}

static void what_was_written_is_read_back(void **state) {
  (void)state;
  struct bc_buf text;
  size_t told = 0;
  size_t good = 0;
  fill(&text);
  assert_int_equal(bc_keylog_read(bc_buf_str(&text), count_key, &told, &good), BC_ERR_OK);
  assert_int_equal(told, 3);
  assert_int_equal(good, 3);
  bc_buf_free(&text);
}

static void a_cut_at_any_byte_gives_only_whole_records(void **state) {
  (void)state;
  struct bc_buf text;
  fill(&text);
  size_t before = 0;
  for (size_t len = 0; len < text.len; len++) {
    size_t told = 0;
    size_t good = 0;
    enum bc_err err = bc_keylog_read((struct bc_str){.at = text.data, .len = len}, count_key, &told, &good);
    assert_true(good == told && good <= 2 && good >= before);
    before = good;
    /* Only the ends of records look whole. */
    assert_true(err == BC_ERR_PROTOCOL || text.data[len - 1] == '\n');
  }
  bc_buf_free(&text);
}

static void one_changed_byte_is_noticed(void **state) {
  (void)state;
  struct bc_buf text;
  fill(&text);
  for (size_t at = 0; at < text.len; at++) {
    size_t told = 0;
    size_t good = 0;
    char saved = text.data[at];
    text.data[at] = saved == 'r' ? 's' : 'r';
    struct bc_buf copy;
    bc_buf_init(&copy, 4096);
    bc_buf_add_str(&copy, bc_buf_str(&text));
    text.data[at] = saved;
    assert_int_equal(bc_keylog_read(bc_buf_str(&copy), count_key, &told, &good), BC_ERR_PROTOCOL);
    assert_true(good < 3);
    bc_buf_free(&copy);
  }
  bc_buf_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_written_is_read_back),
      cmocka_unit_test(a_cut_at_any_byte_gives_only_whole_records),
      cmocka_unit_test(one_changed_byte_is_noticed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
