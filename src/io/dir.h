/* A directory of plain files as a store: DIR stands for the prefix (proto/dir_key.h has the tree). Parts: dir_scan.c
 * reads the whole tree, dir_file.c one file, dir_watch.c has inotify; dir_own.c writes own keys, dir_publish.c knows
 * which. All of them but the last work on a thread of the store's own (io/lane.h). */
#ifndef BC_IO_DIR_H
#define BC_IO_DIR_H

#include "io/loop.h"
#include "io/store.h"

#include <stdint.h>

/* Times and sizes that tests shorten. */
struct bc_dir_tuning {
  int64_t quiet_ms;        /* after an event: nothing is read before it was quiet for so long … */
  int64_t quiet_most_ms;   /* … but at most so long after the first of them … */
  int64_t removal_most_ms; /* … or so long while routes have vanished: a copy may be under way */
  int64_t rescan_ms;       /* all is looked at so often, events or not: network file systems tell none */
  int64_t poll_ms;         /* … and so often when something cannot be watched or read */
  int64_t hang_ms;         /* a directory that does not answer for so long is unreachable */
  int64_t round_ms;        /* between two rounds of writing own keys */
  int64_t pause_ms;        /* no writing of a key after it failed */
  int64_t stale_ms;        /* own keys that nobody wants are removed so long after publishing began */
  int64_t watches_most;    /* 0 = what the kernel allows */
};
extern const struct bc_dir_tuning bc_dir_tuning_default;

/* bc_store_open for one endpoint "file:///DIR"; `tuning` is copied. */
BC_MUST_CHECK enum bc_err bc_dir_open(struct bc_loop *loop, const struct bc_store_options *options,
                                      const struct bc_dir_tuning *tuning, const struct bc_store_handler *handler,
                                      struct bc_store **store, struct bc_fault *fault);

#endif
