/* Reads the tree of a directory store: the whole of it each time, but of the files only those that changed. */
#ifndef BC_IO_DIR_SCAN_H
#define BC_IO_DIR_SCAN_H

#include "io/dir_watch.h"
#include "io/store.h"

#include <stdbool.h>

struct bc_dir_scan;

/* What a scan says about itself. */
struct bc_dir_scan_state {
  bool is_good; /* the tree could be read; else `text` says why not, and nothing of it counts */
  const char *text;
  bool is_unsettled; /* something is being written right now: look again soon */
  /* Since the last bc_dir_scan_tell: something differs; routes that were there are not. */
  bool is_changed;
  bool has_lost_routes;
};

/* `watch` stays the caller's. */
struct bc_dir_scan *bc_dir_scan_new(const char *directory, const char *node, struct bc_dir_watch *watch);
/* NULL is allowed. */
void bc_dir_scan_free(struct bc_dir_scan *scan);

/* Blocks. Not while another thread uses the scan. */
void bc_dir_scan_run(struct bc_dir_scan *scan);
const struct bc_dir_scan_state *bc_dir_scan_state(const struct bc_dir_scan *scan);
/* The last good scan as a list; ends early when a handler sets *is_closed. */
void bc_dir_scan_tell(struct bc_dir_scan *scan, const struct bc_store_handler *handler, const bool *is_closed);

#endif
