#include "io/etcd_link.h"

#include "base/limits.h"
#include "base/mem.h"
#include "io/http.h"
#include "proto/etcd2_answer.h"
#include "proto/etcd2_request.h"
#include "proto/etcd_request.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* For link_fail_waiting. */
#define LINK_ALL SIZE_MAX

enum { LINK_TOKEN_BYTES = 8192, LINK_SMALL_BYTES = 65536 };

struct link_endpoint {
  const char *api; /* NULL: not known yet */
  char version[BC_ETCD_VERSION_BYTES];
};

struct bc_etcd_call {
  LIST_ENTRY(bc_etcd_call) link;
  struct bc_etcd_link *owner;
  const char *method; /* v3: NULL */
  char *path;
  struct bc_buf body;
  struct bc_buf answer;
  size_t endpoint;
  bool has_body;
  bool has_deadline;
  bool is_grpc;
  struct bc_etcd_header header;
  bc_etcd_bytes_fn *on_bytes;
  bc_etcd_head_fn *on_head;
  bc_etcd_reply_fn *fn;
  void *arg;
  struct bc_http_call *http; /* NULL: waits for the probe or the login */
  unsigned login;            /* number of the login whose token it was sent with */
  bool retried;
  bool doomed;
  int status;
};

struct bc_etcd_link {
  struct bc_loop *loop;
  bool is_v2;
  const struct bc_etcd_tuning *tuning;
  struct bc_etcd_random *random;
  struct bc_http *http;
  struct bc_etcd_link_options options;
  struct link_endpoint endpoints[BC_LIMIT_ETCD_ENDPOINTS];
  size_t current;
  size_t timeouts; /* in a row, of calls with a token */
  LIST_HEAD(, bc_etcd_call) calls;

  struct bc_http_call *probe;
  struct bc_buf probe_answer;
  size_t probed;

  bool auth_off;
  struct bc_buf token;
  unsigned login_number;
  struct bc_timer *login_timer;
  struct bc_http_call *login;
  struct bc_buf login_answer;
  int64_t login_wait_ms; /* bound of the random wait before the next login */
};

static void link_advance(struct bc_etcd_call *call);

static void link_call_free(struct bc_etcd_call *call) {
  LIST_REMOVE(call, link);
  bc_http_cancel(call->http);
  free(call->path);
  bc_buf_free(&call->body);
  bc_buf_free(&call->answer);
  free(call);
}

static void link_advance_all(struct bc_etcd_link *link) {
  struct bc_etcd_call *call;
  LIST_FOREACH(call, &link->calls, link) {
    if (call->http == NULL && !call->doomed) {
      link_advance(call);
    }
  }
}

/* Ends a call; the caller has taken what it needs from it. */
static void link_finish(struct bc_etcd_call *call, const struct bc_etcd_reply *reply) {
  bc_etcd_reply_fn *fn = call->fn;
  void *arg = call->arg;
  link_call_free(call);
  fn(arg, reply);
}

static struct bc_etcd_call *link_first_doomed(struct bc_etcd_link *link) {
  struct bc_etcd_call *call;
  LIST_FOREACH(call, &link->calls, link) {
    if (call->doomed) {
      return call;
    }
  }
  return NULL;
}

/* Ends the calls that wait and use `endpoint` (or any). Callbacks may start and cancel others meanwhile. */
static void link_fail_waiting(struct bc_etcd_link *link, size_t endpoint, const struct bc_etcd_reply *reply) {
  struct bc_etcd_call *call;
  LIST_FOREACH(call, &link->calls, link) {
    call->doomed = call->http == NULL && (endpoint == LINK_ALL || call->endpoint == endpoint);
  }
  while ((call = link_first_doomed(link)) != NULL) {
    link_finish(call, reply);
  }
  link_advance_all(link);
}

