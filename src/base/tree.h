/* Ordered maps: the red-black trees of libbsd's <sys/tree.h> (RB_HEAD, RB_ENTRY, RB_INSERT, RB_FIND,
 * RB_MIN, RB_NEXT, RB_REMOVE, RB_FOREACH), usable inside one file without unused warnings. */
#ifndef BC_BASE_TREE_H
#define BC_BASE_TREE_H

#include <bsd/sys/tree.h>

/* Defines the static functions of tree `name` over `struct type` linked by `field`. */
#define BC_TREE(name, type, field, compare)                                                                            \
  RB_GENERATE_INTERNAL(name, type, field, compare, __attribute__((unused)) static)

#endif
