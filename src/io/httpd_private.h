/* What the files httpd*.c share. Only they include it.
 *
 * A connection is ours alone until its first byte came: a silent one costs no memory in libmicrohttpd and can be
 * dropped for another. Then libmicrohttpd has the descriptor, and closes it. Requests whose answer is not there yet are
 * suspended there; meanwhile our own watch tells if the client leaves. Nothing of libmicrohttpd but resuming is called
 * from outside its own callbacks, and none of them touches another connection than its own. */
#ifndef BC_IO_HTTPD_PRIVATE_H
#define BC_IO_HTTPD_PRIVATE_H

#include "io/httpd.h"

#include "base/limits.h"
#include "proto/http_target.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/queue.h>
#include <sys/stat.h>

enum {
  HTTPD_REQUEST_MS = 10000,      /* from its first byte to its last */
  HTTPD_IDLE_S = 30,             /* without a request, or without taking anything of an answer */
  HTTPD_PATIENCE_MS = 5000,      /* for a piece */
  HTTPD_LOOK_MS = 2,             /* for pieces that cannot be made yet */
  HTTPD_NOT_YET_MS = 10,         /* a piece is not there yet */
  HTTPD_POOL_BYTES = 40960,      /* of a connection, in libmicrohttpd: the head of a request, then what is sent */
  HTTPD_DISCARD_BYTES = 1048576, /* of a body that is too large: read so that its sender reads why */
  HTTPD_HEADERS_MAX = 32         /* of an answer */
};

struct httpd_listener {
  struct bc_httpd *httpd;
  int fd;
  struct bc_watch *watch;
  struct bc_timer *retry; /* after accept failed for want of descriptors */
  char *path;             /* of a Unix socket */
  struct stat file;
};

struct httpd_conn {
  TAILQ_ENTRY(httpd_conn) link; /* in httpd->fresh or httpd->conns */
  struct bc_httpd *httpd;
  int fd;
  struct bc_watch *watch;
  struct bc_timer *timer; /* fresh: until it is idle too long; then for a whole request */
  struct bc_httpd_peer peer;
  struct sockaddr_storage address;
  socklen_t address_len;
  struct MHD_Connection *mhd; /* NULL: fresh */
  struct bc_httpd_request *request;
  bool is_suspended;
};

enum httpd_stage {
  HTTPD_HEAD,      /* its line came */
  HTTPD_BODY,      /* its head came and is good */
  HTTPD_TOO_LARGE, /* its body is: what comes is dropped, then it is told */
  HTTPD_PENDING,   /* with the handler */
  HTTPD_ANSWERED,  /* `response` is there */
  HTTPD_GONE       /* the client is */
};

struct httpd_field {
  TAILQ_ENTRY(httpd_field) link;
  char *name;
  struct bc_buf value;
};
TAILQ_HEAD(httpd_fields, httpd_field);

struct bc_httpd_request {
  struct httpd_conn *conn;
  enum httpd_stage stage;
  bool is_in_handler;
  bool is_told;    /* of an error, with bc_httpd_tell */
  bool is_chunked; /* libmicrohttpd reads chunks loosely: nothing that follows on the connection is read */
  bool is_head;
  char *raw_target;
  struct bc_http_target target;
  const char *method;
  struct bc_buf body;
  size_t discarded;
  struct httpd_fields fields;
  unsigned field_count;
  struct MHD_Response *response;
  unsigned status;
  struct {
    char *name, *value;
  } headers[HTTPD_HEADERS_MAX];
  unsigned header_count;
  void (*gone)(void *arg);
  void *gone_arg;
  void *user;
  /* An answer in pieces. */
  struct bc_httpd_pieces pieces;
  TAILQ_ENTRY(bc_httpd_request) waiting;
  struct bc_buf text;
  size_t sent; /* of it */
  bool has_pieces, is_stream, is_waiting, is_quiet, is_woken, is_last, is_broken;
  struct bc_mono piece_deadline;
};

struct bc_httpd {
  struct bc_loop *loop;
  struct MHD_Daemon *daemon;
  struct bc_watch *watch; /* libmicrohttpd's epoll descriptor */
  struct bc_timer *timer; /* libmicrohttpd's */
  struct bc_timer *turn;  /* makes one piece */
  bc_httpd_fn *fn;
  void *arg;
  bc_httpd_end_fn *end;
  void *end_arg;
  struct httpd_listener listeners[BC_LIMIT_HTTP_LISTEN];
  unsigned listener_count;
  TAILQ_HEAD(httpd_conns, httpd_conn) fresh, conns;
  unsigned conn_count, conn_max;
  unsigned pending;
  TAILQ_HEAD(, bc_httpd_request) waiting;
  unsigned idle_turns;
  size_t body_bytes;         /* of all requests under way */
  struct httpd_conn *adding; /* is just handed over to libmicrohttpd */
  uint64_t progress;         /* anything that moved a request on */
  bool is_told;              /* the error that libmicrohttpd is about to answer */
  unsigned told;             /* errors that libmicrohttpd answered by itself, until their connections end */
  bool has_resumed;          /* since libmicrohttpd ran last */
  unsigned idle_runs;        /* of libmicrohttpd in a row that moved nothing although it wanted to run on */
  struct bc_httpd_counts counts;
  int64_t request_ms;
  unsigned idle_s;
  unsigned depth; /* of callbacks on the stack: closing waits for them */
  bool is_closed;
};

/* ---- httpd.c ---- */

void bc_httpd_enter(struct bc_httpd *httpd);
/* The server may be gone afterwards. */
void bc_httpd_leave(struct bc_httpd *httpd);
/* Takes the descriptor. */
void bc_httpd_add(struct bc_httpd *httpd, int fd, const struct bc_httpd_peer *peer, const struct sockaddr *address,
                  socklen_t address_len);
/* Writes an error to the descriptor, past libmicrohttpd, which must end the connection then; `request` may be NULL. */
void bc_httpd_tell(struct httpd_conn *conn, struct bc_httpd_request *request, unsigned status, const char *code,
                   const char *detail);
void bc_httpd_suspend(struct httpd_conn *conn);
void bc_httpd_resume(struct httpd_conn *conn);

/* ---- httpd_listen.c ---- */

enum bc_err bc_httpd_listen(struct bc_httpd *httpd, const char *listen, struct bc_fault *fault);
void bc_httpd_listen_end(struct bc_httpd *httpd);

/* ---- httpd_request.c: false: an error was told, the connection is to end ---- */

struct bc_httpd_request *bc_httpd_request_new(struct httpd_conn *conn, const char *raw_target);
void bc_httpd_request_free(struct bc_httpd_request *request);
/* Looks at its head; the texts are libmicrohttpd's. */
bool bc_httpd_request_begin(struct bc_httpd_request *request, const char *url, const char *method, const char *version);
bool bc_httpd_request_add(struct bc_httpd_request *request, const char *bytes, size_t len);
bool bc_httpd_request_complete(struct bc_httpd_request *request);

/* ---- httpd_form.c ---- */

/* Reads a form's fields; false with a line in `fault`. */
bool bc_httpd_form_read(struct bc_httpd_request *request, struct bc_fault *fault);
void bc_httpd_form_free(struct bc_httpd_request *request);

/* ---- httpd_answer.c ---- */

/* Its client left: tells who is to know. Not for what is answered whole. */
void bc_httpd_request_gone(struct bc_httpd_request *request);
/* The end of its pieces, if there are any and it was not there yet. */
void bc_httpd_pieces_end(struct bc_httpd_request *request);
/* One piece of who waits for one. */
void bc_httpd_on_turn(void *arg);

#endif
