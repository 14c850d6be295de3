#include "io/httpd_private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { HTTPD_BLOCK_BYTES = 16384 }; /* asked for at once for a client of HTTP/1.0 */

/* ---- the end of a request ---- */

static void httpd_answer_tell_end(struct bc_httpd_request *request, unsigned status) {
  struct bc_httpd *httpd = request->conn->httpd;
  httpd->pending--;
  if (httpd->end != NULL) {
    httpd->end(httpd->end_arg, request, status);
  }
}

void bc_httpd_pieces_end(struct bc_httpd_request *request) {
  struct bc_httpd *httpd = request->conn->httpd;
  if (request->is_waiting) {
    request->is_waiting = false;
    TAILQ_REMOVE(&httpd->waiting, request, waiting);
  }
  if (request->has_pieces) {
    request->has_pieces = false;
    if (request->pieces.end != NULL) {
      request->pieces.end(request->pieces.arg);
    }
  }
}

void bc_httpd_request_gone(struct bc_httpd_request *request) {
  if (request->stage == HTTPD_PENDING) {
    void (*gone)(void *arg) = request->gone;
    void *gone_arg = request->gone_arg;
    request->stage = HTTPD_GONE;
    request->conn->httpd->counts.gone++;
    httpd_answer_tell_end(request, 0);
    if (gone != NULL) {
      gone(gone_arg);
    }
  } else if (request->stage == HTTPD_ANSWERED && request->has_pieces) {
    request->is_broken = true;
    bc_httpd_pieces_end(request);
  }
}

void bc_httpd_on_gone(struct bc_httpd_request *request, void (*fn)(void *arg), void *arg) {
  request->gone = fn;
  request->gone_arg = arg;
}

/* ---- answering ---- */

void bc_httpd_add_header(struct bc_httpd_request *request, const char *name, const char *value) {
  if (request->header_count < HTTPD_HEADERS_MAX) {
    request->headers[request->header_count].name = bc_mem_copy_string(name);
    request->headers[request->header_count].value = bc_mem_copy_string(value);
    request->header_count++;
  }
}

static void httpd_answer_begin(struct bc_httpd_request *request, unsigned status, const char *type,
                               struct MHD_Response *response) {
  if (response == NULL) {
    abort(); /* out of memory */
  }
  for (unsigned i = 0; i < request->header_count; i++) {
    /* One with a line break in it is not added. */
    (void)MHD_add_response_header(response, request->headers[i].name, request->headers[i].value);
  }
  if (type != NULL) {
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  }
  if (request->is_chunked) {
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
  }
  request->status = status;
  request->response = response;
  request->stage = HTTPD_ANSWERED;
  httpd_answer_tell_end(request, status);
  if (!request->is_in_handler) {
    bc_httpd_resume(request->conn); /* it comes back for the answer */
  }
}

void bc_httpd_answer(struct bc_httpd_request *request, unsigned status, const char *type, struct bc_str body) {
  if (request->stage == HTTPD_PENDING) {
    char *copy = bc_mem_copy_text(body.at, body.len);
    httpd_answer_begin(request, status, type, MHD_create_response_from_buffer(body.len, copy, MHD_RESPMEM_MUST_FREE));
  }
}

/* ---- pieces ---- */

static void httpd_pieces_want(struct bc_httpd_request *request) {
  struct bc_httpd *httpd = request->conn->httpd;
  request->is_quiet = false;
  request->is_waiting = true;
  TAILQ_INSERT_TAIL(&httpd->waiting, request, waiting);
  bc_timer_start(httpd->turn, 0);
}

/* libmicrohttpd asks for bytes when the client takes some. */
static ssize_t httpd_pieces_on_read(void *arg, uint64_t position, char *to, size_t max) {
  struct bc_httpd_request *request = arg;
  (void)position;
  request->conn->httpd->progress++;
  if (request->is_broken) {
    return MHD_CONTENT_READER_END_WITH_ERROR;
  }
  size_t left = request->text.len - request->sent;
  if (left > 0) {
    size_t len = left < max ? left : max;
    memcpy(to, request->text.data + request->sent, len);
    request->sent += len;
    return (ssize_t)len;
  }
  if (request->is_last) {
    return MHD_CONTENT_READER_END_OF_STREAM;
  }
  request->piece_deadline = bc_mono_add_ms(bc_mono_now(), HTTPD_PATIENCE_MS);
  bc_httpd_suspend(request->conn);
  httpd_pieces_want(request);
  return 0;
}

