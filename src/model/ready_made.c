#include "model/ready_made.h"

#include "base/duration.h"
#include "model/ready_made_list.h"

#include <stdlib.h>
#include <string.h>

enum { READY_DURATION_MAX_MS = 3600 * 1000, READY_SHOWN_BYTES = 40 };

static const char *const ready_nouns[] = {
#define READY_NOUN(member, folder, noun) noun,
    BC_READY_KIND_LIST(READY_NOUN)
#undef READY_NOUN
};

const struct bc_ready_made *bc_ready_made_at(enum bc_ready_kind kind, size_t index) {
  const struct bc_ready_made *ready = bc_ready_made_list;
  while (ready->name != NULL && (ready->kind != kind || index > 0)) {
    index -= ready->kind == kind ? 1 : 0;
    ready++;
  }
  return ready->name == NULL ? NULL : ready;
}

const struct bc_ready_made *bc_ready_made_find(enum bc_ready_kind kind, struct bc_str name) {
  const struct bc_ready_made *ready = bc_ready_made_list;
  while (ready->name != NULL && (ready->kind != kind || !bc_str_is(name, ready->name))) {
    ready++;
  }
  return ready->name == NULL ? NULL : ready;
}

const struct bc_ready_made *bc_ready_made_use(enum bc_ready_kind kind, const json_t *given, struct bc_fault *fault) {
  const json_t *value = json_object_get(given, "use");
  struct bc_str name = {json_string_value(value), json_string_length(value)};
  const struct bc_ready_made *found = bc_ready_made_find(kind, name);
  if (found == NULL) {
    char known[BC_FAULT_TEXT_BYTES] = "";
    const struct bc_ready_made *ready = bc_ready_made_at(kind, 0);
    for (size_t i = 0; ready != NULL; ready = bc_ready_made_at(kind, ++i)) {
      size_t used = strlen(known);
      (void)snprintf(known + used, sizeof known - used, "%s%s", used == 0 ? "" : ", ", ready->name);
    }
    bc_fault_set(fault, 0, "use: there is no ready-made %s \"%.*s\": expected %s", ready_nouns[kind],
                 (int)(name.len < READY_SHOWN_BYTES ? name.len : READY_SHOWN_BYTES), name.len == 0 ? "" : name.at,
                 known);
  }
  return found;
}

/* ---- descriptions ---- */

enum ready_type { BC_READY_TYPE_LIST(BC_ENUM_MEMBER) READY_TYPE_COUNT };

struct ready_type_text {
  const char *word, *expected;
};

static const struct ready_type_text ready_types[] = {
#define READY_TYPE_TEXT(member, word, expected) {word, expected},
    BC_READY_TYPE_LIST(READY_TYPE_TEXT)
#undef READY_TYPE_TEXT
};

static bool ready_is_literal(struct bc_str type) {
  return type.len >= 2 && type.at[0] == '"' && type.at[type.len - 1] == '"';
}

static enum ready_type ready_type_find(struct bc_str word) {
  int at = 0;
  while (at < READY_TYPE_COUNT && !bc_str_is(word, ready_types[at].word)) {
    at++;
  }
  return (enum ready_type)at;
}

/* Up to a blank (or `end`) outside of quotation marks. */
static struct bc_str ready_take_token(struct bc_str *rest, char end) {
  bool is_quoted = false;
  struct bc_str token = {rest->at, 0};
  while (token.len < rest->len && (is_quoted || (rest->at[token.len] != ' ' && rest->at[token.len] != end))) {
    is_quoted = is_quoted != (rest->at[token.len] == '"');
    token.len++;
  }
  rest->at += token.len;
  rest->len -= token.len;
  return token;
}

/* One of the types that `|` parts. */
static bool ready_next_type(struct bc_str *rest, struct bc_str *type) {
  *type = ready_take_token(rest, '|');
  if (rest->len > 0) {
    rest->at++;
    rest->len--;
  }
  return type->len > 0;
}

static bool ready_type_is_known(struct bc_str types) {
  bool is_known = types.len > 0 && types.at[types.len - 1] != '|';
  struct bc_str type;
  while (is_known && ready_next_type(&types, &type)) {
    is_known = ready_is_literal(type) || ready_type_find(type) != READY_TYPE_COUNT;
  }
  return is_known && types.len == 0;
}

/* Up to two blanks. */
static struct bc_str ready_take_flags(struct bc_str *rest) {
  struct bc_str flags = {rest->at, 0};
  while (flags.len < rest->len && !bc_str_starts((struct bc_str){rest->at + flags.len, rest->len - flags.len}, "  ")) {
    flags.len++;
  }
  rest->at += flags.len;
  rest->len -= flags.len;
  return bc_str_trim(flags);
}

