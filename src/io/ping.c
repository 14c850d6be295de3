#include "io/ping.h"

#include "base/limits.h"
#include "base/mem.h"
#include "io/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum {
  PING_HEAD_BYTES = 8,
  PING_TOKEN_BYTES = BC_PING_SIZE_LEAST,
  PING_AT_ONCE = 16, /* messages taken in one turn of the loop: who floods waits for its turn as all do */
  PING_CONTROL_BYTES = 256
};

enum ping_state { PING_UNSENT, PING_UNDER_WAY, PING_ANSWERED, PING_LOST };

struct ping_request {
  enum ping_state state;
  struct bc_mono sent;
};

struct bc_ping {
  struct bc_loop *loop;
  LIST_HEAD(, bc_ping_call) calls;
  unsigned count;
};

/* Its timer is the next request or the next answer that is due; when there is a result, it brings the callback. */
struct bc_ping_call {
  LIST_ENTRY(bc_ping_call) link;
  struct bc_ping *ping;
  struct bc_ping_wanted wanted;
  struct bc_timer *timer;
  int fd; /* -1: none */
  struct bc_watch *watch;
  uint8_t token[PING_TOKEN_BYTES];
  uint8_t *packet; /* what is sent; the sequence number differs */
  struct ping_request requests[BC_PING_COUNT];
  unsigned sent, settled; /* how many of them */
  struct bc_mono next;    /* when the next one is sent */
  int64_t sum_us;
  bool is_done;
  struct bc_ping_result result;
};

/* ---- how it ends ---- */

static void ping_close(struct bc_ping_call *call) {
  bc_watch_free(call->watch);
  call->watch = NULL;
  if (call->fd >= 0) {
    (void)close(call->fd);
  }
  call->fd = -1;
}

static void ping_finish(struct bc_ping_call *call) {
  ping_close(call);
  call->is_done = true;
  bc_timer_start(call->timer, 0);
}

static void ping_name_error(struct bc_ping_call *call, enum bc_err err, int number, const char *from) {
  char address[BC_ENDPOINT_TEXT_BYTES];
  char text[BC_ENDPOINT_ERROR_BYTES];
  bc_endpoint_print(&call->wanted.address, 0, address);
  bc_endpoint_print_error(number, text);
  call->result.err = err;
  call->result.error_number = number;
  bc_fault_set(&call->result.fault, 0, "%s: %s%s%s", address, text, from[0] == '\0' ? "" : ", says ", from);
}

static void ping_fail(struct bc_ping_call *call, int number) {
  ping_name_error(call, bc_endpoint_is_shortage(number) ? BC_ERR_LIMIT : BC_ERR_IO, number, "");
  ping_finish(call);
}

/* An error told underway matters only if nothing answers. */
static void ping_sum_up(struct bc_ping_call *call) {
  struct bc_ping_result *result = &call->result;
  result->sent = call->sent;
  if (result->received > 0) {
    result->err = BC_ERR_OK;
    result->error_number = 0;
    result->fault = (struct bc_fault){0};
    result->average_us = call->sum_us / result->received;
  }
  ping_finish(call);
}

static void ping_release(struct bc_ping_call *call) {
  LIST_REMOVE(call, link);
  call->ping->count--;
  bc_timer_free(call->timer);
  ping_close(call);
  free(call->packet);
  free(call);
}

void bc_ping_cancel(struct bc_ping_call *call) {
  if (call != NULL) {
    ping_release(call);
  }
}

/* ---- what comes ---- */

/* When the kernel had it, by the clock that it was sent by. */
static int64_t ping_age_us(struct msghdr *message) {
  for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at != NULL; at = CMSG_NXTHDR(message, at)) {
    if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_TIMESTAMPNS) {
      struct timespec then;
      struct timespec now;
      memcpy(&then, CMSG_DATA(at), sizeof then);
      (void)clock_gettime(CLOCK_REALTIME, &now);
      return (int64_t)(now.tv_sec - then.tv_sec) * 1000000 + (now.tv_nsec - then.tv_nsec) / 1000;
    }
  }
  return 0;
}

