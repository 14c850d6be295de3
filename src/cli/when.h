/* Points in time as people write them on the command line. */
#ifndef BC_CLI_WHEN_H
#define BC_CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

/* "2026-11-23T07:50:53[.123]Z" or with an offset ("+01:00"); "07:50" or "07:50:53", today in this machine's time zone;
 * "5m", so long ago. Milliseconds since 1970; a second that is told without a fraction is its beginning. False when it
 * is none of these: that was told on stderr, with the name of the option ("--since"). */
bool bc_when_parse(const char *option, const char *text, int64_t *at_ms);
/* The same, but such a second is its end: for what was in force then, or happened until then. */
bool bc_when_parse_end(const char *option, const char *text, int64_t *at_ms);

/* "2026-11-23 07:50:53.123 +0100", in this machine's time zone; without the date and the offset when it is on the same
 * day as `other_ms` (0: always with them). */
void bc_when_print(int64_t at_ms, int64_t other_ms, char text[static 64]);

#endif
