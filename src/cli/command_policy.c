/* `bgpcommander policy …`: the policy of all routes that have none nearer, and that of what comes by HTTP. */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/edit.h"
#include "cli/edit_words.h"

#include <stdio.h>
#include <string.h>

/* The keys have no folder, and what people call the first one is not its name. */
static const struct policy_key {
  const char *word, *key;
} policy_keys[] = {{"default", "policy"}, {"admission", "admission"}};

/* NULL: told. */
static const char *policy_key(struct bc_edit *edit, int *code) {
  const char *word = edit->settings->words[1];
  for (size_t i = 0; i < sizeof policy_keys / sizeof policy_keys[0]; i++) {
    if (strcmp(policy_keys[i].word, word) == 0) {
      return policy_keys[i].key;
    }
  }
  *code = bc_edit_tell(edit, BC_CLI_USAGE, "usage",
                       "policy: expected default or admission, found \"%.60s\" (that of a route: route set NAME "
                       "--policy FILE; of a node: node set NODE --policy FILE)",
                       word);
  return NULL;
}

static int policy_set(struct bc_edit *edit) {
  struct bc_buf text;
  int code = BC_CLI_OK;
  const char *key = policy_key(edit, &code);
  if (key == NULL) {
    return code;
  }
  bc_buf_init(&text, BC_LIMIT_SCRIPT_BYTES * 2);
  code = bc_edit_take_text(edit->settings->words[2], &text)
             ? bc_edit_read_all(edit, NULL, false)
             : bc_edit_tell(edit, BC_CLI_USAGE, "usage", "%s: the file cannot be read", edit->settings->words[2]);
  if (code == BC_CLI_OK) {
    bc_edit_put(edit, key, bc_buf_str(&text));
    code = bc_edit_commit(edit, &(struct bc_edit_plan){.node = edit->settings->node});
  }
  bc_buf_free(&text);
  return code;
}

static int policy_get(struct bc_edit *edit) {
  int code = BC_CLI_OK;
  const char *key = policy_key(edit, &code);
  if (key == NULL || (code = bc_edit_read_all(edit, NULL, false)) != BC_CLI_OK) {
    return code;
  }
  struct bc_str value = bc_edit_value(edit, key);
  if (value.at == NULL) {
    return bc_edit_tell(edit, BC_CLI_BAD_NEWS, "not found", "there is no key %s in the store", key);
  }
  if (!edit->settings->is_json) {
    (void)fwrite(value.at, 1, value.len, stdout);
    (void)putchar('\n');
  }
  bc_edit_answer(edit, "value", json_stringn(value.at, value.len));
  return BC_CLI_OK;
}

static int policy_delete(struct bc_edit *edit) {
  int code = BC_CLI_OK;
  const char *key = policy_key(edit, &code);
  if (key == NULL || (code = bc_edit_read_all(edit, NULL, false)) != BC_CLI_OK) {
    return code;
  }
  bc_edit_delete(edit, key);
  return bc_edit_commit(edit, &(struct bc_edit_plan){.node = edit->settings->node});
}

int bc_command_policy(const struct bc_settings *settings) {
  static const struct bc_edit_action actions[] = {
      {"set", "default|admission FILE|JSON|-", 2, 2, policy_set},
      {"get", "default|admission", 1, 1, policy_get},
      {"delete", "default|admission", 1, 1, policy_delete},
  };
  return bc_edit_run(settings, "policy", actions, sizeof actions / sizeof actions[0], NULL);
}
