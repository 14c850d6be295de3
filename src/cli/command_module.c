/* `bgpcommander module …`: what scripts of the store require. */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/edit_value.h"

int bc_command_module(const struct bc_settings *settings) {
  return bc_edit_value_run(settings, &(struct bc_edit_value_kind){
                                         .command = "module", .folder = "lua/", .bytes_most = BC_LIMIT_SCRIPT_BYTES});
}
