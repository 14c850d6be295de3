#include "model/options_private.h"

#include "base/duration.h"
#include "base/limits.h"
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_ENV_MAX = 32, OPTIONS_ENV_NAME_BYTES = 128 };

struct bc_options bc_options_default(void) {
  return (struct bc_options){
      .interval_ms = 1000,
      .fast_interval_ms = 1000,
      .timeout_ms = 5000,
      .rise = 1,
      .fall = 2,
      .jitter_percent = 10,
      .threshold = 50,
      .combine = BC_COMBINE_ALL,
      .on_exit = BC_ON_EXIT_KEEP,
  };
}

void bc_options_release(struct bc_options *options) {
  free(options->environment);
  free(options->parameters);
  free(options->checks);
  options->environment = NULL;
  options->environment_len = 0;
  options->parameters = NULL;
  options->checks = NULL;
  options->check_count = 0;
}

static bool options_text_equal(const char *a, const char *b) {
  return bc_str_equal(bc_str_of(a), bc_str_of(b));
}

static bool options_checks_equal(const struct bc_options *a, const struct bc_options *b) {
  bool is_equal = a->check_count == b->check_count;
  for (unsigned i = 0; is_equal && i < a->check_count; i++) {
    is_equal = strcmp(a->checks[i], b->checks[i]) == 0;
  }
  return is_equal;
}

bool bc_options_equal(const struct bc_options *a, const struct bc_options *b) {
  return a->interval_ms == b->interval_ms && a->fast_interval_ms == b->fast_interval_ms &&
         a->timeout_ms == b->timeout_ms && a->has_timeout == b->has_timeout && a->rise == b->rise &&
         a->fall == b->fall && a->jitter_percent == b->jitter_percent && a->unchecked_is_fail == b->unchecked_is_fail &&
         a->on_exit == b->on_exit && a->check_is_none == b->check_is_none && a->address == b->address &&
         a->threshold == b->threshold && a->combine == b->combine && a->at_least == b->at_least && a->use == b->use &&
         options_text_equal(a->parameters, b->parameters) && options_checks_equal(a, b) &&
         bc_str_equal((struct bc_str){a->environment, a->environment_len},
                      (struct bc_str){b->environment, b->environment_len});
}

unsigned bc_options_count_checks(const struct bc_options *options, bool has_script) {
  bool has_own = !options->check_is_none && (has_script || options->use != NULL);
  return options->check_count + (has_own ? 1 : 0);
}

/* ---- members ---- */

struct option_rule {
  const char *name;
  enum bc_options_of of; /* BC_OPTIONS_OF_ROUTE: it says nothing of a check alone */
  enum bc_err (*parse)(const struct option_rule *rule, const json_t *value, struct bc_options *out,
                       struct bc_fault *fault);
  size_t offset;      /* of the unsigned member that it fills */
  unsigned min, max;  /* of that member */
  const char *expect; /* for people; for choices the words, parted by '|'; for fixed ones the JSON */
};

static enum bc_err option_refuse(const struct option_rule *rule, const json_t *value, enum bc_err err,
                                 const char *expected, struct bc_fault *fault) {
  bc_option_refuse(rule->name, value, expected, fault);
  return err;
}

static unsigned *option_field(const struct option_rule *rule, struct bc_options *out) {
  return (unsigned *)(void *)((char *)out + rule->offset);
}

static enum bc_err option_parse_duration(const struct option_rule *rule, const json_t *value, struct bc_options *out,
                                         struct bc_fault *fault) {
  unsigned ms = 0;
  enum bc_err err = BC_ERR_SYNTAX;
  if (json_is_string(value)) {
    err = bc_duration_parse((struct bc_str){json_string_value(value), json_string_length(value)}, &ms);
    if (err == BC_ERR_OK && (ms < rule->min || ms > rule->max)) {
      err = BC_ERR_RANGE;
    }
  } else if (json_is_number(value)) {
    /* Compared before it is rounded, as the schema does: 0.1999 is not 0.2. */
    double seconds = json_number_value(value);
    bool fits = seconds >= rule->min / 1000.0 && seconds <= rule->max / 1000.0;
    err = fits ? BC_ERR_OK : BC_ERR_RANGE;
    ms = fits ? (unsigned)(seconds * 1000 + 0.5) : 0;
  }
  if (err != BC_ERR_OK) {
    return option_refuse(rule, value, err, rule->expect, fault);
  }
  *option_field(rule, out) = ms;
  return BC_ERR_OK;
}

