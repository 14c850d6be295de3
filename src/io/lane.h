/* A thread of its own for work that may hang for ever (a file system that does not answer): one job at a time, and
 * closing never waits for it. What must not hang, or must be finished, belongs to bc_loop_job. */
#ifndef BC_IO_LANE_H
#define BC_IO_LANE_H

#include "io/loop.h"

struct bc_lane;

/* NULL: no thread or descriptor is left. */
struct bc_lane *bc_lane_new(struct bc_loop *loop);
bool bc_lane_is_busy(const struct bc_lane *lane);
/* Only while it is not busy: work(arg) on the thread, then done(arg) on the loop. What `arg` leads to belongs to the
 * thread in between. */
void bc_lane_run(struct bc_lane *lane, bc_loop_fn *work, bc_loop_fn *done, void *arg);
/* `done` is not called any more. release(arg) frees what the jobs use: at once, or by the thread when the job that
 * hangs returns. */
void bc_lane_close(struct bc_lane *lane, bc_loop_fn *release, void *arg);

#endif
