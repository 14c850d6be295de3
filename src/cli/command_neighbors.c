#include "base/buf.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/screen.h"

#include <stdio.h>
#include <string.h>

enum { NEIGHBORS_TEXT_BYTES = 512 };

static void neighbors_join(struct bc_buf *to, const char *family, const json_t *count) {
  bc_buf_add_format(to, "%s%s", to->len == 0 ? "" : ", ", family);
  if (json_is_integer(count)) {
    bc_buf_add_format(to, " %" JSON_INTEGER_FORMAT, json_integer_value(count));
  }
}

/* "ipv4 unicast 3, ipv4 flow": those that it has routes of with their number, and some that are not configured may be
 * among them. */
static void neighbors_add_families(struct bc_screen_table *table, const json_t *neighbor) {
  const json_t *counts = json_object_get(neighbor, "routesByFamily");
  const json_t *list = json_object_get(neighbor, "families");
  json_t *left = json_is_object(counts) ? json_copy((json_t *)(uintptr_t)counts) : json_object();
  struct bc_buf text;
  bc_buf_init(&text, NEIGHBORS_TEXT_BYTES);
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *family = json_string_value(json_array_get(list, i));
    if (family != NULL) {
      neighbors_join(&text, family, json_object_get(left, family));
      (void)json_object_del(left, family);
    }
  }
  const char *family;
  json_t *count;
  json_object_foreach(left, family, count) {
    neighbors_join(&text, family, count);
  }
  bc_screen_table_add(table, BC_SCREEN_PLAIN, text.data);
  bc_buf_free(&text);
  json_decref(left);
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
  neighbors_add_families(table, neighbor);
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