static enum bc_err option_parse_count(const struct option_rule *rule, const json_t *value, struct bc_options *out,
                                      struct bc_fault *fault) {
  if (!json_is_number(value)) {
    return option_refuse(rule, value, BC_ERR_SYNTAX, rule->expect, fault);
  }
  double number = json_number_value(value);
  if (!(number >= rule->min && number <= rule->max)) {
    return option_refuse(rule, value, BC_ERR_RANGE, rule->expect, fault);
  }
  /* 2.0 is an integer to JSON Schema, so it is one here. */
  if (number - (unsigned)number > 0) {
    return option_refuse(rule, value, BC_ERR_SYNTAX, rule->expect, fault);
  }
  *option_field(rule, out) = (unsigned)number;
  return BC_ERR_OK;
}

/* The index of a text among the words of rule->expect ("hold|fail"). */
static enum bc_err option_choose(const struct option_rule *rule, const json_t *value, unsigned *chosen,
                                 struct bc_fault *fault) {
  struct bc_str rest = bc_str_of(rule->expect);
  struct bc_str word;
  char expected[OPTIONS_WORD_MAX] = "";
  for (unsigned i = 0; bc_str_next_field(&rest, '|', &word); i++) {
    if (json_is_string(value) &&
        bc_str_equal(word, (struct bc_str){json_string_value(value), json_string_length(value)})) {
      *chosen = i;
      return BC_ERR_OK;
    }
    size_t used = strlen(expected);
    (void)snprintf(expected + used, sizeof expected - used, "%s\"" BC_STR_FMT "\"", i == 0 ? "" : " or ",
                   BC_STR_ARG(word));
  }
  return option_refuse(rule, value, BC_ERR_SYNTAX, expected, fault);
}

static enum bc_err option_parse_on_unchecked(const struct option_rule *rule, const json_t *value,
                                             struct bc_options *out, struct bc_fault *fault) {
  unsigned chosen = 0;
  enum bc_err err = option_choose(rule, value, &chosen, fault);
  out->unchecked_is_fail = chosen == 1;
  return err;
}

static enum bc_err option_parse_on_exit(const struct option_rule *rule, const json_t *value, struct bc_options *out,
                                        struct bc_fault *fault) {
  unsigned chosen = 0;
  enum bc_err err = option_choose(rule, value, &chosen, fault);
  out->on_exit = chosen == 1 ? BC_ON_EXIT_WITHDRAW : BC_ON_EXIT_KEEP;
  return err;
}

static enum bc_err option_parse_check(const struct option_rule *rule, const json_t *value, struct bc_options *out,
                                      struct bc_fault *fault) {
  (void)rule;
  return bc_option_parse_check(value, out, fault);
}

static enum bc_err option_parse_checks(const struct option_rule *rule, const json_t *value, struct bc_options *out,
                                       struct bc_fault *fault) {
  (void)rule;
  return bc_option_parse_checks(value, out, fault);
}

static enum bc_err option_parse_combine(const struct option_rule *rule, const json_t *value, struct bc_options *out,
                                        struct bc_fault *fault) {
  (void)rule;
  return bc_option_parse_combine(value, out, fault);
}

static enum bc_err option_parse_address(const struct option_rule *rule, const json_t *value, struct bc_options *out,
                                        struct bc_fault *fault) {
  unsigned chosen = 0;
  enum bc_err err = option_choose(rule, value, &chosen, fault);
  out->address = (enum bc_address_mode)chosen;
  return err;
}

/* What belongs to parts that are not built yet: a document that says the default of it keeps its
 * meaning, any other would be obeyed silently wrong. */
static enum bc_err option_parse_fixed(const struct option_rule *rule, const json_t *value, struct bc_options *out,
                                      struct bc_fault *fault) {
  (void)out;
  json_t *only = json_loads(rule->expect, JSON_DECODE_ANY, NULL);
  bool is_equal = json_is_number(only) && json_is_number(value)
                      ? !(json_number_value(only) < json_number_value(value)) &&
                            !(json_number_value(only) > json_number_value(value))
                      : json_equal(only, value) != 0;
  json_decref(only);
  if (is_equal) {
    return BC_ERR_OK;
  }
  char expected[OPTIONS_WORD_MAX + 64];
  (void)snprintf(expected, sizeof expected, "%s (nothing else is supported yet)", rule->expect);
  return option_refuse(rule, value, BC_ERR_UNSUPPORTED, expected, fault);
}

/* ---- env ---- */

static bool option_env_is_name(struct bc_str name) {
  if (name.len == 0 || name.len > OPTIONS_ENV_NAME_BYTES || (name.at[0] >= '0' && name.at[0] <= '9')) {
    return false;
  }
  for (size_t i = 0; i < name.len; i++) {
    char c = name.at[i];
    bool is_word = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (!is_word) {
      return false;
    }
  }
  return true;
}

