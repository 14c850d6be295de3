/* What a process that runs scripts gives up for ever before the first of them, so that a flaw in Lua or in a library
 * gives its finder little. What scripts may do is the sandbox's subject; this is the wall behind it.
 *
 * In this order, each where the kernel has it:
 *   the umask, no dump, no tracing, no capability at all, root's neither (base/harden.h)
 *   no_new_privs   set-user-ID programs would give nothing
 *   rlimits        no child, no core file, BC_LIMIT_LUA_WORKER_FILES descriptors, BC_LIMIT_LUA_WORKER_MIB of address
 *                  space (not with AddressSanitizer, which needs more)
 *   mdwe           no memory that is or was written can be executed
 *   landlock N     (N: the kernel's version of it.) No file can be made, written or executed; only what TLS and name
 *                  resolution need can be read. No TCP port can be bound (4); no abstract UNIX socket of others, no
 *                  signal to others (6)
 *   seccomp        only listed system calls; all else fails with EPERM. What only an intruder calls (execve, ptrace,
 *                  process_vm_writev, bpf, mount …) ends the process with SIGSYS, so that core sees it, names the check
 *                  that ran and gives its script a strike. Sockets are IPv4 and IPv6 only, files are opened for reading
 *                  only, no memory can be made executable, signals go to this very process only
 *
 * BC_CONFINE_ALONE in place of BC_CONFINE_NETWORK: no socket can be made or connected, and no file be read at all.
 *
 * Descriptors that are open stay usable: the channel, the log, what was given on fd 0 and 1. Under AddressSanitizer the
 * leak check at the end needs a helper that traces us: there clone, ptrace, wait4, prctl and reading /proc stay allowed
 * (confine_sanitizer in the code), nothing else. */
#ifndef BC_WORKER_CONFINE_H
#define BC_WORKER_CONFINE_H

#include "base/err.h"

enum { BC_CONFINE_TEXT_BYTES = 96 };

enum bc_confine_reach {
  BC_CONFINE_NETWORK, /* connects and resolves names */
  BC_CONFINE_ALONE    /* has its open descriptors and nothing else */
};

/* `text`: what is in force, "no_new_privs, rlimits, mdwe, landlock 7, seccomp", or "none". With BC_CONFINE_ALONE "no
 * network" is in it when seccomp is. A layer that the kernel
 * refuses is left out; BC_ERR_IO with a fault only when not even bc_harden_process or the drop of the capabilities
 * worked: then no script must be run. Only for a process with one thread; once. */
BC_MUST_CHECK enum bc_err bc_confine_process(enum bc_confine_reach reach, char text[static BC_CONFINE_TEXT_BYTES],
                                             struct bc_fault *fault);

#endif
