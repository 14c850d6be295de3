/* `http`: requests of HTTP and HTTPS.
 *
 * A request goes its way in steps: the host becomes addresses, each is judged right before it is connected to, and a
 * redirect begins again with the first step, so that nothing is reached by a detour that could not be reached directly.
 * Where a redirect leaves the scheme, host and port of its URL, nothing that the script gave for that server goes
 * along. From https a redirect leads to https only: else whoever is on the way could read and make up the rest. */
#include "base/mem.h"
#include "worker/lua_fake.h"
#include "worker/lua_http_private.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void http_begin_step(struct http_call *call);

/* ---- calls ---- */

static void http_stop(struct bc_lua_call *base) {
  struct http_call *call = (struct http_call *)base;
  bc_lua_host_end(&call->host);
  bc_web_cancel(call->transfer);
  call->transfer = NULL;
}

static void http_free_headers(char **headers) {
  for (size_t i = 0; headers != NULL && headers[i] != NULL; i++) {
    free(headers[i]);
  }
  free(headers);
}

static void http_free(struct bc_lua_call *base) {
  struct http_call *call = (struct http_call *)base;
  bc_web_answer_free(call->answer);
  bc_web_url_free(&call->url);
  http_free_headers(call->headers);
  free(call->body);
  free(call->connect_host);
  for (size_t i = 0; i < sizeof call->tls_texts / sizeof call->tls_texts[0]; i++) {
    free(call->tls_texts[i]);
  }
}

static int http_finish(lua_State *L, struct bc_lua_call *base) {
  return http_result_push(L, (struct http_call *)base);
}

static const struct bc_lua_call_kind http_kind = {
    .size = sizeof(struct http_call), .stop = http_stop, .free = http_free, .finish = http_finish};

/* ---- redirects ---- */

/* What says how the answer is to look; every other header may hold a secret of the first server. */
static bool http_is_for_all(const char *header) {
  static const char *const names[] = {"accept",
                                      "accept-charset",
                                      "accept-encoding",
                                      "accept-language",
                                      "cache-control",
                                      "content-encoding",
                                      "content-language",
                                      "content-type",
                                      "pragma",
                                      "user-agent",
                                      NULL};
  size_t len = strcspn(header, ":;");
  for (size_t i = 0; names[i] != NULL; i++) {
    if (strlen(names[i]) == len && strncasecmp(header, names[i], len) == 0) {
      return true;
    }
  }
  return false;
}

static bool http_is_of_body(const char *header) {
  return strncasecmp(header, "content-", 8) == 0;
}

static bool http_is_not_of_body(const char *header) {
  return !http_is_of_body(header);
}

static void http_keep_headers(struct http_call *call, bool (*wanted)(const char *header)) {
  size_t kept = 0;
  for (size_t i = 0; call->headers[i] != NULL; i++) {
    if (wanted(call->headers[i])) {
      call->headers[kept++] = call->headers[i];
    } else {
      free(call->headers[i]);
    }
  }
  call->headers[kept] = NULL;
}

/* Another origin: it gets neither secrets nor the place to connect to, which is the first one's. A host alone goes for
 * all its ports and schemes. */
static void http_leave_origin(struct http_call *call, const struct bc_web_url *to) {
  http_keep_headers(call, http_is_for_all);
  call->tls.cert = call->tls.key = call->tls.name = (struct bc_str){0};
  if (strcmp(call->url.host, to->host) != 0 || call->connect_port != 0) {
    free(call->connect_host);
    call->connect_host = NULL;
    call->connect_port = 0;
  }
}

/* As browsers do (the Fetch standard, 4.4): 303 asks with GET for what a request led to; 301 and 302 make a GET of a
 * POST. */
