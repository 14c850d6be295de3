#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/screen.h"

#include <stdio.h>
#include <string.h>

enum { ROUTES_OUTPUT_LINES = 3, ROUTES_TEXT_BYTES = 1024, ROUTES_PREFIX_BYTES = 48 };

static bool routes_is_asked_for(const struct bc_settings *settings, const char *name) {
  for (int i = 0; i < settings->word_count; i++) {
    if (bc_str_glob(bc_str_of(settings->words[i]), bc_str_of(name))) {
      return true;
    }
  }
  return false;
}

/* Leaves only the routes that were asked for, and nothing of what stands beside them. */
static void routes_choose(const struct bc_settings *settings, json_t *answer) {
  json_t *chosen = json_array();
  size_t i;
  json_t *route;
  json_array_foreach(json_object_get(answer, "routes"), i, route) {
    if (routes_is_asked_for(settings, bc_client_text(route, "name"))) {
      (void)json_array_append(chosen, route);
    }
  }
  (void)json_object_set_new(answer, "routes", chosen);
  (void)json_object_del(answer, "foreign");
  (void)json_object_del(answer, "foreignTotal");
}

static bool routes_is_one_of(const char *text, const char *const *list) {
  for (; *list != NULL; list++) {
    if (strcmp(text, *list) == 0) {
      return true;
    }
  }
  return false;
}

static enum bc_screen_mood routes_state_mood(const json_t *route) {
  static const char *const good[] = {"announced", "standby", NULL};
  static const char *const bad[] = {"unconfirmed", "refused", NULL};
  const char *state = bc_client_text(route, "state");
  if (routes_is_one_of(state, good)) {
    return BC_SCREEN_GOOD;
  }
  return routes_is_one_of(state, bad) ? BC_SCREEN_BAD : BC_SCREEN_WARN;
}

static enum bc_screen_mood routes_health_mood(const char *health) {
  static const char *const bad[] = {"down", "unchecked", NULL};
  if (strcmp(health, "up") == 0) {
    return BC_SCREEN_GOOD;
  }
  return routes_is_one_of(health, bad) ? BC_SCREEN_BAD : BC_SCREEN_PLAIN;
}

static void routes_add_wire(struct bc_screen_table *table, const json_t *route) {
  char text[48] = "-";
  size_t on = json_array_size(json_object_get(route, "onWire"));
  size_t missing = json_array_size(json_object_get(route, "missing"));
  if (on + missing > 0) {
    (void)snprintf(text, sizeof text, "%zu/%zu", on, on + missing);
  }
  bc_screen_table_add(table, missing > 0 ? BC_SCREEN_BAD : BC_SCREEN_PLAIN, text);
}

static void routes_add_why(struct bc_screen_table *table, const json_t *route) {
  char text[ROUTES_TEXT_BYTES];
  const char *error = bc_client_text(route, "error");
  const char *layer = bc_client_text(route, "layer");
  const char *reason = bc_client_text(route, "reason");
  bool is_told = bc_client_is_true(route, "subscribed") || strcmp(layer, "subscription") == 0;
  if (error[0] != '\0') {
    bc_screen_table_add(table, BC_SCREEN_BAD, error);
    return;
  }
  (void)snprintf(text, sizeof text, "%s%s%s%s", layer, layer[0] == '\0' || reason[0] == '\0' ? "" : ": ", reason,
                 is_told ? "" : " (not subscribed)");
  bc_screen_table_add(table, BC_SCREEN_PLAIN, text);
}

/* The last lines of what a failing check said. */
static void routes_add_output(struct bc_screen_table *table, const json_t *route) {
  struct bc_str rest = bc_str_trim(bc_str_of(bc_client_text(route, "output")));
  size_t lines = 1;
  for (size_t i = 0; i < rest.len; i++) {
    lines += rest.at[i] == '\n' ? 1 : 0;
  }
  struct bc_str line;
  for (size_t i = 0; rest.len > 0 && bc_str_next_field(&rest, '\n', &line); i++) {
    if (i + ROUTES_OUTPUT_LINES >= lines) {
      char text[ROUTES_TEXT_BYTES];
      (void)snprintf(text, sizeof text, "| %.*s", (int)(line.len < 900 ? line.len : 900), line.at);
      bc_screen_table_note(table, text);
    }
  }
}

/* "10.9.9.1/32 +3": the first of four. A flow is told as far as there is room. */
static void routes_add_prefix(struct bc_screen_table *table, const json_t *route) {
  char text[ROUTES_PREFIX_BYTES + 32];
  const char *prefix = bc_client_text(route, "prefix");
  long long count = bc_client_number(json_object_get(route, "nlri"), "count");
  bool is_cut = strlen(prefix) > ROUTES_PREFIX_BYTES;
  int used = snprintf(text, sizeof text, "%.*s%s", is_cut ? ROUTES_PREFIX_BYTES - 3 : ROUTES_PREFIX_BYTES,
                      prefix[0] == '\0' ? "-" : prefix, is_cut ? "..." : "");
  if (count > 1 && used > 0) {
    (void)snprintf(text + used, sizeof text - (size_t)used, " +%lld", count - 1);
  }
  bc_screen_table_add(table, BC_SCREEN_PLAIN, text);
}

