/* Workers that run Lua, from outside: what each is inside of, for how long, and what comes of scripts that one had to
 * be killed for. */
#include "base/mem.h"
#include "core/private.h"
#include "proto/lua_page.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  LUA_LOOK_MS = 50,
  LUA_CPU_MOST_MS = 2 * BC_LIMIT_LUA_BURST_MS,
  LUA_CPU_POLICY_MS = 25 * BC_LIMIT_POLICY_CPU_MS,
  LUA_STRIKES = 3,
  LUA_STRIKES_WITHIN_MS = 600000,
  LUA_FD_LEAST = 10 /* above those that the worker gets */
};

/* A script for which something was killed. */
struct core_strike {
  TAILQ_ENTRY(core_strike) link;
  uint64_t script_hash;
  struct bc_mono at[LUA_STRIKES]; /* the last ones, in turn */
  unsigned count;
  bool is_quarantined;
};

/* ---- strikes ---- */

static struct core_strike *lua_find_strike(const struct bc_core *core, uint64_t script_hash) {
  struct core_strike *strike;
  TAILQ_FOREACH(strike, &core->lua.strikes, link) {
    if (strike->script_hash == script_hash) {
      return strike;
    }
  }
  return NULL;
}

bool core_lua_is_quarantined(const struct bc_core *core, uint64_t script_hash) {
  const struct core_strike *strike = core->lua.quarantined == 0 ? NULL : lua_find_strike(core, script_hash);
  return strike != NULL && strike->is_quarantined;
}

size_t core_lua_count_quarantined(const struct bc_core *core) {
  size_t count = 0;
  const struct core_strike *strike;
  if (core->lua.quarantined == 0) {
    return 0;
  }
  TAILQ_FOREACH(strike, &core->lua.strikes, link) {
    count += strike->is_quarantined && core_script_is_used(core, strike->script_hash);
  }
  return count;
}

static void lua_forget_strike(struct core_lua *lua, struct core_strike *strike) {
  TAILQ_REMOVE(&lua->strikes, strike, link);
  lua->strike_count--;
  lua->quarantined -= strike->is_quarantined;
  free(strike);
}

static struct core_strike *lua_provide_strike(struct bc_core *core, uint64_t script_hash) {
  struct core_lua *lua = &core->lua;
  struct core_strike *strike = lua_find_strike(core, script_hash);
  if (strike != NULL) {
    return strike;
  }
  if (lua->strike_count >= BC_LIMIT_SCRIPTS) {
    lua_forget_strike(lua, TAILQ_FIRST(&lua->strikes));
  }
  strike = bc_mem_new(1, sizeof *strike);
  strike->script_hash = script_hash;
  TAILQ_INSERT_TAIL(&lua->strikes, strike, link);
  lua->strike_count++;
  return strike;
}

void core_lua_strike(struct bc_core *core, uint64_t script_hash, const char *key) {
  struct bc_mono now = bc_mono_now();
  struct core_strike *strike = lua_provide_strike(core, script_hash);
  if (strike->is_quarantined) {
    return;
  }
  strike->at[strike->count++ % LUA_STRIKES] = now;
  const struct bc_mono oldest = strike->at[strike->count % LUA_STRIKES];
  if (strike->count < LUA_STRIKES || bc_mono_ms_between(oldest, now) > LUA_STRIKES_WITHIN_MS) {
    return;
  }
  strike->is_quarantined = true;
  core->lua.quarantined++;
  bc_log(BC_LOG_ERROR, "%s: killed three times within ten minutes: this script is not run any more until it is changed",
         key);
  (void)core_event_tell(core, BC_EVENT_WORKER, key, 0, core_event_detail("quarantined", NULL));
  core_check_quarantine(core, script_hash);
  core_policy_quarantine(core, script_hash);
}

/* ---- results ---- */

static const struct core_version *lua_find_version(const struct core_pool *pool, uint32_t id, uint32_t generation) {
  const struct core_version *version = core_check_version(pool->core, id, generation);
  /* A worker that is broken speaks for its own checks at most. */
  return version != NULL && core_version_worker(pool->core, version) == pool->number ? version : NULL;
}

static void lua_on_result(struct core_pool *pool, const struct core_result *result) {
  struct bc_core *core = pool->core;
  if (lua_find_version(pool, result->id, result->generation) == NULL) {
    return;
  }
  core_dispatch_result(core, result);
  const struct core_version *version = lua_find_version(pool, result->id, result->generation);
  if (result->status == BC_CHECK_KILLED && version != NULL) {
    char key[CORE_CHECK_KEY_BYTES];
    core_lua_strike(core, version->script->hash, core_check_key(version->check, key));
  }
}

