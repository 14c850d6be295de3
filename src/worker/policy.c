#include "worker/policy_private.h"

#include "base/harden.h"
#include "base/log.h"
#include "worker/confine.h"

#include <signal.h>

enum { POLICY_EXIT_OK = 0, POLICY_EXIT_TROUBLE = 1, POLICY_EXIT_PARENT_GONE = 2 };

/* ---- messages ---- */

static void policy_send(struct policy_worker *worker, const struct bc_msg *message) {
  if (bc_channel_send(worker->channel, message) != BC_ERR_OK) {
    bc_log(BC_LOG_WARNING, "%s could not be sent", bc_msg_name(message->type));
  }
}

static void policy_on_message(void *arg, const struct bc_msg *message) {
  struct policy_worker *worker = arg;
  switch (message->type) {
  case BC_MSG_PING: {
    struct bc_msg pong = {.type = BC_MSG_PONG,
                          .pong = {.number = message->ping.number, .running = worker->waiting, .known = worker->known}};
    policy_send(worker, &pong);
    break;
  }
  case BC_MSG_POLICY_SET:
    policy_set(worker, &message->policy_set);
    break;
  case BC_MSG_POLICY_REMOVE:
    policy_remove(worker, message->policy_remove.number);
    break;
  case BC_MSG_POLICY_WORLD:
    bc_shelf_set_world(worker->shelf, message->policy_world.json);
    break;
  case BC_MSG_POLICY_RUN:
    policy_ask(worker, &message->policy_run);
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
    bc_log(BC_LOG_WARNING, "the policy worker has no use for %s", bc_msg_name(message->type));
  }
}

static void policy_on_closed(void *arg, const char *why) {
  struct policy_worker *worker = arg;
  bc_log(BC_LOG_INFO, "core is gone (%s)", why);
  bc_loop_stop(worker->loop);
}

/* ---- the process ---- */

static void policy_start(struct policy_worker *worker, const char *confinement) {
  RB_INIT(&worker->policies);
  STAILQ_INIT(&worker->runs);
  worker->data = bc_lua_data_new();
  const struct bc_sandbox_options options = {.kind = BC_SANDBOX_FOR_POLICIES, .data = worker->data};
  worker->shelf = bc_shelf_new(&options, POLICY_SCRIPT_NAME);
  worker->turn = bc_timer_new(worker->loop, policy_on_turn, worker);
  const struct bc_channel_handler handler = {.arg = worker, .message = policy_on_message, .closed = policy_on_closed};
  worker->channel = bc_channel_new(worker->loop, BC_PAGE_CHANNEL_FD, BC_MSG_TO_WORKER, &handler);
  bc_batch_init(&worker->batch, worker->loop, worker->channel, BC_MSG_POLICY_RESULTS);
  struct bc_msg hello = {.type = BC_MSG_HELLO,
                         .hello = {.version = BC_MSG_VERSION, .confinement = bc_str_of(confinement)}};
  policy_send(worker, &hello);
}

static void policy_finish(struct policy_worker *worker) {
  policy_remove_all(worker);
  bc_shelf_free(worker->shelf);
  bc_lua_data_free(worker->data);
  bc_batch_fini(&worker->batch);
  bc_channel_free(worker->channel);
  bc_timer_free(worker->turn);
  bc_page_close(worker->page);
}

int bc_policy_worker_run(void) {
  struct policy_worker worker = {.known = 0};
  struct bc_fault fault;
  (void)signal(SIGPIPE, SIG_IGN);
  char confinement[BC_CONFINE_TEXT_BYTES];
  worker.page = bc_page_open(&fault);
  enum bc_err err = worker.page == NULL ? BC_ERR_IO : BC_ERR_OK;
  err = err != BC_ERR_OK ? err : bc_harden_tie_to_parent(bc_harden_peer(BC_PAGE_CHANNEL_FD), SIGKILL, &fault);
  err = err != BC_ERR_OK ? err : bc_confine_process(BC_CONFINE_ALONE, confinement, &fault);
  if (err != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "the policy worker cannot start: %s", fault.text);
    return err == BC_ERR_CLOSED ? POLICY_EXIT_PARENT_GONE : POLICY_EXIT_TROUBLE;
  }
  worker.loop = bc_loop_new();
  policy_start(&worker, confinement);
  bc_loop_run(worker.loop);
  policy_finish(&worker);
  bc_loop_free(worker.loop);
  return POLICY_EXIT_OK;
}
