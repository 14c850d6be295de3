/* The worker's side of proto/lua_page.h. */
#ifndef BC_WORKER_PAGE_H
#define BC_WORKER_PAGE_H

#include "base/err.h"
#include "proto/lua_page.h"

enum { BC_PAGE_CHANNEL_FD = 3 };

/* The page that came on BC_LUA_PAGE_FD, which is closed; NULL with a fault. The channel's descriptor is not for
 * children. Must be released with bc_page_close. */
struct bc_lua_page *bc_page_open(struct bc_fault *fault);
/* NULL is allowed. */
void bc_page_close(struct bc_lua_page *page);
/* Around all that may use the CPU for long, on behalf of a job: core sees it and measures. */
void bc_page_enter(struct bc_lua_page *page, uint32_t id, uint32_t generation);
void bc_page_leave(struct bc_lua_page *page);

#endif
