/* A route taken apart: every attribute as a typed value. It lives on the stack while a text is parsed
 * or rewritten; what is kept is the canonical text that is printed from it. Private to
 * src/model/route*.c. */
#ifndef BC_MODEL_ROUTE_FIELDS_H
#define BC_MODEL_ROUTE_FIELDS_H

#include "base/buf.h"
#include "model/nlri.h"
#include "model/route_lex.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a text announces; which keywords may stand in it depends on it. */
enum bc_route_kind {
  BC_ROUTE_KIND_ROUTE, /* `route PREFIX …` */
  BC_ROUTE_KIND_LIST,  /* `attributes … nlri …` */
  BC_ROUTE_KIND_VPLS,
  BC_ROUTE_KIND_FLOW /* no keywords but its own, see route_flow.h */
};

/* In the order in which ExaBGP prints them. name, keyword, attribute code on the wire (0 = not an attribute of its
 * own), its flags (ExaBGP 4.2 configuration/static/route.py; IANA BGP path attributes), and where it may stand:
 * 1 << enum bc_route_kind, or-ed */
#define BC_ROUTE_KEYWORD_LIST(X)                                                                                       \
  X(NEXT_HOP, "next-hop", 3, 0x40, 7)                                                                                  \
  X(PATH_INFORMATION, "path-information", 0, 0, 1)                                                                     \
  X(LABEL, "label", 0, 0, 3)                                                                                           \
  X(RD, "rd", 0, 0, 7)                                                                                                 \
  X(ORIGIN, "origin", 1, 0x40, 7)                                                                                      \
  X(AS_PATH, "as-path", 2, 0x40, 7)                                                                                    \
  X(MED, "med", 4, 0x80, 7)                                                                                            \
  X(LOCAL_PREFERENCE, "local-preference", 5, 0x40, 7)                                                                  \
  X(ATOMIC_AGGREGATE, "atomic-aggregate", 6, 0x40, 7)                                                                  \
  X(AGGREGATOR, "aggregator", 7, 0xc0, 7)                                                                              \
  X(COMMUNITY, "community", 8, 0xc0, 7)                                                                                \
  X(ORIGINATOR_ID, "originator-id", 9, 0x80, 7)                                                                        \
  X(CLUSTER_LIST, "cluster-list", 10, 0x80, 7)                                                                         \
  X(EXTENDED_COMMUNITY, "extended-community", 16, 0xc0, 7)                                                             \
  X(AIGP, "aigp", 26, 0x80, 3)                                                                                         \
  X(LARGE_COMMUNITY, "large-community", 32, 0xc0, 3)                                                                   \
  X(BGP_PREFIX_SID, "bgp-prefix-sid", 40, 0xc0, 3)                                                                     \
  X(BGP_PREFIX_SID_SRV6, "bgp-prefix-sid-srv6", 0, 0, 3)                                                               \
  X(ATTRIBUTE, "attribute", 0, 0, 7)                                                                                   \
  X(NAME, "name", 0, 0, 7)                                                                                             \
  X(SPLIT, "split", 0, 0, 1)                                                                                           \
  X(WATCHDOG, "watchdog", 0, 0, 7)                                                                                     \
  X(WITHDRAW, "withdraw", 0, 0, 7)                                                                                     \
  X(ENDPOINT, "endpoint", 0, 0, 4)                                                                                     \
  X(BASE, "base", 0, 0, 4)                                                                                             \
  X(OFFSET, "offset", 0, 0, 4)                                                                                         \
  X(SIZE, "size", 0, 0, 4)

enum bc_route_keyword {
#define BC_ROUTE_KEYWORD_ENUM(name, text, code, flags, kinds) BC_ROUTE_KEYWORD_##name,
  BC_ROUTE_KEYWORD_LIST(BC_ROUTE_KEYWORD_ENUM)
#undef BC_ROUTE_KEYWORD_ENUM
      BC_ROUTE_KEYWORD_COUNT
};

