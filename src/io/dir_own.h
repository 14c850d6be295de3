/* Writes and removes this node's own keys below DIR/node/ME. No link is ever followed below DIR: who may write there
 * could else let us write elsewhere. All of it blocks. */
#ifndef BC_IO_DIR_OWN_H
#define BC_IO_DIR_OWN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The name of a file while it is written, in its own directory. */
#define BC_DIR_OWN_TEMPORARY ".bgpcommander-new"

/* Replaces DIR/node/NODE/`below` ("status", "routes/web/state") by `value` and a line break, NULL = removes it.
 * Directories are made and, when they are empty, removed. False: not done, `fault` says why in one line. */
bool bc_dir_own_write(const char *directory, const char *node, const char *below, const char *value,
                      struct bc_fault *fault);

/* Each own key that is there; `size` -1 = no plain file. */
typedef void bc_dir_own_fn(void *arg, const char *below, off_t size);
void bc_dir_own_find(const char *directory, const char *node, bc_dir_own_fn *fn, void *arg);

#endif
