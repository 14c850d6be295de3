#include "io/etcd_list.h"

#include "proto/etcd_grpc.h"
#include "proto/etcd_request.h"

enum {
  LIST_KEY_BYTES = 2 * 1024 * 1024,
  /* The first page is small so that something can begin; each asks etcd to count all that is left, so the others grow.
   */
  LIST_FIRST_KEYS = 1000,
  LIST_GROWTH = 4,
  LIST_SLICE_KEYS = 64
};

static const char list_foreign[] = "etcd's list holds keys that were not asked for, or is not sorted";

static void list_ask(struct bc_etcd_list *list);
static void list_on_slice(void *arg);
static void list_close_page(struct bc_etcd_list *list);

void bc_etcd_list_init(struct bc_etcd_list *list, struct bc_etcd_link *link, uint64_t page_keys,
                       struct bc_etcd_key_ranges ranges, const struct bc_etcd_list_handler *handler) {
  *list = (struct bc_etcd_list){
      .link = link, .handler = handler, .page_keys = page_keys, .page_keys_most = page_keys, .ranges = ranges};
  bc_buf_init(&list->next, LIST_KEY_BYTES);
  bc_buf_init(&list->body, BC_LIMIT_ETCD_OBJECT_BYTES);
  list->slice = bc_timer_new(bc_etcd_link_loop(link), list_on_slice, list);
}

void bc_etcd_list_fini(struct bc_etcd_list *list) {
  (void)bc_etcd_list_stop(list);
  bc_buf_free(&list->next);
  bc_timer_free(list->slice);
}

bool bc_etcd_list_stop(struct bc_etcd_list *list) {
  bool begun = list->begun;
  bc_etcd_link_cancel(list->call);
  list->call = NULL;
  list_close_page(list);
  list->begun = false;
  return begun;
}

static void list_fail(struct bc_etcd_list *list, const struct bc_etcd_reply *reply) {
  bool begun = bc_etcd_list_stop(list);
  list->handler->fail(list->handler->arg, reply, begun);
}

static void list_fail_protocol(struct bc_etcd_list *list, const char *text) {
  struct bc_etcd_reply reply = {.err = BC_ERR_PROTOCOL, .error = {.code = -1}};
  bc_fault_set(&reply.error.fault, 0, "%s", text);
  list_fail(list, &reply);
}

static enum bc_err list_open_page(struct bc_etcd_list *list, struct bc_str body, struct bc_etcd_range_answer *answer,
                                  struct bc_fault *fault) {
  if (list->way != BC_ETCD_LIST_GRPC) {
    return bc_etcd_range_open(body, answer, &list->json, fault);
  }
  bc_buf_add_str(&list->body, body);
  return bc_etcd_grpc_open(bc_buf_str(&list->body), answer, &list->grpc, fault);
}

static enum bc_err list_next_key(struct bc_etcd_list *list, struct bc_etcd_kv *kv, struct bc_fault *fault) {
  if (list->json != NULL) {
    return bc_etcd_range_next(list->json, kv, fault);
  }
  bc_etcd_grpc_next(&list->grpc, kv);
  return BC_ERR_OK;
}

static void list_close_page(struct bc_etcd_list *list) {
  bc_timer_stop(list->slice);
  bc_etcd_range_close(list->json);
  list->json = NULL;
  bc_buf_free(&list->body);
}

static bool list_is_next(const struct bc_etcd_list *list, struct bc_str key) {
  return bc_str_compare(key, bc_buf_str(&list->next)) >= 0 &&
         bc_str_compare(key, bc_str_of(list->ranges.at[list->range].to)) < 0;
}

/* A way that was slow once is not slow for ever, and many small pages cost the server much: back, one step a list. */
static void list_allow_more(struct bc_etcd_list *list) {
  uint64_t more = list->page_keys * LIST_GROWTH;
  list->page_keys = more < list->page_keys_most ? more : list->page_keys_most;
}

static void list_end_page(struct bc_etcd_list *list) {
  list_close_page(list);
  if (!list->page_is_last && !list->page_has_keys) {
    list_fail_protocol(list, list_foreign);
  } else if (!list->page_is_last) {
    list->limit = list->limit * LIST_GROWTH < list->most ? list->limit * LIST_GROWTH : list->most;
    list_ask(list);
  } else if (list->range + 1 < list->ranges.count) {
    list->range++;
    bc_buf_clear(&list->next);
    bc_buf_add_text(&list->next, list->ranges.at[list->range].from);
    list_ask(list);
  } else {
    struct bc_etcd_header header = list->header;
    list_allow_more(list);
    if (list->way == BC_ETCD_LIST_DOUBTFUL) {
      list->way = list->was_spoken ? BC_ETCD_LIST_GRPC : BC_ETCD_LIST_JSON;
    }
    (void)bc_etcd_list_stop(list);
    list->handler->end(list->handler->arg, &header);
  }
}

