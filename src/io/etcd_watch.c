#include "io/etcd_watch.h"

#include "base/limits.h"
#include "base/mem.h"
#include "proto/etcd_request.h"

#include <stdlib.h>
#include <string.h>

enum { WATCH_REQUEST_BYTES = 262144 };

struct etcd_watch_event {
  STAILQ_ENTRY(etcd_watch_event) link;
  struct bc_etcd_kv kv; /* its slices point behind this struct */
};

static void watch_on_timer(void *arg);

void bc_etcd_watch_init(struct bc_etcd_watch *watch, struct bc_loop *loop, struct bc_etcd_link *link,
                        const struct bc_etcd_tuning *tuning, struct bc_etcd_random *random, struct bc_str prefix,
                        const struct bc_etcd_watch_handler *handler) {
  *watch = (struct bc_etcd_watch){
      .loop = loop, .link = link, .tuning = tuning, .random = random, .prefix = prefix, .handler = handler};
  STAILQ_INIT(&watch->held);
  bc_json_frame_init(&watch->frame, BC_LIMIT_ETCD_OBJECT_BYTES);
  watch->timer = bc_timer_new(loop, watch_on_timer, watch);
}

static void watch_drop_first_held(struct bc_etcd_watch *watch) {
  struct etcd_watch_event *event = STAILQ_FIRST(&watch->held);
  STAILQ_REMOVE_HEAD(&watch->held, link);
  watch->held_bytes -= event->kv.key.len + event->kv.value.len;
  free(event);
}

void bc_etcd_watch_stop(struct bc_etcd_watch *watch) {
  watch->run++;
  watch->live = false;
  bc_etcd_link_cancel(watch->call);
  watch->call = NULL;
  bc_timer_stop(watch->timer);
  bc_json_frame_clear(&watch->frame);
  while (!STAILQ_EMPTY(&watch->held)) {
    watch_drop_first_held(watch);
  }
  watch->held_revision = 0;
}

void bc_etcd_watch_fini(struct bc_etcd_watch *watch) {
  bc_etcd_watch_stop(watch);
  bc_timer_free(watch->timer);
  bc_json_frame_free(&watch->frame);
}

static void watch_end(struct bc_etcd_watch *watch, enum bc_etcd_watch_end end, const struct bc_etcd_reply *reply) {
  bc_etcd_watch_stop(watch);
  watch->handler->ended(watch->handler->arg, watch, end, reply);
}

static void watch_fail(struct bc_etcd_watch *watch, enum bc_err err, const char *text) {
  struct bc_etcd_reply reply = {.err = err, .error = {.code = -1}};
  bc_fault_set(&reply.error.fault, 0, "%s", text);
  watch_end(watch, BC_ETCD_WATCH_FAILED, &reply);
}

static void watch_on_timer(void *arg) {
  struct bc_etcd_watch *watch = arg;
  if (watch->live) {
    watch_end(watch, BC_ETCD_WATCH_LIFE, NULL);
  } else if (bc_etcd_link_is_waiting(watch->call)) {
    bc_timer_start(watch->timer, watch->tuning->created_ms);
  } else {
    watch_fail(watch, BC_ERR_TIMEOUT, "etcd accepts connections but does not confirm a watch");
  }
}

static void watch_hold(void *arg, const struct bc_etcd_kv *kv) {
  struct bc_etcd_watch *watch = arg;
  size_t bytes = kv->key.len + kv->value.len;
  watch->held_bytes += bytes;
  struct etcd_watch_event *event = bc_mem_new(1, sizeof *event + bytes);
  char *text = (char *)(event + 1);
  event->kv = *kv;
  memcpy(text, kv->key.at, kv->key.len);
  memcpy(text + kv->key.len, kv->value.at, kv->value.len);
  event->kv.key.at = text;
  event->kv.value.at = text + kv->key.len;
  STAILQ_INSERT_TAIL(&watch->held, event, link);
  if (kv->mod_revision > watch->held_revision) {
    watch->held_revision = kv->mod_revision;
  }
}

/* Tells the held events below `limit`; false when a handler stopped the watch. A watch tells revisions in
 * their order, so what lies before the one that comes next was told already: some versions of etcd send
 * an event twice, or one from the past (etcd pull requests 15275, 15520). */
static bool watch_apply(struct bc_etcd_watch *watch, uint64_t limit) {
  unsigned run = watch->run;
  uint64_t next = watch->next;
  uint64_t revision = 0;
  struct etcd_watch_event *event;
  while ((event = STAILQ_FIRST(&watch->held)) != NULL && event->kv.mod_revision < limit) {
    revision = event->kv.mod_revision > revision ? event->kv.mod_revision : revision;
    STAILQ_REMOVE_HEAD(&watch->held, link);
    watch->held_bytes -= event->kv.key.len + event->kv.value.len;
    if (event->kv.mod_revision >= next) {
      watch->handler->change(watch->handler->arg, &event->kv);
    }
    free(event);
    if (watch->run != run) {
      return false;
    }
  }
  if (revision == 0) {
    return true;
  }
  if (revision >= watch->next) {
    watch->next = revision + 1;
  }
  watch->handler->applied(watch->handler->arg, revision);
  return watch->run == run;
}

