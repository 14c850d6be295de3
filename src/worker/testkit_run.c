/* Runs of scripts under test, in made-up time: where all wait, the clocks go on to what comes next. */
#include "base/mem.h"
#include "worker/lua_module.h"
#include "worker/lua_pack.h"
#include "worker/run.h"
#include "worker/testkit_private.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_STACK = 12, RUN_METRICS_BYTES = 65536 };

/* ---- the beginning ---- */

static struct bc_str run_text(lua_State *L, int index) {
  struct bc_str text;
  text.at = luaL_checklstring(L, index, &text.len);
  return text;
}

/* For each member of the table `name` of the one at `index`: a text by its name. */
static void run_for_each(lua_State *L, int index, const char *name,
                         void (*fn)(lua_State *L, struct testkit *kit, const char *key, struct bc_str json),
                         struct testkit *kit) {
  if (lua_getfield(L, index, name) == LUA_TTABLE) {
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
      luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING, index, "expected names");
      fn(L, kit, lua_tostring(L, -2), run_text(L, -1));
    }
  }
  lua_pop(L, 1);
}

static void run_set_global(lua_State *L, struct testkit *kit, const char *key, struct bc_str json) {
  struct bc_fault fault;
  if (bc_sandbox_check_set_global(kit->under_way.check, key, json, &fault) != BC_ERR_OK) {
    (void)luaL_error(L, "%s: %s", key, fault.text);
  }
}

static void run_set_data(lua_State *L, struct testkit *kit, const char *key, struct bc_str json) {
  (void)L;
  bc_lua_data_set(kit->under_way.script->data, bc_str_of(key), json);
}

static lua_Number run_number(lua_State *L, int index, const char *name) {
  (void)lua_getfield(L, index, name);
  lua_Number value = luaL_checknumber(L, -1);
  lua_pop(L, 1);
  return value;
}

static void run_begin_policy(lua_State *L, struct testkit *kit, int index) {
  struct testkit_run *it = &kit->under_way;
  const char *options = it->script->options;
  run_set_global(L, kit, "options", bc_str_of(options == NULL ? "{}" : options));
  (void)lua_getfield(L, index, "context");
  struct bc_str context = run_text(L, -1);
  if (context.len > BC_LIMIT_POLICY_CONTEXT_BYTES) {
    (void)luaL_error(L, "the context is longer than %d bytes", (int)BC_LIMIT_POLICY_CONTEXT_BYTES);
  }
  it->context = bc_mem_copy_text(context.at, context.len);
  lua_pop(L, 1);
  it->run = bc_sandbox_run_new(it->check);
  bc_sandbox_run_set_context(it->run, bc_str_of(it->context));
}

static void run_begin_check(lua_State *L, struct testkit *kit, int index) {
  struct testkit_run *it = &kit->under_way;
  it->timeout_ms = (unsigned)run_number(L, index, "timeout_ms");
  it->threshold = run_number(L, index, "threshold");
  bc_lua_data_clear(it->script->data);
  run_for_each(L, index, "globals", run_set_global, kit);
  run_for_each(L, index, "data", run_set_data, kit);
  if (lua_getfield(L, index, "state") == LUA_TSTRING) {
    bc_sandbox_check_set_state(it->check, run_text(L, -1));
  }
  lua_pop(L, 1);
  it->run = bc_sandbox_run_new(it->check);
}

void testkit_run_begin(lua_State *L, struct testkit *kit, int index, struct testkit_script *script) {
  struct testkit_run *it = &kit->under_way;
  luaL_checkstack(L, RUN_STACK, NULL);
  testkit_run_stop(kit);
  it->script = script;
  it->check = bc_sandbox_check_new(script->sandbox);
  if (it->check == NULL) {
    (void)luaL_error(L, "too many checks of one script");
  }
  if (script->is_policy) {
    run_begin_policy(L, kit, index);
  } else {
    run_begin_check(L, kit, index);
  }
  it->started = kit->now;
  it->deadline = bc_mono_add_ms(kit->now, it->timeout_ms);
  it->wake = kit->now;
}

