#include "model/address.h"
#include "model/nlri_text.h"
#include "model/route_fields.h"

#include <string.h>

/* attribute [ 0xCODE 0xFLAGS 0xDATA ], and the prefix SIDs, of which those for SRv6 are kept as generic
 * attributes: ExaBGP lists them as "bgp-prefix-sid [ None ]", under which they cannot be recognised. */

enum {
  FLAG_OPTIONAL = 0x80,
  FLAG_TRANSITIVE = 0x40,
  FLAG_PARTIAL = 0x20,
  FLAG_EXTENDED_LENGTH = 0x10,
  RECORD_HEAD_BYTES = 4,
  HEX_BYTES = 4096,
  AIGP_TLV_BYTES = 11,
};

struct generic_value {
  uint8_t code;
  uint8_t flags;
  size_t len;
  uint8_t data[HEX_BYTES];
};

static int generic_hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum bc_err generic_append(const struct bc_route_lex *lex, struct bc_route_fields *fields, uint8_t code,
                                  uint8_t flags, const uint8_t *data, size_t len) {
  uint8_t head[RECORD_HEAD_BYTES] = {code, flags, (uint8_t)(len >> 8), (uint8_t)len};
  enum bc_err err = bc_route_fields_append(lex, fields, BC_ROUTE_LIST_GENERIC, head, sizeof head);
  return err == BC_ERR_OK ? bc_route_fields_append(lex, fields, BC_ROUTE_LIST_GENERIC, data, len) : err;
}

static const uint8_t *generic_find(const struct bc_route_fields *fields, unsigned code) {
  const struct bc_buf *list = &fields->list[BC_ROUTE_LIST_GENERIC];
  for (size_t at = 0; at < list->len;) {
    const uint8_t *record = (const uint8_t *)list->data + at;
    if (record[0] == code) {
      return record;
    }
    at += RECORD_HEAD_BYTES + ((size_t)record[2] << 8 | record[3]);
  }
  return NULL;
}

/* One byte as 0x and one or two digits (more, if they are leading zeros). */
static enum bc_err generic_take_byte(struct bc_route_lex *lex, const char *expected, uint8_t *byte) {
  struct bc_str token = lex->token;
  unsigned value = 0;
  bool is_hex = token.len > 2 && token.at[0] == '0' && (token.at[1] | 0x20) == 'x';
  for (size_t i = 2; is_hex && i < token.len; i++) {
    int digit = generic_hex_digit(token.at[i]);
    value = digit < 0 ? 0 : value << 4 | (unsigned)digit;
    is_hex = digit >= 0 && value <= UINT8_MAX;
  }
  if (!is_hex) {
    return bc_route_lex_expected(lex, "attribute", expected);
  }
  *byte = (uint8_t)value;
  bc_route_lex_advance(lex);
  return BC_ERR_OK;
}

static enum bc_err generic_take_data(struct bc_route_lex *lex, struct generic_value *value) {
  static const char expected[] = "0x and pairs of hexadecimal digits";
  struct bc_str token = lex->token;
  if (token.len < 2 || token.len % 2 != 0 || token.at[0] != '0' || (token.at[1] | 0x20) != 'x') {
    return bc_route_lex_expected(lex, "attribute", expected);
  }
  value->len = token.len / 2 - 1;
  if (value->len > sizeof value->data) {
    return bc_route_lex_fail(lex, BC_ERR_LIMIT, "attribute: %zu bytes do not fit in a BGP message", value->len);
  }
  for (size_t i = 0; i < value->len; i++) {
    int high = generic_hex_digit(token.at[2 + 2 * i]);
    int low = generic_hex_digit(token.at[3 + 2 * i]);
    if (high < 0 || low < 0) {
      return bc_route_lex_expected(lex, "attribute", expected);
    }
    value->data[i] = (uint8_t)(high << 4 | low);
  }
  bc_route_lex_advance(lex);
  return BC_ERR_OK;
}

static uint64_t generic_number(const struct generic_value *value) {
  uint64_t number = 0;
  for (size_t i = value->len > 8 ? value->len - 8 : 0; i < value->len; i++) {
    number = number << 8 | value->data[i];
  }
  return number;
}

