#include "io/etcd_watch.h"

#include "base/limits.h"
#include "base/mem.h"
#include "proto/etcd_request.h"
#include "proto/json_frame.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { WATCH_REQUEST_BYTES = 262144 };

struct etcd_watch_event {
  STAILQ_ENTRY(etcd_watch_event) link;
  struct bc_etcd_kv kv; /* its slices point behind this struct */
};

STAILQ_HEAD(etcd_watch_events, etcd_watch_event);

struct etcd3_watch {
  struct bc_etcd_watch base;
  struct bc_json_frame frame;
  struct etcd_watch_events held;
  size_t held_bytes;
  uint64_t held_revision; /* highest */
};

static struct etcd3_watch *watch_of(struct bc_etcd_watch *base) {
  return (struct etcd3_watch *)base;
}

static struct bc_etcd_watch *watch_new(const struct bc_etcd_watch_setup *setup) {
  struct etcd3_watch *watch = bc_mem_new(1, sizeof *watch);
  (void)setup;
  STAILQ_INIT(&watch->held);
  bc_json_frame_init(&watch->frame, BC_LIMIT_ETCD_OBJECT_BYTES);
  return &watch->base;
}

static void watch_drop_first_held(struct etcd3_watch *watch) {
  struct etcd_watch_event *event = STAILQ_FIRST(&watch->held);
  STAILQ_REMOVE_HEAD(&watch->held, link);
  watch->held_bytes -= event->kv.key.len + event->kv.value.len;
  free(event);
}

static void watch_stop(struct bc_etcd_watch *base) {
  struct etcd3_watch *watch = watch_of(base);
  bc_json_frame_clear(&watch->frame);
  while (!STAILQ_EMPTY(&watch->held)) {
    watch_drop_first_held(watch);
  }
  watch->held_revision = 0;
}

static void watch_free(struct bc_etcd_watch *base) {
  struct etcd3_watch *watch = watch_of(base);
  bc_json_frame_free(&watch->frame);
  free(watch);
}

static void watch_expire(struct bc_etcd_watch *base) {
  bc_etcd_watch_end(base, BC_ETCD_WATCH_LIFE, NULL);
}

