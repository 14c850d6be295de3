#include "cli/edit.h"

#include "base/duration.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/screen.h"
#include "cli/script_file.h"
#include "model/name.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EDIT_TIMEOUT_MS = 10000, EDIT_ENDPOINT_BYTES = 512 };

/* ---- telling ---- */

int bc_edit_tell(struct bc_edit *edit, int code, const char *outcome, const char *format, ...) {
  char text[BC_FAULT_TEXT_BYTES * 2];
  char shown[BC_FAULT_TEXT_BYTES * 2];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  bc_screen_clean(text, shown, sizeof shown);
  (void)json_object_set_new(edit->answer, "outcome", json_string(outcome));
  (void)json_object_set_new(edit->answer, "text", json_string(shown));
  (void)fflush(stdout);
  if (!edit->is_quiet) {
    (void)fprintf(stderr, "%s\n", shown);
  }
  return code;
}

void bc_edit_warn(struct bc_edit *edit, const char *format, ...) {
  char text[BC_FAULT_TEXT_BYTES * 2];
  char shown[BC_FAULT_TEXT_BYTES * 2];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  bc_screen_clean(text, shown, sizeof shown);
  (void)json_array_append_new(json_object_get(edit->answer, "warnings"), json_string(shown));
  (void)fflush(stdout);
  (void)fprintf(stderr, "warning: %s\n", shown);
}

bool bc_edit_take_text(const char *source, struct bc_buf *to) {
  if (source[0] == '{') {
    bc_buf_add_text(to, source);
    return true;
  }
  return bc_script_file_read(source, to);
}

int bc_edit_check_name(struct bc_edit *edit, const char *what, const char *name) {
  if (bc_name_is_valid(bc_str_of(name), false)) {
    return BC_CLI_OK;
  }
  return bc_edit_tell(
      edit, BC_CLI_BAD_NEWS, "refused",
      "refused: the name of the %s: expected a letter or digit, then letters, digits, '.', '_' and '-', at "
      "most %d bytes, found \"%.130s\"",
      what, (int)BC_LIMIT_NAME_BYTES, name);
}

/* ---- the store ---- */

/* Which API the daemon of this node has found, when its store is ours. */
static enum bc_store_type edit_ask_daemon(const struct bc_settings *settings) {
  enum bc_store_type type = BC_STORE_TYPE_NONE;
  json_t *answer = NULL;
  if (settings->etcd_api != BC_SETTINGS_API_AUTO || strncmp(settings->endpoints, "file:", 5) == 0 ||
      bc_client_try_for_part(settings, bc_client_request("status"), &answer) != BC_CLI_OK) {
    return type;
  }
  const json_t *store = json_object_get(answer, "store");
  const char *kind = bc_client_text(store, "kind");
  const char *endpoint = bc_client_text(store, "endpoint");
  if (endpoint[0] != '\0' && strstr(settings->endpoints, endpoint) != NULL) {
    type = strcmp(kind, bc_store_type_text(BC_STORE_TYPE_ETCD_V3)) == 0   ? BC_STORE_TYPE_ETCD_V3
           : strcmp(kind, bc_store_type_text(BC_STORE_TYPE_ETCD_V2)) == 0 ? BC_STORE_TYPE_ETCD_V2
                                                                          : BC_STORE_TYPE_NONE;
  }
  json_decref(answer);
  return type;
}

static int edit_begin(struct bc_edit *edit, const struct bc_settings *settings, bool is_quiet) {
  static const enum bc_store_api apis[] = {[BC_SETTINGS_API_AUTO] = BC_STORE_API_AUTO,
                                           [BC_SETTINGS_API_V3] = BC_STORE_API_V3,
                                           [BC_SETTINGS_API_V2] = BC_STORE_API_V2};
  struct bc_fault fault = {.column = 0};
  unsigned ms = EDIT_TIMEOUT_MS;
  *edit = (struct bc_edit){.settings = settings, .loop = bc_loop_new(), .is_quiet = is_quiet};
  edit->answer = json_pack("{s:n, s:[], s:[], s:[]}", "outcome", "changes", "refused", "warnings");
  bc_log_setup(BC_LOG_WARNING, BC_LOG_TEXT, "edit");
  if (settings->timeout != NULL && (bc_duration_parse(bc_str_of(settings->timeout), &ms) != BC_ERR_OK || ms == 0)) {
    return bc_edit_tell(edit, BC_CLI_USAGE, "usage",
                        "--timeout: expected seconds, or a number with a unit (500ms, 2s, 1m), found \"%s\"",
                        settings->timeout);
  }
  const struct bc_store_options options = {.endpoints = settings->endpoints,
                                           .api = apis[settings->etcd_api],
                                           .remembered = edit_ask_daemon(settings),
                                           .prefix = settings->prefix,
                                           .node = settings->node,
                                           .user_file = settings->etcd_user_file,
                                           .cacert = settings->cacert,
                                           .cert = settings->cert,
                                           .key = settings->key};
  if (bc_store_edit_open(edit->loop, &options, ms, &edit->store, &fault) != BC_ERR_OK) {
    edit->store = NULL;
    return bc_edit_tell(edit, BC_CLI_NO_STORE, "unreachable", "the store cannot be used: %s", fault.text);
  }
  return BC_CLI_OK;
}

