/* The last known good configuration on disk: what was in force is in force again after a restart,
 * store or no store. */
#include "base/mem.h"
#include "core/private.h"
#include "model/keylog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
  LASTGOOD_BYTES_MAX = 1024 * 1024 * 1024,
  LASTGOOD_PAUSE_MS = 2000,
  LASTGOOD_COST_FACTOR = 100 /* a save takes at most one percent of the loop's time */
};

static const char lastgood_name[] = "lastgood";
static const char lastgood_point_key[] = "@point";
static const char lastgood_loss_key[] = "@loss";
static const char lastgood_probation[] = "@probation/";

static void lastgood_read_point(struct bc_core *core, struct bc_str value) {
  struct bc_str cluster = bc_str_next_word(&value);
  struct bc_str revision = bc_str_next_word(&value);
  struct bc_store_point point = {0};
  if (bc_str_to_u64(cluster, UINT64_MAX, &point.cluster_id) == BC_ERR_OK &&
      bc_str_to_u64(revision, UINT64_MAX, &point.revision) == BC_ERR_OK) {
    core->apply.known = point;
  }
}

/* ---- checks that had not earned the right to withdraw ---- */

static uint64_t lastgood_hash(struct bc_str name) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (size_t i = 0; i < name.len; i++) {
    hash = (hash ^ (unsigned char)name.at[i]) * 0x100000001b3U;
  }
  return hash;
}

static int lastgood_compare(const void *a, const void *b) {
  const uint64_t *left = a;
  const uint64_t *right = b;
  return (*left > *right) - (*left < *right);
}

static void lastgood_remember_probation(struct core_apply *apply, struct bc_str name) {
  size_t count = apply->probation_count;
  if ((count & (count - 1)) == 0) {
    apply->probation = bc_mem_resize(apply->probation, count == 0 ? 1 : count * 2, sizeof apply->probation[0]);
  }
  apply->probation[apply->probation_count++] = lastgood_hash(name);
}

bool core_lastgood_was_on_probation(const struct bc_core *core, const char *name) {
  const struct core_apply *apply = &core->apply;
  uint64_t hash = lastgood_hash(bc_str_of(name));
  return apply->probation_count > 0 &&
         bsearch(&hash, apply->probation, apply->probation_count, sizeof apply->probation[0], lastgood_compare) != NULL;
}

static void lastgood_on_key(void *arg, struct bc_str key, struct bc_str value) {
  struct bc_core *core = arg;
  if (bc_str_is(key, lastgood_point_key)) {
    lastgood_read_point(core, value);
  } else if (bc_str_is(key, lastgood_loss_key)) {
    core_apply_remember_loss(core, value);
  } else if (bc_str_starts(key, lastgood_probation)) {
    size_t before = strlen(lastgood_probation);
    lastgood_remember_probation(&core->apply, (struct bc_str){.at = key.at + before, .len = key.len - before});
  } else {
    bc_config_put(core->config, key, value, bc_loop_now(core->loop));
  }
}

void core_lastgood_load(struct bc_core *core) {
  struct bc_buf content;
  struct bc_fault fault;
  bc_buf_init(&content, LASTGOOD_BYTES_MAX);
  enum bc_err err = bc_disk_load(core->disk, lastgood_name, &content, &fault);
  if (err == BC_ERR_OK) {
    size_t good = 0;
    bc_config_set_settle_ms(core->config, 0);
    err = bc_keylog_read(bc_buf_str(&content), lastgood_on_key, core, &good);
    /* The list that follows brings a new route's keys one by one: it is judged when all are there. */
    bc_config_set_settle_ms(core->config, CORE_SETTLE_MS);
    core->apply.has_last_good = good > 0;
    core->apply.last_good_damaged = err != BC_ERR_OK;
    if (err != BC_ERR_OK) {
      bc_log(BC_LOG_WARNING, "last known good configuration: damaged after %zu keys", good);
    }
  } else if (err != BC_ERR_NOT_FOUND) {
    bc_log(BC_LOG_WARNING, "last known good configuration: %s", fault.text);
  }
  bc_buf_free(&content);
  if (core->apply.probation_count > 0) {
    qsort(core->apply.probation, core->apply.probation_count, sizeof core->apply.probation[0], lastgood_compare);
  }
}

static void lastgood_save_probation(struct bc_core *core, struct bc_buf *to) {
  for (struct core_route *route = core_route_next(core, NULL); route != NULL; route = core_route_next(core, route)) {
    if (route->check != NULL && route->check->health.on_probation) {
      char key[sizeof lastgood_probation + BC_LIMIT_NAME_BYTES];
      (void)snprintf(key, sizeof key, "%s%s", lastgood_probation, route->name);
      bc_keylog_add(to, bc_str_of(key), bc_str_of("1"));
    }
  }
}

static void lastgood_add(void *arg, struct bc_str key, struct bc_str value) {
  bc_keylog_add(arg, key, value);
}

static void lastgood_on_saved(void *arg, enum bc_err err, const char *text) {
  struct bc_core *core = arg;
  core->apply.save_busy = false;
  if (err != BC_ERR_OK) {
    bc_log(BC_LOG_WARNING, "last known good configuration: %s", text);
    core->apply.save_dirty = true;
  }
  if (core->apply.save_dirty) {
    bc_timer_start(core->apply.save_timer, core->apply.save_pause_ms);
  }
}

void core_lastgood_save(struct bc_core *core) {
  struct core_apply *apply = &core->apply;
  /* Before the routes start, what the file says of their checks is not taken over yet. */
  if (!apply->is_authoritative || !core->routes_started || apply->save_busy || core->disk == NULL) {
    return;
  }
  struct bc_mono begun = bc_loop_now(core->loop);
  struct bc_buf content;
  char point[48];
  bc_buf_init(&content, LASTGOOD_BYTES_MAX);
  bc_keylog_begin(&content);
  (void)snprintf(point, sizeof point, "%" PRIu64 " %" PRIu64, apply->known.cluster_id, apply->known.revision);
  bc_keylog_add(&content, bc_str_of(lastgood_point_key), bc_str_of(point));
  if (apply->loss != LOSS_NONE) {
    bc_keylog_add(&content, bc_str_of(lastgood_loss_key), bc_str_of(core_loss_text(apply->loss)));
  }
  lastgood_save_probation(core, &content);
  bc_config_save(core->config, lastgood_add, &content);
  enum bc_err err = bc_buf_status(&content);
  if (err == BC_ERR_OK) {
    err = bc_disk_save(core->disk, lastgood_name, bc_buf_str(&content), lastgood_on_saved, core);
  }
  bc_buf_free(&content);
  apply->save_busy = err == BC_ERR_OK;
  apply->save_dirty = err != BC_ERR_OK;
  int64_t cost_ms = bc_mono_ms_between(begun, bc_loop_now(core->loop));
  apply->save_pause_ms = LASTGOOD_PAUSE_MS + cost_ms * LASTGOOD_COST_FACTOR;
  if (err != BC_ERR_OK) {
    bc_log(BC_LOG_WARNING, "last known good configuration: %s", bc_err_name(err));
    bc_timer_start(apply->save_timer, apply->save_pause_ms);
  }
}

void core_lastgood_dirty(struct bc_core *core) {
  core->apply.save_dirty = true;
  if (!core->apply.save_busy && !bc_timer_is_armed(core->apply.save_timer)) {
    bc_timer_start(core->apply.save_timer, core->apply.save_pause_ms);
  }
}
