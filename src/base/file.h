/* Plain files. */
#ifndef BC_BASE_FILE_H
#define BC_BASE_FILE_H

#include "base/err.h"

#include <stddef.h>

/* Writes all of it, whatever the pieces; blocks. 0 or an errno. */
BC_MUST_CHECK int bc_file_write_all(int fd, const char *bytes, size_t len);

#endif
