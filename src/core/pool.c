/* A worker's life, of either kind: started, pinged, killed when silent, started again, told everything anew. */
#include "core/private.h"
#include "io/channel.h"
#include "io/child.h"

#include <stdio.h>
#include <unistd.h>

enum {
  POOL_PING_MS = 500,
  POOL_SILENT_PINGS = 4, /* 2 s without an answer while core itself was not held up */
  POOL_BUSY_PINGS = 20,  /* … but on a busy machine one job may take so long; its CPU time has a limit of its own */
  POOL_LATE_MS = 250,    /* a tick this late says that core itself was held up */
  POOL_BACKOFF_MS = 100,
  POOL_BACKOFF_MAX_MS = 30000,
  POOL_BACKOFF_LUA_MS = 500, /* all its checks wait for it */
  POOL_HEALTHY_MS = 60000
};

static const char *pool_name(const struct core_pool *pool) {
  return pool->kind == CORE_WORKER_EXEC ? "exec worker" : "Lua worker";
}

static void pool_stop_channel(struct core_pool *pool) {
  bc_channel_free(pool->channel);
  pool->channel = NULL;
  pool->is_running = false;
  if (pool->kind == CORE_WORKER_EXEC) {
    core_address_on_worker_gone(pool->core);
  }
}

static void pool_on_result(struct bc_core *core, const struct bc_msg_result *from) {
  core_dispatch_result(core, &(struct core_result){.id = from->id,
                                                   .generation = from->generation,
                                                   .status = from->status,
                                                   .code = from->code,
                                                   .duration_us = from->duration_us,
                                                   .late_us = from->late_us,
                                                   .output = from->output});
  core_link_pump(core);
}

static void pool_on_message(void *arg, const struct bc_msg *message) {
  struct core_pool *pool = arg;
  struct bc_core *core = pool->core;
  switch (message->type) {
  case BC_MSG_HELLO:
    if (message->hello.version != BC_MSG_VERSION) {
      bc_log(BC_LOG_ERROR, "%s speaks version %u, expected %u: the binary was replaced; run upgrade", pool_name(pool),
             message->hello.version, (unsigned)BC_MSG_VERSION);
      bc_child_kill(pool->child);
      return;
    }
    pool->is_running = true;
    (void)snprintf(pool->confinement, sizeof pool->confinement, BC_STR_FMT, BC_STR_ARG(message->hello.confinement));
    bc_log(BC_LOG_INFO, "%s runs, confinement: %s", pool_name(pool), pool->confinement);
    core_check_send_all(core, pool->kind);
    break;
  case BC_MSG_PONG:
    if (message->pong.number == pool->ping_number) {
      pool->pong_due = false;
      pool->pings_missed = 0;
    }
    pool->running = message->pong.running;
    pool->known = message->pong.known;
    break;
  case BC_MSG_RESULT:
    pool_on_result(core, &message->result);
    break;
  case BC_MSG_LUA_RESULT:
  case BC_MSG_LUA_RESULTS:
    core_lua_on_message(core, message);
    break;
  case BC_MSG_ADDRESS_ABLE:
  case BC_MSG_ADDRESS_RESULT:
    core_address_on_message(core, message);
    break;
  case BC_MSG_ADDRESS_SET:
  case BC_MSG_ADDRESS_REMOVE:
  case BC_MSG_PING:
  case BC_MSG_CHECK_SET:
  case BC_MSG_CHECK_STATE:
  case BC_MSG_CHECK_REMOVE:
  case BC_MSG_STOP:
  case BC_MSG_LUA_SET:
  case BC_MSG_LUA_MODULE:
  case BC_MSG_LUA_MODULE_REMOVE:
  case BC_MSG_LUA_DATA:
    break;
  }
}

