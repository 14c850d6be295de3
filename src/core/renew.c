/* Files of the system that a Lua worker reads once, or may read only as they were when it confined itself: hosts,
 * resolv.conf, the trusted certificates. When one is replaced, the workers are started anew, one after the other. */
#include "core/private.h"
#include "io/resolver.h"
#include "io/tls.h"

#include <string.h>
#include <sys/stat.h>

enum {
  RENEW_LOOK_MS = 1000,
  RENEW_LEAST_MS = 60000 /* of one worker, from one time to the next: a file that changes for ever stops no check */
};

static const char *const renew_files[] = {"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", BC_TLS_SYSTEM_FILES};

static uint64_t renew_hash(uint64_t hash, uint64_t value) {
  for (int i = 0; i < 8; i++) {
    hash = (hash ^ (value >> (8 * i) & 0xff)) * 0x100000001b3U;
  }
  return hash;
}

uint64_t core_renew_look(void) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (size_t i = 0; i < sizeof renew_files / sizeof renew_files[0]; i++) {
    struct stat info = {0};
    if (stat(renew_files[i], &info) == 0) {
      hash = renew_hash(hash, info.st_dev);
      hash = renew_hash(hash, info.st_ino);
      hash = renew_hash(hash, (uint64_t)info.st_size);
      hash = renew_hash(hash, (uint64_t)info.st_mtim.tv_sec);
      hash = renew_hash(hash, (uint64_t)info.st_mtim.tv_nsec);
    }
    hash = renew_hash(hash, i);
  }
  return hash;
}

/* True: it ends or begins right now, and the others wait. */
static bool renew_worker(struct core_pool *pool, uint64_t files, struct bc_mono now) {
  if (pool->child == NULL || !pool->is_running || pool->is_renewed) {
    return pool->child != NULL;
  }
  bool was_lately =
      bc_mono_is_set(pool->renewed) && !bc_mono_reached(bc_mono_add_ms(pool->renewed, RENEW_LEAST_MS), now);
  if (pool->files == files || was_lately) {
    return false;
  }
  pool->renewed = now;
  core_pool_renew(pool);
  return true;
}

static void renew_on_look(void *arg) {
  struct bc_core *core = arg;
  struct core_renew *renew = &core->renew;
  uint64_t files = core_renew_look();
  bc_timer_start(renew->timer, RENEW_LOOK_MS);
  /* Twice the same: who writes them has done. */
  if (files != renew->files) {
    renew->files = files;
    renew->is_told = false;
    return;
  }
  if (!renew->is_told) {
    struct bc_fault fault;
    renew->is_told = true;
    if (core->egress.resolver != NULL && bc_resolver_reload(core->egress.resolver, &fault) != BC_ERR_OK) {
      bc_log(BC_LOG_WARNING, "/etc/resolv.conf: %s; names are looked up as before", fault.text);
    }
  }
  for (unsigned i = CORE_WORKER_LUA; i < core->pool_count; i++) {
    if (renew_worker(&core->pools[i], files, bc_mono_now())) {
      return;
    }
  }
}

void core_renew_open(struct bc_core *core) {
  core->renew = (struct core_renew){.files = core_renew_look(), .is_told = true};
  core->renew.timer = bc_timer_new(core->loop, renew_on_look, core);
  bc_timer_start(core->renew.timer, RENEW_LOOK_MS);
}

void core_renew_close(struct bc_core *core) {
  bc_timer_free(core->renew.timer);
  core->renew.timer = NULL;
}
