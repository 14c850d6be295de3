#include "core/history.h"

#include "base/mem.h"
#include "core/private.h"

void core_history_add(struct core_check *check, const struct core_result *result) {
  if (check->results == NULL) {
    check->results = bc_mem_new(1, sizeof *check->results);
  }
  uint32_t took_us = result->duration_us > UINT32_MAX ? UINT32_MAX : (uint32_t)result->duration_us;
  bc_history_add(check->results, (enum bc_check_status)result->status, took_us);
}

json_t *core_history_report(const struct core_check *check) {
  json_t *list = json_array();
  for (size_t i = 0; check->results != NULL && i < check->results->count; i++) {
    struct bc_history_result result = bc_history_get(check->results, i);
    json_t *one = json_object();
    json_object_set_new(one, "status", json_string(bc_check_status_text(result.status)));
    json_object_set_new(one, "took", json_real(result.took_us / 1e6));
    json_array_append_new(list, one);
  }
  return list;
}

json_t *core_history_report_brief(const struct core_route *route) {
  const struct core_check *check = core_route_member(route, 0);
  const struct bc_history *results = check == NULL ? NULL : check->results;
  char marks[BC_LIMIT_HISTORY_RESULTS + 1];
  if (results == NULL) {
    return json_null();
  }
  json_t *took = json_array();
  for (size_t i = 0; i < results->count; i++) {
    struct bc_history_result result = bc_history_get(results, i);
    uint32_t ms = (result.took_us + 500) / 1000;
    marks[i] = bc_history_mark(result.status);
    json_array_append_new(took, json_integer(ms == 0 ? 1 : (json_int_t)ms));
  }
  json_t *made = json_object();
  json_object_set_new(made, "marks", json_stringn(marks, results->count));
  json_object_set_new(made, "tookMs", took);
  return made;
}
