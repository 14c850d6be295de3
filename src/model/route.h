/* A route as ExaBGP's grammar writes it: typed parser and canonical printer.
 *
 * The parser refuses what ExaBGP (4.2) would refuse, what it would accept and choke on (poison), what
 * it would silently change, what is not printable ASCII and what holds a line break: what passes here
 * is answered `done` and packs. ExaBGP's own parser is the oracle in tests/scenario.
 * Sources: ExaBGP 4.2 configuration/static/{route,parser,mpls}.py, configuration/core/format.py,
 * reactor/api/command/limit.py. */
#ifndef BC_MODEL_ROUTE_H
#define BC_MODEL_ROUTE_H

#include "base/intern.h"
#include "model/nlri.h"

/* Words that steer ExaBGP itself and never reach the wire. */
enum { BC_ROUTE_WATCHDOG = 1, BC_ROUTE_WITHDRAW = 2 };

/* The NLRI of a text that announces several, from the second on; counted, never changed. */
struct bc_nlri_list;

/* One text: `route`, `attributes … nlri P1 P2 …`, `flow route`, `vpls`. The first NLRI is `nlri`; all of
 * them have the same family, selector and attributes and none is there twice. What deals with single
 * NLRI takes the text apart with bc_route_single. */
struct bc_route {
  struct bc_nlri nlri;
  struct bc_nlri_list *more; /* NULL: one NLRI; they are in the order of bc_nlri_compare */
  uint32_t med;              /* 0 unless has_med */
  bool has_med : 1;
  bool has_next_hop : 1;
  bool is_groupable : 1;  /* each NLRI may stand in an `attributes … nlri` line: unicast, no path-id, label
                             or rd, no internal word */
  bool is_split : 1;      /* the NLRI are one prefix cut into equal parts: printed as `route P … split /N` */
  uint8_t internal;       /* BC_ROUTE_WATCHDOG … */
  const char *selector;   /* interned: "neighbor 10.0.0.2, neighbor 10.0.0.3 local-as 65000", or NULL = all */
  const char *attributes; /* interned canonical text of all that follows the prefix, in the order in which
                             ExaBGP prints it, with label, rd and path-information, without `name` and
                             `split`; never NULL, may be "" for a withdraw. Of a flow: its next hop, scope
                             and actions, "next-hop 10.0.0.1; then { redirect-to-nexthop; }" */
  const char *name;       /* interned value of `name`, or NULL */
};

enum bc_verb { BC_VERB_NONE, BC_VERB_ANNOUNCE, BC_VERB_WITHDRAW };

/* `text`: "[neighbor IP …[, neighbor …]] KIND …", one line, as it stands in a `config` key; KIND is
 * `route PREFIX`, `ipv4|ipv6 unicast|multicast|nlri-mpls|mpls-vpn PREFIX` (another spelling of the
 * same), `attributes … nlri`, `flow route`, `ipv4|ipv6 flow|flow-vpn`, `vpls` or `l2vpn vpls`.
 * On success fills `route` (release with bc_route_release). On failure fills `fault` (column counted
 * in `text`) and leaves `route` untouched: BC_ERR_SYNTAX, BC_ERR_RANGE, BC_ERR_LIMIT, or
 * BC_ERR_UNSUPPORTED for API lines of other kinds (mup, operational, watchdog …). */
BC_MUST_CHECK enum bc_err bc_route_parse(struct bc_intern *intern, struct bc_str text, struct bc_route *route,
                                         struct bc_fault *fault);

/* The same from two keys: `prefix` ("10.0.0.0/24") and `attributes` ("next-hop self med 100").
 * `*in_prefix` tells which of both the fault's column counts in. */
BC_MUST_CHECK enum bc_err bc_route_parse_parts(struct bc_intern *intern, struct bc_str prefix, struct bc_str attributes,
                                               struct bc_route *route, struct bc_fault *fault, bool *in_prefix);

/* A line for the API: as bc_route_parse, with `announce` or `withdraw` before KIND (after the
 * selectors, as ExaBGP wants it) or neither. A withdraw needs no next-hop and, of a flow, no actions. */
