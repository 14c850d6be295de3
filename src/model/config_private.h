/* What the files of model/config share; nobody else includes it.
 *
 * config.c: life, keys in, lists; config_save.c: the last known good; config_admin.c: the admin state;
 * config_key.c: what a key means;
 * config_entry.c: one route and its life; config_value.c: its values, config_options.c: that of its options;
 * config_settle.c: new ones wait;
 * config_script.c: shared scripts; config_module.c: modules, and what requires them; config_data.c: data;
 * config_check.c: named checks; config_policy.c: policies; config_labels.c: the node's labels;
 * config_subscription.c: names and globs; config_identity.c: who wins a prefix;
 * config_local.c: routes that are not the store's; config_view.c: what others see; config_fault.c: faults of routes and
 * of the node. */
#ifndef BC_MODEL_CONFIG_PRIVATE_H
#define BC_MODEL_CONFIG_PRIVATE_H

#include "base/buf.h"
#include "base/enum_text.h"
#include "base/intern.h"
#include "base/limits.h"
#include "base/tree.h"
#include "model/config_named.h"

#include <sys/queue.h>

/* The keys of a route; their order is the order in which its faults are told. */
#define BC_CONFIG_KEY_LIST(X)                                                                                          \
  X(BC_CONFIG_KEY_CONFIG, "config")                                                                                    \
  X(BC_CONFIG_KEY_PREFIX, "prefix")                                                                                    \
  X(BC_CONFIG_KEY_HEALTHCHECK, "healthcheck")                                                                          \
  X(BC_CONFIG_KEY_OPTIONS, "options")                                                                                  \
  X(BC_CONFIG_KEY_POLICY, "policy")

enum bc_config_key {
  BC_CONFIG_KEY_LIST(BC_ENUM_MEMBER) BC_CONFIG_KEY_COUNT,
  /* Options in force may name checks that are not there. */
  BC_CONFIG_KEY_CHECKS = BC_CONFIG_KEY_COUNT,
  /* A fault of the route as a whole stands behind those of its keys. */
  BC_CONFIG_KEY_IDENTITY,
  BC_CONFIG_FAULT_COUNT
};

/* Where people put things by name: the folder, how many there may be, what one and several of them are called, the keys
 * of one. */
#define BC_CONFIG_FOLDER_LIST(X)                                                                                       \
  X(BC_CONFIG_ROUTES, "routes", BC_LIMIT_ROUTES, "route", "routes", "config, prefix, healthcheck, options")            \
  X(BC_CONFIG_CHECKS, "checks", BC_LIMIT_NAMED_CHECKS, "check", "checks", "script, options")                           \
  X(BC_CONFIG_LUA, "lua", BC_LIMIT_LUA_MODULES_ALL, "module", "modules", NULL)                                         \
  X(BC_CONFIG_DATA, "data", BC_LIMIT_DATA_KEYS, "data", "values", NULL)

enum bc_config_folder { BC_CONFIG_FOLDER_LIST(BC_ENUM_MEMBER) BC_CONFIG_FOLDER_COUNT };

enum bc_config_key_kind {
  BC_CONFIG_IGNORED,
  BC_CONFIG_ROUTE_KEY,
  BC_CONFIG_CHECK_KEY,
  BC_CONFIG_MODULE_KEY,
  BC_CONFIG_DATA_KEY,
  BC_CONFIG_SUBSCRIPTION,
  BC_CONFIG_ADMIN,
  BC_CONFIG_LABELS,
  BC_CONFIG_POLICY_KEY, /* not a route's */
  BC_CONFIG_BAD_NAME,   /* in a folder, but not a NAME */
  BC_CONFIG_BAD_KEY     /* behind FOLDER/NAME, but none of its keys */
};

struct bc_config_key_parts {
  enum bc_config_key_kind kind;
  enum bc_config_folder folder; /* of those with a name */
  struct bc_str name;
  enum bc_config_key key;             /* of a route */
  enum bc_config_check_key check_key; /* of a check */
  enum bc_config_policy_place policy;
};

