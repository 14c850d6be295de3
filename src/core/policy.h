/* Policies as core follows them: which version of which key decides a route, what it was asked and what it said.
 *
 * A place is a key that holds a policy. Each route under a policy has a part of its own (struct core_route_policy),
 * which a route without one does not have. What decides a route is a version, not a key: while a changed text is tried,
 * or held, the version before it goes on, also when the route is under another key by now. Policies run in a worker of
 * their own; when that is away, or a policy fails, the last word of each route counts. Nothing here withdraws a route
 * but a verdict that says so, and a failed check without a verdict. Included by core/private.h. */
#ifndef BC_CORE_POLICY_H
#define BC_CORE_POLICY_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/tree.h"
#include "core/check.h"
#include "io/loop.h"
#include "model/config.h"
#include "model/decide.h"

#include <jansson.h>
#include <sys/queue.h>

struct bc_core;
struct core_route;
struct core_pool;
struct core_policy;
struct core_policy_job;
struct core_policy_last;
struct bc_keylog;
struct core_route_policy;
struct bc_msg;
struct bc_sock_answer;
struct bc_record_policy;

enum {
  CORE_POLICY_ID_BYTES = 9,
  CORE_POLICY_READS = 64,         /* names of data that are told apart for a version; with more all count */
  CORE_POLICY_WINDOW = 256,       /* runs that the worker has at once, when they are short */
  CORE_POLICY_KNOWN = 256,        /* verdicts, attributes … that are made once for many routes, */
  CORE_POLICY_SHOWN_BYTES = 4096, /* … when they are no longer than this */
  CORE_POLICY_RESULTS = 8,        /* runs of a check, … */
  CORE_POLICY_CHANGES = 16,       /* … and changes of its state, that a policy sees */
  CORE_POLICY_REASON_BYTES = 512
};

/* ---- what policies see of a check beside its last run; only of checks that a route under a policy rests on ---- */

struct core_check_history {
  size_t users; /* routes under a policy that rest on a named one */
  struct core_past_run {
    int64_t at_ms; /* wall clock, when it was told */
    uint32_t took_us;
    uint16_t score;            /* as in struct core_version */
    uint8_t status;            /* enum bc_check_status */
  } runs[CORE_POLICY_RESULTS]; /* in turn */
  struct core_past_state {
    int64_t at_ms;
    uint8_t state;               /* enum bc_health_state */
  } states[CORE_POLICY_CHANGES]; /* in turn */
  unsigned run_count;            /* so far, … */
  unsigned state_count;          /* … as of these */
  struct core_shown_check {
    unsigned run_count;
    unsigned state_count;
    uint32_t id; /* of the version */
    uint32_t generation;
    enum bc_health_state state;
    enum bc_check_status status;
    uint16_t score;
    uint8_t code;
    bool has_result;
    bool is_set;
  } shown_of;
  struct bc_buf shown; /* a named check as policies see it, made when it was like that */
};

/* ---- versions ---- */

/* One text of a policy, with its modules and parameters, as the worker knows it. */
struct core_policy_version {
  TAILQ_ENTRY(core_policy_version) link;
  const char *key; /* interned: where it comes from */
  struct core_script *script;
  size_t refs;
  uint32_t number;   /* the worker's; never used again */
  bool is_set;       /* the worker that runs knows it */
  bool has_answered; /* with a verdict, in the life of this core */
  bool reads_all;    /* any change of data counts */
  unsigned read_count;
  const char *reads[CORE_POLICY_READS]; /* interned: names of data that it asked for */
};
TAILQ_HEAD(core_policy_version_list, core_policy_version);

/* ---- places ---- */

#define CORE_TRIAL_LIST(X)                                                                                             \
  X(TRIAL_NONE, "none")               /* there is no candidate */                                                      \
  X(TRIAL_RUNNING, "trial")           /* the routes are being asked */                                                 \
  X(TRIAL_HELD, "held")               /* until somebody approves it, or the text is changed */                         \
  X(TRIAL_QUARANTINED, "quarantined") /* its runs had to be killed: until the text is changed */
