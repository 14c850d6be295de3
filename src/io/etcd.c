#include "io/etcd.h"

#include "base/mem.h"
#include "io/etcd2_keys.h"
#include "io/etcd_api.h"
#include "io/etcd_publish.h"
#include "io/store_kind.h"

#include <stdlib.h>
#include <string.h>

/* A watch tells inside of its stream that the token is too old: so often a new one is enough. */
enum { AUTH_TRIES = 3, RETELL_MS = 60000, QUIET_LEAST_MS = 500 };

struct etcd {
  struct bc_store base;
  struct bc_loop *loop;
  struct bc_etcd_tuning tuning;
  struct bc_store_handler handler;
  struct bc_etcd_random random;
  const struct bc_etcd_api *api;
  struct bc_etcd_names names;
  struct bc_etcd2_keys *keys; /* NULL: every deleted key is told by its name */
  struct bc_etcd2_keys *list_keys;
  struct bc_etcd_link *link;
  struct bc_etcd_list_handler list_handler;
  void *list;
  struct bc_etcd_watch_handler watch_handler;
  struct bc_etcd_watch *watches[BC_ETCD_RANGES_MOST];
  struct bc_etcd_publish_handler publish_handler;
  struct bc_etcd_publish *publish;
  struct bc_store_point point; /* the highest known */
  bool need_list;
  bool listed; /* once at least */
  bool connected;
  bool was_connected; /* told as such, since then neither as refused nor as unreachable */
  bool leaving;
  bool closed;
  struct bc_etcd_backoff backoff;
  struct bc_mono checked; /* when a check said that nothing is missing */
  struct bc_timer *retry;
  struct bc_timer *quiet;
  int64_t quiet_ms; /* tuning.quiet_ms, or less while the server forgets quickly */
  struct bc_timer *relist;
  struct bc_timer *end; /* frees a closed store, away from its callbacks */
  struct bc_etcd_call *check;
  bool check_is_verdict; /* the check decides between a lagging member and another history */
  enum bc_store_state state;
  char *state_text;
  struct bc_mono told;
};

static void etcd_start_check(struct etcd *etcd, bool verdict);
static void etcd_reach_connected(struct etcd *etcd);

static void etcd_tell_state(struct etcd *etcd, enum bc_store_state state, const char *text) {
  struct bc_mono now = bc_mono_now();
  if (etcd->state_text != NULL && etcd->state == state) {
    /* Why it cannot be reached may differ from try to try: said anew only now and then. */
    bool soon = state != BC_STORE_STATE_CONNECTED && bc_mono_ms_between(etcd->told, now) < RETELL_MS;
    if (soon || strcmp(text, etcd->state_text) == 0) {
      return;
    }
  }
  etcd->told = now;
  etcd->state = state;
  free(etcd->state_text);
  etcd->state_text = bc_mem_copy_string(text);
  etcd->handler.state(etcd->handler.arg, state, etcd->state_text);
}

static void etcd_stop_watches(struct etcd *etcd) {
  for (size_t i = 0; i < etcd->names.range_count; i++) {
    bc_etcd_watch_stop(etcd->watches[i]);
  }
}

/* Ends all that reads; false when the store was closed by the handler of list_abort. */
static bool etcd_stop_reading(struct etcd *etcd) {
  bc_timer_stop(etcd->retry);
  bc_timer_stop(etcd->quiet);
  bc_etcd_link_cancel(etcd->check);
  etcd->check = NULL;
  etcd_stop_watches(etcd);
  if (etcd->api->list_stop(etcd->list)) {
    etcd->need_list = true;
    etcd->handler.list_abort(etcd->handler.arg);
  }
  return !etcd->closed;
}

static void etcd_start_watch(struct etcd *etcd, struct bc_etcd_watch *watch) {
  watch->cluster_id = etcd->point.cluster_id;
  bc_etcd_watch_start(watch);
}

