/* Everything that reads what etcd's v2 API sends. The first byte chooses the reader, the rest is the body. */
#include "proto/etcd2_answer.h"
#include "proto/etcd2_request.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_kv(void *arg, const struct bc_etcd_kv *kv) {
  size_t *count = arg;
  if (kv->key.at == NULL || kv->value.at == NULL || (kv->is_directory && !kv->deleted) ||
      (!kv->deleted && (kv->key.len == 0 || kv->mod_revision == 0))) {
    abort();
  }
  (*count)++;
}

static void fuzz_header(struct bc_str body) {
  struct bc_etcd_header header;
  struct bc_fault fault;
  char text[64] = "";
  memcpy(text, body.at, body.len < sizeof text ? body.len : sizeof text - 1);
  (void)!bc_etcd2_answer_header(text, text, &header, &fault);
}

/* A path holds nothing that would end it. */
static void fuzz_path(struct bc_str body) {
  struct bc_buf path;
  bc_buf_init(&path, 3 * body.len + 16);
  bc_etcd2_request_key(&path, body);
  if (bc_buf_status(&path) != BC_ERR_OK || strpbrk(path.data, "?# &\r\n") != NULL || strlen(path.data) != path.len) {
    abort();
  }
  bc_buf_free(&path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) {
    return 0;
  }
  struct bc_str body = {.at = (const char *)data + 1, .len = size - 1};
  struct bc_fault fault;
  struct bc_etcd_error error;
  size_t count = 0;
  bool has_nodes;
  switch (data[0] % 6) {
  case 0:
    if ((bc_etcd2_answer_event(body, fuzz_kv, &count, &fault) == BC_ERR_OK) != (count == 1)) {
      abort();
    }
    break;
  case 1:
    (void)!bc_etcd2_answer_list(body, fuzz_kv, &count, &fault);
    break;
  case 2:
    bc_etcd2_answer_error(400 + (int)(size % 120), body, &error);
    if (error.code < -1 || error.code == 0 || error.code > 999 || error.fault.text[0] == '\0') {
      abort();
    }
    break;
  case 3:
    (void)!bc_etcd2_answer_has_nodes(body, &has_nodes, &fault);
    break;
  case 4:
    fuzz_header(body);
    break;
  default:
    fuzz_path(body);
  }
  return 0;
}
