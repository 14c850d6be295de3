/* A network namespace of the test's own, with loopback and nothing else: who is neither root nor allowed to make a user
 * namespace has none. */
#ifndef BC_TESTS_OWN_NETWORK_H
#define BC_TESTS_OWN_NETWORK_H

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static inline bool own_network_write(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  bool is_fine = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  if (fd >= 0) {
    (void)close(fd);
  }
  return is_fine;
}

/* As root of a user namespace. */
static inline bool own_network_unshare(void) {
  char users[64];
  char groups[64];
  (void)snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
  (void)snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
  return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && own_network_write("/proc/self/setgroups", "deny") &&
         own_network_write("/proc/self/uid_map", users) && own_network_write("/proc/self/gid_map", groups);
}

/* To be called before there is a second thread. False, said why: there is none, the tests that need it are skipped. */
static inline bool own_network_make(void) {
  struct ifreq lo = {.ifr_name = "lo"};
  bool is_made = (unshare(CLONE_NEWNET) == 0 || own_network_unshare());
  int fd = is_made ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
  bool is_up = false;
  if (fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &lo) == 0) {
    lo.ifr_flags = (short)(lo.ifr_flags | IFF_UP);
    is_up = ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
  }
  if (fd >= 0) {
    (void)close(fd);
  }
  if (!is_up) {
    (void)fprintf(stderr, "no network namespace can be made here: tests that need one are skipped\n");
  }
  return is_up;
}

/* At the beginning of a test that needs it: skips it where own_network_make gave false. */
#define NEEDS_NETWORK(has_network)                                                                                     \
  do {                                                                                                                 \
    if (!(has_network)) {                                                                                              \
      skip();                                                                                                          \
    }                                                                                                                  \
  } while (0)

/* Who may ping in it: "1 0" nobody, "0 0" root's group. */
static inline bool own_network_allow_ping(const char *groups) {
  return own_network_write("/proc/sys/net/ipv4/ping_group_range", groups);
}

/* Whether the kernel answers echo requests itself. */
static inline bool own_network_answer_ping(bool answers) {
  const char *text = answers ? "0" : "1";
  return own_network_write("/proc/sys/net/ipv4/icmp_echo_ignore_all", text) &&
         own_network_write("/proc/sys/net/ipv6/icmp/echo_ignore_all", text);
}

#endif
