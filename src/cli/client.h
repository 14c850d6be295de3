/* Asking the daemon, and reading what it answered. */
#ifndef BC_CLI_CLIENT_H
#define BC_CLI_CLIENT_H

#include "model/settings.h"

#include <jansson.h>

/* Sends `request` (taken over) to this node's daemon. BC_CLI_OK: *answer is a JSON object, the caller's.
 * Anything else is the exit code: no daemon, or an answer that is an error; it was told on stderr. With
 * --json every answer was printed as it came, and *answer is NULL. */
int bc_client_ask(const struct bc_settings *settings, json_t *request, json_t **answer);
/* The same for a command whose exit code comes from the answer: also with --json, which was printed, it is in *answer.
 */
int bc_client_ask_to_judge(const struct bc_settings *settings, json_t *request, json_t **answer);
/* The same for a command that tells only a part of the answer: also with --json it is in *answer and not printed,
 * unless it is an error. */
int bc_client_ask_for_part(const struct bc_settings *settings, json_t *request, json_t **answer);
/* The same for a command that can do without a daemon: that none answers, or not to the end, is not told. */
int bc_client_try_for_part(const struct bc_settings *settings, json_t *request, json_t **answer);
/* The same for a command whose answer is a text, printed as it came, that ends in the line `last`: nothing is printed
 * of one that breaks off. */
int bc_client_print_text(const struct bc_settings *settings, json_t *request, const char *last);
/* Why no daemon has answered. */
enum bc_client_absence {
  BC_CLIENT_NONE,   /* there is none on its sockets */
  BC_CLIENT_DENIED, /* this user may not open its socket */
  BC_CLIENT_SILENT  /* it takes the question, and does not answer in time */
};
/* *pid: of a silent one, as the kernel tells; 0 = not known. */
enum bc_client_absence bc_client_absence(const struct bc_settings *settings, long long *pid);
/* {"command":NAME} */
json_t *bc_client_request(const char *command);

/* Fields of answers, never NULL: what is missing or of another type is "" or 0. */
const char *bc_client_text(const json_t *object, const char *name);
long long bc_client_number(const json_t *object, const char *name);
bool bc_client_is_true(const json_t *object, const char *name);

#endif