static void etcd_on_retry(void *arg) {
  struct etcd *etcd = arg;
  if (etcd->need_list) {
    etcd->api->list_start(etcd->list);
    return;
  }
  for (size_t i = 0; i < etcd->names.range_count; i++) {
    etcd_start_watch(etcd, etcd->watches[i]);
  }
}

static int64_t etcd_next_delay(struct etcd *etcd) {
  int64_t delay = bc_etcd_backoff_next(&etcd->backoff, &etcd->tuning, &etcd->random, bc_mono_now());
  if (etcd->need_list && etcd->listed) {
    delay += bc_etcd_random(&etcd->random, etcd->tuning.list_spread_ms);
  }
  return delay;
}

/* Again from the list, or from where the watches stand. */
static void etcd_again(struct etcd *etcd) {
  if (!etcd_stop_reading(etcd)) {
    return;
  }
  etcd->connected = false;
  bc_etcd_publish_ready(etcd->publish, false);
  bc_timer_start(etcd->retry, etcd_next_delay(etcd));
}

static void etcd_fail(struct etcd *etcd, const struct bc_etcd_reply *reply) {
  struct bc_fault words = {.column = 0};
  struct bc_fault text = {.column = 0};
  bc_etcd_reply_explain(reply, &words);
  bc_fault_set(&text, 0, "%s: %s", bc_etcd_link_endpoint(etcd->link), words.text);
  bc_etcd_link_next(etcd->link);
  etcd_again(etcd);
  if (etcd->closed) {
    return;
  }
  size_t tries = bc_etcd_link_count(etcd->link) + (etcd->was_connected ? 1 : 0);
  if (bc_etcd_reply_is_refusal(reply)) {
    etcd->was_connected = false;
    etcd_tell_state(etcd, BC_STORE_STATE_REFUSED, text.text);
  } else if (etcd->backoff.failures >= tries) {
    etcd->was_connected = false;
    etcd_tell_state(etcd, BC_STORE_STATE_UNREACHABLE, text.text);
  }
}

static void etcd_on_list_begin(void *arg, const struct bc_etcd_header *header) {
  struct etcd *etcd = arg;
  if (etcd->point.cluster_id != 0 &&
      (etcd->point.cluster_id != header->cluster_id || header->revision < etcd->point.revision)) {
    bc_etcd_link_drop_token(etcd->link);
  }
  etcd->point =
      (struct bc_store_point){.type = etcd->api->type, .cluster_id = header->cluster_id, .revision = header->revision};
  bc_etcd_publish_list_begin(etcd->publish, header);
  if (etcd->api->tells_directories) {
    bc_etcd2_keys_free(etcd->list_keys);
    etcd->list_keys = bc_etcd2_keys_new();
  }
  etcd->handler.list_begin(etcd->handler.arg, etcd->point);
}

static void etcd_on_list_entry(void *arg, const struct bc_etcd_kv *kv) {
  struct etcd *etcd = arg;
  struct bc_str key = bc_etcd_names_relative(&etcd->names, kv->key);
  if (etcd->list_keys != NULL) {
    bc_etcd2_keys_put(etcd->list_keys, kv->key, kv->mod_revision);
  }
  if (bc_etcd_names_is_own(&etcd->names, key)) {
    bc_etcd_publish_list_key(etcd->publish, key, kv);
  } else if (bc_etcd_names_is_told(key)) {
    etcd->handler.list_entry(etcd->handler.arg, key, kv->value, kv->mod_revision);
  }
}

static uint64_t etcd_list_revision(const struct etcd *etcd, const struct bc_etcd_header *header, size_t range) {
  return etcd->api->list_revision == NULL ? header->revision : etcd->api->list_revision(etcd->list, range);
}

static void etcd_on_list_end(void *arg, const struct bc_etcd_header *header) {
  struct etcd *etcd = arg;
  bc_etcd2_keys_free(etcd->keys);
  etcd->keys = etcd->list_keys;
  etcd->list_keys = NULL;
  etcd->need_list = false;
  etcd->listed = true;
  etcd->checked = bc_mono_now();
  bc_etcd_publish_list_end(etcd->publish, header->revision);
  for (size_t i = 0; i < etcd->names.range_count; i++) {
    etcd->watches[i]->next = etcd_list_revision(etcd, header, i) + 1;
    etcd_start_watch(etcd, etcd->watches[i]);
  }
  int64_t spread = etcd->tuning.relist_ms / 10;
  bc_timer_start(etcd->relist, etcd->tuning.relist_ms - spread + bc_etcd_random(&etcd->random, 2 * spread));
  etcd->handler.list_end(etcd->handler.arg, etcd->point);
}

