/* Options from the store: what is taken lies in its range, what is refused has one printable line. */
#include "base/limits.h"
#include "model/name.h"
#include "model/options.h"

#include <jansson.h>

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

static void require_checks(const struct bc_options *options) {
  require(options->check_count <= BC_LIMIT_ROUTE_CHECKS && (options->checks == NULL) == (options->check_count == 0));
  for (unsigned i = 0; i < options->check_count; i++) {
    require(bc_name_is_valid(bc_str_of(options->checks[i]), false));
  }
  bool is_counted = options->combine == BC_COMBINE_AT_LEAST;
  require(is_counted == (options->at_least > 0));
  require(!is_counted || options->at_least <= bc_options_count_checks(options, true));
  require((options->use == NULL) == (options->parameters == NULL) && !(options->use != NULL && options->check_is_none));
  if (options->parameters != NULL) {
    json_t *parameters = json_loads(options->parameters, 0, NULL);
    require(json_is_object(parameters));
    json_decref(parameters);
  }
}

static void try(struct bc_str text, enum bc_options_of of) {
  struct bc_options options;
  struct bc_fault fault = {0};
  if (bc_options_parse(text, of, &options, &fault) != BC_ERR_OK) {
    require(fault.text[0] != '\0' && bc_str_is_printable(bc_str_of(fault.text)));
    return;
  }
  require(options.interval_ms >= 50 && options.interval_ms <= 86400000);
  require(options.fast_interval_ms >= 50 && options.fast_interval_ms <= 86400000);
  require(options.timeout_ms >= 50 && options.timeout_ms <= 3600000);
  require(options.rise >= 1 && options.rise <= 100 && options.fall >= 1 && options.fall <= 100);
  require(options.jitter_percent <= 100 && options.threshold <= 100);
  require(of == BC_OPTIONS_OF_ROUTE || (options.check_count == 0 && !options.check_is_none));
  require_environment(&options);
  require_checks(&options);
  bc_options_release(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_str text = {.at = (const char *)data, .len = size};
  try(text, BC_OPTIONS_OF_ROUTE);
  try(text, BC_OPTIONS_OF_CHECK);
  return 0;
}
