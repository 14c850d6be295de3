/* What the build makes of lua/checks/ and lua/policies/ (src/model/ready_made.cmake); only ready_made.c uses it. */
#ifndef BC_MODEL_READY_MADE_LIST_H
#define BC_MODEL_READY_MADE_LIST_H

#include "model/ready_made.h"

/* By kind, then by name; one more at the end, without a name. */
extern const struct bc_ready_made bc_ready_made_list[];

#endif
