/* Attempts of confined processes, for the tests of worker/confine. Each is made by a child that confined itself first;
 * it ends with its errno, 0 = it could do it. */
#ifndef CONFINE_HARNESS_H
#define CONFINE_HARNESS_H

#include "worker/confine.h"

#include <errno.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { NOBODY = 65534, NOT_CONFINED = 250, REFUSE_SECCOMP = 1, REFUSE_LANDLOCK = 2, WAIT_MS = 20000 };

typedef int attempt_fn(void);

struct way {
  enum bc_confine_reach reach;
  uid_t uid; /* 0: as we are */
  int refused;
  attempt_fn *before; /* may be NULL */
  char *text;         /* may be NULL: shared memory for what is in force */
};

static void refuse(int what) {
  const struct scmp_arg_cmp set_seccomp = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = PR_SET_SECCOMP};
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if ((what & REFUSE_SECCOMP) != 0) {
    (void)seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(seccomp), 0);
    (void)seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1, set_seccomp);
  }
  if ((what & REFUSE_LANDLOCK) != 0) {
    (void)seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), 444, 0);
  }
  if (seccomp_load(filter) != 0) {
    _exit(NOT_CONFINED);
  }
  seccomp_release(filter);
}

static int confined(attempt_fn *attempt, struct way way) {
  (void)fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    char text[BC_CONFINE_TEXT_BYTES];
    struct bc_fault fault;
    if (way.before != NULL && way.before() != 0) {
      _exit(NOT_CONFINED);
    }
    if (way.uid != 0 && (setgid(way.uid) != 0 || setuid(way.uid) != 0)) {
      _exit(NOT_CONFINED);
    }
    if (way.refused != 0) {
      refuse(way.refused);
    }
    if (bc_confine_process(way.reach, text, &fault) != BC_ERR_OK) {
      _exit(NOT_CONFINED);
    }
    if (way.text != NULL) {
      memcpy(way.text, text, sizeof text);
    }
    errno = 0;
    _exit(attempt());
  }
  assert_true(pid > 0);
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static inline int judge(bool could) {
  return could ? 0 : errno != 0 ? errno : 249;
}

#endif
