#include "model/nlri.h"

#include "model/address.h"
#include "model/nlri_text.h"

#include <string.h>

struct nlri_family {
  bool is_ipv6;
  enum bc_nlri_kind kind;
};

static const struct nlri_family nlri_families[] = {
#define NLRI_FAMILY(member, text, is_ipv6, kind) {is_ipv6, kind},
    BC_FAMILY_LIST(NLRI_FAMILY)
#undef NLRI_FAMILY
};

BC_ENUM_TEXT_FUNCTION(bc_family_text, enum bc_family, BC_FAMILY_LIST, "no family")

enum bc_err bc_family_parse(struct bc_str text, enum bc_family *family) {
  for (unsigned i = 0; i < BC_FAMILY_COUNT; i++) {
    if (bc_str_is(text, bc_family_text((enum bc_family)i))) {
      *family = (enum bc_family)i;
      return BC_ERR_OK;
    }
  }
  return BC_ERR_NOT_FOUND;
}

bool bc_family_is_ipv6(enum bc_family family) {
  return nlri_families[family].is_ipv6;
}

enum bc_nlri_kind bc_family_kind(enum bc_family family) {
  return nlri_families[family].kind;
}

bool bc_family_has_prefix(enum bc_family family) {
  return nlri_families[family].kind == BC_NLRI_PREFIX;
}

static bool nlri_has_rule(const struct bc_nlri *nlri) {
  return !bc_family_has_prefix((enum bc_family)nlri->family);
}

struct bc_nlri bc_nlri_ref(const struct bc_nlri *nlri) {
  if (nlri_has_rule(nlri)) {
    (void)bc_intern_ref(nlri->rule);
  }
  return *nlri;
}

void bc_nlri_put(struct bc_intern *intern, struct bc_nlri *nlri) {
  if (nlri_has_rule(nlri)) {
    bc_intern_put(intern, nlri->rule);
  }
  *nlri = (struct bc_nlri){0};
}

static bool nlri_family_is_vpn(enum bc_family family) {
  return family == BC_FAMILY_IPV4_MPLS_VPN || family == BC_FAMILY_IPV6_MPLS_VPN;
}

/* Equal rules are one text; different ones must not be ordered by where they happen to lie. */
static int nlri_compare_rules(const char *a, const char *b) {
  return a == b ? 0 : strcmp(a, b);
}

int bc_nlri_compare(const struct bc_nlri *a, const struct bc_nlri *b) {
  if (a->family != b->family) {
    return a->family < b->family ? -1 : 1;
  }
  int order =
      nlri_has_rule(a) ? nlri_compare_rules(a->rule, b->rule) : memcmp(a->address, b->address, sizeof a->address);
  if (order != 0) {
    return order;
  }
  if (a->length != b->length) {
    return a->length < b->length ? -1 : 1;
  }
  if (a->has_rd != b->has_rd) {
    return a->has_rd ? 1 : -1;
  }
  order = memcmp(a->rd, b->rd, sizeof a->rd);
  if (order != 0) {
    return order;
  }
  if (a->has_path_id != b->has_path_id) {
    return a->has_path_id ? 1 : -1;
  }
  return (a->path_id > b->path_id) - (a->path_id < b->path_id);
}

/* Clears what is behind the prefix length; true when something was set there. */
static bool nlri_clear_host_bits(struct bc_nlri *nlri) {
  bool was_set = false;
  for (unsigned byte = nlri->length / 8; byte < sizeof nlri->address; byte++) {
    unsigned keep = byte == nlri->length / 8 ? 0xff00U >> (nlri->length % 8) : 0;
    was_set = was_set || (nlri->address[byte] & ~keep & 0xff) != 0;
    nlri->address[byte] = (uint8_t)(nlri->address[byte] & keep);
  }
  return was_set;
}

enum bc_err bc_nlri_read_prefix(struct bc_str text, struct bc_nlri *out, const char **expected) {
  *out = (struct bc_nlri){0};
  const char *slash = text.len == 0 ? NULL : memchr(text.at, '/', text.len);
  struct bc_str address = text;
  if (slash != NULL) {
    address.len = (size_t)(slash - text.at);
  }
  bool is_ipv6;
  if (!bc_address_parse(address, out->address, &is_ipv6)) {
    *expected = "a prefix such as 10.0.0.0/24 or 2001:db8::/32";
    return BC_ERR_SYNTAX;
  }
  uint64_t most = is_ipv6 ? 128 : 32;
  uint64_t length = most;
  if (slash != NULL) {
    struct bc_str digits = {.at = slash + 1, .len = text.len - address.len - 1};
    enum bc_err err = bc_str_to_u64(digits, most, &length);
    if (err != BC_ERR_OK) {
      *expected = is_ipv6 ? "a prefix length from 0 to 128" : "a prefix length from 0 to 32";
      return err;
    }
  }
  out->length = (uint8_t)length;
  out->family = is_ipv6 ? BC_FAMILY_IPV6_UNICAST : BC_FAMILY_IPV4_UNICAST;
  if (!is_ipv6 && out->address[0] >= 224 && out->address[0] < 240) {
    out->family = BC_FAMILY_IPV4_MULTICAST;
  }
  return nlri_clear_host_bits(out) ? BC_ERR_CONFLICT : BC_ERR_OK;
}

static void nlri_put_number(uint8_t *to, unsigned bytes, uint64_t number) {
  for (unsigned i = bytes; i > 0; i--) {
    to[i - 1] = (uint8_t)number;
    number >>= 8;
  }
}

