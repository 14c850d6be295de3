#include "io/etcd_publish.h"

#include "base/mem.h"
#include "io/etcd_writer.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { PUBLISH_RETRY_MS = 1000, PUBLISH_KEY_MOST = (1 << 27) - 1 };

static void publish_on_stale_timer(void *arg);
static void publish_end_leave(void *arg);

static int publish_compare(const struct bc_etcd_own *a, const struct bc_etcd_own *b) {
  return bc_str_compare(bc_etcd_own_key(a), bc_etcd_own_key(b));
}
BC_TREE(bc_etcd_own_tree, bc_etcd_own, link, publish_compare)

static struct bc_etcd_own *publish_find(struct bc_etcd_publish *publish, struct bc_str key) {
  struct bc_etcd_own *entry = RB_ROOT(&publish->keys);
  int order;
  while (entry != NULL && (order = bc_str_compare(key, bc_etcd_own_key(entry))) != 0) {
    entry = order < 0 ? RB_LEFT(entry, link) : RB_RIGHT(entry, link);
  }
  return entry;
}

/* It is not there yet. */
static struct bc_etcd_own *publish_make(struct bc_etcd_publish *publish, struct bc_str key) {
  size_t size = offsetof(struct bc_etcd_own, key) + key.len;
  struct bc_etcd_own *entry = bc_mem_new(1, size < sizeof *entry ? sizeof *entry : size);
  memcpy(entry->key, key.at, key.len);
  entry->key_len = (uint32_t)key.len & PUBLISH_KEY_MOST;
  (void)RB_INSERT(bc_etcd_own_tree, &publish->keys, entry);
  return entry;
}

static void publish_move(struct bc_etcd_publish *publish, struct bc_etcd_own *entry, enum bc_etcd_place place) {
  if (entry->place == BC_ETCD_PLACE_DIRTY) {
    TAILQ_REMOVE(&publish->dirty, entry, queue);
  } else if (entry->place == BC_ETCD_PLACE_IN_FLIGHT) {
    TAILQ_REMOVE(&publish->in_flight, entry, queue);
  }
  entry->place = place & 3U;
  if (place == BC_ETCD_PLACE_DIRTY) {
    TAILQ_INSERT_TAIL(&publish->dirty, entry, queue);
  } else if (place == BC_ETCD_PLACE_IN_FLIGHT) {
    TAILQ_INSERT_TAIL(&publish->in_flight, entry, queue);
  }
}

static void publish_drop(struct bc_etcd_publish *publish, struct bc_etcd_own *entry) {
  publish_move(publish, entry, BC_ETCD_PLACE_CLEAN);
  RB_REMOVE(bc_etcd_own_tree, &publish->keys, entry);
  bc_intern_put(publish->values, entry->want);
  free(entry);
}

static void publish_mark(struct bc_etcd_publish *publish, struct bc_etcd_own *entry) {
  if (entry->place == BC_ETCD_PLACE_IN_FLIGHT) {
    entry->changed = true;
  } else if (entry->place == BC_ETCD_PLACE_CLEAN) {
    publish_move(publish, entry, BC_ETCD_PLACE_DIRTY);
  }
  if (publish->enabled && publish->ready && !publish->is_writing && !bc_timer_is_armed(publish->write_timer)) {
    bc_timer_start(publish->write_timer, 0);
  }
}

static void publish_wake_at(struct bc_etcd_publish *publish, struct bc_mono when) {
  bc_timer_start_at(publish->write_timer, when);
}

void bc_etcd_publish_tell(struct bc_etcd_publish *publish, const char *problem) {
  bool same =
      problem == NULL ? publish->problem == NULL : publish->problem != NULL && strcmp(problem, publish->problem) == 0;
  if (!same) {
    free(publish->problem);
    publish->problem = bc_mem_copy_string(problem);
    publish->handler->problem(publish->handler->arg, problem);
  }
}

static void publish_on_write_timer(void *arg) {
  bc_etcd_publish_pump(arg);
}

void bc_etcd_publish_write_all(struct bc_etcd_publish *publish) {
  struct bc_etcd_own *entry;
  RB_FOREACH(entry, bc_etcd_own_tree, &publish->keys) {
    if (entry->want != NULL) {
      entry->not_before = (struct bc_mono){0};
      publish_mark(publish, entry);
    }
  }
  /* When what held the keys of a thousand nodes ended together, they must not all write at once. */
  bc_etcd_publish_pause(publish, bc_etcd_random(publish->random, publish->tuning->lease_spread_ms));
}

