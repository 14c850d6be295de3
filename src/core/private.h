/* What the files of core share. One struct per subject; each file owns its own. */
#ifndef BC_CORE_PRIVATE_H
#define BC_CORE_PRIVATE_H

#include "base/enum_text.h"
#include "base/limits.h"
#include "base/tree.h"
#include "core/address.h"
#include "core/admission.h"
#include "core/audit.h"
#include "core/check.h"
#include "core/core.h"
#include "core/event.h"
#include "core/guard.h"
#include "core/history.h"
#include "core/lease.h"
#include "core/link.h"
#include "core/metrics.h"
#include "core/policy.h"
#include "core/record.h"
#include "core/report.h"
#include "io/disk.h"
#include "io/exabgp_pipe.h"
#include "io/loop.h"
#include "io/paths.h"
#include "io/sock.h"
#include "io/store.h"
#include "model/config.h"
#include "model/decide.h"
#include "model/health.h"
#include "model/record.h"
#include "model/rib.h"
#include "model/settings.h"
#include "proto/exabgp.h"
#include "proto/msg.h"

#include <jansson.h>
#include <sys/queue.h>

/* A new route waits so long for the last of its keys. */
enum { CORE_SETTLE_MS = 1000 };

/* ---- a route as core follows it ---- */

/* 100,000 of them are held: what only few need is behind a pointer. */
struct core_route {
  RB_ENTRY(core_route) by_name;
  TAILQ_ENTRY(core_route) notable;  /* in core->notable when is_notable */
  TAILQ_ENTRY(core_route) moved;    /* in core->event.moved when is_moved */
  const char *name;                 /* interned */
  struct bc_route claimed;          /* what was last wanted: its NLRI are withdrawn later */
  struct core_check *check;         /* its own; NULL = none */
  struct core_uses *uses;           /* the named checks that it rests on; NULL = none */
  struct core_service *service;     /* what it wants of the host; NULL = nothing */
  struct core_guarded *guarded;     /* what the guard has against it; NULL = nothing so far */
  struct core_route_policy *policy; /* NULL = it is under none */
  struct bc_decision decision;
  int64_t since_ms;       /* wall clock of the last change of what people see */
  int64_t key_ms;         /* wall clock, when its keys changed last; 0 = before the start */
  uint64_t record;        /* of its last decision; 0 = none */
  const char *told_state; /* static: as the last event had it; NULL = none has told of it */
  uint32_t seen;          /* hash of what people saw when it changed last */
  uint32_t fault_hash;    /* of the fault that the log has told */
  uint32_t error_hash;    /* of ExaBGP's refusal that the log has told */
  uint8_t state;          /* enum bc_rib_state, as counted in core->by_state */
  bool has_claim : 1;
  bool is_wanted : 1;
  bool is_notable : 1;
  bool state_published : 1;
  bool published_announce : 1;
  bool exit_withdraw : 1;
  bool is_unreadable : 1; /* counted in core->unreadable */
  bool is_new : 1;        /* since the start of core, and not decided yet */
  bool is_marked : 1;     /* the rib knows of `record` */
  bool is_standing : 1;   /* any of it, as the config was told */
  bool is_moved : 1;      /* people see something else of it: that is to be told */
};

/* With pointers of 8 bytes: each byte counts 100,000 times. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct core_route) <= 248, "a route has grown");

/* All NLRI of a route as one. */
struct core_view {
  enum bc_rib_state state; /* the worst of them */
  size_t count;            /* NLRI, … */
  size_t announced;        /* … of them announced, … */
  size_t told;             /* … of them told to ExaBGP, and not withdrawn since */
  uint64_t on_wire;        /* neighbors that have them all */
  uint64_t missing;        /* neighbors that lack one, as bc_rib_view has it */
  bool is_alarmed;         /* one of them */
  const char *error;       /* of the worst, or NULL … */
  size_t error_at;         /* … and which it is */
};

RB_HEAD(core_route_tree, core_route);
TAILQ_HEAD(core_route_list, core_route);

