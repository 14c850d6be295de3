/* How the run of a check ended: exactly what happened, not what it means. One list for worker and core. */
#ifndef BC_BASE_CHECK_STATUS_H
#define BC_BASE_CHECK_STATUS_H

/* name, text, what it means: PASS, FAIL or NEUTRAL (neutral never moves a counter) */
#define BC_CHECK_STATUS_LIST(X)                                                                                        \
  X(PASSED, "passed", PASS)                                                                                            \
  X(FAILED, "failed", FAIL)               /* exit code other than 0, 126, 127 */                                       \
  X(NOT_FOUND, "program not found", FAIL) /* exit code 127, or 126: not executable */                                  \
  X(SIGNALLED, "ended by a signal", FAIL) /* which we did not send */                                                  \
  X(TIMED_OUT, "timed out", FAIL)                                                                                      \
  X(NOT_STARTED, "could not be started", NEUTRAL) /* our own trouble: fork, disk, limits */                            \
  X(LOST, "lost", NEUTRAL)                        /* the worker died under it */                                       \
  X(KILLED, "killed", NEUTRAL)                    /* by us, for its resources */

enum bc_check_status {
#define BC_CHECK_STATUS_ENUM(name, text, meaning) BC_CHECK_##name,
  BC_CHECK_STATUS_LIST(BC_CHECK_STATUS_ENUM)
#undef BC_CHECK_STATUS_ENUM
      BC_CHECK_STATUS_COUNT
};

enum bc_check_meaning { BC_CHECK_PASS, BC_CHECK_FAIL, BC_CHECK_NEUTRAL };

#endif
