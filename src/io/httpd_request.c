#include "io/httpd_private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct bc_httpd_request *bc_httpd_request_new(struct httpd_conn *conn, const char *raw_target) {
  struct bc_httpd_request *request = bc_mem_new(1, sizeof *request);
  request->conn = conn;
  request->raw_target = bc_mem_copy_string(raw_target);
  TAILQ_INIT(&request->fields);
  bc_buf_init(&request->body, BC_LIMIT_HTTP_BODY_BYTES);
  bc_buf_init(&request->text, BC_LIMIT_HTTP_PIECE_BYTES);
  return request;
}

void bc_httpd_request_free(struct bc_httpd_request *request) {
  request->conn->httpd->body_bytes -= request->body.len;
  if (request->response != NULL) {
    MHD_destroy_response(request->response);
  }
  for (unsigned i = 0; i < request->header_count; i++) {
    free(request->headers[i].name);
    free(request->headers[i].value);
  }
  bc_httpd_form_free(request);
  bc_http_target_free(&request->target);
  free(request->raw_target);
  bc_buf_free(&request->body);
  bc_buf_free(&request->text);
  free(request);
}

/* ---- the head ---- */

/* Headers that have one meaning only when there is one of them. */
#define HTTPD_SINGLE_HEADERS(X)                                                                                        \
  X(host, "Host")                                                                                                      \
  X(content_length, "Content-Length")                                                                                  \
  X(transfer_encoding, "Transfer-Encoding")                                                                            \
  X(expect, "Expect")                                                                                                  \
  X(authorization, "Authorization")                                                                                    \
  X(origin, "Origin")                                                                                                  \
  X(sec_fetch_site, "Sec-Fetch-Site")                                                                                  \
  X(content_type, "Content-Type")                                                                                      \
  X(idempotency_key, "Idempotency-Key")

struct httpd_head {
#define HTTPD_HEAD_FIELD(field, name) const char *field;
  HTTPD_SINGLE_HEADERS(HTTPD_HEAD_FIELD)
#undef HTTPD_HEAD_FIELD
  const char *next; /* where the next line must begin */
  unsigned count;
  unsigned status; /* of an error */
  const char *code;
  const char *detail;
};

static void httpd_head_fail(struct httpd_head *head, unsigned status, const char *code, const char *detail) {
  if (head->status == 0) {
    head->status = status;
    head->code = code;
    head->detail = detail;
  }
}

static void httpd_head_keep(struct httpd_head *head, const char *name, const char *value) {
#define HTTPD_HEAD_KEEP(field, text)                                                                                   \
  if (strcasecmp(name, text) == 0) {                                                                                   \
    if (head->field != NULL) {                                                                                         \
      httpd_head_fail(head, 400, "header-twice", "the header " text " comes twice");                                   \
    }                                                                                                                  \
    head->field = value;                                                                                               \
    return;                                                                                                            \
  }
  HTTPD_SINGLE_HEADERS(HTTPD_HEAD_KEEP)
#undef HTTPD_HEAD_KEEP
}

/* libmicrohttpd takes a head apart where it lies, with zeros for what separates, and is generous: it takes a bare line
 * feed as the end of a line, continued lines, zeros, several spaces. Another server on the way may read such a head in
 * another way. So each text must lie exactly where it lies in a head without such. */
static enum MHD_Result httpd_head_on_header(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                            const char *value, size_t value_len) {
  struct httpd_head *head = arg;
  (void)kind;
  struct bc_str name_text = {.at = name, .len = name_len};
  struct bc_str value_text = {.at = value == NULL ? "" : value, .len = value_len};
  if (name != head->next || value == NULL || !bc_http_is_token(name_text) || !bc_http_is_value(value_text)) {
    httpd_head_fail(head, 400, "malformed", "the head of the request is malformed");
    return MHD_NO;
  }
  head->next = value + value_len + 2;
  if (++head->count > BC_LIMIT_HTTP_HEADERS) {
    httpd_head_fail(head, 431, "head-too-large", "the request has more than 100 headers");
  }
  httpd_head_keep(head, name, value);
  return MHD_YES;
}

