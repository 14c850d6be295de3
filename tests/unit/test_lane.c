/* The thread for work that may hang. */
#include "io/lane.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct world {
  struct bc_loop *loop;
  struct bc_lane *lane;
  pthread_mutex_t lock; /* held by a test: the work hangs */
  pthread_cond_t changed;
  sem_t begun;
  pthread_t worker;
  int works;
  int dones;
  bool is_released;
};

static void world_work(void *arg) {
  struct world *world = arg;
  (void)sem_post(&world->begun);
  (void)pthread_mutex_lock(&world->lock);
  world->works++;
  world->worker = pthread_self();
  (void)pthread_mutex_unlock(&world->lock);
}

static void world_release(void *arg) {
  struct world *world = arg;
  (void)pthread_mutex_lock(&world->lock);
  world->is_released = true;
  (void)pthread_cond_signal(&world->changed);
  (void)pthread_mutex_unlock(&world->lock);
}

static void world_done(void *arg) {
  struct world *world = arg;
  world->dones++;
  assert_false(bc_lane_is_busy(world->lane));
  if (world->dones < 3) {
    bc_lane_run(world->lane, world_work, world_done, world);
  } else {
    bc_loop_stop(world->loop);
  }
}

static void world_open(struct world *world) {
  *world = (struct world){.loop = bc_loop_new()};
  (void)pthread_mutex_init(&world->lock, NULL);
  (void)pthread_cond_init(&world->changed, NULL);
  (void)sem_init(&world->begun, 0, 0);
  world->lane = bc_lane_new(world->loop);
  assert_non_null(world->lane);
  assert_false(bc_lane_is_busy(world->lane));
}

static void each_work_is_done_on_the_loop_and_another_may_follow(void **state) {
  (void)state;
  struct world world;
  world_open(&world);
  bc_lane_run(world.lane, world_work, world_done, &world);
  assert_true(bc_lane_is_busy(world.lane));
  bc_loop_run(world.loop);
  assert_int_equal(world.works, 3);
  assert_int_equal(world.dones, 3);
  assert_false(pthread_equal(world.worker, pthread_self()));
  bc_lane_close(world.lane, world_release, &world);
  assert_true(world.is_released);
  bc_loop_free(world.loop);
}

static void closing_does_not_wait_for_work_that_hangs(void **state) {
  (void)state;
  struct world world;
  world_open(&world);
  (void)pthread_mutex_lock(&world.lock);
  bc_lane_run(world.lane, world_work, world_done, &world);
  (void)sem_wait(&world.begun);
  bc_lane_close(world.lane, world_release, &world);
  bc_loop_free(world.loop);
  assert_false(world.is_released);
  /* It hangs no more: what it worked on is released then, and only then. */
  while (!world.is_released) {
    (void)pthread_cond_wait(&world.changed, &world.lock);
  }
  assert_int_equal(world.works, 1);
  assert_int_equal(world.dones, 0);
  (void)pthread_mutex_unlock(&world.lock);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_work_is_done_on_the_loop_and_another_may_follow),
      cmocka_unit_test(closing_does_not_wait_for_work_that_hangs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
