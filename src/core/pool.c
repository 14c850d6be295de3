/* A worker's life, of any kind: started, pinged, killed when silent, started again, told everything anew. */
#include "core/private.h"
#include "io/channel.h"
#include "io/child.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
  POOL_PING_MS = 500,
  POOL_SILENT_PINGS = 4, /* 2 s without an answer while core itself was not held up */
  POOL_BUSY_PINGS = 20,  /* … but on a busy machine one job may take so long; its CPU time has a limit of its own */
  POOL_START_PINGS = 20, /* … which on a busy machine its start, too, may take, and would the next time */
  POOL_LATE_MS = 250,    /* a tick this late says that core itself was held up */
  POOL_BACKOFF_MS = 100,
  POOL_BACKOFF_MAX_MS = 30000,
  POOL_BACKOFF_LUA_MS = 500, /* all its checks wait for it */
  POOL_HEALTHY_MS = 60000,
  POOL_MEASURE_MS = 5000
};

/* What the kinds differ in, by enum core_worker. */
static const struct pool_kind {
  const char *name;
  const char *process;
  const char *role;
  bool is_one;     /* there is but one of it */
  bool tells_page; /* it runs Lua: lua.c looks at its page */
  unsigned backoff_most_ms;
} pool_kinds[] = {
    [CORE_WORKER_EXEC] = {"exec worker", "bgpcommander: exec", "@exec", true, false, POOL_BACKOFF_MAX_MS},
    [CORE_WORKER_POLICY] = {"policy worker", "bgpcommander: policy", "@policy", true, true, POOL_BACKOFF_LUA_MS},
    [CORE_WORKER_LUA] = {"Lua worker", "bgpcommander: lua", "@lua", false, true, POOL_BACKOFF_LUA_MS},
};

static const struct pool_kind *pool_kind(const struct core_pool *pool) {
  return &pool_kinds[pool->kind];
}

static void pool_kill(struct core_pool *pool) {
  pool->kills += !pool->is_killed;
  pool->is_killed = true;
  bc_child_kill(pool->child);
}

