#include "core/admission.h"

#include "base/mem.h"
#include "core/lease.h"
#include "core/private.h"
#include "model/address.h"

#include <stdlib.h>
#include <string.h>

enum { ADMISSION_OWN_MOST = 2 * BC_LIMIT_NEIGHBORS, ADMISSION_RETRY_S = 5, ADMISSION_HOUR_RETRY_S = 60 };

/* A question that the policy is asked; or what was admitted, until it stands. */
struct core_asked {
  TAILQ_ENTRY(core_asked) link;
  struct bc_core *core;
  core_admission_fn *fn;
  void *arg;
  struct bc_route route;
  char *owner;
  uint64_t asked_ttl_ms;
  uint64_t ttl_ms;
  const struct bc_token *token;
  size_t replaced; /* NLRI of the one whose place it takes */
  bool is_blackhole;
  bool is_dry_run;
};

/* ---- answers ---- */

static unsigned admission_retry_s(enum bc_admission_answer answer) {
  unsigned status = bc_admission_status(answer);
  return status == 429 ? ADMISSION_HOUR_RETRY_S : status == 503 ? ADMISSION_RETRY_S : 0;
}

static struct core_admission_answer admission_refusal(enum bc_admission_answer answer, const struct bc_fault *fault) {
  return (struct core_admission_answer){.status = bc_admission_status(answer),
                                        .code = bc_admission_code(answer),
                                        .detail = fault->text,
                                        .column = fault->column,
                                        .retry_after_s = admission_retry_s(answer)};
}

/* ---- the rules ---- */

static size_t admission_list_own(const struct bc_core *core, struct bc_prefix own[static ADMISSION_OWN_MOST]) {
  size_t count = 0;
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    const char *const texts[] = {core->neighbors[i].config.peer, core->neighbors[i].config.local};
    for (unsigned j = 0; j < 2; j++) {
      uint8_t address[16];
      bool is_ipv6 = false;
      if (bc_address_parse(bc_str_of(texts[j]), address, &is_ipv6)) {
        own[count++] = bc_prefix_of_address(address, is_ipv6);
      }
    }
  }
  return count;
}

/* Those that the policy is still asked about, or that are on their way to the disk, will stand soon. */
static void admission_count(struct bc_core *core, const char *owner, struct bc_admission_ask *ask) {
  struct core_lease_counts counts = core_lease_count(core, owner);
  const struct core_asked *asked;
  ask->nlri = counts.nlri;
  ask->token_nlri = counts.nlri_of_owner;
  ask->token_hour = counts.hour_of_owner;
  TAILQ_FOREACH(asked, &core->admission.asked, link) {
    bool is_own = strcmp(asked->owner, owner) == 0;
    size_t nlri = asked->is_dry_run ? 0 : bc_route_nlri_count(&asked->route);
    size_t more = nlri > asked->replaced ? nlri - asked->replaced : 0;
    ask->nlri += more;
    ask->token_nlri += is_own ? more : 0;
    ask->token_hour += is_own ? nlri : 0;
  }
}

static enum bc_admission_answer admission_judge_guard(const struct bc_core *core, const struct bc_route *route,
                                                      size_t replaced, struct bc_fault *fault) {
  if (bc_guard_judge(core->guard.guard, route, fault) != BC_GUARD_ALLOWS) {
    return BC_ADMISSION_GUARD;
  }
  size_t nlri = bc_route_nlri_count(route);
  size_t more = nlri > replaced ? nlri - replaced : 0;
  return bc_guard_judge_count(core->guard.guard, core->guard.announced, more, fault) == BC_GUARD_ALLOWS
             ? BC_ADMISSION_OK
             : BC_ADMISSION_GUARD_ROOM;
}

/* All but the policy. */
static enum bc_admission_answer admission_judge(struct bc_core *core, const struct core_admission_ask *ask,
                                                size_t replaced, uint64_t *ttl_ms, struct bc_fault *fault) {
  struct bc_prefix own[ADMISSION_OWN_MOST];
  struct bc_admission_ask judged = {.route = ask->route,
                                    .ttl_ms = ask->ttl_ms,
                                    .is_blackhole = ask->is_blackhole,
                                    .replaced = replaced,
                                    .own = own,
                                    .own_count = admission_list_own(core, own)};
  if (!core->link.knows_sessions) {
    bc_fault_set(fault, 0,
                 "ExaBGP has not told yet which BGP sessions there are: nothing is admitted before, as it may "
                 "be an address of one");
    return BC_ADMISSION_STARTING;
  }
  admission_count(core, ask->owner, &judged);
  enum bc_admission_answer answer = bc_admission_judge(core->admission.rules, &judged, ttl_ms, fault);
  if (answer == BC_ADMISSION_OK && ask->token != NULL && !bc_token_covers(ask->token, ask->route, fault)) {
    answer = BC_ADMISSION_TOKEN_PREFIX;
  }
  return answer == BC_ADMISSION_OK ? admission_judge_guard(core, ask->route, replaced, fault) : answer;
}

