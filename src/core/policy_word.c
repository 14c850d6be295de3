/* What a route's policy has said, and what of that counts: the verdict with its attributes, at its time. */
#include "base/mem.h"
#include "core/private.h"
#include "model/policy_verdict.h"
#include "model/record.h"

#include <stdlib.h>
#include <string.h>

enum {
  WORD_CHANGES_MS = 5000, /* between two changes of attributes, or before it comes back, but for health */
  WORD_DROPPED_MOST = 3   /* answers in a row that are too old to count */
};

/* ---- what was said ---- */

void core_policy_said_clear(struct bc_core *core, struct core_policy_said *said) {
  bc_intern_put(core->intern, said->reason);
  bc_intern_put(core->intern, said->text);
  json_decref(said->attributes);
  *said = (struct core_policy_said){.verdict = BC_VERDICT_KEEP};
}

void core_policy_drop_delayed(struct bc_core *core, struct core_route_policy *part) {
  if (part->delayed != NULL) {
    core_policy_said_clear(core, part->delayed);
    free(part->delayed);
    part->delayed = NULL;
  }
  part->delayed_at = (struct bc_mono){0};
}

static bool word_is_same_attributes(const struct core_policy_said *a, const struct core_policy_said *b) {
  return a->attributes == b->attributes ||
         (a->attributes != NULL && b->attributes != NULL && json_equal(a->attributes, b->attributes) == 1);
}

/* The new word counts from now on. */
static void word_set(struct bc_core *core, struct core_route_policy *part, struct core_policy_said *said) {
  bool is_as_before = !part->is_as_told && word_is_same_attributes(&part->said, said);
  /* What keeps a route as it is says nothing of its attributes: those of before stay. */
  if (said->verdict == BC_VERDICT_KEEP) {
    json_decref(said->attributes);
    said->attributes = json_incref(part->said.attributes);
    is_as_before = true;
  } else {
    part->is_as_told = false;
  }
  bool is_turn = part->has_answered && said->verdict != BC_VERDICT_KEEP &&
                 (said->verdict == BC_VERDICT_WITHDRAW) != (part->said.verdict == BC_VERDICT_WITHDRAW);
  if (!is_as_before || is_turn) {
    part->changed_at = bc_mono_now();
  }
  /* The decision before the next one may still be told by it. */
  bc_intern_put(core->intern, part->reason_before);
  part->reason_before = part->said.reason;
  part->said.reason = NULL;
  core_policy_said_clear(core, &part->said);
  part->said = *said;
  part->has_answered = true;
}

/* What the route would be announced with is another, or it would come back. */
static bool word_is_change(const struct core_route_policy *part, const struct core_policy_said *said) {
  const struct core_policy_said *before = &part->said;
  bool is_back =
      before->verdict == BC_VERDICT_WITHDRAW || (before->verdict == BC_VERDICT_KEEP && !part->route->is_wanted);
  return said->verdict == BC_VERDICT_ANNOUNCE && (is_back || !word_is_same_attributes(before, said));
}

/* Not for its health, nor for anything that people did, and it changed a moment ago: what leaves leaves at once, but a
 * policy that changes its mind all the time makes no router restless. */
static bool word_is_to_wait(const struct core_route_policy *part, const struct core_policy_said *said) {
  const struct core_policy_said *before = &part->said;
  bool is_calm = part->has_answered && !part->is_changed && !part->has_failed && !part->is_as_told &&
                 before->script_hash == said->script_hash && before->is_healthy == said->is_healthy;
  return is_calm && word_is_change(part, said) && bc_mono_is_set(part->changed_at) &&
         !bc_mono_reached(bc_mono_add_ms(part->changed_at, WORD_CHANGES_MS), bc_mono_now());
}

void core_policy_take_delayed(struct bc_core *core, struct core_route_policy *part) {
  struct core_policy_said *said = part->delayed;
  if (said == NULL || core->is_exiting) {
    return;
  }
  part->delayed = NULL;
  part->delayed_at = (struct bc_mono){0};
  word_set(core, part, said);
  free(said);
  core_dispatch_decided(core, part->route);
}

/* ---- an answer ---- */

static void word_set_failing(struct core_route_policy *part, bool has_failed) {
  part->policy->failing += has_failed;
  part->policy->failing -= part->has_failed;
  part->has_failed = has_failed;
}

static void word_set_error(struct core_route_policy *part, const char *error) {
  char *copy = bc_mem_copy_string(error);
  free(part->error);
  part->error = copy;
}

