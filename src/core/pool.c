/* The exec worker's life: started, pinged, killed when silent, started again, told everything anew. */
#include "core/private.h"
#include "io/channel.h"
#include "io/child.h"

#include <stdio.h>
#include <unistd.h>

enum {
  POOL_PING_MS = 500,
  POOL_SILENT_PINGS = 4, /* 2 s without an answer while core itself was not held up */
  POOL_LATE_MS = 250,    /* a tick this late says that core itself was held up */
  POOL_BACKOFF_MS = 100,
  POOL_BACKOFF_MAX_MS = 30000,
  POOL_HEALTHY_MS = 60000
};

static void pool_stop_channel(struct bc_core *core) {
  bc_channel_free(core->pool.channel);
  core->pool.channel = NULL;
  core->pool.is_running = false;
  core_address_on_worker_gone(core);
}

static void pool_on_message(void *arg, const struct bc_msg *message) {
  struct bc_core *core = arg;
  struct core_pool *pool = &core->pool;
  switch (message->type) {
  case BC_MSG_HELLO:
    if (message->hello.version != BC_MSG_VERSION) {
      bc_log(BC_LOG_ERROR, "exec worker speaks version %u, expected %u: the binary was replaced; run upgrade",
             message->hello.version, (unsigned)BC_MSG_VERSION);
      bc_child_kill(pool->child);
      return;
    }
    pool->is_running = true;
    (void)snprintf(pool->confinement, sizeof pool->confinement, BC_STR_FMT, BC_STR_ARG(message->hello.confinement));
    bc_log(BC_LOG_INFO, "exec worker runs, confinement: %s", pool->confinement);
    core_check_send_all(core);
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
    core_dispatch_result(core, message);
    core_link_pump(core);
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
    break;
  }
}

static void pool_on_closed(void *arg, const char *why) {
  struct bc_core *core = arg;
  if (!core->is_exiting) {
    bc_log(BC_LOG_WARNING, "exec worker's channel: %s", why);
  }
  pool_stop_channel(core);
  if (core->pool.child != NULL) {
    bc_child_kill(core->pool.child);
  }
}

static void pool_on_ended(void *arg, int wait_status, const char *why) {
  struct bc_core *core = arg;
  struct core_pool *pool = &core->pool;
  (void)wait_status;
  pool_stop_channel(core);
  bc_child_free(pool->child);
  pool->child = NULL;
  unsigned strays = bc_child_kill_strays();
  if (core->is_exiting) {
    return;
  }
  if (bc_mono_ms_between(pool->started, bc_loop_now(core->loop)) > POOL_HEALTHY_MS) {
    pool->backoff_ms = 0;
  }
  bc_log(BC_LOG_ERROR, "exec worker ended (%s), %u of its processes killed; starting another in %u ms; routes are kept",
         why, strays, pool->backoff_ms);
  pool->restarts++;
  bc_timer_start(pool->restart_timer, pool->backoff_ms);
  pool->backoff_ms = pool->backoff_ms == 0 ? POOL_BACKOFF_MS : pool->backoff_ms * 2;
  if (pool->backoff_ms > POOL_BACKOFF_MAX_MS) {
    pool->backoff_ms = POOL_BACKOFF_MAX_MS;
  }
  core_publish_dirty(core);
}

static void pool_start(struct bc_core *core) {
  struct core_pool *pool = &core->pool;
  static char name[] = "bgpcommander: exec";
  static char role[] = "@exec";
  char *argv[] = {name, role, core->settings->script_dir, NULL};
  struct bc_fault fault;
  int fd = -1;
  if (bc_child_start(core->loop, NULL, argv, pool_on_ended, core, &pool->child, &fd, &fault) != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "exec worker cannot be started: %s", fault.text);
    pool->backoff_ms = POOL_BACKOFF_MAX_MS;
    bc_timer_start(pool->restart_timer, POOL_BACKOFF_MAX_MS);
    return;
  }
  struct bc_channel_handler handler = {.arg = core, .message = pool_on_message, .closed = pool_on_closed};
  pool->channel = bc_channel_new(core->loop, fd, BC_MSG_TO_CORE, &handler);
  pool->started = bc_loop_now(core->loop);
  pool->pong_due = false;
  pool->pings_missed = 0;
}

static void pool_on_restart(void *arg) {
  struct bc_core *core = arg;
  if (core->pool.child == NULL && !core->is_exiting) {
    pool_start(core);
  }
}

static void pool_on_ping(void *arg) {
  struct bc_core *core = arg;
  struct core_pool *pool = &core->pool;
  struct bc_mono now = bc_loop_now(core->loop);
  bool was_late = bc_mono_ms_between(pool->last_tick, now) > POOL_PING_MS + POOL_LATE_MS;
  pool->last_tick = now;
  bc_timer_start(pool->ping_timer, POOL_PING_MS);
  if (pool->child == NULL || pool->channel == NULL) {
    return;
  }
  if (pool->pong_due && !was_late && ++pool->pings_missed >= POOL_SILENT_PINGS) {
    bc_log(BC_LOG_ERROR, "exec worker has not answered for 2 s: killed");
    pool->pong_due = false;
    bc_child_kill(pool->child);
    return;
  }
  if (!pool->pong_due) {
    struct bc_msg message = {.type = BC_MSG_PING, .ping = {.number = ++pool->ping_number}};
    pool->pong_due = bc_channel_send(pool->channel, &message) == BC_ERR_OK;
  }
}

pid_t core_pool_pid(const struct bc_core *core) {
  return core->pool.child == NULL ? 0 : bc_child_pid(core->pool.child);
}

bool core_pool_has_room(const struct bc_core *core) {
  const struct core_pool *pool = &core->pool;
  return pool->channel != NULL && bc_channel_queued_bytes(pool->channel) < BC_LIMIT_CHANNEL_QUEUE_BYTES / 4;
}

bool core_pool_send(struct bc_core *core, const struct bc_msg *message) {
  struct core_pool *pool = &core->pool;
  if (!pool->is_running || pool->channel == NULL) {
    return false;
  }
  enum bc_err err = bc_channel_send(pool->channel, message);
  if (err != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "exec worker takes no message (%s): killed", bc_err_name(err));
    bc_child_kill(pool->child);
    return false;
  }
  return true;
}

void core_pool_open(struct bc_core *core) {
  struct core_pool *pool = &core->pool;
  pool->restart_timer = bc_timer_new(core->loop, pool_on_restart, core);
  pool->ping_timer = bc_timer_new(core->loop, pool_on_ping, core);
  pool->strays = bc_child_strays_new(core->loop);
  if (core->settings->shell) {
    core_pool_need(core);
  }
}

void core_pool_need(struct bc_core *core) {
  struct core_pool *pool = &core->pool;
  if (core->options->is_safe_mode || pool->child != NULL || bc_timer_is_armed(pool->restart_timer)) {
    return;
  }
  pool->last_tick = bc_loop_now(core->loop);
  bc_timer_start(pool->ping_timer, POOL_PING_MS);
  pool_start(core);
}

void core_pool_close(struct bc_core *core) {
  struct core_pool *pool = &core->pool;
  if (pool->channel != NULL) {
    struct bc_msg message = {.type = BC_MSG_STOP};
    (void)core_pool_send(core, &message);
  }
  pool_stop_channel(core);
  bc_child_free(pool->child);
  pool->child = NULL;
  bc_child_strays_free(pool->strays);
  (void)bc_child_kill_strays();
  bc_timer_free(pool->restart_timer);
  bc_timer_free(pool->ping_timer);
}
