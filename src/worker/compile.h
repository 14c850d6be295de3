/* The role `@compile`: scripts through the compiler of the sandbox, for `bgpcommander lint`. Nothing is run.
 *
 * fd 0 gives frames (proto/frame.h): LUA_MODULE for each script, with a number of the asker's choice; its name does not
 * matter. On fd 1 come a dot before each, and at the end a line for each that does not compile, or that needs more
 * memory than the sandbox has: NUMBER, a tab, LINE (0 = not known), a tab, the reason. */
#ifndef BC_WORKER_COMPILE_H
#define BC_WORKER_COMPILE_H

/* Returns the exit code: 0 when all of the answer was written, 2 when the request was not understood. */
int bc_compile_worker_run(void);

#endif
