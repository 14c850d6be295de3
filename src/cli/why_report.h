/* A decision and what became of it, as eight lines for people. */
#ifndef BC_CLI_WHY_REPORT_H
#define BC_CLI_WHY_REPORT_H

#include <jansson.h>

/* `decision`: one of those in the answer to `decisions`. `later`: the newest one, which left all as it was; NULL =
 * there is none. */
void bc_why_report_print(const json_t *decision, const json_t *later);

#endif
