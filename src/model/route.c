#include "model/route.h"

#include "base/limits.h"
#include "model/nlri_text.h"
#include "model/route_fields.h"

#include <string.h>

enum { SELECTOR_BYTES = 32768 };

/* Words that start other lines of the API (ExaBGP 4.2 and 5.0 reactor/api/command/) and what they are. */
struct route_other {
  const char *word;
  const char *what;
};

static const struct route_other route_others[] = {
    {"flow", "flow routes are not supported yet"},
    {"attributes", "'attributes ... nlri ...' is not supported yet, write one route a prefix"},
    {"attribute", "'attribute ... nlri ...' is not supported yet, write one route a prefix"},
    {"vpls", "vpls is not supported yet"},
    {"l2vpn", "l2vpn is not supported yet"},
    {"evpn", "evpn is not supported yet"},
    {"ipv4", "'ipv4 ...' is not supported (ExaBGP 4.2 does not know it), write 'route PREFIX ...'"},
    {"ipv6", "'ipv6 ...' is not supported (ExaBGP 4.2 does not know it), write 'route PREFIX ...'"},
    {"unicast", "'unicast ...' is not supported, write 'route PREFIX ...'"},
    {"eor", "eor is not supported"},
    {"operational", "operational messages are not supported"},
    {"route-refresh", "route-refresh is not supported"},
    {"watchdog", "watchdog commands are not supported"},
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

/* Everything that one parse needs; on the stack, released at once. */
struct route_parse {
  struct bc_route_fields fields;
  struct bc_buf selector;
  struct bc_buf text;
};

static void route_parse_init(struct route_parse *parse) {
  bc_route_fields_init(&parse->fields);
  bc_buf_init(&parse->selector, SELECTOR_BYTES);
  bc_buf_init(&parse->text, BC_LIMIT_CONFIG_BYTES);
}

static void route_parse_fini(struct route_parse *parse) {
  bc_route_fields_free(&parse->fields);
  bc_buf_free(&parse->selector);
  bc_buf_free(&parse->text);
}

static uint8_t route_internal_words(const struct bc_route_fields *fields) {
  unsigned words = 0;
  words |= bc_route_fields_has(fields, BC_ROUTE_KEYWORD_SPLIT) ? BC_ROUTE_SPLIT : 0U;
  words |= bc_route_fields_has(fields, BC_ROUTE_KEYWORD_WATCHDOG) ? BC_ROUTE_WATCHDOG : 0U;
  words |= bc_route_fields_has(fields, BC_ROUTE_KEYWORD_WITHDRAW) ? BC_ROUTE_WITHDRAW : 0U;
  return (uint8_t)words;
}

/* What is kept of a parsed route; `selector` and `name` are already references. */
static struct bc_route route_make(struct bc_intern *intern, struct route_parse *parse, const char *selector,
                                  const char *name) {
  struct bc_route_fields *fields = &parse->fields;
  bc_buf_clear(&parse->text);
  (void)bc_buf_reserve(&parse->text, 255);
  bc_route_text_print(fields, &parse->text);
  bool is_unicast = fields->nlri.family == BC_FAMILY_IPV4_UNICAST || fields->nlri.family == BC_FAMILY_IPV6_UNICAST;
  uint8_t internal = route_internal_words(fields);
  return (struct bc_route){
      .nlri = fields->nlri,
      .med = fields->med,
      .has_med = bc_route_fields_has(fields, BC_ROUTE_KEYWORD_MED),
      .has_next_hop = bc_route_fields_has(fields, BC_ROUTE_KEYWORD_NEXT_HOP),
      .is_groupable = is_unicast && !fields->nlri.has_path_id && internal == 0,
      .internal = internal,
      .selector = selector,
      .attributes = bc_intern_get(intern, bc_buf_str(&parse->text)),
      .name = name,
  };
}

static struct bc_route route_keep(struct bc_intern *intern, struct route_parse *parse) {
  const char *selector = parse->selector.len > 0 ? bc_intern_get(intern, bc_buf_str(&parse->selector)) : NULL;
  struct bc_str name = parse->fields.name;
  return route_make(intern, parse, selector, name.len > 0 ? bc_intern_get(intern, name) : NULL);
}

static enum bc_err route_parse_prefix(struct bc_route_lex *lex, struct bc_nlri *nlri) {
  const char *expected = "";
  enum bc_err err = bc_nlri_read_prefix(lex->token, nlri, &expected);
  if (err == BC_ERR_CONFLICT) {
    struct bc_buf network;
    bc_buf_init(&network, 64);
    bc_nlri_print_prefix(nlri, &network);
    err = bc_route_lex_fail(lex, BC_ERR_RANGE, "prefix: '" BC_STR_FMT "' has bits set behind its length, expected %s",
                            BC_STR_ARG(lex->token), network.data);
    bc_buf_free(&network);
    return err;
  }
  if (err == BC_ERR_RANGE) {
    return bc_route_lex_fail(lex, err, "prefix: '" BC_STR_FMT "' is out of range, expected %s", BC_STR_ARG(lex->token),
                             expected);
  }
  if (err != BC_ERR_OK) {
    return bc_route_lex_expected(lex, "prefix", expected);
  }
  bc_route_lex_advance(lex);
  return BC_ERR_OK;
}

static enum bc_err route_refuse_line(const struct bc_route_lex *lex) {
  for (size_t i = 0; i < sizeof route_others / sizeof route_others[0]; i++) {
    if (bc_route_lex_is(lex, route_others[i].word)) {
      return bc_route_lex_fail(lex, BC_ERR_UNSUPPORTED, "%s", route_others[i].what);
    }
  }
  return bc_route_lex_expected(lex, "line", "'route PREFIX next-hop ...'");
}

/* `verb` NULL: none may stand there. */
static enum bc_err route_parse_line(struct bc_route_lex *lex, struct route_parse *parse, enum bc_verb *verb) {
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
  /* "flow route { … }" and "flow { … }" are told apart from a second `route` only here. */
  if (!bc_route_lex_take(lex, "route")) {
    return route_refuse_line(lex);
  }
  enum bc_err err = route_parse_prefix(lex, &parse->fields.nlri);
  if (err != BC_ERR_OK) {
    return err;
  }
  return bc_route_fields_parse(lex, &parse->fields, verb == NULL || *verb != BC_VERB_WITHDRAW);
}

static enum bc_err route_parse_text(struct bc_intern *intern, struct bc_str text, enum bc_verb *verb,
                                    struct bc_route *route, struct bc_fault *fault) {
  struct bc_route_lex lex;
  enum bc_err err = bc_route_lex_init(&lex, text, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  struct route_parse parse;
  route_parse_init(&parse);
  err = route_parse_line(&lex, &parse, verb);
  if (err == BC_ERR_OK) {
    *route = route_keep(intern, &parse);
  }
  route_parse_fini(&parse);
  return err;
}

enum bc_err bc_route_parse(struct bc_intern *intern, struct bc_str text, struct bc_route *route,
                           struct bc_fault *fault) {
  return route_parse_text(intern, text, NULL, route, fault);
}

enum bc_err bc_route_parse_command(struct bc_intern *intern, struct bc_str line, enum bc_verb *verb,
                                   struct bc_route *route, struct bc_fault *fault) {
  enum bc_verb found = BC_VERB_NONE;
  enum bc_err err = route_parse_text(intern, line, &found, route, fault);
  if (err == BC_ERR_OK) {
    *verb = found;
  }
  return err;
}

enum bc_err bc_route_parse_parts(struct bc_intern *intern, struct bc_str prefix, struct bc_str attributes,
                                 struct bc_route *route, struct bc_fault *fault, bool *in_prefix) {
  struct route_parse parse;
  route_parse_init(&parse);
  struct bc_route_lex lex;
  *in_prefix = true;
  enum bc_err err = bc_route_lex_init(&lex, prefix, fault);
  if (err == BC_ERR_OK) {
    err = route_parse_prefix(&lex, &parse.fields.nlri);
  }
  if (err == BC_ERR_OK && !bc_route_lex_at_end(&lex)) {
    err = bc_route_lex_expected(&lex, "prefix", "nothing behind the prefix");
  }
  if (err == BC_ERR_OK) {
    *in_prefix = false;
    err = bc_route_lex_init(&lex, attributes, fault);
  }
  if (err == BC_ERR_OK) {
    err = bc_route_fields_parse(&lex, &parse.fields, true);
  }
  if (err == BC_ERR_OK) {
    *route = route_keep(intern, &parse);
  }
  route_parse_fini(&parse);
  return err;
}

static enum bc_err route_parse_standing(struct bc_route_lex *lex, struct route_parse *parse, enum bc_family family) {
  struct bc_nlri *nlri = &parse->fields.nlri;
  parse->fields.is_standing = true;
  enum bc_err err = route_parse_prefix(lex, nlri);
  if (err == BC_ERR_OK) {
    err = bc_route_fields_parse(lex, &parse->fields, false);
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

enum bc_err bc_route_parse_standing(struct bc_intern *intern, enum bc_family family, struct bc_str text,
                                    struct bc_route *route, struct bc_fault *fault) {
  struct bc_route_lex lex;
  enum bc_err err = bc_route_lex_init(&lex, text, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  struct route_parse parse;
  route_parse_init(&parse);
  err = route_parse_standing(&lex, &parse, family);
  if (err == BC_ERR_OK) {
    *route = route_keep(intern, &parse);
  }
  route_parse_fini(&parse);
  return err;
}

static const char *route_ref_or_null(const char *text) {
  return text == NULL ? NULL : bc_intern_ref(text);
}

struct bc_route bc_route_copy(const struct bc_route *route) {
  struct bc_route copy = *route;
  copy.selector = route_ref_or_null(route->selector);
  copy.attributes = route_ref_or_null(route->attributes);
  copy.name = route_ref_or_null(route->name);
  return copy;
}

void bc_route_release(struct bc_intern *intern, struct bc_route *route) {
  bc_intern_put(intern, route->selector);
  bc_intern_put(intern, route->attributes);
  bc_intern_put(intern, route->name);
  *route = (struct bc_route){0};
}

bool bc_route_equal(const struct bc_route *a, const struct bc_route *b) {
  return a->attributes == b->attributes && a->selector == b->selector && bc_nlri_compare(&a->nlri, &b->nlri) == 0;
}

struct bc_route bc_route_with_med(struct bc_intern *intern, const struct bc_route *route, uint32_t med) {
  struct route_parse parse;
  route_parse_init(&parse);
  struct bc_route_lex lex;
  parse.fields.nlri = route->nlri;
  parse.fields.is_standing = true;
  struct bc_route made;
  if (bc_route_lex_init(&lex, bc_str_of(route->attributes), NULL) == BC_ERR_OK &&
      bc_route_fields_parse(&lex, &parse.fields, false) == BC_ERR_OK) {
    parse.fields.nlri = route->nlri;
    parse.fields.med = med;
    parse.fields.seen |= (uint32_t)1 << BC_ROUTE_KEYWORD_MED;
    made = route_make(intern, &parse, route_ref_or_null(route->selector), route_ref_or_null(route->name));
  } else {
    made = bc_route_copy(route); /* Cannot be: the text was printed from a parsed route. */
  }
  route_parse_fini(&parse);
  return made;
}

static void route_print_head(const struct bc_route *route, enum bc_verb verb, const char *kind, struct bc_buf *to) {
  if (route->selector != NULL) {
    bc_buf_add_text(to, route->selector);
    bc_buf_add_char(to, ' ');
  }
  bc_buf_add_text(to, verb == BC_VERB_ANNOUNCE ? "announce " : verb == BC_VERB_WITHDRAW ? "withdraw " : "");
  bc_buf_add_text(to, kind);
}

static void route_print_attributes(const struct bc_route *route, struct bc_buf *to) {
  if (route->attributes[0] != '\0') {
    bc_buf_add_char(to, ' ');
    bc_buf_add_text(to, route->attributes);
  }
}

void bc_route_print(const struct bc_route *route, enum bc_verb verb, struct bc_buf *to) {
  route_print_head(route, verb, "route ", to);
  bc_nlri_print_prefix(&route->nlri, to);
  route_print_attributes(route, to);
  if (route->name != NULL) {
    bc_buf_add_text(to, " name ");
    bc_buf_add_text(to, route->name);
  }
}

void bc_route_print_group(const struct bc_route *const *routes, size_t count, enum bc_verb verb, struct bc_buf *to) {
  if (count == 1) {
    bc_route_print(routes[0], verb, to);
    return;
  }
  route_print_head(routes[0], verb, "attributes", to);
  route_print_attributes(routes[0], to);
  bc_buf_add_text(to, " nlri");
  for (size_t i = 0; i < count; i++) {
    bc_buf_add_char(to, ' ');
    bc_nlri_print_prefix(&routes[i]->nlri, to);
  }
}
