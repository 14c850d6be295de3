#include "io/etcd_publish.h"

#include "base/intern.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/tree.h"
#include "proto/etcd_request.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* A transaction stays well below the server's 1.5 MB. */
enum { PUBLISH_TXN_BYTES = 524288, PUBLISH_BODY_BYTES = 4 * 1048576, PUBLISH_RETRY_MS = 1000 };

enum publish_place { PLACE_CLEAN, PLACE_DIRTY, PLACE_IN_FLIGHT };

struct publish_key {
  RB_ENTRY(publish_key) link;
  TAILQ_ENTRY(publish_key) queue; /* dirty or in_flight */
  struct bc_str key;              /* behind this struct */
  const char *want;  /* interned: most are one of two words. NULL: must not exist, or (stale) nobody has said yet */
  uint64_t revision; /* of the newest that is known of it in the store */
  uint64_t event_revision; /* of somebody's change while our write was in flight */
  struct bc_mono written;
  struct bc_mono not_before;
  enum publish_place place;
  bool changed; /* wanted otherwise while in flight */
  bool stale;   /* there, and not wanted by anybody since the start */
  bool listed;
};
RB_HEAD(publish_tree, publish_key);
TAILQ_HEAD(publish_queue, publish_key);

struct bc_etcd_publish {
  struct bc_loop *loop;
  struct bc_etcd_link *link;
  const struct bc_etcd_tuning *tuning;
  struct bc_etcd_random *random;
  const struct bc_etcd_publish_handler *handler;
  char *prefix;
  struct publish_tree keys;
  struct bc_intern *values;
  struct publish_queue dirty;
  struct publish_queue in_flight;
  bool enabled;
  bool ready;
  bool listed;
  uint64_t cluster_id;
  uint64_t revision; /* highest known */
  uint64_t lease;    /* 0: none */
  int64_t lease_ttl_ms;
  struct bc_etcd_call *write; /* a transaction or a grant */
  struct bc_etcd_call *keepalive;
  struct bc_timer *write_timer;
  struct bc_timer *keepalive_timer;
  struct bc_timer *stale_timer;
  struct bc_mono not_before; /* no write before this */
  uint64_t txn_ops;
  unsigned failures;
  char *problem;
  bc_loop_fn *leave_done;
  void *leave_arg;
  struct bc_etcd_call *revoke; /* of the lease, when leaving */
  struct bc_timer *leave_timer;
};

static void publish_pump(void *arg);
static void publish_on_keepalive_timer(void *arg);
static void publish_on_stale_timer(void *arg);
static void publish_end_leave(void *arg);

static int publish_compare(const struct publish_key *a, const struct publish_key *b) {
  return bc_str_compare(a->key, b->key);
}
BC_TREE(publish_tree, publish_key, link, publish_compare)

static struct publish_key *publish_find(struct bc_etcd_publish *publish, struct bc_str key) {
  struct publish_key wanted = {.key = key};
  return RB_FIND(publish_tree, &publish->keys, &wanted);
}

static struct publish_key *publish_get(struct bc_etcd_publish *publish, struct bc_str key) {
  struct publish_key *entry = publish_find(publish, key);
  if (entry == NULL) {
    entry = bc_mem_new(1, sizeof *entry + key.len);
    char *text = (char *)(entry + 1);
    memcpy(text, key.at, key.len);
    entry->key = (struct bc_str){.at = text, .len = key.len};
    (void)RB_INSERT(publish_tree, &publish->keys, entry);
  }
  return entry;
}

static void publish_move(struct bc_etcd_publish *publish, struct publish_key *entry, enum publish_place place) {
  if (entry->place == PLACE_DIRTY) {
    TAILQ_REMOVE(&publish->dirty, entry, queue);
  } else if (entry->place == PLACE_IN_FLIGHT) {
    TAILQ_REMOVE(&publish->in_flight, entry, queue);
  }
  entry->place = place;
  if (place == PLACE_DIRTY) {
    TAILQ_INSERT_TAIL(&publish->dirty, entry, queue);
  } else if (place == PLACE_IN_FLIGHT) {
    TAILQ_INSERT_TAIL(&publish->in_flight, entry, queue);
  }
}

