/* Everything that reads what etcd sends. The first byte chooses the reader, the rest is the body. */
#include "proto/base64.h"
#include "proto/etcd_answer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_kv(void *arg, const struct bc_etcd_kv *kv) {
  size_t *count = arg;
  if (kv->key.len == 0 || kv->key.at == NULL || kv->value.at == NULL || kv->mod_revision == 0) {
    abort();
  }
  (*count)++;
}

static void fuzz_base64(struct bc_str body) {
  struct bc_buf plain;
  struct bc_buf coded;
  bc_buf_init(&plain, body.len + 1);
  bc_buf_init(&coded, 2 * body.len + 8);
  if (bc_base64_decode(&plain, body) == BC_ERR_OK) {
    bc_base64_encode(&coded, bc_buf_str(&plain));
    if (!bc_str_equal(bc_buf_str(&coded), body)) {
      abort();
    }
  }
  bc_buf_free(&plain);
  bc_buf_free(&coded);
}

static void fuzz_rest(uint8_t which, struct bc_str body) {
  struct bc_fault fault;
  struct bc_etcd_header header;
  struct bc_etcd_lease_answer lease;
  struct bc_buf token;
  const char *prefix;
  bool has_succeeded;
  switch (which) {
  case 0:
    (void)!bc_etcd_answer_write(body, &header, &fault);
    if (bc_etcd_answer_txn(body, &header, &has_succeeded, &fault) != BC_ERR_OK && has_succeeded) {
      abort();
    }
    break;
  case 1:
    (void)!bc_etcd_answer_lease(body, &lease, &fault);
    break;
  case 2:
    bc_buf_init(&token, 64);
    (void)!bc_etcd_answer_token(body, &token, &fault);
    bc_buf_free(&token);
    break;
  case 3:
    (void)!bc_etcd_answer_version(body, &prefix, &fault);
    break;
  default:
    fuzz_base64(body);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) {
    return 0;
  }
  struct bc_str body = {.at = (const char *)data + 1, .len = size - 1};
  struct bc_fault fault;
  size_t count = 0;
  struct bc_etcd_watch_answer watch;
  struct bc_etcd_range_answer range;
  struct bc_etcd_error error;
  switch (data[0] % 8) {
  case 0:
    if (bc_etcd_answer_watch(body, &watch, fuzz_kv, &count, &fault) == BC_ERR_OK && count != watch.events) {
      abort();
    }
    break;
  case 1:
    if (bc_etcd_answer_range(body, &range, fuzz_kv, &count, &fault) == BC_ERR_OK && range.header.revision == 0) {
      abort();
    }
    break;
  case 2:
    bc_etcd_answer_error(400 + (int)(size % 120), body, &error);
    if (error.code < -1 || error.code > 16 || error.fault.text[0] == '\0') {
      abort();
    }
    break;
  default:
    fuzz_rest((uint8_t)(data[0] % 8 - 3), body);
  }
  return 0;
}
