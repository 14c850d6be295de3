#include "model/route_fields.h"

#include <arpa/inet.h>

/* as-path AS | [ AS … ( AS … ) ]: ExaBGP holds one sequence and one set, always in this order on the
 * wire, so a set anywhere but at the end would be moved. */

static enum bc_err path_append_as(struct bc_route_lex *lex, struct bc_route_fields *fields, enum bc_route_list list) {
  uint64_t number;
  enum bc_err err = bc_route_lex_number(lex, "as-path", lex->token, UINT32_MAX, &number);
  if (err != BC_ERR_OK) {
    return err;
  }
  if (number == 0) {
    return bc_route_lex_fail(lex, BC_ERR_RANGE,
                             "as-path: AS number 0 is reserved and makes the path malformed "
                             "(RFC 7607); routers treat the route as withdrawn");
  }
  uint32_t packed = htonl((uint32_t)number);
  err = bc_route_fields_append(lex, fields, list, &packed, sizeof packed);
  if (err == BC_ERR_OK) {
    bc_route_lex_advance(lex);
  }
  return err;
}

static enum bc_err path_parse_segment(struct bc_route_lex *lex, struct bc_route_fields *fields, enum bc_route_list list,
                                      const char *closing) {
  enum bc_err err = BC_ERR_OK;
  while (err == BC_ERR_OK && !bc_route_lex_take(lex, closing)) {
    err = path_append_as(lex, fields, list);
  }
  return err;
}

static enum bc_err path_parse_set(struct bc_route_lex *lex, struct bc_route_fields *fields, const char *closing) {
  bc_route_lex_advance(lex);
  enum bc_err err = path_parse_segment(lex, fields, BC_ROUTE_LIST_SET, closing);
  if (err != BC_ERR_OK) {
    return err;
  }
  bool has_comma;
  do {
    has_comma = bc_route_lex_take(lex, ",");
  } while (has_comma);
  if (!bc_route_lex_is(lex, "]")) {
    return bc_route_lex_expected(lex, "as-path",
                                 "']': an AS set must be the last of the path, as ExaBGP would move "
                                 "what follows before it");
  }
  return BC_ERR_OK;
}

/* ExaBGP 5.0 lists a sequence in parentheses and a set behind it in brackets: "( 1 2 ) [ 3 4 ]". */
static enum bc_err path_parse_listed(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  enum bc_err err = path_parse_segment(lex, fields, BC_ROUTE_LIST_SEQUENCE, ")");
  return err == BC_ERR_OK && bc_route_lex_take(lex, "[") ? path_parse_segment(lex, fields, BC_ROUTE_LIST_SET, "]")
                                                         : err;
}

enum bc_err bc_route_path_parse(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  if (fields->is_standing && bc_route_lex_take(lex, "(")) {
    return path_parse_listed(lex, fields);
  }
  if (!bc_route_lex_take(lex, "[")) {
    return path_append_as(lex, fields, BC_ROUTE_LIST_SEQUENCE);
  }
  while (!bc_route_lex_take(lex, "]")) {
    enum bc_err err = BC_ERR_OK;
    if (bc_route_lex_is(lex, "(") || bc_route_lex_is(lex, "[")) {
      err = path_parse_set(lex, fields, bc_route_lex_is(lex, "(") ? ")" : "]");
    } else if (!bc_route_lex_take(lex, ",")) {
      err = path_append_as(lex, fields, BC_ROUTE_LIST_SEQUENCE);
    }
    if (err != BC_ERR_OK) {
      return err;
    }
  }
  return BC_ERR_OK;
}
