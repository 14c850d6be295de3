#include "model/address.h"
#include "model/nlri_text.h"
#include "model/route_fields.h"
#include "model/route_flow.h"

#include <string.h>

/* Extended communities (RFC 4360). ExaBGP 4.2 lists each as a text, and for some bytes this text stands
 * for other bytes too: only what is listed under a text of its own can be recognised as ours after a
 * restart, so only that is taken. */

#define EXTENDED_SUBJECT "extended-community"

enum {
  TYPE_AS2 = 0x00,
  TYPE_IPV4 = 0x01,
  TYPE_AS4 = 0x02,
  SUBTYPE_TARGET = 0x02,
  SUBTYPE_ORIGIN = 0x03,
  FIELDS_MAX = 5,
};

/* The most that a bandwidth can be: a float that prints to digits that lead back to it. */
static const uint64_t extended_bandwidth_max = (uint64_t)1 << 63;
/* ExaBGP 5.0 takes those below this in digits. */
static const float extended_bandwidth_5_max = 4294967296.0F;

/* What ExaBGP 4.2 decodes into a text, by the low half of the type and the subtype
 * (bgp/message/update/attribute/community/extended/__init__.py). */
static const uint8_t extended_decoded[][2] = {
    {0, 0x02}, {1, 0x02}, {2, 0x02}, {0, 0x03}, {1, 0x03}, {2, 0x03}, {0, 0x06},
    {0, 0x07}, {0, 0x08}, {2, 0x08}, {0, 0x09}, {0, 0x0a}, {1, 0x0c}, {3, 0x0c},
    {3, 0x14}, {6, 0x00}, {7, 0x02}, {8, 0x00}, {0, 0x13}, {1, 0x13}, {2, 0x13},
};

static void extended_put(uint8_t *to, unsigned bytes, uint64_t number) {
  for (unsigned i = bytes; i > 0; i--) {
    to[i - 1] = (uint8_t)number;
    number >>= 8;
  }
}

static uint64_t extended_get(const uint8_t *from, unsigned bytes) {
  uint64_t number = 0;
  for (unsigned i = 0; i < bytes; i++) {
    number = number << 8 | from[i];
  }
  return number;
}

static bool extended_starts(const uint8_t *bytes, uint8_t type, uint8_t subtype) {
  return bytes[0] == type && bytes[1] == subtype;
}