BC_MUST_CHECK enum bc_err bc_route_parse_command(struct bc_intern *intern, struct bc_str line, enum bc_verb *verb,
                                                 struct bc_route *route, struct bc_fault *fault);

/* Reads one line of the API and prints its canonical text: what bc_route_parse_command takes, and
 * "announce watchdog NAME", "withdraw watchdog NAME", which are no routes. */
BC_MUST_CHECK enum bc_err bc_route_rewrite(struct bc_intern *intern, struct bc_str line, struct bc_buf *to,
                                           struct bc_fault *fault);

/* What ExaBGP lists as standing: `text` = "10.0.0.0/24 next-hop self med 5" of `family`, or "flow
 * source-ipv4 10.0.0.0/24 extended-community rate-limit:0", or "vpls rd 65000:1 endpoint 5 …". */
BC_MUST_CHECK enum bc_err bc_route_parse_standing(struct bc_intern *intern, enum bc_family family, struct bc_str text,
                                                  struct bc_route *route, struct bc_fault *fault);

/* Another reference to the same texts. */
struct bc_route bc_route_copy(const struct bc_route *route);
/* Drops the references and zeroes it; a zeroed route is allowed. */
void bc_route_release(struct bc_intern *intern, struct bc_route *route);

/* The same NLRI, selector and attributes (`name` does not count). */
bool bc_route_equal(const struct bc_route *a, const struct bc_route *b);

/* How many NLRI it announces: at least 1, at most BC_LIMIT_KEY_NLRI. */
size_t bc_route_nlri_count(const struct bc_route *route);
/* The NLRI number `i`, from 0; it belongs to the route. */
const struct bc_nlri *bc_route_nlri(const struct bc_route *route, size_t i);
/* A route of its own with only the NLRI number `i` (release with bc_route_release). */
struct bc_route bc_route_single(const struct bc_route *route, size_t i);

/* A copy with another MED, all else equal: for the nudge. Not for a flow: ExaBGP gives it no MED. */
struct bc_route bc_route_with_med(struct bc_intern *intern, const struct bc_route *route, uint32_t med);

/* A copy that differs from it without doing harm: for the nudge. The MED is one more (1 when it has
 * none, one less at the top); a flow has the community 65535:65535 more (or less when it had it). */
struct bc_route bc_route_nudged(struct bc_intern *intern, const struct bc_route *route);

/* Canonical text, which ExaBGP 4.2 and 5.0 take: "[SELECTOR ][announce |withdraw ]" and then
 * "route PREFIX ATTRIBUTES[ split /N][ name NAME]", "attributes ATTRIBUTES[ name NAME] nlri P1 P2 …",
 * "flow route { rd RD; next-hop IP; match { … } scope { … } then { … } }" or "vpls FIELDS ATTRIBUTES[ name NAME]".
 * parse(print(parse(x))) = parse(x). A withdraw carries the attributes too: ExaBGP files pending
 * changes by attribute set (facts: reordering). */
void bc_route_print(const struct bc_route *route, enum bc_verb verb, struct bc_buf *to);

/* "[SELECTOR ]announce attributes ATTRIBUTES nlri P1 P2 …" for `count` routes that are groupable and
 * have equal selector, attributes and family; at most BC_LIMIT_GROUP_NLRI. With count 1 the plain form. */
void bc_route_print_group(const struct bc_route *const *routes, size_t count, enum bc_verb verb, struct bc_buf *to);

/* How a neighbor is known to ExaBGP: what a selector is matched with. Empty texts = not known. */
struct bc_neighbor_name {
  char ip[48];
  char local_ip[48];
  char local_as[12];
  char peer_as[12];
  char router_id[16];
};

/* Whether commands with `selector` (NULL = all) go to this neighbor. */
bool bc_selector_selects(const char *selector, const struct bc_neighbor_name *neighbor);
/* Whether some neighbor could be selected by both. */
bool bc_selectors_overlap(const char *a, const char *b);

#endif