/* The options in force of a route that has others than the defaults. */
struct bc_config_options {
  struct bc_options options;
  struct bc_config_entry *entry;
  struct bc_config_use ready;
  struct bc_config_wanted checks[]; /* options.check_count */
};

struct bc_config_faults {
  char *text[BC_CONFIG_FAULT_COUNT];
  unsigned count;
};

/* A route that is not acted on yet; only those few have one. */
struct bc_config_settling {
  RB_ENTRY(bc_config_settling) link;
  struct bc_mono due;
  struct bc_config_entry *entry;
};
RB_HEAD(bc_config_settling_tree, bc_config_settling);

/* One NLRI of a route that may be announced here. The one of its first NLRI is part of the entry; those of its
 * others have their own memory. */
struct bc_config_claim {
  RB_ENTRY(bc_config_claim) link;
  struct bc_config_entry *entry;
};
RB_HEAD(bc_config_claim_tree, bc_config_claim);

/* One route. 100,000 of them are held: what only few need is behind a pointer. */
struct bc_config_entry {
  RB_ENTRY(bc_config_entry) by_name;
  struct bc_config_claim claim;
  uint64_t stood; /* hash of the identity that core last said stands; 0 = none */
  TAILQ_ENTRY(bc_config_entry) changed;
  const char *name; /* behind the struct */
  struct bc_route route;
  /* config and prefix as they are in the store, NULL when absent or unusable by themselves; and as
   * they are in force. They are judged together, so a faulty one is kept until its partner comes. */
  const char *now[2];
  const char *good[2];
  const char *options_text;          /* in force */
  struct bc_config_options *options; /* in force; NULL = the defaults */
  /* Interned; good by themselves, but not for the route or the check that is in force; NULL = none. When the key is
   * removed: the defaults are what does not fit. */
  const char *options_unfit;
  struct bc_config_use script;
  struct bc_config_policy_value *policy; /* NULL: its key was never good */
  struct bc_config_faults *faults;
  struct bc_config_settling *settling;
  /* Sets of 1 << enum bc_config_key: in the store; seen in the list that is being read; never had a
   * good value before the route was acted on, so that it must wait. */
  uint8_t present, seen, blocked;
  bool has_route : 1;
  bool is_subscribed : 1;
  bool is_settled : 1;
  bool has_lost_check : 1;
  bool has_idle_check : 1; /* the fault of the healthcheck is that the options chose another one */
  bool lost_identity : 1;
  bool stands : 1;
  bool has_claim : 1;
  bool has_won : 1;     /* judged, and no other route has any of its NLRI */
  bool is_disputed : 1; /* to be judged */
  bool is_changed : 1;
  bool is_local : 1; /* not the store's */
};
/* With pointers of 8 bytes: each byte counts 100,000 times. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct bc_config_entry) <= 288, "a route has grown");
RB_HEAD(bc_config_entry_tree, bc_config_entry);
TAILQ_HEAD(bc_config_changed_queue, bc_config_entry);

struct bc_config_gone {
  RB_ENTRY(bc_config_gone) link;
  const char *name; /* behind the struct */
  bool stands;
  uint64_t stood;
};
RB_HEAD(bc_config_gone_tree, bc_config_gone);

/* A route of which must be found anew whether it may be announced. */
struct bc_config_dispute {
  RB_ENTRY(bc_config_dispute) link;
  struct bc_config_entry *entry;
};
RB_HEAD(bc_config_dispute_tree, bc_config_dispute);

struct bc_config_wish {
  RB_ENTRY(bc_config_wish) link;
  RB_ENTRY(bc_config_wish) lonely;
  const char *name; /* behind the struct */
  bool is_lonely;   /* no route has this name */
};
RB_HEAD(bc_config_wish_tree, bc_config_wish);
RB_HEAD(bc_config_lonely_tree, bc_config_wish);

