/* What the files of the HTTP client share: requests and their ends (web.c), what came (web_answer.c), TLS (web_tls.c),
 * URLs (web_url.c). */
#ifndef BC_IO_WEB_PRIVATE_H
#define BC_IO_WEB_PRIVATE_H

#include "io/curl_loop.h"
#include "io/web.h"

#include <netinet/in.h>
#include <sys/socket.h>

enum { WEB_PLACE_BYTES = 80 };

struct bc_web {
  struct bc_curl_loop *curl;
  struct bc_tls *tls;
};

/* Why we ended it ourselves, where libcurl only knows that a callback of ours did. */
enum web_stop { WEB_STOP_NONE, WEB_STOP_BODY, WEB_STOP_HEAD, WEB_STOP_ADDRESS, WEB_STOP_SOCKET };

struct bc_web_call {
  struct bc_curl_call call; /* first: owned calls are known by it */
  struct bc_web *web;
  struct curl_slist *headers;
  struct curl_slist *connect_to;
  union {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
  } address; /* that was judged */
  char place[WEB_PLACE_BYTES];
  int64_t connect_ms;
  bool has_opened; /* a socket of its own; else it has a connection that was kept */
  enum web_stop stop;
  int os_error; /* of WEB_STOP_SOCKET */
  size_t head_bytes;
  size_t head_lines;
  size_t max_body;
  struct bc_buf body;
  bool has_own_ca;
  char *tls_name; /* whom the certificate must name */
  struct bc_tls_cert *cert;
  struct bc_fault refusal; /* of TLS: options that cannot be used, a certificate that is not accepted */
  bc_web_done_fn *fn;
  void *arg;
};

/* ---- web_answer.c ---- */

/* libcurl's callbacks: of the head's lines and of the body's pieces. */
size_t web_take_head(char *bytes, size_t size, size_t count, void *arg);
size_t web_take_body(char *bytes, size_t size, size_t count, void *arg);
/* What the call that has ended comes to. */
struct bc_web_answer *web_answer_new(struct bc_web_call *call);

/* ---- web_tls.c ---- */

/* The options of TLS. False, with call->refusal, when they cannot be used. */
bool web_tls_set_up(struct bc_web_call *call, const struct bc_tls_options *options, const char *host);
/* The server's certificate names somebody else: into call->refusal. */
void web_tls_refuse_name(struct bc_web_call *call);
/* Keeps the server's certificate, if there is one; within libcurl's callbacks, while the connection is there. */
void web_tls_take_cert(struct bc_web_call *call);

#endif
