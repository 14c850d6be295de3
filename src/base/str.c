#include "base/str.h"

#include <string.h>

struct bc_str bc_str_of(const char *text) {
  return (struct bc_str){.at = text, .len = text == NULL ? 0 : strlen(text)};
}

bool bc_str_equal(struct bc_str a, struct bc_str b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool bc_str_is(struct bc_str a, const char *text) {
  return bc_str_equal(a, bc_str_of(text));
}

bool bc_str_starts(struct bc_str a, const char *prefix) {
  size_t len = strlen(prefix);
  return a.len >= len && memcmp(a.at, prefix, len) == 0;
}

int bc_str_compare(struct bc_str a, struct bc_str b) {
  size_t shared = a.len < b.len ? a.len : b.len;
  int order = shared == 0 ? 0 : memcmp(a.at, b.at, shared);
  if (order != 0) {
    return order;
  }
  return (a.len > b.len) - (a.len < b.len);
}

static bool str_is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct bc_str bc_str_trim(struct bc_str a) {
  while (a.len > 0 && str_is_space(a.at[0])) {
    a.at++;
    a.len--;
  }
  while (a.len > 0 && str_is_space(a.at[a.len - 1])) {
    a.len--;
  }
  return a;
}

struct bc_str bc_str_next_word(struct bc_str *rest) {
  while (rest->len > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t')) {
    rest->at++;
    rest->len--;
  }
  struct bc_str word = {.at = rest->at, .len = 0};
  while (rest->len > 0 && rest->at[0] != ' ' && rest->at[0] != '\t') {
    rest->at++;
    rest->len--;
    word.len++;
  }
  return word;
}

bool bc_str_next_field(struct bc_str *rest, char separator, struct bc_str *field) {
  if (rest->at == NULL) {
    return false;
  }
  const char *end = rest->len == 0 ? NULL : memchr(rest->at, separator, rest->len);
  field->at = rest->at;
  if (end == NULL) {
    field->len = rest->len;
    *rest = (struct bc_str){.at = NULL, .len = 0};
    return true;
  }
  field->len = (size_t)(end - rest->at);
  rest->len -= field->len + 1;
  rest->at = end + 1;
  return true;
}

enum bc_err bc_str_to_u64(struct bc_str text, uint64_t max, uint64_t *out) {
  if (text.len == 0) {
    return BC_ERR_SYNTAX;
  }
  uint64_t value = 0;
  bool over = false;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.at[i];
    if (c < '0' || c > '9') {
      return BC_ERR_SYNTAX;
    }
    uint64_t digit = (uint64_t)(c - '0');
    over = over || value > (max - digit) / 10 || (max < digit && value == 0);
    value = over ? max : value * 10 + digit;
  }
  if (over) {
    return BC_ERR_RANGE;
  }
  *out = value;
  return BC_ERR_OK;
}

bool bc_str_is_printable(struct bc_str text) {
  for (size_t i = 0; i < text.len; i++) {
    if (text.at[i] < ' ' || text.at[i] > '~') {
      return false;
    }
  }
  return true;
}

bool bc_str_glob(struct bc_str pattern, struct bc_str text) {
  size_t p = 0;
  size_t t = 0;
  size_t star = SIZE_MAX;
  size_t star_text = 0;
  while (t < text.len) {
    if (p < pattern.len && pattern.at[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.len && (pattern.at[p] == '?' || pattern.at[p] == text.at[t])) {
      p++;
      t++;
    } else if (star != SIZE_MAX) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.len && pattern.at[p] == '*') {
    p++;
  }
  return p == pattern.len;
}

size_t bc_str_character(struct bc_str text) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (text.len == 0) {
    return 0;
  }
  unsigned char first = (unsigned char)text.at[0];
  if (first < 0x80) {
    return 1;
  }
  size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.len < len) {
    return 0;
  }
  uint32_t code = first & (0x7fU >> len);
  for (size_t i = 1; i < len; i++) {
    unsigned char next = (unsigned char)text.at[i];
    if ((next & 0xc0) != 0x80) {
      return 0;
    }
    code = code << 6 | (next & 0x3fU);
  }
  return code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : len;
}