int bc_edit_begin(struct bc_edit *edit, const struct bc_settings *settings) {
  return edit_begin(edit, settings, false);
}

int bc_edit_begin_quietly(struct bc_edit *edit, const struct bc_settings *settings) {
  return edit_begin(edit, settings, true);
}

int bc_edit_end(struct bc_edit *edit, int code) {
  if (edit->settings->is_json) {
    (void)json_object_set_new(edit->answer, "code", json_integer(code));
    (void)json_dumpf(edit->answer, stdout, BC_CLI_JSON);
    (void)fputc('\n', stdout);
  }
  for (size_t i = 0; i < edit->count; i++) {
    free(edit->changes[i].key);
    free(edit->changes[i].value);
  }
  json_decref(edit->answer);
  bc_store_edit_close(edit->store);
  bc_loop_free(edit->loop);
  return code;
}

static void edit_on_done(void *arg, enum bc_err err, const char *text) {
  struct bc_edit *edit = arg;
  edit->err = err;
  (void)snprintf(edit->text, sizeof edit->text, "%s", text);
  bc_loop_stop(edit->loop);
}

/* The exit code of what the store said. */
static int edit_tell_end(struct bc_edit *edit, const char *what) {
  switch (edit->err) {
  case BC_ERR_OK:
    return BC_CLI_OK;
  case BC_ERR_CONFLICT:
    return bc_edit_tell(edit, BC_CLI_CONFLICT, "conflict", "conflict: %s", edit->text);
  case BC_ERR_AGAIN:
    return bc_edit_tell(edit, BC_CLI_UNKNOWN, "unknown", "%s", edit->text);
  case BC_ERR_LIMIT:
    return bc_edit_tell(edit, BC_CLI_BAD_NEWS, "refused", "refused: %s", edit->text);
  default:
    return bc_edit_tell(edit, BC_CLI_NO_STORE, "unreachable", "the store cannot be %s: %s", what, edit->text);
  }
}

int bc_edit_read(struct bc_edit *edit, const struct bc_store_edit_scope *scope) {
  bc_store_edit_read(edit->store, scope, edit_on_done, edit);
  bc_loop_run(edit->loop);
  int code = edit_tell_end(edit, "read");
  if (code == BC_CLI_OK) {
    (void)json_object_set_new(edit->answer, "store", json_string(bc_store_type_text(bc_store_edit_type(edit->store))));
  }
  return code;
}

int bc_edit_read_all(struct bc_edit *edit, const char *const *states, bool has_status) {
  static const char *const folders[] = {"policy", "admission", "checks/", "data/", "lua/", "node/", "routes/", NULL};
  return bc_edit_read(edit,
                      &(struct bc_store_edit_scope){.folders = folders, .states = states, .has_status = has_status});
}

struct bc_str bc_edit_value(const struct bc_edit *edit, const char *key) {
  const struct bc_store_edit_key *found = bc_store_edit_find(edit->store, key);
  if (found == NULL || found->value.at == NULL) {
    return (struct bc_str){0};
  }
  return bc_str_trim(found->value);
}

struct bc_str bc_edit_leaf(const struct bc_edit *edit, const char *folder, const char *name, const char *leaf) {
  char key[BC_LIMIT_KEY_BYTES];
  (void)snprintf(key, sizeof key, "%s/%s/%s", folder, name, leaf);
  return bc_edit_value(edit, key);
}

bool bc_edit_next_name(const struct bc_edit *edit, const char *folder, size_t *cursor, struct bc_str *name) {
  const struct bc_store_edit_key *key;
  size_t len = strlen(folder);
  const struct bc_str before = *name;
  bool is_first = *cursor == 0;
  size_t at = is_first ? bc_store_edit_from(edit->store, folder) : *cursor;
  while ((key = bc_store_edit_at(edit->store, at)) != NULL && strncmp(key->key, folder, len) == 0) {
    at++;
    *cursor = at;
    *name = (struct bc_str){key->key + len, strcspn(key->key + len, "/")};
    if (is_first || !bc_str_equal(*name, before)) {
      return true;
    }
  }
  return false;
}

/* ---- changes ---- */

static void edit_add(struct bc_edit *edit, const char *key, char *value, size_t len) {
  if (edit->count == BC_STORE_EDIT_CHANGES) {
    edit->is_full = true;
    free(value);
    return;
  }
  edit->changes[edit->count++] = (struct bc_edit_change){.key = bc_mem_copy_string(key), .value = value, .len = len};
}

