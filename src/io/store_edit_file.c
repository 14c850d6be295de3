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

struct file_place {
  char folder[BC_LIMIT_KEY_BYTES];
  char temporary[BC_LIMIT_KEY_BYTES + sizeof FILE_TEMPORARY];
};

static void file_fail(struct bc_store_edit_job *job, const char *key) {
  char text[96];
  bc_store_edit_job_fail(job, BC_ERR_REFUSED, bc_dir_error_text(errno, text, sizeof text), key);
}

static struct file_place file_place_of(const char *key) {
  struct file_place place = {.folder = ""};
  const char *slash = strrchr(key, '/');
  int len = slash == NULL ? 0 : (int)(slash - key + 1);
  (void)snprintf(place.folder, sizeof place.folder, "%.*s", len, key);
  (void)snprintf(place.temporary, sizeof place.temporary, "%.*s" FILE_TEMPORARY "%.200s", len, key, key + len);
  return place;
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

static void file_compare(struct bc_store_edit_job *job, int dir_fd, const struct bc_store_edit_step *step) {
  struct bc_dir_file_answer answer;
  struct bc_buf content;
  bc_buf_init(&content, BC_LIMIT_SUBSCRIPTION_BYTES + 1);
  const struct bc_dir_file_request request = {
      .dir_fd = dir_fd, .name = step->key, .bytes_most = BC_LIMIT_SUBSCRIPTION_BYTES};
  enum bc_dir_file found = bc_dir_file_read(&request, &content, &answer);
  bc_buf_free(&content);
  struct bc_fault text = {.column = 0};
  if (found == BC_DIR_FILE_UNREADABLE || found == BC_DIR_FILE_BROKEN) {
    bc_store_edit_job_fail(job, BC_ERR_REFUSED, answer.why, step->key);
  } else if (found == BC_DIR_FILE_READ && answer.is_link) {
    bc_store_edit_job_fail(job, BC_ERR_REFUSED, "a link: edit the file that it leads to", step->key);
  } else if ((found == BC_DIR_FILE_ABSENT ? 0 : answer.id) != step->revision) {
    bc_fault_set(&text, 0, "%s was %s by somebody else meanwhile: nothing is written; look at it and try again",
                 step->key,
                 found == BC_DIR_FILE_ABSENT ? "removed"
                 : step->revision == 0       ? "made"
                                             : "changed");
    if (job->err == BC_ERR_OK) {
      job->err = BC_ERR_CONFLICT;
      job->text = text;
    }
  }
}

/* ---- writing ---- */

/* What is new belongs to whom its folder belongs to. */
static void file_give(int fd, int dir_fd, const char *folder) {
  struct stat parent;
  if (geteuid() == 0 && fstatat(dir_fd, folder[0] == '\0' ? "." : folder, &parent, 0) == 0) {
    (void)!fchown(fd, parent.st_uid, parent.st_gid);
  }
}

static bool file_make_folders(struct bc_store_edit_job *job, int dir_fd, const char *folder) {
  char path[BC_LIMIT_KEY_BYTES];
  char above[BC_LIMIT_KEY_BYTES] = "";
  for (const char *slash = strchr(folder, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    (void)snprintf(path, sizeof path, "%.*s", (int)(slash - folder), folder);
    if (mkdirat(dir_fd, path, FILE_FOLDER_MODE) == 0) {
      int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (fd >= 0) {
        (void)!fchmod(fd, FILE_FOLDER_MODE);
        file_give(fd, dir_fd, above);
        (void)close(fd);
      }
    } else if (errno != EEXIST) {
      file_fail(job, path);
      return false;
    }
    memcpy(above, path, sizeof above);
  }
  return true;
}

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

/* The new file beside the old one, whose owner and mode it gets. */
static void file_prepare(struct bc_store_edit_job *job, int dir_fd, const struct bc_store_edit_step *step) {
  struct file_place place = file_place_of(step->key);
  struct stat old;
  if (!file_make_folders(job, dir_fd, place.folder)) {
    return;
  }
  (void)unlinkat(dir_fd, place.temporary, 0);
  int fd = openat(dir_fd, place.temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
  if (fd < 0) {
    file_fail(job, step->key);
    return;
  }
  if (fstatat(dir_fd, step->key, &old, 0) == 0) {
    (void)!fchown(fd, old.st_uid, old.st_gid);
    (void)!fchmod(fd, old.st_mode & 07777);
  } else {
    (void)!fchmod(fd, FILE_MODE);
    file_give(fd, dir_fd, place.folder);
  }
  bool ends = step->len > 0 && step->value[step->len - 1] == '\n';
  if (!file_write_all(fd, step->value, step->len) || (!ends && !file_write_all(fd, "\n", 1)) || fsync(fd) != 0) {
    file_fail(job, step->key);
  }
  (void)close(fd);
}

static void file_replace(struct bc_store_edit_job *job, int dir_fd, const struct bc_store_edit_step *step,
                         size_t done) {
  struct file_place place = file_place_of(step->key);
  int failed =
      step->value == NULL ? unlinkat(dir_fd, step->key, 0) : renameat(dir_fd, place.temporary, dir_fd, step->key);
  if (failed != 0) {
    file_fail(job, step->key);
    /* Some are new already. */
    job->err = done > 0 ? BC_ERR_AGAIN : job->err;
    return;
  }
  if (step->value == NULL && place.folder[0] != '\0') {
    /* Only one that is empty goes, and it is no loss when it stays. */
    (void)unlinkat(dir_fd, place.folder, AT_REMOVEDIR);
  }
  int fd = openat(dir_fd, place.folder[0] == '\0' ? "." : place.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    (void)!fsync(fd);
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
      if (job->steps[i].value != NULL) {
        (void)unlinkat(fd, file_place_of(job->steps[i].key).temporary, 0);
      }
    }
  }
  (void)close(fd);
}
