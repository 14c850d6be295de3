/* What the daemon would make of a policy's answer: verdict, attributes on the route, the line for ExaBGP. */
#ifndef BC_CLI_POLICY_JUDGE_H
#define BC_CLI_POLICY_JUDGE_H

#include "base/err.h"
#include "cli/policy_host.h"
#include "model/policy_verdict.h"

struct bc_policy_judged {
  bool is_good; /* `verdict` counts; else `fault` tells why not */
  struct bc_policy_verdict verdict;
  struct bc_buf command; /* empty: nothing is to be written, or the context has no route */
  struct bc_fault fault;
};

void bc_policy_judged_init(struct bc_policy_judged *judged);
void bc_policy_judged_fini(struct bc_policy_judged *judged);

/* Of a run with `context`, whose members kind, route.text and neighbors count. */
void bc_policy_judge(const json_t *context, const struct bc_policy_answer *answer, struct bc_policy_judged *to);

/* All attributes of the context's route, once those of a verdict (NULL = none) are applied; NULL when that cannot be
 * told. The caller's. */
json_t *bc_policy_attributes_of(const json_t *context, const json_t *attributes);

#endif
