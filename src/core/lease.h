/* Routes of the API ("leases"): kept in the state directory, announced, timed, and waited for.
 *
 * Such a route is a route like any other (core_route_find, core_report_route …) with the name "api:NAME". It is put and
 * removed here only; who may do so is not judged here, and neither is whether it is admitted. Nothing here ever touches
 * a route of the store. */
#ifndef BC_CORE_LEASE_H
#define BC_CORE_LEASE_H

#include "base/err.h"
#include "base/limits.h"
#include "model/lease.h"
#include "model/route.h"

#include <jansson.h>

struct bc_core;

struct core_lease_ask {
  /* "web" or "api:web"; NULL: the one with the route's identity, whose name is made of it when there is none. */
  const char *name;
  /* One text, as bc_route_parse_command gives it; no words that steer ExaBGP (route->internal). It is copied. */
  const struct bc_route *route;
  const char *owner;  /* who may replace and remove it: "token web1", "unix uid 0" */
  const char *reason; /* NULL or "" = none given; one line */
  const char *source; /* for people: "POST / from 127.0.0.1" */
  uint64_t ttl_ms;    /* 0 = none: until it is removed */
  bool may_take_over; /* also one of another owner */
};

/* On the loop, once, never before the call that asked for it returned. BC_ERR_OK: it is on disk and in force: the
 * announce (or the withdraw) is with the RIB, so core_wait_begin may follow. BC_ERR_IO: it could not be written, and
 * nothing of it happened (of a removal: the withdraw went out all the same). BC_ERR_AGAIN, of a put: nor could it be
 * taken out of the file again, so that it happens when the process ends before the file is written anew. */
typedef void core_lease_done_fn(void *arg, enum bc_err err);

/* Puts it anew, or in the place of the one that has its name: other attributes, another time, another route. The time
 * begins anew. Errors, with a line in `fault` (nothing happened, `done` is not called):
 *   BC_ERR_SYNTAX    no name of a route (`name` may have at most 124 bytes), or a route with internal words
 *   BC_ERR_EXISTS    a route of the store on this node has the same identity, or shares one NLRI with it for some
 *                    neighbor; or another lease with another name; the line names it
 *   BC_ERR_CONFLICT  the lease belongs to another owner, and may_take_over is not set
 *   BC_ERR_AGAIN     this stands since before the start, and no key has named it yet: the store must answer first
 *   BC_ERR_LIMIT     BC_LIMIT_LEASES …; or the disk is so slow that too much waits for it
 *   BC_ERR_IO        the file of the leases cannot be written: the line says why
 * `name` gets the full name ("api:web"), `*is_new` whether there was none of it. */
BC_MUST_CHECK enum bc_err core_lease_put(struct bc_core *core, const struct core_lease_ask *ask,
                                         core_lease_done_fn *done, void *arg, char name[static BC_LIMIT_NAME_BYTES + 1],
                                         bool *is_new, struct bc_fault *fault);
/* The same judgement without effect: for `?dry_run=1`. */
BC_MUST_CHECK enum bc_err core_lease_try(struct bc_core *core, const struct core_lease_ask *ask,
                                         char name[static BC_LIMIT_NAME_BYTES + 1], bool *is_new,
                                         struct bc_fault *fault);

/* Withdraws it at once, and lets it never come back; also what is on its way to the disk under this name.
 * BC_ERR_NOT_FOUND, BC_ERR_CONFLICT (`owner` is another one; NULL = whoever it belongs to); `done` is not called then.
 * `done` may be NULL. */
BC_MUST_CHECK enum bc_err core_lease_remove(struct bc_core *core, const char *name, const char *owner,
                                            core_lease_done_fn *done, void *arg, struct bc_fault *fault);

/* It is another's than who asks: the line says whose, and who may do what is asked for. */
void core_lease_tell_owner(const char *name, const char *owner, struct bc_fault *fault);

/* "web" or "api:web"; NULL = none. Valid until the next put, remove, or turn of the loop, as all leases here. */
const struct bc_lease *core_lease_find(struct bc_core *core, const char *name);
/* The newest one of this name (NULL: with this selector and these NLRI) that is on its way to the disk and not removed;
 * NULL = none. It can be removed as one that stands. */
