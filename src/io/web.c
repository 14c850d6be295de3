#include "io/web.h"

#include "base/limits.h"
#include "base/mem.h"
#include "io/web_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Answers of checks are short: libcurl's buffers are, too, as each call has its own. */
enum { WEB_READ_BYTES = 4096, WEB_SEND_BYTES = 16384 };

/* ---- the client ---- */

static void web_release(struct bc_curl_call *base) {
  struct bc_web_call *call = (struct bc_web_call *)base;
  curl_slist_free_all(call->headers);
  curl_slist_free_all(call->connect_to);
  bc_buf_free(&call->body);
  free(call->cert);
  free(call->tls_name);
  free(call);
}

static void web_deliver(struct bc_curl_call *base) {
  struct bc_web_call *call = (struct bc_web_call *)base;
  base->is_cancelled = true;
  call->fn(call->arg, web_answer_new(call));
}

struct bc_web *bc_web_new(struct bc_loop *loop, struct bc_tls *tls) {
  static const struct bc_curl_loop_owner owner = {.deliver = web_deliver, .release = web_release};
  struct bc_web *web = bc_mem_new(1, sizeof *web);
  web->curl = bc_curl_loop_new(loop, &owner, BC_LIMIT_WEB_KEPT);
  web->tls = tls;
  return web;
}

void bc_web_free(struct bc_web *web) {
  if (web != NULL) {
    bc_curl_loop_free(web->curl);
    free(web);
  }
}

/* ---- the address ---- */

static void web_set_address(struct bc_web_call *call, const struct bc_web_request *request) {
  char text[INET6_ADDRSTRLEN];
  char rule[INET6_ADDRSTRLEN + 16];
  bool is_ipv6 = request->address.is_ipv6;
  if (is_ipv6) {
    call->address.ipv6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(request->port)};
    memcpy(&call->address.ipv6.sin6_addr, request->address.bytes, 16);
  } else {
    call->address.ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(request->port)};
    memcpy(&call->address.ipv4.sin_addr, request->address.bytes, 4);
  }
  (void)inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, request->address.bytes, text, sizeof text);
  (void)snprintf(call->place, sizeof call->place, "%s port %u", text, request->port);
  /* For whatever host and port the URL has: so libcurl finds a literal and never resolves. */
  (void)snprintf(rule, sizeof rule, is_ipv6 ? "::[%s]:%u" : "::%s:%u", text, request->port);
  call->connect_to = curl_slist_append(NULL, rule);
  (void)curl_easy_setopt(call->call.easy, CURLOPT_CONNECT_TO, call->connect_to);
}

static bool web_is_judged(const struct bc_web_call *call, const struct curl_sockaddr *to) {
  if (to->family != call->address.any.sa_family) {
    return false;
  }
  const struct sockaddr_in *ipv4 = (const void *)&to->addr;
  const struct sockaddr_in6 *ipv6 = (const void *)&to->addr;
  return to->family == AF_INET ? ipv4->sin_port == call->address.ipv4.sin_port &&
                                     ipv4->sin_addr.s_addr == call->address.ipv4.sin_addr.s_addr
                               : ipv6->sin6_port == call->address.ipv6.sin6_port && ipv6->sin6_scope_id == 0 &&
                                     memcmp(&ipv6->sin6_addr, &call->address.ipv6.sin6_addr, 16) == 0;
}

/* The second line: whatever makes libcurl connect, it connects to what was judged or not at all. */
static curl_socket_t web_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to) {
  struct bc_web_call *call = arg;
  if (purpose != CURLSOCKTYPE_IPCXN || !web_is_judged(call, to)) {
    call->stop = WEB_STOP_ADDRESS;
    return CURL_SOCKET_BAD;
  }
  int fd = socket(to->family, to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->protocol);
  if (fd < 0) {
    call->stop = WEB_STOP_SOCKET;
    call->os_error = errno;
    return CURL_SOCKET_BAD;
  }
  call->has_opened = true;
  return fd;
}

/* ---- the request ---- */

static void web_set_transport(struct bc_web_call *call, const struct bc_web_request *request) {
  CURL *easy = call->call.easy;
  long version = !request->is_http2     ? CURL_HTTP_VERSION_1_1
                 : request->url->is_tls ? CURL_HTTP_VERSION_2TLS
                                        : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
  (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version);
  (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_ms);
  /* Nothing is resolved; but addresses would be kept all the same, and searched at each end. */
  (void)curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
  (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->keep ? 0L : 1L);
  (void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, request->keep ? 0L : 1L);
  (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)WEB_READ_BYTES);
  (void)curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)WEB_SEND_BYTES);
  (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, web_open_socket);
  (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
}

