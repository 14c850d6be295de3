#include "io/datagram.h"

#include "base/limits.h"
#include "base/mem.h"
#include "io/endpoint.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

struct bc_datagram {
  struct bc_loop *loop;
  LIST_HEAD(, bc_datagram_call) calls;
  unsigned count;
};

/* Its timer is the next try or the deadline; when there is a result, it brings the callback. */
struct bc_datagram_call {
  LIST_ENTRY(bc_datagram_call) link;
  struct bc_datagram *datagram;
  struct bc_datagram_wanted wanted; /* its payload is `payload` */
  char *payload;
  struct bc_timer *timer;
  int fd; /* -1: none */
  struct bc_watch *watch;
  unsigned sent;
  struct bc_mono last, deadline;
  bool is_done;
  char *reply;
  struct bc_datagram_result result;
};

/* ---- how it ends ---- */

static void datagram_close(struct bc_datagram_call *call) {
  bc_watch_free(call->watch);
  call->watch = NULL;
  if (call->fd >= 0) {
    (void)close(call->fd);
  }
  call->fd = -1;
}

static void datagram_finish(struct bc_datagram_call *call) {
  datagram_close(call);
  call->is_done = true;
  bc_timer_start(call->timer, 0);
}

static void datagram_fail(struct bc_datagram_call *call, enum bc_err err, const char *text) {
  char peer[BC_ENDPOINT_TEXT_BYTES];
  bc_endpoint_print(&call->wanted.address, call->wanted.port, peer);
  call->result.err = err;
  bc_fault_set(&call->result.fault, 0, "%s: %s", peer, text);
  datagram_finish(call);
}

static void datagram_fail_errno(struct bc_datagram_call *call, int number) {
  char text[BC_ENDPOINT_ERROR_BYTES];
  bc_endpoint_print_error(number, text);
  call->result.error_number = number;
  datagram_fail(call, bc_endpoint_is_shortage(number) ? BC_ERR_LIMIT : BC_ERR_IO, text);
}

/* Out of the object, which the callback may free. */
static void datagram_unlink(struct bc_datagram_call *call) {
  LIST_REMOVE(call, link);
  call->datagram->count--;
  bc_timer_free(call->timer);
  datagram_close(call);
}

static void datagram_release(struct bc_datagram_call *call) {
  free(call->payload);
  free(call->reply);
  free(call);
}

void bc_datagram_cancel(struct bc_datagram_call *call) {
  if (call != NULL) {
    datagram_unlink(call);
    datagram_release(call);
  }
}

/* ---- sent and taken ---- */

static void datagram_send(struct bc_datagram_call *call) {
  call->last = bc_mono_now();
  call->sent++;
  if (send(call->fd, call->payload, call->wanted.payload.len, MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
    datagram_fail_errno(call, errno);
    return;
  }
  struct bc_mono again = bc_mono_add_ms(call->last, call->wanted.again_ms);
  bool is_last = call->sent >= call->wanted.tries;
  bc_timer_start_at(call->timer, is_last ? call->deadline : bc_mono_earlier(again, call->deadline));
}

/* False: nothing is there. */
static bool datagram_take(struct bc_datagram_call *call) {
  char bytes[BC_DATAGRAM_BYTES];
  ssize_t got = recv(call->fd, bytes, sizeof bytes, MSG_TRUNC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return false;
  }
  if (got < 0) {
    datagram_fail_errno(call, errno);
    return true;
  }
  call->result.rtt_us = bc_mono_now().us - call->last.us;
  if ((size_t)got > call->wanted.most_bytes) {
    datagram_fail(call, BC_ERR_RANGE, "the reply is longer than allowed");
    return true;
  }
  call->reply = bc_mem_copy_text(bytes, (size_t)got);
  call->result.bytes = (struct bc_str){.at = call->reply, .len = (size_t)got};
  datagram_finish(call);
  return true;
}

static void datagram_on_ready(void *arg, int fd, int events) {
  (void)fd;
  (void)events;
  (void)datagram_take(arg);
}

static void datagram_on_timer(void *arg) {
  struct bc_datagram_call *call = arg;
  if (call->is_done) {
    datagram_unlink(call);
    call->wanted.fn(call->wanted.arg, &call->result);
    datagram_release(call);
    return;
  }
  /* What waits in the socket is not late. */
  if (datagram_take(call)) {
    return;
  }
  if (bc_mono_reached(call->deadline, bc_mono_now())) {
    datagram_fail(call, BC_ERR_TIMEOUT, "no reply in time");
  } else {
    datagram_send(call);
  }
}

/* ---- the start ---- */

static void datagram_open(struct bc_datagram_call *call) {
  bool is_ipv6 = call->wanted.address.is_ipv6;
  struct sockaddr_storage address;
  int yes = 1;
  socklen_t len = bc_endpoint_fill(&call->wanted.address, call->wanted.port, &address);
  call->fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* Without RECVERR a router's word that there is no way is kept from us. */
  if (call->fd < 0 ||
      setsockopt(call->fd, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ipv6 ? IPV6_RECVERR : IP_RECVERR, &yes,
                 sizeof yes) != 0 ||
      connect(call->fd, (const struct sockaddr *)&address, len) != 0) {
    datagram_fail_errno(call, errno);
    return;
  }
  call->watch = bc_watch_new(call->datagram->loop, call->fd, datagram_on_ready, call);
  if (call->watch == NULL) {
    datagram_fail_errno(call, ENOMEM);
    return;
  }
  bc_watch_set(call->watch, BC_WATCH_READ);
  datagram_send(call);
}

static int64_t datagram_clamp(int64_t value, int64_t least, int64_t most) {
  return value < least ? least : value > most ? most : value;
}

struct bc_datagram_call *bc_datagram_start(struct bc_datagram *datagram, const struct bc_datagram_wanted *wanted) {
  struct bc_datagram_call *call = bc_mem_new(1, sizeof *call);
  call->datagram = datagram;
  call->wanted = *wanted;
  call->wanted.tries = (unsigned)datagram_clamp(wanted->tries, 1, BC_DATAGRAM_TRIES);
  call->wanted.again_ms = datagram_clamp(wanted->again_ms, 1, BC_DATAGRAM_TIMEOUT_MS);
  call->wanted.timeout_ms = datagram_clamp(wanted->timeout_ms, 1, BC_DATAGRAM_TIMEOUT_MS);
  call->fd = -1;
  call->payload = bc_mem_copy_text(wanted->payload.at, wanted->payload.len);
  call->timer = bc_timer_new(datagram->loop, datagram_on_timer, call);
  call->deadline = bc_mono_add_ms(bc_mono_now(), call->wanted.timeout_ms);
  LIST_INSERT_HEAD(&datagram->calls, call, link);
  datagram->count++;
  if (datagram->count > BC_LIMIT_DATAGRAMS) {
    datagram_fail(call, BC_ERR_LIMIT, "too many UDP exchanges are under way");
  } else {
    datagram_open(call);
  }
  return call;
}

struct bc_datagram *bc_datagram_new(struct bc_loop *loop) {
  struct bc_datagram *datagram = bc_mem_new(1, sizeof *datagram);
  datagram->loop = loop;
  LIST_INIT(&datagram->calls);
  return datagram;
}

void bc_datagram_free(struct bc_datagram *datagram) {
  if (datagram == NULL) {
    return;
  }
  while (!LIST_EMPTY(&datagram->calls)) {
    bc_datagram_cancel(LIST_FIRST(&datagram->calls));
  }
  free(datagram);
}