static void etcd_on_list_fail(void *arg, const struct bc_etcd_reply *reply, bool begun) {
  struct etcd *etcd = arg;
  if (begun) {
    etcd->handler.list_abort(etcd->handler.arg);
  }
  if (etcd->closed) {
    return;
  }
  if (reply->error.trouble == BC_ETCD_TROUBLE_COMPACTED) {
    etcd_again(etcd);
  } else {
    etcd_fail(etcd, reply);
  }
}

static void etcd_arm_quiet(struct etcd *etcd) {
  bc_timer_start(etcd->quiet, etcd->quiet_ms);
}

/* Since when nothing was heard: of the watch that is silent longer, or of a check that was fine. */
static struct bc_mono etcd_heard(const struct etcd *etcd) {
  struct bc_mono heard = etcd->watches[0]->heard;
  for (size_t i = 1; i < etcd->names.range_count; i++) {
    heard = etcd->watches[i]->heard.us < heard.us ? etcd->watches[i]->heard : heard;
  }
  return etcd->checked.us > heard.us ? etcd->checked : heard;
}

static void etcd_on_quiet(void *arg) {
  struct etcd *etcd = arg;
  struct bc_mono due = bc_mono_add_ms(etcd_heard(etcd), etcd->quiet_ms);
  if (etcd->check != NULL) {
    return; /* its end arms this again, or ends the connection */
  }
  if (bc_mono_reached(due, bc_mono_now())) {
    etcd_start_check(etcd, false);
  } else {
    bc_timer_start_at(etcd->quiet, due);
  }
}

static void etcd_on_watch_created(void *arg, struct bc_etcd_watch *watch) {
  struct etcd *etcd = arg;
  (void)watch;
  if (!etcd->connected && etcd->watches[0]->live && etcd->watches[1]->live) {
    etcd_reach_connected(etcd);
  }
}

static void etcd_reach_connected(struct etcd *etcd) {
  etcd->connected = true;
  etcd->was_connected = true;
  bc_etcd_backoff_healthy(&etcd->backoff, bc_mono_now());
  etcd_arm_quiet(etcd);
  bc_etcd_publish_ready(etcd->publish, true);
  etcd_tell_state(etcd, BC_STORE_STATE_CONNECTED, bc_etcd_link_endpoint(etcd->link));
}

static void etcd_tell_change(struct etcd *etcd, const struct bc_etcd_kv *kv) {
  struct bc_str key = bc_etcd_names_relative(&etcd->names, kv->key);
  if (!bc_etcd_names_is_told(key)) {
    return;
  }
  if (bc_etcd_names_is_own(&etcd->names, key)) {
    bc_etcd_publish_event(etcd->publish, key, kv);
    return;
  }
  struct bc_str value = kv->deleted ? (struct bc_str){.at = NULL, .len = 0} : kv->value;
  etcd->handler.change(etcd->handler.arg, key, value, kv->mod_revision);
}

/* All that is known below it went with it. */
static void etcd_tell_directory(struct etcd *etcd, const struct bc_etcd_kv *directory) {
  char *key;
  while (!etcd->closed &&
         (key = bc_etcd2_keys_take_below(etcd->keys, directory->key, directory->mod_revision)) != NULL) {
    struct bc_etcd_kv kv = {.key = bc_str_of(key), .mod_revision = directory->mod_revision, .deleted = true};
    etcd_tell_change(etcd, &kv);
    free(key);
  }
}

