/* model/lease against a simpler model: whatever happens, nothing has more time left than it had, and what was removed
 * does not come back. */
#include "lease_world.h"

enum { RANDOM_NAMES = 8, RANDOM_STEPS = 400, RANDOM_ROUNDS = 60 };

/* True time goes on; each clock says what it likes of it. */
struct reference {
  int64_t true_ms;
  struct {
    bool is_live;
    uint64_t id;
    int64_t put_ms; /* true time */
    int64_t ttl_ms;
    int64_t left_ms; /* never grows */
  } of[RANDOM_NAMES];
  bool has_honest_wall; /* no wall clock was set since the start */
};

static unsigned random_next(unsigned *seed, unsigned below) {
  *seed = *seed * 1103515245U + 12345U;
  return (*seed >> 16) % below;
}

static void random_compare(struct reference *reference) {
  for (unsigned i = 0; i < RANDOM_NAMES; i++) {
    char name[16];
    (void)snprintf(name, sizeof name, "api:%u", i);
    struct bc_lease *lease = bc_leases_find(world->leases, name);
    assert_true(reference->of[i].is_live == (lease != NULL));
    if (lease == NULL || reference->of[i].ttl_ms == 0) {
      continue;
    }
    assert_int_equal(lease->id, reference->of[i].id);
    int64_t now_left = (int64_t)bc_lease_left_ms(world->leases, lease);
    assert_true(now_left <= reference->of[i].left_ms);
    reference->of[i].left_ms = now_left;
    int64_t really = reference->of[i].ttl_ms - (reference->true_ms - reference->of[i].put_ms);
    if (reference->has_honest_wall) {
      assert_int_equal(now_left, really < 0 ? 0 : really);
    }
  }
}

static void random_put(struct reference *reference, unsigned *seed) {
  unsigned i = random_next(seed, RANDOM_NAMES);
  char name[16];
  (void)snprintf(name, sizeof name, "api:%u", i);
  int64_t ttl_ms = (int64_t)random_next(seed, 4) * HOUR;
  struct bc_lease *lease =
      put_as(name, "route 192.0.2.0/24 next-hop self", (uint64_t)ttl_ms, random_next(seed, 2) == 0);
  reference->of[i].is_live = true;
  reference->of[i].id = lease->id;
  reference->of[i].put_ms = reference->true_ms;
  reference->of[i].ttl_ms = reference->of[i].left_ms = ttl_ms;
}

static void random_remove(struct reference *reference, unsigned *seed) {
  unsigned i = random_next(seed, RANDOM_NAMES);
  char name[16];
  (void)snprintf(name, sizeof name, "api:%u", i);
  if (reference->of[i].is_live) {
    removed(name);
    reference->of[i].is_live = false;
  }
  struct bc_lease *leaving = bc_leases_find_leaving(world->leases, name);
  if (leaving != NULL && random_next(seed, 2) == 0) {
    bc_leases_forget(world->leases, leaving, &world->file);
  }
}

static void random_step(struct reference *reference, unsigned *seed, unsigned *boots) {
  int64_t passed = (int64_t)random_next(seed, 10 * MINUTE);
  reference->true_ms += passed;
  switch (random_next(seed, 12)) {
  case 0:
  case 1:
  case 2:
    tick(passed);
    random_put(reference, seed);
    break;
  case 3:
    tick(passed);
    random_remove(reference, seed);
    break;
  case 4: /* the process ends and starts again */
    world->now.wall_ms += passed;
    world->now.boot_ms += passed;
    reload();
    break;
  case 5: { /* the machine boots */
    char id[24];
    (void)snprintf(id, sizeof id, "boot %u", ++*boots);
    bc_leases_tell_clock(world->leases, &world->file);
    boot(id, passed);
    reload();
    break;
  }
  case 6: /* the file is written anew */
    tick(passed);
    bc_buf_clear(&world->file);
    bc_leases_print(world->leases, &world->file);
    break;
  case 7: /* somebody sets the wall clock */
    if (!reference->has_honest_wall) {
      world->now.wall_ms += ((int64_t)random_next(seed, 2000) - 1000) * HOUR;
    }
    tick(passed);
    break;
  default:
    tick(passed);
    bc_leases_tell_clock(world->leases, &world->file);
    break;
  }
}

static void whatever_happens_nothing_has_more_left_than_it_had(void **state) {
  (void)state;
  for (unsigned round = 0; round < RANDOM_ROUNDS; round++) {
    unsigned seed = round + 1;
    unsigned boots = 0;
    struct reference reference = {.has_honest_wall = round % 2 == 0};
    teardown(NULL);
    setup(state);
    for (unsigned step = 0; step < RANDOM_STEPS; step++) {
      random_step(&reference, &seed, &boots);
      random_compare(&reference);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LEASE_TEST(whatever_happens_nothing_has_more_left_than_it_had),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
