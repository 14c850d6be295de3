#include "io/etcd.h"

#include "base/limits.h"
#include "base/mem.h"
#include "io/etcd_list.h"
#include "io/etcd_publish.h"
#include "io/etcd_watch.h"
#include "io/store_kind.h"
#include "proto/etcd_request.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

const struct bc_etcd_tuning bc_etcd_tuning_default = {
    .page_keys = 10000,
    .backoff_ms = 800,
    .backoff_most_ms = 30000,
    .healthy_ms = 120000,
    .created_ms = 5000,
    .life_least_ms = 300000,
    .life_most_ms = 600000,
    .unary_ms = 10000,
    .quiet_ms = 20000,
    .relist_ms = 3600000,
    .list_spread_ms = 1000,
    .reauth_spread_ms = 2000,
    .lease_ttl_s = 60,
    .lease_spread_ms = 60000,
    .txn_ops = 100,
    .txn_gap_ms = 500,
    .pause_ms = 300000,
    .stale_ms = 10000,
    .reput_ms = 10000,
};

/* A watch tells inside of its stream that the token is too old: so often a new one is enough. */
enum { AUTH_TRIES = 3, RETELL_MS = 60000 };

struct etcd {
  struct bc_store base;
  struct bc_loop *loop;
  struct bc_etcd_tuning tuning;
  struct bc_store_handler handler;
  struct bc_etcd_random random;
  char *prefix; /* "/bgp/" */
  char *ranges[BC_ETCD_RANGES];
  char *own_dirs[2]; /* "node/NODE/neighbors/", "node/NODE/routes/" */
  char *own_status;
  struct bc_etcd_link *link;
  struct bc_etcd_list_handler list_handler;
  struct bc_etcd_list list;
  struct bc_etcd_watch_handler watch_handler;
  struct bc_etcd_watch watches[BC_ETCD_RANGES];
  struct bc_etcd_publish_handler publish_handler;
  struct bc_etcd_publish *publish;
  struct bc_store_point point; /* the highest known */
  bool need_list;
  bool listed; /* once at least */
  bool connected;
  bool was_connected;
  bool leaving;
  bool closed;
  unsigned failures;
  struct bc_mono healthy_since;
  struct bc_mono checked; /* when a check said that nothing is missing */
  struct bc_timer *retry;
  struct bc_timer *quiet;
  struct bc_timer *relist;
  struct bc_timer *end; /* frees a closed store, away from its callbacks */
  struct bc_etcd_call *check;
  bool check_is_verdict; /* the check decides between a lagging member and another history */
  enum bc_store_state state;
  char *state_text;
  struct bc_mono told;
};

int64_t bc_etcd_random(struct bc_etcd_random *random, int64_t most) {
  random->state += 0x9e3779b97f4a7c15U;
  uint64_t z = random->state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  z ^= z >> 31;
  return most <= 0 ? 0 : (int64_t)(z % ((uint64_t)most + 1));
}

static void etcd_start_check(struct etcd *etcd, bool verdict);
static void etcd_reach_connected(struct etcd *etcd);

static void etcd_tell_state(struct etcd *etcd, enum bc_store_state state, const char *text) {
  struct bc_mono now = bc_loop_now(etcd->loop);
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
  for (size_t i = 0; i < BC_ETCD_RANGES; i++) {
    bc_etcd_watch_stop(&etcd->watches[i]);
  }
}

/* Ends all that reads; false when the store was closed by the handler of list_abort. */
static bool etcd_stop_reading(struct etcd *etcd) {
  bc_timer_stop(etcd->retry);
  bc_timer_stop(etcd->quiet);
  bc_etcd_link_cancel(etcd->check);
  etcd->check = NULL;
  etcd_stop_watches(etcd);
  if (bc_etcd_list_stop(&etcd->list)) {
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
    bc_etcd_list_start(&etcd->list);
    return;
  }
  for (size_t i = 0; i < BC_ETCD_RANGES; i++) {
    etcd_start_watch(etcd, &etcd->watches[i]);
  }
}

