/* `bgpcommander node …`: what a node is to announce. */
#include "base/limits.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/edit.h"
#include "cli/edit_words.h"
#include "cli/screen.h"
#include "model/name.h"
#include "model/subscribe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODE_QUESTION_BYTES = 1024, NODE_LINE_BYTES = 1024, NODE_NAMES_MOST = 1000 };

static int node_read(struct bc_edit *edit, const char *node) {
  int code = bc_edit_check_name(edit, "node", node);
  return code == BC_CLI_OK ? bc_edit_read_all(edit, NULL, true) : code;
}

static struct bc_str node_subscription(const struct bc_edit *edit, const char *node) {
  return bc_edit_leaf(edit, "node", node, "subscribedRoutes");
}

/* The object of its status key, or NULL; the caller's. */
static json_t *node_status(const struct bc_edit *edit, const char *node) {
  struct bc_str text = bc_edit_leaf(edit, "node", node, "status");
  return text.at == NULL ? NULL : json_loadb(text.at, text.len, 0, NULL);
}

/* How many routes it says that it announces; -1: it says nothing. */
static long long node_announced(const struct bc_edit *edit, const char *node) {
  json_t *status = node_status(edit, node);
  long long announced = status == NULL ? -1 : bc_client_number(json_object_get(status, "summary"), "announced");
  json_decref(status);
  return announced;
}

/* A name that is mistyped would make keys that nobody reads. */
static void node_ask_whether_known(const struct bc_edit *edit, const char *node, struct bc_buf *question) {
  if (strcmp(node, edit->settings->node) != 0 && !bc_edit_is_there(edit, "node", node)) {
    bc_buf_add_format(question, "the store has no keys of a node %s", node);
  }
}

/* ---- show ---- */

/* The names of the routes that the node subscribes to. */
static json_t *node_routes(const struct bc_edit *edit, const char *node) {
  json_t *routes = json_array();
  size_t cursor = 0;
  struct bc_str name = {0};
  while (bc_edit_next_name(edit, "routes/", &cursor, &name)) {
    if (bc_subscribe_match(node_subscription(edit, node), name).at != NULL) {
      (void)json_array_append_new(routes, json_stringn(name.at, name.len));
    }
  }
  return routes;
}

static json_t *node_text(struct bc_str text) {
  return text.at == NULL ? json_null() : json_stringn(text.at, text.len);
}

static json_t *node_json(struct bc_edit *edit, const char *node) {
  json_t *made = json_object();
  json_t *status = node_status(edit, node);
  json_t *faults = bc_edit_faults(edit, node);
  json_t *lines = json_array();
  const char *line;
  json_t *unused;
  json_object_foreach(faults, line, unused) {
    if (strncmp(line, "node/", 5) == 0) {
      (void)json_array_append_new(lines, json_string(line));
    }
  }
  json_decref(faults);
  (void)json_object_set_new(made, "name", json_string(node));
  (void)json_object_set_new(made, "adminState", node_text(bc_edit_leaf(edit, "node", node, "adminState")));
  (void)json_object_set_new(made, "subscribedRoutes", node_text(node_subscription(edit, node)));
  (void)json_object_set_new(made, "routes", node_routes(edit, node));
  (void)json_object_set_new(made, "labels", node_text(bc_edit_leaf(edit, "node", node, "labels")));
  (void)json_object_set_new(made, "policy", node_text(bc_edit_leaf(edit, "node", node, "policy")));
  (void)json_object_set_new(made, "status", status == NULL ? json_null() : status);
  (void)json_object_set_new(made, "faults", lines);
  return made;
}

static void node_print_line(const char *name, const char *text) {
  char shown[NODE_LINE_BYTES];
  bc_screen_clean(text, shown, sizeof shown);
  (void)printf("%-17s %s\n", name, shown);
}

