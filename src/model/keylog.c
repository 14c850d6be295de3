#include "model/keylog.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A record is "KEYLEN VALUELEN HASH", a line break, key, value and a line break; one whose value stands in an earlier
 * record "KEYLEN VALUELEN@OFFSET HASH", a line break, key and a line break. The last line is "end RECORDS". */
static const char keylog_header[] = "bgpcommander keys 2\n";
static const char keylog_header_1[] = "bgpcommander keys 1\n";
static const char keylog_end[] = "end ";

/* A shorter value costs less than a place in the table. */
enum { KEYLOG_SHARED_BYTES = 256, KEYLOG_VALUES = 64 };

struct keylog_value {
  const char *at; /* NULL: a free place */
  size_t len;
  size_t offset; /* in the text */
};

/* FNV-1a, 64 bits: notices damage, guards against nobody. */
static uint64_t keylog_hash(struct bc_str key, struct bc_str value) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (size_t i = 0; i < key.len; i++) {
    hash = (hash ^ (unsigned char)key.at[i]) * 0x100000001b3U;
  }
  hash = (hash ^ 0xffU) * 0x100000001b3U;
  for (size_t i = 0; i < value.len; i++) {
    hash = (hash ^ (unsigned char)value.at[i]) * 0x100000001b3U;
  }
  return hash;
}

/* ---- writing ---- */

void bc_keylog_init(struct bc_keylog *log, size_t max_bytes) {
  *log = (struct bc_keylog){0};
  bc_buf_init(&log->text, max_bytes);
  bc_buf_add_text(&log->text, keylog_header);
}

void bc_keylog_free(struct bc_keylog *log) {
  bc_buf_free(&log->text);
  free(log->values);
  log->values = NULL;
  log->values_count = log->values_room = 0;
}

/* The place of this value, or the free one where it belongs. */
static struct keylog_value *keylog_place(const struct bc_keylog *log, struct bc_str value) {
  size_t mask = log->values_room - 1;
  size_t at = (size_t)(((uintptr_t)value.at ^ value.len) * 0x9e3779b97f4a7c15U >> 20) & mask;
  while (log->values[at].at != NULL && (log->values[at].at != value.at || log->values[at].len != value.len)) {
    at = (at + 1) & mask;
  }
  return &log->values[at];
}

static void keylog_grow(struct bc_keylog *log) {
  struct keylog_value *old = log->values;
  size_t room = log->values_room;
  log->values_room = room == 0 ? KEYLOG_VALUES : room * 2;
  log->values = bc_mem_new(log->values_room, sizeof *log->values);
  for (size_t i = 0; i < room; i++) {
    if (old[i].at != NULL) {
      *keylog_place(log, (struct bc_str){.at = old[i].at, .len = old[i].len}) = old[i];
    }
  }
  free(old);
}

/* Where it is remembered; NULL when it is too short for that. A new place has no length yet. */
static struct keylog_value *keylog_remember(struct bc_keylog *log, struct bc_str value) {
  if (value.len < KEYLOG_SHARED_BYTES) {
    return NULL;
  }
  if (log->values_count * 2 >= log->values_room) {
    keylog_grow(log);
  }
  struct keylog_value *place = keylog_place(log, value);
  if (place->at == NULL) {
    place->at = value.at;
    log->values_count++;
  }
  return place;
}

/* Of a value that stands elsewhere only the place counts: its bytes have a checksum there. */
static struct bc_str keylog_print_place(char text[static 24], size_t offset) {
  int len = snprintf(text, 24, "%zu", offset);
  return (struct bc_str){.at = text, .len = (size_t)len};
}

static void keylog_add_shared(struct bc_buf *to, struct bc_str key, const struct keylog_value *shared) {
  char place[24];
  uint64_t hash = keylog_hash(key, keylog_print_place(place, shared->offset));
  bc_buf_add_format(to, "%zu %zu@%zu %" PRIu64 "\n", key.len, shared->len, shared->offset, hash);
  bc_buf_add_str(to, key);
}

