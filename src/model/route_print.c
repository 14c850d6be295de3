#include "base/limits.h"
#include "model/nlri_text.h"
#include "model/route.h"
#include "model/route_fields.h"
#include "model/route_flow.h"

#include <string.h>

/* Commands from routes, in the forms that ExaBGP 4.2 and 5.0 both take. */

static void print_head(const char *selector, enum bc_verb verb, const char *kind, struct bc_buf *to) {
  if (selector != NULL) {
    bc_buf_add_text(to, selector);
    bc_buf_add_char(to, ' ');
  }
  bc_buf_add_text(to, verb == BC_VERB_ANNOUNCE ? "announce " : verb == BC_VERB_WITHDRAW ? "withdraw " : "");
  bc_buf_add_text(to, kind);
}

static void print_attributes(const struct bc_route *route, struct bc_buf *to) {
  if (route->attributes[0] != '\0') {
    bc_buf_add_char(to, ' ');
    bc_buf_add_text(to, route->attributes);
  }
}

static void print_name(const struct bc_route *route, struct bc_buf *to) {
  if (route->name != NULL) {
    bc_buf_add_text(to, " name ");
    bc_buf_add_text(to, route->name);
  }
}

/* The prefix that was cut, from its first part and how many there are. */
static void print_split(const struct bc_route *route, enum bc_verb verb, struct bc_buf *to) {
  struct bc_nlri whole = route->nlri;
  for (size_t parts = bc_route_nlri_count(route); parts > 1; parts /= 2) {
    whole.length--;
  }
  print_head(route->selector, verb, "route ", to);
  bc_nlri_print_prefix(&whole, to);
  print_attributes(route, to);
  bc_buf_add_text(to, " split /");
  bc_nlri_print_number(route->nlri.length, to);
  print_name(route, to);
}

static void print_list(const struct bc_route *route, enum bc_verb verb, struct bc_buf *to) {
  print_head(route->selector, verb, "attributes", to);
  print_attributes(route, to);
  print_name(route, to);
  bc_buf_add_text(to, " nlri");
  for (size_t i = 0; i < bc_route_nlri_count(route); i++) {
    bc_buf_add_char(to, ' ');
    bc_nlri_print_prefix(bc_route_nlri(route, i), to);
  }
}

static void print_flow(const struct bc_route *route, enum bc_verb verb, struct bc_buf *to) {
  print_head(route->selector, verb, "flow route {", to);
  if (route->nlri.has_rd) {
    bc_nlri_print_rd(&route->nlri, to);
    bc_buf_add_char(to, ';');
  }
  struct bc_str rest = bc_str_of(route->attributes);
  struct bc_str next_hop = {0};
  if (bc_str_starts(rest, "next-hop ")) {
    (void)bc_str_next_field(&rest, ';', &next_hop);
    rest = bc_str_trim(rest);
    bc_buf_add_char(to, ' ');
    bc_buf_add_str(to, next_hop);
    bc_buf_add_char(to, ';');
  }
  bc_buf_add_text(to, " match { ");
  bc_flow_match_print_statements(route->nlri.rule, to);
  bc_buf_add_text(to, " }");
  if (rest.len > 0) {
    bc_buf_add_char(to, ' ');
    bc_buf_add_str(to, rest);
  }
  bc_buf_add_text(to, " }");
}

static void print_vpls(const struct bc_route *route, enum bc_verb verb, struct bc_buf *to) {
  print_head(route->selector, verb, "vpls", to);
  bc_nlri_print_rd(&route->nlri, to);
  bc_buf_add_char(to, ' ');
  bc_buf_add_text(to, route->nlri.rule);
  print_attributes(route, to);
  print_name(route, to);
}

void bc_route_print(const struct bc_route *route, enum bc_verb verb, struct bc_buf *to) {
  enum bc_nlri_kind kind = bc_family_kind((enum bc_family)route->nlri.family);
  if (kind == BC_NLRI_FLOW) {
    print_flow(route, verb, to);
  } else if (kind == BC_NLRI_VPLS) {
    print_vpls(route, verb, to);
  } else if (route->is_split) {
    print_split(route, verb, to);
  } else if (route->more != NULL) {
    print_list(route, verb, to);
  } else {
    print_head(route->selector, verb, "route ", to);
    bc_nlri_print_prefix(&route->nlri, to);
    print_attributes(route, to);
    print_name(route, to);
  }
}

void bc_route_print_group(const struct bc_route *const *routes, size_t count, enum bc_verb verb, struct bc_buf *to) {
  if (count == 1) {
    bc_route_print(routes[0], verb, to);
    return;
  }
  print_head(routes[0]->selector, verb, "attributes", to);
  print_attributes(routes[0], to);
  bc_buf_add_text(to, " nlri");
  for (size_t i = 0; i < count; i++) {
    bc_buf_add_char(to, ' ');
    bc_nlri_print_prefix(&routes[i]->nlri, to);
  }
}

/* `announce watchdog NAME`: no route, so it is only rewritten. */
static enum bc_err print_watchdog(struct bc_route_lex *lex, enum bc_verb verb, struct bc_buf *to) {
  struct bc_str name;
  enum bc_err err = bc_route_word_parse(lex, "watchdog", &name);
  if (err == BC_ERR_OK && !bc_route_lex_at_end(lex)) {
    err = bc_route_lex_expected(lex, "watchdog", "nothing behind the name");
  }
  if (err == BC_ERR_OK) {
    print_head(NULL, verb, "watchdog ", to);
    bc_buf_add_str(to, name);
  }
  return err;
}

enum bc_err bc_route_rewrite(struct bc_intern *intern, struct bc_str line, struct bc_buf *to, struct bc_fault *fault) {
  struct bc_route_lex lex;
  enum bc_err err = bc_route_lex_init(&lex, line, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  bool is_announce = bc_route_lex_is(&lex, "announce");
  if (is_announce || bc_route_lex_is(&lex, "withdraw")) {
    bc_route_lex_advance(&lex);
    if (bc_route_lex_take(&lex, "watchdog")) {
      return print_watchdog(&lex, is_announce ? BC_VERB_ANNOUNCE : BC_VERB_WITHDRAW, to);
    }
  }
  enum bc_verb verb;
  struct bc_route route;
  err = bc_route_parse_command(intern, line, &verb, &route, fault);
  if (err == BC_ERR_OK) {
    bc_route_print(&route, verb, to);
    bc_route_release(intern, &route);
  }
  return err;
}
