#include "base/limits.h"
#include "model/address.h"
#include "model/nlri_text.h"
#include "model/route_fields.h"
#include "model/route_flow.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LABEL_MAX = 0xfffff };

struct attribute_keyword {
  const char *text;
  size_t len;
  uint8_t code;
  uint8_t flags;
  uint8_t kinds;
};

static const struct attribute_keyword attribute_keywords[] = {
#define ATTRIBUTE_KEYWORD(name, text, code, flags, kinds) {text, sizeof text - 1, code, flags, kinds},
    BC_ROUTE_KEYWORD_LIST(ATTRIBUTE_KEYWORD)
#undef ATTRIBUTE_KEYWORD
};

/* Words of the API that ExaBGP acts on wherever they end a command or stand before a blank: a route
 * named "shutdown" would end it (4.2 and 5.0 reactor/api/__init__.py, command/{reactor,neighbor}.py). */
static const char *const attribute_api_words[] = {
    "crash",   "disable-ack", "enable-ack",  "help",   "ping",     "reload",  "reset",
    "restart", "shutdown",    "silence-ack", "status", "teardown", "version",
};

/* ExaBGP takes the family of a route from these words wherever they stand. */
static const char *const attribute_family_words[] = {"label", "rd", "route-distinguisher"};

void bc_route_fields_init(struct bc_route_fields *fields) {
  *fields = (struct bc_route_fields){0};
  for (unsigned i = 0; i < BC_ROUTE_LIST_COUNT; i++) {
    bc_buf_init(&fields->list[i], BC_ROUTE_ATTRIBUTE_BYTES + 512);
  }
}

void bc_route_fields_free(struct bc_route_fields *fields) {
  for (unsigned i = 0; i < BC_ROUTE_LIST_COUNT; i++) {
    bc_buf_free(&fields->list[i]);
  }
  bc_route_flow_free(fields->flow);
}

const char *bc_route_keyword_text(enum bc_route_keyword keyword) {
  return attribute_keywords[keyword].text;
}

uint8_t bc_route_keyword_code(enum bc_route_keyword keyword) {
  return attribute_keywords[keyword].code;
}

uint8_t bc_route_keyword_flags(enum bc_route_keyword keyword) {
  return attribute_keywords[keyword].flags;
}

enum bc_err bc_route_fields_append(const struct bc_route_lex *lex, struct bc_route_fields *fields,
                                   enum bc_route_list list, const void *bytes, size_t len) {
  struct bc_buf *buf = &fields->list[list];
  bc_buf_add(buf, bytes, len);
  if (bc_buf_status(buf) != BC_ERR_OK) {
    return bc_route_lex_fail(lex, BC_ERR_LIMIT, "too many values: they do not fit in a BGP message");
  }
  return BC_ERR_OK;
}

enum bc_err bc_route_fields_mark(const struct bc_route_lex *lex, struct bc_route_fields *fields,
                                 enum bc_route_keyword keyword) {
  if (bc_route_fields_has(fields, keyword)) {
    return bc_route_lex_fail(lex, BC_ERR_SYNTAX, "%s: given twice", attribute_keywords[keyword].text);
  }
  fields->seen |= (uint32_t)1 << keyword;
  return BC_ERR_OK;
}

enum bc_err bc_route_next_hop_parse(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  fields->next_hop_column = lex->column;
  if (lex->token.len == 4 && strncasecmp(lex->token.at, "self", 4) == 0) {
    fields->has_next_hop_self = true;
  } else if (!bc_address_parse(lex->token, fields->next_hop, &fields->is_next_hop_ipv6)) {
    return bc_route_lex_expected(lex, "next-hop", "self or an IP address");
  }
  bc_route_lex_advance(lex);
  return BC_ERR_OK;
}

static enum bc_err attribute_parse_path_information(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  const char *expected;
  enum bc_err err = bc_nlri_read_path_id(lex->token, &fields->nlri.path_id, &expected);
  if (err == BC_ERR_RANGE) {
    return bc_route_lex_number(lex, "path-information", lex->token, UINT32_MAX, &(uint64_t){0});
  }
  if (err != BC_ERR_OK) {
    return bc_route_lex_expected(lex, "path-information", expected);
  }
  /* On the wire and in what ExaBGP reports, none and 0 are the same. */
  fields->nlri.has_path_id = fields->nlri.path_id != 0;
  bc_route_lex_advance(lex);
  return BC_ERR_OK;
}

