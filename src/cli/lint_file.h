/* Files and folders, looked at for `bgpcommander lint`. */
#ifndef BC_CLI_LINT_FILE_H
#define BC_CLI_LINT_FILE_H

#include "cli/lint_report.h"

/* A file is a script. A folder with routes/ or node/ in it is a store (cli/lint_store.h); of any other one all files
 * that are Lua by their name (.lua) or their first line (#!lua), and what is below it. `mode` BC_LINT_MODES: what each
 * script is for is told by its name, else by its text. */
void bc_lint_file_look(struct bc_lint_report *report, const struct bc_settings *settings, const char *path,
                       enum bc_lint_mode mode);

#endif
