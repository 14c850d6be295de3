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
#include "io/loop.h"
#include "model/config.h"
#include "model/decide.h"

#include <jansson.h>
#include <sys/queue.h>

struct bc_core;
struct core_route;
struct core_check;
struct core_pool;
struct core_version;
struct core_script;
struct core_policy;
struct core_policy_job;
struct bc_msg;
struct bc_sock_answer;
struct bc_record_policy;

enum {
  CORE_POLICY_ID_BYTES = 9,
  CORE_POLICY_READS = 64,   /* names of data that are told apart for a version; with more all count */
  CORE_POLICY_WINDOW = 64,  /* runs that the worker has at once */
  CORE_POLICY_RESULTS = 8,  /* runs of a check, … */
  CORE_POLICY_CHANGES = 16, /* … and changes of its state, that a policy sees */
  CORE_POLICY_REASON_BYTES = 512
};

/* ---- what policies see of a check beside its last run; only of checks that a route under a policy rests on ---- */

struct core_check_history {
  size_t users; /* routes under a policy */
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
enum core_trial { CORE_TRIAL_LIST(BC_ENUM_MEMBER) };
const char *core_trial_text(enum core_trial value);

struct core_route_policy;
TAILQ_HEAD(core_route_policy_list, core_route_policy);

struct core_policy {
  RB_ENTRY(core_policy) by_key;
  TAILQ_ENTRY(core_policy) passing;      /* in core->policies.passing while pass_left > 0 */
  TAILQ_ENTRY(core_policy) trying;       /* in core->policies.trying while trial_left > 0 */
  const char *key;                       /* interned */
  bool is_named;                         /* the configuration has it */
  struct core_policy_version *running;   /* in force; NULL = none yet */
  struct core_policy_version *candidate; /* the newest text, not in force; NULL = that is running */
  struct core_policy_version *previous;  /* in force before, and had given verdicts; NULL = none */
  struct core_route_policy_list users;   /* routes that the configuration puts under this key */
  size_t user_count;
  size_t failing; /* of these, whose word is none of now */
  struct core_route_policy *pass_next;
  size_t pass_left; /* users that are to be asked again, from there on and around */
  enum core_trial trial;
  struct core_route_policy *trial_next;
  size_t trial_left;                    /* users that are still to be asked, from there on and around */
  size_t trial_open;                    /* answers that are due */
  size_t trial_failed, trial_withdrawn; /* what the trial found: routes */
  char id[CORE_POLICY_ID_BYTES];        /* of what is held, for `approve` */
  char *why;                            /* it is held; NULL = it is not */
};
RB_HEAD(core_policy_tree, core_policy);
TAILQ_HEAD(core_policy_list, core_policy);

/* ---- the part of a route ---- */

/* A word of a policy: what one answer said. */
struct core_policy_word {
  enum bc_verdict verdict;
  const char *reason;   /* interned; NULL = none */
  json_t *attributes;   /* NULL = as the config has them */
  const char *text;     /* interned: the canonical verdict */
  uint64_t script_hash; /* of the version that said it; 0 = none did: what stood at the start */
  uint32_t cpu_us;
};

struct core_route_policy {
  struct core_route *route;
  struct core_policy *policy; /* that the configuration puts it under */
  TAILQ_ENTRY(core_route_policy) user;
  TAILQ_ENTRY(core_route_policy) queued;  /* in one of core->policies.queues */
  TAILQ_ENTRY(core_route_policy) waiting; /* in core->policies.waiting while an answer is due */
  RB_ENTRY(core_route_policy) due;        /* in core->policies.due while due_at is set */
  struct core_policy_version *force;      /* whose word counts; NULL: none has been in force (see is_builtin_before) */
  struct core_policy_job *job;            /* under way; NULL = none */
  enum bc_policy_word_state state;
  struct core_policy_word word;     /* the last one that counts */
  struct core_policy_word *delayed; /* with other attributes only: its time comes */
  char *error;                      /* why there is no word of now; NULL = there is */
  int64_t healthy_since_ms;         /* wall clock; 0 = not known */
  int64_t standing_since_ms;        /* … since when it stands as it does */
  struct bc_mono attributes_at;     /* they changed last */
  struct bc_mono asked_lazily_at;
  struct bc_mono delayed_at; /* these three are in due_at: the delayed word counts from then on, … */
  struct bc_mono again_at;   /* … it wants to be asked again, … */
  struct bc_mono lazy_at;    /* … it is to be asked for what may wait */
  struct bc_mono due_at;
  int64_t awaited_us; /* on core's undisturbed clock: since when an answer is due; 0 = none is */
  uint32_t again_ms;  /* as it last said; 0 = not */
  uint8_t queue;      /* enum core_policy_queue */
  uint8_t dropped;    /* answers in a row that came too late for their inputs */
  bool is_dirty;      /* inputs changed since the job began */
  bool is_in_waiting;
  bool is_healthy;        /* as it was when last looked at */
  bool is_builtin_before; /* without `force`: the built-in decision goes on; else what stands stays */
  bool is_as_told;        /* the attributes of the word are those that stand, whatever they are */
  bool is_to_try;         /* it is to be asked for the trial, … */
  bool is_tried;          /* … and has answered: */
  bool try_failed;
  bool try_withdraws; /* a healthy standing route */
};
RB_HEAD(core_policy_due_tree, core_route_policy);

/* ---- all of it ---- */

enum core_policy_queue { POLICY_QUEUE_NONE, POLICY_QUEUE_FIRST, POLICY_QUEUE_LATER, POLICY_QUEUES };

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
  struct core_policy_job *jobs[CORE_POLICY_WINDOW]; /* under way; NULL = free */
  unsigned job_count;
  uint32_t job_serial;
  size_t routes;               /* under a policy */
  struct bc_timer *work_timer; /* queues, passes, trials: a slice in a turn of the loop */
  struct bc_timer *due_timer;
  struct bc_timer *clock_timer;
  struct bc_mono clock_at; /* last look, … */
  int64_t clock_us;        /* … and core's undisturbed time then */
  char *world;             /* as told to the worker; NULL = nothing yet */
  uint64_t world_hash;     /* of what policies are asked again for */
  bool is_world_told;      /* to the worker that runs */
  const char *attach_next; /* interned: a walk over all routes stands here, … */
  bool is_attaching;       /* … while this is set: which key each is under */
  uint64_t *known;         /* of the last known good: hashes of keys with their versions in force, sorted */
  size_t known_count;
  uint64_t answered, failed, killed, late; /* runs, since the start */
};