/* The lists, packed as on the wire (network order). */
enum bc_route_list {
  BC_ROUTE_LIST_SEQUENCE, /* of the as-path, 4 bytes each */
  BC_ROUTE_LIST_SET,      /* of the as-path, 4 bytes each */
  BC_ROUTE_LIST_COMMUNITY,
  BC_ROUTE_LIST_CLUSTER,
  BC_ROUTE_LIST_EXTENDED,
  BC_ROUTE_LIST_LARGE,
  BC_ROUTE_LIST_SRGB,    /* 3 bytes base, 3 bytes range each */
  BC_ROUTE_LIST_GENERIC, /* code, flags, two bytes of length, the data; in the order in which they came */
  BC_ROUTE_LIST_COUNT
};

enum {
  /* A BGP message has 4096 bytes (RFC 4271 4.1); this leaves room for its header, what ExaBGP adds by
   * itself and one NLRI of any family: with more, ExaBGP drops the route or its session. */
  BC_ROUTE_ATTRIBUTE_BYTES = 3900,
  /* 24 bits each, and the length byte of the NLRI counts bits. */
  BC_ROUTE_LABELS = 10
};

struct bc_route_flow;

struct bc_route_fields {
  struct bc_nlri nlri;        /* its rule is not made before the text is complete */
  struct bc_route_flow *flow; /* owned; NULL: not a flow */
  uint8_t kind;               /* enum bc_route_kind */
  bool is_standing;           /* the text comes from ExaBGP: it is read, not judged */
  bool has_next_hop_self;
  bool is_next_hop_ipv6;
  bool has_label_index; /* of bgp-prefix-sid */
  uint8_t origin;       /* 0 igp, 1 egp, 2 incomplete */
  uint8_t split;
  uint32_t seen; /* 1 << enum bc_route_keyword */
  uint32_t med;
  uint32_t local_preference;
  uint32_t aggregator_as;
  uint32_t label_index;
  unsigned label_count;
  uint32_t label[BC_ROUTE_LABELS];
  uint64_t aigp;
  uint8_t next_hop[16];
  uint16_t vpls[4]; /* endpoint, base, offset, size */
  uint8_t aggregator_id[4];
  uint8_t originator_id[4];
  size_t next_hop_column;
  size_t rd_column;
  size_t label_column;
  size_t split_column;
  struct bc_str name; /* slices of the text */
  struct bc_str watchdog;
  struct bc_buf list[BC_ROUTE_LIST_COUNT];
};

void bc_route_fields_init(struct bc_route_fields *fields);
void bc_route_fields_free(struct bc_route_fields *fields);

static inline bool bc_route_fields_has(const struct bc_route_fields *fields, enum bc_route_keyword keyword) {
  return (fields->seen & (uint32_t)1 << keyword) != 0;
}

const char *bc_route_keyword_text(enum bc_route_keyword keyword);
/* The attribute code of a keyword, 0 for none; its flags. */
uint8_t bc_route_keyword_code(enum bc_route_keyword keyword);
uint8_t bc_route_keyword_flags(enum bc_route_keyword keyword);

/* All that follows the prefix, flat or in braces, up to the end of the text; the prefix is already in
 * `fields->nlri`. Of a list up to `nlri`. */
BC_MUST_CHECK enum bc_err bc_route_fields_parse(struct bc_route_lex *lex, struct bc_route_fields *fields);
/* What depends on prefix and attributes together: the family, labels that fit. */
BC_MUST_CHECK enum bc_err bc_route_fields_complete(const struct bc_route_lex *lex, struct bc_route_fields *fields);
/* What must be there and what fits into a message; `lex` is at the end of the text. */
BC_MUST_CHECK enum bc_err bc_route_fields_check(const struct bc_route_lex *lex, const struct bc_route_fields *fields,
                                                bool needs_next_hop);
/* The prefix at the token, with its family; host bits are refused. */
BC_MUST_CHECK enum bc_err bc_route_fields_parse_prefix(struct bc_route_lex *lex, struct bc_nlri *nlri);