/* `line` is what stands behind "-- @param ". */
static bool ready_param_read(struct bc_str line, struct bc_ready_param *param, struct bc_fault *fault) {
  struct bc_str rest = line;
  *param = (struct bc_ready_param){.name = bc_str_next_word(&rest)};
  while (rest.len > 0 && rest.at[0] == ' ') {
    rest.at++;
    rest.len--;
  }
  param->type = ready_take_token(&rest, ' ');
  struct bc_str flags = ready_take_flags(&rest);
  param->meaning = bc_str_trim(rest);
  if (bc_str_starts(flags, "=")) {
    param->fallback = bc_str_trim((struct bc_str){flags.at + 1, flags.len - 1});
  } else {
    param->is_required = bc_str_is(flags, "required");
  }
  bool is_good = param->name.len > 0 && ready_type_is_known(param->type) && param->meaning.len > 0 &&
                 (flags.len == 0 || param->is_required || param->fallback.len > 0);
  if (!is_good) {
    bc_fault_set(fault, 0, "\"" BC_STR_FMT "\": expected NAME TYPE [required] [= DEFAULT], two blanks and the meaning",
                 BC_STR_ARG(line));
  }
  return is_good;
}

bool bc_ready_param_next(struct bc_str *rest, struct bc_ready_param *param, struct bc_fault *fault) {
  static const char mark[] = "-- @param ";
  struct bc_str line;
  while (bc_str_next_field(rest, '\n', &line) && (bc_str_starts(line, "--") || bc_str_starts(line, "#!"))) {
    if (bc_str_starts(line, mark)) {
      return ready_param_read((struct bc_str){line.at + sizeof mark - 1, line.len - (sizeof mark - 1)}, param, fault);
    }
  }
  return false;
}

/* ---- values ---- */

static bool ready_is_array_of(const json_t *value, json_type type) {
  bool is_good = json_is_array(value);
  for (size_t i = 0; is_good && i < json_array_size(value); i++) {
    const json_t *element = json_array_get(value, i);
    is_good = type == JSON_STRING ? json_is_string(element) : json_is_number(element);
  }
  return is_good;
}

static bool ready_is_map(const json_t *value) {
  bool is_good = json_is_object(value);
  /* The iterators of jansson take no const, though they change nothing. */
  json_t *map = (json_t *)(uintptr_t)value;
  for (void *at = json_object_iter(map); is_good && at != NULL; at = json_object_iter_next(map, at)) {
    is_good = json_is_string(json_object_iter_value(at));
  }
  return is_good;
}

static json_t *ready_duration(const json_t *value) {
  unsigned ms = 0;
  if (json_is_string(value)) {
    struct bc_str text = {json_string_value(value), json_string_length(value)};
    bool is_good = bc_duration_parse(text, &ms) == BC_ERR_OK && ms > 0 && ms <= READY_DURATION_MAX_MS;
    return !is_good ? NULL : ms % 1000 == 0 ? json_integer(ms / 1000) : json_real(ms / 1000.0);
  }
  double seconds = json_number_value(value);
  bool is_good = json_is_number(value) && seconds > 0 && seconds <= READY_DURATION_MAX_MS / 1000.0;
  return is_good ? json_deep_copy(value) : NULL;
}

static bool ready_value_is(enum ready_type type, const json_t *value) {
  switch (type) {
  case BC_READY_STRING:
    return json_is_string(value);
  case BC_READY_NUMBER:
    return json_is_number(value);
  case BC_READY_BOOLEAN:
    return json_is_boolean(value);
  case BC_READY_NUMBERS:
    return ready_is_array_of(value, JSON_INTEGER);
  case BC_READY_STRINGS:
    return ready_is_array_of(value, JSON_STRING);
  case BC_READY_MAP:
    return ready_is_map(value);
  case BC_READY_DURATION:
  case READY_TYPE_COUNT:
    break;
  }
  return false;
}

/* What the script gets of a value of this type; NULL when it is of another one. */
static json_t *ready_value(struct bc_str type, const json_t *value) {
  if (ready_is_literal(type)) {
    struct bc_str text = {json_string_value(value), json_string_length(value)};
    bool is_same = json_is_string(value) && bc_str_equal(text, (struct bc_str){type.at + 1, type.len - 2});
    return is_same ? json_deep_copy(value) : NULL;
  }
  enum ready_type known = ready_type_find(type);
  if (known == BC_READY_DURATION) {
    return ready_duration(value);
  }
  return ready_value_is(known, value) ? json_deep_copy(value) : NULL;
}