struct bc_config_subscription {
  char *text;      /* the value in force, NULL = none */
  bool is_refused; /* the store holds another one, which was refused as a whole */
  struct bc_config_wish_tree wishes;
  struct bc_config_lonely_tree lonely;
  size_t lonely_count;
  size_t wish_count;
  struct {
    char *pattern;
    size_t matches;
  } globs[BC_LIMIT_SUBSCRIBED_GLOBS];
  size_t glob_count;
  char *fault; /* of the whole value, or of words in it */
  bool is_seen;
};

/* A key in a folder that means nothing. */
struct bc_config_stray {
  RB_ENTRY(bc_config_stray) link;
  bool is_seen;
  bool is_bad_name;
  enum bc_config_folder folder;
  char key[];
};
RB_HEAD(bc_config_stray_tree, bc_config_stray);

/* What a limit keeps out of a folder. */
struct bc_config_surplus {
  char *name;   /* the first of them; NULL = none */
  size_t count; /* how many more puts met it */
};

struct bc_config {
  struct bc_intern *intern;
  char *node;
  struct bc_options default_options;
  unsigned settle_ms;

  struct bc_config_entry_tree entries;
  struct bc_config_entry *found; /* the last that was looked up; NULL = none */
  struct bc_config_claim_tree claims;
  struct bc_config_changed_queue changed;
  struct bc_config_changed_queue changed_local;
  struct bc_config_gone_tree gone;
  struct bc_config_gone *taken; /* keeps the name that the last view showed */
  struct bc_config_settling_tree settling;
  struct bc_config_dispute_tree disputes;
  struct bc_config_script_tree scripts;
  struct bc_config_modules modules;
  struct bc_config_data_all data;
  struct bc_config_checks checks;
  struct bc_config_policy_slot policies[BC_CONFIG_POLICY_COUNT];
  struct bc_config_counts counts;
  size_t route_keys;
  size_t list_nlri;  /* of all routes of the store, beyond one each */
  size_t local_nlri; /* of all others */

  bool in_list, has_listed;
  size_t listed;                   /* routes seen in the list that is being read */
  struct bc_config_entry *listing; /* the route whose keys it tells now … */
  struct bc_config_entry *passed;  /* … and the last one that bc_config_next_passed gave; NULL = none */

  struct bc_config_subscription subscription;

  enum bc_admin_state admin;
  bool has_admin, admin_seen, admin_changed;
  char *admin_fault;
  char *labels; /* in force; NULL = none */
  bool labels_seen, labels_changed;
  char *labels_fault;

  struct bc_config_stray_tree strays;
  size_t stray_count;
  size_t route_strays; /* those of them under routes/ */
  bool has_more_strays;
  struct bc_config_surplus surplus[BC_CONFIG_FOLDER_COUNT];
  char **node_faults;
  size_t node_fault_count;
  bool node_faults_stale;
};

/* ---- config_key.c ---- */
struct bc_config_key_parts bc_config_key_parse(const struct bc_config *config, struct bc_str key);
const char *bc_config_key_text(enum bc_config_key value);
const char *bc_config_check_key_text(enum bc_config_check_key value);
const char *bc_config_folder_text(enum bc_config_folder value);
/* A terminated copy. */
void bc_config_name_copy(struct bc_str name, char to[static BC_LIMIT_NAME_BYTES + 1]);
/* Whether there is room for one more in a folder that has `held`, `listed` of them in the list that is being read: a
 * list may hold as many new ones as it replaces old ones, which go when it ends. */
bool bc_config_has_room(const struct bc_config *config, enum bc_config_folder folder, size_t held, size_t listed);

/* ---- config_fault.c ---- */
/* "routes/NAME/KEY: [column N: ]text" becomes the fault of that key; marks the route changed when it
 * is another one than before. */
void bc_config_fault_set(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key,
                         const struct bc_fault *fault);
