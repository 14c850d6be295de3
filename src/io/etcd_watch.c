#include "io/etcd_watch.h"

static void watch_on_timer(void *arg) {
  struct bc_etcd_watch *watch = arg;
  if (watch->live) {
    watch->kind->expire(watch);
  } else if (bc_etcd_link_is_waiting(watch->call)) {
    bc_timer_start(watch->timer, watch->setup.tuning->created_ms);
  } else {
    bc_etcd_watch_fail(watch, BC_ERR_TIMEOUT, "etcd accepts connections but does not confirm a watch");
  }
}

struct bc_etcd_watch *bc_etcd_watch_new(const struct bc_etcd_watch_kind *kind,
                                        const struct bc_etcd_watch_setup *setup) {
  struct bc_etcd_watch *watch = kind->new_watch(setup);
  watch->kind = kind;
  watch->setup = *setup;
  watch->timer = bc_timer_new(setup->loop, watch_on_timer, watch);
  return watch;
}

void bc_etcd_watch_free(struct bc_etcd_watch *watch) {
  if (watch != NULL) {
    bc_etcd_watch_stop(watch);
    bc_timer_free(watch->timer);
    watch->kind->free_watch(watch);
  }
}

void bc_etcd_watch_start(struct bc_etcd_watch *watch) {
  bc_etcd_watch_stop(watch);
  watch->kind->start(watch);
  bc_timer_start(watch->timer, watch->setup.tuning->created_ms);
}

void bc_etcd_watch_stop(struct bc_etcd_watch *watch) {
  watch->run++;
  watch->live = false;
  bc_etcd_link_cancel(watch->call);
  watch->call = NULL;
  bc_timer_stop(watch->timer);
  watch->kind->stop(watch);
}

void bc_etcd_watch_note(struct bc_etcd_watch *watch, uint64_t revision) {
  if (watch->kind->note != NULL) {
    watch->kind->note(watch, revision);
  }
}

void bc_etcd_watch_end(struct bc_etcd_watch *watch, enum bc_etcd_watch_end end, const struct bc_etcd_reply *reply) {
  bc_etcd_watch_stop(watch);
  watch->setup.handler->ended(watch->setup.handler->arg, watch, end, reply);
}

void bc_etcd_watch_give_up(struct bc_etcd_watch *watch, enum bc_etcd_watch_end end, enum bc_err err, const char *text) {
  struct bc_etcd_reply reply = {.err = err, .error = {.code = -1}};
  bc_fault_set(&reply.error.fault, 0, "%s", text);
  bc_etcd_watch_end(watch, end, &reply);
}

void bc_etcd_watch_fail(struct bc_etcd_watch *watch, enum bc_err err, const char *text) {
  bc_etcd_watch_give_up(watch, BC_ETCD_WATCH_FAILED, err, text);
}

void bc_etcd_watch_confirm(struct bc_etcd_watch *watch) {
  watch->live = true;
  int64_t spread = watch->setup.tuning->life_most_ms - watch->setup.tuning->life_least_ms;
  bc_timer_start(watch->timer, watch->setup.tuning->life_least_ms + bc_etcd_random(watch->setup.random, spread));
  watch->setup.handler->created(watch->setup.handler->arg, watch);
}
