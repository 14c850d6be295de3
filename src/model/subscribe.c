#include "model/subscribe.h"

#include <string.h>

static bool subscribe_is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

struct bc_str bc_subscribe_next(struct bc_str *rest) {
  while (rest->len > 0 && subscribe_is_blank(rest->at[0])) {
    rest->at++;
    rest->len--;
  }
  struct bc_str word = {rest->at, 0};
  while (rest->len > 0 && !subscribe_is_blank(rest->at[0])) {
    rest->at++;
    rest->len--;
    word.len++;
  }
  return word;
}

static bool subscribe_is_none(struct bc_str value) {
  struct bc_str word = bc_subscribe_next(&value);
  return word.len == 0 || (bc_str_is(word, "-") && bc_subscribe_next(&value).len == 0);
}

bool bc_subscribe_has(struct bc_str value, struct bc_str word) {
  if (subscribe_is_none(value)) {
    return false;
  }
  for (struct bc_str at = bc_subscribe_next(&value); at.len > 0; at = bc_subscribe_next(&value)) {
    if (bc_str_equal(at, word)) {
      return true;
    }
  }
  return false;
}

struct bc_str bc_subscribe_match(struct bc_str value, struct bc_str name) {
  if (!subscribe_is_none(value)) {
    for (struct bc_str at = bc_subscribe_next(&value); at.len > 0; at = bc_subscribe_next(&value)) {
      if (bc_str_glob(at, name)) {
        return at;
      }
    }
  }
  return (struct bc_str){0};
}

void bc_subscribe_add(struct bc_buf *to, struct bc_str value, struct bc_str word) {
  if (subscribe_is_none(value)) {
    bc_buf_add_str(to, word);
    return;
  }
  /* A line break behind the last word ends the value: it stays there. */
  struct bc_str body = value;
  while (body.len > 0 && subscribe_is_blank(body.at[body.len - 1])) {
    body.len--;
  }
  bool has_lines = memchr(body.at, '\n', body.len) != NULL;
  bc_buf_add_str(to, body);
  bc_buf_add_char(to, has_lines ? '\n' : ' ');
  bc_buf_add_str(to, word);
  bc_buf_add(to, body.at + body.len, value.len - body.len);
}

void bc_subscribe_remove(struct bc_buf *to, struct bc_str value, struct bc_str word) {
  struct bc_str rest = value;
  bool is_first = true;
  for (;;) {
    const char *from = rest.at;
    struct bc_str at = bc_subscribe_next(&rest);
    if (at.len == 0) {
      /* What stands behind the last word. */
      if (!is_first && from != NULL) {
        bc_buf_add(to, from, (size_t)(at.at - from));
      }
      break;
    }
    if (bc_str_equal(at, word)) {
      continue;
    }
    /* What stood before a first word that went goes with it. */
    const char *start = is_first && from != value.at ? at.at : from;
    bc_buf_add(to, start, (size_t)(at.at + at.len - start));
    is_first = false;
  }
  if (is_first) {
    bc_buf_add_char(to, '-');
  }
}
