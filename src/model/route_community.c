#include "model/address.h"
#include "model/nlri_text.h"
#include "model/route_fields.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* name in a text, name that ExaBGP prints, value (IANA BGP well-known communities; only those that
 * ExaBGP 4.2 knows by name) */
#define COMMUNITY_NAME_LIST(X)                                                                                         \
  X("no-export", "no-export", 0xffffff01)                                                                              \
  X("no-advertise", "no-advertise", 0xffffff02)                                                                        \
  X("no-export-subconfed", "no-export-subconfed", 0xffffff03)                                                          \
  X("no-peer", "no-peer", 0xffffff04)                                                                                  \
  X("nopeer", "no-peer", 0xffffff04)                                                                                   \
  X("blackhole", "blackhole", 0xffff029a)

struct community_name {
  const char *text;
  const char *printed;
  uint32_t value;
};

static const struct community_name community_names[] = {
#define COMMUNITY_NAME_ENTRY(text, printed, value) {text, printed, value},
    COMMUNITY_NAME_LIST(COMMUNITY_NAME_ENTRY)
#undef COMMUNITY_NAME_ENTRY
};

static void community_put(uint8_t *to, unsigned bytes, uint64_t number) {
  for (unsigned i = bytes; i > 0; i--) {
    to[i - 1] = (uint8_t)number;
    number >>= 8;
  }
}

static uint64_t community_get(const uint8_t *from, unsigned bytes) {
  uint64_t number = 0;
  for (unsigned i = 0; i < bytes; i++) {
    number = number << 8 | from[i];
  }
  return number;
}

static int community_hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool community_is_hex(struct bc_str text) {
  return text.len > 2 && text.at[0] == '0' && (text.at[1] | 0x20) == 'x';
}

static bool community_read_hex(struct bc_str text, size_t most_digits, uint64_t *value) {
  if (text.len - 2 > most_digits) {
    return false;
  }
  *value = 0;
  for (size_t i = 2; i < text.len; i++) {
    int digit = community_hex_digit(text.at[i]);
    if (digit < 0) {
      return false;
    }
    *value = *value << 4 | (uint64_t)digit;
  }
  return true;
}

/* The words after `community`, one or in brackets, each handed to `parse_one`. */
static enum bc_err community_parse_list(struct bc_route_lex *lex, struct bc_route_fields *fields,
                                        enum bc_err (*parse_one)(struct bc_route_lex *, struct bc_route_fields *)) {
  bool is_list = bc_route_lex_take(lex, "[");
  while (!is_list || !bc_route_lex_take(lex, "]")) {
    enum bc_err err = parse_one(lex, fields);
    if (err != BC_ERR_OK) {
      return err;
    }
    bc_route_lex_advance(lex);
    if (!is_list) {
      break;
    }
  }
  return BC_ERR_OK;
}

static enum bc_err community_parse_word(const struct bc_route_lex *lex, uint64_t *value) {
  static const char expected[] = "65000:100, a number, 0x hexadecimal, no-export, no-advertise, no-export-subconfed, "
                                 "no-peer or blackhole";
  if (community_is_hex(lex->token)) {
    return community_read_hex(lex->token, 8, value) ? BC_ERR_OK
                                                    : bc_route_lex_expected(lex, "community", "0x and 1 to 8 digits");
  }
  for (size_t i = 0; i < sizeof community_names / sizeof community_names[0]; i++) {
    const char *name = community_names[i].text;
    if (strlen(name) == lex->token.len && strncasecmp(lex->token.at, name, lex->token.len) == 0) {
      *value = community_names[i].value;
      return BC_ERR_OK;
    }
  }
  if (lex->token.len == 17 && strncasecmp(lex->token.at, "graceful-shutdown", 17) == 0) {
    return bc_route_lex_fail(lex, BC_ERR_SYNTAX,
                             "community: ExaBGP does not know graceful-shutdown by name, "
                             "write 65535:0");
  }
  if (!bc_route_lex_at_word(lex) || lex->token.at[0] < '0' || lex->token.at[0] > '9') {
    return bc_route_lex_expected(lex, "community", expected);
  }
  return bc_route_lex_number(lex, "community", lex->token, UINT32_MAX, value);
}

