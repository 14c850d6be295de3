#include "base/limits.h"
#include "base/mem.h"
#include "io/endpoint.h"
#include "io/tls_private.h"
#include "io/web_private.h"

#include <stdlib.h>
#include <string.h>

/* ---- what comes ---- */

/* What a hostile server can make us keep ends here; libcurl's own bounds are looser, and its search among headers takes
 * the square of their number. */
size_t web_take_head(char *bytes, size_t size, size_t count, void *arg) {
  struct bc_web_call *call = arg;
  bool is_empty = size * count == 2 && memcmp(bytes, "\r\n", 2) == 0;
  call->head_bytes += size * count;
  call->head_lines += is_empty ? 0 : 1;
  if (call->head_bytes > BC_LIMIT_WEB_HEAD_BYTES || call->head_lines > BC_LIMIT_WEB_HEADERS) {
    call->stop = WEB_STOP_HEAD;
    return 0;
  }
  web_tls_take_cert(call);
  return size * count;
}

size_t web_take_body(char *bytes, size_t size, size_t count, void *arg) {
  struct bc_web_call *call = arg;
  size_t len = size * count;
  size_t room = call->max_body - call->body.len;
  bc_buf_add(&call->body, bytes, len < room ? len : room);
  if (len > room) {
    call->stop = WEB_STOP_BODY;
    return 0;
  }
  return len;
}

/* ---- how it ended ---- */

/* What libcurl's codes mean; a text of ours where its own says too little. Any other is IO. */
static const struct {
  CURLcode code;
  enum bc_stream_error error;
  const char *text;
} web_codes[] = {
    {CURLE_COULDNT_CONNECT, BC_STREAM_IO, NULL},
    {CURLE_SEND_ERROR, BC_STREAM_CLOSED, "closed while the request was sent"},
    /* Without an errno: what came cannot be decoded (chunks). */
    {CURLE_RECV_ERROR, BC_STREAM_PROTOCOL, NULL},
    {CURLE_GOT_NOTHING, BC_STREAM_CLOSED, "closed before an answer came"},
    {CURLE_PARTIAL_FILE, BC_STREAM_CLOSED, "closed before the end of the answer"},
    {CURLE_UNSUPPORTED_PROTOCOL, BC_STREAM_PROTOCOL, "the answer is not HTTP"},
    {CURLE_WEIRD_SERVER_REPLY, BC_STREAM_PROTOCOL, NULL},
    {CURLE_BAD_CONTENT_ENCODING, BC_STREAM_PROTOCOL, NULL},
    {CURLE_HTTP2, BC_STREAM_PROTOCOL, NULL},
    {CURLE_HTTP2_STREAM, BC_STREAM_PROTOCOL, NULL},
    {CURLE_PEER_FAILED_VERIFICATION, BC_STREAM_TLS, NULL},
    {CURLE_SSL_CERTPROBLEM, BC_STREAM_TLS, NULL},
    {CURLE_SSL_CIPHER, BC_STREAM_TLS, NULL},
    {CURLE_SSL_ISSUER_ERROR, BC_STREAM_TLS, NULL},
    {CURLE_SSL_CACERT_BADFILE, BC_STREAM_TLS, NULL},
    {CURLE_SSL_ENGINE_INITFAILED, BC_STREAM_TLS, NULL},
    {CURLE_SSL_CLIENTCERT, BC_STREAM_TLS, NULL},
    {CURLE_USE_SSL_FAILED, BC_STREAM_TLS, NULL},
    /* A line of the head that passes libcurl's own bound, which is above ours. */
    {CURLE_OUT_OF_MEMORY, BC_STREAM_PROTOCOL, "the head of the answer is too large"},
};

static void web_set_errno(const struct bc_web_call *call, int number, struct bc_web_answer *answer) {
  const char *text;
  bool is_ipv6 = call->address.any.sa_family == AF_INET6;
  number = bc_endpoint_connect_error(number, &call->address.any,
                                     is_ipv6 ? sizeof call->address.ipv6 : sizeof call->address.ipv4);
  answer->error = stream_error_of(number, &text);
  bc_fault_set(&answer->fault, 0, "%s: %s", call->place, text);
}