static void pool_on_closed(void *arg, const char *why) {
  struct core_pool *pool = arg;
  if (!pool->core->is_exiting) {
    bc_log(BC_LOG_WARNING, "%s's channel: %s", pool_name(pool), why);
  }
  pool_stop_channel(pool);
  if (pool->child != NULL) {
    bc_child_kill(pool->child);
  }
}

static void pool_on_ended(void *arg, int wait_status, const char *why) {
  struct core_pool *pool = arg;
  struct bc_core *core = pool->core;
  pool_stop_channel(pool);
  bc_child_free(pool->child);
  pool->child = NULL;
  unsigned strays = pool->kind == CORE_WORKER_EXEC ? bc_child_kill_strays() : 0;
  if (core->is_exiting) {
    return;
  }
  if (bc_mono_ms_between(pool->started, bc_loop_now(core->loop)) > POOL_HEALTHY_MS) {
    pool->backoff_ms = 0;
  }
  bc_log(BC_LOG_ERROR, "%s ended (%s), %u of its processes killed; starting another in %u ms; routes are kept",
         pool_name(pool), why, strays, pool->backoff_ms);
  if (pool->kind == CORE_WORKER_LUA) {
    core_lua_on_ended(core, wait_status);
  }
  pool->restarts++;
  bc_timer_start(pool->restart_timer, pool->backoff_ms);
  pool->backoff_ms = pool->backoff_ms == 0 ? POOL_BACKOFF_MS : pool->backoff_ms * 2;
  unsigned most_ms = pool->kind == CORE_WORKER_LUA ? POOL_BACKOFF_LUA_MS : POOL_BACKOFF_MAX_MS;
  if (pool->backoff_ms > most_ms) {
    pool->backoff_ms = most_ms;
  }
  core_publish_dirty(core);
}

static enum bc_err pool_start_child(struct core_pool *pool, int *fd, struct bc_fault *fault) {
  struct bc_core *core = pool->core;
  static char exec_name[] = "bgpcommander: exec";
  static char exec_role[] = "@exec";
  static char lua_name[] = "bgpcommander: lua";
  static char lua_role[] = "@lua";
  if (pool->kind == CORE_WORKER_EXEC) {
    char *argv[] = {exec_name, exec_role, core->settings->script_dir, NULL};
    return bc_child_start(core->loop, NULL, argv, pool_on_ended, pool, &pool->child, fd, fault);
  }
  char *argv[] = {lua_name, lua_role, NULL};
  int page_fd = core_lua_on_start(core);
  if (page_fd <= 0) {
    bc_fault_set(fault, 0, "no page of memory can be shared with it");
    return BC_ERR_IO;
  }
  return bc_child_start_bare(core->loop, argv, page_fd, pool_on_ended, pool, &pool->child, fd, fault);
}

static void pool_start(struct core_pool *pool) {
  struct bc_fault fault;
  int fd = -1;
  if (pool_start_child(pool, &fd, &fault) != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "%s cannot be started: %s", pool_name(pool), fault.text);
    pool->backoff_ms = POOL_BACKOFF_MAX_MS;
    bc_timer_start(pool->restart_timer, POOL_BACKOFF_MAX_MS);
    return;
  }
  struct bc_channel_handler handler = {.arg = pool, .message = pool_on_message, .closed = pool_on_closed};
  pool->channel = bc_channel_new(pool->core->loop, fd, BC_MSG_TO_CORE, &handler);
  pool->started = bc_loop_now(pool->core->loop);
  pool->pong_due = false;
  pool->pings_missed = 0;
}

static void pool_on_restart(void *arg) {
  struct core_pool *pool = arg;
  if (pool->child == NULL && !pool->core->is_exiting) {
    pool_start(pool);
  }
}

static unsigned pool_patience(const struct core_pool *pool) {
  bool is_busy = pool->kind == CORE_WORKER_LUA && core_lua_is_busy(pool->core);
  return is_busy ? POOL_BUSY_PINGS : POOL_SILENT_PINGS;
}