static void publish_drop(struct bc_etcd_publish *publish, struct publish_key *entry) {
  publish_move(publish, entry, PLACE_CLEAN);
  RB_REMOVE(publish_tree, &publish->keys, entry);
  bc_intern_put(publish->values, entry->want);
  free(entry);
}

static void publish_mark(struct bc_etcd_publish *publish, struct publish_key *entry) {
  if (entry->place == PLACE_IN_FLIGHT) {
    entry->changed = true;
  } else if (entry->place == PLACE_CLEAN) {
    publish_move(publish, entry, PLACE_DIRTY);
  }
  if (publish->enabled && publish->ready && publish->write == NULL && !bc_timer_is_armed(publish->write_timer)) {
    bc_timer_start(publish->write_timer, 0);
  }
}

static void publish_wake_at(struct bc_etcd_publish *publish, struct bc_mono when) {
  bc_timer_start_at(publish->write_timer, when);
}

static void publish_tell(struct bc_etcd_publish *publish, const char *problem) {
  bool same =
      problem == NULL ? publish->problem == NULL : publish->problem != NULL && strcmp(problem, publish->problem) == 0;
  if (!same) {
    free(publish->problem);
    publish->problem = bc_mem_copy_string(problem);
    publish->handler->problem(publish->handler->arg, problem);
  }
}

static void publish_lose_lease(struct bc_etcd_publish *publish) {
  publish->lease = 0;
  bc_timer_stop(publish->keepalive_timer);
  bc_etcd_link_cancel(publish->keepalive);
  publish->keepalive = NULL;
  struct publish_key *entry;
  RB_FOREACH(entry, publish_tree, &publish->keys) {
    if (entry->want != NULL) {
      entry->not_before = (struct bc_mono){0};
      publish_mark(publish, entry);
    }
  }
  /* When a thousand leases ended together, their nodes must not all write at once. */
  publish->not_before =
      bc_mono_add_ms(bc_loop_now(publish->loop), bc_etcd_random(publish->random, publish->tuning->lease_spread_ms));
  publish_wake_at(publish, publish->not_before);
}

/* A write did not happen, or nobody knows: all of it again, later. */
static void publish_requeue(struct bc_etcd_publish *publish) {
  struct publish_key *entry;
  while ((entry = TAILQ_FIRST(&publish->in_flight)) != NULL) {
    entry->changed = false;
    publish_move(publish, entry, PLACE_DIRTY);
  }
}

static void publish_pause(struct bc_etcd_publish *publish, int64_t ms) {
  publish->not_before = bc_mono_add_ms(bc_loop_now(publish->loop), ms);
  publish_wake_at(publish, publish->not_before);
}

static void publish_take_too_large(struct bc_etcd_publish *publish, const struct bc_fault *text,
                                   struct publish_key *only) {
  publish_pause(publish, publish->tuning->txn_gap_ms);
  if (only == NULL) {
    publish->txn_ops = publish->txn_ops > 1 ? publish->txn_ops / 2 : 1;
  } else {
    /* Alone too large: left out until it changes. */
    publish_move(publish, only, PLACE_CLEAN);
    publish_tell(publish, text->text);
  }
}

/* `only`: the write was of this key alone. A handler may close the store: nothing is touched after
 * publish_tell. */
