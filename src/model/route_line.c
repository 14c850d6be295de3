#include "base/limits.h"
#include "base/mem.h"
#include "model/route_flow.h"
#include "model/route_parse.h"

#include <stdlib.h>
#include <string.h>

/* Which kind of text it is, and the NLRI of those that announce several. */

enum { SELECTOR_BYTES = 32768 };

/* Words that start other lines of the API (ExaBGP 4.2 and 5.0 reactor/api/command/) and what they are. */
struct line_other {
  const char *word;
  const char *what;
};

static const struct line_other line_others[] = {
    {"evpn", "evpn is not supported: ExaBGP cannot announce it"},
    {"unicast", "'unicast ...' is not supported, write 'route PREFIX ...' or 'ipv4 unicast PREFIX ...'"},
    {"mcast-vpn", "mcast-vpn is not supported: ExaBGP 4.2 does not know it"},
    {"mup", "mup is not supported: ExaBGP 4.2 does not know it"},
    {"sr-policy", "sr-policy is not supported: ExaBGP 4.2 and 5.0 do not know it"},
    {"eor", "eor is not supported"},
    {"operational", "operational messages are not supported"},
    {"route-refresh", "route-refresh is not supported"},
    {"watchdog", "watchdog is a command to ExaBGP and not a route: it would steer ExaBGP behind our back"},
    {"clear", "clear is a command to ExaBGP and not a route"},
    {"crash", "crash is a command to ExaBGP and not a route"},
    {"flush", "flush is a command to ExaBGP and not a route"},
    {"help", "help is a command to ExaBGP and not a route"},
    {"reload", "reload is a command to ExaBGP and not a route"},
    {"reset", "reset is a command to ExaBGP and not a route"},
    {"restart", "restart is a command to ExaBGP and not a route"},
    {"show", "show is a command to ExaBGP and not a route"},
    {"shutdown", "shutdown is a command to ExaBGP and not a route"},
    {"system", "system is a command to ExaBGP and not a route"},
    {"teardown", "teardown is a command to ExaBGP and not a route"},
    {"version", "version is a command to ExaBGP and not a route"},
};

void bc_route_parse_init(struct bc_route_parse *parse) {
  *parse = (struct bc_route_parse){0};
  bc_route_fields_init(&parse->fields);
  bc_buf_init(&parse->selector, SELECTOR_BYTES);
  bc_buf_init(&parse->text, BC_LIMIT_CONFIG_BYTES);
}

void bc_route_parse_fini(struct bc_route_parse *parse) {
  bc_route_fields_free(&parse->fields);
  bc_buf_free(&parse->selector);
  bc_buf_free(&parse->text);
  free(parse->list);
}

static enum bc_err line_refuse(const struct bc_route_lex *lex, const char *expected) {
  for (size_t i = 0; i < sizeof line_others / sizeof line_others[0]; i++) {
    if (bc_route_lex_is(lex, line_others[i].word)) {
      return bc_route_lex_fail(lex, BC_ERR_UNSUPPORTED, "%s", line_others[i].what);
    }
  }
  return bc_route_lex_expected(lex, "line", expected);
}

/* ---- several NLRI ---- */

/* Cuts the prefix into parts of the length of `split`. */
static enum bc_err line_split(const struct bc_route_lex *lex, struct bc_route_parse *parse) {
  struct bc_route_fields *fields = &parse->fields;
  unsigned length = fields->nlri.length;
  if (!bc_route_fields_has(fields, BC_ROUTE_KEYWORD_SPLIT) || fields->split <= length) {
    return BC_ERR_OK; /* ExaBGP leaves such a route alone too. */
  }
  unsigned bits = fields->split - length;
  if (bits >= 16 || 1U << bits > BC_LIMIT_KEY_NLRI) {
    bc_fault_set(lex->fault, fields->split_column, "split: /%u into /%u makes 2^%u routes, expected at most %d", length,
                 fields->split, bits, BC_LIMIT_KEY_NLRI);
    return BC_ERR_LIMIT;
  }
  parse->list_count = (size_t)1 << bits;
  parse->list = bc_mem_new(parse->list_count, sizeof *parse->list);
  for (unsigned i = 0; i < parse->list_count; i++) {
    struct bc_nlri *nlri = &parse->list[i];
    *nlri = fields->nlri;
    nlri->length = fields->split;
    for (unsigned bit = 0; bit < bits; bit++) {
      unsigned at = fields->split - 1U - bit;
      nlri->address[at / 8] = (uint8_t)(nlri->address[at / 8] | ((i >> bit & 1U) << (7 - at % 8)));
    }
  }
  fields->nlri = parse->list[0];
  parse->is_split = true;
  return BC_ERR_OK;
}

