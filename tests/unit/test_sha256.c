/* SHA-256 against the examples of FIPS 180-4 and lengths around the edges of a block. */
#include "base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_hash(struct bc_str text, const char *hex) {
  uint8_t digest[BC_SHA256_BYTES];
  char found[BC_SHA256_HEX_BYTES];
  bc_sha256(text, digest);
  bc_sha256_print(digest, found);
  assert_string_equal(found, hex);
}

static void the_examples_of_the_standard_hold(void **state) {
  (void)state;
  assert_hash(bc_str_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assert_hash(bc_str_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert_hash(bc_str_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* Made with sha256sum of so many letters a. */
static void lengths_around_a_block_are_padded_right(void **state) {
  (void)state;
  static const struct {
    size_t len;
    const char *hex;
  } cases[] = {
      {55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
      {56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
      {63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
      {64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
      {65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"},
      {1000, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"},
  };
  char text[1000];
  memset(text, 'a', sizeof text);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_hash((struct bc_str){.at = text, .len = cases[i].len}, cases[i].hex);
  }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_examples_of_the_standard_hold),
      cmocka_unit_test(lengths_around_a_block_are_padded_right),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