static enum bc_err generic_malformed(const struct bc_route_lex *lex, const char *name, const char *expected) {
  return bc_route_lex_fail(lex, BC_ERR_SYNTAX, "attribute: the data is no %s, expected %s", name, expected);
}

static enum bc_err generic_set_list(const struct bc_route_lex *lex, struct bc_route_fields *fields,
                                    enum bc_route_keyword keyword, enum bc_route_list list,
                                    const struct generic_value *value, size_t bytes) {
  if (value->len == 0 || value->len % bytes != 0) {
    return bc_route_lex_fail(lex, BC_ERR_SYNTAX, "attribute: the data is no %s, expected a multiple of %zu bytes",
                             bc_route_keyword_text(keyword), bytes);
  }
  for (size_t at = 0; list == BC_ROUTE_LIST_EXTENDED && at < value->len; at += bytes) {
    if (!bc_route_extended_is_faithful(value->data + at)) {
      return generic_malformed(lex, "extended-community", "only values that ExaBGP lists under a text of their own");
    }
  }
  return bc_route_fields_append(lex, fields, list, value->data, value->len);
}

/* An attribute that has a keyword is kept as if it had been written with that keyword: ExaBGP sends
 * the same bytes, the contents are checked, and nothing can be given twice. */
static enum bc_err generic_set_known(const struct bc_route_lex *lex, struct bc_route_fields *fields,
                                     enum bc_route_keyword keyword, const struct generic_value *value) {
  const char *name = bc_route_keyword_text(keyword);
  switch (keyword) {
  case BC_ROUTE_KEYWORD_ORIGIN:
    fields->origin = (uint8_t)generic_number(value);
    return value->len == 1 && fields->origin <= 2 ? BC_ERR_OK : generic_malformed(lex, name, "0x00, 0x01 or 0x02");
  case BC_ROUTE_KEYWORD_MED:
    fields->med = (uint32_t)generic_number(value);
    return value->len == 4 ? BC_ERR_OK : generic_malformed(lex, name, "4 bytes");
  case BC_ROUTE_KEYWORD_LOCAL_PREFERENCE:
    fields->local_preference = (uint32_t)generic_number(value);
    return value->len == 4 ? BC_ERR_OK : generic_malformed(lex, name, "4 bytes");
  case BC_ROUTE_KEYWORD_ATOMIC_AGGREGATE:
    return value->len == 0 ? BC_ERR_OK : generic_malformed(lex, name, "no data, 0x");
  case BC_ROUTE_KEYWORD_ORIGINATOR_ID:
    if (value->len != sizeof fields->originator_id) {
      return generic_malformed(lex, name, "4 bytes");
    }
    memcpy(fields->originator_id, value->data, sizeof fields->originator_id);
    return BC_ERR_OK;
  case BC_ROUTE_KEYWORD_AIGP:
    fields->aigp = generic_number(value);
    return value->len == AIGP_TLV_BYTES && memcmp(value->data, "\x01\x00\x0b", 3) == 0
               ? BC_ERR_OK
               : generic_malformed(lex, name, "0x01000b and 8 bytes");
  case BC_ROUTE_KEYWORD_COMMUNITY:
    return generic_set_list(lex, fields, keyword, BC_ROUTE_LIST_COMMUNITY, value, 4);
  case BC_ROUTE_KEYWORD_CLUSTER_LIST:
    return generic_set_list(lex, fields, keyword, BC_ROUTE_LIST_CLUSTER, value, 4);
  case BC_ROUTE_KEYWORD_EXTENDED_COMMUNITY:
    return generic_set_list(lex, fields, keyword, BC_ROUTE_LIST_EXTENDED, value, 8);
  case BC_ROUTE_KEYWORD_LARGE_COMMUNITY:
    return generic_set_list(lex, fields, keyword, BC_ROUTE_LIST_LARGE, value, 12);
  case BC_ROUTE_KEYWORD_BGP_PREFIX_SID:
    return generic_append(lex, fields, value->code, value->flags, value->data, value->len);
  default:
    return bc_route_lex_fail(lex, BC_ERR_RANGE,
                             "attribute: the bytes of %s (0x%02X) depend on the session, write it with its keyword",
                             name, value->code);
  }
}

