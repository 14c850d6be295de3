/* `bgpcommander data …`: what scripts of the store read. */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/edit_value.h"

int bc_command_data(const struct bc_settings *settings) {
  return bc_edit_value_run(
      settings, &(struct bc_edit_value_kind){
                    .command = "data", .folder = "data/", .bytes_most = BC_LIMIT_DATA_BYTES, .takes_text = true});
}