static void etcd_on_change(void *arg, const struct bc_etcd_kv *kv) {
  struct etcd *etcd = arg;
  if (etcd->keys == NULL) {
    etcd_tell_change(etcd, kv);
  } else if (kv->is_directory) {
    etcd_tell_directory(etcd, kv);
  } else if (!kv->deleted) {
    bc_etcd2_keys_put(etcd->keys, kv->key, kv->mod_revision);
    etcd_tell_change(etcd, kv);
  } else if (bc_etcd2_keys_remove(etcd->keys, kv->key)) {
    etcd_tell_change(etcd, kv);
  }
}

static void etcd_note_revision(struct etcd *etcd) {
  for (size_t i = 0; i < etcd->names.range_count && !etcd->closed; i++) {
    bc_etcd_watch_note(etcd->watches[i], etcd->point.revision);
  }
}

static void etcd_on_applied(void *arg, uint64_t revision) {
  struct etcd *etcd = arg;
  /* The watches run apart: what is told must not seem to go back because one is slower. */
  etcd->point.revision = revision > etcd->point.revision ? revision : etcd->point.revision;
  etcd->handler.changes_end(etcd->handler.arg, etcd->point);
  etcd_note_revision(etcd);
}

static void etcd_on_watch_ended(void *arg, struct bc_etcd_watch *watch, enum bc_etcd_watch_end end,
                                const struct bc_etcd_reply *reply) {
  struct etcd *etcd = arg;
  switch (end) {
  case BC_ETCD_WATCH_LIFE:
    etcd_start_watch(etcd, watch);
    break;
  case BC_ETCD_WATCH_COMPACTED:
    etcd->need_list = true;
    etcd_again(etcd);
    break;
  case BC_ETCD_WATCH_ODD:
    etcd_start_check(etcd, true);
    break;
  case BC_ETCD_WATCH_TOO_LARGE:
    etcd->need_list = true;
    etcd_fail(etcd, reply);
    break;
  default:
    if (reply->error.trouble == BC_ETCD_TROUBLE_AUTH && etcd->backoff.failures < AUTH_TRIES) {
      bc_etcd_link_drop_token(etcd->link);
      etcd_again(etcd);
    } else {
      if (reply->err == BC_ERR_TIMEOUT) {
        bc_etcd_link_drop_token(etcd->link); /* one of a history that the server does not have makes it wait for ever */
      }
      etcd_fail(etcd, reply);
    }
  }
}

/* v2: others' events push ours out of the server's history, so the check must be there before that. */
static void etcd_set_pace(struct etcd *etcd, uint64_t moved) {
  if (etcd->api->tells_directories && moved > etcd->tuning.history / 2) {
    etcd->quiet_ms = etcd->quiet_ms / 2 > QUIET_LEAST_MS ? etcd->quiet_ms / 2 : QUIET_LEAST_MS;
  } else if (etcd->quiet_ms < etcd->tuning.quiet_ms) {
    etcd->quiet_ms = etcd->quiet_ms * 2 < etcd->tuning.quiet_ms ? etcd->quiet_ms * 2 : etcd->tuning.quiet_ms;
  }
}

/* Another history: list it all. The same, and at least as far as we know: the member that answered the
 * watch lags behind, so try another. */
static void etcd_take_check(struct etcd *etcd, const struct bc_etcd_header *header) {
  bool verdict = etcd->check_is_verdict;
  if (header->cluster_id != etcd->point.cluster_id || header->revision < etcd->point.revision) {
    etcd->need_list = true;
    etcd_again(etcd);
  } else if (verdict) {
    struct bc_etcd_reply reply = {.err = BC_ERR_CONFLICT, .error = {.code = -1}};
    bc_fault_set(&reply.error.fault, 0, "this member of the cluster lags behind");
    etcd_fail(etcd, &reply);
  } else {
    etcd_set_pace(etcd, header->revision - etcd->point.revision);
    etcd->point.revision = header->revision;
    etcd->checked = bc_mono_now();
    etcd_arm_quiet(etcd);
    etcd_note_revision(etcd);
  }
}

