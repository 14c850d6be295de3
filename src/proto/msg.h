/* The messages between core and its workers, all made from the list in proto/msg.def: an enumeration
 * (BC_MSG_HELLO …), a struct each (struct bc_msg_hello …), and the tagged union that holds any one:
 *
 *   struct bc_msg m = {.type = BC_MSG_PING, .ping = {.number = 7}};
 *
 * A payload is the fields in their order; docs/channel.md describes the bytes. */
#ifndef BC_PROTO_MSG_H
#define BC_PROTO_MSG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

/* Sent in HELLO; core refuses a worker of another version (an upgrade replaced the binary). */
enum { BC_MSG_VERSION = 3 };

enum bc_msg_direction { BC_MSG_TO_CORE, BC_MSG_TO_WORKER };

/* The C types of the kinds of fields. */
#define BC_MSG_KIND_u8 uint8_t
#define BC_MSG_KIND_u32 uint32_t
#define BC_MSG_KIND_u64 uint64_t
#define BC_MSG_KIND_text struct bc_str
#define BC_MSG_KIND_bytes struct bc_str

enum bc_msg_type {
#define BC_MSG(NAME, name, number, direction, meaning) BC_MSG_##NAME = (number),
#include "proto/msg.def"
};

#define BC_MSG(NAME, name, number, direction, meaning) struct bc_msg_##name {
#define BC_FIELD(kind, name, meaning) BC_MSG_KIND_##kind name;
#define BC_END(NAME)                                                                                                   \
  }                                                                                                                    \
  ;
#include "proto/msg.def"

struct bc_msg {
  enum bc_msg_type type;
  union {
#define BC_MSG(NAME, name, number, direction, meaning) struct bc_msg_##name name;
#include "proto/msg.def"
  };
};

/* Appends the payload (without frame header: proto/frame.h). BC_ERR_LIMIT when it does not fit into
 * the buffer or into a frame, BC_ERR_UNSUPPORTED for an unknown type; nothing is then added. */
BC_MUST_CHECK enum bc_err bc_msg_encode(const struct bc_msg *message, struct bc_buf *payload);

/* Reads a payload of exactly this type and size; slices in `message` point into `payload`.
 * BC_ERR_UNSUPPORTED for an unknown type, BC_ERR_PROTOCOL when it is too short or too long. */
BC_MUST_CHECK enum bc_err bc_msg_decode(unsigned type, struct bc_str payload, struct bc_msg *message);

/* Appends one line for logs, without line break: `PING number=7`. Texts are escaped and cut, of
 * bytes only the count is told. */
void bc_msg_print(const struct bc_msg *message, struct bc_buf *line);

/* "HELLO"; "unknown" for a number that is none. Never NULL. */
const char *bc_msg_name(unsigned type);

/* Whether messages of this type go that way; false for an unknown type. */
bool bc_msg_goes(unsigned type, enum bc_msg_direction direction);

#endif
