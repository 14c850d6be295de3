/* Edits by etcd's v3 API: all pages of a read at one revision, all keys of a change in one transaction. */
#include "io/store_edit_private.h"
#include "proto/etcd_request.h"

#include <stdlib.h>
#include <string.h>

enum { EDIT3_PAGE_KEYS = 1000, EDIT3_NODE_PAGE_KEYS = 16, EDIT3_SMALL_BYTES = 65536, EDIT3_REQUEST_BYTES = 33554432 };

static void edit3_ask(struct bc_store_edit *edit);

/* ---- reading ---- */

static bool edit3_is_folder(const char *item) {
  size_t len = strlen(item);
  return len > 0 && item[len - 1] == '/';
}

static void edit3_go_to(struct bc_store_edit *edit, const char *next) {
  free(edit->next);
  edit->next = bc_mem_copy_string(next);
}

/* Takes the keys of a page up to where a daemon's own begin: true, and edit->next is what lies behind these. */
struct edit3_page {
  struct bc_store_edit *edit;
  bool has_jumped;
  struct bc_buf last; /* the last key, whole */
};

static void edit3_on_kv(void *arg, const struct bc_etcd_kv *kv) {
  struct edit3_page *page = arg;
  struct bc_store_edit *edit = page->edit;
  size_t prefix_len = strlen(edit->prefix);
  if (page->has_jumped || kv->key.len < prefix_len || memcmp(kv->key.at, edit->prefix, prefix_len) != 0) {
    return;
  }
  struct bc_str key = {kv->key.at + prefix_len, kv->key.len - prefix_len};
  bc_buf_clear(&page->last);
  bc_buf_add_str(&page->last, kv->key);
  if (memchr(key.at, '\0', key.len) != NULL) {
    return;
  }
  if (bc_store_edit_walk_takes(&edit->walk, key)) {
    bc_store_edit_list_add(edit->into, key, (struct bc_str){kv->value.at == NULL ? "" : kv->value.at, kv->value.len},
                           NULL, kv->mod_revision);
    return;
  }
  struct bc_str rest = key;
  struct bc_str folder;
  struct bc_str node;
  struct bc_str own;
  (void)bc_str_next_field(&rest, '/', &folder);
  (void)bc_str_next_field(&rest, '/', &node);
  (void)bc_str_next_field(&rest, '/', &own);
  if (rest.at != NULL) {
    struct bc_buf behind;
    bc_buf_init(&behind, BC_LIMIT_KEY_BYTES * 4);
    bc_buf_add_format(&behind, "%snode/" BC_STR_FMT "/" BC_STR_FMT "0", edit->prefix, BC_STR_ARG(node),
                      BC_STR_ARG(own));
    page->has_jumped = true;
    edit3_go_to(edit, behind.data);
    bc_buf_free(&behind);
  }
}

static void edit3_next_item(struct bc_store_edit *edit) {
  free(edit->next);
  edit->next = NULL;
  edit->walk.item++;
  if (edit->walk.item < edit->walk.count) {
    edit3_ask(edit);
  } else {
    edit->revision = edit->at_revision != 0 ? edit->at_revision : edit->revision;
    bc_store_edit_walked(edit, BC_ERR_OK, "%s", "");
  }
}

/* True: it is asked again. */
static bool edit3_ask_less(struct bc_store_edit *edit, const struct bc_etcd_reply *reply) {
  if (reply->err != BC_ERR_LIMIT || edit->page <= 1) {
    return false;
  }
  edit->page /= 4;
  edit3_ask(edit);
  return true;
}

static void edit3_take_page(struct bc_store_edit *edit, const struct bc_etcd_reply *reply) {
  struct edit3_page page = {.edit = edit};
  struct bc_etcd_range_answer answer = {.count = 0};
  struct bc_fault fault = {.column = 0};
  bc_buf_init(&page.last, BC_LIMIT_ETCD_OBJECT_BYTES);
  enum bc_err err = bc_etcd_answer_range(reply->body, &answer, edit3_on_kv, &page, &fault);
  if (err != BC_ERR_OK) {
    bc_store_edit_walked(edit, BC_ERR_IO, "%s", fault.text);
  } else {
    edit->failures = 0;
    edit->at_revision = edit->at_revision == 0 ? answer.header.revision : edit->at_revision;
    if (page.has_jumped) {
      edit3_ask(edit);
    } else if (answer.more && page.last.len > 0) {
      /* The next possible key ends with a NUL byte, which no key of ours has: one behind it will do. */
      bc_buf_add_char(&page.last, '\001');
      edit3_go_to(edit, page.last.data);
      edit3_ask(edit);
    } else {
      edit3_next_item(edit);
    }
  }
  bc_buf_free(&page.last);
}

