/* The gRPC answer to a range: any bytes. What was found good when it was opened stays so key by key. */
#include "proto/etcd_grpc.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_str body = {.at = (const char *)data, .len = size};
  struct bc_etcd_range_answer answer;
  struct bc_etcd_grpc_reader reader;
  struct bc_etcd_kv kv;
  struct bc_fault fault = {.column = 0};
  if (bc_etcd_grpc_open(body, &answer, &reader, &fault) != BC_ERR_OK) {
    if (fault.text[0] == '\0') {
      abort();
    }
    return 0;
  }
  if (answer.header.revision == 0) {
    abort();
  }
  const char *end = body.at + body.len;
  for (bc_etcd_grpc_next(&reader, &kv); kv.key.len > 0; bc_etcd_grpc_next(&reader, &kv)) {
    if (kv.mod_revision == 0 || kv.key.at < body.at || kv.key.len > (size_t)(end - kv.key.at) ||
        kv.value.at < body.at || kv.value.len > (size_t)(end - kv.value.at)) {
      abort();
    }
  }
  if (reader.rest.len != 0) {
    abort();
  }
  return 0;
}
