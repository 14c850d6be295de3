#include "io/store.h"

#include "io/dir.h"
#include "io/store_auto.h"
#include "io/store_kind.h"
#include "proto/dir_key.h"

enum bc_err bc_store_open(struct bc_loop *loop, const struct bc_store_options *options,
                          const struct bc_store_handler *handler, struct bc_store **store, struct bc_fault *fault) {
  if (bc_dir_endpoint_is(bc_str_of(options->endpoints))) {
    return bc_dir_open(loop, options, &bc_dir_tuning_default, handler, store, fault);
  }
  return bc_store_auto_open(loop, options, &bc_etcd_tuning_default, handler, store, fault);
}

bool bc_store_has_transactions(const struct bc_store *store, struct bc_fault *why) {
  if (!store->kind->has_transactions) {
    bc_fault_set(why, 0, "a store of the kind \"%s\" has no transactions: this needs etcd v3", store->kind->name);
  }
  return store->kind->has_transactions;
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

BC_ENUM_TEXT_FUNCTION(bc_store_state_text, enum bc_store_state, BC_STORE_STATE_LIST, "unknown")
BC_ENUM_TEXT_FUNCTION(bc_store_type_text, enum bc_store_type, BC_STORE_TYPE_LIST, "none")
BC_ENUM_TEXT_FUNCTION(bc_store_api_text, enum bc_store_api, BC_STORE_API_LIST, "auto")