void bc_edit_put(struct bc_edit *edit, const char *key, struct bc_str value) {
  struct bc_str held = bc_edit_value(edit, key);
  if (held.at == NULL || !bc_str_equal(held, bc_str_trim(value))) {
    edit_add(edit, key, bc_mem_copy_text(value.at, value.len), value.len);
  }
}

void bc_edit_delete(struct bc_edit *edit, const char *key) {
  if (bc_store_edit_find(edit->store, key) != NULL) {
    edit_add(edit, key, NULL, 0);
  }
}

static json_t *edit_text(struct bc_str text) {
  json_t *made = text.at == NULL ? json_null() : json_stringn(text.at, text.len);
  return made != NULL ? made : json_string("(not UTF-8)");
}

static void edit_show(struct bc_edit *edit) {
  json_t *changes = json_object_get(edit->answer, "changes");
  for (size_t i = 0; i < edit->count; i++) {
    const struct bc_edit_change *change = &edit->changes[i];
    (void)json_array_append_new(
        changes, json_pack("{s:s, s:o, s:o}", "key", change->key, "before", edit_text(bc_edit_value(edit, change->key)),
                           "after", edit_text(bc_str_trim((struct bc_str){change->value, change->len}))));
  }
  if (!edit->settings->is_json) {
    bc_edit_print_diff(edit);
  }
}

/* ---- agreeing ---- */

static int edit_ask(struct bc_edit *edit, const char *question) {
  char line[16] = "";
  if (question == NULL || edit->settings->is_sure) {
    return BC_CLI_OK;
  }
  if (isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0) {
    return bc_edit_tell(edit, BC_CLI_BAD_NEWS, "refused", "refused: %s; with --yes it is done", question);
  }
  (void)fflush(stdout);
  (void)fprintf(stderr, "%s. Go on? [y/N] ", question);
  if (fgets(line, sizeof line, stdin) != NULL && (line[0] == 'y' || line[0] == 'Y')) {
    return BC_CLI_OK;
  }
  return bc_edit_tell(edit, BC_CLI_BAD_NEWS, "refused", "nothing is written");
}

static int edit_write(struct bc_edit *edit) {
  struct bc_store_edit_change changes[BC_STORE_EDIT_CHANGES];
  for (size_t i = 0; i < edit->count; i++) {
    changes[i] = (struct bc_store_edit_change){.key = edit->changes[i].key,
                                               .value = {edit->changes[i].value, edit->changes[i].len}};
  }
  bc_store_edit_write(edit->store, changes, edit->count, edit_on_done, edit);
  bc_loop_run(edit->loop);
  if (edit->err == BC_ERR_REFUSED) {
    return bc_edit_tell(edit, BC_CLI_NO_STORE, "unreachable", "the store refuses it: %s", edit->text);
  }
  return edit_tell_end(edit, "written");
}

static void edit_tell_done(struct bc_edit *edit) {
  unsigned long long revision = bc_store_edit_revision(edit->store);
  const char *store = bc_store_type_text(bc_store_edit_type(edit->store));
  (void)json_object_set_new(edit->answer, "outcome", json_string("done"));
  (void)json_object_set_new(edit->answer, "revision", json_integer((json_int_t)revision));
  if (!edit->settings->is_json) {
    (void)printf("written: %zu key%s of the %s store", edit->count, edit->count == 1 ? "" : "s", store);
    (void)(revision > 0 ? printf(", revision %llu\n", revision) : printf("\n"));
  }
}

int bc_edit_commit(struct bc_edit *edit, const struct bc_edit_plan *plan) {
  if (edit->is_full) {
    return bc_edit_tell(edit, BC_CLI_BAD_NEWS, "refused", "refused: expected at most %d keys in one change",
                        (int)BC_STORE_EDIT_CHANGES);
  }
  if (edit->count > 0) {
    edit_show(edit);
    int code = bc_edit_judge(edit, plan);
    if (code == BC_CLI_OK && edit->settings->is_dry) {
      (void)json_object_set_new(edit->answer, "outcome", json_string("dry run"));
      (void)json_object_set_new(edit->answer, "question", json_string(plan->question));
      if (!edit->settings->is_json) {
        (void)printf("nothing is written (--dry-run)%s%s\n", plan->question == NULL ? "" : "; ",
                     plan->question == NULL ? "" : plan->question);
      }
      return code;
    }
    code = code == BC_CLI_OK ? edit_ask(edit, plan->question) : code;
    code = code == BC_CLI_OK ? edit_write(edit) : code;
    if (code != BC_CLI_OK) {
      return code;
    }
    edit_tell_done(edit);
  } else {
    (void)json_object_set_new(edit->answer, "outcome", json_string("nothing to change"));
    if (!edit->settings->is_json) {
      (void)puts("nothing to change");
    }
  }
  return edit->settings->is_waiting && !edit->settings->is_dry ? bc_edit_wait(edit, plan) : BC_CLI_OK;
}
