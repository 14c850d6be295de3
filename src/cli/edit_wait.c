/* After an edit: this node's daemon has taken it and done what follows from it. */
#include "base/duration.h"
#include "base/mono.h"
#include "cli/client.h"
#include "cli/edit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* A directory is read within half a second, but does not say so. What was read is acted on a moment later: it counts
 * when it is so twice. */
enum { WAIT_MS = 30000, WAIT_STEP_MS = 50, WAIT_FOR_DIRECTORY_MS = 1000, WAIT_LOOKS = 2 };

enum wait_state { WAIT_GOES_ON, WAIT_DONE, WAIT_IN_VAIN };

struct wait {
  struct bc_edit *edit;
  const struct bc_edit_plan *plan;
  struct bc_mono start;
  bool is_taken; /* the daemon has read the change */
  char text[BC_FAULT_TEXT_BYTES];
};

static json_t *wait_ask(const struct wait *wait, const char *command, const char *name) {
  json_t *request = bc_client_request(command);
  json_t *answer = NULL;
  if (name != NULL) {
    (void)json_object_set_new(request, "name", json_string(name));
  }
  (void)bc_client_try_for_part(wait->edit->settings, request, &answer);
  return answer;
}

static enum wait_state wait_look_at_status(struct wait *wait) {
  json_t *status = wait_ask(wait, "status", NULL);
  const json_t *store = json_object_get(status, "store");
  uint64_t revision = bc_store_edit_revision(wait->edit->store);
  enum wait_state state = WAIT_GOES_ON;
  if (status == NULL) {
    (void)snprintf(wait->text, sizeof wait->text, "no daemon answers on this node");
    return WAIT_IN_VAIN;
  }
  wait->is_taken = revision == 0 ? bc_mono_ms_between(wait->start, bc_mono_now()) >= WAIT_FOR_DIRECTORY_MS
                                 : (uint64_t)bc_client_number(store, "revision") >= revision;
  (void)snprintf(wait->text, sizeof wait->text, "the daemon has not read the change: its store is %s: %s",
                 bc_client_text(store, "state"), bc_client_text(store, "text"));
  if (!json_is_null(json_object_get(store, "loss"))) {
    (void)snprintf(wait->text, sizeof wait->text, "a store loss waits for approval: %s",
                   bc_client_text(json_object_get(store, "loss"), "text"));
    state = WAIT_IN_VAIN;
  } else if (wait->is_taken && wait->plan->waits_for == NULL) {
    state = bc_client_is_true(json_object_get(status, "exabgp"), "settled") ? WAIT_DONE : WAIT_GOES_ON;
    (void)snprintf(wait->text, sizeof wait->text, "ExaBGP has not confirmed all");
  }
  json_decref(status);
  return state;
}

static bool wait_is(const json_t *route, const char *name, const char *text) {
  return strcmp(bc_client_text(route, name), text) == 0;
}

static enum wait_state wait_judge_route(struct wait *wait, const json_t *route) {
  const char *name = wait->plan->waits_for;
  bool is_on_wire = wait_is(route, "state", "announced") && json_array_size(json_object_get(route, "missing")) == 0;
  if (route == NULL) {
    (void)snprintf(wait->text, sizeof wait->text, "the daemon does not know %s yet", name);
    return wait->plan->is_delete ? WAIT_DONE : WAIT_GOES_ON;
  }
  (void)snprintf(wait->text, sizeof wait->text, "%s is %s: %s: %s", name, bc_client_text(route, "state"),
                 bc_client_text(route, "layer"), bc_client_text(route, "reason"));
  if (wait->plan->is_delete) {
    return WAIT_GOES_ON;
  }
  static const char *const final[] = {"refused", "foreign", "faulty", "unsubscribed"};
  for (size_t i = 0; i < sizeof final / sizeof final[0]; i++) {
    if (wait_is(route, "state", final[i])) {
      return WAIT_IN_VAIN;
    }
  }
  bool is_settled = !wait_is(route, "layer", "settling") && !wait_is(route, "verdict", "keep");
  if (is_settled && wait_is(route, "verdict", "withdraw")) {
    return wait_is(route, "layer", "health") && wait_is(route, "health", "unknown") ? WAIT_GOES_ON : WAIT_IN_VAIN;
  }
  return is_on_wire && is_settled ? WAIT_DONE : WAIT_GOES_ON;
}

static enum wait_state wait_look(struct wait *wait) {
  enum wait_state state = wait_look_at_status(wait);
  if (state != WAIT_GOES_ON || !wait->is_taken || wait->plan->waits_for == NULL) {
    return state;
  }
  json_t *routes = wait_ask(wait, "routes", wait->plan->waits_for);
  state = routes == NULL ? WAIT_GOES_ON : wait_judge_route(wait, json_array_get(json_object_get(routes, "routes"), 0));
  json_decref(routes);
  return state;
}

int bc_edit_wait(struct bc_edit *edit, const struct bc_edit_plan *plan) {
  struct wait wait = {.edit = edit, .plan = plan, .start = bc_mono_now()};
  unsigned ms = WAIT_MS;
  /* It was read when the store was opened. */
  (void)!(edit->settings->timeout == NULL || bc_duration_parse(bc_str_of(edit->settings->timeout), &ms) == BC_ERR_OK);
  struct bc_mono end = bc_mono_add_ms(wait.start, ms);
  enum wait_state state = wait_look(&wait);
  unsigned looks = 1;
  while ((state == WAIT_GOES_ON || looks < WAIT_LOOKS) && !bc_mono_reached(end, bc_mono_now())) {
    const struct timespec step = {.tv_nsec = WAIT_STEP_MS * 1000000L};
    (void)nanosleep(&step, NULL);
    enum wait_state before = state;
    state = wait_look(&wait);
    looks = state == before ? looks + 1 : 1;
  }
  long long took = bc_mono_ms_between(wait.start, bc_mono_now());
  (void)json_object_set_new(edit->answer, "onWire", json_boolean(state == WAIT_DONE));
  (void)json_object_set_new(edit->answer, "waitedMs", json_integer((json_int_t)took));
  if (state != WAIT_DONE) {
    return bc_edit_tell(edit, BC_CLI_NOT_ON_WIRE, "not on the wire", "%s, but %s: %s",
                        edit->count == 0 ? "nothing was changed" : "written",
                        state == WAIT_IN_VAIN ? "it does not come on the wire" : "not on the wire in time", wait.text);
  }
  if (!edit->settings->is_json) {
    (void)printf("on the wire after %lld ms\n", took);
  }
  return BC_CLI_OK;
}
