/* All nodes of the store at a glance, from the status keys that their daemons write. */
#include "base/limits.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/edit.h"
#include "cli/screen.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { NODES_TEXT_BYTES = 512 };

/* Its status; NULL: there is none (its lease has ended), or it is no JSON. The caller's. */
static json_t *nodes_status(const struct bc_edit *edit, const char *node) {
  struct bc_str value = bc_edit_leaf(edit, "node", node, "status");
  return value.at == NULL ? NULL : json_loadb(value.at, value.len, JSON_REJECT_DUPLICATES, NULL);
}

static json_t *nodes_one(const struct bc_edit *edit, const char *node) {
  struct bc_str admin = bc_edit_leaf(edit, "node", node, "adminState");
  json_t *status = nodes_status(edit, node);
  return json_pack("{s:s, s:b, s:o, s:o}", "name", node, "alive", status != NULL, "adminState",
                   admin.at == NULL ? json_string("up") : json_stringn(admin.at, admin.len), "status",
                   status == NULL ? json_null() : status);
}

static json_t *nodes_read(const struct bc_edit *edit) {
  json_t *nodes = json_array();
  size_t cursor = 0;
  struct bc_str name = {0};
  while (bc_edit_next_name(edit, "node/", &cursor, &name)) {
    char node[BC_LIMIT_NAME_BYTES + 1];
    (void)snprintf(node, sizeof node, "%.*s", (int)name.len, name.at);
    json_array_append_new(nodes, nodes_one(edit, node));
  }
  return nodes;
}

/* ---- for people ---- */

static void nodes_add_counts(struct bc_screen_table *table, const json_t *summary) {
  static const struct {
    const char *member;
    bool is_bad;
  } counts[] = {{"subscribed", false}, {"announced", false}, {"withdrawn", false}, {"notOnWire", true}};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    char text[24];
    const json_t *count = json_object_get(summary, counts[i].member);
    /* Those of the API are no less its routes: the other counts have them too. */
    long long more = i == 0 ? bc_client_number(summary, "api") : 0;
    (void)snprintf(text, sizeof text, "%lld", (long long)json_integer_value(count) + more);
    bool is_bad = counts[i].is_bad && json_integer_value(count) > 0;
    bc_screen_table_add(table, is_bad ? BC_SCREEN_BAD : BC_SCREEN_PLAIN, json_is_integer(count) ? text : "-");
  }
}

static void nodes_add(struct bc_screen_table *table, const json_t *node) {
  char store[NODES_TEXT_BYTES] = "-";
  const json_t *status = json_object_get(node, "status");
  const json_t *of_store = json_object_get(status, "store");
  bool is_alive = bc_client_is_true(node, "alive");
  const char *admin = bc_client_text(node, "adminState");
  (void)snprintf(store, sizeof store, "%s", is_alive ? bc_client_text(of_store, "state") : "-");
  bc_screen_table_add(table, BC_SCREEN_PLAIN, bc_client_text(node, "name"));
  bc_screen_table_add(table, is_alive ? BC_SCREEN_GOOD : BC_SCREEN_BAD, is_alive ? "alive" : "silent");
  bool is_connected = strcmp(store, "connected") == 0;
  bc_screen_table_add(table, is_connected || !is_alive ? BC_SCREEN_PLAIN : BC_SCREEN_BAD, store);
  bc_screen_table_add(table, strcmp(admin, "up") == 0 ? BC_SCREEN_PLAIN : BC_SCREEN_WARN, admin);
  nodes_add_counts(table, json_object_get(status, "summary"));
  bc_screen_table_add(table, BC_SCREEN_PLAIN, bc_client_text(status, "version"));
  size_t warnings = json_array_size(json_object_get(status, "warnings"));
  char text[48] = "";
  if (warnings > 0) {
    (void)snprintf(text, sizeof text, "%zu", warnings);
  }
  bc_screen_table_add(table, warnings > 0 ? BC_SCREEN_WARN : BC_SCREEN_PLAIN, text);
}

static void nodes_print_table(const json_t *nodes) {
  static const char *const headers[] = {"NODE",      "DAEMON",    "STORE",       "ADMIN",   "ROUTES",
                                        "ANNOUNCED", "WITHDRAWN", "NOT ON WIRE", "VERSION", "WARNINGS"};
  struct bc_screen_table *table = bc_screen_table_new(headers, sizeof headers / sizeof headers[0]);
  size_t i;
  const json_t *node;
  json_array_foreach(nodes, i, node) {
    nodes_add(table, node);
  }
  bc_screen_table_print(table);
  bc_screen_table_free(table);
}