void bc_etcd_publish_put_back(struct bc_etcd_publish *publish) {
  struct bc_etcd_own *entry;
  while ((entry = TAILQ_FIRST(&publish->in_flight)) != NULL) {
    entry->changed = false;
    publish_move(publish, entry, BC_ETCD_PLACE_DIRTY);
  }
}

void bc_etcd_publish_pause(struct bc_etcd_publish *publish, int64_t ms) {
  struct bc_mono end = bc_mono_add_ms(bc_mono_now(), ms);
  /* A short one does not end a long one: the minute after a lost lease. */
  publish->not_before = end.us > publish->not_before.us ? end : publish->not_before;
  publish_wake_at(publish, publish->not_before);
}

void bc_etcd_publish_set_aside(struct bc_etcd_publish *publish, int64_t ms) {
  struct bc_etcd_own *entry;
  while ((entry = TAILQ_FIRST(&publish->in_flight)) != NULL) {
    bool again = entry->changed || ms > 0;
    entry->not_before = ms > 0 ? bc_mono_add_ms(bc_mono_now(), ms) : (struct bc_mono){0};
    entry->changed = false;
    publish_move(publish, entry, again ? BC_ETCD_PLACE_DIRTY : BC_ETCD_PLACE_CLEAN);
  }
}

void bc_etcd_publish_take_error(struct bc_etcd_publish *publish, const struct bc_etcd_reply *reply) {
  struct bc_fault text = {.column = 0};
  bc_etcd_reply_explain(reply, &text);
  if (reply->error.trouble == BC_ETCD_TROUBLE_NO_SPACE || reply->error.trouble == BC_ETCD_TROUBLE_DENIED) {
    bc_etcd_publish_pause(publish, publish->tuning->pause_ms);
    bc_etcd_publish_tell(publish, text.text);
    return;
  }
  unsigned shift = publish->failures < 5 ? publish->failures : 5;
  publish->failures++;
  bc_etcd_publish_pause(publish,
                        PUBLISH_RETRY_MS / 2 + bc_etcd_random(publish->random, (int64_t)PUBLISH_RETRY_MS << shift));
  if (publish->failures >= 2) {
    bc_etcd_publish_tell(publish, text.text);
  }
}

void bc_etcd_publish_confirm(struct bc_etcd_publish *publish, uint64_t revision) {
  publish->revision = revision > publish->revision ? revision : publish->revision;
  struct bc_mono now = bc_mono_now();
  struct bc_etcd_own *entry;
  while ((entry = TAILQ_FIRST(&publish->in_flight)) != NULL) {
    publish_move(publish, entry, BC_ETCD_PLACE_CLEAN);
    bool overtaken = entry->event_revision > revision;
    entry->written = now;
    entry->stale = false;
    entry->event_revision = 0;
    entry->revision = revision > entry->revision ? revision : entry->revision;
    if (overtaken && !entry->changed) {
      entry->not_before = bc_mono_add_ms(now, publish->tuning->reput_ms);
    }
    if (entry->changed || overtaken) {
      entry->changed = false;
      publish_move(publish, entry, BC_ETCD_PLACE_DIRTY);
    } else if (entry->want == NULL) {
      publish_drop(publish, entry);
    }
  }
}

static bool publish_is_due(const struct bc_etcd_own *entry, struct bc_mono now) {
  return !bc_mono_is_set(entry->not_before) || bc_mono_reached(entry->not_before, now);
}

bool bc_etcd_publish_has_due(const struct bc_etcd_publish *publish) {
  struct bc_mono now = bc_mono_now();
  const struct bc_etcd_own *entry;
  TAILQ_FOREACH(entry, &publish->dirty, queue) {
    if (publish_is_due(entry, now)) {
      return true;
    }
  }
  return false;
}

struct bc_etcd_own *bc_etcd_publish_take_due(struct bc_etcd_publish *publish) {
  struct bc_mono now = bc_mono_now();
  struct bc_mono next = {0};
  struct bc_etcd_own *entry;
  TAILQ_FOREACH(entry, &publish->dirty, queue) {
    if (publish_is_due(entry, now)) {
      publish_move(publish, entry, BC_ETCD_PLACE_IN_FLIGHT);
      return entry;
    }
    next = bc_mono_earlier(next, entry->not_before);
  }
  publish_wake_at(publish, next);
  return NULL;
}

