/* Decision records: what was decided, and what became of it, as it happens. They gather here for some milliseconds and
 * go to the disk thread; nothing waits for them. */
#include "base/mem.h"
#include "core/private.h"
#include "io/ring.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
  RECORD_SEGMENTS = 16,
  RECORD_TAIL_BYTES = 2 * BC_LIMIT_RECORD_BYTES, /* holds at least one whole record */
  RECORD_GATHER_MS = 10,
  RECORD_BATCH_BYTES = 256 * 1024,
  RECORD_GROUP_IDS = 1000,
  RECORD_INPUT_S = 10,
  RECORD_CONTEXT_PART = 8,
  RECORD_CONTEXT_MS = 1000, /* between two additions to the room for contexts */
  RECORD_IDS_A_MS = 1000,   /* more decisions are not made */
  RECORD_HOUR_MS = 3600000
};

/* ---- to the disk ---- */

static uint64_t record_count_lines(struct bc_str lines) {
  uint64_t count = 0;
  for (size_t i = 0; i < lines.len; i++) {
    count += lines.at[i] == '\n';
  }
  return count;
}

static void record_lose(struct bc_core *core, uint64_t count, const char *problem) {
  struct core_record *record = &core->record;
  record->lost += count;
  if (record->problem == NULL) {
    bc_log(BC_LOG_ERROR, "decision records: %s: they are given up until that is mended, nothing else is", problem);
    core_publish_dirty(core);
  }
  free(record->problem);
  record->problem = bc_mem_copy_string(problem);
}

static void record_mend(struct bc_core *core) {
  struct core_record *record = &core->record;
  if (record->problem != NULL) {
    bc_log(BC_LOG_NOTICE, "decision records: kept again; %" PRIu64 " are lost", record->lost);
    free(record->problem);
    record->problem = NULL;
    core_publish_dirty(core);
  }
}

/* Soon, in one batch with what else happens. */
static void record_hand_over_soon(struct core_record *record) {
  if (!bc_timer_is_armed(record->timer)) {
    bc_timer_start(record->timer, record->batch.len > RECORD_BATCH_BYTES ? 0 : RECORD_GATHER_MS);
  }
}

static void record_on_written(void *arg, uint64_t lost, const char *problem) {
  struct bc_core *core = arg;
  if (lost > 0) {
    record_lose(core, lost, problem);
    return;
  }
  record_mend(core);
  if (core->record.lost > core->record.lost_told) {
    record_hand_over_soon(&core->record);
  }
}

/* ---- notes ---- */

static void record_note(struct bc_core *core, const struct bc_record_note *note) {
  struct bc_record_note numbered = *note;
  numbered.id = ++core->record.last_id;
  bc_record_print_note(&numbered, &core->record.batch);
}

static void record_close_group(struct bc_core *core, struct core_record_group *group) {
  bool has_neighbor =
      group->type == BC_RECORD_WIRE || group->type == BC_RECORD_UNCONFIRMED || group->type == BC_RECORD_ERROR;
  const struct bc_rib_neighbor *neighbor = has_neighbor ? bc_rib_neighbor_get(core->rib, group->neighbor) : NULL;
  record_note(core, &(struct bc_record_note){.type = group->type,
                                             .at_ms = group->at_ms,
                                             .of = group->ids,
                                             .of_count = group->count,
                                             .neighbor = neighbor == NULL ? NULL : neighbor->name.ip,
                                             .how = group->how,
                                             .text = bc_buf_str(&group->text)});
  bc_buf_clear(&group->text);
  group->count = 0;
}

static struct core_record_group *record_group_at(struct core_record *record, unsigned i) {
  return &record->groups[(record->group_first + i) % CORE_RECORD_GROUPS];
}

static bool record_is_group(const struct core_record_group *group, const struct core_record_group *wanted) {
  return group->count > 0 && group->count < RECORD_GROUP_IDS && group->type == wanted->type &&
         group->at_ms == wanted->at_ms && group->neighbor == wanted->neighbor && group->line == wanted->line &&
         group->how == wanted->how && wanted->type != BC_RECORD_REFUSED;
}

/* The one that this belongs to, or the oldest one, emptied. */
static struct core_record_group *record_find_group(struct bc_core *core, const struct core_record_group *wanted,
                                                   struct bc_str text) {
  struct core_record *record = &core->record;
  for (unsigned i = CORE_RECORD_GROUPS; i-- > 0;) {
    struct core_record_group *group = record_group_at(record, i);
    if (record_is_group(group, wanted)) {
      return group;
    }
  }
  struct core_record_group *group = record_group_at(record, 0);
  record->group_first = (record->group_first + 1) % CORE_RECORD_GROUPS;
  if (group->count > 0) {
    record_close_group(core, group);
  }
  group->type = wanted->type;
  group->at_ms = wanted->at_ms;
  group->neighbor = wanted->neighbor;
  group->line = wanted->line;
  group->how = wanted->how;
  text.len = text.len < BC_LIMIT_RECORD_TEXT_BYTES ? text.len : BC_LIMIT_RECORD_TEXT_BYTES;
  bc_buf_add_str(&group->text, text);
  return group;
}

