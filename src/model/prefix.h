/* An address range of IPv4 or IPv6 by its prefix, and arithmetic upon it. A single address is a prefix of full length.
 */
#ifndef BC_MODEL_PREFIX_H
#define BC_MODEL_PREFIX_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* The longest text of a prefix, with its end. */
enum { BC_PREFIX_TEXT_BYTES = 50 };

struct bc_prefix {
  uint8_t address[16]; /* network order, host bits zero; IPv4 in the first four, zero behind */
  uint8_t length;      /* bits */
  bool is_ipv6;
};

/* "10.0.0.0/8", "2001:db8::/32", or an address. BC_ERR_CONFLICT: host bits are set; `out` then holds the network that
 * they lie in. On BC_ERR_SYNTAX and BC_ERR_RANGE `*expected` says what would have been right. */
BC_MUST_CHECK enum bc_err bc_prefix_parse(struct bc_str text, struct bc_prefix *out, const char **expected);

/* The prefix that is one address. */
struct bc_prefix bc_prefix_of_address(const uint8_t *address, bool is_ipv6);

/* 32 or 128. */
unsigned bc_prefix_bits(const struct bc_prefix *prefix);

/* All of `inner` lies in `outer`; never across families. */
bool bc_prefix_contains(const struct bc_prefix *outer, const struct bc_prefix *inner);

/* IPv4 before IPv6, then by address, then the shorter prefix first: -1, 0, 1. */
int bc_prefix_compare(const struct bc_prefix *a, const struct bc_prefix *b);

/* Its highest address. */
void bc_prefix_last(const struct bc_prefix *prefix, uint8_t address[static 16]);

/* How many addresses it holds; `most` when there are more. */
uint64_t bc_prefix_count(const struct bc_prefix *prefix, uint64_t most);

/* The address behind it; the highest one is followed by zero. */
void bc_prefix_next_address(uint8_t address[static 16], bool is_ipv6);

/* "10.0.0.0/8"; RFC 5952 for IPv6. */
void bc_prefix_print(const struct bc_prefix *prefix, char text[static BC_PREFIX_TEXT_BYTES]);
void bc_prefix_print_address(const uint8_t *address, bool is_ipv6, char text[static BC_PREFIX_TEXT_BYTES]);

#endif