static enum bc_err generic_check_flags(const struct bc_route_lex *lex, const struct generic_value *value) {
  unsigned flags = value->flags;
  if ((flags & 0x0f) != 0) {
    return bc_route_lex_fail(lex, BC_ERR_RANGE, "attribute: the low four bits of the flags 0x%02X must be 0", flags);
  }
  if ((flags & FLAG_OPTIONAL) == 0) {
    return bc_route_lex_fail(lex, BC_ERR_RANGE,
                             "attribute: flags 0x%02X say that every router must know 0x%02X, and routers that do "
                             "not close the session; expected 0x80 (optional) or 0xC0 (optional, transitive)",
                             flags, value->code);
  }
  if ((flags & FLAG_PARTIAL) != 0 && (flags & FLAG_TRANSITIVE) == 0) {
    return bc_route_lex_fail(lex, BC_ERR_RANGE, "attribute: flags 0x%02X: partial (0x20) needs transitive (0x40)",
                             flags);
  }
  return BC_ERR_OK;
}

/* What ExaBGP 4.2 takes for a SID (a draft's), 5.0 takes for sub-TLVs (RFC 9252 2), and of those with the type 1 it
 * expects more than there is room for: it closes the session, each time again. */
static bool generic_is_service(const uint8_t *data, size_t len) {
  size_t at = 1;
  while (at + 3 <= len && data[at] != 1) {
    at += 3 + ((size_t)data[at + 1] << 8 | data[at + 2]);
  }
  return at >= len;
}

/* The TLVs that ExaBGP 4.2 knows (RFC 8669 3, and drafts of SRv6). */
static bool generic_is_prefix_sid(const struct generic_value *value) {
  size_t at = 0;
  while (at + 3 <= value->len) {
    unsigned type = value->data[at];
    size_t len = (size_t)value->data[at + 1] << 8 | value->data[at + 2];
    bool is_known = (type == 1 && len == 7) || (type == 3 && len >= 8 && len % 6 == 2) ||
                    ((type == 2 || type == 4) && len == 19) || (type == 5 && len == 21);
    if (!is_known || at + 3 + len > value->len || (type == 5 && !generic_is_service(value->data + at + 3, len))) {
      return false;
    }
    at += 3 + len;
  }
  return at == value->len && at > 0;
}

/* ExaBGP 4.2 reads back what it has sent to report it (bgp/message/update/attribute/), and what it cannot read then
 * ends the session, each time again. NULL, or what can be read. */
static const char *generic_unreadable(const struct generic_value *value) {
  enum { CODE_PMSI = 22, CODE_EXTENDED_IPV6 = 25, CODE_BGP_LS = 29, CODE_PREFIX_SID = 40 };
  enum { PMSI_HEAD_BYTES = 5, PMSI_INGRESS_REPLICATION = 6, EXTENDED_IPV6_BYTES = 20 };
  switch (value->code) {
  case CODE_PMSI:
    if (value->len < PMSI_HEAD_BYTES ||
        (value->data[1] == PMSI_INGRESS_REPLICATION && value->len != PMSI_HEAD_BYTES + 4)) {
      return "flags, type, label and the tunnel of a PMSI_TUNNEL (RFC 6514 5)";
    }
    return NULL;
  case CODE_EXTENDED_IPV6:
    return value->len > 0 && value->len % EXTENDED_IPV6_BYTES == 0 ? NULL : "a multiple of 20 bytes";
  case CODE_BGP_LS:
    return "another attribute: BGP-LS is none of routes";
  case CODE_PREFIX_SID:
    return generic_is_prefix_sid(value) ? NULL : "the TLVs of a bgp-prefix-sid";
  default:
    return NULL;
  }
}

