/* The policy `admission`: whether a route that people or programs ask for on this node may come. */
#include "base/mem.h"
#include "core/private.h"
#include "model/policy_verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADMIT_LATE_MS = 2000, ADMIT_MOST = 256 };

/* One question. */
struct core_admit {
  TAILQ_ENTRY(core_admit) link;
  struct bc_core *core;
  core_policy_admit_fn *fn;
  void *arg;
  char *context;
  size_t len;
  struct bc_timer *timer;
  bool is_sent;
};

static void admit_free(struct core_admit *admit) {
  struct core_policies *policies = &admit->core->policies;
  core_policy_forget_admission(admit->core, admit);
  TAILQ_REMOVE(&policies->admits, admit, link);
  policies->admit_count--;
  policies->admits_unsent -= !admit->is_sent;
  bc_timer_free(admit->timer);
  free(admit->context);
  free(admit);
}

/* Gone before it is told: who hears of it may ask the next. */
static void admit_give(struct core_admit *admit, const struct core_policy_admission *answer) {
  core_policy_admit_fn *fn = admit->fn;
  void *arg = admit->arg;
  admit_free(admit);
  fn(arg, answer);
}

static void admit_on_late(void *arg) {
  admit_give(arg, &(struct core_policy_admission){.error = "the policy has not answered within 2 s"});
}

void core_admit_answer(struct core_admit *admit, const struct core_policy_said *said, const char *error) {
  admit_give(admit,
             &(struct core_policy_admission){.is_asked = error == NULL,
                                             .is_admitted = error == NULL && said->verdict == BC_VERDICT_ANNOUNCE,
                                             .reason = said->reason,
                                             .error = error,
                                             .attributes = said->attributes});
}

void core_admit_lost(struct bc_core *core, struct core_admit *admit) {
  admit->is_sent = false;
  core->policies.admits_unsent++;
  core_policy_work_soon(core);
}

bool core_admit_is_due(const struct bc_core *core) {
  return core->policies.admits_unsent > 0;
}

/* The version that decides, or before one ever did the one that is new. */
static struct core_policy_version *admit_version(struct bc_core *core) {
  const struct core_policy *policy = core_policy_find(core, "admission");
  if (policy == NULL) {
    return NULL;
  }
  return policy->running != NULL ? policy->running : policy->candidate;
}

void core_admit_send_some(struct bc_core *core) {
  struct core_policies *policies = &core->policies;
  struct core_admit *next;
  for (struct core_admit *admit = TAILQ_FIRST(&policies->admits); admit != NULL && policies->admits_unsent > 0;
       admit = next) {
    next = TAILQ_NEXT(admit, link);
    struct core_policy_version *version = admit_version(core);
    if (admit->is_sent) {
      continue;
    }
    if (version == NULL) {
      admit_give(admit, &(struct core_policy_admission){.is_admitted = true});
    } else if (core_lua_is_quarantined(core, version->script->hash)) {
      admit_give(admit,
                 &(struct core_policy_admission){.error = "admission: killed three times within ten minutes: not "
                                                          "run until it is changed"});
    } else if (core_policy_send_admission(core, version, admit, (struct bc_str){admit->context, admit->len})) {
      admit->is_sent = true;
      policies->admits_unsent--;
    } else {
      return;
    }
  }
}

/* ---- the question ---- */

static void admit_print(struct bc_core *core, const json_t *request, const struct bc_route *route, struct bc_buf *to) {
  static const char *const members[] = {"owner", "ttl", "reason", "source"};
  int64_t now_ms = bc_wall_now_ms();
  json_t *asked = json_object();
  json_object_set(asked, "command", json_object_get(request, "announce"));
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    json_t *member = json_object_get(request, members[i]);
    if (member != NULL) {
      json_object_set(asked, members[i], member);
    }
  }
  bc_buf_add_format(to, "{\"kind\":\"admission\",\"now\":%" PRId64 ".%03d,\"request\":", now_ms / 1000,
                    (int)(now_ms % 1000));
  core_report_print(asked, to);
  bc_buf_add_char(to, ',');
  core_policy_add_route(core, route, json_string_value(json_object_get(request, "name")), to);
  bc_buf_add_char(to, '}');
  json_decref(asked);
}

