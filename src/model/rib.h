/* What we want, what we told ExaBGP, what it acknowledged, what went over the wire.
 *
 * Pure: no I/O, no clock. Core feeds events in and takes lines out; the difference between wanted and
 * told is the next command. The rules, each of which cost somebody an outage (facts, exabgp.md):
 *
 * - One command in flight per NLRI; meanwhile only the last wanted state is kept. It is over when it
 *   is acknowledged and confirmed: on the wire of every neighbor that is established, negotiated the
 *   family, is selected, and reports its updates (`send { parsed; update; }`); for the other
 *   established ones after a drain (1 s, longer while a backlog drains); at once when none is up.
 * - A neighbor that goes down or comes up ends the wait for it (ExaBGP resends by itself).
 * - Not confirmed 2 s after both the ack and the last update seen from that neighbor: `unconfirmed`.
 *   An announce is repaired by a nudge (bc_route_nudged; wait; announce the right text), never by a
 *   withdraw; a withdraw is sent again. After three tries: alarm, and one try a minute. A wait blocks
 *   no other NLRI.
 * - An UPDATE tells no more than NLRI and MED: where a neighbor has not shown one text, and the next
 *   looks the same (always so with flows, which have no MED), what it then shows counts 1 s later.
 * - Withdraws go first. Entries with equal verb, selector, attributes and family are grouped
 *   (bc_route_print_group). At most BC_LIMIT_WINDOW_NLRI / _LINES unacknowledged.
 * - Before an announce is handed out its journal record must be on disk; withdraws wait for nothing.
 * - A withdraw carries the attribute text of the last announce.
 * - Ours is what the journal says: what stands in ExaBGP and is not in the journal is foreign and is
 *   never touched, also if it is wanted: then the entry is `foreign` and carries an error. With the
 *   journal lost, what is wanted and stands is adopted, and nothing is withdrawn for being unwanted.
 * - ExaBGP's acks may be missing: a barrier line (`show neighbor summary`) is handed out when lines
 *   were waiting for 2 s without a moment at which all were answered; its header tells that every
 *   earlier line was answered.
 *   With fewer answers than lines all that are not confirmed are sent again, one line at a time, and
 *   the one that stays unanswered or is refused becomes `refused` (tried again after 30 s, doubled up
 *   to 10 min, or when its text changes). A refused group is sent again one by one.
 * - A drain, or no neighbor to wait for, counts only with an ack that cannot be another line's; a wire
 *   message proves the command even when its ack is missing.
 * - For 1 s after the start nothing that an earlier core may have commanded is changed: its last
 *   commands may still be under way, and two for one NLRI that meet are reordered.
 * - A route whose selector changed is announced under the new one first; then the old one is withdrawn
 *   from those neighbors only that the new one does not reach.
 * - With acks off (bc_rib_set_acks) every batch is followed by a barrier, whose header acks it.
 *
 * Memory: one entry per identity (selector and NLRI), about 200 bytes; texts are interned. */
#ifndef BC_MODEL_RIB_H
#define BC_MODEL_RIB_H

#include "base/enum_text.h"
#include "base/histogram.h"
#include "base/limits.h"
#include "base/mono.h"
#include "model/route.h"

struct bc_rib;

/* What a person reads of an entry; name, text */
#define BC_RIB_STATE_LIST(X)                                                                                           \
  X(BC_RIB_NONE, "none")               /* not wanted, not standing */                                                  \
  X(BC_RIB_PENDING, "pending")         /* wanted, not sent yet (queue, journal, window, held) */                       \
  X(BC_RIB_SENT, "sent")               /* written, no ack yet */                                                       \
  X(BC_RIB_ACKED, "acked")             /* in ExaBGP's RIB, waiting for the wire or the drain */                        \
  X(BC_RIB_ANNOUNCED, "announced")     /* confirmed on the wire, or drained */                                         \
  X(BC_RIB_STANDBY, "standby")         /* acknowledged; no neighbor that would get it is established */                \
  X(BC_RIB_WITHDRAWING, "withdrawing") /* withdraw pending, sent or acked */                                           \
  X(BC_RIB_UNCONFIRMED, "unconfirmed") /* the wire did not show it in time; being repaired */                          \
  X(BC_RIB_REFUSED, "refused")         /* ExaBGP refused it or never answered */                                       \
  X(BC_RIB_FOREIGN, "foreign")         /* stands, but not ours */

