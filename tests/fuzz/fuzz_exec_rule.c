/* Rules and a command, divided by a byte of 1: any bytes are judged, and what is allowed begins as its rule does. */
#include "base/limits.h"
#include "model/exec_rule.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *divider = size == 0 ? NULL : memchr(data, 1, size);
  if (divider == NULL) {
    return 0;
  }
  struct bc_str rules = {(const char *)data, (size_t)(divider - data)};
  struct bc_str argv = {(const char *)divider + 1, size - rules.len - 1};
  struct bc_fault fault;
  (void)!bc_exec_rule_check(rules, &fault);
  if (bc_exec_rule_allows(rules, argv)) {
    size_t len = strlen(argv.at);
    if (argv.at[0] != '/' || argv.at[argv.len - 1] != '\0' || memmem(rules.at, rules.len, argv.at, len) == NULL) {
      abort();
    }
  }
  return 0;
}
