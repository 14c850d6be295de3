#include "io/store.h"

#include "io/etcd.h"
#include "io/store_kind.h"

enum bc_err bc_store_open(struct bc_loop *loop, const struct bc_store_options *options,
                          const struct bc_store_handler *handler, struct bc_store **store, struct bc_fault *fault) {
  return bc_etcd_open(loop, options, &bc_etcd_tuning_default, handler, store, fault);
}

void bc_store_close(struct bc_store *store) {
  if (store != NULL) {
    store->kind->close(store);
  }
}

void bc_store_relist(struct bc_store *store) {
  store->kind->relist(store);
}

void bc_store_publish(struct bc_store *store, const char *key, const char *value) {
  store->kind->publish(store, key, value);
}

void bc_store_publish_enable(struct bc_store *store, bool on) {
  store->kind->publish_enable(store, on);
}

void bc_store_leave(struct bc_store *store, int64_t timeout_ms, bc_loop_fn *done, void *arg) {
  store->kind->leave(store, timeout_ms, done, arg);
}

const char *bc_store_kind(const struct bc_store *store) {
  return store->kind->name;
}

const char *bc_store_endpoint(const struct bc_store *store) {
  return store->kind->endpoint(store);
}

int64_t bc_store_age_ms(const struct bc_store *store) {
  return store->kind->age_ms(store);
}

const char *bc_store_state_text(enum bc_store_state state) {
  static const char *const texts[] = {
#define STORE_STATE_TEXT(name, text) [BC_STORE_STATE_##name] = (text),
      BC_STORE_STATE_LIST(STORE_STATE_TEXT)
#undef STORE_STATE_TEXT
  };
  return texts[state];
}
