#include "io/lane.h"

#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct bc_lane {
  pthread_t thread;
  pthread_mutex_t lock; /* guards work, is_working, is_closed, release */
  pthread_cond_t more;
  int event_fd;
  bc_loop_fn *work;
  void *arg;
  bool is_working;
  bool is_closed;
  bool is_orphan; /* closed while it worked: the thread cleans up */
  bc_loop_fn *release;
  void *release_arg;
  /* The loop's. */
  struct bc_watch *watch;
  bc_loop_fn *done;
  bool is_busy;
};

static void lane_free(struct bc_lane *lane) {
  lane->release(lane->release_arg);
  (void)close(lane->event_fd);
  (void)pthread_mutex_destroy(&lane->lock);
  (void)pthread_cond_destroy(&lane->more);
  free(lane);
}

static void *lane_main(void *arg) {
  struct bc_lane *lane = arg;
  (void)pthread_mutex_lock(&lane->lock);
  while (!lane->is_closed) {
    if (!lane->is_working) {
      (void)pthread_cond_wait(&lane->more, &lane->lock);
      continue;
    }
    (void)pthread_mutex_unlock(&lane->lock);
    lane->work(lane->arg);
    (void)pthread_mutex_lock(&lane->lock);
    lane->is_working = false;
    uint64_t one = 1;
    (void)!write(lane->event_fd, &one, sizeof one);
  }
  bool is_orphan = lane->is_orphan;
  (void)pthread_mutex_unlock(&lane->lock);
  if (is_orphan) {
    lane_free(lane);
  }
  return NULL;
}

static void lane_on_done(void *arg, int fd, int events) {
  struct bc_lane *lane = arg;
  uint64_t count = 0;
  (void)events;
  if (read(fd, &count, sizeof count) != (ssize_t)sizeof count || !lane->is_busy) {
    return;
  }
  (void)pthread_mutex_lock(&lane->lock);
  bc_loop_fn *done = lane->done;
  void *done_arg = lane->arg;
  (void)pthread_mutex_unlock(&lane->lock);
  lane->is_busy = false;
  done(done_arg);
}

/* Signals are the loop's. */
static int lane_start(struct bc_lane *lane) {
  sigset_t all;
  sigset_t before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = pthread_create(&lane->thread, NULL, lane_main, lane);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  return code;
}

struct bc_lane *bc_lane_new(struct bc_loop *loop) {
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) {
    return NULL;
  }
  struct bc_lane *lane = bc_mem_new(1, sizeof *lane);
  lane->event_fd = fd;
  (void)pthread_mutex_init(&lane->lock, NULL);
  (void)pthread_cond_init(&lane->more, NULL);
  lane->watch = bc_watch_new(loop, fd, lane_on_done, lane);
  if (lane->watch == NULL || lane_start(lane) != 0) {
    bc_watch_free(lane->watch);
    (void)close(fd);
    (void)pthread_mutex_destroy(&lane->lock);
    (void)pthread_cond_destroy(&lane->more);
    free(lane);
    return NULL;
  }
  bc_watch_set(lane->watch, BC_WATCH_READ);
  return lane;
}

bool bc_lane_is_busy(const struct bc_lane *lane) {
  return lane->is_busy;
}

void bc_lane_run(struct bc_lane *lane, bc_loop_fn *work, bc_loop_fn *done, void *arg) {
  lane->is_busy = true;
  lane->done = done;
  (void)pthread_mutex_lock(&lane->lock);
  lane->work = work;
  lane->arg = arg;
  lane->is_working = true;
  (void)pthread_cond_signal(&lane->more);
  (void)pthread_mutex_unlock(&lane->lock);
}

void bc_lane_close(struct bc_lane *lane, bc_loop_fn *release, void *arg) {
  bc_watch_free(lane->watch);
  (void)pthread_mutex_lock(&lane->lock);
  pthread_t thread = lane->thread;
  bool is_working = lane->is_working;
  lane->release = release;
  lane->release_arg = arg;
  lane->is_closed = true;
  lane->is_orphan = is_working;
  if (is_working) {
    (void)pthread_detach(thread);
  }
  (void)pthread_cond_signal(&lane->more);
  (void)pthread_mutex_unlock(&lane->lock);
  if (!is_working) {
    (void)pthread_join(thread, NULL);
    lane_free(lane);
  }
}