/* Its place in core->neighbors is its number in the rib. */
struct core_neighbor {
  struct bc_exabgp_neighbor_config config;
  enum bc_exabgp_state state;
  bool has_state;
  bool is_heard;  /* a message about it came to us */
  bool is_listed; /* in the last answer to `show neighbor configuration` */
  bool is_gone;   /* an answer was complete without it: its place may be taken */
  char reason[192];
  int64_t since_ms;
  unsigned advised;  /* advice.c */
  uint64_t sessions; /* that were established, as far as we know */
};

/* ---- the store and what we make of its history (apply.c) ---- */

#define CORE_LOSS_LIST(X)                                                                                              \
  X(LOSS_NONE, "none")                                                                                                 \
  X(LOSS_TYPE, "other kind of store")                                                                                  \
  X(LOSS_CLUSTER, "other cluster")                                                                                     \
  X(LOSS_BACK, "revision went back")                                                                                   \
  X(LOSS_EMPTIED, "emptied")
enum core_loss { CORE_LOSS_LIST(BC_ENUM_MEMBER) };

struct core_change {
  STAILQ_ENTRY(core_change) link;
  struct bc_str key;   /* owned */
  struct bc_str value; /* owned; `at` NULL = deleted */
};
STAILQ_HEAD(core_changes, core_change);

struct core_apply {
  struct core_changes changes; /* of a message that is not complete yet */
  struct bc_timer *unsubscribe_timer;
  struct bc_store *store;
  enum bc_store_state state;
  char *state_text;
  char *publish_problem;
  struct bc_store_point known; /* the highest accepted point; type NONE = none yet */
  struct bc_store_point offered;
  uint64_t applied_revision; /* of the last change that concerned us */
  enum core_loss loss;
  char loss_id[9];
  uint64_t loss_store;     /* which the id is for, … */
  uint64_t approved_store; /* … and which was approved */
  bool is_approved;        /* the next list counts whatever its point */
  bool in_list;            /* a list is being applied */
  bool skip_list;          /* … and ignored: store loss */
  size_t list_route_keys;
  size_t held;           /* routes with a config when a list began after the store had been emptied … */
  size_t back;           /* … and how many of them it has brought back */
  bool has_list;         /* a list of the store counted since the start */
  bool is_early_judged;  /* whether routes may be announced while the first list is read … */
  bool is_early;         /* … and they are */
  bool is_alone;         /* neither a store nor a last known good, so far: routes of the API go on without */
  bool had_records;      /* … though the journal had routes of the store then */
  bool is_authoritative; /* the config is the store's, or the last known good's after a wait */
  bool is_publishing;    /* own keys are written */
  bool has_last_good;
  char *last_good_problem;     /* why it could not be read, or saved last; NULL = fine */
  struct bc_timer *open_timer; /* the store's files could not be used */
  struct bc_timer *wait_timer; /* for the store at start */
  struct bc_timer *tick_timer; /* settling */
  struct bc_timer *save_timer;
  uint64_t *probation; /* hashes of names, sorted: routes whose check had not passed once when core ended */
  size_t probation_count;
  uint64_t *trusted; /* hashes, sorted: each check of the last known good, with its script */
  size_t trusted_count;
  uint64_t *policies; /* the same of each policy that was in force */
  size_t policy_count;
  int64_t save_pause_ms; /* grows with what a save costs */
  bool save_dirty;
  bool save_busy;
};

/* ---- the workers (pool.c) ---- */

struct bc_child;
struct bc_child_strays;
struct bc_channel;
struct bc_lua_page;

/* Of a worker that runs Lua: what it is inside of. */
struct core_seat {
  struct bc_lua_page *page; /* NULL: none could be made */
  int page_fd;
  bool is_guilty; /* the job that it was killed for: */
  uint32_t guilty_id;
  uint32_t guilty_generation;
};

