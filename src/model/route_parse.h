/* What one parse of a text of any kind needs and finds; on the stack, released at once. Private to
 * src/model. */
#ifndef BC_MODEL_ROUTE_PARSE_H
#define BC_MODEL_ROUTE_PARSE_H

#include "model/route.h"
#include "model/route_fields.h"

struct bc_nlri_list {
  unsigned refs;
  unsigned count;
  struct bc_nlri nlri[];
};

struct bc_route_parse {
  struct bc_route_fields fields;
  struct bc_buf selector; /* canonical */
  struct bc_buf text;     /* scratch */
  struct bc_nlri *list;   /* of a text with several NLRI, in order; owned */
  size_t list_count;
  bool is_split;
};

void bc_route_parse_init(struct bc_route_parse *parse);
void bc_route_parse_fini(struct bc_route_parse *parse);

/* The whole line. `verb` NULL: none may stand there. */
BC_MUST_CHECK enum bc_err bc_route_parse_line(struct bc_route_lex *lex, struct bc_route_parse *parse,
                                              enum bc_verb *verb);
/* What follows the prefix in `parse->fields.nlri`, to the end of the text. */
BC_MUST_CHECK enum bc_err bc_route_parse_rest(struct bc_route_lex *lex, struct bc_route_parse *parse,
                                              bool needs_next_hop);
/* A listing of ExaBGP, of `family`. */
BC_MUST_CHECK enum bc_err bc_route_parse_listed(struct bc_route_lex *lex, struct bc_route_parse *parse,
                                                enum bc_family family);

/* The NLRI of `parse->fields`, with its rule, if its family has one. */
struct bc_nlri bc_route_parse_nlri(struct bc_intern *intern, struct bc_route_parse *parse);

#endif
