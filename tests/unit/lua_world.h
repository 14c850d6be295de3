/* Scripts that call outside: one sandbox, one check, a loop that their calls rest on. */
#ifndef BC_TESTS_LUA_WORLD_H
#define BC_TESTS_LUA_WORLD_H

#include "base/limits.h"
#include "base/mem.h"
#include "worker/lua_call.h"
#include "worker/sandbox.h"
#include "worker/sandbox_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LUA_WORLD_HANG_MS = 20000 };

struct lua_world {
  struct bc_loop *loop;
  struct bc_lua_io *io; /* with the rules that count by default */
  struct bc_timer *hang;
  struct bc_timer *wake;
  struct bc_sandbox *sandbox;
  struct bc_sandbox_check *check;
  struct bc_sandbox_run *run; /* the last */
  bool is_ready;
};

static inline void lua_world_on_hang(void *arg) {
  (void)arg;
  fail_msg("the script waits for ever");
}

static inline void lua_world_on_ready(void *arg) {
  struct lua_world *world = arg;
  world->is_ready = true;
  bc_loop_stop(world->loop);
}

static inline void lua_world_open(struct lua_world *world) {
  struct bc_fault fault = {0};
  *world = (struct lua_world){.loop = bc_loop_new()};
  world->io = bc_lua_io_new(world->loop, &fault);
  assert_non_null(world->io);
  bc_lua_io_set_egress(world->io, bc_egress_new());
  world->hang = bc_timer_new(world->loop, lua_world_on_hang, NULL);
  world->wake = bc_timer_new(world->loop, lua_world_on_ready, world);
}

static inline void lua_world_drop_script(struct lua_world *world) {
  bc_sandbox_run_free(world->run);
  bc_sandbox_check_free(world->check);
  bc_sandbox_free(world->sandbox);
  world->run = NULL;
  world->check = NULL;
  world->sandbox = NULL;
  assert_int_equal(world->io->calls, 0);
}

static inline void lua_world_close(struct lua_world *world) {
  lua_world_drop_script(world);
  bc_timer_free(world->hang);
  bc_timer_free(world->wake);
  bc_lua_io_free(world->io);
  bc_loop_free(world->loop);
}

/* For names: nothing but the hosts file that CARES_HOSTS names. */
static inline void lua_world_ask_hosts_only(struct lua_world *world) {
  const struct bc_resolver_options options = {.resolv_conf = "/dev/null", .port = 1, .has_own_hosts = true};
  struct bc_fault fault;
  bc_resolver_free(world->io->resolver);
  world->io->resolver = bc_resolver_new(world->loop, &options, &fault);
  assert_non_null(world->io->resolver);
}

/* A new file that CARES_HOSTS names; `path` is as for mkstemp. */
static inline int lua_world_write_hosts(char *path, const char *lines) {
  int fd = mkstemp(path);
  assert_int_equal(write(fd, lines, strlen(lines)), strlen(lines));
  (void)close(fd);
  return setenv("CARES_HOSTS", path, 1);
}

/* A world in `*state`, for a test without more. */
static inline int lua_world_setup(void **state) {
  struct lua_world *world = bc_mem_new(1, sizeof *world);
  lua_world_open(world);
  *state = world;
  return 0;
}

static inline int lua_world_teardown(void **state) {
  lua_world_close(*state);
  free(*state);
  return 0;
}

/* `options->io` is set here. The script before is dropped. `globals`: pairs of name and JSON, NULL at the end; may be
 * NULL. */
static inline void lua_world_load(struct lua_world *world, struct bc_sandbox_options options, const char *script,
                                  const char *const *globals) {
  struct bc_fault fault = {0};
  lua_world_drop_script(world);
  options.io = world->io;
  world->sandbox = bc_sandbox_new(&options, "t.lua", bc_str_of(script), &fault);
  if (world->sandbox == NULL) {
    fail_msg("%s", fault.text);
  }
  world->check = bc_sandbox_check_new(world->sandbox);
  for (size_t i = 0; globals != NULL && globals[i] != NULL; i += 2) {
    assert_int_equal(bc_sandbox_check_set_global(world->check, globals[i], bc_str_of(globals[i + 1]), &fault),
                     BC_ERR_OK);
  }
}