/* ---- the policy ---- */

static void admission_remove(struct core_asked *asked) {
  struct bc_core *core = asked->core;
  TAILQ_REMOVE(&core->admission.asked, asked, link);
  core->admission.asked_count--;
  bc_route_release(core->intern, &asked->route);
  free(asked->owner);
  free(asked);
}

/* What is admitted keeps its place among those that count until it stands, so that no other takes the same one. All
 * else is gone before it is told: who hears of it may ask the next. */
static void admission_give(struct core_asked *asked, const struct core_admission_answer *answer) {
  struct bc_core *core = asked->core;
  core_admission_fn *fn = asked->fn;
  void *arg = asked->arg;
  struct bc_route route = bc_route_copy(&asked->route);
  struct core_admission_answer told = *answer;
  told.route = answer->route == &asked->route ? &route : answer->route;
  if (!answer->is_admitted || asked->is_dry_run) {
    admission_remove(asked);
  }
  fn(arg, &told);
  bc_route_release(core->intern, &route);
}

/* What the policy made of it passes the same rules: the store, which it comes from, loosens nothing. */
static enum bc_admission_answer admission_judge_changed(struct core_asked *asked, const struct bc_route *made,
                                                        struct bc_fault *fault) {
  const struct core_admission_ask ask = {.route = made,
                                         .token = asked->token,
                                         .owner = asked->owner,
                                         .ttl_ms = asked->asked_ttl_ms,
                                         .is_blackhole = asked->is_blackhole};
  uint64_t ttl_ms;
  TAILQ_REMOVE(&asked->core->admission.asked, asked, link);
  enum bc_admission_answer answer = admission_judge(asked->core, &ask, asked->replaced, &ttl_ms, fault);
  TAILQ_INSERT_TAIL(&asked->core->admission.asked, asked, link);
  return answer;
}

static void admission_take_attributes(struct core_asked *asked, const struct core_policy_admission *said) {
  struct bc_core *core = asked->core;
  struct bc_route made;
  struct bc_fault fault = {0};
  enum bc_admission_answer answer = BC_ADMISSION_POLICY_ATTRIBUTES;
  if (core_policy_apply(core, &asked->route, said->attributes, &made, &fault) != BC_ERR_OK) {
    struct core_admission_answer refusal = admission_refusal(answer, &fault);
    admission_give(asked, &refusal);
    return;
  }
  answer = admission_judge_changed(asked, &made, &fault);
  struct core_admission_answer told = admission_refusal(answer, &fault);
  if (answer == BC_ADMISSION_OK) {
    told = (struct core_admission_answer){.is_admitted = true,
                                          .route = &made,
                                          .is_changed = !bc_route_equal(&made, &asked->route),
                                          .reason = said->reason,
                                          .ttl_ms = asked->ttl_ms};
  }
  admission_give(asked, &told);
  bc_route_release(core->intern, &made);
}

static void admission_on_policy(void *arg, const struct core_policy_admission *said) {
  struct core_asked *asked = arg;
  struct bc_fault fault = {0};
  if (said->error != NULL) {
    bc_fault_set(&fault, 0, "the policy admission: %s", said->error);
    struct core_admission_answer refusal = admission_refusal(BC_ADMISSION_POLICY_FAILED, &fault);
    admission_give(asked, &refusal);
  } else if (!said->is_admitted) {
    bc_fault_set(&fault, 0, "the policy admission: %s", said->reason == NULL ? "refused" : said->reason);
    struct core_admission_answer refusal = admission_refusal(BC_ADMISSION_POLICY, &fault);
    refusal.reason = said->reason;
    admission_give(asked, &refusal);
  } else if (said->attributes != NULL) {
    admission_take_attributes(asked, said);
  } else {
    admission_give(asked,
                   &(struct core_admission_answer){
                       .is_admitted = true, .route = &asked->route, .reason = said->reason, .ttl_ms = asked->ttl_ms});
  }
}

