/* What each of our processes does to itself first, so that a check that runs as the same user cannot
 * reach its memory, its descriptors or its privileges. */
#ifndef BC_BASE_HARDEN_H
#define BC_BASE_HARDEN_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* Sets the umask, makes the process not dumpable (no ptrace, no /proc/PID/{fd,mem,environ} for others
 * of this user) and empties its ambient and inheritable capabilities, so that programs it starts get
 * none; an ordinary user's permitted and effective ones too. BC_ERR_IO with a fault when the kernel refuses: it is then
 * not safe to run checks. */
BC_MUST_CHECK enum bc_err bc_harden_process(mode_t mask, struct bc_fault *fault);

/* CAP_NET_ADMIN is the one capability that somebody of us uses: the exec worker, which sets service addresses. */
enum bc_harden_net_admin {
  BC_HARDEN_NET_ADMIN_NONE, /* as bc_harden_process */
  BC_HARDEN_NET_ADMIN_PASS, /* not in force here, but the roles that this process starts get it */
  BC_HARDEN_NET_ADMIN_USE   /* in force here, and no program started from here gets it */
};

/* bc_harden_process for those that pass it on or use it. An ordinary user keeps nothing but that one, if it has it
 * (AmbientCapabilities=); root keeps what it has, but with USE also drops NET_ADMIN from the bounding set.
 * `*has_it` (NULL is allowed): whether it can be passed on, or is in force. */
BC_MUST_CHECK enum bc_err bc_harden_process_with(mode_t mask, enum bc_harden_net_admin net_admin, bool *has_it,
                                                 struct bc_fault *fault);

/* For a process that must not outlive its parent: `death_signal` comes when `parent` ends.
 * BC_ERR_CLOSED when it has ended already. The parent's thread that started us counts as it. */
BC_MUST_CHECK enum bc_err bc_harden_tie_to_parent(pid_t parent, int death_signal, struct bc_fault *fault);

/* The process that made the socketpair of which `fd` is an end (SO_PEERCRED): for a worker its core,
 * whoever its parent is by now. 0 when it cannot be told. */
pid_t bc_harden_peer(int fd);

/* Drops from the bounding set what lets root look into other processes (SYS_PTRACE, SYS_ADMIN,
 * SYS_MODULE, SYS_RAWIO, BPF, PERFMON): no program started from here can have it again. False when the
 * kernel refused one, as without CAP_SETPCAP: an ordinary user, who cannot have them anyhow. */
bool bc_harden_bound_capabilities(void);

#endif
