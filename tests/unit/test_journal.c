/* model/journal: what was written is read again, and a file that was cut or damaged is read up to there. */
#include "base/limits.h"
#include "base/mem.h"
#include "model/journal.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static const char *const texts[] = {"route 10.0.0.0/24 next-hop self", "",
                                    "neighbor 10.0.0.2 route 2001:db8::/32 med 5", "A 3 00000000 abc",
                                    "route 10.0.1.0/24 next-hop self"};
enum { TEXTS = 5 };

static enum bc_journal_kind kind_of(size_t i) {
  return i % 2 == 0 ? BC_JOURNAL_ANNOUNCED : BC_JOURNAL_WITHDRAWN;
}

static void journal_fill(struct bc_buf *buf) {
  bc_buf_init(buf, 65536);
  bc_journal_add_header(buf);
  for (size_t i = 0; i < TEXTS; i++) {
    bc_journal_add_record(buf, kind_of(i), bc_str_of(texts[i]));
  }
  assert_int_equal(bc_buf_status(buf), BC_ERR_OK);
}

/* How many of the records are read, each as it was written. */
static size_t journal_count(struct bc_str content, size_t *good_bytes) {
  struct bc_journal_reader reader;
  enum bc_journal_kind kind;
  struct bc_str text;
  size_t count = 0;
  bc_journal_read_start(&reader, content);
  while (bc_journal_read_next(&reader, &kind, &text)) {
    assert_true(count < TEXTS);
    assert_int_equal(kind, kind_of(count));
    assert_true(bc_str_is(text, texts[count]));
    count++;
  }
  *good_bytes = reader.good_bytes;
  return count;
}

static void records_are_read_as_written(void **state) {
  (void)state;
  struct bc_buf buf;
  size_t good;
  journal_fill(&buf);
  assert_int_equal(journal_count(bc_buf_str(&buf), &good), TEXTS);
  assert_int_equal(good, buf.len);
  bc_buf_free(&buf);
}

/* The format is on disks: it may not change without a new version in the header. */
static void the_format_is_fixed(void **state) {
  (void)state;
  struct bc_buf buf;
  bc_buf_init(&buf, 1024);
  bc_journal_add_header(&buf);
  bc_journal_add_record(&buf, BC_JOURNAL_ANNOUNCED, bc_str_of("123456789"));
  assert_string_equal(buf.data, "bgpcommander-journal 1\nA 9 ef94365d 123456789\n");
  bc_buf_free(&buf);
}

static void a_file_cut_at_any_byte_is_read_up_to_the_last_whole_record(void **state) {
  (void)state;
  struct bc_buf buf;
  journal_fill(&buf);
  size_t before = 0;
  for (size_t cut = 0; cut <= buf.len; cut++) {
    size_t good;
    char *part = bc_mem_copy_text(buf.data, cut);
    size_t count = journal_count((struct bc_str){part, cut}, &good);
    free(part);
    assert_true(good <= cut);
    assert_true(count >= before);
    before = count;
    /* Whatever follows the good bytes is no whole line. */
    assert_true(good == 0 ? cut < strlen("bgpcommander-journal 1\n")
                          : memchr(buf.data + good, '\n', cut - good) == NULL);
  }
  assert_int_equal(before, TEXTS);
  bc_buf_free(&buf);
}

static void a_damaged_byte_ends_the_reading_before_its_record(void **state) {
  (void)state;
  struct bc_buf buf;
  journal_fill(&buf);
  for (size_t at = 0; at < buf.len; at++) {
    for (int bit = 0; bit < 8; bit++) {
      size_t good;
      buf.data[at] = (char)(buf.data[at] ^ (1 << bit));
      size_t count = journal_count(bc_buf_str(&buf), &good);
      assert_true(good <= at);
      assert_true(count < TEXTS);
      buf.data[at] = (char)(buf.data[at] ^ (1 << bit));
    }
  }
  bc_buf_free(&buf);
}

static void another_version_holds_no_record(void **state) {
  (void)state;
  size_t good;
  assert_int_equal(journal_count(bc_str_of("bgpcommander-journal 2\nA 9 ef94365d 123456789\n"), &good), 0);
  assert_int_equal(good, 0);
  assert_int_equal(journal_count(bc_str_of("A 9 ef94365d 123456789\n"), &good), 0);
  assert_int_equal(good, 0);
  assert_int_equal(journal_count((struct bc_str){NULL, 0}, &good), 0);
  assert_int_equal(good, 0);
}

static void a_record_is_one_line_and_bounded(void **state) {
  (void)state;
  struct bc_buf buf;
  bc_buf_init(&buf, 1U << 20);
  bc_journal_add_record(&buf, BC_JOURNAL_ANNOUNCED, bc_str_of("a\nb"));
  assert_int_equal(bc_buf_status(&buf), BC_ERR_LIMIT);
  assert_int_equal(buf.len, 0);
  bc_buf_clear(&buf);
  char *text = bc_mem_new(BC_LIMIT_COMMAND_BYTES + 1, 1);
  memset(text, 'x', BC_LIMIT_COMMAND_BYTES + 1);
  bc_journal_add_record(&buf, BC_JOURNAL_ANNOUNCED, (struct bc_str){text, BC_LIMIT_COMMAND_BYTES + 1});
  assert_int_equal(bc_buf_status(&buf), BC_ERR_LIMIT);
  assert_int_equal(buf.len, 0);
  bc_buf_clear(&buf);
  bc_journal_add_record(&buf, BC_JOURNAL_ANNOUNCED, (struct bc_str){text, BC_LIMIT_COMMAND_BYTES});
  assert_int_equal(bc_buf_status(&buf), BC_ERR_OK);
  free(text);
  bc_buf_free(&buf);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(records_are_read_as_written),
      cmocka_unit_test(the_format_is_fixed),
      cmocka_unit_test(a_file_cut_at_any_byte_is_read_up_to_the_last_whole_record),
      cmocka_unit_test(a_damaged_byte_ends_the_reading_before_its_record),
      cmocka_unit_test(another_version_holds_no_record),
      cmocka_unit_test(a_record_is_one_line_and_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