void testkit_run_stop(struct testkit *kit) {
  struct testkit_run *it = &kit->under_way;
  if (it->run != NULL) {
    kit->test_cpu_us += bc_sandbox_run_outcome(it->run)->cpu_us;
  }
  bc_sandbox_run_free(it->run);
  bc_sandbox_check_free(it->check);
  bc_lua_fake_forget(kit->fake);
  free(it->context);
  *it = (struct testkit_run){0};
}

/* ---- on and on ---- */

static bool run_is_ready(const struct testkit *kit) {
  const struct testkit_run *it = &kit->under_way;
  return !TAILQ_EMPTY(&it->run->ready) || (bc_mono_is_set(it->wake) && bc_mono_reached(it->wake, kit->now));
}

static void run_move_clock(struct testkit *kit, struct bc_mono to) {
  if (to.us > kit->now.us) {
    testkit_pass(kit, to.us - kit->now.us);
  }
}

/* False: it waits past its timeout. */
static bool run_wait(struct testkit *kit) {
  const struct testkit_run *it = &kit->under_way;
  struct bc_mono next = bc_mono_earlier(it->wake, bc_lua_call_next_deadline(it->run));
  next = bc_mono_earlier(next, bc_lua_fake_next(kit->fake));
  if (!bc_mono_is_set(next) || bc_mono_reached(it->deadline, next)) {
    run_move_clock(kit, it->deadline);
    return false;
  }
  run_move_clock(kit, next);
  bc_lua_call_expire(it->run, kit->now);
  bc_lua_fake_tell(kit->fake, it->run, kit->now);
  return true;
}

void testkit_run_go_on(struct testkit *kit) {
  struct testkit_run *it = &kit->under_way;
  it->step = TESTKIT_ENDED;
  for (;;) {
    it->ask = bc_lua_fake_take(kit->fake);
    if (it->ask != NULL) {
      it->step = TESTKIT_ASKS;
      return;
    }
    if (!run_is_ready(kit)) {
      if (!run_wait(kit)) {
        return;
      }
      continue;
    }
    testkit_tell_work();
    if (bc_sandbox_run_resume(it->run) != BC_SANDBOX_YIELDED) {
      return;
    }
    int64_t wait_ms = bc_sandbox_run_outcome(it->run)->wait_ms;
    it->wake = wait_ms == BC_SANDBOX_WAIT_EVENT ? (struct bc_mono){0} : bc_mono_add_ms(kit->now, wait_ms);
  }
}

/* ---- what it has come to ---- */

static void run_set_text(lua_State *L, const char *name, const char *text) {
  if (text[0] != '\0') {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
  }
}

static void run_set_json(lua_State *L, const char *name, const char *json) {
  if (json != NULL) {
    bc_lua_json_push(L, bc_str_of(json));
    lua_setfield(L, -2, name);
  }
}

static void run_set_number(lua_State *L, const char *name, lua_Number value) {
  lua_pushnumber(L, value);
  lua_setfield(L, -2, name);
}

