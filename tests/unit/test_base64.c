#include "proto/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* RFC 4648 section 10, and what etcd's own samples hold. */
static const struct {
  const char *plain;
  const char *coded;
} samples[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"},
               {"/c/a", "L2MvYQ=="},
               {"\xfb\xff", "+/8="}};

static void samples_go_both_ways(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
    struct bc_buf buf;
    bc_buf_init(&buf, 100);
    bc_base64_encode(&buf, bc_str_of(samples[i].plain));
    assert_string_equal(buf.data, samples[i].coded);
    bc_buf_clear(&buf);
    assert_int_equal(bc_base64_decode(&buf, bc_str_of(samples[i].coded)), BC_ERR_OK);
    assert_string_equal(buf.data, samples[i].plain);
    bc_buf_free(&buf);
  }
}

static void all_bytes_survive(void **state) {
  (void)state;
  char bytes[256];
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (char)(unsigned char)i;
  }
  struct bc_buf coded;
  struct bc_buf plain;
  bc_buf_init(&coded, 1000);
  bc_buf_init(&plain, 1000);
  bc_base64_encode(&coded, (struct bc_str){.at = bytes, .len = sizeof bytes});
  assert_int_equal(bc_base64_decode(&plain, bc_buf_str(&coded)), BC_ERR_OK);
  assert_int_equal(plain.len, sizeof bytes);
  assert_memory_equal(plain.data, bytes, sizeof bytes);
  bc_buf_free(&coded);
  bc_buf_free(&plain);
}

static void what_is_not_base64_adds_nothing(void **state) {
  (void)state;
  static const char *const bad[] = {"Zg",   "Zg=",  "Z===", "====", "Zm9v\n",  "Zm 9",
                                    "Zm-_", "Zh==", "Zm9=", "=Zm9", "Zg==Zg=="};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct bc_buf buf;
    bc_buf_init(&buf, 100);
    bc_buf_add_text(&buf, "x");
    assert_int_equal(bc_base64_decode(&buf, bc_str_of(bad[i])), BC_ERR_SYNTAX);
    assert_string_equal(buf.data, "x");
    bc_buf_free(&buf);
  }
}

static void a_full_buffer_is_told(void **state) {
  (void)state;
  struct bc_buf buf;
  bc_buf_init(&buf, 2);
  assert_int_equal(bc_base64_decode(&buf, bc_str_of("Zm9v")), BC_ERR_LIMIT);
  bc_buf_clear(&buf);
  assert_int_equal(bc_base64_decode(&buf, bc_str_of("Zm8=")), BC_ERR_OK);
  bc_buf_free(&buf);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(samples_go_both_ways),
      cmocka_unit_test(all_bytes_survive),
      cmocka_unit_test(what_is_not_base64_adds_nothing),
      cmocka_unit_test(a_full_buffer_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
