/* The configuration of this node, kept from the store's keys: routes with their running versions and
 * faults, named checks, Lua modules, data, the subscription, the admin state. Pure and incremental: one
 * changed key costs the work of one route, a changed check or module that of those that use it (100,000
 * routes and never a full pass per change).
 *
 * A faulty key harms its own route's new version only: the last good value of that key stays in force
 * and the fault is kept beside it, with its place ("routes/X/config: column 24: med: …").
 * A route that has never had a good version is not announced.
 *
 * Two routes with one identity: the one that stands in ExaBGP wins; none standing: the one whose keys
 * come first; never the order of arrival; the other carries a fault. A route with several NLRI loses as
 * a whole when another one has one of them. */
#ifndef BC_MODEL_CONFIG_H
#define BC_MODEL_CONFIG_H

#include "base/enum_text.h"
#include "base/mono.h"
#include "model/options.h"
#include "model/route.h"

struct bc_config;

#define BC_ADMIN_STATE_LIST(X) X(BC_ADMIN_UP, "up") X(BC_ADMIN_DOWN, "down") X(BC_ADMIN_DRAIN, "drain")
enum bc_admin_state { BC_ADMIN_STATE_LIST(BC_ENUM_MEMBER) };
const char *bc_admin_state_text(enum bc_admin_state value);

struct bc_config *bc_config_new(struct bc_intern *intern, const char *node);
void bc_config_free(struct bc_config *config);

/* ---- keys in (relative to the prefix: "routes/web/config", "checks/dns/script", "lua/util", "data/sites",
 * "node/ME/subscribedRoutes") ---- */

/* Keys of no meaning here are ignored (other nodes, neighbors/, …/state, names that are not a NAME: a
 * fault in bc_config_node_fault). A value equal to the one in force changes nothing. */
void bc_config_put(struct bc_config *config, struct bc_str key, struct bc_str value, struct bc_mono now);
void bc_config_delete(struct bc_config *config, struct bc_str key, struct bc_mono now);

/* The key is there, but its value cannot be had now. `why` is one line that says the reason and the place; it becomes
 * the key's fault. What is in force stays so; a key that never had a value is unknown, which is not the same as absent:
 * a new route waits for it. For a key that has no meaning this is bc_config_put. */
void bc_config_put_unreadable(struct bc_config *config, struct bc_str key, const char *why, struct bc_mono now);

/* A complete list: begin, bc_config_put or bc_config_put_unreadable for every key, end: what was not put is deleted.
 * `abort` undoes nothing but the marking: nothing is deleted. */
void bc_config_list_begin(struct bc_config *config);
void bc_config_list_end(struct bc_config *config, struct bc_mono now);
void bc_config_list_abort(struct bc_config *config);

/* A new route is not acted on before this long without changes of its keys (people write keys one by one). Default
 * 1000; 0 for what was read back from the last known good. */
void bc_config_set_settle_ms(struct bc_config *config, unsigned settle_ms);

/* Keys under routes/ that are present now: 0 while we hold routes = an emptied store. */
size_t bc_config_route_keys(const struct bc_config *config);

/* ---- routes that are not the store's ---- */

/* Their names begin with it; no key of the store can name them. */
#define BC_CONFIG_LOCAL_PREFIX "api:"

/* Whether bc_config_put_local would be well: BC_ERR_SYNTAX (no such name, words that steer ExaBGP), BC_ERR_EXISTS
 * (another route, local or subscribed in the store, has one of its NLRI for some neighbor, also when that one is not
 * announced; the line names it), BC_ERR_LIMIT (too many NLRI). */
BC_MUST_CHECK enum bc_err bc_config_try_local(const struct bc_config *config, const char *name,
                                              const struct bc_route *route, struct bc_fault *fault);
/* A route beside those of the store: always subscribed, settled at once, without check, options and policy; no key of
 * a list, of bc_config_route_keys or of the last known good. Among others with its NLRI it has the rank of one that
 * comes first by name. `text` as in a config key; a faulty one is a fault as there. */
void bc_config_put_local(struct bc_config *config, const char *name, struct bc_str text, struct bc_mono now);
/* False when there is none. */
bool bc_config_delete_local(struct bc_config *config, const char *name);
/* The name of a route, local or subscribed in the store, that has one of these NLRI for some neighbor that `route`
 * goes to, whether or not it is announced; not `except` (NULL = none). NULL = nobody. */
const char *bc_config_find_holder(const struct bc_config *config, const struct bc_route *route, const char *except);

/* ---- what to do ---- */

