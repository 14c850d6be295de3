#include "cli/lint_report.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/run_child.h"
#include "proto/frame.h"
#include "proto/msg.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  REPORT_BATCH_BYTES = 32 * 1024 * 1024, /* of scripts that are compiled in one process */
  REPORT_ANSWER_BYTES = 8 * 1024 * 1024,
  REPORT_WAIT_MS = 60000
};

struct report_finding {
  size_t file; /* in the order in which they came */
  char *name;
  struct bc_lint_finding what;
};

struct report_script {
  size_t file;
  char *name;
  char *text;
  size_t len;
  bool is_bad; /* no Lua: told already */
};

struct bc_lint_report {
  struct report_finding *findings;
  size_t count, room;
  struct report_script *scripts;
  size_t script_count, script_room;
  size_t files, keys;
  json_t *seen; /* an object: what was looked at and told already */
  bool has_failed;
  /* The script under consideration. */
  const char *name;
  bool is_bad;
};

struct bc_lint_report *bc_lint_report_new(void) {
  struct bc_lint_report *report = bc_mem_new(1, sizeof *report);
  report->seen = json_object();
  return report;
}

void bc_lint_report_free(struct bc_lint_report *report) {
  for (size_t i = 0; i < report->count; i++) {
    free(report->findings[i].name);
  }
  for (size_t i = 0; i < report->script_count; i++) {
    free(report->scripts[i].name);
    free(report->scripts[i].text);
  }
  json_decref(report->seen);
  free(report->findings);
  free(report->scripts);
  free(report);
}

void bc_lint_report_fail(struct bc_lint_report *report, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  (void)vfprintf(stderr, format, arguments);
  va_end(arguments);
  (void)fputc('\n', stderr);
  report->has_failed = true;
}

void bc_lint_report_count_key(struct bc_lint_report *report) {
  report->keys++;
}

/* Notes it for the next time. */
static bool report_is_seen(struct bc_lint_report *report, const char *of, struct bc_str text) {
  struct bc_buf key;
  bc_buf_init(&key, SIZE_MAX);
  bc_buf_add_format(&key, "%s\n", of);
  bc_buf_add_str(&key, text);
  bool is_seen = json_object_getn(report->seen, key.data, key.len) != NULL;
  if (!is_seen) {
    (void)json_object_setn_new_nocheck(report->seen, key.data, key.len, json_true());
  }
  bc_buf_free(&key);
  return is_seen;
}

/* ---- findings ---- */

static void report_take(struct bc_lint_report *report, size_t file, const char *name,
                        const struct bc_lint_finding *what) {
  if (report->count == report->room) {
    report->room = report->room * 2 + 64;
    report->findings = bc_mem_resize(report->findings, report->room, sizeof *report->findings);
  }
  report->findings[report->count++] =
      (struct report_finding){.file = file, .name = bc_mem_copy_string(name), .what = *what};
}

void bc_lint_report_add(struct bc_lint_report *report, const char *file, struct bc_lua_place place,
                        enum bc_lint_rule rule, const char *text) {
  struct bc_lint_finding what = {.rule = rule, .place = place};
  (void)snprintf(what.text, sizeof what.text, "%s", text);
  if (!report_is_seen(report, file, bc_str_of(text))) {
    report_take(report, report->files++, file, &what);
  }
}

static void report_on_finding(void *arg, const struct bc_lint_finding *finding) {
  struct bc_lint_report *report = arg;
  report->is_bad = report->is_bad || finding->rule == BC_LINT_SYNTAX;
  report_take(report, report->files, report->name, finding);
}

void bc_lint_report_script(struct bc_lint_report *report, const char *file, struct bc_str text,
                           const struct bc_lint_options *options) {
  char kind[48];
  (void)snprintf(kind, sizeof kind, "script %d %u", (int)options->mode, options->users);
  if (report_is_seen(report, kind, text)) {
    return;
  }
  report->files++;
  report->name = file;
  report->is_bad = false;
  bc_lint_script(text, options, report_on_finding, report);
  if (report->script_count == report->script_room) {
    report->script_room = report->script_room * 2 + 64;
    report->scripts = bc_mem_resize(report->scripts, report->script_room, sizeof *report->scripts);
  }
  report->scripts[report->script_count++] = (struct report_script){.file = report->files,
                                                                   .name = bc_mem_copy_string(file),
                                                                   .text = bc_mem_copy_text(text.at, text.len),
                                                                   .len = text.len,
                                                                   .is_bad = report->is_bad};
}

/* ---- the compiler of the sandbox has the last word ---- */

static void report_take_compiled(struct bc_lint_report *report, struct bc_str answer) {
  struct bc_str line;
  while (answer.len > 0 && bc_str_next_field(&answer, '\n', &line)) {
    struct bc_lint_finding what = {.rule = BC_LINT_SYNTAX, .place = {1, 1}};
    struct bc_str field;
    uint64_t number = 0;
    uint64_t at = 0;
    if (!bc_str_next_field(&line, '\t', &field) || bc_str_to_u64(field, UINT32_MAX, &number) != BC_ERR_OK ||
        number >= report->script_count || !bc_str_next_field(&line, '\t', &field) ||
        bc_str_to_u64(field, BC_LIMIT_SCRIPT_BYTES, &at) != BC_ERR_OK) {
      continue;
    }
    const struct report_script *script = &report->scripts[number];
    if (!script->is_bad) {
      what.place.line = at == 0 ? 1 : (unsigned)at;
      (void)snprintf(what.text, sizeof what.text, BC_STR_FMT, BC_STR_ARG(line));
      report_take(report, script->file, script->name, &what);
    }
  }
}