static enum bc_err attribute_parse_one_label(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  uint64_t number;
  if (fields->label_count == BC_ROUTE_LABELS) {
    return bc_route_lex_fail(lex, BC_ERR_LIMIT, "label: more than %d labels do not fit in a prefix", BC_ROUTE_LABELS);
  }
  enum bc_err err = bc_route_lex_take_number(lex, "label", LABEL_MAX, &number);
  if (err == BC_ERR_OK) {
    fields->label[fields->label_count++] = (uint32_t)number;
  }
  return err;
}

static enum bc_err attribute_parse_label(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  fields->label_column = lex->column;
  if (!bc_route_lex_take(lex, "[")) {
    return attribute_parse_one_label(lex, fields);
  }
  do {
    enum bc_err err = attribute_parse_one_label(lex, fields);
    if (err != BC_ERR_OK) {
      return err;
    }
  } while (!bc_route_lex_take(lex, "]"));
  return BC_ERR_OK;
}

enum bc_err bc_route_rd_parse(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  fields->rd_column = lex->column;
  const char *expected;
  enum bc_err err = bc_nlri_read_rd(lex->token, fields->nlri.rd, &expected);
  if (err == BC_ERR_RANGE) {
    return bc_route_lex_fail(lex, err, "rd: out of range, expected %s", expected);
  }
  if (err != BC_ERR_OK) {
    return bc_route_lex_expected(lex, "rd", expected);
  }
  fields->nlri.has_rd = true;
  bc_route_lex_advance(lex);
  return BC_ERR_OK;
}

static enum bc_err attribute_parse_origin(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  static const char *const origins[] = {"igp", "egp", "incomplete"};
  for (uint8_t i = 0; i < 3; i++) {
    size_t len = strlen(origins[i]);
    if (lex->token.len == len && strncasecmp(lex->token.at, origins[i], len) == 0) {
      fields->origin = i;
      bc_route_lex_advance(lex);
      return BC_ERR_OK;
    }
  }
  return bc_route_lex_expected(lex, "origin", "igp, egp or incomplete");
}

static enum bc_err attribute_parse_32_bits(struct bc_route_lex *lex, enum bc_route_keyword keyword, uint32_t *value) {
  uint64_t number;
  enum bc_err err = bc_route_lex_take_number(lex, attribute_keywords[keyword].text, UINT32_MAX, &number);
  if (err == BC_ERR_OK) {
    *value = (uint32_t)number;
  }
  return err;
}

static enum bc_err attribute_parse_aggregator(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  static const char expected[] = "( AS:ADDRESS ), such as ( 65000:10.0.0.1 )";
  bool is_in_parentheses = bc_route_lex_take(lex, "(");
  struct bc_str address = lex->token;
  struct bc_str as_text;
  if (!bc_route_lex_at_word(lex) || !bc_str_next_field(&address, ':', &as_text) || address.at == NULL ||
      !bc_address_parse_ipv4(address, fields->aggregator_id)) {
    return bc_route_lex_expected(lex, "aggregator", expected);
  }
  uint64_t number;
  enum bc_err err = bc_route_lex_number(lex, "aggregator", as_text, UINT32_MAX, &number);
  if (err != BC_ERR_OK) {
    return err;
  }
  if (number == 0) {
    return bc_route_lex_fail(lex, BC_ERR_RANGE,
                             "aggregator: AS number 0 is reserved and makes the attribute malformed (RFC 7607)");
  }
  fields->aggregator_as = (uint32_t)number;
  bc_route_lex_advance(lex);
  return is_in_parentheses ? bc_route_lex_require(lex, "aggregator", ")") : BC_ERR_OK;
}

