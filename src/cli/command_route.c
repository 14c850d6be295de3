/* `bgpcommander route …`: the routes of the store. */
#include "base/limits.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/edit.h"
#include "cli/edit_words.h"
#include "cli/screen.h"
#include "model/subscribe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTE_DELETED_MOST = 20, ROUTE_NODES_SHOWN = 8, ROUTE_QUESTION_BYTES = 800 };

static const char *const route_leaves[] = {"config", "prefix", "healthcheck", "options", "policy"};
enum { ROUTE_LEAVES = sizeof route_leaves / sizeof route_leaves[0] };

/* ---- nodes ---- */

/* Names of the nodes that subscribe to the route. */
static json_t *route_nodes(const struct bc_edit *edit, const char *name) {
  json_t *nodes = json_array();
  size_t cursor = 0;
  struct bc_str node = {0};
  while (bc_edit_next_name(edit, "node/", &cursor, &node)) {
    char *text = bc_mem_copy_text(node.at, node.len);
    struct bc_str subscribed = bc_edit_leaf(edit, "node", text, "subscribedRoutes");
    if (bc_subscribe_match(subscribed, bc_str_of(name)).at != NULL) {
      (void)json_array_append_new(nodes, json_string(text));
    }
    free(text);
  }
  return nodes;
}

/* How many nodes say that they announce it. */
static size_t route_count_announced(const struct bc_edit *edit, const char *name, struct bc_buf *names) {
  size_t cursor = 0;
  size_t count = 0;
  struct bc_str node = {0};
  while (bc_edit_next_name(edit, "node/", &cursor, &node)) {
    char key[BC_LIMIT_KEY_BYTES];
    (void)snprintf(key, sizeof key, "node/" BC_STR_FMT "/routes/%s/state", BC_STR_ARG(node), name);
    if (bc_str_is(bc_edit_value(edit, key), "announce")) {
      if (count < ROUTE_NODES_SHOWN) {
        bc_buf_add_format(names, "%s" BC_STR_FMT, count == 0 ? "" : ", ", BC_STR_ARG(node));
      }
      count++;
    }
  }
  return count;
}

/* ---- get ---- */

static json_t *route_json(const struct bc_edit *edit, const char *name) {
  json_t *keys = bc_edit_keys_json(edit, "routes", name, route_leaves, ROUTE_LEAVES);
  return json_pack("{s:s, s:o, s:o}", "name", name, "keys", keys, "nodes", route_nodes(edit, name));
}

static void route_print_nodes(const json_t *nodes) {
  size_t i;
  const json_t *node;
  (void)printf("nodes");
  json_array_foreach(nodes, i, node) {
    (void)printf(" %s", json_string_value(node));
  }
  (void)printf("%s\n", json_array_size(nodes) == 0 ? " none: nobody subscribes to it" : "");
}

static int route_get(struct bc_edit *edit) {
  const struct bc_settings *settings = edit->settings;
  const char *name = settings->words[1];
  int code = bc_edit_read_all(edit, NULL, false);
  if (code == BC_CLI_OK && settings->word_count > 2) {
    return bc_edit_print_leaf(edit, "routes", name, settings->words[2], route_leaves, ROUTE_LEAVES);
  }
  if (code != BC_CLI_OK) {
    return code;
  }
  if (!bc_edit_is_there(edit, "routes", name)) {
    return bc_edit_tell(edit, BC_CLI_BAD_NEWS, "not found", "there is no route %s in the store", name);
  }
  json_t *route = route_json(edit, name);
  if (!settings->is_json) {
    bc_edit_print_keys(edit, "routes", name, route_leaves, ROUTE_LEAVES);
    route_print_nodes(json_object_get(route, "nodes"));
  }
  bc_edit_answer(edit, "route", route);
  return BC_CLI_OK;
}

/* ---- list ---- */

