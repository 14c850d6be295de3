#include "model/options_globals.h"

#include "base/mem.h"

#include <stdlib.h>

static json_t *globals_variables(const struct bc_options *options) {
  json_t *variables = json_object();
  struct bc_str rest = {options->environment, options->environment_len};
  struct bc_str value;
  struct bc_str name;
  while (rest.len > 0 && bc_str_next_field(&rest, '\0', &value) && bc_str_next_field(&value, '=', &name)) {
    char *text = bc_mem_copy_text(name.at, name.len);
    /* What is not UTF-8 cannot be here: the options are JSON. */
    (void)json_object_set_new(variables, text, json_stringn(value.at == NULL ? "" : value.at, value.len));
    free(text);
  }
  return variables;
}

unsigned bc_options_lua_timeout_ms(const struct bc_options *options) {
  return options->has_timeout ? options->timeout_ms : BC_OPTIONS_LUA_TIMEOUT_MS;
}

json_t *bc_options_make_globals(const struct bc_options *options, const char *parameters) {
  json_t *made = json_object();
  (void)json_object_set_new(made, "env", globals_variables(options));
  json_t *read = parameters == NULL ? NULL : json_loads(parameters, 0, NULL);
  if (read != NULL) {
    (void)json_object_set_new(made, "check", read);
  }
  (void)json_object_set_new(made, "interval", json_real(options->interval_ms / 1000.0));
  (void)json_object_set_new(made, "timeout", json_real(bc_options_lua_timeout_ms(options) / 1000.0));
  (void)json_object_set_new(made, "threshold", json_integer(options->threshold));
  return made;
}
