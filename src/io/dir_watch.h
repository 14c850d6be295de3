/* What inotify watches for a directory store. Watches are placed by the thread that scans (finding a path may hang);
 * events are read and judged on the loop. */
#ifndef BC_IO_DIR_WATCH_H
#define BC_IO_DIR_WATCH_H

#include <stdbool.h>
#include <stddef.h>

struct bc_dir_watch;

/* Of the watched directory only this name matters. */
struct bc_dir_interest {
  int watch;
  char *name; /* owned */
};

/* `watches_most` 0 = what the kernel allows. */
struct bc_dir_watch *bc_dir_watch_new(size_t watches_most);
/* NULL is allowed. */
void bc_dir_watch_free(struct bc_dir_watch *watch);
/* The inotify descriptor, non-blocking; -1: there is none. The same for ever. */
int bc_dir_watch_fd(const struct bc_dir_watch *watch);

/* ---- on the scanning thread ---- */

/* Before and after a scan; `is_complete`: what was not asked for since is not watched any more. */
void bc_dir_watch_begin(struct bc_dir_watch *watch);
void bc_dir_watch_end(struct bc_dir_watch *watch, bool is_complete);
/* The file or directory at `path`, links followed; `name` NULL = all that happens in it. */
void bc_dir_watch_add(struct bc_dir_watch *watch, const char *path, const char *name);
/* Each place on the way to `path` where a link could be turned elsewhere, or where the first part that is missing
 * would appear. */
void bc_dir_watch_add_way(struct bc_dir_watch *watch, const char *path);

/* ---- on the loop, while no scan runs ---- */

/* Why something is not watched, in one line that says what to do; NULL = all is. */
const char *bc_dir_watch_problem(const struct bc_dir_watch *watch);
/* What bc_dir_watch_read needs to know of the last complete scan. */
void bc_dir_watch_settle(struct bc_dir_watch *watch);

/* ---- on the loop, at any time ---- */

/* Reads all events; true when one of them may change what the store holds. */
bool bc_dir_watch_read(struct bc_dir_watch *watch);

#endif
