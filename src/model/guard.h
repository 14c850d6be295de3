/* The guard: the limits of this node on what it announces, from the node file (announce_allow, announce_deny,
 * announce_family, announce_community, max_routes). It is the top layer of the decision: nothing that comes from etcd,
 * a policy or HTTP loosens it. Without any of these settings everything may be announced. Pure.
 *
 * What it refuses is not announced anew. What stands, and is only not allowed, stays, and is told as trouble: an
 * incomplete list must not make an outage. What announce_deny names leaves (docs/decisions/0019-guard.md). */
#ifndef BC_MODEL_GUARD_H
#define BC_MODEL_GUARD_H

#include "model/route.h"
#include "model/settings.h"

/* setting, its name in the node file */
#define BC_GUARD_LIST(X)                                                                                               \
  X(BC_GUARD_ALLOW, "announce_allow")                                                                                  \
  X(BC_GUARD_DENY, "announce_deny")                                                                                    \
  X(BC_GUARD_FAMILY, "announce_family")                                                                                \
  X(BC_GUARD_COMMUNITY, "announce_community")
enum bc_guard_setting { BC_GUARD_LIST(BC_ENUM_MEMBER) BC_GUARD_SETTINGS };
const char *bc_guard_setting_text(enum bc_guard_setting value);

struct bc_guard;

/* Allows everything. */
struct bc_guard *bc_guard_new(void);
/* As the settings have it, which were checked when they were read. */
struct bc_guard *bc_guard_of(const struct bc_settings *settings);
/* NULL is allowed. */
void bc_guard_free(struct bc_guard *guard);

/* One value of a setting:
 *   announce_allow, announce_deny  PREFIX [ge LENGTH] [le LENGTH], as in a router's prefix list: a prefix within
 *       PREFIX whose length lies between both. `ge` alone reaches up to 32 (128), `le` alone begins at PREFIX's own
 *       length. With neither, allow means PREFIX itself, deny means it and all within it; 0.0.0.0/0 and ::/0 then
 *       mean the default route alone, also of deny.
 *   announce_family                a family as ExaBGP writes it, "ipv4 unicast", "ipv6 flow" …
 *   announce_community             a community of any kind as the canonical text has it, * for any number in its
 *       place or any text: 65000:*, 65000:*:*, target:65000:*, no-export, *
 * BC_ERR_SYNTAX, BC_ERR_RANGE, BC_ERR_CONFLICT (host bits) with one line that says what was expected; BC_ERR_LIMIT
 * above BC_LIMIT_GUARD_RULES of a setting. */
BC_MUST_CHECK enum bc_err bc_guard_add(struct bc_guard *guard, enum bc_guard_setting setting, struct bc_str text,
                                       struct bc_fault *fault);
/* The same for values with commas between them, as the settings hold them; an empty text holds none. */
BC_MUST_CHECK enum bc_err bc_guard_add_list(struct bc_guard *guard, enum bc_guard_setting setting, struct bc_str list,
                                            struct bc_fault *fault);
/* The most NLRI that may be announced on this node; 0 = any number. */
void bc_guard_set_most(struct bc_guard *guard, size_t most);

enum bc_guard_answer {
  BC_GUARD_ALLOWS,
  BC_GUARD_REFUSES, /* it may not be announced anew, nor take new attributes; what stands may stay */
  BC_GUARD_FORBIDS  /* it may not stand either: announce_deny */
};

/* All NLRI of the route, its family, its communities. A prefix that announce_deny holds is forbidden whatever
 * announce_allow says. A flow is judged by the destination that it matches: it must lie in a prefix of announce_allow
 * (lengths do not count: a flow is narrower than what is routed), and may not lie in one of announce_deny; a flow
 * without destination is refused when announce_allow is set. A VPLS has no prefix to judge. Prefixes of VPN families
 * are judged like others.
 * Unless it allows, `fault` gets the line: "announce_deny 10.0.0.0/8: 10.1.0.0/16 may not be announced on this node".
 */
enum bc_guard_answer bc_guard_judge(const struct bc_guard *guard, const struct bc_route *route, struct bc_fault *fault);

/* Whether `more` NLRI may be announced beside `announced` ones: REFUSES above max_routes, never FORBIDS. Of `more` 0 it
 * always allows. */
enum bc_guard_answer bc_guard_judge_count(const struct bc_guard *guard, size_t announced, size_t more,
                                          struct bc_fault *fault);

#endif
