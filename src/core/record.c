/* Decision records: what was decided, and what became of it, as it happens. */
#include "core/private.h"

#include <string.h>

bool core_record_is_news(const struct bc_decision *before, const struct bc_decision *after) {
  return before->verdict != after->verdict || before->layer != after->layer;
}

uint64_t core_record_decision(struct bc_core *core, struct core_route *route, const struct core_decision_told *told) {
  (void)told;
  route->record = ++core->record.last_id;
  return route->record;
}

void core_record_input(struct bc_core *core, struct core_route *route, const struct bc_record_policy *policy) {
  (void)core;
  (void)route;
  (void)policy;
}