static void report_compile_batch(struct bc_lint_report *report, const struct bc_buf *batch) {
  struct bc_buf answer;
  struct bc_run_child end = {0};
  bc_buf_init(&answer, REPORT_ANSWER_BYTES);
  int problem = bc_run_child_ask("@compile", bc_buf_str(batch), REPORT_WAIT_MS, &answer, &end);
  if (problem != 0 || end.killed != NULL || end.wait_status != 0) {
    bc_lint_report_fail(report, "the compiler of the sandbox did not answer: %s",
                        problem != 0         ? strerror(problem)
                        : end.killed != NULL ? end.killed
                                             : "it ended");
  } else {
    report_take_compiled(report, bc_buf_str(&answer));
  }
  bc_buf_free(&answer);
}

static void report_compile(struct bc_lint_report *report) {
  struct bc_buf batch;
  bc_buf_init(&batch, REPORT_BATCH_BYTES + BC_LIMIT_FRAME_BYTES);
  for (size_t i = 0; i < report->script_count; i++) {
    const struct report_script *script = &report->scripts[i];
    const struct bc_msg message = {
        .type = BC_MSG_LUA_MODULE,
        .lua_module = {.number = (uint32_t)i, .name = bc_str_of("script"), .text = {script->text, script->len}}};
    size_t start = bc_frame_start(&batch, BC_MSG_LUA_MODULE);
    if (bc_msg_encode(&message, &batch) != BC_ERR_OK || bc_frame_finish(&batch, start) != BC_ERR_OK) {
      bc_lint_report_fail(report, "%s: too long to be compiled", script->name);
      break;
    }
    if (batch.len >= REPORT_BATCH_BYTES || i + 1 == report->script_count) {
      report_compile_batch(report, &batch);
      bc_buf_clear(&batch);
    }
  }
  bc_buf_free(&batch);
}

/* ---- telling ---- */

static int report_compare(const void *a, const void *b) {
  const struct report_finding *one = a;
  const struct report_finding *two = b;
  if (one->file != two->file) {
    return one->file < two->file ? -1 : 1;
  }
  if (one->what.place.line != two->what.place.line) {
    return one->what.place.line < two->what.place.line ? -1 : 1;
  }
  return one->what.place.column < two->what.place.column ? -1 : one->what.place.column > two->what.place.column;
}

static void report_print_text(const struct bc_lint_report *report, size_t errors, size_t warnings) {
  for (size_t i = 0; i < report->count; i++) {
    const struct report_finding *finding = &report->findings[i];
    (void)printf("%s:%u:%u: %s [%s] %s\n", finding->name, finding->what.place.line, finding->what.place.column,
                 bc_lint_level_text(bc_lint_rule_level(finding->what.rule)), bc_lint_rule_name(finding->what.rule),
                 finding->what.text);
  }
  (void)printf("%zu error%s, %zu warning%s in %zu script%s", errors, errors == 1 ? "" : "s", warnings,
               warnings == 1 ? "" : "s", report->script_count, report->script_count == 1 ? "" : "s");
  if (report->keys > 0) {
    (void)printf(" and %zu key%s", report->keys, report->keys == 1 ? "" : "s");
  }
  (void)printf("\n");
}

static void report_print_json(const struct bc_lint_report *report, size_t errors, size_t warnings) {
  json_t *findings = json_array();
  for (size_t i = 0; i < report->count; i++) {
    const struct report_finding *finding = &report->findings[i];
    (void)json_array_append_new(
        findings, json_pack("{ss ss ss ss sI sI}", "rule", bc_lint_rule_name(finding->what.rule), "level",
                            bc_lint_level_text(bc_lint_rule_level(finding->what.rule)), "file", finding->name, "text",
                            finding->what.text, "line", (json_int_t)finding->what.place.line, "column",
                            (json_int_t)finding->what.place.column));
  }
  json_t *answer =
      json_pack("{so sI sI sI sI}", "findings", findings, "errors", (json_int_t)errors, "warnings",
                (json_int_t)warnings, "scripts", (json_int_t)report->script_count, "keys", (json_int_t)report->keys);
  (void)json_dumpf(answer, stdout, JSON_INDENT(2));
  (void)printf("\n");
  json_decref(answer);
}

bool bc_lint_report_settle(struct bc_lint_report *report) {
  report_compile(report);
  if (report->count > 0) {
    qsort(report->findings, report->count, sizeof *report->findings, report_compare);
  }
  return !report->has_failed;
}

bool bc_lint_report_at(const struct bc_lint_report *report, size_t index, const char **name,
                       const struct bc_lint_finding **finding) {
  if (index >= report->count) {
    return false;
  }
  *name = report->findings[index].name;
  *finding = &report->findings[index].what;
  return true;
}

int bc_lint_report_end(struct bc_lint_report *report, const struct bc_settings *settings) {
  size_t errors = 0;
  (void)bc_lint_report_settle(report);
  for (size_t i = 0; i < report->count; i++) {
    errors += bc_lint_rule_level(report->findings[i].what.rule) == BC_LINT_ERROR ? 1 : 0;
  }
  size_t warnings = report->count - errors;
  if (settings->is_json) {
    report_print_json(report, errors, warnings);
  } else {
    report_print_text(report, errors, warnings);
  }
  bool is_bad = errors > 0 || (settings->is_strict && warnings > 0);
  return report->has_failed ? BC_CLI_USAGE : is_bad ? BC_CLI_BAD_NEWS : BC_CLI_OK;
}
