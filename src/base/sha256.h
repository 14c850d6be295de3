/* SHA-256 (FIPS 180-4), for layers that may not use OpenSSL: short texts, at once. */
#ifndef BC_BASE_SHA256_H
#define BC_BASE_SHA256_H

#include "base/str.h"

#include <stdint.h>

enum { BC_SHA256_BYTES = 32, BC_SHA256_HEX_BYTES = 65 };

void bc_sha256(struct bc_str text, uint8_t digest[static BC_SHA256_BYTES]);
/* Lower case, with its end. */
void bc_sha256_print(const uint8_t digest[static BC_SHA256_BYTES], char hex[static BC_SHA256_HEX_BYTES]);

#endif
