/* Edits by etcd's v2 API, which has no transactions: each key is written on the condition that it is as it was read;
 * when one is not, those before it are put back, on the condition that they are as we wrote them. */
#include "io/store_edit_private.h"
#include "proto/etcd2_answer.h"
#include "proto/etcd2_request.h"

#include <stdlib.h>
#include <string.h>

enum {
  EDIT2_PATH_BYTES = 65536,
  EDIT2_FORM_BYTES = 33554432,
  EDIT2_COMPARED = 101, /* errorCode of "compare failed" */
  EDIT2_EXISTS = 105,
  EDIT2_NOT_FOUND = 100
};

static void edit2_ask(struct bc_store_edit *edit);
static void edit2_step(struct bc_store_edit *edit);

/* ---- reading: one request an item ---- */

static void edit2_on_kv(void *arg, const struct bc_etcd_kv *kv) {
  struct bc_store_edit *edit = arg;
  size_t len = strlen(edit->prefix);
  if (kv->key.len < len || memcmp(kv->key.at, edit->prefix, len) != 0) {
    return;
  }
  struct bc_str key = {kv->key.at + len, kv->key.len - len};
  if (bc_store_edit_walk_takes(&edit->walk, key)) {
    bc_store_edit_list_add(edit->into, key, (struct bc_str){kv->value.at == NULL ? "" : kv->value.at, kv->value.len},
                           NULL, kv->mod_revision);
  }
}

static void edit2_on_item(void *arg, const struct bc_etcd_reply *reply) {
  struct bc_store_edit *edit = arg;
  struct bc_fault text = {.column = 0};
  enum bc_err err = BC_ERR_OK;
  bool is_missing =
      reply->err == BC_ERR_REFUSED && reply->error.trouble == BC_ETCD_TROUBLE_NOT_FOUND && reply->header.revision != 0;
  edit->call = NULL;
  if (reply->err != BC_ERR_OK && !is_missing) {
    if (bc_store_edit_etcd_goes_on(edit, reply, &err, &text)) {
      edit2_ask(edit);
    } else {
      bc_store_edit_walked(edit, err, "%s", text.text);
    }
    return;
  }
  if (!is_missing && bc_etcd2_answer_list(reply->body, edit2_on_kv, edit, &text) != BC_ERR_OK) {
    bc_store_edit_walked(edit, BC_ERR_IO, "%s", text.text);
    return;
  }
  edit->failures = 0;
  edit->revision = reply->header.revision > edit->revision ? reply->header.revision : edit->revision;
  edit->walk.item++;
  if (edit->walk.item < edit->walk.count) {
    edit2_ask(edit);
  } else {
    bc_store_edit_walked(edit, BC_ERR_OK, "%s", "");
  }
}

static void edit2_ask(struct bc_store_edit *edit) {
  struct bc_buf key;
  struct bc_buf path;
  bc_buf_init(&key, EDIT2_PATH_BYTES);
  bc_buf_init(&path, EDIT2_PATH_BYTES);
  bc_buf_add_format(&key, "%s%s", edit->prefix, edit->walk.items[edit->walk.item]);
  bc_etcd2_request_get(&path, bc_buf_str(&key), true);
  edit->call = bc_etcd_link_keys(edit->link, "GET", path.data, (struct bc_str){0}, edit2_on_item, edit);
  bc_buf_free(&key);
  bc_buf_free(&path);
}

static void edit2_walk(struct bc_store_edit *edit) {
  edit->walk.item = 0;
  if (edit->walk.count == 0) {
    bc_store_edit_walked(edit, BC_ERR_OK, "%s", "");
    return;
  }
  edit2_ask(edit);
}

/* ---- writing ---- */

/* PUT or DELETE of one key, as it is now at `index` (0: not there). */
static void edit2_send(struct bc_store_edit *edit, const char *name, uint64_t index, struct bc_str value,
                       bc_etcd_reply_fn *fn) {
  struct bc_buf key;
  struct bc_buf path;
  struct bc_buf form;
  bc_buf_init(&key, EDIT2_PATH_BYTES);
  bc_buf_init(&path, EDIT2_PATH_BYTES);
  bc_buf_init(&form, EDIT2_FORM_BYTES);
  bc_buf_add_format(&key, "%s%s", edit->prefix, name);
  bc_etcd2_request_key_if(&path, bc_buf_str(&key), index);
  if (value.at != NULL) {
    bc_etcd2_request_put(&form, &(struct bc_etcd2_put){.value = value});
  }
  edit->call = bc_etcd_link_keys(edit->link, value.at == NULL ? "DELETE" : "PUT", path.data,
                                 value.at == NULL ? (struct bc_str){0} : bc_buf_str(&form), fn, edit);
  bc_buf_free(&key);
  bc_buf_free(&path);
  bc_buf_free(&form);
}

