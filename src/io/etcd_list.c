#include "io/etcd_list.h"

#include "proto/etcd_request.h"

enum {
  LIST_KEY_BYTES = 2 * 1024 * 1024,
  /* The first page is small so that something can begin; each asks etcd to count all that is left, so the others grow.
   */
  LIST_FIRST_KEYS = 1000,
  LIST_GROWTH = 4
};

static void list_ask(struct bc_etcd_list *list);

void bc_etcd_list_init(struct bc_etcd_list *list, struct bc_etcd_link *link, uint64_t page_keys,
                       const struct bc_str prefixes[BC_ETCD_RANGES], const struct bc_etcd_list_handler *handler) {
  *list = (struct bc_etcd_list){.link = link, .handler = handler, .page_keys = page_keys};
  for (size_t i = 0; i < BC_ETCD_RANGES; i++) {
    list->prefixes[i] = prefixes[i];
  }
  bc_buf_init(&list->next, LIST_KEY_BYTES);
}

void bc_etcd_list_fini(struct bc_etcd_list *list) {
  (void)bc_etcd_list_stop(list);
  bc_buf_free(&list->next);
}

bool bc_etcd_list_stop(struct bc_etcd_list *list) {
  bool begun = list->begun;
  bc_etcd_link_cancel(list->call);
  list->call = NULL;
  list->begun = false;
  return begun;
}

bool bc_etcd_list_is_running(const struct bc_etcd_list *list) {
  return list->call != NULL || list->begun;
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

static void list_on_kv(void *arg, const struct bc_etcd_kv *kv) {
  struct bc_etcd_list *list = arg;
  if (!list->begun || list->foreign) {
    return;
  }
  struct bc_str prefix = list->prefixes[list->range];
  bool inside = kv->key.len >= prefix.len && bc_str_equal((struct bc_str){kv->key.at, prefix.len}, prefix);
  if (!inside || bc_str_compare(kv->key, bc_buf_str(&list->next)) < 0) {
    list->foreign = true;
    return;
  }
  bc_buf_clear(&list->next);
  bc_buf_add_str(&list->next, kv->key);
  bc_buf_add_char(&list->next, '\0');
  list->page_has_keys = true;
  list->handler->entry(list->handler->arg, kv);
}

/* Reads the header first: `begin` must come before the first key. */
static enum bc_err list_begin_if_first(struct bc_etcd_list *list, struct bc_str body, struct bc_fault *fault) {
  if (list->begun) {
    return BC_ERR_OK;
  }
  struct bc_etcd_range_answer answer;
  enum bc_err err = bc_etcd_answer_range(body, &answer, NULL, NULL, fault);
  if (err == BC_ERR_OK) {
    list->begun = true;
    list->header = answer.header;
    list->handler->begin(list->handler->arg, &list->header);
  }
  return err;
}

static void list_take_page(struct bc_etcd_list *list, struct bc_str body) {
  struct bc_fault fault = {.column = 0};
  struct bc_etcd_range_answer answer;
  list->page_has_keys = false;
  list->foreign = false;
  if (list_begin_if_first(list, body, &fault) != BC_ERR_OK) {
    list_fail_protocol(list, fault.text);
    return;
  }
  enum bc_err err = bc_etcd_answer_range(body, &answer, list_on_kv, list, &fault);
  if (!list->begun) {
    return; /* stopped by a handler */
  }
  if (err != BC_ERR_OK) {
    list_fail_protocol(list, fault.text);
  } else if (answer.header.cluster_id != list->header.cluster_id) {
    list_fail_protocol(list, "another cluster answers in the middle of a list");
  } else if (list->foreign || (answer.more && !list->page_has_keys)) {
    list_fail_protocol(list, "etcd's list holds keys that were not asked for, or is not sorted");
  } else if (answer.more) {
    list->limit = list->limit * LIST_GROWTH < list->most ? list->limit * LIST_GROWTH : list->most;
    list_ask(list);
  } else if (list->range + 1 < BC_ETCD_RANGES) {
    list->range++;
    bc_buf_clear(&list->next);
    bc_buf_add_str(&list->next, list->prefixes[list->range]);
    list_ask(list);
  } else {
    struct bc_etcd_header header = list->header;
    (void)bc_etcd_list_stop(list);
    list->handler->end(list->handler->arg, &header);
  }
}

static void list_on_reply(void *arg, const struct bc_etcd_reply *reply) {
  struct bc_etcd_list *list = arg;
  list->call = NULL;
  if (reply->err == BC_ERR_LIMIT && list->limit > 1) {
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
  struct bc_buf end;
  struct bc_buf body;
  bc_buf_init(&end, LIST_KEY_BYTES);
  bc_buf_init(&body, (size_t)4 * LIST_KEY_BYTES);
  bc_etcd_request_prefix_end(&end, list->prefixes[list->range]);
  bc_etcd_request_range(&body, &(struct bc_etcd_range){.key = bc_buf_str(&list->next),
                                                       .range_end = bc_buf_str(&end),
                                                       .revision = list->begun ? list->header.revision : 0,
                                                       .limit = list->limit});
  list->call = bc_etcd_link_call(list->link, "/kv/range", bc_buf_str(&body), list_on_reply, list);
  bc_buf_free(&end);
  bc_buf_free(&body);
}

void bc_etcd_list_start(struct bc_etcd_list *list) {
  list->range = 0;
  list->most = list->page_keys;
  list->limit = list->most < LIST_FIRST_KEYS ? list->most : LIST_FIRST_KEYS;
  bc_buf_clear(&list->next);
  bc_buf_add_str(&list->next, list->prefixes[0]);
  list_ask(list);
}