static void etcd_on_check(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd *etcd = arg;
  struct bc_etcd_header header;
  struct bc_etcd_reply bad = *reply;
  etcd->check = NULL;
  bad.err = etcd->api->read_check(reply, &header, &bad.error.fault);
  if (bad.err != BC_ERR_OK) {
    etcd_fail(etcd, &bad);
  } else {
    etcd_take_check(etcd, &header);
  }
}

static void etcd_start_check(struct etcd *etcd, bool verdict) {
  if (verdict) {
    etcd_stop_watches(etcd);
    etcd->connected = false;
    bc_etcd_link_cancel(etcd->check);
    etcd->check = NULL;
  }
  etcd->check_is_verdict = verdict;
  etcd->check = etcd->api->check(etcd->link, &etcd->names, etcd_on_check, etcd);
}

static void etcd_relist(struct bc_store *store) {
  struct etcd *etcd = (struct etcd *)store;
  if (etcd->leaving) {
    return;
  }
  bool waiting = !etcd->connected && bc_timer_is_armed(etcd->retry);
  etcd->need_list = true;
  if (!waiting && etcd_stop_reading(etcd)) {
    etcd->connected = false;
    bc_timer_start(etcd->retry, 0);
  }
}

static void etcd_on_relist_timer(void *arg) {
  etcd_relist(arg);
}

static void etcd_on_problem(void *arg, const char *problem) {
  struct etcd *etcd = arg;
  etcd->handler.publish_state(etcd->handler.arg, problem);
}

static void etcd_publish(struct bc_store *store, const char *key, const char *value) {
  bc_etcd_publish_set(((struct etcd *)store)->publish, key, value);
}

static void etcd_publish_enable(struct bc_store *store, bool on) {
  struct etcd *etcd = (struct etcd *)store;
  if (!etcd->leaving) {
    bc_etcd_publish_enable(etcd->publish, on);
  }
}

static void etcd_leave(struct bc_store *store, int64_t timeout_ms, bc_loop_fn *done, void *arg) {
  struct etcd *etcd = (struct etcd *)store;
  etcd->leaving = true;
  bc_timer_stop(etcd->relist);
  if (etcd_stop_reading(etcd)) {
    bc_etcd_publish_leave(etcd->publish, timeout_ms, done, arg);
  }
}

static const char *etcd_endpoint(const struct bc_store *store) {
  const struct etcd *etcd = (const struct etcd *)store;
  return etcd->was_connected ? bc_etcd_link_endpoint(etcd->link) : "";
}

static int64_t etcd_age_ms(const struct bc_store *store) {
  const struct etcd *etcd = (const struct etcd *)store;
  struct bc_mono heard = etcd_heard(etcd);
  return bc_mono_is_set(heard) ? bc_mono_ms_between(heard, bc_mono_now()) : -1;
}

static void etcd_free(struct etcd *etcd) {
  bc_etcd_publish_free(etcd->publish);
  for (size_t i = 0; i < etcd->names.range_count; i++) {
    bc_etcd_watch_free(etcd->watches[i]);
  }
  if (etcd->list != NULL) {
    etcd->api->list_free(etcd->list);
  }
  bc_etcd_link_close(etcd->link);
  bc_timer_free(etcd->retry);
  bc_timer_free(etcd->quiet);
  bc_timer_free(etcd->relist);
  bc_timer_free(etcd->end);
  bc_etcd_names_fini(&etcd->names);
  bc_etcd2_keys_free(etcd->keys);
  bc_etcd2_keys_free(etcd->list_keys);
  free(etcd->state_text);
  free(etcd);
}

static void etcd_on_end(void *arg) {
  etcd_free(arg);
}

static void etcd_close(struct bc_store *store) {
  struct etcd *etcd = (struct etcd *)store;
  etcd->closed = true;
  etcd->leaving = true;
  bc_timer_stop(etcd->retry);
  bc_timer_stop(etcd->quiet);
  bc_timer_stop(etcd->relist);
  bc_etcd_link_cancel(etcd->check);
  etcd->check = NULL;
  etcd_stop_watches(etcd);
  (void)etcd->api->list_stop(etcd->list);
  bc_etcd_publish_free(etcd->publish);
  etcd->publish = NULL;
  /* A handler may be what closes it: the rest goes when nothing of it is on the stack any more. */
  bc_timer_start(etcd->end, 0);
}

