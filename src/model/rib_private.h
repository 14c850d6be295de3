/* The inside of the RIB; only rib*.c include it.
 *
 * It is level-triggered: every event changes a few facts of an entry (wanted, told, what ExaBGP holds,
 * who has it, who misses it) and calls bc_rib_update, which derives what is due from the facts alone
 * and puts the entry's work where it belongs. Nothing remembers "what comes next", so no order of
 * events can leave a step behind. An entry without work is settled and costs no time. */
#ifndef BC_MODEL_RIB_PRIVATE_H
#define BC_MODEL_RIB_PRIVATE_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/slab.h"
#include "base/tree.h"
#include "model/rib.h"

#include <sys/queue.h>

enum {
  RIB_CONFIRM_MS = 2000,
  RIB_CONFIRM_MAX_MS = 60000,
  RIB_DRAIN_MS = 1000,
  RIB_DRAIN_NLRI_PER_SECOND = 5000,
  RIB_UNTRUSTED_MS = 200,
  RIB_BARRIER_MS = 2000,
  RIB_REFUSED_FIRST_MS = 30000,
  RIB_REFUSED_LAST_MS = 600000,
  RIB_TRIES = 3,
  RIB_ALARM_MS = 60000,
  RIB_INITIAL_MS = 60000,
  RIB_START_CALM_MS = 1000,
  RIB_FOREIGN_TEXTS = 10000,
  RIB_ERROR_BYTES = 1024,
  RIB_JOURNAL_BATCH_BYTES = 1048576,
  /* Enough for a batch: it is printed, and later marked as written, in one turn of the loop. */
  RIB_JOURNAL_STEP_BYTES = 65536
};

/* What a route says apart from its identity. `attributes` NULL = no route. `name` is not kept: it
 * would make ExaBGP take equal routes for different ones. */
struct rib_form {
  const char *attributes; /* interned, a reference */
  uint32_t med;
  bool has_med;
  bool has_next_hop;
  bool is_groupable;
};

struct rib_selector {
  RB_ENTRY(rib_selector) link;
  const char *text; /* interned, NULL = all */
  size_t refs;
  uint64_t number; /* order of entries, stable in all runs */
  uint64_t mask;   /* neighbors that it selects, ours or not */
};

/* What ExaBGP's own table has for an entry, as far as answers tell */
enum rib_holds { RIB_HOLDS_NONE, RIB_HOLDS_TOLD, RIB_HOLDS_DOUBT };

struct rib_work;
struct rib_note;

struct rib_entry {
  RB_ENTRY(rib_entry) link;
  struct rib_selector *selector;
  struct rib_work *work; /* NULL = settled */
  struct rib_note *note; /* waits in the list of changed owners */
  const char *owner;     /* interned */
  const char *journal;   /* interned attributes of its live journal record, NULL = none */
  struct rib_form wanted;
  struct rib_form told; /* last acknowledged announce; kept until its withdraw is confirmed */
  uint64_t on_wire;     /* have it as told */
  uint64_t missing;     /* should have what ExaBGP holds (or holds no more) and do not show it */
  uint64_t mark;        /* of the last want, for who observes */
  struct bc_nlri nlri;
  uint8_t holds; /* enum rib_holds */
  uint8_t state; /* enum bc_rib_state, as counted */
  bool is_foreign;
  bool is_inherited; /* an earlier core may have commanded it */
  bool is_unnamed;   /* stands, ours, and no want has named it yet: left as it is */
  bool is_told;      /* who observes was told of some wire since the last want */
};

/* With pointers of 8 bytes: each byte counts 100,000 times. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct rib_entry) <= 168, "an entry has grown");

enum rib_place {
  RIB_PLACE_IDLE,    /* being moved */
  RIB_PLACE_JOURNAL, /* its record is due */
  RIB_PLACE_BATCH,   /* its record is being written */
  RIB_PLACE_READY,   /* in a bucket */
  RIB_PLACE_SOLO,    /* to be sent between two barriers */
  RIB_PLACE_BLOCKED, /* another selector's command for this NLRI goes first */
  RIB_PLACE_SENT,    /* in a line */
  RIB_PLACE_WAIT,    /* acknowledged, not confirmed */
  RIB_PLACE_LATER,   /* refused, alarmed or calm: only its timer */
  RIB_PLACE_GONE,    /* nothing is left of it; freed at the end of the call */
  RIB_PLACE_COUNT
};