void bc_etcd_publish_pump(struct bc_etcd_publish *publish) {
  if (!publish->enabled || !publish->ready || publish->is_writing || TAILQ_EMPTY(&publish->dirty)) {
    return;
  }
  if (!bc_mono_reached(publish->not_before, bc_mono_now())) {
    publish_wake_at(publish, publish->not_before);
  } else {
    publish->kind->write(publish->writer);
  }
}

static void publish_on_stale_timer(void *arg) {
  struct bc_etcd_publish *publish = arg;
  struct bc_etcd_own *entry;
  RB_FOREACH(entry, bc_etcd_own_tree, &publish->keys) {
    if (entry->stale && entry->want == NULL) {
      publish_mark(publish, entry);
    }
  }
}

static void publish_await_stale(struct bc_etcd_publish *publish) {
  if (publish->enabled && !bc_timer_is_armed(publish->stale_timer)) {
    bc_timer_start(publish->stale_timer, publish->tuning->stale_ms);
  }
}

struct bc_etcd_publish *bc_etcd_publish_new(struct bc_loop *loop, struct bc_etcd_link *link,
                                            const struct bc_etcd_writer *writer, const struct bc_etcd_tuning *tuning,
                                            struct bc_etcd_random *random, const struct bc_etcd_names *names,
                                            const struct bc_etcd_publish_handler *handler) {
  struct bc_etcd_publish *publish = bc_mem_new(1, sizeof *publish);
  publish->kind = writer;
  publish->loop = loop;
  publish->link = link;
  publish->tuning = tuning;
  publish->random = random;
  publish->names = names;
  publish->handler = handler;
  publish->values = bc_intern_new();
  RB_INIT(&publish->keys);
  TAILQ_INIT(&publish->dirty);
  TAILQ_INIT(&publish->in_flight);
  publish->write_timer = bc_timer_new(loop, publish_on_write_timer, publish);
  publish->stale_timer = bc_timer_new(loop, publish_on_stale_timer, publish);
  publish->leave_timer = bc_timer_new(loop, publish_end_leave, publish);
  publish->writer = writer->new_writer(publish);
  return publish;
}

static void publish_stop(struct bc_etcd_publish *publish) {
  publish->kind->turn(publish->writer, false);
  publish->kind->cancel(publish->writer);
  publish->is_writing = false;
  bc_timer_stop(publish->write_timer);
  bc_timer_stop(publish->stale_timer);
}

void bc_etcd_publish_free(struct bc_etcd_publish *publish) {
  if (publish == NULL) {
    return;
  }
  publish_stop(publish);
  publish->kind->free_writer(publish->writer);
  while (!RB_EMPTY(&publish->keys)) {
    publish_drop(publish, RB_ROOT(&publish->keys));
  }
  bc_intern_free(publish->values);
  bc_timer_free(publish->write_timer);
  bc_timer_free(publish->stale_timer);
  bc_timer_free(publish->leave_timer);
  free(publish->problem);
  free(publish);
}

void bc_etcd_publish_set(struct bc_etcd_publish *publish, const char *key, const char *value) {
  struct bc_etcd_own *entry = publish_find(publish, bc_str_of(key));
  bool is_same = entry != NULL && value != NULL && entry->want != NULL && strcmp(value, entry->want) == 0;
  if (is_same || (entry == NULL && value == NULL && publish->listed)) {
    return;
  }
  entry = entry == NULL ? publish_make(publish, bc_str_of(key)) : entry;
  bc_intern_put(publish->values, entry->want);
  entry->want = value == NULL ? NULL : bc_intern_get(publish->values, bc_str_of(value));
  entry->stale = false;
  entry->not_before = (struct bc_mono){0};
  publish_mark(publish, entry);
}

void bc_etcd_publish_enable(struct bc_etcd_publish *publish, bool on) {
  if (publish->enabled == on) {
    return;
  }
  publish->enabled = on;
  if (!on) {
    publish_stop(publish);
    bc_etcd_publish_put_back(publish);
    return;
  }
  bc_timer_start(publish->stale_timer, publish->tuning->stale_ms);
  bc_timer_start(publish->write_timer, 0);
  publish->kind->turn(publish->writer, true);
}

void bc_etcd_publish_ready(struct bc_etcd_publish *publish, bool ready) {
  if (publish->ready == ready) {
    return;
  }
  publish->ready = ready;
  if (ready) {
    bc_timer_start(publish->write_timer, 0);
  } else {
    publish->kind->cancel(publish->writer);
    publish->is_writing = false;
    bc_etcd_publish_put_back(publish);
  }
}

