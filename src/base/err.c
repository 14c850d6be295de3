#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

BC_ENUM_TEXT_FUNCTION(bc_err_name, enum bc_err, BC_ERR_LIST, "unknown error")

void bc_fault_set(struct bc_fault *fault, size_t column, const char *format, ...) {
  if (fault == NULL) {
    return;
  }
  fault->column = column;
  va_list args;
  va_start(args, format);
  int written = vsnprintf(fault->text, sizeof fault->text, format, args);
  va_end(args);
  if (written < 0) {
    fault->text[0] = '\0';
  }
  for (char *at = fault->text; *at != '\0'; at++) {
    if (*at < ' ' || *at > '~') {
      *at = '?';
    }
  }
}
