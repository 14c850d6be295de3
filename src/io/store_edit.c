#include "io/store_edit.h"

#include "io/etcd_common.h"
#include "io/store_auto.h"
#include "io/store_edit_private.h"
#include "proto/dir_key.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the request ---- */

static void edit_forget_steps(struct bc_store_edit *edit) {
  for (size_t i = 0; i < edit->step_count; i++) {
    free(edit->steps[i].key);
    free(edit->steps[i].value);
    free(edit->steps[i].old);
  }
  edit->step_count = 0;
}

static void edit_on_tell(void *arg) {
  struct bc_store_edit *edit = arg;
  bc_store_edit_fn *fn = edit->fn;
  struct bc_fault text = edit->text;
  edit->fn = NULL;
  bc_store_edit_walk_end(&edit->walk);
  edit_forget_steps(edit);
  bc_store_edit_list_clear(&edit->seen);
  fn(edit->arg, edit->err, text.text);
}

static void edit_end(struct bc_store_edit *edit, enum bc_err err) {
  edit->is_over = true;
  edit->err = err;
  bc_timer_stop(edit->late);
  bc_timer_stop(edit->finding);
  if (edit->kind != NULL) {
    edit->kind->stop(edit);
  }
  bc_timer_start(edit->tell, 0);
}

void bc_store_edit_finish(struct bc_store_edit *edit, enum bc_err err, const char *format, ...) {
  char text[BC_FAULT_TEXT_BYTES];
  va_list arguments;
  if (edit->fn == NULL || edit->is_over) {
    return;
  }
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  edit->text = (struct bc_fault){.column = 0};
  if (err != BC_ERR_OK) {
    bc_fault_set(&edit->text, 0, "%s", text);
  }
  edit_end(edit, err);
}

static void edit_on_late(void *arg) {
  struct bc_store_edit *edit = arg;
  const char *trouble = edit->trouble.text[0] == '\0' ? "no answer" : edit->trouble.text;
  const long long ms = edit->timeout_ms;
  if (edit->is_sent) {
    bc_store_edit_finish(edit, BC_ERR_AGAIN, "it is not known whether it was written: not settled within %lld ms: %s",
                         ms, trouble);
  } else {
    bc_store_edit_finish(edit, BC_ERR_TIMEOUT, "not within %lld ms: %s", ms, trouble);
  }
}

/* ---- which API it is ---- */

static void edit_go(struct bc_store_edit *edit) {
  if (edit->is_write) {
    edit->kind->write(edit);
  } else {
    edit->kind->walk(edit);
  }
}

static void edit_on_list_begin(void *arg, struct bc_store_point point) {
  struct bc_store_edit *edit = arg;
  edit->kind = point.type == BC_STORE_TYPE_ETCD_V2 ? &bc_store_edit2_kind : &bc_store_edit3_kind;
  bc_timer_start(edit->finding, 0);
}

static void edit_on_list_entry(void *arg, struct bc_str key, struct bc_str value, uint64_t mod_revision) {
  (void)arg;
  (void)key;
  (void)value;
  (void)mod_revision;
}

static void edit_on_list_unreadable(void *arg, struct bc_str key, const char *text) {
  (void)arg;
  (void)key;
  (void)text;
}

static void edit_on_list_end(void *arg, struct bc_store_point point) {
  (void)arg;
  (void)point;
}

static void edit_on_list_abort(void *arg) {
  (void)arg;
}

static void edit_on_state(void *arg, enum bc_store_state state, const char *text) {
  struct bc_store_edit *edit = arg;
  bc_fault_set(&edit->found, 0, "%s", text);
  edit->trouble = edit->found;
  if (state == BC_STORE_STATE_STARTING && text[0] != '\0') {
    edit->err = BC_ERR_UNSUPPORTED;
    bc_timer_start(edit->finding, 0);
  } else if (state == BC_STORE_STATE_REFUSED || state == BC_STORE_STATE_UNREACHABLE) {
    edit->err = state == BC_STORE_STATE_REFUSED ? BC_ERR_REFUSED : BC_ERR_IO;
    bc_timer_start(edit->finding, 0);
  }
}