static void list_on_slice(void *arg) {
  struct bc_etcd_list *list = arg;
  for (int i = 0; i < LIST_SLICE_KEYS; i++) {
    struct bc_fault fault = {.column = 0};
    struct bc_etcd_kv kv;
    if (list_next_key(list, &kv, &fault) != BC_ERR_OK) {
      list_fail_protocol(list, fault.text);
      return;
    }
    if (kv.key.len == 0) {
      list_end_page(list);
      return;
    }
    if (!list_is_next(list, kv.key)) {
      list_fail_protocol(list, list_foreign);
      return;
    }
    bc_buf_clear(&list->next);
    bc_buf_add_str(&list->next, kv.key);
    bc_buf_add_char(&list->next, '\0');
    list->page_has_keys = true;
    list->handler->entry(list->handler->arg, &kv);
    if (!list->begun) {
      return; /* stopped by a handler */
    }
  }
  bc_timer_start(list->slice, 0);
}

static void list_take_page(struct bc_etcd_list *list, struct bc_str body) {
  struct bc_fault fault = {.column = 0};
  struct bc_etcd_range_answer answer;
  list->page_has_keys = false;
  if (list_open_page(list, body, &answer, &fault) != BC_ERR_OK) {
    list_fail_protocol(list, fault.text);
    return;
  }
  list->page_is_last = !answer.more;
  if (!list->begun) {
    list->begun = true;
    list->header = answer.header;
    list->handler->begin(list->handler->arg, &list->header);
    if (!list->begun) {
      return; /* stopped by a handler */
    }
  }
  if (answer.header.cluster_id != list->header.cluster_id) {
    list_fail_protocol(list, "another cluster answers in the middle of a list");
    return;
  }
  list_on_slice(list);
}

/* Whatever is wrong, the gateway has an answer or the words for it. A server that is silent has it at the next try. */
static bool list_is_to_ask_by_json(struct bc_etcd_list *list, const struct bc_etcd_reply *reply) {
  if (list->way == BC_ETCD_LIST_GRPC && reply->err != BC_ERR_OK && reply->err != BC_ERR_LIMIT) {
    list->way = BC_ETCD_LIST_DOUBTFUL;
    list->was_spoken = reply->err == BC_ERR_REFUSED;
    return reply->err != BC_ERR_TIMEOUT;
  }
  if (list->way == BC_ETCD_LIST_DOUBTFUL && reply->err != BC_ERR_OK && reply->err != BC_ERR_LIMIT) {
    list->way = BC_ETCD_LIST_GRPC;
  }
  return false;
}

static void list_on_reply(void *arg, const struct bc_etcd_reply *reply) {
  struct bc_etcd_list *list = arg;
  list->call = NULL;
  if (list_is_to_ask_by_json(list, reply)) {
    list_ask(list);
  } else if (reply->err == BC_ERR_LIMIT && list->limit > 1) {
    /* Few keys with huge values: the same page in smaller ones. */
    list->most = list->limit / LIST_GROWTH > 0 ? list->limit / LIST_GROWTH : 1;
    list->limit = list->most;
    list_ask(list);
  } else if (reply->err != BC_ERR_OK) {
    if (reply->err == BC_ERR_TIMEOUT && reply->body.len > 0) {
      /* A slow way: the next try asks for less at once. */
      list->page_keys = list->limit / LIST_GROWTH > 0 ? list->limit / LIST_GROWTH : 1;
    }
    list_fail(list, reply);
  } else {
    list_take_page(list, reply->body);
  }
}

static void list_ask(struct bc_etcd_list *list) {
  struct bc_buf body;
  bc_buf_init(&body, (size_t)4 * LIST_KEY_BYTES);
  const struct bc_etcd_range range = {.key = bc_buf_str(&list->next),
                                      .range_end = bc_str_of(list->ranges.at[list->range].to),
                                      .revision = list->begun ? list->header.revision : 0,
                                      .limit = list->limit};
  if (list->way == BC_ETCD_LIST_GRPC) {
    bc_etcd_grpc_range(&body, &range);
    list->call = bc_etcd_link_grpc(list->link, BC_ETCD_GRPC_RANGE, bc_buf_str(&body), list_on_reply, list);
  } else {
    bc_etcd_request_range(&body, &range);
    list->call = bc_etcd_link_call(list->link, "/kv/range", bc_buf_str(&body), list_on_reply, list);
  }
  bc_buf_free(&body);
}

void bc_etcd_list_start(struct bc_etcd_list *list) {
  list->range = 0;
  list->most = list->page_keys;
  list->limit = list->most < LIST_FIRST_KEYS ? list->most : LIST_FIRST_KEYS;
  bc_buf_clear(&list->next);
  bc_buf_add_text(&list->next, list->ranges.at[0].from);
  list_ask(list);
}