/* What the status key of one node tells beside the counts: its warnings, and the routes that have something to tell. */
static void nodes_print_detail(const json_t *node) {
  static const char *const headers[] = {"ROUTE", "STATE", "HEALTH", "SINCE", "WHY"};
  const json_t *status = json_object_get(node, "status");
  const json_t *routes = json_object_get(status, "routes");
  struct bc_screen_table *table = bc_screen_table_new(headers, sizeof headers / sizeof headers[0]);
  const char *name;
  json_t *route;
  size_t i;
  const json_t *warning;
  json_object_foreach((json_t *)(uintptr_t)routes, name, route) {
    char age[24];
    const char *error = bc_client_text(route, "error");
    bc_screen_age(bc_client_text(route, "since"), age);
    bc_screen_table_add(table, BC_SCREEN_PLAIN, name);
    bc_screen_table_add(table, BC_SCREEN_PLAIN, bc_client_text(route, "state"));
    bc_screen_table_add(table, BC_SCREEN_PLAIN, bc_client_text(route, "health"));
    bc_screen_table_add(table, BC_SCREEN_PLAIN, age);
    bc_screen_table_add(table, BC_SCREEN_PLAIN, error[0] == '\0' ? bc_client_text(route, "reason") : error);
  }
  if (json_object_size(routes) > 0) {
    (void)fputc('\n', stdout);
    bc_screen_table_print(table);
  }
  bc_screen_table_free(table);
  if (bc_client_number(status, "omitted") > 0) {
    (void)printf("and %lld routes more\n", bc_client_number(status, "omitted"));
  }
  json_array_foreach(json_object_get(status, "warnings"), i, warning) {
    char clean[NODES_TEXT_BYTES];
    bc_screen_clean(json_is_string(warning) ? json_string_value(warning) : "", clean, sizeof clean);
    (void)printf("%s%s\n", i == 0 ? "\n" : "", clean);
  }
}

/* Only those that were asked for; false when one of the words names no node. */
static bool nodes_choose(const struct bc_settings *settings, json_t *nodes) {
  bool is_found = settings->word_count == 0;
  for (size_t i = json_array_size(nodes); i-- > 0 && settings->word_count > 0;) {
    const char *name = bc_client_text(json_array_get(nodes, i), "name");
    bool is_wanted = false;
    for (int word = 0; word < settings->word_count; word++) {
      is_wanted = is_wanted || bc_str_glob(bc_str_of(settings->words[word]), bc_str_of(name));
    }
    is_found = is_found || is_wanted;
    if (!is_wanted) {
      (void)json_array_remove(nodes, i);
    }
  }
  return is_found;
}

/* All is well where each node lives and has nothing that is wanted and not on the wire. */
static bool nodes_are_well(const json_t *nodes) {
  size_t i;
  const json_t *node;
  json_array_foreach(nodes, i, node) {
    const json_t *summary = json_object_get(json_object_get(node, "status"), "summary");
    if (!bc_client_is_true(node, "alive") || bc_client_number(summary, "notOnWire") > 0) {
      return false;
    }
  }
  return true;
}

static int nodes_show(const struct bc_settings *settings, const struct bc_edit *edit) {
  json_t *nodes = nodes_read(edit);
  int code = nodes_choose(settings, nodes) ? BC_CLI_OK : BC_CLI_BAD_NEWS;
  if (code != BC_CLI_OK) {
    (void)fputs("there is no such node in the store\n", stderr);
  } else if (settings->is_json) {
    json_t *made = json_pack("{s:O}", "nodes", nodes);
    (void)json_dumpf(made, stdout, BC_CLI_JSON);
    (void)fputc('\n', stdout);
    json_decref(made);
  } else {
    nodes_print_table(nodes);
    if (settings->word_count > 0 && json_array_size(nodes) == 1) {
      nodes_print_detail(json_array_get(nodes, 0));
    }
  }
  code = code == BC_CLI_OK && !nodes_are_well(nodes) ? BC_CLI_BAD_NEWS : code;
  json_decref(nodes);
  return code;
}

int bc_command_nodes(const struct bc_settings *settings) {
  static const char *const folders[] = {"node/", NULL};
  struct bc_edit edit;
  struct bc_settings quiet = *settings;
  quiet.is_json = false;
  int code = bc_edit_begin(&edit, &quiet);
  if (code == BC_CLI_OK) {
    code = bc_edit_read(&edit, &(struct bc_store_edit_scope){.folders = folders, .has_status = true});
  }
  if (code == BC_CLI_OK) {
    code = nodes_show(settings, &edit);
  }
  return bc_edit_end(&edit, code);
}
