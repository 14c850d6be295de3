#include "worker/confine.h"

#include "base/harden.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define CONFINE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONFINE_SANITIZED 1
#endif
#endif
#ifndef CONFINE_SANITIZED
#define CONFINE_SANITIZED 0
#endif

/* By number where the kernel's headers may be older than the kernel. */
enum {
  CONFINE_SYS_LANDLOCK_CREATE_RULESET = 444,
  CONFINE_SYS_LANDLOCK_ADD_RULE = 445,
  CONFINE_SYS_LANDLOCK_RESTRICT_SELF = 446,
  CONFINE_PR_SET_MDWE = 65,
  CONFINE_MDWE_REFUSE_EXEC_GAIN = 1
};

/* ---- capabilities, no_new_privs, limits ---- */

/* Also root's: it uses none. */
static enum bc_err confine_drop_capabilities(struct bc_fault *fault) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
  if (syscall(SYS_capset, &header, none) != 0) {
    bc_fault_set(fault, 0, "capset: %s", strerror(errno));
    return BC_ERR_IO;
  }
  return BC_ERR_OK;
}

static bool confine_no_new_privs(void) {
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* Also raises the soft limit, which is often 1,024. */
static bool confine_limit(__rlimit_resource_t resource, rlim_t most) {
  struct rlimit limit;
  if (getrlimit(resource, &limit) != 0) {
    return false;
  }
  limit.rlim_max = limit.rlim_max < most ? limit.rlim_max : most;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(resource, &limit) == 0;
}

static bool confine_rlimits(void) {
  bool is_fine = confine_limit(RLIMIT_NPROC, 0) && confine_limit(RLIMIT_CORE, 0) && confine_limit(RLIMIT_MEMLOCK, 0) &&
                 confine_limit(RLIMIT_MSGQUEUE, 0) && confine_limit(RLIMIT_NOFILE, BC_LIMIT_LUA_WORKER_FILES);
  if (is_fine && !CONFINE_SANITIZED && sizeof(void *) > 4) {
    is_fine = confine_limit(RLIMIT_AS, (rlim_t)BC_LIMIT_LUA_WORKER_MIB * 1024 * 1024);
  }
  return is_fine;
}

static bool confine_mdwe(void) {
  return prctl(CONFINE_PR_SET_MDWE, CONFINE_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0;
}

/* ---- Landlock (linux/landlock.h of a new kernel) ---- */

enum {
  LANDLOCK_FS_READ_FILE = 1 << 2,
  LANDLOCK_FS_READ_DIR = 1 << 3,
  LANDLOCK_FS_FIRST = (1 << 13) - 1, /* all rights of version 1 */
  LANDLOCK_FS_REFER = 1 << 13,       /* 2 */
  LANDLOCK_FS_TRUNCATE = 1 << 14,    /* 3 */
  LANDLOCK_FS_IOCTL_DEV = 1 << 15,   /* 5 */
  LANDLOCK_NET_BIND_TCP = 1 << 0,    /* 4; connects are judged by egress rules … */
  LANDLOCK_NET_CONNECT_TCP = 1 << 1, /* … where there are any */
  LANDLOCK_SCOPE_ALL = 3,            /* 6: abstract UNIX sockets, signals */
  LANDLOCK_ASK_VERSION = 1 << 0,
  LANDLOCK_BELOW_PATH = 1
};

struct landlock_ruleset {
  uint64_t fs;
  uint64_t net;   /* version 4 */
  uint64_t scope; /* version 6 */
};

struct landlock_path {
  uint64_t allowed;
  int32_t fd;
} __attribute__((packed));

/* What c-ares, libcurl and OpenSSL read: seen by strace, and where other distributions keep the same. Not /etc as a
 * whole, which holds passwords. */
static const char *const landlock_readable[] = {
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/services",
    "/etc/localtime",
    "/etc/ssl",
    "/etc/pki/tls",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/usr/lib/ssl",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/pki",
    "/usr/share/crypto-policies",
    "/usr/share/zoneinfo",
    "/var/lib/ca-certificates",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/dev/null",
    "/dev/urandom",
#if CONFINE_SANITIZED
    "/proc",
#endif
};

static long landlock_create(const struct landlock_ruleset *ruleset, size_t bytes, uint32_t flags) {
  return syscall(CONFINE_SYS_LANDLOCK_CREATE_RULESET, ruleset, bytes, flags);
}

/* What is not there needs no rule. */
static bool landlock_allow_read(int ruleset_fd, const char *path) {
  struct stat info;
  int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) {
    return true;
  }
  bool is_directory = fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
  struct landlock_path rule = {.fd = fd, .allowed = LANDLOCK_FS_READ_FILE};
  rule.allowed |= is_directory ? (uint64_t)LANDLOCK_FS_READ_DIR : 0;
  long result = syscall(CONFINE_SYS_LANDLOCK_ADD_RULE, ruleset_fd, LANDLOCK_BELOW_PATH, &rule, 0);
  (void)close(fd);
  return result == 0;
}

/* The version that is in force, 0: none. */
static int confine_landlock(enum bc_confine_reach reach) {
  int version = (int)landlock_create(NULL, 0, LANDLOCK_ASK_VERSION);
  if (version < 1) {
    return 0;
  }
  struct landlock_ruleset ruleset = {.fs = LANDLOCK_FS_FIRST};
  ruleset.fs |= version >= 2 ? (uint64_t)LANDLOCK_FS_REFER : 0;
  ruleset.fs |= version >= 3 ? (uint64_t)LANDLOCK_FS_TRUNCATE : 0;
  ruleset.fs |= version >= 5 ? (uint64_t)LANDLOCK_FS_IOCTL_DEV : 0;
  ruleset.net = version >= 4 ? (uint64_t)LANDLOCK_NET_BIND_TCP : 0;
  ruleset.net |= version >= 4 && reach == BC_CONFINE_ALONE ? (uint64_t)LANDLOCK_NET_CONNECT_TCP : 0;
  ruleset.scope = version >= 6 ? (uint64_t)LANDLOCK_SCOPE_ALL : 0;
  size_t bytes = version >= 6   ? sizeof ruleset
                 : version >= 4 ? offsetof(struct landlock_ruleset, scope)
                                : offsetof(struct landlock_ruleset, net);
  int fd = (int)landlock_create(&ruleset, bytes, 0);
  if (fd < 0) {
    return 0;
  }
  bool is_fine = true;
  for (size_t i = 0; is_fine && i < sizeof landlock_readable / sizeof landlock_readable[0]; i++) {
    bool is_wanted = reach == BC_CONFINE_NETWORK || (CONFINE_SANITIZED && strcmp(landlock_readable[i], "/proc") == 0);
    is_fine = !is_wanted || landlock_allow_read(fd, landlock_readable[i]);
  }
  is_fine = is_fine && syscall(CONFINE_SYS_LANDLOCK_RESTRICT_SELF, fd, 0) == 0;
  (void)close(fd);
  return is_fine ? version : 0;
}

/* ---- seccomp ---- */

/* With any arguments. None of them reaches another process, makes one, or changes a file. */
static const int seccomp_allowed[] = {
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    /* files that are open, or are opened for reading (below) */
    SCMP_SYS(access),
    SCMP_SYS(close),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(fstat),
    SCMP_SYS(fstatfs),
    SCMP_SYS(getdents64),
    SCMP_SYS(lseek),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(pread64),
    SCMP_SYS(read),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(readv),
    SCMP_SYS(stat),
    SCMP_SYS(statx),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    /* the loop */
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(pipe2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pselect6),
    SCMP_SYS(select),
    /* sockets that are open; no bind, listen, accept */
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    /* time, chance, itself */
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(futex),
    SCMP_SYS(getegid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getrusage),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid),
    SCMP_SYS(nanosleep),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sysinfo),
    SCMP_SYS(time),
    SCMP_SYS(timer_create),
    SCMP_SYS(timer_delete),
    SCMP_SYS(timer_gettime),
    SCMP_SYS(timer_settime),
    SCMP_SYS(uname),
};

