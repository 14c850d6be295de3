#include "io/store_auto.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/tree.h"
#include "io/etcd_common.h"
#include "io/etcd_link.h"
#include "io/store_kind.h"
#include "proto/etcd2_answer.h"
#include "proto/etcd2_request.h"
#include "proto/etcd_request.h"

#include <stdlib.h>
#include <string.h>

enum { AUTO_PATH_BYTES = 65536 };

enum auto_api { AUTO_V3, AUTO_V2, AUTO_APIS };

/* What is said of one API, by one endpoint or by all. */
struct auto_finding {
  bool answered;
  bool is_served;
  bool has_routes;
  bool is_refused; /* not answered, and trying again will not help */
  struct bc_fault why;
};

/* An own key that somebody wants before there is a store to want it of. */
struct auto_wish {
  RB_ENTRY(auto_wish) link;
  char *key;
  char *value;
};
RB_HEAD(auto_wishes, auto_wish);

struct auto_store {
  struct bc_store base;
  struct bc_loop *loop;
  struct bc_store_options options; /* its texts are ours */
  struct bc_etcd_tuning tuning;
  struct bc_store_handler handler;
  struct bc_etcd_random random;
  struct bc_etcd_backoff backoff;
  struct bc_etcd_names names;
  struct bc_store *inner; /* NULL: not chosen yet */
  struct bc_etcd_link *links[AUTO_APIS];
  struct bc_etcd_call *calls[AUTO_APIS];
  size_t endpoint;
  struct auto_finding here[AUTO_APIS]; /* at this endpoint */
  struct auto_finding all[AUTO_APIS];  /* in this round over all endpoints */
  bool is_asking;
  struct bc_timer *timer; /* goes on, away from the links' callbacks */
  struct auto_wishes wishes;
  bool enabled;
  struct bc_timer *leave_timer;
  bc_loop_fn *leave_done;
  void *leave_arg;
  enum bc_store_state state;
  char *state_text;
};

static int auto_compare(const struct auto_wish *a, const struct auto_wish *b) {
  return strcmp(a->key, b->key);
}
BC_TREE(auto_wishes, auto_wish, link, auto_compare)

/* The handler may close the store: nothing is touched afterwards. */
static void auto_tell(struct auto_store *store, enum bc_store_state state, const char *text) {
  if (store->state_text != NULL && store->state == state && strcmp(store->state_text, text) == 0) {
    return;
  }
  store->state = state;
  free(store->state_text);
  store->state_text = bc_mem_copy_string(text);
  store->handler.state(store->handler.arg, state, store->state_text);
}

/* ---- asking one endpoint ---- */

static void auto_take_reply(struct auto_store *store, enum auto_api api, const struct bc_etcd_reply *reply) {
  struct auto_finding *finding = &store->here[api];
  store->calls[api] = NULL;
  bool is_missing = reply->err == BC_ERR_UNSUPPORTED ||
                    (reply->err == BC_ERR_REFUSED && reply->error.trouble == BC_ETCD_TROUBLE_NO_API);
  *finding = (struct auto_finding){.answered = reply->err == BC_ERR_OK || is_missing, .is_served = !is_missing};
  if (!finding->answered) {
    struct bc_fault words = {.column = 0};
    bc_etcd_reply_explain(reply, &words);
    bc_fault_set(&finding->why, 0, "%s: %s", bc_etcd_link_endpoint(store->links[api]), words.text);
    finding->is_refused = bc_etcd_reply_is_refusal(reply);
  }
}

static void auto_go_on(struct auto_store *store) {
  if (store->calls[AUTO_V3] == NULL && store->calls[AUTO_V2] == NULL) {
    bc_timer_start(store->timer, 0);
  }
}

static void auto_on_v3(void *arg, const struct bc_etcd_reply *reply) {
  struct auto_store *store = arg;
  struct bc_etcd_reply read = *reply;
  struct bc_etcd_range_answer answer = {.count = 0};
  if (read.err == BC_ERR_OK) {
    read.err = bc_etcd_answer_range(reply->body, &answer, NULL, NULL, &read.error.fault);
  }
  auto_take_reply(store, AUTO_V3, &read);
  store->here[AUTO_V3].has_routes = answer.count > 0;
  auto_go_on(store);
}

static void auto_on_v2(void *arg, const struct bc_etcd_reply *reply) {
  struct auto_store *store = arg;
  struct bc_etcd_reply read = *reply;
  bool has_nodes = read.err == BC_ERR_LIMIT; /* more names than fit */
  if (has_nodes || (read.err == BC_ERR_REFUSED && read.error.trouble == BC_ETCD_TROUBLE_NOT_FOUND)) {
    read.err = BC_ERR_OK;
  } else if (read.err == BC_ERR_OK) {
    read.err = bc_etcd2_answer_has_nodes(reply->body, &has_nodes, &read.error.fault);
  }
  auto_take_reply(store, AUTO_V2, &read);
  store->here[AUTO_V2].has_routes = has_nodes;
  auto_go_on(store);
}

