#include "base/crc.h"

#include <string.h>

/* Reflected 0x04c11db7, four bits at a time. */
uint32_t bc_crc_add(uint32_t crc, struct bc_str bytes) {
  static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                     0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                     0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  for (size_t i = 0; i < bytes.len; i++) {
    crc ^= (unsigned char)bytes.at[i];
    crc = table[crc & 15U] ^ (crc >> 4);
    crc = table[crc & 15U] ^ (crc >> 4);
  }
  return crc;
}

bool bc_crc_parse(struct bc_str text, uint32_t *crc) {
  if (text.len != 8) {
    return false;
  }
  *crc = 0;
  for (size_t i = 0; i < 8; i++) {
    const char *digits = "0123456789abcdef";
    const char *digit = memchr(digits, text.at[i], 16);
    if (digit == NULL) {
      return false;
    }
    *crc = *crc << 4 | (uint32_t)(digit - digits);
  }
  return true;
}
