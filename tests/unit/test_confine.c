#include "confine_harness.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ---- attempts ---- */

static int read_passwd(void) {
  return judge(open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0);
}

static int read_own_program(void) {
  return judge(open("/usr/bin/env", O_RDONLY | O_CLOEXEC) >= 0);
}

static int list_tmp(void) {
  return judge(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0);
}

static int make_file(void) {
  return judge(open("/tmp/bc-confine-test", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0);
}

static int make_nameless_file(void) {
  return judge(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) >= 0);
}

static int write_device(void) {
  return judge(open("/dev/null", O_WRONLY | O_CLOEXEC) >= 0);
}

static int make_directory(void) {
  return judge(mkdir("/tmp/bc-confine-test", 0700) == 0);
}

static int remove_file(void) {
  return judge(unlink("/tmp/bc-confine-nothing") == 0);
}

static int run_program(void) {
  char *argv[] = {(char[]){"true"}, NULL};
  char *none[] = {NULL};
  (void)execve("/bin/true", argv, none);
  return judge(false);
}

static int be_two(void) {
  pid_t pid = fork();
  if (pid == 0) {
    _exit(0);
  }
  return judge(pid > 0);
}

static int trace_parent(void) {
  return judge(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0);
}

static int read_parents_memory(void) {
  char byte;
  struct iovec to = {.iov_base = &byte, .iov_len = 1};
  return judge(syscall(SYS_process_vm_readv, getppid(), &to, 1, &to, 1, 0) == 1);
}

static int signal_parent(void) {
  return judge(kill(getppid(), 0) == 0);
}

static int signal_parents_thread(void) {
  return judge(syscall(SYS_tgkill, getppid(), getppid(), 0) == 0);
}

static int own_signals_of_a_socket(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return judge(fcntl(fd, F_SETOWN, getppid()) == 0);
}

static int open_unix_socket(void) {
  return judge(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
}

static int open_netlink_socket(void) {
  return judge(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0);
}

static int open_packet_socket(void) {
  return judge(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0);
}

static int open_raw_socket(void) {
  return judge(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP) >= 0);
}

static int pair_of_datagrams(void) {
  int ends[2];
  return judge(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0);
}

static int listen_at_a_port(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in any = {.sin_family = AF_INET};
  return judge(bind(fd, (struct sockaddr *)&any, sizeof any) == 0);
}

