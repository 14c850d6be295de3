/* `prepend` of a verdict: what it makes of the as-path, see model/policy_verdict.h. Private to src/model. */
#ifndef BC_MODEL_POLICY_PREPEND_H
#define BC_MODEL_POLICY_PREPEND_H

#include "model/policy_items.h"

/* `value`: N, {"as": AS, "times": N}, or false. */
BC_MUST_CHECK enum bc_err bc_policy_prepend(struct bc_policy_items *items, const char *selector,
                                            const struct bc_neighbor_name *neighbors, size_t neighbor_count,
                                            const json_t *value, struct bc_fault *fault);

#endif