static bool option_env_is_refused(struct bc_str name) {
  /* The first four would change how the program itself is found and started; the others are set by
   * the daemon for every run. docs/options.schema.json holds the same list. */
  static const char *const names[] = {"ENV",    "BASH_ENV", "PATH",  "IFS",   "ROUTE",
                                      "PREFIX", "NODE",     "CHECK", "STATE", "ATTEMPT"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (bc_str_is(name, names[i])) {
      return true;
    }
  }
  return bc_str_starts(name, "LD_") || bc_str_starts(name, "BGPCOMMANDER_");
}

static enum bc_err option_env_check(struct bc_str name, const json_t *value, struct bc_fault *fault) {
  if (!option_env_is_name(name)) {
    bc_fault_set(fault, 0, "env: expected names like SERVICE_PORT (letters, digits, underscore), found \"%.64s\"",
                 name.at);
    return BC_ERR_SYNTAX;
  }
  if (option_env_is_refused(name)) {
    bc_fault_set(fault, 0, "env: the name %.64s is reserved", name.at);
    return BC_ERR_REFUSED;
  }
  if (!json_is_string(value)) {
    bc_fault_set(fault, 0, "env: %.64s: expected a text", name.at);
    return BC_ERR_SYNTAX;
  }
  if (strlen(json_string_value(value)) != json_string_length(value) ||
      strpbrk(json_string_value(value), "\r\n") != NULL) {
    bc_fault_set(fault, 0, "env: %.64s: a value may not hold line breaks or NUL", name.at);
    return BC_ERR_SYNTAX;
  }
  return BC_ERR_OK;
}

static int option_env_compare(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void option_env_fill(const json_t *env, const char *const *names, size_t count, struct bc_options *out) {
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++) {
    bytes += strlen(names[i]) + 1 + json_string_length(json_object_get(env, names[i])) + 1;
  }
  free(out->environment);
  out->environment = bc_mem_new(bytes, 1);
  out->environment_len = bytes;
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    int written = snprintf(out->environment + at, bytes - at, "%s=%s", names[i],
                           json_string_value(json_object_get(env, names[i])));
    at += (size_t)written + 1;
  }
}

static enum bc_err option_parse_env(const struct option_rule *rule, const json_t *value, struct bc_options *out,
                                    struct bc_fault *fault) {
  const char *names[OPTIONS_ENV_MAX];
  size_t count = 0;
  if (!json_is_object(value)) {
    return option_refuse(rule, value, BC_ERR_SYNTAX, rule->expect, fault);
  }
  if (json_object_size(value) > OPTIONS_ENV_MAX) {
    bc_fault_set(fault, 0, "env: expected at most %d names, found %zu", OPTIONS_ENV_MAX, json_object_size(value));
    return BC_ERR_LIMIT;
  }
  /* The iterators of jansson take no const, though they change nothing. */
  json_t *env = (json_t *)(uintptr_t)value;
  for (void *at = json_object_iter(env); at != NULL; at = json_object_iter_next(env, at)) {
    const char *name = json_object_iter_key(at);
    enum bc_err err = option_env_check(bc_str_of(name), json_object_iter_value(at), fault);
    if (err != BC_ERR_OK) {
      return err;
    }
    names[count++] = name;
  }
  if (count > 0) {
    qsort(names, count, sizeof names[0], option_env_compare);
    option_env_fill(value, names, count, out);
  }
  return BC_ERR_OK;
}

/* ---- the document ---- */

#define OPTION_AT(member) offsetof(struct bc_options, member)
#define OPTION_DURATION(least) "a number of seconds or a text with a unit (\"500ms\"), at least " least

#define OPTION_ROUTE BC_OPTIONS_OF_ROUTE
#define OPTION_CHECK BC_OPTIONS_OF_CHECK

