#include "worker/lua_exec.h"

#include "base/command_outcome.h"
#include "base/limits.h"
#include "base/mem.h"
#include "worker/lua_args.h"
#include "worker/lua_call.h"
#include "worker/lua_fake.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXEC_OUTPUT_BYTES = 16384, EXEC_PLACE_BYTES = 100 };

struct exec_call {
  struct bc_lua_call base;
  LIST_ENTRY(exec_call) link; /* while is_asked */
  struct bc_lua_exec *exec;
  uint32_t number;
  bool is_asked;
  char why[BC_FAULT_TEXT_BYTES]; /* our own trouble; "" = none */
  uint8_t outcome;
  uint8_t code;
  bool is_truncated;
  uint64_t duration_us;
  char *output;
  size_t output_len;
  char *error_output;
  size_t error_output_len;
};

struct bc_lua_exec {
  bool (*send)(void *arg, const struct bc_msg *message);
  void *arg;
  LIST_HEAD(, exec_call) asked;
  uint32_t last_number;
};

struct bc_lua_exec *bc_lua_exec_new(bool (*send)(void *arg, const struct bc_msg *message), void *arg) {
  struct bc_lua_exec *exec = bc_mem_new(1, sizeof *exec);
  exec->send = send;
  exec->arg = arg;
  LIST_INIT(&exec->asked);
  return exec;
}

void bc_lua_exec_free(struct bc_lua_exec *exec) {
  free(exec);
}

/* ---- the answer ---- */

static void exec_drop(struct exec_call *call) {
  if (call->is_asked) {
    call->is_asked = false;
    LIST_REMOVE(call, link);
  }
}

/* That the worker of programs ended says as little of a service as a limit does. */
static void exec_fail_here(struct exec_call *call, struct bc_str why) {
  (void)snprintf(call->why, sizeof call->why, "%s: " BC_STR_FMT, call->base.place, BC_STR_ARG(why));
  bc_lua_call_done(&call->base);
}

static void exec_fail(struct exec_call *call, const struct bc_msg_lua_exec_result *result) {
  static const enum bc_lua_code codes[BC_COMMAND_FAILED] = {
      [BC_COMMAND_TIMED_OUT] = BC_LUA_TIMEOUT,     [BC_COMMAND_DENIED] = BC_LUA_DENIED,
      [BC_COMMAND_LIMIT] = BC_LUA_LIMIT,           [BC_COMMAND_NOT_FOUND] = BC_LUA_NOT_FOUND,
      [BC_COMMAND_PERMISSION] = BC_LUA_PERMISSION,
  };
  bool is_timeout = result->outcome == BC_COMMAND_TIMED_OUT;
  if (result->outcome >= BC_COMMAND_FAILED) {
    exec_fail_here(call, result->why);
    return;
  }
  bc_lua_call_fail(&call->base, codes[result->outcome], "%s: " BC_STR_FMT, call->base.place,
                   BC_STR_ARG(is_timeout ? bc_str_of("timeout: it was killed") : result->why));
}

void bc_lua_exec_on_result(struct bc_lua_exec *exec, const struct bc_msg_lua_exec_result *result) {
  struct exec_call *call;
  LIST_FOREACH(call, &exec->asked, link) {
    if (call->number == result->number) {
      break;
    }
  }
  if (call == NULL) {
    return;
  }
  exec_drop(call);
  if (result->outcome != BC_COMMAND_EXITED && result->outcome != BC_COMMAND_SIGNALLED) {
    exec_fail(call, result);
    return;
  }
  call->outcome = result->outcome;
  call->code = result->code;
  call->is_truncated = result->is_truncated != 0;
  call->duration_us = result->duration_us;
  call->output = bc_mem_copy_text(result->output.at, result->output.len);
  call->output_len = result->output.len;
  call->error_output = bc_mem_copy_text(result->error_output.at, result->error_output.len);
  call->error_output_len = result->error_output.len;
  bc_lua_call_done(&call->base);
}

static int exec_finish(lua_State *L, struct bc_lua_call *base) {
  const struct exec_call *call = (struct exec_call *)base;
  luaL_checkstack(L, 3, NULL);
  if (call->why[0] != '\0') {
    bc_sandbox_note_refusal(L, call->why);
    return bc_lua_call_push_failure(L, BC_LUA_IO, call->why);
  }
  lua_createtable(L, 0, 5);
  lua_pushinteger(L, call->code);
  lua_setfield(L, -2, call->outcome == BC_COMMAND_EXITED ? "code" : "signal");
  lua_pushlstring(L, call->output, call->output_len);
  lua_setfield(L, -2, "stdout");
  lua_pushlstring(L, call->error_output, call->error_output_len);
  lua_setfield(L, -2, "stderr");
  lua_pushboolean(L, call->is_truncated);
  lua_setfield(L, -2, "truncated");
  lua_pushnumber(L, (lua_Number)call->duration_us / 1e6);
  lua_setfield(L, -2, "took");
  return 1;
}

