#include "cli/client.h"
#include "cli/commands.h"

int bc_command_metrics(const struct bc_settings *settings) {
  return bc_client_print_text(settings, bc_client_request("metrics"), "# EOF");
}