static void ping_count(struct bc_ping_call *call, struct ping_request *request, int64_t rtt_us) {
  struct bc_ping_result *result = &call->result;
  request->state = PING_ANSWERED;
  call->settled++;
  result->received++;
  call->sum_us += rtt_us;
  result->min_us = result->received == 1 || rtt_us < result->min_us ? rtt_us : result->min_us;
  result->max_us = rtt_us > result->max_us ? rtt_us : result->max_us;
}

/* The request that this ICMP message is about, if it still waits. */
static struct ping_request *ping_request_of(struct bc_ping_call *call, const uint8_t *bytes) {
  unsigned sequence = (unsigned)bytes[6] << 8 | bytes[7];
  bool is_one = sequence < call->sent && call->requests[sequence].state == PING_UNDER_WAY;
  return is_one ? &call->requests[sequence] : NULL;
}

static bool ping_is_from(const struct bc_ping_call *call, const struct sockaddr_storage *from) {
  struct sockaddr_in6 ipv6;
  struct sockaddr_in ipv4;
  if (call->wanted.address.is_ipv6) {
    memcpy(&ipv6, from, sizeof ipv6);
    return ipv6.sin6_family == AF_INET6 && memcmp(&ipv6.sin6_addr, call->wanted.address.bytes, 16) == 0;
  }
  memcpy(&ipv4, from, sizeof ipv4);
  return ipv4.sin_family == AF_INET && memcmp(&ipv4.sin_addr, call->wanted.address.bytes, 4) == 0;
}

/* False: nothing is there. */
static bool ping_take_answer(struct bc_ping_call *call) {
  /* Ping sockets know no MSG_TRUNC: what is too long shows by one byte more. */
  uint8_t bytes[PING_HEAD_BYTES + BC_PING_SIZE_MOST + 1];
  _Alignas(struct cmsghdr) char control[PING_CONTROL_BYTES];
  struct sockaddr_storage from = {0};
  struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
  struct msghdr message = {.msg_name = &from,
                           .msg_namelen = sizeof from,
                           .msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  ssize_t got = recvmsg(call->fd, &message, 0);
  if (got < 0) {
    return errno != EAGAIN; /* any other is one that the queue of errors tells of, once */
  }
  struct bc_mono now = bc_mono_now();
  uint8_t type = call->wanted.address.is_ipv6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
  if ((size_t)got != PING_HEAD_BYTES + call->wanted.size || bytes[0] != type || !ping_is_from(call, &from) ||
      memcmp(bytes + PING_HEAD_BYTES, call->token, PING_TOKEN_BYTES) != 0) {
    return true;
  }
  struct ping_request *request = ping_request_of(call, bytes);
  if (request == NULL) {
    return true;
  }
  /* A step of the wall clock since then must not make it come before it was sent, or in the future. */
  int64_t most_us = now.us - request->sent.us;
  int64_t rtt_us = most_us - ping_age_us(&message);
  rtt_us = rtt_us < 0 ? 0 : rtt_us;
  rtt_us = rtt_us > most_us ? most_us : rtt_us;
  if (rtt_us <= call->wanted.timeout_ms * 1000) {
    ping_count(call, request, rtt_us);
  }
  return true;
}

static void ping_note_error(struct bc_ping_call *call, const struct cmsghdr *control, const uint8_t *bytes,
                            size_t len) {
  struct sock_extended_err error;
  struct bc_resolver_address address = {.is_ipv6 = call->wanted.address.is_ipv6};
  char offender[BC_ENDPOINT_TEXT_BYTES] = "";
  memcpy(&error, CMSG_DATA(control), sizeof error);
  struct ping_request *request = len >= PING_HEAD_BYTES ? ping_request_of(call, bytes) : NULL;
  /* Routers quote eight bytes of our message or more. */
  if (request == NULL || (len >= PING_HEAD_BYTES + PING_TOKEN_BYTES &&
                          memcmp(bytes + PING_HEAD_BYTES, call->token, PING_TOKEN_BYTES) != 0)) {
    return;
  }
  const uint8_t *from = CMSG_DATA(control) + sizeof error;
  if (error.ee_origin == SO_EE_ORIGIN_ICMP &&
      control->cmsg_len >= CMSG_LEN(sizeof error + sizeof(struct sockaddr_in))) {
    memcpy(address.bytes, from + offsetof(struct sockaddr_in, sin_addr), 4);
    bc_endpoint_print(&address, 0, offender);
  } else if (error.ee_origin == SO_EE_ORIGIN_ICMP6 &&
             control->cmsg_len >= CMSG_LEN(sizeof error + sizeof(struct sockaddr_in6))) {
    memcpy(address.bytes, from + offsetof(struct sockaddr_in6, sin6_addr), 16);
    bc_endpoint_print(&address, 0, offender);
  }
  request->state = PING_LOST;
  call->settled++;
  ping_name_error(call, BC_ERR_IO, (int)error.ee_errno, offender);
}

/* False: nothing is there. */
static bool ping_take_error(struct bc_ping_call *call) {
  uint8_t bytes[PING_HEAD_BYTES + PING_TOKEN_BYTES];
  _Alignas(struct cmsghdr) char control[PING_CONTROL_BYTES];
  struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(call->fd, &message, MSG_ERRQUEUE);
  if (got < 0) {
    return false;
  }
  for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at != NULL; at = CMSG_NXTHDR(&message, at)) {
    bool is_error = (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_RECVERR) ||
                    (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_RECVERR);
    if (is_error && at->cmsg_len >= CMSG_LEN(sizeof(struct sock_extended_err))) {
      ping_note_error(call, at, bytes, (size_t)got);
    }
  }
  return true;
}

