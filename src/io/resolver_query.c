#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "io/endpoint.h"
#include "io/resolver_private.h"
#include "proto/dns.h"

#include <ares.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUERY_NAME_BYTES = 1024, QUERY_LENGTH_BYTES = 2, QUERY_UDP_LEAST = 512 };

struct resolver_query {
  struct bc_resolver_call call;
  bool is_counted;
  bool uses_tcp;
  int fd; /* -1: none */
  struct bc_watch *watch;
  struct bc_mono started;
  struct bc_buf message; /* the query; by TCP with its length in front */
  size_t sent;           /* by TCP */
  struct bc_buf taken;   /* the answer, the same */
  char server[BC_ENDPOINT_TEXT_BYTES];
  struct bc_resolver_answer answer;
  bc_resolver_answer_fn *fn;
  void *arg;
};

static struct resolver_query *query_of(struct bc_resolver_call *call) {
  return (struct resolver_query *)((char *)call - offsetof(struct resolver_query, call));
}

static struct bc_str query_without_length(const struct resolver_query *query, const struct bc_buf *buf) {
  size_t skipped = query->uses_tcp ? QUERY_LENGTH_BYTES : 0;
  return (struct bc_str){.at = buf->data + skipped, .len = buf->len - skipped};
}

/* ---- how it ends ---- */

static void query_close(struct resolver_query *query) {
  bc_watch_free(query->watch);
  query->watch = NULL;
  if (query->fd >= 0) {
    (void)close(query->fd);
  }
  query->fd = -1;
}

static void query_fail(struct resolver_query *query, enum bc_err err, const char *text) {
  query->answer.err = err;
  bc_fault_set(&query->answer.fault, 0, "%s: %s", query->server, text);
  query_close(query);
  bc_resolver_call_settle(&query->call);
}

static void query_fail_errno(struct resolver_query *query, int number) {
  char text[BC_ENDPOINT_ERROR_BYTES];
  bc_endpoint_print_error(number, text);
  query->answer.error_number = number;
  query_fail(query, bc_endpoint_is_shortage(number) ? BC_ERR_LIMIT : BC_ERR_IO, text);
}

static void query_succeed(struct resolver_query *query) {
  query->answer.err = BC_ERR_OK;
  query->answer.rtt_us = bc_mono_now().us - query->started.us;
  query_close(query);
  bc_resolver_call_settle(&query->call);
}

static void query_time_out(struct bc_resolver_call *call) {
  query_fail(query_of(call), BC_ERR_TIMEOUT, "no answer in time");
}

static void query_stop(struct bc_resolver_call *call) {
  struct resolver_query *query = query_of(call);
  query_close(query);
  if (query->is_counted) {
    call->resolver->queries--;
  }
}

static void query_tell(struct bc_resolver_call *call) {
  struct resolver_query *query = query_of(call);
  if (query->answer.err == BC_ERR_OK) {
    query->answer.bytes = query_without_length(query, &query->taken);
  }
  query->fn(query->arg, &query->answer);
}

static void query_release(struct bc_resolver_call *call) {
  struct resolver_query *query = query_of(call);
  bc_buf_free(&query->message);
  bc_buf_free(&query->taken);
  free(query);
}

/* ---- what comes ---- */

