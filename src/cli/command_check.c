/* `bgpcommander check …`: the named checks of the store. */
#include "base/limits.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/edit.h"
#include "cli/edit_words.h"
#include "cli/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const check_leaves[] = {"script", "options"};
enum { CHECK_LEAVES = sizeof check_leaves / sizeof check_leaves[0] };

static int check_get(struct bc_edit *edit) {
  const struct bc_settings *settings = edit->settings;
  const char *name = settings->words[1];
  int code = bc_edit_read_all(edit, NULL, false);
  if (code != BC_CLI_OK) {
    return code;
  }
  if (settings->word_count > 2) {
    return bc_edit_print_leaf(edit, "checks", name, settings->words[2], check_leaves, CHECK_LEAVES);
  }
  if (!bc_edit_is_there(edit, "checks", name)) {
    return bc_edit_tell(edit, BC_CLI_BAD_NEWS, "not found", "there is no check %s in the store", name);
  }
  json_t *keys = bc_edit_keys_json(edit, "checks", name, check_leaves, CHECK_LEAVES);
  if (!settings->is_json) {
    bc_edit_print_keys(edit, "checks", name, check_leaves, CHECK_LEAVES);
  }
  bc_edit_answer(edit, "check", json_pack("{s:s, s:o}", "name", name, "keys", keys));
  return BC_CLI_OK;
}

static int check_list(struct bc_edit *edit) {
  static const char *const headers[] = {"NAME", "SCRIPT", "OPTIONS"};
  int code = bc_edit_read_all(edit, NULL, false);
  if (code != BC_CLI_OK) {
    return code;
  }
  struct bc_screen_table *table = bc_screen_table_new(headers, sizeof headers / sizeof headers[0]);
  json_t *checks = json_array();
  size_t cursor = 0;
  struct bc_str at = {0};
  while (bc_edit_next_name(edit, "checks/", &cursor, &at)) {
    char *name = bc_mem_copy_text(at.at, at.len);
    if (bc_edit_is_chosen(edit, at)) {
      struct bc_str script = bc_edit_leaf(edit, "checks", name, "script");
      struct bc_str options = bc_edit_leaf(edit, "checks", name, "options");
      char *text = bc_mem_copy_text(options.at, options.len);
      bc_screen_table_add(table, BC_SCREEN_PLAIN, name);
      bc_screen_table_add(table, BC_SCREEN_PLAIN, script.at == NULL ? "-" : "yes");
      bc_screen_table_add(table, BC_SCREEN_PLAIN, text);
      free(text);
      (void)json_array_append_new(checks,
                                  json_pack("{s:s, s:o}", "name", name, "keys",
                                            bc_edit_keys_json(edit, "checks", name, check_leaves, CHECK_LEAVES)));
    }
    free(name);
  }
  if (!edit->settings->is_json) {
    bc_screen_table_print(table);
  }
  bc_screen_table_free(table);
  bc_edit_answer(edit, "checks", checks);
  return BC_CLI_OK;
}

static int check_set(struct bc_edit *edit) {
  const struct bc_settings *settings = edit->settings;
  const char *name = settings->words[1];
  const struct bc_edit_source sources[] = {{"script", settings->check_script}, {"options", settings->check_options}};
  int code = bc_edit_check_name(edit, "check", name);
  code = code == BC_CLI_OK ? bc_edit_read_all(edit, NULL, false) : code;
  code = code == BC_CLI_OK ? bc_edit_put_files(edit, "checks", name, sources, 2) : code;
  code = code == BC_CLI_OK ? bc_edit_remove_leaves(edit, "checks", name, check_leaves, CHECK_LEAVES) : code;
  if (code == BC_CLI_OK && edit->count == 0 && !bc_edit_is_there(edit, "checks", name)) {
    code = bc_edit_tell(
        edit, BC_CLI_BAD_NEWS, "refused",
        "refused: checks/%s: expected --script FILE, or --options with a ready-made check: there is none yet", name);
  }
  return code == BC_CLI_OK ? bc_edit_commit(edit, &(struct bc_edit_plan){.node = NULL}) : code;
}

static int check_delete(struct bc_edit *edit) {
  const struct bc_settings *settings = edit->settings;
  int code = bc_edit_read_all(edit, NULL, false);
  for (int i = 1; i < settings->word_count && code == BC_CLI_OK; i++) {
    if (!bc_edit_is_there(edit, "checks", settings->words[i])) {
      code = bc_edit_tell(edit, BC_CLI_BAD_NEWS, "not found", "there is no check %s in the store", settings->words[i]);
    }
    for (size_t leaf = 0; leaf < CHECK_LEAVES && code == BC_CLI_OK; leaf++) {
      char key[BC_LIMIT_KEY_BYTES];
      (void)snprintf(key, sizeof key, "checks/%s/%s", settings->words[i], check_leaves[leaf]);
      bc_edit_delete(edit, key);
    }
  }
  return code == BC_CLI_OK ? bc_edit_commit(edit, &(struct bc_edit_plan){.node = NULL}) : code;
}

int bc_command_check(const struct bc_settings *settings) {
  static const struct bc_edit_action actions[] = {
      {"set", "NAME [--script FILE] [--options FILE|JSON] [--remove KEY,...]", 1, 1, check_set},
      {"get", "NAME [script|options]", 1, 2, check_get},
      {"list", "[NAME...]", 0, 999, check_list},
      {"delete", "NAME...", 1, 20, check_delete},
  };
  return bc_edit_run(settings, "check", actions, sizeof actions / sizeof actions[0], NULL);
}
