#include "worker/host.h"

#include "base/harden.h"
#include "base/log.h"
#include "worker/confine.h"
#include "worker/host_private.h"
#include "worker/lua_exec.h"

#include <signal.h>

enum { HOST_EXIT_OK = 0, HOST_EXIT_TROUBLE = 1, HOST_EXIT_PARENT_GONE = 2 };

/* ---- the page ---- */

void host_page_enter(const struct host_check *check) {
  bc_page_enter(check->worker->page, check->when.id, check->generation);
}

void host_page_leave(const struct host_check *check) {
  bc_page_leave(check->worker->page);
}

/* ---- messages ---- */

static void host_send(struct host_worker *worker, const struct bc_msg *message) {
  if (bc_channel_send(worker->channel, message) != BC_ERR_OK) {
    bc_log(BC_LOG_WARNING, "%s could not be sent", bc_msg_name(message->type));
  }
}

static bool host_send_exec(void *arg, const struct bc_msg *message) {
  const struct host_worker *worker = arg;
  return bc_channel_send(worker->channel, message) == BC_ERR_OK;
}

/* Half of the rules would allow what the rest denies. */
static void host_set_egress(struct host_worker *worker, struct bc_str rules) {
  struct bc_fault fault;
  struct bc_egress *egress = bc_egress_new();
  if (worker->io == NULL || bc_egress_read(egress, rules, &fault) != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "egress rules are not understood: %s", worker->io == NULL ? "no I/O" : fault.text);
    bc_egress_free(egress);
    return;
  }
  bc_lua_io_set_egress(worker->io, egress);
}

static void host_on_message(void *arg, const struct bc_msg *message) {
  struct host_worker *worker = arg;
  switch (message->type) {
  case BC_MSG_PING: {
    struct bc_msg pong = {
        .type = BC_MSG_PONG,
        .pong = {.number = message->ping.number, .running = worker->running, .known = worker->schedule.known}};
    host_send(worker, &pong);
    break;
  }
  case BC_MSG_LUA_SET:
    host_check_set(worker, &message->lua_set);
    break;
  case BC_MSG_LUA_EGRESS:
    host_set_egress(worker, message->lua_egress.rules);
    break;
  case BC_MSG_LUA_EXEC_RESULT:
    bc_lua_exec_on_result(worker->exec, &message->lua_exec_result);
    break;
  case BC_MSG_CHECK_STATE:
    host_check_set_state(worker, &message->check_state);
    break;
  case BC_MSG_CHECK_REMOVE:
    host_check_remove(worker, message->check_remove.id);
    break;
  case BC_MSG_LUA_MODULE:
    bc_shelf_set_module(worker->shelf, message->lua_module.number, message->lua_module.text);
    break;
  case BC_MSG_LUA_MODULE_REMOVE:
    bc_shelf_remove_module(worker->shelf, message->lua_module_remove.number);
    break;
  case BC_MSG_LUA_DATA:
    bc_lua_data_set(worker->data, message->lua_data.name, message->lua_data.json);
    break;
  case BC_MSG_STOP:
    bc_loop_stop(worker->loop);
    break;
  default:
    bc_log(BC_LOG_WARNING, "a Lua worker has no use for %s", bc_msg_name(message->type));
  }
}

static void host_on_closed(void *arg, const char *why) {
  struct host_worker *worker = arg;
  bc_log(BC_LOG_INFO, "core is gone (%s)", why);
  bc_loop_stop(worker->loop);
}

/* ---- the process ---- */

static void host_start(struct host_worker *worker, const char *confinement) {
  worker->data = bc_lua_data_new();
  const struct bc_sandbox_options options = {.io = worker->io, .data = worker->data};
  worker->shelf = bc_shelf_new(&options, HOST_SCRIPT_NAME);
  bc_schedule_init(&worker->schedule, worker->loop, host_check_on_due, worker);
  worker->beat_timer = bc_timer_new(worker->loop, host_run_on_beat, worker);
  const struct bc_channel_handler handler = {.arg = worker, .message = host_on_message, .closed = host_on_closed};
  worker->channel = bc_channel_new(worker->loop, BC_PAGE_CHANNEL_FD, BC_MSG_TO_WORKER, &handler);
  bc_batch_init(&worker->batch, worker->loop, worker->channel, BC_MSG_LUA_RESULTS);
  struct bc_msg hello = {.type = BC_MSG_HELLO,
                         .hello = {.version = BC_MSG_VERSION, .confinement = bc_str_of(confinement)}};
  host_send(worker, &hello);
}

static void host_finish(struct host_worker *worker) {
  host_check_remove_all(worker);
  bc_shelf_free(worker->shelf);
  bc_lua_data_free(worker->data);
  bc_batch_fini(&worker->batch);
  bc_channel_free(worker->channel);
  bc_schedule_fini(&worker->schedule);
  bc_timer_free(worker->beat_timer);
  bc_page_close(worker->page);
}

int bc_host_worker_run(void) {
  struct host_worker worker = {.running = 0};
  struct bc_fault fault;
  (void)signal(SIGPIPE, SIG_IGN);
  char confinement[BC_CONFINE_TEXT_BYTES];
  worker.page = bc_page_open(&fault);
  enum bc_err err = worker.page == NULL ? BC_ERR_IO : BC_ERR_OK;
  err = err != BC_ERR_OK ? err : bc_harden_tie_to_parent(bc_harden_peer(BC_PAGE_CHANNEL_FD), SIGKILL, &fault);
  err = err != BC_ERR_OK ? err : bc_confine_process(BC_CONFINE_NETWORK, confinement, &fault);
  if (err != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "the worker of the Lua checks cannot start: %s", fault.text);
    return err == BC_ERR_CLOSED ? HOST_EXIT_PARENT_GONE : HOST_EXIT_TROUBLE;
  }
  worker.loop = bc_loop_new();
  worker.io = bc_lua_io_new(worker.loop, &fault);
  worker.exec = bc_lua_exec_new(host_send_exec, &worker);
  if (worker.io != NULL) {
    worker.io->exec = worker.exec;
  } else {
    /* Scripts that call nothing outside work all the same. */
    bc_log(BC_LOG_ERROR, "Lua checks cannot call outside: %s", fault.text);
  }
  host_start(&worker, confinement);
  bc_loop_run(worker.loop);
  host_finish(&worker);
  bc_lua_exec_free(worker.exec);
  bc_lua_io_free(worker.io);
  bc_loop_free(worker.loop);
  return HOST_EXIT_OK;
}