static const struct option_rule option_rules[] = {
    {"interval", OPTION_CHECK, option_parse_duration, OPTION_AT(interval_ms), 50, 86400000,
     OPTION_DURATION("50ms") ", at most 24h"},
    {"fast_interval", OPTION_CHECK, option_parse_duration, OPTION_AT(fast_interval_ms), 50, 86400000,
     OPTION_DURATION("50ms") ", at most 24h"},
    {"timeout", OPTION_CHECK, option_parse_duration, OPTION_AT(timeout_ms), 50, 3600000,
     OPTION_DURATION("50ms") ", at most 1h"},
    {"rise", OPTION_CHECK, option_parse_count, OPTION_AT(rise), 1, 100, "a whole number from 1 to 100"},
    {"fall", OPTION_CHECK, option_parse_count, OPTION_AT(fall), 1, 100, "a whole number from 1 to 100"},
    {"jitter", OPTION_CHECK, option_parse_count, OPTION_AT(jitter_percent), 0, 100,
     "a whole number of percent from 0 to 100"},
    {"threshold", OPTION_CHECK, option_parse_count, OPTION_AT(threshold), 0, 100, "a whole number from 0 to 100"},
    {"on_unchecked", OPTION_CHECK, option_parse_on_unchecked, 0, 0, 0, "hold|fail"},
    {"check", OPTION_CHECK, option_parse_check, 0, 0, 0, NULL},
    {"env", OPTION_CHECK, option_parse_env, 0, 0, 0, "an object of texts"},
    {"checks", OPTION_ROUTE, option_parse_checks, 0, 0, 0, NULL},
    {"combine", OPTION_ROUTE, option_parse_combine, 0, 0, 0, NULL},
    {"on_exit", OPTION_ROUTE, option_parse_on_exit, 0, 0, 0, "keep|withdraw"},
    {"address", OPTION_ROUTE, option_parse_address, 0, 0, 0, "ignore|require|manage"},
    {"down", OPTION_ROUTE, option_parse_fixed, 0, 0, 0, "\"withdraw\""},
    {"on_store_loss", OPTION_ROUTE, option_parse_fixed, 0, 0, 0, "\"keep\""},
    {"min_announcing", OPTION_ROUTE, option_parse_fixed, 0, 0, 0, "null"},
};

static const struct option_rule *option_rule_find(const char *name) {
  for (size_t i = 0; i < sizeof option_rules / sizeof option_rules[0]; i++) {
    if (strcmp(option_rules[i].name, name) == 0) {
      return &option_rules[i];
    }
  }
  return NULL;
}

/* What no member alone can tell. */
static enum bc_err options_judge(const struct bc_options *options, enum bc_options_of of, struct bc_fault *fault) {
  if (of == BC_OPTIONS_OF_CHECK && options->check_is_none) {
    bc_fault_set(fault, 0, "check: \"none\" is an option of a route, not of a check");
    return BC_ERR_REFUSED;
  }
  unsigned most = bc_options_count_checks(options, true);
  if (options->combine == BC_COMBINE_AT_LEAST && options->at_least > most) {
    bc_fault_set(fault, 0, "combine: at_least: expected at most %u, the number of checks, found %u", most,
                 options->at_least);
    return BC_ERR_RANGE;
  }
  return BC_ERR_OK;
}

static enum bc_err options_parse_members(json_t *root, enum bc_options_of of, struct bc_options *out,
                                         struct bc_fault *fault) {
  for (void *at = json_object_iter(root); at != NULL; at = json_object_iter_next(root, at)) {
    const struct option_rule *rule = option_rule_find(json_object_iter_key(at));
    if (rule == NULL) {
      bc_fault_set(fault, 0, "%.64s: there is no option of this name", json_object_iter_key(at));
      return BC_ERR_SYNTAX;
    }
    if (of == BC_OPTIONS_OF_CHECK && rule->of != of) {
      bc_fault_set(fault, 0, "%s: is an option of a route, not of a check", rule->name);
      return BC_ERR_REFUSED;
    }
    enum bc_err err = rule->parse(rule, json_object_iter_value(at), out, fault);
    if (err != BC_ERR_OK) {
      return err;
    }
  }
  if (json_object_get(root, "fast_interval") == NULL) {
    out->fast_interval_ms = out->interval_ms;
  }
  out->has_timeout = json_object_get(root, "timeout") != NULL;
  return options_judge(out, of, fault);
}

enum bc_err bc_options_parse(struct bc_str text, enum bc_options_of of, struct bc_options *out,
                             struct bc_fault *fault) {
  struct bc_options made = bc_options_default();
  text = bc_str_trim(text);
  if (text.len > BC_LIMIT_OPTIONS_BYTES) {
    bc_fault_set(fault, 0, "expected at most %d bytes, found %zu", BC_LIMIT_OPTIONS_BYTES, text.len);
    return BC_ERR_LIMIT;
  }
  if (text.len == 0) {
    *out = made;
    return BC_ERR_OK;
  }
  json_error_t error;
  json_t *root = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &error);
  if (root == NULL) {
    bc_fault_set(fault, 0, "not JSON: line %d: %s", error.line < 1 ? 1 : error.line, error.text);
    return BC_ERR_SYNTAX;
  }
  enum bc_err err = BC_ERR_SYNTAX;
  if (json_is_object(root)) {
    err = options_parse_members(root, of, &made, fault);
  } else {
    bc_fault_set(fault, 0, "expected a JSON object like {\"interval\": 2}, found an array");
  }
  json_decref(root);
  if (err != BC_ERR_OK) {
    bc_options_release(&made);
    return err;
  }
  *out = made;
  return BC_ERR_OK;
}