void bc_keylog_add(struct bc_keylog *log, struct bc_str key, struct bc_str value) {
  struct keylog_value *shared = keylog_remember(log, value);
  log->records++;
  if (shared != NULL && shared->len > 0) {
    keylog_add_shared(&log->text, key, shared);
  } else {
    bc_buf_add_format(&log->text, "%zu %zu %" PRIu64 "\n", key.len, value.len, keylog_hash(key, value));
    bc_buf_add_str(&log->text, key);
    if (shared != NULL) {
      shared->len = value.len;
      shared->offset = log->text.len;
    }
    bc_buf_add_str(&log->text, value);
  }
  bc_buf_add_char(&log->text, '\n');
}

void bc_keylog_end(struct bc_keylog *log) {
  bc_buf_add_format(&log->text, "%s%zu\n", keylog_end, log->records);
}

/* ---- reading ---- */

/* Takes one number and the character behind it from *rest. */
static bool keylog_take_number(struct bc_str *rest, char end, uint64_t *number) {
  struct bc_str digits = {.at = rest->at, .len = 0};
  while (digits.len < rest->len && digits.len < 21 && digits.at[digits.len] != end) {
    digits.len++;
  }
  if (digits.len == rest->len || digits.at[digits.len] != end ||
      bc_str_to_u64(digits, UINT64_MAX, number) != BC_ERR_OK) {
    return false;
  }
  rest->at += digits.len + 1;
  rest->len -= digits.len + 1;
  return true;
}

/* The length of a value and, when it stands in an earlier record, its place (else *is_shared is false). */
static bool keylog_take_value(struct bc_str *rest, uint64_t *len, bool *is_shared, uint64_t *offset) {
  struct bc_str before = *rest;
  *is_shared = false;
  if (keylog_take_number(rest, ' ', len)) {
    return true;
  }
  *rest = before;
  *is_shared = true;
  return keylog_take_number(rest, '@', len) && keylog_take_number(rest, ' ', offset);
}

static bool keylog_take_record(struct bc_str text, struct bc_str *rest, struct bc_str *key, struct bc_str *value) {
  uint64_t key_len;
  uint64_t value_len;
  uint64_t offset = 0;
  uint64_t hash;
  bool is_shared;
  size_t before = text.len - rest->len;
  if (!keylog_take_number(rest, ' ', &key_len) || !keylog_take_value(rest, &value_len, &is_shared, &offset) ||
      !keylog_take_number(rest, '\n', &hash)) {
    return false;
  }
  uint64_t own_len = is_shared ? 0 : value_len;
  if (key_len >= rest->len || own_len >= rest->len - key_len || rest->at[key_len + own_len] != '\n' ||
      (is_shared && (offset > before || value_len > before - offset))) {
    return false;
  }
  *key = (struct bc_str){.at = rest->at, .len = key_len};
  *value = (struct bc_str){.at = is_shared ? text.at + offset : rest->at + key_len, .len = value_len};
  rest->at += key_len + own_len + 1;
  rest->len -= key_len + own_len + 1;
  char place[24];
  return keylog_hash(*key, is_shared ? keylog_print_place(place, offset) : *value) == hash;
}

static bool keylog_is_end(struct bc_str rest, size_t records) {
  char line[32];
  (void)snprintf(line, sizeof line, "%s%zu\n", keylog_end, records);
  return bc_str_is(rest, line);
}

enum bc_err bc_keylog_read(struct bc_str text, bc_keylog_fn *fn, void *arg, size_t *good) {
  *good = 0;
  bool is_first = bc_str_starts(text, keylog_header_1);
  if (!is_first && !bc_str_starts(text, keylog_header)) {
    return BC_ERR_PROTOCOL;
  }
  struct bc_str rest = {.at = text.at + sizeof keylog_header - 1, .len = text.len - (sizeof keylog_header - 1)};
  while (is_first ? rest.len > 0 : !keylog_is_end(rest, *good)) {
    struct bc_str key;
    struct bc_str value;
    if (!keylog_take_record(text, &rest, &key, &value)) {
      return BC_ERR_PROTOCOL;
    }
    fn(arg, key, value);
    (*good)++;
  }
  return BC_ERR_OK;
}
