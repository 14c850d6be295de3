#include "model/address.h"
#include "model/nlri_text.h"
#include "model/route_flow.h"

#include <string.h>

/* What a flow matches. An expression is one word, "=80" or ">8080&<8088"; several stand in brackets. */

enum {
  OPERATOR_AND = 0x40,
  NUMERIC_LESS = 0x04,
  NUMERIC_GREATER = 0x02,
  NUMERIC_EQUAL = 0x01,
  BITS_NOT = 0x02,
  BITS_MATCH = 0x01,
  ITEM_BYTES = 5,
  /* ExaBGP 4.2 reads a sent UPDATE back to report it, and takes the length of a longer flow wrong:
   * it closes the session, for ever. */
  WIRE_BYTES_MAX = 255,
  TCP_FLAGS_MAX = 0x1ff,
  FRAGMENT_MAX = 0x0f,
  DSCP_MAX = 63,
  FLOW_LABEL_MAX = 0xfffff,
};

struct match_component {
  uint8_t type;
  const char *ipv4_name;
  const char *ipv6_name;
  enum bc_flow_words words;
  unsigned most_bytes;
};

static const struct match_component match_components[] = {
#define MATCH_COMPONENT(name, type, ipv4, ipv6, words, bytes) {type, ipv4, ipv6, BC_FLOW_WORDS_##words, bytes},
    BC_FLOW_COMPONENT_LIST(MATCH_COMPONENT)
#undef MATCH_COMPONENT
};

struct match_prefix_name {
  const char *text;
  unsigned prefix;
  uint8_t version; /* 4, 6, or 0 for either */
};

static const struct match_prefix_name match_prefix_names[] = {
    {"destination", BC_FLOW_DESTINATION, 0},      {"destination-ipv4", BC_FLOW_DESTINATION, 4},
    {"destination-ipv6", BC_FLOW_DESTINATION, 6}, {"source", BC_FLOW_SOURCE, 0},
    {"source-ipv4", BC_FLOW_SOURCE, 4},           {"source-ipv6", BC_FLOW_SOURCE, 6},
};

static bool match_is_bits(const struct match_component *component) {
  return component->words == BC_FLOW_WORDS_TCP_FLAGS || component->words == BC_FLOW_WORDS_FRAGMENT;
}

/* ---- prefixes ---- */

/* Cuts "/OFFSET" off; ExaBGP writes the bits before the offset too, which RFC 8956 3.1 does not want. */
static enum bc_err match_cut_offset(const struct bc_route_lex *lex, const char *subject, struct bc_str *text) {
  const char *first = memchr(text->at, '/', text->len);
  size_t behind = first == NULL ? 0 : text->len - (size_t)(first + 1 - text->at);
  const char *second = first == NULL ? NULL : memchr(first + 1, '/', behind);
  if (second == NULL) {
    return BC_ERR_OK;
  }
  struct bc_str offset = {.at = second + 1, .len = text->len - (size_t)(second + 1 - text->at)};
  uint64_t number;
  enum bc_err err = bc_route_lex_number(lex, subject, offset, 128, &number);
  if (err == BC_ERR_OK && number != 0) {
    err = bc_route_lex_fail(
        lex, BC_ERR_RANGE,
        "%s: offset %u: ExaBGP sends other bits for it than routers expect (RFC 8956 3.1), expected 0", subject,
        (unsigned)number);
  }
  text->len = (size_t)(second - text->at);
  return err;
}

static enum bc_err match_refuse_prefix(const struct bc_route_lex *lex, const char *subject, enum bc_err err,
                                       const struct bc_nlri *read, const char *expected) {
  if (err == BC_ERR_CONFLICT) {
    struct bc_buf network;
    bc_buf_init(&network, 64);
    bc_nlri_print_prefix(read, &network);
    err = bc_route_lex_fail(lex, BC_ERR_RANGE, "%s: '" BC_STR_FMT "' has bits set behind its length, expected %s",
                            subject, BC_STR_ARG(lex->token), network.data);
    bc_buf_free(&network);
    return err;
  }
  return err == BC_ERR_RANGE ? bc_route_lex_fail(lex, err, "%s: '" BC_STR_FMT "' is out of range, expected %s", subject,
                                                 BC_STR_ARG(lex->token), expected)
                             : bc_route_lex_expected(lex, subject, expected);
}

