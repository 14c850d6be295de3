/* For scripts of checks that must not end by themselves. tail would end with the reader of its standard output; it
 * holds the check's pipe by its standard error. */
#ifndef BC_TESTS_HANG_H
#define BC_TESTS_HANG_H

#define HANG "tail -f /dev/null >/dev/null"

#endif
