/* What the tests of texts that are interned share. */
#ifndef BC_TESTS_INTERN_WORLD_H
#define BC_TESTS_INTERN_WORLD_H

#include "base/intern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bc_intern *intern;

static int setup(void **state) {
  (void)state;
  intern = bc_intern_new();
  return 0;
}

/* Every test gives back all texts that it took. */
static int teardown(void **state) {
  (void)state;
  size_t left = bc_intern_count(intern);
  bc_intern_free(intern);
  return left == 0 ? 0 : -1;
}

#endif
