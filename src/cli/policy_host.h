/* The policy worker as a child of a command: the very process in which the daemon's policies run (worker/policy.h),
 * asked one run after the other. */
#ifndef BC_CLI_POLICY_HOST_H
#define BC_CLI_POLICY_HOST_H

#include "base/buf.h"
#include "base/policy_status.h"

#include <jansson.h>
#include <stdint.h>

/* What is run, and with what. All is owned; `modules` is an object NAME: text, `data` an object NAME: value, or NULL. A
 * context's own member `data` counts before it. */
struct bc_policy_source {
  char *name; /* as its errors call it: a key, or a file */
  struct bc_buf script;
  char *options; /* JSON of a ready-made one's parameters; NULL = none */
  json_t *modules;
  json_t *data;
};

struct bc_policy_answer {
  enum bc_policy_status status;
  struct bc_buf verdict; /* DONE: JSON */
  struct bc_buf error;   /* else */
  struct bc_buf log;     /* lines that it logged */
  struct bc_buf reads;   /* names of data that it asked for, each ended by a NUL */
  uint64_t cpu_us;
};

void bc_policy_answer_init(struct bc_policy_answer *answer);
void bc_policy_answer_fini(struct bc_policy_answer *answer);

struct bc_policy_host;

/* The source must outlive it. NULL with a message on stderr when it cannot be started. */
struct bc_policy_host *bc_policy_host_new(const struct bc_policy_source *source);
/* NULL is allowed. */
void bc_policy_host_free(struct bc_policy_host *host);
/* One run with this context, a JSON object. A worker that had to be killed, because one call used CPU time without an
 * end, is a run that was KILLED; another worker is started for the next. False with a message on stderr when there is
 * no worker to be had, or the context is too long for it. */
BC_MUST_CHECK bool bc_policy_host_ask(struct bc_policy_host *host, const json_t *context,
                                      struct bc_policy_answer *answer);

#endif
