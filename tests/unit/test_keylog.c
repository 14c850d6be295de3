#include "model/keylog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void count_key(void *arg, struct bc_str key, struct bc_str value) {
  size_t *count = arg;
  (*count)++;
  assert_true(bc_str_starts(key, "routes/"));
  assert_true(value.len == 3 || value.len == 0 || value.len == 5);
}

static void fill(struct bc_buf *to) {
  struct bc_keylog log;
  bc_keylog_init(&log, 4096);
  bc_keylog_add(&log, bc_str_of("routes/a/config"), bc_str_of("abc"));
  bc_keylog_add(&log, bc_str_of("routes/b/config"), bc_str_of(""));
  bc_keylog_add(&log, bc_str_of("routes/c/healthcheck"), (struct bc_str){.at = "\n\0 1\n", .len = 5});
  bc_keylog_end(&log);
  bc_buf_init(to, 4096);
  bc_buf_add_str(to, bc_buf_str(&log.text));
  bc_keylog_free(&log);
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
    assert_true(good == told && good <= 3 && good >= before);
    before = good;
    assert_int_equal(err, BC_ERR_PROTOCOL);
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
    bc_buf_free(&copy);
  }
  bc_buf_free(&text);
}

/* Two scripts, told by turns for many keys, and one as long that stands elsewhere. */
enum { SHARED_KEYS = 1000, SHARED_BYTES = 7000 };
static char shared[3][SHARED_BYTES];

static void expect_shared(void *arg, struct bc_str key, struct bc_str value) {
  size_t *count = arg;
  char name[32];
  (void)snprintf(name, sizeof name, "routes/%zu/healthcheck", *count);
  assert_true(bc_str_is(key, name));
  assert_int_equal(value.len, SHARED_BYTES);
  assert_memory_equal(value.at, shared[*count % 2], SHARED_BYTES);
  (*count)++;
}

static void fill_shared(struct bc_keylog *log) {
  bc_keylog_init(log, SIZE_MAX);
  memset(shared[0], 'a', SHARED_BYTES);
  memset(shared[1], 'b', SHARED_BYTES);
  memset(shared[2], 'b', SHARED_BYTES);
  for (size_t i = 0; i < SHARED_KEYS; i++) {
    char name[32];
    (void)snprintf(name, sizeof name, "routes/%zu/healthcheck", i);
    const char *at = i + 1 == SHARED_KEYS ? shared[2] : shared[i % 2];
    bc_keylog_add(log, bc_str_of(name), (struct bc_str){.at = at, .len = SHARED_BYTES});
  }
  bc_keylog_end(log);
}

static void a_value_that_keys_share_is_written_once(void **state) {
  (void)state;
  struct bc_keylog log;
  fill_shared(&log);
  assert_true(log.text.len < 3 * SHARED_BYTES + SHARED_KEYS * 64);
  size_t told = 0;
  size_t good = 0;
  assert_int_equal(bc_keylog_read(bc_buf_str(&log.text), expect_shared, &told, &good), BC_ERR_OK);
  assert_int_equal(told, SHARED_KEYS);
  bc_keylog_free(&log);
}

static void ignore_key(void *arg, struct bc_str key, struct bc_str value) {
  (void)arg;
  (void)key;
  (void)value;
}

static void a_changed_place_of_a_shared_value_is_noticed(void **state) {
  (void)state;
  struct bc_keylog log;
  fill_shared(&log);
  char *at = memchr(log.text.data, '@', log.text.len);
  assert_non_null(at);
  for (at++; *at != '\n'; at++) {
    char saved = *at;
    size_t good;
    *at = saved == '1' ? '2' : '1';
    assert_int_equal(bc_keylog_read(bc_buf_str(&log.text), ignore_key, NULL, &good), BC_ERR_PROTOCOL);
    *at = saved;
  }
  bc_keylog_free(&log);
}

static void a_file_of_the_version_before_is_read(void **state) {
  (void)state;
  static const char text[] = "bgpcommander keys 1\n"
                             "6 5 8264727010059438342\n@point12 34\n"
                             "15 31 10450048926690991349\nroutes/a/configroute 10.0.0.0/24 next-hop self\n";
  size_t good;
  assert_int_equal(bc_keylog_read(bc_str_of(text), ignore_key, NULL, &good), BC_ERR_OK);
  assert_int_equal(good, 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_written_is_read_back),
      cmocka_unit_test(a_cut_at_any_byte_gives_only_whole_records),
      cmocka_unit_test(one_changed_byte_is_noticed),
      cmocka_unit_test(a_value_that_keys_share_is_written_once),
      cmocka_unit_test(a_changed_place_of_a_shared_value_is_noticed),
      cmocka_unit_test(a_file_of_the_version_before_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