static void auto_ask(struct auto_store *store) {
  struct bc_str routes = bc_str_of(store->names.routes);
  struct bc_buf end;
  struct bc_buf body;
  struct bc_buf path;
  bc_buf_init(&end, AUTO_PATH_BYTES);
  bc_buf_init(&body, AUTO_PATH_BYTES);
  bc_buf_init(&path, AUTO_PATH_BYTES);
  bc_etcd_request_prefix_end(&end, routes);
  bc_etcd_request_range(&body,
                        &(struct bc_etcd_range){.key = routes, .range_end = bc_buf_str(&end), .count_only = true});
  bc_etcd2_request_get(&path, routes, false);
  store->is_asking = true;
  for (size_t i = 0; i < AUTO_APIS; i++) {
    bc_etcd_link_select(store->links[i], store->endpoint);
    store->here[i] = (struct auto_finding){.answered = false};
  }
  store->calls[AUTO_V3] = bc_etcd_link_call(store->links[AUTO_V3], "/kv/range", bc_buf_str(&body), auto_on_v3, store);
  store->calls[AUTO_V2] =
      bc_etcd_link_keys(store->links[AUTO_V2], "GET", path.data, (struct bc_str){.at = NULL}, auto_on_v2, store);
  bc_buf_free(&end);
  bc_buf_free(&body);
  bc_buf_free(&path);
}

/* ---- choosing ---- */

/* An endpoint counts when it has answered by both APIs: one alone may be the wrong one. */
static void auto_gather(struct auto_store *store) {
  bool counts = store->here[AUTO_V3].answered && store->here[AUTO_V2].answered;
  for (size_t i = 0; i < AUTO_APIS; i++) {
    const struct auto_finding *here = &store->here[i];
    struct auto_finding *all = &store->all[i];
    all->answered = all->answered || counts;
    all->is_served = all->is_served || (counts && here->is_served);
    all->has_routes = all->has_routes || (counts && here->has_routes);
    if (!here->answered) {
      all->is_refused = here->is_refused;
      all->why = here->why;
    }
  }
}

static void auto_close_links(struct auto_store *store) {
  for (size_t i = 0; i < AUTO_APIS; i++) {
    store->calls[i] = NULL;
    bc_etcd_link_close(store->links[i]);
    store->links[i] = NULL;
  }
}

static void auto_drop_wish(struct auto_store *store, struct auto_wish *wish) {
  RB_REMOVE(auto_wishes, &store->wishes, wish);
  free(wish->key);
  free(wish->value);
  free(wish);
}

static const struct bc_store_kind auto_kinds[AUTO_APIS];

static void auto_choose(struct auto_store *store, enum auto_api api, const char *reason, enum bc_log_level level) {
  struct bc_fault fault;
  enum bc_store_type type = api == AUTO_V3 ? BC_STORE_TYPE_ETCD_V3 : BC_STORE_TYPE_ETCD_V2;
  if (bc_etcd_open(store->loop, type, &store->options, &store->tuning, &store->handler, &store->inner, &fault) !=
      BC_ERR_OK) {
    /* A file was there when we began, and is not now. */
    store->inner = NULL;
    bc_timer_start(store->timer, store->tuning.look_ms);
    auto_tell(store, BC_STORE_STATE_REFUSED, fault.text);
    return;
  }
  bc_log(level, "store: %s is used from now on, as %s", bc_store_type_text(type), reason);
  store->base.kind = &auto_kinds[api];
  auto_close_links(store);
  struct auto_wish *wish;
  while ((wish = RB_MIN(auto_wishes, &store->wishes)) != NULL) {
    bc_store_publish(store->inner, wish->key, wish->value);
    auto_drop_wish(store, wish);
  }
  bc_store_publish_enable(store->inner, store->enabled);
}

static void auto_wait(struct auto_store *store, enum bc_store_state state, const char *text) {
  int64_t delay = bc_etcd_backoff_next(&store->backoff, &store->tuning, &store->random, bc_mono_now());
  bc_timer_start(store->timer, delay);
  auto_tell(store, state, text);
}