static void pool_stop_channel(struct core_pool *pool) {
  bc_channel_free(pool->channel);
  pool->channel = NULL;
  pool->is_greeted = false;
  pool->is_running = false;
  if (pool->kind == CORE_WORKER_EXEC) {
    core_address_on_worker_gone(pool->core);
  }
  core_command_on_gone(pool);
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

/* One that is broken may say what it likes, but only as what it is. */
static bool pool_may_say(const struct core_pool *pool, unsigned type) {
  switch (type) {
  case BC_MSG_LUA_RESULT:
  case BC_MSG_LUA_RESULTS:
  case BC_MSG_LUA_EXEC:
  case BC_MSG_LUA_EXEC_CANCEL:
    return pool->kind == CORE_WORKER_LUA;
  case BC_MSG_POLICY_RESULT:
  case BC_MSG_POLICY_RESULTS:
    return pool->kind == CORE_WORKER_POLICY;
  case BC_MSG_RESULT:
  case BC_MSG_ADDRESS_ABLE:
  case BC_MSG_ADDRESS_RESULT:
  case BC_MSG_COMMAND_RESULT:
    return pool->kind == CORE_WORKER_EXEC;
  default:
    return true;
  }
}

static void pool_tell(const struct core_pool *pool, const char *what, const char *text) {
  (void)core_event_tell(pool->core, BC_EVENT_WORKER, pool->name, 0, core_event_detail(what, text));
}

/* It is told all that it has to know, once that is known. */
static void pool_begin(struct core_pool *pool) {
  struct bc_core *core = pool->core;
  if (pool->kind == CORE_WORKER_LUA && !core_egress_is_ready(core)) {
    return;
  }
  pool->is_running = true;
  switch (pool->kind) {
  case CORE_WORKER_POLICY:
    core_policy_on_running(core);
    return;
  case CORE_WORKER_EXEC:
    core_command_on_running(core);
    break;
  default:
    core_egress_send(core, pool->number);
    break;
  }
  core_check_send_all(core, pool->number);
}

void core_pool_on_egress(struct bc_core *core) {
  for (unsigned i = CORE_WORKER_LUA; i < core->pool_count; i++) {
    struct core_pool *pool = &core->pools[i];
    if (pool->is_running) {
      core_egress_send(core, i);
    } else if (pool->is_greeted) {
      pool_begin(pool);
    }
  }
}

static void pool_on_message(void *arg, const struct bc_msg *message) {
  struct core_pool *pool = arg;
  struct bc_core *core = pool->core;
  if (!pool_may_say(pool, message->type)) {
    bc_log(BC_LOG_ERROR, "%s sends %s, which is not its to say: killed", pool->name, bc_msg_name(message->type));
    pool_kill(pool);
    return;
  }
  switch (message->type) {
  case BC_MSG_HELLO:
    if (message->hello.version != BC_MSG_VERSION) {
      bc_log(BC_LOG_ERROR, "%s speaks version %u, expected %u: the binary was replaced; run upgrade", pool->name,
             message->hello.version, (unsigned)BC_MSG_VERSION);
      pool_kill(pool);
      return;
    }
    pool->is_greeted = true;
    (void)snprintf(pool->confinement, sizeof pool->confinement, BC_STR_FMT, BC_STR_ARG(message->hello.confinement));
    bc_log(BC_LOG_INFO, "%s runs, confinement: %s", pool->name, pool->confinement);
    pool_tell(pool, "running", pool->confinement);
    pool_begin(pool);
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
    core_lua_on_message(pool, message);
    break;
  case BC_MSG_LUA_EXEC:
  case BC_MSG_LUA_EXEC_CANCEL:
    core_command_on_lua(pool, message);
    break;
  case BC_MSG_POLICY_RESULT:
  case BC_MSG_POLICY_RESULTS:
    core_policy_on_message(pool, message);
    break;
  case BC_MSG_COMMAND_RESULT:
    core_command_on_result(core, &message->command_result);
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
  case BC_MSG_LUA_EGRESS:
  case BC_MSG_LUA_EXEC_RESULT:
  case BC_MSG_COMMAND_RUN:
  case BC_MSG_COMMAND_CANCEL:
  case BC_MSG_LUA_MODULE:
  case BC_MSG_LUA_MODULE_REMOVE:
  case BC_MSG_LUA_DATA:
  case BC_MSG_LUA_RUN:
  case BC_MSG_POLICY_SET:
  case BC_MSG_POLICY_REMOVE:
  case BC_MSG_POLICY_WORLD:
  case BC_MSG_POLICY_RUN:
    break;
  }
}

static void pool_on_closed(void *arg, const char *why) {
  struct core_pool *pool = arg;
  if (!pool->core->is_exiting && !pool->is_renewed) {
    bc_log(BC_LOG_WARNING, "%s's channel: %s", pool->name, why);
  }
  pool_stop_channel(pool);
  if (pool->child != NULL) {
    bc_child_kill(pool->child);
  }
}

static void pool_start(struct core_pool *pool);

static void pool_on_ended(void *arg, int wait_status, const char *why) {
  struct core_pool *pool = arg;
  struct bc_core *core = pool->core;
  pool_stop_channel(pool);
  bc_child_free(pool->child);
  pool->child = NULL;
  pool->cpu_done_us += pool->cpu_seen_us;
  pool->cpu_seen_us = 0;
  unsigned strays = pool->kind == CORE_WORKER_EXEC ? bc_child_kill_strays() : 0;
  if (core->is_exiting) {
    return;
  }
  if (bc_mono_ms_between(pool->started, bc_mono_now()) > POOL_HEALTHY_MS) {
    pool->backoff_ms = 0;
  }
  if (pool->is_renewed) {
    pool->is_renewed = false;
    pool_start(pool);
    return;
  }
  bc_log(BC_LOG_ERROR, "%s ended (%s), %u of its processes killed; starting another in %u ms; routes are kept",
         pool->name, why, strays, pool->backoff_ms);
  pool_tell(pool, "ended", why);
  if (pool_kind(pool)->tells_page) {
    core_lua_on_ended(pool, wait_status);
  }
  pool->restarts++;
  bc_timer_start(pool->restart_timer, pool->backoff_ms);
  pool->backoff_ms = pool->backoff_ms == 0 ? POOL_BACKOFF_MS : pool->backoff_ms * 2;
  if (pool->backoff_ms > pool_kind(pool)->backoff_most_ms) {
    pool->backoff_ms = pool_kind(pool)->backoff_most_ms;
  }
  core_publish_dirty(core);
}

/* "Lua worker 2"; of what there is but one, no number. */
static void pool_print_name(const struct core_pool *pool, const char *name, char *text, size_t room) {
  int used = snprintf(text, room, "%s", name);
  if (!pool_kind(pool)->is_one && used > 0 && (size_t)used < room) {
    (void)snprintf(text + used, room - (size_t)used, " %u", pool->number - CORE_WORKER_LUA + 1);
  }
}

static enum bc_err pool_start_child(struct core_pool *pool, int *fd, struct bc_fault *fault) {
  struct bc_core *core = pool->core;
  const struct pool_kind *kind = pool_kind(pool);
  char process[64];
  char role[16];
  pool_print_name(pool, kind->process, process, sizeof process);
  (void)snprintf(role, sizeof role, "%s", kind->role);
  if (!kind->tells_page) {
    char *argv[] = {process, role, core->settings->script_dir, NULL};
    return bc_child_start(core->loop, NULL, argv, pool_on_ended, pool, &pool->child, fd, fault);
  }
  char *argv[] = {process, role, NULL};
  int page_fd = core_lua_on_start(pool);
  if (page_fd <= 0) {
    bc_fault_set(fault, 0, "no page of memory can be shared with it");
    return BC_ERR_IO;
  }
  return bc_child_start_bare(core->loop, argv, page_fd, pool_on_ended, pool, &pool->child, fd, fault);
}

static void pool_start(struct core_pool *pool) {
  struct bc_fault fault;
  int fd = -1;
  pool->files = core_renew_look();
  if (pool_start_child(pool, &fd, &fault) != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "%s cannot be started: %s", pool->name, fault.text);
    pool->backoff_ms = POOL_BACKOFF_MAX_MS;
    bc_timer_start(pool->restart_timer, POOL_BACKOFF_MAX_MS);
    return;
  }
  struct bc_channel_handler handler = {.arg = pool, .message = pool_on_message, .closed = pool_on_closed};
  pool->channel = bc_channel_new(pool->core->loop, fd, BC_MSG_TO_CORE, &handler);
  pool->started = bc_mono_now();
  pool->is_killed = false;
  pool->cpu_at = (struct bc_mono){0};
  pool->cpu_permille = 0;
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
  if (!pool->is_greeted) {
    return POOL_START_PINGS;
  }
  bool is_busy = pool_kind(pool)->tells_page && core_lua_is_busy(pool);
  return is_busy ? POOL_BUSY_PINGS : POOL_SILENT_PINGS;
}

