#include "io/http.h"

#include "base/buf.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

/* What libcurl hands over in one round before we look at it: it stops after 100 reads of 64 KiB. */
enum { HTTP_PENDING_BYTES = 64 * 1048576, HTTP_CONNECT_MS = 3000 };

struct http_socket {
  LIST_ENTRY(http_socket) link;
  struct bc_http *http;
  struct bc_watch *watch;
};

struct bc_http_call {
  LIST_ENTRY(bc_http_call) link;
  struct bc_http *http;
  CURL *easy;
  struct curl_slist *headers;
  struct bc_buf pending;
  bool has_head; /* that nobody was told of yet */
  bc_http_head_fn *on_head;
  bc_http_body_fn *on_body;
  bc_http_done_fn *on_done;
  void *arg;
  bool cancelled;
  bool finished;
  CURLcode code;
  char error[CURL_ERROR_SIZE];
};
LIST_HEAD(http_calls, bc_http_call);

struct bc_http {
  CURLM *multi;
  struct bc_loop *loop;
  struct bc_timer *timer;   /* libcurl's */
  struct bc_timer *deliver; /* calls that never reached libcurl */
  LIST_HEAD(, http_socket) sockets;
  struct http_calls calls;
  char *cacert, *cert, *key;
  bool in_curl;    /* libcurl is on the stack: its handles must not be touched */
  bool delivering; /* a callback of ours is on the stack */
  bool dead;       /* freed meanwhile */
};

static void http_call_free(struct bc_http_call *call) {
  LIST_REMOVE(call, link);
  (void)curl_multi_remove_handle(call->http->multi, call->easy);
  curl_easy_cleanup(call->easy);
  curl_slist_free_all(call->headers);
  bc_buf_free(&call->pending);
  free(call);
}

