/* The texts that NLRI are made of. Private to src/model: bc_nlri_* and bc_route_* share them. */
#ifndef BC_MODEL_NLRI_TEXT_H
#define BC_MODEL_NLRI_TEXT_H

#include "model/nlri.h"

/* "10.0.0.0/24" or "10.0.0.1" (a host) into a zeroed `out` with the family unicast, or IPv4 multicast
 * for 224.0.0.0/4, as ExaBGP does. BC_ERR_CONFLICT: host bits are set; `out` then holds the network that
 * was probably meant. On every other error `*expected` says what would have been right. */
BC_MUST_CHECK enum bc_err bc_nlri_read_prefix(struct bc_str text, struct bc_nlri *out, const char **expected);

/* "65000:1", "4200000000:1" or "10.0.0.1:1" (RFC 4364 4.2, types 0, 2 and 1). */
BC_MUST_CHECK enum bc_err bc_nlri_read_rd(struct bc_str text, uint8_t rd[static 8], const char **expected);

/* "1.2.3.4" or a number. */
BC_MUST_CHECK enum bc_err bc_nlri_read_path_id(struct bc_str text, uint32_t *path_id, const char **expected);

/* " rd 65000:1" and " path-information 1.2.3.4", each only if there is one. */
void bc_nlri_print_rd(const struct bc_nlri *nlri, struct bc_buf *to);
void bc_nlri_print_path_id(const struct bc_nlri *nlri, struct bc_buf *to);

/* Decimal digits; quicker than a format, for the many numbers of a route. */
void bc_nlri_print_number(uint64_t number, struct bc_buf *to);

#endif
