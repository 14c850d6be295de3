#include "proto/http_flow.h"

#include <stdio.h>
#include <string.h>

enum { FLOW_MEMBERS = 32, FLOW_VALUES = 64, FLOW_WORD_BYTES = 256 };

static bool flow_is_name(const char *name) {
  size_t len = strlen(name);
  return len > 0 && len <= FLOW_WORD_BYTES && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* Blanks part words ("rate-limit 9600", "interface-set transitive:input:65000:1"); braces, brackets and semicolons
 * would part more. */
static bool flow_is_value(const char *text) {
  size_t len = strlen(text);
  return len > 0 && len <= FLOW_WORD_BYTES && bc_str_is_printable(bc_str_of(text)) &&
         strpbrk(text, "{}[];#\"'\\") == NULL;
}

/* Numbers are meant to be equal; a rate is no operator. */
static bool flow_add_value(const json_t *value, bool is_match, struct bc_buf *to) {
  if (json_is_integer(value) && json_integer_value(value) >= 0) {
    bc_buf_add_format(to, " %s%" JSON_INTEGER_FORMAT, is_match ? "=" : "", json_integer_value(value));
    return true;
  }
  if (json_is_string(value) && flow_is_value(json_string_value(value))) {
    bc_buf_add_format(to, " %s", json_string_value(value));
    return true;
  }
  return false;
}

static bool flow_add_list(const json_t *list, bool is_match, struct bc_buf *to) {
  size_t i;
  const json_t *value;
  size_t count = json_array_size(list);
  if (count == 0 || count > FLOW_VALUES) {
    return false;
  }
  bc_buf_add_text(to, count > 1 ? " [" : "");
  json_array_foreach(list, i, value) {
    if (!flow_add_value(value, is_match, to)) {
      return false;
    }
  }
  bc_buf_add_text(to, count > 1 ? " ]" : "");
  return true;
}

static bool flow_add_member(const char *name, const json_t *value, bool is_match, struct bc_buf *to) {
  if (!flow_is_name(name)) {
    return false;
  }
  bc_buf_add_format(to, " %s", name);
  bool is_fine = json_is_true(value)    ? true
                 : json_is_array(value) ? flow_add_list(value, is_match, to)
                                        : flow_add_value(value, is_match, to);
  bc_buf_add_char(to, ';');
  return is_fine;
}

static bool flow_add_part(const char *part, const json_t *members, bool is_match, struct bc_buf *to, char *problem,
                          size_t room) {
  const char *name;
  json_t *value;
  if (!json_is_object(members) || json_object_size(members) == 0 || json_object_size(members) > FLOW_MEMBERS) {
    (void)snprintf(problem, room, "%s: expected an object with 1 to %d members", part, (int)FLOW_MEMBERS);
    return false;
  }
  bc_buf_add_format(to, " %s {", part);
  json_object_foreach((json_t *)members, name, value) {
    if (!flow_add_member(name, value, is_match, to)) {
      (void)snprintf(problem, room, "%s.%.64s: expected a text, a number, a list of these, or true", part, name);
      return false;
    }
  }
  bc_buf_add_text(to, " }");
  return true;
}

bool bc_http_flow_print(const json_t *match, const json_t *then, struct bc_buf *to, char *problem, size_t room) {
  bc_buf_add_text(to, "flow route {");
  if (!flow_add_part("match", match, true, to, problem, room) ||
      !flow_add_part("then", then, false, to, problem, room)) {
    return false;
  }
  bc_buf_add_text(to, " }");
  if (bc_buf_status(to) != BC_ERR_OK) {
    (void)snprintf(problem, room, "the flow is too long");
    return false;
  }
  return true;
}
