/* What lua/testkit finds as `host`. It raises where the file of tests is wrong. */
#include "base/mem.h"
#include "worker/lua_module.h"
#include "worker/lua_value.h"
#include "worker/testkit_private.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_JSON_BYTES = 262144, HOST_JSON_DEPTH = 16 };

static struct testkit *host_kit(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

static struct bc_str host_text(lua_State *L, int index) {
  struct bc_str text;
  text.at = luaL_checklstring(L, index, &text.len);
  return text;
}

/* ---- questions to the parent ---- */

/* host.file() gives the name and the text of the file. */
static int host_file(lua_State *L) {
  const struct testkit *kit = host_kit(L);
  lua_pushstring(L, kit->name);
  lua_pushlstring(L, kit->text.data, kit->text.len);
  return 2;
}

/* host.script("script"|"ready", WHAT) gives its number, or nil and why not. */
static int host_script(lua_State *L) {
  struct bc_fault fault;
  int number = testkit_script_load(host_kit(L), luaL_checkstring(L, 1), host_text(L, 2), &fault);
  if (number < 0) {
    lua_pushnil(L);
    lua_pushstring(L, fault.text);
    return 2;
  }
  lua_pushinteger(L, number);
  return 1;
}

/* host.ask("module"|"options", TEXT) gives a text, or nil and why not. */
static int host_ask(lua_State *L) {
  struct testkit_piece piece;
  testkit_tell(luaL_checkstring(L, 1), host_text(L, 2));
  bc_buf_init(&piece.bytes, TESTKIT_PIECE_BYTES);
  bool is_heard = testkit_hear(&piece);
  struct bc_str bytes = is_heard ? bc_buf_str(&piece.bytes) : bc_str_of("the parent did not answer");
  /* Into our memory, as Lua may raise: its allocator must be asked while nothing else is held. */
  static struct bc_buf kept;
  bc_buf_free(&kept);
  bc_buf_init(&kept, TESTKIT_PIECE_BYTES);
  bc_buf_add_str(&kept, bytes);
  bool is_good = is_heard && strcmp(piece.word, "have") == 0;
  bc_buf_free(&piece.bytes);
  if (!is_good) {
    lua_pushnil(L);
  }
  lua_pushlstring(L, kept.data, kept.len);
  return is_good ? 1 : 2;
}

/* ---- code ---- */

/* host.load(TEXT, NAME) gives a function that takes its environment, or nil and why not. */
static int host_load(lua_State *L) {
  struct bc_str text = host_text(L, 1);
  const char *source = lua_pushfstring(L, "=%s", luaL_checkstring(L, 2));
  if (sandbox_load(L, source, text) != LUA_OK) {
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  return 1;
}

/* host.environment(TABLE) makes it one: what it has not, scripts find as ever. */
static int host_environment(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  (void)lua_rawgetp(L, LUA_REGISTRYINDEX, host_kit(L)->tests);
  lua_settop(L, 2);
  lua_setmetatable(L, 1);
  return 1;
}

/* ---- tests ---- */

/* host.wants(NUMBER, NAME) */
static int host_wants(lua_State *L) {
  const struct testkit *kit = host_kit(L);
  bool is_wanted = luaL_checkinteger(L, 1) >= (lua_Integer)kit->first;
  bool is_matched = kit->pattern == NULL || bc_str_glob(bc_str_of(kit->pattern), host_text(L, 2));
  lua_pushboolean(L, is_wanted && is_matched);
  return 1;
}

static void host_tell_json(lua_State *L, const char *word, int index) {
  struct bc_buf json;
  bc_buf_init(&json, HOST_JSON_BYTES);
  if (bc_lua_value_print(L, index, HOST_JSON_DEPTH, &json) == BC_ERR_OK) {
    testkit_tell(word, bc_buf_str(&json));
  }
  bc_buf_free(&json);
}

/* host.begin{number =, name =}: what follows is this test's. */
static int host_begin(lua_State *L) {
  struct testkit *kit = host_kit(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  (void)lua_getfield(L, 1, "number");
  (void)lua_getfield(L, 1, "name");
  unsigned number = (unsigned)luaL_checkinteger(L, 2);
  struct bc_str name = host_text(L, 3);
  free(kit->test_name);
  kit->test_name = bc_mem_copy_text(name.at, name.len);
  kit->number = number;
  kit->test_cpu_us = 0;
  kit->cpu_before_us = bc_sandbox_run_outcome(bc_sandbox_run_of(L))->cpu_us;
  testkit_set_clock(kit, 0);
  host_tell_json(L, "begin", 1);
  return 0;
}

static int host_go_on(lua_State *L, int status, lua_KContext context) {
  (void)L;
  (void)status;
  (void)context;
  return 0;
}

/* host.result{…}: it is over. What follows has its CPU time for itself. */
static int host_result(lua_State *L) {
  struct testkit *kit = host_kit(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  testkit_run_stop(kit);
  lua_pushnumber(L, (lua_Number)kit->test_cpu_us / 1000);
  lua_setfield(L, 1, "cpu_ms");
  host_tell_json(L, "result", 1);
  kit->number = 0;
  return bc_sandbox_wait(L, 0, NULL, NULL, host_go_on);
}

/* ---- runs ---- */

static int host_on_step(lua_State *L, int status, lua_KContext context) {
  (void)status;
  testkit_run_push_step(L, (struct testkit *)context);
  return 1;
}

static int host_wait_step(lua_State *L, struct testkit *kit) {
  kit->waiting = bc_sandbox_task_of(L);
  return bc_sandbox_wait(L, BC_SANDBOX_WAIT_EVENT, NULL, kit, host_on_step);
}

/* host.start(NUMBER, {…}) begins a run and gives what it has come to: an ask with `call`, or its end. */
static int host_start(lua_State *L) {
  struct testkit *kit = host_kit(L);
  lua_Integer number = luaL_checkinteger(L, 1);
  luaL_argcheck(L, number >= 0 && number < (lua_Integer)kit->script_count, 1, "no such script");
  luaL_checktype(L, 2, LUA_TTABLE);
  testkit_run_begin(L, kit, 2, &kit->scripts[number]);
  return host_wait_step(L, kit);
}

/* host.answer(NUMBER, {…}) answers an ask, and gives what the run comes to then. */
static int host_answer(lua_State *L) {
  struct testkit *kit = host_kit(L);
  struct bc_lua_ask *ask = bc_lua_fake_find(kit->fake, (uint64_t)luaL_checkinteger(L, 1));
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_argcheck(L, ask != NULL && kit->under_way.run != NULL, 1, "no such ask");
  testkit_answer_read(L, kit, ask, 2);
  return host_wait_step(L, kit);
}

/* host.stop(): gives a run up. */
static int host_stop(lua_State *L) {
  testkit_run_stop(host_kit(L));
  return 0;
}

/* ---- clocks ---- */

/* host.set_time(SECONDS): the wall clock. */
static int host_set_time(lua_State *L) {
  lua_Number seconds = luaL_checknumber(L, 1);
  luaL_argcheck(L, seconds > 0 && seconds < 1e11, 1, "expected seconds since 1970");
  testkit_set_clock(host_kit(L), (int64_t)llround(seconds * 1e6));
  return 0;
}

struct host_opening {
  struct bc_sandbox_check *check;
  struct testkit *kit;
};

static int host_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"file", host_file},
                                       {"script", host_script},
                                       {"ask", host_ask},
                                       {"load", host_load},
                                       {"environment", host_environment},
                                       {"wants", host_wants},
                                       {"begin", host_begin},
                                       {"result", host_result},
                                       {"start", host_start},
                                       {"answer", host_answer},
                                       {"stop", host_stop},
                                       {"set_time", host_set_time},
                                       {NULL, NULL}};
  const struct host_opening *opening = lua_touserdata(L, 1);
  lua_createtable(L, 0, 1);
  luaL_newlibtable(L, functions);
  lua_pushlightuserdata(L, opening->kit);
  luaL_setfuncs(L, functions, 1);
  lua_setfield(L, -2, "host");
  lua_rawsetp(L, LUA_REGISTRYINDEX, opening->check);
  opening->check->has_globals = true;
  return 0;
}

bool testkit_host_open(struct testkit *kit, struct bc_sandbox_check *check, struct bc_fault *fault) {
  struct host_opening opening = {.check = check, .kit = kit};
  return sandbox_call(kit->tests, host_open, &opening, fault);
}
