/* What attributes in JSON make of routes, for test_policy_attributes.py: "ROUTE<tab>JSON" in each line, and in each
 * line of the answer "ok<tab>ROUTE<tab>JSON of its attributes" or "error<tab>TEXT". Arguments: LOCAL_AS:PEER_AS for
 * each neighbor. */
#include "base/limits.h"
#include "model/policy_verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bc_neighbor_name neighbors[8];
static size_t neighbor_count;

static void probe_answer(struct bc_intern *intern, struct bc_str text, const char *json) {
  struct bc_fault fault = {0};
  struct bc_route base;
  struct bc_route made;
  if (bc_route_parse(intern, text, &base, &fault) != BC_ERR_OK) {
    printf("no route\t%s\n", fault.text);
    return;
  }
  json_t *attributes = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
  if (attributes == NULL) {
    printf("no JSON\t%s\n", json);
  } else if (bc_policy_apply(intern, &base, attributes, neighbors, neighbor_count, &made, &fault) == BC_ERR_OK) {
    struct bc_buf answer;
    bc_buf_init(&answer, BC_LIMIT_COMMAND_BYTES);
    bc_route_print(&made, BC_VERB_ANNOUNCE, &answer);
    bc_buf_add_char(&answer, '\t');
    bc_policy_print_attributes(&made, &answer);
    printf("ok\t%s\n", answer.data);
    bc_buf_free(&answer);
    bc_route_release(intern, &made);
  } else {
    printf("error\t%s\n", fault.text);
  }
  json_decref(attributes);
  bc_route_release(intern, &base);
}

int main(int argc, char **argv) {
  static char line[BC_LIMIT_COMMAND_BYTES];
  for (int i = 1; i < argc && neighbor_count < 8; i++) {
    struct bc_neighbor_name *neighbor = &neighbors[neighbor_count++];
    (void)snprintf(neighbor->ip, sizeof neighbor->ip, "10.0.0.%d", i + 1);
    (void)snprintf(neighbor->local_as, sizeof neighbor->local_as, "%.*s", (int)strcspn(argv[i], ":"), argv[i]);
    (void)snprintf(neighbor->peer_as, sizeof neighbor->peer_as, "%s", strchr(argv[i], ':') + 1);
  }
  struct bc_intern *intern = bc_intern_new();
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    char *json = strchr(line, '\t');
    if (json == NULL) {
      return 2;
    }
    *json++ = '\0';
    probe_answer(intern, bc_str_of(line), json);
  }
  bc_intern_free(intern);
  return 0;
}