struct line_nlri {
  struct bc_nlri nlri;
  size_t column;
};

static int line_compare(const void *left, const void *right) {
  const struct line_nlri *a = left;
  const struct line_nlri *b = right;
  int order = bc_nlri_compare(&a->nlri, &b->nlri);
  return order != 0 ? order : (a->column > b->column) - (a->column < b->column);
}

static enum bc_err line_keep_list(const struct bc_route_lex *lex, struct bc_route_parse *parse, struct line_nlri *found,
                                  size_t count) {
  qsort(found, count, sizeof *found, line_compare);
  parse->list = bc_mem_new(count, sizeof *parse->list);
  parse->list_count = count;
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && bc_nlri_compare(&found[i - 1].nlri, &found[i].nlri) == 0) {
      bc_buf_clear(&parse->text);
      bc_nlri_print_prefix(&found[i].nlri, &parse->text);
      bc_fault_set(lex->fault, found[i].column, "nlri: %s is given twice", parse->text.data);
      return BC_ERR_SYNTAX;
    }
    parse->list[i] = found[i].nlri;
  }
  parse->fields.nlri = parse->list[0];
  return BC_ERR_OK;
}

/* One prefix of a list; all share RD and labels, and must be of one family. */
static enum bc_err line_parse_one(struct bc_route_lex *lex, struct bc_route_parse *parse, const struct line_nlri *first,
                                  struct line_nlri *made) {
  struct bc_route_fields *fields = &parse->fields;
  struct bc_nlri nlri = {0};
  made->column = lex->column;
  struct bc_str word = lex->token;
  enum bc_err err = bc_route_fields_parse_prefix(lex, &nlri);
  if (err != BC_ERR_OK) {
    return err;
  }
  nlri.has_rd = fields->nlri.has_rd;
  memcpy(nlri.rd, fields->nlri.rd, sizeof nlri.rd);
  fields->nlri = nlri;
  err = bc_route_fields_complete(lex, fields);
  made->nlri = fields->nlri;
  if (err == BC_ERR_OK && first != NULL && first->nlri.family != made->nlri.family) {
    bc_fault_set(lex->fault, made->column,
                 "nlri: mixed families in one nlri list: '" BC_STR_FMT "' is %s, the first is %s", BC_STR_ARG(word),
                 bc_family_text((enum bc_family)made->nlri.family), bc_family_text((enum bc_family)first->nlri.family));
    return BC_ERR_SYNTAX;
  }
  return err;
}

static enum bc_err line_parse_nlri(struct bc_route_lex *lex, struct bc_route_parse *parse, struct line_nlri *found) {
  size_t count = 0;
  do {
    if (count == BC_LIMIT_KEY_NLRI) {
      return bc_route_lex_fail(lex, BC_ERR_LIMIT, "nlri: more than %d prefixes", BC_LIMIT_KEY_NLRI);
    }
    enum bc_err err = line_parse_one(lex, parse, count > 0 ? &found[0] : NULL, &found[count]);
    if (err != BC_ERR_OK) {
      return err;
    }
    count++;
  } while (!bc_route_lex_at_end(lex) && !bc_route_lex_is(lex, ";"));
  (void)bc_route_lex_take(lex, ";");
  if (!bc_route_lex_at_end(lex)) {
    return bc_route_lex_expected(lex, "nlri", "nothing behind ';' (one command a line)");
  }
  return line_keep_list(lex, parse, found, count);
}

static enum bc_err line_parse_list(struct bc_route_lex *lex, struct bc_route_parse *parse, bool needs_next_hop) {
  parse->fields.kind = BC_ROUTE_KIND_LIST;
  enum bc_err err = bc_route_fields_parse(lex, &parse->fields);
  if (err == BC_ERR_OK) {
    err = bc_route_lex_require(lex, "attributes", "nlri");
  }
  if (err != BC_ERR_OK) {
    return err;
  }
  struct line_nlri *found = bc_mem_new(BC_LIMIT_KEY_NLRI, sizeof *found);
  err = line_parse_nlri(lex, parse, found);
  free(found);
  return err == BC_ERR_OK ? bc_route_fields_check(lex, &parse->fields, needs_next_hop) : err;
}

/* ---- one NLRI ---- */

enum bc_err bc_route_parse_rest(struct bc_route_lex *lex, struct bc_route_parse *parse, bool needs_next_hop) {
  enum bc_err err = bc_route_fields_parse(lex, &parse->fields);
  if (err == BC_ERR_OK) {
    err = bc_route_fields_complete(lex, &parse->fields);
  }
  if (err == BC_ERR_OK) {
    err = bc_route_fields_check(lex, &parse->fields, needs_next_hop);
  }
  return err == BC_ERR_OK ? line_split(lex, parse) : err;
}