static void watch_confirm(struct bc_etcd_watch *watch) {
  watch->live = true;
  int64_t spread = watch->tuning->life_most_ms - watch->tuning->life_least_ms;
  bc_timer_start(watch->timer, watch->tuning->life_least_ms + bc_etcd_random(watch->random, spread));
  watch->handler->created(watch->handler->arg, watch);
}

/* The messages that end a watch; true when it has ended. */
static bool watch_take_end(struct bc_etcd_watch *watch, const struct bc_etcd_watch_answer *answer) {
  uint64_t cluster_id = answer->header.cluster_id;
  uint64_t revision = answer->header.revision;
  if (answer->compact_revision != 0) {
    watch_end(watch, BC_ETCD_WATCH_COMPACTED, NULL);
  } else if (answer->has_error) {
    struct bc_etcd_reply reply = {.err = BC_ERR_REFUSED, .error = answer->error};
    watch_end(watch, BC_ETCD_WATCH_FAILED, &reply);
  } else if (answer->canceled) {
    watch_fail(watch, BC_ERR_CLOSED, "etcd cancelled the watch without a reason");
  } else if ((cluster_id != 0 && cluster_id != watch->cluster_id) ||
             (answer->events == 0 && revision != 0 && revision + 1 < watch->next)) {
    watch_end(watch, BC_ETCD_WATCH_ODD, NULL);
  } else {
    return false;
  }
  return true;
}

/* False when the watch is over. */
static bool watch_take_object(struct bc_etcd_watch *watch, struct bc_str object) {
  struct bc_etcd_watch_answer answer;
  struct bc_fault fault = {.column = 0};
  unsigned run = watch->run;
  if (bc_etcd_answer_watch(object, &answer, watch_hold, watch, &fault) != BC_ERR_OK) {
    watch_fail(watch, BC_ERR_PROTOCOL, fault.text);
    return false;
  }
  if (watch_take_end(watch, &answer)) {
    return false;
  }
  if (answer.created && !watch->live) {
    watch_confirm(watch);
    if (watch->run != run) {
      return false;
    }
  }
  /* The newest revision of a fragment may go on in the next one; all below it are complete. */
  if (!watch_apply(watch, answer.fragment ? watch->held_revision : UINT64_MAX)) {
    return false;
  }
  if (watch->held_bytes > BC_LIMIT_ETCD_OBJECT_BYTES) {
    watch_fail(watch, BC_ERR_LIMIT, "one revision holds more changes than fit");
    return false;
  }
  if (answer.events == 0 && !answer.created && !answer.fragment && answer.header.revision >= watch->next) {
    watch->next = answer.header.revision + 1;
    watch->handler->applied(watch->handler->arg, answer.header.revision);
  }
  return watch->run == run;
}

static void watch_on_bytes(void *arg, struct bc_str bytes) {
  struct bc_etcd_watch *watch = arg;
  struct bc_str object;
  enum bc_err err;
  watch->heard = bc_loop_now(watch->loop);
  while ((err = bc_json_frame_next(&watch->frame, &bytes, &object)) == BC_ERR_OK) {
    if (!watch_take_object(watch, object)) {
      return;
    }
  }
  if (err != BC_ERR_AGAIN) {
    watch_fail(watch, err,
               err == BC_ERR_LIMIT ? "etcd's watch sends an object without end" : "etcd's watch sends no JSON objects");
  }
}

static void watch_on_end(void *arg, const struct bc_etcd_reply *reply) {
  struct bc_etcd_watch *watch = arg;
  watch->call = NULL;
  if (reply->err == BC_ERR_OK) {
    watch_fail(watch, BC_ERR_CLOSED, "etcd closed the watch");
  } else {
    watch_end(watch, BC_ETCD_WATCH_FAILED, reply);
  }
}

void bc_etcd_watch_start(struct bc_etcd_watch *watch) {
  bc_etcd_watch_stop(watch);
  struct bc_buf end;
  struct bc_buf body;
  bc_buf_init(&end, WATCH_REQUEST_BYTES);
  bc_buf_init(&body, WATCH_REQUEST_BYTES);
  bc_etcd_request_prefix_end(&end, watch->prefix);
  bc_etcd_request_watch(&body, watch->prefix, bc_buf_str(&end), watch->next);
  watch->call = bc_etcd_link_stream(watch->link, "/watch", bc_buf_str(&body), watch_on_bytes, watch_on_end, watch);
  bc_timer_start(watch->timer, watch->tuning->created_ms);
  bc_buf_free(&end);
  bc_buf_free(&body);
}