static void route_list_row(struct bc_screen_table *table, const struct bc_edit *edit, const char *name,
                           const json_t *route) {
  char keys[ROUTE_LEAVES * 16] = "";
  char count[16];
  const json_t *held = json_object_get(route, "keys");
  struct bc_str prefix = bc_edit_leaf(edit, "routes", name, "prefix");
  struct bc_str config = bc_edit_leaf(edit, "routes", name, "config");
  for (size_t i = 2; i < ROUTE_LEAVES; i++) {
    if (json_object_get(held, route_leaves[i]) != NULL) {
      size_t used = strlen(keys);
      (void)snprintf(keys + used, sizeof keys - used, "%s%s", used == 0 ? "" : " ", route_leaves[i]);
    }
  }
  char *text = bc_mem_new(prefix.len + config.len + 2, 1);
  (void)snprintf(text, prefix.len + config.len + 2, BC_STR_FMT "%s" BC_STR_FMT, BC_STR_ARG(prefix),
                 prefix.len == 0 ? "" : " ", BC_STR_ARG(config));
  (void)snprintf(count, sizeof count, "%zu", json_array_size(json_object_get(route, "nodes")));
  bc_screen_table_add(table, BC_SCREEN_PLAIN, name);
  bc_screen_table_add(table, BC_SCREEN_PLAIN, count);
  bc_screen_table_add(table, BC_SCREEN_PLAIN, keys[0] == '\0' ? "-" : keys);
  bc_screen_table_add(table, config.len == 0 ? BC_SCREEN_WARN : BC_SCREEN_PLAIN, text);
  free(text);
}

static int route_list(struct bc_edit *edit) {
  static const char *const headers[] = {"NAME", "NODES", "KEYS", "ROUTE"};
  int code = bc_edit_read_all(edit, NULL, false);
  if (code != BC_CLI_OK) {
    return code;
  }
  struct bc_screen_table *table = bc_screen_table_new(headers, sizeof headers / sizeof headers[0]);
  json_t *routes = json_array();
  size_t cursor = 0;
  struct bc_str at = {0};
  while (bc_edit_next_name(edit, "routes/", &cursor, &at)) {
    char *name = bc_mem_copy_text(at.at, at.len);
    if (bc_edit_is_chosen(edit, at)) {
      json_t *route = route_json(edit, name);
      route_list_row(table, edit, name, route);
      (void)json_array_append_new(routes, route);
    }
    free(name);
  }
  if (!edit->settings->is_json) {
    bc_screen_table_print(table);
  }
  bc_screen_table_free(table);
  bc_edit_answer(edit, "routes", routes);
  return BC_CLI_OK;
}

/* ---- set ---- */

/* The words behind the name, or standard input. */
static bool route_take_config(const struct bc_settings *settings, struct bc_buf *text) {
  if (settings->word_count == 3 && strcmp(settings->words[2], "-") == 0) {
    return bc_edit_take_text("-", text);
  }
  for (int i = 2; i < settings->word_count; i++) {
    bc_buf_add_format(text, "%s%s", i == 2 ? "" : " ", settings->words[i]);
  }
  return true;
}

static int route_change(struct bc_edit *edit, const char *name) {
  const struct bc_settings *settings = edit->settings;
  struct bc_buf config;
  bc_buf_init(&config, BC_LIMIT_CONFIG_BYTES * 2);
  bool is_read = route_take_config(settings, &config);
  /* What the route rests on first: where there are no transactions it is read key by key. */
  int code = !is_read ? BC_CLI_USAGE
                      : bc_edit_put_files(edit, "routes", name,
                                          (const struct bc_edit_source[]){{"healthcheck", settings->healthcheck},
                                                                          {"options", settings->check_options},
                                                                          {"policy", settings->policy}},
                                          3);
  if (code == BC_CLI_OK) {
    code = bc_edit_remove_leaves(edit, "routes", name, route_leaves + 1, ROUTE_LEAVES - 1);
  }
  char key[BC_LIMIT_KEY_BYTES];
  if (code == BC_CLI_OK && settings->route_prefix != NULL) {
    (void)snprintf(key, sizeof key, "routes/%s/prefix", name);
    bc_edit_put(edit, key, bc_str_of(settings->route_prefix));
  }
  (void)snprintf(key, sizeof key, "routes/%s/config", name);
  if (code == BC_CLI_OK && settings->word_count > 2) {
    bc_edit_put(edit, key, bc_buf_str(&config));
  } else if (code == BC_CLI_OK && bc_edit_value(edit, key).at == NULL) {
    code =
        bc_edit_tell(edit, BC_CLI_BAD_NEWS, "refused",
                     "refused: %s: expected a route behind the name: route 192.0.2.1/32 next-hop self; there is none "
                     "yet in the store",
                     key);
  }
  bc_buf_free(&config);
  return code;
}

static int route_set(struct bc_edit *edit) {
  const char *name = edit->settings->words[1];
  const char *const names[] = {name, NULL};
  int code = bc_edit_check_name(edit, "route", name);
  code = code == BC_CLI_OK ? bc_edit_read_all(edit, NULL, false) : code;
  code = code == BC_CLI_OK ? route_change(edit, name) : code;
  if (code != BC_CLI_OK) {
    return code;
  }
  json_t *nodes = route_nodes(edit, name);
  if (json_array_size(nodes) == 0) {
    bc_edit_warn(edit, "no node subscribes to %s: bgpcommander node subscribe NODE %s", name, name);
  }
  (void)json_object_set_new(edit->answer, "nodes", nodes);
  return bc_edit_commit(edit, &(struct bc_edit_plan){.routes = names, .waits_for = name});
}

