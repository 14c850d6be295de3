/* Reads one options document per line and prints `ok` or `error: TEXT`: for test_options_schema.py. The argument says
 * whose they are: `route` (the default) or `check`. */
#include "base/limits.h"
#include "model/options.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  enum bc_options_of of = argc > 1 && strcmp(argv[1], "check") == 0 ? BC_OPTIONS_OF_CHECK : BC_OPTIONS_OF_ROUTE;
  static char line[2 * BC_LIMIT_OPTIONS_BYTES];
  while (fgets(line, sizeof line, stdin) != NULL) {
    struct bc_str text = {.at = line, .len = strcspn(line, "\n")};
    struct bc_options options;
    struct bc_fault fault;
    if (bc_options_parse(text, of, &options, &fault) == BC_ERR_OK) {
      bc_options_release(&options);
      puts("ok");
    } else {
      printf("error: %s\n", fault.text);
    }
  }
  return 0;
}