void core_record_command(struct bc_core *core, const struct bc_rib_event *event) {
  static const enum bc_record_type types[] = {
      [BC_RIB_EVENT_SENT] = BC_RECORD_SENT,       [BC_RIB_EVENT_ACKED] = BC_RECORD_ACK,
      [BC_RIB_EVENT_WIRE] = BC_RECORD_WIRE,       [BC_RIB_EVENT_UNCONFIRMED] = BC_RECORD_UNCONFIRMED,
      [BC_RIB_EVENT_REFUSED] = BC_RECORD_REFUSED, [BC_RIB_EVENT_ALARMED] = BC_RECORD_ERROR};
  if (core->record.ring == NULL) {
    return;
  }
  struct core_record_group wanted = {.type = types[event->kind],
                                     .at_ms = bc_wall_now_ms(),
                                     .neighbor = event->neighbor,
                                     .line = event->line,
                                     .how = event->is_repair    ? "repair"
                                            : event->is_by_time ? "time"
                                                                : NULL};
  struct core_record_group *group = record_find_group(core, &wanted, event->text);
  if (group->count == group->room) {
    group->room = group->room == 0 ? 16 : group->room * 2;
    group->ids = bc_mem_resize(group->ids, group->room, sizeof *group->ids);
  }
  group->ids[group->count++] = event->mark;
  record_hand_over_soon(&core->record);
}

static void record_tell_lost(struct bc_core *core) {
  struct core_record *record = &core->record;
  char text[24];
  if (record->lost > record->lost_told && record->problem == NULL) {
    (void)snprintf(text, sizeof text, "%" PRIu64, record->lost - record->lost_told);
    record->lost_told = record->lost;
    record_note(core,
                &(struct bc_record_note){.type = BC_RECORD_LOST, .at_ms = bc_wall_now_ms(), .text = bc_str_of(text)});
  }
}

void core_record_flush(struct bc_core *core) {
  struct core_record *record = &core->record;
  if (record->ring == NULL) {
    return;
  }
  for (unsigned i = 0; i < CORE_RECORD_GROUPS; i++) {
    struct core_record_group *group = record_group_at(record, i);
    if (group->count > 0) {
      record_close_group(core, group);
    }
  }
  record_tell_lost(core);
  struct bc_str lines = bc_buf_str(&record->batch);
  if (bc_buf_status(&record->batch) != BC_ERR_OK || bc_ring_append(record->ring, lines) != BC_ERR_OK) {
    record_lose(core, record_count_lines(lines), "the disk is too slow: too much waits to be written");
  }
  bc_buf_clear(&record->batch);
}

static void record_on_timer(void *arg) {
  core_record_flush(arg);
}

/* ---- decisions ---- */

static bool record_is_policys(const struct bc_decision *decision) {
  return strcmp(bc_layer_text(decision->layer), "policy") == 0;
}

bool core_record_is_news(const struct bc_decision *before, const struct bc_decision *after) {
  if (before->verdict != after->verdict || before->layer != after->layer || before->reason == NULL) {
    return true;
  }
  return !record_is_policys(after) && (after->reason == NULL || strcmp(before->reason, after->reason) != 0);
}

static struct bc_record_check record_check(const struct core_check *check) {
  const struct core_version *version = &check->running;
  bool has_code = version->has_result && version->script != NULL && !version->script->is_lua &&
                  (version->last_status == BC_CHECK_FAILED || version->last_status == BC_CHECK_SIGNALLED);
  return (struct bc_record_check){.name = check->name,
                                  .is_own = check->route != NULL,
                                  .state = bc_health_state_text(check->health.state),
                                  .status = version->has_result ? bc_check_status_text(version->last_status) : NULL,
                                  .code = has_code ? version->last_code : -1,
                                  .reason = version->has_result ? version->reason : NULL,
                                  .output = version->output,
                                  .data = version->data,
                                  .score = version->score == 0 ? -1 : (version->score - 1) / 100.0,
                                  .streak = check->health.streak,
                                  .rise = check->options.rise,
                                  .fall = check->options.fall,
                                  .hash = version->script == NULL ? 0 : version->script->hash};
}

struct record_checks {
  struct bc_record_check each[BC_LIMIT_ROUTE_CHECKS + 1];
  char keys[BC_LIMIT_ROUTE_CHECKS + 1][CORE_CHECK_KEY_BYTES];
  size_t count;
};