static enum bc_err attribute_parse_cluster_list(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  bool is_list = bc_route_lex_take(lex, "[");
  do {
    uint8_t address[4];
    if (!bc_address_parse_ipv4(lex->token, address)) {
      return bc_route_lex_expected(lex, "cluster-list", "an IPv4 address");
    }
    enum bc_err err = bc_route_fields_append(lex, fields, BC_ROUTE_LIST_CLUSTER, address, sizeof address);
    if (err != BC_ERR_OK) {
      return err;
    }
    bc_route_lex_advance(lex);
  } while (is_list && !bc_route_lex_take(lex, "]"));
  return BC_ERR_OK;
}

static enum bc_err attribute_parse_aigp(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  struct bc_str token = lex->token;
  if (token.len < 2 || token.at[0] != '0' || (token.at[1] | 0x20) != 'x') {
    return bc_route_lex_take_number(lex, "aigp", UINT64_MAX, &fields->aigp);
  }
  uint64_t number = 0;
  for (size_t i = 2; i < token.len; i++) {
    char c = (char)(token.at[i] | 0x20);
    bool is_digit = c >= '0' && c <= '9';
    if (!is_digit && !(c >= 'a' && c <= 'f')) {
      return bc_route_lex_expected(lex, "aigp", "a number or 0x and hexadecimal digits");
    }
    if (number >> 60 != 0) {
      return bc_route_lex_fail(lex, BC_ERR_RANGE, "aigp: " BC_STR_FMT " is out of range (64 bits)", BC_STR_ARG(token));
    }
    number = number << 4 | (uint64_t)(is_digit ? c - '0' : c - 'a' + 10);
  }
  if (token.len == 2) {
    return bc_route_lex_expected(lex, "aigp", "a number or 0x and hexadecimal digits");
  }
  fields->aigp = number;
  bc_route_lex_advance(lex);
  return BC_ERR_OK;
}

static bool attribute_ends_with(struct bc_str text, const char *end) {
  size_t len = strlen(end);
  return text.len >= len && memcmp(text.at + text.len - len, end, len) == 0;
}

enum bc_err bc_route_word_parse(struct bc_route_lex *lex, const char *subject, struct bc_str *word) {
  static const char extra[] = "._-+:/@=*%~!?&<>|^$";
  static const char expected[] = "a word of letters, digits and ._-+:/@";
  if (!bc_route_lex_at_word(lex) || lex->token.len > BC_LIMIT_NAME_BYTES) {
    return bc_route_lex_expected(lex, subject, expected);
  }
  for (size_t i = 0; i < lex->token.len; i++) {
    char c = lex->token.at[i];
    bool is_plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    if (!is_plain && strchr(extra, c) == NULL) {
      return bc_route_lex_expected(lex, subject, expected);
    }
  }
  for (size_t i = 0; i < sizeof attribute_api_words / sizeof attribute_api_words[0]; i++) {
    if (attribute_ends_with(lex->token, attribute_api_words[i])) {
      return bc_route_lex_fail(lex, BC_ERR_SYNTAX,
                               "%s: '" BC_STR_FMT "' ends in '%s', which ExaBGP would obey as a "
                               "command",
                               subject, BC_STR_ARG(lex->token), attribute_api_words[i]);
    }
  }
  for (size_t i = 0; i < sizeof attribute_family_words / sizeof attribute_family_words[0]; i++) {
    if (bc_route_lex_is(lex, attribute_family_words[i])) {
      return bc_route_lex_fail(lex, BC_ERR_SYNTAX, "%s: '%s' would make ExaBGP take the route for another family",
                               subject, attribute_family_words[i]);
    }
  }
  *word = lex->token;
  bc_route_lex_advance(lex);
  return BC_ERR_OK;
}

static enum bc_err attribute_parse_watchdog(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  if ((lex->token.len == 8 && strncasecmp(lex->token.at, "announce", 8) == 0) ||
      (lex->token.len == 8 && strncasecmp(lex->token.at, "withdraw", 8) == 0)) {
    return bc_route_lex_expected(lex, "watchdog", "a name other than announce and withdraw");
  }
  return bc_route_word_parse(lex, "watchdog", &fields->watchdog);
}

