/* The hub of events. What changes several times at once (a route that is announced passes through five states) is told
 * once, some milliseconds later; what comes in floods is counted instead. */
#include "base/mem.h"
#include "core/private.h"

#include <stdlib.h>
#include <string.h>

enum {
  EVENT_GATHER_MS = 20,
  EVENT_LOOK_MS = 500,
  EVENT_ROUTES = 40,   /* told at once, of those that moved: the rest a moment later; 2,000 in a second */
  EVENT_SECOND = 2000, /* told in a second, of others */
  EVENT_TEXT_BYTES = 1024,
  EVENT_IDS_A_MS = 1000 /* more are never told */
};

json_t *core_event_detail(const char *what, const char *text) {
  json_t *made = json_object();
  json_object_set_new(made, "what", json_string(what));
  if (text != NULL) {
    json_object_set_new(made, "text", core_report_bytes(text, EVENT_TEXT_BYTES));
  }
  return made;
}

static void event_soon(struct core_event *event) {
  if (!bc_timer_is_armed(event->timer)) {
    bc_timer_start(event->timer, EVENT_GATHER_MS);
  }
}

/* Its subject is a route's name. */
static bool event_is_of_route(enum bc_event_type type, const json_t *detail) {
  switch (type) {
  case BC_EVENT_ROUTE:
  case BC_EVENT_DECISION:
  case BC_EVENT_COMMAND:
  case BC_EVENT_LEASE:
  case BC_EVENT_HTTP:
    return true;
  case BC_EVENT_CHECK: {
    const char *kind = json_string_value(json_object_get(detail, "kind"));
    return kind != NULL && strcmp(kind, "route") == 0;
  }
  default:
    return false;
  }
}

static uint64_t event_keep(struct core_event *event, const struct bc_event *made) {
  event->told[made->type]++;
  event_soon(event);
  return bc_events_add(event->ring, made);
}

static uint64_t event_add(struct bc_core *core, enum bc_event_type type, int64_t at_ms, const char *subject,
                          uint64_t decision, json_t *detail) {
  char *text = detail == NULL ? NULL : json_dumps(detail, JSON_COMPACT | JSON_ENSURE_ASCII);
  struct bc_event made = {.at_ms = at_ms,
                          .type = type,
                          .is_of_route = event_is_of_route(type, detail),
                          .decision = decision,
                          .subject = subject == NULL ? "" : subject,
                          .detail = text == NULL ? "{}" : text};
  uint64_t id = event_keep(&core->event, &made);
  free(text);
  json_decref(detail);
  return id;
}

/* False when there are too many: it is counted. */
static bool event_may_tell(struct core_event *event) {
  struct bc_mono now = bc_mono_now();
  if (!bc_mono_is_set(event->second) || bc_mono_ms_between(event->second, now) >= 1000) {
    event->second = now;
    event->in_second = 0;
  }
  if (event->in_second < EVENT_SECOND) {
    event->in_second++;
    return true;
  }
  event->left_out++;
  event_soon(event);
  return false;
}

uint64_t core_event_tell(struct bc_core *core, enum bc_event_type type, const char *subject, uint64_t decision,
                         json_t *detail) {
  if (core->event.ring == NULL || !event_may_tell(&core->event)) {
    json_decref(detail);
    return 0;
  }
  return event_add(core, type, bc_wall_now_ms(), subject, decision, detail);
}

/* ---- routes ---- */

static void event_unmark(struct core_event *event, struct core_route *route) {
  TAILQ_REMOVE(&event->moved, route, moved);
  event->moved_count--;
  route->is_moved = false;
}

static void event_tell_route(struct bc_core *core, struct core_route *route) {
  json_t *detail = core_report_route_event(core, route);
  const char *was = route->told_state;
  route->told_state = core_route_state_text(core, route);
  json_object_set_new(detail, "was", was == NULL ? json_null() : json_string(was));
  (void)event_add(core, BC_EVENT_ROUTE, bc_wall_now_ms(), route->name, route->record, detail);
}

void core_event_moved(struct bc_core *core, struct core_route *route) {
  struct core_event *event = &core->event;
  if (event->ring != NULL && !route->is_moved) {
    route->is_moved = true;
    TAILQ_INSERT_TAIL(&event->moved, route, moved);
    event->moved_count++;
    event_soon(event);
  }
}

