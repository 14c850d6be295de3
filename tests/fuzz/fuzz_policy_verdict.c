/* A route, a line break, a verdict: whatever a policy says, what comes out is a route that the parser takes, of the
 * same identity, or one printable line; and a route's attributes make the same route. */
#include "base/limits.h"
#include "model/policy_verdict.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
  if (!holds) {
    abort();
  }
}

static const struct bc_neighbor_name neighbors[] = {
    {.ip = "10.0.0.2", .local_ip = "10.0.0.1", .local_as = "65000", .peer_as = "65001", .router_id = "1.2.3.4"}};

static void check_same_identity(const struct bc_route *a, const struct bc_route *b) {
  must(a->selector == b->selector && a->name == b->name && a->internal == b->internal);
  must(a->is_split == b->is_split && bc_route_nlri_count(a) == bc_route_nlri_count(b));
  for (size_t i = 0; i < bc_route_nlri_count(a); i++) {
    must(bc_nlri_compare(bc_route_nlri(a, i), bc_route_nlri(b, i)) == 0);
  }
}

/* ExaBGP's own words are read again: nothing depends on how the text was made. */
static void check_readable(struct bc_intern *intern, const struct bc_route *route) {
  struct bc_buf text;
  struct bc_route again;
  bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
  bc_route_print(route, BC_VERB_NONE, &text);
  must(bc_route_parse(intern, bc_buf_str(&text), &again, NULL) == BC_ERR_OK && bc_route_equal(&again, route));
  bc_route_release(intern, &again);
  bc_buf_free(&text);
}

static void check_fault(const struct bc_fault *fault) {
  must(fault->text[0] != '\0' && fault->column == 0 && bc_str_is_printable(bc_str_of(fault->text)));
}

static void check_round_trip(struct bc_intern *intern, const struct bc_route *route) {
  json_t *attributes = bc_policy_list_attributes(route);
  struct bc_route made;
  must(bc_policy_apply(intern, route, attributes, NULL, 0, &made, NULL) == BC_ERR_OK);
  must(bc_route_equal(&made, route));
  check_same_identity(&made, route);
  bc_route_release(intern, &made);
  json_decref(attributes);
}

static void check_attributes(struct bc_intern *intern, const struct bc_route *route, const json_t *attributes) {
  struct bc_fault fault = {0};
  struct bc_route made;
  if (bc_policy_apply(intern, route, attributes, neighbors, 1, &made, &fault) != BC_ERR_OK) {
    check_fault(&fault);
    return;
  }
  check_same_identity(&made, route);
  check_readable(intern, &made);
  check_round_trip(intern, &made);
  bc_route_release(intern, &made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_str verdict_text = {.at = (const char *)data, .len = size};
  struct bc_str route_text = {0};
  struct bc_intern *intern = bc_intern_new();
  struct bc_route route = {0};
  (void)bc_str_next_field(&verdict_text, '\n', &route_text);
  bool has_route = bc_route_parse(intern, route_text, &route, NULL) == BC_ERR_OK;
  if (has_route) {
    check_round_trip(intern, &route);
  }
  for (unsigned kind = 0; verdict_text.at != NULL && kind < 2; kind++) {
    struct bc_policy_verdict verdict;
    struct bc_fault fault = {0};
    if (bc_policy_verdict_parse(verdict_text, (enum bc_policy_kind)kind, &verdict, &fault) != BC_ERR_OK) {
      check_fault(&fault);
      continue;
    }
    must(verdict.again_ms == 0 || (verdict.again_ms >= 100 && verdict.again_ms <= 86400000));
    must(verdict.reason == NULL || strlen(verdict.reason) < BC_LIMIT_LUA_REASON_BYTES);
    if (has_route) {
      check_attributes(intern, &route, verdict.attributes);
    }
    bc_policy_verdict_free(&verdict);
  }
  bc_route_release(intern, &route);
  must(bc_intern_count(intern) == 0);
  bc_intern_free(intern);
  return 0;
}
