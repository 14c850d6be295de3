#include "proto/msg.h"

#include "base/limits.h"
#include "proto/frame.h"

enum { MSG_PRINT_BYTES = 64 };

static void msg_put_u8(struct bc_buf *out, uint8_t value) {
  bc_buf_add_char(out, (char)value);
}

static void msg_put_u32(struct bc_buf *out, uint32_t value) {
  const char bytes[4] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
  bc_buf_add(out, bytes, sizeof bytes);
}

static void msg_put_u64(struct bc_buf *out, uint64_t value) {
  msg_put_u32(out, (uint32_t)(value >> 32));
  msg_put_u32(out, (uint32_t)value);
}

static void msg_put_text(struct bc_buf *out, struct bc_str value) {
  if (value.len > BC_LIMIT_FRAME_BYTES) {
    out->failed = true;
    return;
  }
  msg_put_u32(out, (uint32_t)value.len);
  bc_buf_add_str(out, value);
}

static void msg_put_bytes(struct bc_buf *out, struct bc_str value) {
  msg_put_text(out, value);
}

#define BC_MSG(NAME, name, number, direction, meaning)                                                                 \
  static void msg_encode_##name(const struct bc_msg_##name *message, struct bc_buf *out) {                             \
    (void)message;                                                                                                     \
    (void)out;
#define BC_FIELD(kind, name, meaning) msg_put_##kind(out, message->name);
#define BC_END(NAME) }
#include "proto/msg.def"

enum bc_err bc_msg_encode(const struct bc_msg *message, struct bc_buf *payload) {
  if (payload->failed) {
    return BC_ERR_LIMIT;
  }
  size_t start = payload->len;
  switch (message->type) {
#define BC_MSG(NAME, name, number, direction, meaning)                                                                 \
  case BC_MSG_##NAME:                                                                                                  \
    msg_encode_##name(&message->name, payload);                                                                        \
    break;
#include "proto/msg.def"
  default:
    return BC_ERR_UNSUPPORTED;
  }
  if (payload->failed || payload->len - start > BC_LIMIT_FRAME_BYTES - BC_FRAME_HEADER_BYTES) {
    payload->failed = false;
    if (payload->cap > 0) {
      payload->len = start;
      payload->data[start] = '\0';
    }
    return BC_ERR_LIMIT;
  }
  return BC_ERR_OK;
}

struct msg_reader {
  struct bc_str rest;
  bool is_short;
};

static const unsigned char *msg_take(struct msg_reader *from, size_t len) {
  static const unsigned char zeros[4];
  if (from->is_short || from->rest.len < len) {
    from->is_short = true;
    return zeros;
  }
  const unsigned char *at = (const unsigned char *)from->rest.at;
  from->rest.at += len;
  from->rest.len -= len;
  return at;
}

static uint8_t msg_get_u8(struct msg_reader *from) {
  return msg_take(from, 1)[0];
}

static uint32_t msg_get_u32(struct msg_reader *from) {
  const unsigned char *at = msg_take(from, 4);
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t msg_get_u64(struct msg_reader *from) {
  uint64_t high = msg_get_u32(from);
  return high << 32 | msg_get_u32(from);
}

static struct bc_str msg_get_text(struct msg_reader *from) {
  size_t len = msg_get_u32(from);
  const char *at = (const char *)msg_take(from, len);
  return (struct bc_str){.at = at, .len = from->is_short ? 0 : len};
}

static struct bc_str msg_get_bytes(struct msg_reader *from) {
  return msg_get_text(from);
}

#define BC_MSG(NAME, name, number, direction, meaning)                                                                 \
  static void msg_decode_##name(struct msg_reader *from, struct bc_msg_##name *message) {                              \
    (void)message;                                                                                                     \
    (void)from;
#define BC_FIELD(kind, name, meaning) message->name = msg_get_##kind(from);
#define BC_END(NAME) }
#include "proto/msg.def"

enum bc_err bc_msg_decode(unsigned type, struct bc_str payload, struct bc_msg *message) {
  struct msg_reader from = {.rest = payload};
  switch (type) {
#define BC_MSG(NAME, name, number, direction, meaning)                                                                 \
  case BC_MSG_##NAME:                                                                                                  \
    message->type = BC_MSG_##NAME;                                                                                     \
    msg_decode_##name(&from, &message->name);                                                                          \
    break;
#include "proto/msg.def"
  default:
    return BC_ERR_UNSUPPORTED;
  }
  return from.is_short || from.rest.len > 0 ? BC_ERR_PROTOCOL : BC_ERR_OK;
}

static void msg_print_u64(struct bc_buf *line, const char *name, uint64_t value) {
  bc_buf_add_format(line, " %s=%llu", name, (unsigned long long)value);
}

static void msg_print_u32(struct bc_buf *line, const char *name, uint32_t value) {
  msg_print_u64(line, name, value);
}

static void msg_print_u8(struct bc_buf *line, const char *name, uint8_t value) {
  msg_print_u64(line, name, value);
}

static void msg_print_bytes(struct bc_buf *line, const char *name, struct bc_str value) {
  bc_buf_add_format(line, " %s=<%zu bytes>", name, value.len);
}

static void msg_print_text(struct bc_buf *line, const char *name, struct bc_str value) {
  bc_buf_add_format(line, " %s=\"", name);
  for (size_t i = 0; i < value.len && i < MSG_PRINT_BYTES; i++) {
    unsigned char c = (unsigned char)value.at[i];
    if (c < ' ' || c > '~' || c == '"' || c == '\\') {
      bc_buf_add_format(line, "\\x%02x", c);
    } else {
      bc_buf_add_char(line, (char)c);
    }
  }
  bc_buf_add_text(line, value.len > MSG_PRINT_BYTES ? "...\"" : "\"");
}

#define BC_MSG(NAME, name, number, direction, meaning)                                                                 \
  static void msg_print_message_##name(const struct bc_msg_##name *message, struct bc_buf *line) {                     \
    (void)message;                                                                                                     \
    bc_buf_add_text(line, #NAME);
#define BC_FIELD(kind, name, meaning) msg_print_##kind(line, #name, message->name);
#define BC_END(NAME) }
#include "proto/msg.def"

void bc_msg_print(const struct bc_msg *message, struct bc_buf *line) {
  switch (message->type) {
#define BC_MSG(NAME, name, number, direction, meaning)                                                                 \
  case BC_MSG_##NAME:                                                                                                  \
    msg_print_message_##name(&message->name, line);                                                                    \
    break;
#include "proto/msg.def"
  default:
    bc_buf_add_format(line, "unknown type %u", (unsigned)message->type);
  }
}

const char *bc_msg_name(unsigned type) {
  switch (type) {
#define BC_MSG(NAME, name, number, direction, meaning)                                                                 \
  case BC_MSG_##NAME:                                                                                                  \
    return #NAME;
#include "proto/msg.def"
  default:
    return "unknown";
  }
}

bool bc_msg_goes(unsigned type, enum bc_msg_direction direction) {
  switch (type) {
#define BC_MSG(NAME, name, number, way, meaning)                                                                       \
  case BC_MSG_##NAME:                                                                                                  \
    return direction == BC_MSG_##way;
#include "proto/msg.def"
  default:
    return false;
  }
}
