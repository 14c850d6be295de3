#include "model/policy_verdict.h"

#include "base/duration.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/policy_items.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AGAIN_LEAST_MS = 100, AGAIN_MOST_MS = 86400000 };

json_t *bc_policy_list_attributes(const struct bc_route *route) {
  struct bc_policy_items items;
  bc_policy_items_read(&items, (enum bc_family)route->nlri.family, route->attributes);
  json_t *list = bc_policy_items_list(&items);
  bc_policy_items_free(&items);
  return list;
}

static int verdict_add(const char *bytes, size_t len, void *arg) {
  bc_buf_add(arg, bytes, len);
  return 0;
}

void bc_policy_print_attributes(const struct bc_route *route, struct bc_buf *to) {
  json_t *list = bc_policy_list_attributes(route);
  (void)json_dump_callback(list, verdict_add, to, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref(list);
}

/* ---- verdicts ---- */

struct verdict_word {
  const char *text;
  enum bc_policy_kind kind;
  enum bc_verdict verdict;
  bool takes_attributes;
};

static const struct verdict_word verdict_words[] = {
    {"announce", BC_POLICY_ROUTE, BC_VERDICT_ANNOUNCE, true},
    {"withdraw", BC_POLICY_ROUTE, BC_VERDICT_WITHDRAW, false},
    {"keep", BC_POLICY_ROUTE, BC_VERDICT_KEEP, false},
    {"admit", BC_POLICY_ADMISSION, BC_VERDICT_ANNOUNCE, true},
    {"refuse", BC_POLICY_ADMISSION, BC_VERDICT_WITHDRAW, false},
};

static const struct verdict_word *verdict_find_word(const json_t *value, enum bc_policy_kind kind) {
  for (size_t i = 0; json_is_string(value) && i < sizeof verdict_words / sizeof verdict_words[0]; i++) {
    if (verdict_words[i].kind == kind && strcmp(json_string_value(value), verdict_words[i].text) == 0) {
      return &verdict_words[i];
    }
  }
  return NULL;
}

static enum bc_err verdict_read_again(const json_t *value, unsigned *again_ms, struct bc_fault *fault) {
  unsigned ms = 0;
  if (json_is_number(value)) {
    double seconds = json_number_value(value);
    ms = seconds >= 0 && seconds <= AGAIN_MOST_MS / 1000.0 ? (unsigned)lround(seconds * 1000) : 0;
  } else if (!json_is_string(value) || bc_duration_parse(bc_str_of(json_string_value(value)), &ms) != BC_ERR_OK) {
    return bc_policy_value_expected(fault, "again_in", "seconds, or a text with a unit such as \"5m\"", value);
  }
  if (ms < AGAIN_LEAST_MS || ms > AGAIN_MOST_MS) {
    (void)!bc_policy_value_expected(fault, "again_in", "0.1 to 86400 seconds", value);
    return BC_ERR_RANGE;
  }
  *again_ms = ms;
  return BC_ERR_OK;
}

/* One line: what is not printable becomes a blank, and what is too long ends between two characters. */
static char *verdict_copy_reason(const json_t *value) {
  size_t len = json_string_length(value);
  char *reason = bc_mem_copy_text(json_string_value(value), len);
  if (len >= BC_LIMIT_LUA_REASON_BYTES) {
    len = BC_LIMIT_LUA_REASON_BYTES - 1;
    while (len > 0 && ((unsigned char)reason[len] & 0xc0) == 0x80) {
      len--;
    }
    reason[len] = '\0';
  }
  for (size_t i = 0; i < len; i++) {
    bool is_control = (unsigned char)reason[i] < ' ' || reason[i] == 0x7f;
    reason[i] = is_control ? ' ' : reason[i];
  }
  return reason;
}

static enum bc_err verdict_read_member(const char *member, json_t *value, const struct verdict_word *word,
                                       struct bc_policy_verdict *to, struct bc_fault *fault) {
  if (strcmp(member, "verdict") == 0) {
    return BC_ERR_OK;
  }
  if (strcmp(member, "again_in") == 0) {
    return verdict_read_again(value, &to->again_ms, fault);
  }
  if (strcmp(member, "reason") == 0) {
    if (!json_is_string(value)) {
      return bc_policy_value_expected(fault, member, "a text", value);
    }
    to->reason = verdict_copy_reason(value);
    return BC_ERR_OK;
  }
  if (strcmp(member, "attributes") != 0) {
    bc_fault_set(fault, 0, "\"%.60s\": expected verdict, reason, again_in or attributes", member);
    return BC_ERR_SYNTAX;
  }
  if (!word->takes_attributes) {
    bc_fault_set(fault, 0, "attributes: %s takes none", word->text);
    return BC_ERR_SYNTAX;
  }
  if (!json_is_object(value)) {
    return bc_policy_value_expected(fault, member, "a table of attributes", value);
  }
  to->attributes = json_object_size(value) > 0 ? json_incref(value) : NULL;
  return BC_ERR_OK;
}

static enum bc_err verdict_read(json_t *object, enum bc_policy_kind kind, struct bc_policy_verdict *out,
                                struct bc_fault *fault) {
  struct bc_policy_verdict made = {0};
  const json_t *said = json_object_get(object, "verdict");
  const struct verdict_word *word = verdict_find_word(said, kind);
  if (word == NULL) {
    static const char *const expected[] = {"announce, withdraw or keep", "admit or refuse"};
    if (said == NULL) {
      bc_fault_set(fault, 0, "verdict: expected %s, found nothing", expected[kind]);
      return BC_ERR_SYNTAX;
    }
    return bc_policy_value_expected(fault, "verdict", expected[kind], said);
  }
  made.verdict = word->verdict;
  const char *member;
  json_t *value;
  json_object_foreach(object, member, value) {
    enum bc_err err = verdict_read_member(member, value, word, &made, fault);
    if (err != BC_ERR_OK) {
      bc_policy_verdict_free(&made);
      return err;
    }
  }
  *out = made;
  return BC_ERR_OK;
}

enum bc_err bc_policy_verdict_parse(struct bc_str text, enum bc_policy_kind kind, struct bc_policy_verdict *out,
                                    struct bc_fault *fault) {
  json_error_t error;
  json_t *object = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &error);
  if (object == NULL) {
    bc_fault_set(fault, 0, "the verdict is no JSON: %s", error.text);
    return BC_ERR_SYNTAX;
  }
  enum bc_err err = BC_ERR_SYNTAX;
  if (json_is_object(object)) {
    err = verdict_read(object, kind, out, fault);
  } else {
    bc_fault_set(fault, 0, "the verdict is no JSON object");
  }
  json_decref(object);
  return err;
}

void bc_policy_verdict_free(struct bc_policy_verdict *verdict) {
  free(verdict->reason);
  json_decref(verdict->attributes);
  *verdict = (struct bc_policy_verdict){0};
}