static void edit_on_publish_state(void *arg, const char *problem) {
  (void)arg;
  (void)problem;
}

static void edit_on_found(void *arg) {
  struct bc_store_edit *edit = arg;
  struct bc_fault fault = {.column = 0};
  bc_store_close(edit->finder);
  edit->finder = NULL;
  if (edit->kind == NULL) {
    bool is_open = edit->err == BC_ERR_UNSUPPORTED;
    bc_store_edit_finish(edit, edit->err, "%s%s", edit->found.text,
                         is_open ? ": nothing is written before it is known which" : "");
    return;
  }
  enum bc_err err = bc_store_edit_etcd_open(edit, edit->kind->type, &fault);
  if (err != BC_ERR_OK) {
    edit->kind = NULL;
    bc_store_edit_finish(edit, err, "%s", fault.text);
    return;
  }
  edit_go(edit);
}

static void edit_find_api(struct bc_store_edit *edit) {
  const struct bc_store_handler handler = {.arg = edit,
                                           .list_begin = edit_on_list_begin,
                                           .list_entry = edit_on_list_entry,
                                           .list_unreadable = edit_on_list_unreadable,
                                           .list_end = edit_on_list_end,
                                           .list_abort = edit_on_list_abort,
                                           .change = edit_on_list_entry,
                                           .changes_end = edit_on_list_end,
                                           .state = edit_on_state,
                                           .publish_state = edit_on_publish_state};
  struct bc_fault fault = {.column = 0};
  enum bc_err err = bc_store_auto_open(edit->loop, &edit->options, &edit->tuning, &handler, &edit->finder, &fault);
  if (err != BC_ERR_OK) {
    edit->finder = NULL;
    bc_store_edit_finish(edit, err, "%s", fault.text);
  }
}

/* ---- requests ---- */

static void edit_begin(struct bc_store_edit *edit, bool is_write, bc_store_edit_fn *fn, void *arg) {
  edit->fn = fn;
  edit->arg = arg;
  edit->is_write = is_write;
  edit->is_over = false;
  edit->is_sent = false;
  edit->failures = 0;
  edit->trouble = (struct bc_fault){.column = 0};
  bc_timer_start(edit->late, edit->timeout_ms);
}

static void edit_start(struct bc_store_edit *edit) {
  if (edit->kind == NULL) {
    edit_find_api(edit);
  } else {
    edit_go(edit);
  }
}

static void edit_read_done(struct bc_store_edit *edit, enum bc_err err) {
  bc_store_edit_finish(edit, err, "%s", edit->text.text);
}

void bc_store_edit_walked(struct bc_store_edit *edit, enum bc_err err, const char *format, ...) {
  char text[BC_FAULT_TEXT_BYTES];
  va_list arguments;
  if (edit->fn == NULL || edit->is_over) {
    return;
  }
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  edit->text = (struct bc_fault){.column = 0};
  bc_fault_set(&edit->text, 0, "%s", text);
  bc_store_edit_list_sort(edit->into);
  if (err == BC_ERR_OK && edit->into->is_full) {
    err = BC_ERR_LIMIT;
    bc_fault_set(&edit->text, 0, "the store holds more than %d bytes", (int)BC_LIMIT_DIR_BYTES);
  }
  edit->walked(edit, err);
}

void bc_store_edit_read(struct bc_store_edit *edit, const struct bc_store_edit_scope *scope, bc_store_edit_fn *fn,
                        void *arg) {
  bc_store_edit_list_clear(&edit->keys);
  bc_store_edit_walk_begin(&edit->walk, scope);
  edit->into = &edit->keys;
  edit->walked = edit_read_done;
  edit_begin(edit, false, fn, arg);
  edit_start(edit);
}

