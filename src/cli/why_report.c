#include "cli/why_report.h"

#include "base/buf.h"
#include "base/mono.h"
#include "cli/client.h"
#include "cli/screen.h"
#include "cli/when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHY_LINE_BYTES = 16384, WHY_OUTPUT_BYTES = 200, WHY_CHECKS = 4, WHY_NEIGHBORS = 8 };

struct why {
  const json_t *decision;
  const json_t *notes;
  int64_t at_ms;   /* of the decision … */
  int64_t step_ms; /* … and of what came last: the next is told by how long after it */
  struct bc_buf line;
};

static void why_line(struct why *why, const char *subject, enum bc_screen_mood mood) {
  char clean[WHY_LINE_BYTES];
  bc_screen_clean(why->line.data, clean, sizeof clean);
  (void)printf("%-9s", subject);
  bc_screen_print(mood, clean);
  (void)fputc('\n', stdout);
  bc_buf_clear(&why->line);
}

static bool why_is(const json_t *object, const char *name, const char *text) {
  return strcmp(bc_client_text(object, name), text) == 0;
}

/* "07:50:53.125 (+2 ms)" */
static void why_add_time(struct why *why, int64_t at_ms, int64_t since_ms) {
  char text[64];
  long long after = (long long)(at_ms - since_ms);
  bc_when_print(at_ms, why->at_ms, text);
  if (after < 10000) {
    bc_buf_add_format(&why->line, "%s (%+lld ms)", text, after);
  } else {
    bc_buf_add_format(&why->line, "%s (+%lld.%lld s)", text, after / 1000, after % 1000 / 100);
  }
}

static const json_t *why_first_note(const struct why *why, const char *type) {
  size_t i;
  const json_t *note;
  json_array_foreach(why->notes, i, note) {
    if (why_is(note, "type", type)) {
      return note;
    }
  }
  return NULL;
}

static size_t why_count_notes(const struct why *why, const char *type) {
  size_t count = 0;
  size_t i;
  const json_t *note;
  json_array_foreach(why->notes, i, note) {
    count += why_is(note, "type", type);
  }
  return count;
}

/* ---- what was decided ---- */

static void why_tell_head(struct why *why, const json_t *later) {
  const json_t *decision = why->decision;
  char when[64], age[24], iso[25];
  const char *prefix = bc_client_text(decision, "prefix");
  bool is_announced = why_is(decision, "verdict", "announce");
  bc_when_print(why->at_ms, 0, when);
  bc_wall_print(why->at_ms, iso);
  bc_screen_age(iso, age);
  bc_buf_add_format(
      &why->line, "%s%s%s: %s, decided %s (%s ago); %s before; decision %lld", bc_client_text(decision, "route"),
      prefix[0] == '\0' ? "" : " ", prefix, bc_client_text(decision, "verdict"), when, age,
      why_is(decision, "was", "announce") ? "announced" : "not announced", bc_client_number(decision, "id"));
  if (later != NULL) {
    bc_when_print(bc_client_number(later, "at"), why->at_ms, when);
    bc_buf_add_format(&why->line, "; left so by decision %lld at %s (%s: %s)", bc_client_number(later, "id"), when,
                      bc_client_text(later, "layer"), bc_client_text(later, "reason"));
  }
  why_line(why, "route", is_announced ? BC_SCREEN_GOOD : BC_SCREEN_WARN);
}

static void why_add_check_name(struct why *why, const json_t *check) {
  bool is_own = bc_client_is_true(check, "own");
  bc_buf_add_text(&why->line, is_own ? "healthcheck" : bc_client_text(check, "name"));
}

/* The last line of what it printed. */
static void why_add_output(struct why *why, const char *output) {
  struct bc_str text = bc_str_trim(bc_str_of(output));
  const char *last = text.len == 0 ? NULL : memrchr(text.at, '\n', text.len);
  if (last != NULL) {
    text.len -= (size_t)(last + 1 - text.at);
    text.at = last + 1;
  }
  text.len = text.len < WHY_OUTPUT_BYTES ? text.len : WHY_OUTPUT_BYTES;
  if (text.len > 0) {
    bc_buf_add_format(&why->line, ": \"" BC_STR_FMT "\"", BC_STR_ARG(text));
  }
}