/* libcurl tells it by OpenSSL's texts: "OpenSSL/3.0.15: error:0A00010B:SSL routines::wrong version number", with
 * ", errno 0" behind it. In TLS 1.3 the server refuses our certificate when the handshake is over for us. */
static void web_set_tls_error(const struct bc_web_call *call, bool is_early, struct bc_web_answer *answer) {
  const char *text = call->call.error;
  const char *colons = strstr(text, "::");
  const char *reason = colons == NULL ? text : colons + 2;
  answer->error = BC_STREAM_TLS;
  if (strstr(text, "SSL_ERROR_SYSCALL") != NULL || strstr(text, "unexpected eof") != NULL) {
    answer->error = BC_STREAM_CLOSED;
    bc_fault_set(&answer->fault, 0, "%s: %s", call->place,
                 is_early ? "closed in the TLS handshake" : "closed before the end of the answer");
  } else if (strstr(text, "Connection reset") != NULL) {
    answer->error = BC_STREAM_RESET;
    bc_fault_set(&answer->fault, 0, "%s: connection reset%s", call->place, is_early ? " in the TLS handshake" : "");
  } else if (strstr(text, "wrong version number") != NULL) {
    bc_fault_set(&answer->fault, 0, "%s: TLS: what came is not TLS", call->place);
  } else {
    bc_fault_set(&answer->fault, 0, "%s: TLS: %.*s", call->place, (int)strcspn(reason, ","), reason);
  }
}

static void web_set_libcurl_error(const struct bc_web_call *call, struct bc_web_answer *answer) {
  long number = 0;
  CURLcode code = call->call.code;
  (void)curl_easy_getinfo(call->call.easy, CURLINFO_OS_ERRNO, &number);
  if (code == CURLE_OPERATION_TIMEDOUT) {
    answer->error = BC_STREAM_TIMEOUT;
    bc_fault_set(&answer->fault, 0, "%s: no connection after %lld ms", call->place, (long long)call->connect_ms);
    return;
  }
  if (number != 0 && (code == CURLE_COULDNT_CONNECT || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR)) {
    web_set_errno(call, (int)number, answer);
    return;
  }
  const char *text = call->call.error[0] != '\0' ? call->call.error : curl_easy_strerror(code);
  bool is_of_tls = strstr(text, "SSL_read") != NULL || strstr(text, "SSL_write") != NULL;
  if (code == CURLE_SSL_CONNECT_ERROR || is_of_tls) {
    web_set_tls_error(call, code == CURLE_SSL_CONNECT_ERROR, answer);
    return;
  }
  answer->error = BC_STREAM_IO;
  for (size_t i = 0; i < sizeof web_codes / sizeof web_codes[0]; i++) {
    if (web_codes[i].code == code) {
      answer->error = web_codes[i].error;
      text = web_codes[i].text != NULL ? web_codes[i].text : text;
      break;
    }
  }
  bc_fault_set(&answer->fault, 0, "%s: %s", call->place, text);
}

static void web_set_error(struct bc_web_call *call, struct bc_web_answer *answer) {
  if (call->call.code == CURLE_PEER_FAILED_VERIFICATION && call->refusal.text[0] == '\0') {
    /* OpenSSL was content: libcurl compares the names itself. */
    web_tls_refuse_name(call);
  }
  if (call->refusal.text[0] != '\0') {
    answer->error = BC_STREAM_TLS;
    bc_fault_set(&answer->fault, 0, "%s: %s", call->place, call->refusal.text);
    return;
  }
  switch (call->stop) {
  case WEB_STOP_NONE:
    if (call->call.code != CURLE_OK) {
      web_set_libcurl_error(call, answer);
    }
    break;
  case WEB_STOP_BODY:
    answer->is_cut = true;
    break;
  case WEB_STOP_HEAD:
    answer->error = BC_STREAM_PROTOCOL;
    bc_fault_set(&answer->fault, 0, "%s: the head of the answer has more than %d bytes or %d lines", call->place,
                 (int)BC_LIMIT_WEB_HEAD_BYTES, (int)BC_LIMIT_WEB_HEADERS);
    break;
  case WEB_STOP_ADDRESS:
    answer->error = BC_STREAM_IO;
    bc_fault_set(&answer->fault, 0, "%s: a connection to another address was refused", call->place);
    break;
  case WEB_STOP_SOCKET:
    web_set_errno(call, call->os_error, answer);
    break;
  }
}

