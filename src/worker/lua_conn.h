/* Connections of scripts, by the modules `tcp` and `tls`.
 *
 *   local conn, text, code = tcp.connect(host, port, {timeout=})
 *   local conn, text, code = tls.connect(host, port, {timeout=, verify=true, ca=PEM, cert=PEM, key=PEM, name=,
 *                                                     min="1.2"|"1.3", alpn={"h2", …}})
 *   conn.address, .port, .rtt (seconds that the TCP connect took); with TLS .cert, .protocol ("TLSv1.3"), .alpn,
 *   .handshake (seconds); they stay after a close
 *   conn:send(text, {timeout=})                     true, when the kernel has all of it
 *   conn:receive({max=65536, timeout=})             what is there, at least a byte
 *   conn:receive(n, {timeout=})                     exactly n bytes; also receive({bytes=n, timeout=})
 *   conn:line({max=8192, timeout=})                 a line without its line break (LF or CR LF)
 *   conn:expect(pattern, {plain=false, max=65536, timeout=})
 *                                                   reads until the pattern is found in what came; gives its captures
 *                                                   or, without any, what it matched; drops all up to its end
 *   conn:starttls({verify= … as tls.connect})       true
 *   conn:close()
 *
 * A name may have several addresses: they are tried in their order, each judged right before its connect, until one
 * connects; TLS is tried with that one only. Errors of the connection are nil, text, code. Raised are wrong arguments,
 * a use after close, and a second call on a connection that one waits on in the same direction.
 *
 * The userdata holds a number alone: the connection belongs to its run and ends with it. Nothing of C hangs on the
 * garbage collector. */
#ifndef BC_WORKER_LUA_CONN_H
#define BC_WORKER_LUA_CONN_H

#include "io/stream.h"

#include <lua.h>
#include <stdbool.h>

/* Makes the metatable of connections, once a state. */
void bc_lua_conn_open(lua_State *L);

/* tcp.connect, tls.connect */
int bc_lua_conn_connect(lua_State *L, bool is_tls);

struct bc_sandbox_run;

/* Of a connection of this run that is pretended (lua_fake.h): these bytes came, and then its end, unless that is FINE.
 * Nothing happens when it is closed. */
void bc_lua_conn_feed(struct bc_sandbox_run *run, uint64_t id, struct bc_str bytes, enum bc_stream_error end);

#endif