/* The same with a text of any length that already names its place; takes it over. */
void bc_config_fault_take(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key, char *text);
void bc_config_fault_clear(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key);
bool bc_config_fault_is_set(const struct bc_config_entry *entry, enum bc_config_key key);
const char *bc_config_fault_first(const struct bc_config_entry *entry);

void bc_config_stray_put(struct bc_config *config, struct bc_str key, const struct bc_config_key_parts *parts);
void bc_config_stray_delete(struct bc_config *config, struct bc_str key);
void bc_config_stray_list_begin(struct bc_config *config);
void bc_config_stray_list_end(struct bc_config *config);
/* A new one that the limit keeps out. */
void bc_config_surplus_put(struct bc_config *config, enum bc_config_folder folder, struct bc_str name);
void bc_config_surplus_clear(struct bc_config *config);
void bc_config_node_faults_free(struct bc_config *config);
/* Replaces *fault (owned; NULL = none) and remembers that the node's faults must be collected anew. */
void bc_config_node_fault_set(struct bc_config *config, char **fault, char *text);
/* While they are collected: one more; a copy of the text, NULL = none. */
void bc_config_node_faults_add(struct bc_config *config, const char *text);
/* A terminated text of at most a few hundred bytes, owned by the caller. */
char *bc_config_text(const char *format, ...) BC_PRINTF(1, 2);

/* ---- config_save.c ---- */
/* NULL: nothing. */
void bc_config_save_key(const char *folder, const char *name, const char *key, struct bc_str value,
                        bc_config_key_fn *fn, void *arg);

/* ---- config_admin.c ---- */
void bc_config_admin_put(struct bc_config *config, struct bc_config_content content);
void bc_config_admin_delete(struct bc_config *config);
/* NULL: the store says nothing. */
const char *bc_config_admin_text(const struct bc_config *config);

/* ---- config_entry.c ---- */
/* As their keys are ordered in the store: "a-b" before "a", because '-' comes before '/'. */
int bc_config_name_compare(const char *a, const char *b);
struct bc_config_entry *bc_config_entry_find(const struct bc_config *config, const char *name);
struct bc_config_entry *bc_config_entry_after(const struct bc_config *config, const char *name);
struct bc_config_entry *bc_config_entry_next(struct bc_config_entry *entry);
void bc_config_entry_put(struct bc_config *config, const struct bc_config_key_parts *parts,
                         struct bc_config_content content, struct bc_mono now);
void bc_config_entry_delete(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key,
                            struct bc_mono now);
/* Deletes what the list that ends did not hold. The entry may be gone afterwards. */
void bc_config_entry_sweep(struct bc_config *config, struct bc_config_entry *entry, struct bc_mono now);
/* A route of a name that is not there yet; what makes its name local is its prefix. */
struct bc_config_entry *bc_config_entry_new(struct bc_config *config, const char *name);
/* Takes the route out without a trace: for the end of the config. */
void bc_config_entry_free(struct bc_config *config, struct bc_config_entry *entry);
bool bc_config_entry_has_version(const struct bc_config_entry *entry);
/* Those in force. */
const struct bc_options *bc_config_entry_options(const struct bc_config *config, const struct bc_config_entry *entry);

/* ---- config_settle.c ---- */
/* A key of the route changed: a new route waits anew; one without a version waits for nothing. */
void bc_config_settle_touch(struct bc_config *config, struct bc_config_entry *entry, struct bc_mono now);
/* The route is acted on from now on. */
void bc_config_settle_end(struct bc_config *config, struct bc_config_entry *entry);
void bc_config_settle_cancel(struct bc_config *config, struct bc_config_entry *entry);

/* ---- config_view.c ---- */
void bc_config_view_mark(struct bc_config *config, struct bc_config_entry *entry);
/* The route is about to be freed: its name is told as gone. */
void bc_config_view_gone(struct bc_config *config, struct bc_config_entry *entry);
/* A route came: what is left of an earlier one of this name that nobody has heard of yet. */
void bc_config_view_back(struct bc_config *config, struct bc_config_entry *entry);
void bc_config_view_free(struct bc_config *config);