static void node_print_routes(const json_t *routes) {
  struct bc_buf text;
  size_t i;
  const json_t *route;
  bc_buf_init(&text, NODE_LINE_BYTES);
  bc_buf_add_format(&text, "%zu:", json_array_size(routes));
  json_array_foreach(routes, i, route) {
    bc_buf_add_format(&text, " %s", json_string_value(route));
  }
  node_print_line("routes", json_array_size(routes) == 0 ? "none" : text.data);
  bc_buf_free(&text);
}

static void node_print(const json_t *node) {
  size_t i;
  const json_t *fault;
  const char *admin = json_string_value(json_object_get(node, "adminState"));
  const char *subscribed = json_string_value(json_object_get(node, "subscribedRoutes"));
  const char *labels = json_string_value(json_object_get(node, "labels"));
  const json_t *status = json_object_get(node, "status");
  node_print_line("node", bc_client_text(node, "name"));
  node_print_line("adminState", admin == NULL ? "up (there is no such key)" : admin);
  node_print_line("subscribedRoutes", subscribed == NULL ? "none (there is no such key)" : subscribed);
  node_print_routes(json_object_get(node, "routes"));
  if (labels != NULL) {
    node_print_line("labels", labels);
  }
  if (!json_is_null(json_object_get(node, "policy"))) {
    node_print_line("policy", "it has one of its own");
  }
  if (json_is_object(status)) {
    const json_t *summary = json_object_get(status, "summary");
    (void)printf("%-17s %lld announced, %lld withdrawn, %lld faulty, as its daemon says\n", "status",
                 bc_client_number(summary, "announced"), bc_client_number(summary, "withdrawn"),
                 bc_client_number(summary, "faulty"));
  } else {
    node_print_line("status", "none: no daemon of this name has written one");
  }
  json_array_foreach(json_object_get(node, "faults"), i, fault) {
    node_print_line("fault", json_string_value(fault));
  }
}

static int node_show(struct bc_edit *edit) {
  const char *node = edit->settings->word_count > 1 ? edit->settings->words[1] : edit->settings->node;
  int code = node_read(edit, node);
  if (code != BC_CLI_OK) {
    return code;
  }
  if (!bc_edit_is_there(edit, "node", node)) {
    return bc_edit_tell(edit, BC_CLI_BAD_NEWS, "not found", "the store has no keys of a node %s", node);
  }
  json_t *made = node_json(edit, node);
  if (!edit->settings->is_json) {
    node_print(made);
  }
  bc_edit_answer(edit, "node", made);
  return BC_CLI_OK;
}

/* ---- subscribe ---- */

static bool node_is_glob(const char *word) {
  return strpbrk(word, "*?") != NULL;
}

/* Nothing that the word means is there. */
static bool node_is_lonely(const struct bc_edit *edit, const char *word) {
  size_t cursor = 0;
  struct bc_str name = {0};
  while (bc_edit_next_name(edit, "routes/", &cursor, &name)) {
    if (bc_str_glob(bc_str_of(word), name)) {
      return false;
    }
  }
  return true;
}

static int node_check_word(struct bc_edit *edit, const char *word) {
  if (bc_name_is_valid(bc_str_of(word), true)) {
    return BC_CLI_OK;
  }
  return bc_edit_tell(
      edit, BC_CLI_BAD_NEWS, "refused",
      "refused: subscribedRoutes: expected the name of a route, or a glob with * and ?, found \"%.130s\"", word);
}

static void node_add_word(struct bc_edit *edit, const char *word, struct bc_buf *value, struct bc_buf *question) {
  struct bc_str match = bc_subscribe_match(bc_buf_str(value), bc_str_of(word));
  struct bc_buf longer;
  if (bc_subscribe_has(bc_buf_str(value), bc_str_of(word))) {
    return;
  }
  if (match.at != NULL && !node_is_glob(word)) {
    bc_edit_warn(edit, "%s is in \"" BC_STR_FMT "\" already: it is not added", word, BC_STR_ARG(match));
    return;
  }
  if (node_is_lonely(edit, word)) {
    bc_buf_add_format(question, "%sno route of the store matches \"%s\"", question->len == 0 ? "" : "; ", word);
  }
  bc_buf_init(&longer, BC_LIMIT_SUBSCRIPTION_BYTES * 2);
  bc_subscribe_add(&longer, bc_buf_str(value), bc_str_of(word));
  bc_buf_free(value);
  *value = longer;
}