/* Besides these, of who reaches out: socket() and socketpair() by their arguments, below. */
static const int seccomp_network[] = {SCMP_SYS(connect)};

/* No library that we use calls these: who does runs code of its own. Not clone and fork, which a library may try. */
static const int seccomp_deadly[] = {
    SCMP_SYS(add_key),
    SCMP_SYS(bpf),
    SCMP_SYS(chroot),
    SCMP_SYS(delete_module),
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(finit_module),
    SCMP_SYS(init_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(keyctl),
    SCMP_SYS(mount),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(pivot_root),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
#if !CONFINE_SANITIZED
    SCMP_SYS(ptrace),
#endif
    SCMP_SYS(setns),
    SCMP_SYS(umount2),
    SCMP_SYS(unshare),
    SCMP_SYS(userfaultfd),
};

#if CONFINE_SANITIZED
static const int confine_sanitizer[] = {SCMP_SYS(clone), SCMP_SYS(getdents), SCMP_SYS(prctl), SCMP_SYS(ptrace),
                                        SCMP_SYS(wait4)};
#endif

/* One argument of a call has to be such. */
struct seccomp_condition {
  int call;
  struct scmp_arg_cmp argument;
};

static bool seccomp_add_list(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count) {
  bool is_fine = true;
  for (size_t i = 0; is_fine && i < count; i++) {
    is_fine = seccomp_rule_add(filter, action, calls[i], 0) == 0;
  }
  return is_fine;
}

static bool seccomp_add_each(scmp_filter_ctx filter, const struct seccomp_condition *conditions, size_t count) {
  bool is_fine = true;
  for (size_t i = 0; is_fine && i < count; i++) {
    is_fine = seccomp_rule_add(filter, SCMP_ACT_ALLOW, conditions[i].call, 1, conditions[i].argument) == 0;
  }
  return is_fine;
}

static bool seccomp_add_network(scmp_filter_ctx filter) {
  const struct seccomp_condition conditions[] = {
      {SCMP_SYS(socket), {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_INET}},
      {SCMP_SYS(socket), {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_INET6}},
      /* A connected pair reaches nobody; one of datagrams could be connected anew. libcurl wakes itself by one. */
      {SCMP_SYS(socketpair),
       {.arg = 1,
        .op = SCMP_CMP_MASKED_EQ,
        .datum_a = (scmp_datum_t) ~(scmp_datum_t)(SOCK_CLOEXEC | SOCK_NONBLOCK),
        .datum_b = SOCK_STREAM}},
  };
  return seccomp_add_list(filter, SCMP_ACT_ALLOW, seccomp_network,
                          sizeof seccomp_network / sizeof seccomp_network[0]) &&
         seccomp_add_each(filter, conditions, sizeof conditions / sizeof conditions[0]);
}

static bool seccomp_add_conditions(scmp_filter_ctx filter) {
  const scmp_datum_t writes = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | O_PATH;
  const struct seccomp_condition conditions[] = {
      {SCMP_SYS(mmap), {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC}},
      {SCMP_SYS(mprotect), {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC}},
      {SCMP_SYS(open), {.arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = writes, .datum_b = O_RDONLY}},
      {SCMP_SYS(openat), {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = writes, .datum_b = O_RDONLY}},
      /* Not those by which a descriptor sends signals. */
      {SCMP_SYS(fcntl), {.arg = 1, .op = SCMP_CMP_LE, .datum_a = F_SETFL}},
      {SCMP_SYS(fcntl), {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = F_DUPFD_CLOEXEC}},
      {SCMP_SYS(ioctl), {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = FIONBIO}},
      {SCMP_SYS(ioctl), {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = FIONREAD}},
      {SCMP_SYS(ioctl), {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = FIOCLEX}},
      /* abort() */
      {SCMP_SYS(tgkill), {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid()}},
      {SCMP_SYS(prlimit64), {.arg = 2, .op = SCMP_CMP_EQ, .datum_a = 0}},
  };
  return seccomp_add_each(filter, conditions, sizeof conditions / sizeof conditions[0]);
}

static bool confine_seccomp(enum bc_confine_reach reach) {
  enum { LEVEL_KILL_PROCESS = 3 };
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  if (filter == NULL) {
    return false;
  }
  uint32_t kill = seccomp_api_get() >= LEVEL_KILL_PROCESS ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_KILL;
  bool is_fine =
      seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, kill) == 0 &&
      seccomp_add_list(filter, SCMP_ACT_ALLOW, seccomp_allowed, sizeof seccomp_allowed / sizeof seccomp_allowed[0]) &&
      seccomp_add_list(filter, kill, seccomp_deadly, sizeof seccomp_deadly / sizeof seccomp_deadly[0]) &&
      seccomp_add_conditions(filter) && (reach == BC_CONFINE_ALONE || seccomp_add_network(filter));
#if CONFINE_SANITIZED
  is_fine = is_fine && seccomp_add_list(filter, SCMP_ACT_ALLOW, confine_sanitizer,
                                        sizeof confine_sanitizer / sizeof confine_sanitizer[0]);
#endif
  is_fine = is_fine && seccomp_load(filter) == 0;
  seccomp_release(filter);
  return is_fine;
}