/* The values of single attributes; `lex` stands behind the keyword. */
BC_MUST_CHECK enum bc_err bc_route_next_hop_parse(struct bc_route_lex *lex, struct bc_route_fields *fields);
BC_MUST_CHECK enum bc_err bc_route_rd_parse(struct bc_route_lex *lex, struct bc_route_fields *fields);
BC_MUST_CHECK enum bc_err bc_route_vpls_parse(struct bc_route_lex *lex, struct bc_route_fields *fields,
                                              enum bc_route_keyword keyword);
/* All fields of a VPLS are there and belong together. */
BC_MUST_CHECK enum bc_err bc_route_vpls_check(const struct bc_route_lex *lex, const struct bc_route_fields *fields,
                                              bool needs_next_hop);
/* The rule of its NLRI: "endpoint 5 base 10 offset 1 size 8". */
void bc_route_vpls_print(const struct bc_route_fields *fields, struct bc_buf *to);
BC_MUST_CHECK enum bc_err bc_route_path_parse(struct bc_route_lex *lex, struct bc_route_fields *fields);
BC_MUST_CHECK enum bc_err bc_route_community_parse(struct bc_route_lex *lex, struct bc_route_fields *fields);
BC_MUST_CHECK enum bc_err bc_route_community_parse_large(struct bc_route_lex *lex, struct bc_route_fields *fields);
BC_MUST_CHECK enum bc_err bc_route_community_parse_extended(struct bc_route_lex *lex, struct bc_route_fields *fields);
BC_MUST_CHECK enum bc_err bc_route_sid_parse(struct bc_route_lex *lex, struct bc_route_fields *fields);
BC_MUST_CHECK enum bc_err bc_route_sid_parse_srv6(struct bc_route_lex *lex, struct bc_route_fields *fields);
BC_MUST_CHECK enum bc_err bc_route_generic_parse(struct bc_route_lex *lex, struct bc_route_fields *fields);

/* The value of `name` and `watchdog`: one word that ExaBGP cannot take for something else. */
BC_MUST_CHECK enum bc_err bc_route_word_parse(struct bc_route_lex *lex, const char *subject, struct bc_str *word);

/* One word of an extended community at the token (not advanced), appended to the list. */
BC_MUST_CHECK enum bc_err bc_route_extended_parse_one(struct bc_route_lex *lex, struct bc_route_fields *fields);
/* Whether ExaBGP lists these eight bytes under a text that leads back to them. */
bool bc_route_extended_is_faithful(const uint8_t bytes[static 8]);

/* Appends to a list, or fails with BC_ERR_LIMIT at the token. */
BC_MUST_CHECK enum bc_err bc_route_fields_append(const struct bc_route_lex *lex, struct bc_route_fields *fields,
                                                 enum bc_route_list list, const void *bytes, size_t len);
/* Marks a keyword as given; BC_ERR_SYNTAX "KEYWORD: given twice". */
BC_MUST_CHECK enum bc_err bc_route_fields_mark(const struct bc_route_lex *lex, struct bc_route_fields *fields,
                                               enum bc_route_keyword keyword);

/* Canonical text of the attributes, without a blank before the first. Sorts the lists of communities. */
void bc_route_text_print(struct bc_route_fields *fields, struct bc_buf *to);
void bc_route_community_sort(struct bc_route_fields *fields, enum bc_route_keyword keyword);
/* " KEYWORD VALUE" of parts of it; nothing when there is nothing to print. */
void bc_route_community_print(struct bc_route_fields *fields, enum bc_route_keyword keyword, struct bc_buf *to);
void bc_route_extended_print_one(const uint8_t *bytes, struct bc_buf *to);
/* The generic attributes with codes behind `after` and before `before`. */
void bc_route_generic_print(const struct bc_route_fields *fields, unsigned after, unsigned before, struct bc_buf *to);

/* How many bytes the attributes take in a BGP message. */
size_t bc_route_text_wire_bytes(const struct bc_route_fields *fields);

/* "neighbor IP …[, neighbor …]" at the token; prints the canonical selector. */
BC_MUST_CHECK enum bc_err bc_selector_parse(struct bc_route_lex *lex, struct bc_buf *to);

#endif
