#include "cli/run_report.h"

#include "base/limits.h"
#include "cli/client.h"
#include "cli/screen.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { REPORT_TEXT_BYTES = BC_LIMIT_LUA_DATA_BYTES + 1, REPORT_LINE_BYTES = 160, REPORT_DIGITS = 14 };

/* ---- the answer ---- */

/* The log comes as one text; for people and programs it is a list of lines. */
static void report_split_log(json_t *answer) {
  struct bc_str rest = bc_str_of(bc_client_text(answer, "log"));
  struct bc_str line;
  json_t *lines = json_array();
  while (bc_str_next_field(&rest, '\n', &line)) {
    if (line.len > 0) {
      (void)json_array_append_new(lines, json_stringn(line.at, line.len));
    }
  }
  (void)json_object_set_new(answer, "log", lines);
}

/* The sandbox did not live to tell. */
static json_t *report_obituary(const struct bc_run_report *report) {
  char text[128];
  if (WIFSIGNALED(report->wait_status)) {
    (void)snprintf(text, sizeof text, "the sandbox was ended by signal %d (%s)", WTERMSIG(report->wait_status),
                   strsignal(WTERMSIG(report->wait_status)));
  } else {
    (void)snprintf(text, sizeof text, "the sandbox ended with exit code %d", WEXITSTATUS(report->wait_status));
  }
  return json_pack("{s:s, s:s, s:n, s:n, s:n, s:s, s:[], s:f}", "verdict", "neutral", "status",
                   report->killed == NULL ? "lost" : "killed", "returned", "reason", "data", "error",
                   report->killed == NULL ? text : report->killed, "log", "took_ms", 0.0);
}

static json_t *report_read(const struct bc_run_report *report, struct bc_str answer) {
  json_t *object = answer.len == 0 ? NULL : json_loadb(answer.at, answer.len, 0, NULL);
  if (!json_is_object(object)) {
    json_decref(object);
    return report_obituary(report);
  }
  report_split_log(object);
  return object;
}

static int report_code(const json_t *answer) {
  const char *verdict = bc_client_text(answer, "verdict");
  const char *status = bc_client_text(answer, "status");
  if (strcmp(verdict, "up") == 0) {
    return BC_CLI_RUN_UP;
  }
  if (strcmp(verdict, "down") == 0) {
    return BC_CLI_RUN_DOWN;
  }
  return strcmp(status, "error") == 0 ? BC_CLI_RUN_ERROR : BC_CLI_RUN_STOPPED;
}

/* ---- for people ---- */

static struct bc_str report_line(struct bc_str script, long long number) {
  struct bc_str line = {0};
  for (long long i = 0; i < number && bc_str_next_field(&script, '\n', &line); i++) {
  }
  return line;
}

/* Where in `line` stands what the message names in its last quotes: "(global 'print')", "near 'x'". 0 and the first
 * byte that is no blank when nothing does. */
static size_t report_find_column(struct bc_str line, const char *message, size_t *width) {
  const char *close = strrchr(message, '\'');
  const char *open = close;
  while (open != NULL && open > message && (open == close || *open != '\'')) {
    open--;
  }
  size_t len = open == NULL || *open != '\'' ? 0 : (size_t)(close - open - 1);
  const char *found = len == 0 || line.len == 0 ? NULL : memmem(line.at, line.len, open + 1, len);
  *width = found == NULL ? 1 : len;
  if (found != NULL) {
    return (size_t)(found - line.at);
  }
  size_t column = 0;
  while (column < line.len && (line.at[column] == ' ' || line.at[column] == '\t')) {
    column++;
  }
  return column;
}

/* "lua/NAME:3: ..." of a module; else the line of the script. */
static struct bc_str report_find_line(const struct bc_run_report *report, const json_t *answer, long long *number) {
  struct bc_str rest = bc_str_of(bc_client_text(answer, "error"));
  struct bc_str name;
  struct bc_str digits;
  uint64_t told;
  *number = bc_client_number(answer, "line");
  if (bc_str_starts(rest, "lua/") && bc_str_next_field(&rest, ':', &name) && bc_str_next_field(&rest, ':', &digits) &&
      bc_str_to_u64(digits, BC_LIMIT_SCRIPT_BYTES, &told) == BC_ERR_OK) {
    char key[BC_LIMIT_NAME_BYTES + 1];
    (void)snprintf(key, sizeof key, "%.*s", (int)(name.len - 4), name.at + 4);
    const json_t *module = json_object_get(report->modules, key);
    if (module != NULL) {
      *number = (long long)told;
      return report_line((struct bc_str){json_string_value(module), json_string_length(module)}, *number);
    }
  }
  return report_line(report->script, *number);
}

static void report_show_line(const struct bc_run_report *report, const json_t *answer) {
  char text[REPORT_LINE_BYTES];
  char shown[REPORT_LINE_BYTES];
  long long number;
  struct bc_str line = report_find_line(report, answer, &number);
  size_t width;
  size_t column = report_find_column(line, bc_client_text(answer, "error"), &width);
  if (number <= 0 || line.len == 0) {
    return;
  }
  (void)snprintf(text, sizeof text, "%.*s", (int)(line.len < sizeof text ? line.len : sizeof text - 1), line.at);
  for (char *at = text; *at != '\0'; at++) {
    if (*at == '\t') {
      *at = ' ';
    }
  }
  bc_screen_clean(text, shown, sizeof shown);
  (void)fprintf(stderr, "%5lld | %s\n", number, shown);
  if (column + width < sizeof shown) {
    (void)fprintf(stderr, "      | %*s", (int)column, "");
    for (size_t i = 0; i < width; i++) {
      (void)fputc('^', stderr);
    }
    (void)fputc('\n', stderr);
  }
}