void bc_etcd_publish_list_begin(struct bc_etcd_publish *publish, const struct bc_etcd_header *header) {
  struct bc_etcd_own *entry;
  bool moved = publish->cluster_id != 0 && publish->cluster_id != header->cluster_id;
  bool other_history = moved || header->revision < publish->revision;
  publish->cluster_id = header->cluster_id;
  publish->revision = header->revision;
  RB_FOREACH(entry, bc_etcd_own_tree, &publish->keys) {
    entry->listed = false;
    entry->revision = other_history ? 0 : entry->revision;
  }
  if (moved) {
    publish->kind->move(publish->writer);
  }
}

static void publish_lose(struct bc_etcd_publish *publish) {
  if (publish->kind->lose != NULL) {
    publish->kind->lose(publish->writer);
  }
}

/* The store holds an own key otherwise than we want: put it right, but not in a race with somebody. */
static void publish_repair(struct bc_etcd_publish *publish, struct bc_etcd_own *entry) {
  if (entry->place == BC_ETCD_PLACE_CLEAN) {
    bool was_written = bc_mono_is_set(entry->written);
    entry->not_before = was_written ? bc_mono_add_ms(entry->written, publish->tuning->reput_ms) : entry->written;
    publish_mark(publish, entry);
  }
}

void bc_etcd_publish_list_key(struct bc_etcd_publish *publish, struct bc_str key, const struct bc_etcd_kv *kv) {
  struct bc_etcd_own *entry = publish_find(publish, key);
  if (entry == NULL) {
    entry = publish_make(publish, key);
    entry->stale = true;
  }
  entry->listed = true;
  if (entry->want != NULL && kv->mod_revision >= entry->revision &&
      !publish->kind->is_right(publish->writer, entry, kv)) {
    publish_repair(publish, entry);
  }
  if (entry->place != BC_ETCD_PLACE_IN_FLIGHT) {
    entry->revision = kv->mod_revision;
  }
}

void bc_etcd_publish_list_end(struct bc_etcd_publish *publish, uint64_t revision) {
  publish->listed = true;
  struct bc_etcd_own *entry;
  struct bc_etcd_own *following;
  for (entry = RB_MIN(bc_etcd_own_tree, &publish->keys); entry != NULL; entry = following) {
    following = RB_NEXT(bc_etcd_own_tree, &publish->keys, entry);
    if (entry->listed) {
      continue;
    }
    if (entry->want == NULL && entry->stale && entry->place != BC_ETCD_PLACE_IN_FLIGHT) {
      publish_drop(publish, entry);
    } else if (entry->want != NULL && entry->revision <= revision) {
      publish_lose(publish);
      publish_repair(publish, entry);
    }
  }
  publish_await_stale(publish);
}

void bc_etcd_publish_event(struct bc_etcd_publish *publish, struct bc_str key, const struct bc_etcd_kv *kv) {
  struct bc_etcd_own *entry = publish_find(publish, key);
  if (entry == NULL) {
    if (!kv->deleted) {
      entry = publish_make(publish, key);
      entry->stale = true;
      entry->revision = kv->mod_revision;
      publish_await_stale(publish);
    }
    return;
  }
  if (kv->mod_revision <= entry->revision) {
    return;
  }
  if (entry->place == BC_ETCD_PLACE_IN_FLIGHT) {
    entry->event_revision = kv->mod_revision;
    return;
  }
  entry->revision = kv->mod_revision;
  if (kv->deleted) {
    publish_lose(publish);
  }
  if (entry->want != NULL && (kv->deleted || !publish->kind->is_right(publish->writer, entry, kv))) {
    publish_repair(publish, entry);
  } else if (entry->want == NULL && kv->deleted) {
    publish_drop(publish, entry);
  }
}

void bc_etcd_publish_end_leave(struct bc_etcd_publish *publish) {
  bc_timer_stop(publish->leave_timer);
  bc_loop_fn *done = publish->leave_done;
  publish->leave_done = NULL;
  if (done != NULL) {
    done(publish->leave_arg);
  }
}

static void publish_end_leave(void *arg) {
  bc_etcd_publish_end_leave(arg);
}

void bc_etcd_publish_leave(struct bc_etcd_publish *publish, int64_t timeout_ms, bc_loop_fn *done, void *arg) {
  publish_stop(publish);
  publish->leave_done = done;
  publish->leave_arg = arg;
  bool is_busy = publish->kind->leave(publish->writer);
  publish->enabled = false;
  bc_timer_start(publish->leave_timer, is_busy ? timeout_ms : 0);
}
