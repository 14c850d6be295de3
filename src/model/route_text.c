#include "model/address.h"
#include "model/nlri_text.h"
#include "model/route_fields.h"

#include <string.h>

/* The canonical text: what ExaBGP 4.2 prints for the same route in `show adj-rib out extensive`
 * (rib/change.py, bgp/message/update/nlri/{inet,label,ipvpn}.py, attribute/attributes.py). First what
 * belongs to the NLRI: path-information, label, next-hop, rd; then the attributes in the order of
 * their codes; last the words that ExaBGP does not list. */

static uint32_t text_get_32(const char *from) {
  const uint8_t *bytes = (const uint8_t *)from;
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void text_print_nlri(const struct bc_route_fields *fields, struct bc_buf *to) {
  bc_nlri_print_path_id(&fields->nlri, to);
  if (fields->label_count > 0) {
    bc_buf_add_text(to, fields->label_count > 1 ? " label [" : " label");
    for (unsigned i = 0; i < fields->label_count; i++) {
      bc_buf_add_char(to, ' ');
      bc_nlri_print_number(fields->label[i], to);
    }
    bc_buf_add_text(to, fields->label_count > 1 ? " ]" : "");
  }
  if (bc_route_fields_has(fields, BC_ROUTE_KEYWORD_NEXT_HOP)) {
    bc_buf_add_text(to, " next-hop ");
    if (fields->has_next_hop_self) {
      bc_buf_add_text(to, "self");
    } else {
      bc_address_print(fields->next_hop, fields->is_next_hop_ipv6, to);
    }
  }
  if (fields->kind != BC_ROUTE_KIND_VPLS) {
    bc_nlri_print_rd(&fields->nlri, to);
  }
}

static void text_print_numbers(const struct bc_buf *list, struct bc_buf *to) {
  for (size_t at = 0; at < list->len; at += 4) {
    bc_buf_add_char(to, ' ');
    bc_nlri_print_number(text_get_32(list->data + at), to);
  }
}

static void text_print_path(const struct bc_route_fields *fields, struct bc_buf *to) {
  bc_buf_add_text(to, " as-path [");
  text_print_numbers(&fields->list[BC_ROUTE_LIST_SEQUENCE], to);
  if (fields->list[BC_ROUTE_LIST_SET].len > 0) {
    bc_buf_add_text(to, " (");
    text_print_numbers(&fields->list[BC_ROUTE_LIST_SET], to);
    bc_buf_add_text(to, " )");
  }
  bc_buf_add_text(to, " ]");
}

static void text_print_clusters(const struct bc_route_fields *fields, struct bc_buf *to) {
  const struct bc_buf *list = &fields->list[BC_ROUTE_LIST_CLUSTER];
  bc_buf_add_text(to, " cluster-list [");
  for (size_t at = 0; at < list->len; at += 4) {
    bc_buf_add_char(to, ' ');
    bc_address_print((const uint8_t *)list->data + at, false, to);
  }
  bc_buf_add_text(to, " ]");
}

static void text_print_sid(const struct bc_route_fields *fields, struct bc_buf *to) {
  const struct bc_buf *list = &fields->list[BC_ROUTE_LIST_SRGB];
  bc_buf_add_text(to, " bgp-prefix-sid [ ");
  bc_nlri_print_number(fields->label_index, to);
  for (size_t at = 0; at < list->len; at += 6) {
    bc_buf_add_text(to, at == 0 ? ", [ ( " : ", ( ");
    bc_nlri_print_number(text_get_32(list->data + at) >> 8, to);
    bc_buf_add_char(to, ',');
    bc_nlri_print_number(text_get_32(list->data + at + 2) & 0xffffff, to);
    bc_buf_add_text(to, " )");
  }
  bc_buf_add_text(to, list->len > 0 ? " ] ]" : " ]");
}

static void text_print_number_of(enum bc_route_keyword keyword, uint32_t number, struct bc_buf *to) {
  bc_buf_add_char(to, ' ');
  bc_buf_add_text(to, bc_route_keyword_text(keyword));
  bc_buf_add_char(to, ' ');
  bc_nlri_print_number(number, to);
}

static void text_print_attribute(struct bc_route_fields *fields, enum bc_route_keyword keyword, struct bc_buf *to) {
  static const char *const origins[] = {" origin igp", " origin egp", " origin incomplete"};
  switch (keyword) {
  case BC_ROUTE_KEYWORD_ORIGIN:
    bc_buf_add_text(to, origins[fields->origin]);
    break;
  case BC_ROUTE_KEYWORD_AS_PATH:
    text_print_path(fields, to);
    break;
  case BC_ROUTE_KEYWORD_MED:
    text_print_number_of(keyword, fields->med, to);
    break;
  case BC_ROUTE_KEYWORD_LOCAL_PREFERENCE:
    text_print_number_of(keyword, fields->local_preference, to);
    break;
  case BC_ROUTE_KEYWORD_ATOMIC_AGGREGATE:
    bc_buf_add_text(to, " atomic-aggregate");
    break;
  case BC_ROUTE_KEYWORD_AGGREGATOR:
    bc_buf_add_text(to, " aggregator ( ");
    bc_nlri_print_number(fields->aggregator_as, to);
    bc_buf_add_char(to, ':');
    bc_address_print(fields->aggregator_id, false, to);
    bc_buf_add_text(to, " )");
    break;
  case BC_ROUTE_KEYWORD_ORIGINATOR_ID:
    bc_buf_add_text(to, " originator-id ");
    bc_address_print(fields->originator_id, false, to);
    break;
  case BC_ROUTE_KEYWORD_CLUSTER_LIST:
    text_print_clusters(fields, to);
    break;
  case BC_ROUTE_KEYWORD_AIGP:
    bc_buf_add_format(to, " aigp 0x%016llx", (unsigned long long)fields->aigp);
    break;
  case BC_ROUTE_KEYWORD_BGP_PREFIX_SID:
    if (fields->has_label_index) {
      text_print_sid(fields, to);
    }
    break;
  default:
    bc_route_community_print(fields, keyword, to);
  }
}

static void text_print_internal(const struct bc_route_fields *fields, struct bc_buf *to) {
  if (bc_route_fields_has(fields, BC_ROUTE_KEYWORD_WATCHDOG)) {
    bc_buf_add_text(to, " watchdog ");
    bc_buf_add_str(to, fields->watchdog);
  }
  if (bc_route_fields_has(fields, BC_ROUTE_KEYWORD_WITHDRAW)) {
    bc_buf_add_text(to, " withdraw");
  }
}

void bc_route_text_print(struct bc_route_fields *fields, struct bc_buf *to) {
  size_t start = to->len;
  text_print_nlri(fields, to);
  unsigned last_code = 0;
  for (unsigned i = BC_ROUTE_KEYWORD_ORIGIN; i <= BC_ROUTE_KEYWORD_BGP_PREFIX_SID; i++) {
    enum bc_route_keyword keyword = (enum bc_route_keyword)i;
    unsigned code = bc_route_keyword_code(keyword);
    bc_route_generic_print(fields, last_code, code, to);
    if (bc_route_fields_has(fields, keyword)) {
      text_print_attribute(fields, keyword, to);
    }
    /* A prefix SID in generic form has the code of its keyword and is printed with what follows. */
    last_code = keyword == BC_ROUTE_KEYWORD_BGP_PREFIX_SID ? code - 1 : code;
  }
  bc_route_generic_print(fields, last_code, UINT8_MAX + 1, to);
  text_print_internal(fields, to);
  if (to->len > start) {
    memmove(to->data + start, to->data + start + 1, to->len - start);
    to->len--;
  }
}

static size_t text_attribute_bytes(size_t data_bytes) {
  return data_bytes + (data_bytes > UINT8_MAX ? 4 : 3);
}

/* As for a neighbor without 4-byte AS numbers, where a second path with the long ones is added. */
static size_t text_path_bytes(const struct bc_route_fields *fields) {
  size_t numbers = (fields->list[BC_ROUTE_LIST_SEQUENCE].len + fields->list[BC_ROUTE_LIST_SET].len) / 4;
  size_t segments = 2 + numbers / UINT8_MAX;
  return text_attribute_bytes(2 * segments + 4 * numbers) + text_attribute_bytes(2 * segments + 2 * numbers);
}

size_t bc_route_text_wire_bytes(const struct bc_route_fields *fields) {
  enum { FIXED_BYTES = 128 }; /* all attributes that have one size */
  size_t bytes = FIXED_BYTES + text_path_bytes(fields);
  bytes += text_attribute_bytes(fields->list[BC_ROUTE_LIST_COMMUNITY].len);
  bytes += text_attribute_bytes(fields->list[BC_ROUTE_LIST_CLUSTER].len);
  bytes += text_attribute_bytes(fields->list[BC_ROUTE_LIST_EXTENDED].len);
  bytes += text_attribute_bytes(fields->list[BC_ROUTE_LIST_LARGE].len);
  bytes += text_attribute_bytes(fields->list[BC_ROUTE_LIST_SRGB].len);
  /* Each record has four bytes before its data, as an attribute has at most. */
  return bytes + fields->list[BC_ROUTE_LIST_GENERIC].len;
}
