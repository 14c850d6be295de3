#include "io/curl_loop.h"

#include "base/mem.h"

#include <stdlib.h>

struct curl_loop_socket {
  LIST_ENTRY(curl_loop_socket) link;
  struct bc_curl_loop *curl;
  struct bc_watch *watch;
};

struct bc_curl_loop {
  CURLM *multi;
  struct bc_loop *loop;
  struct bc_curl_loop_owner owner;
  struct bc_timer *timer;   /* libcurl's */
  struct bc_timer *deliver; /* calls that never reached libcurl */
  LIST_HEAD(, curl_loop_socket) sockets;
  LIST_HEAD(, bc_curl_call) calls;
  TAILQ_HEAD(, bc_curl_call) ready;
  bool in_curl;    /* libcurl is on the stack: its handles must not be touched */
  bool delivering; /* a callback of the owner is on the stack */
  bool dead;       /* freed meanwhile */
};

static void curl_loop_release(struct bc_curl_call *call) {
  struct bc_curl_loop *curl = call->owner;
  LIST_REMOVE(call, link);
  if (call->is_ready) {
    TAILQ_REMOVE(&curl->ready, call, ready);
  }
  (void)curl_multi_remove_handle(curl->multi, call->easy);
  curl_easy_cleanup(call->easy);
  curl->owner.release(call);
}

static void curl_loop_destroy(struct bc_curl_loop *curl) {
  while (!LIST_EMPTY(&curl->calls)) {
    curl_loop_release(LIST_FIRST(&curl->calls));
  }
  (void)curl_multi_cleanup(curl->multi);
  while (!LIST_EMPTY(&curl->sockets)) {
    struct curl_loop_socket *sock = LIST_FIRST(&curl->sockets);
    LIST_REMOVE(sock, link);
    bc_watch_free(sock->watch);
    free(sock);
  }
  bc_timer_free(curl->timer);
  bc_timer_free(curl->deliver);
  free(curl);
  curl_global_cleanup();
}

/* ---- what came ---- */

void bc_curl_call_wake(struct bc_curl_call *call) {
  if (!call->is_ready) {
    call->is_ready = true;
    TAILQ_INSERT_TAIL(&call->owner->ready, call, ready);
  }
}

static void curl_loop_collect_finished(struct bc_curl_loop *curl) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(curl->multi, &left)) != NULL) {
    if (message->msg == CURLMSG_DONE) {
      struct bc_curl_call *call = NULL;
      (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
      call->is_finished = true;
      call->code = message->data.result;
      bc_curl_call_wake(call);
    }
  }
}

/* Runs the callbacks that are due, outside of libcurl. */
static void curl_loop_deliver_all(struct bc_curl_loop *curl) {
  struct bc_curl_call *call;
  if (curl->delivering || curl->in_curl) {
    return;
  }
  curl->delivering = true;
  curl_loop_collect_finished(curl);
  while (!curl->dead && (call = TAILQ_FIRST(&curl->ready)) != NULL) {
    TAILQ_REMOVE(&curl->ready, call, ready);
    call->is_ready = false;
    if (!call->is_cancelled) {
      curl->owner.deliver(call);
    }
    if (call->is_cancelled || call->is_finished) {
      curl_loop_release(call);
    }
  }
  curl->delivering = false;
  if (curl->dead) {
    curl_loop_destroy(curl);
  }
}

/* ---- libcurl's sockets and timer ---- */

static void curl_loop_drive(struct bc_curl_loop *curl, curl_socket_t fd, int events) {
  int running;
  curl->in_curl = true;
  (void)curl_multi_socket_action(curl->multi, fd, events, &running);
  curl->in_curl = false;
  curl_loop_deliver_all(curl);
}

static void curl_loop_on_ready(void *arg, int fd, int events) {
  struct curl_loop_socket *sock = arg;
  int flags = (events & BC_WATCH_READ) != 0 ? CURL_CSELECT_IN : 0;
  flags |= (events & BC_WATCH_WRITE) != 0 ? CURL_CSELECT_OUT : 0;
  curl_loop_drive(sock->curl, fd, flags);
}

