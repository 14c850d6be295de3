/* The watch of one key prefix: a stream on a connection of its own, from one revision on.
 *
 * A revision is told when it is complete: fragments are joined. The watch ends by itself (LIFE) after a
 * random time; it never opens itself again. */
#ifndef BC_IO_ETCD_WATCH_H
#define BC_IO_ETCD_WATCH_H

#include "io/etcd_link.h"
#include "proto/json_frame.h"

#include <sys/queue.h>

enum bc_etcd_watch_end {
  BC_ETCD_WATCH_LIFE,      /* open it again where it stands: nothing is lost */
  BC_ETCD_WATCH_COMPACTED, /* the revisions it needs are gone */
  BC_ETCD_WATCH_ODD,       /* the server's revision is lower than what it told before, or its cluster another */
  BC_ETCD_WATCH_FAILED,
};

struct bc_etcd_watch;
struct bc_etcd_watch_handler {
  void *arg;
  void (*created)(void *arg, struct bc_etcd_watch *watch);
  /* Each event of complete revisions in order, then `applied`. */
  void (*change)(void *arg, const struct bc_etcd_kv *kv);
  void (*applied)(void *arg, uint64_t revision);
  /* The watch is over; `reply` says why (only for FAILED). */
  void (*ended)(void *arg, struct bc_etcd_watch *watch, enum bc_etcd_watch_end end, const struct bc_etcd_reply *reply);
};

struct etcd_watch_event;
STAILQ_HEAD(bc_etcd_watch_events, etcd_watch_event);

struct bc_etcd_watch {
  struct bc_loop *loop;
  struct bc_etcd_link *link;
  const struct bc_etcd_tuning *tuning;
  struct bc_etcd_random *random;
  const struct bc_etcd_watch_handler *handler;
  struct bc_str prefix;
  uint64_t cluster_id;
  uint64_t next; /* first revision that was not told yet */
  bool live;     /* the server confirmed it */
  struct bc_mono heard;
  struct bc_etcd_call *call;
  struct bc_timer *timer; /* confirmation, then life */
  struct bc_json_frame frame;
  struct bc_etcd_watch_events held;
  size_t held_bytes;
  uint64_t held_revision; /* highest */
  unsigned run;           /* number of this opening, to notice a stop inside of a callback */
};

/* `prefix` and `handler` stay the caller's. */
void bc_etcd_watch_init(struct bc_etcd_watch *watch, struct bc_loop *loop, struct bc_etcd_link *link,
                        const struct bc_etcd_tuning *tuning, struct bc_etcd_random *random, struct bc_str prefix,
                        const struct bc_etcd_watch_handler *handler);
void bc_etcd_watch_fini(struct bc_etcd_watch *watch);
/* Opens it at watch->next in watch->cluster_id, which the caller sets. */
void bc_etcd_watch_start(struct bc_etcd_watch *watch);
void bc_etcd_watch_stop(struct bc_etcd_watch *watch);

#endif
