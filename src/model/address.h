/* IP addresses as ExaBGP takes them: exactly what inet_pton(3) takes, nothing else. */
#ifndef BC_MODEL_ADDRESS_H
#define BC_MODEL_ADDRESS_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* The longest text that bc_address_print adds. */
enum { BC_ADDRESS_TEXT_BYTES = 46 };

/* Dotted quad without leading zeros into four bytes, network order. */
bool bc_address_parse_ipv4(struct bc_str text, uint8_t address[static 4]);
/* IPv6 (RFC 4291 2.2, no zone) into sixteen bytes. */
bool bc_address_parse_ipv6(struct bc_str text, uint8_t address[static 16]);
/* Either; IPv4 fills the first four bytes, the rest is zero. False leaves `address` undefined. */
bool bc_address_parse(struct bc_str text, uint8_t address[static 16], bool *is_ipv6);

/* Dotted quad, or IPv6 as inet_ntop(3) writes it (RFC 5952). */
void bc_address_print(const uint8_t *address, bool is_ipv6, struct bc_buf *to);

#endif
