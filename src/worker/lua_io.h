/* What the functions of scripts that go outside work with: one for each process that runs scripts, given to its
 * sandboxes by bc_sandbox_options. */
#ifndef BC_WORKER_LUA_IO_H
#define BC_WORKER_LUA_IO_H

#include "base/err.h"
#include "io/datagram.h"
#include "io/loop.h"
#include "io/ping.h"
#include "io/resolver.h"
#include "io/tls.h"
#include "io/web.h"
#include "model/egress.h"

struct bc_lua_exec;
struct bc_lua_fake;

struct bc_lua_io {
  struct bc_loop *loop;
  struct bc_resolver *resolver;
  struct bc_datagram *datagram;
  struct bc_ping *ping;
  struct bc_tls *tls;       /* with the system's trusted certificates, read when this is made */
  struct bc_web *web;       /* for HTTP requests that keep no connection */
  struct bc_egress *egress; /* NULL: not known yet, nothing may be connected to */
  struct bc_lua_exec *exec; /* NULL: programs cannot be run from here; stays its maker's */
  struct bc_lua_fake *fake; /* NULL: calls go outside. Else it answers them; stays its maker's: lua_fake.h */
  unsigned calls;           /* that wait or hold something, of all runs: lua_call.h */
};

/* NULL with `fault` when the resolver cannot start. Must be released with bc_lua_io_free, after the sandboxes and
 * before the loop. */
struct bc_lua_io *bc_lua_io_new(struct bc_loop *loop, struct bc_fault *fault);
/* NULL is allowed. */
void bc_lua_io_free(struct bc_lua_io *io);

/* From now on these rules count; takes `egress` over. */
void bc_lua_io_set_egress(struct bc_lua_io *io, struct bc_egress *egress);
/* To be asked right before each connect, with the very address; port 0: what has none. BC_ERR_REFUSED with the line
 * that the script gets. */
BC_MUST_CHECK enum bc_err bc_lua_io_judge(const struct bc_lua_io *io, const struct bc_resolver_address *address,
                                          uint16_t port, struct bc_fault *fault);

#endif
