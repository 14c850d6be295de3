/* Runs of policies: the script is run in a fresh environment and returns a function; that is called with the context on
 * the same coroutine, in the same burst, and returns a verdict. */
#include "base/mem.h"
#include "worker/lua_data.h"
#include "worker/lua_module.h"
#include "worker/lua_policy.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  POLICY_LIFT_PER_BYTE = 24, /* what a byte of JSON may become as tables; "{}," is the worst */
  POLICY_READS_BYTES = 4096
};

#define POLICY_ALL_READ "*"

/* In the registry: the members that all contexts have. */
static const char policy_world_key;

/* ---- what the host tells ---- */

bool bc_sandbox_is_pure(lua_State *L) {
  bool is_pure = lua_rawgetp(L, LUA_REGISTRYINDEX, &sandbox_pure_key) != LUA_TNIL;
  lua_pop(L, 1);
  return is_pure;
}

void bc_sandbox_run_set_context(struct bc_sandbox_run *run, struct bc_str context) {
  run->policy.context = context;
}

struct bc_str bc_sandbox_run_reads(const struct bc_sandbox_run *run) {
  return bc_buf_str(&run->policy.reads);
}

struct policy_world {
  struct bc_str json;
};

/* Each member read-only, as it is shared by all runs. */
static int policy_set_world(lua_State *L) {
  const struct policy_world *world = lua_touserdata(L, 1);
  bc_lua_json_push_plain(L, world->json);
  luaL_argexpected(L, lua_istable(L, -1), 1, "a JSON object");
  for (lua_pushnil(L); lua_next(L, 2) != 0;) {
    if (lua_istable(L, -1)) {
      bc_lua_freeze_deep(L);
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, 2);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &policy_world_key);
  return 0;
}

static void policy_count_memory(struct bc_sandbox *sandbox, size_t context_bytes) {
  sandbox->given_bytes = (sandbox->world_bytes + context_bytes) * POLICY_LIFT_PER_BYTE;
  sandbox_count_memory(sandbox);
}

enum bc_err bc_sandbox_set_world(struct bc_sandbox *sandbox, struct bc_str json, struct bc_fault *fault) {
  struct policy_world world = {.json = json};
  size_t before = sandbox->world_bytes;
  if (json.len > BC_LIMIT_POLICY_CONTEXT_BYTES) {
    bc_fault_set(fault, 0, "world: expected at most %d bytes, found %zu", (int)BC_LIMIT_POLICY_CONTEXT_BYTES, json.len);
    return BC_ERR_LIMIT;
  }
  /* While the new one is made the old one is there. */
  sandbox->world_bytes = before + json.len;
  policy_count_memory(sandbox, 0);
  bool is_fine = sandbox_call(sandbox, policy_set_world, &world, fault);
  sandbox->world_bytes = is_fine ? json.len : before;
  policy_count_memory(sandbox, 0);
  return is_fine ? BC_ERR_OK : BC_ERR_SYNTAX;
}

/* ---- the context ---- */

/* The table on top gets the members of the world that it lacks. */
static void policy_add_world(lua_State *L) {
  int context = lua_gettop(L);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &policy_world_key) != LUA_TTABLE) {
    lua_pop(L, 1);
    return;
  }
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    if (lua_rawget(L, context) == LUA_TNIL) {
      lua_pushvalue(L, -3);
      lua_pushvalue(L, -3);
      lua_rawset(L, context);
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* The context's own data is what the script finds as `data`, else the data of all is what it finds in the context. */
static void policy_add_data(lua_State *L, struct bc_sandbox_run *run) {
  lua_pushliteral(L, "data");
  if (lua_rawget(L, -2) == LUA_TTABLE) {
    bc_lua_freeze_deep(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &run->has_data);
    run->has_data = true;
    run->policy.has_own_data = true;
  } else if (run->check->sandbox->options.data != NULL) {
    lua_pop(L, 1);
    bc_lua_data_push(L);
  } else {
    lua_pop(L, 1);
    lua_newtable(L);
    bc_lua_freeze(L);
  }
  lua_setfield(L, -2, "data");
}

void sandbox_policy_push_context(lua_State *L, struct bc_sandbox_run *run) {
  policy_count_memory(run->check->sandbox, run->policy.context.len);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (run->policy.context.len > BC_LIMIT_POLICY_CONTEXT_BYTES) {
    (void)luaL_error(L, "the context is too long, expected at most %d bytes, found %I",
                     (int)BC_LIMIT_POLICY_CONTEXT_BYTES, (LUAI_UACINT)run->policy.context.len);
  }
  bc_lua_json_push_plain(L, run->policy.context);
  if (!lua_istable(L, -1)) {
    (void)luaL_error(L, "the context is no JSON object");
  }
  policy_add_world(L);
  policy_add_data(L, run);
  lua_pushliteral(L, "kind");
  (void)lua_rawget(L, -2);
  run->policy.is_admission = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "admission") == 0;
  lua_pop(L, 1);
}