static void pool_on_ping(void *arg) {
  struct core_pool *pool = arg;
  struct bc_mono now = bc_loop_now(pool->core->loop);
  bool was_late = bc_mono_ms_between(pool->last_tick, now) > POOL_PING_MS + POOL_LATE_MS;
  pool->last_tick = now;
  bc_timer_start(pool->ping_timer, POOL_PING_MS);
  if (pool->child == NULL || pool->channel == NULL) {
    return;
  }
  if (pool->pong_due && !was_late && ++pool->pings_missed >= pool_patience(pool)) {
    bc_log(BC_LOG_ERROR, "%s has not answered for %u s: killed", pool_name(pool),
           pool->pings_missed * POOL_PING_MS / 1000);
    pool->pong_due = false;
    bc_child_kill(pool->child);
    return;
  }
  if (!pool->pong_due) {
    struct bc_msg message = {.type = BC_MSG_PING, .ping = {.number = ++pool->ping_number}};
    pool->pong_due = bc_channel_send(pool->channel, &message) == BC_ERR_OK;
  }
}

pid_t core_pool_pid(const struct bc_core *core, enum core_worker kind) {
  const struct core_pool *pool = &core->pools[kind];
  return pool->child == NULL ? 0 : bc_child_pid(pool->child);
}

void core_pool_kill(struct bc_core *core, enum core_worker kind) {
  if (core->pools[kind].child != NULL) {
    bc_child_kill(core->pools[kind].child);
  }
}

bool core_pool_has_room(const struct bc_core *core, enum core_worker kind) {
  const struct core_pool *pool = &core->pools[kind];
  return pool->channel != NULL && bc_channel_queued_bytes(pool->channel) < BC_LIMIT_CHANNEL_QUEUE_BYTES / 4;
}

bool core_pool_send(struct bc_core *core, enum core_worker kind, const struct bc_msg *message) {
  struct core_pool *pool = &core->pools[kind];
  if (!pool->is_running || pool->channel == NULL) {
    return false;
  }
  enum bc_err err = bc_channel_send(pool->channel, message);
  if (err != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "%s takes no message (%s): killed", pool_name(pool), bc_err_name(err));
    bc_child_kill(pool->child);
    return false;
  }
  return true;
}

void core_pool_open(struct bc_core *core) {
  for (unsigned kind = 0; kind < CORE_WORKERS; kind++) {
    struct core_pool *pool = &core->pools[kind];
    pool->core = core;
    pool->kind = (enum core_worker)kind;
    pool->restart_timer = bc_timer_new(core->loop, pool_on_restart, pool);
    pool->ping_timer = bc_timer_new(core->loop, pool_on_ping, pool);
  }
  core->strays = bc_child_strays_new(core->loop);
  if (core->settings->shell) {
    core_pool_need(core, CORE_WORKER_EXEC);
  }
}

void core_pool_need(struct bc_core *core, enum core_worker kind) {
  struct core_pool *pool = &core->pools[kind];
  if (core->options->is_safe_mode || pool->core == NULL || pool->child != NULL ||
      bc_timer_is_armed(pool->restart_timer)) {
    return;
  }
  pool->last_tick = bc_loop_now(core->loop);
  bc_timer_start(pool->ping_timer, POOL_PING_MS);
  pool_start(pool);
}

void core_pool_close(struct bc_core *core) {
  for (unsigned kind = 0; kind < CORE_WORKERS; kind++) {
    struct core_pool *pool = &core->pools[kind];
    if (pool->channel != NULL) {
      struct bc_msg message = {.type = BC_MSG_STOP};
      (void)core_pool_send(core, pool->kind, &message);
    }
    pool_stop_channel(pool);
    bc_child_free(pool->child);
    pool->child = NULL;
    bc_timer_free(pool->restart_timer);
    bc_timer_free(pool->ping_timer);
  }
  bc_child_strays_free(core->strays);
  (void)bc_child_kill_strays();
}