void bc_store_edit_look_again(struct bc_store_edit *edit, void (*fn)(struct bc_store_edit *edit, enum bc_err err)) {
  const char *folders[BC_STORE_EDIT_CHANGES + 1] = {NULL};
  for (size_t i = 0; i < edit->step_count; i++) {
    folders[i] = edit->steps[i].key;
  }
  bc_store_edit_list_clear(&edit->seen);
  bc_store_edit_walk_end(&edit->walk);
  bc_store_edit_walk_begin(&edit->walk, &(struct bc_store_edit_scope){.folders = folders, .has_status = true});
  edit->into = &edit->seen;
  edit->walked = fn;
  edit->kind->walk(edit);
}

enum bc_store_edit_sight bc_store_edit_judge(const struct bc_store_edit *edit, const struct bc_store_edit_step *step) {
  const struct bc_store_edit_entry *seen = bc_store_edit_list_find(&edit->seen, step->key);
  if ((seen == NULL ? 0 : seen->told.revision) == step->revision) {
    return BC_STORE_EDIT_AS_BEFORE;
  }
  bool is_wanted = step->value == NULL ? seen == NULL
                                       : seen != NULL && seen->told.value.at != NULL &&
                                             bc_str_equal(seen->told.value, (struct bc_str){step->value, step->len});
  return is_wanted ? BC_STORE_EDIT_AS_WANTED : BC_STORE_EDIT_OTHER;
}

void bc_store_edit_clash(struct bc_store_edit *edit, const struct bc_store_edit_step *step) {
  bool is_gone = bc_store_edit_list_find(&edit->seen, step->key) == NULL;
  bc_store_edit_finish(edit, BC_ERR_CONFLICT,
                       "%s was %s by somebody else meanwhile: nothing is written; look at it and try again", step->key,
                       is_gone               ? "removed"
                       : step->revision == 0 ? "made"
                                             : "changed");
}

static void edit_take_step(struct bc_store_edit *edit, const struct bc_store_edit_change *change) {
  const struct bc_store_edit_entry *held = bc_store_edit_list_find(&edit->keys, change->key);
  struct bc_store_edit_step *step = &edit->steps[edit->step_count++];
  *step = (struct bc_store_edit_step){.key = bc_mem_copy_string(change->key)};
  if (change->value.at != NULL) {
    step->value = bc_mem_copy_text(change->value.at, change->value.len);
    step->len = change->value.len;
  }
  if (held != NULL) {
    step->revision = held->told.revision;
    step->old = held->value == NULL ? NULL : bc_mem_copy_text(held->told.value.at, held->told.value.len);
    step->old_len = held->told.value.len;
  }
}

void bc_store_edit_write(struct bc_store_edit *edit, const struct bc_store_edit_change *changes, size_t count,
                         bc_store_edit_fn *fn, void *arg) {
  edit_begin(edit, true, fn, arg);
  if (count > BC_STORE_EDIT_CHANGES) {
    bc_store_edit_finish(edit, BC_ERR_LIMIT, "expected at most %d keys in one change, found %zu",
                         (int)BC_STORE_EDIT_CHANGES, count);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    edit_take_step(edit, &changes[i]);
  }
  edit_start(edit);
}

/* ---- the whole ---- */

static void edit_copy_options(struct bc_store_edit *edit, const struct bc_store_options *options) {
  edit->options = *options;
  edit->options.endpoints = bc_mem_copy_string(options->endpoints);
  edit->options.prefix = bc_mem_copy_string(options->prefix);
  edit->options.node = bc_mem_copy_string(options->node);
  edit->options.user_file = bc_mem_copy_string(options->user_file);
  edit->options.cacert = bc_mem_copy_string(options->cacert);
  edit->options.cert = bc_mem_copy_string(options->cert);
  edit->options.key = bc_mem_copy_string(options->key);
  struct bc_str base = bc_str_of(options->prefix);
  while (base.len > 0 && base.at[base.len - 1] == '/') {
    base.len--;
  }
  edit->prefix = bc_mem_new(base.len + 2, 1);
  memcpy(edit->prefix, base.at, base.len);
  edit->prefix[base.len] = '/';
}