static void exec_stop(struct bc_lua_call *base) {
  struct exec_call *call = (struct exec_call *)base;
  if (call->is_asked) {
    struct bc_msg message = {.type = BC_MSG_LUA_EXEC_CANCEL, .lua_exec_cancel = {.number = call->number}};
    exec_drop(call);
    (void)call->exec->send(call->exec->arg, &message);
  }
}

static void exec_free(struct bc_lua_call *base) {
  struct exec_call *call = (struct exec_call *)base;
  free(call->output);
  free(call->error_output);
}

static const struct bc_lua_call_kind exec_kind = {
    .size = sizeof(struct exec_call), .stop = exec_stop, .free = exec_free, .finish = exec_finish};

/* ---- the call ---- */

/* Leaves the words, each ended by a NUL, as one text on the stack; it must stay there. */
static struct bc_str exec_push_words(lua_State *L, int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (!bc_lua_push_thawed(L, index)) {
    lua_pushvalue(L, index);
  }
  int table = lua_gettop(L);
  size_t count = (size_t)lua_rawlen(L, table);
  if (count < 1 || count > BC_LIMIT_EXEC_WORDS) {
    (void)luaL_error(L, "expected a program and its words, 1 to %d texts", (int)BC_LIMIT_EXEC_WORDS);
  }
  luaL_Buffer words;
  luaL_buffinit(L, &words);
  for (size_t i = 1; i <= count; i++) {
    size_t len;
    if (lua_rawgeti(L, table, (lua_Integer)i) != LUA_TSTRING) {
      (void)luaL_error(L, "word %d: expected a text, found a %s", (int)i, luaL_typename(L, -1));
    }
    const char *word = lua_tolstring(L, -1, &len);
    if (memchr(word, '\0', len) != NULL) {
      (void)luaL_error(L, "word %d: expected no NUL", (int)i);
    }
    luaL_addvalue(&words);
    luaL_addchar(&words, '\0');
  }
  luaL_pushresult(&words);
  struct bc_str argv;
  argv.at = lua_tolstring(L, -1, &argv.len);
  if (argv.at[0] != '/' || argv.len > BC_LIMIT_EXEC_ARGV_BYTES) {
    (void)luaL_error(L, "expected a program's absolute path first, and %d bytes at most",
                     (int)BC_LIMIT_EXEC_ARGV_BYTES);
  }
  return argv;
}

static int exec_run(lua_State *L) {
  static const char *const options[] = {"timeout", "input", "max_output", NULL};
  bc_lua_args_check(L, 2, options);
  struct bc_str input = bc_lua_args_text(L, 2, "input", BC_LIMIT_EXEC_INPUT_BYTES);
  int64_t timeout_ms = bc_lua_args_ms(L, 2, "timeout", BC_LUA_NO_TIMEOUT);
  int64_t most = bc_lua_args_integer(L, 2, "max_output", 1, BC_LIMIT_EXEC_OUTPUT_BYTES, EXEC_OUTPUT_BYTES);
  struct bc_str argv = exec_push_words(L, 1);
  struct bc_lua_io *io = bc_sandbox_io_of(L);
  if (io != NULL && io->fake != NULL) {
    lua_settop(L, 2); /* without the words as one text */
    return bc_lua_fake_call(L, "exec.run", timeout_ms);
  }
  if (io != NULL && io->exec == NULL) {
    return bc_lua_call_push_failure(L, BC_LUA_UNSUPPORTED, "programs can be run by the daemon only");
  }
  struct exec_call *call = bc_lua_call_new(L, &exec_kind);
  if (call == NULL) {
    return bc_lua_call_refuse(L);
  }
  call->exec = io->exec;
  call->number = ++call->exec->last_number;
  bc_lua_call_set_place(&call->base, "%.*s", EXEC_PLACE_BYTES, argv.at);
  uint32_t given_ms = (uint32_t)(timeout_ms == BC_LUA_NO_TIMEOUT ? BC_LUA_ARGS_MOST_MS : timeout_ms);
  struct bc_msg message = {
      .type = BC_MSG_LUA_EXEC,
      .lua_exec = {
          .number = call->number, .timeout_ms = given_ms, .most_output = (uint32_t)most, .argv = argv, .input = input}};
  if (call->exec->send(call->exec->arg, &message)) {
    call->is_asked = true;
    LIST_INSERT_HEAD(&call->exec->asked, call, link);
  } else {
    exec_fail_here(call, bc_str_of("core cannot be asked"));
  }
  return bc_lua_call_wait(L, &call->base, timeout_ms);
}

int bc_lua_exec_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"run", exec_run}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
