/* base/intern: a text is held once, as long as somebody refers to it, however many others come and go meanwhile. */
#include "base/intern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXTS = 5000, STEPS = 60000 };

static struct bc_str text_of(unsigned i, char to[static 48]) {
  int len = snprintf(to, 48, "route 10.%u.%u.0/24 next-hop self", i / 256, i % 256);
  return (struct bc_str){.at = to, .len = (size_t)len};
}

static void equal_texts_are_one_as_long_as_one_is_held(void **state) {
  (void)state;
  struct bc_intern *intern = bc_intern_new();
  char other[] = "web";
  const char *first = bc_intern_get(intern, bc_str_of("web"));
  assert_ptr_equal(bc_intern_get(intern, bc_str_of(other)), first);
  assert_ptr_equal(bc_intern_ref(first), first);
  assert_int_equal(bc_intern_count(intern), 1);
  bc_intern_put(intern, first);
  bc_intern_put(intern, first);
  assert_string_equal(first, "web");
  assert_ptr_equal(bc_intern_get(intern, bc_str_of("web")), first);
  bc_intern_put(intern, first);
  bc_intern_put(intern, first);
  assert_int_equal(bc_intern_count(intern), 0);
  bc_intern_put(intern, NULL);
  bc_intern_free(intern);
}

static void texts_that_only_look_alike_are_apart(void **state) {
  (void)state;
  static const struct bc_str texts[] = {{.at = NULL, .len = 0},       {.at = "a", .len = 1},
                                        {.at = "a\0", .len = 2},      {.at = "ab", .len = 2},
                                        {.at = "aaaaaaaa", .len = 8}, {.at = "aaaaaaaa", .len = 7}};
  enum { ALIKE = sizeof texts / sizeof texts[0] };
  struct bc_intern *intern = bc_intern_new();
  const char *held[ALIKE];
  for (size_t i = 0; i < ALIKE; i++) {
    held[i] = bc_intern_get(intern, texts[i]);
    assert_int_equal(bc_intern_count(intern), i + 1);
    assert_int_equal(held[i][texts[i].len], '\0');
  }
  for (size_t i = 0; i < ALIKE; i++) {
    assert_ptr_equal(bc_intern_get(intern, texts[i]), held[i]);
  }
  bc_intern_free(intern);
}

/* Up to all of them and down to none again, several times over. */
static void all_are_found_while_their_number_goes_up_and_down(void **state) {
  (void)state;
  static const char *held[TEXTS];
  static unsigned refs[TEXTS];
  struct bc_intern *intern = bc_intern_new();
  uint64_t random = 42;
  size_t count = 0;
  for (unsigned step = 0; step < STEPS; step++) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    unsigned i = (unsigned)(random >> 33) % TEXTS;
    bool is_rising = step % (STEPS / 2) < STEPS / 4;
    char text[48];
    if (is_rising || (refs[i] == 0 && (random >> 20 & 7) == 0)) {
      const char *got = bc_intern_get(intern, text_of(i, text));
      assert_string_equal(got, text);
      assert_true(refs[i] == 0 || got == held[i]);
      held[i] = got;
      count += refs[i]++ == 0;
    }
    while (!is_rising && refs[i] > 0) {
      bc_intern_put(intern, held[i]);
      count -= --refs[i] == 0;
    }
    assert_int_equal(bc_intern_count(intern), count);
  }
  for (unsigned i = 0; i < TEXTS; i++) {
    char text[48];
    (void)text_of(i, text);
    assert_true(refs[i] == 0 || strcmp(held[i], text) == 0);
    while (refs[i] > 0) {
      bc_intern_put(intern, held[i]);
      refs[i]--;
    }
  }
  assert_int_equal(bc_intern_count(intern), 0);
  bc_intern_free(intern);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(equal_texts_are_one_as_long_as_one_is_held),
                                     cmocka_unit_test(texts_that_only_look_alike_are_apart),
                                     cmocka_unit_test(all_are_found_while_their_number_goes_up_and_down)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
