#include "worker/host.h"

#include "base/harden.h"
#include "base/log.h"
#include "worker/confine.h"
#include "worker/host_private.h"
#include "worker/lua_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { HOST_EXIT_OK = 0, HOST_EXIT_TROUBLE = 1, HOST_EXIT_PARENT_GONE = 2 };

/* ---- the page ---- */

static uint64_t host_cpu_us(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

void host_page_enter(const struct host_check *check) {
  struct bc_lua_page *page = check->worker->page;
  atomic_store_explicit(&page->cpu_us, host_cpu_us(), memory_order_relaxed);
  atomic_store_explicit(&page->generation, check->generation, memory_order_relaxed);
  atomic_store_explicit(&page->job, check->when.id + 1, memory_order_release);
}

void host_page_leave(const struct host_check *check) {
  atomic_store_explicit(&check->worker->page->job, 0, memory_order_release);
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
    host_module_set(worker, &message->lua_module);
    break;
  case BC_MSG_LUA_MODULE_REMOVE:
    host_module_remove(worker, message->lua_module_remove.number);
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

static enum bc_err host_open_page(struct host_worker *worker, struct bc_fault *fault) {
  void *page = mmap(NULL, BC_LUA_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, BC_LUA_PAGE_FD, 0);
  if (page == MAP_FAILED || fcntl(HOST_CHANNEL_FD, F_SETFD, FD_CLOEXEC) != 0) {
    bc_fault_set(fault, 0, "no page on descriptor %d, or no channel on %d: %s", BC_LUA_PAGE_FD, HOST_CHANNEL_FD,
                 strerror(errno));
    return BC_ERR_IO;
  }
  (void)close(BC_LUA_PAGE_FD);
  worker->page = page;
  return BC_ERR_OK;
}

static void host_start(struct host_worker *worker, const char *confinement) {
  TAILQ_INIT(&worker->scripts);
  RB_INIT(&worker->modules);
  worker->texts = bc_intern_new();
  worker->data = bc_lua_data_new();
  bc_buf_init(&worker->batch, HOST_BATCH_BYTES);
  bc_schedule_init(&worker->schedule, worker->loop, host_check_on_due, worker);
  worker->batch_timer = bc_timer_new(worker->loop, host_run_flush, worker);
  worker->beat_timer = bc_timer_new(worker->loop, host_run_on_beat, worker);
  const struct bc_channel_handler handler = {.arg = worker, .message = host_on_message, .closed = host_on_closed};
  worker->channel = bc_channel_new(worker->loop, HOST_CHANNEL_FD, BC_MSG_TO_WORKER, &handler);
  struct bc_msg hello = {.type = BC_MSG_HELLO,
                         .hello = {.version = BC_MSG_VERSION, .confinement = bc_str_of(confinement)}};
  host_send(worker, &hello);
}

static void host_finish(struct host_worker *worker) {
  host_check_remove_all(worker);
  host_module_remove_all(worker);
  bc_lua_data_free(worker->data);
  bc_intern_free(worker->texts);
  bc_buf_free(&worker->batch);
  bc_channel_free(worker->channel);
  bc_schedule_fini(&worker->schedule);
  bc_timer_free(worker->batch_timer);
  bc_timer_free(worker->beat_timer);
  (void)munmap(worker->page, BC_LUA_PAGE_BYTES);
}

int bc_host_worker_run(void) {
  struct host_worker worker = {.running = 0};
  struct bc_fault fault;
  (void)signal(SIGPIPE, SIG_IGN);
  char confinement[BC_CONFINE_TEXT_BYTES];
  enum bc_err err = host_open_page(&worker, &fault);
  err = err != BC_ERR_OK ? err : bc_harden_tie_to_parent(bc_harden_peer(HOST_CHANNEL_FD), SIGKILL, &fault);
  err = err != BC_ERR_OK ? err : bc_confine_process(confinement, &fault);
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
