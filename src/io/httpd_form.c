#include "io/httpd_private.h"

#include "base/mem.h"
#include "proto/http_form.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HTTPD_FORM_BUFFER = 4096 }; /* of libmicrohttpd: a field's name, a part's line or a boundary must fit */

struct httpd_form {
  struct bc_httpd_request *request;
  struct bc_fault *fault;
  bool is_bad;
};

static enum MHD_Result httpd_form_fail(struct httpd_form *form, const char *text) {
  if (!form->is_bad) {
    bc_fault_set(form->fault, 0, "%s", text);
  }
  form->is_bad = true;
  return MHD_NO;
}

static struct httpd_field *httpd_form_find(struct bc_httpd_request *request, const char *name) {
  struct httpd_field *field;
  TAILQ_FOREACH(field, &request->fields, link) {
    if (strcmp(field->name, name) == 0) {
      return field;
    }
  }
  return NULL;
}

/* NULL with a fault: no more fields. */
static struct httpd_field *httpd_form_add(struct httpd_form *form, const char *name) {
  struct bc_httpd_request *request = form->request;
  if (*name == '\0' || !bc_http_is_text(bc_str_of(name))) {
    (void)httpd_form_fail(form, "a field of the form has no name, or one that is not UTF-8");
    return NULL;
  }
  if (httpd_form_find(request, name) != NULL) {
    (void)httpd_form_fail(form, "a field of the form comes twice");
    return NULL;
  }
  if (++request->field_count > BC_LIMIT_HTTP_FORM_FIELDS) {
    (void)httpd_form_fail(form, "the form has more than 32 fields");
    return NULL;
  }
  struct httpd_field *field = bc_mem_new(1, sizeof *field);
  field->name = bc_mem_copy_string(name);
  bc_buf_init(&field->value, BC_LIMIT_HTTP_BODY_BYTES);
  TAILQ_INSERT_TAIL(&request->fields, field, link);
  return field;
}

/* Of multipart/form-data. A value comes in pieces; `offset` 0 is the first of a field. */
static enum MHD_Result httpd_form_on_part(void *arg, enum MHD_ValueKind kind, const char *name, const char *file,
                                          const char *type, const char *encoding, const char *bytes, uint64_t offset,
                                          size_t len) {
  struct httpd_form *form = arg;
  (void)kind;
  (void)file;
  (void)type;
  (void)encoding;
  if (form->is_bad) {
    return MHD_NO;
  }
  const char *known_name = name == NULL ? "" : name;
  struct httpd_field *field =
      offset == 0 ? httpd_form_add(form, known_name) : httpd_form_find(form->request, known_name);
  if (field == NULL) {
    return httpd_form_fail(form, "a field of the form has no begin");
  }
  bc_buf_add(&field->value, bytes, len);
  return MHD_YES;
}

/* libmicrohttpd refuses a value that holds '=', which curl --data sends as it is. */
static bool httpd_form_on_field(void *arg, struct bc_str name, struct bc_str value) {
  struct httpd_form *form = arg;
  char *text = bc_mem_copy_text(name.at, name.len);
  bool has_zero = strlen(text) != name.len;
  struct httpd_field *field = httpd_form_add(form, has_zero ? "" : text);
  free(text);
  if (field != NULL) {
    bc_buf_add_str(&field->value, value);
  }
  return field != NULL;
}

static bool httpd_form_is_type(const char *type, const char *wanted) {
  size_t len = strlen(wanted);
  return strncasecmp(type, wanted, len) == 0 && (type[len] == '\0' || strchr("; \t", type[len]) != NULL);
}

static bool httpd_form_read_parts(struct httpd_form *form) {
  struct bc_httpd_request *request = form->request;
  struct MHD_PostProcessor *processor =
      MHD_create_post_processor(request->conn->mhd, HTTPD_FORM_BUFFER, httpd_form_on_part, form);
  if (processor == NULL) {
    (void)httpd_form_fail(form, "the Content-Type of the form has no boundary, or one that is too long");
    return false;
  }
  bool is_read = MHD_post_process(processor, request->body.data, request->body.len) == MHD_YES;
  /* Destroying gives what is left of the last value. */
  bool is_complete = MHD_destroy_post_processor(processor) == MHD_YES;
  if (!is_read || !is_complete) {
    (void)httpd_form_fail(form, "the body is not the form that its Content-Type tells");
  }
  return !form->is_bad;
}

bool bc_httpd_form_read(struct bc_httpd_request *request, struct bc_fault *fault) {
  const char *type = bc_httpd_header(request, MHD_HTTP_HEADER_CONTENT_TYPE);
  struct httpd_form form = {.request = request, .fault = fault};
  if (type == NULL || request->body.len == 0) {
    return true;
  }
  if (httpd_form_is_type(type, MHD_HTTP_POST_ENCODING_FORM_URLENCODED)) {
    return bc_http_form_each(bc_buf_str(&request->body), httpd_form_on_field, &form, fault) == BC_ERR_OK;
  }
  return !httpd_form_is_type(type, MHD_HTTP_POST_ENCODING_MULTIPART_FORMDATA) || httpd_form_read_parts(&form);
}

void bc_httpd_form_free(struct bc_httpd_request *request) {
  while (!TAILQ_EMPTY(&request->fields)) {
    struct httpd_field *field = TAILQ_FIRST(&request->fields);
    TAILQ_REMOVE(&request->fields, field, link);
    free(field->name);
    bc_buf_free(&field->value);
    free(field);
  }
}
