/* etcd's v3 API, as the store needs it. */
#include "base/mem.h"
#include "io/etcd_api.h"
#include "io/etcd_writer.h"
#include "proto/etcd_request.h"

#include <stdlib.h>

enum { ETCD3_REQUEST_BYTES = 65536 };

static void *etcd3_list_new(struct bc_etcd_link *link, const struct bc_etcd_tuning *tuning,
                            const struct bc_etcd_names *names, const struct bc_etcd_list_handler *handler) {
  struct bc_etcd_list *list = bc_mem_new(1, sizeof *list);
  bc_etcd_list_init(list, link, tuning->page_keys, bc_etcd_names_ranges(names), handler);
  return list;
}

static void etcd3_list_free(void *list) {
  bc_etcd_list_fini(list);
  free(list);
}

static void etcd3_list_start(void *list) {
  bc_etcd_list_start(list);
}

static bool etcd3_list_stop(void *list) {
  return bc_etcd_list_stop(list);
}

/* Counts one key that cannot exist. */
static struct bc_etcd_call *etcd3_check(struct bc_etcd_link *link, const struct bc_etcd_names *names,
                                        bc_etcd_reply_fn *fn, void *arg) {
  struct bc_buf body;
  bc_buf_init(&body, ETCD3_REQUEST_BYTES);
  bc_etcd_request_range(
      &body, &(struct bc_etcd_range){.key = bc_str_of(names->ranges[BC_ETCD_RANGE_NODE].from), .count_only = true});
  struct bc_etcd_call *call = bc_etcd_link_call(link, "/kv/range", bc_buf_str(&body), fn, arg);
  bc_buf_free(&body);
  return call;
}

static enum bc_err etcd3_read_check(const struct bc_etcd_reply *reply, struct bc_etcd_header *header,
                                    struct bc_fault *fault) {
  struct bc_etcd_range_answer answer = {.count = 0};
  if (reply->err != BC_ERR_OK) {
    return reply->err;
  }
  enum bc_err err = bc_etcd_answer_range(reply->body, &answer, NULL, NULL, fault);
  *header = answer.header;
  return err;
}

const struct bc_etcd_api bc_etcd3_api = {.type = BC_STORE_TYPE_ETCD_V3,
                                         .list_new = etcd3_list_new,
                                         .list_free = etcd3_list_free,
                                         .list_start = etcd3_list_start,
                                         .list_stop = etcd3_list_stop,
                                         .watch = &bc_etcd3_watch_kind,
                                         .check = etcd3_check,
                                         .read_check = etcd3_read_check,
                                         .writer = &bc_etcd3_writer};