/* One datagram a call: who floods waits for its turn as all do. */
static void query_take_datagram(struct resolver_query *query) {
  char bytes[BC_DNS_MESSAGE_BYTES];
  ssize_t got = recv(query->fd, bytes, sizeof bytes, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (got < 0) {
    query_fail_errno(query, errno);
    return;
  }
  struct bc_str datagram = {.at = bytes, .len = (size_t)got};
  if (bc_dns_answers(datagram, query_without_length(query, &query->message))) {
    bc_buf_add_str(&query->taken, datagram);
    query_succeed(query);
  }
}

/* How many bytes are missing of the length, and then of the message. */
static size_t query_missing(const struct resolver_query *query) {
  const uint8_t *head = (const uint8_t *)query->taken.data;
  if (query->taken.len < QUERY_LENGTH_BYTES) {
    return QUERY_LENGTH_BYTES - query->taken.len;
  }
  return QUERY_LENGTH_BYTES + (size_t)(head[0] << 8 | head[1]) - query->taken.len;
}

static void query_take_stream(struct resolver_query *query) {
  char *to = bc_buf_reserve(&query->taken, query_missing(query));
  ssize_t got = to == NULL ? 0 : recv(query->fd, to, query_missing(query), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (got < 0) {
    query_fail_errno(query, errno);
    return;
  }
  if (got == 0) {
    query_fail(query, BC_ERR_CLOSED, "closed before the answer was whole");
    return;
  }
  bc_buf_commit(&query->taken, (size_t)got);
  if (query_missing(query) > 0) {
    return;
  }
  if (bc_dns_answers(query_without_length(query, &query->taken), query_without_length(query, &query->message))) {
    query_succeed(query);
  } else {
    query_fail(query, BC_ERR_PROTOCOL, "the answer is not one to this query");
  }
}

static void query_send_stream(struct resolver_query *query) {
  int error = 0;
  socklen_t len = sizeof error;
  if (getsockopt(query->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
    query_fail_errno(query, error != 0 ? error : errno);
    return;
  }
  ssize_t put = send(query->fd, query->message.data + query->sent, query->message.len - query->sent, MSG_NOSIGNAL);
  if (put < 0 && errno != EAGAIN && errno != EINTR) {
    query_fail_errno(query, errno);
    return;
  }
  query->sent += put > 0 ? (size_t)put : 0;
  if (query->sent == query->message.len) {
    bc_watch_set(query->watch, BC_WATCH_READ);
  }
}

static void query_on_ready(void *arg, int fd, int events) {
  struct resolver_query *query = arg;
  (void)fd;
  if (!query->uses_tcp) {
    query_take_datagram(query);
  } else if ((events & BC_WATCH_WRITE) != 0) {
    query_send_stream(query);
  } else {
    query_take_stream(query);
  }
}

/* ---- the start ---- */

/* c-ares lays the query out. */
static bool query_make_message(struct resolver_query *query, const struct bc_resolver_query *wanted) {
  char name[QUERY_NAME_BYTES + 1] = "";
  unsigned char *bytes = NULL;
  int len = 0;
  uint16_t id = 0;
  if (wanted->name.len == 0 || wanted->name.len > QUERY_NAME_BYTES ||
      memchr(wanted->name.at, '\0', wanted->name.len) != NULL) {
    return false;
  }
  memcpy(name, wanted->name.at, wanted->name.len);
  if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id) {
    abort();
  }
  int edns = wanted->edns_bytes == 0 || wanted->edns_bytes >= QUERY_UDP_LEAST ? wanted->edns_bytes : QUERY_UDP_LEAST;
  if (ares_create_query(name, wanted->dns_class, wanted->type, id, wanted->wants_recursion ? 1 : 0, &bytes, &len,
                        edns) != ARES_SUCCESS) {
    return false;
  }
  if (query->uses_tcp) {
    bc_buf_add_char(&query->message, (char)(len >> 8));
    bc_buf_add_char(&query->message, (char)len);
  }
  bc_buf_add(&query->message, bytes, (size_t)len);
  ares_free_string(bytes);
  return bc_buf_status(&query->message) == BC_ERR_OK;
}

static void query_send(struct resolver_query *query, const struct bc_resolver_query *wanted) {
  struct sockaddr_storage address;
  socklen_t len = bc_endpoint_fill(&wanted->server, wanted->port, &address);
  int type = query->uses_tcp ? SOCK_STREAM : SOCK_DGRAM;
  query->started = bc_mono_now();
  query->fd = socket(address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool is_fine = query->fd >= 0 && (connect(query->fd, (const struct sockaddr *)&address, len) == 0 ||
                                    (query->uses_tcp && errno == EINPROGRESS));
  if (is_fine && !query->uses_tcp) {
    is_fine = send(query->fd, query->message.data, query->message.len, MSG_NOSIGNAL) >= 0;
  }
  if (!is_fine) {
    query_fail_errno(query, bc_endpoint_connect_error(errno, (const struct sockaddr *)&address, len));
    return;
  }
  query->watch = bc_watch_new(query->call.resolver->loop, query->fd, query_on_ready, query);
  if (query->watch == NULL) {
    query_fail(query, BC_ERR_LIMIT, "cannot be waited for");
    return;
  }
  bc_watch_set(query->watch, query->uses_tcp ? BC_WATCH_WRITE : BC_WATCH_READ);
}

struct bc_resolver_call *bc_resolver_ask(struct bc_resolver *resolver, const struct bc_resolver_query *wanted) {
  struct resolver_query *query = bc_mem_new(1, sizeof *query);
  query->call.time_out = query_time_out;
  query->call.stop = query_stop;
  query->call.tell = query_tell;
  query->call.release = query_release;
  query->fn = wanted->fn;
  query->arg = wanted->arg;
  query->fd = -1;
  query->uses_tcp = wanted->uses_tcp;
  bc_buf_init(&query->message, QUERY_LENGTH_BYTES + BC_DNS_MESSAGE_BYTES);
  bc_buf_init(&query->taken, QUERY_LENGTH_BYTES + BC_DNS_MESSAGE_BYTES);
  bc_endpoint_print(&wanted->server, wanted->port, query->server);
  bc_resolver_call_start(resolver, &query->call, wanted->timeout_ms);
  if (resolver->queries >= BC_LIMIT_DNS_QUERIES) {
    query_fail(query, BC_ERR_LIMIT, "too many DNS queries are under way");
  } else if (!query_make_message(query, wanted)) {
    query_fail(query, BC_ERR_SYNTAX, "this name cannot be asked for");
  } else {
    query->is_counted = true;
    resolver->queries++;
    query_send(query, wanted);
  }
  return &query->call;
}
