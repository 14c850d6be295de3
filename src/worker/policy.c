#include "worker/policy_private.h"

static void policy_on_message(void *owner, const struct bc_msg *message) {
  struct policy_worker *worker = owner;
  switch (message->type) {
  case BC_MSG_PING:
    bc_lua_process_pong(&worker->process, message->ping.number, worker->waiting, worker->known);
    break;
  case BC_MSG_POLICY_SET:
    policy_set(worker, &message->policy_set);
    break;
  case BC_MSG_POLICY_REMOVE:
    policy_remove(worker, message->policy_remove.number);
    break;
  case BC_MSG_POLICY_WORLD:
    bc_shelf_set_world(worker->process.shelf, message->policy_world.json);
    break;
  case BC_MSG_POLICY_RUN:
    policy_ask(worker, &message->policy_run);
    break;
  default:
    bc_lua_process_take(&worker->process, message);
  }
}

int bc_policy_worker_run(void) {
  static const struct bc_lua_process_kind kind = {.title = "the policy worker",
                                                  .script = POLICY_SCRIPT_NAME,
                                                  .reach = BC_CONFINE_ALONE,
                                                  .results = BC_MSG_POLICY_RESULTS,
                                                  .message = policy_on_message};
  static const struct bc_sandbox_options options = {.kind = BC_SANDBOX_FOR_POLICIES};
  struct policy_worker worker = {.known = 0};
  int code = bc_lua_process_enter(&worker.process, &kind);
  if (code != BC_LUA_PROCESS_EXIT_OK) {
    return code;
  }
  RB_INIT(&worker.policies);
  STAILQ_INIT(&worker.runs);
  worker.turn = bc_timer_new(worker.process.loop, policy_on_turn, &worker);
  bc_lua_process_open(&worker.process, &options, &worker);
  bc_loop_run(worker.process.loop);
  policy_remove_all(&worker);
  bc_lua_process_close(&worker.process);
  bc_timer_free(worker.turn);
  bc_lua_process_leave(&worker.process);
  return BC_LUA_PROCESS_EXIT_OK;
}