static void lua_on_message(struct core_pool *pool, const struct bc_msg_lua_result *from) {
  lua_on_result(pool, &(struct core_result){.id = from->id,
                                            .generation = from->generation,
                                            .status = from->status,
                                            .duration_us = from->duration_us,
                                            .late_us = from->late_us,
                                            .output = from->output,
                                            .reason = from->reason,
                                            .data = from->data,
                                            .state = from->state,
                                            .metrics = from->metrics,
                                            .score = from->score});
}

static void lua_on_batch(struct core_pool *pool, struct bc_str rest) {
  struct bc_msg one;
  while (rest.len >= 4) {
    const unsigned char *at = (const unsigned char *)rest.at;
    size_t len = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    struct bc_str payload = {rest.at + 4, len};
    if (len > rest.len - 4 || bc_msg_decode(BC_MSG_LUA_RESULT, payload, &one) != BC_ERR_OK) {
      break;
    }
    lua_on_message(pool, &one.lua_result);
    rest.at += 4 + len;
    rest.len -= 4 + len;
  }
  if (rest.len > 0) {
    bc_log(BC_LOG_ERROR, "%s sends what is no result: killed", pool->name);
    core_pool_kill(pool->core, pool->number);
  }
}

void core_lua_on_message(struct core_pool *pool, const struct bc_msg *message) {
  if (message->type == BC_MSG_LUA_RESULTS) {
    lua_on_batch(pool, message->lua_results.results);
  } else {
    lua_on_message(pool, &message->lua_result);
  }
  core_link_pump(pool->core);
}

/* ---- the look from outside ---- */

struct lua_job {
  uint32_t id;
  uint32_t generation;
  uint64_t cpu_us; /* of the process when it began */
};

/* False when it is inside of none, or goes from one to the next right now. */
static bool lua_read_job(const struct core_seat *seat, struct lua_job *job) {
  uint32_t before = seat->page == NULL ? 0 : atomic_load_explicit(&seat->page->job, memory_order_acquire);
  if (before == 0) {
    return false;
  }
  job->id = before - 1;
  job->generation = atomic_load_explicit(&seat->page->generation, memory_order_relaxed);
  job->cpu_us = atomic_load_explicit(&seat->page->cpu_us, memory_order_relaxed);
  atomic_thread_fence(memory_order_acquire);
  return atomic_load_explicit(&seat->page->job, memory_order_relaxed) == before;
}

/* A policy's run ends by itself long before, unless it is inside of what cannot be interrupted. */
static unsigned lua_cpu_most_ms(const struct core_pool *pool) {
  return pool->kind == CORE_WORKER_POLICY ? LUA_CPU_POLICY_MS : LUA_CPU_MOST_MS;
}

static const char *lua_job_key(const struct core_pool *pool, const struct lua_job *job,
                               char text[static CORE_CHECK_KEY_BYTES]) {
  if (pool->kind == CORE_WORKER_POLICY) {
    return core_policy_job_key(pool, job->id);
  }
  const struct core_version *version = lua_find_version(pool, job->id, job->generation);
  return version == NULL ? "?" : core_check_key(version->check, text);
}

static void lua_look(struct core_pool *pool) {
  struct core_seat *seat = &pool->seat;
  struct lua_job job;
  if (seat->is_guilty || !lua_read_job(seat, &job)) {
    return;
  }
  uint64_t now_us = core_pool_cpu_us(pool->core, pool->number);
  if (now_us <= job.cpu_us || now_us - job.cpu_us <= (uint64_t)lua_cpu_most_ms(pool) * 1000) {
    return;
  }
  struct lua_job again;
  if (!lua_read_job(seat, &again) || memcmp(&again, &job, sizeof job) != 0) {
    return;
  }
  seat->is_guilty = true;
  seat->guilty_id = job.id;
  seat->guilty_generation = job.generation;
  char key[CORE_CHECK_KEY_BYTES];
  bc_log(BC_LOG_ERROR, "%s: more than %u ms of CPU time in one call: %s is killed", lua_job_key(pool, &job, key),
         lua_cpu_most_ms(pool), pool->name);
  core_pool_kill(pool->core, pool->number);
}

static void lua_on_look(void *arg) {
  struct bc_core *core = arg;
  bool any = false;
  for (unsigned i = CORE_WORKER_POLICY; i < core->pool_count; i++) {
    if (core_pool_pid(core, i) > 0) {
      any = true;
      lua_look(&core->pools[i]);
    }
  }
  if (any) {
    bc_timer_start(core->lua.watch_timer, LUA_LOOK_MS);
  }
}

bool core_lua_is_busy(const struct core_pool *pool) {
  struct lua_job job;
  return lua_read_job(&pool->seat, &job);
}