static void auto_wait_for_routes(struct auto_store *store) {
  struct bc_fault text = {.column = 0};
  bc_fault_set(&text, 0,
               "etcd serves v3 and v2, and neither has %s yet: waiting for the first route, or for --etcd-api v3 or v2",
               store->names.routes);
  store->backoff.failures = 0;
  bc_timer_start(store->timer,
                 store->tuning.look_ms * 2 / 3 + bc_etcd_random(&store->random, store->tuning.look_ms * 2 / 3));
  auto_tell(store, BC_STORE_STATE_STARTING, text.text);
}

static void auto_decide(struct auto_store *store) {
  const struct auto_finding *v3 = &store->all[AUTO_V3];
  const struct auto_finding *v2 = &store->all[AUTO_V2];
  if (!v3->answered) {
    const struct auto_finding *worse = v3->why.text[0] != '\0' ? v3 : v2;
    auto_wait(store, worse->is_refused ? BC_STORE_STATE_REFUSED : BC_STORE_STATE_UNREACHABLE, worse->why.text);
  } else if (!v3->is_served && !v2->is_served) {
    auto_wait(store, BC_STORE_STATE_REFUSED, "etcd serves neither the v3 API over HTTP nor the v2 API");
  } else if (!v2->is_served) {
    auto_choose(store, AUTO_V3, "etcd serves no v2 API", BC_LOG_NOTICE);
  } else if (!v3->is_served) {
    auto_choose(store, AUTO_V2, "etcd serves no v3 API", BC_LOG_NOTICE);
  } else if (v3->has_routes && v2->has_routes) {
    auto_choose(store, AUTO_V3, "both APIs have routes: those of v2 are not looked at; --etcd-api v2 would use them",
                BC_LOG_WARNING);
  } else if (v3->has_routes) {
    auto_choose(store, AUTO_V3, "only v3 has routes", BC_LOG_NOTICE);
  } else if (v2->has_routes) {
    auto_choose(store, AUTO_V2, "only v2 has routes", BC_LOG_NOTICE);
  } else {
    auto_wait_for_routes(store);
  }
}

static void auto_on_timer(void *arg) {
  struct auto_store *store = arg;
  if (!store->is_asking) {
    store->endpoint = 0;
    store->all[AUTO_V3] = store->all[AUTO_V2] = (struct auto_finding){.answered = false};
    auto_ask(store);
    return;
  }
  auto_gather(store);
  store->endpoint++;
  if (store->endpoint < bc_etcd_link_count(store->links[AUTO_V3])) {
    auto_ask(store);
  } else {
    store->is_asking = false;
    auto_decide(store);
  }
}

/* ---- a store ---- */

static void auto_free(struct auto_store *store) {
  bc_store_close(store->inner);
  auto_close_links(store);
  bc_timer_free(store->timer);
  bc_timer_free(store->leave_timer);
  while (!RB_EMPTY(&store->wishes)) {
    auto_drop_wish(store, RB_ROOT(&store->wishes));
  }
  bc_etcd_names_fini(&store->names);
  const char *texts[] = {store->options.endpoints, store->options.prefix, store->options.node, store->options.user_file,
                         store->options.cacert,    store->options.cert,   store->options.key,  store->state_text};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    free((char *)(uintptr_t)texts[i]);
  }
  free(store);
}

static void auto_close(struct bc_store *base) {
  auto_free((struct auto_store *)base);
}

static void auto_relist(struct bc_store *base) {
  struct auto_store *store = (struct auto_store *)base;
  if (store->inner != NULL) {
    bc_store_relist(store->inner);
  }
}

static void auto_publish(struct bc_store *base, const char *key, const char *value) {
  struct auto_store *store = (struct auto_store *)base;
  if (store->inner != NULL) {
    bc_store_publish(store->inner, key, value);
    return;
  }
  char *copy = bc_mem_copy_string(key);
  struct auto_wish wanted = {.key = copy};
  struct auto_wish *wish = RB_FIND(auto_wishes, &store->wishes, &wanted);
  if (wish == NULL) {
    wish = bc_mem_new(1, sizeof *wish);
    wish->key = copy;
    (void)RB_INSERT(auto_wishes, &store->wishes, wish);
  } else {
    free(copy);
  }
  free(wish->value);
  wish->value = bc_mem_copy_string(value);
}

static void auto_publish_enable(struct bc_store *base, bool on) {
  struct auto_store *store = (struct auto_store *)base;
  store->enabled = on;
  if (store->inner != NULL) {
    bc_store_publish_enable(store->inner, on);
  }
}

static void auto_on_left(void *arg) {
  const struct auto_store *store = arg;
  store->leave_done(store->leave_arg);
}