/* What an HTTP end without a good answer means. */
static void link_read_end(const struct bc_etcd_link *link, const struct bc_http_result *result,
                          const struct bc_buf *answer, struct bc_etcd_reply *reply) {
  *reply = (struct bc_etcd_reply){.err = result->err, .error = {.code = -1, .fault = result->fault}};
  if (bc_buf_status(answer) != BC_ERR_OK) {
    reply->err = BC_ERR_LIMIT;
    bc_fault_set(&reply->error.fault, 0, "the answer is longer than %zu bytes", answer->max);
  } else if (result->err == BC_ERR_OK && result->status != 200 && result->status != 201) {
    reply->err = BC_ERR_REFUSED;
    (link->is_v2 ? bc_etcd2_answer_error : bc_etcd_answer_error)(result->status, bc_buf_str(answer), &reply->error);
  }
}

static void link_on_probe_body(void *arg, int status, struct bc_str bytes) {
  struct bc_etcd_link *link = arg;
  (void)status;
  bc_buf_add_str(&link->probe_answer, bytes);
}

static void link_on_probe_done(void *arg, const struct bc_http_result *result) {
  struct bc_etcd_link *link = arg;
  struct bc_etcd_reply reply;
  link->probe = NULL;
  link_read_end(link, result, &link->probe_answer, &reply);
  struct link_endpoint *endpoint = &link->endpoints[link->probed];
  if (reply.err == BC_ERR_OK) {
    bc_etcd_answer_version_text(bc_buf_str(&link->probe_answer), endpoint->version);
    if (link->is_v2) {
      endpoint->api = "";
    } else {
      reply.err = bc_etcd_answer_version(bc_buf_str(&link->probe_answer), &endpoint->api, &reply.error.fault);
    }
  }
  bc_buf_clear(&link->probe_answer);
  if (reply.err == BC_ERR_OK) {
    link_advance_all(link);
  } else {
    link_fail_waiting(link, link->probed, &reply);
  }
}

static void link_start_probe(struct bc_etcd_link *link, size_t endpoint) {
  if (link->probe != NULL) {
    return;
  }
  struct bc_buf url;
  bc_buf_init(&url, LINK_SMALL_BYTES);
  bc_buf_add_format(&url, "%s/version", link->options.urls[endpoint]);
  link->probed = endpoint;
  link->probe = bc_http_start(link->http, &(struct bc_http_request){.url = url.data,
                                                                    .timeout_ms = link->tuning->created_ms,
                                                                    .on_body = link_on_probe_body,
                                                                    .on_done = link_on_probe_done,
                                                                    .arg = link});
  bc_buf_free(&url);
}

static void link_on_login_body(void *arg, int status, struct bc_str bytes) {
  struct bc_etcd_link *link = arg;
  (void)status;
  bc_buf_add_str(&link->login_answer, bytes);
}

static void link_on_login_done(void *arg, const struct bc_http_result *result) {
  struct bc_etcd_link *link = arg;
  struct bc_etcd_reply reply;
  link->login = NULL;
  link_read_end(link, result, &link->login_answer, &reply);
  if (reply.err == BC_ERR_OK) {
    bc_buf_clear(&link->token);
    reply.err = bc_etcd_answer_token(bc_buf_str(&link->login_answer), &link->token, &reply.error.fault);
  } else if (reply.error.trouble == BC_ETCD_TROUBLE_AUTH_OFF) {
    link->auth_off = true;
    reply.err = BC_ERR_OK;
  }
  bc_buf_clear(&link->login_answer);
  link->login_number++;
  link->login_wait_ms = link->tuning->reauth_spread_ms;
  if (reply.err == BC_ERR_OK) {
    link_advance_all(link);
  } else {
    bc_buf_clear(&link->token);
    link_fail_waiting(link, LINK_ALL, &reply);
  }
}

