/* The JSON of etcd's answers, for the readers of both APIs. */
#ifndef BC_PROTO_ETCD_JSON_H
#define BC_PROTO_ETCD_JSON_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

/* The object that `body` is, to be released with json_decref; NULL with a fault (may be NULL) for anything else. Texts
 * may hold NUL bytes: one in somebody's value is a fault of this value, not of the list. */
json_t *bc_etcd_json_load(struct bc_str body, struct bc_fault *fault);

#endif
