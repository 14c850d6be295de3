/* Files of a directory store, replaced by an edit: all are compared and all new ones lie beside the old ones before the
 * first is replaced, under a lock that other edits of this machine wait for. */
#include "base/mono.h"
#include "io/dir_file.h"
#include "io/store_edit_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Hidden, so that no daemon takes it for a key. */
#define FILE_TEMPORARY ".bgpcommander-edit."

enum { FILE_LOCK_STEP_MS = 20, FILE_MODE = 0644, FILE_FOLDER_MODE = 0755 };

/* "routes/web/config": the folder, the file, and what it is called while it is written. */
struct file_place {
  char folder[BC_LIMIT_KEY_BYTES];
  const char *leaf; /* within the key */
  char temporary[BC_LIMIT_NAME_BYTES + 1 + sizeof FILE_TEMPORARY];
};

static void file_fail(struct bc_store_edit_job *job, const char *key) {
  char text[96];
  const char *why = errno == ELOOP || errno == ENOTDIR ? "a link on the way: edit what it leads to"
                                                       : bc_dir_error_text(errno, text, sizeof text);
  bc_store_edit_job_fail(job, BC_ERR_REFUSED, why, key);
}

static struct file_place file_place_of(const char *key) {
  struct file_place place = {.folder = ""};
  const char *slash = strrchr(key, '/');
  int len = slash == NULL ? 0 : (int)(slash - key + 1);
  (void)snprintf(place.folder, sizeof place.folder, "%.*s", len, key);
  place.leaf = key + len;
  (void)snprintf(place.temporary, sizeof place.temporary, FILE_TEMPORARY "%.*s", (int)BC_LIMIT_NAME_BYTES, place.leaf);
  return place;
}

/* What is new belongs to whom its folder belongs to. */
static void file_give(int fd, int folder_fd) {
  struct stat parent;
  if (geteuid() == 0 && fstat(folder_fd, &parent) == 0) {
    (void)!fchown(fd, parent.st_uid, parent.st_gid);
  }
}

static int file_make_folder(int at_fd, const char *name) {
  if (mkdirat(at_fd, name, FILE_FOLDER_MODE) != 0) {
    return -1;
  }
  int fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) {
    (void)!fchmod(fd, FILE_FOLDER_MODE);
    file_give(fd, at_fd);
  }
  return fd;
}

/* The folder of a key, or -1 and errno. No link below DIR is followed: who may write there could else let an
 * administrator write elsewhere. */
static int file_enter(int dir_fd, const char *folder, bool makes) {
  int fd = dup(dir_fd);
  struct bc_str rest = bc_str_of(folder);
  struct bc_str part;
  while (fd >= 0 && rest.len > 0 && bc_str_next_field(&rest, '/', &part) && part.len > 0) {
    char name[BC_LIMIT_KEY_BYTES];
    (void)snprintf(name, sizeof name, BC_STR_FMT, BC_STR_ARG(part));
    int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0 && errno == ENOENT && makes) {
      next = file_make_folder(fd, name);
    }
    int code = errno;
    (void)close(fd);
    errno = code;
    fd = next;
  }
  return fd;
}

static bool file_lock(struct bc_store_edit_job *job, int fd) {
  struct bc_mono end = bc_mono_add_ms(bc_mono_now(), job->timeout_ms / 2);
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const struct timespec step = {.tv_nsec = FILE_LOCK_STEP_MS * 1000000};
    if (errno != EWOULDBLOCK && errno != EINTR) {
      file_fail(job, "");
      return false;
    }
    if (bc_mono_reached(end, bc_mono_now())) {
      bc_store_edit_job_fail(job, BC_ERR_TIMEOUT, "another edit holds the lock", "");
      return false;
    }
    (void)nanosleep(&step, NULL);
  }
  return true;
}

/* ---- comparing ---- */

static void file_tell_clash(struct bc_store_edit_job *job, const struct bc_store_edit_step *step, bool is_there) {
  if (job->err == BC_ERR_OK) {
    job->err = BC_ERR_CONFLICT;
    bc_fault_set(&job->text, 0, "%s was %s by somebody else meanwhile: nothing is written; look at it and try again",
                 step->key,
                 !is_there             ? "removed"
                 : step->revision == 0 ? "made"
                                       : "changed");
  }
}