static bool web_has_header(const struct bc_web_request *request, const char *name) {
  size_t len = strlen(name);
  for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++) {
    const char *header = request->headers[i];
    if (strncasecmp(header, name, len) == 0 && (header[len] == ':' || header[len] == ';')) {
      return true;
    }
  }
  return false;
}

static void web_set_message(struct bc_web_call *call, const struct bc_web_request *request) {
  CURL *easy = call->call.easy;
  /* Nothing that the script has not said of its body. */
  call->headers = curl_slist_append(call->headers, "Expect:");
  if (!web_has_header(request, "Content-Type")) {
    call->headers = curl_slist_append(call->headers, "Content-Type:");
  }
  for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++) {
    call->headers = curl_slist_append(call->headers, request->headers[i]);
  }
  (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "bgpcommander/" BC_VERSION);
  if (request->body.at != NULL) {
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    (void)curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body.at);
  } else if (strcmp(request->method, "HEAD") == 0) {
    (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  }
  (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
  (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* libcurl takes the name for SNI and the certificate from the URL: so another name goes into the URL that it gets, and
 * the URL's own host into the Host header. */
static CURLcode web_set_url(struct bc_web_call *call, const struct bc_web_request *request) {
  CURL *easy = call->call.easy;
  const struct bc_web_url *url = request->url;
  if (!url->is_tls || request->tls == NULL || request->tls->name.len == 0) {
    return curl_easy_setopt(easy, CURLOPT_URL, url->text);
  }
  bool is_ipv6 = strchr(url->host, ':') != NULL;
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_WEB_URL_BYTES + 64);
  if (!web_has_header(request, "Host")) {
    bc_buf_add_format(&text, is_ipv6 ? "Host: [%s]" : "Host: %s", url->host);
    if (url->port != 443) {
      bc_buf_add_format(&text, ":%u", url->port);
    }
    call->headers = curl_slist_append(call->headers, text.data);
    bc_buf_clear(&text);
  }
  is_ipv6 = memchr(request->tls->name.at, ':', request->tls->name.len) != NULL;
  bc_buf_add_format(&text, is_ipv6 ? "[" BC_STR_FMT "]" : BC_STR_FMT, BC_STR_ARG(request->tls->name));
  CURLU *changed = curl_url();
  char *whole = NULL;
  CURLcode code = CURLE_URL_MALFORMAT;
  if (changed != NULL && curl_url_set(changed, CURLUPART_URL, url->text, 0) == CURLUE_OK &&
      curl_url_set(changed, CURLUPART_HOST, text.data, 0) == CURLUE_OK &&
      curl_url_get(changed, CURLUPART_URL, &whole, 0) == CURLUE_OK) {
    code = curl_easy_setopt(easy, CURLOPT_URL, whole);
  } else {
    bc_fault_set(&call->refusal, 0, "name: expected the name or the address of a host");
  }
  curl_free(whole);
  curl_url_cleanup(changed);
  bc_buf_free(&text);
  return code;
}

struct bc_web_call *bc_web_start(struct bc_web *web, const struct bc_web_request *request) {
  static const struct bc_tls_options plain = {.ca = {0}};
  struct bc_web_call *call = bc_mem_new(1, sizeof *call);
  call->web = web;
  call->fn = request->fn;
  call->arg = request->arg;
  call->max_body = request->max_body;
  call->connect_ms = request->connect_ms;
  bc_buf_init(&call->body, request->max_body);
  bc_curl_call_init(web->curl, &call->call);
  CURL *easy = call->call.easy;
  web_set_address(call, request);
  web_set_transport(call, request);
  (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, web_take_head);
  (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
  (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, web_take_body);
  (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
  CURLcode code = web_set_url(call, request);
  web_set_message(call, request);
  if (code == CURLE_OK && request->url->is_tls &&
      !web_tls_set_up(call, request->tls == NULL ? &plain : request->tls, request->url->host)) {
    code = CURLE_SSL_CERTPROBLEM;
  }
  bc_curl_call_start(&call->call, code);
  return call;
}

void bc_web_cancel(struct bc_web_call *call) {
  if (call != NULL) {
    bc_curl_call_cancel(&call->call);
  }
}
