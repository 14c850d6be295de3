/* /v1/events/stream: the events as server-sent events (WHATWG HTML, 9.2). A reader is a place in the hub's ring: its
 * next piece is made when it has taken the one before, and what it missed meanwhile is told. */
#include "base/mem.h"
#include "core/http_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HTTP_EVENT_BYTES = 32768, HTTP_EVENT_ALIVE_MS = 15000 };

struct http_event {
  struct bc_core *core;
  struct bc_httpd_request *request;
  struct bc_event_cursor cursor;
  struct core_event_reader reader;
  struct bc_timer *alive_timer;
  bool has_begun;
  bool is_alive_due;
};

static void http_event_add(const struct bc_event *event, struct bc_buf *text) {
  bc_buf_add_format(text, "id: %" PRIu64 "\nevent: %s\ndata: ", event->id, bc_event_type_text(event->type));
  bc_event_print(event, text);
  bc_buf_add_text(text, "\n\n");
}

static bool http_event_more(void *arg, struct bc_buf *text) {
  struct http_event *stream = arg;
  struct bc_event event;
  enum bc_event_next next = BC_EVENT_NEXT_MORE;
  if (stream->core->event.ring == NULL) {
    return false;
  }
  if (!stream->has_begun) {
    bc_buf_add_text(text, "retry: 1000\n\n");
    stream->has_begun = true;
  }
  while (text->len < HTTP_EVENT_BYTES && next != BC_EVENT_NEXT_NONE) {
    next = bc_events_next(stream->core->event.ring, &stream->cursor, &event);
    if (next == BC_EVENT_NEXT_GOT) {
      http_event_add(&event, text);
    }
  }
  if (stream->is_alive_due && text->len == 0) {
    bc_buf_add_text(text, ": alive\n\n");
  }
  if (text->len > 0) {
    stream->is_alive_due = false;
    bc_timer_start(stream->alive_timer, HTTP_EVENT_ALIVE_MS);
  }
  return true;
}

static void http_event_end(void *arg) {
  struct http_event *stream = arg;
  core_event_unlisten(stream->core, &stream->reader);
  stream->core->event.streams--;
  bc_timer_free(stream->alive_timer);
  free(stream);
}

static void http_event_on_news(void *arg) {
  struct http_event *stream = arg;
  bc_httpd_wake(stream->request);
}

static void http_event_on_alive(void *arg) {
  struct http_event *stream = arg;
  stream->is_alive_due = true;
  bc_httpd_wake(stream->request);
}

/* Where it goes on: behind what it names, or with what comes from now on. What is no id is one that we do not know. */
static uint64_t http_event_after(struct core_http_call *call, const json_t *query) {
  const struct bc_events *ring = call->core->event.ring;
  const char *last = bc_httpd_header(call->request, "Last-Event-ID");
  const json_t *after = json_object_get(query, "after");
  uint64_t id;
  if (last != NULL && last[0] != '\0') {
    return bc_str_to_u64(bc_str_of(last), UINT64_MAX - 1, &id) == BC_ERR_OK ? id : UINT64_MAX;
  }
  if (after == NULL) {
    return bc_events_last(ring);
  }
  id = (uint64_t)json_integer_value(after);
  return id == 0 ? bc_events_oldest(ring) : id;
}

static void http_event_begin(struct core_http_call *call, const json_t *query, const struct bc_event_filter *filter) {
  struct bc_core *core = call->core;
  struct http_event *stream = bc_mem_new(1, sizeof *stream);
  stream->core = core;
  stream->request = call->request;
  stream->cursor = (struct bc_event_cursor){.after = http_event_after(call, query), .filter = *filter};
  stream->reader = (struct core_event_reader){.fn = http_event_on_news, .arg = stream};
  stream->alive_timer = bc_timer_new(core->loop, http_event_on_alive, stream);
  core->event.streams++;
  core_event_listen(core, &stream->reader);
  bc_httpd_add_header(call->request, "X-Accel-Buffering", "no");
  struct bc_httpd_pieces pieces = {.more = http_event_more, .end = http_event_end, .arg = stream};
  bc_httpd_answer_pieces(call->request, 200, "text/event-stream", &pieces, true);
}

void core_http_read_stream(struct core_http_call *call) {
  static const struct core_http_member members[] = {
      {"after", CORE_HTTP_MEMBER_NUMBER}, {"type", CORE_HTTP_MEMBER_TEXT}, {"route", CORE_HTTP_MEMBER_TEXT}, {NULL, 0}};
  struct bc_event_filter filter;
  struct bc_fault fault;
  json_t *query = core_http_read_query(call, members);
  if (query == NULL) {
    return;
  }
  const char *types = json_string_value(json_object_get(query, "type"));
  const char *route = json_string_value(json_object_get(query, "route"));
  if (bc_event_filter_read(types, route, &filter, &fault) != BC_ERR_OK) {
    core_http_fail(call->request, 400, "bad-query", "%s", fault.text);
  } else if (bc_httpd_is_head(call->request)) {
    bc_httpd_answer(call->request, 200, "text/event-stream", (struct bc_str){.at = "", .len = 0});
  } else if (call->core->event.ring == NULL || call->core->event.streams >= BC_LIMIT_EVENT_STREAMS) {
    bc_httpd_add_header(call->request, "Retry-After", "10");
    core_http_fail(call->request, 503, "too-many-streams", "%d clients follow the events already",
                   BC_LIMIT_EVENT_STREAMS);
  } else {
    http_event_begin(call, query, &filter);
  }
  json_decref(query);
}