/* A check's script in force. Valid until the next change of the config. */
struct bc_config_script_view {
  const char *text; /* NULL = none; terminated */
  size_t len;
  /* Of the bytes, and for Lua also of all modules that it requires, with those that these require: a changed module
   * is a changed script for all that use it. Of a ready-made one also of its parameters. 0 = none. */
  uint64_t hash;
  bool is_lua;                           /* its first line is #!lua */
  const char *ready_made;                /* "http": options chose it (`use`); NULL = the value of a key */
  const char *parameters;                /* of a ready-made one, as the options hold them; else NULL */
  const struct bc_config_script *script; /* for bc_config_script_module */
};

/* What `require` finds under a name: the value of the key lua/NAME. */
struct bc_config_module {
  const char *name;
  bool found; /* false: there is no such key (or never was a good value of it) */
  struct bc_str text;
  uint64_t hash; /* of the text */
};

/* The modules that a Lua script requires by names that stand in it (model/lua_require.h), with those that these
 * require, in the order of their names, at most BC_LIMIT_LUA_MODULES (what is beyond is left out); also those that are
 * not found. False after the last. Valid as the script's view. */
bool bc_config_script_module(const struct bc_config_script_view *view, size_t index, struct bc_config_module *module);

/* A policy in force. Valid until the next change of the config. */
struct bc_config_policy {
  const char
      *key; /* "routes/web/policy", "node/n1/policy", "policy", "admission"; NULL = none: the built-in decision */
  /* The text, Lua whether or not its first line is #!lua; of a ready-made one with its parameters, which the script
   * finds as `options`. Its text NULL = the built-in decision (with `key`: that one says so, see is_builtin). */
  struct bc_config_script_view script;
  bool is_builtin; /* {"use": "builtin"}: in spite of a policy further out */
  /* The key was there from the start and never had a good value, which is not the same as absent: it decides nothing,
   * and nothing else does in its place but a failed check. */
  bool is_unknown;
  const char *fault; /* "policy: …" of this key, or NULL */
};

/* One route's running version. Valid until the next change of the config. */
struct bc_config_route {
  const char *name;
  bool is_local; /* not the store's */
  bool is_subscribed;
  bool has_config;              /* there is a config key; without it the route counts as gone */
  bool has_version;             /* `route`, `options` and the check are good, now or earlier */
  bool is_settled;              /* not new any more */
  const struct bc_route *route; /* NULL unless has_version */
  const struct bc_options *options;
  /* The route's own check in force, from its healthcheck or chosen by its options (`use`, which wins over a healthcheck
   * and makes that a fault). Beside it options->checks names others (bc_config_find_check). A removed healthcheck of a
   * route that is left without any check, or with fewer than at_least wants, keeps the old one away and is a fault
   * until there is another one or options say `"check": "none"` (has_lost_check). */
  struct bc_config_script_view script;
  bool has_lost_check;
  /* The one in force: the route's own, else the node's, else the default one. A change of the latter two does not make
   * the route changed (bc_config_next_changed_policy). */
  struct bc_config_policy policy;
  bool stands;        /* as bc_config_set_standing said, if that was of this version */
  bool lost_identity; /* another route with the same identity wins: do not want it */
  const char *fault;  /* "routes/X/config: column 24: …" the first of its faults, or NULL */
};

/* Takes one route whose view changed (also: removed: `found` false, only `name` is set; text valid
 * until the next call). False when none is left. */
BC_MUST_CHECK bool bc_config_next_changed(struct bc_config *config, struct bc_config_route *view, bool *found);
/* The same of local routes only. */
BC_MUST_CHECK bool bc_config_next_changed_local(struct bc_config *config, struct bc_config_route *view, bool *found);
/* In a list whose keys come in their order (bytes of the whole key): the next route that it has told
 * completely, settled like those of a first list; so are the named checks that it has told when the first route is
 * given. False when it must go on first. */
BC_MUST_CHECK bool bc_config_next_passed(struct bc_config *config, struct bc_config_route *view);
bool bc_config_find(const struct bc_config *config, const char *name, struct bc_config_route *view);
/* In the order of their keys: *cursor NULL at first, then the last view's name. False after the last. */
bool bc_config_each(const struct bc_config *config, const char *after, struct bc_config_route *view);

/* All faults of a route, in the order of its keys. False after the last. */
bool bc_config_route_fault(const struct bc_config *config, const char *name, size_t index, const char **text);

/* The route stands in ExaBGP as ours (core tells, from the rib): decides identity conflicts. */
void bc_config_set_standing(struct bc_config *config, const char *name, bool stands);

/* ---- named checks ---- */

/* One named check's running version. Valid until the next change of the config. */
struct bc_config_check {
  const char *name;
  bool has_version;                 /* `script` and `options` are good, now or earlier; else it says nothing: unknown */
  bool is_settled;                  /* not new any more (as with routes); until then it says nothing either */
  const struct bc_options *options; /* NULL unless has_version */
  struct bc_config_script_view script;
  size_t users;      /* routes whose options in force name it, subscribed or not */
  const char *fault; /* "checks/X/script: …" the first of its faults, or NULL; bc_config_node_fault has them too */
};

