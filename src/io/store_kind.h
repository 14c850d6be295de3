/* What a kind of store implements; io/store.c hands the calls of io/store.h on. */
#ifndef BC_IO_STORE_KIND_H
#define BC_IO_STORE_KIND_H

#include "io/store.h"

struct bc_store_kind {
  const char *name;
  bool has_transactions;
  void (*close)(struct bc_store *store);
  void (*relist)(struct bc_store *store);
  void (*publish)(struct bc_store *store, const char *key, const char *value);
  void (*publish_enable)(struct bc_store *store, bool on);
  void (*leave)(struct bc_store *store, int64_t timeout_ms, bc_loop_fn *done, void *arg);
  const char *(*endpoint)(const struct bc_store *store);
  int64_t (*age_ms)(const struct bc_store *store);
};

/* The first member of every store. */
struct bc_store {
  const struct bc_store_kind *kind;
};

#endif