void core_event_forget(struct bc_core *core, struct core_route *route) {
  if (route->is_moved) {
    event_unmark(&core->event, route);
  }
  if (core->event.ring == NULL || !event_may_tell(&core->event)) {
    return;
  }
  json_t *detail = json_object();
  json_object_set_new(detail, "state", json_string("gone"));
  json_object_set_new(detail, "was", route->told_state == NULL ? json_null() : json_string(route->told_state));
  (void)event_add(core, BC_EVENT_ROUTE, bc_wall_now_ms(), route->name, route->record, detail);
}

/* More than the ring holds: whoever reads has to ask for the whole anyway. */
static void event_pass_over_routes(struct core_event *event) {
  struct core_route *route;
  event->left_out += event->moved_count;
  while ((route = TAILQ_FIRST(&event->moved)) != NULL) {
    event_unmark(event, route);
  }
}

static void event_tell_routes(struct bc_core *core) {
  struct core_event *event = &core->event;
  if (event->moved_count > BC_LIMIT_EVENTS) {
    event_pass_over_routes(event);
  }
  for (unsigned told = 0; told < EVENT_ROUTES && !TAILQ_EMPTY(&event->moved); told++) {
    struct core_route *route = TAILQ_FIRST(&event->moved);
    event_unmark(event, route);
    event_tell_route(core, route);
  }
}

/* ---- decisions ---- */

/* In a flood most are only counted: nothing is made of these. */
void core_event_decision(struct bc_core *core, const struct core_route *route, bool was_announced) {
  char reason[CORE_REASON_BYTES];
  if (core->event.ring == NULL || !event_may_tell(&core->event)) {
    return;
  }
  core_route_explain(route, reason, sizeof reason);
  json_t *detail = json_object();
  json_object_set_new(detail, "verdict", json_string(bc_verdict_text(route->decision.verdict)));
  json_object_set_new(detail, "layer", json_string(bc_layer_text(route->decision.layer)));
  json_object_set_new(detail, "reason", json_string(reason));
  json_object_set_new(detail, "was", json_string(was_announced ? "announce" : "withdraw"));
  (void)event_add(core, BC_EVENT_DECISION, bc_wall_now_ms(), route->name, route->record, detail);
}

/* ---- commands ---- */

static const char *event_command_text(unsigned kind) {
  static const char *const texts[] = {[BC_RIB_EVENT_SENT] = "sent",       [BC_RIB_EVENT_ACKED] = "ack",
                                      [BC_RIB_EVENT_WIRE] = "wire",       [BC_RIB_EVENT_UNCONFIRMED] = "unconfirmed",
                                      [BC_RIB_EVENT_REFUSED] = "refused", [BC_RIB_EVENT_ALARMED] = "error"};
  return texts[kind];
}

static bool event_has_neighbor(unsigned kind) {
  return kind == BC_RIB_EVENT_WIRE || kind == BC_RIB_EVENT_UNCONFIRMED || kind == BC_RIB_EVENT_ALARMED;
}

static void event_print_command(struct bc_core *core, const struct core_event_command *command, struct bc_buf *to) {
  bc_buf_add_format(to, "{\"what\":\"%s\"", event_command_text(command->kind));
  if (command->text != NULL) {
    bc_buf_add_text(to, ",\"text\":");
    bc_buf_add_text(to, command->text);
  }
  if (event_has_neighbor(command->kind)) {
    bc_buf_add_text(to, ",\"neighbor\":");
    bc_event_add_quoted(to, bc_str_of(bc_rib_neighbor_get(core->rib, command->neighbor)->name.ip));
  }
  if (command->is_repair || command->is_by_time) {
    bc_buf_add_format(to, ",\"how\":\"%s\"", command->is_repair ? "repair" : "time");
  }
  bc_buf_add_format(to, ",\"nlri\":%u}", command->nlri);
}

/* Without the help of jansson: a start with many routes tells thousands of long ones. */
static void event_tell_command(struct bc_core *core, struct core_event_command *command) {
  struct bc_buf detail;
  bc_buf_init(&detail, BC_LIMIT_EVENT_BYTES);
  event_print_command(core, command, &detail);
  struct bc_event made = {.at_ms = command->at_ms,
                          .type = BC_EVENT_COMMAND,
                          .is_of_route = true,
                          .decision = command->mark,
                          .subject = command->owner,
                          .detail = detail.data};
  (void)event_keep(&core->event, &made);
  bc_buf_free(&detail);
  bc_intern_put(core->intern, command->owner);
  bc_intern_put(core->intern, command->text);
  *command = (struct core_event_command){.owner = NULL};
}

