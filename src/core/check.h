/* Checks as core follows them: what is run, which version decides, and who rests on it. Included by core/private.h. */
#ifndef BC_CORE_CHECK_H
#define BC_CORE_CHECK_H

#include "base/limits.h"
#include "base/tree.h"
#include "io/loop.h"
#include "model/combine.h"
#include "model/config.h"
#include "model/health.h"
#include "model/metric.h"
#include "model/settings.h"

#include <jansson.h>
#include <sys/queue.h>

struct bc_core;
struct core_route;
struct core_check;
struct core_check_history;
struct bc_history;
struct core_named;

/* What a worker does, and the number of the first one that does it: there is one for shell checks, one for policies,
 * then as many for Lua checks as the settings say. */
enum core_worker {
  CORE_WORKER_EXEC,
  CORE_WORKER_POLICY,
  CORE_WORKER_LUA,
  CORE_WORKERS_MOST = CORE_WORKER_LUA + BC_SETTINGS_WORKERS
};
/* Those that are told modules and data: from CORE_WORKER_POLICY on. */
enum { CORE_WORKERS_SUPPLIED = CORE_WORKERS_MOST - CORE_WORKER_POLICY };

/* The text of a module; a changed one is another. */
struct core_module {
  RB_ENTRY(core_module) link;
  uint64_t hash;
  size_t refs;
  uint32_t number;
  uint64_t sent[2];   /* a bit for each worker that runs and has it, from CORE_WORKER_POLICY on */
  const char *name;   /* this and the text are behind the struct */
  struct bc_str text; /* terminated */
};
RB_HEAD(core_module_tree, core_module);

/* What a worker was told of the data. */
struct core_told {
  const char *up_to; /* interned: the last value that it was told; NULL = none yet */
  bool is_whole;     /* it has all of them */
};

/* What Lua checks and policies need beside their scripts. */
struct core_supply {
  struct core_module_tree modules;
  uint32_t last_number;
  struct core_told told[CORE_WORKERS_SUPPLIED]; /* by the number of the worker, from CORE_WORKER_POLICY on */
};

/* What checks keep from run to run. */
struct core_saved_state;
RB_HEAD(core_saved_state_tree, core_saved_state);
struct core_states {
  struct core_saved_state_tree saved; /* of the core before this one, which no check has asked for yet */
  size_t bytes;                       /* of these and of all checks */
  struct bc_timer *timer;
  int64_t pause_ms; /* grows with what a save costs */
  bool is_dirty;
  bool is_busy;
  char *problem; /* why the last save failed; NULL = fine */
};

/* A text that a check may run, held as long as a version refers to it: the configuration has only the newest. */
struct core_script {
  RB_ENTRY(core_script) link;
  uint64_t hash; /* of all that it is made of */
  size_t refs;
  size_t len;
  bool is_lua;
  unsigned module_count;
  struct core_module **modules; /* that it requires, with those that these require */
  char *parameters;             /* of a ready-made one, JSON; NULL = none */
  char text[];
};
RB_HEAD(core_script_tree, core_script);

/* One version of a check, known to the worker by an id of its own. */
struct core_version {
  struct core_check *check;
  struct core_script *script;
  uint64_t settings_hash; /* of all that the worker was told */
  uint32_t id;
  uint32_t generation;
  uint32_t took_us; /* the last run */
  uint32_t late_us; /* … after its time */
  enum bc_check_status last_status;
  uint8_t last_code;
  uint16_t score; /* 1 + hundredths; 0 = none */
  int64_t ran_ms; /* wall clock, when the last run ended */
  bool has_result;
  bool has_passed; /* ever, in the life of this core */
  bool is_set;     /* the running worker knows it */
  char *output;    /* of the last run that did not pass; NULL = none */
  char *reason;    /* of the last run of a Lua check, or its error; NULL = none */
  char *data;      /* JSON, which that run returned; NULL = none */
};

/* The version in `running` decides. The newest one of the store runs beside it as the candidate until it has passed
 * once, if the other ever has. */
/* How its runs ended since it came. Each count begins anew after 4,294,967,295 of them: what reads it takes that for a
 * restart. */
struct core_tally {
  uint32_t runs[BC_CHECK_STATUS_COUNT];
  uint64_t took_us;
};

struct core_check {
  const char *name;         /* interned: of its route, or its own */
  struct core_route *route; /* NULL: a named one, part of a struct core_named */
  struct bc_health health;
  struct bc_health_options options;
  struct core_version running;
  struct core_version *candidate;     /* NULL = none */
  struct core_script *previous;       /* the last one that decided before and had passed; NULL = none is known */
  struct bc_metrics *metrics;         /* NULL = none */
  struct core_tally *tally;           /* NULL: no run has ended yet */
  char *kept;                         /* its state, JSON; NULL = none */
  bool is_state_refused;              /* the last one that it wanted kept, and that was told */
  struct core_check_history *history; /* NULL: no route under a policy rests on it (policy.h) */
  struct bc_history *results;         /* NULL: none yet */
};

