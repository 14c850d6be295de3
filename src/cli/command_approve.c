#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/screen.h"

#include <stdio.h>

int bc_command_approve(const struct bc_settings *settings) {
  json_t *request = bc_client_request("approve");
  json_t *answer;
  if (settings->word_count > 0 && json_object_set_new(request, "id", json_string(settings->words[0])) != 0) {
    (void)fputs("approve: expected the ID that `bgpcommander status` shows\n", stderr);
    json_decref(request);
    return BC_CLI_USAGE;
  }
  int code = bc_client_ask(settings, request, &answer);
  if (answer == NULL) {
    return code;
  }
  char id[64];
  bc_screen_clean(bc_client_text(answer, "approved"), id, sizeof id);
  (void)printf("approved %s\n", id);
  json_decref(answer);
  return code;
}
