/* What the files of `http` share: its functions and the way of a request (lua_http.c), arguments (lua_http_args.c),
 * results (lua_http_result.c). */
#ifndef BC_WORKER_LUA_HTTP_PRIVATE_H
#define BC_WORKER_LUA_HTTP_PRIVATE_H

#include "io/web.h"
#include "worker/lua_call.h"
#include "worker/lua_host.h"

enum { HTTP_METHOD_BYTES = 32, HTTP_REDIRECTS = 10, HTTP_NAME_BYTES = 253, HTTP_SHOWN_BYTES = 100 };

/* What a script asks for. Texts are Lua's, from http_args_read until the run waits; http_call has copies. */
struct http_args {
  struct bc_str url;
  struct bc_str method;
  struct bc_str body; /* `at` NULL: none */
  int headers_index;  /* on Lua's stack: the table; 0: none */
  size_t header_count;
  size_t max_body;
  int64_t timeout_ms;
  int64_t connect_ms;
  unsigned redirects;
  bool keep;
  bool is_http2;
  struct bc_str connect_host; /* `at` NULL: the URL's */
  uint16_t connect_port;      /* 0: the URL's */
  struct bc_tls_options tls;
};

/* Reads URL and options, for a function whose method is `method` (NULL: an option says it). Raises. */
void http_args_read(lua_State *L, const char *method, struct http_args *args);
/* "Name: value" of each header, NULL at the end; each and the array to be freed. Never raises. */
char **http_args_copy_headers(lua_State *L, const struct http_args *args);

struct http_call {
  struct bc_lua_call base; /* first */
  struct bc_web *web;
  struct bc_lua_host host;
  struct bc_web_call *transfer; /* NULL: none under way */
  struct bc_web_answer *answer; /* the last that came */

  struct bc_web_url url;
  char method[HTTP_METHOD_BYTES + 1];
  char **headers;
  char *body; /* NULL: none */
  size_t body_len;
  size_t max_body;
  int64_t connect_ms;
  bool keep;
  bool is_http2;
  char *connect_host;    /* NULL: the URL's */
  uint16_t connect_port; /* 0: the URL's */
  char *tls_texts[4];    /* what `tls` rests on */
  struct bc_tls_options tls;

  unsigned redirects; /* that may be followed yet */
  unsigned redirects_done;
  struct bc_mono started;
  struct bc_mono step_started; /* of the request that is under way */
  int64_t resolve_us;
  struct bc_mono connect_started;
  struct bc_mono ended;
  struct bc_resolver_address address;
  uint16_t port;
};

/* The table of an answer; 1. */
int http_result_push(lua_State *L, const struct http_call *call);

#endif