static enum bc_err attribute_parse_split(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  fields->split_column = lex->column;
  struct bc_str digits = lex->token;
  if (digits.len < 2 || digits.at[0] != '/') {
    return bc_route_lex_expected(lex, "split", "a prefix length such as /25");
  }
  digits.at++;
  digits.len--;
  uint64_t number;
  bool is_ipv6 = bc_family_is_ipv6((enum bc_family)fields->nlri.family);
  enum bc_err err = bc_route_lex_number(lex, "split", digits, is_ipv6 ? 128 : 32, &number);
  if (err != BC_ERR_OK) {
    return err;
  }
  fields->split = (uint8_t)number;
  bc_route_lex_advance(lex);
  return BC_ERR_OK;
}

static enum bc_err attribute_parse_value(struct bc_route_lex *lex, struct bc_route_fields *fields,
                                         enum bc_route_keyword keyword) {
  switch (keyword) {
  case BC_ROUTE_KEYWORD_NEXT_HOP:
    return bc_route_next_hop_parse(lex, fields);
  case BC_ROUTE_KEYWORD_PATH_INFORMATION:
    return attribute_parse_path_information(lex, fields);
  case BC_ROUTE_KEYWORD_LABEL:
    return attribute_parse_label(lex, fields);
  case BC_ROUTE_KEYWORD_RD:
    return bc_route_rd_parse(lex, fields);
  case BC_ROUTE_KEYWORD_ORIGIN:
    return attribute_parse_origin(lex, fields);
  case BC_ROUTE_KEYWORD_AS_PATH:
    return bc_route_path_parse(lex, fields);
  case BC_ROUTE_KEYWORD_MED:
    return attribute_parse_32_bits(lex, keyword, &fields->med);
  case BC_ROUTE_KEYWORD_LOCAL_PREFERENCE:
    return attribute_parse_32_bits(lex, keyword, &fields->local_preference);
  case BC_ROUTE_KEYWORD_AGGREGATOR:
    return attribute_parse_aggregator(lex, fields);
  case BC_ROUTE_KEYWORD_COMMUNITY:
    return bc_route_community_parse(lex, fields);
  case BC_ROUTE_KEYWORD_ORIGINATOR_ID:
    return bc_route_lex_take_ipv4(lex, "originator-id", fields->originator_id);
  case BC_ROUTE_KEYWORD_CLUSTER_LIST:
    return attribute_parse_cluster_list(lex, fields);
  case BC_ROUTE_KEYWORD_EXTENDED_COMMUNITY:
    return bc_route_community_parse_extended(lex, fields);
  case BC_ROUTE_KEYWORD_AIGP:
    return attribute_parse_aigp(lex, fields);
  case BC_ROUTE_KEYWORD_LARGE_COMMUNITY:
    return bc_route_community_parse_large(lex, fields);
  case BC_ROUTE_KEYWORD_BGP_PREFIX_SID:
    return bc_route_sid_parse(lex, fields);
  case BC_ROUTE_KEYWORD_BGP_PREFIX_SID_SRV6:
    return bc_route_sid_parse_srv6(lex, fields);
  case BC_ROUTE_KEYWORD_ATTRIBUTE:
    return bc_route_generic_parse(lex, fields);
  case BC_ROUTE_KEYWORD_NAME:
    return bc_route_word_parse(lex, "name", &fields->name);
  case BC_ROUTE_KEYWORD_SPLIT:
    return attribute_parse_split(lex, fields);
  case BC_ROUTE_KEYWORD_WATCHDOG:
    return attribute_parse_watchdog(lex, fields);
  case BC_ROUTE_KEYWORD_ENDPOINT:
  case BC_ROUTE_KEYWORD_BASE:
  case BC_ROUTE_KEYWORD_OFFSET:
  case BC_ROUTE_KEYWORD_SIZE:
    return bc_route_vpls_parse(lex, fields, keyword);
  default:
    return BC_ERR_OK; /* atomic-aggregate and withdraw stand alone */
  }
}

