/* The files of a ring, for what writes and what reads them. */
#ifndef BC_IO_RING_FILES_H
#define BC_IO_RING_FILES_H

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Their numbers, growing; free() the array. False with errno when the directory cannot be read. */
BC_MUST_CHECK bool bc_ring_files_list(int directory, const char *name, uint64_t **numbers, size_t *count);
/* "NAME.NUMBER" */
void bc_ring_files_name(const char *name, uint64_t number, char text[static NAME_MAX + 1]);

#endif