static void file_compare(struct bc_store_edit_job *job, int dir_fd, const struct bc_store_edit_step *step) {
  struct file_place place = file_place_of(step->key);
  struct bc_dir_file_answer answer = {.id = 0};
  struct bc_buf content;
  int fd = file_enter(dir_fd, place.folder, false);
  if (fd < 0 && errno != ENOENT) {
    file_fail(job, step->key);
    return;
  }
  bc_buf_init(&content, BC_LIMIT_SUBSCRIPTION_BYTES + 1);
  const struct bc_dir_file_request request = {
      .dir_fd = fd, .name = place.leaf, .bytes_most = BC_LIMIT_SUBSCRIPTION_BYTES};
  enum bc_dir_file found = fd < 0 ? BC_DIR_FILE_ABSENT : bc_dir_file_read(&request, &content, &answer);
  bc_buf_free(&content);
  if (fd >= 0) {
    (void)close(fd);
  }
  if (found == BC_DIR_FILE_UNREADABLE || found == BC_DIR_FILE_BROKEN) {
    bc_store_edit_job_fail(job, BC_ERR_REFUSED, answer.why, step->key);
  } else if (found == BC_DIR_FILE_READ && answer.is_link) {
    bc_store_edit_job_fail(job, BC_ERR_REFUSED, "a link: edit the file that it leads to", step->key);
  } else if ((found == BC_DIR_FILE_ABSENT ? 0 : answer.id) != step->revision) {
    file_tell_clash(job, step, found != BC_DIR_FILE_ABSENT);
  }
}

/* ---- writing ---- */

static bool file_write_all(int fd, const char *at, size_t len) {
  while (len > 0) {
    ssize_t written = write(fd, at, len);
    if (written < 0 && errno != EINTR) {
      return false;
    }
    at += written < 0 ? 0 : written;
    len -= written < 0 ? 0 : (size_t)written;
  }
  return true;
}

/* The owner and the mode of the old file, or those of the folder. */
static void file_dress(int fd, int folder_fd, const char *leaf) {
  struct stat old;
  if (fstatat(folder_fd, leaf, &old, AT_SYMLINK_NOFOLLOW) == 0) {
    (void)!fchown(fd, old.st_uid, old.st_gid);
    (void)!fchmod(fd, old.st_mode & 07777);
  } else {
    (void)!fchmod(fd, FILE_MODE);
    file_give(fd, folder_fd);
  }
}

/* The new file beside the old one. */
static void file_prepare(struct bc_store_edit_job *job, int dir_fd, const struct bc_store_edit_step *step) {
  struct file_place place = file_place_of(step->key);
  int folder_fd = file_enter(dir_fd, place.folder, true);
  if (folder_fd < 0) {
    file_fail(job, step->key);
    return;
  }
  (void)unlinkat(folder_fd, place.temporary, 0);
  int fd = openat(folder_fd, place.temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
  if (fd < 0) {
    file_fail(job, step->key);
  } else {
    bool ends = step->len > 0 && step->value[step->len - 1] == '\n';
    file_dress(fd, folder_fd, place.leaf);
    if (!file_write_all(fd, step->value, step->len) || (!ends && !file_write_all(fd, "\n", 1)) || fsync(fd) != 0) {
      file_fail(job, step->key);
    }
    (void)close(fd);
  }
  (void)close(folder_fd);
}

static void file_replace(struct bc_store_edit_job *job, int dir_fd, const struct bc_store_edit_step *step,
                         size_t done) {
  struct file_place place = file_place_of(step->key);
  int fd = file_enter(dir_fd, place.folder, false);
  int failed = fd < 0                ? -1
               : step->value == NULL ? unlinkat(fd, place.leaf, 0)
                                     : renameat(fd, place.temporary, fd, place.leaf);
  if (failed != 0) {
    file_fail(job, step->key);
    /* Some are new already. */
    job->err = done > 0 ? BC_ERR_AGAIN : job->err;
  } else {
    (void)!fsync(fd);
  }
  if (fd >= 0) {
    (void)close(fd);
  }
  if (failed == 0 && step->value == NULL && place.folder[0] != '\0') {
    /* Only one that is empty goes, and it is no loss when it stays. */
    (void)unlinkat(dir_fd, place.folder, AT_REMOVEDIR);
  }
}

/* What was prepared and not used. */
static void file_sweep(int dir_fd, const struct bc_store_edit_step *step) {
  struct file_place place = file_place_of(step->key);
  int fd = step->value == NULL ? -1 : file_enter(dir_fd, place.folder, false);
  if (fd >= 0) {
    (void)unlinkat(fd, place.temporary, 0);
    (void)close(fd);
  }
}

void bc_store_edit_job_write(void *arg) {
  struct bc_store_edit_job *job = arg;
  int fd = open(job->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    file_fail(job, "");
    return;
  }
  if (file_lock(job, fd)) {
    for (size_t i = 0; i < job->step_count; i++) {
      file_compare(job, fd, &job->steps[i]);
    }
    for (size_t i = 0; i < job->step_count && job->err == BC_ERR_OK; i++) {
      if (job->steps[i].value != NULL) {
        file_prepare(job, fd, &job->steps[i]);
      }
    }
    for (size_t i = 0; i < job->step_count && job->err == BC_ERR_OK; i++) {
      file_replace(job, fd, &job->steps[i], i);
    }
    for (size_t i = 0; i < job->step_count; i++) {
      file_sweep(fd, &job->steps[i]);
    }
  }
  (void)close(fd);
}