bool core_policy_admit(struct bc_core *core, const json_t *request, core_policy_admit_fn *fn, void *arg,
                       struct bc_fault *fault) {
  struct core_policies *policies = &core->policies;
  const char *command = json_string_value(json_object_get(request, "announce"));
  struct bc_route route;
  enum bc_verb verb;
  if (command == NULL) {
    bc_fault_set(fault, 0, "expected `announce`, a text: \"announce route 192.0.2.1/32 next-hop self\"");
    return false;
  }
  if (policies->admit_count == ADMIT_MOST) {
    bc_fault_set(fault, 0, "too many questions for admission at once");
    return false;
  }
  if (bc_route_parse_command(core->intern, bc_str_of(command), &verb, &route, fault) != BC_ERR_OK) {
    return false;
  }
  struct bc_buf context;
  bc_buf_init(&context, BC_LIMIT_POLICY_CONTEXT_BYTES);
  admit_print(core, request, &route, &context);
  bc_route_release(core->intern, &route);
  if (bc_buf_status(&context) != BC_ERR_OK) {
    bc_buf_free(&context);
    bc_fault_set(fault, 0, "the request is too long for the policy");
    return false;
  }
  struct core_admit *admit = bc_mem_new(1, sizeof *admit);
  admit->core = core;
  admit->fn = fn;
  admit->arg = arg;
  admit->len = context.len;
  admit->context = bc_buf_take(&context);
  admit->timer = bc_timer_new(core->loop, admit_on_late, admit);
  TAILQ_INSERT_TAIL(&policies->admits, admit, link);
  policies->admit_count++;
  policies->admits_unsent++;
  bc_timer_start(admit->timer, ADMIT_LATE_MS);
  if (admit_version(core) == NULL) {
    core_admit_send_some(core);
  } else {
    core_policy_work_soon(core);
  }
  return true;
}

void core_policy_admit_cancel(struct bc_core *core, const void *arg) {
  struct core_admit *next;
  for (struct core_admit *admit = TAILQ_FIRST(&core->policies.admits); admit != NULL; admit = next) {
    next = TAILQ_NEXT(admit, link);
    if (admit->arg == arg) {
      admit_free(admit);
    }
  }
}

/* ---- the local socket: a question without consequences ---- */

struct admit_ask {
  struct bc_core *core;
  json_t *answer; /* NULL = not yet */
};

static void admit_on_answer(void *arg, const struct core_policy_admission *answer) {
  struct admit_ask *ask = arg;
  ask->answer = json_object();
  json_object_set_new(ask->answer, "asked", json_boolean(answer->is_asked));
  json_object_set_new(ask->answer, "admitted", json_boolean(answer->is_admitted));
  json_object_set_new(ask->answer, "reason", answer->reason == NULL ? json_null() : json_string(answer->reason));
  json_object_set_new(ask->answer, "failure", answer->error == NULL ? json_null() : json_string(answer->error));
  json_object_set_new(ask->answer, "attributes",
                      answer->attributes == NULL ? json_null() : json_deep_copy(answer->attributes));
}

static bool admit_more(void *arg, struct bc_buf *text) {
  struct admit_ask *ask = arg;
  if (ask->answer != NULL) {
    core_report_print(ask->answer, text);
  }
  return ask->answer == NULL;
}

static void admit_end(void *arg) {
  struct admit_ask *ask = arg;
  core_policy_admit_cancel(ask->core, ask);
  json_decref(ask->answer);
  free(ask);
}

bool core_policy_admit_begin(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer,
                             struct bc_fault *fault) {
  struct admit_ask *ask = bc_mem_new(1, sizeof *ask);
  ask->core = core;
  if (!core_policy_admit(core, request, admit_on_answer, ask, fault)) {
    free(ask);
    return false;
  }
  answer->more = admit_more;
  answer->end = admit_end;
  answer->arg = ask;
  return true;
}

void core_admit_close(struct bc_core *core) {
  struct core_admit *admit;
  while ((admit = TAILQ_FIRST(&core->policies.admits)) != NULL) {
    admit_free(admit);
  }
}
