/* Whether a route that was asked for by HTTP may come on this node (docs/http-access.md): rules of the node file, the
 * token's prefixes, the guard, and at last the policy `admission`. Included by core/private.h. */
#ifndef BC_CORE_ADMISSION_H
#define BC_CORE_ADMISSION_H

#include "model/admission.h"
#include "model/http_access.h"
#include "model/token.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct bc_core;

struct core_admission_ask {
  const char *name;             /* "api:web", or NULL */
  const char *command;          /* as it was asked for, for the policy; NULL: the canonical text */
  const struct bc_route *route; /* copied */
  const struct bc_token *token; /* NULL: none is needed on this node, and there are no prefixes to keep to */
  const char *owner;            /* whose routes are counted */
  const char *reason;           /* or NULL */
  const char *source;           /* address of the client, or NULL */
  uint64_t ttl_ms;              /* 0 = none was asked for */
  bool is_blackhole;            /* its shortest and longest length are those of blackhole_length */
  bool is_replacing;            /* the route stands already: it is none more */
  bool is_dry_run;              /* counted nowhere */
};

/* Valid during the call. */
struct core_admission_answer {
  bool is_admitted;
  /* Refused: 403, 409, 422, 429 or 503; a word for programs (bc_admission_code) and a line for people; */
  unsigned status;
  const char *code;
  const char *detail;
  size_t column;          /* in the command, 0 = none; */
  unsigned retry_after_s; /* 429 and 503; 0 = not known */
  /* Admitted: */
  const struct bc_route *route; /* to be announced: as asked for, or as the policy changed it */
  bool is_changed;              /* by the policy */
  const char *reason;           /* of the policy, or NULL; also of a refusal */
  uint64_t ttl_ms;              /* to be given to it; 0 = none */
};
/* Once; from within core_admission_ask, or later. */
typedef void core_admission_fn(void *arg, const struct core_admission_answer *answer);

struct core_asked;
TAILQ_HEAD(core_asked_list, core_asked);

struct core_admission {
  struct bc_tokens *tokens;      /* bc_tokens_count 0: none are needed, loopback and the Unix socket only */
  struct bc_http_access *access; /* for bc_http_access_judge */
  struct bc_admission *rules;
  struct core_asked_list asked; /* the policy is being asked; and what was admitted, until it stands */
  size_t asked_count;
};

void core_admission_open(struct bc_core *core);
/* Who still waits hears nothing more. */
void core_admission_close(struct bc_core *core);

void core_admission_ask(struct bc_core *core, const struct core_admission_ask *ask, core_admission_fn *fn, void *arg);
/* No answer comes any more; and what was admitted counts no more by this: it stands, or will not. Call it when a lease
 * was put (its `done`), and when the question is given up. */
void core_admission_cancel(struct bc_core *core, const void *arg);

#endif
