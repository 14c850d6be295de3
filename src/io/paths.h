/* Where this node's state and local socket are.
 *
 * State directory: what was asked for, else /var/lib/bgpcommander/NODE when it exists or can be made
 * and is writable, else DIR/bgpcommander-UID/NODE below the script directory, made with mode 0700 and
 * used only when it is a directory of ours that nobody else may enter.
 * Socket: what was asked for, else /run/bgpcommander/NODE.sock when that directory is writable, else
 * NODE.sock in the state directory ("sock" when that path is too long for a socket). */
#ifndef BC_IO_PATHS_H
#define BC_IO_PATHS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* What the settings say; NULL = not set, except `node` and `script_dir`. */
struct bc_paths_wish {
  const char *node;
  const char *state_dir;
  const char *socket;
  const char *script_dir;
};

struct bc_paths {
  char *state_dir;  /* owned */
  char *socket;     /* owned; short enough for a socket address */
  bool is_fallback; /* the state directory is the private one: worth one line in the log */
};

/* Makes the default directories when they are missing (one that was asked for is left to its user).
 * BC_ERR_REFUSED: the private directory is not ours alone; BC_ERR_IO: it cannot be made; BC_ERR_RANGE:
 * the path of the socket that was asked for is too long. */
BC_MUST_CHECK enum bc_err bc_paths_resolve(const struct bc_paths_wish *wish, struct bc_paths *out,
                                           struct bc_fault *fault);
void bc_paths_release(struct bc_paths *paths);

/* Where a daemon of this node may listen, whoever runs it, most likely first; makes nothing. Only sockets
 * that exist, except the one that was asked for, which is then the only one. Release each with free().
 * Returns how many (at most BC_PATHS_SOCKETS). */
enum { BC_PATHS_SOCKETS = 16 };
size_t bc_paths_find_sockets(const struct bc_paths_wish *wish, char *sockets[static BC_PATHS_SOCKETS]);
/* The state directories that a daemon of this node may have had, as many and in the same order; makes nothing. */
size_t bc_paths_find_state_dirs(const struct bc_paths_wish *wish, char *directories[static BC_PATHS_SOCKETS]);

#endif
