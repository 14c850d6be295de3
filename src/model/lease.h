/* Routes that came by the API ("leases"), each with the time that it has left: their table, the records of their file,
 * and the clock by which they end. Pure: no file, no clock of its own.
 *
 * The clock of a table only goes forwards. From one time to the next it goes by the boot clock (CLOCK_BOOTTIME, which
 * nobody sets and which goes on while the machine sleeps) when both are of one boot and it did not go back (a machine
 * set back to a snapshot, a container with a time namespace of its own); else by the wall clock, and not at all when
 * that went back: what was left then is left now. So nothing ever has more left than it had.
 *
 * A lease that is removed or has ended is `leaving`: it is not announced any more, and stays in the file until its
 * withdraw was confirmed, so that whoever starts next withdraws it by name, with or without a store.
 *
 * The file: a first line with its version, then one record a line, each with a checksum, the time at which it was
 * written, and how many were removed until then: their number, and the sum of their ids. It may be cut or damaged
 * anywhere: a damaged line is left out and told, all others are read. The next good record tells whether a removal was
 * in it, and which one. Where it does not (more than one removal is missing, or no record follows), what stands before
 * the line is `doubtful`, because the line may have been its removal. */
#ifndef BC_MODEL_LEASE_H
#define BC_MODEL_LEASE_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/tree.h"

#include <stdbool.h>
#include <stdint.h>

/* Names of routes of the API begin with it; no name of the store can hold the colon. */
#define BC_LEASE_PREFIX "api:"

enum { BC_LEASE_BOOT_ID_BYTES = 40 };

/* One moment, by all clocks. */
struct bc_lease_time {
  int64_t wall_ms;                      /* since 1970 UTC */
  int64_t boot_ms;                      /* CLOCK_BOOTTIME */
  char boot_id[BC_LEASE_BOOT_ID_BYTES]; /* which boot that is of; terminated */
};

struct bc_lease {
  RB_ENTRY(bc_lease) by_name; /* those that are leaving have a tree of their own */
  RB_ENTRY(bc_lease) by_id;
  RB_ENTRY(bc_lease) by_due; /* with a TTL, unless it is leaving */
  uint64_t id;               /* never used again in this file */
  const char *name;          /* "api:web"; these texts are owned by the lease */
  const char *text;          /* the route as bc_route_print writes it, without verb */
  const char *owner;         /* "token web1" */
  const char *reason;        /* "" = none given */
  const char *source;        /* "POST / from 127.0.0.1" */
  int64_t since_ms;          /* wall clock, when it was put */
  uint64_t ttl_ms;           /* as asked for; 0 = none: until it is removed */
  size_t nlri;               /* of the route, by whoever put it; not in the file */
  uint64_t due;              /* by the clock of the table; 0 without TTL */
  bool is_leaving;
  bool keeps_identity; /* as it was put: the one that it replaced had the same neighbors and NLRI */
  bool is_doubtful;    /* stands in the file before a damaged line, which may have been its removal */
};

/* What is put. */
struct bc_lease_ask {
  const char *name; /* with the prefix */
  const char *text;
  const char *owner;
  const char *reason;
  const char *source;
  uint64_t ttl_ms;
  size_t nlri;
  bool keeps_identity; /* the one that has its name now has the same neighbors and NLRI: nothing of it is left to go */
};

struct bc_leases;

struct bc_leases *bc_leases_new(void);
void bc_leases_free(struct bc_leases *leases);

/* ---- the file ---- */

struct bc_lease_load {
  size_t good_bytes; /* whole and without damage: less than the content = write it anew */
  size_t line_bytes; /* up to the end of the last line: behind it may be appended */
  size_t records;    /* good ones */
  size_t damaged;    /* lines that were left out; not the last one when it was cut */
  size_t inferred;   /* removals among them, which the records behind them tell */
  size_t dropped;    /* leases that were left out for a limit, or because a put names no route and no name */
  bool is_other;     /* not a file of this kind, or of a version that is not known: nothing was read */
};

