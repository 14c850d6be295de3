/* The service addresses of a route: the host routes among its NLRI, or what of the host lies in its prefix. Pure. */
#ifndef BC_MODEL_SERVICE_ADDRESS_H
#define BC_MODEL_SERVICE_ADDRESS_H

#include "model/options.h"
#include "model/route.h"

/* /32 of IPv4, /128 of IPv6. */
bool bc_service_address_is_host(const struct bc_nlri *nlri);

/* Whether the route can have this mode. BC_ERR_REFUSED with one line that names the option: `manage` needs host routes,
 * of addresses that a service can have; both modes need prefixes. */
BC_MUST_CHECK enum bc_err bc_service_address_check(const struct bc_route *route, enum bc_address_mode mode,
                                                   struct bc_fault *fault);

#endif
