/* The Lua worker from outside: what it is inside of, for how long, and what comes of scripts that it had to be killed
 * for. */
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
#include <time.h>
#include <unistd.h>

enum {
  LUA_LOOK_MS = 50,
  LUA_CPU_MOST_MS = 2 * BC_LIMIT_LUA_BURST_MS,
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

static void lua_strike(struct bc_core *core, const struct core_version *version) {
  struct bc_mono now = bc_loop_now(core->loop);
  struct core_strike *strike = lua_provide_strike(core, version->script->hash);
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
  char key[CORE_CHECK_KEY_BYTES];
  bc_log(BC_LOG_ERROR, "%s: killed three times within ten minutes: this script is not run any more until it is changed",
         core_check_key(version->check, key));
  core_check_quarantine(core, strike->script_hash);
}

/* ---- results ---- */

static void lua_on_result(struct bc_core *core, const struct core_result *result) {
  core_dispatch_result(core, result);
  const struct core_version *version = core_check_version(core, result->id, result->generation);
  if (result->status == BC_CHECK_KILLED && version != NULL) {
    lua_strike(core, version);
  }
}

static void lua_on_message(struct bc_core *core, const struct bc_msg_lua_result *from) {
  lua_on_result(core, &(struct core_result){.id = from->id,
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

static void lua_on_batch(struct bc_core *core, struct bc_str rest) {
  struct bc_msg one;
  while (rest.len >= 4) {
    const unsigned char *at = (const unsigned char *)rest.at;
    size_t len = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    struct bc_str payload = {rest.at + 4, len};
    if (len > rest.len - 4 || bc_msg_decode(BC_MSG_LUA_RESULT, payload, &one) != BC_ERR_OK) {
      break;
    }
    lua_on_message(core, &one.lua_result);
    rest.at += 4 + len;
    rest.len -= 4 + len;
  }
  if (rest.len > 0) {
    bc_log(BC_LOG_ERROR, "Lua worker sends what is no result: killed");
    core_pool_kill(core, CORE_WORKER_LUA);
  }
}

void core_lua_on_message(struct bc_core *core, const struct bc_msg *message) {
  if (message->type == BC_MSG_LUA_RESULTS) {
    lua_on_batch(core, message->lua_results.results);
  } else {
    lua_on_message(core, &message->lua_result);
  }
  core_link_pump(core);
}

/* ---- the look from outside ---- */

struct lua_job {
  uint32_t id;
  uint32_t generation;
  uint64_t cpu_us; /* of the process when it began */
};

/* False when it is inside of none, or goes from one to the next right now. */
static bool lua_read_job(const struct core_lua *lua, struct lua_job *job) {
  uint32_t before = lua->page == NULL ? 0 : atomic_load_explicit(&lua->page->job, memory_order_acquire);
  if (before == 0) {
    return false;
  }
  job->id = before - 1;
  job->generation = atomic_load_explicit(&lua->page->generation, memory_order_relaxed);
  job->cpu_us = atomic_load_explicit(&lua->page->cpu_us, memory_order_relaxed);
  atomic_thread_fence(memory_order_acquire);
  return atomic_load_explicit(&lua->page->job, memory_order_relaxed) == before;
}

static const struct core_version *lua_find_version(const struct bc_core *core, const struct lua_job *job) {
  return core_check_version(core, job->id, job->generation);
}

static uint64_t lua_worker_cpu_us(const struct bc_core *core) {
  clockid_t clock;
  struct timespec now;
  pid_t pid = core_pool_pid(core, CORE_WORKER_LUA);
  if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &now) != 0) {
    return 0;
  }
  return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

static void lua_on_look(void *arg) {
  struct bc_core *core = arg;
  struct core_lua *lua = &core->lua;
  struct lua_job job;
  if (core_pool_pid(core, CORE_WORKER_LUA) <= 0) {
    return;
  }
  bc_timer_start(lua->watch_timer, LUA_LOOK_MS);
  if (lua->is_guilty || !lua_read_job(lua, &job)) {
    return;
  }
  uint64_t now_us = lua_worker_cpu_us(core);
  if (now_us <= job.cpu_us || now_us - job.cpu_us <= (uint64_t)LUA_CPU_MOST_MS * 1000) {
    return;
  }
  struct lua_job again;
  const struct core_version *version = lua_find_version(core, &job);
  if (!lua_read_job(lua, &again) || memcmp(&again, &job, sizeof job) != 0) {
    return;
  }
  lua->is_guilty = true;
  lua->guilty_id = job.id;
  lua->guilty_generation = job.generation;
  char key[CORE_CHECK_KEY_BYTES];
  bc_log(BC_LOG_ERROR, "%s: more than %d ms of CPU time in one call: the Lua worker is killed",
         version == NULL ? "?" : core_check_key(version->check, key), LUA_CPU_MOST_MS);
  core_pool_kill(core, CORE_WORKER_LUA);
}

bool core_lua_is_busy(const struct bc_core *core) {
  struct lua_job job;
  return lua_read_job(&core->lua, &job);
}

int core_lua_on_start(struct bc_core *core) {
  struct core_lua *lua = &core->lua;
  if (lua->page == NULL) {
    return 0;
  }
  lua->is_guilty = false;
  atomic_store(&lua->page->job, 0);
  bc_timer_start(lua->watch_timer, LUA_LOOK_MS);
  return lua->page_fd;
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

void core_lua_on_ended(struct bc_core *core, int wait_status) {
  struct core_lua *lua = &core->lua;
  struct lua_job job = {.id = lua->guilty_id, .generation = lua->guilty_generation};
  bool is_guilty = lua->is_guilty;
  bool has_job = is_guilty || lua_read_job(lua, &job);
  const struct core_version *version = has_job ? lua_find_version(core, &job) : NULL;
  bc_timer_stop(lua->watch_timer);
  lua->is_guilty = false;
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
  lua_on_result(core, &(struct core_result){
                          .id = job.id, .generation = job.generation, .status = status, .reason = bc_str_of(reason)});
  core_link_pump(core);
}

/* ---- begin and end ---- */

static bool lua_make_page(struct core_lua *lua) {
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
  lua->page = page == MAP_FAILED ? NULL : page;
  lua->page_fd = fd;
  return lua->page != NULL;
}

void core_lua_open(struct bc_core *core) {
  struct core_lua *lua = &core->lua;
  TAILQ_INIT(&lua->strikes);
  lua->watch_timer = bc_timer_new(core->loop, lua_on_look, core);
  if (!lua_make_page(lua)) {
    bc_log(BC_LOG_ERROR, "no memory can be shared with the Lua worker: %s", strerror(errno));
  }
}

void core_lua_close(struct bc_core *core) {
  struct core_lua *lua = &core->lua;
  struct core_strike *strike;
  while ((strike = TAILQ_FIRST(&lua->strikes)) != NULL) {
    lua_forget_strike(lua, strike);
  }
  bc_timer_free(lua->watch_timer);
  if (lua->page != NULL) {
    (void)munmap(lua->page, BC_LUA_PAGE_BYTES);
    (void)close(lua->page_fd);
    lua->page = NULL;
  }
}
