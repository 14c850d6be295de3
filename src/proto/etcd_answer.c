#include "proto/etcd_answer.h"

#include "base/limits.h"
#include "base/mem.h"
#include "proto/base64.h"
#include "proto/etcd_json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Absent = 0; a string of digits or a number; anything else is an error. */
static enum bc_err etcd_answer_number(const json_t *object, const char *name, uint64_t *number,
                                      struct bc_fault *fault) {
  const json_t *field = json_object_get(object, name);
  *number = 0;
  if (field == NULL || json_is_null(field)) {
    return BC_ERR_OK;
  }
  if (json_is_integer(field) && json_integer_value(field) >= 0) {
    *number = (uint64_t)json_integer_value(field);
    return BC_ERR_OK;
  }
  if (json_is_string(field)) {
    struct bc_str text = {.at = json_string_value(field), .len = json_string_length(field)};
    if (bc_str_to_u64(text, UINT64_MAX, number) == BC_ERR_OK) {
      return BC_ERR_OK;
    }
  }
  bc_fault_set(fault, 0, "etcd's answer: \"%s\" is not a number", name);
  return BC_ERR_PROTOCOL;
}

static enum bc_err etcd_answer_bytes(const json_t *object, const char *name, struct bc_buf *to,
                                     struct bc_fault *fault) {
  const json_t *field = json_object_get(object, name);
  bc_buf_clear(to);
  if (field == NULL || json_is_null(field)) {
    return BC_ERR_OK;
  }
  struct bc_str text = {.at = json_string_value(field), .len = json_string_length(field)};
  if (text.at == NULL || bc_base64_decode(to, text) != BC_ERR_OK) {
    bc_fault_set(fault, 0, "etcd's answer: \"%s\" is not base64", name);
    return BC_ERR_PROTOCOL;
  }
  return BC_ERR_OK;
}

static enum bc_err etcd_answer_header(const json_t *object, struct bc_etcd_header *header, struct bc_fault *fault) {
  const json_t *json = json_object_get(object, "header");
  *header = (struct bc_etcd_header){.revision = 0};
  if (json == NULL || json_is_null(json)) {
    return BC_ERR_OK;
  }
  if (etcd_answer_number(json, "cluster_id", &header->cluster_id, fault) != BC_ERR_OK ||
      etcd_answer_number(json, "revision", &header->revision, fault) != BC_ERR_OK) {
    return BC_ERR_PROTOCOL;
  }
  return BC_ERR_OK;
}

/* Room for one decoded key and value. */
struct etcd_answer_scratch {
  struct bc_buf key;
  struct bc_buf value;
};

static void etcd_answer_scratch_init(struct etcd_answer_scratch *scratch) {
  bc_buf_init(&scratch->key, BC_LIMIT_ETCD_OBJECT_BYTES);
  bc_buf_init(&scratch->value, BC_LIMIT_ETCD_OBJECT_BYTES);
}

static void etcd_answer_scratch_free(struct etcd_answer_scratch *scratch) {
  bc_buf_free(&scratch->key);
  bc_buf_free(&scratch->value);
}

static enum bc_err etcd_answer_kv(const json_t *json, struct etcd_answer_scratch *scratch, struct bc_etcd_kv *kv,
                                  struct bc_fault *fault) {
  *kv = (struct bc_etcd_kv){.deleted = false};
  if (!json_is_object(json)) {
    bc_fault_set(fault, 0, "etcd's answer: a key without \"kv\"");
    return BC_ERR_PROTOCOL;
  }
  if (etcd_answer_bytes(json, "key", &scratch->key, fault) != BC_ERR_OK ||
      etcd_answer_bytes(json, "value", &scratch->value, fault) != BC_ERR_OK ||
      etcd_answer_number(json, "mod_revision", &kv->mod_revision, fault) != BC_ERR_OK) {
    return BC_ERR_PROTOCOL;
  }
  if (etcd_answer_number(json, "lease", &kv->lease, NULL) != BC_ERR_OK) {
    kv->lease = UINT64_MAX; /* a client may choose a negative one: not ours */
  }
  if (scratch->key.len == 0 || kv->mod_revision == 0) {
    bc_fault_set(fault, 0, "etcd's answer: a key without a name or a revision");
    return BC_ERR_PROTOCOL;
  }
  kv->key = bc_buf_str(&scratch->key);
  kv->value = bc_buf_str(&scratch->value);
  return BC_ERR_OK;
}