static enum bc_err community_parse_one(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  uint64_t value;
  enum bc_err err;
  struct bc_str low = lex->token;
  struct bc_str high;
  if (bc_str_next_field(&low, ':', &high) && low.at != NULL) {
    uint64_t high_value;
    uint64_t low_value;
    err = bc_route_lex_number(lex, "community", high, UINT16_MAX, &high_value);
    if (err == BC_ERR_OK) {
      err = bc_route_lex_number(lex, "community", low, UINT32_MAX, &low_value);
    }
    if (err != BC_ERR_OK) {
      return err;
    }
    uint64_t sent = (high_value << 16) + low_value;
    if (low_value > UINT16_MAX && sent <= UINT32_MAX) {
      return bc_route_lex_fail(
          lex, BC_ERR_RANGE, "community: %llu is out of range (0 to 65535); %llu:%llu would be sent as %llu:%llu",
          (unsigned long long)low_value, (unsigned long long)high_value, (unsigned long long)low_value,
          (unsigned long long)(sent >> 16), (unsigned long long)(sent & UINT16_MAX));
    }
    if (low_value > UINT16_MAX) {
      return bc_route_lex_number(lex, "community", low, UINT16_MAX, &low_value);
    }
    value = high_value << 16 | low_value;
  } else {
    err = community_parse_word(lex, &value);
    if (err != BC_ERR_OK) {
      return err;
    }
  }
  uint8_t packed[4];
  community_put(packed, 4, value);
  return bc_route_fields_append(lex, fields, BC_ROUTE_LIST_COMMUNITY, packed, sizeof packed);
}

enum bc_err bc_route_community_parse(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  return community_parse_list(lex, fields, community_parse_one);
}

/* A plain number is a large community of 96 bits in ExaBGP. */
static enum bc_err community_read_96_bits(const struct bc_route_lex *lex, uint8_t packed[static 12]) {
  memset(packed, 0, 12);
  for (size_t i = 0; i < lex->token.len; i++) {
    unsigned carry = (unsigned)(lex->token.at[i] - '0');
    if (carry > 9) {
      return bc_route_lex_expected(lex, "large-community", "three numbers such as 65000:1:2");
    }
    for (unsigned byte = 12; byte > 0; byte--) {
      carry += packed[byte - 1] * 10U;
      packed[byte - 1] = (uint8_t)carry;
      carry >>= 8;
    }
    if (carry != 0) {
      return bc_route_lex_fail(lex, BC_ERR_RANGE, "large-community: the number has more than 96 bits");
    }
  }
  return BC_ERR_OK;
}

static enum bc_err community_parse_one_large(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  uint8_t packed[12];
  if (!bc_route_lex_at_word(lex)) {
    return bc_route_lex_expected(lex, "large-community", "three numbers such as 65000:1:2");
  }
  if (memchr(lex->token.at, ':', lex->token.len) == NULL) {
    enum bc_err err = community_read_96_bits(lex, packed);
    if (err != BC_ERR_OK) {
      return err;
    }
  } else {
    struct bc_str rest = lex->token;
    struct bc_str field;
    unsigned count = 0;
    while (bc_str_next_field(&rest, ':', &field)) {
      uint64_t number;
      if (count == 3) {
        return bc_route_lex_expected(lex, "large-community", "three numbers such as 65000:1:2");
      }
      enum bc_err err = bc_route_lex_number(lex, "large-community", field, UINT32_MAX, &number);
      if (err != BC_ERR_OK) {
        return err;
      }
      community_put(packed + 4 * count++, 4, number);
    }
    if (count != 3) {
      return bc_route_lex_expected(lex, "large-community", "three numbers such as 65000:1:2");
    }
  }
  const struct bc_buf *list = &fields->list[BC_ROUTE_LIST_LARGE];
  for (size_t at = 0; at < list->len; at += sizeof packed) {
    if (memcmp(list->data + at, packed, sizeof packed) == 0) {
      return BC_ERR_OK; /* ExaBGP drops repetitions of large communities, and only of these. */
    }
  }
  return bc_route_fields_append(lex, fields, BC_ROUTE_LIST_LARGE, packed, sizeof packed);
}