/* Signals by which a flaw ends a process, not somebody. */
static bool lua_is_crash(int wait_status) {
  static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGSYS, SIGTRAP};
  for (size_t i = 0; WIFSIGNALED(wait_status) && i < sizeof crashes / sizeof crashes[0]; i++) {
    if (WTERMSIG(wait_status) == crashes[i]) {
      return true;
    }
  }
  return false;
}

static void lua_on_policy_ended(struct core_pool *pool, int wait_status) {
  struct core_seat *seat = &pool->seat;
  struct lua_job job = {.id = seat->guilty_id};
  char why[96];
  if (seat->is_guilty) {
    (void)snprintf(why, sizeof why, "more than %d ms of CPU time in one call", LUA_CPU_POLICY_MS);
    core_policy_on_killed(pool, job.id, why);
  } else if (lua_read_job(seat, &job) && lua_is_crash(wait_status)) {
    (void)snprintf(why, sizeof why, "the sandbox broke in it (signal %d)", WTERMSIG(wait_status));
    core_policy_on_killed(pool, job.id, why);
  }
  seat->is_guilty = false;
  core_policy_on_gone(pool);
  core_link_pump(pool->core);
}

void core_lua_on_ended(struct core_pool *pool, int wait_status) {
  if (pool->kind == CORE_WORKER_POLICY) {
    lua_on_policy_ended(pool, wait_status);
    return;
  }
  struct core_seat *seat = &pool->seat;
  struct lua_job job = {.id = seat->guilty_id, .generation = seat->guilty_generation};
  bool is_guilty = seat->is_guilty;
  bool has_job = is_guilty || lua_read_job(seat, &job);
  const struct core_version *version = has_job ? lua_find_version(pool, job.id, job.generation) : NULL;
  seat->is_guilty = false;
  if (version == NULL) {
    return;
  }
  const char *name = version->check->name;
  char reason[BC_LIMIT_NAME_BYTES + 96];
  enum bc_check_status status = BC_CHECK_LOST;
  (void)snprintf(reason, sizeof reason, "%s: the worker ended under it", name);
  if (is_guilty) {
    status = BC_CHECK_KILLED;
    (void)snprintf(reason, sizeof reason, "%s: more than %d ms of CPU time in one call", name, LUA_CPU_MOST_MS);
  } else if (lua_is_crash(wait_status)) {
    status = BC_CHECK_KILLED;
    (void)snprintf(reason, sizeof reason, "%s: the sandbox broke in it (signal %d)", name, WTERMSIG(wait_status));
  }
  lua_on_result(pool, &(struct core_result){
                          .id = job.id, .generation = job.generation, .status = status, .reason = bc_str_of(reason)});
  core_link_pump(pool->core);
}

/* ---- begin and end ---- */

static bool lua_make_page(struct core_seat *seat) {
  int made = memfd_create("bgpcommander-lua", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  int fd = made < 0 ? -1 : fcntl(made, F_DUPFD_CLOEXEC, LUA_FD_LEAST);
  if (made >= 0) {
    (void)close(made);
  }
  /* Of a size that the worker cannot change: to read behind its end would end core. */
  if (fd < 0 || ftruncate(fd, BC_LUA_PAGE_BYTES) != 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return false;
  }
  void *page = mmap(NULL, BC_LUA_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  seat->page = page == MAP_FAILED ? NULL : page;
  seat->page_fd = fd;
  return seat->page != NULL;
}

int core_lua_on_start(struct core_pool *pool) {
  struct core_seat *seat = &pool->seat;
  if (seat->page == NULL && !lua_make_page(seat)) {
    bc_log(BC_LOG_ERROR, "no memory can be shared with %s: %s", pool->name, strerror(errno));
    return 0;
  }
  seat->is_guilty = false;
  atomic_store(&seat->page->job, 0);
  bc_timer_start(pool->core->lua.watch_timer, LUA_LOOK_MS);
  return seat->page_fd;
}

void core_lua_on_closed(struct core_pool *pool) {
  struct core_seat *seat = &pool->seat;
  if (seat->page != NULL) {
    (void)munmap(seat->page, BC_LUA_PAGE_BYTES);
    (void)close(seat->page_fd);
    seat->page = NULL;
  }
}

void core_lua_open(struct bc_core *core) {
  TAILQ_INIT(&core->lua.strikes);
  core->lua.watch_timer = bc_timer_new(core->loop, lua_on_look, core);
}

void core_lua_close(struct bc_core *core) {
  struct core_lua *lua = &core->lua;
  struct core_strike *strike;
  while ((strike = TAILQ_FIRST(&lua->strikes)) != NULL) {
    lua_forget_strike(lua, strike);
  }
  bc_timer_free(lua->watch_timer);
}
