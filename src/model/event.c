#include "model/event.h"

#include "base/mem.h"
#include "base/mono.h"
#include "base/str.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_LOOKS = 256, EVENT_GAP_BYTES = 64 };

/* An event in the ring: its texts are one piece of memory, "subject\0detail\0". */
struct event_kept {
  int64_t at_ms;
  uint64_t decision;
  char *texts;
  uint16_t detail; /* where it begins */
  uint8_t type;
  bool is_of_route;
};

struct bc_events {
  uint64_t begin; /* the id before the first that this process gave */
  uint64_t last;
  char gap[EVENT_GAP_BYTES]; /* the detail of the last one of that type */
  struct event_kept ring[BC_LIMIT_EVENTS];
};

BC_ENUM_TEXT_FUNCTION(bc_event_type_text, enum bc_event_type, BC_EVENT_LIST, "unknown")

struct bc_events *bc_events_new(uint64_t last_id) {
  struct bc_events *events = bc_mem_new(1, sizeof *events);
  events->begin = events->last = last_id;
  return events;
}

void bc_events_free(struct bc_events *events) {
  for (size_t i = 0; events != NULL && i < BC_LIMIT_EVENTS; i++) {
    free(events->ring[i].texts);
  }
  free(events);
}

static struct event_kept *event_place(struct bc_events *events, uint64_t id) {
  return &events->ring[id % BC_LIMIT_EVENTS];
}

uint64_t bc_events_add(struct bc_events *events, const struct bc_event *event) {
  size_t subject = strnlen(event->subject, BC_LIMIT_EVENT_BYTES - 1);
  size_t whole = strlen(event->detail);
  const char *detail = whole > BC_LIMIT_EVENT_BYTES ? "{}" : event->detail;
  size_t len = strlen(detail);
  struct event_kept *kept = event_place(events, ++events->last);
  free(kept->texts);
  char *texts = bc_mem_new(1, subject + len + 2);
  memcpy(texts, event->subject, subject);
  memcpy(texts + subject + 1, detail, len);
  *kept = (struct event_kept){.at_ms = event->at_ms,
                              .decision = event->decision,
                              .texts = texts,
                              .detail = (uint16_t)(subject + 1),
                              .type = (uint8_t)event->type,
                              .is_of_route = event->is_of_route};
  return events->last;
}

uint64_t bc_events_last(const struct bc_events *events) {
  return events->last;
}

/* ---- what a reader wants ---- */

static bool event_type_parse(struct bc_str text, uint32_t *types) {
  for (unsigned i = 0; i < BC_EVENT_GAP; i++) {
    if (bc_str_is(text, bc_event_type_text((enum bc_event_type)i))) {
      *types |= UINT32_C(1) << i;
      return true;
    }
  }
  return false;
}

static void event_fault_types(struct bc_fault *fault) {
  char list[128] = "";
  size_t used = 0;
  for (unsigned i = 0; i < BC_EVENT_GAP; i++) {
    int one = snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ",
                       bc_event_type_text((enum bc_event_type)i));
    used += one > 0 && (size_t)one < sizeof list - used ? (size_t)one : 0;
  }
  bc_fault_set(fault, 0, "`type`: expected one or more, with commas, of %s", list);
}

enum bc_err bc_event_filter_read(const char *types, const char *route, struct bc_event_filter *filter,
                                 struct bc_fault *fault) {
  *filter = (struct bc_event_filter){.types = 0};
  struct bc_str rest = bc_str_of(types);
  struct bc_str one;
  while (rest.len > 0 && bc_str_next_field(&rest, ',', &one)) {
    if (!event_type_parse(one, &filter->types)) {
      event_fault_types(fault);
      return BC_ERR_SYNTAX;
    }
  }
  if (route != NULL && strlen(route) >= sizeof filter->route) {
    bc_fault_set(fault, 0, "`route`: expected the name of a route, or a glob, of at most %zu bytes",
                 sizeof filter->route - 1);
    return BC_ERR_SYNTAX;
  }
  (void)snprintf(filter->route, sizeof filter->route, "%s", route == NULL ? "" : route);
  return BC_ERR_OK;
}

