#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"

#include <stdio.h>

int bc_command_upgrade(const struct bc_settings *settings) {
  json_t *answer;
  int code = bc_client_ask(settings, bc_client_request("upgrade"), &answer);
  if (answer == NULL) {
    return code;
  }
  (void)puts("the installed binary takes over now; no route moves (bgpcommander status shows its version)");
  json_decref(answer);
  return code;
}