static enum bc_err etcd_answer_array(const json_t *object, const char *name, json_t **array, struct bc_fault *fault) {
  *array = json_object_get(object, name);
  if (json_is_null(*array)) {
    *array = NULL;
  }
  if (*array != NULL && !json_is_array(*array)) {
    bc_fault_set(fault, 0, "etcd's answer: \"%s\" is not a list", name);
    return BC_ERR_PROTOCOL;
  }
  return BC_ERR_OK;
}

struct bc_etcd_range_reader {
  json_t *root;
  json_t *kvs;
  size_t at;
  struct etcd_answer_scratch scratch;
};

static enum bc_err etcd_answer_read_range(const json_t *root, struct bc_etcd_range_answer *answer, json_t **kvs,
                                          struct bc_fault *fault) {
  if (etcd_answer_header(root, &answer->header, fault) != BC_ERR_OK ||
      etcd_answer_number(root, "count", &answer->count, fault) != BC_ERR_OK ||
      etcd_answer_array(root, "kvs", kvs, fault) != BC_ERR_OK) {
    return BC_ERR_PROTOCOL;
  }
  if (answer->header.revision == 0) {
    bc_fault_set(fault, 0, "etcd's answer to a range has no revision");
    return BC_ERR_PROTOCOL;
  }
  answer->more = json_is_true(json_object_get(root, "more"));
  return BC_ERR_OK;
}

enum bc_err bc_etcd_range_open(struct bc_str body, struct bc_etcd_range_answer *answer,
                               struct bc_etcd_range_reader **reader, struct bc_fault *fault) {
  json_t *kvs;
  *answer = (struct bc_etcd_range_answer){.count = 0};
  *reader = NULL;
  json_t *root = bc_etcd_json_load(body, fault);
  if (root == NULL || etcd_answer_read_range(root, answer, &kvs, fault) != BC_ERR_OK) {
    json_decref(root);
    return BC_ERR_PROTOCOL;
  }
  *reader = bc_mem_new(1, sizeof **reader);
  (*reader)->root = root;
  (*reader)->kvs = kvs;
  etcd_answer_scratch_init(&(*reader)->scratch);
  return BC_ERR_OK;
}

enum bc_err bc_etcd_range_next(struct bc_etcd_range_reader *reader, struct bc_etcd_kv *kv, struct bc_fault *fault) {
  if (reader->at == json_array_size(reader->kvs)) {
    *kv = (struct bc_etcd_kv){.deleted = false};
    return BC_ERR_OK;
  }
  return etcd_answer_kv(json_array_get(reader->kvs, reader->at++), &reader->scratch, kv, fault);
}

void bc_etcd_range_close(struct bc_etcd_range_reader *reader) {
  if (reader != NULL) {
    json_decref(reader->root);
    etcd_answer_scratch_free(&reader->scratch);
    free(reader);
  }
}

enum bc_err bc_etcd_answer_range(struct bc_str body, struct bc_etcd_range_answer *answer, bc_etcd_kv_fn *fn, void *arg,
                                 struct bc_fault *fault) {
  struct bc_etcd_range_reader *reader;
  struct bc_etcd_kv kv = {.deleted = false};
  enum bc_err err = bc_etcd_range_open(body, answer, &reader, fault);
  while (err == BC_ERR_OK && (err = bc_etcd_range_next(reader, &kv, fault)) == BC_ERR_OK && kv.key.len > 0) {
    if (fn != NULL) {
      fn(arg, &kv);
    }
  }
  bc_etcd_range_close(reader);
  return err;
}

enum bc_err bc_etcd_answer_write(struct bc_str body, struct bc_etcd_header *header, struct bc_fault *fault) {
  *header = (struct bc_etcd_header){.revision = 0};
  json_t *root = bc_etcd_json_load(body, fault);
  if (root == NULL) {
    return BC_ERR_PROTOCOL;
  }
  enum bc_err err = etcd_answer_header(root, header, fault);
  json_decref(root);
  return err;
}

enum bc_err bc_etcd_answer_txn(struct bc_str body, struct bc_etcd_header *header, bool *has_succeeded,
                               struct bc_fault *fault) {
  *header = (struct bc_etcd_header){.revision = 0};
  *has_succeeded = false;
  json_t *root = bc_etcd_json_load(body, fault);
  if (root == NULL) {
    return BC_ERR_PROTOCOL;
  }
  const json_t *succeeded = json_object_get(root, "succeeded");
  enum bc_err err = etcd_answer_header(root, header, fault);
  if (err == BC_ERR_OK && succeeded != NULL && !json_is_boolean(succeeded)) {
    bc_fault_set(fault, 0, "etcd's answer to a transaction does not say whether it succeeded");
    err = BC_ERR_PROTOCOL;
  }
  *has_succeeded = err == BC_ERR_OK && json_is_true(succeeded);
  json_decref(root);
  return err;
}

