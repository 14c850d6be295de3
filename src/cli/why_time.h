/* Points in time as people write them on the command line. */
#ifndef BC_CLI_WHY_TIME_H
#define BC_CLI_WHY_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* "2026-11-23T07:50:53[.123]Z" or with an offset ("+01:00"); "07:50" or "07:50:53", today in this machine's time zone;
 * "5m", so long before `now_ms`. Milliseconds since 1970. A second that is told without a fraction is meant to its end:
 * what was in force at that second. False when it is none of these. */
bool bc_why_time_parse(const char *text, int64_t now_ms, int64_t *at_ms);

/* "2026-11-23 07:50:53.123 +0100", in this machine's time zone; without the date and the offset when it is on the same
 * day as `other_ms` (0: always with them). */
void bc_why_time_print(int64_t at_ms, int64_t other_ms, char text[static 64]);

#endif