static void watch_hold(void *arg, const struct bc_etcd_kv *kv) {
  struct etcd3_watch *watch = arg;
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
static bool watch_apply(struct etcd3_watch *watch, uint64_t limit) {
  unsigned run = watch->base.run;
  uint64_t next = watch->base.next;
  uint64_t revision = 0;
  struct etcd_watch_event *event;
  while ((event = STAILQ_FIRST(&watch->held)) != NULL && event->kv.mod_revision < limit) {
    revision = event->kv.mod_revision > revision ? event->kv.mod_revision : revision;
    STAILQ_REMOVE_HEAD(&watch->held, link);
    watch->held_bytes -= event->kv.key.len + event->kv.value.len;
    if (event->kv.mod_revision >= next) {
      watch->base.setup.handler->change(watch->base.setup.handler->arg, &event->kv);
    }
    free(event);
    if (watch->base.run != run) {
      return false;
    }
  }
  if (revision == 0) {
    return true;
  }
  if (revision >= watch->base.next) {
    watch->base.next = revision + 1;
  }
  watch->base.setup.handler->applied(watch->base.setup.handler->arg, revision);
  return watch->base.run == run;
}

/* The messages that end a watch; true when it has ended. */
static bool watch_take_end(struct etcd3_watch *watch, const struct bc_etcd_watch_answer *answer) {
  uint64_t cluster_id = answer->header.cluster_id;
  uint64_t revision = answer->header.revision;
  if (answer->compact_revision != 0) {
    bc_etcd_watch_end(&watch->base, BC_ETCD_WATCH_COMPACTED, NULL);
  } else if (answer->has_error) {
    struct bc_etcd_reply reply = {.err = BC_ERR_REFUSED, .error = answer->error};
    bc_etcd_watch_end(&watch->base, BC_ETCD_WATCH_FAILED, &reply);
  } else if (answer->canceled) {
    bc_etcd_watch_fail(&watch->base, BC_ERR_CLOSED, "etcd cancelled the watch without a reason");
  } else if ((cluster_id != 0 && cluster_id != watch->base.cluster_id) ||
             (answer->events == 0 && revision != 0 && revision + 1 < watch->base.next)) {
    bc_etcd_watch_end(&watch->base, BC_ETCD_WATCH_ODD, NULL);
  } else {
    return false;
  }
  return true;
}

/* False when the watch is over. */
static bool watch_take_object(struct etcd3_watch *watch, struct bc_str object) {
  struct bc_etcd_watch_answer answer;
  struct bc_fault fault = {.column = 0};
  unsigned run = watch->base.run;
  if (bc_etcd_answer_watch(object, &answer, watch_hold, watch, &fault) != BC_ERR_OK) {
    bc_etcd_watch_fail(&watch->base, BC_ERR_PROTOCOL, fault.text);
    return false;
  }
  if (watch_take_end(watch, &answer)) {
    return false;
  }
  if (answer.created && !watch->base.live) {
    bc_etcd_watch_confirm(&watch->base);
    if (watch->base.run != run) {
      return false;
    }
  }
  /* The newest revision of a fragment may go on in the next one; all below it are complete. */
  if (!watch_apply(watch, answer.fragment ? watch->held_revision : UINT64_MAX)) {
    return false;
  }
  if (watch->held_bytes > BC_LIMIT_ETCD_OBJECT_BYTES) {
    bc_etcd_watch_give_up(&watch->base, BC_ETCD_WATCH_TOO_LARGE, BC_ERR_LIMIT,
                          "one revision of etcd holds more changes than fit");
    return false;
  }
  if (answer.events == 0 && !answer.created && !answer.fragment && answer.header.revision >= watch->base.next) {
    watch->base.next = answer.header.revision + 1;
    watch->base.setup.handler->applied(watch->base.setup.handler->arg, answer.header.revision);
  }
  return watch->base.run == run;
}

static void watch_on_bytes(void *arg, struct bc_str bytes) {
  struct etcd3_watch *watch = arg;
  struct bc_str object;
  enum bc_err err;
  watch->base.heard = bc_mono_now();
  while ((err = bc_json_frame_next(&watch->frame, &bytes, &object)) == BC_ERR_OK) {
    if (!watch_take_object(watch, object)) {
      return;
    }
  }
  if (err == BC_ERR_LIMIT) {
    bc_etcd_watch_give_up(&watch->base, BC_ETCD_WATCH_TOO_LARGE, err, "etcd's watch sends an object without end");
  } else if (err != BC_ERR_AGAIN) {
    bc_etcd_watch_fail(&watch->base, err, "etcd's watch sends no JSON objects");
  }
}

static void watch_on_end(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd3_watch *watch = arg;
  watch->base.call = NULL;
  if (reply->err == BC_ERR_OK) {
    bc_etcd_watch_fail(&watch->base, BC_ERR_CLOSED, "etcd closed the watch");
  } else {
    bc_etcd_watch_end(&watch->base, BC_ETCD_WATCH_FAILED, reply);
  }
}

static void watch_start(struct bc_etcd_watch *base) {
  const struct bc_etcd_key_range *range = base->setup.range;
  struct bc_buf body;
  bc_buf_init(&body, WATCH_REQUEST_BYTES);
  bc_etcd_request_watch(&body, bc_str_of(range->from), bc_str_of(range->to), base->next);
  base->call =
      bc_etcd_link_stream(base->setup.link, "/watch", bc_buf_str(&body), watch_on_bytes, watch_on_end, watch_of(base));
  bc_buf_free(&body);
}

const struct bc_etcd_watch_kind bc_etcd3_watch_kind = {
    .new_watch = watch_new, .free_watch = watch_free, .start = watch_start, .stop = watch_stop, .expire = watch_expire};
