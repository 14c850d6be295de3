#include "io/loop.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <uv.h>

struct loop_job {
  STAILQ_ENTRY(loop_job) link;
  bc_loop_fn *work;
  bc_loop_fn *done;
  void *arg;
};
STAILQ_HEAD(loop_jobs, loop_job);

/* Timers of the next round. libuv would call one that is armed again by its own call in the same round, for ever, and
 * descriptors would have no turn. */
TAILQ_HEAD(loop_soon, bc_timer);

struct bc_loop {
  uv_loop_t uv;
  uv_idle_t idle; /* active while there are such timers */
  struct loop_soon soon;
  uint64_t round;
  uv_async_t wake;
  pthread_t disk_thread;
  pthread_mutex_t lock; /* guards todo, finished, stopping */
  pthread_cond_t more;
  struct loop_jobs todo;
  struct loop_jobs finished;
  bool disk_started;
  bool stopping;
  unsigned jobs; /* submitted and not done; loop thread only */
};

struct bc_timer {
  uv_timer_t uv;
  struct bc_loop *loop;
  TAILQ_ENTRY(bc_timer) soon;
  bool is_soon;
  uint64_t round; /* in which it was armed */
  bc_loop_fn *fn;
  void *arg;
};

struct bc_watch {
  uv_poll_t uv;
  bc_watch_fn *fn;
  void *arg;
  int fd;
  int events;
};

struct bc_signal {
  uv_signal_t uv;
  bc_signal_fn *fn;
  void *arg;
};

static void loop_run_finished(struct bc_loop *loop) {
  struct loop_jobs ready;
  STAILQ_INIT(&ready);
  (void)pthread_mutex_lock(&loop->lock);
  STAILQ_CONCAT(&ready, &loop->finished);
  (void)pthread_mutex_unlock(&loop->lock);
  struct loop_job *job;
  while ((job = STAILQ_FIRST(&ready)) != NULL) {
    STAILQ_REMOVE_HEAD(&ready, link);
    loop->jobs--;
    if (job->done != NULL) {
      job->done(job->arg);
    }
    free(job);
  }
}

static void loop_on_wake(uv_async_t *handle) {
  loop_run_finished(handle->data);
}

static void *loop_disk_main(void *arg) {
  struct bc_loop *loop = arg;
  (void)pthread_mutex_lock(&loop->lock);
  for (;;) {
    struct loop_job *job = STAILQ_FIRST(&loop->todo);
    if (job == NULL) {
      if (loop->stopping) {
        break;
      }
      (void)pthread_cond_wait(&loop->more, &loop->lock);
      continue;
    }
    STAILQ_REMOVE_HEAD(&loop->todo, link);
    (void)pthread_mutex_unlock(&loop->lock);
    job->work(job->arg);
    (void)pthread_mutex_lock(&loop->lock);
    STAILQ_INSERT_TAIL(&loop->finished, job, link);
    (void)uv_async_send(&loop->wake);
  }
  (void)pthread_mutex_unlock(&loop->lock);
  return NULL;
}

static void loop_on_idle(uv_idle_t *handle) {
  struct bc_loop *loop = handle->data;
  struct bc_timer *timer;
  loop->round++;
  while ((timer = TAILQ_FIRST(&loop->soon)) != NULL && timer->round < loop->round) {
    bc_timer_stop(timer);
    timer->fn(timer->arg);
  }
}

struct bc_loop *bc_loop_new(void) {
  struct bc_loop *loop = bc_mem_new(1, sizeof *loop);
  TAILQ_INIT(&loop->soon);
  STAILQ_INIT(&loop->todo);
  STAILQ_INIT(&loop->finished);
  if (uv_loop_init(&loop->uv) != 0 || uv_async_init(&loop->uv, &loop->wake, loop_on_wake) != 0 ||
      uv_idle_init(&loop->uv, &loop->idle) != 0) {
    abort();
  }
  loop->idle.data = loop;
  loop->wake.data = loop;
  (void)pthread_mutex_init(&loop->lock, NULL);
  (void)pthread_cond_init(&loop->more, NULL);
  return loop;
}