static void why_add_check(struct why *why, const json_t *check) {
  const char *status = bc_client_text(check, "status");
  const char *reason = bc_client_text(check, "reason");
  const json_t *code = json_object_get(check, "code");
  const json_t *score = json_object_get(check, "score");
  why_add_check_name(why, check);
  bc_buf_add_format(&why->line, " %s: %s", bc_client_text(check, "state"),
                    status[0] == '\0' ? "no result yet" : status);
  if (code != NULL) {
    bc_buf_add_format(&why->line, ", %s %lld", strcmp(status, "failed") == 0 ? "exit code" : "signal",
                      (long long)json_integer_value(code));
  }
  if (json_is_number(score)) {
    bc_buf_add_format(&why->line, ", score %.4g", json_number_value(score));
  }
  bc_buf_add_format(&why->line, "%s%s", reason[0] == '\0' ? "" : ": ", reason);
  why_add_output(why, bc_client_text(check, "output"));
}

/* How its counter stands, or what turned it. */
static void why_add_counter(struct why *why, const json_t *check) {
  long long streak = bc_client_number(check, "streak");
  long long rise = bc_client_number(check, "rise");
  long long fall = bc_client_number(check, "fall");
  bool is_down = why_is(check, "state", "down");
  why_add_check_name(why, check);
  if (streak > 0) {
    bc_buf_add_format(&why->line, " %lld of %lld %s", streak, is_down ? rise : fall, is_down ? "passes" : "failures");
  } else if (is_down) {
    bc_buf_add_format(&why->line, " down by %lld of %lld failures", fall, fall);
  } else if (!why_is(check, "state", "up")) {
    bc_buf_add_text(&why->line, " at 0");
  } else if (json_object_get(check, "status") == NULL) {
    bc_buf_add_text(&why->line, " presumed up, as the route stood");
  } else {
    bc_buf_add_format(&why->line, " up, 0 of %lld failures", fall);
  }
}

static void why_tell_checks(struct why *why, const char *subject, void (*add)(struct why *why, const json_t *check)) {
  const json_t *checks = json_object_get(why->decision, "checks");
  size_t count = json_array_size(checks);
  size_t told = 0;
  /* What is not well comes first. */
  for (int pass = 0; pass < 2; pass++) {
    for (size_t i = 0; i < count && told < WHY_CHECKS; i++) {
      const json_t *check = json_array_get(checks, i);
      if (why_is(check, "state", "up") == (pass == 1)) {
        bc_buf_add_text(&why->line, told++ == 0 ? "" : "; ");
        add(why, check);
      }
    }
  }
  if (count > told) {
    bc_buf_add_format(&why->line, "; and %zu more", count - told);
  }
  bc_buf_add_text(&why->line, count == 0 ? "none: the route has no check" : "");
  why_line(why, subject, BC_SCREEN_PLAIN);
}

static void why_tell_rule(struct why *why) {
  const json_t *policy = json_object_get(why->decision, "policy");
  bc_buf_add_format(&why->line, "%s: %s", bc_client_text(why->decision, "layer"),
                    bc_client_text(why->decision, "reason"));
  if (json_is_object(policy)) {
    const json_t *verdict = json_object_get(policy, "verdict");
    const char *error = bc_client_text(policy, "error");
    const char *reason = bc_client_text(verdict, "reason");
    bc_buf_add_format(&why->line, "; %s: ", bc_client_text(policy, "key"));
    if (error[0] != '\0') {
      bc_buf_add_format(&why->line, "failed: %s", error);
    } else {
      bc_buf_add_format(&why->line, "%s%s%s", bc_client_text(verdict, "verdict"), reason[0] == '\0' ? "" : ": ",
                        reason);
    }
  }
  why_line(why, "rule", BC_SCREEN_PLAIN);
}