enum core_policy_trial { CORE_TRIAL_LIST(BC_ENUM_MEMBER) };
const char *core_policy_trial_text(enum core_policy_trial value);

TAILQ_HEAD(core_route_policy_list, core_route_policy);

struct core_policy {
  RB_ENTRY(core_policy) by_key;
  TAILQ_ENTRY(core_policy) passing;      /* in core->policies.passing while pass_left > 0 */
  TAILQ_ENTRY(core_policy) trying;       /* in core->policies.trying while the trial runs */
  const char *key;                       /* interned */
  bool is_named;                         /* the configuration has a text of it */
  bool is_over_builtin;                  /* it came while the built-in decision decided: that goes on until it runs */
  struct core_policy_version *running;   /* in force; NULL = none yet */
  struct core_policy_version *candidate; /* the newest text, not in force; NULL = that is running */
  struct core_policy_version *previous;  /* in force before, and had given verdicts; NULL = none */
  struct core_route_policy_list users;   /* routes that the configuration puts under this key */
  size_t user_count;
  size_t failing;      /* of these, without a word of now */
  uint32_t error_hash; /* of the failure that the log has told */
  struct core_route_policy *pass_next;
  size_t pass_left; /* users that are to be asked again, from there on and around */
  enum core_policy_trial trial;
  bool is_brought_back;       /* `running` decided before this core, and has not been replaced */
  bool is_waiting;            /* the trial waits for words of `running`, … */
  struct bc_mono waits_since; /* … since then */
  struct core_route_policy *trial_next;
  size_t trial_left;                  /* users that are still to be asked for it, from there on and around */
  size_t trial_open;                  /* answers that are due */
  char *trial_error;                  /* the first failure; NULL = none */
  char id[CORE_POLICY_ID_BYTES];      /* of what is held, for `approve` */
  char why[CORE_POLICY_REASON_BYTES]; /* it is held, or quarantined */
};
RB_HEAD(core_policy_tree, core_policy);
TAILQ_HEAD(core_policy_list, core_policy);

/* ---- the part of a route ---- */

/* What one answer said. */
struct core_policy_said {
  enum bc_verdict verdict;
  const char *reason;   /* interned; NULL = none */
  json_t *attributes;   /* NULL = as the config has them */
  const char *text;     /* interned: the whole, canonical; NULL = nobody said it: what stood at the start */
  uint64_t script_hash; /* of the version that said it; 0 = none */
  uint32_t cpu_us;
  uint32_t again_ms; /* 0 = not by time */
  bool is_healthy;   /* as it was told then */
};

