/* What `bgpcommander test` tells: people of failures and totals, programs of everything. */
#include "cli/cli.h"
#include "cli/test_suite.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *report_text(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text == NULL ? "" : text;
}

/* Each line behind `indent`. */
static void report_print_lines(const char *text, const char *indent) {
  struct bc_str rest = bc_str_of(text);
  struct bc_str line;
  while (bc_str_next_field(&rest, '\n', &line)) {
    (void)printf("%s" BC_STR_FMT "\n", indent, BC_STR_ARG(line));
  }
}

/* ---- the Test Anything Protocol, version 14 ---- */

/* A '#' begins a directive. */
static void report_print_tap_name(const char *text) {
  for (; *text != '\0'; text++) {
    if (*text == '#' || *text == '\\') {
      (void)putchar('\\');
    }
    (void)putchar(*text == '\n' ? ' ' : *text);
  }
}

static void report_print_tap(const struct bc_test_suite *suite, bool is_ok, const char *file, const char *name,
                             const char *message, bool is_skipped) {
  size_t number = json_array_size(suite->results) + json_array_size(suite->broken);
  (void)printf("%s %zu - ", is_ok ? "ok" : "not ok", number);
  report_print_tap_name(file);
  if (name != NULL) {
    (void)fputs(": ", stdout);
    report_print_tap_name(name);
  }
  (void)puts(is_skipped ? " # SKIP" : "");
  if (!is_ok) {
    (void)puts("  ---\n  message: |");
    report_print_lines(message, "    ");
    (void)puts("  ...");
  }
}

/* ---- one by one ---- */

void bc_test_report_begin(const struct bc_test_suite *suite) {
  if (suite->settings->is_tap) {
    (void)puts("TAP version 14");
  }
}

void bc_test_report_result(const struct bc_test_suite *suite, const json_t *result) {
  bool is_ok = json_is_true(json_object_get(result, "ok"));
  const char *file = report_text(result, "file");
  const char *name = report_text(result, "name");
  const char *message = report_text(result, "message");
  if (suite->settings->is_tap) {
    report_print_tap(suite, is_ok, file, name, message, json_is_true(json_object_get(result, "skipped")));
  } else if (!suite->settings->is_json && !is_ok) {
    (void)printf("FAIL %s: %s\n", file, name);
    report_print_lines(message, "    ");
  }
}

void bc_test_report_broken(const struct bc_test_suite *suite, const json_t *broken) {
  const char *file = report_text(broken, "file");
  const char *message = report_text(broken, "message");
  if (suite->settings->is_tap) {
    report_print_tap(suite, false, file, NULL, message, false);
  } else if (!suite->settings->is_json) {
    (void)printf("BROKEN %s\n", file);
    report_print_lines(message, "    ");
  }
}

/* ---- the end ---- */

static void report_print_json(const struct bc_test_suite *suite, int64_t took_ms) {
  json_t *whole = json_pack("{s:O, s:O, s:i, s:i, s:i, s:i, s:I}", "tests", suite->results, "broken", suite->broken,
                            "files", (int)suite->file_count, "passed", (int)suite->passed, "failed", (int)suite->failed,
                            "skipped", (int)suite->skipped, "took_ms", (json_int_t)took_ms);
  if (whole != NULL && bc_test_cover_is_wanted(suite)) {
    (void)json_object_set_new(whole, "coverage", bc_test_cover_json(suite));
  }
  if (whole != NULL) {
    (void)json_dumpf(whole, stdout, JSON_COMPACT);
    (void)putchar('\n');
  }
  json_decref(whole);
}

static void report_print_total(const struct bc_test_suite *suite, int64_t took_ms) {
  size_t count = json_array_size(suite->results);
  size_t broken = json_array_size(suite->broken);
  (void)printf("%zu test%s in %u file%s: %u passed", count, count == 1 ? "" : "s", suite->file_count,
               suite->file_count == 1 ? "" : "s", suite->passed);
  if (suite->failed > 0) {
    (void)printf(", %u failed", suite->failed);
  }
  if (suite->skipped > 0) {
    (void)printf(", %u skipped", suite->skipped);
  }
  if (broken > 0) {
    (void)printf(", %zu file%s broken", broken, broken == 1 ? "" : "s");
  }
  (void)printf(" (%.2f s)\n", (double)took_ms / 1000);
}

int bc_test_report_end(const struct bc_test_suite *suite, int64_t took_ms) {
  size_t count = json_array_size(suite->results) + json_array_size(suite->broken);
  if (suite->settings->is_tap) {
    (void)printf("1..%zu\n", count);
  } else if (suite->settings->is_json) {
    report_print_json(suite, took_ms);
  } else {
    bc_test_cover_print(suite);
    report_print_total(suite, took_ms);
  }
  if (count == 0) {
    (void)fprintf(stderr, "no test was run\n");
    return BC_CLI_USAGE;
  }
  bool is_enough = bc_test_cover_end(suite);
  return !is_enough || suite->failed > 0 || json_array_size(suite->broken) > 0 ? BC_CLI_BAD_NEWS : BC_CLI_OK;
}
