/* What the files of admission share. */
#ifndef BC_MODEL_ADMISSION_PRIVATE_H
#define BC_MODEL_ADMISSION_PRIVATE_H

#include "model/admission.h"
#include "model/flow_reach.h"
#include "model/prefix_rule.h"

/* Of IPv4 and of IPv6. */
struct admission_lengths {
  bool is_given[2];
  unsigned least[2], most[2];
};

struct admission_rule {
  struct bc_prefix_rule rule;
  char *text; /* as it was given */
};

struct admission_rules {
  struct admission_rule *rule;
  size_t count;
};

/* In ExaBGP's words; what a flow may do. */
#define BC_ADMISSION_ACTION_LIST(X)                                                                                    \
  X(ADMISSION_ACCEPT, "accept")                                                                                        \
  X(ADMISSION_DISCARD, "discard")                                                                                      \
  X(ADMISSION_RATE, "rate-limit")                                                                                      \
  X(ADMISSION_REDIRECT, "redirect")                                                                                    \
  X(ADMISSION_NEXTHOP, "redirect-to-nexthop")                                                                          \
  X(ADMISSION_IETF, "redirect-to-nexthop-ietf")                                                                        \
  X(ADMISSION_COPY, "copy")                                                                                            \
  X(ADMISSION_MARK, "mark")                                                                                            \
  X(ADMISSION_SAMPLE, "action")                                                                                        \
  X(ADMISSION_INTERFACES, "interface-set")                                                                             \
  X(ADMISSION_OTHER, "extended-community")
enum admission_action { BC_ADMISSION_ACTION_LIST(BC_ENUM_MEMBER) ADMISSION_ACTIONS };
const char *bc_admission_action_text(enum admission_action value);

enum { ADMISSION_ANY = -1, ADMISSION_OFF = 1000 };

struct admission_flow {
  bool is_off;
  bool is_given[3][2]; /* destination, whole, source */
  int destination[2];  /* shortest length; ANY: it may be missing */
  int whole[2];        /* of one that drops and is not narrow */
  int source[2];       /* without a destination; OFF: none such */
  unsigned actions;    /* 1 << enum admission_action */
  bool has_actions;    /* given: in place of the default */
};

enum { ADMISSION_COMMUNITY_KINDS = 3 };

struct bc_admission {
  struct admission_rules allow, never;
  unsigned families; /* 1 << enum bc_family; 0 = all */
  struct admission_lengths length, blackhole_length;
  struct admission_flow flow;
  size_t most, most_of_token, most_per_hour;  /* 0 = any number */
  uint64_t ttl_most_ms, ttl_default_ms;       /* 0 = none */
  char *next_hop[2];                          /* of blackholes; NULL = self */
  char *community[ADMISSION_COMMUNITY_KINDS]; /* plain, large, extended: words with blanks between; NULL = none */
};

/* ---- admission_flow.c ---- */
void bc_admission_flow_init(struct admission_flow *flow);
BC_MUST_CHECK enum bc_err bc_admission_flow_add(struct admission_flow *flow, struct bc_str text,
                                                struct bc_fault *fault);
enum bc_admission_answer bc_admission_judge_flow(const struct bc_admission *rules, const struct bc_route *route,
                                                 const struct bc_nlri *nlri, struct bc_fault *fault);
/* The flow takes traffic away from where it would go. */
bool bc_admission_flow_drops(const struct bc_route *route);

/* ---- admission_blackhole.c ---- */
BC_MUST_CHECK enum bc_err bc_admission_add_community(struct bc_admission *rules, struct bc_str text,
                                                     struct bc_fault *fault);
BC_MUST_CHECK enum bc_err bc_admission_add_next_hop(struct bc_admission *rules, struct bc_str text,
                                                    struct bc_fault *fault);
/* It carries the well-known community of blackholes (RFC 7999), or one of blackhole_community that is no well-known
 * one of another meaning. */
bool bc_admission_is_blackhole(const struct bc_admission *rules, const struct bc_route *route);

#endif
