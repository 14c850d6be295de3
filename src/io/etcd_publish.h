/* This node's own keys in etcd: what is wanted, what is there, what waits to be written (io/etcd_writer.h writes it).
 */
#ifndef BC_IO_ETCD_PUBLISH_H
#define BC_IO_ETCD_PUBLISH_H

#include "io/etcd_common.h"
#include "io/etcd_link.h"

struct bc_etcd_publish;

struct bc_etcd_publish_handler {
  void *arg;
  /* See publish_state in io/store.h. */
  void (*problem)(void *arg, const char *problem);
};

struct bc_etcd_writer;

/* Keys are relative to names->prefix. All but the result stays the caller's. */
struct bc_etcd_publish *bc_etcd_publish_new(struct bc_loop *loop, struct bc_etcd_link *link,
                                            const struct bc_etcd_writer *writer, const struct bc_etcd_tuning *tuning,
                                            struct bc_etcd_random *random, const struct bc_etcd_names *names,
                                            const struct bc_etcd_publish_handler *handler);
/* NULL is allowed. */
void bc_etcd_publish_free(struct bc_etcd_publish *publish);

/* As bc_store_publish, bc_store_publish_enable. */
void bc_etcd_publish_set(struct bc_etcd_publish *publish, const char *key, const char *value);
void bc_etcd_publish_enable(struct bc_etcd_publish *publish, bool on);
/* The store is connected: writes make sense. Cancels what runs when it is not. */
void bc_etcd_publish_ready(struct bc_etcd_publish *publish, bool ready);

/* What a list says about own keys: begin, key…, end (not called when the list breaks off). */
void bc_etcd_publish_list_begin(struct bc_etcd_publish *publish, const struct bc_etcd_header *header);
void bc_etcd_publish_list_key(struct bc_etcd_publish *publish, struct bc_str key, const struct bc_etcd_kv *kv);
void bc_etcd_publish_list_end(struct bc_etcd_publish *publish, uint64_t revision);
/* An event of an own key. */
void bc_etcd_publish_event(struct bc_etcd_publish *publish, struct bc_str key, const struct bc_etcd_kv *kv);

/* As bc_store_leave. */
void bc_etcd_publish_leave(struct bc_etcd_publish *publish, int64_t timeout_ms, bc_loop_fn *done, void *arg);

#endif
