/* What a directory store holds beside routes/ and node/: checks/NAME/{script,options}, lua/NAME, data/NAME. */
#ifndef BC_IO_DIR_SHELF_H
#define BC_IO_DIR_SHELF_H

#include "io/dir_leaf.h"
#include "io/store.h"

#include <stdbool.h>

struct bc_dir_shelves;

/* `reader` stays the caller's, and lives longer. */
struct bc_dir_shelves *bc_dir_shelves_new(struct bc_dir_reader *reader);
void bc_dir_shelves_free(struct bc_dir_shelves *shelves);

/* Places the watches; `path` has room for PATH_MAX bytes and holds DIR, as it does afterwards. */
void bc_dir_shelves_watch(struct bc_dir_shelves *shelves, char *path);
/* Reads all below `root_fd`, which is DIR. False: the scan is to end, the reader's `failure` says why. *is_moved is set
 * when the tree was exchanged meanwhile. */
bool bc_dir_shelves_scan(struct bc_dir_shelves *shelves, int root_fd, bool *is_moved);
/* After a complete scan: what it did not find is gone. */
void bc_dir_shelves_sweep(struct bc_dir_shelves *shelves);
/* As entries of a list; ends early when a handler sets *is_closed. */
void bc_dir_shelves_tell(const struct bc_dir_shelves *shelves, const struct bc_store_handler *handler,
                         const bool *is_closed);

#endif