static void httpd_head_check_line(struct httpd_head *head, const struct bc_httpd_request *request, const char *url,
                                  const char *method, const char *version) {
  size_t method_len = strlen(method);
  if (!bc_http_is_token(bc_str_of(method)) || url != method + method_len + 1 ||
      version != url + strlen(request->raw_target) + 1 || strlen(version) != sizeof "HTTP/1.1" - 1) {
    httpd_head_fail(head, 400, "malformed", "the first line of the request is malformed");
  }
  head->next = version + sizeof "HTTP/1.1" - 1 + 2;
}

static void httpd_head_check_size(struct httpd_head *head, const struct bc_httpd_request *request, const char *method) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(request->conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  size_t size = info == NULL ? 0 : info->header_size;
  if (head->next + 2 != method + size) { /* the empty line */
    httpd_head_fail(head, 400, "malformed", "the head of the request is malformed");
  }
  if (size > BC_LIMIT_HTTP_HEAD_BYTES) {
    bool is_line = strlen(request->raw_target) > BC_LIMIT_HTTP_HEAD_BYTES / 2;
    httpd_head_fail(head, is_line ? 414 : 431, is_line ? "target-too-long" : "head-too-large",
                    "the line and the headers of the request are longer than 16384 bytes");
  }
}

/* What says where the body ends, and is ready to be read in two ways. */
static void httpd_head_check_frame(struct httpd_head *head, bool is_1_0) {
  uint64_t length;
  if (head->transfer_encoding != NULL) {
    if (head->content_length != NULL) {
      httpd_head_fail(head, 400, "ambiguous", "the request has both Content-Length and Transfer-Encoding");
    } else if (is_1_0) {
      httpd_head_fail(head, 400, "ambiguous", "a request of HTTP/1.0 has Transfer-Encoding");
    } else if (strcasecmp(head->transfer_encoding, "chunked") != 0) {
      httpd_head_fail(head, 501, "encoding", "the only Transfer-Encoding that is read here is chunked");
    }
  } else if (head->content_length != NULL &&
             bc_str_to_u64(bc_str_of(head->content_length), UINT64_MAX, &length) != BC_ERR_OK) {
    httpd_head_fail(head, 400, "malformed", "Content-Length is no number");
  }
}

static void httpd_head_check_rest(struct httpd_head *head, const char *method, bool is_1_0) {
  if (head->host == NULL && !is_1_0) {
    httpd_head_fail(head, 400, "no-host", "the request has no Host header");
  }
  if (head->expect != NULL && strcasecmp(head->expect, "100-continue") != 0) {
    httpd_head_fail(head, 417, "expectation", "the only Expect that is met here is 100-continue");
  }
  if (strcmp(method, "CONNECT") == 0) {
    httpd_head_fail(head, 501, "method", "this is no proxy");
  }
}

static bool httpd_request_parse_target(struct bc_httpd_request *request, const struct httpd_head *head) {
  struct bc_fault fault;
  enum bc_err err = bc_http_target_parse(request->raw_target, head->host, &request->target, &fault);
  if (err != BC_ERR_OK) {
    bc_httpd_tell(request->conn, request, 400, err == BC_ERR_EXISTS ? "query-twice" : "target", fault.text);
  }
  return err == BC_ERR_OK;
}

/* Its length is known before it comes. */
static bool httpd_request_expect_body(struct bc_httpd_request *request, const struct httpd_head *head) {
  uint64_t length = 0;
  if (head->content_length == NULL ||
      bc_str_to_u64(bc_str_of(head->content_length), UINT64_MAX, &length) != BC_ERR_OK ||
      length <= BC_LIMIT_HTTP_BODY_BYTES) {
    return true;
  }
  request->stage = HTTPD_TOO_LARGE;
  if (head->expect == NULL && length <= HTTPD_DISCARD_BYTES) {
    return true;
  }
  bc_httpd_tell(request->conn, request, 413, "body-too-large", "the body is longer than 131072 bytes");
  return false;
}

