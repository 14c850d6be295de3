/* What Lua checks keep from run to run: held here, so that it outlives their worker, and saved now and then, so that it
 * outlives us. */
#include "base/mem.h"
#include "core/private.h"
#include "model/keylog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  STATE_PAUSE_MS = 3000,
  STATE_COST_FACTOR = 100,                           /* a save takes at most one percent of the loop's time */
  STATE_FILE_BYTES = 4 * BC_LIMIT_CHECK_STATES_BYTES /* with the keys */
};

static const char state_file[] = "checkstate";

/* Of a check that the core before this one ran, and this one does not run yet. */
struct core_saved_state {
  RB_ENTRY(core_saved_state) link;
  char *json;
  char key[];
};

static int state_compare(const struct core_saved_state *a, const struct core_saved_state *b) {
  return strcmp(a->key, b->key);
}

BC_TREE(core_saved_state_tree, core_saved_state, link, state_compare)

static struct core_saved_state *state_find(struct core_states *states, const char *key) {
  size_t len = strlen(key);
  struct core_saved_state *wanted = bc_mem_new(1, sizeof *wanted + len + 1);
  memcpy(wanted->key, key, len + 1);
  struct core_saved_state *saved = RB_FIND(core_saved_state_tree, &states->saved, wanted);
  free(wanted);
  return saved;
}

static void state_free_saved(struct core_states *states, struct core_saved_state *saved) {
  RB_REMOVE(core_saved_state_tree, &states->saved, saved);
  if (saved->json != NULL) {
    states->bytes -= strlen(saved->json);
  }
  free(saved->json);
  free(saved);
}

static void state_forget_saved(struct core_states *states) {
  struct core_saved_state *saved;
  while ((saved = RB_MIN(core_saved_state_tree, &states->saved)) != NULL) {
    state_free_saved(states, saved);
  }
}

/* ---- of one check ---- */

void core_state_claim(struct bc_core *core, struct core_check *check) {
  char key[CORE_CHECK_KEY_BYTES];
  struct core_states *states = &core->checks.states;
  struct core_saved_state *saved = state_find(states, core_check_key(check, key));
  if (saved != NULL) {
    check->kept = saved->json;
    saved->json = NULL;
    RB_REMOVE(core_saved_state_tree, &states->saved, saved);
    free(saved);
  }
}

void core_state_drop(struct bc_core *core, struct core_check *check) {
  if (check->kept != NULL) {
    core->checks.states.bytes -= strlen(check->kept);
    free(check->kept);
    check->kept = NULL;
    core->checks.states.is_dirty = true;
  }
}

/* What a broken worker sends may be anything. */
static const char *state_judge(const struct core_states *states, const struct core_check *check, struct bc_str json) {
  size_t before = check->kept == NULL ? 0 : strlen(check->kept);
  if (json.len > BC_LIMIT_CHECK_STATE_BYTES) {
    return "is too long";
  }
  if (states->bytes - before + json.len > BC_LIMIT_CHECK_STATES_BYTES) {
    return "finds no room beside the states of all others";
  }
  json_t *made = json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
  bool is_object = json_is_object(made);
  json_decref(made);
  return is_object ? NULL : "is no JSON object";
}

static void state_dirty(struct core_states *states) {
  states->is_dirty = true;
  if (!states->is_busy && !bc_timer_is_armed(states->timer)) {
    bc_timer_start(states->timer, states->pause_ms);
  }
}

void core_state_take(struct bc_core *core, struct core_check *check, struct bc_str json) {
  struct core_states *states = &core->checks.states;
  if (json.len == 0 || (check->kept != NULL && bc_str_is(json, check->kept))) {
    return;
  }
  const char *fault = state_judge(states, check, json);
  if (fault != NULL) {
    if (!check->is_state_refused) {
      char key[CORE_CHECK_KEY_BYTES];
      bc_log(BC_LOG_WARNING, "%s: its state %s: the one before is kept", core_check_key(check, key), fault);
    }
    check->is_state_refused = true;
    return;
  }
  check->is_state_refused = false;
  core_state_drop(core, check);
  check->kept = bc_mem_copy_text(json.at, json.len);
  states->bytes += json.len;
  state_dirty(states);
}

/* ---- the file ---- */

static void state_set_problem(struct bc_core *core, const char *problem) {
  struct core_states *states = &core->checks.states;
  if (problem != NULL && (states->problem == NULL || strcmp(states->problem, problem) != 0)) {
    bc_log(BC_LOG_WARNING, "states of checks: %s", problem);
  }
  char *left = states->problem;
  states->problem = bc_mem_copy_string(problem);
  free(left);
  core_publish_dirty(core);
}