TAILQ_HEAD(rib_works, rib_work);

struct rib_bucket {
  RB_ENTRY(rib_bucket) link;
  TAILQ_ENTRY(rib_bucket) ring;
  struct rib_works works;
  struct rib_selector *selector;
  const char *attributes; /* pointer identity; its works hold the references */
  enum bc_verb verb;
  uint8_t family;
  bool is_groupable;
};

struct rib_work {
  TAILQ_ENTRY(rib_work) list;
  RB_ENTRY(rib_work) timer;
  struct rib_entry *entry;
  struct rib_bucket *bucket;     /* READY */
  struct rib_selector *selector; /* of the command; a reference; NULL = none yet */
  struct rib_form form;          /* of the command */
  struct rib_form written;       /* of the last one that was written */
  struct rib_form before;        /* WAIT: what was told before the ack, should it prove another's */
  struct bc_mono timer_at;       /* not set = not in the tree */
  struct bc_mono sent_at;        /* the last command was written */
  struct bc_mono acked_at;
  struct bc_mono drain_at;
  struct bc_mono retry_at; /* refused or alarmed: no repeat before */
  uint64_t seen;           /* SENT: neighbors that showed it already; WAIT: twins that showed it or its twin last */
  uint64_t waiting;        /* WAIT: reporting neighbors that did not show it yet */
  uint64_t draining;       /* WAIT: neighbors that do not report */
  uint64_t late;           /* WAIT: neighbors that were given up */
  uint64_t twins;          /* WAIT: may show the text before with the same MED: no proof before End-of-RIB */
  uint64_t shaky;          /* lack a text that looks the same on the wire: what they show may be either */
  uint64_t on_wire_before; /* WAIT: on_wire of `before` */
  uint64_t epoch;
  uint64_t mark;     /* SENT, WAIT: its entry's when it was written */
  uint64_t owed;     /* neighbors of which was told that they do not show it */
  const char *error; /* interned */
  uint8_t place;     /* enum rib_place */
  uint8_t verb;      /* enum bc_verb */
  uint8_t written_verb;
  uint8_t held_before; /* enum rib_holds before the doubt */
  uint8_t held_at_ack;
  uint8_t refusals;
  uint8_t tries;
  bool is_mixed; /* the doubt is about more than one command */
  bool is_nudge;
  bool is_alike;   /* ExaBGP held, or may have taken, a text that looks the same: an UPDATE does not prove this one */
  bool is_proven;  /* some neighbor showed it: ExaBGP took it, whatever becomes of its ack */
  bool is_suspect; /* its answer must not be mistaken for another's: SOLO */
  bool is_refused;
  bool is_alarmed;
  bool is_in_batch; /* its record is in the batch taken last: an announce must wait for that */
  bool is_bare;     /* its withdraw was refused: without attributes then */
};

/* What was written to ExaBGP and not answered yet, in order */
struct rib_line {
  TAILQ_ENTRY(rib_line) list;
  struct bc_mono sent_at; /* not of a barrier */
  uint64_t epoch;
  bool is_barrier;
  bool is_header_seen;
  bool is_solo;
  size_t count;
  struct rib_work *works[];
};

struct rib_note {
  STAILQ_ENTRY(rib_note) list;
  struct rib_entry *entry; /* NULL: the entry has another owner now, or is gone */
  const char *owner;
};

/* NLRI that stands since the start and is not ours */
struct rib_foreign {
  RB_ENTRY(rib_foreign) link;
  struct bc_nlri nlri;
  uint64_t mask;
  size_t text; /* its last one: place in foreign_texts + 1; 0 = none is kept */
};

