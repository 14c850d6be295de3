/* Addresses and ports for sockets, and as people read them. */
#ifndef BC_IO_ENDPOINT_H
#define BC_IO_ENDPOINT_H

#include "io/resolver.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The longest text with its end: an IPv6 address and " port 65535". */
enum { BC_ENDPOINT_TEXT_BYTES = 58 };

/* For connect(2); the length. */
socklen_t bc_endpoint_fill(const struct bc_resolver_address *address, uint16_t port, struct sockaddr_storage *to);

/* "10.0.0.1 port 53"; with port 0 "10.0.0.1". */
void bc_endpoint_print(const struct bc_resolver_address *address, uint16_t port,
                       char text[static BC_ENDPOINT_TEXT_BYTES]);

/* What an errno means, as it stands within a line: "connection refused". Cut to fit. */
enum { BC_ENDPOINT_ERROR_BYTES = 64 };
void bc_endpoint_print_error(int error_number, char text[static BC_ENDPOINT_ERROR_BYTES]);

/* Whether a socket could not be had or used for want of descriptors, memory or ports: our own limit, no fault of the
 * peer. */
bool bc_endpoint_is_shortage(int error_number);

/* The errno that a failed connect(2) by TCP left, but EAGAIN (as by UDP) where EADDRNOTAVAIL means that no port is left
 * to connect from to there, not that this host has no such address. */
int bc_endpoint_connect_error(int error_number, const struct sockaddr *address, socklen_t len);

#endif
