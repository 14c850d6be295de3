#include "base/str.h"
#include "cli/chosen.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/screen.h"

#include <stdio.h>
#include <string.h>

enum { ROUTES_TEXT_BYTES = 2048, ROUTES_PREFIX_BYTES = 48 };

static bool routes_is_one_of(const char *text, const char *const *list) {
  for (; *list != NULL; list++) {
    if (strcmp(text, *list) == 0) {
      return true;
    }
  }
  return false;
}

/* What the reason of a decision does not tell: that it does not stand as decided. */
static const char *routes_explain_state(const char *state) {
  return strcmp(state, "standby") == 0       ? "no session is up that carries it; "
         : strcmp(state, "unconfirmed") == 0 ? "not every neighbor was seen to be sent it; "
                                             : "";
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
  const char *state = bc_client_text(route, "state");
  /* What is wrong with a route, such as a changed policy that is held, is mostly not why it is withdrawn. */
  bool has_both = error[0] != '\0' && strcmp(state, "withdrawn") == 0 && reason[0] != '\0';
  if (error[0] != '\0' && !has_both) {
    bc_screen_table_add(table, BC_SCREEN_BAD, error);
    return;
  }
  (void)snprintf(text, sizeof text, "%s%s%s%s%s%s%s", routes_explain_state(state), layer,
                 layer[0] == '\0' || reason[0] == '\0' ? "" : ": ", reason, is_told ? "" : " (not subscribed)",
                 has_both ? "; " : "", has_both ? error : "");
  bc_screen_table_add(table, has_both ? BC_SCREEN_BAD : BC_SCREEN_PLAIN, text);
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

/* The policy that it is under, and how it stands with it. */
static void routes_add_policy(struct bc_screen_table *table, const json_t *route) {
  char text[ROUTES_TEXT_BYTES];
  const json_t *policy = json_object_get(route, "policy");
  const char *verdict = bc_client_text(policy, "verdict");
  const char *decides = bc_client_text(policy, "decides");
  const char *id = bc_client_text(policy, "id");
  if (!json_is_object(policy)) {
    return;
  }
  (void)snprintf(text, sizeof text, "policy %s: %s%s%s%s%.8s%s%s%s%s", bc_client_text(policy, "key"),
                 bc_client_text(policy, "state"), verdict[0] == '\0' ? "" : ", last verdict ", verdict,
                 decides[0] == '\0' ? "" : ", text ", bc_client_text(policy, "hash"), id[0] == '\0' ? "" : ", held ",
                 id, json_is_number(json_object_get(policy, "againIn")) ? ", asked again " : "",
                 json_is_number(json_object_get(policy, "againIn")) ? "by time" : "");
  bc_screen_table_note(table, text);
  if (bc_client_text(policy, "error")[0] != '\0') {
    bc_screen_table_note(table, bc_client_text(policy, "error"));
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
  bc_screen_table_note_end(table, bc_client_text(route, "output"));
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
      routes_add_policy(table, route);
    }
  }
  bc_screen_table_print(table);
  bc_screen_table_free(table);
}

static int routes_print_chosen(const struct bc_settings *settings) {
  json_t *answer;
  int code = bc_client_ask_for_part(settings, bc_chosen_request(settings, "routes"), &answer);
  if (answer == NULL) {
    return code;
  }
  bc_chosen_filter(settings, answer, "routes");
  /* Nothing of what stands beside them. */
  (void)json_object_del(answer, "foreign");
  (void)json_object_del(answer, "foreignTotal");
  if (json_array_size(json_object_get(answer, "routes")) == 0) {
    (void)fputs("there is no such route\n", stderr);
    code = BC_CLI_BAD_NEWS;
  } else if (settings->is_json) {
    (void)json_dumpf(answer, stdout, BC_CLI_JSON);
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
