#include "model/keylog.h"

#include <inttypes.h>

static const char keylog_header[] = "bgpcommander keys 1\n";

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

void bc_keylog_begin(struct bc_buf *to) {
  bc_buf_add_text(to, keylog_header);
}

void bc_keylog_add(struct bc_buf *to, struct bc_str key, struct bc_str value) {
  bc_buf_add_format(to, "%zu %zu %" PRIu64 "\n", key.len, value.len, keylog_hash(key, value));
  bc_buf_add_str(to, key);
  bc_buf_add_str(to, value);
  bc_buf_add_char(to, '\n');
}

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

static bool keylog_take_record(struct bc_str *rest, struct bc_str *key, struct bc_str *value) {
  uint64_t key_len;
  uint64_t value_len;
  uint64_t hash;
  if (!keylog_take_number(rest, ' ', &key_len) || !keylog_take_number(rest, ' ', &value_len) ||
      !keylog_take_number(rest, '\n', &hash)) {
    return false;
  }
  if (key_len >= rest->len || value_len >= rest->len - key_len || rest->at[key_len + value_len] != '\n') {
    return false;
  }
  *key = (struct bc_str){.at = rest->at, .len = key_len};
  *value = (struct bc_str){.at = rest->at + key_len, .len = value_len};
  rest->at += key_len + value_len + 1;
  rest->len -= key_len + value_len + 1;
  return keylog_hash(*key, *value) == hash;
}

enum bc_err bc_keylog_read(struct bc_str text, bc_keylog_fn *fn, void *arg, size_t *good) {
  *good = 0;
  if (!bc_str_starts(text, keylog_header)) {
    return BC_ERR_PROTOCOL;
  }
  struct bc_str rest = {.at = text.at + sizeof keylog_header - 1, .len = text.len - (sizeof keylog_header - 1)};
  while (rest.len > 0) {
    struct bc_str key;
    struct bc_str value;
    if (!keylog_take_record(&rest, &key, &value)) {
      return BC_ERR_PROTOCOL;
    }
    fn(arg, key, value);
    (*good)++;
  }
  return BC_ERR_OK;
}
