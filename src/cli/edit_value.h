/* The commands whose keys are FOLDER/NAME: modules and data. */
#ifndef BC_CLI_EDIT_VALUE_H
#define BC_CLI_EDIT_VALUE_H

#include "model/settings.h"

#include <stddef.h>

struct bc_edit_value_kind {
  const char *command; /* "module" */
  const char *folder;  /* "lua/" */
  size_t bytes_most;
  bool takes_text; /* `set` takes the value itself, too */
};
int bc_edit_value_run(const struct bc_settings *settings, const struct bc_edit_value_kind *kind);

#endif