/* A route rests on a named check. */
struct core_use {
  TAILQ_ENTRY(core_use) link; /* in the check's users */
  struct core_named *named;
  struct core_route *route;
  bool is_seen; /* the route is under a policy */
};
TAILQ_HEAD(core_use_list, core_use);

struct core_uses {
  enum bc_combine combine;
  unsigned at_least;
  unsigned count;
  struct core_use each[];
};

struct core_named {
  RB_ENTRY(core_named) by_name;
  TAILQ_ENTRY(core_named) due; /* in core->checks.due while due_left > 0 */
  struct core_check check;
  struct core_use_list users;
  size_t user_count;
  struct core_use *due_next;    /* who is to be decided again next; NULL = the first */
  size_t due_left;              /* how many, from there on and around */
  TAILQ_ENTRY(core_named) news; /* the same for users whose policies are to be asked, as it says something new */
  struct core_use *news_next;
  size_t news_left;
};
RB_HEAD(core_named_tree, core_named);
TAILQ_HEAD(core_named_list, core_named);

struct core_checks {
  struct core_version **by_id; /* grows, ids are re-used */
  uint32_t by_id_size;
  uint32_t ids_used;  /* ids given out so far */
  uint32_t *free_ids; /* of them free again; as long as by_id */
  uint32_t free_count;
  uint32_t generation;
  struct core_script_tree scripts;
  size_t script_bytes;
  size_t series; /* of metrics, of all checks */
  struct core_supply supply;
  struct core_states states;
  struct core_named_tree named;
  struct core_named_list due; /* their users are to be decided again */
  struct bc_timer *due_timer;
  struct bc_timer *health_timer;
  struct bc_mono health_at;    /* when it fires */
  struct bc_timer *send_timer; /* checks that found no room in the channel are sent later */
  uint32_t send_next;          /* id from which on some may be unsent */
};

/* What the configuration wants of a check; valid as long as its view. */
struct core_wish {
  struct bc_config_script_view script;
  const struct bc_options *options;
  const struct bc_route *route; /* NULL for a named one */
};

/* The end of a run, of either kind. */
struct core_result {
  uint32_t id;
  uint32_t generation;
  unsigned status; /* enum bc_check_status */
  uint8_t code;
  uint64_t duration_us;
  uint32_t late_us; /* after its time */
  struct bc_str output;
  struct bc_str reason;
  struct bc_str data;
  struct bc_str state;
  struct bc_str metrics;
  uint32_t score;
};

/* ---- checks.c: versions and health ---- */
void core_check_open(struct bc_core *core);
/* After all routes have let go of theirs. */
void core_check_close(struct bc_core *core);
/* Makes it a text for JSON: UTF-8 without control characters. NULL is allowed. */
void core_text_mend(char *text);
/* A route's own check, and the named ones that it rests on, as its view says. `presumed`: of a check that comes anew.
 */
void core_check_apply(struct bc_core *core, struct core_route *route, const struct bc_config_route *view,
                      enum bc_health_state presumed);
/* The same of a check for which the configuration wishes this. */
void core_check_take(struct bc_core *core, struct core_check *check, const struct core_wish *wish);
/* The route's own check, and its uses. */
void core_check_remove(struct bc_core *core, struct core_route *route);
/* Before the first core_check_take; `name` is copied. */
void core_check_init(struct bc_core *core, struct core_check *check, const char *name, enum bc_health_state presumed);
/* The configuration has none any more: it says nothing until the next core_check_take. */
void core_check_idle(struct bc_core *core, struct core_check *check);
/* Gives back all that it holds, but not the struct. */
void core_check_fini(struct bc_core *core, struct core_check *check);
/* What is known of it to core, and to the worker, is this version and generation; NULL = none. */
struct core_version *core_check_version(const struct bc_core *core, uint32_t id, uint32_t generation);
/* The script of these checks is not run any more. */
void core_check_quarantine(struct bc_core *core, uint64_t script_hash);
/* Takes a result of the current generation, and decides again what rests on it when that may change something. */
void core_check_result(struct bc_core *core, struct core_version *version, const struct core_result *result);

/* ---- check_script.c ---- */
struct core_script *core_script_get(struct bc_core *core, const struct bc_config_script_view *view);
/* One that the configuration may not have any more, with these modules. */
struct core_script *core_script_restore(struct bc_core *core, const struct bc_config_script_view *view,
                                        struct core_module *const *modules, unsigned count);
struct core_script *core_script_ref(struct core_script *script);
void core_script_put(struct bc_core *core, struct core_script *script);
/* One that the configuration does not have any more may be kept. */
/* A check or a policy holds it. */
bool core_script_is_used(const struct bc_core *core, uint64_t hash);
bool core_script_has_room(const struct bc_core *core);

