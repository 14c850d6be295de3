#include "worker/lua_pattern.h"

#include "base/limits.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

enum { PATTERN_ITEMS = 128, PATTERN_SET_BYTES = 32, PATTERN_CLASSES = 256 };

enum pattern_kind {
  PATTERN_BYTE,     /* one byte of a set, repeated or not */
  PATTERN_BALANCE,  /* %bxy */
  PATTERN_FRONTIER, /* %f[set]: takes nothing */
  PATTERN_BACK,     /* %1: what a capture holds */
  PATTERN_END       /* $ as the last byte */
};

struct pattern_set {
  unsigned char bits[PATTERN_SET_BYTES];
};

struct pattern_item {
  enum pattern_kind kind;
  char repeat; /* '*', '+', '-', '?', or 0 */
  struct pattern_set set;
};

struct pattern {
  struct pattern_item items[PATTERN_ITEMS];
  size_t count;
  bool is_anchored;
  bool is_long;
};

/* ---- numbers that stay at their largest ---- */

static uint64_t pattern_times(uint64_t a, uint64_t b) {
  uint64_t product;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t pattern_plus(uint64_t a, uint64_t b) {
  uint64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* ---- sets of bytes ---- */

static void pattern_set_add(struct pattern_set *set, unsigned byte) {
  set->bits[byte >> 3] = (unsigned char)(set->bits[byte >> 3] | 1U << (byte & 7U));
}

static bool pattern_set_has(const struct pattern_set *set, unsigned byte) {
  return ((unsigned)set->bits[byte >> 3] >> (byte & 7U) & 1U) != 0;
}

static bool pattern_sets_meet(const struct pattern_set *a, const struct pattern_set *b) {
  for (size_t i = 0; i < PATTERN_SET_BYTES; i++) {
    if ((a->bits[i] & b->bits[i]) != 0) {
      return true;
    }
  }
  return false;
}

static void pattern_set_subtract(struct pattern_set *set, const struct pattern_set *other) {
  for (size_t i = 0; i < PATTERN_SET_BYTES; i++) {
    set->bits[i] = (unsigned char)(set->bits[i] & ~other->bits[i]);
  }
}

/* %a, %d …, as the matcher has them; any other byte behind a % stands for itself. */
static bool pattern_class_has(unsigned char class, int byte) {
  bool is_in;
  switch (tolower(class)) {
  case 'a':
    is_in = isalpha(byte) != 0;
    break;
  case 'c':
    is_in = iscntrl(byte) != 0;
    break;
  case 'd':
    is_in = isdigit(byte) != 0;
    break;
  case 'g':
    is_in = isgraph(byte) != 0;
    break;
  case 'l':
    is_in = islower(byte) != 0;
    break;
  case 'p':
    is_in = ispunct(byte) != 0;
    break;
  case 's':
    is_in = isspace(byte) != 0;
    break;
  case 'u':
    is_in = isupper(byte) != 0;
    break;
  case 'w':
    is_in = isalnum(byte) != 0;
    break;
  case 'x':
    is_in = isxdigit(byte) != 0;
    break;
  case 'z':
    is_in = byte == '\0';
    break;
  default:
    return class == byte;
  }
  return isupper(class) != 0 ? !is_in : is_in;
}

static void pattern_set_add_class(struct pattern_set *set, unsigned char class) {
  for (int byte = 0; byte < PATTERN_CLASSES; byte++) {
    if (pattern_class_has(class, byte)) {
      pattern_set_add(set, (unsigned)byte);
    }
  }
}

/* ---- reading a pattern ---- */

/* Where a set ends, as the matcher finds it: its ']' is not the first byte and not behind a '%'. NULL: nowhere. */
static const char *pattern_find_set_end(const char *first, const char *end) {
  const char *at = first;
  do {
    if (at >= end) {
      return NULL;
    }
    at += *at == '%' ? 2 : 1;
  } while (at >= end || *at != ']');
  return at;
}

/* `at` stands behind the '['; the result behind the ']'. NULL: there is none. */
static const char *pattern_read_set(const char *at, const char *end, struct pattern_set *set) {
  bool is_complement = at < end && *at == '^';
  at += is_complement ? 1 : 0;
  const char *last = pattern_find_set_end(at, end);
  if (last == NULL) {
    return NULL;
  }
  for (; at < last; at++) {
    if (*at == '%') {
      pattern_set_add_class(set, (unsigned char)*++at);
    } else if (at[1] == '-' && at + 2 < last) {
      for (unsigned byte = (unsigned char)at[0]; byte <= (unsigned char)at[2]; byte++) {
        pattern_set_add(set, byte);
      }
      at += 2;
    } else {
      pattern_set_add(set, (unsigned char)*at);
    }
  }
  for (size_t i = 0; i < PATTERN_SET_BYTES && is_complement; i++) {
    set->bits[i] = (unsigned char)~set->bits[i];
  }
  return last + 1;
}

/* Behind a '%'. */
static const char *pattern_read_escape(const char *at, const char *end, struct pattern_item *item) {
  if (at >= end) {
    return NULL;
  }
  if (*at == 'b') {
    item->kind = PATTERN_BALANCE;
    if (end - at < 3) {
      return NULL;
    }
    pattern_set_add(&item->set, (unsigned char)at[1]);
    return at + 3;
  }
  if (*at == 'f') {
    item->kind = PATTERN_FRONTIER;
    return end - at > 1 && at[1] == '[' ? pattern_read_set(at + 2, end, &item->set) : NULL;
  }
  if (*at >= '0' && *at <= '9') {
    item->kind = PATTERN_BACK;
    return at + 1;
  }
  pattern_set_add_class(&item->set, (unsigned char)*at);
  return at + 1;
}

static const char *pattern_read_item(const char *at, const char *end, struct pattern_item *item) {
  *item = (struct pattern_item){.kind = PATTERN_BYTE};
  char byte = *at++;
  if (byte == '$' && at == end) {
    item->kind = PATTERN_END;
    return at;
  }
  if (byte == '%') {
    at = pattern_read_escape(at, end, item);
  } else if (byte == '[') {
    at = pattern_read_set(at, end, &item->set);
  } else if (byte == '.') {
    memset(item->set.bits, 0xff, sizeof item->set.bits);
  } else {
    pattern_set_add(&item->set, (unsigned char)byte);
  }
  if (at != NULL && at < end && item->kind == PATTERN_BYTE && strchr("*+-?", *at) != NULL && *at != '\0') {
    item->repeat = *at++;
  }
  return at;
}

/* Reads up to what is malformed, if something is: the matcher notices that only when it gets there, which may take as
 * long as with any other pattern. */
static void pattern_read(struct bc_str text, bool is_anchor, struct pattern *out) {
  const char *at = text.at;
  const char *end = text.at + text.len;
  out->count = 0;
  out->is_long = false;
  out->is_anchored = is_anchor && text.len > 0 && *at == '^';
  at += out->is_anchored ? 1 : 0;
  while (at != NULL && at < end) {
    if (*at == '(' || *at == ')') {
      at++;
    } else if (out->count == PATTERN_ITEMS) {
      out->is_long = true;
      return;
    } else {
      at = pattern_read_item(at, end, &out->items[out->count++]);
    }
  }
}

/* ---- the estimate ---- */

static uint64_t pattern_longest_run(struct bc_str subject, const struct pattern_set *set) {
  uint64_t longest = 0;
  uint64_t run = 0;
  for (size_t i = 0; i < subject.len; i++) {
    run = pattern_set_has(set, (unsigned char)subject.at[i]) ? run + 1 : 0;
    longest = run > longest ? run : longest;
  }
  return longest;
}

static bool pattern_is_repeated(const struct pattern_item *item) {
  return item->repeat == '*' || item->repeat == '+' || item->repeat == '-';
}

/* It must take at least one byte of its set. */
static bool pattern_is_needed(const struct pattern_item *item) {
  return item->kind == PATTERN_BYTE && (item->repeat == '\0' || item->repeat == '+');
}

struct pattern_work {
  uint64_t cost; /* of going through the item once */
  uint64_t ways; /* in which the match can go on behind it */
};

static struct pattern_work pattern_judge_repeat(struct bc_str subject, const struct pattern *pattern, size_t index) {
  const struct pattern_item *item = &pattern->items[index];
  const struct pattern_item *next = index + 1 < pattern->count ? &pattern->items[index + 1] : NULL;
  struct pattern_set set = item->set;
  struct pattern_work work = {.ways = 1};
  if (next != NULL && next->kind != PATTERN_END) {
    bool is_one_way = pattern_is_needed(next) && !pattern_sets_meet(&set, &next->set);
    /* `.-x` at the end of the pattern: the first x ends it. */
    if (item->repeat == '-' && pattern_is_needed(next) && next->repeat == '\0' && index + 2 == pattern->count) {
      pattern_set_subtract(&set, &next->set);
      is_one_way = true;
    }
    work.ways = is_one_way ? 1 : 0;
  }
  uint64_t run = item->repeat == '?' ? 1 : pattern_longest_run(subject, &set);
  work.cost = pattern_plus(run, 2);
  work.ways = work.ways == 0 ? run + 1 : 1;
  return work;
}

static struct pattern_work pattern_judge(struct bc_str subject, const struct pattern *pattern, size_t index) {
  const struct pattern_item *item = &pattern->items[index];
  if (item->kind == PATTERN_BALANCE || item->kind == PATTERN_BACK) {
    return (struct pattern_work){.cost = subject.len + 1, .ways = 1};
  }
  if (item->kind == PATTERN_BYTE && item->repeat != '\0') {
    return pattern_judge_repeat(subject, pattern, index);
  }
  return (struct pattern_work){.cost = 1, .ways = 1};
}

/* Where the match can begin, and go on behind its first byte. */
static uint64_t pattern_count_starts(struct bc_str subject, const struct pattern *pattern) {
  const struct pattern_item *first = &pattern->items[0];
  if (pattern->is_anchored) {
    return 1;
  }
  if (!pattern_is_needed(first) && first->kind != PATTERN_BALANCE) {
    return subject.len + 1;
  }
  uint64_t starts = 0;
  for (size_t i = 0; i < subject.len; i++) {
    starts += pattern_set_has(&first->set, (unsigned char)subject.at[i]) ? 1 : 0;
  }
  return starts;
}

/* Once the first item has its byte nothing can fail, so nothing is tried twice. */
static bool pattern_cannot_fail(const struct pattern *pattern) {
  for (size_t i = 0; i < pattern->count; i++) {
    const struct pattern_item *item = &pattern->items[i];
    if (item->kind != PATTERN_BYTE || (i > 0 && pattern_is_needed(item))) {
      return false;
    }
  }
  return true;
}

uint64_t bc_lua_pattern_steps(struct bc_str subject, struct bc_str pattern, bool is_anchor) {
  struct pattern parsed;
  pattern_read(pattern, is_anchor, &parsed);
  if (parsed.is_long) {
    return UINT64_MAX;
  }
  if (parsed.count == 0) {
    return 0;
  }
  if (pattern_cannot_fail(&parsed)) {
    return pattern_times(subject.len + 1, parsed.count + 1);
  }
  uint64_t repeated = 1;
  for (size_t i = 0; i < parsed.count; i++) {
    repeated += pattern_is_repeated(&parsed.items[i]) ? 1 : 0;
  }
  if (pattern_times(repeated, subject.len) > BC_LIMIT_LUA_PATTERN_STEPS) {
    return UINT64_MAX;
  }
  uint64_t steps = 0;
  uint64_t ways = 1;
  for (size_t i = 0; i < parsed.count; i++) {
    struct pattern_work work = pattern_judge(subject, &parsed, i);
    steps = pattern_plus(steps, pattern_times(ways, work.cost));
    ways = pattern_times(ways, work.ways);
  }
  return pattern_plus(subject.len, pattern_times(steps, pattern_count_starts(subject, &parsed)));
}

bool bc_lua_pattern_is_plain(struct bc_str pattern) {
  for (size_t i = 0; i < pattern.len; i++) {
    if (pattern.at[i] != '\0' && strchr("^$*+?.([%-", pattern.at[i]) != NULL) {
      return false;
    }
  }
  return true;
}
