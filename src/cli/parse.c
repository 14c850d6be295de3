#include "cli/parse.h"

#include "base/buf.h"
#include "base/intern.h"
#include "base/limits.h"
#include "model/route.h"

/* Reads up to and without the next line end; false at the end of the input. What passes the limit is
 * dropped, and `line` failed. */
static bool parse_read_line(FILE *in, struct bc_buf *line) {
  bc_buf_clear(line);
  int c = getc(in);
  if (c == EOF) {
    return false;
  }
  for (; c != EOF && c != '\n'; c = getc(in)) {
    char byte = (char)c;
    bc_buf_add_char(line, byte);
  }
  return true;
}

static bool parse_is_ignored(struct bc_str line) {
  struct bc_str text = bc_str_trim(line);
  return text.len == 0 || text.at[0] == '#';
}

static bool parse_refuse(const struct bc_fault *fault, FILE *out) {
  (void)fprintf(out, "error\t%zu\t%s\n", fault->column, fault->text);
  return false;
}

static bool parse_line(struct bc_intern *intern, const struct bc_buf *line, FILE *out) {
  struct bc_fault fault;
  struct bc_str text = bc_buf_str(line);
  if (bc_buf_status(line) != BC_ERR_OK) {
    bc_fault_set(&fault, BC_LIMIT_CONFIG_BYTES + 1, "the line is longer than %d bytes", BC_LIMIT_CONFIG_BYTES);
    return parse_refuse(&fault, out);
  }
  if (text.len > 0 && text.at[text.len - 1] == '\r') {
    text.len--;
  }
  if (parse_is_ignored(text)) {
    (void)fputs("ok\t\n", out);
    return true;
  }
  struct bc_buf canonical;
  bc_buf_init(&canonical, BC_LIMIT_COMMAND_BYTES);
  bool is_good = bc_route_rewrite(intern, text, &canonical, &fault) == BC_ERR_OK;
  if (is_good) {
    (void)fprintf(out, "ok\t%s\n", canonical.data);
  } else {
    (void)parse_refuse(&fault, out);
  }
  bc_buf_free(&canonical);
  return is_good;
}

int bc_cli_parse(FILE *in, FILE *out) {
  struct bc_intern *intern = bc_intern_new();
  struct bc_buf line;
  bc_buf_init(&line, BC_LIMIT_CONFIG_BYTES);
  bool all_fine = true;
  while (parse_read_line(in, &line)) {
    all_fine = parse_line(intern, &line, out) && all_fine;
  }
  bool is_written = fflush(out) == 0 && !ferror(out) && !ferror(in);
  bc_buf_free(&line);
  bc_intern_free(intern);
  return all_fine && is_written ? 0 : 1;
}
