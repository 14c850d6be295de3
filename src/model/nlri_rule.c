#include "model/nlri.h"
#include "model/route_flow.h"
#include "model/route_parse.h"

/* ExaBGP's text of a flow or a VPLS is read by what reads its listings of them. */

enum bc_err bc_nlri_from_rule(struct bc_intern *intern, enum bc_family family, struct bc_str text,
                              struct bc_nlri *out) {
  struct bc_route_lex lex;
  if (bc_family_has_prefix(family)) {
    return BC_ERR_SYNTAX;
  }
  enum bc_err err = bc_route_lex_init(&lex, text, NULL);
  if (err != BC_ERR_OK) {
    return err;
  }
  struct bc_route_parse parse;
  bc_route_parse_init(&parse);
  err = bc_route_parse_listed(&lex, &parse, family);
  if (err == BC_ERR_OK) {
    *out = bc_route_parse_nlri(intern, &parse);
  }
  bc_route_parse_fini(&parse);
  return err;
}