/* Full jitter: a random time below a bound that doubles with each failure. */
static int64_t etcd_next_delay(struct etcd *etcd) {
  struct bc_mono now = bc_loop_now(etcd->loop);
  if (bc_mono_is_set(etcd->healthy_since) && bc_mono_ms_between(etcd->healthy_since, now) >= etcd->tuning.healthy_ms) {
    etcd->failures = 0;
  }
  etcd->healthy_since = (struct bc_mono){0};
  int64_t bound = etcd->tuning.backoff_ms;
  for (unsigned i = 0; i < etcd->failures && bound < etcd->tuning.backoff_most_ms; i++) {
    bound *= 2;
  }
  bound = bound < etcd->tuning.backoff_most_ms ? bound : etcd->tuning.backoff_most_ms;
  etcd->failures += etcd->failures < 1000 ? 1 : 0;
  int64_t delay = bc_etcd_random(&etcd->random, bound);
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
  } else if (etcd->failures >= tries) {
    etcd->was_connected = false;
    etcd_tell_state(etcd, BC_STORE_STATE_UNREACHABLE, text.text);
  }
}

/* A key below the prefix, as the handlers know it. */
static struct bc_str etcd_relative(const struct etcd *etcd, struct bc_str key) {
  size_t len = strlen(etcd->prefix);
  return (struct bc_str){.at = key.at + len, .len = key.len - len};
}

static bool etcd_is_own(const struct etcd *etcd, struct bc_str key) {
  return bc_str_is(key, etcd->own_status) || bc_str_starts(key, etcd->own_dirs[0]) ||
         bc_str_starts(key, etcd->own_dirs[1]);
}

static void etcd_on_list_begin(void *arg, const struct bc_etcd_header *header) {
  struct etcd *etcd = arg;
  if (etcd->point.cluster_id != 0 &&
      (etcd->point.cluster_id != header->cluster_id || header->revision < etcd->point.revision)) {
    bc_etcd_link_drop_token(etcd->link);
  }
  etcd->point = (struct bc_store_point){.cluster_id = header->cluster_id, .revision = header->revision};
  bc_etcd_publish_list_begin(etcd->publish, header);
  etcd->handler.list_begin(etcd->handler.arg, etcd->point);
}

static void etcd_on_list_entry(void *arg, const struct bc_etcd_kv *kv) {
  struct etcd *etcd = arg;
  struct bc_str key = etcd_relative(etcd, kv->key);
  if (etcd_is_own(etcd, key)) {
    bc_etcd_publish_list_key(etcd->publish, key, kv);
  } else {
    etcd->handler.list_entry(etcd->handler.arg, key, kv->value, kv->mod_revision);
  }
}

