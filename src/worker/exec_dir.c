#include "worker/exec_private.h"

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
 * away. Returns the descriptor, -1 when it is taken, not ours, or no directory. */
static int dir_lock(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    return -1;
  }
  struct stat info;
  if (fstat(fd, &info) != 0 || info.st_uid != geteuid() || flock(fd, LOCK_EX | LOCK_NB) != 0) {
    (void)close(fd);
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
    /* Another worker that starts now may have taken it for a stale one before we had the lock. */
    if (dir_is_there(dir)) {
      struct statvfs mount;
      dir->is_noexec = fstatvfs(dir->fd, &mount) == 0 && (mount.f_flag & ST_NOEXEC) != 0;
      return BC_ERR_OK;
    }
    dir_close(dir);
  }
  bc_fault_set(fault, 0, "cannot lock a directory in %s", dir->base);
  return BC_ERR_IO;
}

static int dir_write_all(int fd, const char *bytes, size_t len) {
  while (len > 0) {
    ssize_t written = write(fd, bytes, len);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return written < 0 ? errno : ENOSPC;
    }
    bytes += written;
    len -= (size_t)written;
  }
  return 0;
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
  int err = fchmod(fd, 0700) == 0 ? dir_write_all(fd, bytes, len) : errno;
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
