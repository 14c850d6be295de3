#include "model/flow_reach.h"

#include "model/prefix_rule.h"
#include "model/route_flow.h"
#include "model/route_parse.h"

#include <string.h>

enum {
  REACH_ITEM_BYTES = 5,
  REACH_AND = 0x40,
  REACH_LESS = 0x04,
  REACH_GREATER = 0x02,
  REACH_EQUAL = 0x01,
  REACH_NOT = 0x02,
  REACH_MATCH = 0x01,
  REACH_ETHERNET_BYTES = 1500,
  REACH_DONT_FRAGMENT = 1
};

static uint32_t reach_value(const uint8_t *item) {
  return (uint32_t)item[1] << 24 | (uint32_t)item[2] << 16 | (uint32_t)item[3] << 8 | item[4];
}

/* RFC 8955 4.2.1.1 and 4.2.1.2. */
static bool reach_compares(const uint8_t *item, uint32_t value, bool is_bits) {
  uint32_t with = reach_value(item);
  unsigned operation = item[0];
  if (is_bits) {
    bool is_set = (operation & REACH_MATCH) != 0 ? (value & with) == with : (value & with) != 0;
    return is_set != ((operation & REACH_NOT) != 0);
  }
  return ((operation & REACH_LESS) != 0 && value < with) || ((operation & REACH_GREATER) != 0 && value > with) ||
         ((operation & REACH_EQUAL) != 0 && value == with);
}

/* What is joined by '&' must all hold, of the others one. */
static bool reach_matches(const struct bc_buf *items, uint32_t value, bool is_bits) {
  bool holds = false;
  for (size_t at = 0; at + REACH_ITEM_BYTES <= items->len; at += REACH_ITEM_BYTES) {
    const uint8_t *item = (const uint8_t *)items->data + at;
    bool is_joined = at > 0 && (item[0] & REACH_AND) != 0;
    if (holds && !is_joined) {
      return true;
    }
    holds = (holds || !is_joined) && reach_compares(item, value, is_bits);
  }
  return holds;
}

/* It is there, and at most so many of the values up to `highest` match. */
static bool reach_is_few(const struct bc_buf *items, uint32_t highest, unsigned most) {
  unsigned count = 0;
  for (uint32_t value = 0; items->len > 0 && value <= highest && count <= most; value++) {
    count += reach_matches(items, value, false) ? 1U : 0U;
  }
  return items->len > 0 && count <= most;
}

/* Not a packet that is whole. */
static bool reach_is_fragments(const struct bc_buf *items) {
  return items->len > 0 && !reach_matches(items, 0, true) && !reach_matches(items, REACH_DONT_FRAGMENT, true);
}

static bool reach_is_narrow(const struct bc_route_flow *flow) {
  const struct bc_buf *item = flow->item;
  return reach_is_few(&item[BC_FLOW_COMPONENT_PORT], UINT16_MAX, BC_FLOW_REACH_PORTS) ||
         reach_is_few(&item[BC_FLOW_COMPONENT_DESTINATION_PORT], UINT16_MAX, BC_FLOW_REACH_PORTS) ||
         reach_is_few(&item[BC_FLOW_COMPONENT_SOURCE_PORT], UINT16_MAX, BC_FLOW_REACH_PORTS) ||
         reach_is_few(&item[BC_FLOW_COMPONENT_PACKET_LENGTH], REACH_ETHERNET_BYTES, BC_FLOW_REACH_LENGTHS) ||
         reach_is_few(&item[BC_FLOW_COMPONENT_ICMP_TYPE], UINT8_MAX, BC_FLOW_REACH_TYPES) ||
         reach_is_fragments(&item[BC_FLOW_COMPONENT_FRAGMENT]);
}

void bc_flow_reach_of(const struct bc_nlri *nlri, struct bc_flow_reach *out) {
  *out = (struct bc_flow_reach){0};
  out->has_destination = bc_prefix_of_nlri(nlri, &out->destination);
  out->has_source = bc_prefix_of_flow_source(nlri, &out->source);
  out->is_narrow = out->has_source &&
                   out->source.length >= (out->source.is_ipv6 ? BC_FLOW_REACH_SOURCE_IPV6 : BC_FLOW_REACH_SOURCE_IPV4);
  struct bc_route_lex lex;
  struct bc_route_parse parse;
  if (out->is_narrow || bc_route_lex_init(&lex, bc_str_of(nlri->rule), NULL) != BC_ERR_OK) {
    return;
  }
  bc_route_parse_init(&parse);
  if (bc_route_parse_listed(&lex, &parse, (enum bc_family)nlri->family) == BC_ERR_OK && parse.fields.flow != NULL) {
    out->is_narrow = reach_is_narrow(parse.fields.flow);
  }
  bc_route_parse_fini(&parse);
}
