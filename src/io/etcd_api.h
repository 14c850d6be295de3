/* What differs between etcd's two APIs, for the store (io/etcd.c) and its own keys (io/etcd_publish.c). */
#ifndef BC_IO_ETCD_API_H
#define BC_IO_ETCD_API_H

#include "io/etcd_common.h"
#include "io/etcd_link.h"
#include "io/etcd_list.h"
#include "io/etcd_watch.h"

struct bc_etcd_writer;

struct bc_etcd_api {
  enum bc_store_type type;
  bool tells_directories; /* a deleted directory is one event: the store must know what was below it */
  /* As bc_etcd_list_*, over the ranges; `tuning`, `names` and `handler` stay the caller's. */
  void *(*list_new)(struct bc_etcd_link *link, const struct bc_etcd_tuning *tuning, const struct bc_etcd_names *names,
                    const struct bc_etcd_list_handler *handler);
  void (*list_free)(void *list);
  void (*list_start)(void *list);
  bool (*list_stop)(void *list);
  /* Where the complete list of one range stands; NULL: as its header says. */
  uint64_t (*list_revision)(const void *list, size_t range);
  const struct bc_etcd_watch_kind *watch;
  /* The cheapest read that the whole cluster must agree to, and what its answer says: where the store stands; else
   * reply->err, or an error with a fault. */
  struct bc_etcd_call *(*check)(struct bc_etcd_link *link, const struct bc_etcd_names *names, bc_etcd_reply_fn *fn,
                                void *arg);
  enum bc_err (*read_check)(const struct bc_etcd_reply *reply, struct bc_etcd_header *header, struct bc_fault *fault);
  const struct bc_etcd_writer *writer;
};

extern const struct bc_etcd_api bc_etcd3_api;
extern const struct bc_etcd_api bc_etcd2_api;

#endif