static void publish_take_error(struct bc_etcd_publish *publish, const struct bc_etcd_reply *reply,
                               struct publish_key *only) {
  struct bc_fault text = {.column = 0};
  bc_etcd_reply_explain(reply, &text);
  switch (reply->error.trouble) {
  case BC_ETCD_TROUBLE_LEASE_GONE:
    publish_lose_lease(publish);
    return;
  case BC_ETCD_TROUBLE_TOO_LARGE:
    publish_take_too_large(publish, &text, only);
    return;
  case BC_ETCD_TROUBLE_NO_SPACE:
  case BC_ETCD_TROUBLE_DENIED:
    publish_pause(publish, publish->tuning->pause_ms);
    publish_tell(publish, text.text);
    return;
  default:
    break;
  }
  unsigned shift = publish->failures < 5 ? publish->failures : 5;
  publish->failures++;
  publish_pause(publish, PUBLISH_RETRY_MS / 2 + bc_etcd_random(publish->random, (int64_t)PUBLISH_RETRY_MS << shift));
  if (publish->failures >= 2) {
    publish_tell(publish, text.text);
  }
}

static void publish_confirm(struct bc_etcd_publish *publish, uint64_t revision) {
  publish->revision = revision > publish->revision ? revision : publish->revision;
  struct bc_mono now = bc_loop_now(publish->loop);
  struct publish_key *entry;
  while ((entry = TAILQ_FIRST(&publish->in_flight)) != NULL) {
    publish_move(publish, entry, PLACE_CLEAN);
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
      publish_move(publish, entry, PLACE_DIRTY);
    } else if (entry->want == NULL) {
      publish_drop(publish, entry);
    }
  }
}

static void publish_on_txn(void *arg, const struct bc_etcd_reply *reply) {
  struct bc_etcd_publish *publish = arg;
  struct bc_etcd_header header = {.revision = 0};
  struct bc_etcd_reply bad = *reply;
  publish->write = NULL;
  if (bad.err == BC_ERR_OK) {
    bad.err = bc_etcd_answer_write(reply->body, &header, &bad.error.fault);
  }
  if (bad.err != BC_ERR_OK) {
    struct publish_key *only = TAILQ_FIRST(&publish->in_flight);
    only = only != NULL && TAILQ_NEXT(only, queue) == NULL ? only : NULL;
    publish_requeue(publish);
    publish_take_error(publish, &bad, only);
    return;
  }
  publish->failures = 0;
  publish->txn_ops += publish->txn_ops < publish->tuning->txn_ops ? 1 : 0;
  publish_confirm(publish, header.revision);
  publish_pause(publish, publish->tuning->txn_gap_ms);
  publish_tell(publish, NULL);
}

static void publish_on_grant(void *arg, const struct bc_etcd_reply *reply) {
  struct bc_etcd_publish *publish = arg;
  struct bc_etcd_lease_answer answer;
  struct bc_etcd_reply bad = *reply;
  publish->write = NULL;
  if (bad.err == BC_ERR_OK) {
    bad.err = bc_etcd_answer_lease(reply->body, &answer, &bad.error.fault);
  }
  if (bad.err != BC_ERR_OK) {
    publish_take_error(publish, &bad, NULL);
    return;
  }
  publish->lease = answer.lease;
  publish->lease_ttl_ms = (int64_t)(answer.ttl_s == 0 || answer.ttl_s > 86400 ? 60 : answer.ttl_s) * 1000;
  bc_timer_start(publish->keepalive_timer, publish->lease_ttl_ms / 3);
  publish_pump(publish);
}

static void publish_grant(struct bc_etcd_publish *publish) {
  struct bc_buf body;
  bc_buf_init(&body, 256);
  bc_etcd_request_lease_grant(&body, (unsigned)publish->tuning->lease_ttl_s);
  publish->write = bc_etcd_link_call(publish->link, "/lease/grant", bc_buf_str(&body), publish_on_grant, publish);
  bc_buf_free(&body);
}

