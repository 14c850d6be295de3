/* A store of routes and checks, seen by core: one interface, several kinds. A store lists its keys, then
 * tells changes; it writes this node's own keys.
 *
 * Keys are relative to the prefix P, without leading slash: "routes/web/config", "node/NODE/status".
 * Read: policy, admission, routes/…, checks/…, lua/…, data/… and node/NODE/… (own neighbors/, routes/ and status below
 * the node are not told). */
#ifndef BC_IO_STORE_H
#define BC_IO_STORE_H

#include "base/enum_text.h"
#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"

#include <stdbool.h>
#include <stdint.h>

/* name, text */
#define BC_STORE_STATE_LIST(X)                                                                                         \
  X(BC_STORE_STATE_STARTING, "starting")                                                                               \
  X(BC_STORE_STATE_CONNECTED, "connected")                                                                             \
  X(BC_STORE_STATE_UNREACHABLE, "unreachable")                                                                         \
  X(BC_STORE_STATE_REFUSED, "refused")

enum bc_store_state { BC_STORE_STATE_LIST(BC_ENUM_MEMBER) };
const char *bc_store_state_text(enum bc_store_state value);

/* name, text: what people read and what the last known good configuration remembers */
#define BC_STORE_TYPE_LIST(X)                                                                                          \
  X(BC_STORE_TYPE_NONE, "none")                                                                                        \
  X(BC_STORE_TYPE_ETCD_V3, "etcd v3")                                                                                  \
  X(BC_STORE_TYPE_ETCD_V2, "etcd v2")                                                                                  \
  X(BC_STORE_TYPE_DIRECTORY, "directory")

enum bc_store_type { BC_STORE_TYPE_LIST(BC_ENUM_MEMBER) };
const char *bc_store_type_text(enum bc_store_type value);

/* Which etcd API `auto` chooses is decided by the server's version and by where P/routes/ is. */
#define BC_STORE_API_LIST(X)                                                                                           \
  X(BC_STORE_API_AUTO, "auto")                                                                                         \
  X(BC_STORE_API_V3, "v3")                                                                                             \
  X(BC_STORE_API_V2, "v2")

enum bc_store_api { BC_STORE_API_LIST(BC_ENUM_MEMBER) };
const char *bc_store_api_text(enum bc_store_api value);

/* Where a list or an event stands in the store's history. */
struct bc_store_point {
  enum bc_store_type type;
  uint64_t cluster_id; /* 0 = the store has none */
  uint64_t revision;   /* 0 = the store counts none */
};

/* All are called on the loop; slices are valid during the call. */
struct bc_store_handler {
  void *arg;
  /* A complete list at one revision follows: begin, entry…, end. A list that breaks off is told by
   * `list_abort`: nothing of it counts. Entries come in any order, those of etcd v3 in that of their keys,
   * node/NODE/… first and routes/… last. */
  void (*list_begin)(void *arg, struct bc_store_point point);
  void (*list_entry)(void *arg, struct bc_str key, struct bc_str value, uint64_t mod_revision);
  /* In a list, instead of list_entry: the key is there, its value cannot be had now (a file that may not
   * be read, is too long, is no file). `text` is one line that says why. What is in force stays so. */
  void (*list_unreadable)(void *arg, struct bc_str key, const char *text);
  void (*list_end)(void *arg, struct bc_store_point point);
  void (*list_abort)(void *arg);
  /* Changes after the last list, in order, each key once per revision; `value.at` NULL = deleted.
   * `changes_end` closes all changes of one message. */
  void (*change)(void *arg, struct bc_str key, struct bc_str value, uint64_t mod_revision);
  void (*changes_end)(void *arg, struct bc_store_point point);
  /* The connection's state changed; `text` is one line for people (endpoint, error). */
  void (*state)(void *arg, enum bc_store_state state, const char *text);
  /* Own keys: `problem` says in one line why they cannot be written now (NULL = they can). */
  void (*publish_state)(void *arg, const char *problem);
};

/* NULL means: not set. All texts are copied. */
struct bc_store_options {
  const char *endpoints;         /* "http://127.0.0.1:2379,https://b:2379": comma separated; or one "file:///DIR" */
  enum bc_store_api api;         /* of the endpoints */
  enum bc_store_type remembered; /* what `auto` has chosen on this node before: it stays so. NONE = nothing yet */
  const char *prefix;            /* "/bgp" */
  const char *node;
  const char *user_file; /* file with "user:password" */
  const char *cacert, *cert, *key;
  uint64_t random_seed; /* for jitter; 0 = from the system */
};

struct bc_store;

/* BC_ERR_SYNTAX/RANGE with a fault when an endpoint or a file is unusable. Starts at once: connects,
 * lists, watches, for ever, with back-off (0.8 s to 30 s, full jitter). */
BC_MUST_CHECK enum bc_err bc_store_open(struct bc_loop *loop, const struct bc_store_options *options,
                                        const struct bc_store_handler *handler, struct bc_store **store,
                                        struct bc_fault *fault);

/* Ends all requests; frees. Handlers are not called any more. NULL is allowed. */
void bc_store_close(struct bc_store *store);

/* A fresh complete list as soon as possible (for `approve` and after a mistake). */
void bc_store_relist(struct bc_store *store);

/* Wants own key `key` to hold `value` (NULL = not to exist). Coalesced; written in transactions under
 * this node's lease, at most 2 a second, again after a lost lease, only while `bc_store_publish_enable`
 * is on. Unchanged values cost nothing. */
void bc_store_publish(struct bc_store *store, const char *key, const char *value);
/* Off at first: core turns it on when it knows that this is the right store. */
void bc_store_publish_enable(struct bc_store *store, bool on);

/* Revokes the lease (so that the own keys go) and calls done(arg), also when it failed or after
 * `timeout_ms`. The store does nothing else from then on; still to be closed. */
void bc_store_leave(struct bc_store *store, int64_t timeout_ms, bc_loop_fn *done, void *arg);

/* Whether several keys can be written at once, on conditions, and under a lease that ends all of them. What needs that
 * (budgets that nodes share, one instance per node name) is refused with the text of `why` (may be NULL). */
bool bc_store_has_transactions(const struct bc_store *store, struct bc_fault *why);

/* "etcd v3" (while `auto` has not chosen: "etcd"); the endpoint in use, also while it is read anew, or ""; milliseconds
 * since the last sign of life of the watch, -1 = none yet. */
const char *bc_store_kind(const struct bc_store *store);
const char *bc_store_endpoint(const struct bc_store *store);
int64_t bc_store_age_ms(const struct bc_store *store);

#endif
