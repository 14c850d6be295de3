/* A change asked for by HTTP while it is under way: http_change.c leads it, http_result.c answers it and undoes it. */
#ifndef BC_CORE_HTTP_CHANGE_H
#define BC_CORE_HTTP_CHANGE_H

#include "core/http_private.h"
#include "core/lease.h"

#define CORE_HTTP_LATE_TEXT "no answer in time: what becomes of it is not known yet; ask for the route"

struct http_refusal {
  unsigned status;
  const char *code; /* static */
  size_t column;
  unsigned retry_after_s; /* 0 = not known */
  char *detail;
};

/* What stood under the name before, for the case that ExaBGP refuses what replaced it. */
struct http_undo {
  bool has_lease;
  char *text, *owner, *reason, *source;
  uint64_t left_ms; /* UINT64_MAX: it had no end; … */
  int64_t at_ms;    /* … by the boot clock, then */
};

struct http_change {
  TAILQ_ENTRY(http_change) link;
  struct bc_core *core;
  struct bc_httpd_request *request; /* NULL: it is answered, or the client has left */
  struct http_key *key;             /* NULL = none, or it is done */
  uint64_t id;                      /* of the request */
  bool wants_json;
  const struct bc_token *token;
  char who[CORE_HTTP_WHO_BYTES];
  char source[CORE_HTTP_WHO_BYTES];
  struct http_ask ask;
  char name[BC_LIMIT_NAME_BYTES + 1]; /* "" = not known yet */
  bool is_new;
  struct bc_route granted; /* what is announced, or withdrawn, … */
  bool has_granted;        /* … once that is known */
  uint64_t granted_ttl_ms;
  bool is_changed; /* by the policy */
  char *policy_reason;
  char *audit_problem; /* of a withdraw; NULL = its line was written */
  bool is_remove_lost; /* a removal is not on the disk */
  bool is_accepted;    /* a line of the audit log says so: another one corrects it when that does not come true */
  unsigned pending;    /* callbacks on their way */
  struct core_wait *wait;
  struct bc_timer *deadline; /* of the client's patience, until `wait` has its own */
  struct bc_mono begun;
  bool is_answered;
  struct http_refusal refusal; /* until its line is written */
  struct http_undo undo;
};

/* ---- http_result.c; the first of these answers, others do nothing ---- */
/* `held`: why it is not announced now; NULL = it is as was waited for. */
void core_http_change_answer(struct http_change *change, const char *held);
void core_http_change_fail(struct http_change *change, const struct http_refusal *refusal);
/* Before a put: keeps what stands under the name. */
void core_http_undo_remember(struct http_change *change);
/* ExaBGP refused what was put: what stood before stands again, or nothing. `done` (with the change) comes when that is
 * written down. */
void core_http_undo(struct http_change *change, const char *why, core_audit_fn *done);
void core_http_undo_release(struct http_change *change);

#endif
