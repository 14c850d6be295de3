#include "model/route_flow.h"

#include "base/mem.h"

#include <stdlib.h>

/* flow route [NAME] { [rd …;] [next-hop …;] match { … } [scope { … }] then { … } }, and the same flat:
 * flow route source … destination-port … discard. */

/* More would not fit into an NLRI. */
enum { FLOW_ITEM_BYTES = 1280 };

struct bc_route_flow *bc_route_flow_new(void) {
  struct bc_route_flow *flow = bc_mem_new(1, sizeof *flow);
  for (unsigned i = 0; i < BC_FLOW_COMPONENT_COUNT; i++) {
    bc_buf_init(&flow->item[i], FLOW_ITEM_BYTES);
  }
  flow->family = BC_FAMILY_COUNT;
  return flow;
}

void bc_route_flow_free(struct bc_route_flow *flow) {
  for (unsigned i = 0; flow != NULL && i < BC_FLOW_COMPONENT_COUNT; i++) {
    bc_buf_free(&flow->item[i]);
  }
  free(flow);
}

/* rd and next-hop; `*is_taken` tells. */
static enum bc_err flow_parse_head(struct bc_route_lex *lex, struct bc_route_fields *fields, bool *is_taken) {
  *is_taken = true;
  enum bc_route_keyword keyword = BC_ROUTE_KEYWORD_NEXT_HOP;
  if (bc_route_lex_is(lex, "rd") || bc_route_lex_is(lex, "route-distinguisher")) {
    keyword = BC_ROUTE_KEYWORD_RD;
  } else if (!bc_route_lex_is(lex, "next-hop")) {
    *is_taken = false;
    return BC_ERR_OK;
  }
  enum bc_err err = bc_route_fields_mark(lex, fields, keyword);
  if (err != BC_ERR_OK) {
    return err;
  }
  bc_route_lex_advance(lex);
  return keyword == BC_ROUTE_KEYWORD_RD ? bc_route_rd_parse(lex, fields) : bc_route_next_hop_parse(lex, fields);
}

enum flow_section { SECTION_MATCH, SECTION_SCOPE, SECTION_THEN, SECTION_COUNT };

static const char *const flow_sections[] = {"match", "scope", "then"};

static enum bc_err flow_parse_statement(struct bc_route_lex *lex, struct bc_route_fields *fields,
                                        enum flow_section section) {
  static const char *const expected[] = {"source, destination, protocol, port, tcp-flags, fragment, ...",
                                         "interface-set",
                                         "discard, rate-limit, redirect, accept, mark, action, community, ..."};
  bool is_taken = false;
  bool is_scope = bc_route_lex_is(lex, "interface-set");
  if (section != SECTION_MATCH && is_scope != (section == SECTION_SCOPE)) {
    return bc_route_lex_expected(lex, flow_sections[section], expected[section]);
  }
  enum bc_err err = section == SECTION_MATCH ? bc_flow_match_parse(lex, fields, &is_taken)
                                             : bc_flow_then_parse(lex, fields, &is_taken);
  return err == BC_ERR_OK && !is_taken ? bc_route_lex_expected(lex, flow_sections[section], expected[section]) : err;
}

static enum bc_err flow_parse_section(struct bc_route_lex *lex, struct bc_route_fields *fields,
                                      enum flow_section section) {
  enum bc_err err = bc_route_lex_require(lex, flow_sections[section], "{");
  while (err == BC_ERR_OK && !bc_route_lex_take(lex, "}")) {
    err = flow_parse_statement(lex, fields, section);
    if (err == BC_ERR_OK) {
      err = bc_route_lex_require(lex, flow_sections[section], ";");
    }
  }
  return err;
}