static int run_data(void) {
  return judge(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static int make_data_executable(void) {
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return judge(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
}

static int leave_the_user(void) {
  return judge(setuid(1) == 0);
}

static int enter_a_namespace(void) {
  return judge(unshare(CLONE_NEWNET) == 0);
}

static int push_a_character(void) {
  return judge(ioctl(STDERR_FILENO, TIOCSTI, "x") == 0);
}

static int raise_a_limit(void) {
  const struct rlimit none = {.rlim_cur = 64, .rlim_max = 64};
  return judge(setrlimit(RLIMIT_NPROC, &none) == 0);
}

static int abort_itself(void) {
  abort();
}

static int do_what_is_needed(void) {
  static const char *const files[] = {"/etc/hosts", "/etc/resolv.conf", "/dev/urandom"};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    int fd = open(files[i], O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT) {
      return errno;
    }
  }
  struct rlimit is;
  char *much = malloc((size_t)100 << 20);
  bool is_fine = much != NULL && getrlimit(RLIMIT_NOFILE, &is) == 0 && is.rlim_cur > 64 && is.rlim_cur <= 8192;
  is_fine = is_fine && getrlimit(RLIMIT_CORE, &is) == 0 && is.rlim_max == 0;
  free(much);
  return is_fine ? 0 : 248;
}

static int read_hosts(void) {
  return judge(open("/etc/hosts", O_RDONLY | O_CLOEXEC) >= 0);
}

static int open_internet_socket(void) {
  return judge(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
}

static int open_datagram_socket(void) {
  return judge(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
}

static int pair_of_streams(void) {
  int ends[2];
  return judge(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
}

/* Of one that was open before. */
static int before_fd;

static int connect_by_what_is_open(void) {
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = 9, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  return judge(connect(before_fd, (struct sockaddr *)&there, sizeof there) == 0);
}

static int open_before(void) {
  before_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return before_fd < 0;
}

static int nothing(void) {
  return 0;
}

/* ---- what a confined process cannot do ---- */

static const struct {
  const char *name;
  attempt_fn *attempt;
  int expected; /* an errno, or the negative number of a signal */
} attempts[] = {
    {"read passwd", read_passwd, EACCES},
    {"read a program", read_own_program, EACCES},
    {"list /tmp", list_tmp, EACCES},
    {"make a file", make_file, EPERM},
    {"make a file without a name", make_nameless_file, EPERM},
    {"write a device", write_device, EPERM},
    {"make a directory", make_directory, EPERM},
    {"remove a file", remove_file, EPERM},
    {"run a program", run_program, -SIGSYS},
    {"read another's memory", read_parents_memory, -SIGSYS},
    {"a namespace", enter_a_namespace, -SIGSYS},
    {"signal another", signal_parent, EPERM},
    {"signal another's thread", signal_parents_thread, EPERM},
    {"signals of a socket", own_signals_of_a_socket, EPERM},
    {"UNIX socket", open_unix_socket, EPERM},
    {"netlink socket", open_netlink_socket, EPERM},
    {"packet socket", open_packet_socket, EPERM},
    {"raw socket", open_raw_socket, EPERM},
    {"pair of datagrams", pair_of_datagrams, EPERM},
    {"listen", listen_at_a_port, EPERM},
    {"run data", run_data, EPERM},
    {"make data executable", make_data_executable, EPERM},
    {"another user", leave_the_user, EPERM},
    {"push into the terminal", push_a_character, EPERM},
    {"raise a limit", raise_a_limit, EPERM},
    {"abort", abort_itself, -SIGABRT},
    {"what it needs", do_what_is_needed, 0},
};

static void try_all(struct way way) {
  for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
    int got = confined(attempts[i].attempt, way);
    if (got != attempts[i].expected) {
      fail_msg("%s: %d, expected %d", attempts[i].name, got, attempts[i].expected);
    }
  }
  /* With the sanitizer its leak check has to make a helper that traces us. */
  if (!SANITIZED) {
    assert_int_equal(confined(trace_parent, way), -SIGSYS);
    assert_int_equal(confined(be_two, way), EPERM);
  } else if (way.uid != 0 || geteuid() != 0) {
    assert_int_equal(confined(be_two, way), EAGAIN);
    assert_int_equal(confined(trace_parent, way), EPERM);
  }
}

static char *shared_text(void) {
  char *text = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(text != MAP_FAILED);
  return text;
}

static void a_confined_process_can_do_nothing_to_others(void **state) {
  (void)state;
  try_all((struct way){0});
}

static void one_that_is_alone_reaches_no_network_and_no_file(void **state) {
  (void)state;
  static const struct {
    attempt_fn *attempt;
    int with_network;
    int alone;
  } more[] = {
      {read_hosts, 0, EACCES},
      {open_internet_socket, 0, EPERM},
      {open_datagram_socket, 0, EPERM},
      {pair_of_streams, 0, EPERM},
      {connect_by_what_is_open, ECONNREFUSED, EPERM},
      {nothing, 0, 0},
  };
  for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
    assert_int_equal(confined(more[i].attempt, (struct way){.before = open_before}), more[i].with_network);
    assert_int_equal(confined(more[i].attempt, (struct way){.before = open_before, .reach = BC_CONFINE_ALONE}),
                     more[i].alone);
  }
  for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
    if (attempts[i].expected != 0) {
      assert_int_equal(confined(attempts[i].attempt, (struct way){.reach = BC_CONFINE_ALONE}), attempts[i].expected);
    }
  }
  char *text = shared_text();
  assert_int_equal(confined(nothing, (struct way){.text = text, .reach = BC_CONFINE_ALONE}), 0);
  assert_non_null(strstr(text, ", seccomp, no network"));
  struct way without = {.text = text, .reach = BC_CONFINE_ALONE, .refused = REFUSE_SECCOMP};
  assert_int_equal(confined(read_hosts, without), EACCES);
  assert_null(strstr(text, "no network"));
  (void)munmap(text, 4096);
}

static void an_ordinary_user_is_confined_the_same(void **state) {
  (void)state;
  if (geteuid() != 0) {
    skip();
  }
  try_all((struct way){.uid = NOBODY});
}

/* ---- where the kernel lacks a layer ---- */

static void what_is_in_force_is_told(void **state) {
  (void)state;
  char *text = shared_text();
  assert_int_equal(confined(nothing, (struct way){.text = text}), 0);
  assert_non_null(strstr(text, "no_new_privs, rlimits"));
  assert_non_null(strstr(text, ", landlock "));
  assert_non_null(strstr(text, ", seccomp"));
  (void)munmap(text, 4096);
}

static void without_seccomp_the_rest_holds(void **state) {
  (void)state;
  char *text = shared_text();
  struct way way = {.uid = geteuid() == 0 ? NOBODY : 0, .refused = REFUSE_SECCOMP, .text = text};
  assert_int_equal(confined(do_what_is_needed, way), 0);
  assert_non_null(strstr(text, "no_new_privs, rlimits"));
  assert_non_null(strstr(text, ", landlock "));
  assert_null(strstr(text, "seccomp"));
  assert_int_equal(confined(read_passwd, way), EACCES);
  assert_int_equal(confined(make_file, way), EACCES);
  assert_int_equal(confined(write_device, way), EACCES);
  assert_int_equal(confined(make_directory, way), EACCES);
  assert_int_equal(confined(run_program, way), EACCES);
  assert_int_equal(confined(be_two, way), EAGAIN);
  if (strcmp(strstr(text, "landlock ") + strlen("landlock "), "4") >= 0) {
    assert_int_equal(confined(listen_at_a_port, way), EACCES);
  }
  (void)munmap(text, 4096);
}

static void without_landlock_the_rest_holds(void **state) {
  (void)state;
  char *text = shared_text();
  struct way way = {.refused = REFUSE_LANDLOCK, .text = text};
  assert_int_equal(confined(do_what_is_needed, way), 0);
  assert_null(strstr(text, "landlock"));
  assert_non_null(strstr(text, "seccomp"));
  assert_int_equal(confined(read_passwd, way), 0);
  assert_int_equal(confined(make_file, way), EPERM);
  assert_int_equal(confined(run_program, way), -SIGSYS);
  (void)munmap(text, 4096);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_confined_process_can_do_nothing_to_others),
      cmocka_unit_test(one_that_is_alone_reaches_no_network_and_no_file),
      cmocka_unit_test(an_ordinary_user_is_confined_the_same),
      cmocka_unit_test(what_is_in_force_is_told),
      cmocka_unit_test(without_seccomp_the_rest_holds),
      cmocka_unit_test(without_landlock_the_rest_holds),
  };
  (void)signal(SIGPIPE, SIG_IGN);
  /* A test that failed may have made it. */
  (void)unlink("/tmp/bc-confine-test");
  (void)rmdir("/tmp/bc-confine-test");
  return cmocka_run_group_tests(tests, NULL, NULL);
}