static void ping_take(struct bc_ping_call *call) {
  for (int i = 0; i < PING_AT_ONCE && ping_take_error(call); i++) {
  }
  for (int i = 0; i < PING_AT_ONCE && ping_take_answer(call); i++) {
  }
}

/* ---- what is sent ---- */

static void ping_send(struct bc_ping_call *call, struct bc_mono now) {
  struct ping_request *request = &call->requests[call->sent];
  size_t len = PING_HEAD_BYTES + call->wanted.size;
  call->packet[6] = (uint8_t)(call->sent >> 8);
  call->packet[7] = (uint8_t)call->sent;
  request->state = PING_UNDER_WAY;
  request->sent = bc_mono_now();
  call->sent++;
  call->next = bc_mono_add_ms(now, call->wanted.interval_ms);
  ssize_t written = -1;
  /* The first try may only tell of an error that came for an earlier request. */
  for (int tries = 0; written < 0 && tries < 2; tries++) {
    written = send(call->fd, call->packet, len, MSG_NOSIGNAL);
  }
  if (written < 0) {
    int number = errno;
    request->state = PING_LOST;
    call->settled++;
    ping_name_error(call, bc_endpoint_is_shortage(number) ? BC_ERR_LIMIT : BC_ERR_IO, number, "");
  }
}

static void ping_expire(struct bc_ping_call *call, struct bc_mono now) {
  for (unsigned i = 0; i < call->sent; i++) {
    struct ping_request *request = &call->requests[i];
    if (request->state == PING_UNDER_WAY &&
        bc_mono_reached(bc_mono_add_ms(request->sent, call->wanted.timeout_ms), now)) {
      request->state = PING_LOST;
      call->settled++;
    }
  }
}

static struct bc_mono ping_due(const struct bc_ping_call *call) {
  struct bc_mono due = call->sent < call->wanted.count ? call->next : (struct bc_mono){0};
  for (unsigned i = 0; i < call->sent; i++) {
    if (call->requests[i].state == PING_UNDER_WAY) {
      return bc_mono_earlier(due, bc_mono_add_ms(call->requests[i].sent, call->wanted.timeout_ms));
    }
  }
  return due;
}

/* What came before what is due: an answer that waits in the socket is not late. */
static void ping_go_on(struct bc_ping_call *call) {
  ping_take(call);
  struct bc_mono now = bc_mono_now();
  ping_expire(call, now);
  if (call->sent < call->wanted.count && bc_mono_reached(call->next, now)) {
    ping_send(call, now);
  }
  if (call->settled == call->wanted.count) {
    ping_sum_up(call);
  } else {
    bc_timer_start_at(call->timer, ping_due(call));
  }
}

static void ping_on_ready(void *arg, int fd, int events) {
  (void)fd;
  (void)events;
  ping_go_on(arg);
}

static void ping_on_timer(void *arg) {
  struct bc_ping_call *call = arg;
  if (!call->is_done) {
    ping_go_on(call);
    return;
  }
  bc_ping_fn *fn = call->wanted.fn;
  void *fn_arg = call->wanted.arg;
  struct bc_ping_result result = call->result;
  ping_release(call);
  fn(fn_arg, &result);
}

