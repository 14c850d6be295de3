/* Flows as JSON from outside: what is printed is one printable line of balanced braces, what is refused says why. */
#include "base/limits.h"
#include "proto/http_flow.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

static size_t count(struct bc_str text, char wanted) {
  size_t found = 0;
  for (size_t i = 0; i < text.len; i++) {
    found += text.at[i] == wanted ? 1 : 0;
  }
  return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  json_t *made = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
  struct bc_buf text;
  char problem[256] = "";
  bc_buf_init(&text, BC_LIMIT_CONFIG_BYTES);
  if (bc_http_flow_print(json_object_get(made, "match"), json_object_get(made, "then"), &text, problem,
                         sizeof problem)) {
    struct bc_str all = bc_buf_str(&text);
    require(bc_str_is_printable(all) && count(all, '{') == 3 && count(all, '}') == 3);
    require(strncmp(all.at, "flow route { match {", 20) == 0 && strcmp(all.at + all.len - 4, " } }") == 0);
  } else {
    require(problem[0] != '\0');
  }
  bc_buf_free(&text);
  json_decref(made);
  return 0;
}
