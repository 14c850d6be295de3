/* Words of a subscription: the first line is the word, the rest the value. What is put in is there, what is taken out
 * is not, all other words stay in their order, and no value is empty. */
#include "model/subscribe.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_assert(bool is_true) {
  if (!is_true) {
    abort();
  }
}

/* The words of both, without `word`, are the same; "-" alone is no word. */
static void fuzz_same_others(struct bc_str a, struct bc_str b, struct bc_str word) {
  for (;;) {
    struct bc_str one = bc_subscribe_next(&a);
    struct bc_str other = bc_subscribe_next(&b);
    while (one.len > 0 && (bc_str_equal(one, word) || bc_str_is(one, "-"))) {
      one = bc_subscribe_next(&a);
    }
    while (other.len > 0 && (bc_str_equal(other, word) || bc_str_is(other, "-"))) {
      other = bc_subscribe_next(&b);
    }
    fuzz_assert(bc_str_equal(one, other));
    if (one.len == 0) {
      return;
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_str value = {(const char *)data, size};
  struct bc_str line;
  struct bc_buf more;
  struct bc_buf less;
  if (size == 0 || !bc_str_next_field(&value, '\n', &line)) {
    return 0;
  }
  struct bc_str word = bc_subscribe_next(&line);
  if (word.len == 0 || bc_str_is(word, "-")) {
    return 0;
  }
  bc_buf_init(&more, 2 * size + 16);
  bc_buf_init(&less, 2 * size + 16);
  bc_subscribe_add(&more, value, word);
  fuzz_assert(bc_subscribe_has(bc_buf_str(&more), word));
  fuzz_same_others(value, bc_buf_str(&more), word);
  bc_subscribe_remove(&less, bc_buf_str(&more), word);
  fuzz_assert(!bc_subscribe_has(bc_buf_str(&less), word) && bc_str_trim(bc_buf_str(&less)).len > 0);
  fuzz_same_others(value, bc_buf_str(&less), word);
  bc_buf_free(&more);
  bc_buf_free(&less);
  return 0;
}
