/* TLS as scripts ask for it and see it; shared by the modules `tls`, `tcp` (starttls) and `http`. */
#ifndef BC_WORKER_LUA_TLS_H
#define BC_WORKER_LUA_TLS_H

#include "io/tls.h"

#include <lua.h>

/* For the list of known options (lua_args.h). */
#define BC_LUA_TLS_OPTION_NAMES "verify", "ca", "cert", "key", "name", "min", "alpn"

/* Reads these from the option table at `index`; what is not given stays as it is. Raises. Texts are valid as long as
 * the table holds them: until the run waits. */
void bc_lua_tls_read(lua_State *L, int index, struct bc_tls_options *options);

/* Pushes a certificate: {subject=, issuer=, names={…}, not_before=, not_after=, days_left=, serial=, sha256=}. */
void bc_lua_tls_push_cert(lua_State *L, const struct bc_tls_cert *cert);

#endif
