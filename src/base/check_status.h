/* How the run of a check ended: exactly what happened, not what it means. One list for worker and core. */
#ifndef BC_BASE_CHECK_STATUS_H
#define BC_BASE_CHECK_STATUS_H

#include "base/enum_text.h"

/* name, text, what it means: PASS, FAIL or NEUTRAL (neutral never moves a counter) */
#define BC_CHECK_STATUS_LIST(X)                                                                                        \
  X(BC_CHECK_PASSED, "passed", BC_CHECK_PASS)                                                                          \
  X(BC_CHECK_FAILED, "failed", BC_CHECK_FAIL)               /* exit code other than 0, 126, 127 */                     \
  X(BC_CHECK_NOT_FOUND, "program not found", BC_CHECK_FAIL) /* exit code 127, or 126: not executable */                \
  X(BC_CHECK_SIGNALLED, "ended by a signal", BC_CHECK_FAIL) /* which we did not send */                                \
  X(BC_CHECK_TIMED_OUT, "timed out", BC_CHECK_FAIL)                                                                    \
  X(BC_CHECK_NOT_STARTED, "could not be started", BC_CHECK_NEUTRAL) /* our own trouble: fork, disk, limits */          \
  X(BC_CHECK_LOST, "lost", BC_CHECK_NEUTRAL)                        /* the worker died under it */                     \
  X(BC_CHECK_KILLED, "killed", BC_CHECK_NEUTRAL)                    /* by us, for its resources */                     \
  X(BC_CHECK_ERROR, "script error", BC_CHECK_NEUTRAL)               /* of a Lua check, as the next ones */             \
  X(BC_CHECK_BROKEN, "script error after a failed call", BC_CHECK_FAIL)                                                \
  X(BC_CHECK_REFUSED, "call refused by this node", BC_CHECK_NEUTRAL) /* egress, exec_allow, limits, rights */          \
  X(BC_CHECK_HELD_UP, "this node was held up", BC_CHECK_NEUTRAL)     /* the machine or the worker stood still in it */ \
  X(BC_CHECK_MEMORY, "out of memory", BC_CHECK_NEUTRAL)                                                                \
  X(BC_CHECK_QUARANTINED, "quarantined", BC_CHECK_NEUTRAL) /* not run any more, as it was killed too often */

enum bc_check_status { BC_CHECK_STATUS_LIST(BC_ENUM_MEMBER) BC_CHECK_STATUS_COUNT };

enum bc_check_meaning { BC_CHECK_PASS, BC_CHECK_FAIL, BC_CHECK_NEUTRAL };

#endif