/* Goes on until it ends, or the loop was stopped by somebody else (then it is YIELDED). */
static inline const struct bc_sandbox_outcome *lua_world_go_on(struct lua_world *world) {
  bc_timer_start(world->hang, LUA_WORLD_HANG_MS);
  while (bc_sandbox_run_resume(world->run) == BC_SANDBOX_YIELDED) {
    int64_t wait_ms = bc_sandbox_run_outcome(world->run)->wait_ms;
    world->is_ready = false;
    if (wait_ms != BC_SANDBOX_WAIT_EVENT) {
      bc_timer_start(world->wake, wait_ms);
    }
    bc_loop_run(world->loop);
    bc_timer_stop(world->wake);
    if (!world->is_ready) {
      break;
    }
  }
  bc_timer_stop(world->hang);
  return bc_sandbox_run_outcome(world->run);
}

/* A run from its beginning. */
static inline const struct bc_sandbox_outcome *lua_world_run(struct lua_world *world) {
  bc_sandbox_run_free(world->run);
  world->run = bc_sandbox_run_new(world->check);
  bc_sandbox_run_on_ready(world->run, lua_world_on_ready, world);
  return lua_world_go_on(world);
}

/* The script ends well and says up. */
static inline void lua_world_expect_up(struct lua_world *world, const char *script, const char *const *globals) {
  lua_world_load(world, (struct bc_sandbox_options){0}, script, globals);
  const struct bc_sandbox_outcome *outcome = lua_world_run(world);
  if (outcome->end != BC_SANDBOX_DONE || outcome->word != BC_SANDBOX_UP) {
    fail_msg("%s\n  expected up, found %s \"%s\" \"%s\"", script, bc_sandbox_end_text(outcome->end), outcome->error,
             outcome->reason);
  }
}

/* The script ends with an error that holds `error`. */
static inline void lua_world_expect_raised(struct lua_world *world, const char *script, const char *const *globals,
                                           const char *error) {
  lua_world_load(world, (struct bc_sandbox_options){0}, script, globals);
  const struct bc_sandbox_outcome *outcome = lua_world_run(world);
  if (outcome->end != BC_SANDBOX_ERROR || strstr(outcome->error, error) == NULL) {
    fail_msg("%s\n  expected \"%s\", found %s \"%s\"", script, error, bc_sandbox_end_text(outcome->end),
             outcome->error);
  }
}

/* The script begins a call, and is given up while that waits. */
static inline void lua_world_give_up(struct lua_world *world, const char *script, const char *const *globals) {
  lua_world_load(world, (struct bc_sandbox_options){0}, script, globals);
  world->run = bc_sandbox_run_new(world->check);
  assert_int_equal(bc_sandbox_run_resume(world->run), BC_SANDBOX_YIELDED);
  assert_int_equal(world->io->calls, 1);
  lua_world_drop_script(world);
}

/* The script ends well and says up also when the collector comes at any time. */
static inline void lua_world_expect_up_hard(struct lua_world *world, const char *script, const char *const *globals) {
  lua_world_load(world, (struct bc_sandbox_options){.is_gc_hard = true}, script, globals);
  const struct bc_sandbox_outcome *outcome = lua_world_run(world);
  assert_string_equal(outcome->error, "");
  assert_int_equal(outcome->word, BC_SANDBOX_UP);
}

/* With as many calls under way as there may be on a node; the script says up. */
static inline void lua_world_expect_up_crowded(struct lua_world *world, const char *script,
                                               const char *const *globals) {
  lua_world_load(world, (struct bc_sandbox_options){0}, script, globals);
  world->io->calls = BC_LIMIT_LUA_CALLS_ALL;
  assert_int_equal(lua_world_run(world)->word, BC_SANDBOX_UP);
  world->io->calls = 0;
}

#endif