void bc_httpd_answer_pieces(struct bc_httpd_request *request, unsigned status, const char *type,
                            const struct bc_httpd_pieces *pieces, bool is_stream) {
  if (request->stage != HTTPD_PENDING) {
    if (pieces->end != NULL) {
      pieces->end(pieces->arg);
    }
    return;
  }
  request->pieces = *pieces;
  request->has_pieces = true;
  request->is_stream = is_stream;
  struct MHD_Response *response =
      MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, HTTPD_BLOCK_BYTES, httpd_pieces_on_read, request, NULL);
  if (request->is_head && response != NULL) {
    /* libmicrohttpd sends the end of a chunked body to who asked for none; so no chunks, and the end of the connection.
     */
    (void)MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
  }
  httpd_answer_begin(request, status, type, response);
}

void bc_httpd_wake(struct bc_httpd_request *request) {
  request->is_woken = true;
  if (request->is_quiet) {
    httpd_pieces_want(request);
  }
}

/* It had nothing to tell. */
static void httpd_pieces_wait(struct bc_httpd_request *request) {
  struct bc_httpd *httpd = request->conn->httpd;
  if (request->is_stream) {
    request->is_quiet = true;
    if (request->is_woken) {
      httpd_pieces_want(request);
    }
    return;
  }
  if (bc_mono_reached(request->piece_deadline, bc_mono_now())) {
    request->is_broken = true;
    bc_httpd_pieces_end(request);
    bc_httpd_resume(request->conn);
    return;
  }
  request->is_waiting = true;
  TAILQ_INSERT_TAIL(&httpd->waiting, request, waiting);
  /* Others that have are not kept waiting for it. */
  bc_timer_start(httpd->turn, ++httpd->idle_turns >= httpd->conn_count ? HTTPD_NOT_YET_MS : 0);
}

static void httpd_pieces_make(struct bc_httpd_request *request) {
  struct bc_httpd *httpd = request->conn->httpd;
  bc_buf_clear(&request->text);
  request->sent = 0;
  request->is_woken = false;
  bool has_more = request->pieces.more(request->pieces.arg, &request->text);
  request->is_last = !has_more;
  if (bc_buf_status(&request->text) != BC_ERR_OK) {
    request->is_broken = true; /* what is sent already cannot become an error any more */
  } else if (has_more && request->text.len == 0) {
    httpd_pieces_wait(request);
    return;
  }
  httpd->idle_turns = 0;
  if (request->is_last || request->is_broken) {
    bc_httpd_pieces_end(request);
  }
  bc_httpd_resume(request->conn);
}

static struct bc_httpd_request *httpd_pieces_first_ready(const struct bc_httpd *httpd) {
  struct bc_httpd_request *request;
  TAILQ_FOREACH(request, &httpd->waiting, waiting) {
    if (request->pieces.is_ready == NULL || request->pieces.is_ready(request->pieces.arg)) {
      break;
    }
  }
  return request;
}

void bc_httpd_on_turn(void *arg) {
  struct bc_httpd *httpd = arg;
  bc_httpd_enter(httpd);
  struct bc_httpd_request *request = httpd_pieces_first_ready(httpd);
  if (request != NULL) {
    TAILQ_REMOVE(&httpd->waiting, request, waiting);
    request->is_waiting = false;
    if (!TAILQ_EMPTY(&httpd->waiting)) {
      bc_timer_start(httpd->turn, 0);
    }
    httpd_pieces_make(request);
  } else if (!TAILQ_EMPTY(&httpd->waiting)) {
    bc_timer_start(httpd->turn, HTTPD_LOOK_MS);
  }
  bc_httpd_leave(httpd);
}
