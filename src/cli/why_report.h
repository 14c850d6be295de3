/* A decision and what became of it, as eight lines for people. */
#ifndef BC_CLI_WHY_REPORT_H
#define BC_CLI_WHY_REPORT_H

#include <jansson.h>

/* `decision`: one of those in the answer to `decisions`. `later`: the newest one, which left all as it was; NULL =
 * there is none. */
void bc_why_report_print(const json_t *decision, const json_t *later);

/* One line more, of how the route stands now: one of those in the answer to `routes`, or NULL. None where what was
 * decided is what there is. */
void bc_why_report_print_present(const json_t *route);

#endif
