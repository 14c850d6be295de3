#include "worker/exec_private.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DIR_PREFIX "bgpcommander-exec."

enum { DIR_TRIES = 8, DIR_WALK_FDS = 16 };

static int dir_remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info;
  (void)kind;
  (void)walk;
  /* What cannot be removed must not keep the rest. */
  (void)remove(path);
  return 0;
}

static void dir_remove_tree(const char *path) {
  (void)nftw(path, dir_remove_entry, DIR_WALK_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static char *dir_join(const char *folder, const char *name) {
  size_t room = strlen(folder) + strlen(name) + 2;
  char *path = bc_mem_new(room, 1);
  (void)snprintf(path, room, "%s/%s", folder, name);
  return path;
}

/* The lock is what tells a living worker's directory from a dead one's; it also keeps systemd-tmpfiles
 * away. Returns the descriptor, -1 with errno when it is taken (EWOULDBLOCK), not ours, or no directory. */
static int dir_lock(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    return -1;
  }
  struct stat info;
  int err = fstat(fd, &info) != 0 ? errno : info.st_uid != geteuid() ? EPERM : 0;
  if (err == 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
    err = errno;
  }
  if (err != 0) {
    (void)close(fd);
    errno = err;
    return -1;
  }
  return fd;
}

static void dir_remove_stale(const char *base) {
  DIR *listing = opendir(base);
  if (listing == NULL) {
    return;
  }
  struct dirent *entry;
  while ((entry = readdir(listing)) != NULL) {
    if (strncmp(entry->d_name, DIR_PREFIX, strlen(DIR_PREFIX)) != 0) {
      continue;
    }
    char *path = dir_join(base, entry->d_name);
    int fd = dir_lock(path);
    if (fd >= 0) {
      dir_remove_tree(path);
      (void)close(fd);
    }
    free(path);
  }
  (void)closedir(listing);
}

void exec_dir_init(struct exec_dir *dir, const char *base) {
  char *absolute = realpath(base, NULL);
  *dir = (struct exec_dir){.base = absolute == NULL ? bc_mem_copy_string(base) : absolute, .fd = -1};
  dir_remove_stale(dir->base);
}

static void dir_close(struct exec_dir *dir) {
  if (dir->fd >= 0) {
    (void)close(dir->fd);
  }
  free(dir->path);
  dir->path = NULL;
  dir->fd = -1;
}

/* Whether `path` still leads to the directory that we hold. */
static bool dir_is_there(const struct exec_dir *dir) {
  struct stat held;
  struct stat found;
  return dir->fd >= 0 && fstat(dir->fd, &held) == 0 && lstat(dir->path, &found) == 0 && held.st_dev == found.st_dev &&
         held.st_ino == found.st_ino;
}

/* By the path, as execve goes: another mount may lie over the one that we hold. */
static bool dir_is_noexec(const struct exec_dir *dir) {
  struct statvfs mount;
  return statvfs(dir->path, &mount) == 0 && (mount.f_flag & ST_NOEXEC) != 0;
}

bool exec_dir_turned_noexec(struct exec_dir *dir) {
  bool was_noexec = dir->is_noexec;
  dir->is_noexec = dir_is_noexec(dir);
  return dir->is_noexec && !was_noexec;
}

bool exec_dir_is_fit(const struct exec_dir *dir, const char *name) {
  char *path = dir_join(dir->path, name);
  bool is_fit = faccessat(AT_FDCWD, path, dir->is_noexec ? R_OK : X_OK, AT_EACCESS) == 0;
  free(path);
  return is_fit;
}

static enum bc_err dir_make(struct exec_dir *dir, struct bc_fault *fault) {
  dir_close(dir);
  for (int i = 0; i < DIR_TRIES; i++) {
    dir->path = dir_join(dir->base, DIR_PREFIX "XXXXXX");
    if (mkdtemp(dir->path) == NULL) {
      bc_fault_set(fault, 0, "cannot make a directory in %s: %s", dir->base, strerror(errno));
      dir_close(dir);
      return BC_ERR_IO;
    }
    dir->fd = dir_lock(dir->path);
    int err = dir->fd < 0 ? errno : 0;
    /* Another worker that starts now may have taken it for a stale one before we had the lock. */
    if (dir_is_there(dir)) {
      dir->is_noexec = dir_is_noexec(dir);
      return BC_ERR_OK;
    }
    (void)rmdir(dir->path);
    dir_close(dir);
    if (err != 0 && err != EWOULDBLOCK && err != ENOENT) {
      bc_fault_set(fault, 0, "cannot lock a directory in %s: %s (-p needs a file system with locks)", dir->base,
                   strerror(err));
      return BC_ERR_IO;
    }
  }
  bc_fault_set(fault, 0, "cannot lock a directory in %s: each that was made was taken or removed at once by another",
               dir->base);
  return BC_ERR_IO;
}

/* A new file in place of the old: the old one may be running (ETXTBSY), and a shell that still reads
 * it must not see two halves. */
static int dir_write_file(int folder, const char *name, const char *bytes, size_t len) {
  static const char temporary[] = ".new";
  (void)unlinkat(folder, temporary, 0);
  int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700);
  if (fd < 0) {
    return errno;
  }
  int err = fchmod(fd, 0700) == 0 ? bc_file_write_all(fd, bytes, len) : errno;
  if (close(fd) != 0 && err == 0) {
    err = errno;
  }
  if (err == 0 && renameat(folder, temporary, folder, name) != 0) {
    err = errno;
  }
  if (err != 0) {
    (void)unlinkat(folder, temporary, 0);
  }
  return err;
}

enum bc_err exec_dir_provide(struct exec_dir *dir, const char *name, const char *bytes, size_t len, bool is_written,
                             struct bc_fault *fault) {
  bool was_there = dir_is_there(dir);
  if (!was_there) {
    if (dir->path != NULL) {
      bc_log(BC_LOG_WARNING, "%s was removed: making another", dir->path);
    }
    enum bc_err err = dir_make(dir, fault);
    if (err != BC_ERR_OK) {
      return err;
    }
  }
  struct stat info;
  if (is_written && fstatat(dir->fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
      (size_t)info.st_size == len) {
    return BC_ERR_OK;
  }
  int problem = dir_write_file(dir->fd, name, bytes, len);
  if (problem != 0) {
    bc_fault_set(fault, 0, "cannot write %s/%s: %s", dir->path, name, strerror(problem));
    return BC_ERR_IO;
  }
  return BC_ERR_OK;
}

void exec_dir_remove_file(struct exec_dir *dir, const char *name) {
  if (dir->fd >= 0) {
    (void)unlinkat(dir->fd, name, 0);
  }
}

void exec_dir_free(struct exec_dir *dir) {
  if (dir_is_there(dir)) {
    dir_remove_tree(dir->path);
  }
  dir_close(dir);
  free(dir->base);
  dir->base = NULL;
}
