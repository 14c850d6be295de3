/* Policies in one sandbox, one run after the other. */
#ifndef BC_TESTS_POLICY_HARNESS_H
#define BC_TESTS_POLICY_HARNESS_H

#include "worker/lua_data.h"
#include "worker/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct policy_world {
  struct bc_sandbox *sandbox;
  struct bc_sandbox_check *check;
  struct bc_sandbox_run *run; /* the last */
};

/* Names of their own are shown as "policy:LINE". */
static inline struct policy_world policy_open_with(const struct bc_sandbox_options *options, const char *script) {
  struct bc_fault fault = {0};
  struct bc_sandbox_options own = *options;
  own.kind = BC_SANDBOX_FOR_POLICIES;
  struct policy_world world = {.sandbox = bc_sandbox_new(&own, "policy", bc_str_of(script), &fault)};
  if (world.sandbox == NULL) {
    fail_msg("%s", fault.text);
  }
  world.check = bc_sandbox_check_new(world.sandbox);
  return world;
}

static inline struct policy_world policy_open(const char *script) {
  const struct bc_sandbox_options patient = {.burst_ms = 20000};
  return policy_open_with(&patient, script);
}

static inline const struct bc_sandbox_outcome *policy_run(struct policy_world *world, const char *context) {
  bc_sandbox_run_free(world->run);
  world->run = bc_sandbox_run_new(world->check);
  bc_sandbox_run_set_context(world->run, bc_str_of(context));
  (void)bc_sandbox_run_resume(world->run);
  return bc_sandbox_run_outcome(world->run);
}

static inline void policy_close(struct policy_world *world) {
  bc_sandbox_run_free(world->run);
  bc_sandbox_check_free(world->check);
  bc_sandbox_free(world->sandbox);
}

/* The policy says `verdict` of the context. */
static inline void policy_says(const char *script, const char *context, const char *verdict) {
  struct policy_world world = policy_open(script);
  const struct bc_sandbox_outcome *outcome = policy_run(&world, context);
  if (outcome->end != BC_SANDBOX_DONE || strcmp(outcome->verdict, verdict) != 0) {
    fail_msg("%s\n  expected %s, found %s \"%s\" %s", script, verdict, bc_sandbox_end_text(outcome->end),
             outcome->error, outcome->verdict == NULL ? "" : outcome->verdict);
  }
  policy_close(&world);
}

/* The policy ends so; its error holds `text`. */
static inline void policy_fails(const char *script, const char *context, enum bc_sandbox_end end, const char *text) {
  struct policy_world world = policy_open(script);
  const struct bc_sandbox_outcome *outcome = policy_run(&world, context);
  if (outcome->end != end || strstr(outcome->error, text) == NULL) {
    fail_msg("%s\n  expected %s with \"%s\", found %s \"%s\"", script, bc_sandbox_end_text(end), text,
             bc_sandbox_end_text(outcome->end), outcome->error);
  }
  policy_close(&world);
}

/* The function body `body` of ctx must run to its end without an error. */
static inline void policy_holds(const char *body, const char *context) {
  char script[8192];
  int len = snprintf(script, sizeof script, "return function(ctx) %s\n return keep() end", body);
  assert_true(len > 0 && (size_t)len < sizeof script);
  policy_says(script, context, "{\"verdict\":\"keep\"}");
}

#endif
