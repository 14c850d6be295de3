/* What the files of model/config share of scripts, modules, data and named checks; a part of config_private.h. */
#ifndef BC_MODEL_CONFIG_NAMED_H
#define BC_MODEL_CONFIG_NAMED_H

#include "base/limits.h"
#include "base/tree.h"
#include "model/config.h"

#include <sys/queue.h>

/* What a key holds. */
struct bc_config_content {
  struct bc_str value;
  const char *unreadable; /* why it cannot be read; NULL: it can */
};

struct bc_config_entry;
struct bc_config_key_parts;

/* The keys of a named check; their order is the order in which its faults are told. */
#define BC_CONFIG_CHECK_KEY_LIST(X)                                                                                    \
  X(BC_CONFIG_CHECK_SCRIPT, "script")                                                                                  \
  X(BC_CONFIG_CHECK_OPTIONS, "options")

enum bc_config_check_key { BC_CONFIG_CHECK_KEY_LIST(BC_ENUM_MEMBER) BC_CONFIG_CHECK_KEY_COUNT };

/* ---- scripts and modules ---- */

struct bc_config_module_node;

/* Whose a use of a script is: what a changed module changes. */
enum bc_config_user {
  BC_CONFIG_USER_ROUTE,       /* a route's healthcheck: bc_config_entry.script */
  BC_CONFIG_USER_ROUTE_READY, /* its options: bc_config_options.ready */
  BC_CONFIG_USER_CHECK,       /* a named check: bc_config_check_node.script … */
  BC_CONFIG_USER_CHECK_READY, /* … and .ready */
  /* Those of policies, which are Lua whatever their first line is. */
  BC_CONFIG_USER_ROUTE_POLICY, /* a route's: bc_config_policy_value.script */
  BC_CONFIG_USER_NODE_POLICY,  /* the same of the node and of all */
  BC_CONFIG_USER_COUNT
};

/* A place that holds a script; part of its owner. */
struct bc_config_use {
  LIST_ENTRY(bc_config_use) link;
  struct bc_config_script *script; /* NULL = none */
};
LIST_HEAD(bc_config_use_list, bc_config_use);

/* A script requires a module, itself or by others that it requires. */
struct bc_config_module_link {
  LIST_ENTRY(bc_config_module_link) link;
  struct bc_config_script *script;
  struct bc_config_module_node *module;
};
LIST_HEAD(bc_config_module_link_list, bc_config_module_link);

/* What a text requires by itself; each once, in the order of the text. */
struct bc_config_requires {
  struct bc_config_module_node **modules;
  size_t count;
};

struct bc_config_script {
  RB_ENTRY(bc_config_script) link;
  uint64_t text_hash;
  uint64_t hash; /* with its modules */
  size_t refs;
  bool is_lua;
  bool is_counted; /* among the scripts of the store */
  bool is_cut;     /* it requires more modules than one may */
  struct bc_config_requires requires;
  struct bc_config_module_link *links; /* all of its modules, by name */
  size_t link_count;
  struct bc_config_use_list users[BC_CONFIG_USER_COUNT];
  size_t len;
  char text[];
};
RB_HEAD(bc_config_script_tree, bc_config_script);

/* A module, or the name of one that is required and not there. */
struct bc_config_module_node {
  RB_ENTRY(bc_config_module_node) link;
  TAILQ_ENTRY(bc_config_module_node) changed;
  const char *name; /* behind the struct */
  char *text;       /* in force; NULL = none */
  size_t len;
  uint64_t hash; /* of the text */
  struct bc_config_requires requires;
  size_t wanted;                           /* by how many scripts' and modules' `requires` */
  struct bc_config_module_link_list users; /* scripts that require it, also by others */
  uint64_t visit;                          /* when it was last met on a walk */
  char *fault;
  bool is_present, is_seen, is_changed;
};
RB_HEAD(bc_config_module_tree, bc_config_module_node);
TAILQ_HEAD(bc_config_module_queue, bc_config_module_node);

struct bc_config_modules {
  struct bc_config_module_tree tree;
  struct bc_config_module_queue changed;
  struct bc_config_module_node *taken; /* keeps the name that was told last */
  size_t present, listed;
  size_t cut_scripts;
  uint64_t visit;
};

