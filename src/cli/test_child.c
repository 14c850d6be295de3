/* The processes in which tests run: one for each file, and another where one had to be killed. */
#include "base/mem.h"
#include "base/mono.h"
#include "cli/run_child.h"
#include "cli/test_suite.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  CHILD_LOOK_MS = 20,
  CHILD_CPU_MOST_MS = 2500,  /* of one piece of work: the sandbox itself ends it after 1 s */
  CHILD_PATIENCE_MS = 60000, /* of wall time without a word: the machine may be busy */
  CHILD_PIECE_BYTES = 32 * 1024 * 1024,
  CHILD_FILE_BYTES = 4 * 1024 * 1024,
  CHILD_WORD_BYTES = 16,
  CHILD_HEAD_BYTES = 48
};

struct test_child {
  struct bc_test_suite *suite;
  const struct bc_test_file *file;
  struct bc_run_process process;
  struct bc_buf input; /* what came and was not taken yet */
  int64_t work_began_ms;
  struct bc_mono heard;
  unsigned number; /* of the test that runs; 0: none */
  char *name;
  bool is_over; /* it has said all */
};

/* ---- what it says ---- */

static void child_take_begin(struct test_child *child, const json_t *about) {
  const char *name = json_string_value(json_object_get(about, "name"));
  free(child->name);
  child->name = bc_mem_copy_string(name == NULL ? "?" : name);
  child->number = (unsigned)json_integer_value(json_object_get(about, "number"));
}

/* The test that runs has failed. */
static void child_fail(struct test_child *child, const char *why) {
  json_t *result =
      json_pack("{s:i, s:s, s:b, s:s}", "number", (int)child->number, "name", child->name, "ok", 0, "message", why);
  if (result != NULL) {
    bc_test_suite_note(child->suite, child->file, result);
  }
  child->number = 0;
}

/* A test must never be lost: its failure would be. */
static void child_fail_lost(struct test_child *child) {
  if (child->number != 0) {
    child_fail(child, "what came of it could not be told");
  }
}

static void child_take_json(struct test_child *child, const char *word, struct bc_str bytes) {
  json_t *about = json_loadb(bytes.at, bytes.len, JSON_ALLOW_NUL, NULL);
  if (!json_is_object(about)) {
    json_decref(about);
    return;
  }
  if (strcmp(word, "begin") == 0) {
    child_fail_lost(child);
    child_take_begin(child, about);
    json_decref(about);
    return;
  }
  if (strcmp(word, "cover") == 0) {
    bc_test_cover_add(child->suite, child->file, about);
    json_decref(about);
    return;
  }
  child->number = 0;
  bc_test_suite_note(child->suite, child->file, about);
}

static void child_take(struct test_child *child, const char *word, struct bc_str bytes) {
  child->work_began_ms = bc_run_child_cpu_ms(&child->process);
  child->heard = bc_mono_now();
  if (strcmp(word, "begin") == 0 || strcmp(word, "result") == 0 || strcmp(word, "cover") == 0) {
    child_take_json(child, word, bytes);
  } else if (strcmp(word, "end") == 0) {
    child_fail_lost(child);
    child->is_over = true;
  } else if (strcmp(word, "broken") == 0) {
    char *text = bc_mem_copy_text(bytes.at, bytes.len);
    bc_test_suite_note_broken(child->suite, child->file, text);
    free(text);
    child->is_over = true;
  } else {
    bc_test_serve(child->suite, child->file, word, bytes, child->process.to_fd);
  }
}

/* One piece of what came. False: there is none that is whole. */
static bool child_take_piece(struct test_child *child) {
  struct bc_str rest = bc_buf_str(&child->input);
  struct bc_str head;
  struct bc_str word;
  uint64_t len;
  char text[CHILD_WORD_BYTES];
  if (memchr(rest.at, '\n', rest.len) == NULL || !bc_str_next_field(&rest, '\n', &head)) {
    return false;
  }
  size_t head_len = head.len + 1;
  if (!bc_str_next_field(&head, ' ', &word) || word.len >= sizeof text ||
      bc_str_to_u64(head, CHILD_PIECE_BYTES, &len) != BC_ERR_OK || child->input.len - head_len < len) {
    return false;
  }
  memcpy(text, word.at, word.len);
  text[word.len] = '\0';
  child_take(child, text, (struct bc_str){child->input.data + head_len, (size_t)len});
  bc_buf_consume(&child->input, head_len + (size_t)len);
  return true;
}

static bool child_read(struct test_child *child) {
  char bytes[65536];
  ssize_t got = read(child->process.from_fd, bytes, sizeof bytes);
  if (got <= 0) {
    return got < 0 && errno == EINTR;
  }
  bc_buf_add(&child->input, bytes, (size_t)got);
  while (child_take_piece(child)) {
  }
  return !child->input.failed;
}