/* ---- what became of it ---- */

/* Of a line with many prefixes only as much as tells what it does. */
static void why_add_command(struct why *why, const json_t *sent) {
  const char *text = bc_client_text(sent, "text");
  const char *prefix = bc_client_text(why->decision, "prefix");
  long long with = bc_client_number(sent, "with");
  const char *list = with > 1 && prefix[0] != '\0' ? strstr(text, " nlri ") : NULL;
  if (list == NULL) {
    bc_buf_add_text(&why->line, text);
  } else {
    bc_buf_add_format(&why->line, "%.*s nlri %s (one line with %lld other routes)", (int)(list - text), text, prefix,
                      with - 1);
  }
}

static void why_tell_command(struct why *why) {
  const json_t *sent = why_first_note(why, "sent");
  size_t count = why_count_notes(why, "sent");
  bool is_kept = why_is(why->decision, "verdict", "keep") ||
                 (why_is(why->decision, "verdict", "withdraw") && why_is(why->decision, "was", "withdraw"));
  if (sent != NULL) {
    int64_t at_ms = bc_client_number(sent, "at");
    why_add_time(why, at_ms, why->at_ms);
    bc_buf_add_char(&why->line, ' ');
    why_add_command(why, sent);
    why->step_ms = at_ms;
    if (count > 1) {
      bc_buf_add_format(&why->line, "; and %zu lines more", count - 1);
    }
  } else if (bc_client_is_true(why->decision, "standing")) {
    bc_buf_add_text(&why->line, "none: ExaBGP had it already when this core began");
  } else {
    bc_buf_add_text(&why->line, is_kept ? "none: it stays as it is" : "none is recorded");
  }
  why_line(why, "command", BC_SCREEN_PLAIN);
}

static void why_tell_ack(struct why *why) {
  const json_t *ack = why_first_note(why, "ack");
  const json_t *refused = why_first_note(why, "refused");
  enum bc_screen_mood mood = BC_SCREEN_PLAIN;
  if (refused != NULL) {
    mood = ack == NULL ? BC_SCREEN_BAD : BC_SCREEN_WARN;
    why_add_time(why, bc_client_number(refused, "at"), why->step_ms);
    bc_buf_add_format(&why->line, " %s%s", bc_client_text(refused, "text"), ack == NULL ? "" : "; then taken ");
  }
  if (ack != NULL) {
    why_add_time(why, bc_client_number(ack, "at"), why->step_ms);
    why->step_ms = bc_client_number(ack, "at");
  } else if (refused == NULL) {
    bc_buf_add_text(&why->line, "-");
  }
  why_line(why, "ack", mood);
}

struct why_neighbor {
  const char *name;
  int64_t first_ms, last_ms;
  size_t shown, unconfirmed;
  bool is_alarmed, is_by_time;
};

static size_t why_gather(const struct why *why, struct why_neighbor neighbors[static WHY_NEIGHBORS]) {
  size_t count = 0;
  size_t i;
  const json_t *note;
  json_array_foreach(why->notes, i, note) {
    const char *name = bc_client_text(note, "neighbor");
    size_t at = 0;
    while (at < count && strcmp(neighbors[at].name, name) != 0) {
      at++;
    }
    if (name[0] == '\0' || at == WHY_NEIGHBORS) {
      continue;
    }
    struct why_neighbor *one = &neighbors[at];
    if (at == count) {
      *one = (struct why_neighbor){.name = name};
      count++;
    }
    if (why_is(note, "type", "wire")) {
      one->last_ms = bc_client_number(note, "at");
      one->first_ms = one->shown++ == 0 ? one->last_ms : one->first_ms;
      one->is_by_time = why_is(note, "how", "time");
    }
    one->unconfirmed += why_is(note, "type", "unconfirmed");
    one->is_alarmed = one->is_alarmed || why_is(note, "type", "error");
  }
  return count;
}

