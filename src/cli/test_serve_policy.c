/* What tests of policies ask for: how the daemon tells of a route, and what it makes of a verdict. */
#include "base/limits.h"
#include "cli/policy_judge.h"
#include "cli/test_suite.h"

#include <stdlib.h>

enum { SERVE_COLUMN_BYTES = 32 };

static json_t *serve_print_prefix(const struct bc_route *route, size_t index) {
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
  bc_nlri_print(bc_route_nlri(route, index), &text);
  json_t *made = json_stringn(text.data, text.len);
  bc_buf_free(&text);
  return made;
}

static json_t *serve_describe(const struct bc_route *route) {
  struct bc_buf text;
  json_t *prefixes = json_array();
  for (size_t i = 0; i < bc_route_nlri_count(route); i++) {
    (void)json_array_append_new(prefixes, serve_print_prefix(route, i));
  }
  bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
  bc_route_print(route, BC_VERB_NONE, &text);
  json_t *made = json_pack("{s:o, s:o, s:s, s:s, s:o}", "prefix", serve_print_prefix(route, 0), "prefixes", prefixes,
                           "family", bc_family_text((enum bc_family)route->nlri.family), "text", text.data,
                           "attributes", bc_policy_list_attributes(route));
  bc_buf_free(&text);
  return made;
}

static void serve_send_json(json_t *made, int to_fd) {
  char *text = json_dumps(made, JSON_COMPACT | JSON_REAL_PRECISION(15));
  (void)bc_test_send(to_fd, text == NULL ? "fail" : "have", bc_str_of(text == NULL ? "no JSON" : text));
  free(text);
  json_decref(made);
}

void bc_test_serve_route(struct bc_str text, int to_fd) {
  struct bc_intern *intern = bc_intern_new();
  struct bc_route route = {.selector = NULL};
  struct bc_fault fault = {0};
  if (bc_route_parse(intern, text, &route, &fault) == BC_ERR_OK) {
    serve_send_json(serve_describe(&route), to_fd);
  } else {
    char why[BC_FAULT_TEXT_BYTES + SERVE_COLUMN_BYTES];
    (void)snprintf(why, sizeof why, "column %zu: %s", fault.column, fault.text);
    (void)bc_test_send(to_fd, "fail", bc_str_of(why));
  }
  bc_route_release(intern, &route);
  bc_intern_free(intern);
}

void bc_test_serve_judge(struct bc_str json, int to_fd) {
  struct bc_policy_judged judged;
  struct bc_policy_answer answer;
  json_t *asked = json_loadb(json.at, json.len, 0, NULL);
  const json_t *context = json_object_get(asked, "context");
  const char *verdict = json_string_value(json_object_get(asked, "verdict"));
  bc_policy_judged_init(&judged);
  bc_policy_answer_init(&answer);
  answer.status = BC_POLICY_STATUS_DONE;
  bc_buf_add_text(&answer.verdict, verdict == NULL ? "" : verdict);
  bc_policy_judge(context, &answer, &judged);
  if (judged.is_good) {
    json_t *made = json_pack("{s:s}", "command", judged.command.len == 0 ? "" : judged.command.data);
    json_t *attributes = bc_policy_attributes_of(context, judged.verdict.attributes);
    if (attributes != NULL) {
      (void)json_object_set_new(made, "attributes", attributes);
    }
    serve_send_json(made, to_fd);
  } else {
    (void)bc_test_send(to_fd, "fail", bc_str_of(judged.fault.text));
  }
  bc_policy_answer_fini(&answer);
  bc_policy_judged_fini(&judged);
  json_decref(asked);
}