static enum bc_err generic_check_readable(const struct bc_route_lex *lex, const struct bc_route_fields *fields,
                                          const struct generic_value *value) {
  const char *expected = fields->is_standing ? NULL : generic_unreadable(value);
  return expected == NULL ? BC_ERR_OK
                          : bc_route_lex_fail(lex, BC_ERR_RANGE,
                                              "attribute: ExaBGP could not read back this 0x%02X and would close the "
                                              "session, expected %s",
                                              value->code, expected);
}

static enum bc_err generic_set(const struct bc_route_lex *lex, struct bc_route_fields *fields,
                               const struct generic_value *value) {
  unsigned code = value->code;
  if (code == 0 || code == 14 || code == 15 || code == 17 || code == 18) {
    return bc_route_lex_fail(lex, BC_ERR_RANGE,
                             "attribute: code 0x%02X is reserved or written by ExaBGP itself (MP_REACH_NLRI, "
                             "MP_UNREACH_NLRI, AS4_PATH, AS4_AGGREGATOR)",
                             code);
  }
  enum bc_err err = generic_check_readable(lex, fields, value);
  if (err != BC_ERR_OK) {
    return err;
  }
  for (unsigned keyword = 0; keyword < BC_ROUTE_KEYWORD_COUNT; keyword++) {
    if (bc_route_keyword_code((enum bc_route_keyword)keyword) != code) {
      continue;
    }
    unsigned flags = bc_route_keyword_flags((enum bc_route_keyword)keyword);
    if ((value->flags & ~(unsigned)FLAG_EXTENDED_LENGTH) != flags) {
      return bc_route_lex_fail(lex, BC_ERR_RANGE, "attribute: flags 0x%02X are wrong for 0x%02X (%s), expected 0x%02X",
                               value->flags, code, bc_route_keyword_text((enum bc_route_keyword)keyword), flags);
    }
    err = bc_route_fields_mark(lex, fields, (enum bc_route_keyword)keyword);
    return err == BC_ERR_OK ? generic_set_known(lex, fields, (enum bc_route_keyword)keyword, value) : err;
  }
  if (generic_find(fields, code) != NULL) {
    return bc_route_lex_fail(lex, BC_ERR_SYNTAX, "attribute: code 0x%02X is given twice", code);
  }
  err = generic_check_flags(lex, value);
  return err == BC_ERR_OK ? generic_append(lex, fields, value->code, value->flags, value->data, value->len) : err;
}

enum bc_err bc_route_generic_parse(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  struct generic_value value;
  value.len = 0;
  enum bc_err err = bc_route_lex_require(lex, "attribute", "[");
  struct bc_route_lex code_lex = *lex;
  if (err == BC_ERR_OK) {
    err = generic_take_byte(lex, "the code, 0x01 to 0xFF", &value.code);
  }
  if (err == BC_ERR_OK) {
    err = generic_take_byte(lex, "the flags, such as 0xC0", &value.flags);
  }
  if (err == BC_ERR_OK) {
    err = generic_take_data(lex, &value);
  }
  if (err == BC_ERR_OK) {
    err = bc_route_lex_require(lex, "attribute", "]");
  }
  return err == BC_ERR_OK ? generic_set(&code_lex, fields, &value) : err;
}

