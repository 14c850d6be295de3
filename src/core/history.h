/* The last results of checks, for those who look at them. Included by core/private.h. */
#ifndef BC_CORE_HISTORY_H
#define BC_CORE_HISTORY_H

#include "model/history.h"

#include <jansson.h>

struct core_check;
struct core_result;
struct core_route;

/* Of the version that decides. The memory is there from the first result on. */
void core_history_add(struct core_check *check, const struct core_result *result);
/* [{"status":…,"took":seconds}…], the oldest first; an empty array without any. Owned by the caller, as is the next: */
json_t *core_history_report(const struct core_check *check);
/* {"marks":"pf-","tookMs":[…]} of the route's own check, or the first named one that it rests on; null: it has none, or
 * none that has told anything. */
json_t *core_history_report_brief(const struct core_route *route);

#endif
