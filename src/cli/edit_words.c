#include "cli/edit_words.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cli/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_LINE_BYTES = 400 };

int bc_edit_run(const struct bc_settings *settings, const char *command, const struct bc_edit_action *actions,
                size_t count, const void *arg) {
  const char *word = settings->word_count > 0 ? settings->words[0] : "";
  for (size_t i = 0; i < count; i++) {
    int words = settings->word_count - 1;
    if (strcmp(actions[i].name, word) == 0 && words >= actions[i].least && words <= actions[i].most) {
      struct bc_edit edit;
      int code = bc_edit_begin(&edit, settings);
      edit.arg = arg;
      return bc_edit_end(&edit, code == BC_CLI_OK ? actions[i].run(&edit) : code);
    }
  }
  const char *before = "usage:";
  for (size_t i = 0; i < count; i++) {
    (void)fprintf(stderr, "%s bgpcommander %s %s %s\n", before, command, actions[i].name, actions[i].words);
    before = "      ";
  }
  return BC_CLI_USAGE;
}

bool bc_edit_is_there(const struct bc_edit *edit, const char *folder, const char *name) {
  char prefix[BC_LIMIT_KEY_BYTES];
  const struct bc_store_edit_key *key;
  size_t len = (size_t)snprintf(prefix, sizeof prefix, "%s/%s/", folder, name);
  key = len < sizeof prefix ? bc_store_edit_at(edit->store, bc_store_edit_from(edit->store, prefix)) : NULL;
  return key != NULL && strncmp(key->key, prefix, len) == 0;
}

bool bc_edit_is_chosen(const struct bc_edit *edit, struct bc_str name) {
  for (int i = 1; i < edit->settings->word_count; i++) {
    if (bc_str_glob(bc_str_of(edit->settings->words[i]), name)) {
      return true;
    }
  }
  return edit->settings->word_count < 2;
}

void bc_edit_answer(struct bc_edit *edit, const char *member, json_t *value) {
  json_object_clear(edit->answer);
  (void)json_object_set_new(edit->answer, "outcome", json_string("done"));
  (void)json_object_set_new(edit->answer, "warnings", json_array());
  (void)json_object_set_new(edit->answer, member, value);
}

/* ---- files ---- */

int bc_edit_put_files(struct bc_edit *edit, const char *folder, const char *name, const struct bc_edit_source *sources,
                      size_t count) {
  size_t inputs = 0;
  for (size_t i = 0; i < count; i++) {
    char key[BC_LIMIT_KEY_BYTES];
    struct bc_buf text;
    if (sources[i].source == NULL) {
      continue;
    }
    inputs += strcmp(sources[i].source, "-") == 0 ? 1 : 0;
    bc_buf_init(&text, BC_LIMIT_SCRIPT_BYTES * 2);
    bool is_read = inputs < 2 && bc_edit_take_text(sources[i].source, &text);
    (void)snprintf(key, sizeof key, "%s/%s/%s", folder, name, sources[i].leaf);
    if (is_read) {
      bc_edit_put(edit, key, bc_buf_str(&text));
    }
    bc_buf_free(&text);
    if (!is_read) {
      return bc_edit_tell(edit, BC_CLI_USAGE, "usage", "%s: %s", key,
                          inputs < 2 ? "its file cannot be read" : "only one of the texts can be standard input");
    }
  }
  return BC_CLI_OK;
}

int bc_edit_remove_leaves(struct bc_edit *edit, const char *folder, const char *name, const char *const *leaves,
                          size_t count) {
  struct bc_str rest = bc_str_of(edit->settings->removed);
  struct bc_str word;
  while (rest.len > 0 && bc_str_next_field(&rest, ',', &word)) {
    bool is_known = false;
    for (size_t i = 0; i < count; i++) {
      if (bc_str_is(word, leaves[i])) {
        char key[BC_LIMIT_KEY_BYTES];
        (void)snprintf(key, sizeof key, "%s/%s/%s", folder, name, leaves[i]);
        bc_edit_delete(edit, key);
        is_known = true;
      }
    }
    if (!is_known) {
      struct bc_buf known;
      bc_buf_init(&known, WORDS_LINE_BYTES);
      for (size_t i = 0; i < count; i++) {
        bc_buf_add_format(&known, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", leaves[i]);
      }
      int code = bc_edit_tell(edit, BC_CLI_USAGE, "usage", "--remove: expected %s, found \"" BC_STR_FMT "\"",
                              known.data, BC_STR_ARG(word));
      bc_buf_free(&known);
      return code;
    }
  }
  return BC_CLI_OK;
}

/* ---- showing ---- */

void bc_edit_print_keys(const struct bc_edit *edit, const char *folder, const char *name, const char *const *leaves,
                        size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct bc_str rest = bc_edit_leaf(edit, folder, name, leaves[i]);
    struct bc_str line;
    if (rest.at == NULL) {
      continue;
    }
    (void)printf("%s/%s/%s\n", folder, name, leaves[i]);
    while (rest.at != NULL && bc_str_next_field(&rest, '\n', &line)) {
      char shown[WORDS_LINE_BYTES];
      char *copy = bc_mem_copy_text(line.at, line.len);
      bc_screen_clean(copy, shown, sizeof shown);
      free(copy);
      (void)printf("  %s\n", shown);
    }
  }
}

json_t *bc_edit_keys_json(const struct bc_edit *edit, const char *folder, const char *name, const char *const *leaves,
                          size_t count) {
  json_t *keys = json_object();
  for (size_t i = 0; i < count; i++) {
    struct bc_str value = bc_edit_leaf(edit, folder, name, leaves[i]);
    if (value.at != NULL) {
      (void)json_object_set_new(keys, leaves[i], json_stringn(value.at, value.len));
    }
  }
  return keys;
}

int bc_edit_print_leaf(struct bc_edit *edit, const char *folder, const char *name, const char *leaf,
                       const char *const *leaves, size_t count) {
  char key[BC_LIMIT_KEY_BYTES];
  bool is_known = false;
  for (size_t i = 0; i < count; i++) {
    is_known = is_known || strcmp(leaves[i], leaf) == 0;
  }
  (void)snprintf(key, sizeof key, "%s/%s/%s", folder, name, leaf);
  struct bc_str value = bc_edit_value(edit, key);
  if (!is_known) {
    return bc_edit_tell(edit, BC_CLI_USAGE, "usage", "there is no key %s of such a name", leaf);
  }
  if (value.at == NULL) {
    return bc_edit_tell(edit, BC_CLI_BAD_NEWS, "not found", "there is no key %s in the store", key);
  }
  if (edit->settings->is_json) {
    bc_edit_answer(edit, "value", json_stringn(value.at, value.len));
  } else {
    (void)fwrite(value.at, 1, value.len, stdout);
    (void)putchar('\n');
  }
  return BC_CLI_OK;
}
