/* NLRI of the families that a `route` line can announce, as a value that can be compared and held by
 * the hundred thousand. Labels and attributes are not part of it (RFC 4271 3.1, RFC 4364 4.3.4,
 * RFC 7911; ExaBGP rib/change.py index()). */
#ifndef BC_MODEL_NLRI_H
#define BC_MODEL_NLRI_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* name, ExaBGP's words for it */
#define BC_FAMILY_LIST(X)                                                                                              \
  X(IPV4_UNICAST, "ipv4 unicast")                                                                                      \
  X(IPV4_MULTICAST, "ipv4 multicast")                                                                                  \
  X(IPV4_NLRI_MPLS, "ipv4 nlri-mpls")                                                                                  \
  X(IPV4_MPLS_VPN, "ipv4 mpls-vpn")                                                                                    \
  X(IPV6_UNICAST, "ipv6 unicast")                                                                                      \
  X(IPV6_MULTICAST, "ipv6 multicast")                                                                                  \
  X(IPV6_NLRI_MPLS, "ipv6 nlri-mpls")                                                                                  \
  X(IPV6_MPLS_VPN, "ipv6 mpls-vpn")

enum bc_family {
#define BC_FAMILY_ENUM(name, text) BC_FAMILY_##name,
  BC_FAMILY_LIST(BC_FAMILY_ENUM)
#undef BC_FAMILY_ENUM
      BC_FAMILY_COUNT
};

struct bc_nlri {
  uint8_t family; /* enum bc_family */
  uint8_t length; /* prefix length in bits */
  bool has_path_id;
  bool has_rd;
  uint32_t path_id;    /* 0 unless has_path_id */
  uint8_t rd[8];       /* network order, zero unless has_rd */
  uint8_t address[16]; /* network order, IPv4 in the first four, zero behind */
};

/* "ipv4 unicast" … */
const char *bc_family_text(enum bc_family family);
BC_MUST_CHECK enum bc_err bc_family_parse(struct bc_str text, enum bc_family *family);
bool bc_family_is_ipv6(enum bc_family family);

/* Total order; 0 means the same NLRI. */
int bc_nlri_compare(const struct bc_nlri *a, const struct bc_nlri *b);

/* From the texts in which ExaBGP reports it: `prefix` "10.0.0.0/24"; `path_id` and `rd` may be empty
 * slices; a path_id of "0.0.0.0" counts as none (ExaBGP prints it for every NLRI of an add-path
 * session). BC_ERR_SYNTAX, BC_ERR_RANGE. */
BC_MUST_CHECK enum bc_err bc_nlri_from_text(enum bc_family family, struct bc_str prefix, struct bc_str path_id,
                                            struct bc_str rd, struct bc_nlri *out);

/* Only the prefix: "10.0.0.0/24", "2001:db8::/64" (RFC 5952). */
void bc_nlri_print_prefix(const struct bc_nlri *nlri, struct bc_buf *to);
/* Prefix and what else makes its identity: "10.0.0.0/24 rd 65000:1 path-information 1.2.3.4". */
void bc_nlri_print(const struct bc_nlri *nlri, struct bc_buf *to);

#endif
