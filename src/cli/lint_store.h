/* All keys of a store, looked at for `bgpcommander lint`: by the very parser of the daemon, and the scripts among them.
 */
#ifndef BC_CLI_LINT_STORE_H
#define BC_CLI_LINT_STORE_H

#include "cli/lint_report.h"

/* The store of the settings, read once; nothing is written. Keys are called as they are in it: "/bgp/routes/web/…". */
void bc_lint_store_settings(struct bc_lint_report *report, const struct bc_settings *settings);
/* A directory as the directory store has it, for each node that it has keys of (none: that of the settings). Keys are
 * called by the path of their file. */
void bc_lint_store_tree(struct bc_lint_report *report, const struct bc_settings *settings, const char *directory);

/* What the value of a key is for; BC_LINT_MODES: it is no Lua. */
enum bc_lint_mode bc_lint_store_mode(const char *name, struct bc_str value);

#endif
