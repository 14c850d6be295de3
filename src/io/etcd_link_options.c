#include "io/etcd_link.h"

#include "base/mem.h"
#include "io/http.h"
#include "proto/etcd_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTIONS_USER_BYTES = 1024, OPTIONS_SMALL_BYTES = 65536 };

static enum bc_err options_read_user_file(struct bc_etcd_link_options *result, const char *path,
                                          struct bc_fault *fault) {
  char line[OPTIONS_USER_BYTES];
  FILE *file = fopen(path, "re");
  if (file == NULL) {
    bc_fault_set(fault, 0, "cannot read the user file %s", path);
    return BC_ERR_SYNTAX;
  }
  size_t len = fread(line, 1, sizeof line, file);
  (void)fclose(file);
  struct bc_str text = bc_str_trim((struct bc_str){.at = line, .len = len});
  const char *colon = text.len == 0 ? NULL : memchr(text.at, ':', text.len);
  if (len == sizeof line || colon == NULL || colon == text.at || memchr(text.at, '\n', text.len) != NULL) {
    bc_fault_set(fault, 0, "the user file %s must hold one line: user:password", path);
    return BC_ERR_SYNTAX;
  }
  size_t user_len = (size_t)(colon - text.at);
  result->user = bc_mem_copy_text(text.at, user_len);
  result->password = bc_mem_copy_text(colon + 1, text.len - user_len - 1);
  struct bc_buf body;
  bc_buf_init(&body, OPTIONS_SMALL_BYTES);
  enum bc_err err = bc_etcd_request_authenticate(&body, bc_str_of(result->user), bc_str_of(result->password));
  bc_buf_free(&body);
  explicit_bzero(line, sizeof line);
  if (err != BC_ERR_OK) {
    bc_fault_set(fault, 0, "the user file %s is not UTF-8", path);
  }
  return err;
}

static enum bc_err options_read_endpoints(struct bc_etcd_link_options *result, const char *endpoints,
                                          struct bc_fault *fault) {
  struct bc_str rest = bc_str_of(endpoints);
  struct bc_str field;
  while (bc_str_next_field(&rest, ',', &field)) {
    if (result->count == BC_LIMIT_ETCD_ENDPOINTS) {
      bc_fault_set(fault, 0, "more than %d etcd endpoints", BC_LIMIT_ETCD_ENDPOINTS);
      return BC_ERR_RANGE;
    }
    struct bc_buf url;
    bc_buf_init(&url, OPTIONS_USER_BYTES);
    enum bc_err err = bc_http_check_endpoint(field, &url, fault);
    if (err != BC_ERR_OK) {
      bc_buf_free(&url);
      return err;
    }
    result->urls[result->count++] = bc_buf_take(&url);
  }
  if (result->count == 0) {
    bc_fault_set(fault, 0, "no etcd endpoint is given");
    return BC_ERR_SYNTAX;
  }
  return BC_ERR_OK;
}

static enum bc_err options_check_files(const struct bc_store_options *options, struct bc_fault *fault) {
  const char *const files[] = {options->cacert, options->cert, options->key};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    if (files[i] != NULL && access(files[i], R_OK) != 0) {
      bc_fault_set(fault, 0, "cannot read %s", files[i]);
      return BC_ERR_SYNTAX;
    }
  }
  return BC_ERR_OK;
}

enum bc_err bc_etcd_link_read_options(const struct bc_store_options *options, struct bc_etcd_link_options *result,
                                      struct bc_fault *fault) {
  *result = (struct bc_etcd_link_options){.count = 0};
  enum bc_err err = options_read_endpoints(result, options->endpoints, fault);
  if (err == BC_ERR_OK) {
    err = options_check_files(options, fault);
  }
  if (err == BC_ERR_OK && options->user_file != NULL) {
    err = options_read_user_file(result, options->user_file, fault);
  }
  if (err != BC_ERR_OK) {
    bc_etcd_link_free_options(result);
  }
  return err;
}

void bc_etcd_link_free_options(struct bc_etcd_link_options *result) {
  for (size_t i = 0; i < result->count; i++) {
    free(result->urls[i]);
  }
  result->count = 0;
  free(result->user);
  result->user = NULL;
  if (result->password != NULL) {
    explicit_bzero(result->password, strlen(result->password));
  }
  free(result->password);
  result->password = NULL;
}