static bool edit2_is_clash(const struct bc_etcd_reply *reply) {
  return reply->err == BC_ERR_REFUSED && (reply->error.code == EDIT2_COMPARED || reply->error.code == EDIT2_EXISTS ||
                                          reply->error.code == EDIT2_NOT_FOUND);
}

static void edit2_undo(struct bc_store_edit *edit);

/* edit->text says why it is taken back. */
static void edit2_end_undone(struct bc_store_edit *edit) {
  bc_store_edit_finish(edit, edit->has_clash ? BC_ERR_CONFLICT : BC_ERR_IO,
                       "%s: what was written before it was taken back", edit->text.text);
}

static void edit2_on_undone(void *arg, const struct bc_etcd_reply *reply) {
  struct bc_store_edit *edit = arg;
  edit->call = NULL;
  if (reply->err == BC_ERR_OK) {
    edit->steps[edit->step].done = 0;
    edit2_undo(edit);
    return;
  }
  bc_store_edit_finish(edit, BC_ERR_AGAIN, "written in part, and it could not be taken back: %s is already new; %s",
                       edit->steps[edit->step].key, edit->text.text);
}

static void edit2_undo(struct bc_store_edit *edit) {
  edit->is_undoing = true;
  for (size_t i = edit->step_count; i > 0; i--) {
    const struct bc_store_edit_step *step = &edit->steps[i - 1];
    if (step->done != 0) {
      edit->step = i - 1;
      edit2_send(edit, step->key, step->value == NULL ? 0 : step->done, (struct bc_str){step->old, step->old_len},
                 edit2_on_undone);
      return;
    }
  }
  edit2_end_undone(edit);
}

static void edit2_break_off(struct bc_store_edit *edit, bool is_clash, const char *text) {
  bool has_written = false;
  for (size_t i = 0; i < edit->step_count; i++) {
    has_written = has_written || edit->steps[i].done != 0;
  }
  edit->has_clash = is_clash;
  if (has_written) {
    bc_fault_set(&edit->text, 0, "%s", text);
    edit2_undo(edit);
  } else {
    bc_store_edit_finish(edit, is_clash ? BC_ERR_CONFLICT : BC_ERR_REFUSED, "%s", text);
  }
}

/* An answer was lost, or the condition was not met: what does the key say? */
static void edit2_seen(struct bc_store_edit *edit, enum bc_err err) {
  struct bc_store_edit_step *step = &edit->steps[edit->step];
  if (err != BC_ERR_OK) {
    bc_store_edit_finish(edit, BC_ERR_AGAIN, "it is not known whether %s was written: %s", step->key, edit->text.text);
    return;
  }
  const struct bc_store_edit_entry *seen = bc_store_edit_list_find(&edit->seen, step->key);
  enum bc_store_edit_sight sight = bc_store_edit_judge(edit, step);
  /* Also when no answer of ours was lost: libcurl sends a request again by itself when its connection ends under it. */
  if (sight == BC_STORE_EDIT_AS_WANTED) {
    step->done = seen == NULL ? edit->revision : seen->told.revision;
    edit->step++;
    edit2_step(edit);
  } else if (edit->is_sent && sight == BC_STORE_EDIT_AS_BEFORE) {
    edit2_step(edit);
  } else {
    struct bc_fault text = {.column = 0};
    bc_fault_set(&text, 0, "%s was %s by somebody else meanwhile; look at it and try again", step->key,
                 seen == NULL          ? "removed"
                 : step->revision == 0 ? "made"
                                       : "changed");
    edit2_break_off(edit, true, text.text);
  }
}

