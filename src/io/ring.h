/* Lines kept in a bounded row of files, NAME.1, NAME.2 …: the newest is appended to, the oldest goes.
 *
 * Written by the disk thread in small steps, so that whoever else waits for the disk waits little, and never waited
 * for: what a full or hung disk does not take is given up and counted. A part of the disk is left to others. Nothing is
 * synced: what a process has handed over outlives it, a machine that loses its power may lose the last seconds. A line
 * that was torn stays torn; who reads passes over it. */
#ifndef BC_IO_RING_H
#define BC_IO_RING_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "io/disk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bc_ring;

/* After each step that reached the disk thread: how many lines of it were given up, and why, one line for people ("" =
 * all is well). The ring may be closed from here. */
typedef void bc_ring_fn(void *arg, uint64_t lost, const char *problem);

struct bc_ring_options {
  const char *name;
  size_t segment_bytes; /* of a file; a longer line makes a longer file */
  unsigned segments;    /* files at most */
  bc_ring_fn *told;     /* may be NULL */
  void *arg;
};

/* Adds the end of what is there to `tail`, as much as it takes: it begins within a line. Reads at once. BC_ERR_IO: the
 * directory cannot be read; what cannot be written is told later. */
BC_MUST_CHECK enum bc_err bc_ring_open(struct bc_disk *disk, const struct bc_ring_options *options, struct bc_buf *tail,
                                       struct bc_ring **out, struct bc_fault *fault);
/* Lines, each with its end; the bytes are copied. BC_ERR_LIMIT: with what waits it would be more than
 * BC_LIMIT_RECORDS_QUEUE_BYTES, nothing was taken. */
BC_MUST_CHECK enum bc_err bc_ring_append(struct bc_ring *ring, struct bc_str lines);
/* Bytes that were appended since it was opened, and how many of them are written or given up. */
uint64_t bc_ring_appended(const struct bc_ring *ring);
uint64_t bc_ring_finished(const struct bc_ring *ring);
/* What waits is written still (by bc_loop_free at the latest), nothing is told. Before bc_disk_close. NULL is allowed.
 */
void bc_ring_close(struct bc_ring *ring);

/* ---- reading, also while another process writes ---- */

/* A whole line, without its end; oldest first. From bc_ring_read_start it comes on the disk thread, and `arg` belongs
 * to that until the end. */
typedef void bc_ring_line_fn(void *arg, struct bc_str line);

/* All lines that are there now, at once. BC_ERR_IO: the directory cannot be read, or none of the files;
 * BC_ERR_NOT_FOUND: there is no such file in it. */
BC_MUST_CHECK enum bc_err bc_ring_read_all(const char *directory, const char *name, bc_ring_line_fn *fn, void *arg,
                                           struct bc_fault *fault);

/* The same in steps on the disk thread, between the other work of it. */
struct bc_ring_read;
/* BC_ERR_LIMIT: too much waits for the disk thread. */
BC_MUST_CHECK enum bc_err bc_ring_read_start(struct bc_loop *loop, const char *directory, const char *name,
                                             bc_ring_line_fn *fn, void *arg, struct bc_ring_read **out);
/* All is read, or could not be. */
bool bc_ring_read_is_done(const struct bc_ring_read *reading);
/* Any time: `release` is called with `arg` when the disk thread does not use it any more (at once when it is done, by
 * bc_loop_free at the latest). */
void bc_ring_read_end(struct bc_ring_read *reading, void (*release)(void *arg));

#endif
