#include "cli/decisions.h"

#include "cli/cli.h"
#include "cli/client.h"
#include "io/paths.h"
#include "io/ring.h"
#include "model/record.h"

#include <stdio.h>
#include <stdlib.h>

static void decisions_on_line(void *arg, struct bc_str line) {
  bc_record_search_line(arg, line);
}

/* The first directory that has such files. */
static json_t *decisions_read_files(const struct bc_settings *settings, const json_t *request) {
  struct bc_paths_wish wish = {.node = settings->node,
                               .state_dir = settings->state_dir,
                               .socket = settings->socket,
                               .script_dir = settings->script_dir};
  char *directories[BC_PATHS_SOCKETS];
  size_t count = bc_paths_find_state_dirs(&wish, directories);
  json_t *answer = NULL;
  struct bc_record_query query;
  struct bc_fault fault;
  (void)bc_record_query_read(request, &query);
  for (size_t i = 0; i < count; i++) {
    struct bc_record_search *search = bc_record_search_new(&query);
    if (answer == NULL &&
        bc_ring_read_all(directories[i], "decisions", decisions_on_line, search, &fault) == BC_ERR_OK) {
      answer = bc_record_search_answer(search);
    }
    bc_record_search_free(search);
    free(directories[i]);
  }
  return answer;
}

int bc_decisions_ask(const struct bc_settings *settings, json_t *request, json_t **answer, bool *is_live) {
  int code = bc_client_try_for_part(settings, json_incref(request), answer);
  if (is_live != NULL) {
    *is_live = code != BC_CLI_NO_DAEMON;
  }
  if (code == BC_CLI_NO_DAEMON) {
    *answer = decisions_read_files(settings, request);
    code = *answer == NULL ? BC_CLI_NO_DAEMON : BC_CLI_OK;
    if (*answer == NULL) {
      (void)fprintf(stderr,
                    "no daemon of node %s (-n) answers, and there are no records of it that you may read "
                    "(--state-dir)\n",
                    settings->node);
    }
  }
  json_decref(request);
  return code;
}
