/* Commands that Lua checks want run (exec.run): judged here by the node file's rules, run by the exec worker. */
#include "base/command_outcome.h"
#include "base/mem.h"
#include "core/private.h"
#include "model/exec_rule.h"

#include <stdlib.h>
#include <string.h>

struct core_command {
  TAILQ_ENTRY(core_command) link;
  uint32_t id;
  unsigned worker; /* the Lua worker that asks, … */
  uint32_t number; /* … and its number of the call */
  bool is_sent;    /* the exec worker runs it */
  uint32_t timeout_ms;
  uint32_t most_output;
  size_t argv_len;
  size_t input_len;
  char bytes[]; /* argv, then the input; until it was sent */
};

static void command_answer(struct bc_core *core, unsigned worker, const struct bc_msg_lua_exec_result *result) {
  struct bc_msg message = {.type = BC_MSG_LUA_EXEC_RESULT, .lua_exec_result = *result};
  if (!core_pool_has_room(core, worker)) {
    message.lua_exec_result = (struct bc_msg_lua_exec_result){.number = result->number,
                                                              .outcome = BC_COMMAND_LIMIT,
                                                              .why = bc_str_of("too much output waits for the worker")};
  }
  (void)core_pool_send(core, worker, &message);
}

static void command_refuse(struct bc_core *core, unsigned worker, uint32_t number, enum bc_command_outcome outcome,
                           const char *why) {
  command_answer(
      core, worker,
      &(struct bc_msg_lua_exec_result){.number = number, .outcome = (uint8_t)outcome, .why = bc_str_of(why)});
}

static void command_forget(struct bc_core *core, struct core_command *command) {
  TAILQ_REMOVE(&core->commands.all, command, link);
  core->commands.count--;
  free(command);
}

/* One that the exec worker cannot take yet is sent when it has started. */
static void command_send(struct bc_core *core, struct core_command *command) {
  struct bc_msg message = {.type = BC_MSG_COMMAND_RUN,
                           .command_run = {.id = command->id,
                                           .timeout_ms = command->timeout_ms,
                                           .most_output = command->most_output,
                                           .argv = {command->bytes, command->argv_len},
                                           .input = {command->bytes + command->argv_len, command->input_len}}};
  core_pool_need(core, CORE_WORKER_EXEC);
  command->is_sent = core_pool_send(core, CORE_WORKER_EXEC, &message);
}

/* ---- from Lua workers ---- */

static void command_start(struct core_pool *pool, const struct bc_msg_lua_exec *wanted) {
  struct bc_core *core = pool->core;
  struct core_command *command = bc_mem_new(1, sizeof *command + wanted->argv.len + wanted->input.len);
  command->id = ++core->commands.last_id;
  command->worker = pool->number;
  command->number = wanted->number;
  command->timeout_ms = wanted->timeout_ms;
  command->most_output = wanted->most_output;
  command->argv_len = wanted->argv.len;
  command->input_len = wanted->input.len;
  memcpy(command->bytes, wanted->argv.at, wanted->argv.len);
  if (wanted->input.len > 0) {
    memcpy(command->bytes + wanted->argv.len, wanted->input.at, wanted->input.len);
  }
  TAILQ_INSERT_TAIL(&core->commands.all, command, link);
  core->commands.count++;
  command_send(core, command);
}

static void command_judge(struct core_pool *pool, const struct bc_msg_lua_exec *wanted) {
  struct bc_core *core = pool->core;
  if (!bc_exec_rule_allows(bc_str_of(core->settings->exec_allow), wanted->argv)) {
    command_refuse(core, pool->number, wanted->number, BC_COMMAND_DENIED, "not allowed by exec_allow in the node file");
  } else if (wanted->input.len > BC_LIMIT_EXEC_INPUT_BYTES) {
    command_refuse(core, pool->number, wanted->number, BC_COMMAND_LIMIT, "too much input");
  } else if (core->commands.count >= BC_LIMIT_EXEC_AT_ONCE) {
    command_refuse(core, pool->number, wanted->number, BC_COMMAND_LIMIT, "too many commands at once on this node");
  } else {
    command_start(pool, wanted);
  }
}

static void command_cancel(struct bc_core *core, struct core_command *command) {
  struct bc_msg message = {.type = BC_MSG_COMMAND_CANCEL, .command_cancel = {.id = command->id}};
  if (command->is_sent) {
    (void)core_pool_send(core, CORE_WORKER_EXEC, &message);
  }
  command_forget(core, command);
}

void core_command_on_lua(struct core_pool *pool, const struct bc_msg *message) {
  struct core_command *command;
  if (message->type == BC_MSG_LUA_EXEC) {
    command_judge(pool, &message->lua_exec);
    return;
  }
  TAILQ_FOREACH(command, &pool->core->commands.all, link) {
    if (command->worker == pool->number && command->number == message->lua_exec_cancel.number) {
      command_cancel(pool->core, command);
      return;
    }
  }
}

/* ---- from the exec worker ---- */

void core_command_on_result(struct bc_core *core, const struct bc_msg_command_result *result) {
  struct core_command *command;
  TAILQ_FOREACH(command, &core->commands.all, link) {
    if (command->id == result->id) {
      break;
    }
  }
  if (command == NULL) {
    return;
  }
  command_answer(core, command->worker,
                 &(struct bc_msg_lua_exec_result){.number = command->number,
                                                  .outcome = result->outcome,
                                                  .code = result->code,
                                                  .is_truncated = result->is_truncated,
                                                  .duration_us = result->duration_us,
                                                  .output = result->output,
                                                  .error_output = result->error_output,
                                                  .why = result->why});
  command_forget(core, command);
}

/* ---- workers come and go ---- */

void core_command_on_running(struct bc_core *core) {
  struct core_command *command;
  TAILQ_FOREACH(command, &core->commands.all, link) {
    if (!command->is_sent) {
      command_send(core, command);
    }
  }
}

void core_command_on_gone(struct core_pool *pool) {
  struct bc_core *core = pool->core;
  struct core_command *command = TAILQ_FIRST(&core->commands.all);
  while (command != NULL) {
    struct core_command *next = TAILQ_NEXT(command, link);
    if (pool->kind == CORE_WORKER_EXEC && command->is_sent) {
      command_refuse(core, command->worker, command->number, BC_COMMAND_FAILED, "the process that ran it has ended");
      command_forget(core, command);
    } else if (pool->number == command->worker) {
      command_cancel(core, command);
    }
    command = next;
  }
}

void core_command_open(struct bc_core *core) {
  TAILQ_INIT(&core->commands.all);
}

void core_command_close(struct bc_core *core) {
  struct core_command *command;
  while ((command = TAILQ_FIRST(&core->commands.all)) != NULL) {
    command_forget(core, command);
  }
}
