/* What the build makes of lua/testkit/ (src/model/ready_made.cmake). */
#ifndef BC_WORKER_TESTKIT_TEXT_H
#define BC_WORKER_TESTKIT_TEXT_H

#include <stddef.h>

struct testkit_text {
  const char *name;
  const char *text; /* terminated */
  size_t len;
};

/* In the order of their names; one more at the end, all NULL. */
extern const struct testkit_text testkit_texts[];

#endif
