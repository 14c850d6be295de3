/* io/boot: the id of this boot is the kernel's, and the same whenever it is asked for. */
#include "io/boot.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static void it_is_what_the_kernel_says(void **state) {
  (void)state;
  char first[BC_BOOT_ID_BYTES];
  char again[BC_BOOT_ID_BYTES];
  char kernels[BC_BOOT_ID_BYTES] = "";
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
  assert_non_null(file);
  assert_non_null(fgets(kernels, sizeof kernels, file));
  (void)fclose(file);
  kernels[strcspn(kernels, "\n")] = '\0';
  bc_boot_id_read(first);
  bc_boot_id_read(again);
  assert_string_equal(first, kernels);
  assert_string_equal(again, kernels);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_is_what_the_kernel_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