static void link_on_login_timer(void *arg) {
  struct bc_etcd_link *link = arg;
  const struct link_endpoint *endpoint = &link->endpoints[link->current];
  if (endpoint->api == NULL) {
    link_start_probe(link, link->current);
    return;
  }
  struct bc_buf url;
  struct bc_buf body;
  bc_buf_init(&url, LINK_SMALL_BYTES);
  bc_buf_init(&body, LINK_SMALL_BYTES);
  bc_buf_add_format(&url, "%s%s/auth/authenticate", link->options.urls[link->current], endpoint->api);
  /* The file was checked when it was read. */
  (void)!bc_etcd_request_authenticate(&body, bc_str_of(link->options.user), bc_str_of(link->options.password));
  static const char *const headers[] = {"Content-Type: application/json", NULL};
  link->login = bc_http_start(link->http, &(struct bc_http_request){.url = url.data,
                                                                    .headers = headers,
                                                                    .body = bc_buf_str(&body),
                                                                    .timeout_ms = link->tuning->unary_ms,
                                                                    .on_body = link_on_login_body,
                                                                    .on_done = link_on_login_done,
                                                                    .arg = link});
  bc_buf_free(&url);
  bc_buf_free(&body);
}

static void link_start_login(struct bc_etcd_link *link) {
  if (link->login == NULL && !bc_timer_is_armed(link->login_timer)) {
    bc_timer_start(link->login_timer, bc_etcd_random(link->random, link->login_wait_ms));
  }
}

static void link_on_body(void *arg, int status, struct bc_str bytes) {
  struct bc_etcd_call *call = arg;
  if (call->on_bytes != NULL && status == 200) {
    call->on_bytes(call->arg, bytes);
    return;
  }
  bc_buf_add_str(&call->answer, bytes);
  if (bc_buf_status(&call->answer) != BC_ERR_OK) {
    struct bc_etcd_reply reply;
    link_read_end(call->owner, &(struct bc_http_result){.err = BC_ERR_LIMIT}, &call->answer, &reply);
    link_finish(call, &reply);
  }
}

/* True: the call goes on with a new token. */
static bool link_try_again(struct bc_etcd_call *call, const struct bc_etcd_reply *reply) {
  struct bc_etcd_link *link = call->owner;
  if (link->is_v2 || reply->error.trouble != BC_ETCD_TROUBLE_AUTH || link->options.user == NULL || call->retried) {
    return false;
  }
  call->retried = true;
  call->http = NULL;
  link->auth_off = false;
  if (call->login == link->login_number) {
    bc_buf_clear(&link->token);
  }
  bc_buf_clear(&call->answer);
  link_advance(call);
  return true;
}

static void link_on_done(void *arg, const struct bc_http_result *result) {
  struct bc_etcd_call *call = arg;
  struct bc_etcd_link *link = call->owner;
  struct bc_etcd_reply reply;
  call->http = NULL;
  link_read_end(link, result, &call->answer, &reply);
  if (reply.err == BC_ERR_TIMEOUT) {
    link->timeouts++;
    if (link->timeouts >= link->options.count) {
      bc_etcd_link_drop_token(link);
    }
  } else if (result->status != 0) {
    link->timeouts = 0;
  }
  if (reply.err == BC_ERR_REFUSED && link_try_again(call, &reply)) {
    return;
  }
  struct link_endpoint *endpoint = &link->endpoints[call->endpoint];
  if (reply.error.trouble == BC_ETCD_TROUBLE_NO_API) {
    bc_etcd_answer_no_api(endpoint->version, link->is_v2, &reply.error.fault);
  }
  if (reply.error.trouble == BC_ETCD_TROUBLE_NO_API || result->status == 0) {
    /* Another version may listen there by now. */
    endpoint->api = NULL;
  }
  reply.header = call->header;
  if (link->is_v2 && reply.err == BC_ERR_OK && reply.header.revision == 0) {
    reply.err = BC_ERR_PROTOCOL;
    bc_fault_set(&reply.error.fault, 0, "the answer has no header X-Etcd-Index: is this etcd?");
  }
  struct bc_buf answer = call->answer;
  bc_buf_init(&call->answer, 0);
  reply.body = bc_buf_str(&answer);
  link_finish(call, &reply);
  bc_buf_free(&answer);
}

