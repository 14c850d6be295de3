/* Any texts as Accept, name and label: the format is one of two, and what is written stays one line per sample, with
 * every quote inside a label escaped. */
#include "base/mem.h"
#include "proto/prometheus.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool is_so) {
  if (!is_so) {
    abort();
  }
}

/* One sample with one label: NAME{NAME="…"} 1 and a line break. */
static void judge(const char *line) {
  size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
  expect(name > 0 && (line[0] < '0' || line[0] > '9') && line[name] == '{');
  line += name + 1;
  name = strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
  expect(name > 0 && strncmp(line + name, "=\"", 2) == 0);
  for (line += name + 2; *line != '"'; line++) {
    expect(*line != '\n' && *line != '\0');
    if (*line == '\\') {
      line++;
      expect(*line == '\\' || *line == '"' || *line == 'n');
    }
  }
  expect(strcmp(line, "\"} 1\n") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = bc_mem_copy_text((const char *)data, size);
  const char *name = text + strlen(text) + (strlen(text) < size ? 1 : 0);
  const char *value = name + strlen(name) + ((size_t)(name - text) + strlen(name) < size ? 1 : 0);
  enum bc_prometheus_format format = bc_prometheus_choose(text);
  expect(format == BC_PROMETHEUS_TEXT || strstr(text, "application/openmetrics-text") != NULL);
  struct bc_buf to;
  bc_buf_init(&to, 64 + 8 * size);
  struct bc_prometheus prometheus = {.to = &to, .format = format, .name = name, .type = BC_PROMETHEUS_GAUGE};
  bc_prometheus_add(&prometheus, &(struct bc_prometheus_label){text, value}, 1, 1);
  expect(bc_buf_status(&to) == BC_ERR_OK);
  judge(to.data);
  bc_buf_free(&to);
  free(text);
  return 0;
}
