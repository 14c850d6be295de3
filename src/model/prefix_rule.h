/* An entry of a prefix list, as routers have them: "192.0.2.0/24 ge 25 le 28"; and what of an NLRI such lists judge.
 * What the guard, admission and tokens share. Pure. */
#ifndef BC_MODEL_PREFIX_RULE_H
#define BC_MODEL_PREFIX_RULE_H

#include "base/err.h"
#include "base/str.h"
#include "model/nlri.h"
#include "model/prefix.h"

struct bc_prefix_rule {
  struct bc_prefix prefix;
  unsigned least; /* lengths */
  unsigned most;
};

/* What a prefix means without `ge` and `le`. */
enum bc_prefix_meaning {
  BC_PREFIX_EXACT,  /* itself */
  BC_PREFIX_NEVER,  /* it and all within it; but 0.0.0.0/0 and ::/0 the default route alone */
  BC_PREFIX_WITHIN, /* it and all within it */
};

/* PREFIX [ge LENGTH] [le LENGTH]: `ge` alone reaches up to 32 (128), `le` alone begins at the prefix's own length.
 * `subject` stands before the line: "announce_allow: expected …". BC_ERR_SYNTAX, BC_ERR_RANGE, BC_ERR_CONFLICT (host
 * bits). */
BC_MUST_CHECK enum bc_err bc_prefix_rule_parse(const char *subject, enum bc_prefix_meaning meaning, struct bc_str text,
                                               struct bc_prefix_rule *out, struct bc_fault *fault);

/* It lies in the rule's prefix, and its length between both; with `any_longer` it may be longer than that. */
bool bc_prefix_rule_holds(const struct bc_prefix_rule *rule, const struct bc_prefix *prefix, bool any_longer);

/* The prefix of an NLRI: of a flow the destination that it matches. False: it has none. */
bool bc_prefix_of_nlri(const struct bc_nlri *nlri, struct bc_prefix *to);
/* The source that a flow matches; false: none. */
bool bc_prefix_of_flow_source(const struct bc_nlri *nlri, struct bc_prefix *to);

#endif