static void state_on_saved(void *arg, enum bc_err err, const char *text) {
  struct bc_core *core = arg;
  struct core_states *states = &core->checks.states;
  states->is_busy = false;
  state_set_problem(core, err == BC_ERR_OK ? NULL : text);
  states->is_dirty = states->is_dirty || err != BC_ERR_OK;
  if (states->is_dirty) {
    bc_timer_start(states->timer, core->is_exiting && err == BC_ERR_OK ? 0 : states->pause_ms);
  }
}

static void state_add(const struct core_check *check, struct bc_keylog *to) {
  if (check->kept != NULL) {
    char key[CORE_CHECK_KEY_BYTES];
    bc_keylog_add(to, bc_str_of(core_check_key(check, key)), bc_str_of(check->kept));
  }
}

static void state_add_all(struct bc_core *core, struct bc_keylog *to) {
  struct core_saved_state *saved;
  for (struct core_route *route = core_route_next(core, NULL); route != NULL; route = core_route_next(core, route)) {
    if (route->check != NULL) {
      state_add(route->check, to);
    }
  }
  for (struct core_named *named = core_named_after(core, NULL); named != NULL;
       named = core_named_after(core, named->check.name)) {
    state_add(&named->check, to);
  }
  RB_FOREACH(saved, core_saved_state_tree, &core->checks.states.saved) {
    bc_keylog_add(to, bc_str_of(saved->key), bc_str_of(saved->json));
  }
}

void core_state_save(struct bc_core *core) {
  struct core_states *states = &core->checks.states;
  if (!states->is_dirty || states->is_busy || core->disk == NULL) {
    return;
  }
  /* Once the store has told all, what no check has asked for belongs to none. */
  if (core->apply.has_list && core->routes_started && !core->is_exiting) {
    state_forget_saved(states);
  }
  struct bc_mono begun = bc_mono_now();
  struct bc_keylog content;
  bc_keylog_init(&content, STATE_FILE_BYTES);
  state_add_all(core, &content);
  bc_keylog_end(&content);
  enum bc_err err = bc_buf_status(&content.text);
  if (err == BC_ERR_OK) {
    err = bc_disk_save(core->disk, state_file, bc_buf_str(&content.text), state_on_saved, core);
  }
  bc_keylog_free(&content);
  states->is_busy = err == BC_ERR_OK;
  states->is_dirty = err != BC_ERR_OK;
  states->pause_ms = STATE_PAUSE_MS + bc_mono_ms_between(begun, bc_mono_now()) * STATE_COST_FACTOR;
  if (err != BC_ERR_OK) {
    state_set_problem(core, "not saved: the disk is too slow");
    bc_timer_start(states->timer, states->pause_ms);
  }
}

static void state_on_timer(void *arg) {
  core_state_save(arg);
}

static void state_on_judged(void *arg, struct bc_str key, struct bc_str value) {
  (void)arg;
  (void)key;
  (void)value;
}

static void state_on_read(void *arg, struct bc_str key, struct bc_str value) {
  struct core_states *states = arg;
  if (key.len >= CORE_CHECK_KEY_BYTES || value.len > BC_LIMIT_CHECK_STATE_BYTES ||
      states->bytes + value.len > BC_LIMIT_CHECK_STATES_BYTES || memchr(value.at, '\0', value.len) != NULL) {
    return;
  }
  struct core_saved_state *saved = bc_mem_new(1, sizeof *saved + key.len + 1);
  memcpy(saved->key, key.at, key.len);
  if (RB_INSERT(core_saved_state_tree, &states->saved, saved) != NULL) {
    free(saved);
    return;
  }
  saved->json = bc_mem_copy_text(value.at, value.len);
  states->bytes += value.len;
}

static void state_load(struct bc_core *core) {
  struct bc_buf content;
  struct bc_fault fault;
  size_t good;
  bc_buf_init(&content, STATE_FILE_BYTES);
  enum bc_err err = bc_disk_load(core->disk, state_file, &content, &fault);
  if (err == BC_ERR_NOT_FOUND) {
    bc_buf_free(&content);
    return;
  }
  /* All of it or nothing: a damaged file is read once to be judged. */
  bool is_good = err == BC_ERR_OK && bc_keylog_read(bc_buf_str(&content), state_on_judged, NULL, &good) == BC_ERR_OK &&
                 bc_keylog_read(bc_buf_str(&content), state_on_read, &core->checks.states, &good) == BC_ERR_OK;
  if (!is_good) {
    bc_log(BC_LOG_WARNING, "states of checks: %s: all of them begin anew",
           err == BC_ERR_OK ? "the file is damaged" : fault.text);
  }
  bc_buf_free(&content);
}

void core_state_open(struct bc_core *core) {
  struct core_states *states = &core->checks.states;
  states->timer = bc_timer_new(core->loop, state_on_timer, core);
  states->pause_ms = STATE_PAUSE_MS;
  state_load(core);
}

void core_state_close(struct bc_core *core) {
  bc_timer_free(core->checks.states.timer);
  state_forget_saved(&core->checks.states);
  free(core->checks.states.problem);
}