/* The words of a refusal are not read: the gateway says the same. */
static void link_on_grpc_done(void *arg, const struct bc_http_result *result) {
  struct bc_etcd_call *call = arg;
  const char *status = bc_http_trailer(call->http, "grpc-status");
  struct bc_etcd_reply reply;
  struct bc_buf answer = call->answer;
  bc_buf_init(&call->answer, 0);
  call->http = NULL;
  link_read_end(call->owner, result, &answer, &reply);
  if ((reply.err == BC_ERR_OK || reply.err == BC_ERR_REFUSED) && (status == NULL || strcmp(status, "0") != 0)) {
    reply.err = status == NULL ? BC_ERR_UNSUPPORTED : BC_ERR_REFUSED;
    bc_fault_set(&reply.error.fault, 0, "gRPC: status %s", status == NULL ? "none" : status);
  }
  reply.body = bc_buf_str(&answer);
  link_finish(call, &reply);
  bc_buf_free(&answer);
}

/* v2: the server says at once where it stands; the body of a poll may come much later. */
static void link_on_head(void *arg, int status, const struct bc_http_call *http) {
  struct bc_etcd_call *call = arg;
  enum bc_err err = bc_etcd2_answer_header(bc_http_header(http, "X-Etcd-Cluster-Id"),
                                           bc_http_header(http, "X-Etcd-Index"), &call->header, NULL);
  if (err == BC_ERR_OK && status == 200 && call->header.revision != 0 && call->on_head != NULL) {
    call->on_head(call->arg, &call->header);
  }
}

/* The headers of a call; `authorization` holds the text of one. */
static void link_add_headers(const struct bc_etcd_call *call, const char *headers[static 4],
                             struct bc_buf *authorization) {
  const struct bc_etcd_link *link = call->owner;
  size_t used = 0;
  if (!link->is_v2) {
    headers[used++] = call->is_grpc ? "Content-Type: application/grpc" : "Content-Type: application/json";
  }
  if (call->is_grpc) {
    headers[used++] = "TE: trailers";
  }
  if (call->on_bytes != NULL) {
    /* Without it, a member that lost the majority goes on as if nothing ever changed. */
    headers[used++] = "Grpc-Metadata-hasleader: true";
  }
  if (link->is_v2 && link->options.user != NULL) {
    bc_etcd2_request_authorization(authorization, bc_str_of(link->options.user), bc_str_of(link->options.password));
  } else if (link->token.len > 0) {
    bc_buf_add_format(authorization, "Authorization: %s", link->token.data);
  }
  if (authorization->len > 0) {
    headers[used++] = authorization->data;
  }
}

static void link_send(struct bc_etcd_call *call) {
  struct bc_etcd_link *link = call->owner;
  const struct link_endpoint *endpoint = &link->endpoints[call->endpoint];
  const char *headers[4] = {NULL};
  struct bc_buf url;
  struct bc_buf authorization;
  bc_buf_init(&url, LINK_SMALL_BYTES);
  bc_buf_init(&authorization, LINK_SMALL_BYTES);
  link_add_headers(call, headers, &authorization);
  /* 3.2 and 3.3 know this one path only below kv/. */
  bool below_kv = !link->is_v2 && strcmp(call->path, "/lease/revoke") == 0 && strcmp(endpoint->api, "/v3") != 0;
  bc_buf_add_format(&url, "%s%s%s%s", link->options.urls[call->endpoint], call->is_grpc ? "" : endpoint->api,
                    below_kv ? "/kv" : "", call->path);
  call->login = link->login_number;
  call->http = bc_http_start(
      link->http, &(struct bc_http_request){.url = url.data,
                                            .headers = headers,
                                            .method = call->method,
                                            .body = call->has_body ? bc_buf_str(&call->body) : (struct bc_str){0},
                                            .timeout_ms = call->has_deadline ? link->tuning->unary_ms : 0,
                                            .own_connection = call->on_bytes != NULL || call->is_grpc,
                                            .is_http2 = call->is_grpc,
                                            .on_head = link->is_v2 ? link_on_head : NULL,
                                            .on_body = link_on_body,
                                            .on_done = call->is_grpc ? link_on_grpc_done : link_on_done,
                                            .arg = call});
  bc_buf_free(&url);
  bc_buf_free(&authorization);
}