struct bc_config_data_node {
  RB_ENTRY(bc_config_data_node) link;
  TAILQ_ENTRY(bc_config_data_node) changed;
  const char *name; /* behind the struct */
  char *value;      /* in force; NULL = none */
  size_t len;
  char *text; /* the value as a JSON string, when it is not JSON itself */
  size_t text_len;
  char *fault;
  bool is_present, is_seen, is_changed;
};
RB_HEAD(bc_config_data_tree, bc_config_data_node);
TAILQ_HEAD(bc_config_data_queue, bc_config_data_node);

struct bc_config_data_all {
  struct bc_config_data_tree tree;
  struct bc_config_data_queue changed;
  struct bc_config_data_node *taken;
  size_t present, listed;
  size_t bytes, listed_bytes; /* of the values in force */
};

/* ---- policies ---- */

/* What a key of a policy holds: all zero when nothing was good yet. */
struct bc_config_policy_value {
  struct bc_config_use script; /* none: the built-in decision, or nothing was good yet */
  struct bc_config_entry *entry;
  char *key;
  char *json; /* the value in force when it is no Lua */
  const struct bc_ready_made *ready;
  char *parameters; /* of `ready` */
};

enum bc_config_policy_place {
  BC_CONFIG_POLICY_NODE,
  BC_CONFIG_POLICY_DEFAULT,
  BC_CONFIG_POLICY_ADMISSION,
  BC_CONFIG_POLICY_COUNT
};

/* A key that is not a route's. */
struct bc_config_policy_slot {
  struct bc_config_policy_value value;
  char *fault;
  bool is_present, is_seen, is_changed;
  bool is_unknown; /* was never good, and came before anything was acted on */
};

/* ---- named checks ---- */

/* A route's options name a check. */
struct bc_config_wanted {
  LIST_ENTRY(bc_config_wanted) link;
  struct bc_config_check_node *check;
  struct bc_config_entry *entry;
};
LIST_HEAD(bc_config_wanted_list, bc_config_wanted);

enum bc_config_check_state { BC_CONFIG_CHECK_ABSENT, BC_CONFIG_CHECK_FAULTY, BC_CONFIG_CHECK_GOOD };

/* A named check, or the name of one that options want and that is not there. */
struct bc_config_check_node {
  RB_ENTRY(bc_config_check_node) link;
  TAILQ_ENTRY(bc_config_check_node) changed;
  TAILQ_ENTRY(bc_config_check_node) settling; /* in the order of `due` */
  const char *name;                           /* behind the struct */
  struct bc_config_use script;                /* in force */
  struct bc_config_use ready;                 /* chosen by the options in force */
  char *options_text;                         /* in force; NULL = the defaults */
  struct bc_options options;
  char *fault[BC_CONFIG_CHECK_KEY_COUNT];
  struct bc_config_wanted_list users;
  size_t user_count;
  struct bc_mono due;
  enum bc_config_check_state state; /* as its users know it */
  uint8_t present, seen;            /* sets of 1 << enum bc_config_check_key */
  bool is_blocked;                  /* its options never had a good value before it was acted on */
  bool has_bad_script;              /* what the key script says now is not in force */
  bool is_settled, is_settling, is_changed;
};
RB_HEAD(bc_config_check_tree, bc_config_check_node);
TAILQ_HEAD(bc_config_check_queue, bc_config_check_node);

struct bc_config_checks {
  struct bc_config_check_tree tree;
  struct bc_config_check_queue changed;
  struct bc_config_check_queue settling;
  struct bc_config_check_node *taken;
  size_t present, listed;
  bool is_list_settled; /* the list that is being read has told them all */
};

/* ---- config_script.c ---- */
/* `use` holds the script with these bytes from now on; false and a fault when it is none that can run or there are too
 * many: it holds what it held. */
bool bc_config_use_set(struct bc_config *config, struct bc_config_use *use, enum bc_config_user user,
                       struct bc_str bytes, struct bc_fault *fault);
/* The same for a ready-made one. */
void bc_config_use_set_ready(struct bc_config *config, struct bc_config_use *use, enum bc_config_user user,
                             const struct bc_ready_made *ready);
/* It holds none. */
void bc_config_use_drop(struct bc_config *config, struct bc_config_use *use);
/* Its modules have become others: all that use it are changed. */
void bc_config_script_mark(struct bc_config *config, const struct bc_config_script *script);
uint64_t bc_config_script_hash(struct bc_str bytes);
/* Text that can be a script or a module. */
bool bc_config_script_check_text(struct bc_str bytes, struct bc_fault *fault);
/* `script` may be NULL: none. `ready` has chosen it; NULL = it is the value of a key. */
struct bc_config_script_view bc_config_script_show(const struct bc_config_script *script,
                                                   const struct bc_ready_made *ready, const char *parameters);

