#include "io/etcd_link.h"

#include "base/limits.h"
#include "base/mem.h"
#include "io/http.h"
#include "proto/etcd_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

/* For link_fail_waiting. */
#define LINK_ALL SIZE_MAX

enum { LINK_USER_BYTES = 1024, LINK_TOKEN_BYTES = 8192, LINK_SMALL_BYTES = 65536 };

struct link_endpoint {
  char *url;
  const char *api; /* NULL: not known yet */
};

struct bc_etcd_call {
  LIST_ENTRY(bc_etcd_call) link;
  struct bc_etcd_link *owner;
  const char *path;
  struct bc_buf body;
  struct bc_buf answer;
  size_t endpoint;
  bc_etcd_bytes_fn *on_bytes;
  bc_etcd_reply_fn *fn;
  void *arg;
  struct bc_http_call *http; /* NULL: waits for the probe or the login */
  unsigned login;            /* number of the login whose token it was sent with */
  bool retried;
  bool doomed;
  int status;
};

struct bc_etcd_link {
  const struct bc_etcd_tuning *tuning;
  struct bc_etcd_random *random;
  struct bc_http *http;
  struct link_endpoint endpoints[BC_LIMIT_ETCD_ENDPOINTS];
  size_t count;
  size_t current;
  size_t timeouts; /* in a row, of calls with a token */
  LIST_HEAD(, bc_etcd_call) calls;

  struct bc_http_call *probe;
  struct bc_buf probe_answer;
  size_t probed;

