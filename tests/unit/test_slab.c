/* base/slab: objects come zeroed and apart from each other, in any order of coming and going. */
#include "base/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { OBJECTS = 5000 };

static void objects_are_zero_and_do_not_overlap(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 8, 24, 300};
  static unsigned char *objects[OBJECTS];
  for (size_t size = 0; size < sizeof sizes / sizeof sizes[0]; size++) {
    struct bc_slab *slab = bc_slab_new(sizes[size]);
    for (unsigned round = 0; round < 4; round++) {
      for (size_t i = round; i < OBJECTS; i += round + 1) {
        bc_slab_put(slab, objects[i]);
        objects[i] = bc_slab_get(slab);
        assert_int_equal((uintptr_t)objects[i] % sizeof(void *), 0);
        for (size_t byte = 0; byte < sizes[size]; byte++) {
          assert_int_equal(objects[i][byte], 0);
        }
        memset(objects[i], (int)(i & 0xff) | 1, sizes[size]);
      }
    }
    for (size_t i = 0; i < OBJECTS; i++) {
      assert_int_equal(objects[i][0], (i & 0xff) | 1);
      assert_int_equal(objects[i][sizes[size] - 1], (i & 0xff) | 1);
      bc_slab_put(slab, objects[i]);
      objects[i] = NULL;
    }
    bc_slab_put(slab, NULL);
    bc_slab_free(slab);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(objects_are_zero_and_do_not_overlap)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