enum bc_rib_state { BC_RIB_STATE_LIST(BC_ENUM_MEMBER) };
const char *bc_rib_state_text(enum bc_rib_state value);

/* Neighbors have small numbers, 0 … BC_LIMIT_NEIGHBORS-1. */
struct bc_rib_neighbor {
  struct bc_neighbor_name name;
  uint32_t configured; /* set of 1 << enum bc_family */
  uint32_t negotiated; /* the same; counts while established; when not known = configured */
  bool is_ours;        /* our commands reach it */
  bool is_established;
  bool reports_updates; /* api { send { parsed; update; } } */
};

struct bc_rib *bc_rib_new(struct bc_intern *intern);
void bc_rib_free(struct bc_rib *rib);

/* ---- what becomes of commands, for who keeps records ---- */

enum bc_rib_event_kind {
  BC_RIB_EVENT_SENT,        /* handed out by bc_rib_next_command */
  BC_RIB_EVENT_ACKED,       /* ExaBGP took it */
  BC_RIB_EVENT_WIRE,        /* this neighbor's wire shows it, or the computed drain is over */
  BC_RIB_EVENT_UNCONFIRMED, /* this neighbor did not show it in time */
  BC_RIB_EVENT_REFUSED,     /* ExaBGP refused it, or never answered */
  BC_RIB_EVENT_ALARMED      /* repaired as often as is tried in a row, without success */
};

/* Valid during the call. */
struct bc_rib_event {
  enum bc_rib_event_kind kind;
  const char *owner;  /* the name of the route that wanted it last; NULL = none */
  uint64_t mark;      /* what the want had that led to the command */
  unsigned neighbor;  /* WIRE and UNCONFIRMED */
  uint64_t line;      /* SENT: the number of the line; the NLRI of one line follow each other */
  enum bc_verb verb;  /* of the command */
  bool is_repair;     /* SENT: a nudge, or what was sent before */
  bool is_by_time;    /* WIRE: the neighbor does not report its updates */
  struct bc_str text; /* SENT: the whole line; REFUSED: why, with the command */
};
/* Within calls of this header, which it must not make itself. */
typedef void bc_rib_event_fn(void *arg, const struct bc_rib_event *event);
/* NULL: nobody observes. What happens again to a route that nothing new is wanted of (a session comes up, a repair once
 * a minute) is not told, so that the number of events is bounded by that of wants. */
void bc_rib_observe(struct bc_rib *rib, bc_rib_event_fn *fn, void *arg);
/* The mark of what is wanted and unwanted from now on; 0 (as at the beginning): no event tells of it. */
void bc_rib_set_mark(struct bc_rib *rib, uint64_t mark);

/* ---- wants: any time, also before bc_rib_start ---- */

/* Wants `route` (copied) announced for `owner` (a route's name, copied as an interned text). Replaces
 * an earlier want of the same identity. One NLRI only (bc_route_single); no routes with `internal` words. */
void bc_rib_want(struct bc_rib *rib, const char *owner, const struct bc_route *route, struct bc_mono now);
/* Wants that identity withdrawn; nothing happens when it neither stands nor is wanted. */
void bc_rib_unwant(struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri, struct bc_mono now);

/* ---- start: journal and what stands, then bc_rib_start ---- */

/* The journal's whole content, possibly cut anywhere or damaged: good records before the first damage
 * count. Returns how many bytes were good: the caller cuts the file to that length before anything is
 * appended, else the new records are never read. Call at most once, before bc_rib_start. */
size_t bc_rib_journal_load(struct bc_rib *rib, struct bc_str content);
/* Before the first line of each answer to `show adj-rib out extensive`: what the one before told is forgotten. */
void bc_rib_standing_begin(struct bc_rib *rib);
/* One line of it. `route` NULL when its text could not be parsed: then the
 * raw line is listed as foreign. */
void bc_rib_standing(struct bc_rib *rib, unsigned neighbor, const struct bc_route *route, struct bc_str raw);
/* Before bc_rib_start: whether that identity stands somewhere and the journal says that it is ours (or
 * there is no journal): such a route is presumed healthy until its check says otherwise. */
bool bc_rib_stood(struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri, bool journal_is_lost);
/* The attributes with which it stands, as the journal says them (with the journal lost: as ExaBGP lists them); NULL =
 * it does not, or the RIB has started. */