static enum bc_err line_parse_route(struct bc_route_lex *lex, struct bc_route_parse *parse, bool needs_next_hop) {
  enum bc_err err = bc_route_fields_parse_prefix(lex, &parse->fields.nlri);
  return err == BC_ERR_OK ? bc_route_parse_rest(lex, parse, needs_next_hop) : err;
}

static enum bc_err line_parse_flow(struct bc_route_lex *lex, struct bc_route_parse *parse, unsigned family,
                                   bool needs_actions) {
  struct bc_route_fields *fields = &parse->fields;
  fields->kind = BC_ROUTE_KIND_FLOW;
  fields->flow = bc_route_flow_new();
  fields->flow->family = (uint8_t)family;
  enum bc_err err = bc_route_flow_parse(lex, fields, needs_actions);
  return err == BC_ERR_OK ? bc_route_fields_check(lex, fields, false) : err;
}

static enum bc_err line_parse_vpls(struct bc_route_lex *lex, struct bc_route_parse *parse, bool needs_next_hop) {
  struct bc_route_fields *fields = &parse->fields;
  fields->kind = BC_ROUTE_KIND_VPLS;
  fields->nlri.family = BC_FAMILY_L2VPN_VPLS;
  bc_route_lex_skip_name(lex);
  enum bc_err err = bc_route_fields_parse(lex, fields);
  if (err == BC_ERR_OK) {
    err = bc_route_vpls_check(lex, fields, needs_next_hop);
  }
  return err == BC_ERR_OK ? bc_route_fields_check(lex, fields, needs_next_hop) : err;
}

/* ---- ExaBGP 5.0's words: `ipv4 unicast PREFIX …`, `ipv6 flow …` ---- */

/* What was written must be what ExaBGP makes of the same as a `route`. */
static enum bc_err line_check_family(const struct bc_route_lex *lex, size_t column, unsigned meant, unsigned is) {
  if (meant == is) {
    return BC_ERR_OK;
  }
  bool is_ipv6 = bc_family_is_ipv6((enum bc_family)meant);
  const char *why =
      bc_family_is_ipv6((enum bc_family)is) != is_ipv6 ? "the prefix"
      : meant == BC_FAMILY_IPV4_UNICAST || meant == BC_FAMILY_IPV4_MULTICAST || meant == BC_FAMILY_IPV6_MULTICAST
          ? "the prefix (IPv4 ones from 224.0.0.0/4 are multicast, and only these)"
          : "a label or rd that is there or not";
  bc_fault_set(lex->fault, column, "line: '%s' is written, but %s makes it %s", bc_family_text((enum bc_family)meant),
               why, bc_family_text((enum bc_family)is));
  return BC_ERR_SYNTAX;
}

static enum bc_err line_parse_family(struct bc_route_lex *lex, struct bc_route_parse *parse, bool is_ipv6,
                                     bool needs_next_hop) {
  size_t column = lex->column;
  for (unsigned family = 0; family < BC_FAMILY_COUNT; family++) {
    const char *text = bc_family_text((enum bc_family)family);
    if (bc_family_is_ipv6((enum bc_family)family) != is_ipv6 ||
        !bc_str_starts(bc_str_of(text), is_ipv6 ? "ipv6 " : "ipv4 ") ||
        !bc_route_lex_take(lex, text + strlen("ipv4 "))) {
      continue;
    }
    if (bc_family_kind((enum bc_family)family) == BC_NLRI_FLOW) {
      return line_parse_flow(lex, parse, family, needs_next_hop);
    }
    enum bc_err err = line_parse_route(lex, parse, needs_next_hop);
    return err == BC_ERR_OK ? line_check_family(lex, column, family, parse->fields.nlri.family) : err;
  }
  return line_refuse(lex, "unicast, multicast, nlri-mpls, mpls-vpn, flow or flow-vpn");
}

