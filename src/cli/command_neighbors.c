#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/screen.h"

#include <stdio.h>
#include <string.h>

enum { NEIGHBORS_TEXT_BYTES = 512 };

static void neighbors_join(const json_t *list, char *to, size_t size) {
  size_t used = 0;
  to[0] = '\0';
  for (size_t i = 0; i < json_array_size(list) && used < size; i++) {
    const char *text = json_string_value(json_array_get(list, i));
    int len = snprintf(to + used, size - used, "%s%s", i == 0 ? "" : ", ", text == NULL ? "" : text);
    used += len < 0 ? 0 : (size_t)len;
  }
}

static void neighbors_add(struct bc_screen_table *table, const json_t *neighbor) {
  char text[NEIGHBORS_TEXT_BYTES];
  char age[24];
  const char *state = bc_client_text(neighbor, "state");
  bool is_up = strcmp(state, "up") == 0;
  bool is_down = strcmp(state, "down") == 0;
  bc_screen_table_add(table, BC_SCREEN_PLAIN, bc_client_text(neighbor, "ipAddress"));
  (void)snprintf(text, sizeof text, "%lld", bc_client_number(neighbor, "peerAs"));
  bc_screen_table_add(table, BC_SCREEN_PLAIN, text);
  bc_screen_table_add(table, BC_SCREEN_PLAIN, bc_client_text(neighbor, "localAddress"));
  bc_screen_table_add(table, is_up ? BC_SCREEN_GOOD : (is_down ? BC_SCREEN_BAD : BC_SCREEN_WARN), state);
  bc_screen_age(bc_client_text(neighbor, "since"), age);
  bc_screen_table_add(table, BC_SCREEN_PLAIN, age);
  (void)snprintf(text, sizeof text, "%lld", bc_client_number(neighbor, "routes"));
  bc_screen_table_add(table, BC_SCREEN_PLAIN, text);
  bc_screen_table_add(table, BC_SCREEN_PLAIN, bc_client_is_true(neighbor, "reportsUpdates") ? "yes" : "no");
  neighbors_join(json_object_get(neighbor, "families"), text, sizeof text);
  bc_screen_table_add(table, BC_SCREEN_PLAIN, text);
  bc_screen_table_add(table, BC_SCREEN_PLAIN, bc_client_text(neighbor, "reason"));
}

int bc_command_neighbors(const struct bc_settings *settings) {
  static const char *const headers[] = {"NEIGHBOR", "AS",   "LOCAL",    "STATE", "SINCE",
                                        "ROUTES",   "WIRE", "FAMILIES", "REASON"};
  json_t *answer;
  int code = bc_client_ask(settings, bc_client_request("neighbors"), &answer);
  if (answer == NULL) {
    return code;
  }
  const json_t *list = json_object_get(answer, "neighbors");
  struct bc_screen_table *table = bc_screen_table_new(headers, sizeof headers / sizeof headers[0]);
  for (size_t i = 0; i < json_array_size(list); i++) {
    neighbors_add(table, json_array_get(list, i));
  }
  if (json_array_size(list) > 0) {
    bc_screen_table_print(table);
  } else {
    (void)fputs("ExaBGP has told of no neighbors yet\n", stdout);
  }
  bc_screen_table_free(table);
  json_decref(answer);
  return code;
}