/* [ INDEX ] or [ INDEX, [ ( BASE,RANGE ), … ] ] */
enum bc_err bc_route_sid_parse(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  uint64_t number = 0;
  enum bc_err err = bc_route_lex_require(lex, "bgp-prefix-sid", "[");
  if (err == BC_ERR_OK) {
    err = bc_route_lex_take_number(lex, "bgp-prefix-sid", UINT32_MAX, &number);
  }
  fields->label_index = (uint32_t)number;
  fields->has_label_index = true;
  if (err != BC_ERR_OK || bc_route_lex_take(lex, "]")) {
    return err;
  }
  err = bc_route_lex_require(lex, "bgp-prefix-sid", ",");
  if (err == BC_ERR_OK) {
    err = bc_route_lex_require(lex, "bgp-prefix-sid", "[");
  }
  while (err == BC_ERR_OK && !bc_route_lex_take(lex, "]")) {
    uint64_t base = 0;
    uint64_t range = 0;
    err = bc_route_lex_require(lex, "bgp-prefix-sid", "(");
    if (err == BC_ERR_OK) {
      err = bc_route_lex_take_number(lex, "bgp-prefix-sid", 0xffffff, &base);
    }
    if (err == BC_ERR_OK) {
      err = bc_route_lex_require(lex, "bgp-prefix-sid", ",");
    }
    if (err == BC_ERR_OK) {
      err = bc_route_lex_take_number(lex, "bgp-prefix-sid", 0xffffff, &range);
    }
    if (err == BC_ERR_OK) {
      err = bc_route_lex_require(lex, "bgp-prefix-sid", ")");
    }
    if (err == BC_ERR_OK) {
      uint8_t packed[6] = {(uint8_t)(base >> 16),  (uint8_t)(base >> 8),  (uint8_t)base,
                           (uint8_t)(range >> 16), (uint8_t)(range >> 8), (uint8_t)range};
      err = bc_route_fields_append(lex, fields, BC_ROUTE_LIST_SRGB, packed, sizeof packed);
      (void)bc_route_lex_take(lex, ",");
    }
  }
  return err == BC_ERR_OK ? bc_route_lex_require(lex, "bgp-prefix-sid", "]") : err;
}

/* ( ipv6 | vpn | l3vpn ADDRESS ), with the bytes that ExaBGP 4.2 makes of them. */
enum bc_err bc_route_sid_parse_srv6(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  static const char subject[] = "bgp-prefix-sid-srv6";
  uint8_t data[3 + 21] = {0};
  size_t len = 3 + 19;
  uint8_t *sid = data + 6;
  enum bc_err err = bc_route_lex_require(lex, subject, "(");
  if (err != BC_ERR_OK) {
    return err;
  }
  if (bc_route_lex_take(lex, "ipv6")) {
    data[0] = 2;
  } else if (bc_route_lex_take(lex, "vpn")) {
    data[0] = 4;
  } else if (bc_route_lex_take(lex, "l3vpn")) {
    data[0] = 5;
    len = sizeof data;
    sid = data + 4;
    data[21] = 0xff;
    data[22] = 0xff;
  } else {
    return bc_route_lex_expected(lex, subject, "ipv6, vpn or l3vpn");
  }
  data[2] = (uint8_t)(len - 3);
  if (!bc_address_parse_ipv6(lex->token, sid)) {
    return bc_route_lex_expected(lex, subject, "an IPv6 address");
  }
  if (data[0] == 5 && !generic_is_service(data + 3, len - 3)) {
    return bc_route_lex_fail(lex, BC_ERR_RANGE,
                             "bgp-prefix-sid-srv6: ExaBGP 5.0 could not read back this l3vpn SID and would close the "
                             "session");
  }
  bc_route_lex_advance(lex);
  err = bc_route_lex_require(lex, subject, ")");
  return err == BC_ERR_OK ? generic_append(lex, fields, bc_route_keyword_code(BC_ROUTE_KEYWORD_BGP_PREFIX_SID),
                                           FLAG_OPTIONAL | FLAG_TRANSITIVE, data, len)
                          : err;
}

static void generic_print_record(const uint8_t *record, struct bc_buf *to) {
  static const char digits[] = "0123456789abcdef";
  size_t len = (size_t)record[2] << 8 | record[3];
  bc_buf_add_format(to, " attribute [ 0x%02X 0x%02X 0x", record[0], record[1]);
  for (size_t i = 0; i < len; i++) {
    char pair[2] = {digits[record[RECORD_HEAD_BYTES + i] >> 4], digits[record[RECORD_HEAD_BYTES + i] & 0x0f]};
    bc_buf_add(to, pair, sizeof pair);
  }
  bc_buf_add_text(to, " ]");
}

void bc_route_generic_print(const struct bc_route_fields *fields, unsigned after, unsigned before, struct bc_buf *to) {
  for (unsigned code = after + 1; fields->list[BC_ROUTE_LIST_GENERIC].len > 0 && code < before; code++) {
    const uint8_t *record = generic_find(fields, code);
    if (record != NULL) {
      generic_print_record(record, to);
    }
  }
}