static void report_show_error(const struct bc_run_report *report, const json_t *answer) {
  char clean[REPORT_TEXT_BYTES];
  const char *error = bc_client_text(answer, "error");
  if (error[0] == '\0') {
    return;
  }
  bc_screen_clean(error, clean, sizeof clean);
  /* Where the message does not begin with the script's name it does not tell the place. */
  if (strncmp(error, report->name, strlen(report->name)) != 0 && strncmp(error, "lua/", 4) != 0) {
    (void)fprintf(stderr, "%s: ", report->name);
  }
  (void)fprintf(stderr, "%s\n", clean);
  report_show_line(report, answer);
}

static void report_show_json(const char *name, const json_t *value) {
  char clean[REPORT_TEXT_BYTES];
  char *text = value == NULL || json_is_null(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
  if (text != NULL) {
    bc_screen_clean(text, clean, sizeof clean);
    (void)printf("  %-6s %s\n", name, clean);
    free(text);
  }
}

static void report_show_metrics(const json_t *metrics) {
  char clean[REPORT_TEXT_BYTES];
  size_t index;
  const json_t *one;
  json_array_foreach(metrics, index, one) {
    char *labels = json_dumps(json_object_get(one, "labels"), JSON_ENSURE_ASCII);
    bc_screen_clean(labels == NULL ? "" : labels, clean, sizeof clean);
    (void)printf("  %-6s %s %s = %.10g%s%s\n", "metric", bc_client_text(one, "type"), bc_client_text(one, "name"),
                 json_number_value(json_object_get(one, "value")), labels == NULL ? "" : " ", clean);
    free(labels);
  }
}

static void report_show_call(const json_t *call) {
  char clean[REPORT_TEXT_BYTES];
  char result[REPORT_TEXT_BYTES];
  const char *end = bc_client_text(call, "end");
  bool is_back = strcmp(end, "returned") == 0;
  bc_screen_clean(bc_client_text(call, "arguments"), clean, sizeof clean);
  bc_screen_clean(is_back ? bc_client_text(call, "result") : end, result, sizeof result);
  (void)printf("  %-6s at %.1f ms, %.1f ms", "trace", json_number_value(json_object_get(call, "at_ms")),
               json_number_value(json_object_get(call, "took_ms")));
  double waited_ms = json_number_value(json_object_get(call, "waited_ms"));
  if (waited_ms > 0) {
    (void)printf(" (waited %.1f ms)", waited_ms);
  }
  (void)printf(": %s(%s)%s%s\n", bc_client_text(call, "call"), clean,
               result[0] == '\0' ? ""
               : is_back         ? " = "
                                 : ": ",
               result);
}

static void report_show_trace(const json_t *answer) {
  size_t index;
  const json_t *call;
  json_array_foreach(json_object_get(answer, "trace"), index, call) {
    report_show_call(call);
  }
  if (bc_client_number(answer, "trace_dropped") > 0) {
    (void)printf("  %-6s and %lld calls more\n", "trace", bc_client_number(answer, "trace_dropped"));
  }
  if (json_object_get(answer, "instructions") != NULL) {
    (void)printf("  %-6s %lld instructions of Lua\n", "trace", bc_client_number(answer, "instructions"));
  }
}

static void report_show(const struct bc_run_report *report, const json_t *answer) {
  char clean[REPORT_TEXT_BYTES];
  const char *verdict = bc_client_text(answer, "verdict");
  bool is_up = strcmp(verdict, "up") == 0;
  bool is_down = strcmp(verdict, "down") == 0;
  report_show_error(report, answer);
  bc_screen_print(is_up ? BC_SCREEN_GOOD : is_down ? BC_SCREEN_BAD : BC_SCREEN_WARN, verdict);
  bc_screen_clean(bc_client_text(answer, "reason"), clean, sizeof clean);
  (void)printf(" (%s)%s%s\n", bc_client_text(answer, "status"), clean[0] == '\0' ? "" : ": ", clean);
  report_show_json("score", json_object_get(answer, "score"));
  report_show_json("data", json_object_get(answer, "data"));
  if (bc_client_is_true(answer, "data_dropped")) {
    (void)printf("  %-6s dropped: too long, too deep, or no JSON\n", "data");
  }
  report_show_json("state", json_object_get(answer, "state"));
  report_show_metrics(json_object_get(answer, "metrics"));
  size_t index;
  const json_t *line;
  json_array_foreach(json_object_get(answer, "log"), index, line) {
    bc_screen_clean(json_string_value(line), clean, sizeof clean);
    (void)printf("  %-6s %s\n", "log", clean);
  }
  if (bc_client_number(answer, "log_dropped") > 0) {
    (void)printf("  %-6s and %lld lines more\n", "log", bc_client_number(answer, "log_dropped"));
  }
  report_show_trace(answer);
  if (json_object_get(answer, "cpu_ms") != NULL) {
    (void)printf("  %-6s %.1f ms, CPU %.1f ms, memory %lld KiB\n", "took",
                 json_number_value(json_object_get(answer, "took_ms")),
                 json_number_value(json_object_get(answer, "cpu_ms")), bc_client_number(answer, "memory_bytes") / 1024);
  }
}

int bc_run_report_print(const struct bc_run_report *report, struct bc_str answer) {
  json_t *object = report_read(report, answer);
  if (report->is_json) {
    (void)json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(REPORT_DIGITS));
    (void)fputc('\n', stdout);
  } else {
    report_show(report, object);
  }
  int code = report_code(object);
  json_decref(object);
  return code;
}