static enum bc_err match_parse_prefix(struct bc_route_lex *lex, struct bc_route_fields *fields,
                                      const struct match_prefix_name *name) {
  struct bc_flow_prefix *prefix = &fields->flow->prefix[name->prefix];
  if (prefix->is_set) {
    return bc_route_lex_fail(lex, BC_ERR_SYNTAX,
                             "%s: a second one: routers refuse such a flow (RFC 8955 4.2), expected one a flow",
                             name->text);
  }
  struct bc_str text = lex->token;
  if (text.len == 0 || memchr(text.at, '/', text.len) == NULL) {
    return bc_route_lex_expected(lex, name->text, "a prefix with its length, such as 10.0.0.0/24 or 2001:db8::/32");
  }
  enum bc_err err = match_cut_offset(lex, name->text, &text);
  if (err != BC_ERR_OK) {
    return err;
  }
  const char *expected = "";
  struct bc_nlri read;
  err = bc_nlri_read_prefix(text, &read, &expected);
  if (err != BC_ERR_OK) {
    return match_refuse_prefix(lex, name->text, err, &read, expected);
  }
  prefix->is_ipv6 = bc_family_is_ipv6((enum bc_family)read.family);
  if (!prefix->is_ipv6 && text.len != lex->token.len) {
    return bc_route_lex_expected(lex, name->text, "an IPv4 prefix without offset");
  }
  if (name->version != 0 && (name->version == 6) != prefix->is_ipv6) {
    return bc_route_lex_expected(lex, name->text, prefix->is_ipv6 ? "an IPv4 prefix" : "an IPv6 prefix");
  }
  prefix->is_set = true;
  prefix->length = read.length;
  prefix->column = lex->column;
  memcpy(prefix->address, read.address, sizeof prefix->address);
  bc_route_lex_advance(lex);
  return BC_ERR_OK;
}

/* ---- expressions ---- */

static bool match_take(struct bc_str *text, const char *what) {
  if (!bc_str_starts(*text, what)) {
    return false;
  }
  text->at += strlen(what);
  text->len -= strlen(what);
  return true;
}

static uint8_t match_take_numeric(struct bc_str *text) {
  if (match_take(text, "=")) {
    return NUMERIC_EQUAL;
  }
  if (match_take(text, "!=")) {
    return NUMERIC_LESS | NUMERIC_GREATER;
  }
  if (!bc_str_starts(*text, ">") && !bc_str_starts(*text, "<")) {
    return NUMERIC_EQUAL;
  }
  unsigned order = match_take(text, ">") ? NUMERIC_GREATER : NUMERIC_LESS;
  if (order == NUMERIC_LESS) {
    (void)match_take(text, "<");
  }
  return (uint8_t)(order | (match_take(text, "=") ? NUMERIC_EQUAL : 0U));
}

static uint8_t match_take_binary(struct bc_str *text) {
  if (match_take(text, "=")) {
    return BITS_MATCH;
  }
  if (match_take(text, "!=")) {
    return BITS_NOT | BITS_MATCH;
  }
  return match_take(text, "!") ? BITS_NOT : 0;
}

static bool match_read_hex(struct bc_str text, uint32_t *value) {
  if (text.len < 3 || text.len > 6 || text.at[0] != '0' || (text.at[1] | 0x20) != 'x') {
    return false;
  }
  *value = 0;
  for (size_t i = 2; i < text.len; i++) {
    char c = (char)(text.at[i] | 0x20);
    bool is_digit = c >= '0' && c <= '9';
    if (!is_digit && !(c >= 'a' && c <= 'f')) {
      return false;
    }
    *value = *value << 4 | (uint32_t)(is_digit ? c - '0' : c - 'a' + 10);
  }
  return true;
}

