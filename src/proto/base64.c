#include "proto/base64.h"

#include <stdint.h>

static const char base64_alphabet[64] = {
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V',
    'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r',
    's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '/'};

void bc_base64_encode(struct bc_buf *to, struct bc_str bytes) {
  size_t len = (bytes.len + 2) / 3 * 4;
  char *out = len == 0 ? NULL : bc_buf_reserve(to, len);
  if (out == NULL) {
    return;
  }
  const unsigned char *in = (const unsigned char *)bytes.at;
  for (size_t i = 0; i < bytes.len; i += 3) {
    size_t left = bytes.len - i;
    uint32_t group = (uint32_t)in[i] << 16;
    group |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
    group |= left > 2 ? (uint32_t)in[i + 2] : 0;
    *out++ = base64_alphabet[group >> 18];
    *out++ = base64_alphabet[(group >> 12) & 63];
    *out++ = left > 1 ? base64_alphabet[(group >> 6) & 63] : '=';
    *out++ = left > 2 ? base64_alphabet[group & 63] : '=';
  }
  bc_buf_commit(to, len);
}

static int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') {
    return c - 'A';
  }
  if (c >= 'a' && c <= 'z') {
    return c - 'a' + 26;
  }
  if (c >= '0' && c <= '9') {
    return c - '0' + 52;
  }
  return c == '+' ? 62 : (c == '/' ? 63 : -1);
}

/* `chars` (2 to 4) significant characters to chars - 1 bytes. */
static bool base64_decode_group(const char *in, size_t chars, char *out) {
  uint32_t group = 0;
  for (size_t i = 0; i < 4; i++) {
    int value = i < chars ? base64_value(in[i]) : 0;
    if (value < 0) {
      return false;
    }
    group = group << 6 | (uint32_t)value;
  }
  for (size_t i = 0; i + 1 < chars; i++) {
    out[i] = (char)(unsigned char)(group >> (16 - 8 * i));
  }
  return (group & (0xffffffU >> (8 * (chars - 1)))) == 0;
}

enum bc_err bc_base64_decode(struct bc_buf *to, struct bc_str text) {
  if (text.len % 4 != 0) {
    return BC_ERR_SYNTAX;
  }
  if (text.len == 0) {
    return BC_ERR_OK;
  }
  size_t padding = text.at[text.len - 1] != '=' ? 0 : (text.at[text.len - 2] != '=' ? 1 : 2);
  size_t len = text.len / 4 * 3 - padding;
  char *out = bc_buf_reserve(to, len);
  if (out == NULL) {
    return BC_ERR_LIMIT;
  }
  for (size_t i = 0; i < text.len; i += 4) {
    size_t chars = i + 4 == text.len ? 4 - padding : 4;
    if (!base64_decode_group(text.at + i, chars, out)) {
      to->data[to->len] = '\0';
      return BC_ERR_SYNTAX;
    }
    out += chars - 1;
  }
  bc_buf_commit(to, len);
  return BC_ERR_OK;
}