struct core_pool {
  struct bc_core *core;
  enum core_worker kind;
  unsigned number; /* its place in core->pools */
  char name[32];   /* "Lua worker 2" */
  struct bc_child *child;
  struct bc_channel *channel;
  struct bc_timer *restart_timer;
  struct bc_timer *ping_timer;
  unsigned restarts;
  uint64_t kills;
  bool is_killed;
  unsigned backoff_ms;
  bool is_greeted; /* said HELLO */
  bool is_running; /* … and was told what it has to know first */
  bool pong_due;
  unsigned pings_missed;
  uint64_t ping_number;
  uint32_t running;
  uint32_t known;
  char confinement[96];
  struct bc_mono last_tick;
  struct bc_mono started;
  struct bc_mono cpu_at; /* when its CPU time was looked at, … */
  uint64_t cpu_us;       /* … how much it was then, … */
  uint64_t cpu_seen_us;  /* … the most that it was ever seen to have used, … */
  uint64_t cpu_done_us;  /* … what those before it had used, … */
  unsigned cpu_permille; /* … and what it used of a processor in the seconds before */
  struct core_seat seat;
  uint64_t files;         /* core_renew_look when it was started */
  struct bc_mono renewed; /* for those, last; not set: never */
  bool is_renewed;        /* it was asked to end for those */
};

/* ---- files of the system that workers read (renew.c) ---- */

struct core_renew {
  struct bc_timer *timer;
  uint64_t files; /* as they looked last */
  bool is_told;   /* our own resolver knows of them */
};

/* ---- scripts that Lua workers were killed for (lua.c) ---- */

struct core_strike;
TAILQ_HEAD(core_strikes, core_strike);

struct core_lua {
  struct bc_timer *watch_timer;
  struct core_strikes strikes;
  size_t strike_count;
  size_t quarantined; /* scripts */
};

/* ---- where Lua checks may connect to (egress.c) ---- */

struct bc_resolver;
struct core_endpoint;

struct core_egress {
  struct bc_resolver *resolver;
  struct bc_timer *timer; /* for the next look at names */
  struct core_endpoint *endpoints;
  size_t endpoint_count;
  unsigned pending; /* look-ups */
  char *rules;      /* as told to the workers; NULL: the names of endpoints were not looked up yet */
};

/* ---- commands of Lua checks (command.c) ---- */

struct core_command;
TAILQ_HEAD(core_command_list, core_command);

struct core_commands {
  struct core_command_list all;
  size_t count;
  uint32_t last_id;
};

struct core_journal {
  struct bc_disk_log *log;
  bool is_busy;
  bool was_lost;
  char *problem; /* why the last write failed; NULL = fine */
  struct bc_timer *retry_timer;
  struct bc_buf batch;
  bool is_rewrite;
  bool must_rewrite; /* nothing may be appended to what the file holds */
  size_t records;    /* in the file */
};

struct core_publish {
  struct bc_timer *timer;
  uint64_t told;       /* hash of the last status written */
  uint64_t trimmed_at; /* lines written to ExaBGP when memory was last given back */
};

struct bc_core {
  const struct bc_core_options *options;
  const struct bc_settings *settings;
  struct bc_paths paths;
  struct bc_loop *loop;
  struct bc_intern *intern;
  struct bc_config *config;
  struct bc_rib *rib;
  struct bc_disk *disk;
  struct bc_sock *sock;
  struct core_http *http; /* NULL: the setting names no listener */
  struct bc_signal *signals[4];
  struct bc_timer *lock_timer; /* another daemon has the state directory: tried again */
  struct bc_watch *drain;      /* … and meanwhile stdin is read */
  bool lock_told;
  bool is_open;       /* all that follows the lock */
  char *lock_problem; /* why there is none, and we go on without; NULL = we have it, or wait for it */
  bool store_left;
  bool pipe_closed;
  struct bc_mono exit_begun;
  struct core_link link;
  struct core_apply apply;
  struct core_pool pools[CORE_WORKERS_MOST];
  unsigned pool_count;
  struct bc_child_strays *strays;
  struct core_lua lua;
  struct core_egress egress;
  struct core_renew renew;
  struct core_commands commands;
  struct core_journal journal;
  struct core_record record;
  struct core_publish publish;
  struct core_counts counts;
  struct core_addresses addresses;
  struct core_guard guard;
  struct core_leases *leases; /* lease_private.h */
  struct core_waits *waits;   /* wait.c */
  struct core_admission admission;
  struct core_audit audit;
  struct core_event event;
  struct http_nodes *nodes; /* http_read_nodes.c; NULL = nobody has asked for them */
  struct core_route_tree routes;
  struct core_route *found; /* the one that was looked up last; NULL = none */
  struct core_route_list notable;
  size_t notable_count;
  struct core_checks checks;
  struct core_policies policies;
  struct core_neighbor neighbors[BC_LIMIT_NEIGHBORS];
  unsigned neighbor_count;
  unsigned neighbor_last;      /* the last one found */
  bool neighbors_cut;          /* there are more than are followed, as the last answer told */
  unsigned neighbors_left_out; /* of the answer being read, for want of a place */
  bool neighbors_are_news;     /* the answer being read tells something new */
  struct bc_buf heard;         /* addresses of neighbors that messages came about, a line each */
  struct bc_timer *exit_timer;
  bool is_exiting;
  bool routes_started; /* decisions flow */
  int exit_code;
  int64_t started_wall_ms;
  size_t unreadable;                   /* subscribed routes of which it is not known what they may have announced */
  size_t by_state[BC_RIB_FOREIGN + 1]; /* routes */
};

