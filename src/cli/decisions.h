/* Decision records for commands: told by the daemon, or read from the files that it left. */
#ifndef BC_CLI_DECISIONS_H
#define BC_CLI_DECISIONS_H

#include "model/settings.h"

#include <jansson.h>

/* `request`: a question of the local socket, `decisions`; taken over. BC_CLI_OK: *answer is the caller's; else the exit
 * code, told on stderr. */
/* *is_live, unless it is NULL: the daemon has answered, not its files. */
int bc_decisions_ask(const struct bc_settings *settings, json_t *request, json_t **answer, bool *is_live);

#endif
