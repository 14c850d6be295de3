/* libcurl's multi interface on our loop: what http.c (etcd) and web.c (health checks) share. For files of io/ only.
 *
 * A call is one transfer. Its owner puts a struct bc_curl_call first into its own, and sets the options of `easy`.
 * No callback of an owner comes from inside libcurl: what libcurl hands over is kept by the owner, who says so with
 * bc_curl_call_wake, and `deliver` comes afterwards. It may start and cancel any call, and free the loop. */
#ifndef BC_IO_CURL_LOOP_H
#define BC_IO_CURL_LOOP_H

#include "io/loop.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <sys/queue.h>

struct bc_curl_loop;

struct bc_curl_call {
  LIST_ENTRY(bc_curl_call) link;
  TAILQ_ENTRY(bc_curl_call) ready;
  struct bc_curl_loop *owner;
  CURL *easy;
  bool is_ready;     /* waits for `deliver` */
  bool is_finished;  /* with `code` and `error` */
  bool is_cancelled; /* nobody is to be called back any more */
  CURLcode code;
  char error[CURL_ERROR_SIZE];
};

struct bc_curl_loop_owner {
  /* Something came, or it ended (is_finished: then this is the last time). Not for what is cancelled. */
  void (*deliver)(struct bc_curl_call *call);
  /* Frees the call; `easy` is gone. */
  void (*release)(struct bc_curl_call *call);
};

/* Connections that may be used again: `connections` at most. */
struct bc_curl_loop *bc_curl_loop_new(struct bc_loop *loop, const struct bc_curl_loop_owner *owner, long connections);
/* Cancels and releases all calls; within `deliver`, when that returns. NULL is allowed. */
void bc_curl_loop_free(struct bc_curl_loop *curl);

/* Makes call->easy, with what every request of ours has: http and https only, no proxy from the environment, no
 * signals. */
void bc_curl_call_init(struct bc_curl_loop *curl, struct bc_curl_call *call);
/* Starts it; with another `code` than CURLE_OK it only ends with that, later. */
void bc_curl_call_start(struct bc_curl_call *call, CURLcode code);
/* There is something to deliver. To be called from libcurl's callbacks. */
void bc_curl_call_wake(struct bc_curl_call *call);
/* No `deliver` afterwards; releases it, within `deliver` when that returns. */
void bc_curl_call_cancel(struct bc_curl_call *call);

#endif
