/* v2: one long poll after the other; each tells one event, at once when it is in the server's history. */
#include "base/mem.h"
#include "io/etcd_watch.h"
#include "proto/etcd2_answer.h"
#include "proto/etcd2_request.h"

#include <stdlib.h>

enum {
  WATCH_PATH_BYTES = 65536,
  /* An event that was there when the poll began follows the head at once. */
  WATCH_SETTLED_MS = 1000
};

struct etcd2_watch {
  struct bc_etcd_watch base;
  uint64_t begun;        /* the index when the poll began: all up to it was looked at; 0: no head yet */
  struct bc_mono opened; /* when the head came */
  struct bc_timer *head; /* it must come soon: a connection that was used before may be dead */
};

static void watch_poll(struct etcd2_watch *watch);

static void watch_on_head_timer(void *arg) {
  struct etcd2_watch *watch = arg;
  if (bc_etcd_link_is_waiting(watch->base.call)) {
    bc_timer_start(watch->head, watch->base.setup.tuning->created_ms);
  } else {
    bc_etcd_watch_fail(&watch->base, BC_ERR_TIMEOUT, "etcd accepts connections but does not begin to wait");
  }
}

static struct bc_etcd_watch *watch_new(const struct bc_etcd_watch_setup *setup) {
  struct etcd2_watch *watch = bc_mem_new(1, sizeof *watch);
  watch->head = bc_timer_new(setup->loop, watch_on_head_timer, watch);
  return &watch->base;
}

static void watch_free(struct bc_etcd_watch *base) {
  bc_timer_free(((struct etcd2_watch *)base)->head);
  free(base);
}

static void watch_stop(struct bc_etcd_watch *base) {
  struct etcd2_watch *watch = (struct etcd2_watch *)base;
  watch->begun = 0;
  bc_timer_stop(watch->head);
}

static void watch_on_head(void *arg, const struct bc_etcd_header *header) {
  struct etcd2_watch *watch = arg;
  struct bc_etcd_watch *base = &watch->base;
  base->heard = bc_mono_now();
  if (header->cluster_id != base->cluster_id || header->revision + 1 < base->next) {
    bc_etcd_watch_end(base, BC_ETCD_WATCH_ODD, NULL);
    return;
  }
  watch->begun = header->revision;
  watch->opened = base->heard;
  bc_timer_stop(watch->head);
  if (!base->live) {
    bc_etcd_watch_confirm(base);
  }
}

/* The poll saw nothing up to the index at which it began, so that the next one may begin behind it: what has no events
 * of its own must not fall out of the server's history because of others'. */
static void watch_advance(struct etcd2_watch *watch) {
  if (watch->begun >= watch->base.next) {
    watch->base.next = watch->begun + 1;
  }
}

static bool watch_is_settled(const struct etcd2_watch *watch) {
  return watch->begun != 0 && bc_mono_ms_between(watch->opened, bc_mono_now()) >= WATCH_SETTLED_MS;
}

static void watch_expire(struct bc_etcd_watch *base) {
  struct etcd2_watch *watch = (struct etcd2_watch *)base;
  if (watch_is_settled(watch)) {
    watch_advance(watch);
  }
  bc_etcd_watch_end(base, BC_ETCD_WATCH_LIFE, NULL);
}

static void watch_on_kv(void *arg, const struct bc_etcd_kv *kv) {
  struct bc_etcd_watch *base = arg;
  /* One that was told before would never end: the poll asks for what comes after it. */
  if (kv->mod_revision >= base->next) {
    base->next = kv->mod_revision + 1;
    base->setup.handler->change(base->setup.handler->arg, kv);
  }
}

/* False when the watch is over. */
static bool watch_take_event(struct etcd2_watch *watch, struct bc_str body) {
  struct bc_etcd_watch *base = &watch->base;
  struct bc_fault fault = {.column = 0};
  unsigned run = base->run;
  uint64_t next = base->next;
  enum bc_err err = bc_etcd2_answer_event(body, watch_on_kv, base, &fault);
  if (base->run != run) {
    return false;
  }
  if (err != BC_ERR_OK || base->next == next) {
    bc_etcd_watch_fail(base, BC_ERR_PROTOCOL, err != BC_ERR_OK ? fault.text : "etcd's wait tells an event of the past");
    return false;
  }
  base->setup.handler->applied(base->setup.handler->arg, base->next - 1);
  return base->run == run;
}

static void watch_on_end(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd2_watch *watch = arg;
  struct bc_etcd_watch *base = &watch->base;
  base->call = NULL;
  bc_timer_stop(watch->head);
  base->heard = bc_mono_now();
  if (reply->err == BC_ERR_REFUSED && reply->error.trouble == BC_ETCD_TROUBLE_COMPACTED) {
    bc_etcd_watch_end(base, BC_ETCD_WATCH_COMPACTED, NULL);
  } else if (reply->err != BC_ERR_OK) {
    bc_etcd_watch_end(base, BC_ETCD_WATCH_FAILED, reply);
  } else if (bc_str_trim(reply->body).len > 0) {
    if (watch_take_event(watch, reply->body)) {
      watch_poll(watch);
    }
  } else if (watch_is_settled(watch)) {
    watch_advance(watch);
    bc_etcd_watch_end(base, BC_ETCD_WATCH_LIFE, NULL);
  } else {
    bc_etcd_watch_fail(base, BC_ERR_CLOSED, "etcd ended a wait without an event");
  }
}

static void watch_poll(struct etcd2_watch *watch) {
  struct bc_etcd_watch *base = &watch->base;
  struct bc_buf path;
  bc_buf_init(&path, WATCH_PATH_BYTES);
  bc_etcd2_request_wait(&path, bc_str_of(base->setup.range->from), base->next);
  watch->begun = 0;
  base->call = bc_etcd_link_poll(base->setup.link, path.data, watch_on_head, watch_on_end, watch);
  bc_timer_start(watch->head, base->setup.tuning->created_ms);
  bc_buf_free(&path);
}

static void watch_start(struct bc_etcd_watch *base) {
  watch_poll((struct etcd2_watch *)base);
}

static void watch_note(struct bc_etcd_watch *base, uint64_t index) {
  struct etcd2_watch *watch = (struct etcd2_watch *)base;
  if (base->live && watch_is_settled(watch) && index > watch->begun &&
      index - watch->begun > base->setup.tuning->history) {
    watch_expire(base);
  }
}

const struct bc_etcd_watch_kind bc_etcd2_watch_kind = {.new_watch = watch_new,
                                                       .free_watch = watch_free,
                                                       .start = watch_start,
                                                       .stop = watch_stop,
                                                       .expire = watch_expire,
                                                       .note = watch_note};