/* ---- link.c ---- */
void core_link_open(struct bc_core *core);
void core_link_close(struct bc_core *core);
/* Something may be to write: soon, once. */
void core_link_pump(struct bc_core *core);
/* ---- neighbor.c ---- */
const char *core_neighbor_state_text(const struct core_neighbor *neighbor);
struct core_neighbor *core_neighbor_find(struct bc_core *core, struct bc_str peer, struct bc_str local);
unsigned core_neighbor_number(const struct bc_core *core, const struct core_neighbor *neighbor);
void core_neighbor_open(struct bc_core *core);
/* Before the first core_neighbor_configured of an answer, and after the last: true when it told anything new. */
void core_neighbor_configure_begin(struct bc_core *core);
bool core_neighbor_configure_end(struct bc_core *core);
void core_neighbor_configured(struct bc_core *core, const struct bc_exabgp_neighbor_config *config);
void core_neighbor_detail(struct bc_core *core, const struct bc_exabgp_neighbor_detail *detail);
/* A state message; false when the neighbor is not known yet. */
bool core_neighbor_event(struct bc_core *core, const struct bc_exabgp_event *event);
/* A message about it came to us: so our commands reach it. */
void core_neighbor_heard(struct bc_core *core, struct core_neighbor *neighbor);
/* ---- advice.c ---- */
/* Logs what is due and was not told since it is: after each change of what ExaBGP has told of itself. */
void core_advice_tell(struct bc_core *core);
/* Appends what is due. */
void core_advice_list(struct bc_core *core, json_t *list);
/* ---- journal.c ---- */
/* When it cannot be opened that is tried again; until then what we want and stands is taken for ours, announcements
 * wait, withdraws go on. */
void core_journal_open(struct bc_core *core);
void core_journal_flush(struct bc_core *core);
void core_journal_close(struct bc_core *core);
/* ---- observe.c: what becomes of commands ---- */
void core_observe_open(struct bc_core *core);
void core_observe_close(struct bc_core *core);
/* ---- apply.c, lastgood.c ---- */
void core_apply_open(struct bc_core *core);
void core_apply_close(struct bc_core *core);
/* How the store is reached; texts are those of the settings. */
void core_apply_store_options(const struct bc_core *core, struct bc_store_options *options);
const char *core_loss_text(enum core_loss value);
/* What a core before this one found lost is lost until the store has what we hold, or somebody approves. */
void core_apply_remember_loss(struct bc_core *core, struct bc_str text);
/* BC_ERR_NOT_FOUND: nothing waits; BC_ERR_CONFLICT: another id waits. */
BC_MUST_CHECK enum bc_err core_apply_approve(struct bc_core *core, const char *id);
/* Config changes → routes; starts the routes once link and config are ready. */
void core_apply_changes(struct bc_core *core);
/* Before the start of the RIB: of each route that stands is known whether it is ours. Without a journal only the store
 * can tell. */