static void http_change_method(struct http_call *call, int status) {
  bool is_post = strcmp(call->method, "POST") == 0;
  bool is_asking = strcmp(call->method, "GET") == 0 || strcmp(call->method, "HEAD") == 0;
  if (((status == 301 || status == 302) && is_post) || (status == 303 && !is_asking)) {
    memcpy(call->method, "GET", sizeof "GET");
    free(call->body);
    call->body = NULL;
    call->body_len = 0;
    http_keep_headers(call, http_is_not_of_body);
  }
}

static void http_follow(struct http_call *call) {
  struct bc_web_url to;
  struct bc_fault fault;
  const char *place = call->base.place;
  if (call->redirects == call->redirects_done) {
    bc_lua_call_fail(&call->base, BC_LUA_PROTOCOL, "%s: more than %u redirects", place, call->redirects);
    return;
  }
  enum bc_err err = bc_web_url_follow(&call->url, bc_str_of(call->answer->location), &to, &fault);
  if (err != BC_ERR_OK) {
    bc_lua_call_fail(&call->base, BC_LUA_PROTOCOL, "%s: redirect: %s", place, fault.text);
    return;
  }
  if (call->url.is_tls && !to.is_tls) {
    bc_lua_call_fail(&call->base, BC_LUA_TLS, "%s: redirect from https to http is not followed", place);
    bc_web_url_free(&to);
    return;
  }
  http_change_method(call, call->answer->status);
  if (!bc_web_url_has_same_origin(&call->url, &to)) {
    http_leave_origin(call, &to);
  }
  bc_web_url_free(&call->url);
  call->url = to;
  call->redirects_done++;
  bc_web_answer_free(call->answer);
  call->answer = NULL;
  http_begin_step(call);
}

/* ---- one request ---- */

static void http_try_next(struct http_call *call);

static void http_on_answer(void *arg, struct bc_web_answer *answer) {
  struct http_call *call = arg;
  call->transfer = NULL;
  bc_web_answer_free(call->answer);
  call->answer = answer;
  if (answer->error != BC_STREAM_FINE) {
    if (answer->is_unconnected) {
      http_try_next(call);
    } else {
      bc_lua_call_fail(&call->base, bc_lua_code_of_stream(answer->error), "%s", answer->fault.text);
    }
    return;
  }
  if (answer->location != NULL && call->redirects > 0) {
    http_follow(call);
    return;
  }
  call->ended = bc_mono_now();
  bc_lua_call_done(&call->base);
}

static void http_start_transfer(struct http_call *call) {
  char address[BC_LUA_HOST_TEXT_BYTES];
  struct bc_web_request request = {
      .url = &call->url,
      .address = call->address,
      .port = call->port,
      .method = call->method,
      .headers = (const char *const *)call->headers,
      .body = {call->body, call->body_len},
      .max_body = call->max_body,
      .connect_ms = call->connect_ms,
      .is_http2 = call->is_http2,
      .keep = call->keep,
      .tls = &call->tls,
      .fn = http_on_answer,
      .arg = call,
  };
  bc_lua_host_print(&call->address, address);
  bc_lua_call_set_place(&call->base, "%s port %u", address, call->port);
  call->connect_started = bc_mono_now();
  call->transfer = bc_web_start(call->web, &request);
}

/* The error of a connect that was tried says more than that the next address is denied. */
static void http_try_next(struct http_call *call) {
  if (bc_lua_host_next(&call->host, call->port, &call->address)) {
    http_start_transfer(call);
  } else if (call->answer != NULL) {
    bc_lua_call_fail(&call->base, bc_lua_code_of_stream(call->answer->error), "%s", call->answer->fault.text);
  } else {
    bc_lua_call_fail(&call->base, call->host.code, "%s", call->host.fault.text);
  }
}

static void http_on_host(void *arg) {
  struct http_call *call = arg;
  call->resolve_us = bc_mono_now().us - call->step_started.us;
  http_try_next(call);
}