/* ---- config_value.c ---- */
/* Checks and takes one key's value; true when something changed. The caller has noted that the key is
 * present. */
bool bc_config_value_put(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key,
                         struct bc_str value);
/* The same for a key whose value cannot be had now. */
bool bc_config_value_put_unreadable(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key,
                                    const char *why);
void bc_config_value_delete(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key);
void bc_config_value_free(struct bc_config *config, struct bc_config_entry *entry);
bool bc_config_value_is_present(const struct bc_config_entry *entry, enum bc_config_key key);
/* A route that is acted on goes on with what it has; a new one that never had a good value here must
 * not start with the default of a key that says something else. */
void bc_config_value_block(struct bc_config_entry *entry, enum bc_config_key key, bool has_good);
void bc_config_value_unblock(struct bc_config_entry *entry, enum bc_config_key key);
/* Options have become others: a route that did not fit the ones before may fit these. */
void bc_config_value_judge_route(struct bc_config *config, struct bc_config_entry *entry);
/* Options have become others: what a removed healthcheck, or one beside a ready-made check, is now. */
void bc_config_value_judge_check(struct bc_config *config, struct bc_config_entry *entry);

/* ---- config_options.c ---- */
bool bc_config_options_put(struct bc_config *config, struct bc_config_entry *entry, struct bc_str value);
void bc_config_options_delete(struct bc_config *config, struct bc_config_entry *entry);
/* The route or its healthcheck has become another one: options that did not fit before may fit now. */
void bc_config_options_judge(struct bc_config *config, struct bc_config_entry *entry);
void bc_config_options_forget_unfit(struct bc_config *config, struct bc_config_entry *entry);
/* A check that the options name came, went, or has a good version now: its fault. */
void bc_config_options_judge_checks(struct bc_config *config, struct bc_config_entry *entry);
void bc_config_options_free(struct bc_config *config, struct bc_config_entry *entry);
/* The healthcheck in force, if there is one, is not one that was removed. */
bool bc_config_options_has_script(const struct bc_config_entry *entry);
/* Why a script beside `use` is of no effect; returns `to`. */
const char *bc_config_idle_text(const struct bc_ready_made *use, char to[static BC_FAULT_TEXT_BYTES]);

/* ---- config_local.c ---- */
bool bc_config_is_local_name(const char *name);

/* ---- config_subscription.c ---- */
void bc_config_subscription_put(struct bc_config *config, struct bc_config_content content);
void bc_config_subscription_delete(struct bc_config *config);
void bc_config_subscription_free(struct bc_config *config);
/* A route of this name came (true) or went: whether it is subscribed. */
bool bc_config_subscription_count(struct bc_config *config, const char *name, bool came);
/* "… no route matches "a", "b"" or NULL; owned by the caller. */
char *bc_config_subscription_lonely_text(const struct bc_config *config);

/* ---- config_identity.c ---- */
/* Makes, moves or drops the route's claim after `is_subscribed` or the version changed.
 * bc_config_identity_drop must come before `route` changes. */
void bc_config_identity_drop(struct bc_config *config, struct bc_config_entry *entry);
void bc_config_identity_claim(struct bc_config *config, struct bc_config_entry *entry);
void bc_config_identity_standing(struct bc_config *config, struct bc_config_entry *entry, bool stands);
/* Whether what stands of it also gives `route`, which is to replace its own, the right of what stands: they have
 * NLRI and neighbors in common, or it is just what stands; and what the new one has more of, NLRI or neighbors, is not
 * what another one announces. Before the drop. */
bool bc_config_identity_keeps(const struct bc_config *config, const struct bc_config_entry *entry,
                              const struct bc_route *route);
/* Decides all open disputes. */
void bc_config_identity_settle(struct bc_config *config);
void bc_config_identity_free(struct bc_config *config);

#endif