#define ETCD_KIND(text, can_transact)                                                                                  \
  {                                                                                                                    \
    .name = (text), .has_transactions = (can_transact), .close = etcd_close, .relist = etcd_relist,                    \
    .publish = etcd_publish, .publish_enable = etcd_publish_enable, .leave = etcd_leave, .endpoint = etcd_endpoint,    \
    .age_ms = etcd_age_ms,                                                                                             \
  }
static const struct bc_store_kind etcd3_kind = ETCD_KIND("etcd v3", true);
static const struct bc_store_kind etcd2_kind = ETCD_KIND("etcd v2", false);

static void etcd_build(struct etcd *etcd) {
  etcd->list_handler = (struct bc_etcd_list_handler){.arg = etcd,
                                                     .begin = etcd_on_list_begin,
                                                     .entry = etcd_on_list_entry,
                                                     .end = etcd_on_list_end,
                                                     .fail = etcd_on_list_fail};
  etcd->watch_handler = (struct bc_etcd_watch_handler){.arg = etcd,
                                                       .created = etcd_on_watch_created,
                                                       .change = etcd_on_change,
                                                       .applied = etcd_on_applied,
                                                       .ended = etcd_on_watch_ended};
  etcd->publish_handler = (struct bc_etcd_publish_handler){.arg = etcd, .problem = etcd_on_problem};
  for (size_t i = 0; i < etcd->names.range_count; i++) {
    struct bc_etcd_watch_setup setup = {.loop = etcd->loop,
                                        .link = etcd->link,
                                        .tuning = &etcd->tuning,
                                        .random = &etcd->random,
                                        .handler = &etcd->watch_handler,
                                        .range = &etcd->names.ranges[i]};
    etcd->watches[i] = bc_etcd_watch_new(etcd->api->watch, &setup);
  }
  etcd->list = etcd->api->list_new(etcd->link, &etcd->tuning, &etcd->names, &etcd->list_handler);
  etcd->publish = bc_etcd_publish_new(etcd->loop, etcd->link, etcd->api->writer, &etcd->tuning, &etcd->random,
                                      &etcd->names, &etcd->publish_handler);
}

enum bc_err bc_etcd_open(struct bc_loop *loop, enum bc_store_type type, const struct bc_store_options *options,
                         const struct bc_etcd_tuning *tuning, const struct bc_store_handler *handler,
                         struct bc_store **store, struct bc_fault *fault) {
  struct etcd *etcd = bc_mem_new(1, sizeof *etcd);
  bool is_v2 = type == BC_STORE_TYPE_ETCD_V2;
  etcd->base.kind = is_v2 ? &etcd2_kind : &etcd3_kind;
  etcd->api = is_v2 ? &bc_etcd2_api : &bc_etcd3_api;
  etcd->loop = loop;
  etcd->tuning = *tuning;
  etcd->handler = *handler;
  etcd->need_list = true;
  etcd->quiet_ms = tuning->quiet_ms;
  bc_etcd_random_seed(&etcd->random, options->random_seed);
  bc_etcd_names_init(&etcd->names, type, options->prefix, options->node);
  etcd->retry = bc_timer_new(loop, etcd_on_retry, etcd);
  etcd->quiet = bc_timer_new(loop, etcd_on_quiet, etcd);
  etcd->relist = bc_timer_new(loop, etcd_on_relist_timer, etcd);
  etcd->end = bc_timer_new(loop, etcd_on_end, etcd);
  enum bc_err err = bc_etcd_link_open(loop, type, options, &etcd->tuning, &etcd->random, &etcd->link, fault);
  if (err != BC_ERR_OK) {
    etcd_free(etcd);
    return err;
  }
  etcd_build(etcd);
  bc_timer_start(etcd->retry, 0);
  *store = &etcd->base;
  return BC_ERR_OK;
}