static void publish_add_op(const struct bc_etcd_publish *publish, const struct publish_key *entry,
                           struct bc_buf *body) {
  struct bc_buf key;
  bc_buf_init(&key, (size_t)4 * BC_LIMIT_KEY_BYTES);
  bc_buf_add_text(&key, publish->prefix);
  bc_buf_add_str(&key, entry->key);
  if (entry->want == NULL) {
    bc_etcd_request_txn_delete(body, bc_buf_str(&key));
  } else {
    bc_etcd_request_txn_put(body, bc_buf_str(&key), bc_str_of(entry->want), publish->lease);
  }
  bc_buf_free(&key);
}

/* Writes what is dirty and due. When nothing is due, wakes up for the first that will be. */
static void publish_write(struct bc_etcd_publish *publish) {
  struct bc_mono now = bc_loop_now(publish->loop);
  struct bc_mono next = {0};
  struct bc_buf body;
  bc_buf_init(&body, PUBLISH_BODY_BYTES);
  bc_etcd_request_txn_begin(&body);
  uint64_t ops = 0;
  struct publish_key *entry = TAILQ_FIRST(&publish->dirty);
  while (entry != NULL && ops < publish->txn_ops && body.len < PUBLISH_TXN_BYTES) {
    struct publish_key *following = TAILQ_NEXT(entry, queue);
    if (bc_mono_is_set(entry->not_before) && !bc_mono_reached(entry->not_before, now)) {
      next = bc_mono_earlier(next, entry->not_before);
    } else {
      publish_add_op(publish, entry, &body);
      publish_move(publish, entry, PLACE_IN_FLIGHT);
      ops++;
    }
    entry = following;
  }
  bc_etcd_request_txn_end(&body);
  if (ops > 0) {
    publish->write = bc_etcd_link_call(publish->link, "/kv/txn", bc_buf_str(&body), publish_on_txn, publish);
  } else {
    publish_wake_at(publish, next);
  }
  bc_buf_free(&body);
}

static void publish_pump(void *arg) {
  struct bc_etcd_publish *publish = arg;
  if (!publish->enabled || !publish->ready || publish->write != NULL || TAILQ_EMPTY(&publish->dirty)) {
    return;
  }
  if (!bc_mono_reached(publish->not_before, bc_loop_now(publish->loop))) {
    publish_wake_at(publish, publish->not_before);
  } else if (publish->lease == 0) {
    publish_grant(publish);
  } else {
    publish_write(publish);
  }
}

static void publish_on_keepalive(void *arg, const struct bc_etcd_reply *reply) {
  struct bc_etcd_publish *publish = arg;
  struct bc_etcd_lease_answer answer;
  publish->keepalive = NULL;
  bool answered = reply->err == BC_ERR_OK && bc_etcd_answer_lease(reply->body, &answer, NULL) == BC_ERR_OK;
  if (answered && answer.ttl_s == 0) {
    publish_lose_lease(publish);
  } else {
    bc_timer_start(publish->keepalive_timer, publish->lease_ttl_ms / (answered ? 3 : 12));
  }
}

static void publish_on_keepalive_timer(void *arg) {
  struct bc_etcd_publish *publish = arg;
  if (publish->lease == 0 || !publish->enabled || publish->keepalive != NULL) {
    return;
  }
  struct bc_buf body;
  bc_buf_init(&body, 256);
  bc_etcd_request_lease(&body, publish->lease);
  publish->keepalive =
      bc_etcd_link_call(publish->link, "/lease/keepalive", bc_buf_str(&body), publish_on_keepalive, publish);
  bc_buf_free(&body);
}