static void link_advance(struct bc_etcd_call *call) {
  struct bc_etcd_link *link = call->owner;
  if (link->endpoints[call->endpoint].api == NULL) {
    link_start_probe(link, call->endpoint);
  } else if (!link->is_v2 && link->options.user != NULL && !link->auth_off && link->token.len == 0) {
    link_start_login(link);
  } else {
    link_send(call);
  }
}

/* What is common to all calls; the caller sets the rest, then link_advance. */
static struct bc_etcd_call *link_new_call(struct bc_etcd_link *link, const char *path, struct bc_str body,
                                          bc_etcd_reply_fn *fn, void *arg) {
  struct bc_etcd_call *call = bc_mem_new(1, sizeof *call);
  call->owner = link;
  call->path = bc_mem_copy_string(path);
  call->endpoint = link->current;
  call->fn = fn;
  call->arg = arg;
  call->has_deadline = true;
  call->has_body = body.at != NULL;
  bc_buf_init(&call->body, body.len);
  bc_buf_add_str(&call->body, body);
  bc_buf_init(&call->answer, BC_LIMIT_ETCD_OBJECT_BYTES);
  LIST_INSERT_HEAD(&link->calls, call, link);
  return call;
}

struct bc_etcd_call *bc_etcd_link_call(struct bc_etcd_link *link, const char *path, struct bc_str body,
                                       bc_etcd_reply_fn *fn, void *arg) {
  struct bc_etcd_call *call = link_new_call(link, path, body, fn, arg);
  link_advance(call);
  return call;
}

struct bc_etcd_call *bc_etcd_link_grpc(struct bc_etcd_link *link, const char *method, struct bc_str body,
                                       bc_etcd_reply_fn *fn, void *arg) {
  struct bc_etcd_call *call = link_new_call(link, method, body, fn, arg);
  call->is_grpc = true;
  link_advance(call);
  return call;
}

struct bc_etcd_call *bc_etcd_link_stream(struct bc_etcd_link *link, const char *path, struct bc_str body,
                                         bc_etcd_bytes_fn *on_bytes, bc_etcd_reply_fn *fn, void *arg) {
  struct bc_etcd_call *call = link_new_call(link, path, body, fn, arg);
  call->on_bytes = on_bytes;
  call->has_deadline = false;
  bc_buf_init(&call->answer, LINK_SMALL_BYTES);
  link_advance(call);
  return call;
}

struct bc_etcd_call *bc_etcd_link_keys(struct bc_etcd_link *link, const char *method, const char *path,
                                       struct bc_str form, bc_etcd_reply_fn *fn, void *arg) {
  struct bc_etcd_call *call = link_new_call(link, path, form, fn, arg);
  call->method = method;
  link_advance(call);
  return call;
}

struct bc_etcd_call *bc_etcd_link_poll(struct bc_etcd_link *link, const char *path, bc_etcd_head_fn *on_head,
                                       bc_etcd_reply_fn *fn, void *arg) {
  struct bc_etcd_call *call = link_new_call(link, path, (struct bc_str){0}, fn, arg);
  call->on_head = on_head;
  call->has_deadline = false;
  link_advance(call);
  return call;
}

bool bc_etcd_link_is_waiting(const struct bc_etcd_call *call) {
  return call->http == NULL;
}

void bc_etcd_link_cancel(struct bc_etcd_call *call) {
  if (call != NULL) {
    link_call_free(call);
  }
}

void bc_etcd_link_next(struct bc_etcd_link *link) {
  link->current = (link->current + 1) % link->options.count;
}

void bc_etcd_link_select(struct bc_etcd_link *link, size_t endpoint) {
  link->current = endpoint;
}

struct bc_loop *bc_etcd_link_loop(const struct bc_etcd_link *link) {
  return link->loop;
}

size_t bc_etcd_link_count(const struct bc_etcd_link *link) {
  return link->options.count;
}