static int node_remove_word(struct bc_edit *edit, const char *word, struct bc_buf *value) {
  struct bc_str match = bc_subscribe_match(bc_buf_str(value), bc_str_of(word));
  struct bc_buf shorter;
  if (!bc_subscribe_has(bc_buf_str(value), bc_str_of(word))) {
    return match.at == NULL ? BC_CLI_OK
                            : bc_edit_tell(edit, BC_CLI_BAD_NEWS, "refused",
                                           "refused: %s stands there only by \"" BC_STR_FMT
                                           "\": unsubscribe that one, and subscribe to the names that are to stay",
                                           word, BC_STR_ARG(match));
  }
  bc_buf_init(&shorter, BC_LIMIT_SUBSCRIPTION_BYTES * 2);
  bc_subscribe_remove(&shorter, bc_buf_str(value), bc_str_of(word));
  bc_buf_free(value);
  *value = shorter;
  match = bc_subscribe_match(bc_buf_str(value), bc_str_of(word));
  if (match.at != NULL && !node_is_glob(word)) {
    bc_edit_warn(edit, "%s stays subscribed by \"" BC_STR_FMT "\"", word, BC_STR_ARG(match));
  }
  return BC_CLI_OK;
}

static int node_change_words(struct bc_edit *edit, const char *node, bool is_more, struct bc_buf *value,
                             struct bc_buf *question) {
  const struct bc_settings *settings = edit->settings;
  int code = BC_CLI_OK;
  for (int i = 2; i < settings->word_count && code == BC_CLI_OK; i++) {
    code = node_check_word(edit, settings->words[i]);
    if (code == BC_CLI_OK && is_more) {
      node_add_word(edit, settings->words[i], value, question);
    } else if (code == BC_CLI_OK) {
      code = node_remove_word(edit, settings->words[i], value);
    }
  }
  if (!is_more && bc_str_is(bc_buf_str(value), "-") && !bc_str_is(node_subscription(edit, node), "-")) {
    bc_buf_add_format(question, "%snode %s then announces nothing", question->len == 0 ? "" : "; ", node);
  }
  return code;
}

static int node_edit_subscription(struct bc_edit *edit, bool is_more) {
  const struct bc_settings *settings = edit->settings;
  const char *node = settings->words[1];
  struct bc_buf value;
  struct bc_buf question;
  char key[BC_LIMIT_KEY_BYTES];
  int code = node_read(edit, node);
  if (code != BC_CLI_OK) {
    return code;
  }
  (void)snprintf(key, sizeof key, "node/%s/subscribedRoutes", node);
  const struct bc_store_edit_key *held = bc_store_edit_find(edit->store, key);
  if (held != NULL && held->value.at == NULL) {
    return bc_edit_tell(edit, BC_CLI_NO_STORE, "unreachable", "%s cannot be read: %s", key, held->why);
  }
  bc_buf_init(&value, BC_LIMIT_SUBSCRIPTION_BYTES * 2);
  bc_buf_init(&question, NODE_QUESTION_BYTES);
  node_ask_whether_known(edit, node, &question);
  if (held != NULL) {
    bc_buf_add_str(&value, held->value);
  }
  code = node_change_words(edit, node, is_more, &value, &question);
  if (code == BC_CLI_OK && (is_more || held != NULL)) {
    bc_edit_put(edit, key, bc_buf_str(&value));
  }
  if (code == BC_CLI_OK) {
    bool is_one = settings->word_count == 3 && is_more && !node_is_glob(settings->words[2]);
    code = bc_edit_commit(edit, &(struct bc_edit_plan){.node = node,
                                                       .question = question.len == 0 ? NULL : question.data,
                                                       .waits_for = is_one ? settings->words[2] : NULL});
  }
  bc_buf_free(&value);
  bc_buf_free(&question);
  return code;
}