bool bc_httpd_request_begin(struct bc_httpd_request *request, const char *url, const char *method,
                            const char *version) {
  struct httpd_head head = {0};
  request->method = method;
  request->is_head = strcmp(method, "HEAD") == 0;
  bool is_1_0 = strcmp(version, "HTTP/1.0") == 0;
  httpd_head_check_line(&head, request, url, method, version);
  (void)MHD_get_connection_values_n(request->conn->mhd, MHD_HEADER_KIND, httpd_head_on_header, &head);
  httpd_head_check_size(&head, request, method);
  httpd_head_check_frame(&head, is_1_0);
  httpd_head_check_rest(&head, method, is_1_0);
  request->is_chunked = head.transfer_encoding != NULL;
  request->stage = HTTPD_BODY;
  if (head.status != 0) {
    bc_httpd_tell(request->conn, request, head.status, head.code, head.detail);
    return false;
  }
  return httpd_request_parse_target(request, &head) && httpd_request_expect_body(request, &head);
}

/* ---- the body ---- */

bool bc_httpd_request_add(struct bc_httpd_request *request, const char *bytes, size_t len) {
  struct bc_httpd *httpd = request->conn->httpd;
  if (request->stage == HTTPD_BODY && request->body.len + len > BC_LIMIT_HTTP_BODY_BYTES) {
    request->stage = HTTPD_TOO_LARGE;
  }
  if (request->stage == HTTPD_TOO_LARGE) {
    request->discarded += len;
    if (request->discarded > HTTPD_DISCARD_BYTES) {
      bc_httpd_tell(request->conn, request, 413, "body-too-large", "the body is longer than 131072 bytes");
      return false;
    }
    return true;
  }
  if (httpd->body_bytes + len > BC_LIMIT_HTTP_BODIES_BYTES) {
    bc_httpd_tell(request->conn, request, 503, "busy", "too many requests with bodies at once");
    return false;
  }
  httpd->body_bytes += len;
  bc_buf_add(&request->body, bytes, len);
  return true;
}

bool bc_httpd_request_complete(struct bc_httpd_request *request) {
  if (request->stage == HTTPD_TOO_LARGE) {
    bc_httpd_tell(request->conn, request, 413, "body-too-large", "the body is longer than 131072 bytes");
    return false;
  }
  struct bc_fault fault = {0};
  if (!bc_httpd_form_read(request, &fault)) {
    bc_httpd_tell(request->conn, request, 400, "form", fault.text);
    return false;
  }
  return true;
}

/* ---- for the handler ---- */

const char *bc_httpd_method(const struct bc_httpd_request *request) {
  return request->is_head ? "GET" : request->method;
}

bool bc_httpd_is_head(const struct bc_httpd_request *request) {
  return request->is_head;
}

const char *bc_httpd_path(const struct bc_httpd_request *request) {
  return request->target.path;
}

const char *bc_httpd_query(const struct bc_httpd_request *request, const char *name) {
  return bc_http_target_query(&request->target, name);
}

void bc_httpd_query_each(const struct bc_httpd_request *request, bc_httpd_each_fn *fn, void *arg) {
  for (size_t i = 0; i < request->target.query_count; i++) {
    fn(arg, request->target.query[i].name, request->target.query[i].value);
  }
}

const char *bc_httpd_header(const struct bc_httpd_request *request, const char *name) {
  return MHD_lookup_connection_value(request->conn->mhd, MHD_HEADER_KIND, name);
}

struct bc_str bc_httpd_body(const struct bc_httpd_request *request) {
  return bc_buf_str(&request->body);
}

bool bc_httpd_form(const struct bc_httpd_request *request, const char *name, struct bc_str *value) {
  const struct httpd_field *field;
  TAILQ_FOREACH(field, &request->fields, link) {
    if (strcmp(field->name, name) == 0) {
      *value = bc_buf_str(&field->value);
      return true;
    }
  }
  return false;
}

void bc_httpd_peer(const struct bc_httpd_request *request, struct bc_httpd_peer *to) {
  *to = request->conn->peer;
}

void bc_httpd_set_user(struct bc_httpd_request *request, void *user) {
  request->user = user;
}

void *bc_httpd_user(const struct bc_httpd_request *request) {
  return request->user;
}