struct core_route_policy {
  struct core_route *route;
  struct core_policy *policy; /* that the configuration puts it under */
  TAILQ_ENTRY(core_route_policy) user;
  TAILQ_ENTRY(core_route_policy) queued;  /* in core->policies.queues[queue] */
  TAILQ_ENTRY(core_route_policy) waiting; /* in core->policies.waiting while is_awaited */
  RB_ENTRY(core_route_policy) due;        /* in core->policies.due while due_at is set */
  struct core_policy_version *force;      /* whose word counts; NULL: none has been in force */
  struct core_policy_job *job;            /* under way; NULL = none */
  struct core_policy_said said;           /* what counts: the last that was said */
  struct core_policy_said *delayed;       /* what would change too soon: its time comes; NULL = none */
  char *error;                            /* why there is no word of now; NULL = there is, or none was asked for */
  const char *standing_attributes;        /* interned: what stood when last looked at; NULL = nothing */
  const char *standing_reason;            /* interned: of the decision that made it so; NULL = not known */
  int64_t healthy_since_ms;               /* wall clock; 0 = not known */
  int64_t standing_since_ms;              /* … since when it stands as it does */
  const char *reason_before;              /* interned: of the word before `said` */
  struct bc_mono changed_at;              /* its attributes, or whether it is to stand, changed last */
  struct bc_mono lazily_at;               /* it was asked last for what may wait */
  struct bc_mono delayed_at;              /* due_at is the first of these: the delayed word counts from then on, … */
  struct bc_mono again_at;                /* … it wants to be asked again, … */
  struct bc_mono lazy_at;                 /* … it is to be asked for what may wait */
  struct bc_mono due_at;
  int64_t asked_us;     /* on core's undisturbed clock: since when an answer is due, … */
  int64_t awaited_us;   /* … and has been waited for since this was looked at */
  uint32_t input_s;     /* wall clock, seconds, of its last record of inputs */
  uint32_t walked;      /* number of the candidate for which it was asked, … */
  uint32_t tried;       /* … and has answered: */
  uint8_t queue;        /* enum core_policy_queue */
  uint8_t dropped;      /* answers in a row that were too old when they came */
  bool try_failed;      /* … in vain, … */
  bool try_withdraws;   /* … or to withdraw a healthy standing route */
  bool is_awaited;      /* an answer is due at once: all stays as it is */
  bool is_old;          /* what is being asked is not what it should be asked now, … */
  bool is_very_old;     /* … so that the answer would be wrong */
  bool has_answered;    /* `said` was said, or recalled; else it is nothing */
  bool has_failed;      /* the last answer was none */
  bool is_as_told;      /* the attributes of what counts are those that stand, whatever they are */
  bool is_over_builtin; /* without `force`: the built-in decision goes on; else what stands stays */
  bool is_changed;      /* by people, since the last answer: its attributes need not wait */
  bool is_late;         /* there was none in time */
  bool is_unheard;      /* it stands since before this core, and not all of its checks have told anything yet */
  bool is_looked_at;    /* the following were: */
  bool is_healthy;
};
RB_HEAD(core_policy_due_tree, core_route_policy);

/* ---- all of it ---- */

enum core_policy_queue {
  POLICY_QUEUE_NONE,
  POLICY_QUEUE_DOWN, /* as the next, of routes whose checks have failed */
  POLICY_QUEUE_FIRST,
  POLICY_QUEUE_LATER,
  POLICY_QUEUES
};

struct core_admit;
TAILQ_HEAD(core_admit_list, core_admit);

/* Tables by pointers of interned texts, which they hold. */
struct core_policy_cache {
  struct core_policy_said said[CORE_POLICY_KNOWN]; /* by `text` */
  struct core_known_words {
    const char *text; /* interned */
    json_t *attributes;
  } words[CORE_POLICY_KNOWN];
  struct core_known_made {
    const char *configured; /* interned: attributes of the route, … */
    const char *selector;   /* interned: … whom it is for, … */
    json_t *attributes;     /* … and what a verdict says of them, … */
    const char *made;       /* interned: … give these */
    uint32_t med;
    uint8_t family;
    bool has_med;
    bool has_next_hop;
  } made[CORE_POLICY_KNOWN];
  struct core_known_shown {
    const char *attributes; /* interned */
    char *json;
    size_t len;
    uint8_t family;
  } shown[CORE_POLICY_KNOWN];
};

RB_HEAD(core_policy_last_tree, core_policy_last);

/* A version that is being read back. */
struct core_policy_reading {
  struct core_policy_last *into; /* NULL = none */
  uint64_t hash;
  struct core_module **modules;
  unsigned module_count;
  char *parameters; /* NULL = none */
};

