#include "cli/edit_value.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cli/edit.h"
#include "cli/edit_words.h"
#include "cli/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct bc_edit_value_kind *value_kind(const struct bc_edit *edit) {
  return edit->arg;
}

static void value_key(const struct bc_edit *edit, const char *name, char key[static BC_LIMIT_KEY_BYTES]) {
  (void)snprintf(key, BC_LIMIT_KEY_BYTES, "%s%s", value_kind(edit)->folder, name);
}

static int value_tell_missing(struct bc_edit *edit, const char *key) {
  return bc_edit_tell(edit, BC_CLI_BAD_NEWS, "not found", "there is no key %s in the store", key);
}

static int value_get(struct bc_edit *edit) {
  char key[BC_LIMIT_KEY_BYTES];
  int code = bc_edit_read_all(edit, NULL, false);
  value_key(edit, edit->settings->words[1], key);
  struct bc_str value = code == BC_CLI_OK ? bc_edit_value(edit, key) : (struct bc_str){0};
  if (code == BC_CLI_OK && value.at == NULL) {
    return value_tell_missing(edit, key);
  }
  if (code == BC_CLI_OK && !edit->settings->is_json) {
    (void)fwrite(value.at, 1, value.len, stdout);
    (void)putchar('\n');
  }
  if (code == BC_CLI_OK) {
    bc_edit_answer(edit, "value", json_stringn(value.at, value.len));
  }
  return code;
}

static int value_list(struct bc_edit *edit) {
  static const char *const headers[] = {"NAME", "BYTES"};
  int code = bc_edit_read_all(edit, NULL, false);
  if (code != BC_CLI_OK) {
    return code;
  }
  struct bc_screen_table *table = bc_screen_table_new(headers, sizeof headers / sizeof headers[0]);
  json_t *values = json_array();
  size_t cursor = 0;
  struct bc_str at = {0};
  while (bc_edit_next_name(edit, value_kind(edit)->folder, &cursor, &at)) {
    char *name = bc_mem_copy_text(at.at, at.len);
    char key[BC_LIMIT_KEY_BYTES];
    char bytes[32];
    value_key(edit, name, key);
    struct bc_str value = bc_edit_value(edit, key);
    (void)snprintf(bytes, sizeof bytes, "%zu", value.len);
    if (bc_edit_is_chosen(edit, at)) {
      bc_screen_table_add(table, BC_SCREEN_PLAIN, name);
      bc_screen_table_add(table, BC_SCREEN_PLAIN, bytes);
      (void)json_array_append_new(values, json_pack("{s:s, s:I}", "name", name, "bytes", (json_int_t)value.len));
    }
    free(name);
  }
  if (!edit->settings->is_json) {
    bc_screen_table_print(table);
  }
  bc_screen_table_free(table);
  bc_edit_answer(edit, "values", values);
  return BC_CLI_OK;
}

/* Where it takes a text: a file when there is one of that name. */
static int value_take(struct bc_edit *edit, const char *word, struct bc_buf *to) {
  bool is_file = strcmp(word, "-") == 0 || access(word, R_OK) == 0;
  if (value_kind(edit)->takes_text && !is_file) {
    bc_buf_add_text(to, word);
    return BC_CLI_OK;
  }
  return bc_edit_take_text(word, to) ? BC_CLI_OK
                                     : bc_edit_tell(edit, BC_CLI_USAGE, "usage", "%s: the file cannot be read", word);
}

static int value_set(struct bc_edit *edit) {
  const struct bc_settings *settings = edit->settings;
  char key[BC_LIMIT_KEY_BYTES];
  struct bc_buf text;
  int code = bc_edit_check_name(edit, value_kind(edit)->command, settings->words[1]);
  if (code != BC_CLI_OK) {
    return code;
  }
  bc_buf_init(&text, value_kind(edit)->bytes_most * 2);
  value_key(edit, settings->words[1], key);
  code = value_take(edit, settings->words[2], &text);
  code = code == BC_CLI_OK ? bc_edit_read_all(edit, NULL, false) : code;
  if (code == BC_CLI_OK) {
    bc_edit_put(edit, key, bc_buf_str(&text));
    code = bc_edit_commit(edit, &(struct bc_edit_plan){.node = settings->node});
  }
  bc_buf_free(&text);
  return code;
}

static int value_delete(struct bc_edit *edit) {
  const struct bc_settings *settings = edit->settings;
  int code = bc_edit_read_all(edit, NULL, false);
  for (int i = 1; i < settings->word_count && code == BC_CLI_OK; i++) {
    char key[BC_LIMIT_KEY_BYTES];
    value_key(edit, settings->words[i], key);
    if (bc_store_edit_find(edit->store, key) == NULL) {
      code = value_tell_missing(edit, key);
    }
    bc_edit_delete(edit, key);
  }
  return code == BC_CLI_OK ? bc_edit_commit(edit, &(struct bc_edit_plan){.node = settings->node}) : code;
}

int bc_edit_value_run(const struct bc_settings *settings, const struct bc_edit_value_kind *kind) {
  const struct bc_edit_action actions[] = {
      {"set", kind->takes_text ? "NAME FILE|TEXT|-" : "NAME FILE|-", 2, 2, value_set},
      {"get", "NAME", 1, 1, value_get},
      {"list", "[NAME...]", 0, 999, value_list},
      {"delete", "NAME...", 1, 20, value_delete},
  };
  return bc_edit_run(settings, kind->command, actions, sizeof actions / sizeof actions[0], kind);
}
