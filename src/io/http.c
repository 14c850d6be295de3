#include "io/http.h"

#include "base/buf.h"
#include "base/mem.h"
#include "io/curl_loop.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* What libcurl hands over in one round before we look at it: it stops after 100 reads of 64 KiB. */
enum { HTTP_PENDING_BYTES = 64 * 1048576, HTTP_CONNECT_MS = 3000, HTTP_CONNECTIONS = 4 };

struct bc_http_call {
  struct bc_curl_call call; /* first: owned calls are known by it */
  struct curl_slist *headers;
  struct bc_buf pending;
  bool has_head; /* that nobody was told of yet */
  bc_http_head_fn *on_head;
  bc_http_body_fn *on_body;
  bc_http_done_fn *on_done;
  void *arg;
};

struct bc_http {
  struct bc_curl_loop *curl;
  char *cacert, *cert, *key;
};

static void http_release(struct bc_curl_call *base) {
  struct bc_http_call *call = (struct bc_http_call *)base;
  curl_slist_free_all(call->headers);
  bc_buf_free(&call->pending);
  free(call);
}

static enum bc_err http_error_kind(CURLcode code) {
  switch (code) {
  case CURLE_OK:
    return BC_ERR_OK;
  case CURLE_OPERATION_TIMEDOUT:
    return BC_ERR_TIMEOUT;
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_ISSUER_ERROR:
    return BC_ERR_AUTH;
  case CURLE_PARTIAL_FILE:
  case CURLE_RECV_ERROR:
  case CURLE_SEND_ERROR:
  case CURLE_GOT_NOTHING:
    return BC_ERR_CLOSED;
  default:
    return BC_ERR_IO;
  }
}

static int http_status(const struct bc_http_call *call) {
  long status = 0;
  (void)curl_easy_getinfo(call->call.easy, CURLINFO_RESPONSE_CODE, &status);
  return (int)status;
}

static void http_deliver_head(struct bc_http_call *call) {
  bool is_due = call->has_head;
  call->has_head = false;
  if (is_due && call->on_head != NULL) {
    call->on_head(call->arg, http_status(call), call);
  }
}

/* Gives what came of the body to its owner. */
static void http_deliver_body(struct bc_http_call *call) {
  if (call->pending.len == 0 || call->call.is_cancelled) {
    return;
  }
  struct bc_buf bytes = call->pending;
  bc_buf_init(&call->pending, HTTP_PENDING_BYTES);
  if (call->on_body != NULL) {
    call->on_body(call->arg, http_status(call), bc_buf_str(&bytes));
  }
  bc_buf_free(&bytes);
}

static void http_deliver_end(struct bc_http_call *call) {
  const struct bc_curl_call *base = &call->call;
  struct bc_http_result result = {.err = http_error_kind(base->code), .status = http_status(call)};
  if (result.err != BC_ERR_OK) {
    bc_fault_set(&result.fault, 0, "%s", base->error[0] != '\0' ? base->error : curl_easy_strerror(base->code));
  }
  call->call.is_cancelled = true;
  call->on_done(call->arg, &result);
}

static void http_deliver(struct bc_curl_call *base) {
  struct bc_http_call *call = (struct bc_http_call *)base;
  http_deliver_head(call);
  http_deliver_body(call);
  if (base->is_finished && !base->is_cancelled) {
    http_deliver_end(call);
  }
}

static size_t http_take_body(char *bytes, size_t size, size_t count, void *arg) {
  struct bc_http_call *call = arg;
  bc_buf_add(&call->pending, bytes, size * count);
  bc_curl_call_wake(&call->call);
  return bc_buf_status(&call->pending) == BC_ERR_OK ? size * count : 0;
}

/* The empty line ends a head; that of an interim answer (1xx) is not the one that is waited for. */
static size_t http_take_head(char *bytes, size_t size, size_t count, void *arg) {
  struct bc_http_call *call = arg;
  bool is_end = size * count == 2 && memcmp(bytes, "\r\n", 2) == 0;
  if (is_end && http_status(call) >= 200) {
    call->has_head = true;
    bc_curl_call_wake(&call->call);
  }
  return size * count;
}

struct bc_http *bc_http_new(struct bc_loop *loop, const struct bc_http_tls *tls) {
  static const struct bc_curl_loop_owner owner = {.deliver = http_deliver, .release = http_release};
  struct bc_http *http = bc_mem_new(1, sizeof *http);
  http->curl = bc_curl_loop_new(loop, &owner, HTTP_CONNECTIONS);
  http->cacert = bc_mem_copy_string(tls->cacert);
  http->cert = bc_mem_copy_string(tls->cert);
  http->key = bc_mem_copy_string(tls->key);
  return http;
}

void bc_http_free(struct bc_http *http) {
  if (http == NULL) {
    return;
  }
  bc_curl_loop_free(http->curl);
  free(http->cacert);
  free(http->cert);
  free(http->key);
  free(http);
}

/* What libcurl has no option for: how many keepalives may stay without an answer, and that children do
 * not inherit our connections. */
