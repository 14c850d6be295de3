#include "proto/problem.h"

#include "base/str.h"

/* RFC 9110 section 15, RFC 6585; what this program answers. */
#define PROBLEM_TITLES(X)                                                                                              \
  X(200, "OK")                                                                                                         \
  X(201, "Created")                                                                                                    \
  X(202, "Accepted")                                                                                                   \
  X(204, "No Content")                                                                                                 \
  X(304, "Not Modified")                                                                                               \
  X(400, "Bad Request")                                                                                                \
  X(401, "Unauthorized")                                                                                               \
  X(403, "Forbidden")                                                                                                  \
  X(404, "Not Found")                                                                                                  \
  X(405, "Method Not Allowed")                                                                                         \
  X(406, "Not Acceptable")                                                                                             \
  X(408, "Request Timeout")                                                                                            \
  X(409, "Conflict")                                                                                                   \
  X(410, "Gone")                                                                                                       \
  X(411, "Length Required")                                                                                            \
  X(412, "Precondition Failed")                                                                                        \
  X(413, "Content Too Large")                                                                                          \
  X(414, "URI Too Long")                                                                                               \
  X(415, "Unsupported Media Type")                                                                                     \
  X(417, "Expectation Failed")                                                                                         \
  X(421, "Misdirected Request")                                                                                        \
  X(422, "Unprocessable Content")                                                                                      \
  X(428, "Precondition Required")                                                                                      \
  X(429, "Too Many Requests")                                                                                          \
  X(431, "Request Header Fields Too Large")                                                                            \
  X(500, "Internal Server Error")                                                                                      \
  X(501, "Not Implemented")                                                                                            \
  X(502, "Bad Gateway")                                                                                                \
  X(503, "Service Unavailable")                                                                                        \
  X(504, "Gateway Timeout")                                                                                            \
  X(505, "HTTP Version Not Supported")

const char *bc_problem_title(unsigned status) {
  switch (status) {
#define PROBLEM_CASE(number, text)                                                                                     \
  case number:                                                                                                         \
    return text;
    PROBLEM_TITLES(PROBLEM_CASE)
#undef PROBLEM_CASE
  default:
    return "Error";
  }
}

static void problem_add_text(struct bc_buf *buf, const char *text) {
  bc_buf_add_char(buf, '"');
  for (struct bc_str rest = bc_str_of(text); rest.len > 0;) {
    size_t len = bc_str_character(rest);
    unsigned char first = (unsigned char)rest.at[0];
    if (len == 0) {
      bc_buf_add_char(buf, '?');
      len = 1;
    } else if (first == '"' || first == '\\') {
      bc_buf_add_char(buf, '\\');
      bc_buf_add_char(buf, (char)first);
    } else if (first < 0x20 || first == 0x7f) {
      bc_buf_add_format(buf, "\\u%04x", first);
    } else {
      bc_buf_add(buf, rest.at, len);
    }
    rest = (struct bc_str){.at = rest.at + len, .len = rest.len - len};
  }
  bc_buf_add_char(buf, '"');
}

static void problem_add_member(struct bc_buf *buf, const char *name, const char *text) {
  bc_buf_add_format(buf, ",\"%s\":", name);
  problem_add_text(buf, text);
}

void bc_problem_print(struct bc_buf *buf, unsigned status, const char *code, const char *detail, size_t column,
                      const char *expected) {
  bc_buf_add_text(buf, "{\"title\":");
  problem_add_text(buf, bc_problem_title(status));
  bc_buf_add_format(buf, ",\"status\":%u", status);
  problem_add_member(buf, "detail", detail);
  problem_add_member(buf, "code", code);
  if (column != 0) {
    bc_buf_add_format(buf, ",\"column\":%zu", column);
  }
  if (expected != NULL) {
    problem_add_member(buf, "expected", expected);
  }
  bc_buf_add_text(buf, "}\n");
}
