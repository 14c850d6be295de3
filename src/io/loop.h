/* The event loop: timers, descriptors, signals, children's ends, jobs for the disk thread.
 *
 * A thin cover over libuv so that io is the only place that includes it. Everything runs on one
 * thread, except the body of a bc_loop_job. Callbacks may create and free any object, also the one
 * that called them. Every object must be freed before the loop. */
#ifndef BC_IO_LOOP_H
#define BC_IO_LOOP_H

#include "base/err.h"
#include "base/mono.h"

#include <stdbool.h>

struct bc_loop;
struct bc_timer;
struct bc_watch;
struct bc_signal;

typedef void bc_loop_fn(void *arg);
typedef void bc_signal_fn(void *arg, int signal_number);

/* Readiness of a descriptor; any set of these. GONE: a socket's other end closed its direction, whether or not all that
 * it sent was read. */
enum { BC_WATCH_READ = 1, BC_WATCH_WRITE = 2, BC_WATCH_GONE = 4 };
/* `events` is what is ready; an error or hang-up is reported as all that was asked for. */
typedef void bc_watch_fn(void *arg, int fd, int events);

struct bc_loop *bc_loop_new(void);
/* Runs closing callbacks, then frees; all objects must have been freed before. NULL is allowed. */
void bc_loop_free(struct bc_loop *loop);
/* Runs until bc_loop_stop. */
void bc_loop_run(struct bc_loop *loop);
void bc_loop_stop(struct bc_loop *loop);
/* The uv_loop_t of this loop, for other files of io/ only. */
void *bc_loop_uv(struct bc_loop *loop);

/* A timer that is not armed. */
struct bc_timer *bc_timer_new(struct bc_loop *loop, bc_loop_fn *fn, void *arg);
/* NULL is allowed. */
void bc_timer_free(struct bc_timer *timer);
/* Calls fn once, `delay_ms` from now (0: in the next round, behind the descriptors of this one); re-arms when armed. */
void bc_timer_start(struct bc_timer *timer, int64_t delay_ms);
/* The same with a point in time; not set = stop; the past = next round. Never fires early. */
void bc_timer_start_at(struct bc_timer *timer, struct bc_mono when);
void bc_timer_stop(struct bc_timer *timer);
bool bc_timer_is_armed(const struct bc_timer *timer);

/* Watches a descriptor that stays the caller's: free the watch before closing it. Must be pollable
 * (no plain file): else NULL. */
struct bc_watch *bc_watch_new(struct bc_loop *loop, int fd, bc_watch_fn *fn, void *arg);
void bc_watch_free(struct bc_watch *watch);
/* What to wait for; 0 pauses. */
void bc_watch_set(struct bc_watch *watch, int events);

struct bc_signal *bc_signal_new(struct bc_loop *loop, int signal_number, bc_signal_fn *fn, void *arg);
void bc_signal_free(struct bc_signal *sig);

/* Runs work(arg) on the one disk thread, in the order of submission, then done(arg) on the loop.
 * Never blocks. At most `BC_LOOP_JOBS` wait: BC_ERR_LIMIT above. */
enum { BC_LOOP_JOBS = 1024 };
BC_MUST_CHECK enum bc_err bc_loop_job(struct bc_loop *loop, bc_loop_fn *work, bc_loop_fn *done, void *arg);

#endif
