#include "cli/chosen.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/screen.h"

#include <stdio.h>
#include <string.h>

enum { CHECKS_TEXT_BYTES = 1024 };

static enum bc_screen_mood checks_mood(const char *state) {
  bool is_bad = strcmp(state, "down") == 0 || strcmp(state, "unchecked") == 0;
  return strcmp(state, "up") == 0 ? BC_SCREEN_GOOD : is_bad ? BC_SCREEN_BAD : BC_SCREEN_WARN;
}

static void checks_add_seconds(struct bc_screen_table *table, const json_t *check, const char *name, const char *unit,
                               double factor) {
  char text[32];
  double value = json_number_value(json_object_get(check, name)) * factor;
  (void)snprintf(text, sizeof text, "%.3g%s", value, unit);
  bc_screen_table_add(table, BC_SCREEN_PLAIN, text);
}

/* What is wrong with it comes before how its last run ended. */
static void checks_add_why(struct bc_screen_table *table, const json_t *check) {
  char text[CHECKS_TEXT_BYTES];
  const char *trouble = bc_client_text(check, "trouble");
  const char *status = bc_client_text(check, "status");
  const char *reason = bc_client_text(check, "reason");
  if (trouble[0] != '\0') {
    bc_screen_table_add(table, BC_SCREEN_BAD, trouble);
    return;
  }
  (void)snprintf(text, sizeof text, "%s%s%s%s", status[0] == '\0' ? "has not run yet" : status,
                 reason[0] == '\0' ? "" : ": ", reason,
                 bc_client_is_true(check, "probation") ? " (on probation: its failures do not count yet)" : "");
  bc_screen_table_add(table, BC_SCREEN_PLAIN, text);
}

static void checks_add(struct bc_screen_table *table, const json_t *check) {
  char users[24];
  const json_t *running = json_object_get(check, "running");
  const json_t *candidate = json_object_get(check, "candidate");
  const char *state = bc_client_text(check, "state");
  const char *language = bc_client_text(running, "language");
  (void)snprintf(users, sizeof users, "%lld", bc_client_number(check, "users"));
  bc_screen_table_add(table, BC_SCREEN_PLAIN, bc_client_text(check, "name"));
  bc_screen_table_add(table, BC_SCREEN_PLAIN, bc_client_text(check, "kind"));
  bc_screen_table_add(table, BC_SCREEN_PLAIN, language[0] == '\0' ? "-" : language);
  bc_screen_table_add(table, BC_SCREEN_PLAIN, users);
  bc_screen_table_add(table, checks_mood(state), state);
  checks_add_seconds(table, check, "interval", "s", 1);
  checks_add_seconds(table, check, "took", "ms", 1000);
  checks_add_seconds(table, check, "late", "ms", 1000);
  checks_add_why(table, check);
  bc_screen_table_note_end(table, bc_client_text(running, "output"));
  bc_screen_table_note_end(table, bc_client_text(candidate, "output"));
}

static void checks_print(const json_t *answer) {
  static const char *const headers[] = {"NAME", "KIND", "LANGUAGE", "USERS", "STATE", "EVERY", "TOOK", "LATE", "WHY"};
  struct bc_screen_table *table = bc_screen_table_new(headers, sizeof headers / sizeof headers[0]);
  size_t i;
  const json_t *check;
  json_array_foreach(json_object_get(answer, "checks"), i, check) {
    checks_add(table, check);
  }
  bc_screen_table_print(table);
  bc_screen_table_free(table);
}

static int checks_tell_chosen(const struct bc_settings *settings) {
  json_t *answer;
  int code = bc_client_ask_for_part(settings, bc_chosen_request(settings, "checks"), &answer);
  if (answer == NULL) {
    return code;
  }
  bc_chosen_filter(settings, answer, "checks");
  if (json_array_size(json_object_get(answer, "checks")) == 0) {
    (void)fputs("there is no such check\n", stderr);
    code = BC_CLI_BAD_NEWS;
  } else if (settings->is_json) {
    (void)json_dumpf(answer, stdout, BC_CLI_JSON);
    (void)fputc('\n', stdout);
  } else {
    checks_print(answer);
  }
  json_decref(answer);
  return code;
}

int bc_command_checks(const struct bc_settings *settings) {
  if (settings->word_count > 0) {
    return checks_tell_chosen(settings);
  }
  json_t *answer;
  int code = bc_client_ask(settings, bc_client_request("checks"), &answer);
  if (answer == NULL) {
    return code;
  }
  if (json_array_size(json_object_get(answer, "checks")) > 0) {
    checks_print(answer);
  } else {
    (void)fputs("no check runs here\n", stdout);
  }
  json_decref(answer);
  return code;
}