/* ---- what was read ---- */

static bool policy_has_read(struct bc_str names, struct bc_str name) {
  struct bc_str one;
  while (bc_str_next_field(&names, '\0', &one)) {
    if (bc_str_equal(one, name)) {
      return true;
    }
  }
  return false;
}

void sandbox_policy_note_read(struct bc_sandbox_run *run, struct bc_str name) {
  if (run == NULL || run->check->sandbox->options.kind != BC_SANDBOX_FOR_POLICIES) {
    return;
  }
  struct bc_buf *reads = &run->policy.reads;
  struct bc_str all = bc_str_of(POLICY_ALL_READ);
  if (run->policy.has_read_all || policy_has_read(bc_buf_str(reads), name)) {
    return;
  }
  if (reads->len + name.len + 1 > POLICY_READS_BYTES - sizeof POLICY_ALL_READ || memchr(name.at, '\0', name.len)) {
    name = all;
  }
  run->policy.has_read_all = bc_str_equal(name, all);
  bc_buf_add_str(reads, name);
  bc_buf_add_char(reads, '\0');
}

void sandbox_policy_note_all_read(struct bc_sandbox_run *run) {
  sandbox_policy_note_read(run, bc_str_of(POLICY_ALL_READ));
}

/* ---- the two calls ---- */

static void policy_refuse(struct bc_sandbox_outcome *outcome, const char *format, const char *type) {
  outcome->end = BC_SANDBOX_ERROR;
  (void)snprintf(outcome->error, sizeof outcome->error, format, type);
}

/* The function is at 1. */
static void policy_note_line(lua_State *co, struct bc_sandbox_run *run) {
  lua_Debug about;
  lua_pushvalue(co, 1);
  if (lua_getinfo(co, ">S", &about) != 0 && about.linedefined > 0 &&
      strcmp(about.source, run->check->sandbox->source) == 0) {
    run->policy.line = (size_t)about.linedefined;
  }
}

/* The script has returned: the stack holds the context, then what it returned. */
static void policy_ask(struct bc_sandbox_task *task) {
  struct bc_sandbox_run *run = task->run;
  lua_State *co = task->co;
  if (lua_type(co, 2) != LUA_TFUNCTION) {
    policy_refuse(&run->outcome, "a policy must return a function, return function(ctx) ... end: it returned %s",
                  lua_gettop(co) < 2 ? "nothing" : luaL_typename(co, 2));
    return;
  }
  lua_settop(co, 2);
  lua_insert(co, 1);
  policy_note_line(co, run);
  run->policy.is_asked = true;
  task->count = 1;
  task->state = SANDBOX_TASK_WAITING;
  sandbox_task_ready(task, false);
}

void sandbox_policy_returned(struct bc_sandbox_task *task) {
  struct bc_sandbox_run *run = task->run;
  lua_State *co = task->co;
  if (lua_checkstack(co, LUA_MINSTACK) == 0) {
    policy_refuse(&run->outcome, "%s", "not enough memory to read the result");
    run->outcome.end = BC_SANDBOX_MEMORY;
    return;
  }
  if (!run->policy.is_asked) {
    policy_ask(task);
    return;
  }
  struct bc_str verdict = {0};
  if (lua_gettop(co) > 0) {
    verdict = bc_lua_policy_verdict(co, 1);
  }
  if (verdict.at == NULL) {
    policy_refuse(&run->outcome,
                  run->policy.is_admission ? "an admission policy must return admit{} or refuse(): it returned %s"
                                           : "a policy must return announce{}, withdraw() or keep(): it returned %s",
                  lua_gettop(co) == 0 ? "nothing" : luaL_typename(co, 1));
    run->outcome.line = run->policy.line;
    return;
  }
  run->outcome.end = BC_SANDBOX_DONE;
  run->outcome.verdict = bc_mem_copy_text(verdict.at, verdict.len);
}

/* ---- */

void sandbox_policy_init(struct bc_sandbox_run *run) {
  bc_buf_init(&run->policy.reads, POLICY_READS_BYTES);
}

void sandbox_policy_end(struct bc_sandbox_run *run) {
  if (run->check->sandbox->options.kind == BC_SANDBOX_FOR_POLICIES) {
    policy_count_memory(run->check->sandbox, 0);
  }
}

void sandbox_policy_fini(struct bc_sandbox_run *run) {
  bc_buf_free(&run->policy.reads);
  free(run->outcome.verdict);
}