/* Statements and sections up to the closing brace, or to the end of the text. */
static enum bc_err flow_parse_body(struct bc_route_lex *lex, struct bc_route_fields *fields, bool has_brace) {
  while (has_brace ? !bc_route_lex_take(lex, "}") : !bc_route_lex_at_end(lex)) {
    unsigned section = 0;
    while (section < SECTION_COUNT && !bc_route_lex_take(lex, flow_sections[section])) {
      section++;
    }
    bool is_taken = true;
    enum bc_err err = BC_ERR_OK;
    if (section < SECTION_COUNT) {
      err = flow_parse_section(lex, fields, (enum flow_section)section);
    } else {
      err = flow_parse_head(lex, fields, &is_taken);
      if (err == BC_ERR_OK && is_taken) {
        err = bc_route_lex_require(lex, "flow", ";");
      }
    }
    if (err == BC_ERR_OK && !is_taken) {
      err = bc_route_lex_expected(lex, "flow",
                                  has_brace ? "match, scope, then, rd, next-hop or '}'" : "scope, then or next-hop");
    }
    if (err != BC_ERR_OK) {
      return err;
    }
  }
  return BC_ERR_OK;
}

/* How ExaBGP lists the one IPv6 extended community that it writes: 4.2 as a generic attribute without bytes,
 * "attribute [ 0x19 0xC0 redirect-to-nexthop-ietf ADDRESS ]", 5.0 under a name of its own. */
static enum bc_err flow_parse_listed(struct bc_route_lex *lex, struct bc_route_fields *fields, bool *is_taken) {
  static const char *const words[] = {"[", "0x19", "0xC0"};
  if (!fields->is_standing) {
    *is_taken = false;
    return BC_ERR_OK;
  }
  *is_taken = true;
  if (bc_route_lex_take(lex, "extended-community-ipv6")) {
    return BC_ERR_OK; /* The action that follows says it all. */
  }
  *is_taken = bc_route_lex_take(lex, "attribute");
  if (!*is_taken) {
    return BC_ERR_OK;
  }
  enum bc_err err = BC_ERR_OK;
  for (size_t i = 0; err == BC_ERR_OK && i < sizeof words / sizeof words[0]; i++) {
    err = bc_route_lex_require(lex, "attribute", words[i]);
  }
  if (err == BC_ERR_OK) {
    err = flow_parse_statement(lex, fields, SECTION_THEN);
  }
  return err == BC_ERR_OK ? bc_route_lex_require(lex, "attribute", "]") : err;
}

static enum bc_err flow_parse_flat(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  while (!bc_route_lex_at_end(lex)) {
    if (bc_route_lex_take(lex, ";")) {
      return bc_route_lex_at_end(lex) ? BC_ERR_OK
                                      : bc_route_lex_expected(lex, "flow", "nothing behind ';' (one command a line)");
    }
    bool is_taken;
    enum bc_err err = bc_flow_match_parse(lex, fields, &is_taken);
    if (err == BC_ERR_OK && !is_taken) {
      err = flow_parse_head(lex, fields, &is_taken);
    }
    if (err == BC_ERR_OK && !is_taken) {
      err = flow_parse_listed(lex, fields, &is_taken);
    }
    if (err == BC_ERR_OK && !is_taken) {
      err = bc_flow_then_parse(lex, fields, &is_taken);
    }
    if (err == BC_ERR_OK && !is_taken) {
      err = bc_route_lex_expected(lex, "flow", "a match or an action: source, destination, port, discard, ...");
    }
    if (err != BC_ERR_OK) {
      return err;
    }
  }
  return BC_ERR_OK;
}

enum bc_err bc_route_flow_parse(struct bc_route_lex *lex, struct bc_route_fields *fields, bool needs_actions) {
  fields->flow->start_column = lex->column;
  fields->flow->has_then = fields->is_standing;
  bc_route_lex_skip_name(lex);
  bool has_braces = bc_route_lex_take(lex, "{");
  enum bc_err err = has_braces ? flow_parse_body(lex, fields, true) : flow_parse_flat(lex, fields);
  if (err == BC_ERR_OK && has_braces && !bc_route_lex_at_end(lex)) {
    err = bc_route_lex_expected(lex, "flow", "nothing behind '}'");
  }
  if (err == BC_ERR_OK) {
    err = bc_flow_match_check(lex, fields);
  }
  return err == BC_ERR_OK && !fields->is_standing ? bc_flow_then_check(lex, fields, needs_actions) : err;
}

enum bc_err bc_route_flow_parse_attributes(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  return flow_parse_body(lex, fields, false);
}
