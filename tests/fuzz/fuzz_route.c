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

  struct bc_route nudged = bc_route_with_med(intern, &route, route.med + 1);
  must(nudged.has_med && nudged.med == route.med + 1 && nudged.attributes != route.attributes);
  must(bc_nlri_compare(&nudged.nlri, &route.nlri) == 0);
  struct bc_route back = bc_route_with_med(intern, &nudged, route.med);
  must(!route.has_med || bc_route_equal(&back, &route));
  bc_route_release(intern, &nudged);
  bc_route_release(intern, &back);

  bc_buf_clear(&first);
  bc_nlri_print_prefix(&route.nlri, &first);
  bc_buf_add_char(&first, ' ');
  bc_buf_add_text(&first, route.attributes);
  must(bc_route_parse_standing(intern, (enum bc_family)route.nlri.family, bc_buf_str(&first), &again, &fault) ==
       BC_ERR_OK);
  must(again.attributes == route.attributes && bc_nlri_compare(&again.nlri, &route.nlri) == 0);
  bc_route_release(intern, &again);
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
