#include "worker/lua_process.h"

#include "base/harden.h"
#include "base/log.h"

#include <signal.h>

int bc_lua_process_enter(struct bc_lua_process *process, const struct bc_lua_process_kind *kind) {
  struct bc_fault fault;
  *process = (struct bc_lua_process){.kind = kind};
  (void)signal(SIGPIPE, SIG_IGN);
  process->page = bc_page_open(&fault);
  enum bc_err err = process->page == NULL ? BC_ERR_IO : BC_ERR_OK;
  err = err != BC_ERR_OK ? err : bc_harden_tie_to_parent(bc_harden_peer(BC_PAGE_CHANNEL_FD), SIGKILL, &fault);
  err = err != BC_ERR_OK ? err : bc_confine_process(kind->reach, process->confinement, &fault);
  if (err != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "%s cannot start: %s", kind->title, fault.text);
    return err == BC_ERR_CLOSED ? BC_LUA_PROCESS_EXIT_PARENT_GONE : BC_LUA_PROCESS_EXIT_TROUBLE;
  }
  process->loop = bc_loop_new();
  return BC_LUA_PROCESS_EXIT_OK;
}

void bc_lua_process_leave(struct bc_lua_process *process) {
  bc_page_close(process->page);
  bc_loop_free(process->loop);
}

/* ---- messages ---- */

void bc_lua_process_send(struct bc_lua_process *process, const struct bc_msg *message) {
  if (bc_channel_send(process->channel, message) != BC_ERR_OK) {
    bc_log(BC_LOG_WARNING, "%s could not be sent", bc_msg_name(message->type));
  }
}

void bc_lua_process_pong(struct bc_lua_process *process, uint64_t number, unsigned running, unsigned known) {
  struct bc_msg pong = {.type = BC_MSG_PONG, .pong = {.number = number, .running = running, .known = known}};
  bc_lua_process_send(process, &pong);
}

void bc_lua_process_take(struct bc_lua_process *process, const struct bc_msg *message) {
  switch (message->type) {
  case BC_MSG_LUA_MODULE:
    bc_shelf_set_module(process->shelf, message->lua_module.number, message->lua_module.text);
    break;
  case BC_MSG_LUA_MODULE_REMOVE:
    bc_shelf_remove_module(process->shelf, message->lua_module_remove.number);
    break;
  case BC_MSG_LUA_DATA:
    bc_lua_data_set(process->data, message->lua_data.name, message->lua_data.json);
    break;
  case BC_MSG_STOP:
    bc_loop_stop(process->loop);
    break;
  default:
    bc_log(BC_LOG_WARNING, "%s has no use for %s", process->kind->title, bc_msg_name(message->type));
  }
}

static void lua_process_on_message(void *arg, const struct bc_msg *message) {
  struct bc_lua_process *process = arg;
  process->kind->message(process->owner, message);
}

static void lua_process_on_closed(void *arg, const char *why) {
  struct bc_lua_process *process = arg;
  bc_log(BC_LOG_INFO, "core is gone (%s)", why);
  bc_loop_stop(process->loop);
}

/* ---- from HELLO to the end ---- */

void bc_lua_process_open(struct bc_lua_process *process, const struct bc_sandbox_options *options, void *owner) {
  const struct bc_lua_process_kind *kind = process->kind;
  process->owner = owner;
  process->data = bc_lua_data_new();
  struct bc_sandbox_options with_data = *options;
  with_data.data = process->data;
  process->shelf = bc_shelf_new(&with_data, kind->script);
  const struct bc_channel_handler handler = {
      .arg = process, .message = lua_process_on_message, .closed = lua_process_on_closed};
  process->channel = bc_channel_new(process->loop, BC_PAGE_CHANNEL_FD, BC_MSG_TO_WORKER, &handler);
  bc_batch_init(&process->batch, process->loop, process->channel, kind->results);
  struct bc_msg hello = {.type = BC_MSG_HELLO,
                         .hello = {.version = BC_MSG_VERSION, .confinement = bc_str_of(process->confinement)}};
  bc_lua_process_send(process, &hello);
}

void bc_lua_process_close(struct bc_lua_process *process) {
  bc_shelf_free(process->shelf);
  bc_lua_data_free(process->data);
  bc_batch_fini(&process->batch);
  bc_channel_free(process->channel);
}