static enum bc_err match_read_number(const struct bc_route_lex *lex, const struct match_component *component,
                                     const char *keyword, struct bc_str text, uint32_t *value) {
  bool has_words = component->words != BC_FLOW_WORDS_NUMBER;
  uint64_t number = 0;
  uint64_t max = strcmp(keyword, "dscp") == 0 ? DSCP_MAX
                 : component->most_bytes == 4 ? FLOW_LABEL_MAX
                                              : ((uint64_t)1 << (8 * component->most_bytes)) - 1;
  if (has_words && match_read_hex(text, value)) {
    return *value <= max ? BC_ERR_OK
                         : bc_route_lex_fail(lex, BC_ERR_RANGE, "%s: " BC_STR_FMT " is out of range (0 to %llu)",
                                             keyword, BC_STR_ARG(text), (unsigned long long)max);
  }
  bool has_digit = text.len > 0 && text.at[0] >= '0' && text.at[0] <= '9';
  if (!has_digit) {
    return bc_route_lex_expected(lex, keyword,
                                 component->words == BC_FLOW_WORDS_PORT
                                     ? "expressions such as =80, >1024&<=2000 or !=25; names are known of the usual "
                                       "ports only"
                                 : has_words ? "expressions such as =6 or !=17, with numbers or the names that ExaBGP "
                                               "has for them"
                                             : "expressions such as =100 or >100&<=2000");
  }
  enum bc_err err = bc_route_lex_number(lex, keyword, text, max, &number);
  *value = (uint32_t)number;
  return err;
}

static enum bc_err match_read_value(const struct bc_route_lex *lex, struct bc_route_fields *fields,
                                    const struct match_component *component, const char *keyword, struct bc_str text,
                                    uint32_t *value) {
  if (!bc_flow_word_find(component->words, text, value)) {
    return match_read_number(lex, component, keyword, text, value);
  }
  bool is_icmp = component->words == BC_FLOW_WORDS_ICMP_TYPE || component->words == BC_FLOW_WORDS_ICMP_CODE;
  if (is_icmp && !fields->is_standing) {
    fields->flow->not_ipv6 =
        (struct bc_flow_remark){lex->column, "the names of ICMP types and codes are those of ICMPv4, expected numbers "
                                             "in an IPv6 flow (128 is an echo request)"};
  }
  return BC_ERR_OK;
}

/* "syn+ack", "0x12", "is-fragment": what is joined by '+' is added up by ExaBGP, not or-ed. */
static enum bc_err match_read_bits(const struct bc_route_lex *lex, struct bc_route_fields *fields,
                                   const struct match_component *component, const char *keyword, struct bc_str text,
                                   uint32_t *value) {
  bool is_fragment = component->words == BC_FLOW_WORDS_FRAGMENT;
  const char *expected = is_fragment ? "is-fragment, first-fragment, last-fragment or dont-fragment, such as "
                                       "is-fragment or !is-fragment"
                                     : "fin, syn, rst, push, ack, urg, ece, cwr or ns, such as syn, =syn+ack or !fin";
  struct bc_str word;
  *value = 0;
  while (bc_str_next_field(&text, '+', &word)) {
    uint32_t bits;
    if (is_fragment && bc_str_is(word, "not-a-fragment")) {
      return bc_route_lex_fail(lex, BC_ERR_RANGE,
                               "fragment: not-a-fragment is gone since ExaBGP 4.2.22 and matched nothing before, "
                               "expected !is-fragment");
    }
    uint64_t number = 0;
    if (!bc_flow_word_find(component->words, word, &bits) && !match_read_hex(word, &bits)) {
      if (bc_str_to_u64(word, UINT16_MAX, &number) != BC_ERR_OK) {
        return bc_route_lex_expected(lex, keyword, expected);
      }
      bits = (uint32_t)number;
    }
    if (bits == 0 || bits > (is_fragment ? FRAGMENT_MAX : TCP_FLAGS_MAX) || (*value & bits) != 0) {
      return bc_route_lex_fail(lex, BC_ERR_RANGE, "%s: '" BC_STR_FMT "' %s, expected %s", keyword, BC_STR_ARG(word),
                               bits == 0              ? "has no bit"
                               : (*value & bits) != 0 ? "is there twice"
                                                      : "has unknown bits",
                               expected);
    }
    *value |= bits;
  }
  if (is_fragment && (*value & 1) != 0 && !fields->is_standing) {
    fields->flow->not_ipv6 = (struct bc_flow_remark){
        lex->column, "fragment: IPv6 has no dont-fragment (RFC 8956 3.6), expected is-fragment, "
                     "first-fragment or last-fragment"};
  }
  return *value == 0 ? bc_route_lex_expected(lex, keyword, expected) : BC_ERR_OK;
}

