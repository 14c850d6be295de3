/* All that a process with one task is asked, on its standard input: frames (proto/frame.h) up to the end of the file.
 */
#ifndef BC_WORKER_REQUEST_H
#define BC_WORKER_REQUEST_H

#include "base/buf.h"
#include "proto/msg.h"

/* Waits for the end of the file. False when it could not be read, or is longer than `to` may get. */
bool bc_request_read(struct bc_buf *to);
/* Hands each message of the frames to `take`; what it holds points into `frames`. False when a frame is cut off or no
 * message, or `take` returned false: it is then called no more. */
bool bc_request_each(struct bc_str frames, bool (*take)(void *arg, const struct bc_msg *message), void *arg);

#endif