static void etcd_on_list_end(void *arg, const struct bc_etcd_header *header) {
  struct etcd *etcd = arg;
  etcd->need_list = false;
  etcd->listed = true;
  etcd->checked = bc_loop_now(etcd->loop);
  bc_etcd_publish_list_end(etcd->publish, header->revision);
  for (size_t i = 0; i < BC_ETCD_RANGES; i++) {
    etcd->watches[i].next = header->revision + 1;
    etcd_start_watch(etcd, &etcd->watches[i]);
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
  bc_timer_start(etcd->quiet, etcd->tuning.quiet_ms);
}

/* Since when nothing was heard: of the watch that is silent longer, or of a check that was fine. */
static struct bc_mono etcd_heard(const struct etcd *etcd) {
  struct bc_mono heard = etcd->watches[0].heard;
  for (size_t i = 1; i < BC_ETCD_RANGES; i++) {
    heard = etcd->watches[i].heard.us < heard.us ? etcd->watches[i].heard : heard;
  }
  return etcd->checked.us > heard.us ? etcd->checked : heard;
}

static void etcd_on_quiet(void *arg) {
  struct etcd *etcd = arg;
  struct bc_mono due = bc_mono_add_ms(etcd_heard(etcd), etcd->tuning.quiet_ms);
  if (etcd->check == NULL && bc_mono_reached(due, bc_loop_now(etcd->loop))) {
    etcd_start_check(etcd, false);
  } else {
    bc_timer_start_at(etcd->quiet, due);
  }
}

static void etcd_on_watch_created(void *arg, struct bc_etcd_watch *watch) {
  struct etcd *etcd = arg;
  (void)watch;
  if (!etcd->connected && etcd->watches[0].live && etcd->watches[1].live) {
    etcd_reach_connected(etcd);
  }
}

static void etcd_reach_connected(struct etcd *etcd) {
  etcd->connected = true;
  etcd->was_connected = true;
  if (!bc_mono_is_set(etcd->healthy_since)) {
    etcd->healthy_since = bc_loop_now(etcd->loop);
  }
  etcd_arm_quiet(etcd);
  bc_etcd_publish_ready(etcd->publish, true);
  etcd_tell_state(etcd, BC_STORE_STATE_CONNECTED, bc_etcd_link_endpoint(etcd->link));
}

static void etcd_on_change(void *arg, const struct bc_etcd_kv *kv) {
  struct etcd *etcd = arg;
  size_t len = strlen(etcd->prefix);
  if (kv->key.len < len || memcmp(kv->key.at, etcd->prefix, len) != 0) {
    return;
  }
  struct bc_str key = etcd_relative(etcd, kv->key);
  if (etcd_is_own(etcd, key)) {
    bc_etcd_publish_event(etcd->publish, key, kv);
    return;
  }
  struct bc_str value = kv->deleted ? (struct bc_str){.at = NULL, .len = 0} : kv->value;
  etcd->handler.change(etcd->handler.arg, key, value, kv->mod_revision);
}

static void etcd_on_applied(void *arg, uint64_t revision) {
  struct etcd *etcd = arg;
  /* The two watches run apart: what is told must not seem to go back because one is slower. */
  etcd->point.revision = revision > etcd->point.revision ? revision : etcd->point.revision;
  etcd->handler.changes_end(etcd->handler.arg, etcd->point);
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
  default:
    if (reply->error.trouble == BC_ETCD_TROUBLE_AUTH && etcd->failures < AUTH_TRIES) {
      bc_etcd_link_drop_token(etcd->link);
      etcd_again(etcd);
    } else {
      etcd_fail(etcd, reply);
    }
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
    etcd->point.revision = header->revision;
    etcd->checked = bc_loop_now(etcd->loop);
    etcd_arm_quiet(etcd);
  }
}

static void etcd_on_check(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd *etcd = arg;
  struct bc_etcd_range_answer answer;
  struct bc_etcd_reply bad = *reply;
  etcd->check = NULL;
  if (bad.err == BC_ERR_OK) {
    bad.err = bc_etcd_answer_range(reply->body, &answer, NULL, NULL, &bad.error.fault);
  }
  if (bad.err != BC_ERR_OK) {
    etcd_fail(etcd, &bad);
  } else {
    etcd_take_check(etcd, &answer.header);
  }
}

/* Counts one key that cannot exist: the cheapest read that the whole cluster must agree to. */
static void etcd_start_check(struct etcd *etcd, bool verdict) {
  if (verdict) {
    etcd_stop_watches(etcd);
    etcd->connected = false;
    bc_etcd_link_cancel(etcd->check);
    etcd->check = NULL;
  }
  etcd->check_is_verdict = verdict;
  struct bc_buf body;
  bc_buf_init(&body, (size_t)4 * BC_LIMIT_KEY_BYTES);
  bc_etcd_request_range(&body, &(struct bc_etcd_range){.key = bc_str_of(etcd->ranges[0]), .count_only = true});
  etcd->check = bc_etcd_link_call(etcd->link, "/kv/range", bc_buf_str(&body), etcd_on_check, etcd);
  bc_buf_free(&body);
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
  return etcd->connected ? bc_etcd_link_endpoint(etcd->link) : "";
}

static int64_t etcd_age_ms(const struct bc_store *store) {
  const struct etcd *etcd = (const struct etcd *)store;
  struct bc_mono heard = etcd_heard(etcd);
  return bc_mono_is_set(heard) ? bc_mono_ms_between(heard, bc_loop_now(etcd->loop)) : -1;
}

static void etcd_free(void *arg) {
  struct etcd *etcd = arg;
  bc_etcd_publish_free(etcd->publish);
  if (etcd->link != NULL) {
    for (size_t i = 0; i < BC_ETCD_RANGES; i++) {
      bc_etcd_watch_fini(&etcd->watches[i]);
    }
    bc_etcd_list_fini(&etcd->list);
  }
  bc_etcd_link_close(etcd->link);
  bc_timer_free(etcd->retry);
  bc_timer_free(etcd->quiet);
  bc_timer_free(etcd->relist);
  bc_timer_free(etcd->end);
  for (size_t i = 0; i < BC_ETCD_RANGES; i++) {
    free(etcd->ranges[i]);
    free(etcd->own_dirs[i]);
  }
  free(etcd->prefix);
  free(etcd->own_status);
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
  (void)bc_etcd_list_stop(&etcd->list);
  bc_etcd_publish_free(etcd->publish);
  etcd->publish = NULL;
  /* A handler may be what closes it: the rest goes when nothing of it is on the stack any more. */
  bc_timer_start(etcd->end, 0);
}

