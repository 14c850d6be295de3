/* Whatever is taken as a route prints to a text that is taken again, means the same and prints the
 * same; and so does its listing without what ExaBGP does not list. */
#include "base/limits.h"
#include "model/route.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
  if (!holds) {
    abort();
  }
}

static void check_fault(const struct bc_fault *fault, size_t size) {
  must(fault->column >= 1 && fault->column <= size + 1);
  must(fault->text[0] != '\0');
}

/* The nudge changes the attributes and nothing else, and leads back. */
static void check_nudge(struct bc_intern *intern, const struct bc_route *route) {
  struct bc_route nudged = bc_route_nudged(intern, route);
  must(nudged.attributes != route->attributes && bc_nlri_compare(&nudged.nlri, &route->nlri) == 0);
  must(bc_route_nlri_count(&nudged) == bc_route_nlri_count(route));
  bc_route_release(intern, &nudged);
  if (bc_family_kind((enum bc_family)route->nlri.family) == BC_NLRI_FLOW) {
    return;
  }
  nudged = bc_route_with_med(intern, route, route->med + 1);
  must(nudged.has_med && nudged.med == route->med + 1 && nudged.attributes != route->attributes);
  struct bc_route back = bc_route_with_med(intern, &nudged, route->med);
  must(!route->has_med || bc_route_equal(&back, route));
  bc_route_release(intern, &nudged);
  bc_route_release(intern, &back);
}

/* The NLRI are in order, and each by itself is a route that is taken again. */
static void check_singles(struct bc_intern *intern, const struct bc_route *route) {
  size_t count = bc_route_nlri_count(route);
  must(count >= 1 && count <= BC_LIMIT_KEY_NLRI);
  for (size_t i = 0; i < count; i += 1 + count / 8) {
    must(i == 0 || bc_nlri_compare(bc_route_nlri(route, i - 1), bc_route_nlri(route, i)) < 0);
    struct bc_route single = bc_route_single(route, i);
    struct bc_route again;
    struct bc_fault fault;
    enum bc_verb verb;
    struct bc_buf text;
    bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
    bc_route_print(&single, BC_VERB_WITHDRAW, &text);
    must(bc_route_parse_command(intern, bc_buf_str(&text), &verb, &again, &fault) == BC_ERR_OK);
    must(bc_route_equal(&single, &again));
    bc_route_release(intern, &again);
    bc_route_release(intern, &single);
    bc_buf_free(&text);
  }
}

/* What ExaBGP would list of it is recognised. */
static void check_listing(struct bc_intern *intern, const struct bc_route *route) {
  enum bc_family family = (enum bc_family)route->nlri.family;
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
  if (bc_family_has_prefix(family)) {
    struct bc_route again;
    struct bc_fault fault;
    bc_nlri_print_prefix(&route->nlri, &text);
    bc_buf_add_char(&text, ' ');
    bc_buf_add_text(&text, route->attributes);
    must(bc_route_parse_standing(intern, family, bc_buf_str(&text), &again, &fault) == BC_ERR_OK);
    must(again.attributes == route->attributes && bc_nlri_compare(&again.nlri, &route->nlri) == 0);
    bc_route_release(intern, &again);
  } else {
    struct bc_nlri nlri;
    bc_nlri_print(&route->nlri, &text);
    must(bc_nlri_from_rule(intern, family, bc_buf_str(&text), &nlri) == BC_ERR_OK);
    must(nlri.rule == route->nlri.rule && bc_nlri_compare(&nlri, &route->nlri) == 0);
    bc_nlri_put(intern, &nlri);
  }
  bc_buf_free(&text);
}

static void check_command(struct bc_intern *intern, struct bc_str text) {
  struct bc_route route;
  struct bc_fault fault;
  enum bc_verb verb;
  if (bc_route_parse_command(intern, text, &verb, &route, &fault) != BC_ERR_OK) {
    check_fault(&fault, text.len);
    return;
  }
  struct bc_buf first;
  struct bc_buf second;
  bc_buf_init(&first, BC_LIMIT_COMMAND_BYTES);
  bc_buf_init(&second, BC_LIMIT_COMMAND_BYTES);
  bc_route_print(&route, verb, &first);
  must(bc_buf_status(&first) == BC_ERR_OK && bc_str_is_printable(bc_buf_str(&first)));
  struct bc_route again;
  enum bc_verb verb_again;
  must(bc_route_parse_command(intern, bc_buf_str(&first), &verb_again, &again, &fault) == BC_ERR_OK);
  bc_route_print(&again, verb_again, &second);
  must(verb == verb_again && bc_route_equal(&route, &again) && route.name == again.name);
  must(bc_str_equal(bc_buf_str(&first), bc_buf_str(&second)));
  bc_route_release(intern, &again);

  check_nudge(intern, &route);
  check_singles(intern, &route);
  check_listing(intern, &route);
  must(bc_selectors_overlap(route.selector, route.selector));
  bc_route_release(intern, &route);
  bc_buf_free(&first);
  bc_buf_free(&second);
}

static void check_others(struct bc_intern *intern, struct bc_str text) {
  struct bc_route route;
  struct bc_fault fault;
  if (bc_route_parse(intern, text, &route, &fault) == BC_ERR_OK) {
    bc_route_release(intern, &route);
  } else {
    check_fault(&fault, text.len);
  }
  if (bc_route_parse_standing(intern, BC_FAMILY_IPV4_UNICAST, text, &route, &fault) == BC_ERR_OK) {
    bc_route_release(intern, &route);
  }
  bool in_prefix;
  if (bc_route_parse_parts(intern, bc_str_of("10.0.0.0/24"), text, &route, &fault, &in_prefix) == BC_ERR_OK) {
    bc_route_release(intern, &route);
  }
  struct bc_nlri nlri;
  (void)!bc_nlri_from_text(BC_FAMILY_IPV4_MPLS_VPN, text, text, text, &nlri);
  for (enum bc_family family = BC_FAMILY_IPV4_FLOW; family <= BC_FAMILY_L2VPN_VPLS; family++) {
    if (bc_nlri_from_rule(intern, family, text, &nlri) == BC_ERR_OK) {
      bc_nlri_put(intern, &nlri);
    }
    if (bc_route_parse_standing(intern, family, text, &route, &fault) == BC_ERR_OK) {
      bc_route_release(intern, &route);
    }
  }
  struct bc_buf rewritten;
  bc_buf_init(&rewritten, BC_LIMIT_COMMAND_BYTES);
  if (bc_route_rewrite(intern, text, &rewritten, &fault) != BC_ERR_OK) {
    check_fault(&fault, text.len);
  }
  bc_buf_free(&rewritten);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_intern *intern = bc_intern_new();
  struct bc_str text = {.at = (const char *)data, .len = size};
  check_command(intern, text);
  check_others(intern, text);
  must(bc_intern_count(intern) == 0);
  bc_intern_free(intern);
  return 0;
}