enum bc_err bc_etcd_answer_lease(struct bc_str body, struct bc_etcd_lease_answer *answer, struct bc_fault *fault) {
  *answer = (struct bc_etcd_lease_answer){.lease = 0};
  json_t *root = bc_etcd_json_load(body, fault);
  if (root == NULL) {
    return BC_ERR_PROTOCOL;
  }
  const json_t *result = json_object_get(root, "result");
  const json_t *lease = result == NULL ? root : result;
  enum bc_err err = BC_ERR_OK;
  if (etcd_answer_header(lease, &answer->header, fault) != BC_ERR_OK ||
      etcd_answer_number(lease, "ID", &answer->lease, fault) != BC_ERR_OK ||
      etcd_answer_number(lease, "TTL", &answer->ttl_s, fault) != BC_ERR_OK) {
    err = BC_ERR_PROTOCOL;
  } else if (answer->lease == 0) {
    bc_fault_set(fault, 0, "etcd's answer about a lease has no ID");
    err = BC_ERR_PROTOCOL;
  }
  json_decref(root);
  return err;
}

enum bc_err bc_etcd_answer_token(struct bc_str body, struct bc_buf *token, struct bc_fault *fault) {
  json_t *root = bc_etcd_json_load(body, fault);
  if (root == NULL) {
    return BC_ERR_PROTOCOL;
  }
  const char *text = json_string_value(json_object_get(root, "token"));
  enum bc_err err = BC_ERR_PROTOCOL;
  if (text == NULL || text[0] == '\0' || !bc_str_is_printable(bc_str_of(text))) {
    bc_fault_set(fault, 0, "etcd's answer to authenticate has no token");
  } else {
    bc_buf_add_text(token, text);
    err = bc_buf_status(token);
  }
  json_decref(root);
  return err;
}

void bc_etcd_answer_version_text(struct bc_str body, char text[static BC_ETCD_VERSION_BYTES]) {
  json_t *root = bc_etcd_json_load(body, NULL);
  const char *version = json_string_value(json_object_get(root, "etcdserver"));
  bool is_usable = version != NULL && version[0] != '\0' && bc_str_is_printable(bc_str_of(version));
  (void)snprintf(text, BC_ETCD_VERSION_BYTES, "%s", is_usable ? version : "?");
  json_decref(root);
}

static bool etcd_answer_major_minor(struct bc_str version, uint64_t *major, uint64_t *minor) {
  struct bc_str field;
  return bc_str_next_field(&version, '.', &field) && bc_str_to_u64(field, 99, major) == BC_ERR_OK &&
         bc_str_next_field(&version, '.', &field) && bc_str_to_u64(field, 999, minor) == BC_ERR_OK;
}

void bc_etcd_answer_no_api(const char *version, bool wants_v2, struct bc_fault *fault) {
  uint64_t major = 0;
  uint64_t minor = 0;
  bool known = etcd_answer_major_minor(bc_str_of(version), &major, &minor);
  if (wants_v2) {
    /* The flag is gone since 3.6. */
    bool can = !known || major < 3 || (major == 3 && minor < 6);
    bc_fault_set(fault, 0, "etcd %s serves no v2 API: %suse --etcd-api v3", version,
                 can ? "start it with --enable-v2=true, or " : "");
  } else {
    bool can = !known || major > 3 || (major == 3 && minor >= 4);
    bc_fault_set(fault, 0, "etcd %s serves no v3 API over HTTP: %suse --etcd-api v2", version,
                 can ? "start it with --enable-grpc-gateway=true, or " : "");
  }
}

enum bc_err bc_etcd_answer_version(struct bc_str body, const char **prefix, struct bc_fault *fault) {
  json_t *root = bc_etcd_json_load(body, fault);
  if (root == NULL) {
    return BC_ERR_PROTOCOL;
  }
  struct bc_str version = bc_str_of(json_string_value(json_object_get(root, "etcdserver")));
  uint64_t major = 0;
  uint64_t minor = 0;
  enum bc_err err = BC_ERR_OK;
  if (!etcd_answer_major_minor(version, &major, &minor)) {
    bc_fault_set(fault, 0, "the answer to /version does not look like etcd's");
    err = BC_ERR_PROTOCOL;
  } else if (major < 3) {
    bc_etcd_answer_no_api(version.at, false, fault);
    err = BC_ERR_UNSUPPORTED;
  } else {
    *prefix = major > 3 || minor >= 4 ? "/v3" : (minor == 3 ? "/v3beta" : "/v3alpha");
  }
  json_decref(root);
  return err;
}

