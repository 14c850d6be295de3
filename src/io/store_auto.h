/* Which of etcd's two APIs holds the routes, found out by looking: a store that opens the right one and hands all calls
 * on.
 *
 * GET /version and one small read by each API are asked of each endpoint in turn. When only one API is served, it is
 * that one; when both are, the one that has P/routes/ (both: v3, with a warning). While neither has, nothing is chosen
 * and nothing written, the state stays STARTING and says so. A choice stays as long as the store is open. */
#ifndef BC_IO_STORE_AUTO_H
#define BC_IO_STORE_AUTO_H

#include "io/etcd.h"
#include "io/store.h"

/* bc_store_open for endpoints of etcd; `tuning` is copied. */
BC_MUST_CHECK enum bc_err bc_store_auto_open(struct bc_loop *loop, const struct bc_store_options *options,
                                             const struct bc_etcd_tuning *tuning,
                                             const struct bc_store_handler *handler, struct bc_store **store,
                                             struct bc_fault *fault);

#endif
