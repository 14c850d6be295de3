#include "base/harden.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* By number where the kernel's headers may be older than the kernel. */
enum { HARDEN_CAP_PERFMON = 38, HARDEN_CAP_BPF = 39 };

static enum bc_err harden_read(struct __user_cap_data_struct *data, struct bc_fault *fault) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  if (syscall(SYS_capget, &header, data) != 0) {
    bc_fault_set(fault, 0, "capget: %s", strerror(errno));
    return BC_ERR_IO;
  }
  return BC_ERR_OK;
}

/* Root's programs get theirs from the bounding set: there is nothing to pass on, and what root has itself says little.
 */
static void harden_reduce(struct __user_cap_data_struct *data, enum bc_harden_net_admin net_admin) {
  for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
    uint32_t own = i == CAP_TO_INDEX(CAP_NET_ADMIN) ? data[i].permitted & CAP_TO_MASK(CAP_NET_ADMIN) : 0;
    data[i].inheritable = 0;
    if (geteuid() != 0) {
      data[i].inheritable = net_admin == BC_HARDEN_NET_ADMIN_PASS ? own : 0;
      data[i].permitted = net_admin == BC_HARDEN_NET_ADMIN_NONE ? 0 : own;
      data[i].effective = net_admin == BC_HARDEN_NET_ADMIN_USE ? own : 0;
    }
  }
}

static enum bc_err harden_capabilities(enum bc_harden_net_admin net_admin, bool *has_it, struct bc_fault *fault) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
  memset(data, 0, sizeof data);
  enum bc_err err = harden_read(data, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  harden_reduce(data, net_admin);
  if (syscall(SYS_capset, &header, data) != 0) {
    bc_fault_set(fault, 0, "capset: %s", strerror(errno));
    return BC_ERR_IO;
  }
  uint32_t own = data[CAP_TO_INDEX(CAP_NET_ADMIN)].permitted & CAP_TO_MASK(CAP_NET_ADMIN);
  *has_it = own != 0 && net_admin != BC_HARDEN_NET_ADMIN_NONE;
  if (*has_it && net_admin == BC_HARDEN_NET_ADMIN_PASS && geteuid() != 0) {
    *has_it = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) == 0;
  }
  if (*has_it && net_admin == BC_HARDEN_NET_ADMIN_USE && geteuid() == 0) {
    /* Else root's checks would have it all the same. */
    *has_it = prctl(PR_CAPBSET_DROP, CAP_NET_ADMIN, 0, 0, 0) == 0;
  }
  return BC_ERR_OK;
}

enum bc_err bc_harden_process_with(mode_t mask, enum bc_harden_net_admin net_admin, bool *has_it,
                                   struct bc_fault *fault) {
  bool ignored;
  (void)umask(mask);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    bc_fault_set(fault, 0, "prctl(PR_SET_DUMPABLE): %s", strerror(errno));
    return BC_ERR_IO;
  }
  /* EINVAL: a kernel before 4.3 has no ambient capabilities to drop. */
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) {
    bc_fault_set(fault, 0, "prctl(PR_CAP_AMBIENT): %s", strerror(errno));
    return BC_ERR_IO;
  }
  return harden_capabilities(net_admin, has_it == NULL ? &ignored : has_it, fault);
}

enum bc_err bc_harden_process(mode_t mask, struct bc_fault *fault) {
  return bc_harden_process_with(mask, BC_HARDEN_NET_ADMIN_NONE, NULL, fault);
}

enum bc_err bc_harden_tie_to_parent(pid_t parent, int death_signal, struct bc_fault *fault) {
  if (prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0) {
    bc_fault_set(fault, 0, "prctl(PR_SET_PDEATHSIG): %s", strerror(errno));
    return BC_ERR_IO;
  }
  /* It may have died before the kernel knew our wish. */
  if (getppid() != parent) {
    bc_fault_set(fault, 0, "the parent process %d is gone", (int)parent);
    return BC_ERR_CLOSED;
  }
  return BC_ERR_OK;
}

pid_t bc_harden_peer(int fd) {
  struct ucred peer;
  socklen_t len = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || len != sizeof peer) {
    return 0;
  }
  return peer.pid;
}

bool bc_harden_bound_capabilities(void) {
  static const int dropped[] = {CAP_SYS_PTRACE, CAP_SYS_ADMIN,  CAP_SYS_MODULE,
                                CAP_SYS_RAWIO,  HARDEN_CAP_BPF, HARDEN_CAP_PERFMON};
  bool all = true;
  for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++) {
    int has = prctl(PR_CAPBSET_READ, dropped[i], 0, 0, 0);
    if (has == 1 && prctl(PR_CAPBSET_DROP, dropped[i], 0, 0, 0) != 0) {
      all = false;
    }
  }
  return all;
}