const char *bc_etcd_link_endpoint(const struct bc_etcd_link *link) {
  return link->options.urls[link->current];
}

void bc_etcd_link_drop_token(struct bc_etcd_link *link) {
  bc_buf_clear(&link->token);
  link->timeouts = 0;
}

bool bc_etcd_reply_is_refusal(const struct bc_etcd_reply *reply) {
  if (reply->err == BC_ERR_AUTH || reply->err == BC_ERR_UNSUPPORTED) {
    return true;
  }
  switch (reply->err == BC_ERR_REFUSED ? reply->error.trouble : BC_ETCD_TROUBLE_OTHER) {
  case BC_ETCD_TROUBLE_AUTH:
  case BC_ETCD_TROUBLE_LOGIN:
  case BC_ETCD_TROUBLE_DENIED:
  case BC_ETCD_TROUBLE_COMMON_NAME:
  case BC_ETCD_TROUBLE_HOST:
  case BC_ETCD_TROUBLE_NO_API:
  case BC_ETCD_TROUBLE_SHAPE:
    return true;
  default:
    return false;
  }
}

void bc_etcd_reply_explain(const struct bc_etcd_reply *reply, struct bc_fault *text) {
  const char *words = reply->error.fault.text;
  switch (reply->err == BC_ERR_REFUSED ? reply->error.trouble : BC_ETCD_TROUBLE_OTHER) {
  case BC_ETCD_TROUBLE_COMMON_NAME:
    bc_fault_set(
        text, 0,
        "etcd with authentication refuses a client certificate that has a common name (CN): use one without CN, "
        "and a user file");
    break;
  case BC_ETCD_TROUBLE_HOST:
    bc_fault_set(text, 0,
                 "etcd does not accept the host name in the URL (its --host-whitelist): use a name listed there");
    break;
  case BC_ETCD_TROUBLE_AUTH:
    bc_fault_set(text, 0, "etcd wants a valid user (%s): see the user file", words);
    break;
  case BC_ETCD_TROUBLE_LOGIN:
    bc_fault_set(text, 0, "etcd does not take our user and password (%s): see the user file", words);
    break;
  default:
    bc_fault_set(text, 0, "%s", words);
  }
}

enum bc_err bc_etcd_link_open(struct bc_loop *loop, enum bc_store_type type, const struct bc_store_options *options,
                              const struct bc_etcd_tuning *tuning, struct bc_etcd_random *random,
                              struct bc_etcd_link **result, struct bc_fault *fault) {
  struct bc_etcd_link_options read;
  enum bc_err err = bc_etcd_link_read_options(options, &read, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  struct bc_etcd_link *link = bc_mem_new(1, sizeof *link);
  link->loop = loop;
  link->is_v2 = type == BC_STORE_TYPE_ETCD_V2;
  link->tuning = tuning;
  link->random = random;
  link->options = read;
  LIST_INIT(&link->calls);
  bc_buf_init(&link->probe_answer, LINK_SMALL_BYTES);
  bc_buf_init(&link->login_answer, LINK_SMALL_BYTES);
  bc_buf_init(&link->token, LINK_TOKEN_BYTES);
  link->login_timer = bc_timer_new(loop, link_on_login_timer, link);
  link->http =
      bc_http_new(loop, &(struct bc_http_tls){.cacert = options->cacert, .cert = options->cert, .key = options->key});
  /* A thousand nodes with one list of endpoints must not all use the first. */
  link->current = (size_t)bc_etcd_random(random, (int64_t)read.count - 1);
  *result = link;
  return BC_ERR_OK;
}

void bc_etcd_link_close(struct bc_etcd_link *link) {
  if (link == NULL) {
    return;
  }
  while (!LIST_EMPTY(&link->calls)) {
    link_call_free(LIST_FIRST(&link->calls));
  }
  bc_http_free(link->http);
  bc_timer_free(link->login_timer);
  bc_buf_free(&link->probe_answer);
  bc_buf_free(&link->login_answer);
  bc_buf_free(&link->token);
  bc_etcd_link_free_options(&link->options);
  free(link);
}
