/* `bgpcommander parse`: routes and API lines, checked and put into canonical form. */
#ifndef BC_CLI_PARSE_H
#define BC_CLI_PARSE_H

#include <stdio.h>

/* Reads lines of any length; writes one for each: "ok<TAB>CANONICAL TEXT" (the verb kept as it came;
 * empty for an empty line or a comment) or "error<TAB>COLUMN<TAB>MESSAGE". A line may end in CR LF; the
 * last needs no end. Returns the exit code: 0 when no line was refused and all could be written. */
int bc_cli_parse(FILE *in, FILE *out);

#endif