struct core_policies {
  struct core_policy_tree places;
  struct core_policy_version_list versions;
  uint32_t last_number;
  struct core_route_policy_list queues[POLICY_QUEUES]; /* by enum core_policy_queue: in front of the worker */
  size_t queued;
  struct core_route_policy_list waiting; /* in the order of awaited_us */
  struct core_policy_due_tree due;
  struct core_policy_list passing;
  struct core_policy_list trying;
  struct core_named_list news; /* named checks whose users are to be asked, as they say something new */
  struct core_policy_job *jobs[CORE_POLICY_WINDOW]; /* under way; NULL = free */
  unsigned job_count;
  uint32_t job_serial;
  const struct core_policy_job *answering; /* its answer is being taken; NULL = none is */
  struct core_admit_list admits;
  size_t admit_count;
  size_t admits_unsent;
  size_t left;                 /* healthy routes that new versions withdrew without a person's word, … */
  struct bc_mono left_at;      /* … since then */
  size_t unheard;              /* routes whose checks are waited for: no trial goes on meanwhile */
  size_t routes;               /* under a policy */
  struct bc_timer *work_timer; /* queues, passes, trials: a slice in a turn of the loop */
  struct bc_timer *due_timer;
  struct bc_timer *news_timer;
  struct bc_timer *wait_timer;       /* trials that wait */
  struct core_policy_last_tree last; /* of the core before this one, which no key has asked for yet */
  struct core_policy_reading reading;
  struct bc_timer *clock_timer;
  struct bc_mono clock_at; /* last look, … */
  int64_t clock_us;        /* … and core's undisturbed time then */
  int64_t progress_us;     /* … and when an answer came last */
  uint64_t world_hash;     /* of what policies are asked again for */
  bool is_world_told;      /* to the worker that runs, as it is */
  const char *attach_next; /* interned: a walk over all routes stands here, … */
  bool is_attaching;       /* … while this is set: which key each is under */
  struct bc_buf told;      /* what core_policy_tell made */
  struct bc_buf context;   /* what is about to be asked */
  struct bc_buf world;     /* as the worker was told it */
  struct core_policy_cache *cache;
  uint64_t run_us;                         /* CPU time of a run, a moving average */
  uint64_t answered, failed, killed, late; /* runs, since the start */
};

/* ---- policy.c: places, and who is under which ---- */
void core_policy_open(struct bc_core *core);
/* After all routes have let go. */
void core_policy_close(struct bc_core *core);
/* The route is under the policy that its view names, if its view has a version, and is subscribed; NULL: under none.
 * After its checks were applied; it is asked anew. */
void core_policy_use(struct bc_core *core, struct core_route *route, const struct bc_config_route *view);
/* Takes what changed of policies and labels in the configuration. */
void core_policy_apply_changes(struct bc_core *core);
/* NULL = there is no such place. */
struct core_policy *core_policy_find(struct bc_core *core, const char *key);
/* In the order of keys; NULL gives the first. */
struct core_policy *core_policy_next(struct bc_core *core, struct core_policy *policy);
/* Looks up which key some routes are under; true when there are more. */
bool core_policy_attach_some(struct bc_core *core);
/* What runs under its key counts for the route from now on. */
void core_policy_follow(struct bc_core *core, struct core_route_policy *part);
/* With one reference, for the caller. `key` is interned. */
struct core_policy_version *core_policy_version_new(struct bc_core *core, const char *key,
                                                    const struct bc_config_script_view *script);
/* The same of a script, with the reference to it. */
struct core_policy_version *core_policy_version_of(struct bc_core *core, const char *key, struct core_script *script);
/* NULL is allowed in both. */
struct core_policy_version *core_policy_version_ref(struct core_policy_version *version);
void core_policy_version_put(struct bc_core *core, struct core_policy_version *version);

/* ---- policy_word.c: what counts of what was said ---- */
struct bc_policy_word core_policy_word(const struct core_route *route);
enum core_policy_made {
  CORE_POLICY_PLAIN, /* the route as it is configured */
  CORE_POLICY_MADE,  /* … with the policy's attributes: `made`, to be released */
  CORE_POLICY_STAYS  /* what stands, or stood last, as it is */
};
/* What is to be wanted. */
enum core_policy_made core_policy_make(struct bc_core *core, const struct core_route *route,
                                       const struct bc_route *configured, struct bc_route *made);
/* What stands of it, or stood when this core began, in the words of the journal: to be released. False: nothing. */
bool core_policy_find_told(struct bc_core *core, const struct bc_route *configured, struct bc_route *told);
/* Before the route is decided for the first time: it stands since before this core. */
void core_policy_recall(struct bc_core *core, struct core_route *route);
/* What decision records tell of it, valid until the next call. `context` is set only while the answer to it is being
 * taken. False: the route is under none. */