static enum bc_err attribute_refuse_keyword(const struct bc_route_lex *lex, const struct bc_route_fields *fields,
                                            unsigned keyword) {
  static const char *const kinds[] = {"route", "attributes", "vpls", "flow"};
  if (keyword == BC_ROUTE_KEYWORD_PATH_INFORMATION && fields->kind == BC_ROUTE_KIND_LIST) {
    return bc_route_lex_fail(lex, BC_ERR_SYNTAX,
                             "path-information: ExaBGP 4.2.21 ignores it in a list of NLRI, expected 'route PREFIX "
                             "path-information ...' for each");
  }
  if (keyword == BC_ROUTE_KEYWORD_SPLIT && fields->kind == BC_ROUTE_KIND_LIST) {
    return bc_route_lex_fail(lex, BC_ERR_SYNTAX,
                             "split: ExaBGP ignores it in a list of NLRI, expected 'route PREFIX "
                             "split /LENGTH ...'");
  }
  if (keyword < BC_ROUTE_KEYWORD_COUNT) {
    return bc_route_lex_fail(lex, BC_ERR_SYNTAX, "%s: ExaBGP does not take it in '%s'",
                             attribute_keywords[keyword].text, kinds[fields->kind]);
  }
  if (bc_route_lex_is(lex, "route") || bc_route_lex_is(lex, "announce")) {
    return bc_route_lex_fail(lex, BC_ERR_SYNTAX, "'" BC_STR_FMT "' starts a second command, expected one a line",
                             BC_STR_ARG(lex->token));
  }
  return bc_route_lex_expected(lex, kinds[fields->kind],
                               "an attribute: next-hop, med, local-preference, as-path, community, ...");
}

static enum bc_err attribute_parse(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  unsigned keyword = 0;
  while (keyword < BC_ROUTE_KEYWORD_COUNT &&
         (attribute_keywords[keyword].len != lex->token.len ||
          memcmp(attribute_keywords[keyword].text, lex->token.at, lex->token.len) != 0)) {
    keyword++;
  }
  if (keyword == BC_ROUTE_KEYWORD_COUNT) {
    keyword = bc_route_lex_is(lex, "route-distinguisher") ? BC_ROUTE_KEYWORD_RD : BC_ROUTE_KEYWORD_COUNT;
  }
  if (keyword == BC_ROUTE_KEYWORD_COUNT || (attribute_keywords[keyword].kinds >> fields->kind & 1) == 0) {
    return attribute_refuse_keyword(lex, fields, keyword);
  }
  if (keyword != BC_ROUTE_KEYWORD_ATTRIBUTE) {
    unsigned marked = keyword == BC_ROUTE_KEYWORD_BGP_PREFIX_SID_SRV6 ? BC_ROUTE_KEYWORD_BGP_PREFIX_SID : keyword;
    enum bc_err err = bc_route_fields_mark(lex, fields, (enum bc_route_keyword)marked);
    if (err != BC_ERR_OK) {
      return err;
    }
  }
  bc_route_lex_advance(lex);
  return attribute_parse_value(lex, fields, (enum bc_route_keyword)keyword);
}

static enum bc_err attribute_parse_braces(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  while (!bc_route_lex_take(lex, "}")) {
    enum bc_err err = attribute_parse(lex, fields);
    if (err == BC_ERR_OK) {
      err = bc_route_lex_require(lex, "route", ";");
    }
    if (err != BC_ERR_OK) {
      return err;
    }
  }
  return bc_route_lex_at_end(lex) ? BC_ERR_OK : bc_route_lex_expected(lex, "route", "nothing behind '}'");
}

static enum bc_err attribute_parse_flat(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  while (!bc_route_lex_at_end(lex)) {
    if (fields->kind == BC_ROUTE_KIND_LIST && bc_route_lex_is(lex, "nlri")) {
      return BC_ERR_OK;
    }
    if (bc_route_lex_take(lex, ";")) {
      return bc_route_lex_at_end(lex) ? BC_ERR_OK
                                      : bc_route_lex_expected(lex, "route", "nothing behind ';' (one command a line)");
    }
    enum bc_err err = attribute_parse(lex, fields);
    if (err != BC_ERR_OK) {
      return err;
    }
  }
  return BC_ERR_OK;
}

static enum bc_err attribute_fail_at(const struct bc_route_lex *lex, size_t column, enum bc_err err, const char *text) {
  bc_fault_set(lex->fault, column, "%s", text);
  return err;
}

