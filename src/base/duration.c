#include "base/duration.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum { DURATION_DIGITS_MAX = 9 };

/* One to nine digits, so that no product below can overflow. */
static bool duration_take_digits(struct bc_str *rest, uint64_t *value, uint64_t *scale) {
  size_t count = 0;
  *value = 0;
  *scale = 1;
  while (count < rest->len && rest->at[count] >= '0' && rest->at[count] <= '9') {
    if (++count > DURATION_DIGITS_MAX) {
      return false;
    }
    *value = *value * 10 + (uint64_t)(rest->at[count - 1] - '0');
    *scale *= 10;
  }
  rest->at += count;
  rest->len -= count;
  return count > 0;
}

static uint64_t duration_unit_ms(struct bc_str unit) {
  static const struct {
    const char *text;
    uint64_t ms;
  } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}};
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    if (bc_str_is(unit, units[i].text)) {
      return units[i].ms;
    }
  }
  return 0;
}

enum bc_err bc_duration_parse(struct bc_str text, unsigned *out_ms) {
  uint64_t whole = 0;
  uint64_t fraction = 0;
  uint64_t scale = 1;
  if (!duration_take_digits(&text, &whole, &scale)) {
    return BC_ERR_SYNTAX;
  }
  scale = 1;
  if (text.len > 0 && text.at[0] == '.') {
    text.at++;
    text.len--;
    if (!duration_take_digits(&text, &fraction, &scale)) {
      return BC_ERR_SYNTAX;
    }
  }
  uint64_t unit_ms = duration_unit_ms(text);
  if (unit_ms == 0) {
    return BC_ERR_SYNTAX;
  }
  uint64_t ms = whole * unit_ms + fraction * unit_ms / scale;
  if (ms > UINT_MAX) {
    return BC_ERR_RANGE;
  }
  *out_ms = (unsigned)ms;
  return BC_ERR_OK;
}
