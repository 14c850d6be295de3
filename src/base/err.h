/* Errors that functions return, and the house rules that belong to them.
 *
 * A function that can fail for a reason that its caller must handle returns `enum bc_err` and is
 * BC_MUST_CHECK. Text for people goes into a `struct bc_fault`. Running out of memory is not such a
 * reason: see base/mem.h. */
#ifndef BC_BASE_ERR_H
#define BC_BASE_ERR_H

#include "base/enum_text.h"

#include <stddef.h>

#define BC_MUST_CHECK __attribute__((warn_unused_result))
#define BC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* One list: the enum and bc_err_name() come from it. */
#define BC_ERR_LIST(X)                                                                                                 \
  X(BC_ERR_OK, "ok")                                                                                                   \
  X(BC_ERR_SYNTAX, "syntax error")                                                                                     \
  X(BC_ERR_RANGE, "out of range")                                                                                      \
  X(BC_ERR_LIMIT, "limit exceeded")                                                                                    \
  X(BC_ERR_NOT_FOUND, "not found")                                                                                     \
  X(BC_ERR_EXISTS, "already exists")                                                                                   \
  X(BC_ERR_CONFLICT, "conflict")                                                                                       \
  X(BC_ERR_REFUSED, "refused")                                                                                         \
  X(BC_ERR_AGAIN, "not complete yet")                                                                                  \
  X(BC_ERR_TIMEOUT, "timed out")                                                                                       \
  X(BC_ERR_CLOSED, "closed")                                                                                           \
  X(BC_ERR_IO, "input/output error")                                                                                   \
  X(BC_ERR_AUTH, "not authorized")                                                                                     \
  X(BC_ERR_PROTOCOL, "protocol error")                                                                                 \
  X(BC_ERR_UNSUPPORTED, "not supported")

enum bc_err { BC_ERR_LIST(BC_ENUM_MEMBER) };

/* A static English text; never NULL. */
const char *bc_err_name(enum bc_err value);

enum { BC_FAULT_TEXT_BYTES = 256 };

/* One clear line for people: where (column, 1-based; 0 = not known or the whole value) and what was
 * wrong with what was expected. `text` is always terminated, one line, printable ASCII. */
struct bc_fault {
  size_t column;
  char text[BC_FAULT_TEXT_BYTES];
};

/* Fills `fault` (which may be NULL: then nothing happens) from a format; anything that is not
 * printable ASCII becomes '?', what is too long is cut. */
void bc_fault_set(struct bc_fault *fault, size_t column, const char *format, ...) BC_PRINTF(3, 4);

#endif
