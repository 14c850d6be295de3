/* NLRI of the families that ExaBGP can announce for us, as a value that can be compared and held by
 * the hundred thousand. Labels and attributes are not part of it (RFC 4271 3.1, RFC 4364 4.3.4,
 * RFC 7911; ExaBGP rib/change.py index()).
 *
 * Most families announce a prefix. What a flow (RFC 8955, RFC 8956) or a VPLS (RFC 4761) announces is
 * held as a `rule`, an interned text: whoever holds such an NLRI holds a reference to it. */
#ifndef BC_MODEL_NLRI_H
#define BC_MODEL_NLRI_H

#include "base/buf.h"
#include "base/err.h"
#include "base/intern.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* name, ExaBGP's words for it, is IPv6, kind of NLRI */
#define BC_FAMILY_LIST(X)                                                                                              \
  X(BC_FAMILY_IPV4_UNICAST, "ipv4 unicast", false, BC_NLRI_PREFIX)                                                     \
  X(BC_FAMILY_IPV4_MULTICAST, "ipv4 multicast", false, BC_NLRI_PREFIX)                                                 \
  X(BC_FAMILY_IPV4_NLRI_MPLS, "ipv4 nlri-mpls", false, BC_NLRI_PREFIX)                                                 \
  X(BC_FAMILY_IPV4_MPLS_VPN, "ipv4 mpls-vpn", false, BC_NLRI_PREFIX)                                                   \
  X(BC_FAMILY_IPV6_UNICAST, "ipv6 unicast", true, BC_NLRI_PREFIX)                                                      \
  X(BC_FAMILY_IPV6_MULTICAST, "ipv6 multicast", true, BC_NLRI_PREFIX)                                                  \
  X(BC_FAMILY_IPV6_NLRI_MPLS, "ipv6 nlri-mpls", true, BC_NLRI_PREFIX)                                                  \
  X(BC_FAMILY_IPV6_MPLS_VPN, "ipv6 mpls-vpn", true, BC_NLRI_PREFIX)                                                    \
  X(BC_FAMILY_IPV4_FLOW, "ipv4 flow", false, BC_NLRI_FLOW)                                                             \
  X(BC_FAMILY_IPV6_FLOW, "ipv6 flow", true, BC_NLRI_FLOW)                                                              \
  X(BC_FAMILY_IPV4_FLOW_VPN, "ipv4 flow-vpn", false, BC_NLRI_FLOW)                                                     \
  X(BC_FAMILY_IPV6_FLOW_VPN, "ipv6 flow-vpn", true, BC_NLRI_FLOW)                                                      \
  X(BC_FAMILY_L2VPN_VPLS, "l2vpn vpls", false, BC_NLRI_VPLS)

enum bc_family { BC_FAMILY_LIST(BC_ENUM_MEMBER) BC_FAMILY_COUNT };

/* What the NLRI of a family consists of. */
enum bc_nlri_kind { BC_NLRI_PREFIX, BC_NLRI_FLOW, BC_NLRI_VPLS };

struct bc_nlri {
  uint8_t family; /* enum bc_family */
  uint8_t length; /* prefix length in bits; 0 without prefix */
  bool has_path_id;
  bool has_rd;
  uint32_t path_id; /* 0 unless has_path_id */
  uint8_t rd[8];    /* network order, zero unless has_rd */
  union {
    uint8_t address[16]; /* network order, IPv4 in the first four, zero behind */
    const char *rule;    /* BC_NLRI_FLOW, BC_NLRI_VPLS: interned canonical text of what is announced, as
                            ExaBGP 4.2 lists it, without RD: "source-ipv4 10.0.0.0/24 protocol =tcp",
                            "endpoint 5 base 10 offset 1 size 8" */
  };
};

/* "ipv4 unicast" … */
const char *bc_family_text(enum bc_family value);
BC_MUST_CHECK enum bc_err bc_family_parse(struct bc_str text, enum bc_family *family);
bool bc_family_is_ipv6(enum bc_family family);
enum bc_nlri_kind bc_family_kind(enum bc_family family);
/* The NLRI has an address and a length; else it has a rule. */
bool bc_family_has_prefix(enum bc_family family);

/* Another reference to the same rule, if there is one; the copy is released with bc_nlri_put. */
struct bc_nlri bc_nlri_ref(const struct bc_nlri *nlri);
/* Drops the reference to the rule, if there is one, and zeroes it; a zeroed NLRI is allowed. */
void bc_nlri_put(struct bc_intern *intern, struct bc_nlri *nlri);

/* Total order; 0 means the same NLRI. Rules must come from one intern table. */
int bc_nlri_compare(const struct bc_nlri *a, const struct bc_nlri *b);

/* From the texts in which ExaBGP reports it: `prefix` "10.0.0.0/24"; `path_id` and `rd` may be empty
 * slices; a path_id of "0.0.0.0" counts as none (ExaBGP prints it for every NLRI of an add-path
 * session). Only for families with a prefix, so there is nothing to release. BC_ERR_SYNTAX,
 * BC_ERR_RANGE. */
BC_MUST_CHECK enum bc_err bc_nlri_from_text(enum bc_family family, struct bc_str prefix, struct bc_str path_id,
                                            struct bc_str rd, struct bc_nlri *out);

/* The sibling for families without prefix, from the text that ExaBGP makes of the NLRI: the `string` of
 * a flow in an UPDATE or in `show adj-rib`, "flow source-ipv4 10.0.0.0/24 protocol =tcp rd 65000:1
 * next-hop 10.0.0.1", and "vpls rd 65000:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1" (the
 * JSON of an UPDATE holds the fields of a vpls one by one: "FIELD VALUE FIELD VALUE …" in any order).
 * The first word and the next hop may be missing; the next hop is not part of the NLRI. On success
 * `out` is to be released with bc_nlri_put; on failure it is untouched. BC_ERR_SYNTAX, BC_ERR_RANGE,
 * BC_ERR_LIMIT. */
BC_MUST_CHECK enum bc_err bc_nlri_from_rule(struct bc_intern *intern, enum bc_family family, struct bc_str text,
                                            struct bc_nlri *out);

/* Only the prefix: "10.0.0.0/24", "2001:db8::/64" (RFC 5952); without prefix "flow RULE", "vpls RULE". */
void bc_nlri_print_prefix(const struct bc_nlri *nlri, struct bc_buf *to);
/* Prefix or rule and what else makes its identity: "10.0.0.0/24 rd 65000:1 path-information 1.2.3.4",
 * "flow source-ipv4 10.0.0.0/24 rd 65000:1". */
void bc_nlri_print(const struct bc_nlri *nlri, struct bc_buf *to);

#endif
