/* States and checks. */
#include "worker/sandbox.h"

#include "base/mem.h"
#include "worker/lua_module.h"
#include "worker/lua_policy.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The script's environment is its first argument, so one compiled script serves all. Without a line break, so that
 * lines are counted right. */
#define SANDBOX_PREFIX "local _ENV = ...;"

const char sandbox_script_key;
const char sandbox_pure_key;

BC_ENUM_TEXT_FUNCTION(bc_sandbox_end_text, enum bc_sandbox_end, BC_SANDBOX_END_LIST, "?")

enum {
  SANDBOX_CHECKS = 1 << BC_SANDBOX_FOR_CHECKS,
  SANDBOX_POLICIES = 1 << BC_SANDBOX_FOR_POLICIES,
  SANDBOX_ALL = SANDBOX_CHECKS | SANDBOX_POLICIES
};

static const struct sandbox_entry {
  const char *name;
  lua_CFunction open;
  unsigned users;
} sandbox_modules[] = {
#define BC_LUA_MODULE(name_, users_) {.name = #name_, .open = bc_lua_##name_##_open, .users = SANDBOX_##users_},
#include "worker/lua_modules.def"
#undef BC_LUA_MODULE
};

/* ---- setting up: all of it may raise for want of memory, so it runs inside a pcall ---- */

/* base.NAME = read-only module */
static void sandbox_open_modules(lua_State *L, enum bc_sandbox_kind kind) {
  for (size_t i = 0; i < sizeof sandbox_modules / sizeof sandbox_modules[0]; i++) {
    if ((sandbox_modules[i].users & 1U << kind) == 0) {
      continue;
    }
    (void)sandbox_modules[i].open(L);
    bc_lua_freeze(L);
    lua_setfield(L, -2, sandbox_modules[i].name);
  }
  if (kind == BC_SANDBOX_FOR_POLICIES) {
    bc_lua_policy_open(L);
  } else {
    lua_pushcfunction(L, sandbox_parallel);
    lua_setfield(L, -2, "parallel");
  }
  lua_pushcfunction(L, sandbox_require);
  lua_setfield(L, -2, "require");
}

/* Methods of texts. Scripts cannot reach the metatable, nor the table behind it. */
static void sandbox_protect_texts(lua_State *L) {
  lua_pushliteral(L, "");
  if (lua_getmetatable(L, -1) == 0) {
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setmetatable(L, -3);
  }
  (void)lua_getfield(L, -3, "string");
  (void)bc_lua_push_thawed(L, -1);
  lua_setfield(L, -3, "__index");
  lua_pop(L, 1);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 2);
}

static int sandbox_open(lua_State *L) {
  const struct bc_sandbox *sandbox = lua_touserdata(L, 1);
  if (sandbox->options.kind == BC_SANDBOX_FOR_POLICIES) {
    lua_pushboolean(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &sandbox_pure_key);
  }
  (void)bc_lua_base_open(L);
  sandbox_open_modules(L, sandbox->options.kind);
  sandbox_protect_texts(L);
  sandbox_globals_open(L);
  if (sandbox->options.is_traced) {
    sandbox_trace_open(L);
  }
  /* The metatable of all environments, kept under the key of the state. */
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, lua_touserdata(L, 1));
  /* What the system's libraries left in the globals, which nobody needs. */
  lua_newtable(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  return 0;
}

struct sandbox_source {
  struct bc_str script;
  bool has_prefix; /* it was handed out */
};

static const char *sandbox_read(lua_State *L, void *arg, size_t *len) {
  (void)L;
  struct sandbox_source *source = arg;
  if (!source->has_prefix) {
    source->has_prefix = true;
    *len = strlen(SANDBOX_PREFIX);
    return SANDBOX_PREFIX;
  }
  struct bc_str rest = source->script;
  source->script.len = 0;
  *len = rest.len;
  return rest.len == 0 ? NULL : rest.at;
}

