#include "worker/lua_io.h"

#include "base/mem.h"

#include <stdlib.h>

struct bc_lua_io *bc_lua_io_new(struct bc_loop *loop, struct bc_fault *fault) {
  struct bc_resolver *resolver = bc_resolver_new(loop, NULL, fault);
  if (resolver == NULL) {
    return NULL;
  }
  struct bc_lua_io *io = bc_mem_new(1, sizeof *io);
  io->loop = loop;
  io->resolver = resolver;
  io->datagram = bc_datagram_new(loop);
  io->ping = bc_ping_new(loop);
  io->tls = bc_tls_new(NULL);
  io->web = bc_web_new(loop, io->tls);
  return io;
}

void bc_lua_io_free(struct bc_lua_io *io) {
  if (io == NULL) {
    return;
  }
  bc_resolver_free(io->resolver);
  bc_datagram_free(io->datagram);
  bc_ping_free(io->ping);
  bc_web_free(io->web);
  bc_tls_free(io->tls);
  bc_egress_free(io->egress);
  free(io);
}

void bc_lua_io_set_egress(struct bc_lua_io *io, struct bc_egress *egress) {
  bc_egress_free(io->egress);
  io->egress = egress;
}

enum bc_err bc_lua_io_judge(const struct bc_lua_io *io, const struct bc_resolver_address *address, uint16_t port,
                            struct bc_fault *fault) {
  if (io->egress == NULL) {
    bc_fault_set(fault, 0, "egress denied: the rules of this node are not known yet");
    return BC_ERR_REFUSED;
  }
  return bc_egress_judge(io->egress, address->bytes, address->is_ipv6, port, fault);
}