/* ---- the start ---- */

static void ping_forbid(struct bc_ping_call *call) {
  char address[BC_ENDPOINT_TEXT_BYTES];
  bc_endpoint_print(&call->wanted.address, 0, address);
  call->result.err = BC_ERR_AUTH;
  bc_fault_set(
      &call->result.fault, 0,
      "%s: the kernel lets group %u not ping; set by root: sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"",
      address, (unsigned)getegid());
  ping_finish(call);
}

static bool ping_connect(struct bc_ping_call *call) {
  bool is_ipv6 = call->wanted.address.is_ipv6;
  struct sockaddr_storage address;
  int yes = 1;
  socklen_t len = bc_endpoint_fill(&call->wanted.address, 0, &address);
  call->fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    is_ipv6 ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP);
  if (call->fd < 0 && (errno == EACCES || errno == EPERM)) {
    ping_forbid(call);
    return false;
  }
  if (call->fd < 0 || setsockopt(call->fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes) != 0 ||
      setsockopt(call->fd, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ipv6 ? IPV6_RECVERR : IP_RECVERR, &yes,
                 sizeof yes) != 0 ||
      connect(call->fd, (const struct sockaddr *)&address, len) != 0) {
    ping_fail(call, errno);
    return false;
  }
  call->watch = bc_watch_new(call->ping->loop, call->fd, ping_on_ready, call);
  if (call->watch == NULL) {
    ping_fail(call, ENOMEM);
    return false;
  }
  bc_watch_set(call->watch, BC_WATCH_READ);
  return true;
}

static void ping_make_packet(struct bc_ping_call *call) {
  size_t len = PING_HEAD_BYTES + call->wanted.size;
  if (getrandom(call->token, sizeof call->token, 0) != (ssize_t)sizeof call->token) {
    abort();
  }
  /* Identifier and checksum are the kernel's. */
  call->packet = bc_mem_new(1, len);
  call->packet[0] = call->wanted.address.is_ipv6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
  memcpy(call->packet + PING_HEAD_BYTES, call->token, PING_TOKEN_BYTES);
  for (size_t i = PING_HEAD_BYTES + PING_TOKEN_BYTES; i < len; i++) {
    call->packet[i] = (uint8_t)i;
  }
}

static int64_t ping_clamp(int64_t value, int64_t least, int64_t most) {
  return value < least ? least : value > most ? most : value;
}

struct bc_ping_call *bc_ping_start(struct bc_ping *ping, const struct bc_ping_wanted *wanted) {
  struct bc_ping_call *call = bc_mem_new(1, sizeof *call);
  call->ping = ping;
  call->wanted = *wanted;
  call->wanted.count = (unsigned)ping_clamp(wanted->count, 1, BC_PING_COUNT);
  call->wanted.interval_ms = ping_clamp(wanted->interval_ms, BC_PING_INTERVAL_LEAST_MS, BC_PING_TIME_MS);
  call->wanted.timeout_ms = ping_clamp(wanted->timeout_ms, 1, BC_PING_TIME_MS);
  call->wanted.size = (size_t)ping_clamp((int64_t)wanted->size, BC_PING_SIZE_LEAST, BC_PING_SIZE_MOST);
  call->fd = -1;
  call->timer = bc_timer_new(ping->loop, ping_on_timer, call);
  LIST_INSERT_HEAD(&ping->calls, call, link);
  ping->count++;
  ping_make_packet(call);
  if (ping->count > BC_LIMIT_PINGS) {
    call->result.err = BC_ERR_LIMIT;
    bc_fault_set(&call->result.fault, 0, "too many pings are under way");
    ping_finish(call);
  } else if (ping_connect(call)) {
    call->next = bc_mono_now();
    ping_go_on(call);
  }
  return call;
}

struct bc_ping *bc_ping_new(struct bc_loop *loop) {
  struct bc_ping *ping = bc_mem_new(1, sizeof *ping);
  ping->loop = loop;
  LIST_INIT(&ping->calls);
  return ping;
}

void bc_ping_free(struct bc_ping *ping) {
  if (ping == NULL) {
    return;
  }
  while (!LIST_EMPTY(&ping->calls)) {
    bc_ping_cancel(LIST_FIRST(&ping->calls));
  }
  free(ping);
}