bool core_policy_tell(struct bc_core *core, const struct core_route *route, struct bc_record_policy *told);
/* To the route as the store has it now; false with a line. */
bool core_policy_can_apply(struct bc_core *core, const struct core_route *route, const json_t *attributes,
                           struct bc_fault *fault);
/* Takes what `said` holds. */
void core_policy_take_answer(struct bc_core *core, struct core_route_policy *part, struct core_policy_said *said);
void core_policy_take_failure(struct bc_core *core, struct core_route_policy *part, const char *error);
void core_policy_fail(struct bc_core *core, struct core_route_policy *part, const char *error);
/* There was no answer in `seconds`. */
void core_policy_set_late(struct bc_core *core, struct core_route_policy *part, int seconds);
void core_policy_take_delayed(struct bc_core *core, struct core_route_policy *part);
void core_policy_drop_delayed(struct bc_core *core, struct core_route_policy *part);
void core_policy_said_clear(struct bc_core *core, struct core_policy_said *said);

/* ---- policy_cache.c: what is the same for many routes ---- */
void core_policy_cache_open(struct bc_core *core);
void core_policy_cache_close(struct bc_core *core);
/* The neighbors may be others. */
void core_policy_forget_made(struct bc_core *core);
/* What this verdict on a route says: that part of `said` is filled in, and is the caller's. Errors as
 * bc_policy_verdict_parse. */
BC_MUST_CHECK enum bc_err core_policy_read(struct bc_core *core, struct bc_str text, struct core_policy_said *said,
                                           struct bc_fault *fault);
/* The same of what is known already. */
void core_policy_said_copy(const struct core_policy_said *from, struct core_policy_said *to);
/* As bc_policy_apply, for the neighbors of now. */
BC_MUST_CHECK enum bc_err core_policy_apply(struct bc_core *core, const struct bc_route *configured,
                                            const json_t *attributes, struct bc_route *made, struct bc_fault *fault);
/* As bc_policy_print_attributes. */
void core_policy_add_attributes(struct bc_core *core, const struct bc_route *route, struct bc_buf *to);

/* ---- policy_ask.c: when ---- */
void core_policy_ask_open(struct bc_core *core);
void core_policy_ask_close(struct bc_core *core);
/* Something changed that the route's policy may see. `may_wait`: that is only asked every now and then. */
void core_policy_touch(struct bc_core *core, struct core_route *route, bool may_wait);
/* The route was decided: its health, or what stands of it, may be another. */
void core_policy_on_decided(struct bc_core *core, struct core_route *route);
/* Data of this name changed. */
void core_policy_on_data(struct bc_core *core, const char *name);
/* All routes of this key, or of all keys, are asked. */
void core_policy_pass(struct bc_core *core, struct core_policy *policy);
void core_policy_pass_all(struct bc_core *core);
/* What stands since before this core is not judged before all of its checks have told something, or half a minute. */
void core_policy_wait_for_checks(struct bc_core *core, struct core_route_policy *part);
bool core_policy_may_ask(const struct core_route_policy *part);
/* POLICY_QUEUE_FIRST or POLICY_QUEUE_LATER. */
void core_policy_ask(struct bc_core *core, struct core_route_policy *part, enum core_policy_queue queue);
void core_policy_stop_asking(struct bc_core *core, struct core_route_policy *part);
/* The first of the queues, taken from there; NULL = they are empty. */
struct core_route_policy *core_policy_next_asked(struct bc_core *core);
/* There is an answer, or a failure. */
void core_policy_answered(struct bc_core *core, struct core_route_policy *part);
/* One of the times of which due_at is the first. */
void core_policy_due_changed(struct bc_core *core, struct core_route_policy *part);
void core_policy_work_soon(struct bc_core *core);