/* False when there is no key of it. */
bool bc_config_find_check(const struct bc_config *config, const char *name, struct bc_config_check *view);
/* In the order of their names, as bc_config_each. */
bool bc_config_each_check(const struct bc_config *config, const char *after, struct bc_config_check *view);
/* As bc_config_next_changed: `found` false = removed. A change of `users` alone is none. */
BC_MUST_CHECK bool bc_config_next_changed_check(struct bc_config *config, struct bc_config_check *view, bool *found);
/* The names of the routes whose options in force name this check (there may be no such check), in no order: *cursor
 * NULL at first. False after the last. The config may not change meanwhile. */
bool bc_config_next_check_user(const struct bc_config *config, const char *check, const void **cursor,
                               const char **route);

/* ---- modules and data ---- */

bool bc_config_find_module(const struct bc_config *config, const char *name, struct bc_config_module *module);
/* module->found false = removed. Whether anybody requires it is of no matter. */
BC_MUST_CHECK bool bc_config_next_changed_module(struct bc_config *config, struct bc_config_module *module);

/* What scripts find as data.NAME: `json` is the value of the key data/NAME, or what is not JSON as a JSON string. */
struct bc_config_data {
  const char *name;
  bool found;
  struct bc_str json;
};
bool bc_config_find_data(const struct bc_config *config, const char *name, struct bc_config_data *data);
bool bc_config_each_data(const struct bc_config *config, const char *after, struct bc_config_data *data);
/* data->found false = removed. */
BC_MUST_CHECK bool bc_config_next_changed_data(struct bc_config *config, struct bc_config_data *data);

/* ---- policies and labels of the node ---- */

/* What one key says: "routes/NAME/policy", "node/ME/policy", "policy", "admission". False when there is no such key. */
bool bc_config_find_policy(const struct bc_config *config, const char *key, struct bc_config_policy *view);
/* Takes one of node/ME/policy, policy and admission that changed (it, its modules, its fault); `key` is always set, the
 * text NULL = gone (or it says built-in, or was never good). A route's own makes the route changed. False when none is
 * left. */
BC_MUST_CHECK bool bc_config_next_changed_policy(struct bc_config *config, struct bc_config_policy *view);

/* node/ME/labels: a JSON object, compact, its members sorted; "{}" when there is none. Valid until the next change. */
const char *bc_config_labels(const struct bc_config *config);
/* The labels changed since the last call. */
bool bc_config_take_labels_changed(struct bc_config *config);

enum bc_admin_state bc_config_admin_state(const struct bc_config *config);
/* The admin state changed since the last call. */
bool bc_config_take_admin_changed(struct bc_config *config);

/* Faults that are not a route's: "node/ME/adminState: expected up, down or drain, found …". In order; false after the
 * last. */
bool bc_config_node_fault(const struct bc_config *config, size_t index, const char **text);

/* New routes and checks whose settling time is over become changed; deadline of the next. */
void bc_config_tick(struct bc_config *config, struct bc_mono now);
struct bc_mono bc_config_deadline(const struct bc_config *config);

struct bc_config_counts {
  size_t routes, subscribed, faulty; /* faulty: routes; local ones count there only, and in … */
  size_t local;
  size_t scripts;               /* different ones; without ready-made checks */
  size_t checks, modules, data; /* that are there */
  size_t data_bytes;            /* of the values in force */
};
struct bc_config_counts bc_config_counts(const struct bc_config *config);

/* ---- last known good ---- */

/* Calls fn for every key and value in force (after faults: the last good ones), to be saved; and
 * values read back are simply put. */
typedef void bc_config_key_fn(void *arg, struct bc_str key, struct bc_str value);
void bc_config_save(const struct bc_config *config, bc_config_key_fn *fn, void *arg);
/* Parts of the same: the keys of `most` routes at most whose names are greater than `after` (NULL: from the first on);
 * returns the name of the last one, NULL when there was none. And those that are no route's: policies, and the others.
 */
const char *bc_config_save_routes(const struct bc_config *config, const char *after, size_t most, bc_config_key_fn *fn,
                                  void *arg);
void bc_config_save_policies(const struct bc_config *config, bc_config_key_fn *fn, void *arg);
void bc_config_save_others(const struct bc_config *config, bc_config_key_fn *fn, void *arg);

/* Its first line is `#!lua`: for the Lua sandbox, not a program. */
bool bc_config_script_is_sandboxed(struct bc_str script);

#endif