/* ---- all ---- */

static void confine_tell(char text[static BC_CONFINE_TEXT_BYTES], const char *layer) {
  size_t used = strlen(text);
  (void)snprintf(text + used, BC_CONFINE_TEXT_BYTES - used, "%s%s", used > 0 ? ", " : "", layer);
}

enum bc_err bc_confine_process(enum bc_confine_reach reach, char text[static BC_CONFINE_TEXT_BYTES],
                               struct bc_fault *fault) {
  char landlock[32];
  text[0] = '\0';
  enum bc_err err = bc_harden_process(022, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  (void)bc_harden_bound_capabilities();
  if (confine_no_new_privs()) {
    confine_tell(text, "no_new_privs");
  }
  if (confine_rlimits()) {
    confine_tell(text, "rlimits");
  }
  if (confine_mdwe()) {
    confine_tell(text, "mdwe");
  }
  int version = confine_landlock(reach);
  if (version > 0) {
    (void)snprintf(landlock, sizeof landlock, "landlock %d", version);
    confine_tell(text, landlock);
  }
  err = confine_drop_capabilities(fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  if (confine_seccomp(reach)) {
    confine_tell(text, reach == BC_CONFINE_ALONE ? "seccomp, no network" : "seccomp");
  }
  if (text[0] == '\0') {
    (void)snprintf(text, BC_CONFINE_TEXT_BYTES, "none");
  }
  return BC_ERR_OK;
}