static void run_set_flag(lua_State *L, const char *name, bool value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

static void run_push_ask(lua_State *L, const struct bc_lua_ask *ask) {
  lua_createtable(L, 0, 8);
  lua_pushinteger(L, (lua_Integer)ask->number);
  lua_setfield(L, -2, "number");
  lua_pushinteger(L, (lua_Integer)ask->conn);
  lua_setfield(L, -2, "conn");
  run_set_text(L, "call", ask->name);
  run_set_text(L, "where", ask->where);
  if (ask->call->timeout_ms != BC_LUA_NO_TIMEOUT) {
    run_set_number(L, "timeout", (lua_Number)ask->call->timeout_ms / 1000);
  }
  bc_lua_unpack(L, bc_buf_str(&ask->arguments));
  lua_setfield(L, -2, "arguments");
}

static void run_set_error(lua_State *L, const struct testkit_run *it, enum bc_check_status status) {
  const struct bc_sandbox_outcome *outcome = bc_sandbox_run_outcome(it->run);
  if (status == BC_CHECK_TIMED_OUT) {
    (void)lua_pushfstring(L, "still waiting after %d ms", (int)it->timeout_ms);
    lua_setfield(L, -2, "error");
  } else {
    run_set_text(L, "error", status == BC_CHECK_REFUSED ? outcome->refusal : outcome->error);
  }
  lua_pushinteger(L, (lua_Integer)outcome->line);
  lua_setfield(L, -2, "line");
}

static void run_set_log(lua_State *L, const struct bc_sandbox_run *run) {
  struct bc_str rest = bc_sandbox_run_log(run);
  struct bc_str line;
  lua_newtable(L);
  for (lua_Integer i = 1; bc_str_next_field(&rest, '\n', &line) && line.len > 0; i++) {
    lua_pushlstring(L, line.at, line.len);
    lua_rawseti(L, -2, i);
  }
  lua_setfield(L, -2, "log");
}

static void run_set_metrics(lua_State *L, const struct bc_sandbox_run *run) {
  char bytes[RUN_METRICS_BYTES];
  struct bc_buf text;
  bc_buf_init(&text, sizeof bytes - 1);
  bc_sandbox_run_print_metrics(run, &text);
  (void)snprintf(bytes, sizeof bytes, "%s", text.len == 0 ? "[]" : text.data);
  bc_buf_free(&text);
  run_set_json(L, "metrics", bytes);
}

static void run_push_end(lua_State *L, const struct testkit *kit) {
  const struct testkit_run *it = &kit->under_way;
  const struct bc_sandbox_outcome *outcome = bc_sandbox_run_outcome(it->run);
  enum bc_check_status status = bc_sandbox_outcome_judge(outcome, it->threshold);
  const struct bc_run_words *words = bc_run_words_of(status);
  lua_createtable(L, 0, 16);
  run_set_text(L, "verdict", words->verdict);
  run_set_text(L, "status", words->status);
  run_set_text(L, "reason", outcome->reason);
  run_set_error(L, it, status);
  if (outcome->has_score) {
    run_set_number(L, "score", outcome->score);
  }
  run_set_json(L, "data", outcome->data);
  run_set_json(L, "state", outcome->state);
  run_set_flag(L, "data_dropped", outcome->is_data_bad);
  run_set_log(L, it->run);
  run_set_metrics(L, it->run);
  run_set_number(L, "took", (lua_Number)(kit->now.us - it->started.us) / 1e6);
}

/* With the words of worker/policy.h. */
static void run_push_policy_end(lua_State *L, const struct testkit_run *it) {
  static const char *const statuses[] = {[BC_SANDBOX_DONE] = "done",
                                         [BC_SANDBOX_YIELDED] = "error",
                                         [BC_SANDBOX_ERROR] = "error",
                                         [BC_SANDBOX_MEMORY] = "memory",
                                         [BC_SANDBOX_KILLED] = "killed"};
  const struct bc_sandbox_outcome *outcome = bc_sandbox_run_outcome(it->run);
  if (outcome->end == BC_SANDBOX_DONE) {
    bc_lua_json_push(L, bc_str_of(outcome->verdict));
    run_set_text(L, "text", outcome->verdict);
  } else {
    lua_newtable(L);
    run_set_text(L, "error", outcome->error);
  }
  run_set_text(L, "status", statuses[outcome->end]);
  lua_pushinteger(L, (lua_Integer)outcome->line);
  lua_setfield(L, -2, "line");
  run_set_log(L, it->run);
}

void testkit_run_push_step(lua_State *L, struct testkit *kit) {
  luaL_checkstack(L, RUN_STACK, NULL);
  if (kit->under_way.step == TESTKIT_ASKS) {
    run_push_ask(L, kit->under_way.ask);
    return;
  }
  if (kit->under_way.script->is_policy) {
    run_push_policy_end(L, &kit->under_way);
  } else {
    run_push_end(L, kit);
  }
  testkit_run_stop(kit);
}