static void edit3_on_page(void *arg, const struct bc_etcd_reply *reply) {
  struct bc_store_edit *edit = arg;
  enum bc_err err = BC_ERR_OK;
  struct bc_fault text = {.column = 0};
  edit->call = NULL;
  if (reply->err == BC_ERR_OK) {
    edit3_take_page(edit, reply);
  } else if (edit3_ask_less(edit, reply)) {
    return;
  } else if (bc_store_edit_etcd_goes_on(edit, reply, &err, &text)) {
    edit3_ask(edit);
  } else {
    bc_store_edit_walked(edit, err, "%s", text.text);
  }
}

static void edit3_ask(struct bc_store_edit *edit) {
  const char *item = edit->walk.items[edit->walk.item];
  struct bc_buf from;
  struct bc_buf end;
  struct bc_buf body;
  bc_buf_init(&from, EDIT3_SMALL_BYTES);
  bc_buf_init(&end, EDIT3_SMALL_BYTES);
  bc_buf_init(&body, EDIT3_REQUEST_BYTES);
  bc_buf_add_format(&from, "%s%s", edit->prefix, item);
  if (edit3_is_folder(item)) {
    bc_etcd_request_prefix_end(&end, bc_buf_str(&from));
  }
  /* Few at a time where most of what follows may be a daemon's own. */
  bool is_node = strncmp(item, "node/", 5) == 0;
  uint64_t limit = is_node && edit->page > EDIT3_NODE_PAGE_KEYS ? EDIT3_NODE_PAGE_KEYS : edit->page;
  bc_etcd_request_range(&body,
                        &(struct bc_etcd_range){.key = edit->next == NULL ? bc_buf_str(&from) : bc_str_of(edit->next),
                                                .range_end = bc_buf_str(&end),
                                                .revision = edit->at_revision,
                                                .limit = limit});
  edit->call = bc_etcd_link_call(edit->link, "/kv/range", bc_buf_str(&body), edit3_on_page, edit);
  bc_buf_free(&from);
  bc_buf_free(&end);
  bc_buf_free(&body);
}

static void edit3_walk(struct bc_store_edit *edit) {
  free(edit->next);
  edit->next = NULL;
  edit->page = EDIT3_PAGE_KEYS;
  edit->at_revision = 0;
  edit->walk.item = 0;
  if (edit->walk.count == 0) {
    bc_store_edit_walked(edit, BC_ERR_OK, "%s", "");
    return;
  }
  edit3_ask(edit);
}

/* ---- writing ---- */

static void edit3_send(struct bc_store_edit *edit);

/* The transaction failed, or its answer was lost: what do the keys say? */
static void edit3_seen(struct bc_store_edit *edit, enum bc_err err) {
  size_t wanted = 0;
  size_t before = 0;
  const struct bc_store_edit_step *other = NULL;
  if (err != BC_ERR_OK) {
    bc_store_edit_finish(edit, edit->is_sent ? BC_ERR_AGAIN : err, "%s%s",
                         edit->is_sent ? "it is not known whether it was written: " : "", edit->text.text);
    return;
  }
  for (size_t i = 0; i < edit->step_count; i++) {
    enum bc_store_edit_sight sight = bc_store_edit_judge(edit, &edit->steps[i]);
    wanted += sight == BC_STORE_EDIT_AS_WANTED ? 1 : 0;
    before += sight == BC_STORE_EDIT_AS_BEFORE ? 1 : 0;
    other = other == NULL && sight == BC_STORE_EDIT_OTHER ? &edit->steps[i] : other;
  }
  /* Also when no answer of ours was lost: libcurl sends a request again by itself when its connection ends under it. */
  if (wanted == edit->step_count) {
    bc_store_edit_finish(edit, BC_ERR_OK, "%s", "");
  } else if (before == edit->step_count) {
    edit3_send(edit);
  } else {
    for (size_t i = 0; i < edit->step_count && other == NULL; i++) {
      other = bc_store_edit_judge(edit, &edit->steps[i]) == BC_STORE_EDIT_AS_WANTED ? &edit->steps[i] : NULL;
    }
    bc_store_edit_clash(edit, other);
  }
}