bool core_apply_knows_standing(const struct bc_core *core);
/* Something of ours may stand that nothing names yet. */
bool core_apply_lacks_names(const struct bc_core *core);
void core_lastgood_load(struct bc_core *core);
void core_lastgood_dirty(struct bc_core *core);
/* Its script was new to the core before this one, and had not passed. */
bool core_lastgood_was_on_probation(const struct bc_core *core, const struct core_check *check);
/* This version of the policy under this key was in force before this core. */
bool core_lastgood_trusts_policy(const struct bc_core *core, const char *key, uint64_t script_hash);
void core_lastgood_save(struct bc_core *core);
/* ---- dispatch.c ---- */
/* `alone`: with the local routes of the configuration only. */
void core_dispatch_start(struct bc_core *core, bool alone);
/* The same before the configuration is known, when nothing of ours stands that it could say anything of: false when
 * something does. Then core_dispatch_passed for what a list has told so far, core_dispatch_start_end when it is
 * complete. */
BC_MUST_CHECK bool core_dispatch_start_early(struct bc_core *core);
void core_dispatch_passed(struct bc_core *core);
void core_dispatch_start_end(struct bc_core *core);
void core_dispatch_config(struct bc_core *core, const struct bc_config_route *view, bool found);
void core_dispatch_all(struct bc_core *core);
void core_dispatch_rib(struct bc_core *core);
void core_dispatch_result(struct bc_core *core, const struct core_result *result);
/* Something that the decision rests on has changed: its policy is asked, too. */
void core_dispatch_again(struct bc_core *core, struct core_route *route);
/* Its policy has said something, or failed. */
void core_dispatch_decided(struct bc_core *core, struct core_route *route);
/* Withdraws the routes whose on_exit says so. */
void core_dispatch_exit(struct bc_core *core);
void core_dispatch_free(struct bc_core *core);

/* ---- route_table.c ---- */
/* What is found is core's; NULL = there is none. `make` is for a name that is not there yet; `free` lets
 * the route alone go, nothing that others keep for it. */
struct core_route *core_route_find(struct bc_core *core, const char *name);
struct core_route *core_route_make(struct bc_core *core, const char *name);
void core_route_free(struct bc_core *core, struct core_route *route);
/* In the order of names; NULL gives the first. */
struct core_route *core_route_next(struct bc_core *core, struct core_route *route);
/* The first whose name is greater; NULL gives the first of all. */
struct core_route *core_route_after(struct bc_core *core, const char *name);

/* Why it stands as it does; never NULL. */
const char *core_route_reason(const struct core_route *route);
/* ---- want.c ---- */
/* Announced from now on as this; it may be the route's own claim. */
void core_want_route(struct bc_core *core, struct core_route *route, const struct bc_route *wanted);
void core_want_nothing(struct bc_core *core, struct core_route *route);
/* The same, and what it was is forgotten. */
void core_want_drop_claim(struct bc_core *core, struct core_route *route);
/* The same NLRI for the same neighbors. */
bool core_want_is_same(const struct bc_route *a, const struct bc_route *b);
/* ---- view.c ---- */
/* False when the RIB has nothing of what it was last wanted to be. */
bool core_route_view(const struct bc_core *core, const struct core_route *route, struct core_view *to);
/* The same of one NLRI of `claimed`; false also when another route has it now. */
bool core_route_find_nlri(const struct bc_core *core, const struct core_route *route, size_t i,
                          struct bc_rib_view *view);
