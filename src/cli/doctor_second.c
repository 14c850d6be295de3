/* Other daemons that this one could be at odds with. /proc has all of this host's, those in containers and network
 * namespaces of their own too: these are others' business, unless they have our node in our store. */
#include "base/limits.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/doctor.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECOND_FILE_BYTES = 256 * 1024, SECOND_WORDS = 512, SECOND_ROLE_WORDS = 4 };

/* Of a daemon, or of this command. */
struct second {
  dev_t net_device;
  ino_t net; /* network namespace; 0: it may not be looked at */
  char *identity;
  bool is_store_of_host; /* the store's address means another one in another network namespace, or on another disk */
};

/* ---- reading ---- */

/* False: there is none, or it may not be read. */
static bool second_read(const char *pid, const char *name, struct bc_buf *content) {
  char path[PATH_MAX];
  char step[4096];
  (void)snprintf(path, sizeof path, "/proc/%.20s/%s", pid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  ssize_t got = fd < 0 ? -1 : 1;
  while (got > 0 && bc_buf_status(content) == BC_ERR_OK) {
    got = read(fd, step, sizeof step);
    bc_buf_add(content, step, got > 0 ? (size_t)got : 0);
  }
  if (fd >= 0) {
    (void)close(fd);
  }
  bool is_read = got == 0 && bc_buf_status(content) == BC_ERR_OK;
  if (is_read) {
    bc_buf_add_char(content, '\0');
  }
  return is_read;
}

/* Texts with a NUL behind each, as /proc has them; the list ends with NULL. */
static int second_split(const struct bc_buf *content, char *words[static SECOND_WORDS]) {
  int count = 0;
  for (size_t at = 0; at + 1 < content->len && count + 1 < SECOND_WORDS; at += strlen(content->data + at) + 1) {
    words[count++] = content->data + at;
  }
  words[count] = NULL;
  return count;
}

static bool second_has_namespace(const char *pid, const char *name, struct stat *status) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%.20s/ns/%s", pid, name);
  return stat(path, status) == 0;
}

/* The name that stands for the node when nothing gives it one; "" = not known. */
static void second_read_host_name(const char *pid, char name[static HOST_NAME_MAX + 1]) {
  struct stat own;
  struct stat other;
  name[0] = name[HOST_NAME_MAX] = '\0';
  if (second_has_namespace("self", "uts", &own) && second_has_namespace(pid, "uts", &other) &&
      own.st_ino == other.st_ino && own.st_dev == other.st_dev) {
    (void)gethostname(name, HOST_NAME_MAX);
  }
}

/* ---- who it is ---- */

static bool second_is_of_host(const char *endpoints) {
  return strstr(endpoints, "127.") != NULL || strstr(endpoints, "localhost") != NULL ||
         strstr(endpoints, "[::1]") != NULL || strncmp(endpoints, "file:", 5) == 0;
}

static void second_take_settings(struct second *second, const struct bc_settings *settings) {
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_NODE_FILE_BYTES);
  bc_buf_add_format(&text, "%s\n%s\n%s", settings->node, settings->prefix, settings->endpoints);
  second->identity = bc_buf_take(&text);
  second->is_store_of_host = second_is_of_host(settings->endpoints);
}

/* What that process has read: its command line, its environment, its node file. */
static void second_read_settings(struct second *second, const char *pid, int argc, char *const *argv) {
  struct bc_settings settings;
  struct bc_buf environment;
  struct bc_buf file;
  char *variables[SECOND_WORDS] = {NULL};
  char host[HOST_NAME_MAX + 1];
  char path[PATH_MAX];
  bc_buf_init(&environment, SECOND_FILE_BYTES);
  bc_buf_init(&file, SECOND_FILE_BYTES);
  second_read_host_name(pid, host);
  const struct bc_str none = {0};
  struct bc_fault unheard;
  /* Of another user's process that is not told: then it is not known who it is. */
  bool is_told = second_read(pid, "environ", &environment);
  if (is_told) {
    (void)second_split(&environment, variables);
  }
  /* First where its node file is. */
  if (is_told && bc_settings_parse(argc, argv, variables, none, "node", &settings, &unheard) == BC_ERR_OK) {
    int len = snprintf(path, sizeof path, "root%s", settings.config);
    bool has_file = len > 0 && (size_t)len < sizeof path && second_read(pid, path, &file);
    const struct bc_str content = {file.data, file.len == 0 ? 0 : file.len - 1};
    bc_settings_release(&settings);
    if (bc_settings_parse(argc, argv, variables, has_file ? content : none, host, &settings, &unheard) == BC_ERR_OK) {
      second_take_settings(second, &settings);
      bc_settings_release(&settings);
    }
  }
  bc_buf_free(&environment);
  bc_buf_free(&file);
}

