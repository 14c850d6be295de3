/* How answers are made. */
#include "core/http_private.h"

#include "base/mem.h"
#include "proto/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_PROBLEM_BYTES = 8192, ANSWER_DETAIL_BYTES = 1024, ANSWER_MOST_BYTES = 16 * 1024 * 1024 };

bool core_http_wants_json(const struct bc_httpd_request *request) {
  const char *accept = bc_httpd_header(request, "Accept");
  bool is_form = strcmp(bc_httpd_method(request), "POST") == 0 && strcmp(bc_httpd_path(request), "/") == 0;
  return !is_form || (accept != NULL && strstr(accept, "json") != NULL);
}

void core_http_fail_at(struct bc_httpd_request *request, unsigned status, const char *code, size_t column,
                       const char *expected, const char *detail) {
  struct bc_buf text;
  bc_buf_init(&text, ANSWER_PROBLEM_BYTES);
  bool is_json = core_http_wants_json(request);
  if (is_json) {
    bc_problem_print(&text, status, code, detail, column, expected);
  } else if (column > 0) {
    bc_buf_add_format(&text, "column %zu: %s\n", column, detail);
  } else {
    bc_buf_add_format(&text, "%s\n", detail);
  }
  bc_httpd_answer(request, status, is_json ? BC_PROBLEM_TYPE : CORE_HTTP_TEXT, bc_buf_str(&text));
  bc_buf_free(&text);
}

void core_http_fail(struct bc_httpd_request *request, unsigned status, const char *code, const char *format, ...) {
  char detail[ANSWER_DETAIL_BYTES];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(detail, sizeof detail, format, args);
  va_end(args);
  core_http_fail_at(request, status, code, 0, NULL, detail);
}

void core_http_json(struct bc_httpd_request *request, unsigned status, json_t *made) {
  struct bc_buf text;
  bc_buf_init(&text, ANSWER_MOST_BYTES);
  core_report_print(made, &text);
  bc_buf_add_char(&text, '\n');
  json_decref(made);
  if (bc_buf_status(&text) != BC_ERR_OK) {
    core_http_fail(request, 500, "too-long", "the answer is longer than %d bytes", (int)ANSWER_MOST_BYTES);
  } else {
    bc_httpd_answer(request, status, CORE_HTTP_JSON, bc_buf_str(&text));
  }
  bc_buf_free(&text);
}

/* ---- answers of the local socket ---- */

struct bc_sock_answer core_http_new_answer(void) {
  struct bc_sock_answer answer = {0};
  bc_buf_init(&answer.text, BC_LIMIT_SOCKET_PIECE_BYTES);
  return answer;
}

/* One that is being passed on. */
struct passed {
  struct bc_sock_answer answer; /* its text: what was made, and is not passed on */
  bool is_made;                 /* … and all of it */
};

static bool passed_more(void *arg, struct bc_buf *text) {
  struct passed *passed = arg;
  if (passed->answer.text.len > 0) {
    bc_buf_add_str(text, bc_buf_str(&passed->answer.text));
    bc_buf_free(&passed->answer.text);
  } else if (!passed->is_made) {
    passed->is_made = !passed->answer.more(passed->answer.arg, text);
  }
  if (passed->is_made) {
    bc_buf_add_char(text, '\n');
  }
  return !passed->is_made;
}

static bool passed_is_ready(void *arg) {
  struct passed *passed = arg;
  return passed->answer.text.len > 0 || passed->answer.is_ready == NULL || passed->answer.is_ready(passed->answer.arg);
}

static void passed_end(void *arg) {
  struct passed *passed = arg;
  if (passed->answer.end != NULL) {
    passed->answer.end(passed->answer.arg);
  }
  bc_buf_free(&passed->answer.text);
  free(passed);
}

/* {"error":"…"} and nothing else: as a problem. */
static bool answer_pass_error(struct bc_httpd_request *request, struct bc_str text) {
  json_t *made = bc_str_starts(text, "{\"error\":") ? json_loadb(text.at, text.len, 0, NULL) : NULL;
  const char *error = json_string_value(json_object_get(made, "error"));
  if (error != NULL) {
    core_http_fail(request, 400, "bad-request", "%s", error);
  }
  json_decref(made);
  return error != NULL;
}

void core_http_pieces(struct bc_httpd_request *request, const char *type, struct bc_sock_answer *answer) {
  if (answer->more != NULL) {
    struct passed *passed = bc_mem_new(1, sizeof *passed);
    passed->answer = *answer;
    const struct bc_httpd_pieces pieces = {
        .more = passed_more, .end = passed_end, .is_ready = passed_is_ready, .arg = passed};
    bc_httpd_answer_pieces(request, 200, type, &pieces, false);
    return;
  }
  if (!answer_pass_error(request, bc_buf_str(&answer->text))) {
    bc_buf_add_char(&answer->text, '\n');
    bc_httpd_answer(request, 200, type, bc_buf_str(&answer->text));
  }
  bc_buf_free(&answer->text);
}
