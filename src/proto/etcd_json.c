#include "proto/etcd_json.h"

json_t *bc_etcd_json_load(struct bc_str body, struct bc_fault *fault) {
  json_error_t error;
  json_t *root = body.len == 0 ? NULL : json_loadb(body.at, body.len, JSON_ALLOW_NUL, &error);
  if (root == NULL) {
    bc_fault_set(fault, 0, "etcd's answer is not JSON: %s", body.len == 0 ? "it is empty" : error.text);
    return NULL;
  }
  if (!json_is_object(root)) {
    bc_fault_set(fault, 0, "etcd's answer is not a JSON object");
    json_decref(root);
    return NULL;
  }
  return root;
}