static float extended_get_float(const uint8_t *from) {
  uint32_t bits = (uint32_t)extended_get(from, 4);
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* A bandwidth whose printed digits lead back to the same four bytes: whole, not negative, not -0. */
static bool extended_has_whole_bandwidth(const uint8_t *bytes) {
  float value = extended_get_float(bytes + 4);
  return (bytes[4] & 0x80) == 0 && value <= (float)extended_bandwidth_max && (float)(uint64_t)value == value;
}

bool bc_route_extended_is_faithful(const uint8_t bytes[static 8]) {
  bool is_decoded = false;
  for (size_t i = 0; i < sizeof extended_decoded / sizeof extended_decoded[0]; i++) {
    is_decoded = is_decoded || ((bytes[0] & 0x0f) == extended_decoded[i][0] && bytes[1] == extended_decoded[i][1]);
  }
  if (!is_decoded) {
    return true; /* listed as 0x and sixteen digits */
  }
  if (bytes[0] <= TYPE_AS4 && (bytes[1] == SUBTYPE_TARGET || bytes[1] == SUBTYPE_ORIGIN)) {
    return !extended_starts(bytes, TYPE_IPV4, SUBTYPE_ORIGIN); /* listed the wrong way round */
  }
  if (extended_starts(bytes, 0x08, 0x00)) {
    return extended_get(bytes + 2, 6) <= 1;
  }
  return extended_starts(bytes, 0x80, 0x08) || extended_starts(bytes, 0x80, 0x0a);
}

static enum bc_err extended_append(struct bc_route_lex *lex, struct bc_route_fields *fields, const uint8_t *bytes) {
  return bc_route_fields_append(lex, fields, BC_ROUTE_LIST_EXTENDED, bytes, 8);
}

static enum bc_err extended_parse_hex(struct bc_route_lex *lex, uint8_t bytes[static 8]) {
  static const char expected[] = "0x and 16 hexadecimal digits";
  if (lex->token.len != 18) {
    return bc_route_lex_expected(lex, EXTENDED_SUBJECT, expected);
  }
  for (size_t i = 2; i < lex->token.len; i++) {
    char c = (char)(lex->token.at[i] | 0x20);
    bool is_digit = c >= '0' && c <= '9';
    if (!is_digit && !(c >= 'a' && c <= 'f')) {
      return bc_route_lex_expected(lex, EXTENDED_SUBJECT, expected);
    }
    uint8_t *byte = &bytes[i / 2 - 1];
    *byte = (uint8_t)(*byte << 4 | (is_digit ? c - '0' : c - 'a' + 10));
  }
  if (!bc_route_extended_is_faithful(bytes)) {
    return bc_route_lex_fail(lex, BC_ERR_RANGE,
                             EXTENDED_SUBJECT ": ExaBGP lists '" BC_STR_FMT
                                              "' under a text that it shares with other values or that it cannot "
                                              "read, so it could not be recognised after a restart",
                             BC_STR_ARG(lex->token));
  }
  return BC_ERR_OK;
}

/* target and origin: AS:NUMBER, AS:ADDRESS, ADDRESS:NUMBER, ASL:NUMBER (L: the AS number takes 4 bytes). */
static enum bc_err extended_parse_admin(struct bc_route_lex *lex, struct bc_str admin, struct bc_str assigned,
                                        bool is_as4, uint8_t bytes[static 8]) {
  uint64_t number;
  if (!is_as4 && bc_address_parse_ipv4(admin, bytes + 2)) {
    bytes[0] = TYPE_IPV4;
    if (bytes[1] == SUBTYPE_ORIGIN) {
      return bc_route_lex_fail(lex, BC_ERR_RANGE,
                               EXTENDED_SUBJECT ": ExaBGP would send '" BC_STR_FMT "' as another community, and has no "
                                                "way to write it; expected origin:AS:NUMBER or origin:AS:ADDRESS",
                               BC_STR_ARG(lex->token));
    }
    enum bc_err err = bc_route_lex_number(lex, EXTENDED_SUBJECT, assigned, UINT16_MAX, &number);
    if (err == BC_ERR_OK) {
      extended_put(bytes + 6, 2, number);
    }
    return err;
  }
  if (admin.len > 0 && (admin.at[admin.len - 1] | 0x20) == 'l') {
    admin.len--;
    is_as4 = true;
  }
  enum bc_err err = bc_route_lex_number(lex, EXTENDED_SUBJECT, admin, UINT32_MAX, &number);
  if (err != BC_ERR_OK) {
    return err;
  }
  if (is_as4 || number > UINT16_MAX) {
    bytes[0] = TYPE_AS4;
    extended_put(bytes + 2, 4, number);
    err = bc_route_lex_number(lex, EXTENDED_SUBJECT, assigned, UINT16_MAX, &number);
    extended_put(bytes + 6, 2, err == BC_ERR_OK ? number : 0);
    return err;
  }
  bytes[0] = TYPE_AS2;
  extended_put(bytes + 2, 2, number);
  if (bc_address_parse_ipv4(assigned, bytes + 4)) {
    return BC_ERR_OK;
  }
  err = bc_route_lex_number(lex, EXTENDED_SUBJECT, assigned, UINT32_MAX, &number);
  extended_put(bytes + 4, 4, err == BC_ERR_OK ? number : 0);
  return err;
}

/* `count` numbers of the sizes in `sizes` (bytes) behind the two of the type. */
static enum bc_err extended_parse_numbers(struct bc_route_lex *lex, const struct bc_str *fields, const uint8_t *sizes,
                                          unsigned count, uint8_t bytes[static 8]) {
  unsigned at = 2;
  for (unsigned i = 0; i < count; i++) {
    uint64_t number;
    uint64_t max = ((uint64_t)1 << (8 * sizes[i])) - 1;
    enum bc_err err = bc_route_lex_number(lex, EXTENDED_SUBJECT, fields[i], max, &number);
    if (err != BC_ERR_OK) {
      return err;
    }
    extended_put(bytes + at, sizes[i], number);
    at += sizes[i];
  }
  return BC_ERR_OK;
}

static enum bc_err extended_parse_bandwidth(struct bc_route_lex *lex, const struct bc_str *fields,
                                            uint8_t bytes[static 8]) {
  static const uint8_t sizes[] = {2};
  uint64_t number = 0;
  enum bc_err err = extended_parse_numbers(lex, fields, sizes, 1, bytes);
  if (err == BC_ERR_OK) {
    err = bc_route_lex_number(lex, EXTENDED_SUBJECT, fields[1], extended_bandwidth_max, &number);
  }
  /* Rounded twice, as ExaBGP's language does on the way to four bytes. */
  float value = (float)(double)number;
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  extended_put(bytes + 4, 4, bits);
  bytes[0] = 0x40;
  bytes[1] = 0x04;
  return err;
}

/* What each kind is called and how many fields it has; standing ones are ExaBGP's own spelling mistakes. */
enum extended_kind { KIND_TARGET, KIND_TARGET4, KIND_ORIGIN, KIND_ORIGIN4, KIND_REDIRECT, KIND_L2INFO, KIND_BANDWIDTH };

struct extended_name {
  const char *text;
  enum extended_kind kind;
  unsigned fields;
  bool is_only_standing;
};

static const struct extended_name extended_names[] = {
    {"target", KIND_TARGET, 2, false},       {"target4", KIND_TARGET4, 2, false},   {"origin", KIND_ORIGIN, 2, false},
    {"origin4", KIND_ORIGIN4, 2, false},     {"redirect", KIND_REDIRECT, 2, false}, {"l2info", KIND_L2INFO, 4, false},
    {"bandwidth", KIND_BANDWIDTH, 2, false}, {"bandwith", KIND_BANDWIDTH, 2, true},
};

static enum bc_err extended_parse_kind(struct bc_route_lex *lex, enum extended_kind kind, const struct bc_str *fields,
                                       uint8_t bytes[static 8]) {
  static const uint8_t redirect_sizes[] = {2, 4};
  static const uint8_t l2info_sizes[] = {1, 1, 2, 2};
  switch (kind) {
  case KIND_TARGET:
  case KIND_TARGET4:
    bytes[1] = SUBTYPE_TARGET;
    return extended_parse_admin(lex, fields[0], fields[1], kind == KIND_TARGET4, bytes);
  case KIND_ORIGIN:
  case KIND_ORIGIN4:
    bytes[1] = SUBTYPE_ORIGIN;
    return extended_parse_admin(lex, fields[0], fields[1], kind == KIND_ORIGIN4, bytes);
  case KIND_REDIRECT:
    bytes[0] = 0x80;
    bytes[1] = 0x08;
    return extended_parse_numbers(lex, fields, redirect_sizes, 2, bytes);
  case KIND_L2INFO:
    bytes[0] = 0x80;
    bytes[1] = 0x0a;
    return extended_parse_numbers(lex, fields, l2info_sizes, 4, bytes);
  case KIND_BANDWIDTH:
    return extended_parse_bandwidth(lex, fields, bytes);
  }
  return BC_ERR_SYNTAX;
}

enum bc_err bc_route_extended_parse_one(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  static const char expected[] = "target:65000:1, origin:65000:1, target4, origin4, redirect, l2info, bandwidth, "
                                 "redirect-to-nexthop or 0x and 16 digits";
  uint8_t bytes[8] = {0};
  if (lex->token.len > 1 && lex->token.at[0] == '0' && (lex->token.at[1] | 0x20) == 'x') {
    enum bc_err err = extended_parse_hex(lex, bytes);
    return err == BC_ERR_OK ? extended_append(lex, fields, bytes) : err;
  }
  if (bc_route_lex_is(lex, "redirect-to-nexthop")) {
    bytes[0] = 0x08;
    return extended_append(lex, fields, bytes);
  }
  if (fields->is_standing && bc_route_lex_is(lex, "copy-to-nexthop")) {
    bytes[0] = 0x08;
    bytes[7] = 1;
    return extended_append(lex, fields, bytes);
  }
  if (fields->is_standing && fields->flow != NULL) {
    bool is_known;
    enum bc_err err = bc_flow_then_parse_listed(lex, fields, &is_known);
    if (err != BC_ERR_OK || is_known) {
      return err;
    }
  }
  struct bc_str rest = lex->token;
  struct bc_str field[FIELDS_MAX];
  unsigned count = 0;
  while (count < FIELDS_MAX && bc_str_next_field(&rest, ':', &field[count])) {
    count++;
  }
  struct bc_str name = count == 2 ? bc_str_of("target") : field[0];
  unsigned first = count == 2 ? 0 : 1;
  for (size_t i = 0; i < sizeof extended_names / sizeof extended_names[0]; i++) {
    const struct extended_name *known = &extended_names[i];
    if (rest.at == NULL && count >= 2 && bc_str_is(name, known->text) && count - first == known->fields &&
        (fields->is_standing || !known->is_only_standing)) {
      enum bc_err err = extended_parse_kind(lex, known->kind, field + first, bytes);
      return err == BC_ERR_OK ? extended_append(lex, fields, bytes) : err;
    }
  }
  return bc_route_lex_expected(lex, EXTENDED_SUBJECT, expected);
}

static void extended_print_pair(const char *name, uint64_t admin, const char *separator, uint64_t assigned,
                                struct bc_buf *to) {
  bc_buf_add_text(to, name);
  bc_nlri_print_number(admin, to);
  bc_buf_add_text(to, separator);
  bc_nlri_print_number(assigned, to);
}

void bc_route_extended_print_one(const uint8_t *bytes, struct bc_buf *to) {
  const char *name = bytes[1] == SUBTYPE_TARGET ? "target:" : "origin:";
  if (extended_starts(bytes, TYPE_AS2, SUBTYPE_TARGET)) {
    extended_print_pair(name, extended_get(bytes + 2, 2), ":", extended_get(bytes + 4, 4), to);
  } else if (extended_starts(bytes, TYPE_AS2, SUBTYPE_ORIGIN)) {
    bc_buf_add_text(to, name);
    bc_nlri_print_number(extended_get(bytes + 2, 2), to);
    bc_buf_add_char(to, ':');
    bc_address_print(bytes + 4, false, to);
  } else if (extended_starts(bytes, 0x40, 0x04) && extended_has_whole_bandwidth(bytes) &&
             extended_get_float(bytes + 4) < extended_bandwidth_5_max) {
    uint64_t speed = (uint64_t)extended_get_float(bytes + 4);
    extended_print_pair("bandwidth:", extended_get(bytes + 2, 2), ":", speed, to);
  } else if (extended_starts(bytes, 0x80, 0x08)) {
    extended_print_pair("redirect:", extended_get(bytes + 2, 2), ":", extended_get(bytes + 4, 4), to);
  } else if (extended_starts(bytes, 0x80, 0x0a)) {
    extended_print_pair("l2info:", bytes[2], ":", bytes[3], to);
    extended_print_pair(":", extended_get(bytes + 4, 2), ":", extended_get(bytes + 6, 2), to);
  } else if (extended_starts(bytes, 0x08, 0x00) && bytes[7] == 0) {
    bc_buf_add_text(to, "redirect-to-nexthop");
  } else {
    /* Among these what ExaBGP reads into the wrong type unless it is written so: 4.2 ADDRESS:NUMBER, and 5.0 the AS
     * numbers of four bytes, of which it makes addresses. And what 5.0 refuses: bandwidths of more than 32 bits. */
    bc_buf_add_format(to, "0x%016llX", (unsigned long long)extended_get(bytes, 8));
  }
}
