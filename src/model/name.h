/* What people call routes, named checks, Lua modules and data. */
#ifndef BC_MODEL_NAME_H
#define BC_MODEL_NAME_H

#include "base/str.h"

/* [A-Za-z0-9][A-Za-z0-9._-]{0,127}; with `globs` also '*' and '?', anywhere. */
bool bc_name_is_valid(struct bc_str name, bool globs);

#endif
