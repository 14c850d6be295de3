/* One script, one check, one run after the other. */
#ifndef BC_TESTS_SANDBOX_HARNESS_H
#define BC_TESTS_SANDBOX_HARNESS_H

#include "worker/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct world {
  struct bc_sandbox *sandbox;
  struct bc_sandbox_check *check;
  struct bc_sandbox_run *run; /* the last */
};

static inline struct world world_open_with(const struct bc_sandbox_options *options, const char *script) {
  struct bc_fault fault = {0};
  struct world world = {.sandbox = bc_sandbox_new(options, "t.lua", bc_str_of(script), &fault)};
  if (world.sandbox == NULL) {
    fail_msg("%s", fault.text);
  }
  world.check = bc_sandbox_check_new(world.sandbox);
  return world;
}

static inline struct world world_open(const char *script) {
  return world_open_with(NULL, script);
}

static inline const struct bc_sandbox_outcome *world_begin(struct world *world) {
  bc_sandbox_run_free(world->run);
  world->run = bc_sandbox_run_new(world->check);
  (void)bc_sandbox_run_resume(world->run);
  return bc_sandbox_run_outcome(world->run);
}

static inline const struct bc_sandbox_outcome *world_go_on(struct world *world) {
  (void)bc_sandbox_run_resume(world->run);
  return bc_sandbox_run_outcome(world->run);
}

static inline void world_close(struct world *world) {
  bc_sandbox_run_free(world->run);
  bc_sandbox_check_free(world->check);
  bc_sandbox_free(world->sandbox);
}

/* The script ends with `end`; its error, if there is one, holds `text`. */
static inline void world_expect(const char *script, enum bc_sandbox_end end, const char *text) {
  struct world world = world_open(script);
  const struct bc_sandbox_outcome *outcome = world_begin(&world);
  if (outcome->end != end || strstr(outcome->error, text) == NULL) {
    fail_msg("%s\n  expected %s with \"%s\", found %s \"%s\"", script, bc_sandbox_end_text(end), text,
             bc_sandbox_end_text(outcome->end), outcome->error);
  }
  world_close(&world);
}

/* The script ends well and says up. */
static inline void world_expect_up(const char *script) {
  struct world world = world_open(script);
  const struct bc_sandbox_outcome *outcome = world_begin(&world);
  if (outcome->end != BC_SANDBOX_DONE || outcome->word != BC_SANDBOX_UP) {
    fail_msg("%s\n  expected up, found %s \"%s\" \"%s\"", script, bc_sandbox_end_text(outcome->end), outcome->error,
             outcome->reason);
  }
  world_close(&world);
}

/* Runs one after the other end well and say up, and the later ones take no more memory than the first. */
static inline void world_expect_no_growth(struct world *world) {
  size_t used = 0;
  for (int i = 0; i < 20; i++) {
    const struct bc_sandbox_outcome *outcome = world_begin(world);
    assert_int_equal(outcome->end, BC_SANDBOX_DONE);
    assert_int_equal(outcome->word, BC_SANDBOX_UP);
    bc_sandbox_run_free(world->run);
    world->run = NULL;
    bc_sandbox_collect(world->sandbox);
    used = i == 2 ? bc_sandbox_used_bytes(world->sandbox) : used;
  }
  assert_true(bc_sandbox_used_bytes(world->sandbox) <= used + 64);
}

#endif