/* ---- check_supply.c ---- */
/* One more reference. */
struct core_module *core_module_get(struct bc_core *core, const struct bc_config_module *view);
struct core_module *core_module_ref(struct core_module *module);
void core_module_put(struct bc_core *core, struct core_module *module);
/* Tells the worker what it has not of the script's modules; adds "NAME=NUMBER", ended by a NUL, of each to `list`. */
void core_supply_modules(struct bc_core *core, unsigned worker, const struct core_script *script, struct bc_buf *list);
/* Tells the worker what is left of the data; false when the channel is full: to be called again. */
bool core_supply_data(struct bc_core *core, unsigned worker);
/* The worker is another one. */
void core_supply_restart(struct bc_core *core, unsigned worker);
void core_supply_apply_changes(struct bc_core *core);
void core_supply_close(struct bc_core *core);

/* ---- check_state.c ---- */
void core_state_open(struct bc_core *core);
void core_state_close(struct bc_core *core);
/* The check comes: it goes on with what is saved of it. */
void core_state_claim(struct bc_core *core, struct core_check *check);
/* It goes. */
void core_state_drop(struct bc_core *core, struct core_check *check);
/* What it wants kept; empty: as before. */
void core_state_take(struct bc_core *core, struct core_check *check, struct bc_str json);
/* When there is something to save. */
void core_state_save(struct bc_core *core);

/* ---- check_send.c: to the worker ---- */
/* Something may be unsent that there is room for later. */
void core_check_send_soon(struct bc_core *core);
/* What a Lua check with this name finds as globals: "NAME=JSON", each ended by a NUL. */
void core_check_print_globals(struct bc_core *core, const char *name, const struct core_wish *wish, struct bc_buf *to);
/* The number of the worker that it is at home in. */
unsigned core_version_worker(const struct bc_core *core, const struct core_version *version);
/* It is not held back by our own will. */
bool core_version_may_run(const struct bc_core *core, const struct core_version *version);
void core_version_take_id(struct bc_core *core, struct core_version *version);
void core_version_drop_id(struct bc_core *core, struct core_version *version);
/* Tells the worker what has changed for it. */
void core_version_tell(struct bc_core *core, struct core_version *version, const struct core_wish *wish,
                       uint32_t first_delay_ms);
void core_version_stop(struct bc_core *core, struct core_version *version);
void core_check_send_state(struct bc_core *core, const struct core_check *check);
/* After a start of this worker. */
void core_check_send_all(struct bc_core *core, unsigned worker);
void core_check_on_send_timer(void *arg);

/* False when the view asks for none of its own. */
bool core_wish_of_route(const struct bc_config_route *view, struct core_wish *wish);
/* False when the configuration has none. */
bool core_check_find_wish(const struct bc_core *core, const struct core_check *check, struct core_wish *wish);

/* ---- check_named.c ---- */
void core_named_open(struct bc_core *core);
void core_named_close(struct bc_core *core);
/* The named checks that the route rests on, as its view says; NULL: none. */
void core_named_use(struct bc_core *core, struct core_route *route, const struct bc_config_route *view);
/* An earlier core announced it with these checks: they may withdraw if they might before. */
void core_named_recall_probation(const struct bc_core *core, const struct core_route *route);
/* Takes what changed of named checks in the configuration. */
void core_named_apply_changes(struct bc_core *core);
/* The state of a named check changed: its users are decided again, some at a time. */
void core_named_moved(struct bc_core *core, struct core_check *check);
/* It came under a policy, or left it. */
void core_named_place(struct core_use *use, bool is_under_policy);
/* The first whose name is greater; NULL gives the first of all. */
struct core_named *core_named_after(struct bc_core *core, const char *name);
/* The state that it keeps, JSON; NULL = none. */
const char *core_named_kept(struct bc_core *core, const char *name);

/* ---- check_report.c ---- */
enum { CORE_CHECK_KEY_BYTES = BC_LIMIT_NAME_BYTES + 32, CORE_REASON_BYTES = 384 + BC_LIMIT_LUA_REASON_BYTES };
/* Its key: "routes/web/healthcheck". */
const char *core_check_key(const struct core_check *check, char text[static CORE_CHECK_KEY_BYTES]);
/* What the checks of a route say together; `decider` counts as core_route_member does. */
struct bc_combined core_route_health(const struct core_route *route);
/* NULL behind the last. */
const struct core_check *core_route_member(const struct core_route *route, size_t i);
/* Why it stands as it does, with what its checks say. */
void core_route_explain(const struct core_route *route, char *text, size_t room);
/* All that people see of it; owned by the caller. */
json_t *core_report_check(const struct core_check *check);
/* What a route's own and named checks say: an array. */
json_t *core_report_route_checks(const struct core_route *route);
/* Why its last run ended as it did: a text or null. */
json_t *core_report_reason(const struct core_version *version);
/* What the checks of the route say, whatever decides it. */
void core_route_explain_health(const struct core_route *route, char *text, size_t room);
/* Output of checks may be any bytes: what is not printable ASCII is shown as '?'. */
json_t *core_report_bytes(const char *text, size_t max);
/* JSON that a run of it returned. */
json_t *core_report_data(const struct core_check *check);
/* It has something to tell that a person should see, although it may stand as it should. */
bool core_check_is_troubled(const struct core_check *check);
/* … namely this: added to `to`. */
void core_check_describe_trouble(const struct core_check *check, struct bc_buf *to);

#endif
