#include "base/near.h"

enum { NEAR_WORD_MOST = 32 };

static size_t near_least(size_t a, size_t b, size_t c) {
  size_t least = a < b ? a : b;
  return least < c ? least : c;
}

size_t bc_near_distance(struct bc_str a, struct bc_str b) {
  size_t row[NEAR_WORD_MOST + 1];
  if (b.len > NEAR_WORD_MOST || a.len > NEAR_WORD_MOST) {
    return SIZE_MAX;
  }
  for (size_t i = 0; i <= b.len; i++) {
    row[i] = i;
  }
  for (size_t y = 1; y <= a.len; y++) {
    size_t diagonal = row[0];
    row[0] = y;
    for (size_t x = 1; x <= b.len; x++) {
      size_t above = row[x];
      row[x] = near_least(above + 1, row[x - 1] + 1, diagonal + (a.at[y - 1] == b.at[x - 1] ? 0 : 1));
      diagonal = above;
    }
  }
  return row[b.len];
}
