#include "worker/host.h"

#include "base/log.h"
#include "worker/host_private.h"
#include "worker/lua_exec.h"

/* ---- the page ---- */

void host_page_enter(const struct host_check *check) {
  bc_page_enter(check->worker->process.page, check->when.id, check->generation);
}

void host_page_leave(const struct host_check *check) {
  bc_page_leave(check->worker->process.page);
}

/* ---- messages ---- */

static bool host_send_exec(void *arg, const struct bc_msg *message) {
  const struct host_worker *worker = arg;
  return bc_channel_send(worker->process.channel, message) == BC_ERR_OK;
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

static void host_on_message(void *owner, const struct bc_msg *message) {
  struct host_worker *worker = owner;
  switch (message->type) {
  case BC_MSG_PING:
    bc_lua_process_pong(&worker->process, message->ping.number, worker->running, worker->schedule.known);
    break;
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
  default:
    bc_lua_process_take(&worker->process, message);
  }
}

/* ---- the process ---- */

static void host_start(struct host_worker *worker) {
  struct bc_fault fault;
  struct bc_loop *loop = worker->process.loop;
  worker->io = bc_lua_io_new(loop, &fault);
  worker->exec = bc_lua_exec_new(host_send_exec, worker);
  if (worker->io != NULL) {
    worker->io->exec = worker->exec;
  } else {
    /* Scripts that call nothing outside work all the same. */
    bc_log(BC_LOG_ERROR, "Lua checks cannot call outside: %s", fault.text);
  }
  bc_schedule_init(&worker->schedule, loop, host_check_on_due, worker);
  worker->beat_timer = bc_timer_new(loop, host_run_on_beat, worker);
  const struct bc_sandbox_options options = {.io = worker->io};
  bc_lua_process_open(&worker->process, &options, worker);
}

static void host_finish(struct host_worker *worker) {
  host_check_remove_all(worker);
  bc_lua_process_close(&worker->process);
  bc_schedule_fini(&worker->schedule);
  bc_timer_free(worker->beat_timer);
  bc_lua_exec_free(worker->exec);
  bc_lua_io_free(worker->io);
}

int bc_host_worker_run(void) {
  static const struct bc_lua_process_kind kind = {.title = "the worker of the Lua checks",
                                                  .script = HOST_SCRIPT_NAME,
                                                  .reach = BC_CONFINE_NETWORK,
                                                  .results = BC_MSG_LUA_RESULTS,
                                                  .message = host_on_message};
  struct host_worker worker = {.running = 0};
  int code = bc_lua_process_enter(&worker.process, &kind);
  if (code != BC_LUA_PROCESS_EXIT_OK) {
    return code;
  }
  host_start(&worker);
  bc_loop_run(worker.process.loop);
  host_finish(&worker);
  bc_lua_process_leave(&worker.process);
  return BC_LUA_PROCESS_EXIT_OK;
}