/* Reads the whole content into an empty table, as of `now`: those whose time is over are due then. A record of the
 * clock (bc_leases_tell_clock) belongs behind what was read: what passed of this boot until now would not count later,
 * should the wall clock have gone back. */
void bc_leases_load(struct bc_leases *leases, struct bc_str content, const struct bc_lease_time *now,
                    struct bc_lease_load *to);
/* The whole table as a new file, as of its clock. */
void bc_leases_print(const struct bc_leases *leases, struct bc_buf *to);
/* What the records need that all of them are removed and forgotten, those too that are made and not taken yet. */
size_t bc_leases_removal_bytes(const struct bc_leases *leases);
/* More than half of so many bytes are of no use any more. */
bool bc_leases_is_grown(const struct bc_leases *leases, size_t bytes);

/* ---- the clock ---- */

/* It is `now`. Times that are before the last one move nothing. */
void bc_leases_move(struct bc_leases *leases, const struct bc_lease_time *now);
/* How far the clock of the table is, in ms. */
uint64_t bc_leases_clock(const struct bc_leases *leases);
/* What the lease has left; 0 = over, UINT64_MAX = it has no TTL. */
uint64_t bc_lease_left_ms(const struct bc_leases *leases, const struct bc_lease *lease);
/* The one that ends first of those with a TTL that are not leaving, or NULL. */
struct bc_lease *bc_leases_first_due(const struct bc_leases *leases);

/* ---- changes; each appends its record to `record`, stamped with the time of the last bc_leases_move ---- */

/* A new one, in no table yet: when its record is on disk it is taken with bc_leases_commit, else dropped. BC_ERR_LIMIT:
 * BC_LIMIT_LEASES with those that are made and not taken yet, as many that are leaving, BC_LIMIT_LEASES_BYTES; a
 * text that is too long. */
BC_MUST_CHECK enum bc_err bc_leases_make(struct bc_leases *leases, const struct bc_lease_ask *ask,
                                         struct bc_lease **out, struct bc_buf *record);
/* In the order in which they were made. One with its name is replaced: it is leaving, or freed if nothing is left. */
void bc_leases_commit(struct bc_leases *leases, struct bc_lease *lease);
void bc_leases_drop(struct bc_leases *leases, struct bc_lease *lease);
/* It is leaving from now on. */
void bc_leases_leave(struct bc_leases *leases, struct bc_lease *lease, struct bc_buf *record);
/* The same of one that is made and not taken yet; bc_leases_leave follows when it is. */
void bc_leases_leave_made(struct bc_leases *leases, const struct bc_lease *made, struct bc_buf *record);
/* Its withdraw was confirmed: it is forgotten, and freed. */
void bc_leases_forget(struct bc_leases *leases, struct bc_lease *lease, struct bc_buf *record);
/* How late it is: so that little is unknown after a reboot whose wall clock is wrong. */
void bc_leases_tell_clock(struct bc_leases *leases, struct bc_buf *record);

/* ---- looking ---- */

/* Not the leaving ones. */
struct bc_lease *bc_leases_find(const struct bc_leases *leases, const char *name);
/* Of the leaving ones of that name the newest. */
struct bc_lease *bc_leases_find_leaving(const struct bc_leases *leases, const char *name);
/* Those in the order of names, after the one with this name (NULL = from the first), not the leaving ones. */
struct bc_lease *bc_leases_after(const struct bc_leases *leases, const char *name);
/* All, the leaving ones too, in the order of ids; 0 = from the first. */
struct bc_lease *bc_leases_after_id(const struct bc_leases *leases, uint64_t id);

struct bc_leases_counts {
  size_t live, timed, leaving;
};
struct bc_leases_counts bc_leases_counts(const struct bc_leases *leases);

#endif