static enum bc_err attribute_check_next_hop(const struct bc_route_lex *lex, const struct bc_route_fields *fields,
                                            bool needs_next_hop) {
  bool is_ipv6 = bc_family_is_ipv6((enum bc_family)fields->nlri.family);
  if (!bc_route_fields_has(fields, BC_ROUTE_KEYWORD_NEXT_HOP)) {
    return needs_next_hop ? attribute_fail_at(lex, lex->column, BC_ERR_SYNTAX,
                                              "next-hop is missing, expected next-hop self or next-hop ADDRESS")
                          : BC_ERR_OK;
  }
  if (fields->has_next_hop_self) {
    return is_ipv6 ? attribute_fail_at(lex, fields->next_hop_column, BC_ERR_RANGE,
                                       "next-hop: self is refused for an IPv6 prefix: over an IPv4 session ExaBGP 4.2 "
                                       "sends 0.0.0.0 and can strip the next hop of IPv4 routes; write the IPv6 "
                                       "address")
                   : BC_ERR_OK;
  }
  if (fields->is_next_hop_ipv6 != is_ipv6) {
    return attribute_fail_at(lex, fields->next_hop_column, BC_ERR_RANGE,
                             is_ipv6 ? "next-hop: an IPv4 address for an IPv6 prefix: routers take the route for "
                                       "withdrawn; expected an IPv6 address (IPv4-mapped: ::ffff:10.0.0.1)"
                                     : "next-hop: an IPv6 address for an IPv4 prefix: without extended next hops (RFC "
                                       "8950) routers take the route for withdrawn; expected an IPv4 address");
  }
  return BC_ERR_OK;
}

enum bc_err bc_route_fields_complete(const struct bc_route_lex *lex, struct bc_route_fields *fields) {
  struct bc_nlri *nlri = &fields->nlri;
  bool is_ipv6 = bc_family_is_ipv6((enum bc_family)nlri->family);
  bool has_label = bc_route_fields_has(fields, BC_ROUTE_KEYWORD_LABEL);
  if (nlri->has_rd && !has_label) {
    return attribute_fail_at(lex, fields->rd_column, BC_ERR_SYNTAX,
                             "rd: a VPN route needs a label too, expected label "
                             "NUMBER");
  }
  unsigned bits = nlri->length + 24 * fields->label_count + (nlri->has_rd ? 64U : 0U);
  if (bits > UINT8_MAX) {
    return attribute_fail_at(lex, fields->label_column, BC_ERR_LIMIT,
                             "label: labels, rd and prefix have more than 255 bits together");
  }
  if (nlri->has_rd) {
    nlri->family = is_ipv6 ? BC_FAMILY_IPV6_MPLS_VPN : BC_FAMILY_IPV4_MPLS_VPN;
  } else if (has_label) {
    nlri->family = is_ipv6 ? BC_FAMILY_IPV6_NLRI_MPLS : BC_FAMILY_IPV4_NLRI_MPLS;
  }
  return BC_ERR_OK;
}

enum bc_err bc_route_fields_parse(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  bool is_in_braces = fields->kind != BC_ROUTE_KIND_LIST && bc_route_lex_take(lex, "{");
  return is_in_braces ? attribute_parse_braces(lex, fields) : attribute_parse_flat(lex, fields);
}

enum bc_err bc_route_fields_check(const struct bc_route_lex *lex, const struct bc_route_fields *fields,
                                  bool needs_next_hop) {
  enum bc_err err = BC_ERR_OK;
  if (!fields->is_standing && bc_family_has_prefix((enum bc_family)fields->nlri.family)) {
    err = attribute_check_next_hop(lex, fields, needs_next_hop);
  }
  if (err == BC_ERR_OK && bc_route_text_wire_bytes(fields) > BC_ROUTE_ATTRIBUTE_BYTES) {
    return bc_route_lex_fail(lex, BC_ERR_LIMIT, "the attributes take %zu bytes, a BGP message has room for %d",
                             bc_route_text_wire_bytes(fields), BC_ROUTE_ATTRIBUTE_BYTES);
  }
  return err;
}

enum bc_err bc_route_fields_parse_prefix(struct bc_route_lex *lex, struct bc_nlri *nlri) {
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
