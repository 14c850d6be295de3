/* The text of a node file: any bytes give settings or one printable line. */
#include "model/settings.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char program[] = "bgpcommander";
  static char *const argv[] = {program, NULL};
  static char *const environment[] = {NULL};
  struct bc_settings settings;
  struct bc_fault fault = {0};
  struct bc_str file = {.at = (const char *)data, .len = size};
  enum bc_err err = bc_settings_parse(1, argv, environment, file, "host", &settings, &fault);
  if (err == BC_ERR_OK) {
    if (settings.workers < 1 || settings.workers > 64 || settings.node[0] == '\0' || settings.script_dir[0] != '/') {
      abort();
    }
    bc_settings_release(&settings);
  } else if (fault.text[0] == '\0' || !bc_str_is_printable(bc_str_of(fault.text))) {
    abort();
  }
  return 0;
}
