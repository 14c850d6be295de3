/* The watch of one range of keys, from one revision (v2: index) on; one kind for each API of etcd.
 *
 * v3: a stream on a connection of its own; a revision is told when it is complete: fragments are joined.
 * v2: one long poll after the other. Either ends by itself (LIFE) after a random time; the caller opens it again. */
#ifndef BC_IO_ETCD_WATCH_H
#define BC_IO_ETCD_WATCH_H

#include "io/etcd_link.h"
#include "io/etcd_list.h"

enum bc_etcd_watch_end {
  BC_ETCD_WATCH_LIFE,      /* open it again where it stands: nothing is lost */
  BC_ETCD_WATCH_COMPACTED, /* the revisions it needs are gone: only a list helps */
  BC_ETCD_WATCH_ODD,       /* the server's revision is lower than what it told before, or its cluster another */
  BC_ETCD_WATCH_TOO_LARGE, /* what comes next does not fit, and would not again: only a list, page by page, helps */
  BC_ETCD_WATCH_FAILED,
};

struct bc_etcd_watch;
struct bc_etcd_watch_handler {
  void *arg;
  void (*created)(void *arg, struct bc_etcd_watch *watch);
  /* Each event of complete revisions in order, then `applied`. */
  void (*change)(void *arg, const struct bc_etcd_kv *kv);
  void (*applied)(void *arg, uint64_t revision);
  /* The watch is over; `reply` says why (only for TOO_LARGE and FAILED). */
  void (*ended)(void *arg, struct bc_etcd_watch *watch, enum bc_etcd_watch_end end, const struct bc_etcd_reply *reply);
};

/* What a watch borrows from the store that owns it. */
struct bc_etcd_watch_setup {
  struct bc_loop *loop;
  struct bc_etcd_link *link;
  const struct bc_etcd_tuning *tuning;
  struct bc_etcd_random *random;
  const struct bc_etcd_watch_handler *handler;
  const struct bc_etcd_key_range *range;
};

struct bc_etcd_watch_kind {
  struct bc_etcd_watch *(*new_watch)(const struct bc_etcd_watch_setup *setup);
  void (*free_watch)(struct bc_etcd_watch *watch);
  void (*start)(struct bc_etcd_watch *watch);
  void (*stop)(struct bc_etcd_watch *watch);
  /* The life of a watch that is live is over. */
  void (*expire)(struct bc_etcd_watch *watch);
  /* The store stands at `revision` by now. NULL: no matter. */
  void (*note)(struct bc_etcd_watch *watch, uint64_t revision);
};

struct bc_etcd_watch {
  const struct bc_etcd_watch_kind *kind;
  struct bc_etcd_watch_setup setup;
  uint64_t cluster_id;
  uint64_t next; /* first revision that was not told yet */
  bool live;     /* the server confirmed it */
  struct bc_mono heard;
  struct bc_etcd_call *call;
  struct bc_timer *timer; /* confirmation, then life */
  unsigned run;           /* number of this opening, to notice a stop inside of a callback */
};

struct bc_etcd_watch *bc_etcd_watch_new(const struct bc_etcd_watch_kind *kind, const struct bc_etcd_watch_setup *setup);
/* NULL is allowed. */
void bc_etcd_watch_free(struct bc_etcd_watch *watch);
/* Opens it at watch->next in watch->cluster_id, which the caller sets. */
void bc_etcd_watch_start(struct bc_etcd_watch *watch);
void bc_etcd_watch_stop(struct bc_etcd_watch *watch);
/* The store was heard to stand at `revision`: may end the watch (LIFE). */
void bc_etcd_watch_note(struct bc_etcd_watch *watch, uint64_t revision);

/* ---- for the kinds ---- */
extern const struct bc_etcd_watch_kind bc_etcd3_watch_kind;
extern const struct bc_etcd_watch_kind bc_etcd2_watch_kind;
/* Stops the watch and tells its end. */
void bc_etcd_watch_end(struct bc_etcd_watch *watch, enum bc_etcd_watch_end end, const struct bc_etcd_reply *reply);
void bc_etcd_watch_fail(struct bc_etcd_watch *watch, enum bc_err err, const char *text);
void bc_etcd_watch_give_up(struct bc_etcd_watch *watch, enum bc_etcd_watch_end end, enum bc_err err, const char *text);
/* The server has confirmed the watch: its life begins. */
void bc_etcd_watch_confirm(struct bc_etcd_watch *watch);

#endif
