/* Commands that tell only what has one of the names on the command line. */
#ifndef BC_CLI_CHOSEN_H
#define BC_CLI_CHOSEN_H

#include "model/settings.h"

#include <jansson.h>

/* {"command":NAME}, with the names on the command line, which may be globs. A daemon that ignores them, or takes not so
 * many, tells all. Owned by the caller. */
json_t *bc_chosen_request(const struct bc_settings *settings, const char *command);

/* Leaves in the answer's array `list` only what has one of these names. */
void bc_chosen_filter(const struct bc_settings *settings, json_t *answer, const char *list);

#endif
