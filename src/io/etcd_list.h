/* A complete list of some ranges of etcd's keys at one revision, page by page, linearizable. Keys are handed over in
 * slices, between which the loop turns: a page may hold more than may be worked on at once. */
#ifndef BC_IO_ETCD_LIST_H
#define BC_IO_ETCD_LIST_H

#include "io/etcd_link.h"
#include "proto/etcd_grpc.h"

/* Keys from `from` on and before `to`; v2: the key `from` and all below it. */
struct bc_etcd_key_range {
  char *from, *to;
};

struct bc_etcd_key_ranges {
  const struct bc_etcd_key_range *at;
  size_t count;
};

struct bc_etcd_list_handler {
  void *arg;
  void (*begin)(void *arg, const struct bc_etcd_header *header);
  bc_etcd_kv_fn *entry;
  /* Complete. */
  void (*end)(void *arg, const struct bc_etcd_header *header);
  /* Broken off; `begun` says whether `begin` was called. */
  void (*fail)(void *arg, const struct bc_etcd_reply *reply, bool begun);
};

/* Whether the server and what is between speak gRPC, which costs the server much less than its JSON. */
enum bc_etcd_list_way {
  BC_ETCD_LIST_GRPC,     /* as far as is known */
  BC_ETCD_LIST_DOUBTFUL, /* it just failed: by JSON this time */
  BC_ETCD_LIST_JSON      /* it failed where JSON did not: JSON for good */
};

struct bc_etcd_list {
  struct bc_etcd_link *link;
  const struct bc_etcd_list_handler *handler;
  uint64_t page_keys_most;
  uint64_t page_keys; /* the same, or less: more took too long */
  uint64_t most;      /* page_keys, or less: the answer to more was too long */
  struct bc_etcd_key_ranges ranges;
  size_t range;
  uint64_t limit;
  struct bc_buf next; /* first key of the next page */
  bool page_has_keys;
  bool begun;
  struct bc_etcd_header header; /* of the first page */
  struct bc_timer *slice;
  struct bc_etcd_range_reader *json; /* the page that is being read: one of the two */
  struct bc_etcd_grpc_reader grpc;
  struct bc_buf body; /* of `grpc` */
  bool page_is_last;  /* … of its range */
  enum bc_etcd_list_way way;
  bool was_spoken; /* while in doubt: what failed was an answer in gRPC */
  struct bc_etcd_call *call;
};

/* `ranges` and `handler` stay the caller's. */
void bc_etcd_list_init(struct bc_etcd_list *list, struct bc_etcd_link *link, uint64_t page_keys,
                       struct bc_etcd_key_ranges ranges, const struct bc_etcd_list_handler *handler);
void bc_etcd_list_fini(struct bc_etcd_list *list);
void bc_etcd_list_start(struct bc_etcd_list *list);
/* Breaks it off; true when `begin` was called and not answered by `end` or `fail`. */
bool bc_etcd_list_stop(struct bc_etcd_list *list);

#endif
