/* The first byte says which setting, a value up to a byte of 1, then a route: any bytes are read, any route is judged,
 * the same twice, and with a line when it is refused. */
#include "base/limits.h"
#include "model/admission.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct bc_admission *rules, struct bc_intern *intern, struct bc_str text) {
  struct bc_route route;
  struct bc_fault fault = {0};
  uint64_t ttl_ms;
  if (bc_route_parse(intern, text, &route, NULL) != BC_ERR_OK) {
    return;
  }
  struct bc_admission_ask ask = {.route = &route};
  enum bc_admission_answer answer = bc_admission_judge(rules, &ask, &ttl_ms, &fault);
  if ((answer == BC_ADMISSION_OK) != (fault.text[0] == '\0') ||
      bc_admission_judge(rules, &ask, &ttl_ms, NULL) != answer) {
    abort();
  }
  bc_route_release(intern, &route);
}

static void blackhole(const struct bc_admission *rules, struct bc_intern *intern, struct bc_str prefix,
                      struct bc_str community) {
  struct bc_buf text;
  struct bc_route route;
  enum bc_verb verb;
  bc_buf_init(&text, BC_LIMIT_CONFIG_BYTES);
  if (bc_admission_print_blackhole(rules, prefix, &community, community.len > 0 ? 1 : 0, &text, NULL) == BC_ERR_OK) {
    if (bc_route_parse_command(intern, bc_buf_str(&text), &verb, &route, NULL) == BC_ERR_OK) {
      bc_route_release(intern, &route);
    } else if (strstr(text.data, "next-hop") == NULL) {
      abort();
    }
  }
  bc_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *divider = size < 2 ? NULL : memchr(data + 1, 1, size - 1);
  if (divider == NULL) {
    return 0;
  }
  struct bc_admission *rules = bc_admission_new();
  struct bc_intern *intern = bc_intern_new();
  struct bc_fault fault = {0};
  struct bc_str value = {(const char *)data + 1, (size_t)(divider - data) - 1};
  struct bc_str text = {(const char *)divider + 1, size - value.len - 2};
  enum bc_admission_setting setting = (enum bc_admission_setting)(data[0] % BC_ADMISSION_SETTINGS);
  if (bc_admission_add_list(rules, setting, value, &fault) != BC_ERR_OK && fault.text[0] == '\0') {
    abort();
  }
  judge(rules, intern, text);
  blackhole(rules, intern, text, value);
  blackhole(rules, intern, bc_str_of("192.0.2.1"), text);
  bc_intern_free(intern);
  bc_admission_free(rules);
  return 0;
}