struct rib_foreign_text {
  unsigned neighbor;
  size_t before; /* the one before of the same NLRI; 0 = none */
  char *text;    /* NULL: it is gone */
};

struct rib_standing {
  struct bc_nlri nlri;
  unsigned neighbor;
  struct rib_form form;
};

struct rib_neighbor {
  struct bc_rib_neighbor is;
  uint32_t initial; /* families whose initial table is still going out */
  struct bc_mono updated_at;
  struct bc_mono initial_until;
  struct bc_mono resend_until; /* does not report: its initial table is out by then */
};

RB_HEAD(rib_entry_tree, rib_entry);
RB_HEAD(rib_selector_tree, rib_selector);
RB_HEAD(rib_bucket_tree, rib_bucket);
RB_HEAD(rib_timer_tree, rib_work);
RB_HEAD(rib_foreign_tree, rib_foreign);
TAILQ_HEAD(rib_ring, rib_bucket);
TAILQ_HEAD(rib_lines, rib_line);
STAILQ_HEAD(rib_notes, rib_note);

struct bc_rib {
  struct bc_intern *intern;
  struct bc_slab *work_slab;
  bool is_started;
  bool keeps_unnamed;
  bool has_acks;
  struct bc_mono calm_until; /* no command for what is inherited before */
  struct bc_mono last_now;   /* for what comes without a time */

  struct rib_entry_tree entries;
  struct rib_entry *found; /* the first of the NLRI that was looked up last; NULL = none */
  struct rib_selector_tree selectors;
  uint64_t selector_last;
  struct rib_foreign_tree foreign;
  struct rib_foreign_text *foreign_texts;
  size_t foreign_texts_count;
  size_t foreign_at[BC_LIMIT_NEIGHBORS + 1]; /* the last: of those that are not followed */
  struct rib_standing *standing;             /* until the start */
  size_t standing_count;
  size_t standing_cap;
  size_t standing_sorted; /* so many of them are in order */
  bool is_standing_cut;
  bool is_standing_unread; /* it has lines that could not be read */

  struct rib_neighbor neighbors[BC_LIMIT_NEIGHBORS];
  unsigned neighbors_count;
  uint64_t ours;
  uint64_t established;
  uint64_t reporting;
  uint64_t configured[BC_FAMILY_COUNT];
  uint64_t negotiated[BC_FAMILY_COUNT];

  struct rib_works works[RIB_PLACE_COUNT]; /* of those places that are plain lists */
  size_t placed[RIB_PLACE_COUNT];
  struct rib_bucket_tree buckets;
  struct rib_ring rings[BC_VERB_WITHDRAW + 1];
  struct rib_timer_tree timers;

  struct rib_lines lines;
  bool is_barrier_due;
  bool is_solo_out;
  size_t barriers_out;
  struct bc_mono unsynced_since; /* first line since all answers were accounted for */
  uint64_t epoch;                /* of lines written now: a new one after each barrier */
  uint64_t epoch_trusted;        /* up to here each line got its own answer */

  bool has_header; /* the journal's first line is there */
  bool is_batch_out;
  size_t journal_live;

  bc_rib_event_fn *observer; /* NULL = none */
  void *observer_arg;
  uint64_t mark; /* of wants from now on */

  struct rib_notes notes;
  const char *taken_owner;
  struct bc_rib_counts counts;
  struct bc_histogram ack_times;
  struct bc_histogram wire_times;
  struct bc_route view_wanted;
  struct bc_route view_told;
};

/* ---- rib.c: entries, selectors, forms ---- */

struct rib_form bc_rib_form_copy(const struct rib_form *form);
void bc_rib_form_release(struct bc_rib *rib, struct rib_form *form);
/* Drops what `to` held and copies `from` (NULL = nothing). */
void bc_rib_form_set(struct bc_rib *rib, struct rib_form *to, const struct rib_form *from);
struct rib_form bc_rib_form_of(const struct bc_route *route);
bool bc_rib_form_equal(const struct rib_form *a, const struct rib_form *b);
bool bc_rib_form_has_med_of(const struct rib_form *form, bool has_med, uint32_t med);
/* A view of both as one route; owns nothing. */
struct bc_route bc_rib_route_of(const struct rib_entry *entry, const struct rib_selector *selector,
                                const struct rib_form *form);