/* Until it has said all, or ended, or had to be killed: then why, else NULL. */
static const char *child_watch(struct test_child *child) {
  struct pollfd poll_fd = {.fd = child->process.from_fd, .events = POLLIN};
  for (;;) {
    int ready = poll(&poll_fd, 1, CHILD_LOOK_MS);
    if (ready > 0 && !child_read(child)) {
      return NULL;
    }
    if (ready > 0) {
      continue;
    }
    if (bc_run_child_cpu_ms(&child->process) - child->work_began_ms > CHILD_CPU_MOST_MS) {
      (void)kill(child->process.pid, SIGKILL);
      return "one call used too much CPU time and could not be interrupted";
    }
    if (bc_mono_ms_between(child->heard, bc_mono_now()) > CHILD_PATIENCE_MS) {
      (void)kill(child->process.pid, SIGKILL);
      return "the sandbox did not answer";
    }
  }
}

/* ---- a process ---- */

static void child_send_file(const struct test_child *child, struct bc_str text, unsigned first) {
  const struct bc_settings *settings = child->suite->settings;
  const char *slash = strrchr(child->file->path, '/');
  const char *name = slash == NULL ? child->file->path : slash + 1;
  char number[16];
  struct bc_buf pattern;
  bool is_glob = settings->run != NULL && strpbrk(settings->run, "*?") != NULL;
  (void)snprintf(number, sizeof number, "%u", first);
  bc_buf_init(&pattern, BC_FAULT_TEXT_BYTES);
  bc_buf_add_format(&pattern, is_glob ? "%s" : "*%s*", settings->run == NULL ? "" : settings->run);
  (void)(bc_test_send(child->process.to_fd, "name", bc_str_of(name)) &&
         bc_test_send(child->process.to_fd, "text", text) &&
         bc_test_send(child->process.to_fd, "first", bc_str_of(number)) &&
         (settings->run == NULL || bc_test_send(child->process.to_fd, "run", bc_buf_str(&pattern))) &&
         (!bc_test_cover_is_wanted(child->suite) || bc_test_send(child->process.to_fd, "cover", bc_str_of("1"))) &&
         bc_test_send(child->process.to_fd, "go", (struct bc_str){0}));
  bc_buf_free(&pattern);
}

/* It ended under a test: that one has failed. The test to go on with; 0: none. */
static unsigned child_bury(struct test_child *child, const char *killed, int status) {
  char why[BC_FAULT_TEXT_BYTES];
  if (killed != NULL) {
    (void)snprintf(why, sizeof why, "%s", killed);
  } else if (WIFSIGNALED(status)) {
    (void)snprintf(why, sizeof why, "the sandbox was ended by signal %d (%s)", WTERMSIG(status),
                   strsignal(WTERMSIG(status)));
  } else {
    (void)snprintf(why, sizeof why, "the sandbox ended with exit code %d", WEXITSTATUS(status));
  }
  if (child->number == 0) {
    bc_test_suite_note_broken(child->suite, child->file, why);
    return 0;
  }
  unsigned number = child->number;
  child_fail(child, why);
  return number + 1;
}

/* From test `first` on. False with a message on stderr. */
static bool child_run(struct test_child *child, struct bc_str text, unsigned first, unsigned *next) {
  int problem = bc_run_child_start("@test", &child->process);
  if (problem != 0) {
    (void)fprintf(stderr, "cannot start the sandbox: %s\n", strerror(problem));
    return false;
  }
  child->number = 0;
  child->is_over = false;
  child->work_began_ms = 0;
  child->heard = bc_mono_now();
  bc_buf_clear(&child->input);
  child_send_file(child, text, first);
  const char *killed = child_watch(child);
  int status = bc_run_child_end(&child->process);
  *next = child->is_over ? 0 : child_bury(child, killed, status);
  return true;
}

bool bc_test_suite_run(struct bc_test_suite *suite, const struct bc_test_file *file) {
  struct test_child child = {.suite = suite, .file = file};
  struct bc_buf text;
  bool is_started = true;
  bc_buf_init(&text, CHILD_FILE_BYTES);
  bc_buf_init(&child.input, CHILD_PIECE_BYTES);
  int problem = bc_test_read_file(file->path, &text);
  if (problem != 0) {
    bc_test_suite_note_broken(suite, file, problem == EFBIG ? "longer than a file of tests may be" : strerror(problem));
  }
  unsigned next = problem == 0 ? 1 : 0;
  while (is_started && next > 0) {
    is_started = child_run(&child, bc_buf_str(&text), next, &next);
  }
  bc_buf_free(&text);
  bc_buf_free(&child.input);
  free(child.name);
  return is_started;
}