static void publish_on_stale_timer(void *arg) {
  struct bc_etcd_publish *publish = arg;
  struct publish_key *entry;
  RB_FOREACH(entry, publish_tree, &publish->keys) {
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
                                            const struct bc_etcd_tuning *tuning, struct bc_etcd_random *random,
                                            const char *prefix, const struct bc_etcd_publish_handler *handler) {
  struct bc_etcd_publish *publish = bc_mem_new(1, sizeof *publish);
  publish->loop = loop;
  publish->link = link;
  publish->tuning = tuning;
  publish->random = random;
  publish->handler = handler;
  publish->txn_ops = tuning->txn_ops;
  publish->prefix = bc_mem_copy_string(prefix);
  publish->values = bc_intern_new();
  TAILQ_INIT(&publish->dirty);
  TAILQ_INIT(&publish->in_flight);
  publish->write_timer = bc_timer_new(loop, publish_pump, publish);
  publish->keepalive_timer = bc_timer_new(loop, publish_on_keepalive_timer, publish);
  publish->stale_timer = bc_timer_new(loop, publish_on_stale_timer, publish);
  publish->leave_timer = bc_timer_new(loop, publish_end_leave, publish);
  return publish;
}

static void publish_stop(struct bc_etcd_publish *publish) {
  bc_etcd_link_cancel(publish->write);
  bc_etcd_link_cancel(publish->keepalive);
  publish->write = NULL;
  publish->keepalive = NULL;
  bc_timer_stop(publish->write_timer);
  bc_timer_stop(publish->keepalive_timer);
  bc_timer_stop(publish->stale_timer);
}

void bc_etcd_publish_free(struct bc_etcd_publish *publish) {
  if (publish == NULL) {
    return;
  }
  publish_stop(publish);
  bc_etcd_link_cancel(publish->revoke);
  while (!RB_EMPTY(&publish->keys)) {
    publish_drop(publish, RB_ROOT(&publish->keys));
  }
  bc_intern_free(publish->values);
  bc_timer_free(publish->write_timer);
  bc_timer_free(publish->keepalive_timer);
  bc_timer_free(publish->stale_timer);
  bc_timer_free(publish->leave_timer);
  free(publish->prefix);
  free(publish->problem);
  free(publish);
}

void bc_etcd_publish_set(struct bc_etcd_publish *publish, const char *key, const char *value) {
  struct publish_key *entry = publish_find(publish, bc_str_of(key));
  bool is_same = entry != NULL && value != NULL && entry->want != NULL && strcmp(value, entry->want) == 0;
  if (is_same || (entry == NULL && value == NULL && publish->listed)) {
    return;
  }
  entry = entry == NULL ? publish_get(publish, bc_str_of(key)) : entry;
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
    publish_requeue(publish);
    return;
  }
  bc_timer_start(publish->stale_timer, publish->tuning->stale_ms);
  bc_timer_start(publish->write_timer, 0);
  if (publish->lease != 0) {
    bc_timer_start(publish->keepalive_timer, 0);
  }
}

void bc_etcd_publish_ready(struct bc_etcd_publish *publish, bool ready) {
  if (publish->ready == ready) {
    return;
  }
  publish->ready = ready;
  if (ready) {
    bc_timer_start(publish->write_timer, 0);
  } else {
    bc_etcd_link_cancel(publish->write);
    publish->write = NULL;
    publish_requeue(publish);
  }
}

void bc_etcd_publish_list_begin(struct bc_etcd_publish *publish, const struct bc_etcd_header *header) {
  struct publish_key *entry;
  bool moved = publish->cluster_id != 0 && publish->cluster_id != header->cluster_id;
  bool other_history = moved || header->revision < publish->revision;
  publish->cluster_id = header->cluster_id;
  publish->revision = header->revision;
  RB_FOREACH(entry, publish_tree, &publish->keys) {
    entry->listed = false;
    entry->revision = other_history ? 0 : entry->revision;
  }
  if (moved) {
    publish_lose_lease(publish);
  }
}

/* The store holds an own key otherwise than we want: put it right, but not in a race with somebody. */
static void publish_repair(struct bc_etcd_publish *publish, struct publish_key *entry) {
  if (entry->place == PLACE_CLEAN) {
    bool was_written = bc_mono_is_set(entry->written);
    entry->not_before = was_written ? bc_mono_add_ms(entry->written, publish->tuning->reput_ms) : entry->written;
    publish_mark(publish, entry);
  }
}

