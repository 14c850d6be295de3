/* How the run of a policy ended. One list for worker and core. */
#ifndef BC_BASE_POLICY_STATUS_H
#define BC_BASE_POLICY_STATUS_H

#include "base/enum_text.h"

/* name, text */
#define BC_POLICY_STATUS_LIST(X)                                                                                       \
  X(BC_POLICY_STATUS_DONE, "done")              /* it gave a verdict */                                                \
  X(BC_POLICY_STATUS_ERROR, "error")            /* it raised, does not compile, or what it returned is no verdict */   \
  X(BC_POLICY_STATUS_MEMORY, "out of memory")   /* it raised for want of memory */                                     \
  X(BC_POLICY_STATUS_KILLED, "killed")          /* over its CPU time */                                                \
  X(BC_POLICY_STATUS_UNKNOWN, "unknown policy") /* the worker was not told this policy */

enum bc_policy_status { BC_POLICY_STATUS_LIST(BC_ENUM_MEMBER) BC_POLICY_STATUS_COUNT };

#endif
