/* Slips of the keyboard: which of some words was meant. */
#ifndef BC_BASE_NEAR_H
#define BC_BASE_NEAR_H

#include "base/str.h"

enum { BC_NEAR_MOST = 3 /* more changes than so make another word */ };

/* Letters to add, drop or change to make one of the other; SIZE_MAX for words of more than 32 letters. */
size_t bc_near_distance(struct bc_str a, struct bc_str b);

#endif