static void ready_refuse(const struct bc_ready_param *param, const json_t *value, struct bc_fault *fault) {
  char expected[BC_FAULT_TEXT_BYTES] = "";
  struct bc_str types = param->type;
  struct bc_str type;
  while (ready_next_type(&types, &type)) {
    size_t used = strlen(expected);
    const char *between = used == 0 ? "" : " or ";
    if (ready_is_literal(type)) {
      (void)snprintf(expected + used, sizeof expected - used, "%s" BC_STR_FMT, between, BC_STR_ARG(type));
    } else {
      (void)snprintf(expected + used, sizeof expected - used, "%s%s", between,
                     ready_types[ready_type_find(type)].expected);
    }
  }
  char *found = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
  bool is_long = found != NULL && strlen(found) > READY_SHOWN_BYTES;
  bc_fault_set(fault, 0, BC_STR_FMT ": expected %s, found %.*s%s", BC_STR_ARG(param->name), expected, READY_SHOWN_BYTES,
               found == NULL ? "something else" : found, is_long ? " ..." : "");
  free(found);
}

enum bc_err bc_ready_param_check(const struct bc_ready_param *param, const json_t *value, json_t **out,
                                 struct bc_fault *fault) {
  struct bc_str types = param->type;
  struct bc_str type;
  while (ready_next_type(&types, &type)) {
    *out = ready_value(type, value);
    if (*out != NULL) {
      return BC_ERR_OK;
    }
  }
  ready_refuse(param, value, fault);
  return BC_ERR_SYNTAX;
}

/* ---- all of a check ---- */

static enum bc_err ready_check_param(const struct bc_ready_param *param, const json_t *given, json_t *made,
                                     struct bc_fault *fault) {
  const json_t *value = json_object_getn(given, param->name.at, param->name.len);
  json_t *fallback = NULL;
  if (value == NULL && param->is_required) {
    bc_fault_set(fault, 0, BC_STR_FMT ": is required: " BC_STR_FMT, BC_STR_ARG(param->name),
                 BC_STR_ARG(param->meaning));
    return BC_ERR_SYNTAX;
  }
  if (value == NULL && param->fallback.at != NULL) {
    fallback = json_loadb(param->fallback.at, param->fallback.len, JSON_DECODE_ANY, NULL);
    value = fallback;
  }
  if (value == NULL) {
    return BC_ERR_OK;
  }
  json_t *taken = NULL;
  enum bc_err err = bc_ready_param_check(param, value, &taken, fault);
  if (err == BC_ERR_OK) {
    (void)json_object_setn_new(made, param->name.at, param->name.len, taken);
  }
  json_decref(fallback);
  return err;
}

static bool ready_has_param(const struct bc_ready_made *ready, const char *name) {
  struct bc_str rest = {ready->text, ready->len};
  struct bc_ready_param param;
  bool is_known = strcmp(name, "use") == 0;
  while (!is_known && bc_ready_param_next(&rest, &param, NULL)) {
    is_known = bc_str_is(param.name, name);
  }
  return is_known;
}

static void ready_refuse_name(const struct bc_ready_made *ready, const char *name, struct bc_fault *fault) {
  char known[BC_FAULT_TEXT_BYTES] = "";
  struct bc_str rest = {ready->text, ready->len};
  struct bc_ready_param param;
  while (bc_ready_param_next(&rest, &param, NULL)) {
    size_t used = strlen(known);
    (void)snprintf(known + used, sizeof known - used, "%s" BC_STR_FMT, used == 0 ? "" : ", ", BC_STR_ARG(param.name));
  }
  bc_fault_set(fault, 0, "there is no parameter \"%.*s\": expected %s", READY_SHOWN_BYTES, name, known);
}

enum bc_err bc_ready_made_check(const struct bc_ready_made *ready, const json_t *given, char **out,
                                struct bc_fault *fault) {
  json_t *members = (json_t *)(uintptr_t)given;
  for (void *at = json_object_iter(members); at != NULL; at = json_object_iter_next(members, at)) {
    if (!ready_has_param(ready, json_object_iter_key(at))) {
      ready_refuse_name(ready, json_object_iter_key(at), fault);
      return BC_ERR_SYNTAX;
    }
  }
  json_t *made = json_object();
  struct bc_str rest = {ready->text, ready->len};
  struct bc_ready_param param;
  enum bc_err err = BC_ERR_OK;
  while (err == BC_ERR_OK && bc_ready_param_next(&rest, &param, fault)) {
    err = ready_check_param(&param, given, made, fault);
  }
  if (err == BC_ERR_OK) {
    *out = json_dumps(made, JSON_COMPACT | JSON_REAL_PRECISION(15));
  }
  json_decref(made);
  return err;
}