/* ExaBGP 4.2 lists a value without a name as "=unknown protocol type 200". Steps to its number. The word that ends in
 * "unknown" is left first, as it may begin with a number: "=unknown protocol type 3&<=unknown protocol type 9". */
static void match_skip_unknown(struct bc_route_lex *lex, struct bc_str *rest) {
  do {
    bc_route_lex_advance(lex);
  } while (bc_route_lex_at_word(lex) && (lex->token.at[0] < '0' || lex->token.at[0] > '9'));
  *rest = lex->token;
}

static struct bc_str match_cut_value(struct bc_str *rest) {
  const char *and = rest->len == 0 ? NULL : memchr(rest->at, '&', rest->len);
  struct bc_str value = {.at = rest->at, .len = and == NULL ? rest->len : (size_t)(and-rest->at)};
  rest->at += value.len;
  rest->len -= value.len;
  return value;
}

static enum bc_err match_append(const struct bc_route_lex *lex, struct bc_buf *items, unsigned operation,
                                uint32_t value) {
  uint8_t item[ITEM_BYTES] = {(uint8_t)operation, (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                              (uint8_t)value};
  bc_buf_add(items, item, sizeof item);
  return bc_buf_status(items) == BC_ERR_OK
             ? BC_ERR_OK
             : bc_route_lex_fail(lex, BC_ERR_LIMIT, "too many values: they do not fit in a flow of %d bytes",
                                 WIRE_BYTES_MAX);
}

static enum bc_err match_parse_expression(struct bc_route_lex *lex, struct bc_route_fields *fields, unsigned number,
                                          const char *keyword) {
  const struct match_component *component = &match_components[number];
  bool is_bits = match_is_bits(component);
  struct bc_str rest = lex->token;
  unsigned and = 0;
  if (!bc_route_lex_at_word(lex)) {
    return bc_route_lex_expected(lex, keyword, "an expression such as =5, or several in [ ]");
  }
  do {
    unsigned operation = and | (is_bits ? match_take_binary(&rest) : match_take_numeric(&rest));
    struct bc_str text = match_cut_value(&rest);
    if (fields->is_standing && bc_str_is(text, "unknown") && rest.len == 0) {
      match_skip_unknown(lex, &rest);
      text = match_cut_value(&rest);
    }
    uint32_t value = 0;
    enum bc_err err = is_bits ? match_read_bits(lex, fields, component, keyword, text, &value)
                              : match_read_value(lex, fields, component, keyword, text, &value);
    if (err == BC_ERR_OK) {
      err = match_append(lex, &fields->flow->item[number], operation, value);
    }
    if (err != BC_ERR_OK) {
      return err;
    }
    and = match_take(&rest, "&") ? OPERATOR_AND : 0;
    if (and != 0 && rest.len == 0) {
      return bc_route_lex_expected(lex, keyword, "another comparison behind '&', without a blank");
    }
  } while (and != 0);
  bc_route_lex_advance(lex);
  return BC_ERR_OK;
}

static enum bc_err match_parse_component(struct bc_route_lex *lex, struct bc_route_fields *fields, unsigned number,
                                         const char *keyword) {
  const struct match_component *component = &match_components[number];
  bool is_label = component->ipv4_name == NULL;
  bool is_only_ipv6 = is_label || (strcmp(keyword, component->ipv6_name) == 0 &&
                                   strcmp(component->ipv4_name, component->ipv6_name) != 0 && !fields->is_standing);
  if (is_only_ipv6) {
    fields->flow->only_ipv6 = (struct bc_flow_remark){
        lex->column, is_label ? "flow-label: only IPv6 flows have it; an IPv6 source or destination makes a flow IPv6"
                              : "next-header and traffic-class: only IPv6 flows have them, expected protocol and dscp; "
                                "an IPv6 source or destination makes a flow IPv6"};
  }
  if (!bc_route_lex_take(lex, "[")) {
    return match_parse_expression(lex, fields, number, keyword);
  }
  do {
    enum bc_err err = match_parse_expression(lex, fields, number, keyword);
    if (err != BC_ERR_OK) {
      return err;
    }
  } while (!bc_route_lex_take(lex, "]"));
  return BC_ERR_OK;
}

enum bc_err bc_flow_match_parse(struct bc_route_lex *lex, struct bc_route_fields *fields, bool *is_match) {
  *is_match = true;
  for (size_t i = 0; i < sizeof match_prefix_names / sizeof match_prefix_names[0]; i++) {
    if (bc_route_lex_take(lex, match_prefix_names[i].text)) {
      return match_parse_prefix(lex, fields, &match_prefix_names[i]);
    }
  }
  for (unsigned i = 0; i < BC_FLOW_COMPONENT_COUNT; i++) {
    const char *ipv4_name = match_components[i].ipv4_name;
    const char *ipv6_name = match_components[i].ipv6_name;
    if (ipv4_name != NULL && bc_route_lex_take(lex, ipv4_name)) {
      return match_parse_component(lex, fields, i, ipv4_name);
    }
    if (bc_route_lex_take(lex, ipv6_name)) {
      return match_parse_component(lex, fields, i, ipv6_name);
    }
  }
  *is_match = false;
  return BC_ERR_OK;
}

/* ---- what depends on the whole ---- */

static uint32_t match_item_value(const uint8_t *item) {
  return (uint32_t)item[1] << 24 | (uint32_t)item[2] << 16 | (uint32_t)item[3] << 8 | item[4];
}

static size_t match_wire_bytes(const struct bc_route_fields *fields, bool *is_empty) {
  size_t bytes = 0;
  for (unsigned i = 0; i < BC_FLOW_PREFIX_COUNT; i++) {
    const struct bc_flow_prefix *prefix = &fields->flow->prefix[i];
    bytes += prefix->is_set ? (prefix->is_ipv6 ? 3U : 2U) + (prefix->length + 7U) / 8U : 0U;
  }
  for (unsigned i = 0; i < BC_FLOW_COMPONENT_COUNT; i++) {
    const struct bc_buf *items = &fields->flow->item[i];
    bytes += items->len > 0 ? 1 : 0;
    for (size_t at = 0; at < items->len; at += ITEM_BYTES) {
      uint32_t value = match_item_value((const uint8_t *)items->data + at);
      bytes += value <= UINT8_MAX ? 2 : value <= UINT16_MAX ? 3 : 5;
    }
  }
  *is_empty = bytes == 0;
  return bytes + (fields->nlri.has_rd ? 8 : 0);
}

static enum bc_err match_fail_at(const struct bc_route_lex *lex, size_t column, enum bc_err err, const char *text) {
  bc_fault_set(lex->fault, column, "%s", text);
  return err;
}

static enum bc_err match_check_family(const struct bc_route_lex *lex, const struct bc_route_fields *fields,
                                      bool is_ipv6) {
  const struct bc_route_flow *flow = fields->flow;
  const struct bc_flow_prefix *destination = &flow->prefix[BC_FLOW_DESTINATION];
  const struct bc_flow_prefix *source = &flow->prefix[BC_FLOW_SOURCE];
  if (destination->is_set && source->is_set && destination->is_ipv6 != source->is_ipv6) {
    return match_fail_at(lex, destination->column > source->column ? destination->column : source->column,
                         BC_ERR_SYNTAX,
                         "source and destination are of different families, expected both IPv4 or both IPv6");
  }
  if (flow->family != BC_FAMILY_COUNT && bc_family_is_ipv6((enum bc_family)flow->family) != is_ipv6) {
    return match_fail_at(lex, flow->start_column, BC_ERR_SYNTAX,
                         is_ipv6 ? "an IPv4 flow with an IPv6 prefix, expected IPv4 prefixes or 'ipv6 flow'"
                                 : "an IPv6 flow needs an IPv6 source or destination, such as source ::/0: without one "
                                   "ExaBGP takes it for IPv4");
  }
  bool is_vpn = flow->family == BC_FAMILY_IPV4_FLOW_VPN || flow->family == BC_FAMILY_IPV6_FLOW_VPN;
  if (flow->family != BC_FAMILY_COUNT && is_vpn != fields->nlri.has_rd) {
    return match_fail_at(lex, flow->start_column, BC_ERR_SYNTAX,
                         is_vpn ? "flow-vpn: rd is missing, expected rd AS:NUMBER"
                                : "flow: rd makes it a VPN flow, expected flow-vpn");
  }
  if (!is_ipv6 && flow->only_ipv6.column > 0) {
    return match_fail_at(lex, flow->only_ipv6.column, BC_ERR_SYNTAX, flow->only_ipv6.text);
  }
  if (is_ipv6 && flow->not_ipv6.column > 0) {
    return match_fail_at(lex, flow->not_ipv6.column, BC_ERR_RANGE, flow->not_ipv6.text);
  }
  return BC_ERR_OK;
}

enum bc_err bc_flow_match_check(const struct bc_route_lex *lex, struct bc_route_fields *fields) {
  const struct bc_route_flow *flow = fields->flow;
  bool is_ipv6 = false;
  for (unsigned i = 0; i < BC_FLOW_PREFIX_COUNT; i++) {
    is_ipv6 = is_ipv6 || (flow->prefix[i].is_set && flow->prefix[i].is_ipv6);
  }
  /* A listing names the family, and a flow from elsewhere may be IPv6 without a prefix. */
  is_ipv6 = is_ipv6 ||
            (fields->is_standing && flow->family != BC_FAMILY_COUNT && bc_family_is_ipv6((enum bc_family)flow->family));
  bool is_empty;
  size_t bytes = match_wire_bytes(fields, &is_empty);
  if (is_empty) {
    return match_fail_at(
        lex, flow->start_column, BC_ERR_SYNTAX,
        "match: it is empty, the flow would match all traffic; expected source, destination, port, ...");
  }
  enum bc_err err = match_check_family(lex, fields, is_ipv6);
  if (err != BC_ERR_OK) {
    return err;
  }
  if (bytes > WIRE_BYTES_MAX && !fields->is_standing) {
    bc_fault_set(lex->fault, flow->start_column,
                 "match: it takes %zu bytes; ExaBGP 4.2 cannot read back more than %d and closes the session", bytes,
                 WIRE_BYTES_MAX);
    return BC_ERR_LIMIT;
  }
  bool is_vpn = fields->nlri.has_rd;
  fields->nlri.family = is_ipv6 ? (is_vpn ? BC_FAMILY_IPV6_FLOW_VPN : BC_FAMILY_IPV6_FLOW)
                                : (is_vpn ? BC_FAMILY_IPV4_FLOW_VPN : BC_FAMILY_IPV4_FLOW);
  return BC_ERR_OK;
}

/* ---- text ---- */

static void match_print_numeric(const struct match_component *component, unsigned operation, uint32_t value,
                                struct bc_buf *to) {
  static const char *const operators[] = {"", "=", ">", ">=", "<", "<=", "!=", ""};
  bc_buf_add_text(to, operators[operation & 7]);
  const char *name = bc_flow_word_name(component->words, value);
  if (name != NULL) {
    bc_buf_add_text(to, name);
  } else {
    bc_nlri_print_number(value, to);
  }
}

static void match_print_bits(const struct match_component *component, unsigned operation, uint32_t value,
                             struct bc_buf *to) {
  static const char *const operators[] = {"", "=", "!", "!="};
  bc_buf_add_text(to, operators[operation & 3]);
  bool is_first = true;
  for (uint32_t bit = 1; bit <= value; bit <<= 1) {
    if ((value & bit) != 0) {
      bc_buf_add_text(to, is_first ? "" : "+");
      bc_buf_add_text(to, bc_flow_word_name(component->words, bit));
      is_first = false;
    }
  }
}

static void match_print_component(const struct bc_route_fields *fields, unsigned number, bool is_ipv6,
                                  struct bc_buf *to) {
  const struct match_component *component = &match_components[number];
  const struct bc_buf *items = &fields->flow->item[number];
  if (items->len == 0) {
    return;
  }
  bool is_list = items->len > ITEM_BYTES;
  bc_buf_add_text(to, is_ipv6 ? component->ipv6_name : component->ipv4_name);
  bc_buf_add_text(to, is_list ? " [ " : " ");
  for (size_t at = 0; at < items->len; at += ITEM_BYTES) {
    const uint8_t *item = (const uint8_t *)items->data + at;
    if (at > 0) {
      bc_buf_add_char(to, (item[0] & OPERATOR_AND) != 0 ? '&' : ' ');
    }
    if (match_is_bits(component)) {
      match_print_bits(component, item[0], match_item_value(item), to);
    } else {
      match_print_numeric(component, item[0], match_item_value(item), to);
    }
  }
  bc_buf_add_text(to, is_list ? " ] " : " ");
}

void bc_flow_match_print(const struct bc_route_fields *fields, struct bc_buf *to) {
  static const char *const names[][2] = {{"destination-ipv4 ", "destination-ipv6 "}, {"source-ipv4 ", "source-ipv6 "}};
  bool is_ipv6 = bc_family_is_ipv6((enum bc_family)fields->nlri.family);
  for (unsigned i = 0; i < BC_FLOW_PREFIX_COUNT; i++) {
    const struct bc_flow_prefix *prefix = &fields->flow->prefix[i];
    if (prefix->is_set) {
      bc_buf_add_text(to, names[i][is_ipv6 ? 1 : 0]);
      bc_address_print(prefix->address, is_ipv6, to);
      bc_buf_add_char(to, '/');
      bc_nlri_print_number(prefix->length, to);
      bc_buf_add_text(to, is_ipv6 ? "/0 " : " ");
    }
  }
  for (unsigned i = 0; i < BC_FLOW_COMPONENT_COUNT; i++) {
    match_print_component(fields, i, is_ipv6, to);
  }
  if (to->len > 0) {
    to->data[--to->len] = '\0';
  }
}

static bool match_is_name(struct bc_str word) {
  for (size_t i = 0; i < sizeof match_prefix_names / sizeof match_prefix_names[0]; i++) {
    if (bc_str_is(word, match_prefix_names[i].text)) {
      return true;
    }
  }
  for (unsigned i = 0; i < BC_FLOW_COMPONENT_COUNT; i++) {
    const char *ipv4_name = match_components[i].ipv4_name;
    if ((ipv4_name != NULL && bc_str_is(word, ipv4_name)) || bc_str_is(word, match_components[i].ipv6_name)) {
      return true;
    }
  }
  return false;
}

void bc_flow_match_print_statements(const char *rule, struct bc_buf *to) {
  struct bc_str rest = bc_str_of(rule);
  bool is_first = true;
  for (struct bc_str word = bc_str_next_word(&rest); word.len > 0; word = bc_str_next_word(&rest)) {
    if (!is_first) {
      bc_buf_add_text(to, match_is_name(word) ? "; " : " ");
    }
    bc_buf_add_str(to, word);
    is_first = false;
  }
  bc_buf_add_char(to, ';');
}