static bool event_is_wanted(const struct bc_event_filter *filter, const struct event_kept *kept) {
  if (kept->type == BC_EVENT_GAP) {
    return true; /* what was left out may have been what it wants */
  }
  if (filter->types != 0 && (filter->types >> kept->type & 1) == 0) {
    return false;
  }
  return filter->route[0] == '\0' ||
         (kept->is_of_route && bc_str_glob(bc_str_of(filter->route), bc_str_of(kept->texts)));
}

/* ---- reading ---- */

static uint64_t event_first(const struct bc_events *events) {
  uint64_t count = events->last - events->begin;
  return count > BC_LIMIT_EVENTS ? events->last - BC_LIMIT_EVENTS + 1 : events->begin + 1;
}

/* What it missed up to the first that is kept. Ids that we never gave are another process's. */
static void event_tell_gap(struct bc_events *events, struct bc_event_cursor *cursor, struct bc_event *event) {
  uint64_t first = event_first(events);
  bool is_known = cursor->after >= events->begin && cursor->after < first;
  if (is_known) {
    (void)snprintf(events->gap, sizeof events->gap, "{\"missed\":%" PRIu64 "}", first - 1 - cursor->after);
  } else {
    (void)snprintf(events->gap, sizeof events->gap, "{\"missed\":null}");
  }
  cursor->after = first - 1;
  const struct event_kept *kept = event_place(events, first);
  *event = (struct bc_event){.id = first - 1,
                             .at_ms = first <= events->last ? kept->at_ms : (int64_t)(events->begin / 1000),
                             .type = BC_EVENT_GAP,
                             .subject = "",
                             .detail = events->gap};
}

uint64_t bc_events_oldest(const struct bc_events *events) {
  return event_first(events) - 1;
}

enum bc_event_next bc_events_next(struct bc_events *events, struct bc_event_cursor *cursor, struct bc_event *event) {
  if (cursor->after + 1 < event_first(events) || cursor->after > events->last) {
    event_tell_gap(events, cursor, event);
    return BC_EVENT_NEXT_GOT;
  }
  for (unsigned looks = 0; looks < EVENT_LOOKS && cursor->after < events->last; looks++) {
    const struct event_kept *kept = event_place(events, ++cursor->after);
    if (event_is_wanted(&cursor->filter, kept)) {
      *event = (struct bc_event){.id = cursor->after,
                                 .at_ms = kept->at_ms,
                                 .type = (enum bc_event_type)kept->type,
                                 .is_of_route = kept->is_of_route,
                                 .decision = kept->decision,
                                 .subject = kept->texts,
                                 .detail = kept->texts + kept->detail};
      return BC_EVENT_NEXT_GOT;
    }
  }
  return cursor->after < events->last ? BC_EVENT_NEXT_MORE : BC_EVENT_NEXT_NONE;
}

void bc_event_add_quoted(struct bc_buf *to, struct bc_str text) {
  bc_buf_add_char(to, '"');
  for (size_t i = 0; i < text.len; i++) {
    char byte = text.at[i];
    if (byte == '"' || byte == '\\') {
      bc_buf_add_char(to, '\\');
      bc_buf_add_char(to, byte);
    } else if (byte == '\n' || byte == '\t') {
      bc_buf_add_text(to, byte == '\n' ? "\\n" : "\\t");
    } else {
      bc_buf_add_char(to, byte >= ' ' && byte <= '~' ? byte : '?');
    }
  }
  bc_buf_add_char(to, '"');
}

void bc_event_print(const struct bc_event *event, struct bc_buf *to) {
  char when[25];
  bc_wall_print(event->at_ms, when);
  json_t *subject = json_string(event->subject);
  char *quoted = subject == NULL ? NULL : json_dumps(subject, JSON_ENCODE_ANY);
  bc_buf_add_format(to, "{\"id\":%" PRIu64 ",\"time\":\"%s\",\"type\":\"%s\",\"subject\":", event->id, when,
                    bc_event_type_text(event->type));
  bc_buf_add_text(to, event->subject[0] == '\0' || quoted == NULL ? "null" : quoted);
  if (event->decision == 0) {
    bc_buf_add_text(to, ",\"decision\":null,\"detail\":");
  } else {
    bc_buf_add_format(to, ",\"decision\":%" PRIu64 ",\"detail\":", event->decision);
  }
  bc_buf_add_text(to, event->detail);
  bc_buf_add_char(to, '}');
  free(quoted);
  json_decref(subject);
}
