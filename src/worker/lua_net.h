/* The module `net` of scripts: arithmetic with addresses and prefixes of IPv4 and IPv6. Pure, no state; its functions
 * hold no memory that a raised error could leak, and each call is bounded.
 *
 * A PREFIX is a text: "10.0.0.0/8", "2001:db8::/32", or an address, which is the prefix that holds nothing else. Host
 * bits are allowed and stand for the network they lie in: "10.1.2.3/24" is "10.1.2.0/24". Addresses are given back as
 * RFC 5952 writes them. A text that is none of these gives nil and a text; an argument that is no text raises.
 *
 *   net.parse(PREFIX)            {family = 4, address = "10.1.2.3", length = 24, prefix = "10.1.2.0/24"}
 *   net.family(PREFIX)           4 or 6
 *   net.length(PREFIX)           24; of an address 32 or 128
 *   net.network(PREFIX)          "10.1.2.0", the lowest address
 *   net.broadcast(PREFIX)        "10.1.2.255"; of IPv6, which has none, nil and a text
 *   net.contains(PREFIX, PREFIX) whether all of the second lies in the first; false across families
 *   net.compare(PREFIX, PREFIX)  -1, 0, 1: IPv4 first, then by address, then the shorter length first; as a function
 * for table.sort: function(a, b) return net.compare(a, b) < 0 end net.enumerate(PREFIX, MOST)  all its addresses in
 * order, network and broadcast with them; nil and a text when there are more than MOST (default 256, at most
 * BC_LIMIT_NET_ADDRESSES) */
#ifndef BC_WORKER_LUA_NET_H
#define BC_WORKER_LUA_NET_H

#include <lua.h>

/* Leaves a new table with the functions on the stack; 1. */
int bc_lua_net_open(lua_State *L);

#endif
