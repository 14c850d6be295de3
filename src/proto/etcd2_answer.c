#include "proto/etcd2_answer.h"

#include "proto/etcd_json.h"

#include <jansson.h>
#include <string.h>

/* No key of ours lies deeper than seven; anybody may make directories. */
enum { ANSWER_DEPTH = 64 };

/* Absent = empty. */
static bool answer_text(const json_t *object, const char *name, struct bc_str *text) {
  const json_t *field = json_object_get(object, name);
  *text = (struct bc_str){.at = "", .len = 0};
  if (json_is_string(field)) {
    *text = (struct bc_str){.at = json_string_value(field), .len = json_string_length(field)};
  }
  return field == NULL || json_is_string(field);
}

/* The node's own fields. */
static enum bc_err answer_node(const json_t *node, struct bc_etcd_kv *kv, struct bc_fault *fault) {
  *kv = (struct bc_etcd_kv){.is_directory = json_is_true(json_object_get(node, "dir"))};
  const json_t *index = json_object_get(node, "modifiedIndex");
  if (!json_is_object(node) || !answer_text(node, "key", &kv->key) || !answer_text(node, "value", &kv->value) ||
      (index != NULL && (!json_is_integer(index) || json_integer_value(index) < 0))) {
    bc_fault_set(fault, 0, "etcd's answer holds no \"node\" with a key, a value and an index");
    return BC_ERR_PROTOCOL;
  }
  kv->mod_revision = (uint64_t)json_integer_value(index);
  /* Only the root has no name, and no index. */
  if (!kv->is_directory && (kv->key.len == 0 || kv->mod_revision == 0)) {
    bc_fault_set(fault, 0, "etcd's answer: a key without a name or an index");
    return BC_ERR_PROTOCOL;
  }
  return BC_ERR_OK;
}

static enum bc_err answer_walk(const json_t *node, unsigned depth, bc_etcd_kv_fn *fn, void *arg,
                               struct bc_fault *fault) {
  struct bc_etcd_kv kv;
  enum bc_err err = answer_node(node, &kv, fault);
  if (err != BC_ERR_OK || !kv.is_directory) {
    if (err == BC_ERR_OK) {
      fn(arg, &kv);
    }
    return err;
  }
  const json_t *nodes = json_object_get(node, "nodes");
  if (nodes != NULL && !json_is_array(nodes)) {
    bc_fault_set(fault, 0, "etcd's answer: \"nodes\" is not a list");
    return BC_ERR_PROTOCOL;
  }
  for (size_t i = 0; i < json_array_size(nodes) && depth < ANSWER_DEPTH && err == BC_ERR_OK; i++) {
    err = answer_walk(json_array_get(nodes, i), depth + 1, fn, arg, fault);
  }
  return err;
}

enum bc_err bc_etcd2_answer_list(struct bc_str body, bc_etcd_kv_fn *fn, void *arg, struct bc_fault *fault) {
  json_t *root = bc_etcd_json_load(body, fault);
  if (root == NULL) {
    return BC_ERR_PROTOCOL;
  }
  enum bc_err err = answer_walk(json_object_get(root, "node"), 0, fn, arg, fault);
  json_decref(root);
  return err;
}

enum bc_err bc_etcd2_answer_has_nodes(struct bc_str body, bool *has_nodes, struct bc_fault *fault) {
  struct bc_etcd_kv kv;
  *has_nodes = false;
  json_t *root = bc_etcd_json_load(body, fault);
  if (root == NULL) {
    return BC_ERR_PROTOCOL;
  }
  const json_t *node = json_object_get(root, "node");
  enum bc_err err = answer_node(node, &kv, fault);
  if (err == BC_ERR_OK) {
    *has_nodes = json_array_size(json_object_get(node, "nodes")) > 0;
  }
  json_decref(root);
  return err;
}

/* True for an action that there is. */
static bool answer_action(const json_t *root, bool *deletes) {
  static const struct {
    const char *name;
    bool deletes;
  } actions[] = {{"set", false},   {"create", false}, {"update", false},         {"compareAndSwap", false},
                 {"delete", true}, {"expire", true},  {"compareAndDelete", true}};
  struct bc_str name;
  bool is_text = answer_text(root, "action", &name);
  for (size_t i = 0; is_text && i < sizeof actions / sizeof actions[0]; i++) {
    if (bc_str_is(name, actions[i].name)) {
      *deletes = actions[i].deletes;
      return true;
    }
  }
  return false;
}