static void second_read_net(struct second *second, const char *pid) {
  struct stat status;
  if (second_has_namespace(pid, "net", &status)) {
    second->net_device = status.st_dev;
    second->net = status.st_ino;
  }
}

/* False: this process is no core. argv of one: PROGRAM "@core" "starts=1" "safe=0", then what the daemon was given. */
static bool second_read_core(const char *pid, struct second *second) {
  struct bc_buf line;
  char *words[SECOND_WORDS];
  bc_buf_init(&line, SECOND_FILE_BYTES);
  int count = second_read(pid, "cmdline", &line) ? second_split(&line, words) : 0;
  bool is_core = count >= SECOND_ROLE_WORDS && strcmp(words[1], "@core") == 0;
  if (is_core) {
    *second = (struct second){0};
    words[SECOND_ROLE_WORDS - 1] = words[0];
    second_read_net(second, pid);
    second_read_settings(second, pid, count - SECOND_ROLE_WORDS + 1, words + SECOND_ROLE_WORDS - 1);
  }
  bc_buf_free(&line);
  return is_core;
}

/* ---- comparing ---- */

static bool second_is_near(const struct second *a, const struct second *b) {
  return a->net != 0 && a->net == b->net && a->net_device == b->net_device;
}

static bool second_is_twin(const struct second *a, const struct second *b) {
  return a->identity != NULL && b->identity != NULL && strcmp(a->identity, b->identity) == 0 &&
         (second_is_near(a, b) || !a->is_store_of_host);
}

static void second_tell(struct bc_doctor *doctor, unsigned twins, unsigned near) {
  if (twins > 0) {
    bc_doctor_add(doctor, BC_DOCTOR_WARNING, "daemon", "same-node-twice",
                  "daemons of one node announce and withdraw against each other; the second waits for the lock of the "
                  "state directory, when both use the same",
                  "let one ExaBGP start one daemon, or give each its own node name and state directory",
                  "%u more %s the same node of the same store", twins, twins == 1 ? "daemon has" : "daemons have");
  }
  if (near > 0) {
    bc_doctor_add(doctor, BC_DOCTOR_NOTE, "daemon", "several-daemons",
                  "each announces to the neighbors of its own ExaBGP: fine when that is meant",
                  "let one ExaBGP start one daemon when it is not",
                  "%u more %s in this network namespace, with another node or store", near,
                  near == 1 ? "daemon runs" : "daemons run");
  }
}

/* The daemon that answers, which may be in another network namespace than this command; else this command. */
static void second_read_ours(const struct bc_doctor *doctor, char pid[static 24], struct second *ours) {
  (void)snprintf(pid, 24, "%lld", bc_client_number(doctor->status, "pid"));
  if (doctor->status == NULL || !second_read_core(pid, ours)) {
    *ours = (struct second){0};
    (void)snprintf(pid, 24, "self");
    second_read_net(ours, pid);
  }
  if (ours->identity == NULL) {
    second_take_settings(ours, doctor->settings);
  }
}

void bc_doctor_second(struct bc_doctor *doctor) {
  char pid[24];
  struct second ours;
  struct second other;
  unsigned twins = 0;
  unsigned near = 0;
  DIR *all = opendir("/proc");
  const struct dirent *entry;
  second_read_ours(doctor, pid, &ours);
  while (all != NULL && (entry = readdir(all)) != NULL) {
    bool is_process = strspn(entry->d_name, "0123456789") == strlen(entry->d_name);
    if (!is_process || strcmp(entry->d_name, pid) == 0 || !second_read_core(entry->d_name, &other)) {
      continue;
    }
    bool is_twin = second_is_twin(&ours, &other);
    twins += is_twin ? 1U : 0U;
    near += !is_twin && second_is_near(&ours, &other) ? 1U : 0U;
    free(other.identity);
  }
  if (all != NULL) {
    (void)closedir(all);
  }
  free(ours.identity);
  second_tell(doctor, twins, near);
}
