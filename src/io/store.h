/* A store of routes and checks, seen by core: one interface, several kinds (etcd v3 now; etcd v2 and a
 * directory later). A store lists its keys, then tells changes; it writes this node's own keys.
 *
 * Keys are relative to the prefix P, without leading slash: "routes/web/config", "node/NODE/status".
 * Read: routes/… and node/NODE/… (own neighbors/, routes/ and status below the node are not told). */
#ifndef BC_IO_STORE_H
#define BC_IO_STORE_H

#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"

#include <stdbool.h>
#include <stdint.h>

/* name, text */
#define BC_STORE_STATE_LIST(X)                                                                                         \
  X(STARTING, "starting")                                                                                              \
  X(CONNECTED, "connected")                                                                                            \
  X(UNREACHABLE, "unreachable")                                                                                        \
  X(REFUSED, "refused")

enum bc_store_state {
#define BC_STORE_STATE_ENUM(name, text) BC_STORE_STATE_##name,
  BC_STORE_STATE_LIST(BC_STORE_STATE_ENUM)
#undef BC_STORE_STATE_ENUM
};
const char *bc_store_state_text(enum bc_store_state state);

/* Where a list or an event stands in the store's history. */
struct bc_store_point {
  uint64_t cluster_id; /* 0 = the store has none */
  uint64_t revision;
};

/* All are called on the loop; slices are valid during the call. */
struct bc_store_handler {
  void *arg;
  /* A complete list at one revision follows: begin, entry…, end. Entries come in any order. A list
   * that breaks off is told by `list_abort`: nothing of it counts. */
  void (*list_begin)(void *arg, struct bc_store_point point);
  void (*list_entry)(void *arg, struct bc_str key, struct bc_str value, uint64_t mod_revision);
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
  const char *endpoints; /* "http://127.0.0.1:2379,https://b:2379": comma separated */
  const char *prefix;    /* "/bgp" */
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

/* "etcd v3"; the endpoint in use or ""; milliseconds since the last sign of life of the watch, -1 =
 * none yet. */
const char *bc_store_kind(const struct bc_store *store);
const char *bc_store_endpoint(const struct bc_store *store);
int64_t bc_store_age_ms(const struct bc_store *store);

#endif