struct rib_selector *bc_rib_selector_get(struct bc_rib *rib, const char *text);
struct rib_selector *bc_rib_selector_ref(struct rib_selector *selector);
void bc_rib_selector_put(struct bc_rib *rib, struct rib_selector *selector);
/* Sets anew which of them select this neighbor. */
void bc_rib_selector_set_neighbor(struct bc_rib *rib, unsigned number);

struct rib_entry *bc_rib_entry_find(const struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri);
struct rib_entry *bc_rib_entry_make(struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri);
/* The entries of one NLRI, whatever their selectors: first (NULL = none), next. */
struct rib_entry *bc_rib_entry_from(const struct bc_rib *rib, const struct bc_nlri *nlri); /* … or the next NLRI's */
struct rib_entry *bc_rib_entry_first(const struct bc_rib *rib, const struct bc_nlri *nlri);
struct rib_entry *bc_rib_entry_next(struct rib_entry *entry);
/* The first of the NLRI of this one: at hand, without a search. */
struct rib_entry *bc_rib_entry_first_beside(const struct rib_entry *entry);
struct rib_entry *bc_rib_entry_min(struct bc_rib *rib);
struct rib_entry *bc_rib_entry_after(struct rib_entry *entry);
void bc_rib_entry_set_owner(struct bc_rib *rib, struct rib_entry *entry, const char *owner);
/* It is not unnamed any more. */
void bc_rib_entry_name(struct bc_rib *rib, struct rib_entry *entry);

/* Neighbors that a command of this entry reaches now: ours, selected, established, with the family. */
uint64_t bc_rib_expected(const struct bc_rib *rib, const struct rib_entry *entry, const struct rib_selector *selector);

/* Counts and tells the state again after anything that a view shows has changed. */
void bc_rib_refresh(struct bc_rib *rib, struct rib_entry *entry);
/* The same when only the state may have changed: tells nobody when it did not. */
void bc_rib_refresh_state(struct bc_rib *rib, struct rib_entry *entry);
/* Frees what is gone; the last thing that each public call that changes something does. */
void bc_rib_reap(struct bc_rib *rib);

struct rib_foreign *bc_rib_foreign_find(const struct bc_rib *rib, const struct bc_nlri *nlri);
struct rib_foreign *bc_rib_foreign_make(struct bc_rib *rib, const struct bc_nlri *nlri);
void bc_rib_foreign_each(const struct bc_rib *rib, bc_rib_nlri_fn *fn, void *arg);
bool bc_rib_foreign_covers(const struct bc_rib *rib, const struct rib_entry *entry);
/* It stands at this neighbor, listed with this text. `foreign` NULL = nothing else is known of it. */
void bc_rib_foreign_add(struct bc_rib *rib, struct rib_foreign *foreign, unsigned neighbor, struct bc_str text);
/* It stands there no more; frees `foreign` when it stands nowhere. */
void bc_rib_foreign_drop(struct bc_rib *rib, struct rib_foreign *foreign, unsigned neighbor);
/* Whatever stood there. */
void bc_rib_foreign_drop_neighbor(struct bc_rib *rib, unsigned neighbor);
void bc_rib_foreign_free_all(struct bc_rib *rib);

/* ---- rib_observe.c ---- */

/* 0 when it is not later. */
uint64_t bc_rib_us_since(struct bc_mono then, struct bc_mono now);

