#include "proto/etcd_grpc.h"

#include "base/limits.h"

#include <pb_decode.h>
#include <pb_encode.h>

enum { GRPC_HEAD_BYTES = 5 /* whether it is compressed, and the length */ };

/* Fields of etcd's rpc.proto and kv.proto. */
enum { ASK_KEY = 1, ASK_RANGE_END = 2, ASK_LIMIT = 3, ASK_REVISION = 4, ASK_COUNT_ONLY = 9 };
enum { ANSWER_HEADER = 1, ANSWER_KVS = 2, ANSWER_MORE = 3, ANSWER_COUNT = 4 };
enum { HEADER_CLUSTER_ID = 1, HEADER_REVISION = 3 };
enum { KV_KEY = 1, KV_MOD_REVISION = 3, KV_VALUE = 5, KV_LEASE = 6 };

/* ---- writing ---- */

static bool grpc_write(pb_ostream_t *stream, const pb_byte_t *bytes, size_t count) {
  bc_buf_add(stream->state, (const char *)bytes, count);
  return true;
}

/* Never fails: the buffer remembers that it was too small. */
static void grpc_add_bytes(pb_ostream_t *stream, uint32_t field, struct bc_str bytes) {
  if (bytes.len > 0) {
    (void)pb_encode_tag(stream, PB_WT_STRING, field);
    (void)pb_encode_string(stream, (const pb_byte_t *)bytes.at, bytes.len);
  }
}

static void grpc_add_number(pb_ostream_t *stream, uint32_t field, uint64_t number) {
  if (number > 0) {
    (void)pb_encode_tag(stream, PB_WT_VARINT, field);
    (void)pb_encode_varint(stream, number);
  }
}

void bc_etcd_grpc_range(struct bc_buf *to, const struct bc_etcd_range *range) {
  struct bc_buf message;
  bc_buf_init(&message, to->max);
  pb_ostream_t stream = {.callback = grpc_write, .state = &message, .max_size = SIZE_MAX};
  grpc_add_bytes(&stream, ASK_KEY, range->key);
  grpc_add_bytes(&stream, ASK_RANGE_END, range->range_end);
  grpc_add_number(&stream, ASK_LIMIT, range->limit);
  grpc_add_number(&stream, ASK_REVISION, range->revision);
  grpc_add_number(&stream, ASK_COUNT_ONLY, range->count_only);
  const uint32_t len = (uint32_t)message.len;
  const unsigned char head[GRPC_HEAD_BYTES] = {0, (unsigned char)(len >> 24), (unsigned char)(len >> 16),
                                               (unsigned char)(len >> 8), (unsigned char)len};
  bc_buf_add(to, (const char *)head, sizeof head);
  bc_buf_add_str(to, bc_buf_str(&message));
  bc_buf_free(&message);
}

/* ---- reading ---- */

struct grpc_message {
  pb_istream_t stream;
  const char *end;
  pb_wire_type_t type;
  uint32_t field;
};

static void grpc_open(struct grpc_message *message, struct bc_str bytes) {
  message->stream = pb_istream_from_buffer((const pb_byte_t *)bytes.at, bytes.len);
  message->end = bytes.at + bytes.len;
}

static bool grpc_next(struct grpc_message *message) {
  bool is_end;
  return pb_decode_tag(&message->stream, &message->type, &message->field, &is_end);
}

static bool grpc_is_whole(const struct grpc_message *message) {
  return message->stream.bytes_left == 0;
}

static bool grpc_read_number(struct grpc_message *message, uint64_t *number) {
  return message->type == PB_WT_VARINT && pb_decode_varint(&message->stream, number);
}

static bool grpc_read_bytes(struct grpc_message *message, struct bc_str *bytes) {
  uint32_t len;
  if (message->type != PB_WT_STRING || !pb_decode_varint32(&message->stream, &len) ||
      len > message->stream.bytes_left) {
    return false;
  }
  *bytes = (struct bc_str){.at = message->end - message->stream.bytes_left, .len = len};
  return pb_read(&message->stream, NULL, len);
}

static bool grpc_skip(struct grpc_message *message) {
  return pb_skip_field(&message->stream, message->type);
}