/* ---- policy.c: places, and who is under which ---- */
void core_policy_open(struct bc_core *core);
/* After all routes have let go. */
void core_policy_close(struct bc_core *core);
/* The route is under the policy that its view names, if its view has a version, and is subscribed; NULL: under none.
 * After its checks. Asks anew when something of the route has changed. */
void core_policy_use(struct bc_core *core, struct core_route *route, const struct bc_config_route *view);
/* At a start, before the route is decided for the first time: it stands, as the journal says, with these attributes. */
void core_policy_recall(struct bc_core *core, struct core_route *route);
/* Takes what changed of policies, labels and data in the configuration. */
void core_policy_apply_changes(struct bc_core *core);
/* What admission asks: "admission"; NULL = there is no such place. */
struct core_policy *core_policy_find(struct bc_core *core, const char *key);
/* NULL gives the first. */
struct core_policy *core_policy_next(struct bc_core *core, struct core_policy *policy);

/* ---- policy_word.c: what counts of what was said ---- */
struct bc_policy_word core_policy_word(const struct core_route *route);
/* The route that is to be wanted, made of the configured one: to be released. False: what is wanted stays as it is. */
bool core_policy_make(struct bc_core *core, const struct core_route *route, const struct bc_route *configured,
                      struct bc_route *made);
/* What decision records tell of it; texts are valid until the next call of anything here. `context` is set only while
 * the answer to it is being taken. False: the route is under none. */
bool core_policy_tell(const struct bc_core *core, const struct core_route *route, struct bc_record_policy *told);

/* ---- policy_ask.c: when ---- */
/* Something changed that the route's policy may see. `may_wait`: that is only asked every now and then. */
void core_policy_touch(struct bc_core *core, struct core_route *route, bool may_wait);
/* The route was decided: its health or what stands of it may be another. */
void core_policy_on_decided(struct bc_core *core, struct core_route *route);
/* A run of a check that decides has ended. `is_news`: with another score, other data or another reason. */
void core_policy_on_run(struct bc_core *core, struct core_check *check, bool is_news);
/* Its state is another. */
void core_policy_on_state(struct bc_core *core, struct core_check *check);
/* A neighbor came, went, or is another; labels or the admin state of the node changed. */
void core_policy_on_world(struct bc_core *core);
void core_policy_on_data(struct bc_core *core, const char *name);

/* ---- policy_job.c: to the worker and back ---- */
void core_policy_on_message(struct core_pool *pool, const struct bc_msg *message);
/* It was told nothing yet, and can be told all. */
void core_policy_on_running(struct bc_core *core);
void core_policy_on_ended(struct core_pool *pool, int wait_status);

/* ---- policy_trial.c ---- */
/* BC_ERR_NOT_FOUND: no policy with this id is held. */
BC_MUST_CHECK enum bc_err core_policy_approve(struct bc_core *core, const char *id);
/* The id of the only one that is held; "" when there is none, NULL when there are more. */
const char *core_policy_held_id(struct bc_core *core);

/* ---- policy_context.c ---- */
/* All that the route's policy is told but `node` and `neighbors`: {"now":…,"kind":"route",…}. */
void core_policy_print_context(struct bc_core *core, const struct core_route *route, struct bc_buf *to);
/* {"node":…,"neighbors":[…]} */
void core_policy_print_world(struct bc_core *core, struct bc_buf *to);

/* ---- policy_admit.c ---- */
struct core_policy_admission {
  bool is_asked;            /* false: there is no such policy, or it gave no answer: see `error` */
  bool is_admitted;         /* without a policy: yes */
  const char *reason;       /* of the policy, or NULL */
  const char *error;        /* why it gave no answer, or NULL */
  const json_t *attributes; /* that it wants, or NULL */
};
typedef void core_policy_admit_fn(void *arg, const struct core_policy_admission *answer);
/* Asks the policy `admission` about {"command": "announce route …", "owner", "ttl", "reason", "source"}. The answer
 * comes once, later or from within the call. NULL, or what is wrong with the request: then no answer comes. */
const char *core_policy_admit(struct bc_core *core, const json_t *request, core_policy_admit_fn *fn, void *arg);
/* Nobody waits for that answer any more. */
void core_policy_admit_cancel(struct bc_core *core, const void *arg);

/* ---- policy_report.c ---- */
/* {"key", "hash", "state", "verdict", "reason", "attributes", "againIn", "error"}; null = under none. */
json_t *core_report_policy(const struct core_route *route);
/* Held, failing and quarantined ones, each with the way out. */
void core_policy_warn(struct bc_core *core, json_t *list);
bool core_policy_is_troubled(const struct core_route *route);
/* What a person should know of it: added to `to`. */
void core_policy_describe_trouble(const struct core_route *route, struct bc_buf *to);
json_t *core_report_policies(struct bc_core *core);

#endif
