/* What `bgpcommander test` runs: files of tests, and what came of them. */
#ifndef BC_CLI_TEST_SUITE_H
#define BC_CLI_TEST_SUITE_H

#include "base/buf.h"
#include "model/settings.h"

#include <jansson.h>
#include <sys/queue.h>

struct bc_test_file {
  STAILQ_ENTRY(bc_test_file) link;
  char *path; /* as people call it */
  char *root; /* nothing outside this directory is read for it */
};
STAILQ_HEAD(bc_test_files, bc_test_file);

struct bc_test_suite {
  const struct bc_settings *settings;
  struct bc_test_files files;
  json_t *results;      /* in the order of their ends: {"file", "name", "ok", "skipped", "message", "cpu_ms"} */
  json_t *broken;       /* {"file", "message"}: files that could not be read as tests */
  json_t *covered;      /* by file: an object of its executable lines, and how often each was executed */
  double least_percent; /* that must be; 0: any */
  unsigned file_count, passed, failed, skipped;
};

void bc_test_suite_init(struct bc_test_suite *suite, const struct bc_settings *settings);
void bc_test_suite_fini(struct bc_test_suite *suite);

/* A file, or the files *_test.lua of a directory and of those below it, in the order of their names. False with a
 * message on stderr. */
BC_MUST_CHECK bool bc_test_suite_add(struct bc_test_suite *suite, const char *word);
/* Runs the tests of one file. False with a message on stderr: no process could be started. */
BC_MUST_CHECK bool bc_test_suite_run(struct bc_test_suite *suite, const struct bc_test_file *file);

/* ---- for its parts ---- */

/* `path`, links followed, is `root` or stands below it. False also when it is not there. */
bool bc_test_is_below(const char *path, const char *root);

/* Notes what came of a test, the caller's no more, and tells it. */
void bc_test_suite_note(struct bc_test_suite *suite, const struct bc_test_file *file, json_t *result);
void bc_test_suite_note_broken(struct bc_test_suite *suite, const struct bc_test_file *file, const char *message);

/* Answers what a process asks for (worker/testkit.h): `word` with `what`. */
void bc_test_serve(const struct bc_test_suite *suite, const struct bc_test_file *file, const char *word,
                   struct bc_str what, int to_fd);
/* ---- test_serve_policy.c: what tests of policies ask for (worker/testkit.h) ---- */

void bc_test_serve_route(struct bc_str text, int to_fd);
void bc_test_serve_judge(struct bc_str json, int to_fd);

/* A piece for the process. False: it is gone. */
bool bc_test_send(int to_fd, const char *word, struct bc_str bytes);
/* A whole file. 0 or an errno; EFBIG: longer than the buffer may be. */
int bc_test_read_file(const char *path, struct bc_buf *to);

/* ---- test_cover.c ---- */

bool bc_test_cover_is_wanted(const struct bc_test_suite *suite);
/* Reads what the settings want. False with a message on stderr. */
BC_MUST_CHECK bool bc_test_cover_begin(struct bc_test_suite *suite);
/* Adds what a process told of a script (worker/testkit.h). */
void bc_test_cover_add(struct bc_test_suite *suite, const struct bc_test_file *file, const json_t *told);
/* For people, in the end. */
void bc_test_cover_print(const struct bc_test_suite *suite);
/* {"file", "lines", "executed", "percent", "not_executed"}: the caller's. */
json_t *bc_test_cover_json(const struct bc_test_suite *suite);
/* Writes the file of lcov, and sees whether there is enough. False with a message on stderr. */
BC_MUST_CHECK bool bc_test_cover_end(const struct bc_test_suite *suite);
/* The directory of a path, "." for a plain name. */
void bc_test_folder_of(const char *path, char *folder, size_t size);
/* The folder of modules: what the settings say, else the nearest `lua` from the directory of the file up to its root
 * (PATH_MAX bytes). False: there is none. */
bool bc_test_modules_folder(const struct bc_test_suite *suite, const struct bc_test_file *file, char *folder);

/* ---- test_report.c ---- */

/* At the beginning, of each test as it ends, and at the end: the exit code. */
void bc_test_report_begin(const struct bc_test_suite *suite);
void bc_test_report_result(const struct bc_test_suite *suite, const json_t *result);
void bc_test_report_broken(const struct bc_test_suite *suite, const json_t *broken);
int bc_test_report_end(const struct bc_test_suite *suite, int64_t took_ms);

#endif
