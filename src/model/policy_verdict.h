/* What a policy says of a route: its verdict as JSON, attributes in JSON, and what both make of a route.
 *
 * Attributes are a JSON object. Its members are ExaBGP's words with `_` for `-`; a value is a number, a text, true, or
 * an array of numbers or texts; false removes the attribute. docs/policy-attributes.md has them all. A verdict may
 * besides add communities (add_community, add_large_community, add_extended_community) and prepend. The prefix and
 * what else makes a route's identity (path-information, rd, label, selector) cannot be changed, nor what steers ExaBGP
 * (name, watchdog, withdraw, split).
 *
 * A changed route is made as text and read by the parser of model/route.h, so it is what ExaBGP takes; each refusal is
 * one line that begins with the member: "med: expected a whole number from 0 to 4294967295, found \"x\"". Pure. */
#ifndef BC_MODEL_POLICY_VERDICT_H
#define BC_MODEL_POLICY_VERDICT_H

#include "base/buf.h"
#include "base/intern.h"
#include "model/decide.h"
#include "model/route.h"

#include <jansson.h>

/* ---- attributes ---- */

/* The attributes of a route as such an object, compact, members in order. Lists are arrays, also of one;
 * bc_policy_apply of it gives the same route. */
void bc_policy_print_attributes(const struct bc_route *route, struct bc_buf *to);
/* The same as a value of the caller's. */
json_t *bc_policy_list_attributes(const struct bc_route *route);

/* Makes `out` (release with bc_route_release) from `base`: the same NLRI, selector and name, with these attributes;
 * NULL or an empty object changes nothing. `neighbors`: those that ExaBGP is configured with, for `prepend`, which
 * concerns those that the route's selector selects.
 *
 * ExaBGP sends an as-path that is given as it is, to every neighbor; without one it sends its local AS to an external
 * neighbor and an empty path to an internal one (4.2 bgp/message/update/attribute/attributes.py, pack). So `prepend =
 * N` gives a route without as-path N + 1 times the local AS, which is the path of an external neighbor with N more in
 * front; a route with one gets N in front of it. An internal neighbor would find its own AS in the path and drop the
 * route (RFC 4271 9.1.2), so that is refused; as are neighbors with several local AS, unless `prepend` says which:
 * {"as": 65000, "times": N}.
 *
 * BC_ERR_SYNTAX, BC_ERR_RANGE, BC_ERR_LIMIT with the line; `out` is then untouched. */
BC_MUST_CHECK enum bc_err bc_policy_apply(struct bc_intern *intern, const struct bc_route *base,
                                          const json_t *attributes, const struct bc_neighbor_name *neighbors,
                                          size_t neighbor_count, struct bc_route *out, struct bc_fault *fault);

/* ---- verdicts ---- */

/* What is asked: "announce", "withdraw", "keep" of a route; "admit", "refuse" of one that came by HTTP. */
enum bc_policy_kind { BC_POLICY_ROUTE, BC_POLICY_ADMISSION };

struct bc_policy_verdict {
  enum bc_verdict verdict; /* admit: ANNOUNCE; refuse: WITHDRAW */
  char *reason;            /* owned: one line, at most BC_LIMIT_LUA_REASON_BYTES - 1 bytes; NULL = none given */
  unsigned again_ms;       /* ask again after so long; 0 = not by time */
  json_t *attributes;      /* owned: an object; NULL = as the config has it */
};

/* {"again_in":30,"attributes":{…},"reason":"load","verdict":"announce"}: `verdict` must be there, the rest may be;
 * `again_in` is a number of seconds or a text with a unit, 0.1 s to one day; `attributes` stands with announce and
 * admit. Attributes are not looked into: that needs a route. On success release `out` with bc_policy_verdict_free.
 * BC_ERR_SYNTAX, BC_ERR_RANGE with one line ("again_in: expected 0.1 to 86400 seconds, found 0"); `out` is then
 * untouched. */
BC_MUST_CHECK enum bc_err bc_policy_verdict_parse(struct bc_str text, enum bc_policy_kind kind,
                                                  struct bc_policy_verdict *out, struct bc_fault *fault);
/* Releases what it owns and zeroes it; a zeroed one is allowed. */
void bc_policy_verdict_free(struct bc_policy_verdict *verdict);

#endif