enum bc_err bc_route_community_parse_large(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  return community_parse_list(lex, fields, community_parse_one_large);
}

enum bc_err bc_route_community_parse_extended(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  return community_parse_list(lex, fields, bc_route_extended_parse_one);
}

static void community_print_one(const uint8_t *packed, struct bc_buf *to) {
  uint64_t value = community_get(packed, 4);
  for (size_t i = 0; i < sizeof community_names / sizeof community_names[0]; i++) {
    if (community_names[i].value == value) {
      bc_buf_add_text(to, community_names[i].printed);
      return;
    }
  }
  bc_nlri_print_number(value >> 16, to);
  bc_buf_add_char(to, ':');
  bc_nlri_print_number(value & UINT16_MAX, to);
}

static void community_print_one_large(const uint8_t *packed, struct bc_buf *to) {
  for (unsigned i = 0; i < 3; i++) {
    if (i > 0) {
      bc_buf_add_char(to, ':');
    }
    bc_nlri_print_number(community_get(packed + 4 * (size_t)i, 4), to);
  }
}

static int community_compare_4(const void *a, const void *b) {
  return memcmp(a, b, 4);
}

static int community_compare_8(const void *a, const void *b) {
  return memcmp(a, b, 8);
}

static int community_compare_12(const void *a, const void *b) {
  return memcmp(a, b, 12);
}

struct community_kind {
  enum bc_route_list list;
  enum bc_route_keyword keyword;
  size_t bytes;
  int (*compare)(const void *, const void *);
  void (*print)(const uint8_t *, struct bc_buf *);
};

static const struct community_kind community_kinds[] = {
    {BC_ROUTE_LIST_COMMUNITY, BC_ROUTE_KEYWORD_COMMUNITY, 4, community_compare_4, community_print_one},
    {BC_ROUTE_LIST_EXTENDED, BC_ROUTE_KEYWORD_EXTENDED_COMMUNITY, 8, community_compare_8, bc_route_extended_print_one},
    {BC_ROUTE_LIST_LARGE, BC_ROUTE_KEYWORD_LARGE_COMMUNITY, 12, community_compare_12, community_print_one_large},
};

static const struct community_kind *community_kind_of(enum bc_route_keyword keyword) {
  const struct community_kind *kind = community_kinds;
  while (kind->keyword != keyword) {
    kind++;
  }
  return kind;
}

void bc_route_community_sort(struct bc_route_fields *fields, enum bc_route_keyword keyword) {
  const struct community_kind *kind = community_kind_of(keyword);
  struct bc_buf *list = &fields->list[kind->list];
  if (list->len > kind->bytes) {
    qsort(list->data, list->len / kind->bytes, kind->bytes, kind->compare);
  }
}

void bc_route_community_print(struct bc_route_fields *fields, enum bc_route_keyword keyword, struct bc_buf *to) {
  const struct community_kind *kind = community_kind_of(keyword);
  const struct bc_buf *list = &fields->list[kind->list];
  if (list->len == 0) {
    return; /* An empty list is no attribute on the wire. */
  }
  bool is_list = list->len > kind->bytes;
  bc_route_community_sort(fields, keyword);
  bc_buf_add_char(to, ' ');
  bc_buf_add_text(to, bc_route_keyword_text(keyword));
  bc_buf_add_text(to, is_list ? " [ " : " ");
  for (size_t at = 0; at < list->len; at += kind->bytes) {
    if (at > 0) {
      bc_buf_add_char(to, ' ');
    }
    kind->print((const uint8_t *)list->data + at, to);
  }
  if (is_list) {
    bc_buf_add_text(to, " ]");
  }
}
