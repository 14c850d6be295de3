#include "model/prefix.h"

#include "model/nlri_text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum bc_err bc_prefix_parse(struct bc_str text, struct bc_prefix *out, const char **expected) {
  struct bc_nlri nlri;
  enum bc_err err = bc_nlri_read_prefix(text, &nlri, expected);
  *out = (struct bc_prefix){.length = nlri.length, .is_ipv6 = bc_family_is_ipv6((enum bc_family)nlri.family)};
  memcpy(out->address, nlri.address, sizeof out->address);
  return err;
}

struct bc_prefix bc_prefix_of_address(const uint8_t *address, bool is_ipv6) {
  struct bc_prefix prefix = {.length = is_ipv6 ? 128 : 32, .is_ipv6 = is_ipv6};
  memcpy(prefix.address, address, is_ipv6 ? 16 : 4);
  return prefix;
}

unsigned bc_prefix_bits(const struct bc_prefix *prefix) {
  return prefix->is_ipv6 ? 128 : 32;
}

bool bc_prefix_contains(const struct bc_prefix *outer, const struct bc_prefix *inner) {
  if (outer->is_ipv6 != inner->is_ipv6 || outer->length > inner->length) {
    return false;
  }
  size_t whole = outer->length / 8U;
  unsigned rest = outer->length % 8U;
  if (memcmp(outer->address, inner->address, whole) != 0) {
    return false;
  }
  return rest == 0 || ((outer->address[whole] ^ inner->address[whole]) & (0xff00U >> rest) & 0xff) == 0;
}

int bc_prefix_compare(const struct bc_prefix *a, const struct bc_prefix *b) {
  if (a->is_ipv6 != b->is_ipv6) {
    return a->is_ipv6 ? 1 : -1;
  }
  int order = memcmp(a->address, b->address, sizeof a->address);
  if (order != 0) {
    return order < 0 ? -1 : 1;
  }
  return (a->length > b->length) - (a->length < b->length);
}

void bc_prefix_last(const struct bc_prefix *prefix, uint8_t address[static 16]) {
  memcpy(address, prefix->address, sizeof prefix->address);
  for (unsigned bit = prefix->length; bit < bc_prefix_bits(prefix); bit++) {
    address[bit / 8] = (uint8_t)(address[bit / 8] | 0x80U >> bit % 8);
  }
}

uint64_t bc_prefix_count(const struct bc_prefix *prefix, uint64_t most) {
  unsigned host_bits = bc_prefix_bits(prefix) - prefix->length;
  if (host_bits >= 64 || UINT64_C(1) << host_bits > most) {
    return most;
  }
  return UINT64_C(1) << host_bits;
}

void bc_prefix_next_address(uint8_t address[static 16], bool is_ipv6) {
  for (size_t i = is_ipv6 ? 16 : 4; i > 0; i--) {
    address[i - 1]++;
    if (address[i - 1] != 0) {
      return;
    }
  }
}

void bc_prefix_print_address(const uint8_t *address, bool is_ipv6, char text[static BC_PREFIX_TEXT_BYTES]) {
  if (inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, address, text, BC_PREFIX_TEXT_BYTES) == NULL) {
    text[0] = '\0';
  }
}

void bc_prefix_print(const struct bc_prefix *prefix, char text[static BC_PREFIX_TEXT_BYTES]) {
  bc_prefix_print_address(prefix->address, prefix->is_ipv6, text);
  size_t len = strlen(text);
  (void)snprintf(text + len, BC_PREFIX_TEXT_BYTES - len, "/%u", prefix->length);
}