/* Told once for a key until the failure is another. */
static void word_log_failure(const struct core_route_policy *part, const char *error) {
  struct core_policy *policy = part->policy;
  uint32_t hash = 2166136261U;
  for (const char *at = error; *at != '\0'; at++) {
    hash = (hash ^ (unsigned char)*at) * 16777619U;
  }
  if (hash != policy->error_hash) {
    policy->error_hash = hash;
    bc_log(BC_LOG_WARNING,
           "%s fails for route %s: %s: the last verdict holds, and of a failed check the health decides", policy->key,
           part->route->name, error);
  }
}

void core_policy_fail(struct bc_core *core, struct core_route_policy *part, const char *error) {
  core_policy_answered(core, part);
  part->is_changed = false;
  part->again_at = (struct bc_mono){0};
  word_log_failure(part, error);
  word_set_error(part, error);
  word_set_failing(part, true);
  core->policies.failed++;
  core_dispatch_decided(core, part->route);
}

void core_policy_set_late(struct bc_core *core, struct core_route_policy *part, int seconds) {
  bool is_running = core->pools[CORE_WORKER_POLICY].is_running;
  char error[CORE_POLICY_REASON_BYTES];
  if (core->options->is_safe_mode) {
    (void)snprintf(error, sizeof error, "safe mode: policies are not run");
  } else {
    (void)snprintf(error, sizeof error, "the policy %shas not answered within %d s",
                   is_running ? "" : "worker does not run, and ", seconds);
  }
  core->policies.late++;
  word_log_failure(part, error);
  word_set_error(part, error);
  word_set_failing(part, true);
  core_dispatch_decided(core, part->route);
}

static void word_log_mended(struct core_route_policy *part) {
  struct core_policy *policy = part->policy;
  if (part->has_failed && policy->failing == 1 && policy->error_hash != 0) {
    policy->error_hash = 0;
    bc_log(BC_LOG_NOTICE, "%s gives verdicts again", policy->key);
  }
}

/* With what people have in the store now; false with the line in `fault`. */
bool core_policy_can_apply(struct bc_core *core, const struct core_route *route, const json_t *attributes,
                           struct bc_fault *fault) {
  struct bc_config_route view;
  struct bc_route made;
  if (attributes == NULL || !bc_config_find(core->config, route->name, &view) || view.route == NULL) {
    return true;
  }
  if (core_policy_apply(core, view.route, attributes, &made, fault) != BC_ERR_OK) {
    return false;
  }
  bc_route_release(core->intern, &made);
  return true;
}

static void word_take(struct bc_core *core, struct core_route_policy *part, struct core_policy_said *said) {
  core_policy_answered(core, part);
  word_log_mended(part);
  bool is_to_wait = word_is_to_wait(part, said);
  word_set_error(part, NULL);
  word_set_failing(part, false);
  part->is_changed = false;
  core_policy_drop_delayed(core, part);
  part->again_at = said->again_ms == 0 ? (struct bc_mono){0} : bc_mono_add_ms(bc_mono_now(), said->again_ms);
  if (is_to_wait) {
    part->delayed = bc_mem_new(1, sizeof *part->delayed);
    *part->delayed = *said;
    part->delayed_at = bc_mono_add_ms(part->changed_at, WORD_CHANGES_MS);
  } else {
    word_set(core, part, said);
  }
  core_policy_due_changed(core, part);
  core_dispatch_decided(core, part->route);
}

/* An answer to what is not so any more would be wrong: asked again, but not for ever. */
static bool word_is_too_old(struct bc_core *core, struct core_route_policy *part) {
  if (part->is_very_old && part->dropped < WORD_DROPPED_MOST) {
    part->dropped++;
    core_policy_ask(core, part, POLICY_QUEUE_FIRST);
    return true;
  }
  part->dropped = 0;
  if (part->is_old) {
    core_policy_ask(core, part, POLICY_QUEUE_LATER);
  }
  return false;
}

void core_policy_take_answer(struct bc_core *core, struct core_route_policy *part, struct core_policy_said *said) {
  struct bc_fault fault;
  /* Nothing is decided any more. */
  if (core->is_exiting || word_is_too_old(core, part)) {
    core_policy_said_clear(core, said);
    return;
  }
  if (!core_policy_can_apply(core, part->route, said->attributes, &fault)) {
    char error[CORE_POLICY_REASON_BYTES];
    (void)snprintf(error, sizeof error, "%s: %s", part->policy->key, fault.text);
    core_policy_said_clear(core, said);
    core_policy_fail(core, part, error);
    return;
  }
  word_take(core, part, said);
}

