/* The functions behind commands.def, one file each: the exit code. */
#ifndef BC_CLI_COMMANDS_H
#define BC_CLI_COMMANDS_H

#include "model/settings.h"

#define BC_CLI_COMMAND(name, words, least, most, help) int bc_command_##name(const struct bc_settings *settings);
#include "cli/commands.def"
#undef BC_CLI_COMMAND

#endif
