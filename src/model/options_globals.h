/* What a Lua check finds as `options`. Pure. */
#ifndef BC_MODEL_OPTIONS_GLOBALS_H
#define BC_MODEL_OPTIONS_GLOBALS_H

#include "model/options.h"

#include <jansson.h>

/* The caller's. `parameters`: those of a ready-made check, JSON; NULL: none. */
json_t *bc_options_make_globals(const struct bc_options *options, const char *parameters);
/* That of a Lua check. */
unsigned bc_options_lua_timeout_ms(const struct bc_options *options);

#endif
