/* A check gone bad: tries to reach the daemon's processes in every way that the same user might be granted, and writes
 * one line per attempt: "PID WHAT granted|refused". Usage: hostile WORD: attacks the processes named bgpcommander whose
 * command lines hold WORD (a path of this lab, so that no other is touched). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char poison[] = "announce route 0.0.0.0/0 next-hop self\n";

static void tell(long pid, const char *what, int is_granted) {
  printf("%ld %s %s\n", pid, what, is_granted ? "granted" : "refused");
}

static int is_target(long pid, const char *word) {
  char path[64];
  char words[4096] = {0};
  (void)snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return 0;
  }
  ssize_t length = read(fd, words, sizeof words - 1);
  (void)close(fd);
  const char *slash = strrchr(words, '/');
  return length > 0 && strncmp(slash == NULL ? words : slash + 1, "bgpcommander", 12) == 0 &&
         memmem(words, (size_t)length, word, strlen(word)) != NULL;
}

static void attack_descriptors(long pid) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%ld/fd", pid);
  DIR *directory = opendir(path);
  tell(pid, "list-descriptors", directory != NULL);
  if (directory != NULL) {
    (void)closedir(directory);
  }
  for (int number = 0; number < 64; number++) {
    (void)snprintf(path, sizeof path, "/proc/%ld/fd/%d", pid, number);
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) {
      int is_written = write(fd, poison, sizeof poison - 1) > 0;
      tell(pid, number == 1 ? "write-stdout" : "write-descriptor", is_written);
      (void)close(fd);
    }
  }
}

static void attack_memory(long pid) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%ld/mem", pid);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  tell(pid, "open-memory", fd >= 0);
  if (fd >= 0) {
    (void)close(fd);
  }
  char byte = 0;
  struct iovec local = {&byte, 1};
  struct iovec remote = {(void *)(uintptr_t)&poison, 1};
  ssize_t got = process_vm_readv((pid_t)pid, &local, 1, &remote, 1, 0);
  tell(pid, "read-memory", got >= 0 || errno == EFAULT);
  long attached = ptrace(PTRACE_ATTACH, (pid_t)pid, NULL, NULL);
  tell(pid, "ptrace", attached == 0);
  if (attached == 0) {
    (void)waitpid((pid_t)pid, NULL, __WALL);
    (void)ptrace(PTRACE_DETACH, (pid_t)pid, NULL, NULL);
  }
}

static void attack_pidfd(long pid) {
#if defined SYS_pidfd_open && defined SYS_pidfd_getfd
  int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
  int stolen = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, 1, 0);
  tell(pid, "steal-descriptor", stolen >= 0);
  if (stolen >= 0) {
    (void)!write(stolen, poison, sizeof poison - 1);
    (void)close(stolen);
  }
  if (pidfd >= 0) {
    (void)close(pidfd);
  }
#else
  (void)pid;
#endif
}

int main(int argc, char **argv) {
  DIR *all = opendir("/proc");
  if (argc != 2 || all == NULL) {
    return 2;
  }
  for (struct dirent *entry = readdir(all); entry != NULL; entry = readdir(all)) {
    char *end = NULL;
    long pid = strtol(entry->d_name, &end, 10);
    if (*end == '\0' && pid > 0 && is_target(pid, argv[1])) {
      tell(pid, "found", 1);
      attack_descriptors(pid);
      attack_memory(pid);
      attack_pidfd(pid);
    }
  }
  (void)closedir(all);
  for (int fd = 0; fd < 256; fd++) {
    (void)!write(fd == 1 ? 2 : fd, poison, sizeof poison - 1);
  }
  return 0;
}
