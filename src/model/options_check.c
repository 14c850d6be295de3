#include "model/options_private.h"

#include "base/limits.h"
#include "base/mem.h"
#include "model/name.h"
#include "model/ready_made.h"

#include <stdlib.h>
#include <string.h>

void bc_option_refuse(const char *name, const json_t *value, const char *expected, struct bc_fault *fault) {
  char *found = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
  bool is_long = found != NULL && strlen(found) > OPTIONS_WORD_MAX;
  bc_fault_set(fault, 0, "%s: expected %s, found %.*s%s", name, expected, OPTIONS_WORD_MAX,
               found == NULL ? "something else" : found, is_long ? " ..." : "");
  free(found);
}

static struct bc_str option_text(const json_t *value) {
  return (struct bc_str){json_string_value(value), json_string_length(value)};
}

/* ---- check ---- */

enum bc_err bc_option_parse_check(const json_t *value, struct bc_options *out, struct bc_fault *fault) {
  out->check_is_none = json_is_string(value) && bc_str_is(option_text(value), "none");
  if (out->check_is_none) {
    return BC_ERR_OK;
  }
  const json_t *name = json_object_get(value, "use");
  if (!json_is_string(name)) {
    bc_option_refuse("check", value, "\"none\" or {\"use\": NAME, ...}", fault);
    return BC_ERR_SYNTAX;
  }
  struct bc_fault why = {0};
  const struct bc_ready_made *ready = bc_ready_made_use(BC_READY_CHECKS, value, &why);
  if (ready == NULL) {
    bc_fault_set(fault, 0, "check: %s", why.text);
    return BC_ERR_NOT_FOUND;
  }
  char *parameters = NULL;
  enum bc_err err = bc_ready_made_check(ready, value, &parameters, &why);
  if (err != BC_ERR_OK) {
    bc_fault_set(fault, 0, "check: %s: %s", ready->name, why.text);
    return err;
  }
  out->use = ready;
  out->parameters = parameters;
  return BC_ERR_OK;
}

/* ---- checks ---- */

static enum bc_err option_check_name(const json_t *value, size_t at, struct bc_fault *fault) {
  const json_t *name = json_array_get(value, at);
  if (!json_is_string(name) || !bc_name_is_valid(option_text(name), false)) {
    bc_option_refuse("checks", name, "names of checks (letters, digits, '.', '_', '-')", fault);
    return BC_ERR_SYNTAX;
  }
  for (size_t i = 0; i < at; i++) {
    if (json_equal(json_array_get(value, i), name) != 0) {
      bc_fault_set(fault, 0, "checks: %.64s is there twice", json_string_value(name));
      return BC_ERR_EXISTS;
    }
  }
  return BC_ERR_OK;
}

static void option_fill_checks(const json_t *value, struct bc_options *out) {
  size_t count = json_array_size(value);
  size_t bytes = count * sizeof(char *);
  for (size_t i = 0; i < count; i++) {
    bytes += json_string_length(json_array_get(value, i)) + 1;
  }
  out->checks = bc_mem_new(bytes, 1);
  out->check_count = (unsigned)count;
  char *at = (char *)(out->checks + count);
  for (size_t i = 0; i < count; i++) {
    struct bc_str name = option_text(json_array_get(value, i));
    out->checks[i] = memcpy(at, name.at, name.len);
    at += name.len + 1;
  }
}

enum bc_err bc_option_parse_checks(const json_t *value, struct bc_options *out, struct bc_fault *fault) {
  size_t count = json_array_size(value);
  if (!json_is_array(value)) {
    bc_option_refuse("checks", value, "an array of names of checks", fault);
    return BC_ERR_SYNTAX;
  }
  if (count > BC_LIMIT_ROUTE_CHECKS) {
    bc_fault_set(fault, 0, "checks: expected at most %d names, found %zu", BC_LIMIT_ROUTE_CHECKS, count);
    return BC_ERR_LIMIT;
  }
  for (size_t i = 0; i < count; i++) {
    enum bc_err err = option_check_name(value, i, fault);
    if (err != BC_ERR_OK) {
      return err;
    }
  }
  if (count > 0) {
    option_fill_checks(value, out);
  }
  return BC_ERR_OK;
}

/* ---- combine ---- */

enum bc_err bc_option_parse_combine(const json_t *value, struct bc_options *out, struct bc_fault *fault) {
  struct bc_str word = option_text(value);
  const json_t *at_least = json_object_get(value, "at_least");
  double number = json_number_value(at_least);
  bool is_whole = json_is_number(at_least) && number >= 1 && number <= BC_LIMIT_ROUTE_CHECKS + 1 &&
                  !(number - (unsigned)number > 0);
  if (json_is_string(value) && bc_str_is(word, "all")) {
    out->combine = BC_COMBINE_ALL;
  } else if (json_is_string(value) && bc_str_is(word, "any")) {
    out->combine = BC_COMBINE_ANY;
  } else if (is_whole && json_object_size(value) == 1) {
    out->combine = BC_COMBINE_AT_LEAST;
    out->at_least = (unsigned)number;
  } else {
    bc_option_refuse("combine", value, "\"all\", \"any\" or {\"at_least\": N}, N from 1 to the number of checks",
                     fault);
    return BC_ERR_SYNTAX;
  }
  return BC_ERR_OK;
}