static void record_take_checks(const struct core_route *route, struct record_checks *checks) {
  const struct core_check *check;
  checks->count = 0;
  while (checks->count < BC_LIMIT_ROUTE_CHECKS + 1 && (check = core_route_member(route, checks->count)) != NULL) {
    struct bc_record_check *to = &checks->each[checks->count];
    *to = record_check(check);
    to->key = core_check_key(check, checks->keys[checks->count++]);
  }
}

/* A start that finds all as it left it: of many routes at once, which must not push what happened before out of the
 * files. */
static bool record_is_found_so(const struct bc_core *core, const struct core_route *route,
                               const struct bc_route *wanted) {
  return route->is_new && route->is_standing && !bc_rib_is_started(core->rib) && wanted != NULL &&
         bc_rib_said(core->rib, wanted);
}

/* A route that was never announced waits for something: `routes` tells what. */
static bool record_is_waiting(const struct core_route *route, const struct core_decision_told *told) {
  return route->record == 0 && route->decision.verdict == BC_VERDICT_KEEP && !told->was_announced &&
         told->wanted == NULL && told->policy == NULL;
}

static uint64_t record_print_found_so(struct bc_core *core, const struct core_route *route,
                                      struct bc_record_decision *made) {
  made->id = ++core->record.last_id;
  made->at_ms = bc_wall_now_ms();
  made->route = route->name;
  made->policy = NULL;
  bc_record_print_decision(made, &core->record.batch);
  record_hand_over_soon(&core->record);
  return made->id;
}

static uint64_t record_print(struct bc_core *core, const struct core_route *route, struct bc_record_decision *made,
                             const struct bc_route *wanted) {
  struct core_record *record = &core->record;
  struct record_checks checks;
  struct bc_buf text;
  struct bc_buf prefix;
  const struct bc_route *known = wanted != NULL ? wanted : route->has_claim ? &route->claimed : NULL;
  record_take_checks(route, &checks);
  bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
  bc_buf_init(&prefix, BC_LIMIT_COMMAND_BYTES);
  if (wanted != NULL) {
    bc_route_print(wanted, BC_VERB_NONE, &text);
  }
  if (known != NULL) {
    bc_nlri_print(bc_route_nlri(known, 0), &prefix);
  }
  made->id = ++record->last_id;
  made->at_ms = bc_wall_now_ms();
  made->route = route->name;
  made->health = bc_health_state_text(core_route_health(route).state);
  made->prefix = prefix.len == 0 ? NULL : prefix.data;
  made->text = text.len == 0 ? NULL : text.data;
  made->revision = core->apply.known.revision;
  made->checks = checks.each;
  made->check_count = checks.count;
  bc_record_print_decision(made, &record->batch);
  bc_buf_free(&text);
  bc_buf_free(&prefix);
  record_hand_over_soon(record);
  return made->id;
}

/* Nothing is kept on this node: the number tells what belongs together in the log and the events. */
static uint64_t record_take_id(struct bc_core *core, struct core_route *route) {
  route->record = ++core->record.last_id;
  route->is_marked = false;
  return route->record;
}

uint64_t core_record_decision(struct bc_core *core, struct core_route *route, const struct core_decision_told *told) {
  char reason[CORE_REASON_BYTES];
  if (record_is_waiting(route, told)) {
    return 0;
  }
  if (core->record.ring == NULL) {
    return record_take_id(core, route);
  }
  core_route_explain(route, reason, sizeof reason);
  struct bc_record_decision made = {.verdict = bc_verdict_text(route->decision.verdict),
                                    .layer = bc_layer_text(route->decision.layer),
                                    .reason = reason,
                                    .was = told->was_announced ? "announce" : "withdraw",
                                    .is_standing = route->is_new && route->is_standing,
                                    .policy = told->policy};
  route->record = record_is_found_so(core, route, told->wanted) ? record_print_found_so(core, route, &made)
                                                                : record_print(core, route, &made, told->wanted);
  route->is_marked = false;
  return route->record;
}

void core_record_exit(struct bc_core *core, struct core_route *route) {
  if (core->record.ring == NULL) {
    (void)record_take_id(core, route);
    return;
  }
  struct bc_record_decision made = {.verdict = "withdraw",
                                    .layer = "exit",
                                    .reason = "bgpcommander ends, and on_exit says withdraw",
                                    .was = "announce"};
  route->record = record_print(core, route, &made, NULL);
}

bool core_record_takes_input(const struct bc_core *core, const struct core_route *route) {
  uint32_t now_s = (uint32_t)(bc_wall_now_ms() / 1000);
  /* Of many routes whose inputs change all the time, records would push all decisions out of the files. */
  return core->record.ring != NULL && now_s - route->policy->input_s >= RECORD_INPUT_S && now_s != core->record.input_s;
}