/* ---- the answer ---- */

/* All values of one name, which stands in the answer where it came first. */
static void web_add_header(CURL *easy, const struct curl_header *first, struct bc_buf *to) {
  for (const char *c = first->name; *c != '\0'; c++) {
    bc_buf_add_char(to, *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c);
  }
  bc_buf_add_char(to, '\0');
  /* libcurl leaves the line break on an empty value. */
  bc_buf_add_str(to, bc_str_trim(bc_str_of(first->value)));
  struct curl_header *next;
  for (size_t i = 1; curl_easy_header(easy, first->name, i, CURLH_HEADER, -1, &next) == CURLHE_OK; i++) {
    bc_buf_add_text(to, ", ");
    bc_buf_add_str(to, bc_str_trim(bc_str_of(next->value)));
  }
  bc_buf_add_char(to, '\0');
}

static void web_take_headers(CURL *easy, struct bc_web_answer *answer) {
  struct curl_header *header = NULL;
  struct curl_header at; /* libcurl's own may change at its next call */
  bc_buf_init(&answer->headers, BC_LIMIT_WEB_HEAD_BYTES * 2);
  while ((header = curl_easy_nextheader(easy, CURLH_HEADER, -1, header == NULL ? NULL : &at)) != NULL) {
    at = *header;
    if (at.index == 0) {
      web_add_header(easy, &at, &answer->headers);
    }
  }
}

static bool web_is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static const char *web_version(CURL *easy) {
  long version = CURL_HTTP_VERSION_NONE;
  (void)curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
  return version == CURL_HTTP_VERSION_1_0 ? "1.0" : version == CURL_HTTP_VERSION_1_1 ? "1.1" : "2";
}

static void web_take_timings(const struct bc_web_call *call, struct bc_web_answer *answer) {
  CURL *easy = call->call.easy;
  curl_off_t connected = 0;
  curl_off_t secured = 0;
  curl_off_t first = 0;
  (void)curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
  (void)curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &secured);
  (void)curl_easy_getinfo(easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
  answer->is_unconnected = call->has_opened && connected == 0;
  answer->first_byte_us = first;
  if (call->has_opened) {
    answer->connect_us = connected;
    answer->tls_us = secured > connected ? secured - connected : 0;
  }
}

struct bc_web_answer *web_answer_new(struct bc_web_call *call) {
  struct bc_web_answer *answer = bc_mem_new(1, sizeof *answer);
  CURL *easy = call->call.easy;
  long status = 0;
  const char *location = NULL;
  web_set_error(call, answer);
  (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  answer->status = (int)status;
  answer->version = web_version(easy);
  web_take_headers(easy, answer);
  struct curl_header *header;
  if (web_is_redirect(answer->status) &&
      curl_easy_header(easy, "location", 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
    location = header->value;
  }
  answer->location = bc_mem_copy_string(location);
  web_take_timings(call, answer);
  answer->body = call->body;
  bc_buf_init(&call->body, call->max_body);
  answer->cert = call->cert;
  call->cert = NULL;
  return answer;
}

void bc_web_answer_free(struct bc_web_answer *answer) {
  if (answer == NULL) {
    return;
  }
  bc_buf_free(&answer->headers);
  bc_buf_free(&answer->body);
  free(answer->location);
  free(answer->cert);
  free(answer);
}
