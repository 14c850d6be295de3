/* The commands: questions to a running daemon over its local socket, and what needs none. */
#ifndef BC_CLI_CLI_H
#define BC_CLI_CLI_H

#include "base/buf.h"
#include "model/settings.h"

#include <stdbool.h>

/* For json_dumpf: one line; 0.033, not 0.033000000000000002. */
#define BC_CLI_JSON (JSON_COMPACT | JSON_REAL_PRECISION(15))

enum {
  BC_CLI_OK = 0,
  BC_CLI_BAD_NEWS = 1,  /* the daemon answered with an error; a line that is faulty */
  BC_CLI_USAGE = 2,     /* of options and words */
  BC_CLI_NO_DAEMON = 3, /* nobody answers */
  BC_CLI_NO_RECORD = 4, /* of why: nothing is recorded of that */
  BC_CLI_TOO_OLD = 5,   /* of why: the records begin later */
  /* Of commands that edit the store (1: refused, by the checks, by the store or by the person who was asked): */
  BC_CLI_NO_STORE = 3,    /* it cannot be reached, or refuses us; nothing is written */
  BC_CLI_CONFLICT = 4,    /* somebody else changed it meanwhile; nothing is written */
  BC_CLI_NOT_ON_WIRE = 5, /* written, and what --wait waits for did not come */
  BC_CLI_UNKNOWN = 6,     /* it is not known whether it was written, or it was written in part */
};

/* BC_CLI_USAGE, or what else this command (or NULL) ends with then: `run` has codes of its own. */
int bc_cli_usage_code(const char *command);

bool bc_cli_is_command(const char *word);
/* The command that `word` is most like, or NULL. */
const char *bc_cli_nearest_command(const char *word);
/* One line for each command, as a part of the usage. */
void bc_cli_print_commands(struct bc_buf *to);

/* Who reads standard output by a pipe has gone: nobody needs what would come. */
bool bc_cli_is_reader_gone(void);

/* Runs settings->command, a known one: the exit code. Answers go to stdout, what went wrong to stderr. */
int bc_cli_run(const struct bc_settings *settings);

#endif