static struct core_event_command *event_command_at(struct core_event *event, unsigned i) {
  return &event->commands[(event->command_first + i) % CORE_EVENT_COMMANDS];
}

static void event_tell_commands(struct bc_core *core) {
  for (unsigned i = 0; i < CORE_EVENT_COMMANDS; i++) {
    struct core_event_command *command = event_command_at(&core->event, i);
    if (command->owner != NULL) {
      event_tell_command(core, command);
    }
  }
}

static bool event_is_command(const struct core_event_command *command, const struct bc_rib_event *event) {
  return command->owner == event->owner && command->mark == event->mark && command->kind == (unsigned)event->kind &&
         command->neighbor == event->neighbor && command->line == event->line &&
         command->is_by_time == event->is_by_time && event->kind != BC_RIB_EVENT_REFUSED;
}

/* Interned; that of the event before when both are of one line. */
static const char *event_text_of(struct bc_core *core, const struct bc_rib_event *event) {
  const struct core_event_command *last = event_command_at(&core->event, CORE_EVENT_COMMANDS - 1);
  if (event->text.len == 0) {
    return NULL;
  }
  if (last->text != NULL && event->kind == BC_RIB_EVENT_SENT && last->kind == (unsigned)event->kind &&
      last->line == event->line) {
    return bc_intern_ref(last->text);
  }
  struct bc_str text = event->text;
  struct bc_buf quoted;
  text.len = text.len < EVENT_TEXT_BYTES ? text.len : EVENT_TEXT_BYTES;
  bc_buf_init(&quoted, 2 * EVENT_TEXT_BYTES + 2);
  bc_event_add_quoted(&quoted, text);
  const char *made = bc_intern_get(core->intern, bc_buf_str(&quoted));
  bc_buf_free(&quoted);
  return made;
}

void core_event_command(struct bc_core *core, const struct bc_rib_event *event) {
  struct core_event *hub = &core->event;
  if (hub->ring == NULL || event->owner == NULL) {
    return;
  }
  for (unsigned i = 0; i < CORE_EVENT_COMMANDS; i++) {
    struct core_event_command *command = event_command_at(hub, i);
    if (event_is_command(command, event)) {
      command->nlri++;
      return;
    }
  }
  if (!event_may_tell(hub)) {
    return;
  }
  const char *text = event_text_of(core, event);
  struct core_event_command *command = event_command_at(hub, 0);
  hub->command_first = (hub->command_first + 1) % CORE_EVENT_COMMANDS;
  if (command->owner != NULL) {
    event_tell_command(core, command);
  }
  *command = (struct core_event_command){.at_ms = bc_wall_now_ms(),
                                         .kind = (unsigned)event->kind,
                                         .neighbor = event->neighbor,
                                         .mark = event->mark,
                                         .line = event->line,
                                         .is_repair = event->is_repair,
                                         .is_by_time = event->is_by_time,
                                         .owner = bc_intern_ref(event->owner),
                                         .nlri = 1,
                                         .text = text};
  event_soon(hub);
}

/* ---- checks ---- */

void core_event_check(struct bc_core *core, const struct core_version *version, const char *was) {
  const struct core_check *check = version->check;
  if (core->event.ring == NULL || !event_may_tell(&core->event)) {
    return;
  }
  json_t *detail = json_object();
  bool is_running = version == &check->running;
  uint64_t decision = check->route == NULL ? 0 : check->route->record;
  json_object_set_new(detail, "kind", json_string(check->route != NULL ? "route" : "named"));
  json_object_set_new(detail, "state", json_string(bc_health_state_text(check->health.state)));
  json_object_set_new(detail, "was", json_string(was));
  json_object_set_new(detail, "status", json_string(bc_check_status_text(version->last_status)));
  json_object_set_new(detail, "reason", core_report_reason(version));
  json_object_set_new(detail, "version", json_string(is_running ? "running" : "candidate"));
  (void)event_add(core, BC_EVENT_CHECK, bc_wall_now_ms(), check->name, decision, detail);
}

/* ---- warnings ---- */

