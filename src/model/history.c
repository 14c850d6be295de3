#include "model/history.h"

/* A result is 4 bits of status and 12 of duration: 5 of exponent, 7 of mantissa. */
enum { HISTORY_TIME_BITS = 12, HISTORY_MANTISSA_BITS = 7 };

_Static_assert(BC_CHECK_STATUS_COUNT <= 1 << (16 - HISTORY_TIME_BITS), "a status does not fit");
_Static_assert(BC_LIMIT_HISTORY_RESULTS <= UINT8_MAX, "too many results");

static uint16_t history_pack(uint32_t took_us) {
  unsigned exponent = 0;
  uint32_t mantissa = took_us;
  while (mantissa >= 1U << HISTORY_MANTISSA_BITS) {
    mantissa >>= 1;
    exponent++;
  }
  return (uint16_t)(exponent << HISTORY_MANTISSA_BITS | mantissa);
}

static uint32_t history_unpack(uint16_t packed) {
  uint32_t mantissa = packed & ((1U << HISTORY_MANTISSA_BITS) - 1);
  return mantissa << (packed >> HISTORY_MANTISSA_BITS);
}

void bc_history_add(struct bc_history *history, enum bc_check_status status, uint32_t took_us) {
  history->results[history->next] = (uint16_t)((unsigned)status << HISTORY_TIME_BITS | history_pack(took_us));
  history->next = (uint8_t)((history->next + 1U) % BC_LIMIT_HISTORY_RESULTS);
  history->count = (uint8_t)(history->count + (history->count < BC_LIMIT_HISTORY_RESULTS));
}

struct bc_history_result bc_history_get(const struct bc_history *history, size_t i) {
  size_t oldest = history->count < BC_LIMIT_HISTORY_RESULTS ? 0 : history->next;
  uint16_t result = history->results[(oldest + i) % BC_LIMIT_HISTORY_RESULTS];
  return (struct bc_history_result){.status = (enum bc_check_status)(result >> HISTORY_TIME_BITS),
                                    .took_us = history_unpack((uint16_t)(result & ((1U << HISTORY_TIME_BITS) - 1)))};
}

char bc_history_mark(enum bc_check_status status) {
  static const enum bc_check_meaning meanings[] = {
#define HISTORY_MEANING(name, text, meaning) meaning,
      BC_CHECK_STATUS_LIST(HISTORY_MEANING)
#undef HISTORY_MEANING
  };
  if ((unsigned)status >= BC_CHECK_STATUS_COUNT) {
    return '-';
  }
  return meanings[status] == BC_CHECK_PASS ? 'p' : meanings[status] == BC_CHECK_FAIL ? 'f' : '-';
}
