/* Options from the store: what is taken lies in its range, what is refused has one printable line. */
#include "base/limits.h"
#include "model/options.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

static void require_environment(const struct bc_options *options) {
  const char *at = options->environment;
  const char *end = at == NULL ? NULL : at + options->environment_len;
  const char *last = NULL;
  while (at != end) {
    size_t len = strnlen(at, (size_t)(end - at));
    require(at + len < end);
    const char *equals = strchr(at, '=');
    require(equals != NULL && equals > at && strpbrk(at, "\r\n") == NULL);
    require(strncmp(at, "LD_", 3) != 0 && strncmp(at, "PATH=", 5) != 0);
    require(last == NULL || strcmp(last, at) < 0 || strchr(last, '=') - last < equals - at);
    last = at;
    at += len + 1;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_str text = {.at = (const char *)data, .len = size};
  struct bc_options options;
  struct bc_fault fault = {0};
  if (bc_options_parse(text, BC_OPTIONS_OF_ROUTE, &options, &fault) != BC_ERR_OK) {
    require(fault.text[0] != '\0' && bc_str_is_printable(bc_str_of(fault.text)));
    return 0;
  }
  require(options.interval_ms >= 200 && options.interval_ms <= 86400000);
  require(options.fast_interval_ms >= 200 && options.fast_interval_ms <= 86400000);
  require(options.timeout_ms >= 50 && options.timeout_ms <= 3600000);
  require(options.rise >= 1 && options.rise <= 100 && options.fall >= 1 && options.fall <= 100);
  require(options.jitter_percent <= 100);
  require_environment(&options);
  bc_options_release(&options);
  return 0;
}