/* A part of the files for the contexts of one event that concerns many, and the same again in an hour. */
static size_t record_context_most(const struct bc_core *core) {
  return (size_t)core->settings->records * (1024 * 1024 / RECORD_CONTEXT_PART);
}

bool core_record_has_context_room(struct bc_core *core) {
  struct core_record *record = &core->record;
  size_t most = record_context_most(core);
  struct bc_mono now = bc_mono_now();
  int64_t passed_ms = bc_mono_is_set(record->context_at) ? bc_mono_ms_between(record->context_at, now) : RECORD_HOUR_MS;
  if (passed_ms >= RECORD_CONTEXT_MS) {
    passed_ms = passed_ms < RECORD_HOUR_MS ? passed_ms : RECORD_HOUR_MS;
    record->context_at = now;
    record->context_room += (size_t)((uint64_t)most * (uint64_t)passed_ms / RECORD_HOUR_MS);
    record->context_room = record->context_room < most ? record->context_room : most;
  }
  return record->context_room > 0;
}

void core_record_count_context(struct bc_core *core, size_t len) {
  struct core_record *record = &core->record;
  record->context_room -= len < record->context_room ? len : record->context_room;
}

void core_record_input(struct bc_core *core, struct core_route *route, const struct bc_record_policy *policy) {
  uint32_t now_s = (uint32_t)(bc_wall_now_ms() / 1000);
  if (!core_record_takes_input(core, route)) {
    return;
  }
  route->policy->input_s = now_s;
  core->record.input_s = now_s;
  const char *stands = route->is_wanted ? "announce" : "withdraw";
  struct bc_record_decision made = {.is_input = true,
                                    .verdict = bc_verdict_text(route->decision.verdict),
                                    .layer = bc_layer_text(route->decision.layer),
                                    .was = stands,
                                    .policy = policy};
  (void)record_print(core, route, &made, NULL);
}

/* ---- the beginning and the end ---- */

void core_record_warn(const struct bc_core *core, json_t *list) {
  if (core->record.problem != NULL) {
    json_array_append_new(list, json_sprintf("decision records are not kept, %" PRIu64 " are lost: %s",
                                             core->record.lost, core->record.problem));
  }
}

static void record_tell_start(struct bc_core *core) {
  char text[64];
  (void)snprintf(text, sizeof text, "version %s, start %u", BC_VERSION, core->options->start_number);
  record_note(
      core, &(struct bc_record_note){.type = BC_RECORD_START, .at_ms = core->started_wall_ms, .text = bc_str_of(text)});
  record_hand_over_soon(&core->record);
}

void core_record_open(struct bc_core *core) {
  struct core_record *record = &core->record;
  struct bc_fault fault;
  struct bc_buf tail;
  /* Greater than those of a process before, also when their files cannot be read, or are none. */
  record->last_id = (uint64_t)core->started_wall_ms * RECORD_IDS_A_MS;
  if (core->settings->records == 0) {
    return;
  }
  struct bc_ring_options options = {.name = CORE_RECORD_FILES,
                                    .segment_bytes = (size_t)core->settings->records * (1024 * 1024 / RECORD_SEGMENTS),
                                    .segments = RECORD_SEGMENTS,
                                    .told = record_on_written,
                                    .arg = core};
  bc_buf_init(&tail, RECORD_TAIL_BYTES);
  if (bc_ring_open(core->disk, &options, &tail, &record->ring, &fault) != BC_ERR_OK) {
    bc_log(BC_LOG_ERROR, "decision records: %s: none are kept", fault.text);
    record->problem = bc_mem_copy_string(fault.text);
    return;
  }
  record->last_id = bc_record_last_id(bc_buf_str(&tail));
  bc_buf_free(&tail);
  bc_buf_init(&record->batch, BC_LIMIT_RECORDS_QUEUE_BYTES);
  for (unsigned i = 0; i < CORE_RECORD_GROUPS; i++) {
    bc_buf_init(&record->groups[i].text, BC_LIMIT_RECORD_TEXT_BYTES);
  }
  record->timer = bc_timer_new(core->loop, record_on_timer, core);
  record_tell_start(core);
}

void core_record_close(struct bc_core *core) {
  struct core_record *record = &core->record;
  core_record_flush(core);
  bc_timer_free(record->timer);
  bc_ring_close(record->ring);
  record->ring = NULL;
  for (unsigned i = 0; i < CORE_RECORD_GROUPS; i++) {
    bc_buf_free(&record->groups[i].text);
    free(record->groups[i].ids);
  }
  bc_buf_free(&record->batch);
  free(record->problem);
}