static const struct bc_store_kind etcd_kind = {
    .name = "etcd v3",
    .close = etcd_close,
    .relist = etcd_relist,
    .publish = etcd_publish,
    .publish_enable = etcd_publish_enable,
    .leave = etcd_leave,
    .endpoint = etcd_endpoint,
    .age_ms = etcd_age_ms,
};

static char *etcd_join(const char *a, const char *b, const char *c, const char *d) {
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_KEY_BYTES);
  bc_buf_add_text(&text, a);
  bc_buf_add_text(&text, b);
  bc_buf_add_text(&text, c);
  bc_buf_add_text(&text, d);
  return bc_buf_take(&text);
}

/* "/bgp" and "/bgp/" give "/bgp/". */
static void etcd_name_keys(struct etcd *etcd, const char *prefix, const char *node) {
  struct bc_str base = bc_str_of(prefix);
  while (base.len > 0 && base.at[base.len - 1] == '/') {
    base.len--;
  }
  char *root = bc_mem_copy_text(base.at, base.len);
  etcd->prefix = etcd_join(root, "/", "", "");
  free(root);
  etcd->ranges[0] = etcd_join(etcd->prefix, "routes/", "", "");
  etcd->ranges[1] = etcd_join(etcd->prefix, "node/", node, "/");
  etcd->own_dirs[0] = etcd_join("node/", node, "/neighbors/", "");
  etcd->own_dirs[1] = etcd_join("node/", node, "/routes/", "");
  etcd->own_status = etcd_join("node/", node, "/status", "");
}

static void etcd_build(struct etcd *etcd) {
  struct bc_str ranges[BC_ETCD_RANGES];
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
  for (size_t i = 0; i < BC_ETCD_RANGES; i++) {
    ranges[i] = bc_str_of(etcd->ranges[i]);
    bc_etcd_watch_init(&etcd->watches[i], etcd->loop, etcd->link, &etcd->tuning, &etcd->random, ranges[i],
                       &etcd->watch_handler);
  }
  bc_etcd_list_init(&etcd->list, etcd->link, etcd->tuning.page_keys, ranges, &etcd->list_handler);
  etcd->publish =
      bc_etcd_publish_new(etcd->loop, etcd->link, &etcd->tuning, &etcd->random, etcd->prefix, &etcd->publish_handler);
}

enum bc_err bc_etcd_open(struct bc_loop *loop, const struct bc_store_options *options,
                         const struct bc_etcd_tuning *tuning, const struct bc_store_handler *handler,
                         struct bc_store **store, struct bc_fault *fault) {
  struct etcd *etcd = bc_mem_new(1, sizeof *etcd);
  etcd->base.kind = &etcd_kind;
  etcd->loop = loop;
  etcd->tuning = *tuning;
  etcd->handler = *handler;
  etcd->need_list = true;
  etcd->random.state = options->random_seed;
  if (options->random_seed == 0) {
    (void)!getrandom(&etcd->random.state, sizeof etcd->random.state, 0);
  }
  etcd_name_keys(etcd, options->prefix, options->node);
  etcd->retry = bc_timer_new(loop, etcd_on_retry, etcd);
  etcd->quiet = bc_timer_new(loop, etcd_on_quiet, etcd);
  etcd->relist = bc_timer_new(loop, etcd_on_relist_timer, etcd);
  etcd->end = bc_timer_new(loop, etcd_on_end, etcd);
  enum bc_err err = bc_etcd_link_open(loop, options, &etcd->tuning, &etcd->random, &etcd->link, fault);
  if (err != BC_ERR_OK) {
    etcd_free(etcd);
    return err;
  }
  etcd_build(etcd);
  bc_timer_start(etcd->retry, 0);
  *store = &etcd->base;
  return BC_ERR_OK;
}