static enum bc_err edit_choose_kind(struct bc_store_edit *edit, struct bc_fault *fault) {
  const struct bc_store_options *options = &edit->options;
  struct bc_buf path;
  if (bc_dir_endpoint_is(bc_str_of(options->endpoints))) {
    bc_buf_init(&path, BC_LIMIT_KEY_BYTES * 4);
    enum bc_err err = bc_dir_endpoint_parse(bc_str_of(options->endpoints), &path, fault);
    bc_buf_free(&path);
    edit->kind = err == BC_ERR_OK ? &bc_store_edit_dir_kind : NULL;
    return err;
  }
  bool is_v3 = options->api == BC_STORE_API_V3 ||
               (options->api == BC_STORE_API_AUTO && options->remembered == BC_STORE_TYPE_ETCD_V3);
  bool is_v2 = options->api == BC_STORE_API_V2 ||
               (options->api == BC_STORE_API_AUTO && options->remembered == BC_STORE_TYPE_ETCD_V2);
  enum bc_err err = bc_store_edit_etcd_open(edit, is_v2 ? BC_STORE_TYPE_ETCD_V2 : BC_STORE_TYPE_ETCD_V3, fault);
  edit->kind = err != BC_ERR_OK ? NULL : is_v3 ? &bc_store_edit3_kind : is_v2 ? &bc_store_edit2_kind : NULL;
  return err;
}

enum bc_err bc_store_edit_open(struct bc_loop *loop, const struct bc_store_options *options, int64_t timeout_ms,
                               struct bc_store_edit **result, struct bc_fault *fault) {
  struct bc_store_edit *edit = bc_mem_new(1, sizeof *edit);
  edit->loop = loop;
  edit->timeout_ms = timeout_ms;
  edit_copy_options(edit, options);
  bc_etcd_random_seed(&edit->random, options->random_seed);
  edit->tuning = bc_etcd_tuning_default;
  edit->finding = bc_timer_new(loop, edit_on_found, edit);
  edit->late = bc_timer_new(loop, edit_on_late, edit);
  edit->tell = bc_timer_new(loop, edit_on_tell, edit);
  enum bc_err err = edit_choose_kind(edit, fault);
  if (err != BC_ERR_OK) {
    bc_store_edit_close(edit);
    return err;
  }
  *result = edit;
  return BC_ERR_OK;
}

void bc_store_edit_close(struct bc_store_edit *edit) {
  if (edit == NULL) {
    return;
  }
  bc_store_close(edit->finder);
  if (edit->kind != NULL) {
    edit->kind->stop(edit);
  }
  bc_etcd_link_close(edit->link);
  bc_timer_free(edit->finding);
  bc_timer_free(edit->late);
  bc_timer_free(edit->tell);
  bc_store_edit_walk_end(&edit->walk);
  edit_forget_steps(edit);
  bc_store_edit_list_clear(&edit->keys);
  bc_store_edit_list_clear(&edit->seen);
  free(edit->keys.at);
  free(edit->seen.at);
  free(edit->prefix);
  const char *texts[] = {edit->options.endpoints, edit->options.prefix, edit->options.node, edit->options.user_file,
                         edit->options.cacert,    edit->options.cert,   edit->options.key};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    free((char *)(uintptr_t)texts[i]);
  }
  free(edit);
}

const struct bc_store_edit_key *bc_store_edit_at(const struct bc_store_edit *edit, size_t index) {
  return index < edit->keys.count ? &edit->keys.at[index].told : NULL;
}

size_t bc_store_edit_from(const struct bc_store_edit *edit, const char *key) {
  size_t first = 0;
  size_t end = edit->keys.count;
  while (first < end) {
    size_t middle = first + (end - first) / 2;
    if (strcmp(edit->keys.at[middle].key, key) < 0) {
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  return first;
}

const struct bc_store_edit_key *bc_store_edit_find(const struct bc_store_edit *edit, const char *key) {
  const struct bc_store_edit_entry *entry = bc_store_edit_list_find(&edit->keys, key);
  return entry == NULL ? NULL : &entry->told;
}

enum bc_store_type bc_store_edit_type(const struct bc_store_edit *edit) {
  return edit->kind == NULL ? BC_STORE_TYPE_NONE : edit->kind->type;
}

uint64_t bc_store_edit_revision(const struct bc_store_edit *edit) {
  return edit->revision;
}
