/* The rules of the node file for what may come by HTTP (docs/http-access.md): tighter than the guard (model/guard.h),
 * which judges all that is announced, also what the store holds. They are asked once, when a route is asked for; what
 * stands stays. Nothing that comes from outside loosens them. Pure. */
#ifndef BC_MODEL_ADMISSION_H
#define BC_MODEL_ADMISSION_H

#include "model/prefix.h"
#include "model/route.h"
#include "model/settings.h"

/* refusal, status, code for programs */
#define BC_ADMISSION_LIST(X)                                                                                           \
  X(BC_ADMISSION_OK, 200, "")                                                                                          \
  X(BC_ADMISSION_FAMILY, 403, "family-not-allowed")                                                                    \
  X(BC_ADMISSION_NEVER, 403, "never")                                                                                  \
  X(BC_ADMISSION_PREFIX, 403, "prefix-not-allowed")                                                                    \
  X(BC_ADMISSION_LENGTH, 403, "length-not-allowed")                                                                    \
  X(BC_ADMISSION_OWN_ADDRESS, 403, "own-address")                                                                      \
  X(BC_ADMISSION_FLOW, 403, "flow-too-broad")                                                                          \
  X(BC_ADMISSION_FLOW_ACTION, 403, "flow-action-not-allowed")                                                          \
  X(BC_ADMISSION_TTL, 422, "ttl-too-long")                                                                             \
  X(BC_ADMISSION_ROOM, 409, "too-many-routes")                                                                         \
  X(BC_ADMISSION_TOKEN_ROOM, 409, "too-many-routes-of-token")                                                          \
  X(BC_ADMISSION_RATE, 429, "too-many-per-hour")                                                                       \
  X(BC_ADMISSION_TOKEN_PREFIX, 403, "token-prefix")                                                                    \
  X(BC_ADMISSION_GUARD, 403, "guard")                                                                                  \
  X(BC_ADMISSION_GUARD_ROOM, 409, "max-routes")                                                                        \
  X(BC_ADMISSION_POLICY, 403, "policy-refused")                                                                        \
  X(BC_ADMISSION_POLICY_ATTRIBUTES, 503, "policy-attributes")                                                          \
  X(BC_ADMISSION_POLICY_FAILED, 503, "policy-failed")                                                                  \
  X(BC_ADMISSION_BUSY, 503, "busy")                                                                                    \
  X(BC_ADMISSION_STARTING, 503, "starting")
#define BC_ADMISSION_ENUM(name, status, code) name,
enum bc_admission_answer { BC_ADMISSION_LIST(BC_ADMISSION_ENUM) BC_ADMISSION_ANSWERS };
unsigned bc_admission_status(enum bc_admission_answer answer);
const char *bc_admission_code(enum bc_admission_answer answer);

/* setting of which there may be several, its name in the node file */
#define BC_ADMISSION_SETTING_LIST(X)                                                                                   \
  X(BC_ADMIT_ALLOW, "admit_allow")                                                                                     \
  X(BC_ADMIT_NEVER, "admit_never")                                                                                     \
  X(BC_ADMIT_FAMILY, "admit_family")                                                                                   \
  X(BC_ADMIT_LENGTH, "admit_length")                                                                                   \
  X(BC_ADMIT_FLOW, "admit_flow")                                                                                       \
  X(BC_BLACKHOLE_LENGTH, "blackhole_length")                                                                           \
  X(BC_BLACKHOLE_COMMUNITY, "blackhole_community")                                                                     \
  X(BC_BLACKHOLE_NEXT_HOP, "blackhole_next_hop")
enum bc_admission_setting { BC_ADMISSION_SETTING_LIST(BC_ENUM_MEMBER) BC_ADMISSION_SETTINGS };
const char *bc_admission_setting_text(enum bc_admission_setting value);

struct bc_admission;

/* What holds without settings: lengths 8 to 32 (16 to 128), of blackholes 32 (128); flows with a destination of 24 (48)
 * or more, and of 32 (128) where they drop all of a protocol; no flow that redirects. */
struct bc_admission *bc_admission_new(void);
/* As the settings have it, which were checked when they were read. */
struct bc_admission *bc_admission_of(const struct bc_settings *settings);
/* NULL is allowed. */
void bc_admission_free(struct bc_admission *rules);

/* One value of a setting:
 *   admit_allow, admit_never  as announce_allow and announce_deny (model/guard.h)
 *   admit_family              "ipv4 unicast" …
 *   admit_length, blackhole_length  "ipv4 24-32", "ipv6 48"
 *   admit_flow                "off", "destination ipv4 24", "destination ipv6 any", "whole ipv4 32", "source ipv4 32",
 *                             "source ipv6 off", "action redirect"
 *   blackhole_community       a community of any kind
 *   blackhole_next_hop        an address; one of IPv4, one of IPv6
 * BC_ERR_SYNTAX, BC_ERR_RANGE, BC_ERR_CONFLICT (host bits), BC_ERR_EXISTS (given twice), BC_ERR_LIMIT above
 * BC_LIMIT_GUARD_RULES, with one line that begins with the setting. */
BC_MUST_CHECK enum bc_err bc_admission_add(struct bc_admission *rules, enum bc_admission_setting setting,
                                           struct bc_str text, struct bc_fault *fault);
/* The same for values with commas between them, as the settings hold them; an empty text holds none. */
BC_MUST_CHECK enum bc_err bc_admission_add_list(struct bc_admission *rules, enum bc_admission_setting setting,
                                                struct bc_str list, struct bc_fault *fault);
/* All lists of the settings, and what must fit together. */
BC_MUST_CHECK enum bc_err bc_admission_check(const struct bc_settings *settings, struct bc_fault *fault);

struct bc_admission_ask {
  const struct bc_route *route;
  uint64_t ttl_ms;             /* 0 = none was asked for */
  bool is_blackhole;           /* blackhole_length counts in place of admit_length */
  size_t replaced;             /* NLRI of the one whose place it takes: these are none more */
  size_t nlri;                 /* that stand by HTTP, … */
  size_t token_nlri;           /* … of them this owner's, … */
  size_t token_hour;           /* … and how many the owner announced within the last hour */
  const struct bc_prefix *own; /* addresses of BGP sessions, both ends: what drops them would end the session */
  size_t own_count;
};

/* All rules, the first that refuses. `*ttl_ms` is what the route gets: that asked for, or admit_default_ttl, 0 = none.
 * Unless it admits, `fault` gets the line: "admit_never 10.0.0.0/8: 10.1.0.0/16 may not be announced by HTTP". */
enum bc_admission_answer bc_admission_judge(const struct bc_admission *rules, const struct bc_admission_ask *ask,
                                            uint64_t *ttl_ms, struct bc_fault *fault);

/* The command that `POST /v1/blackhole` means: "announce route PREFIX next-hop ADDRESS community [ … ]" from
 * blackhole_next_hop and blackhole_community. `prefix`: an address, or a prefix. `more`: communities of any kind, each
 * of which joins the list of its kind, and begins one where there is none. BC_ERR_SYNTAX, BC_ERR_CONFLICT (host bits),
 * BC_ERR_RANGE, BC_ERR_UNSUPPORTED (no next hop of IPv6 is set), BC_ERR_REFUSED (one of `more` is no community) with a
 * line. */
BC_MUST_CHECK enum bc_err bc_admission_print_blackhole(const struct bc_admission *rules, struct bc_str prefix,
                                                       const struct bc_str *more, size_t more_count, struct bc_buf *to,
                                                       struct bc_fault *fault);

#endif