const char *bc_rib_stood_as(struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri, bool journal_is_lost);
/* Before bc_rib_start: whether the journal has all of its NLRI with its very attributes. */
bool bc_rib_said(const struct bc_rib *rib, const struct bc_route *route);
/* Whether the journal has it as announced, whatever its attributes. */
bool bc_rib_is_recorded(const struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri);
/* Before bc_rib_start: whether there is any such route. */
bool bc_rib_stood_any(const struct bc_rib *rib, bool journal_is_lost);
/* All of the above is complete and the wants are the true ones: adopt, then let commands flow.
 * `journal_is_lost`: there was no journal although there may have been announcements. */
void bc_rib_start(struct bc_rib *rib, bool journal_is_lost, struct bc_mono now);
bool bc_rib_is_started(const struct bc_rib *rib);
/* Before the start: true when the wants may not name all that they should (no list of the store yet, a
 * route whose text cannot be read). Then what is ours and stands, but was never wanted or unwanted, is
 * left standing until this is called with false. */
void bc_rib_keep_unnamed(struct bc_rib *rib, bool keep, struct bc_mono now);

/* ---- journal: records to append to the file, in order ---- */

/* Moves the records that are due into `to` (appends; at most 1 MiB a call) and returns true if there
 * were any. They must be written with nothing else in between, then bc_rib_journal_written called;
 * one batch at a time: false until then. */
BC_MUST_CHECK bool bc_rib_journal_take(struct bc_rib *rib, struct bc_buf *to);
void bc_rib_journal_written(struct bc_rib *rib, struct bc_mono now);
/* The whole journal anew (for a rewrite when the file grew past twice the live records): the caller
 * writes it to a new file and renames; counts as one batch like bc_rib_journal_take. */
BC_MUST_CHECK bool bc_rib_journal_snapshot(struct bc_rib *rib, struct bc_buf *to);
/* Live records, for deciding when to rewrite. */
size_t bc_rib_journal_live(const struct bc_rib *rib);

/* ---- neighbors ---- */

/* A new number; BC_LIMIT_NEIGHBORS when there are too many (such a neighbor is not followed). */
unsigned bc_rib_neighbor_add(struct bc_rib *rib, const struct bc_rib_neighbor *neighbor);
/* is_established false→true is `up`, true→false is `down`. With another name the neighbor of before is gone, with all
 * that ExaBGP held for it, and a new one has its number. What ExaBGP refused is tried again at once where it may have
 * become good: one of those that it selects comes up, becomes ours or has another family. */
void bc_rib_neighbor_set(struct bc_rib *rib, unsigned number, const struct bc_rib_neighbor *neighbor,
                         struct bc_mono now);
const struct bc_rib_neighbor *bc_rib_neighbor_get(const struct bc_rib *rib, unsigned number);
unsigned bc_rib_neighbor_count(const struct bc_rib *rib);

/* ---- ExaBGP's answers ---- */

void bc_rib_set_acks(struct bc_rib *rib, bool acks);
void bc_rib_on_done(struct bc_rib *rib, struct bc_mono now);
void bc_rib_on_error(struct bc_rib *rib, struct bc_mono now);
/* The header line of `show neighbor summary`; its own `done` comes to bc_rib_on_done. */
void bc_rib_on_barrier(struct bc_rib *rib, struct bc_mono now);
/* What an NLRI without path identifier means that ExaBGP sent on a session without ADD-PATH (RFC 7911): the one of ours
 * with that prefix, when there is just one for this neighbor; else `nlri` itself. Valid until the rib changes. */
const struct bc_nlri *bc_rib_nlri_meant(const struct bc_rib *rib, unsigned neighbor, const struct bc_nlri *nlri);
/* One NLRI of an UPDATE that ExaBGP sent to `neighbor`. `med` counts for announces with has_med. */
void bc_rib_on_wire(struct bc_rib *rib, unsigned neighbor, enum bc_verb verb, const struct bc_nlri *nlri, bool has_med,
                    uint32_t med, struct bc_mono now);
/* End-of-RIB sent to `neighbor`: its initial table is out; what stands and was not seen on its wire
 * since `up` is unconfirmed there. */
void bc_rib_on_eor(struct bc_rib *rib, unsigned neighbor, enum bc_family family, struct bc_mono now);

/* ---- commands ---- */

/* The next line for ExaBGP (without line break) into `to` (cleared first); false when there is
 * nothing to write now. What it returned counts as written. */