static void edit2_on_write(void *arg, const struct bc_etcd_reply *reply) {
  struct bc_store_edit *edit = arg;
  struct bc_store_edit_step *step = &edit->steps[edit->step];
  struct bc_fault text = {.column = 0};
  enum bc_err err = reply->err;
  edit->call = NULL;
  if (err == BC_ERR_OK && bc_etcd2_answer_write(reply->body, &step->done, &text) == BC_ERR_OK) {
    edit->failures = 0;
    edit->is_sent = false;
    edit->revision = step->done;
    edit->step++;
    edit2_step(edit);
    return;
  }
  if (edit2_is_clash(reply)) {
    bc_store_edit_look_again(edit, edit2_seen);
    return;
  }
  (void)bc_store_edit_etcd_goes_on(edit, reply, &err, &text);
  if (err == BC_ERR_REFUSED || err == BC_ERR_LIMIT) {
    edit2_break_off(edit, false, text.text);
    return;
  }
  edit->is_sent = true;
  if (edit->failures <= bc_etcd_link_count(edit->link)) {
    bc_store_edit_look_again(edit, edit2_seen);
  } else {
    bc_store_edit_finish(edit, BC_ERR_AGAIN, "it is not known whether %s was written: %s", step->key, text.text);
  }
}

/* Directories that became empty are no routes, but they are in the way of people. Whether it works is of no matter. */
static void edit2_on_swept(void *arg, const struct bc_etcd_reply *reply) {
  struct bc_store_edit *edit = arg;
  (void)reply;
  edit->call = NULL;
  bc_store_edit_finish(edit, BC_ERR_OK, "%s", "");
}

static void edit2_sweep(struct bc_store_edit *edit) {
  const struct bc_store_edit_step *last = edit->step_count == 0 ? NULL : &edit->steps[edit->step_count - 1];
  struct bc_buf key;
  struct bc_buf path;
  if (last == NULL || last->value != NULL || strrchr(last->key, '/') == NULL) {
    bc_store_edit_finish(edit, BC_ERR_OK, "%s", "");
    return;
  }
  bc_buf_init(&key, EDIT2_PATH_BYTES);
  bc_buf_init(&path, EDIT2_PATH_BYTES);
  bc_buf_add_format(&key, "%s%.*s", edit->prefix, (int)(strrchr(last->key, '/') - last->key), last->key);
  bc_etcd2_request_empty_dir(&path, bc_buf_str(&key));
  edit->call = bc_etcd_link_keys(edit->link, "DELETE", path.data, (struct bc_str){0}, edit2_on_swept, edit);
  bc_buf_free(&key);
  bc_buf_free(&path);
}

static void edit2_step(struct bc_store_edit *edit) {
  if (edit->step == edit->step_count) {
    edit2_sweep(edit);
    return;
  }
  const struct bc_store_edit_step *step = &edit->steps[edit->step];
  edit2_send(edit, step->key, step->revision, (struct bc_str){step->value, step->len}, edit2_on_write);
}

/* Seldom does anything have to be taken back: what was changed is mostly seen here already. */
static void edit2_compared(struct bc_store_edit *edit, enum bc_err err) {
  if (err != BC_ERR_OK) {
    bc_store_edit_finish(edit, err, "%s", edit->text.text);
    return;
  }
  for (size_t i = 0; i < edit->step_count; i++) {
    if (bc_store_edit_judge(edit, &edit->steps[i]) != BC_STORE_EDIT_AS_BEFORE) {
      bc_store_edit_clash(edit, &edit->steps[i]);
      return;
    }
  }
  edit2_step(edit);
}

static void edit2_write(struct bc_store_edit *edit) {
  edit->step = 0;
  edit->is_undoing = false;
  for (size_t i = 0; i < edit->step_count; i++) {
    const struct bc_store_edit_step *step = &edit->steps[i];
    if (step->value != NULL && !bc_etcd2_request_can_hold((struct bc_str){step->value, step->len})) {
      bc_store_edit_finish(edit, BC_ERR_REFUSED, "%s: etcd's v2 API holds only UTF-8 without NUL bytes", step->key);
      return;
    }
  }
  bc_store_edit_look_again(edit, edit2_compared);
}

static void edit2_stop(struct bc_store_edit *edit) {
  bc_etcd_link_cancel(edit->call);
  edit->call = NULL;
}

const struct bc_store_edit_kind bc_store_edit2_kind = {
    .type = BC_STORE_TYPE_ETCD_V2, .walk = edit2_walk, .write = edit2_write, .stop = edit2_stop};