/* Its text without numbers: what only counts something else is no other warning. Owned by the caller. */
static char *event_warning_kind(const char *text) {
  char *kind = bc_mem_copy_string(text);
  size_t used = 0;
  for (; *text != '\0'; text++) {
    bool is_digit = *text >= '0' && *text <= '9';
    if (!is_digit || used == 0 || kind[used - 1] != '#') {
      kind[used++] = is_digit ? '#' : *text;
    }
  }
  kind[used] = '\0';
  return kind;
}

static void event_tell_warning(struct bc_core *core, const char *what, const json_t *text) {
  (void)core_event_tell(core, BC_EVENT_WARNING, NULL, 0, core_event_detail(what, json_string_value(text)));
}

static void event_on_look(void *arg) {
  struct bc_core *core = arg;
  struct core_event *event = &core->event;
  json_t *list = core_report_warnings(core);
  json_t *now = json_object();
  size_t i;
  const char *kind;
  json_t *text;
  json_array_foreach(list, i, text) {
    char *made = event_warning_kind(json_string_value(text));
    if (json_object_get(now, made) == NULL && json_object_get(event->warnings, made) == NULL) {
      event_tell_warning(core, "new", text);
    }
    json_object_set(now, made, text);
    free(made);
  }
  json_object_foreach(event->warnings, kind, text) {
    if (json_object_get(now, kind) == NULL) {
      event_tell_warning(core, "over", text);
    }
  }
  json_decref(event->warnings);
  json_decref(list);
  event->warnings = now;
  bc_log_tell_left_out();
  if (bc_log_left_out() > 0) {
    core_event_look(core);
  }
}

void core_event_look(struct bc_core *core) {
  if (core->event.look_timer != NULL && !bc_timer_is_armed(core->event.look_timer)) {
    bc_timer_start(core->event.look_timer, EVENT_LOOK_MS);
  }
}

/* ---- readers ---- */

static void event_on_timer(void *arg) {
  struct bc_core *core = arg;
  struct core_event *event = &core->event;
  event_tell_commands(core);
  event_tell_routes(core);
  if (event->left_out > 0) {
    json_t *detail = json_object();
    json_object_set_new(detail, "missed", json_integer((json_int_t)event->left_out));
    event->left_out_all += event->left_out;
    event->left_out = 0;
    (void)event_add(core, BC_EVENT_GAP, bc_wall_now_ms(), NULL, 0, detail);
  }
  struct core_event_reader *reader;
  struct core_event_reader *next;
  for (reader = TAILQ_FIRST(&event->readers); reader != NULL; reader = next) {
    next = TAILQ_NEXT(reader, link);
    reader->fn(reader->arg);
  }
  if (TAILQ_EMPTY(&event->moved)) {
    bc_timer_stop(event->timer);
  } else {
    event_soon(event);
  }
}

void core_event_listen(struct bc_core *core, struct core_event_reader *reader) {
  TAILQ_INSERT_TAIL(&core->event.readers, reader, link);
}

void core_event_unlisten(struct bc_core *core, struct core_event_reader *reader) {
  TAILQ_REMOVE(&core->event.readers, reader, link);
}

/* ---- the beginning and the end ---- */

void core_event_open(struct bc_core *core) {
  struct core_event *event = &core->event;
  TAILQ_INIT(&event->readers);
  TAILQ_INIT(&event->moved);
  event->ring = bc_events_new((uint64_t)core->started_wall_ms * EVENT_IDS_A_MS);
  event->timer = bc_timer_new(core->loop, event_on_timer, core);
  event->look_timer = bc_timer_new(core->loop, event_on_look, core);
  event->warnings = json_object();
  json_t *detail = core_event_detail("start", NULL);
  json_object_set_new(detail, "version", json_string(BC_VERSION));
  json_object_set_new(detail, "start", json_integer((json_int_t)core->options->start_number));
  (void)core_event_tell(core, BC_EVENT_NODE, NULL, 0, detail);
}

void core_event_close(struct bc_core *core) {
  struct core_event *event = &core->event;
  if (event->ring == NULL) {
    return;
  }
  event_pass_over_routes(event);
  for (unsigned i = 0; i < CORE_EVENT_COMMANDS; i++) {
    bc_intern_put(core->intern, event->commands[i].owner);
    bc_intern_put(core->intern, event->commands[i].text);
  }
  bc_timer_free(event->timer);
  bc_timer_free(event->look_timer);
  event->look_timer = NULL;
  json_decref(event->warnings);
  bc_events_free(event->ring);
  event->ring = NULL;
}