enum bc_err bc_route_parse_line(struct bc_route_lex *lex, struct bc_route_parse *parse, enum bc_verb *verb) {
  if (bc_route_lex_is(lex, "neighbor")) {
    enum bc_err err = bc_selector_parse(lex, &parse->selector);
    if (err != BC_ERR_OK) {
      return err;
    }
  }
  bool is_announce = bc_route_lex_is(lex, "announce");
  if (is_announce || bc_route_lex_is(lex, "withdraw")) {
    if (verb == NULL) {
      return bc_route_lex_expected(lex, "line", "'route': whether it is announced or withdrawn is decided here");
    }
    *verb = is_announce ? BC_VERB_ANNOUNCE : BC_VERB_WITHDRAW;
    bc_route_lex_advance(lex);
  }
  bool is_complete = verb == NULL || *verb != BC_VERB_WITHDRAW;
  if (bc_route_lex_take(lex, "route")) {
    return line_parse_route(lex, parse, is_complete);
  }
  if (bc_route_lex_take(lex, "attributes") || bc_route_lex_take(lex, "attribute")) {
    return line_parse_list(lex, parse, is_complete);
  }
  if (bc_route_lex_take(lex, "flow")) {
    enum bc_err err = bc_route_lex_require(lex, "flow", "route");
    return err == BC_ERR_OK ? line_parse_flow(lex, parse, BC_FAMILY_COUNT, is_complete) : err;
  }
  if (bc_route_lex_is(lex, "ipv4") || bc_route_lex_is(lex, "ipv6")) {
    bool is_ipv6 = bc_route_lex_is(lex, "ipv6");
    bc_route_lex_advance(lex);
    return line_parse_family(lex, parse, is_ipv6, is_complete);
  }
  bool is_l2vpn = bc_route_lex_take(lex, "l2vpn");
  if (bc_route_lex_take(lex, "vpls")) {
    return line_parse_vpls(lex, parse, is_complete);
  }
  return line_refuse(
      lex,
      is_l2vpn ? "vpls" : "'route PREFIX next-hop ...', 'flow route { ... }', 'attributes ... nlri ...' or 'vpls ...'");
}

/* ---- listings ---- */

static enum bc_err line_parse_listed_route(struct bc_route_lex *lex, struct bc_route_parse *parse,
                                           enum bc_family family) {
  struct bc_nlri *nlri = &parse->fields.nlri;
  enum bc_err err = bc_route_fields_parse_prefix(lex, nlri);
  if (err == BC_ERR_OK) {
    err = bc_route_fields_parse(lex, &parse->fields);
  }
  if (err == BC_ERR_OK) {
    err = bc_route_fields_complete(lex, &parse->fields);
  }
  if (err == BC_ERR_OK) {
    err = bc_route_fields_check(lex, &parse->fields, false);
  }
  if (err != BC_ERR_OK) {
    return err;
  }
  bool is_unicast = family == BC_FAMILY_IPV4_UNICAST || family == BC_FAMILY_IPV6_UNICAST;
  bool is_multicast = family == BC_FAMILY_IPV4_MULTICAST || family == BC_FAMILY_IPV6_MULTICAST;
  bool has_plain_nlri = nlri->family <= BC_FAMILY_IPV4_MULTICAST || nlri->family == BC_FAMILY_IPV6_UNICAST;
  bool fits = bc_family_is_ipv6(family) == bc_family_is_ipv6((enum bc_family)nlri->family) &&
              (nlri->family == family || (has_plain_nlri && (is_unicast || is_multicast)));
  if (!fits) {
    return bc_route_lex_fail(lex, BC_ERR_SYNTAX, "the route is of the family %s, expected %s",
                             bc_family_text((enum bc_family)nlri->family), bc_family_text(family));
  }
  nlri->family = (uint8_t)family;
  return BC_ERR_OK;
}

enum bc_err bc_route_parse_listed(struct bc_route_lex *lex, struct bc_route_parse *parse, enum bc_family family) {
  parse->fields.is_standing = true;
  switch (bc_family_kind(family)) {
  case BC_NLRI_FLOW:
    (void)bc_route_lex_take(lex, "flow");
    return line_parse_flow(lex, parse, family, false);
  case BC_NLRI_VPLS:
    (void)bc_route_lex_take(lex, "vpls");
    return line_parse_vpls(lex, parse, false);
  default:
    return line_parse_listed_route(lex, parse, family);
  }
}

struct bc_nlri bc_route_parse_nlri(struct bc_intern *intern, struct bc_route_parse *parse) {
  struct bc_nlri nlri = parse->fields.nlri;
  enum bc_nlri_kind kind = bc_family_kind((enum bc_family)nlri.family);
  if (kind == BC_NLRI_PREFIX) {
    return nlri;
  }
  bc_buf_clear(&parse->text);
  if (kind == BC_NLRI_FLOW) {
    bc_flow_match_print(&parse->fields, &parse->text);
  } else {
    bc_route_vpls_print(&parse->fields, &parse->text);
  }
  nlri.rule = bc_intern_get(intern, bc_buf_str(&parse->text));
  return nlri;
}