static enum bc_err etcd_answer_event(const json_t *event, struct etcd_answer_scratch *scratch, bc_etcd_kv_fn *fn,
                                     void *arg, struct bc_fault *fault) {
  const json_t *type = json_object_get(event, "type");
  struct bc_str text = bc_str_of(json_string_value(type));
  bool deleted = bc_str_is(text, "DELETE") || (json_is_integer(type) && json_integer_value(type) == 1);
  bool put = type == NULL || bc_str_is(text, "PUT") || (json_is_integer(type) && json_integer_value(type) == 0);
  if (!deleted && !put) {
    bc_fault_set(fault, 0, "etcd's watch: an event of an unknown type");
    return BC_ERR_PROTOCOL;
  }
  struct bc_etcd_kv kv;
  enum bc_err err = etcd_answer_kv(json_object_get(event, "kv"), scratch, &kv, fault);
  kv.deleted = deleted;
  if (err == BC_ERR_OK && fn != NULL) {
    fn(arg, &kv);
  }
  return err;
}

static void etcd_answer_set_error(struct bc_etcd_watch_answer *answer, const json_t *error);

static enum bc_err etcd_answer_read_watch(const json_t *root, struct bc_etcd_watch_answer *answer, bc_etcd_kv_fn *fn,
                                          void *arg, struct bc_fault *fault) {
  const json_t *result = json_object_get(root, "result");
  if (result == NULL) {
    etcd_answer_set_error(answer, root);
    return BC_ERR_OK;
  }
  json_t *events;
  if (!json_is_object(result)) {
    bc_fault_set(fault, 0, "etcd's watch: \"result\" is not an object");
    return BC_ERR_PROTOCOL;
  }
  if (etcd_answer_header(result, &answer->header, fault) != BC_ERR_OK ||
      etcd_answer_number(result, "compact_revision", &answer->compact_revision, fault) != BC_ERR_OK ||
      etcd_answer_array(result, "events", &events, fault) != BC_ERR_OK) {
    return BC_ERR_PROTOCOL;
  }
  answer->created = json_is_true(json_object_get(result, "created"));
  answer->fragment = json_is_true(json_object_get(result, "fragment"));
  answer->canceled = json_is_true(json_object_get(result, "canceled")) || answer->compact_revision != 0;
  if (json_object_get(result, "cancel_reason") != NULL) {
    etcd_answer_set_error(answer, result);
  }
  struct etcd_answer_scratch scratch;
  etcd_answer_scratch_init(&scratch);
  enum bc_err err = BC_ERR_OK;
  answer->events = json_array_size(events);
  for (size_t i = 0; i < answer->events && err == BC_ERR_OK; i++) {
    err = etcd_answer_event(json_array_get(events, i), &scratch, fn, arg, fault);
  }
  etcd_answer_scratch_free(&scratch);
  return err;
}

enum bc_err bc_etcd_answer_watch(struct bc_str object, struct bc_etcd_watch_answer *answer, bc_etcd_kv_fn *fn,
                                 void *arg, struct bc_fault *fault) {
  *answer = (struct bc_etcd_watch_answer){.created = false};
  json_t *root = bc_etcd_json_load(object, fault);
  if (root == NULL) {
    return BC_ERR_PROTOCOL;
  }
  enum bc_err err = etcd_answer_read_watch(root, answer, fn, arg, fault);
  json_decref(root);
  return err;
}

/* name, gRPC code: as Go prints them in "rpc error: code = NAME desc = ...". */
static const struct {
  const char *name;
  int code;
} etcd_answer_codes[] = {
    {"Unknown", 2},          {"InvalidArgument", 3},   {"NotFound", 5},     {"PermissionDenied", 7},
    {"OutOfRange", 11},      {"ResourceExhausted", 8}, {"Unavailable", 14}, {"FailedPrecondition", 9},
    {"Unauthenticated", 16}, {"DeadlineExceeded", 4},
};

static int etcd_answer_code_in_text(const char *text) {
  static const char mark[] = "code = ";
  const char *at = strstr(text, mark);
  if (at == NULL) {
    return -1;
  }
  struct bc_str rest = bc_str_of(at + sizeof mark - 1);
  struct bc_str name = bc_str_next_word(&rest);
  for (size_t i = 0; i < sizeof etcd_answer_codes / sizeof etcd_answer_codes[0]; i++) {
    if (bc_str_is(name, etcd_answer_codes[i].name)) {
      return etcd_answer_codes[i].code;
    }
  }
  return -1;
}

