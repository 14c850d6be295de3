/* Unix sockets to listen at: what the local socket and the HTTP server share. For files of io/ only. */
#ifndef BC_IO_UNIX_LISTEN_H
#define BC_IO_UNIX_LISTEN_H

#include "base/err.h"

#include <sys/stat.h>

/* Listens at `path`, mode 0660 (nobody else can connect before it is set). A socket that nobody answers is removed
 * first. `status` is that of the file, for bc_unix_listen_remove. BC_ERR_EXISTS  another process listens there
 * BC_ERR_REFUSED there is something that is not a socket
 * BC_ERR_RANGE   the path is too long (107 bytes)
 * BC_ERR_IO      anything else, named in `fault` */
BC_MUST_CHECK enum bc_err bc_unix_listen_open(const char *path, int *fd, struct stat *status, struct bc_fault *fault);
/* Removes the file if it is still ours. */
void bc_unix_listen_remove(const char *path, const struct stat *ours);

#endif