static void curl_loop_on_timer(void *arg) {
  curl_loop_drive(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void curl_loop_on_deliver(void *arg) {
  curl_loop_deliver_all(arg);
}

static int curl_loop_set_timer(CURLM *multi, long delay_ms, void *arg) {
  struct bc_curl_loop *curl = arg;
  (void)multi;
  if (delay_ms < 0) {
    bc_timer_stop(curl->timer);
  } else {
    bc_timer_start(curl->timer, delay_ms);
  }
  return 0;
}

static int curl_loop_set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg) {
  struct bc_curl_loop *curl = arg;
  struct curl_loop_socket *sock = socket_arg;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    if (sock != NULL) {
      LIST_REMOVE(sock, link);
      bc_watch_free(sock->watch);
      free(sock);
      (void)curl_multi_assign(curl->multi, fd, NULL);
    }
    return 0;
  }
  if (sock == NULL) {
    sock = bc_mem_new(1, sizeof *sock);
    sock->curl = curl;
    sock->watch = bc_watch_new(curl->loop, fd, curl_loop_on_ready, sock);
    if (sock->watch == NULL) {
      /* An error here would end every transfer for ever; so this one runs into its deadline. */
      free(sock);
      return 0;
    }
    LIST_INSERT_HEAD(&curl->sockets, sock, link);
    (void)curl_multi_assign(curl->multi, fd, sock);
  }
  int events = what == CURL_POLL_IN || what == CURL_POLL_INOUT ? BC_WATCH_READ : 0;
  events |= what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? BC_WATCH_WRITE : 0;
  bc_watch_set(sock->watch, events);
  return 0;
}

struct bc_curl_loop *bc_curl_loop_new(struct bc_loop *loop, const struct bc_curl_loop_owner *owner, long connections) {
  struct bc_curl_loop *curl = bc_mem_new(1, sizeof *curl);
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (curl->multi = curl_multi_init()) == NULL) {
    abort();
  }
  curl->loop = loop;
  curl->owner = *owner;
  LIST_INIT(&curl->sockets);
  LIST_INIT(&curl->calls);
  TAILQ_INIT(&curl->ready);
  curl->timer = bc_timer_new(loop, curl_loop_on_timer, curl);
  curl->deliver = bc_timer_new(loop, curl_loop_on_deliver, curl);
  (void)curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, curl_loop_set_socket);
  (void)curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
  (void)curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, curl_loop_set_timer);
  (void)curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
  (void)curl_multi_setopt(curl->multi, CURLMOPT_MAXCONNECTS, connections);
  return curl;
}

void bc_curl_loop_free(struct bc_curl_loop *curl) {
  if (curl == NULL) {
    return;
  }
  if (curl->delivering) {
    curl->dead = true;
    struct bc_curl_call *call;
    LIST_FOREACH(call, &curl->calls, link) {
      call->is_cancelled = true;
    }
    return;
  }
  curl_loop_destroy(curl);
}

/* ---- calls ---- */

void bc_curl_call_init(struct bc_curl_loop *curl, struct bc_curl_call *call) {
  call->owner = curl;
  call->easy = curl_easy_init();
  if (call->easy == NULL) {
    abort();
  }
  LIST_INSERT_HEAD(&curl->calls, call, link);
  (void)curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
  (void)curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->error);
  (void)curl_easy_setopt(call->easy, CURLOPT_NOSIGNAL, 1L);
  (void)curl_easy_setopt(call->easy, CURLOPT_QUICK_EXIT, 1L);
  (void)curl_easy_setopt(call->easy, CURLOPT_PROTOCOLS_STR, "http,https");
  (void)curl_easy_setopt(call->easy, CURLOPT_PROXY, "");
}

void bc_curl_call_start(struct bc_curl_call *call, CURLcode code) {
  call->code = code;
  if (code == CURLE_OK && curl_multi_add_handle(call->owner->multi, call->easy) != CURLM_OK) {
    call->code = CURLE_FAILED_INIT;
  }
  if (call->code != CURLE_OK) {
    call->is_finished = true;
    bc_curl_call_wake(call);
    bc_timer_start(call->owner->deliver, 0);
  }
}

void bc_curl_call_cancel(struct bc_curl_call *call) {
  if (!call->owner->delivering) {
    curl_loop_release(call);
    return;
  }
  call->is_cancelled = true;
  bc_curl_call_wake(call);
}