BC_MUST_CHECK bool bc_rib_next_command(struct bc_rib *rib, struct bc_mono now, struct bc_buf *to);
/* The same, but only a barrier that is due: for a caller who waits until all lines are answered. */
BC_MUST_CHECK bool bc_rib_next_barrier(struct bc_rib *rib, struct bc_mono now, struct bc_buf *to);
/* Moves entries whose time has come; call when bc_rib_deadline is reached. */
void bc_rib_tick(struct bc_rib *rib, struct bc_mono now);
/* When bc_rib_tick is next needed; not set = never. */
struct bc_mono bc_rib_deadline(const struct bc_rib *rib);

/* ---- views ---- */

struct bc_rib_view {
  const char *owner;             /* NULL when no route of ours wants or wanted it */
  const struct bc_route *wanted; /* NULL = withdraw */
  const struct bc_route *told;   /* last announced text, NULL = none or withdrawn */
  enum bc_rib_state state;
  uint64_t on_wire;  /* set of neighbors (1 << number) that have it as told */
  uint64_t missing;  /* established neighbors that should have it and did not show it */
  unsigned nudges;   /* repairs tried */
  bool is_alarmed;   /* repaired three times without success */
  bool is_unnamed;   /* see bc_rib_keep_unnamed */
  bool is_acked;     /* ExaBGP took what is wanted now: the announce, or the withdraw */
  const char *error; /* why refused or foreign, or NULL */
};

/* The entry of an identity; false when there is none. Valid until the next change. */
bool bc_rib_find(const struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri, struct bc_rib_view *view);

/* Whether somebody wants this NLRI announced with a selector that meets this one, and is not `except`: its name; NULL =
 * nobody. */
const char *bc_rib_find_wanting(const struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri,
                                const char *except);
/* Whether this NLRI stands, ours, with a selector that meets this one, and nobody has named it yet: before
 * bc_rib_start, whether the journal has it, as far as is known. */
bool bc_rib_may_be_named(const struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri);
/* Takes one owner whose entry's view changed since it was last taken; NULL when none is left. The text
 * stays valid until the next call. Entries without owner are not told. */
const char *bc_rib_next_changed(struct bc_rib *rib);

/* Foreign routes that stand since the start, in the order listed, while no withdraw of them was seen on the wire: the
 * next one from *index (0 = the first) on, which then is behind it; false after the last. At most 10,000 texts are
 * kept, bc_rib_counts tells how many there are. */
bool bc_rib_foreign(const struct bc_rib *rib, size_t *index, unsigned *neighbor, const char **text);

/* How many NLRI of ours each neighbor has as told, by family; one pass over all entries. */
void bc_rib_count_on_wire(const struct bc_rib *rib, size_t counts[static BC_LIMIT_NEIGHBORS][BC_FAMILY_COUNT]);

/* Calls fn for each NLRI that is announced or wanted, or whose withdraw is not confirmed, or that is foreign and
 * stands; a pass over all entries. */
typedef void bc_rib_nlri_fn(void *arg, const struct bc_nlri *nlri);
void bc_rib_each_standing(const struct bc_rib *rib, bc_rib_nlri_fn *fn, void *arg);

struct bc_rib_counts {
  size_t entries;
  size_t by_state[BC_RIB_FOREIGN + 1];
  size_t foreign;
  size_t unnamed;          /* kept though nothing wants them: bc_rib_keep_unnamed */
  size_t queued;           /* commands that wait to be written, in NLRI */
  size_t outstanding_nlri; /* written, not acknowledged */
  size_t outstanding_lines;
  size_t outstanding_barriers;
  size_t journal_waiting; /* announces that wait for the journal */
  uint64_t lines_written, acks, acks_missing, nudges;
};
struct bc_rib_counts bc_rib_counts(const struct bc_rib *rib);
/* Foreign routes that stand at this neighbor. */
size_t bc_rib_count_foreign(const struct bc_rib *rib, unsigned neighbor);
/* From the moment in which a line was handed out to its ack (not while there are no acks), … */
const struct bc_histogram *bc_rib_ack_times(const struct bc_rib *rib);
/* … and to the UPDATE of each NLRI on the wire of each neighbor that reports its updates. */
const struct bc_histogram *bc_rib_wire_times(const struct bc_rib *rib);

/* True when nothing is queued, journalled, outstanding or waiting for confirmation. */
bool bc_rib_is_settled(const struct bc_rib *rib);

#endif
