#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int bc_command_parse(const struct bc_settings *settings) {
  const char *name = settings->word_count == 0 ? "-" : settings->words[0];
  if (strcmp(name, "-") == 0) {
    return bc_cli_parse(stdin, stdout);
  }
  FILE *file = fopen(name, "re");
  if (file == NULL) {
    (void)fprintf(stderr, "%s: %s\n", name, strerror(errno));
    return BC_CLI_USAGE;
  }
  int code = bc_cli_parse(file, stdout);
  (void)fclose(file);
  return code;
}