static void http_begin_step(struct http_call *call) {
  const char *host = call->connect_host != NULL ? call->connect_host : call->url.host;
  call->port = call->connect_port != 0 ? call->connect_port : call->url.port;
  call->step_started = bc_mono_now();
  bc_lua_host_end(&call->host);
  bc_lua_call_set_place(&call->base, "%.*s", HTTP_SHOWN_BYTES, host);
  call->base.host = &call->host;
  bc_lua_host_begin(&call->host, call->base.held.io, bc_str_of(host), 0, http_on_host, call);
}

/* ---- functions ---- */

static struct bc_str http_copy_text(struct http_call *call, size_t at, struct bc_str text) {
  if (text.len == 0) {
    return (struct bc_str){0};
  }
  call->tls_texts[at] = bc_mem_copy_text(text.at, text.len);
  return (struct bc_str){call->tls_texts[at], text.len};
}

/* Never raises. */
static void http_copy_args(lua_State *L, struct http_call *call, const struct http_args *args) {
  call->headers = http_args_copy_headers(L, args);
  memcpy(call->method, args->method.at, args->method.len);
  if (args->body.at != NULL) {
    call->body = bc_mem_copy_text(args->body.at, args->body.len);
    call->body_len = args->body.len;
  } else if (bc_str_is(args->method, "POST") || bc_str_is(args->method, "PUT") || bc_str_is(args->method, "PATCH")) {
    /* These say how long their body is, even if there is none. */
    call->body = bc_mem_copy_text("", 0);
  }
  call->max_body = args->max_body;
  call->connect_ms = args->connect_ms;
  call->redirects = args->redirects;
  call->keep = args->keep;
  call->is_http2 = args->is_http2;
  if (args->connect_host.at != NULL) {
    call->connect_host = bc_mem_copy_text(args->connect_host.at, args->connect_host.len);
    call->connect_port = args->connect_port;
  }
  call->tls = args->tls;
  call->tls.ca = http_copy_text(call, 0, args->tls.ca);
  call->tls.cert = http_copy_text(call, 1, args->tls.cert);
  call->tls.key = http_copy_text(call, 2, args->tls.key);
  call->tls.name = http_copy_text(call, 3, args->tls.name);
}

/* The client whose connections are this script's alone: whoever can write a script could else learn from another's
 * connections, and use what they have proved. Made when it is first wanted, as it takes two descriptors and 65 KiB. */
static struct bc_web *http_pool_of(const struct bc_lua_held *held) {
  struct bc_sandbox *sandbox = held->run->check->sandbox;
  if (sandbox->web == NULL) {
    sandbox->web = bc_web_new(held->io->loop, held->io->tls);
  }
  return sandbox->web;
}

static int http_start(lua_State *L, const char *name, const char *method) {
  struct http_args args;
  struct bc_fault fault;
  http_args_read(L, method, &args);
  struct http_call *call = bc_lua_call_new(L, &http_kind);
  if (call == NULL) {
    return bc_lua_call_refuse(L);
  }
  if (bc_web_url_parse(args.url, &call->url, &fault) != BC_ERR_OK) {
    bc_lua_let_go(&call->base.held);
    return luaL_argerror(L, 1, fault.text);
  }
  if (call->base.held.io->fake != NULL) {
    bc_lua_let_go(&call->base.held);
    return bc_lua_fake_call(L, name, args.timeout_ms);
  }
  http_copy_args(L, call, &args);
  call->web = args.keep ? http_pool_of(&call->base.held) : call->base.held.io->web;
  call->started = bc_mono_now();
  http_begin_step(call);
  return bc_lua_call_wait(L, &call->base, args.timeout_ms);
}

static int http_request(lua_State *L) {
  return http_start(L, "http.request", NULL);
}

static int http_get(lua_State *L) {
  return http_start(L, "http.get", "GET");
}

static int http_head(lua_State *L) {
  return http_start(L, "http.head", "HEAD");
}

static int http_post(lua_State *L) {
  return http_start(L, "http.post", "POST");
}

int bc_lua_http_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"request", http_request}, {"get", http_get}, {"head", http_head}, {"post", http_post}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
