/* etcd's v2 API, as the store needs it: lists, one after the other, and the check. */
#include "base/mem.h"
#include "io/etcd_api.h"
#include "io/etcd_writer.h"
#include "proto/etcd2_answer.h"
#include "proto/etcd2_request.h"

#include <stdlib.h>

enum { ETCD2_PATH_BYTES = 65536 };

struct etcd2_list {
  struct bc_etcd_link *link;
  const struct bc_etcd_names *names;
  const struct bc_etcd_list_handler *handler;
  size_t range;
  bool begun;
  struct bc_etcd_header headers[BC_ETCD_RANGES_MOST];
  struct bc_etcd_call *call;
};

static void etcd2_list_ask(struct etcd2_list *list);

static void *etcd2_list_new(struct bc_etcd_link *link, const struct bc_etcd_tuning *tuning,
                            const struct bc_etcd_names *names, const struct bc_etcd_list_handler *handler) {
  struct etcd2_list *list = bc_mem_new(1, sizeof *list);
  (void)tuning;
  list->link = link;
  list->names = names;
  list->handler = handler;
  return list;
}

static bool etcd2_list_stop(void *arg) {
  struct etcd2_list *list = arg;
  bool begun = list->begun;
  bc_etcd_link_cancel(list->call);
  list->call = NULL;
  list->begun = false;
  return begun;
}

static void etcd2_list_free(void *list) {
  (void)etcd2_list_stop(list);
  free(list);
}

static void etcd2_list_fail(struct etcd2_list *list, const struct bc_etcd_reply *reply) {
  bool begun = etcd2_list_stop(list);
  list->handler->fail(list->handler->arg, reply, begun);
}

static void etcd2_list_fail_protocol(struct etcd2_list *list, const char *text) {
  struct bc_etcd_reply reply = {.err = BC_ERR_PROTOCOL, .error = {.code = -1}};
  bc_fault_set(&reply.error.fault, 0, "%s", text);
  etcd2_list_fail(list, &reply);
}

static void etcd2_list_on_kv(void *arg, const struct bc_etcd_kv *kv) {
  struct etcd2_list *list = arg;
  if (list->begun && bc_str_starts(kv->key, list->names->ranges[list->range].from)) {
    list->handler->entry(list->handler->arg, kv);
  }
}

/* Each list is newer than the one before: the watch of each goes on where its own list ends. */
static uint64_t etcd2_list_revision(const void *arg, size_t range) {
  const struct etcd2_list *list = arg;
  return list->headers[range].revision;
}

/* False when it is over. */
static bool etcd2_list_take_header(struct etcd2_list *list, const struct bc_etcd_header *header) {
  list->headers[list->range] = *header;
  if (list->range == 0) {
    list->begun = true;
    list->handler->begin(list->handler->arg, header);
    return list->begun;
  }
  if (header->cluster_id != list->headers[0].cluster_id || header->revision < list->headers[0].revision) {
    etcd2_list_fail_protocol(list, "another cluster or a member that lags behind answers in the middle of a list");
    return false;
  }
  return true;
}

static void etcd2_list_take(struct etcd2_list *list, const struct bc_etcd_reply *reply, bool is_empty) {
  struct bc_fault fault = {.column = 0};
  if (!etcd2_list_take_header(list, &reply->header)) {
    return;
  }
  enum bc_err err = is_empty ? BC_ERR_OK : bc_etcd2_answer_list(reply->body, etcd2_list_on_kv, list, &fault);
  if (!list->begun) {
    return; /* stopped by a handler */
  }
  if (err != BC_ERR_OK) {
    etcd2_list_fail_protocol(list, fault.text);
  } else if (list->range + 1 < list->names->range_count) {
    list->range++;
    etcd2_list_ask(list);
  } else {
    (void)etcd2_list_stop(list);
    list->handler->end(list->handler->arg, &list->headers[0]);
  }
}

static void etcd2_list_on_reply(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd2_list *list = arg;
  list->call = NULL;
  /* Nothing below the prefix is an empty store, and no error. */
  bool is_empty =
      reply->err == BC_ERR_REFUSED && reply->error.trouble == BC_ETCD_TROUBLE_NOT_FOUND && reply->header.revision != 0;
  if (reply->err == BC_ERR_OK || is_empty) {
    etcd2_list_take(list, reply, is_empty);
  } else {
    etcd2_list_fail(list, reply);
  }
}

static struct bc_etcd_call *etcd2_get(struct bc_etcd_link *link, const char *key, bool recursive, bc_etcd_reply_fn *fn,
                                      void *arg) {
  struct bc_buf path;
  bc_buf_init(&path, ETCD2_PATH_BYTES);
  bc_etcd2_request_get(&path, bc_str_of(key), recursive);
  struct bc_etcd_call *call = bc_etcd_link_keys(link, "GET", path.data, (struct bc_str){0}, fn, arg);
  bc_buf_free(&path);
  return call;
}

static void etcd2_list_ask(struct etcd2_list *list) {
  list->call = etcd2_get(list->link, list->names->ranges[list->range].from, true, etcd2_list_on_reply, list);
}

static void etcd2_list_start(void *arg) {
  struct etcd2_list *list = arg;
  list->range = 0;
  etcd2_list_ask(list);
}

/* What stands directly below the node's directory: few names, even with many routes. */
static struct bc_etcd_call *etcd2_check(struct bc_etcd_link *link, const struct bc_etcd_names *names,
                                        bc_etcd_reply_fn *fn, void *arg) {
  return etcd2_get(link, names->ranges[BC_ETCD_RANGE_NODE].from, false, fn, arg);
}

static enum bc_err etcd2_read_check(const struct bc_etcd_reply *reply, struct bc_etcd_header *header,
                                    struct bc_fault *fault) {
  *header = reply->header;
  bool is_missing = reply->err == BC_ERR_REFUSED && reply->error.trouble == BC_ETCD_TROUBLE_NOT_FOUND;
  if (reply->err != BC_ERR_OK && !is_missing) {
    return reply->err;
  }
  if (header->revision == 0) {
    bc_fault_set(fault, 0, "the answer has no header X-Etcd-Index: is this etcd?");
    return BC_ERR_PROTOCOL;
  }
  return BC_ERR_OK;
}

const struct bc_etcd_api bc_etcd2_api = {.type = BC_STORE_TYPE_ETCD_V2,
                                         .tells_directories = true,
                                         .list_new = etcd2_list_new,
                                         .list_free = etcd2_list_free,
                                         .list_start = etcd2_list_start,
                                         .list_stop = etcd2_list_stop,
                                         .list_revision = etcd2_list_revision,
                                         .watch = &bc_etcd2_watch_kind,
                                         .check = etcd2_check,
                                         .read_check = etcd2_read_check,
                                         .writer = &bc_etcd2_writer};