/* For who asks for this route. */
static void routes_add_count(struct bc_screen_table *table, const json_t *route) {
  const json_t *nlri = json_object_get(route, "nlri");
  long long count = bc_client_number(nlri, "count");
  if (count > 1) {
    char text[80];
    (void)snprintf(text, sizeof text, "nlri %lld, %lld announced", count, bc_client_number(nlri, "announced"));
    bc_screen_table_note(table, text);
  }
}

static void routes_add(struct bc_screen_table *table, const json_t *route) {
  char age[24];
  const char *health = bc_client_text(route, "health");
  bc_screen_age(bc_client_text(route, "since"), age);
  bc_screen_table_add(table, BC_SCREEN_PLAIN, bc_client_text(route, "name"));
  routes_add_prefix(table, route);
  bc_screen_table_add(table, routes_state_mood(route), bc_client_text(route, "state"));
  bc_screen_table_add(table, routes_health_mood(health), strcmp(health, "none") == 0 ? "no check" : health);
  bc_screen_table_add(table, BC_SCREEN_PLAIN, age);
  routes_add_wire(table, route);
  routes_add_why(table, route);
  routes_add_output(table, route);
}

static void routes_print_foreign(const json_t *answer) {
  const json_t *list = json_object_get(answer, "foreign");
  size_t shown = json_array_size(list);
  size_t total = (size_t)bc_client_number(answer, "foreignTotal");
  if (shown == 0) {
    return;
  }
  (void)printf("\n%zu in ExaBGP that are not ours and are never touched:\n", total < shown ? shown : total);
  for (size_t i = 0; i < shown; i++) {
    char text[ROUTES_TEXT_BYTES];
    char neighbor[64];
    const json_t *route = json_array_get(list, i);
    bc_screen_clean(bc_client_text(route, "neighbor"), neighbor, sizeof neighbor);
    bc_screen_clean(bc_client_text(route, "text"), text, sizeof text);
    (void)printf("  %s  %s\n", neighbor, text);
  }
  if (total > shown) {
    (void)printf("  and %zu more\n", total - shown);
  }
}

static void routes_print(const json_t *answer, bool is_chosen) {
  static const char *const headers[] = {"NAME", "PREFIX", "STATE", "HEALTH", "SINCE", "WIRE", "WHY"};
  struct bc_screen_table *table = bc_screen_table_new(headers, sizeof headers / sizeof headers[0]);
  size_t i;
  const json_t *route;
  json_array_foreach(json_object_get(answer, "routes"), i, route) {
    routes_add(table, route);
    if (is_chosen) {
      routes_add_count(table, route);
    }
  }
  bc_screen_table_print(table);
  bc_screen_table_free(table);
}

/* The daemon looks for these alone; one that ignores `name`, or takes not so many, tells all. */
static json_t *routes_request(const struct bc_settings *settings) {
  enum { ROUTES_NAMES = 64 };
  json_t *request = bc_client_request("routes");
  json_t *names = json_array();
  for (int i = 0; i < settings->word_count; i++) {
    (void)json_array_append_new(names, json_string(settings->words[i]));
  }
  if (json_array_size(names) == (size_t)settings->word_count && settings->word_count <= ROUTES_NAMES) {
    (void)json_object_set(request, "name", names);
  }
  json_decref(names);
  return request;
}

static int routes_print_chosen(const struct bc_settings *settings) {
  json_t *answer;
  int code = bc_client_ask_for_part(settings, routes_request(settings), &answer);
  if (answer == NULL) {
    return code;
  }
  routes_choose(settings, answer);
  if (json_array_size(json_object_get(answer, "routes")) == 0) {
    (void)fputs("there is no such route\n", stderr);
    code = BC_CLI_BAD_NEWS;
  } else if (settings->is_json) {
    (void)json_dumpf(answer, stdout, JSON_COMPACT);
    (void)fputc('\n', stdout);
  } else {
    routes_print(answer, true);
  }
  json_decref(answer);
  return code;
}

int bc_command_routes(const struct bc_settings *settings) {
  if (settings->word_count > 0) {
    return routes_print_chosen(settings);
  }
  json_t *answer;
  int code = bc_client_ask(settings, bc_client_request("routes"), &answer);
  if (answer == NULL) {
    return code;
  }
  if (json_array_size(json_object_get(answer, "routes")) > 0) {
    routes_print(answer, false);
  } else {
    (void)fputs("there are no routes\n", stdout);
  }
  routes_print_foreign(answer);
  json_decref(answer);
  return code;
}