/* ---- policy_job.c: to the worker and back ---- */
/* POLICY_RESULT or POLICY_RESULTS. */
void core_policy_on_message(struct core_pool *pool, const struct bc_msg *message);
/* The worker runs, and was told nothing yet. */
void core_policy_on_running(struct bc_core *core);
/* It was killed for this run, or crashed in it; then core_policy_on_gone. */
void core_policy_on_killed(struct core_pool *pool, uint32_t id, const char *why);
void core_policy_on_gone(struct core_pool *pool);
void core_policy_job_close(struct bc_core *core);
/* Sends as much of what is due as the worker takes; true when it would take more. */
bool core_policy_send_some(struct bc_core *core);
bool core_policy_send_admission(struct bc_core *core, struct core_policy_version *version, struct core_admit *admit,
                                struct bc_str context);
void core_policy_forget_admission(struct bc_core *core, const struct core_admit *admit);
void core_policy_forget_jobs(struct bc_core *core, const struct core_route_policy *part);
void core_policy_forget_trials(struct bc_core *core, const struct core_route_policy *part);
/* What it was told, while its answer is being taken; else NULL. */
const char *core_policy_answering(const struct bc_core *core, const struct core_route_policy *part);
/* An answer of its policy is being taken. */
bool core_policy_is_answering(const struct bc_core *core, const struct core_route *route);
/* The key of the policy that runs there. */
const char *core_policy_job_key(const struct core_pool *pool, uint32_t id);

/* ---- policy_trial.c ---- */
/* BC_ERR_NOT_FOUND: no policy with this id is held. */
BC_MUST_CHECK enum bc_err core_policy_approve(struct bc_core *core, const char *id);
/* The id of the only one that is held; "" when there is none, NULL when there are more. */
const char *core_policy_held_id(struct bc_core *core);
/* Versions of this script are not run any more. */
void core_policy_quarantine(struct bc_core *core, uint64_t script_hash);
/* The candidate is in force from now on. */
void core_policy_take_over(struct bc_core *core, struct core_policy *policy);
void core_policy_trial_begin(struct bc_core *core, struct core_policy *policy);
/* Until somebody approves it, or the text is changed. */
void core_policy_hold(struct bc_core *core, struct core_policy *policy, const char *why);
/* Without the candidate. */
void core_policy_trial_end(struct bc_core *core, struct core_policy *policy);
void core_policy_trial_join(struct bc_core *core, struct core_route_policy *part);
/* Before it is taken from the users. */
void core_policy_trial_leave(struct bc_core *core, struct core_route_policy *part);
/* Who is to be asked next; NULL = nobody now. */
struct core_route_policy *core_policy_trial_next(struct bc_core *core);
bool core_policy_trial_is_due(const struct bc_core *core);
/* Judges those that have all answers. */
void core_policy_trial_some(struct bc_core *core);
void core_policy_trial_lost(struct bc_core *core, struct core_route_policy *part);
void core_policy_trial_answer(struct bc_core *core, struct core_route_policy *part,
                              const struct core_policy_version *version, const struct core_policy_said *said,
                              const char *error);

/* ---- policy_last.c: over a restart ---- */
void core_policy_last_open(struct bc_core *core);
void core_policy_last_close(struct bc_core *core);
/* Adds what the configuration does not tell: versions in force beside a newer one, and what is held. */
void core_policy_last_save(struct bc_core *core, struct bc_keylog *to);
/* One record of the last known good; others are passed over. */
void core_policy_last_read(struct bc_core *core, struct bc_str key, struct bc_str value);
/* All are read, and the configuration is the last known good's. */
void core_policy_last_remember(struct bc_core *core);
/* The records were damaged. */
void core_policy_last_drop(struct bc_core *core);
/* There is no such key any more. */
void core_policy_last_forget(struct bc_core *core, const char *key);
/* The same of the route's own, unless that is what it is under. */
void core_policy_last_forget_own(struct bc_core *core, const struct core_route *route,
                                 const struct bc_config_route *view);
/* Before the first trial under this key: what decided before this core is in force. */
void core_policy_last_bring_back(struct bc_core *core, struct core_policy *policy);
/* … and then: what was held is held again. */
void core_policy_last_hold(struct bc_core *core, struct core_policy *policy);
/* The candidate fails, nothing was ever in force, and nothing stands: the built-in decision decides. False: it is not
 * so. */