/* Which sessions that are up cannot carry it; "" = none is up that it goes to. */
void core_route_standby_reason(const struct bc_core *core, const struct core_route *route, char *text, size_t room);
/* ---- pool.c ---- */
void core_pool_open(struct bc_core *core);
void core_pool_close(struct bc_core *core);
/* The Lua worker that checks of this name run in, always the same. */
unsigned core_pool_home(const struct bc_core *core, const char *name);
/* There is work for this worker: starts it if it does not run. */
void core_pool_need(struct bc_core *core, unsigned worker);
/* 0 = it does not run. */
pid_t core_pool_pid(const struct bc_core *core, unsigned worker);
/* CPU time that its process has used, in microseconds; 0 when it does not run. */
uint64_t core_pool_cpu_us(const struct bc_core *core, unsigned worker);
/* The same with all that ran in its place before; never less than before. */
uint64_t core_pool_cpu_total_us(struct bc_core *core, unsigned worker);
/* Less than a quarter of what may wait for the worker waits. */
bool core_pool_has_room(const struct bc_core *core, unsigned worker);
/* False when it does not take it now; after a restart all is sent again. */
bool core_pool_send(struct bc_core *core, unsigned worker, const struct bc_msg *message);
void core_pool_kill(struct bc_core *core, unsigned worker);
/* Asks it to end; another is started at once. */
void core_pool_renew(struct core_pool *pool);
/* The egress rules are there, or others than before. */
void core_pool_on_egress(struct bc_core *core);
/* ---- command.c ---- */
void core_command_open(struct bc_core *core);
void core_command_close(struct bc_core *core);
/* LUA_EXEC or LUA_EXEC_CANCEL. */
void core_command_on_lua(struct core_pool *pool, const struct bc_msg *message);
void core_command_on_result(struct bc_core *core, const struct bc_msg_command_result *result);
/* The exec worker runs: it gets what waited for it. */
void core_command_on_running(struct bc_core *core);
/* A worker ended: what it ran is answered, what it asked for is cancelled. */
void core_command_on_gone(struct core_pool *pool);
/* ---- egress.c ---- */
void core_egress_open(struct bc_core *core);
void core_egress_close(struct bc_core *core);
/* False while the names of etcd endpoints are looked up for the first time, some seconds at most. No check is set
 * before: what it may not connect to would look dead to it. */
bool core_egress_is_ready(const struct bc_core *core);
void core_egress_send(struct bc_core *core, unsigned worker);
/* The host's addresses are others than before. */
void core_egress_on_host(struct bc_core *core);
/* ---- renew.c ---- */
void core_renew_open(struct bc_core *core);
void core_renew_close(struct bc_core *core);
/* A number that is another when one of these files is. */
uint64_t core_renew_look(void);
/* ---- lua.c ---- */
void core_lua_open(struct bc_core *core);
void core_lua_close(struct bc_core *core);
/* LUA_RESULT or LUA_RESULTS. */
void core_lua_on_message(struct core_pool *pool, const struct bc_msg *message);
/* The worker is being started: what it is to get as descriptor 4; 0 = there is none. Looks at it from now on. */
int core_lua_on_start(struct core_pool *pool);
void core_lua_on_ended(struct core_pool *pool, int wait_status);
void core_lua_on_closed(struct core_pool *pool);
/* It is inside of a job: a lack of answers means less. */
bool core_lua_is_busy(const struct core_pool *pool);
bool core_lua_is_quarantined(const struct bc_core *core, uint64_t script_hash);
/* Those that some key still holds: one that was changed stays in quarantine, and is nobody's trouble any more. */
size_t core_lua_count_quarantined(const struct bc_core *core);
/* A run of this script had to be killed. `key`: where it is from. */
void core_lua_strike(struct bc_core *core, uint64_t script_hash, const char *key);
/* ---- publish.c ---- */
void core_publish_open(struct bc_core *core);
void core_publish_close(struct bc_core *core);
void core_publish_dirty(struct bc_core *core);
void core_publish_route(struct bc_core *core, struct core_route *route, bool is_gone);
void core_publish_neighbor(struct bc_core *core, const struct core_neighbor *neighbor);
/* The keys of all sessions with this one's address are removed: before it becomes another one. */
void core_publish_forget_neighbor(struct bc_core *core, const struct core_neighbor *neighbor);
/* What the status key tells, as of now; the caller's. */
json_t *core_publish_report(struct bc_core *core);
/* All that was to be published before there was a store. */
void core_publish_all(struct bc_core *core);
/* ---- http_read_nodes.c ---- */
/* After the HTTP server is closed. */
void core_http_read_close(struct bc_core *core);
/* ---- api.c ---- */
bool core_api_open(struct bc_core *core, struct bc_fault *fault);
void core_api_close(struct bc_core *core);
/* ---- core.c ---- */
void core_exit_begin(struct bc_core *core, int exit_code, const char *why);

#endif
