/* A flow taken apart: what it matches and what is to be done, while its text is read or rewritten.
 * Private to src/model.
 *
 * Of what a flow does, communities, next hop and RD stand in struct bc_route_fields: actions are
 * extended communities (RFC 8955 7), and are read and printed as what they are on the wire. Sources:
 * RFC 8955, RFC 8956; ExaBGP 4.2 configuration/flow/{match,then,scope,parser}.py,
 * bgp/message/update/nlri/flow.py. */
#ifndef BC_MODEL_ROUTE_FLOW_H
#define BC_MODEL_ROUTE_FLOW_H

#include "base/buf.h"
#include "model/route_fields.h"

enum { BC_FLOW_DESTINATION, BC_FLOW_SOURCE, BC_FLOW_PREFIX_COUNT };

/* Components that compare numbers or bits, in the order of their types on the wire:
 * name, type, name in IPv4 flows (NULL: not there), name in IPv6 flows, how its words are read, most bytes */
#define BC_FLOW_COMPONENT_LIST(X)                                                                                      \
  X(PROTOCOL, 3, "protocol", "next-header", PROTOCOL, 1)                                                               \
  X(PORT, 4, "port", "port", PORT, 2)                                                                                  \
  X(DESTINATION_PORT, 5, "destination-port", "destination-port", PORT, 2)                                              \
  X(SOURCE_PORT, 6, "source-port", "source-port", PORT, 2)                                                             \
  X(ICMP_TYPE, 7, "icmp-type", "icmp-type", ICMP_TYPE, 1)                                                              \
  X(ICMP_CODE, 8, "icmp-code", "icmp-code", ICMP_CODE, 1)                                                              \
  X(TCP_FLAGS, 9, "tcp-flags", "tcp-flags", TCP_FLAGS, 2)                                                              \
  X(PACKET_LENGTH, 10, "packet-length", "packet-length", NUMBER, 2)                                                    \
  X(DSCP, 11, "dscp", "traffic-class", NUMBER, 1)                                                                      \
  X(FRAGMENT, 12, "fragment", "fragment", FRAGMENT, 1)                                                                 \
  X(FLOW_LABEL, 13, NULL, "flow-label", NUMBER, 4)

enum bc_flow_component {
#define BC_FLOW_COMPONENT_ENUM(name, type, ipv4, ipv6, words, bytes) BC_FLOW_COMPONENT_##name,
  BC_FLOW_COMPONENT_LIST(BC_FLOW_COMPONENT_ENUM)
#undef BC_FLOW_COMPONENT_ENUM
      BC_FLOW_COMPONENT_COUNT
};

/* Which names stand for values. */
enum bc_flow_words {
  BC_FLOW_WORDS_NUMBER,
  BC_FLOW_WORDS_PROTOCOL,
  BC_FLOW_WORDS_PORT,
  BC_FLOW_WORDS_ICMP_TYPE,
  BC_FLOW_WORDS_ICMP_CODE,
  BC_FLOW_WORDS_TCP_FLAGS,
  BC_FLOW_WORDS_FRAGMENT,
};

/* Something that is right or wrong only when the family is known, and where it stands. */
struct bc_flow_remark {
  size_t column; /* 0: nowhere */
  const char *text;
};

struct bc_flow_prefix {
  bool is_set;
  bool is_ipv6;
  uint8_t length;
  uint8_t address[16];
  size_t column;
};

struct bc_route_flow {
  struct bc_flow_prefix prefix[BC_FLOW_PREFIX_COUNT];
  struct bc_buf item[BC_FLOW_COMPONENT_COUNT]; /* operator byte and four bytes of value each */
  struct bc_flow_remark only_ipv6;
  struct bc_flow_remark not_ipv6;
  unsigned actions; /* 1 << what has been given, see route_flow_then.c */
  bool has_then;
  uint8_t family; /* enum bc_family that the text names, or BC_FAMILY_COUNT */
  size_t start_column;
};

struct bc_route_flow *bc_route_flow_new(void);
/* NULL is allowed. */
void bc_route_flow_free(struct bc_route_flow *flow);

/* What follows `flow route`, in braces or flat, up to the end of the text. Afterwards family and RD of
 * the NLRI are complete (its rule is not made yet). */
BC_MUST_CHECK enum bc_err bc_route_flow_parse(struct bc_route_lex *lex, struct bc_route_fields *fields,
                                              bool needs_actions);
/* What bc_route_flow_print made of such a text: its attributes without its NLRI, up to the end. */
BC_MUST_CHECK enum bc_err bc_route_flow_parse_attributes(struct bc_route_lex *lex, struct bc_route_fields *fields);

/* The statement at the token, if it is one of a match: `*is_match` tells. */
BC_MUST_CHECK enum bc_err bc_flow_match_parse(struct bc_route_lex *lex, struct bc_route_fields *fields, bool *is_match);
/* Family, and all that depends on it; `lex` stands behind the flow. */
BC_MUST_CHECK enum bc_err bc_flow_match_check(const struct bc_route_lex *lex, struct bc_route_fields *fields);
/* The rule of the NLRI, as ExaBGP 4.2 lists it: "source-ipv4 10.0.0.0/24 protocol [ =tcp =udp ]". */
void bc_flow_match_print(const struct bc_route_fields *fields, struct bc_buf *to);
/* The same as statements: "source-ipv4 10.0.0.0/24; protocol [ =tcp =udp ];". */
void bc_flow_match_print_statements(const char *rule, struct bc_buf *to);

/* The statement at the token, if it is one of a scope or an action: `*is_action` tells. */
BC_MUST_CHECK enum bc_err bc_flow_then_parse(struct bc_route_lex *lex, struct bc_route_fields *fields, bool *is_action);
BC_MUST_CHECK enum bc_err bc_flow_then_check(const struct bc_route_lex *lex, const struct bc_route_fields *fields,
                                             bool needs_actions);
/* Next hop, scope and actions: the attributes of a flow, see struct bc_route. Sorts the lists. */
void bc_flow_then_print(struct bc_route_fields *fields, struct bc_buf *to);
/* One word of an extended community that only listings of flows have: "rate-limit:0", "mark 5" …;
 * `*is_known` tells whether it was one. */
BC_MUST_CHECK enum bc_err bc_flow_then_parse_listed(struct bc_route_lex *lex, struct bc_route_fields *fields,
                                                    bool *is_known);

/* The value of a name, in any case; false when `text` is none. */
bool bc_flow_word_find(enum bc_flow_words words, struct bc_str text, uint32_t *value);
/* The name of a value, or NULL: only where ExaBGP lists names and all its versions know them. */
const char *bc_flow_word_name(enum bc_flow_words words, uint32_t value);

#endif