static void edit3_on_txn(void *arg, const struct bc_etcd_reply *reply) {
  struct bc_store_edit *edit = arg;
  struct bc_etcd_header header = {.revision = 0};
  struct bc_fault text = {.column = 0};
  enum bc_err err = reply->err;
  bool has_succeeded = false;
  edit->call = NULL;
  if (err == BC_ERR_OK && bc_etcd_answer_txn(reply->body, &header, &has_succeeded, &text) == BC_ERR_OK) {
    edit->failures = 0;
    edit->revision = has_succeeded ? header.revision : edit->revision;
    if (has_succeeded) {
      bc_store_edit_finish(edit, BC_ERR_OK, "%s", "");
    } else {
      bc_store_edit_look_again(edit, edit3_seen);
    }
    return;
  }
  if (err == BC_ERR_OK) {
    bc_store_edit_finish(edit, BC_ERR_AGAIN, "it is not known whether it was written: %s", text.text);
    return;
  }
  (void)bc_store_edit_etcd_goes_on(edit, reply, &err, &text);
  if (err == BC_ERR_REFUSED || err == BC_ERR_LIMIT) {
    bc_store_edit_finish(edit, err, "%s", text.text);
    return;
  }
  edit->is_sent = true;
  /* The only member may answer again. */
  if (edit->failures <= bc_etcd_link_count(edit->link)) {
    bc_store_edit_look_again(edit, edit3_seen);
  } else {
    bc_store_edit_finish(edit, BC_ERR_AGAIN, "it is not known whether it was written: %s", text.text);
  }
}

static void edit3_send(struct bc_store_edit *edit) {
  struct bc_buf body;
  struct bc_buf key;
  bc_buf_init(&body, EDIT3_REQUEST_BYTES);
  bc_buf_init(&key, EDIT3_SMALL_BYTES);
  bc_etcd_request_txn_if(&body);
  for (size_t i = 0; i < edit->step_count; i++) {
    bc_buf_clear(&key);
    bc_buf_add_format(&key, "%s%s", edit->prefix, edit->steps[i].key);
    bc_etcd_request_txn_unchanged(&body, bc_buf_str(&key), edit->steps[i].revision);
  }
  bc_etcd_request_txn_then(&body);
  for (size_t i = 0; i < edit->step_count; i++) {
    const struct bc_store_edit_step *step = &edit->steps[i];
    bc_buf_clear(&key);
    bc_buf_add_format(&key, "%s%s", edit->prefix, step->key);
    if (step->value == NULL) {
      bc_etcd_request_txn_delete(&body, bc_buf_str(&key));
    } else {
      bc_etcd_request_txn_put(&body, bc_buf_str(&key), (struct bc_str){step->value, step->len}, 0);
    }
  }
  bc_etcd_request_txn_end(&body);
  if (bc_buf_status(&body) != BC_ERR_OK) {
    bc_store_edit_finish(edit, BC_ERR_LIMIT, "the change is longer than %d bytes", (int)EDIT3_REQUEST_BYTES);
  } else {
    edit->call = bc_etcd_link_call(edit->link, "/kv/txn", bc_buf_str(&body), edit3_on_txn, edit);
  }
  bc_buf_free(&body);
  bc_buf_free(&key);
}

static void edit3_stop(struct bc_store_edit *edit) {
  bc_etcd_link_cancel(edit->call);
  edit->call = NULL;
  free(edit->next);
  edit->next = NULL;
}

const struct bc_store_edit_kind bc_store_edit3_kind = {
    .type = BC_STORE_TYPE_ETCD_V3, .walk = edit3_walk, .write = edit3_send, .stop = edit3_stop};
