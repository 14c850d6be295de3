/* CRC-32 as in ISO 3309: notices damage, guards against nobody. */
#ifndef BC_BASE_CRC_H
#define BC_BASE_CRC_H

#include "base/str.h"

#include <stdbool.h>

/* Of several slices one after the other: begin with BC_CRC_BEGIN, end with bc_crc_end. */
#define BC_CRC_BEGIN 0xffffffffU
uint32_t bc_crc_add(uint32_t crc, struct bc_str bytes);
static inline uint32_t bc_crc_end(uint32_t crc) {
  return ~crc;
}
/* Exactly eight lower-case hexadecimal digits. */
bool bc_crc_parse(struct bc_str text, uint32_t *crc);

#endif