/* The words decide where one code means several things; both are read from the server. */
static const struct {
  int code; /* -1: any */
  const char *words;
  enum bc_etcd_trouble trouble;
} etcd_answer_troubles[] = {
    {16, "", BC_ETCD_TROUBLE_AUTH},
    {-1, "auth store is old", BC_ETCD_TROUBLE_AUTH},
    {-1, "revision of auth store", BC_ETCD_TROUBLE_AUTH},
    {-1, "user name is empty", BC_ETCD_TROUBLE_AUTH},
    {-1, "invalid auth token", BC_ETCD_TROUBLE_AUTH},
    {-1, "authentication failed", BC_ETCD_TROUBLE_LOGIN},
    {-1, "authentication is not enabled", BC_ETCD_TROUBLE_AUTH_OFF},
    {7, "", BC_ETCD_TROUBLE_DENIED},
    {-1, "has been compacted", BC_ETCD_TROUBLE_COMPACTED},
    {-1, "space exceeded", BC_ETCD_TROUBLE_NO_SPACE},
    {-1, "larger than max", BC_ETCD_TROUBLE_TOO_LARGE},
    {-1, "request is too large", BC_ETCD_TROUBLE_TOO_LARGE},
    {-1, "too many operations", BC_ETCD_TROUBLE_TOO_LARGE},
    {-1, "lease not found", BC_ETCD_TROUBLE_LEASE_GONE},
    {-1, "CommonName of client", BC_ETCD_TROUBLE_COMMON_NAME},
    {-1, "Host header was unrecognized", BC_ETCD_TROUBLE_HOST},
};

static void etcd_answer_classify(int http_status, struct bc_etcd_error *error) {
  for (size_t i = 0; i < sizeof etcd_answer_troubles / sizeof etcd_answer_troubles[0]; i++) {
    if ((etcd_answer_troubles[i].code == -1 || etcd_answer_troubles[i].code == error->code) &&
        strstr(error->fault.text, etcd_answer_troubles[i].words) != NULL) {
      error->trouble = etcd_answer_troubles[i].trouble;
      return;
    }
  }
  switch (error->code == -1 ? http_status : 0) {
  case 401:
    error->trouble = BC_ETCD_TROUBLE_AUTH;
    break;
  case 403:
    error->trouble = BC_ETCD_TROUBLE_DENIED;
    break;
  case 404:
  case 405:
    error->trouble = BC_ETCD_TROUBLE_NO_API;
    break;
  case 421:
    error->trouble = BC_ETCD_TROUBLE_HOST;
    break;
  default:
    error->trouble = BC_ETCD_TROUBLE_OTHER;
  }
}

/* All shapes: {"error":"M","code":N}, {"message":"M","code":N}, both texts at once,
 * {"error":{"grpc_code":N,"message":"M"}}, and {"cancel_reason":"M"}. */
static void etcd_answer_read_error(const json_t *json, struct bc_etcd_error *error) {
  const json_t *inner = json_object_get(json, "error");
  if (json_is_object(inner)) {
    json = inner;
  }
  static const char *const texts[] = {"message", "error", "cancel_reason"};
  const char *text = NULL;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0] && text == NULL; i++) {
    text = json_string_value(json_object_get(json, texts[i]));
  }
  bc_fault_set(&error->fault, 0, "%s", text == NULL || text[0] == '\0' ? "an error without a message" : text);
  const json_t *code = json_object_get(json, "grpc_code");
  code = code == NULL ? json_object_get(json, "code") : code;
  if (json_is_integer(code) && json_integer_value(code) >= 0 && json_integer_value(code) <= 16) {
    error->code = (int)json_integer_value(code);
  } else if (text != NULL) {
    error->code = etcd_answer_code_in_text(text);
  }
}

static void etcd_answer_set_error(struct bc_etcd_watch_answer *answer, const json_t *error) {
  answer->has_error = true;
  answer->error = (struct bc_etcd_error){.code = -1};
  etcd_answer_read_error(error, &answer->error);
  etcd_answer_classify(200, &answer->error);
}

void bc_etcd_answer_error(int http_status, struct bc_str body, struct bc_etcd_error *error) {
  *error = (struct bc_etcd_error){.code = -1};
  body = bc_str_trim(body);
  json_t *root = body.len == 0 || body.at[0] != '{' ? NULL : json_loadb(body.at, body.len, 0, NULL);
  if (root != NULL) {
    etcd_answer_read_error(root, error);
    json_decref(root);
  } else if (body.len > 0 && body.at[0] != '\0') {
    bc_fault_set(&error->fault, 0, BC_STR_FMT, (int)(body.len > 200 ? 200 : body.len), body.at);
  } else {
    bc_fault_set(&error->fault, 0, "HTTP status %d", http_status);
  }
  etcd_answer_classify(http_status, error);
}