static enum bc_err answer_read_event(const json_t *root, bc_etcd_kv_fn *fn, void *arg, struct bc_fault *fault) {
  struct bc_etcd_kv kv;
  bool deletes;
  if (!answer_action(root, &deletes)) {
    bc_fault_set(fault, 0, "etcd's wait: an event of an unknown action");
    return BC_ERR_PROTOCOL;
  }
  if (answer_node(json_object_get(root, "node"), &kv, fault) != BC_ERR_OK) {
    return BC_ERR_PROTOCOL;
  }
  if (kv.mod_revision == 0) {
    bc_fault_set(fault, 0, "etcd's wait: an event without an index");
    return BC_ERR_PROTOCOL;
  }
  kv.deleted = deletes || kv.is_directory;
  kv.is_directory = kv.is_directory && deletes;
  if (fn != NULL) {
    fn(arg, &kv);
  }
  return BC_ERR_OK;
}

enum bc_err bc_etcd2_answer_event(struct bc_str body, bc_etcd_kv_fn *fn, void *arg, struct bc_fault *fault) {
  json_t *root = bc_etcd_json_load(body, fault);
  if (root == NULL) {
    return BC_ERR_PROTOCOL;
  }
  enum bc_err err = answer_read_event(root, fn, arg, fault);
  json_decref(root);
  return err;
}

static void answer_keep_index(void *arg, const struct bc_etcd_kv *kv) {
  *(uint64_t *)arg = kv->mod_revision;
}

enum bc_err bc_etcd2_answer_write(struct bc_str body, uint64_t *index, struct bc_fault *fault) {
  *index = 0;
  return bc_etcd2_answer_event(body, answer_keep_index, index, fault);
}

static enum bc_etcd_trouble answer_trouble(int http_status, json_int_t code) {
  switch (code) {
  case 100:
    return BC_ETCD_TROUBLE_NOT_FOUND;
  case 401:
    return BC_ETCD_TROUBLE_COMPACTED;
  case 102: /* not a file */
  case 104: /* not a directory */
  case 107: /* the root is read only */
    return BC_ETCD_TROUBLE_SHAPE;
  case 110:
    return BC_ETCD_TROUBLE_DENIED;
  default:
    break;
  }
  switch (http_status) {
  case 401:
    return BC_ETCD_TROUBLE_LOGIN;
  case 403:
    return code == 0 ? BC_ETCD_TROUBLE_DENIED : BC_ETCD_TROUBLE_OTHER;
  case 404:
    return code == 0 ? BC_ETCD_TROUBLE_NO_API : BC_ETCD_TROUBLE_OTHER;
  case 413:
    return BC_ETCD_TROUBLE_TOO_LARGE;
  case 421:
    return BC_ETCD_TROUBLE_HOST;
  default:
    return BC_ETCD_TROUBLE_OTHER;
  }
}

void bc_etcd2_answer_error(int http_status, struct bc_str body, struct bc_etcd_error *error) {
  struct bc_str message = {.at = "", .len = 0};
  struct bc_str cause = {.at = "", .len = 0};
  json_int_t code = 0;
  *error = (struct bc_etcd_error){.code = -1};
  json_t *root = bc_etcd_json_load(body, NULL);
  if (root != NULL) {
    (void)answer_text(root, "message", &message);
    (void)answer_text(root, "cause", &cause);
    code = json_integer_value(json_object_get(root, "errorCode"));
    error->code = code > 0 && code < 1000 ? (int)code : -1;
  } else {
    message = bc_str_trim(body);
  }
  error->trouble = answer_trouble(http_status, code);
  if (cause.len == 0) {
    bc_fault_set(&error->fault, 0, BC_STR_FMT, BC_STR_ARG(message));
  } else {
    bc_fault_set(&error->fault, 0, BC_STR_FMT ": " BC_STR_FMT, BC_STR_ARG(message), BC_STR_ARG(cause));
  }
  if (error->fault.text[0] == '\0') {
    bc_fault_set(&error->fault, 0, "HTTP status %d", http_status);
  }
  json_decref(root);
}

static bool answer_hex(const char *text, uint64_t *number) {
  size_t len = strlen(text);
  *number = 0;
  for (size_t i = 0; i < len; i++) {
    static const char digits[] = "0123456789abcdef";
    const char *at = memchr(digits, text[i], sizeof digits - 1);
    if (at == NULL) {
      return false;
    }
    *number = (*number << 4) | (uint64_t)(at - digits);
  }
  return len > 0 && len <= 16;
}

enum bc_err bc_etcd2_answer_header(const char *cluster_id, const char *index, struct bc_etcd_header *header,
                                   struct bc_fault *fault) {
  *header = (struct bc_etcd_header){.revision = 0};
  if ((cluster_id != NULL && !answer_hex(cluster_id, &header->cluster_id)) ||
      (index != NULL && bc_str_to_u64(bc_str_of(index), UINT64_MAX, &header->revision) != BC_ERR_OK)) {
    bc_fault_set(fault, 0, "the headers X-Etcd-Cluster-Id and X-Etcd-Index do not look like etcd's");
    return BC_ERR_PROTOCOL;
  }
  return BC_ERR_OK;
}
