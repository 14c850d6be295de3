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

/* Whether a terminal would obey what stands at `at`: control characters, also those of two bytes (U+0080 to U+009F). */
static bool report_is_control(struct bc_str text, size_t at) {
  unsigned char byte = (unsigned char)text.at[at];
  unsigned char next = at + 1 < text.len ? (unsigned char)text.at[at + 1] : 0;
  return byte < ' ' || byte == 0x7f || (byte == 0xc2 && next >= 0x80 && next < 0xa0);
}

/* `escaped`: characters that get a backslash in front. */
static void report_print_line(struct bc_str line, const char *escaped) {
  for (size_t i = 0; i < line.len; i++) {
    if (report_is_control(line, i)) {
      (void)putchar(line.at[i] == '\n' || line.at[i] == '\t' ? ' ' : '?');
      i += (unsigned char)line.at[i] == 0xc2 ? 1 : 0;
      continue;
    }
    if (strchr(escaped, line.at[i]) != NULL) {
      (void)putchar('\\');
    }
    (void)putchar(line.at[i]);
  }
}

/* Each line behind `indent`. */
static void report_print_lines(const char *text, const char *indent) {
  struct bc_str rest = bc_str_of(text);
  struct bc_str line;
  while (bc_str_next_field(&rest, '\n', &line)) {
    (void)fputs(indent, stdout);
    report_print_line(line, "");
    (void)putchar('\n');
  }
}

/* ---- the Test Anything Protocol, version 13: later ones are errors for readers that are older ---- */

/* A '#' begins a directive. */
static void report_print_tap_name(const char *text) {
  report_print_line(bc_str_of(text), "#\\");
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
    (void)puts("TAP version 13");
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
    (void)fputs("FAIL ", stdout);
    report_print_line(bc_str_of(file), "");
    (void)fputs(": ", stdout);
    report_print_line(bc_str_of(name), "");
    (void)putchar('\n');
    report_print_lines(message, "    ");
  }
}

void bc_test_report_broken(const struct bc_test_suite *suite, const json_t *broken) {
  const char *file = report_text(broken, "file");
  const char *message = report_text(broken, "message");
  if (suite->settings->is_tap) {
    report_print_tap(suite, false, file, NULL, message, false);
  } else if (!suite->settings->is_json) {
    report_print_lines(file, "BROKEN ");
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
    (void)json_dumpf(whole, stdout, BC_CLI_JSON);
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
