/* Where health checks written in Lua may connect to: the one filter that every connect, every redirect and every
 * resolved address passes, right before the connect and by the very address that is connected to (a name that answers
 * otherwise the second time gains nothing). Pure.
 *
 * Denied unless the node file allows it: the etcd endpoints, our own listeners, link-local addresses (169.254.0.0/16,
 * fe80::/10), multicast, the unspecified address (connecting to it reaches this host) and the broadcast address. All
 * else is allowed.
 *
 * Of the rules that hold the address and the port, the most specific decides: the longest prefix; of equal prefixes the
 * fewest ports; of these `egress_deny` before `egress_allow` before what is denied by default. So allowing 0.0.0.0/0
 * opens nothing that is denied by default, and allowing 169.254.10.1:80 opens exactly that.
 *
 * An IPv6 address that carries an IPv4 address (IPv4-mapped, IPv4-compatible, IPv4-translated, 6to4, Teredo, ISATAP,
 * NAT64: RFC 4291 2.5.5, RFC 2765, RFC 3056, RFC 4380, RFC 5214, RFC 6052, RFC 8215) passes only if both pass. */
#ifndef BC_MODEL_EGRESS_H
#define BC_MODEL_EGRESS_H

#include "base/buf.h"
#include "base/enum_text.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* kind, the word in front of its rules, what is said of an address that it denies. In the order in which rules that are
 * equally specific decide. */
#define BC_EGRESS_LIST(X)                                                                                              \
  X(BC_EGRESS_DENY, "egress_deny", "is denied by egress_deny")                                                         \
  X(BC_EGRESS_ALLOW, "egress_allow", "is allowed by egress_allow")                                                     \
  X(BC_EGRESS_ETCD, "etcd", "is an etcd endpoint")                                                                     \
  X(BC_EGRESS_LISTENER, "listener", "is a listener of bgpcommander")                                                   \
  X(BC_EGRESS_LINK_LOCAL, "link-local", "is link-local")                                                               \
  X(BC_EGRESS_MULTICAST, "multicast", "is multicast")                                                                  \
  X(BC_EGRESS_UNSPECIFIED, "unspecified", "is the unspecified address")                                                \
  X(BC_EGRESS_BROADCAST, "broadcast", "is the broadcast address")

enum bc_egress_kind { BC_EGRESS_LIST(BC_ENUM_MEMBER) BC_EGRESS_COUNT };
const char *bc_egress_kind_text(enum bc_egress_kind value);

struct bc_egress;

/* What is denied by default without being told: link-local and all below it in the list above. */
struct bc_egress *bc_egress_new(void);
/* NULL is allowed. */
void bc_egress_free(struct bc_egress *egress);

/* One rule: PREFIX, PREFIX:PORT or PREFIX:PORT-PORT; without ports it holds every port, and what has none (ping).
 * PREFIX is an address or ADDRESS/LENGTH without host bits; before a port, an IPv6 address stands in brackets:
 * 10.0.0.0/8:80-90, [2001:db8::1]:443, [2001:db8::/32]:443, 2001:db8::/32:443.
 *
 * `kind` is one of DENY, ALLOW (the node file), ETCD, LISTENER (what core knows of itself). An etcd endpoint or a
 * listener at a loopback address stands for all of 127.0.0.0/8 and ::1: who listens at every address is reached at each
 * of them. For the same reason the caller adds a listener at 0.0.0.0 or :: once for each address of the host, and for
 * loopback. A rule that is there already is not added again.
 *
 * BC_ERR_SYNTAX, BC_ERR_RANGE, BC_ERR_CONFLICT (host bits) with one line that says what was expected; BC_ERR_LIMIT
 * above BC_LIMIT_EGRESS_RULES of DENY and ALLOW, or of ETCD and LISTENER. */
BC_MUST_CHECK enum bc_err bc_egress_add(struct bc_egress *egress, enum bc_egress_kind kind, struct bc_str text,
                                        struct bc_fault *fault);
/* The same for rules with commas between them, as the settings hold them; an empty text holds none. */
BC_MUST_CHECK enum bc_err bc_egress_add_list(struct bc_egress *egress, enum bc_egress_kind kind, struct bc_str list,
                                             struct bc_fault *fault);
/* Each rule of such a list is one; any number of them. */
BC_MUST_CHECK enum bc_err bc_egress_check_list(struct bc_str list, struct bc_fault *fault);

/* Where `url` (http://HOST:PORT/… as the settings have it) leads to: `host` points into it, without brackets; a URL
 * without a port has that of its scheme. False when it leads nowhere on the network (file://). */
BC_MUST_CHECK bool bc_egress_read_endpoint(struct bc_str url, struct bc_str *host, uint16_t *port);

/* Whether this address (network order; IPv4 in the first four bytes) and port may be connected to; port 0: what has no
 * port. BC_ERR_REFUSED with the rule: "egress denied: 169.254.169.254 port 80 is link-local". */
BC_MUST_CHECK enum bc_err bc_egress_judge(const struct bc_egress *egress, const uint8_t *address, bool is_ipv6,
                                          uint16_t port, struct bc_fault *fault);

/* All rules that were added, in the order in which they decide, one a line, each as "WORD RULE" in canonical form. */
void bc_egress_print(const struct bc_egress *egress, struct bc_buf *to);
/* Adds what bc_egress_print wrote, in another process; errors as bc_egress_add. */
BC_MUST_CHECK enum bc_err bc_egress_read(struct bc_egress *egress, struct bc_str lines, struct bc_fault *fault);

#endif
