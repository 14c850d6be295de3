/* The answer to `events`: what is kept, or what comes within some seconds. */
#include "base/mem.h"
#include "core/private.h"

#include <inttypes.h>
#include <stdlib.h>

enum { EVENT_LIST_LIMIT = 100, EVENT_LIST_WAIT_MS = 4000, EVENT_LIST_BYTES = 65536 };

struct event_list {
  struct bc_core *core;
  struct bc_event_cursor cursor;
  size_t left; /* so many may still be told */
  struct bc_mono until;
  bool has_one; /* a comma goes before the next */
};

static bool event_list_next(struct event_list *list, struct bc_event *event) {
  enum bc_event_next next;
  do {
    next = bc_events_next(list->core->event.ring, &list->cursor, event);
  } while (next == BC_EVENT_NEXT_MORE);
  return next == BC_EVENT_NEXT_GOT;
}

static bool event_list_is_ready(void *arg) {
  struct event_list *list = arg;
  struct event_list look = *list;
  struct bc_event event;
  if (list->core->event.ring == NULL || event_list_next(&look, &event)) {
    return true;
  }
  list->cursor.after = look.cursor.after;
  return bc_mono_reached(list->until, bc_mono_now());
}

static bool event_list_more(void *arg, struct bc_buf *text) {
  struct event_list *list = arg;
  struct bc_event event;
  while (list->core->event.ring != NULL && list->left > 0 && event_list_next(list, &event)) {
    bc_buf_add_text(text, list->has_one ? "," : "");
    bc_event_print(&event, text);
    list->has_one = true;
    list->left--;
    if (text->len > EVENT_LIST_BYTES) {
      return true;
    }
  }
  bc_buf_add_format(text, "],\"last\":%" PRIu64 "}", list->cursor.after);
  return false;
}

static void event_list_end(void *arg) {
  free(arg);
}

/* The newest so many that the filter passes begin behind this. */
static uint64_t event_list_newest(const struct event_list *list) {
  struct event_list look = *list;
  struct bc_event event;
  size_t count = 0;
  look.cursor.after = bc_events_oldest(list->core->event.ring);
  uint64_t after = look.cursor.after;
  while (event_list_next(&look, &event)) {
    count++;
  }
  look.cursor.after = after;
  for (; count > list->left && event_list_next(&look, &event); count--) {
    after = look.cursor.after;
  }
  return after;
}

static const char *event_list_read(struct event_list *list, const json_t *request, struct bc_fault *fault) {
  const json_t *after = json_object_get(request, "after");
  const json_t *wait = json_object_get(request, "wait");
  const json_t *limit = json_object_get(request, "limit");
  const json_t *type = json_object_get(request, "type");
  const json_t *route = json_object_get(request, "route");
  if (after != NULL && (!json_is_integer(after) || json_integer_value(after) < 0)) {
    return "`after` must be the id of an event, or 0";
  }
  if (wait != NULL &&
      (!json_is_integer(wait) || json_integer_value(wait) < 0 || json_integer_value(wait) > EVENT_LIST_WAIT_MS)) {
    return "`wait` must be milliseconds, from 0 to 4000";
  }
  if (limit != NULL &&
      (!json_is_integer(limit) || json_integer_value(limit) < 1 || json_integer_value(limit) > BC_LIMIT_EVENTS)) {
    return "`limit` must be a number from 1 to 1024";
  }
  if ((type != NULL && !json_is_string(type)) || (route != NULL && !json_is_string(route))) {
    return "`type` and `route` must be texts";
  }
  if (bc_event_filter_read(json_string_value(type), json_string_value(route), &list->cursor.filter, fault) !=
      BC_ERR_OK) {
    return fault->text;
  }
  list->left = limit == NULL ? EVENT_LIST_LIMIT : (size_t)json_integer_value(limit);
  list->until = bc_mono_add_ms(bc_mono_now(), wait == NULL ? 0 : json_integer_value(wait));
  uint64_t behind = after == NULL ? event_list_newest(list) : (uint64_t)json_integer_value(after);
  list->cursor.after = behind == 0 ? bc_events_oldest(list->core->event.ring) : behind;
  return NULL;
}

const char *core_event_begin(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer,
                             struct bc_fault *fault) {
  struct event_list *list = bc_mem_new(1, sizeof *list);
  list->core = core;
  const char *problem = event_list_read(list, request, fault);
  if (problem != NULL) {
    free(list);
    return problem;
  }
  bc_buf_add_text(&answer->text, "{\"events\":[");
  answer->more = event_list_more;
  answer->end = event_list_end;
  answer->is_ready = event_list_is_ready;
  answer->arg = list;
  return NULL;
}