/* ---- delete ---- */

static void route_ask_about(const struct bc_edit *edit, const char *name, struct bc_buf *question) {
  struct bc_buf names;
  bc_buf_init(&names, ROUTE_QUESTION_BYTES);
  size_t count = route_count_announced(edit, name, &names);
  if (count > 0) {
    bc_buf_add_format(question, "%s%s is announced by %zu node%s (%s%s)", question->len == 0 ? "" : "; ", name, count,
                      count == 1 ? "" : "s", names.data == NULL ? "" : names.data,
                      count > ROUTE_NODES_SHOWN ? ", ..." : "");
  }
  bc_buf_free(&names);
}

static int route_delete_one(struct bc_edit *edit, const char *name) {
  char folder[BC_LIMIT_KEY_BYTES];
  const struct bc_store_edit_key *key;
  size_t len = (size_t)snprintf(folder, sizeof folder, "routes/%s/", name);
  if (!bc_edit_is_there(edit, "routes", name)) {
    return bc_edit_tell(edit, BC_CLI_BAD_NEWS, "not found", "there is no route %s in the store", name);
  }
  /* Without its config it is withdrawn at once, and nothing else of it matters any more. */
  (void)snprintf(folder, sizeof folder, "routes/%s/config", name);
  bc_edit_delete(edit, folder);
  for (size_t i = 0; (key = bc_store_edit_at(edit->store, i)) != NULL; i++) {
    if (strncmp(key->key, folder, len) == 0 && strcmp(key->key, folder) != 0) {
      bc_edit_delete(edit, key->key);
    }
  }
  return BC_CLI_OK;
}

/* An emptied store is one of the losses that daemons do not follow. */
static void route_ask_about_last(const struct bc_edit *edit, struct bc_buf *question) {
  const struct bc_store_edit_key *key;
  size_t left = 0;
  for (size_t i = 0; (key = bc_store_edit_at(edit->store, i)) != NULL; i++) {
    left += strncmp(key->key, "routes/", 7) == 0 ? 1 : 0;
  }
  if (edit->count > 0 && left == edit->count) {
    bc_buf_add_format(question,
                      "%sthe store then has no route any more: daemons that hold routes take that for a loss, and keep "
                      "them until `bgpcommander approve`",
                      question->len == 0 ? "" : "; ");
  }
}

static int route_delete(struct bc_edit *edit) {
  const struct bc_settings *settings = edit->settings;
  const char *names[ROUTE_DELETED_MOST + 1] = {NULL};
  struct bc_buf question;
  int count = settings->word_count - 1;
  if (count > ROUTE_DELETED_MOST) {
    return bc_edit_tell(edit, BC_CLI_USAGE, "usage", "route delete: expected at most %d names",
                        (int)ROUTE_DELETED_MOST);
  }
  bc_buf_init(&question, ROUTE_QUESTION_BYTES);
  memcpy(names, settings->words + 1, (size_t)count * sizeof *names);
  int code = bc_edit_read_all(edit, names, false);
  for (int i = 0; i < count && code == BC_CLI_OK; i++) {
    code = route_delete_one(edit, names[i]);
    route_ask_about(edit, names[i], &question);
  }
  route_ask_about_last(edit, &question);
  if (code == BC_CLI_OK) {
    code = bc_edit_commit(edit, &(struct bc_edit_plan){.routes = names,
                                                       .question = question.len == 0 ? NULL : question.data,
                                                       .waits_for = count == 1 ? names[0] : NULL,
                                                       .is_delete = true});
  }
  bc_buf_free(&question);
  return code;
}

int bc_command_route(const struct bc_settings *settings) {
  static const struct bc_edit_action actions[] = {
      {"set", "NAME [ROUTE...|-] [--healthcheck FILE] [--options FILE|JSON] [--policy FILE] [--remove KEY,...]", 1, 999,
       route_set},
      {"get", "NAME [config|prefix|healthcheck|options|policy]", 1, 2, route_get},
      {"list", "[NAME...]", 0, 999, route_list},
      {"delete", "NAME...", 1, 999, route_delete},
  };
  return bc_edit_run(settings, "route", actions, sizeof actions / sizeof actions[0], NULL);
}