const struct bc_lease *core_lease_find_coming(struct bc_core *core, const char *name, const struct bc_route *route);
/* The one with the same selector and the same NLRI; whatever the attributes. */
const struct bc_lease *core_lease_find_route(struct bc_core *core, const struct bc_route *route);
/* In the order of names; NULL = the first. */
const struct bc_lease *core_lease_next(struct bc_core *core, const char *after);
/* What it has left, as of now; UINT64_MAX = it has no TTL. */
uint64_t core_lease_left_ms(struct bc_core *core, const struct bc_lease *lease);
/* When it ends, in ms by the wall clock: the same each time while nobody sets that clock; 0 = it has no TTL. */
int64_t core_lease_end_ms(struct bc_core *core, const struct bc_lease *lease);

struct core_lease_counts {
  size_t all;           /* leases that stand, … */
  size_t nlri;          /* … their NLRI, … */
  size_t nlri_of_owner; /* … and how many of these are this owner's */
  size_t hour_of_owner; /* NLRI that the owner put within the last hour, also those that have gone since */
};
struct core_lease_counts core_lease_count(struct bc_core *core, const char *owner);

/* Since the start. */
struct core_lease_totals {
  uint64_t put;     /* new ones, and changes */
  uint64_t removed; /* by somebody */
  uint64_t expired; /* before the start, too */
  uint64_t failed;  /* writes of their file */
};
struct core_lease_totals core_lease_totals(const struct bc_core *core);

/* Adds `owner`, `note`, `expires` (RFC 3339, or null) to what is told of a route, and `origin`. */
void core_lease_report(struct bc_core *core, const char *route, json_t *to);
/* Why the file cannot be read or written; NULL = fine. */
const char *core_lease_problem(const struct bc_core *core);
/* Adds what is wrong with the file. */
void core_lease_warn(struct bc_core *core, json_t *list);

/* ---- for core ---- */

/* Behind the journal, before the configuration: reads the file, and puts what is in force into core->config. */
void core_lease_open(struct bc_core *core);
/* We are ending. */
void core_lease_end(struct bc_core *core);
void core_lease_close(struct bc_core *core);
/* False: the file could not be read so far, so that what stands may be a lease that nobody names. */
bool core_lease_is_known(const struct bc_core *core);
/* There are leases, or some that are leaving. */
bool core_lease_has_any(const struct bc_core *core);
/* How many of the journal's records are theirs, those that are leaving too. */
size_t core_lease_count_recorded(struct bc_core *core);
/* Before the RIB starts, ahead of all wants: what is leaving is known by its name. */
void core_lease_name_leaving(struct bc_core *core);
/* When the RIB has started, behind all wants: it is withdrawn, unless another route has it now. */
void core_lease_withdraw_leaving(struct bc_core *core);
/* All of the route stands, and a route of the API wanted it last: the one that has waited for it goes on with it. */
bool core_lease_hands_over(const struct bc_core *core, const struct bc_route *route);
/* A key of the store has changed. */
void core_lease_look(struct bc_core *core);
/* Why the lease that the configuration has just told as gone went; static. */
const char *core_lease_gone_reason(const struct bc_core *core);

/* ---- what became of a route's last command ---- */

enum core_wait_for {
  CORE_WAIT_ACK, /* ExaBGP took it */
  CORE_WAIT_WIRE /* all neighbors that are to get it have it (or have it no more) */
};

enum core_wait_outcome {
  CORE_WAIT_DONE,
  CORE_WAIT_REFUSED, /* ExaBGP refused it: `text` says why */
  CORE_WAIT_LATE,    /* the time is over: what became of it is not known */
  CORE_WAIT_GONE,    /* somebody wants something else of it meanwhile, or we are ending */
  CORE_WAIT_HELD     /* it is not to be announced now: `text` says why (adminState, the guard, no session has it) */
};

struct core_wait;
/* On the loop, once, never before core_wait_begin returned. `text`: one line or ""; valid during the call. */
typedef void core_wait_fn(void *arg, enum core_wait_outcome outcome, const char *text);

/* `name`: of any route ("api:web"), also one that has just been removed, when it `wants_announced` = false. NULL:
 * BC_LIMIT_WAITS are under way. */
BC_MUST_CHECK struct core_wait *core_wait_begin(struct bc_core *core, const char *name, bool wants_announced,
                                                enum core_wait_for wait_for, unsigned timeout_ms, core_wait_fn *fn,
                                                void *arg);
/* Not after its fn was called. */
void core_wait_cancel(struct core_wait *wait);

/* For core: */
void core_wait_open(struct bc_core *core);
/* Nobody is told. */
void core_wait_close(struct bc_core *core);
/* We are ending: all that wait are told soon. */
void core_wait_end_all(struct bc_core *core);
/* Something of this route changed: what was decided, or what the RIB has of it. */
void core_wait_look(struct bc_core *core, const char *name);

#endif