static uint64_t nlri_get_number(const uint8_t *from, unsigned bytes) {
  uint64_t number = 0;
  for (unsigned i = 0; i < bytes; i++) {
    number = number << 8 | from[i];
  }
  return number;
}

enum bc_err bc_nlri_read_rd(struct bc_str text, uint8_t rd[static 8], const char **expected) {
  *expected = "AS:NUMBER or ADDRESS:NUMBER (65535:4294967295, 4294967295:65535, 10.0.0.1:65535)";
  struct bc_str number = text;
  struct bc_str admin;
  if (!bc_str_next_field(&number, ':', &admin) || number.at == NULL) {
    return BC_ERR_SYNTAX;
  }
  memset(rd, 0, 8);
  uint64_t assigned;
  if (bc_address_parse_ipv4(admin, rd + 2)) {
    rd[1] = 1;
    enum bc_err err = bc_str_to_u64(number, UINT16_MAX, &assigned);
    if (err == BC_ERR_OK) {
      nlri_put_number(rd + 6, 2, assigned);
    }
    return err;
  }
  uint64_t as_number;
  enum bc_err err = bc_str_to_u64(admin, UINT32_MAX, &as_number);
  if (err != BC_ERR_OK) {
    return err;
  }
  bool is_short = as_number <= UINT16_MAX;
  err = bc_str_to_u64(number, is_short ? UINT32_MAX : UINT16_MAX, &assigned);
  if (err != BC_ERR_OK) {
    return err;
  }
  rd[1] = is_short ? 0 : 2;
  nlri_put_number(rd + 2, is_short ? 2 : 4, as_number);
  nlri_put_number(is_short ? rd + 4 : rd + 6, is_short ? 4 : 2, assigned);
  return BC_ERR_OK;
}

enum bc_err bc_nlri_read_path_id(struct bc_str text, uint32_t *path_id, const char **expected) {
  *expected = "a number from 0 to 4294967295, or four octets such as 0.0.0.1";
  uint8_t octets[4];
  if (bc_address_parse_ipv4(text, octets)) {
    *path_id = (uint32_t)nlri_get_number(octets, 4);
    return BC_ERR_OK;
  }
  uint64_t number;
  enum bc_err err = bc_str_to_u64(text, UINT32_MAX, &number);
  if (err == BC_ERR_OK) {
    *path_id = (uint32_t)number;
  }
  return err;
}

enum bc_err bc_nlri_from_text(enum bc_family family, struct bc_str prefix, struct bc_str path_id, struct bc_str rd,
                              struct bc_nlri *out) {
  struct bc_nlri made;
  const char *expected;
  if (!bc_family_has_prefix(family)) {
    return BC_ERR_SYNTAX;
  }
  enum bc_err err = bc_nlri_read_prefix(prefix, &made, &expected);
  if (err != BC_ERR_OK) {
    return err == BC_ERR_CONFLICT ? BC_ERR_RANGE : err;
  }
  if (bc_family_is_ipv6(family) != bc_family_is_ipv6((enum bc_family)made.family) ||
      nlri_family_is_vpn(family) != (rd.len > 0)) {
    return BC_ERR_SYNTAX;
  }
  made.family = (uint8_t)family;
  if (path_id.len > 0) {
    err = bc_nlri_read_path_id(path_id, &made.path_id, &expected);
    if (err != BC_ERR_OK) {
      return err;
    }
    made.has_path_id = made.path_id != 0;
  }
  if (rd.len > 0) {
    err = bc_nlri_read_rd(rd, made.rd, &expected);
    if (err != BC_ERR_OK) {
      return err;
    }
    made.has_rd = true;
  }
  *out = made;
  return BC_ERR_OK;
}

void bc_nlri_print_number(uint64_t number, struct bc_buf *to) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  bc_buf_add(to, digits + at, sizeof digits - at);
}

void bc_nlri_print_prefix(const struct bc_nlri *nlri, struct bc_buf *to) {
  if (nlri_has_rule(nlri)) {
    bc_buf_add_text(to, bc_family_kind((enum bc_family)nlri->family) == BC_NLRI_VPLS ? "vpls " : "flow ");
    bc_buf_add_text(to, nlri->rule);
    return;
  }
  bc_address_print(nlri->address, bc_family_is_ipv6((enum bc_family)nlri->family), to);
  bc_buf_add_char(to, '/');
  bc_nlri_print_number(nlri->length, to);
}

void bc_nlri_print_rd(const struct bc_nlri *nlri, struct bc_buf *to) {
  if (!nlri->has_rd) {
    return;
  }
  bc_buf_add_text(to, " rd ");
  bool has_short_number = nlri->rd[1] != 0;
  if (nlri->rd[1] == 1) {
    bc_address_print(nlri->rd + 2, false, to);
  } else {
    bc_nlri_print_number(nlri_get_number(nlri->rd + 2, has_short_number ? 4 : 2), to);
  }
  bc_buf_add_char(to, ':');
  bc_nlri_print_number(has_short_number ? nlri_get_number(nlri->rd + 6, 2) : nlri_get_number(nlri->rd + 4, 4), to);
}

void bc_nlri_print_path_id(const struct bc_nlri *nlri, struct bc_buf *to) {
  if (!nlri->has_path_id) {
    return;
  }
  uint8_t octets[4];
  nlri_put_number(octets, 4, nlri->path_id);
  bc_buf_add_text(to, " path-information ");
  bc_address_print(octets, false, to);
}

void bc_nlri_print(const struct bc_nlri *nlri, struct bc_buf *to) {
  bc_nlri_print_prefix(nlri, to);
  bc_nlri_print_rd(nlri, to);
  bc_nlri_print_path_id(nlri, to);
}