static void auto_leave(struct bc_store *base, int64_t timeout_ms, bc_loop_fn *done, void *arg) {
  struct auto_store *store = (struct auto_store *)base;
  if (store->inner != NULL) {
    bc_store_leave(store->inner, timeout_ms, done, arg);
    return;
  }
  /* Nothing was written. */
  auto_close_links(store);
  bc_timer_stop(store->timer);
  store->leave_done = done;
  store->leave_arg = arg;
  bc_timer_start(store->leave_timer, 0);
}

static const char *auto_endpoint(const struct bc_store *base) {
  const struct auto_store *store = (const struct auto_store *)base;
  return store->inner == NULL ? "" : bc_store_endpoint(store->inner);
}

static int64_t auto_age_ms(const struct bc_store *base) {
  const struct auto_store *store = (const struct auto_store *)base;
  return store->inner == NULL ? -1 : bc_store_age_ms(store->inner);
}

#define AUTO_KIND(text, can_transact)                                                                                  \
  {                                                                                                                    \
    .name = (text), .has_transactions = (can_transact), .close = auto_close, .relist = auto_relist,                    \
    .publish = auto_publish, .publish_enable = auto_publish_enable, .leave = auto_leave, .endpoint = auto_endpoint,    \
    .age_ms = auto_age_ms,                                                                                             \
  }
static const struct bc_store_kind auto_kind = AUTO_KIND("etcd", false);
static const struct bc_store_kind auto_kinds[AUTO_APIS] = {
    [AUTO_V3] = AUTO_KIND("etcd v3", true), [AUTO_V2] = AUTO_KIND("etcd v2", false)};

static void auto_copy_options(struct auto_store *store, const struct bc_store_options *options) {
  store->options = *options;
  store->options.endpoints = bc_mem_copy_string(options->endpoints);
  store->options.prefix = bc_mem_copy_string(options->prefix);
  store->options.node = bc_mem_copy_string(options->node);
  store->options.user_file = bc_mem_copy_string(options->user_file);
  store->options.cacert = bc_mem_copy_string(options->cacert);
  store->options.cert = bc_mem_copy_string(options->cert);
  store->options.key = bc_mem_copy_string(options->key);
}

static enum bc_err auto_open(struct bc_loop *loop, const struct bc_store_options *options,
                             const struct bc_etcd_tuning *tuning, const struct bc_store_handler *handler,
                             struct bc_store **result, struct bc_fault *fault) {
  struct auto_store *store = bc_mem_new(1, sizeof *store);
  store->base.kind = &auto_kind;
  store->loop = loop;
  store->tuning = *tuning;
  store->handler = *handler;
  RB_INIT(&store->wishes);
  auto_copy_options(store, options);
  bc_etcd_random_seed(&store->random, options->random_seed);
  bc_etcd_names_init(&store->names, BC_STORE_TYPE_ETCD_V3, options->prefix, options->node);
  store->timer = bc_timer_new(loop, auto_on_timer, store);
  store->leave_timer = bc_timer_new(loop, auto_on_left, store);
  enum bc_err err = bc_etcd_link_open(loop, BC_STORE_TYPE_ETCD_V3, &store->options, &store->tuning, &store->random,
                                      &store->links[AUTO_V3], fault);
  if (err == BC_ERR_OK) {
    err = bc_etcd_link_open(loop, BC_STORE_TYPE_ETCD_V2, &store->options, &store->tuning, &store->random,
                            &store->links[AUTO_V2], fault);
  }
  if (err != BC_ERR_OK) {
    auto_free(store);
    return err;
  }
  bc_timer_start(store->timer, 0);
  *result = &store->base;
  return BC_ERR_OK;
}

/* NONE: to be found out. */
static enum bc_store_type auto_known_type(const struct bc_store_options *options) {
  switch (options->api) {
  case BC_STORE_API_V3:
    return BC_STORE_TYPE_ETCD_V3;
  case BC_STORE_API_V2:
    return BC_STORE_TYPE_ETCD_V2;
  case BC_STORE_API_AUTO:
    break;
  }
  bool is_etcd = options->remembered == BC_STORE_TYPE_ETCD_V3 || options->remembered == BC_STORE_TYPE_ETCD_V2;
  return is_etcd ? options->remembered : BC_STORE_TYPE_NONE;
}

enum bc_err bc_store_auto_open(struct bc_loop *loop, const struct bc_store_options *options,
                               const struct bc_etcd_tuning *tuning, const struct bc_store_handler *handler,
                               struct bc_store **store, struct bc_fault *fault) {
  enum bc_store_type type = auto_known_type(options);
  if (type == BC_STORE_TYPE_NONE) {
    return auto_open(loop, options, tuning, handler, store, fault);
  }
  return bc_etcd_open(loop, type, options, tuning, handler, store, fault);
}
