#include "model/nlri_text.h"
#include "model/route_fields.h"

/* vpls: an NLRI of RD, site and label block (RFC 4761 3.2.2; ExaBGP 4.2 configuration/l2vpn/parser.py). */

enum { VPLS_ENDPOINT, VPLS_BASE, VPLS_OFFSET, VPLS_SIZE, VPLS_FIELDS };

static enum bc_route_keyword vpls_keyword(unsigned field) {
  return (enum bc_route_keyword)(BC_ROUTE_KEYWORD_ENDPOINT + field);
}

enum bc_err bc_route_vpls_parse(struct bc_route_lex *lex, struct bc_route_fields *fields,
                                enum bc_route_keyword keyword) {
  uint64_t number;
  enum bc_err err = bc_route_lex_take_number(lex, bc_route_keyword_text(keyword), UINT16_MAX, &number);
  if (err == BC_ERR_OK) {
    fields->vpls[keyword - BC_ROUTE_KEYWORD_ENDPOINT] = (uint16_t)number;
  }
  return err;
}

static enum bc_err vpls_missing(const struct bc_route_lex *lex, const char *what, const char *expected) {
  bc_fault_set(lex->fault, lex->column, "vpls: %s is missing: ExaBGP takes that and cannot send it, expected %s", what,
               expected);
  return BC_ERR_SYNTAX;
}

static enum bc_err vpls_check_next_hop(const struct bc_route_lex *lex, const struct bc_route_fields *fields,
                                       bool needs_next_hop) {
  if (!bc_route_fields_has(fields, BC_ROUTE_KEYWORD_NEXT_HOP)) {
    return needs_next_hop ? vpls_missing(lex, "next-hop", "next-hop ADDRESS") : BC_ERR_OK;
  }
  if (fields->has_next_hop_self || fields->is_next_hop_ipv6) {
    bc_fault_set(lex->fault, fields->next_hop_column, "next-hop: %s, expected an IPv4 address",
                 fields->has_next_hop_self ? "ExaBGP has no address that self could mean in a vpls"
                                           : "an IPv6 address in a vpls (RFC 4761 3.2.2)");
    return BC_ERR_RANGE;
  }
  return BC_ERR_OK;
}

enum bc_err bc_route_vpls_check(const struct bc_route_lex *lex, const struct bc_route_fields *fields,
                                bool needs_next_hop) {
  if (!fields->nlri.has_rd) {
    return vpls_missing(lex, "rd", "rd AS:NUMBER");
  }
  for (unsigned i = 0; i < VPLS_FIELDS; i++) {
    if (!bc_route_fields_has(fields, vpls_keyword(i))) {
      const char *name = bc_route_keyword_text(vpls_keyword(i));
      return vpls_missing(lex, name, "endpoint, base, offset and size with a number each");
    }
  }
  return fields->is_standing ? BC_ERR_OK : vpls_check_next_hop(lex, fields, needs_next_hop);
}

void bc_route_vpls_print(const struct bc_route_fields *fields, struct bc_buf *to) {
  for (unsigned i = 0; i < VPLS_FIELDS; i++) {
    bc_buf_add_text(to, i > 0 ? " " : "");
    bc_buf_add_text(to, bc_route_keyword_text(vpls_keyword(i)));
    bc_buf_add_char(to, ' ');
    bc_nlri_print_number(fields->vpls[i], to);
  }
}