  char *user;
  char *password;
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
static void link_read_end(const struct bc_http_result *result, const struct bc_buf *answer,
                          struct bc_etcd_reply *reply) {
  *reply = (struct bc_etcd_reply){.err = result->err, .error = {.code = -1, .fault = result->fault}};
  if (bc_buf_status(answer) != BC_ERR_OK) {
    reply->err = BC_ERR_LIMIT;
    bc_fault_set(&reply->error.fault, 0, "the answer is longer than %zu bytes", answer->max);
  } else if (result->err == BC_ERR_OK && result->status != 200) {
    reply->err = BC_ERR_REFUSED;
    bc_etcd_answer_error(result->status, bc_buf_str(answer), &reply->error);
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
  link_read_end(result, &link->probe_answer, &reply);
  if (reply.err == BC_ERR_OK) {
    reply.err =
        bc_etcd_answer_version(bc_buf_str(&link->probe_answer), &link->endpoints[link->probed].api, &reply.error.fault);
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
  bc_buf_add_format(&url, "%s/version", link->endpoints[endpoint].url);
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
  link_read_end(result, &link->login_answer, &reply);
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
  bc_buf_add_format(&url, "%s%s/auth/authenticate", endpoint->url, endpoint->api);
  /* The file was checked when it was read. */
  (void)!bc_etcd_request_authenticate(&body, bc_str_of(link->user), bc_str_of(link->password));
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
    link_read_end(&(struct bc_http_result){.err = BC_ERR_LIMIT}, &call->answer, &reply);
    link_finish(call, &reply);
  }
}

/* True: the call goes on with a new token. */
static bool link_try_again(struct bc_etcd_call *call, const struct bc_etcd_reply *reply) {
  struct bc_etcd_link *link = call->owner;
  if (reply->error.trouble != BC_ETCD_TROUBLE_AUTH || link->user == NULL || call->retried) {
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
  link_read_end(result, &call->answer, &reply);
  if (reply.err == BC_ERR_TIMEOUT) {
    link->timeouts++;
    if (link->timeouts >= link->count) {
      bc_etcd_link_drop_token(link);
    }
  } else if (result->status != 0) {
    link->timeouts = 0;
  }
  if (reply.err == BC_ERR_REFUSED && link_try_again(call, &reply)) {
    return;
  }
  if (reply.error.trouble == BC_ETCD_TROUBLE_NO_API || result->status == 0) {
    /* Another version may listen there by now. */
    link->endpoints[call->endpoint].api = NULL;
  }
  struct bc_buf answer = call->answer;
  bc_buf_init(&call->answer, 0);
  reply.body = bc_buf_str(&answer);
  link_finish(call, &reply);
  bc_buf_free(&answer);
}

static void link_send(struct bc_etcd_call *call) {
  struct bc_etcd_link *link = call->owner;
  const struct link_endpoint *endpoint = &link->endpoints[call->endpoint];
  struct bc_buf url;
  struct bc_buf authorization;
  bc_buf_init(&url, LINK_SMALL_BYTES);
  bc_buf_init(&authorization, LINK_SMALL_BYTES);
  /* 3.2 and 3.3 know this one path only below kv/. */
  bool below_kv = strcmp(call->path, "/lease/revoke") == 0 && strcmp(endpoint->api, "/v3") != 0;
  bc_buf_add_format(&url, "%s%s%s%s", endpoint->url, endpoint->api, below_kv ? "/kv" : "", call->path);
  const char *headers[4] = {"Content-Type: application/json"};
  size_t used = 1;
  if (call->on_bytes != NULL) {
    /* Without it, a member that lost the majority goes on as if nothing ever changed. */
    headers[used++] = "Grpc-Metadata-hasleader: true";
  }
  if (link->token.len > 0) {
    bc_buf_add_format(&authorization, "Authorization: %s", link->token.data);
    headers[used++] = authorization.data;
  }
  call->login = link->login_number;
  call->http = bc_http_start(
      link->http, &(struct bc_http_request){.url = url.data,
                                            .headers = headers,
                                            .body = bc_buf_str(&call->body),
                                            .timeout_ms = call->on_bytes != NULL ? 0 : link->tuning->unary_ms,
                                            .own_connection = call->on_bytes != NULL,
                                            .on_body = link_on_body,
                                            .on_done = link_on_done,
                                            .arg = call});
  bc_buf_free(&url);
  bc_buf_free(&authorization);
}

static void link_advance(struct bc_etcd_call *call) {
  struct bc_etcd_link *link = call->owner;
  if (link->endpoints[call->endpoint].api == NULL) {
    link_start_probe(link, call->endpoint);
  } else if (link->user != NULL && !link->auth_off && link->token.len == 0) {
    link_start_login(link);
  } else {
    link_send(call);
  }
}

static struct bc_etcd_call *link_start(struct bc_etcd_link *link, const char *path, struct bc_str body,
                                       bc_etcd_bytes_fn *on_bytes, bc_etcd_reply_fn *fn, void *arg) {
  struct bc_etcd_call *call = bc_mem_new(1, sizeof *call);
  call->owner = link;
  call->path = path;
  call->endpoint = link->current;
  call->on_bytes = on_bytes;
  call->fn = fn;
  call->arg = arg;
  bc_buf_init(&call->body, body.len);
  bc_buf_add_str(&call->body, body);
  bc_buf_init(&call->answer, on_bytes == NULL ? BC_LIMIT_ETCD_OBJECT_BYTES : LINK_SMALL_BYTES);
  LIST_INSERT_HEAD(&link->calls, call, link);
  link_advance(call);
  return call;
}

struct bc_etcd_call *bc_etcd_link_call(struct bc_etcd_link *link, const char *path, struct bc_str body,
                                       bc_etcd_reply_fn *fn, void *arg) {
  return link_start(link, path, body, NULL, fn, arg);
}

struct bc_etcd_call *bc_etcd_link_stream(struct bc_etcd_link *link, const char *path, struct bc_str body,
                                         bc_etcd_bytes_fn *on_bytes, bc_etcd_reply_fn *fn, void *arg) {
  return link_start(link, path, body, on_bytes, fn, arg);
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
  link->current = (link->current + 1) % link->count;
}

size_t bc_etcd_link_count(const struct bc_etcd_link *link) {
  return link->count;
}

const char *bc_etcd_link_endpoint(const struct bc_etcd_link *link) {
  return link->endpoints[link->current].url;
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
  default:
    bc_fault_set(text, 0, "%s", words);
  }
}

static enum bc_err link_read_user_file(struct bc_etcd_link *link, const char *path, struct bc_fault *fault) {
  char line[LINK_USER_BYTES];
  FILE *file = fopen(path, "re");
  if (file == NULL) {
    bc_fault_set(fault, 0, "cannot read the user file %s", path);
    return BC_ERR_SYNTAX;
  }
  size_t len = fread(line, 1, sizeof line, file);
  (void)fclose(file);
  struct bc_str text = bc_str_trim((struct bc_str){.at = line, .len = len});
  const char *colon = text.len == 0 ? NULL : memchr(text.at, ':', text.len);
  if (len == sizeof line || colon == NULL || colon == text.at || memchr(text.at, '\n', text.len) != NULL) {
    bc_fault_set(fault, 0, "the user file %s must hold one line: user:password", path);
    return BC_ERR_SYNTAX;
  }
  size_t user_len = (size_t)(colon - text.at);
  link->user = bc_mem_copy_text(text.at, user_len);
  link->password = bc_mem_copy_text(colon + 1, text.len - user_len - 1);
  struct bc_buf body;
  bc_buf_init(&body, LINK_SMALL_BYTES);
  enum bc_err err = bc_etcd_request_authenticate(&body, bc_str_of(link->user), bc_str_of(link->password));
  bc_buf_free(&body);
  explicit_bzero(line, sizeof line);
  if (err != BC_ERR_OK) {
    bc_fault_set(fault, 0, "the user file %s is not UTF-8", path);
  }
  return err;
}

static enum bc_err link_read_endpoints(struct bc_etcd_link *link, const char *endpoints, struct bc_fault *fault) {
  struct bc_str rest = bc_str_of(endpoints);
  struct bc_str field;
  while (bc_str_next_field(&rest, ',', &field)) {
    if (link->count == BC_LIMIT_ETCD_ENDPOINTS) {
      bc_fault_set(fault, 0, "more than %d etcd endpoints", BC_LIMIT_ETCD_ENDPOINTS);
      return BC_ERR_RANGE;
    }
    struct bc_buf url;
    bc_buf_init(&url, LINK_USER_BYTES);
    enum bc_err err = bc_http_check_endpoint(field, &url, fault);
    if (err != BC_ERR_OK) {
      bc_buf_free(&url);
      return err;
    }
    link->endpoints[link->count++].url = bc_buf_take(&url);
  }
  if (link->count == 0) {
    bc_fault_set(fault, 0, "no etcd endpoint is given");
    return BC_ERR_SYNTAX;
  }
  return BC_ERR_OK;
}

static enum bc_err link_check_files(const struct bc_store_options *options, struct bc_fault *fault) {
  const char *const files[] = {options->cacert, options->cert, options->key};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    if (files[i] != NULL && access(files[i], R_OK) != 0) {
      bc_fault_set(fault, 0, "cannot read %s", files[i]);
      return BC_ERR_SYNTAX;
    }
  }
  return BC_ERR_OK;
}

enum bc_err bc_etcd_link_open(struct bc_loop *loop, const struct bc_store_options *options,
                              const struct bc_etcd_tuning *tuning, struct bc_etcd_random *random,
                              struct bc_etcd_link **result, struct bc_fault *fault) {
  struct bc_etcd_link *link = bc_mem_new(1, sizeof *link);
  link->tuning = tuning;
  link->random = random;
  LIST_INIT(&link->calls);
  bc_buf_init(&link->probe_answer, LINK_SMALL_BYTES);
  bc_buf_init(&link->login_answer, LINK_SMALL_BYTES);
  bc_buf_init(&link->token, LINK_TOKEN_BYTES);
  link->login_timer = bc_timer_new(loop, link_on_login_timer, link);
  link->http =
      bc_http_new(loop, &(struct bc_http_tls){.cacert = options->cacert, .cert = options->cert, .key = options->key});
  enum bc_err err = link_read_endpoints(link, options->endpoints, fault);
  if (err == BC_ERR_OK) {
    err = link_check_files(options, fault);
  }
  if (err == BC_ERR_OK && options->user_file != NULL) {
    err = link_read_user_file(link, options->user_file, fault);
  }
  if (err != BC_ERR_OK) {
    bc_etcd_link_close(link);
    return err;
  }
  /* A thousand nodes with one list of endpoints must not all use the first. */
  link->current = (size_t)bc_etcd_random(random, (int64_t)link->count - 1);
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
  for (size_t i = 0; i < link->count; i++) {
    free(link->endpoints[i].url);
  }
  bc_buf_free(&link->probe_answer);
  bc_buf_free(&link->login_answer);
  bc_buf_free(&link->token);
  free(link->user);
  if (link->password != NULL) {
    explicit_bzero(link->password, strlen(link->password));
  }
  free(link->password);
  free(link);
}