/* The first line names what runs it; its line break stays. */
static struct bc_str sandbox_skip_first_line(struct bc_str script) {
  if (bc_str_starts(script, "#")) {
    const char *end = memchr(script.at, '\n', script.len);
    size_t skipped = end == NULL ? script.len : (size_t)(end - script.at);
    script.at += skipped;
    script.len -= skipped;
  }
  return script;
}

int sandbox_load(lua_State *L, const char *source, struct bc_str text) {
  struct sandbox_source reader = {.script = sandbox_skip_first_line(text)};
  /* "t": source text only; bytes of a compiled script could break Lua. */
  return lua_load(L, sandbox_read, &reader, source, "t");
}

struct sandbox_script {
  const char *source;
  struct bc_str text;
};

static int sandbox_compile(lua_State *L) {
  const struct sandbox_script *script = lua_touserdata(L, 1);
  if (sandbox_load(L, script->source, script->text) != LUA_OK) {
    return lua_error(L);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sandbox_script_key);
  return 0;
}

bool sandbox_call(struct bc_sandbox *sandbox, lua_CFunction function, void *arg, struct bc_fault *fault) {
  lua_State *L = sandbox->L;
  lua_settop(L, 0);
  lua_pushcfunction(L, function);
  lua_pushlightuserdata(L, arg);
  bool is_fine = lua_pcall(L, 1, 0, 0) == LUA_OK;
  if (!is_fine) {
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "unknown error";
    bc_fault_set(fault, 0, "%s", text);
  }
  lua_settop(L, 0);
  return is_fine;
}

/* ---- states ---- */

void sandbox_count_memory(struct bc_sandbox *sandbox) {
  sandbox->memory.cap =
      sandbox->options.state_bytes + sandbox->checks * sandbox->options.check_bytes + sandbox->given_bytes;
}

/* With the mark that Lua shows it as it is. */
static char *sandbox_name_source(const char *name) {
  size_t size = strlen(name) + 2;
  char *source = bc_mem_new(1, size);
  (void)snprintf(source, size, "=%s", name);
  return source;
}

static struct bc_sandbox_options sandbox_fill_options(const struct bc_sandbox_options *options) {
  struct bc_sandbox_options filled = {0};
  if (options != NULL) {
    filled = *options;
  }
  unsigned burst_ms = filled.kind == BC_SANDBOX_FOR_POLICIES ? BC_LIMIT_POLICY_CPU_MS : BC_LIMIT_LUA_BURST_MS;
  filled.burst_ms = filled.burst_ms == 0 ? burst_ms : filled.burst_ms;
  filled.state_bytes = filled.state_bytes == 0 ? BC_LIMIT_LUA_STATE_BYTES : filled.state_bytes;
  filled.check_bytes = filled.check_bytes == 0 ? BC_LIMIT_LUA_CHECK_BYTES : filled.check_bytes;
  return filled;
}

struct bc_sandbox *bc_sandbox_new(const struct bc_sandbox_options *options, const char *name, struct bc_str script,
                                  struct bc_fault *fault) {
  if (script.len > BC_LIMIT_SCRIPT_BYTES) {
    bc_fault_set(fault, 0, "%.60s: expected at most %d bytes, found %zu", name, (int)BC_LIMIT_SCRIPT_BYTES, script.len);
    return NULL;
  }
  struct bc_sandbox *sandbox = bc_mem_new(1, sizeof *sandbox);
  sandbox->options = sandbox_fill_options(options);
  sandbox_count_memory(sandbox);
  sandbox->L = lua_newstate(sandbox_memory_alloc, &sandbox->memory);
  if (sandbox->L == NULL) {
    bc_fault_set(fault, 0, "%.60s: not enough memory", name);
    free(sandbox);
    return NULL;
  }
  *(struct bc_sandbox_task **)lua_getextraspace(sandbox->L) = NULL;
  sandbox->memory.is_hard = sandbox->options.is_gc_hard;
  sandbox->source = sandbox_name_source(name);
  struct sandbox_script compiled = {.source = sandbox->source, .text = script};
  if (!sandbox_call(sandbox, sandbox_open, sandbox, fault) ||
      !sandbox_call(sandbox, sandbox_compile, &compiled, fault)) {
    bc_sandbox_free(sandbox);
    return NULL;
  }
  /* What setting up has left: half of it. */
  bc_sandbox_collect(sandbox);
  sandbox->memory.peak = sandbox->memory.used;
  return sandbox;
}

