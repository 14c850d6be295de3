/* What the files of core/lease share: lease.c (put, remove, look), lease_disk.c (the file), lease_start.c (the start,
 * the end of a lease, what is leaving), lease_owner.c (counts). */
#ifndef BC_CORE_LEASE_PRIVATE_H
#define BC_CORE_LEASE_PRIVATE_H

#include "core/lease.h"
#include "core/private.h"
#include "io/boot.h"

/* Something on its way to the disk. */
struct core_lease_op {
  TAILQ_ENTRY(core_lease_op) link;
  struct core_leases *leases;
  struct bc_lease *made; /* a put: taken when its record is on disk; NULL = the record tells what happened already */
  struct bc_route route; /* of a put */
  struct bc_buf record;
  bool is_sent;
  bool is_removed;          /* a put that somebody removed before it was on disk: it never comes to be */
  bool is_owed;             /* the file may not go on without it */
  bool is_removal;          /* … and has room for it when the disk is full */
  core_lease_done_fn *done; /* may be NULL */
  void *arg;
};
TAILQ_HEAD(core_lease_ops, core_lease_op);

struct core_lease_owner;
RB_HEAD(core_lease_owner_tree, core_lease_owner);

enum { CORE_LEASE_MINUTES = 60 };

/* NLRI that were put within the last hour, by minute. */
struct core_lease_rate {
  int64_t minute; /* of the newest count */
  uint32_t counts[CORE_LEASE_MINUTES];
};

struct core_leases {
  struct bc_core *core;
  struct bc_leases *table;
  struct bc_disk_log *log; /* NULL: it could not be opened */
  struct bc_timer *timer;  /* for what ends, leaves, and the clock */
  struct bc_mono timer_at;
  struct bc_timer *retry_timer;
  struct core_lease_ops ops;
  size_t sent;        /* of the ops */
  char *problem;      /* why the file cannot be read or written; NULL = fine */
  bool is_loaded;     /* what it holds is known */
  bool lacks_records; /* it lacks a removal, is damaged, or may have a put that failed */
  bool must_rewrite;  /* for that, or as it has grown: nothing but removals is appended before it was written anew */
  int64_t grown_after_ms; /* by the boot clock: not before that it is written anew only because it has grown */
  bool is_rewriting;      /* … and that is under way */
  bool is_closing;
  struct core_lease_totals totals;
  size_t damaged;  /* lines that were left out at the start */
  size_t in_doubt; /* leases that were kept though one of these lines may have been their removal */
  char boot_id[BC_BOOT_ID_BYTES];
  int64_t zero_wall_ms;    /* the wall clock when that of the table was 0: moved only when somebody sets the clock, so
                              that the end of a lease is told alike each time */
  int64_t clock_told_ms;   /* by the boot clock: the last record of the clock; 0 = none since the start */
  uint64_t leaving_after;  /* id: where the look at the leaving ones goes on */
  const char *gone_reason; /* why the leases that go now go */
  struct core_lease_owner_tree owners;
  size_t owner_count;
  size_t nlri; /* of all that stand */
};

/* ---- lease.c ---- */
/* Moves the table's clock to now. */
void core_lease_tick(struct core_leases *leases);
/* The text of a lease as a route; false when it is none any more. */
bool core_lease_parse(struct core_leases *leases, const struct bc_lease *lease, struct bc_route *route);
/* An event of it. */
void core_lease_tell(struct core_leases *leases, const struct bc_lease *lease, const char *what);
/* A put is on disk. */
void core_lease_take(struct core_leases *leases, struct core_lease_op *op);
/* Its time was over, or it was removed, before it was on disk: it leaves without having stood. */
void core_lease_miss(struct core_leases *leases, struct bc_lease *lease, bool is_removed);
/* It goes, and may be freed: no more in the configuration; the record of it is appended. It goes to the disk before
 * core_apply_changes, which follows. */
void core_lease_drop(struct core_leases *leases, struct bc_lease *lease, const char *reason, struct bc_buf *record);

/* ---- lease_disk.c ---- */
/* Reads the file. False: it cannot be read now. */
bool core_lease_disk_open(struct core_leases *leases);
void core_lease_disk_close(struct core_leases *leases);
/* Takes the record over (and `made`); `done` may be NULL. BC_ERR_LIMIT, BC_ERR_IO: nothing was taken. */
BC_MUST_CHECK enum bc_err core_lease_disk_put(struct core_leases *leases, struct bc_lease *made,
                                              const struct bc_route *route, struct bc_buf *record,
                                              core_lease_done_fn *done, void *arg);
/* A record of what happened already: it is written sooner or later. A removal: also when the disk is full. */
void core_lease_disk_note(struct core_leases *leases, struct bc_buf *record, bool is_removal, core_lease_done_fn *done,
                          void *arg);
/* A record of the clock: nothing is lost without it. */
void core_lease_disk_tell_clock(struct core_leases *leases);
/* Writes it anew when it has grown, or must be. */
void core_lease_disk_mind(struct core_leases *leases);
/* After a write that failed: what is owed is written, and what waited; or whether it works again is tried. */
void core_lease_disk_retry(struct core_leases *leases);
void core_lease_set_problem(struct core_leases *leases, const char *problem);

/* ---- lease_start.c ---- */
/* After the file was read: what has ended leaves, the others are put into the configuration. */
void core_lease_begin(struct core_leases *leases);
/* Sets the timer for what is next; one that ends sooner stays. */
void core_lease_arm(struct core_leases *leases);
void core_lease_on_timer(void *arg);

/* ---- lease_owner.c ---- */
/* It was put by its owner, so long ago. */
void core_lease_owner_put(struct core_leases *leases, const struct bc_lease *lease, int64_t age_ms);
/* It stands, or does not any more. */
void core_lease_owner_live(struct core_leases *leases, const struct bc_lease *lease, bool is_live);
void core_lease_owner_free(struct core_leases *leases);

#endif