void bc_loop_free(struct bc_loop *loop) {
  if (loop == NULL) {
    return;
  }
  if (loop->disk_started) {
    (void)pthread_mutex_lock(&loop->lock);
    loop->stopping = true;
    (void)pthread_cond_signal(&loop->more);
    (void)pthread_mutex_unlock(&loop->lock);
    (void)pthread_join(loop->disk_thread, NULL);
    loop_run_finished(loop);
  }
  uv_close((uv_handle_t *)&loop->wake, NULL);
  (void)uv_run(&loop->uv, UV_RUN_DEFAULT); /* what closed itself in the next round still frees itself */
  uv_close((uv_handle_t *)&loop->idle, NULL);
  (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
  (void)uv_loop_close(&loop->uv);
  (void)pthread_mutex_destroy(&loop->lock);
  (void)pthread_cond_destroy(&loop->more);
  free(loop);
}

void bc_loop_run(struct bc_loop *loop) {
  (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void bc_loop_stop(struct bc_loop *loop) {
  uv_stop(&loop->uv);
}

void *bc_loop_uv(struct bc_loop *loop) {
  return &loop->uv;
}

static void loop_on_closed(uv_handle_t *handle) {
  free(handle->data);
}

static void loop_on_timer(uv_timer_t *handle) {
  struct bc_timer *timer = handle->data;
  timer->fn(timer->arg);
}

struct bc_timer *bc_timer_new(struct bc_loop *loop, bc_loop_fn *fn, void *arg) {
  struct bc_timer *timer = bc_mem_new(1, sizeof *timer);
  timer->loop = loop;
  timer->fn = fn;
  timer->arg = arg;
  (void)uv_timer_init(&loop->uv, &timer->uv);
  timer->uv.data = timer;
  return timer;
}

void bc_timer_free(struct bc_timer *timer) {
  if (timer != NULL) {
    bc_timer_stop(timer);
    uv_close((uv_handle_t *)&timer->uv, loop_on_closed);
  }
}

void bc_timer_start(struct bc_timer *timer, int64_t delay_ms) {
  struct bc_loop *loop = timer->loop;
  bc_timer_stop(timer);
  if (delay_ms <= 0) {
    timer->is_soon = true;
    timer->round = loop->round;
    TAILQ_INSERT_TAIL(&loop->soon, timer, soon);
    (void)uv_idle_start(&loop->idle, loop_on_idle);
    return;
  }
  uv_update_time(&loop->uv);
  (void)uv_timer_start(&timer->uv, loop_on_timer, (uint64_t)delay_ms, 0);
}

void bc_timer_start_at(struct bc_timer *timer, struct bc_mono when) {
  if (!bc_mono_is_set(when)) {
    bc_timer_stop(timer);
    return;
  }
  int64_t us = when.us - bc_mono_now().us;
  /* libuv counts in whole milliseconds of a cached clock: one more keeps it from being early. */
  bc_timer_start(timer, us <= 0 ? 0 : us / 1000 + 1);
}

void bc_timer_stop(struct bc_timer *timer) {
  (void)uv_timer_stop(&timer->uv);
  if (timer->is_soon) {
    timer->is_soon = false;
    TAILQ_REMOVE(&timer->loop->soon, timer, soon);
    if (TAILQ_EMPTY(&timer->loop->soon)) {
      (void)uv_idle_stop(&timer->loop->idle);
    }
  }
}

bool bc_timer_is_armed(const struct bc_timer *timer) {
  return timer->is_soon || uv_is_active((const uv_handle_t *)&timer->uv) != 0;
}

static void loop_on_poll(uv_poll_t *handle, int status, int events) {
  struct bc_watch *watch = handle->data;
  int ready = 0;
  if (status < 0) {
    /* libuv has stopped the handle before telling an error: one call would be the last. */
    bc_watch_set(watch, watch->events);
    ready = watch->events;
  } else {
    ready |= (events & UV_READABLE) != 0 ? BC_WATCH_READ : 0;
    ready |= (events & UV_WRITABLE) != 0 ? BC_WATCH_WRITE : 0;
    ready |= (events & UV_DISCONNECT) != 0 ? watch->events : 0;
  }
  watch->fn(watch->arg, watch->fd, ready);
}

struct bc_watch *bc_watch_new(struct bc_loop *loop, int fd, bc_watch_fn *fn, void *arg) {
  struct bc_watch *watch = bc_mem_new(1, sizeof *watch);
  watch->fn = fn;
  watch->arg = arg;
  watch->fd = fd;
  if (uv_poll_init(&loop->uv, &watch->uv, fd) != 0) {
    free(watch);
    return NULL;
  }
  watch->uv.data = watch;
  return watch;
}

void bc_watch_free(struct bc_watch *watch) {
  if (watch != NULL) {
    (void)uv_poll_stop(&watch->uv);
    uv_close((uv_handle_t *)&watch->uv, loop_on_closed);
  }
}

void bc_watch_set(struct bc_watch *watch, int events) {
  bool is_paused = watch->events == 0;
  watch->events = events;
  if (events == 0 && is_paused) {
    return; /* libuv would call the kernel for nothing */
  }
  if (events == 0) {
    (void)uv_poll_stop(&watch->uv);
    return;
  }
  int wanted = 0;
  wanted |= (events & BC_WATCH_READ) != 0 ? UV_READABLE : 0;
  wanted |= (events & BC_WATCH_WRITE) != 0 ? UV_WRITABLE : 0;
  wanted |= (events & BC_WATCH_GONE) != 0 ? UV_DISCONNECT : 0;
  (void)uv_poll_start(&watch->uv, wanted, loop_on_poll);
}

static void loop_on_signal(uv_signal_t *handle, int number) {
  struct bc_signal *sig = handle->data;
  sig->fn(sig->arg, number);
}

struct bc_signal *bc_signal_new(struct bc_loop *loop, int signal_number, bc_signal_fn *fn, void *arg) {
  struct bc_signal *sig = bc_mem_new(1, sizeof *sig);
  sig->fn = fn;
  sig->arg = arg;
  (void)uv_signal_init(&loop->uv, &sig->uv);
  sig->uv.data = sig;
  (void)uv_signal_start(&sig->uv, loop_on_signal, signal_number);
  return sig;
}

void bc_signal_free(struct bc_signal *sig) {
  if (sig != NULL) {
    uv_close((uv_handle_t *)&sig->uv, loop_on_closed);
  }
}

enum bc_err bc_loop_job(struct bc_loop *loop, bc_loop_fn *work, bc_loop_fn *done, void *arg) {
  if (loop->jobs >= BC_LOOP_JOBS) {
    return BC_ERR_LIMIT;
  }
  if (!loop->disk_started) {
    if (pthread_create(&loop->disk_thread, NULL, loop_disk_main, loop) != 0) {
      return BC_ERR_LIMIT;
    }
    loop->disk_started = true;
  }
  struct loop_job *job = bc_mem_new(1, sizeof *job);
  *job = (struct loop_job){.work = work, .done = done, .arg = arg};
  loop->jobs++;
  (void)pthread_mutex_lock(&loop->lock);
  STAILQ_INSERT_TAIL(&loop->todo, job, link);
  (void)pthread_cond_signal(&loop->more);
  (void)pthread_mutex_unlock(&loop->lock);
  return BC_ERR_OK;
}
