/* A policy for commands that ask it outside of the daemon: from a file, or as the daemon has it. */
#ifndef BC_CLI_POLICY_SOURCE_H
#define BC_CLI_POLICY_SOURCE_H

#include "cli/policy_host.h"

/* Holds nothing yet. */
void bc_policy_source_init(struct bc_policy_source *source);
void bc_policy_source_fini(struct bc_policy_source *source);

/* What a key would hold: Lua, or {"use": NAME, …}. `path` may be "-"; `modules`: the folder of those that it requires,
 * or NULL. False with a message on stderr, also for the built-in decision, which cannot be asked. */
BC_MUST_CHECK bool bc_policy_source_read(struct bc_policy_source *source, const char *path, const char *modules);
/* The member `policy` of the daemon's answer to `context`. */
BC_MUST_CHECK bool bc_policy_source_take(struct bc_policy_source *source, const json_t *answer);

#endif
