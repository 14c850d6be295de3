/* Files of the state directory, written on the disk thread: a full disk is an error that is told, a
 * hung one only delays the callback, and neither ever stops the loop.
 *
 * What is read is read at once by the calling thread: before the loop runs, or when that failed and is tried again. All
 * files have mode
 * 0600. What was written outlives this process; only bc_disk_save and bc_disk_log_rewrite also wait for
 * the disk, so that a machine that lost its power finds either the old or the new content. */
#ifndef BC_IO_DISK_H
#define BC_IO_DISK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"

#include <stddef.h>
#include <sys/types.h>

struct bc_disk;
struct bc_disk_log;

/* On the loop, once per request, never before the request returned. `text` is "" for BC_ERR_OK, else
 * one line for people; valid during the call. The request may be made again from here. */
typedef void bc_disk_fn(void *arg, enum bc_err err, const char *text);

/* Opens the state directory, made with mode 0700 when only its last part is missing. Refused
 * (BC_ERR_REFUSED): not a directory, writable by everybody, or a file cannot be made in it. BC_ERR_IO:
 * anything else. */
BC_MUST_CHECK enum bc_err bc_disk_open(struct bc_loop *loop, const char *directory, struct bc_disk **out,
                                       struct bc_fault *fault);
/* Gives the lock back. Requests under way are completed (by bc_loop_free at the latest), their callbacks not
 * called. Close its logs before. NULL is allowed. */
void bc_disk_close(struct bc_disk *disk);

/* Locks the directory for this process, as long as it is open. BC_ERR_EXISTS: another process has the
 * lock, its pid is in `holder` (0 = not known; may be NULL) and in the fault. Never waits: call it again
 * later. Nothing else here asks for the lock. */
BC_MUST_CHECK enum bc_err bc_disk_lock(struct bc_disk *disk, pid_t *holder, struct bc_fault *fault);

/* Adds the file's bytes to `content`, whose maximum is the limit: BC_ERR_NOT_FOUND, BC_ERR_LIMIT (then
 * nothing was added), BC_ERR_IO. `name` is a plain file name here and below. */
BC_MUST_CHECK enum bc_err bc_disk_load(struct bc_disk *disk, const char *name, struct bc_buf *content,
                                       struct bc_fault *fault);
/* The same of the last bytes only, as many as `content` takes. */
BC_MUST_CHECK enum bc_err bc_disk_load_end(struct bc_disk *disk, const char *name, struct bc_buf *content,
                                           struct bc_fault *fault);
/* Replaces the file: temporary file, fsync, rename. The bytes are copied. `done` may be NULL.
 * BC_ERR_LIMIT: with what waits for the disk already it would be more than BC_LIMIT_DISK_QUEUE_BYTES; nothing was
 * taken, no callback follows. Alone it may be of any length. */
BC_MUST_CHECK enum bc_err bc_disk_save(struct bc_disk *disk, const char *name, struct bc_str bytes, bc_disk_fn *done,
                                       void *arg);

/* Opens an append-only file, made when missing, and adds its whole content to `content` (errors as in
 * bc_disk_load, without BC_ERR_NOT_FOUND). A process that was killed, or a machine that lost its power, may have left
 * half a request at its end: rewrite the log before appending when that is so. After BC_ERR_LIMIT the file is as it
 * was: rename it away with bc_disk_set_aside and open again. */
BC_MUST_CHECK enum bc_err bc_disk_log_open(struct bc_disk *disk, const char *name, struct bc_buf *content,
                                           struct bc_disk_log **out, struct bc_fault *fault);
/* The same for a log that nobody reads as a whole: adds only the last bytes, as many as `content` takes; they may begin
 * within a line. What was torn stays as it is: begin with a line break when the last byte is none. */
BC_MUST_CHECK enum bc_err bc_disk_log_open_end(struct bc_disk *disk, const char *name, struct bc_buf *content,
                                               struct bc_disk_log **out, struct bc_fault *fault);
/* Renames a file that cannot be used to NAME.bad, at once: only before the loop runs. */
BC_MUST_CHECK enum bc_err bc_disk_set_aside(struct bc_disk *disk, const char *name, struct bc_fault *fault);

/* Appends; the bytes are copied, requests keep their order and are written in batches. An append that failed
 * left nothing in the file, nor did the others of its batch (each is told). A file that somebody removed is made
 * again, with what it held. `done` may be NULL. BC_ERR_LIMIT as for bc_disk_save. */
BC_MUST_CHECK enum bc_err bc_disk_log_append(struct bc_disk_log *log, struct bc_str bytes, bc_disk_fn *done, void *arg);
/* From now on others may rename, replace, or shorten the file, as programs that rotate logs do: what is appended goes
 * to the file that has the name, made when there is none. (Of a log without this the name may lead elsewhere, and what
 * somebody cut off is missed at the next read.) */
void bc_disk_log_set_rotated(struct bc_disk_log *log);
/* What somebody else did to the file, as the last appends and turns found it. */
enum bc_disk_log_change {
  BC_DISK_LOG_UNCHANGED,
  BC_DISK_LOG_REMOVED, /* it was made again, with what it held */
  BC_DISK_LOG_RENAMED, /* another file has the name, or a new one got it: appends go on there */
  BC_DISK_LOG_SHORTENED
};
/* The last one since this was asked before. */
enum bc_disk_log_change bc_disk_log_take_change(struct bc_disk_log *log);
/* From now on an append also waits for the disk before its callback, as a rewrite does. */
void bc_disk_log_set_durable(struct bc_disk_log *log);
/* The first bytes alone are good: the rest goes with the next append. Before the first request. */
void bc_disk_log_cut(struct bc_disk_log *log, size_t good_bytes);
/* So many bytes of the disk behind the end of the file are for bc_disk_log_append alone, so that it succeeds when the
 * disk is full: bc_disk_log_append_sparing fails when they are not there behind what it wrote, and so does a rewrite.
 * They are the file's own: also of the next process that opens it. Without effect on a file system that can keep none.
 * Counts for what is asked for from now on. */
void bc_disk_log_set_spare(struct bc_disk_log *log, size_t bytes);
BC_MUST_CHECK enum bc_err bc_disk_log_append_sparing(struct bc_disk_log *log, struct bc_str bytes, bc_disk_fn *done,
                                                     void *arg);
/* In the callback of an append that failed, of a durable log: it could not be taken away again either, so that whoever
 * opens the file next may find it. The next append that succeeds, or a rewrite, has taken it away. */
bool bc_disk_log_is_unsure(const struct bc_disk_log *log);
/* Replaces the content by `bytes` as bc_disk_save does; later appends go behind them. When it fails, the
 * old content stands and appends go on there. */
BC_MUST_CHECK enum bc_err bc_disk_log_rewrite(struct bc_disk_log *log, struct bc_str bytes, bc_disk_fn *done,
                                              void *arg);
/* The file becomes NAME.1, that one NAME.2 … up to NAME.KEEP (at least 1; what was that is gone), and later appends go
 * to a new, empty one. When it fails, appends go on where they went. */
BC_MUST_CHECK enum bc_err bc_disk_log_turn(struct bc_disk_log *log, unsigned keep, bc_disk_fn *done, void *arg);
/* Size of the file after the last finished request. */
size_t bc_disk_log_bytes(const struct bc_disk_log *log);
/* Bytes of requests that are not finished. */
size_t bc_disk_log_waiting_bytes(const struct bc_disk_log *log);
/* Requests under way are completed (by bc_loop_free at the latest), their callbacks not called. NULL is
 * allowed. */
void bc_disk_log_close(struct bc_disk_log *log);

#endif
