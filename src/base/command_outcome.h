/* What became of a command of a Lua check (exec.run), as core and its workers tell it. */
#ifndef BC_BASE_COMMAND_OUTCOME_H
#define BC_BASE_COMMAND_OUTCOME_H

enum bc_command_outcome {
  BC_COMMAND_EXITED,     /* by itself */
  BC_COMMAND_SIGNALLED,  /* by a signal */
  BC_COMMAND_TIMED_OUT,  /* it was killed */
  BC_COMMAND_DENIED,     /* no rule of the node file allows it */
  BC_COMMAND_LIMIT,      /* BC_LIMIT_EXEC_AT_ONCE run */
  BC_COMMAND_NOT_FOUND,  /* there is no such program */
  BC_COMMAND_PERMISSION, /* it cannot be executed */
  BC_COMMAND_FAILED,     /* the worker ended under it, no process could be made, … */
  BC_COMMAND_OUTCOMES
};

#endif