static bool grpc_read_header(struct bc_str bytes, struct bc_etcd_header *header) {
  struct grpc_message message;
  bool is_good = true;
  grpc_open(&message, bytes);
  while (is_good && grpc_next(&message)) {
    is_good = message.field == HEADER_CLUSTER_ID ? grpc_read_number(&message, &header->cluster_id)
              : message.field == HEADER_REVISION ? grpc_read_number(&message, &header->revision)
                                                 : grpc_skip(&message);
  }
  return is_good && grpc_is_whole(&message);
}

static bool grpc_read_kv(struct bc_str bytes, struct bc_etcd_kv *kv) {
  struct grpc_message message;
  bool is_good = true;
  *kv = (struct bc_etcd_kv){.value = {.at = bytes.at, .len = 0}};
  grpc_open(&message, bytes);
  while (is_good && grpc_next(&message)) {
    is_good = message.field == KV_KEY            ? grpc_read_bytes(&message, &kv->key)
              : message.field == KV_VALUE        ? grpc_read_bytes(&message, &kv->value)
              : message.field == KV_MOD_REVISION ? grpc_read_number(&message, &kv->mod_revision)
              : message.field == KV_LEASE        ? grpc_read_number(&message, &kv->lease)
                                                 : grpc_skip(&message);
  }
  return is_good && grpc_is_whole(&message) && kv->key.len > 0 && kv->mod_revision > 0;
}

/* Up to the next key (an empty one: the end). */
static bool grpc_read_on(struct bc_str *rest, struct bc_etcd_range_answer *answer, struct bc_etcd_kv *kv) {
  struct grpc_message message;
  bool is_good = true;
  *kv = (struct bc_etcd_kv){.deleted = false};
  grpc_open(&message, *rest);
  while (is_good && kv->key.len == 0 && grpc_next(&message)) {
    struct bc_str inner;
    uint64_t number = 0;
    if (message.field == ANSWER_HEADER) {
      is_good = grpc_read_bytes(&message, &inner) && grpc_read_header(inner, &answer->header);
    } else if (message.field == ANSWER_KVS) {
      is_good = grpc_read_bytes(&message, &inner) && grpc_read_kv(inner, kv);
    } else if (message.field == ANSWER_MORE) {
      is_good = grpc_read_number(&message, &number);
      answer->more = number != 0;
    } else if (message.field == ANSWER_COUNT) {
      is_good = grpc_read_number(&message, &answer->count);
    } else {
      is_good = grpc_skip(&message);
    }
  }
  *rest = (struct bc_str){.at = message.end - message.stream.bytes_left, .len = message.stream.bytes_left};
  return is_good && (kv->key.len > 0 || rest->len == 0);
}

static bool grpc_open_frame(struct bc_str body, struct bc_str *message) {
  if (body.len < GRPC_HEAD_BYTES || body.at[0] != '\0') {
    return false;
  }
  uint32_t len = 0;
  for (size_t i = 1; i < GRPC_HEAD_BYTES; i++) {
    len = len << 8 | (unsigned char)body.at[i];
  }
  *message = (struct bc_str){.at = body.at + GRPC_HEAD_BYTES, .len = body.len - GRPC_HEAD_BYTES};
  return message->len == len;
}

enum bc_err bc_etcd_grpc_open(struct bc_str body, struct bc_etcd_range_answer *answer,
                              struct bc_etcd_grpc_reader *reader, struct bc_fault *fault) {
  struct bc_str rest;
  struct bc_etcd_kv kv;
  *answer = (struct bc_etcd_range_answer){.count = 0};
  if (!grpc_open_frame(body, &rest)) {
    bc_fault_set(fault, 0, "etcd's answer is not one whole gRPC message");
    return BC_ERR_PROTOCOL;
  }
  reader->rest = rest;
  bool is_good;
  while ((is_good = grpc_read_on(&rest, answer, &kv)) && kv.key.len > 0) {
  }
  if (!is_good || answer->header.revision == 0) {
    bc_fault_set(fault, 0,
                 is_good ? "etcd's answer to a range has no revision" : "etcd's answer is not a RangeResponse");
    return BC_ERR_PROTOCOL;
  }
  return BC_ERR_OK;
}

void bc_etcd_grpc_next(struct bc_etcd_grpc_reader *reader, struct bc_etcd_kv *kv) {
  struct bc_etcd_range_answer answer = {.count = 0};
  (void)grpc_read_on(&reader->rest, &answer, kv); /* was checked when it was opened */
}