static void admission_set(json_t *request, const char *member, const char *text) {
  if (text != NULL && text[0] != '\0') {
    json_object_set_new(request, member, json_string(text));
  }
}

static json_t *admission_request(const struct core_admission_ask *ask, uint64_t ttl_ms) {
  json_t *request = json_object();
  struct bc_buf command;
  bc_buf_init(&command, BC_LIMIT_COMMAND_BYTES);
  bc_route_print(ask->route, BC_VERB_ANNOUNCE, &command);
  admission_set(request, "announce", command.data);
  admission_set(request, "name", ask->name);
  admission_set(request, "owner", ask->owner);
  admission_set(request, "reason", ask->reason);
  admission_set(request, "source", ask->source);
  if (ttl_ms != 0) {
    json_object_set_new(request, "ttl", json_real((double)ttl_ms / 1000));
  }
  bc_buf_free(&command);
  return request;
}

/* NLRI of the route whose place it takes, which may still be on its way to the disk. */
static size_t admission_count_replaced(struct bc_core *core, const struct core_admission_ask *ask) {
  const struct bc_lease *lease = ask->is_replacing ? core_lease_find(core, ask->name) : NULL;
  lease = lease == NULL && ask->is_replacing ? core_lease_find_coming(core, ask->name, NULL) : lease;
  return lease == NULL ? 0 : lease->nlri;
}

void core_admission_ask(struct bc_core *core, const struct core_admission_ask *ask, core_admission_fn *fn, void *arg) {
  struct bc_fault fault = {0};
  uint64_t ttl_ms = 0;
  size_t replaced = admission_count_replaced(core, ask);
  enum bc_admission_answer answer = admission_judge(core, ask, replaced, &ttl_ms, &fault);
  if (answer != BC_ADMISSION_OK) {
    struct core_admission_answer refusal = admission_refusal(answer, &fault);
    fn(arg, &refusal);
    return;
  }
  struct core_asked *asked = bc_mem_new(1, sizeof *asked);
  *asked = (struct core_asked){.core = core,
                               .fn = fn,
                               .arg = arg,
                               .route = bc_route_copy(ask->route),
                               .owner = bc_mem_copy_string(ask->owner == NULL ? "" : ask->owner),
                               .asked_ttl_ms = ask->ttl_ms,
                               .ttl_ms = ttl_ms,
                               .token = ask->token,
                               .is_blackhole = ask->is_blackhole,
                               .replaced = replaced,
                               .is_dry_run = ask->is_dry_run};
  TAILQ_INSERT_TAIL(&core->admission.asked, asked, link);
  core->admission.asked_count++;
  json_t *request = admission_request(ask, ttl_ms);
  if (!core_policy_admit(core, request, admission_on_policy, asked, &fault)) {
    struct core_admission_answer refusal = admission_refusal(BC_ADMISSION_BUSY, &fault);
    admission_give(asked, &refusal);
  }
  json_decref(request);
}

/* ---- life ---- */

static void admission_forget(struct core_asked *asked) {
  core_policy_admit_cancel(asked->core, asked);
  admission_remove(asked);
}

void core_admission_cancel(struct bc_core *core, const void *arg) {
  struct core_asked *next;
  for (struct core_asked *asked = TAILQ_FIRST(&core->admission.asked); asked != NULL; asked = next) {
    next = TAILQ_NEXT(asked, link);
    if (asked->arg == arg) {
      admission_forget(asked);
    }
  }
}

/* The settings were checked when they were read. */
void core_admission_open(struct bc_core *core) {
  struct core_admission *admission = &core->admission;
  TAILQ_INIT(&admission->asked);
  admission->tokens = bc_tokens_new();
  admission->access = bc_http_access_new();
  admission->rules = bc_admission_of(core->settings);
  (void)!bc_tokens_add_lines(admission->tokens, bc_str_of(core->settings->http_token), NULL);
  (void)!bc_http_access_add_list(admission->access, bc_str_of(core->settings->http_host), NULL);
}

void core_admission_close(struct bc_core *core) {
  struct core_admission *admission = &core->admission;
  struct core_asked *asked;
  while (admission->rules != NULL && (asked = TAILQ_FIRST(&admission->asked)) != NULL) {
    admission_forget(asked);
  }
  bc_tokens_free(admission->tokens);
  bc_http_access_free(admission->access);
  bc_admission_free(admission->rules);
  *admission = (struct core_admission){0};
}
