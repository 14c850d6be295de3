/* Where the HTTP API listens, as the setting `http` names it: "127.0.0.1:5000", "[::1]:5000", "unix:/run/x.sock". Pure.
 */
#ifndef BC_MODEL_LISTEN_H
#define BC_MODEL_LISTEN_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* sun_path of unix(7), less its end. */
enum { BC_LISTEN_PATH_BYTES = 107 };

struct bc_listen {
  bool is_unix;
  bool is_ipv6;
  uint8_t address[16]; /* network order; IPv4 in the first four */
  uint16_t port;       /* 1 … 65535 */
  struct bc_str path;  /* absolute; points into the text that was parsed */
};

/* One of the list. BC_ERR_SYNTAX, BC_ERR_RANGE (port, path too long). */
BC_MUST_CHECK enum bc_err bc_listen_parse(struct bc_str text, struct bc_listen *out);

/* Each of the list, with commas between, is one, none is there twice, and they are at most BC_LIMIT_HTTP_LISTEN. */
bool bc_listen_check_list(struct bc_str list);

/* Only this host can connect to it: 127.0.0.0/8, ::1, a Unix socket. */
bool bc_listen_is_local(const struct bc_listen *listen);
/* 0.0.0.0 or ::, which stands for each address of the host. */
bool bc_listen_is_every(const struct bc_listen *listen);

#endif