bool core_policy_last_give_up(struct bc_core *core, struct core_policy *policy);
/* The trial, which begins, waits for the words of the version in force. */
void core_policy_last_wait(struct bc_core *core, struct core_policy *policy);

/* ---- policy_history.c ---- */
/* Of the checks that the route rests on now. */
void core_history_provide(struct core_route *route);
void core_history_forget(struct core_route *route);
/* Before the user is taken from its check. */
void core_history_on_detach(struct bc_core *core, struct core_use *use);
void core_history_on_news(void *arg);
/* So many before the last one; NULL = none is known. */
const struct core_past_state *core_history_state(const struct core_check *check, unsigned back);
const struct core_past_run *core_history_run(const struct core_check *check, unsigned back);
/* A run of the version that decides has ended. `is_news`: with another status, score, reason or data. */
void core_policy_on_run(struct bc_core *core, struct core_check *check, bool is_news);
/* Its state is another. */
void core_policy_on_state(struct core_check *check);

/* ---- policy_context.c ---- */
/* All that the route's policy is told but `node`, `neighbors` and data: {"kind":"route","now":…}. */
void core_policy_print_context(struct bc_core *core, const struct core_route *route, struct bc_buf *to);
/* {"node":…,"neighbors":[…]} */
void core_policy_print_world(struct bc_core *core, struct bc_buf *to);
/* The first with the second, and the data that this version reads (NULL: none). */
void core_policy_complete_context(struct bc_core *core, struct bc_str context,
                                  const struct core_policy_version *version, struct bc_buf *to);
/* "route":{…} */
void core_policy_add_route(struct bc_core *core, const struct bc_route *route, const char *name, struct bc_buf *to);
bool core_policy_is_healthy(const struct core_route *route);
/* A neighbor came, went, or is another; labels or the admin state of the node changed. */
void core_policy_on_world(struct bc_core *core);

/* ---- policy_admit.c ---- */
struct core_policy_admission {
  bool is_asked;            /* false: there is no such policy, or it gave no answer: see `error` */
  bool is_admitted;         /* without a policy: yes; without an answer: no */
  const char *reason;       /* of the policy, or NULL */
  const char *error;        /* why it gave no answer, or NULL */
  const json_t *attributes; /* that it wants, or NULL */
};
/* What it is told is valid during the call. */
typedef void core_policy_admit_fn(void *arg, const struct core_policy_admission *answer);
/* Asks the policy `admission` about {"announce": "announce route …", "name", "owner", "ttl", "reason", "source"}. The
 * answer comes once, later or from within the call. False, with a line: the request is none, and no answer comes. */
BC_MUST_CHECK bool core_policy_admit(struct bc_core *core, const json_t *request, core_policy_admit_fn *fn, void *arg,
                                     struct bc_fault *fault);
/* Nobody waits for that answer any more. */
void core_policy_admit_cancel(struct bc_core *core, const void *arg);
/* Begins the answer to `admission` of the local socket: the same, without consequences. */
BC_MUST_CHECK bool core_policy_admit_begin(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer,
                                           struct bc_fault *fault);
void core_admit_answer(struct core_admit *admit, const struct core_policy_said *said, const char *error);
void core_admit_lost(struct bc_core *core, struct core_admit *admit);
bool core_admit_is_due(const struct bc_core *core);
void core_admit_send_some(struct bc_core *core);
void core_admit_close(struct bc_core *core);

/* ---- policy_report.c ---- */
/* Of a route: null = it is under none. */
json_t *core_report_policy(const struct core_route *route);
/* Held, failing and quarantined ones, each with the way out. */
void core_policy_warn(struct bc_core *core, json_t *list);
bool core_policy_is_troubled(const struct core_route *route);
/* What a person should know of it: added to `to`. */
void core_policy_describe_trouble(const struct core_route *route, struct bc_buf *to);
/* In numbers. */
json_t *core_report_policies(struct bc_core *core);

#endif