static int http_set_up_socket(void *arg, curl_socket_t fd, curlsocktype purpose) {
  (void)arg;
  (void)purpose;
  int probes = 3;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  return CURL_SOCKOPT_OK;
}

static void http_set_transport(const struct bc_http *http, CURL *easy, const struct bc_http_request *request) {
  bool is_tls = strncmp(request->url, "https:", 6) == 0;
  long version = !request->is_http2 ? CURL_HTTP_VERSION_1_1
                 : is_tls           ? CURL_HTTP_VERSION_2TLS
                                    : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
  (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version);
  (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS);
  (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L);
  (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
  (void)curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, http_set_up_socket);
  (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 65536L);
  (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  if (http->cacert != NULL) {
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO, http->cacert);
  }
  if (http->cert != NULL) {
    (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, http->cert);
  }
  if (http->key != NULL) {
    (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, http->key);
  }
}

struct bc_http_call *bc_http_start(struct bc_http *http, const struct bc_http_request *request) {
  struct bc_http_call *call = bc_mem_new(1, sizeof *call);
  call->on_head = request->on_head;
  call->on_body = request->on_body;
  call->on_done = request->on_done;
  call->arg = request->arg;
  bc_buf_init(&call->pending, HTTP_PENDING_BYTES);
  bc_curl_call_init(http->curl, &call->call);
  call->headers = curl_slist_append(call->headers, "Expect:");
  for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++) {
    call->headers = curl_slist_append(call->headers, request->headers[i]);
  }
  CURL *easy = call->call.easy;
  http_set_transport(http, easy, request);
  (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
  (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_take_body);
  (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
  (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, http_take_head);
  (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
  (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
  (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
  (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->own_connection ? 1L : 0L);
  (void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, request->own_connection ? 1L : 0L);
  if (request->body.at != NULL) {
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    (void)curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body.at);
  }
  bc_curl_call_start(&call->call, curl_easy_setopt(easy, CURLOPT_URL, request->url));
  return call;
}

static const char *http_find_header(const struct bc_http_call *call, const char *name, unsigned origins) {
  struct curl_header *header;
  CURLHcode code = curl_easy_header(call->call.easy, name, 0, origins, -1, &header);
  return code == CURLHE_OK ? header->value : NULL;
}

const char *bc_http_header(const struct bc_http_call *call, const char *name) {
  return http_find_header(call, name, CURLH_HEADER);
}

const char *bc_http_trailer(const struct bc_http_call *call, const char *name) {
  return http_find_header(call, name, CURLH_HEADER | CURLH_TRAILER);
}

void bc_http_cancel(struct bc_http_call *call) {
  if (call != NULL) {
    bc_curl_call_cancel(&call->call);
  }
}

static enum bc_err http_read_endpoint(CURLU *url, const char *text, struct bc_buf *to, struct bc_fault *fault) {
  static const CURLUPart unwanted[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT};
  if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK) {
    bc_fault_set(fault, 0, "\"%s\" is not a URL like http://host:2379", text);
    return BC_ERR_SYNTAX;
  }
  char *part = NULL;
  for (size_t i = 0; i < sizeof unwanted / sizeof unwanted[0]; i++) {
    if (curl_url_get(url, unwanted[i], &part, 0) == CURLUE_OK) {
      curl_free(part);
      bc_fault_set(fault, 0, "an endpoint is a scheme, a host and a port, no more: http://host:2379");
      return BC_ERR_SYNTAX;
    }
  }
  if (curl_url_get(url, CURLUPART_PORT, &part, 0) == CURLUE_OK) {
    curl_free(part);
  } else {
    (void)curl_url_set(url, CURLUPART_PORT, "2379", 0);
  }
  bool plain_path = curl_url_get(url, CURLUPART_PATH, &part, 0) == CURLUE_OK && bc_str_is(bc_str_of(part), "/");
  curl_free(part);
  bool http = curl_url_get(url, CURLUPART_SCHEME, &part, 0) == CURLUE_OK &&
              (bc_str_is(bc_str_of(part), "http") || bc_str_is(bc_str_of(part), "https"));
  curl_free(part);
  if (!plain_path || !http || curl_url_get(url, CURLUPART_URL, &part, 0) != CURLUE_OK) {
    bc_fault_set(fault, 0, "\"%s\": an endpoint is http:// or https://, a host and a port", text);
    return BC_ERR_SYNTAX;
  }
  struct bc_str canonical = bc_str_of(part);
  canonical.len -= canonical.len > 0 && canonical.at[canonical.len - 1] == '/' ? 1 : 0;
  bc_buf_add_str(to, canonical);
  curl_free(part);
  return bc_buf_status(to);
}

enum bc_err bc_http_check_endpoint(struct bc_str text, struct bc_buf *to, struct bc_fault *fault) {
  text = bc_str_trim(text);
  CURLU *url = curl_url();
  char *copy = bc_mem_copy_text(text.at, text.len);
  if (url == NULL) {
    abort();
  }
  enum bc_err err = http_read_endpoint(url, copy, to, fault);
  free(copy);
  curl_url_cleanup(url);
  return err;
}