static void http_destroy(struct bc_http *http) {
  while (!LIST_EMPTY(&http->calls)) {
    http_call_free(LIST_FIRST(&http->calls));
  }
  (void)curl_multi_cleanup(http->multi);
  while (!LIST_EMPTY(&http->sockets)) {
    struct http_socket *sock = LIST_FIRST(&http->sockets);
    LIST_REMOVE(sock, link);
    bc_watch_free(sock->watch);
    free(sock);
  }
  bc_timer_free(http->timer);
  bc_timer_free(http->deliver);
  free(http->cacert);
  free(http->cert);
  free(http->key);
  free(http);
  curl_global_cleanup();
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
  (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
  return (int)status;
}

static void http_deliver_head(struct bc_http_call *call) {
  bool is_due = call->has_head && !call->cancelled;
  call->has_head = false;
  if (is_due && call->on_head != NULL) {
    call->on_head(call->arg, http_status(call), call);
  }
}

/* Gives what came of the body to its owner. */
static void http_deliver_body(struct bc_http_call *call) {
  if (call->pending.len == 0 || call->cancelled) {
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
  struct bc_http_result result = {.err = http_error_kind(call->code), .status = http_status(call)};
  if (result.err != BC_ERR_OK) {
    bc_fault_set(&result.fault, 0, "%s", call->error[0] != '\0' ? call->error : curl_easy_strerror(call->code));
  }
  call->cancelled = true;
  call->on_done(call->arg, &result);
}

static void http_collect_finished(struct bc_http *http) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
    if (message->msg == CURLMSG_DONE) {
      struct bc_http_call *call = NULL;
      (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
      call->finished = true;
      call->code = message->data.result;
    }
  }
}

/* A call that has something to tell, or NULL. */
static struct bc_http_call *http_next_ready(struct bc_http *http) {
  struct bc_http_call *call;
  LIST_FOREACH(call, &http->calls, link) {
    if (call->has_head || call->pending.len > 0 || call->finished || call->cancelled) {
      return call;
    }
  }
  return NULL;
}

/* Runs the callbacks that are due, outside of libcurl. They may cancel, start, and free the client. */
static void http_deliver_all(struct bc_http *http) {
  if (http->delivering || http->in_curl) {
    return;
  }
  http->delivering = true;
  http_collect_finished(http);
  struct bc_http_call *call;
  while (!http->dead && (call = http_next_ready(http)) != NULL) {
    http_deliver_head(call);
    http_deliver_body(call);
    if (!call->cancelled && call->finished) {
      http_deliver_end(call);
    }
    if (call->cancelled) {
      http_call_free(call);
    }
    if (!http->dead) {
      http_collect_finished(http);
    }
  }
  http->delivering = false;
  if (http->dead) {
    http_destroy(http);
  }
}

static void http_drive(struct bc_http *http, curl_socket_t fd, int events) {
  int running;
  http->in_curl = true;
  (void)curl_multi_socket_action(http->multi, fd, events, &running);
  http->in_curl = false;
  http_deliver_all(http);
}

static void http_on_ready(void *arg, int fd, int events) {
  struct http_socket *sock = arg;
  int flags = (events & BC_WATCH_READ) != 0 ? CURL_CSELECT_IN : 0;
  flags |= (events & BC_WATCH_WRITE) != 0 ? CURL_CSELECT_OUT : 0;
  http_drive(sock->http, fd, flags);
}

static void http_on_curl_timer(void *arg) {
  http_drive(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void http_on_deliver(void *arg) {
  http_deliver_all(arg);
}

static int http_set_timer(CURLM *multi, long delay_ms, void *arg) {
  struct bc_http *http = arg;
  (void)multi;
  if (delay_ms < 0) {
    bc_timer_stop(http->timer);
  } else {
    bc_timer_start(http->timer, delay_ms);
  }
  return 0;
}

static int http_set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg) {
  struct bc_http *http = arg;
  struct http_socket *sock = socket_arg;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    if (sock != NULL) {
      LIST_REMOVE(sock, link);
      bc_watch_free(sock->watch);
      free(sock);
      (void)curl_multi_assign(http->multi, fd, NULL);
    }
    return 0;
  }
  if (sock == NULL) {
    sock = bc_mem_new(1, sizeof *sock);
    sock->http = http;
    sock->watch = bc_watch_new(http->loop, fd, http_on_ready, sock);
    if (sock->watch == NULL) {
      /* An error here would end every transfer for ever; so this one runs into its deadline. */
      free(sock);
      return 0;
    }
    LIST_INSERT_HEAD(&http->sockets, sock, link);
    (void)curl_multi_assign(http->multi, fd, sock);
  }
  int events = what == CURL_POLL_IN || what == CURL_POLL_INOUT ? BC_WATCH_READ : 0;
  events |= what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? BC_WATCH_WRITE : 0;
  bc_watch_set(sock->watch, events);
  return 0;
}

static size_t http_take_body(char *bytes, size_t size, size_t count, void *arg) {
  struct bc_http_call *call = arg;
  bc_buf_add(&call->pending, bytes, size * count);
  return bc_buf_status(&call->pending) == BC_ERR_OK ? size * count : 0;
}

/* The empty line ends a head; that of an interim answer (1xx) is not the one that is waited for. */
static size_t http_take_head(char *bytes, size_t size, size_t count, void *arg) {
  struct bc_http_call *call = arg;
  bool is_end = size * count == 2 && memcmp(bytes, "\r\n", 2) == 0;
  call->has_head = call->has_head || (is_end && http_status(call) >= 200);
  return size * count;
}

struct bc_http *bc_http_new(struct bc_loop *loop, const struct bc_http_tls *tls) {
  struct bc_http *http = bc_mem_new(1, sizeof *http);
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (http->multi = curl_multi_init()) == NULL) {
    abort();
  }
  http->loop = loop;
  LIST_INIT(&http->sockets);
  LIST_INIT(&http->calls);
  http->timer = bc_timer_new(loop, http_on_curl_timer, http);
  http->deliver = bc_timer_new(loop, http_on_deliver, http);
  http->cacert = bc_mem_copy_string(tls->cacert);
  http->cert = bc_mem_copy_string(tls->cert);
  http->key = bc_mem_copy_string(tls->key);
  (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, http_set_socket);
  (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
  (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, http_set_timer);
  (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
  (void)curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 4L);
  return http;
}

void bc_http_free(struct bc_http *http) {
  if (http == NULL) {
    return;
  }
  if (http->delivering) {
    http->dead = true;
    struct bc_http_call *call;
    LIST_FOREACH(call, &http->calls, link) {
      call->cancelled = true;
    }
    return;
  }
  http_destroy(http);
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
  (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
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
  call->http = http;
  call->on_head = request->on_head;
  call->on_body = request->on_body;
  call->on_done = request->on_done;
  call->arg = request->arg;
  bc_buf_init(&call->pending, HTTP_PENDING_BYTES);
  call->easy = curl_easy_init();
  if (call->easy == NULL) {
    abort();
  }
  LIST_INSERT_HEAD(&http->calls, call, link);
  call->headers = curl_slist_append(call->headers, "Expect:");
  for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++) {
    call->headers = curl_slist_append(call->headers, request->headers[i]);
  }
  CURL *easy = call->easy;
  http_set_transport(http, easy, request);
  (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
  (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
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
  call->code = curl_easy_setopt(easy, CURLOPT_URL, request->url);
  if (call->code == CURLE_OK && curl_multi_add_handle(http->multi, easy) != CURLM_OK) {
    call->code = CURLE_FAILED_INIT;
  }
  if (call->code != CURLE_OK) {
    call->finished = true;
    bc_timer_start(http->deliver, 0);
  }
  return call;
}

static const char *http_find_header(const struct bc_http_call *call, const char *name, unsigned origins) {
  struct curl_header *header;
  CURLHcode code = curl_easy_header(call->easy, name, 0, origins, -1, &header);
  return code == CURLHE_OK ? header->value : NULL;
}

const char *bc_http_header(const struct bc_http_call *call, const char *name) {
  return http_find_header(call, name, CURLH_HEADER);
}

const char *bc_http_trailer(const struct bc_http_call *call, const char *name) {
  return http_find_header(call, name, CURLH_HEADER | CURLH_TRAILER);
}

void bc_http_cancel(struct bc_http_call *call) {
  if (call == NULL) {
    return;
  }
  if (call->http->delivering) {
    call->cancelled = true;
    return;
  }
  http_call_free(call);
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