static void why_add_neighbor(struct why *why, const struct why_neighbor *one) {
  bc_buf_add_format(&why->line, "%s ", one->name);
  if (one->shown == 0) {
    bc_buf_add_format(&why->line, "NOT SEEN in time%s", one->is_alarmed ? ", nor after three repairs" : "");
    return;
  }
  why_add_time(why, one->first_ms, why->step_ms);
  if (one->shown > 1 && one->last_ms > one->first_ms) {
    bc_buf_add_text(&why->line, " to ");
    why_add_time(why, one->last_ms, one->first_ms);
  }
  bc_buf_add_text(&why->line, one->unconfirmed > 0 ? " after repair" : "");
  bc_buf_add_text(&why->line, one->is_by_time ? " by time: it reports no updates" : "");
}

static void why_tell_wire(struct why *why) {
  struct why_neighbor neighbors[WHY_NEIGHBORS];
  size_t count = why_gather(why, neighbors);
  enum bc_screen_mood mood = BC_SCREEN_PLAIN;
  for (size_t i = 0; i < count; i++) {
    mood = neighbors[i].shown == 0 ? BC_SCREEN_BAD : mood;
    bc_buf_add_text(&why->line, i == 0 ? "" : "; ");
    why_add_neighbor(why, &neighbors[i]);
  }
  bc_buf_add_text(&why->line, count == 0 ? "-" : count == WHY_NEIGHBORS ? "; and perhaps more" : "");
  why_line(why, "wire", mood);
}

static void why_tell_origin(struct why *why) {
  long long revision = bc_client_number(why->decision, "revision");
  const char *key;
  const json_t *hash;
  if (revision > 0) {
    bc_buf_add_format(&why->line, "store revision %lld", revision);
  } else {
    bc_buf_add_text(&why->line, "a store without revisions");
  }
  json_object_foreach((json_t *)(uintptr_t)json_object_get(why->decision, "scripts"), key, hash) {
    const char *text = json_string_value(hash);
    bc_buf_add_format(&why->line, "; %s %s", key, text == NULL ? "" : text);
  }
  why_line(why, "from", BC_SCREEN_PLAIN);
}

void bc_why_report_print(const json_t *decision, const json_t *later) {
  struct why why = {
      .decision = decision, .notes = json_object_get(decision, "notes"), .at_ms = bc_client_number(decision, "at")};
  why.step_ms = why.at_ms;
  bc_buf_init(&why.line, WHY_LINE_BYTES);
  why_tell_head(&why, later);
  why_tell_checks(&why, "check", why_add_check);
  why_tell_checks(&why, "counter", why_add_counter);
  why_tell_rule(&why);
  why_tell_command(&why);
  why_tell_ack(&why);
  why_tell_wire(&why);
  why_tell_origin(&why);
  bc_buf_free(&why.line);
}

/* What is decided and does not stand, with why; NULL where the decision tells all. */
static const char *why_explain_state(const json_t *route) {
  static const struct {
    const char *state, *why;
  } states[] = {{"standby", "no session is up that carries it"},
                {"unconfirmed", "told to ExaBGP, and not every neighbor was seen to be sent it"},
                {"refused", "ExaBGP does not take it"},
                {"foreign", "there already, and not ours"},
                {"pending", "waits to be told to ExaBGP"},
                {"sent", "told to ExaBGP, which has not answered yet"},
                {"acked", "taken by ExaBGP, and not on the wire yet"},
                {"faulty", "it has never had a good version"}};
  for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
    if (why_is(route, "state", states[i].state)) {
      return states[i].why;
    }
  }
  return NULL;
}

void bc_why_report_print_present(const json_t *route) {
  const char *explained = why_explain_state(route);
  const char *error = bc_client_text(route, "error");
  struct why why = {.decision = route};
  if (explained == NULL) {
    return;
  }
  bc_buf_init(&why.line, WHY_LINE_BYTES);
  bc_buf_add_format(&why.line, "%s: %s", bc_client_text(route, "state"), error[0] == '\0' ? explained : error);
  why_line(&why, "now", BC_SCREEN_BAD);
  bc_buf_free(&why.line);
}