/* Between its end and our knowing of that the kernel tells nothing of it. */
static void pool_see_cpu(struct core_pool *pool, uint64_t now_us) {
  pool->cpu_seen_us = now_us > pool->cpu_seen_us ? now_us : pool->cpu_seen_us;
}

/* What it used of a processor in the last seconds. */
static void pool_measure(struct core_pool *pool, struct bc_mono now) {
  int64_t passed_ms = bc_mono_ms_between(pool->cpu_at, now);
  if (bc_mono_is_set(pool->cpu_at) && passed_ms < POOL_MEASURE_MS) {
    return;
  }
  uint64_t now_us = core_pool_cpu_us(pool->core, pool->number);
  pool_see_cpu(pool, now_us);
  bool is_known = bc_mono_is_set(pool->cpu_at) && now_us >= pool->cpu_us;
  pool->cpu_permille = is_known ? (unsigned)((now_us - pool->cpu_us) / (uint64_t)passed_ms) : 0;
  pool->cpu_us = now_us;
  pool->cpu_at = now;
}

static void pool_on_ping(void *arg) {
  struct core_pool *pool = arg;
  struct bc_mono now = bc_mono_now();
  bool was_late = bc_mono_ms_between(pool->last_tick, now) > POOL_PING_MS + POOL_LATE_MS;
  pool->last_tick = now;
  bc_timer_start(pool->ping_timer, POOL_PING_MS);
  if (pool->child == NULL || pool->channel == NULL) {
    return;
  }
  pool_measure(pool, now);
  if (pool->pong_due && !was_late && ++pool->pings_missed >= pool_patience(pool)) {
    bc_log(BC_LOG_ERROR, "%s has not answered for %u s: killed", pool->name, pool->pings_missed * POOL_PING_MS / 1000);
    pool->pong_due = false;
    pool_tell(pool, "silent", NULL);
    pool_kill(pool);
    return;
  }
  if (!pool->pong_due) {
    struct bc_msg message = {.type = BC_MSG_PING, .ping = {.number = ++pool->ping_number}};
    pool->pong_due = bc_channel_send(pool->channel, &message) == BC_ERR_OK;
  }
}