/* Its entry is wanted anew, or not any more. */
void bc_rib_take_mark(struct bc_rib *rib, struct rib_entry *entry);
/* Its command is written with this line. */
void bc_rib_tell_sent(struct bc_rib *rib, struct rib_work *work, struct bc_str line);
void bc_rib_tell_acked(struct bc_rib *rib, const struct rib_work *work);
/* These neighbors show its command. */
void bc_rib_tell_wire(struct bc_rib *rib, struct rib_work *work, uint64_t neighbors, bool is_by_time);
/* This neighbor shows what ExaBGP holds of the entry, for which no command is on its way. */
void bc_rib_tell_settled(struct bc_rib *rib, struct rib_entry *entry, uint64_t neighbor);
/* These neighbors do not show its command … */
void bc_rib_tell_missing(struct bc_rib *rib, struct rib_work *work, uint64_t neighbors);
/* … although it was repaired as often as is tried. */
void bc_rib_tell_alarm(struct bc_rib *rib, const struct rib_work *work, uint64_t neighbors);
void bc_rib_tell_refused(struct bc_rib *rib, const struct rib_work *work, const char *why);

/* ---- rib_start.c ---- */

void bc_rib_standing_forget(struct bc_rib *rib);

/* ---- rib_plan.c: what is due ---- */

/* Derives what is due for this entry and places its work. Does nothing while a record or a command of
 * it is on its way. */
void bc_rib_update(struct bc_rib *rib, struct rib_entry *entry, struct bc_mono now);
/* The same for the entries of the same NLRI with other selectors. */
void bc_rib_update_siblings(struct bc_rib *rib, struct rib_entry *entry, struct bc_mono now);
/* A command for this NLRI is on its way to a neighbor that this one would reach too. */
bool bc_rib_is_blocked(const struct bc_rib *rib, const struct rib_entry *entry);

/* ---- rib_work.c: places, buckets, timers ---- */

struct rib_work *bc_rib_work_get(struct bc_rib *rib, struct rib_entry *entry);
void bc_rib_work_free(struct bc_rib *rib, struct rib_work *work);
/* Takes it out of where it is (timer included) and puts it there; READY by verb, form and selector. */
void bc_rib_work_place(struct bc_rib *rib, struct rib_work *work, enum rib_place place);
void bc_rib_work_set_timer(struct bc_rib *rib, struct rib_work *work, struct bc_mono at);
/* Its record or command is on its way (work may be NULL). */
bool bc_rib_work_is_busy(const struct rib_work *work);
/* Its command is on its way: SENT or WAIT. */
bool bc_rib_work_is_flying(const struct rib_work *work);
/* The work whose timer is first, NULL = none. */
struct rib_work *bc_rib_work_first_timer(const struct bc_rib *rib);

/* ---- rib_ack.c ---- */

void bc_rib_line_free(struct bc_rib *rib, struct rib_line *line);
/* Refused for certain: tried again later. `why` starts the error text, the command ends it. */
void bc_rib_work_refuse(struct bc_rib *rib, struct rib_work *work, const char *why, struct bc_mono now);

/* ---- rib_flight.c: from the ack to the confirmation ---- */

/* ExaBGP held, and may still send, another text of this NLRI that has the same MED: on the wire they look
 * the same. */
bool bc_rib_has_twin(const struct rib_work *work);
void bc_rib_flight_acked(struct bc_rib *rib, struct rib_work *work, struct bc_mono now);
/* The wire shows that ExaBGP took the last command that was written, though its ack got lost. */
void bc_rib_flight_proven(struct bc_rib *rib, struct rib_work *work, struct bc_mono now);
/* The ack was another line's: everything as before it. */
void bc_rib_flight_revert(struct bc_rib *rib, struct rib_work *work);
/* Ends the wait when nobody is left to wait for or their time is over; else sets the timer. */
void bc_rib_flight_check(struct bc_rib *rib, struct rib_work *work, struct bc_mono now);
/* What came over the wire concerns this work's command: SENT or WAIT. */
void bc_rib_flight_shown(struct bc_rib *rib, struct rib_work *work, uint64_t neighbor, bool is_as_sent,
                         struct bc_mono now);
/* The same when the initial table of this neighbor is out; WAIT only. */
void bc_rib_flight_judge(struct bc_rib *rib, struct rib_work *work, uint64_t neighbor, struct bc_mono now);
/* The initial table of these families is out: what was not seen is missing. */
void bc_rib_wire_judge(struct bc_rib *rib, unsigned neighbor, uint32_t families, struct bc_mono now);

#endif
