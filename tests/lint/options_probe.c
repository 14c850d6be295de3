/* Reads one options document per line and prints `ok` or `error: TEXT`: for test_options_schema.py. */
#include "base/limits.h"
#include "model/options.h"

#include <stdio.h>
#include <string.h>

int main(void) {
  static char line[2 * BC_LIMIT_OPTIONS_BYTES];
  while (fgets(line, sizeof line, stdin) != NULL) {
    struct bc_str text = {.at = line, .len = strcspn(line, "\n")};
    struct bc_options options;
    struct bc_fault fault;
    if (bc_options_parse(text, BC_OPTIONS_OF_ROUTE, &options, &fault) == BC_ERR_OK) {
      bc_options_release(&options);
      puts("ok");
    } else {
      printf("error: %s\n", fault.text);
    }
  }
  return 0;
}