/* By the name alone: the same after each start, and whatever else there is. */
unsigned core_pool_home(const struct bc_core *core, const char *name) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (; *name != '\0'; name++) {
    hash = (hash ^ (unsigned char)*name) * 0x100000001b3U;
  }
  return CORE_WORKER_LUA + (unsigned)((hash ^ hash >> 32) % core->settings->workers);
}

pid_t core_pool_pid(const struct bc_core *core, unsigned worker) {
  const struct core_pool *pool = &core->pools[worker];
  return pool->child == NULL ? 0 : bc_child_pid(pool->child);
}

uint64_t core_pool_cpu_us(const struct bc_core *core, unsigned worker) {
  clockid_t clock;
  struct timespec now;
  pid_t pid = core_pool_pid(core, worker);
  if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &now) != 0) {
    return 0;
  }
  return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

uint64_t core_pool_cpu_total_us(struct bc_core *core, unsigned worker) {
  struct core_pool *pool = &core->pools[worker];
  pool_see_cpu(pool, core_pool_cpu_us(core, worker));
  return pool->cpu_done_us + pool->cpu_seen_us;
}

void core_pool_kill(struct bc_core *core, unsigned worker) {
  if (core->pools[worker].child != NULL) {
    pool_kill(&core->pools[worker]);
  }
}

bool core_pool_has_room(const struct bc_core *core, unsigned worker) {
  const struct core_pool *pool = &core->pools[worker];
  return pool->channel != NULL && bc_channel_queued_bytes(pool->channel) < BC_LIMIT_CHANNEL_QUEUE_BYTES / 4;
}

bool core_pool_send(struct bc_core *core, unsigned worker, const struct bc_msg *message) {
  struct core_pool *pool = &core->pools[worker];
  if (!pool->is_running || pool->channel == NULL) {
    return false;
  }
  enum bc_err err = bc_channel_send(pool->channel, message);
  if (err != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "%s takes no message (%s): killed", pool->name, bc_err_name(err));
    pool_kill(pool);
    return false;
  }
  return true;
}

void core_pool_renew(struct core_pool *pool) {
  struct bc_msg message = {.type = BC_MSG_STOP};
  bc_log(BC_LOG_INFO, "%s: hosts, resolv.conf or trusted certificates were replaced; another is started", pool->name);
  pool_tell(pool, "renewed", NULL);
  pool->is_renewed = core_pool_send(pool->core, pool->number, &message);
}

static void pool_init(struct bc_core *core, enum core_worker kind) {
  struct core_pool *pool = &core->pools[core->pool_count];
  pool->core = core;
  pool->kind = kind;
  pool->number = core->pool_count++;
  pool_print_name(pool, pool_kinds[kind].name, pool->name, sizeof pool->name);
  pool->restart_timer = bc_timer_new(core->loop, pool_on_restart, pool);
  pool->ping_timer = bc_timer_new(core->loop, pool_on_ping, pool);
}

void core_pool_open(struct bc_core *core) {
  pool_init(core, CORE_WORKER_EXEC);
  pool_init(core, CORE_WORKER_POLICY);
  for (unsigned i = 0; i < core->settings->workers; i++) {
    pool_init(core, CORE_WORKER_LUA);
  }
  core->strays = bc_child_strays_new(core->loop);
  if (core->settings->shell || core->settings->exec_allow != NULL) {
    core_pool_need(core, CORE_WORKER_EXEC);
  }
}

void core_pool_need(struct bc_core *core, unsigned worker) {
  struct core_pool *pool = &core->pools[worker];
  if (core->options->is_safe_mode || pool->core == NULL || pool->child != NULL ||
      bc_timer_is_armed(pool->restart_timer)) {
    return;
  }
  pool->last_tick = bc_mono_now();
  bc_timer_start(pool->ping_timer, POOL_PING_MS);
  pool_start(pool);
}

static void pool_close(struct core_pool *pool) {
  if (pool->channel != NULL) {
    struct bc_msg message = {.type = BC_MSG_STOP};
    (void)core_pool_send(pool->core, pool->number, &message);
  }
  pool_stop_channel(pool);
  bc_child_free(pool->child);
  pool->child = NULL;
  bc_timer_free(pool->restart_timer);
  bc_timer_free(pool->ping_timer);
  core_lua_on_closed(pool);
}

void core_pool_close(struct bc_core *core) {
  for (unsigned i = 0; i < core->pool_count; i++) {
    pool_close(&core->pools[i]);
  }
  bc_child_strays_free(core->strays);
  (void)bc_child_kill_strays();
}