/* ---- config_module.c ---- */
void bc_config_module_put(struct bc_config *config, struct bc_str name, struct bc_config_content content);
void bc_config_module_delete(struct bc_config *config, struct bc_str name);
void bc_config_module_list_begin(struct bc_config *config);
void bc_config_module_list_end(struct bc_config *config);
void bc_config_module_save(const struct bc_config *config, bc_config_key_fn *fn, void *arg);
/* Adds what is wrong with them to the faults of the node; so do the others of this name. */
void bc_config_module_faults(struct bc_config *config);
void bc_config_module_free(struct bc_config *config);
/* A Lua script came: finds its modules; false and a fault when there are too many. Before it goes. */
bool bc_config_module_link(struct bc_config *config, struct bc_config_script *script, struct bc_fault *fault);
void bc_config_module_unlink(struct bc_config *config, struct bc_config_script *script);

/* ---- config_policy.c ---- */
void bc_config_policy_init(struct bc_config *config);
void bc_config_policy_free(struct bc_config *config);
/* As those of bc_config_value. */
bool bc_config_policy_put_route(struct bc_config *config, struct bc_config_entry *entry, struct bc_str value);
void bc_config_policy_delete_route(struct bc_config *config, struct bc_config_entry *entry);
void bc_config_policy_free_route(struct bc_config *config, struct bc_config_entry *entry);
void bc_config_policy_put(struct bc_config *config, enum bc_config_policy_place place,
                          struct bc_config_content content);
void bc_config_policy_delete(struct bc_config *config, enum bc_config_policy_place place);
void bc_config_policy_list_begin(struct bc_config *config);
void bc_config_policy_list_end(struct bc_config *config);
void bc_config_policy_save(const struct bc_config *config, bc_config_key_fn *fn, void *arg);
void bc_config_policy_faults(struct bc_config *config);
/* The value in force, as it is to be saved; `at` NULL: none. `held` may be NULL. */
struct bc_str bc_config_policy_text(const struct bc_config_policy_value *held);
/* Its script has become another one by its modules; of the node's. */
void bc_config_policy_mark(struct bc_config *config, const struct bc_config_policy_value *held);
/* The one in force for the route. */
struct bc_config_policy bc_config_policy_of(const struct bc_config *config, const struct bc_config_entry *entry);

/* ---- config_labels.c ---- */
void bc_config_labels_put(struct bc_config *config, struct bc_config_content content);
void bc_config_labels_delete(struct bc_config *config);

/* ---- config_data.c ---- */
/* How many arrays and objects of good JSON are within each other. */
size_t bc_config_json_depth(struct bc_str json);
void bc_config_data_put(struct bc_config *config, struct bc_str name, struct bc_config_content content);
void bc_config_data_delete(struct bc_config *config, struct bc_str name);
void bc_config_data_list_begin(struct bc_config *config);
void bc_config_data_list_end(struct bc_config *config);
void bc_config_data_save(const struct bc_config *config, bc_config_key_fn *fn, void *arg);
void bc_config_data_faults(struct bc_config *config);
void bc_config_data_free(struct bc_config *config);

/* ---- config_check.c ---- */
void bc_config_check_put(struct bc_config *config, const struct bc_config_key_parts *parts,
                         struct bc_config_content content, struct bc_mono now);
void bc_config_check_delete(struct bc_config *config, const struct bc_config_key_parts *parts, struct bc_mono now);
void bc_config_check_list_begin(struct bc_config *config);
/* The list has told all checks, and they need not settle: as those of a first list. */
void bc_config_check_list_told(struct bc_config *config);
void bc_config_check_list_end(struct bc_config *config, struct bc_mono now);
void bc_config_check_save(const struct bc_config *config, bc_config_key_fn *fn, void *arg);
void bc_config_check_faults(struct bc_config *config);
void bc_config_check_free(struct bc_config *config);
void bc_config_check_tick(struct bc_config *config, struct bc_mono now);
struct bc_mono bc_config_check_deadline(const struct bc_config *config);
void bc_config_check_mark(struct bc_config *config, struct bc_config_check_node *check);
/* A route's options name it; and do so no more. */
void bc_config_check_want(struct bc_config *config, const char *name, struct bc_config_wanted *wanted,
                          struct bc_config_entry *entry);
void bc_config_check_unwant(struct bc_config *config, struct bc_config_wanted *wanted);

#endif