void core_policy_take_failure(struct bc_core *core, struct core_route_policy *part, const char *error) {
  if (!core->is_exiting && !word_is_too_old(core, part)) {
    core_policy_fail(core, part, error);
  }
}

/* ---- what decides ---- */

struct bc_policy_word core_policy_word(const struct core_route *route) {
  const struct core_route_policy *part = route->policy;
  if (part == NULL || (part->force == NULL && part->is_over_builtin)) {
    return (struct bc_policy_word){.state = BC_POLICY_NONE};
  }
  struct bc_policy_word word = {.verdict = part->said.verdict, .reason = part->said.reason};
  if (part->is_awaited) {
    word.state = BC_POLICY_AWAITED;
  } else if (part->has_failed || part->force == NULL) {
    word.state = BC_POLICY_FAILED;
  } else {
    word.state = part->has_answered ? BC_POLICY_SAYS : BC_POLICY_AWAITED;
  }
  return word;
}

enum core_policy_made core_policy_make(struct bc_core *core, const struct core_route *route,
                                       const struct bc_route *configured, struct bc_route *made) {
  const struct core_route_policy *part = route->policy;
  bool is_none = part == NULL || (part->force == NULL && part->is_over_builtin);
  if (is_none) {
    return CORE_POLICY_PLAIN;
  }
  if (!part->has_answered || part->is_as_told) {
    return CORE_POLICY_STAYS;
  }
  if (part->said.attributes == NULL) {
    return CORE_POLICY_PLAIN;
  }
  struct bc_fault fault;
  return core_policy_apply(core, configured, part->said.attributes, made, &fault) == BC_ERR_OK ? CORE_POLICY_MADE
                                                                                               : CORE_POLICY_STAYS;
}

/* The words that stand, as a route with this one's NLRI. */
static bool word_make_told(struct bc_core *core, const struct bc_route *configured, const char *attributes,
                           struct bc_route *told) {
  struct bc_route worded = bc_route_copy(configured);
  struct bc_buf text;
  bc_intern_put(core->intern, worded.attributes);
  worded.attributes = bc_intern_ref(attributes);
  bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
  bc_route_print(&worded, BC_VERB_NONE, &text);
  bool is_made =
      bc_buf_status(&text) == BC_ERR_OK && bc_route_parse(core->intern, bc_buf_str(&text), told, NULL) == BC_ERR_OK;
  bc_buf_free(&text);
  bc_route_release(core->intern, &worded);
  return is_made;
}

bool core_policy_find_told(struct bc_core *core, const struct bc_route *configured, struct bc_route *told) {
  const char *attributes = NULL;
  for (size_t i = 0; attributes == NULL && i < bc_route_nlri_count(configured); i++) {
    struct bc_rib_view view;
    const struct bc_nlri *nlri = bc_route_nlri(configured, i);
    attributes = bc_rib_stood_as(core->rib, configured->selector, nlri, core->journal.was_lost);
    bool is_told = attributes == NULL && bc_rib_is_started(core->rib) &&
                   bc_rib_find(core->rib, configured->selector, nlri, &view) && view.told != NULL;
    attributes = is_told ? view.told->attributes : attributes;
  }
  return attributes != NULL && word_make_told(core, configured, attributes, told);
}

void core_policy_recall(struct bc_core *core, struct core_route *route) {
  struct core_route_policy *part = route->policy;
  if (part != NULL && !part->has_answered) {
    core_policy_said_clear(core, &part->said);
    part->said.verdict = BC_VERDICT_ANNOUNCE;
    part->is_as_told = true;
    core_policy_wait_for_checks(core, part);
  }
}

bool core_policy_tell(struct bc_core *core, const struct core_route *route, struct bc_record_policy *told) {
  struct core_policies *policies = &core->policies;
  const struct core_route_policy *part = route->policy;
  if (part == NULL) {
    return false;
  }
  const char *context = core_policy_answering(core, part);
  bool is_kept = context != NULL && core_record_has_context_room(core);
  bc_buf_clear(&policies->told);
  if (is_kept) {
    core_policy_complete_context(core, bc_str_of(context), part->force, &policies->told);
    core_record_count_context(core, policies->told.len);
  }
  bool is_whole = is_kept && bc_buf_status(&policies->told) == BC_ERR_OK;
  *told = (struct bc_record_policy){.key = part->force != NULL ? part->force->key : part->policy->key,
                                    .hash = part->said.script_hash,
                                    .verdict = part->said.text,
                                    .context = is_whole ? policies->told.data : NULL,
                                    .is_cut = context != NULL && !is_whole,
                                    .error = part->error,
                                    .cpu_us = part->said.cpu_us};
  return true;
}