void bc_sandbox_free(struct bc_sandbox *sandbox) {
  if (sandbox == NULL) {
    return;
  }
  lua_close(sandbox->L);
  free(sandbox->source);
  bc_web_free(sandbox->web);
  free(sandbox);
}

size_t bc_sandbox_used_bytes(const struct bc_sandbox *sandbox) {
  return sandbox->memory.used;
}

size_t bc_sandbox_peak_bytes(const struct bc_sandbox *sandbox) {
  return sandbox->memory.peak;
}

void bc_sandbox_collect(struct bc_sandbox *sandbox) {
  (void)lua_gc(sandbox->L, LUA_GCCOLLECT);
}

const char *bc_sandbox_lua_release(void) {
  return LUA_RELEASE;
}

/* ---- checks ---- */

struct bc_sandbox_check *bc_sandbox_check_new(struct bc_sandbox *sandbox) {
  if (sandbox->checks >= BC_LIMIT_LUA_CHECKS) {
    return NULL;
  }
  struct bc_sandbox_check *check = bc_mem_new(1, sizeof *check);
  check->sandbox = sandbox;
  sandbox->checks++;
  sandbox_count_memory(sandbox);
  return check;
}

void bc_sandbox_check_free(struct bc_sandbox_check *check) {
  if (check == NULL) {
    return;
  }
  if (check->has_globals) {
    /* The key is there: this allocates nothing, so it cannot raise. */
    lua_pushnil(check->sandbox->L);
    lua_rawsetp(check->sandbox->L, LUA_REGISTRYINDEX, check);
  }
  check->sandbox->checks--;
  sandbox_count_memory(check->sandbox);
  free(check->state);
  free(check);
}

void bc_sandbox_check_set_state(struct bc_sandbox_check *check, struct bc_str json) {
  free(check->state);
  check->state = json.len == 0 ? NULL : bc_mem_copy_text(json.at, json.len);
}

struct sandbox_global {
  struct bc_sandbox_check *check;
  const char *name;
  struct bc_str json;
};

static int sandbox_set_global(lua_State *L) {
  struct sandbox_global *global = lua_touserdata(L, 1);
  if (!global->check->has_globals) {
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, global->check);
    global->check->has_globals = true;
  }
  (void)lua_rawgetp(L, LUA_REGISTRYINDEX, global->check);
  bc_lua_json_push(L, global->json);
  if (lua_istable(L, -1)) {
    bc_lua_freeze_deep(L);
  }
  lua_setfield(L, -2, global->name);
  return 0;
}

enum bc_err bc_sandbox_check_set_global(struct bc_sandbox_check *check, const char *name, struct bc_str json,
                                        struct bc_fault *fault) {
  struct sandbox_global global = {.check = check, .name = name, .json = json};
  if (json.len > BC_LIMIT_LUA_JSON_BYTES || strlen(name) > BC_LIMIT_NAME_BYTES) {
    bc_fault_set(fault, 0, "%.60s: expected at most %d bytes, found %zu", name, (int)BC_LIMIT_LUA_JSON_BYTES, json.len);
    return BC_ERR_LIMIT;
  }
  return sandbox_call(check->sandbox, sandbox_set_global, &global, fault) ? BC_ERR_OK : BC_ERR_SYNTAX;
}
