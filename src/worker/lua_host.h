/* Where a script wants to go: a host name or an address, into addresses that may be connected to.
 *
 *   struct bc_lua_host host;                       in the struct of a call (lua_call.h)
 *   bc_lua_host_begin(&host, io, text, 0, fn, call)
 *   … fn(call):  while (bc_lua_host_next(&host, port, &address)) { connect; if it fails, the next one }
 *                none left: host.code, host.fault say why, unless a connect was tried: then that one's error
 *   bc_lua_host_end(&host)                         in the call's stop */
#ifndef BC_WORKER_LUA_HOST_H
#define BC_WORKER_LUA_HOST_H

#include "worker/lua_call.h"

enum { BC_LUA_HOST_NAME_BYTES = 100, BC_LUA_HOST_TEXT_BYTES = 46 };

typedef void bc_lua_host_fn(void *arg);

struct bc_lua_host {
  struct bc_lua_io *io;
  struct bc_resolver_call *look_up; /* NULL: none under way */
  bc_lua_host_fn *fn;
  void *arg;
  int family;
  char name[BC_LUA_HOST_NAME_BYTES + 1]; /* printable, cut: for texts */
  struct bc_resolver_address addresses[BC_RESOLVER_ADDRESSES];
  size_t count;
  size_t next;
  bool is_untold; /* no server told whether the name has an address */
  /* RESOLVE, LIMIT and PERMISSION: there is no address; EGRESS: this node does not allow the last one that
   * bc_lua_host_next passed over. OK: neither. */
  enum bc_lua_code code;
  struct bc_fault fault; /* "nosuch.example: there is no such name" */
};

/* An address, also in brackets ("[::1]"). */
bool bc_lua_host_parse(struct bc_str text, struct bc_resolver_address *address);

/* `family`: 4, 6, or 0 for both. Copies what it needs of `text`. `fn` comes once, unless bc_lua_host_end comes before:
 * for an address from inside this call, for a name later. */
void bc_lua_host_begin(struct bc_lua_host *host, struct bc_lua_io *io, struct bc_str text, int family,
                       bc_lua_host_fn *fn, void *arg);
/* The next address, judged by now; to be called right before its connect. `port` 0: what has none. False: none is
 * left. */
bool bc_lua_host_next(struct bc_lua_host *host, uint16_t port, struct bc_resolver_address *address);
/* No callback afterwards. To be called at any time, also of a zeroed struct and again. */
void bc_lua_host_end(struct bc_lua_host *host);

/* "10.0.0.1", "2001:db8::1". */
void bc_lua_host_print(const struct bc_resolver_address *address, char to[static BC_LUA_HOST_TEXT_BYTES]);

#endif
