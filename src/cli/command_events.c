/* `bgpcommander events`: what happened lately, and with --follow what happens, a line each. */
#include "base/mono.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/screen.h"
#include "cli/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { EVENTS_SHOWN = 100, EVENTS_BEFORE = 10, EVENTS_MOST = 1024, EVENTS_WAIT_MS = 4000, EVENTS_TEXT_BYTES = 2048 };

static json_t *events_request(const struct bc_settings *settings, json_int_t after, json_int_t limit) {
  json_t *request = bc_client_request("events");
  (void)json_object_set_new(request, "limit", json_integer(limit));
  if (settings->route != NULL) {
    (void)json_object_set_new(request, "route", json_string(settings->route));
  }
  if (settings->event_type != NULL) {
    (void)json_object_set_new(request, "type", json_string(settings->event_type));
  }
  if (after >= 0) {
    (void)json_object_set_new(request, "after", json_integer(after));
    (void)json_object_set_new(request, "wait", json_integer(EVENTS_WAIT_MS));
  }
  return request;
}

/* ---- one event for people ---- */

/* ": " or whatever it is goes between what there is. */
static void events_add(struct bc_buf *to, const char *before, const char *text) {
  if (text[0] != '\0') {
    bc_buf_add_format(to, "%s%s", to->len == 0 ? "" : before, text);
  }
}

static void events_add_was(struct bc_buf *to, const json_t *detail) {
  const char *was = bc_client_text(detail, "was");
  if (was[0] != '\0' && strcmp(was, bc_client_text(detail, "state")) != 0) {
    bc_buf_add_format(to, "%swas %s", to->len == 0 ? "" : ", ", was);
  }
}

static void events_describe_route(const json_t *detail, struct bc_buf *to) {
  const char *health = bc_client_text(detail, "health");
  events_add(to, "", bc_client_text(detail, "state"));
  events_add_was(to, detail);
  if (health[0] != '\0') {
    bc_buf_add_format(to, "; health %s", health);
  }
  events_add(to, "; ", bc_client_text(detail, "layer"));
  events_add(to, ": ", bc_client_text(detail, "reason"));
  events_add(to, "; ", bc_client_text(detail, "error"));
}

static void events_describe_decision(const json_t *detail, struct bc_buf *to) {
  events_add(to, "", bc_client_text(detail, "verdict"));
  events_add(to, ": ", bc_client_text(detail, "layer"));
  events_add(to, ": ", bc_client_text(detail, "reason"));
}

static void events_describe_gap(const json_t *detail, struct bc_buf *to) {
  if (json_is_integer(json_object_get(detail, "missed"))) {
    bc_buf_add_format(to, "%lld events were missed", bc_client_number(detail, "missed"));
  } else {
    bc_buf_add_text(to, "events may be missing");
  }
}

/* All others. */
static void events_describe(const json_t *detail, struct bc_buf *to) {
  static const char *const members[] = {"what", "state",  "status",  "neighbor", "how",
                                        "text", "reason", "outcome", "owner",    "expires"};
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    events_add(to, ": ", bc_client_text(detail, members[i]));
    if (strcmp(members[i], "state") == 0) {
      events_add_was(to, detail);
    }
  }
}

static void events_print_line(const json_t *event) {
  char when[64] = "", subject[256], shown[EVENTS_TEXT_BYTES];
  int64_t at_ms = 0;
  struct bc_buf text;
  const char *type = bc_client_text(event, "type");
  const json_t *detail = json_object_get(event, "detail");
  bc_buf_init(&text, EVENTS_TEXT_BYTES);
  if (strcmp(type, "route") == 0) {
    events_describe_route(detail, &text);
  } else if (strcmp(type, "decision") == 0) {
    events_describe_decision(detail, &text);
  } else if (strcmp(type, "gap") == 0) {
    events_describe_gap(detail, &text);
  } else {
    events_describe(detail, &text);
  }
  if (bc_when_parse("time", bc_client_text(event, "time"), &at_ms)) {
    bc_when_print(at_ms, bc_wall_now_ms(), when);
  }
  bc_screen_clean(bc_client_text(event, "subject"), subject, sizeof subject);
  bc_screen_clean(text.data == NULL ? "" : text.data, shown, sizeof shown);
  (void)printf("%s  %-8s  %s%s%s", when, type, subject, subject[0] == '\0' ? "" : "  ", shown);
  if (json_is_integer(json_object_get(event, "decision"))) {
    (void)printf(" [decision %lld]", bc_client_number(event, "decision"));
  }
  (void)fputc('\n', stdout);
  bc_buf_free(&text);
}

static void events_print(const struct bc_settings *settings, const json_t *answer) {
  size_t i;
  const json_t *event;
  json_array_foreach(json_object_get(answer, "events"), i, event) {
    if (settings->is_json) {
      (void)json_dumpf(event, stdout, BC_CLI_JSON);
      (void)fputc('\n', stdout);
    } else {
      events_print_line(event);
    }
  }
}

/* ---- following ---- */

/* Until standard output takes no more, or something ends us. A daemon that is replaced is waited for. While nothing
 * happens nothing is written, and so only a look tells that the reader has gone. */
static int events_follow(const struct bc_settings *settings, json_int_t last) {
  static const struct timespec pause = {.tv_nsec = 500000000};
  while (fflush(stdout) == 0) {
    if (bc_cli_is_reader_gone()) {
      return BC_CLI_OK;
    }
    json_t *answer = NULL;
    int code = bc_client_try_for_part(settings, events_request(settings, last, EVENTS_MOST), &answer);
    if (code == BC_CLI_BAD_NEWS) {
      return code;
    }
    if (answer == NULL) {
      (void)nanosleep(&pause, NULL);
      continue;
    }
    events_print(settings, answer);
    last = json_integer_value(json_object_get(answer, "last"));
    json_decref(answer);
  }
  return BC_CLI_USAGE;
}

int bc_command_events(const struct bc_settings *settings) {
  json_t *answer = NULL;
  json_int_t limit = settings->is_followed ? EVENTS_BEFORE : EVENTS_SHOWN;
  int code = bc_client_ask_for_part(settings, events_request(settings, -1, limit), &answer);
  if (answer == NULL) {
    return code;
  }
  events_print(settings, answer);
  json_int_t last = json_integer_value(json_object_get(answer, "last"));
  json_decref(answer);
  return settings->is_followed ? events_follow(settings, last) : BC_CLI_OK;
}