static int node_subscribe(struct bc_edit *edit) {
  return node_edit_subscription(edit, true);
}

static int node_unsubscribe(struct bc_edit *edit) {
  return node_edit_subscription(edit, false);
}

/* ---- labels and policy ---- */

static int node_set(struct bc_edit *edit) {
  static const char *const leaves[] = {"labels", "policy"};
  const struct bc_settings *settings = edit->settings;
  const char *node = settings->words[1];
  const struct bc_edit_source sources[] = {{"labels", settings->labels}, {"policy", settings->policy}};
  struct bc_buf question;
  int code = node_read(edit, node);
  code = code == BC_CLI_OK ? bc_edit_put_files(edit, "node", node, sources, 2) : code;
  code = code == BC_CLI_OK ? bc_edit_remove_leaves(edit, "node", node, leaves, 2) : code;
  if (code != BC_CLI_OK) {
    return code;
  }
  bc_buf_init(&question, NODE_QUESTION_BYTES);
  node_ask_whether_known(edit, node, &question);
  code =
      bc_edit_commit(edit, &(struct bc_edit_plan){.node = node, .question = question.len == 0 ? NULL : question.data});
  bc_buf_free(&question);
  return code;
}

/* ---- up, down, drain ---- */

static int node_set_admin(struct bc_edit *edit, const char *state, bool is_dangerous) {
  const char *node = edit->settings->word_count > 1 ? edit->settings->words[1] : edit->settings->node;
  char key[BC_LIMIT_KEY_BYTES];
  struct bc_buf question;
  int code = node_read(edit, node);
  if (code != BC_CLI_OK) {
    return code;
  }
  bc_buf_init(&question, NODE_QUESTION_BYTES);
  node_ask_whether_known(edit, node, &question);
  if (is_dangerous) {
    long long announced = node_announced(edit, node);
    bc_buf_add_format(&question, "%snode %s withdraws all its routes", question.len == 0 ? "" : "; ", node);
    if (announced >= 0) {
      bc_buf_add_format(&question, ", of which it announces %lld now", announced);
    }
  }
  (void)snprintf(key, sizeof key, "node/%s/adminState", node);
  bc_edit_put(edit, key, bc_str_of(state));
  code =
      bc_edit_commit(edit, &(struct bc_edit_plan){.node = node, .question = question.len == 0 ? NULL : question.data});
  bc_buf_free(&question);
  return code;
}

static int node_up(struct bc_edit *edit) {
  return node_set_admin(edit, "up", false);
}

static int node_down(struct bc_edit *edit) {
  return node_set_admin(edit, "down", true);
}

static int node_drain(struct bc_edit *edit) {
  return node_set_admin(edit, "drain", true);
}

int bc_command_node(const struct bc_settings *settings) {
  static const struct bc_edit_action actions[] = {
      {"show", "[NODE]", 0, 1, node_show},
      {"subscribe", "NODE NAME...", 2, NODE_NAMES_MOST, node_subscribe},
      {"unsubscribe", "NODE NAME...", 2, NODE_NAMES_MOST, node_unsubscribe},
      {"set", "NODE [--labels FILE|JSON] [--policy FILE|JSON] [--remove labels,policy]", 1, 1, node_set},
      {"up", "[NODE]", 0, 1, node_up},
      {"down", "[NODE]", 0, 1, node_down},
      {"drain", "[NODE]", 0, 1, node_drain},
  };
  return bc_edit_run(settings, "node", actions, sizeof actions / sizeof actions[0], NULL);
}
