/* What modules rest on: operations that a run waits for, how they end, and what they tell of themselves. */
#include "sandbox_harness.h"

#include "worker/lua_module.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>

/* An operation of a host. */
struct operation {
  int cancelled;
  int finished;
  int result;
  struct bc_sandbox_task *task;
};

static struct operation operation;

static const struct bc_sandbox_outcome *world_wake(struct world *world) {
  bc_sandbox_wake(operation.task);
  return world_go_on(world);
}

static void operation_cancel(void *arg) {
  ((struct operation *)arg)->cancelled++;
}

static int operation_finish(lua_State *L, int status, lua_KContext context) {
  struct operation *done = (struct operation *)(intptr_t)context;
  assert_int_equal(status, LUA_YIELD);
  done->finished++;
  lua_pushinteger(L, done->result);
  return 1;
}

static int operate(lua_State *L) {
  operation.task = bc_sandbox_task_of(L);
  return bc_sandbox_wait(L, BC_SANDBOX_WAIT_EVENT, operation_cancel, &operation, operation_finish);
}

static int fail_by_io(lua_State *L) {
  bc_sandbox_note_io_failure(L);
  lua_pushnil(L);
  lua_pushliteral(L, "refused");
  lua_pushliteral(L, "ECONNREFUSED");
  return 3;
}

/* As a module would: functions among the globals of the check. */
static struct world world_with_operations(const char *script) {
  static const luaL_Reg functions[] = {{"operate", operate}, {"fail", fail_by_io}, {NULL, NULL}};
  struct world world = world_open(script);
  assert_int_equal(bc_sandbox_check_set_global(world.check, "data", bc_str_of("1"), NULL), BC_ERR_OK);
  lua_State *L = world.sandbox->L;
  (void)lua_rawgetp(L, LUA_REGISTRYINDEX, world.check);
  luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
  operation = (struct operation){.result = 42};
  return world;
}

static void the_results_of_an_operation_come_when_the_run_goes_on(void **state) {
  (void)state;
  struct world world = world_with_operations("local t = setmetatable({}, {__index = function() return operate() end})\n"
                                             "local ok, n = pcall(operate) return ok and n == 42 and t.x == 43");
  const struct bc_sandbox_outcome *outcome = world_begin(&world);
  assert_int_equal(outcome->end, BC_SANDBOX_YIELDED);
  assert_int_equal(outcome->wait_ms, BC_SANDBOX_WAIT_EVENT);
  assert_int_equal(operation.finished, 0);
  assert_int_equal(world_wake(&world)->end, BC_SANDBOX_YIELDED);
  operation.result = 43;
  assert_int_equal(world_wake(&world)->end, BC_SANDBOX_DONE);
  assert_int_equal(outcome->word, BC_SANDBOX_UP);
  assert_int_equal(operation.finished, 2);
  world_close(&world);
  assert_int_equal(operation.cancelled, 0);
}

static void an_operation_is_cancelled_once_when_its_run_ends_before_it(void **state) {
  (void)state;
  struct world world = world_with_operations("operate() operate() return true");
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_YIELDED);
  assert_int_equal(world_wake(&world)->end, BC_SANDBOX_YIELDED);
  bc_sandbox_run_free(world.run);
  world.run = NULL;
  assert_int_equal(operation.cancelled, 1);
  assert_int_equal(operation.finished, 1);
  /* The coroutine serves another. */
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_YIELDED);
  assert_int_equal(world_wake(&world)->end, BC_SANDBOX_YIELDED);
  assert_int_equal(world_wake(&world)->end, BC_SANDBOX_DONE);
  world_close(&world);
  assert_int_equal(operation.cancelled, 1);
}

static void an_operation_that_cannot_be_waited_for_is_cancelled(void **state) {
  (void)state;
  struct world world = world_with_operations("table.sort({2, 1}, operate) return true");
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_ERROR);
  assert_non_null(strstr(bc_sandbox_run_outcome(world.run)->error, "cannot be called inside"));
  assert_int_equal(operation.cancelled, 1);
  world_close(&world);
  assert_int_equal(operation.cancelled, 1);
}

static void a_failed_operation_is_known_of_a_run_that_raises_then(void **state) {
  (void)state;
  static const struct {
    const char *script;
    enum bc_sandbox_end end;
    bool had_failure;
    const char *text;
  } cases[] = {
      {"local r = fail() return r.status == 200", BC_SANDBOX_ERROR, true, "attempt to index a nil value"},
      {"return assert(fail())", BC_SANDBOX_ERROR, true, "refused"},
      {"return fail()", BC_SANDBOX_DONE, true, ""},
      {"local r return r.status == 200", BC_SANDBOX_ERROR, false, "attempt to index a nil value"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct world world = world_with_operations(cases[i].script);
    const struct bc_sandbox_outcome *outcome = world_begin(&world);
    assert_int_equal(outcome->end, cases[i].end);
    assert_int_equal(outcome->had_io_failure, cases[i].had_failure);
    assert_non_null(strstr(outcome->error, cases[i].text));
    if (outcome->end == BC_SANDBOX_DONE) {
      assert_string_equal(outcome->reason, "refused");
      assert_string_equal(outcome->data, "\"ECONNREFUSED\"");
    }
    world_close(&world);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_results_of_an_operation_come_when_the_run_goes_on),
      cmocka_unit_test(an_operation_is_cancelled_once_when_its_run_ends_before_it),
      cmocka_unit_test(an_operation_that_cannot_be_waited_for_is_cancelled),
      cmocka_unit_test(a_failed_operation_is_known_of_a_run_that_raises_then),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
