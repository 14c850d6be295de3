#include "model/record.h"

#include "base/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

BC_ENUM_TEXT_FUNCTION(bc_record_type_text, enum bc_record_type, BC_RECORD_TYPE_LIST, "unknown")

/* ---- members; by hand, as a start makes a record for each of many thousand routes ---- */

static void record_add_number(struct bc_buf *to, uint64_t number) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  bc_buf_add(to, digits + at, sizeof digits - at);
}

static void record_add_name(struct bc_buf *to, const char *name) {
  if (to->len > 0 && to->data[to->len - 1] != '{') {
    bc_buf_add_char(to, ',');
  }
  bc_buf_add_char(to, '"');
  bc_buf_add_text(to, name);
  bc_buf_add(to, "\":", 2);
}

static void record_set_number(struct bc_buf *to, const char *name, uint64_t number) {
  record_add_name(to, name);
  record_add_number(to, number);
}

static bool record_is_plain(char c) {
  return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

static void record_add_byte(struct bc_buf *to, char c) {
  switch (c) {
  case '"':
  case '\\':
    bc_buf_add_char(to, '\\');
    bc_buf_add_char(to, c);
    break;
  case '\n':
    bc_buf_add(to, "\\n", 2);
    break;
  case '\t':
    bc_buf_add(to, "\\t", 2);
    break;
  default:
    bc_buf_add_char(to, '?');
  }
}

static void record_add_quoted(struct bc_buf *to, struct bc_str text) {
  bc_buf_add_char(to, '"');
  while (text.len > 0) {
    size_t plain = 0;
    while (plain < text.len && record_is_plain(text.at[plain])) {
      plain++;
    }
    bc_buf_add(to, text.at, plain);
    if (plain < text.len) {
      record_add_byte(to, text.at[plain++]);
    }
    text.at += plain;
    text.len -= plain;
  }
  bc_buf_add_char(to, '"');
}

/* Empty: no member. The beginning of one that is too long. */
static void record_set_str(struct bc_buf *to, const char *name, struct bc_str text) {
  if (text.len > 0) {
    text.len = text.len < BC_LIMIT_RECORD_TEXT_BYTES ? text.len : BC_LIMIT_RECORD_TEXT_BYTES;
    record_add_name(to, name);
    record_add_quoted(to, text);
  }
}

static void record_set_text(struct bc_buf *to, const char *name, const char *text) {
  record_set_str(to, name, bc_str_of(text));
}

/* What is JSON already, in one line. */
static void record_set_json(struct bc_buf *to, const char *name, const char *json) {
  if (json == NULL) {
    return;
  }
  record_add_name(to, name);
  for (const char *at = json; *at != '\0';) {
    size_t len = strcspn(at, "\r\n");
    bc_buf_add(to, at, len);
    at += len + strspn(at + len, "\r\n");
  }
}

/* What a script returned. */
static void record_set_data(struct bc_buf *to, const char *json) {
  json_t *made = json == NULL ? NULL : json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  char *printed = made == NULL ? NULL : json_dumps(made, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
  record_set_json(to, "data", printed);
  free(printed);
  json_decref(made);
}

static void record_begin(struct bc_buf *to, uint64_t id, enum bc_record_type type, int64_t at_ms) {
  bc_buf_add_char(to, '{');
  record_set_number(to, "id", id);
  record_set_text(to, "type", bc_record_type_text(type));
  record_set_number(to, "at", at_ms < 0 ? 0 : (uint64_t)at_ms);
}

/* ---- decisions ---- */

static struct bc_str record_end_of(const char *output) {
  struct bc_str all = bc_str_trim(bc_str_of(output));
  size_t cut = all.len > BC_LIMIT_CHECK_OUTPUT_SHOWN_BYTES ? all.len - BC_LIMIT_CHECK_OUTPUT_SHOWN_BYTES : 0;
  return (struct bc_str){.at = all.at + cut, .len = all.len - cut};
}

static void record_add_check(struct bc_buf *to, const struct bc_record_check *check) {
  bc_buf_add_char(to, '{');
  record_set_text(to, "name", check->name);
  record_set_json(to, "own", check->is_own ? "true" : "false");
  record_set_text(to, "state", check->state);
  record_set_text(to, "status", check->status);
  if (check->code >= 0) {
    record_set_number(to, "code", (uint64_t)check->code);
  }
  record_set_text(to, "reason", check->reason);
  record_set_str(to, "output", record_end_of(check->output));
  if (check->score >= 0) {
    record_add_name(to, "score");
    bc_buf_add_format(to, "%.4g", check->score);
  }
  record_set_data(to, check->data);
  record_set_number(to, "streak", check->streak);
  record_set_number(to, "rise", check->rise);
  record_set_number(to, "fall", check->fall);
  bc_buf_add_char(to, '}');
}

static void record_set_checks(struct bc_buf *to, const struct bc_record_decision *decision) {
  if (decision->check_count == 0) {
    return;
  }
  record_add_name(to, "checks");
  bc_buf_add_char(to, '[');
  for (size_t i = 0; i < decision->check_count; i++) {
    bc_buf_add_text(to, i == 0 ? "" : ",");
    record_add_check(to, &decision->checks[i]);
  }
  bc_buf_add_char(to, ']');
}

static void record_set_script(struct bc_buf *to, const char *key, uint64_t hash) {
  if (key != NULL && hash != 0) {
    bc_buf_add_text(to, to->data[to->len - 1] == '{' ? "" : ",");
    record_add_quoted(to, bc_str_of(key));
    bc_buf_add_format(to, ":\"%016" PRIx64 "\"", hash);
  }
}

static void record_set_scripts(struct bc_buf *to, const struct bc_record_decision *decision) {
  if (decision->check_count == 0 && decision->policy == NULL) {
    return;
  }
  record_add_name(to, "scripts");
  bc_buf_add_char(to, '{');
  for (size_t i = 0; i < decision->check_count; i++) {
    record_set_script(to, decision->checks[i].key, decision->checks[i].hash);
  }
  if (decision->policy != NULL) {
    record_set_script(to, decision->policy->key, decision->policy->hash);
  }
  bc_buf_add_char(to, '}');
}

static void record_set_policy(struct bc_buf *to, const struct bc_record_policy *policy, size_t begin) {
  if (policy == NULL) {
    return;
  }
  record_add_name(to, "policy");
  bc_buf_add_char(to, '{');
  record_set_text(to, "key", policy->key);
  record_add_name(to, "hash");
  bc_buf_add_format(to, "\"%016" PRIx64 "\"", policy->hash);
  record_set_json(to, "verdict", policy->verdict);
  record_set_text(to, "error", policy->error);
  record_set_number(to, "cpu_us", policy->cpu_us);
  bc_buf_add_char(to, '}');
  size_t len = policy->context == NULL ? 0 : strlen(policy->context);
  if (policy->is_cut || to->len - begin + len + sizeof ",\"context\":}\n" > BC_LIMIT_RECORD_BYTES) {
    record_set_json(to, "cut", "true");
  } else {
    record_set_json(to, "context", policy->context);
  }
}

void bc_record_print_decision(const struct bc_record_decision *decision, struct bc_buf *to) {
  size_t begin = to->len;
  record_begin(to, decision->id, decision->is_input ? BC_RECORD_INPUT : BC_RECORD_DECISION, decision->at_ms);
  record_set_text(to, "route", decision->route);
  record_set_text(to, "verdict", decision->verdict);
  record_set_text(to, "layer", decision->layer);
  record_set_text(to, "reason", decision->reason);
  record_set_text(to, "was", decision->was);
  record_set_text(to, "health", decision->health);
  record_set_text(to, "prefix", decision->prefix);
  record_set_text(to, "text", decision->text);
  record_set_json(to, "standing", decision->is_standing ? "true" : NULL);
  if (decision->revision > 0) {
    record_set_number(to, "revision", decision->revision);
  }
  record_set_checks(to, decision);
  record_set_scripts(to, decision);
  record_set_policy(to, decision->policy, begin);
  bc_buf_add(to, "}\n", 2);
}

/* ---- notes ---- */

void bc_record_print_note(const struct bc_record_note *note, struct bc_buf *to) {
  record_begin(to, note->id, note->type, note->at_ms);
  record_add_name(to, "of");
  bc_buf_add_char(to, '[');
  for (size_t i = 0; i < note->of_count; i++) {
    bc_buf_add_text(to, i == 0 ? "" : ",");
    record_add_number(to, note->of[i]);
  }
  bc_buf_add_char(to, ']');
  record_set_text(to, "neighbor", note->neighbor);
  record_set_text(to, "how", note->how);
  record_set_str(to, "text", note->text);
  bc_buf_add(to, "}\n", 2);
}