static bool publish_is_right(const struct bc_etcd_publish *publish, const struct publish_key *entry,
                             const struct bc_etcd_kv *kv) {
  return kv->lease == publish->lease && bc_str_equal(kv->value, bc_str_of(entry->want));
}

void bc_etcd_publish_list_key(struct bc_etcd_publish *publish, struct bc_str key, const struct bc_etcd_kv *kv) {
  struct publish_key *entry = publish_find(publish, key);
  if (entry == NULL) {
    entry = publish_get(publish, key);
    entry->stale = true;
  }
  entry->listed = true;
  if (entry->want != NULL && kv->mod_revision >= entry->revision && !publish_is_right(publish, entry, kv)) {
    publish_repair(publish, entry);
  }
  if (entry->place != PLACE_IN_FLIGHT) {
    entry->revision = kv->mod_revision;
  }
}

void bc_etcd_publish_list_end(struct bc_etcd_publish *publish, uint64_t revision) {
  publish->listed = true;
  struct publish_key *entry;
  struct publish_key *following;
  for (entry = RB_MIN(publish_tree, &publish->keys); entry != NULL; entry = following) {
    following = RB_NEXT(publish_tree, &publish->keys, entry);
    if (entry->listed) {
      continue;
    }
    if (entry->want == NULL && entry->stale && entry->place != PLACE_IN_FLIGHT) {
      publish_drop(publish, entry);
    } else if (entry->want != NULL && (entry->revision <= revision || entry->place != PLACE_CLEAN)) {
      publish_repair(publish, entry);
    }
  }
  publish_await_stale(publish);
}

void bc_etcd_publish_event(struct bc_etcd_publish *publish, struct bc_str key, const struct bc_etcd_kv *kv) {
  struct publish_key *entry = publish_find(publish, key);
  if (entry == NULL) {
    if (!kv->deleted) {
      entry = publish_get(publish, key);
      entry->stale = true;
      entry->revision = kv->mod_revision;
      publish_await_stale(publish);
    }
    return;
  }
  if (kv->mod_revision <= entry->revision) {
    return;
  }
  if (entry->place == PLACE_IN_FLIGHT) {
    entry->event_revision = kv->mod_revision;
    return;
  }
  entry->revision = kv->mod_revision;
  if (entry->want != NULL && (kv->deleted || !publish_is_right(publish, entry, kv))) {
    publish_repair(publish, entry);
  } else if (entry->want == NULL && kv->deleted) {
    publish_drop(publish, entry);
  }
}

static void publish_end_leave(void *arg) {
  struct bc_etcd_publish *publish = arg;
  bc_etcd_link_cancel(publish->revoke);
  publish->revoke = NULL;
  bc_timer_stop(publish->leave_timer);
  bc_loop_fn *done = publish->leave_done;
  publish->leave_done = NULL;
  if (done != NULL) {
    done(publish->leave_arg);
  }
}

static void publish_on_revoke(void *arg, const struct bc_etcd_reply *reply) {
  struct bc_etcd_publish *publish = arg;
  (void)reply; /* revoked or not, we leave */
  publish->revoke = NULL;
  publish_end_leave(publish);
}

void bc_etcd_publish_leave(struct bc_etcd_publish *publish, int64_t timeout_ms, bc_loop_fn *done, void *arg) {
  publish_stop(publish);
  publish->enabled = false;
  publish->leave_done = done;
  publish->leave_arg = arg;
  if (publish->lease == 0) {
    bc_timer_start(publish->leave_timer, 0);
    return;
  }
  bc_timer_start(publish->leave_timer, timeout_ms);
  struct bc_buf body;
  bc_buf_init(&body, 256);
  bc_etcd_request_lease(&body, publish->lease);
  publish->revoke = bc_etcd_link_call(publish->link, "/lease/revoke", bc_buf_str(&body), publish_on_revoke, publish);
  bc_buf_free(&body);
}
