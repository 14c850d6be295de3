/* The audit log: STATE/audit.log, one line of JSON for each change that was asked for by HTTP, admitted or not, and for
 * each route that expired. Lines are only ever appended; a file that is full becomes audit.log.1, as many as the
 * settings say (docs/http-access.md). Included by core/private.h.
 *
 * The line comes before the change: who announces waits for `done` and then acts; who withdraws acts at once, as a
 * withdraw must never wait for a disk, and answers when `done` came. So a process that is killed in the middle may have
 * written of a change that did not happen any more, and never the other way round. */
#ifndef BC_CORE_AUDIT_H
#define BC_CORE_AUDIT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mono.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct bc_core;
struct bc_disk_log;
struct bc_timer;

struct core_audit_line {
  const char *who;     /* "token desk", "unix uid 0", "127.0.0.1", "bgpcommander" (expiry) */
  const char *source;  /* address of the client, or NULL */
  const char *action;  /* "announce", "withdraw", "expire", "approve" … */
  const char *name;    /* of the route, or NULL */
  const char *command; /* canonical text, or NULL; cut at BC_LIMIT_AUDIT_TEXT_BYTES as the others are */
  uint64_t ttl_ms;     /* 0 = none */
  const char *reason;  /* that was given, or NULL */
  const char *outcome; /* "accepted", "refused", "failed" (what was accepted did not come true) */
  const char *code;    /* of the refusal (core_admission_answer.code …), or NULL */
  const char *detail;  /* of it, for people, or NULL */
  uint64_t decision;   /* id, 0 = none */
  const char *request; /* id of the request, or NULL */
  bool is_done;        /* it has happened, or does whatever becomes of the line (a withdraw, an expiry, a refusal): a
                          line that the disk does not take is kept and written when it does */
};

/* On the loop, once: BC_ERR_OK: it is written; else it is not, and `text` says why (valid during the call).
 * BC_ERR_TIMEOUT: CORE_AUDIT_LATE_MS have gone without an answer of the disk; the line may come to be written later. */
typedef void core_audit_fn(void *arg, enum bc_err err, const char *text);
enum { CORE_AUDIT_LATE_MS = 5000 };

struct core_audit_wait;
TAILQ_HEAD(core_audit_list, core_audit_wait);

struct core_audit {
  struct bc_disk_log *log;      /* NULL: it cannot be opened; that is tried again */
  struct bc_timer *timer;       /* for that, for lines that are kept, and for who waits too long */
  struct core_audit_list waits; /* in the order in which they came */
  size_t wait_count;
  size_t failed;               /* of these, to be told at the next turn of the loop */
  uint64_t seq;                /* of the last line; goes on over restarts */
  uint64_t written;            /* lines since the start, … */
  uint64_t lost;               /* … and those that could not be written and are not kept */
  size_t bytes;                /* of the file, with what waits */
  struct bc_buf kept;          /* lines that the disk did not take */
  uint64_t kept_lines;         /* how many */
  char *problem;               /* why the last one could not be written; NULL = it was */
  const char *change;          /* what somebody did to the file lately, static; NULL = nothing … */
  int64_t change_ms;           /* … and when that was found, by the wall clock */
  struct bc_mono change_until; /* it is a warning so long */
  bool is_kept_at_disk;        /* the kept lines are being written */
  bool must_break;             /* the file ends within a line */
  bool is_turn_told;           /* the log knows that the file cannot be renamed */
};

void core_audit_open(struct bc_core *core);
void core_audit_close(struct bc_core *core);
/* Gives the line its number, which is also the answer, and hands it to the disk. `done` may be NULL. It is never called
 * before this returns. */
uint64_t core_audit_write(struct bc_core *core, const struct core_audit_line *line, core_audit_fn *done, void *arg);
/* Nobody waits for that any more; the line is written all the same. */
void core_audit_cancel(struct bc_core *core, const void *arg);
/* Adds what is wrong with it to the warnings of `status`. */
void core_audit_warn(const struct bc_core *core, json_t *list);

#endif
