#include "base/limits.h"
#include "base/mem.h"
#include "model/policy_items.h"
#include "model/policy_prepend.h"
#include "model/policy_verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A verdict's attributes on a route: each member is made into the text of its value, whose words are words and nothing
 * else, so that no member can smuggle in another; the whole is then read by the route parser. */

enum { VALUE_BYTES = 65536, FOUND_BYTES = 60 };

/* The largest whole number that is exact in a double. */
static const double apply_double_max = 9007199254740992.0;

struct apply {
  struct bc_intern *intern;
  const struct bc_route *base;
  const struct bc_neighbor_name *neighbors;
  size_t neighbor_count;
  struct bc_policy_items items;
  struct bc_fault *fault;
};

/* ---- JSON to text ---- */

enum bc_err bc_policy_value_expected(struct bc_fault *fault, const char *member, const char *expected,
                                     const json_t *found) {
  char *text = json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
  bool is_long = text != NULL && strlen(text) > FOUND_BYTES;
  bc_fault_set(fault, 0, "%s: expected %s, found %.*s%s", member, expected, (int)FOUND_BYTES, text == NULL ? "" : text,
               is_long ? "..." : "");
  free(text);
  return BC_ERR_SYNTAX;
}

bool bc_policy_value_number(const json_t *value, uint64_t max, uint64_t *number) {
  if (json_is_integer(value)) {
    json_int_t integer = json_integer_value(value);
    *number = (uint64_t)integer;
    return integer >= 0 && *number <= max;
  }
  double real = json_is_real(value) ? json_real_value(value) : -1;
  if (!(real >= 0 && real <= apply_double_max) || floor(real) < real) {
    return false;
  }
  *number = (uint64_t)real;
  return *number <= max;
}

/* A number, or a text that is one word to ExaBGP whatever stands around it. */
static bool apply_add_word(const json_t *value, struct bc_buf *to) {
  uint64_t number;
  if (json_is_string(value)) {
    struct bc_str text = {.at = json_string_value(value), .len = json_string_length(value)};
    for (size_t i = 0; i < text.len; i++) {
      if (text.at[i] <= ' ' || text.at[i] > '~' || strchr("[](){},;#\"'\\", text.at[i]) != NULL) {
        return false;
      }
    }
    bc_buf_add_str(to, text);
    return text.len > 0;
  }
  if (!bc_policy_value_number(value, UINT64_MAX, &number)) {
    return false;
  }
  bc_buf_add_format(to, "%llu", (unsigned long long)number);
  return true;
}

/* An array; an empty table of Lua's is an object in JSON. */
static bool apply_is_list(const json_t *value) {
  return json_is_array(value) || (json_is_object(value) && json_object_size(value) == 0);
}

/* "[ A B ]" of an array, or of a single word. */
static bool apply_add_words(const json_t *value, struct bc_buf *to) {
  bc_buf_add_text(to, "[");
  size_t count = json_array_size(value);
  bool is_fine = apply_is_list(value);
  for (size_t i = 0; is_fine && i < count; i++) {
    bc_buf_add_char(to, ' ');
    is_fine = apply_add_word(json_array_get(value, i), to);
  }
  if (!apply_is_list(value)) {
    bc_buf_add_char(to, ' ');
    is_fine = apply_add_word(value, to);
  }
  bc_buf_add_text(to, " ]");
  return is_fine;
}

static bool apply_add_path(const json_t *value, struct bc_buf *to) {
  size_t count = json_array_size(value);
  const json_t *set = count > 0 ? json_array_get(value, count - 1) : NULL;
  bool is_fine = apply_is_list(value);
  count -= json_is_array(set) ? 1U : 0U;
  bc_buf_add_text(to, "[");
  for (size_t i = 0; is_fine && i < count; i++) {
    bc_buf_add_char(to, ' ');
    is_fine = apply_add_word(json_array_get(value, i), to);
  }
  if (json_is_array(set)) {
    bc_buf_add_text(to, " (");
    for (size_t i = 0; is_fine && i < json_array_size(set); i++) {
      bc_buf_add_char(to, ' ');
      is_fine = apply_add_word(json_array_get(set, i), to);
    }
    bc_buf_add_text(to, " )");
  }
  bc_buf_add_text(to, " ]");
  return is_fine;
}

static bool apply_add_sid(const json_t *value, struct bc_buf *to) {
  size_t count = json_array_size(value);
  bc_buf_add_text(to, "[ ");
  bool is_fine = count > 0 && apply_add_word(json_array_get(value, 0), to);
  for (size_t i = 1; is_fine && i < count; i++) {
    const json_t *range = json_array_get(value, i);
    bc_buf_add_text(to, i == 1 ? ", [ ( " : ", ( ");
    is_fine = json_array_size(range) == 2 && apply_add_word(json_array_get(range, 0), to);
    bc_buf_add_char(to, ',');
    is_fine = is_fine && apply_add_word(json_array_get(range, 1), to);
    bc_buf_add_text(to, " )");
  }
  bc_buf_add_text(to, count > 1 ? " ] ]" : " ]");
  return is_fine;
}

static const char *apply_shape_expected(const struct bc_policy_attribute *word) {
  switch (word->shape) {
  case BC_POLICY_FLAG:
    return "true or false";
  case BC_POLICY_BIG:
    return "a whole number, or a text with 0x and hexadecimal digits";
  case BC_POLICY_WORD:
    return "a text of one word";
  case BC_POLICY_AGGREGATOR:
    return "a text such as \"65000:10.0.0.1\"";
  case BC_POLICY_WORDS:
    return "an array of texts";
  case BC_POLICY_PATH:
    return "an array of AS numbers, of which the last may be an array (a set)";
  case BC_POLICY_SID:
    return "an array of a label index and arrays of base and range";
  case BC_POLICY_RECORDS:
    return "an array of arrays of code, flags and data, such as [[\"0x99\", \"0xC0\", \"0x01\"]]";
  case BC_POLICY_NUMBER:
    break;
  }
  return word->max == UINT32_MAX ? "a whole number from 0 to 4294967295"
         : word->max == 63       ? "a whole number from 0 to 63"
                                 : "a whole number from 0 to 1000000000000";
}

/* Fills `to` with the text of one value; false when it has not the shape. */
static bool apply_add_value(const struct bc_policy_attribute *word, const json_t *value, struct bc_buf *to) {
  uint64_t number;
  bool is_fine;
  switch (word->shape) {
  case BC_POLICY_FLAG:
    return json_is_true(value);
  case BC_POLICY_NUMBER:
    is_fine = bc_policy_value_number(value, word->max, &number);
    bc_buf_add_format(to, "%llu", (unsigned long long)(is_fine ? number : 0));
    return is_fine;
  case BC_POLICY_BIG:
  case BC_POLICY_WORD:
    return apply_add_word(value, to);
  case BC_POLICY_AGGREGATOR:
    bc_buf_add_text(to, "( ");
    is_fine = json_is_string(value) && apply_add_word(value, to);
    bc_buf_add_text(to, " )");
    return is_fine;
  case BC_POLICY_PATH:
    return apply_add_path(value, to);
  case BC_POLICY_SID:
    return apply_add_sid(value, to);
  case BC_POLICY_RECORDS:
    return json_array_size(value) == 3 && apply_add_words(value, to);
  case BC_POLICY_WORDS:
    break;
  }
  return apply_add_words(value, to);
}

/* ---- single members ---- */

static void apply_remove_group(struct apply *apply, const struct bc_policy_attribute *word, bool has_next_hop) {
  for (size_t i = 0; i < BC_POLICY_ATTRIBUTE_COUNT; i++) {
    if (word->group != BC_POLICY_ALONE && bc_policy_attributes[i].group == word->group) {
      bc_policy_items_remove(&apply->items, &bc_policy_attributes[i]);
    }
  }
  /* The next hop of a flow belongs to the redirect that is replaced. */
  if (word->group == BC_POLICY_REDIRECT && !has_next_hop) {
    bc_policy_items_remove(&apply->items, bc_policy_attribute_find(bc_str_of("next_hop"), BC_POLICY_IN_FLOW));
  }
}

static enum bc_err apply_set_one(struct apply *apply, const struct bc_policy_attribute *word, const json_t *value) {
  struct bc_buf text;
  bc_buf_init(&text, VALUE_BYTES);
  enum bc_err err = BC_ERR_OK;
  if (!apply_add_value(word, value, &text)) {
    err = bc_policy_value_expected(apply->fault, word->member, apply_shape_expected(word), value);
  } else if (bc_buf_status(&text) != BC_ERR_OK) {
    bc_fault_set(apply->fault, 0, "%s: too many values: they do not fit in a BGP message", word->member);
    err = BC_ERR_LIMIT;
  } else {
    bc_policy_items_add(&apply->items, word, bc_buf_take(&text));
  }
  bc_buf_free(&text);
  return err;
}

static enum bc_err apply_set(struct apply *apply, const json_t *attributes, const struct bc_policy_attribute *word,
                             const json_t *value) {
  if ((word->where & apply->items.where) == 0) {
    bool is_flow = apply->items.where == BC_POLICY_IN_FLOW;
    bc_fault_set(apply->fault, 0, "%s: %s", word->member,
                 is_flow                            ? "a flow has no such attribute"
                 : word->where == BC_POLICY_IN_FLOW ? "only a flow has it"
                                                    : "ExaBGP does not take it in 'vpls'");
    return BC_ERR_SYNTAX;
  }
  if (json_is_false(value) && apply->items.where != BC_POLICY_IN_FLOW && strcmp(word->member, "next_hop") == 0) {
    return bc_policy_value_expected(apply->fault, word->member, "\"self\" or an IP address: no route goes without",
                                    value);
  }
  bc_policy_items_remove(&apply->items, word);
  bool is_empty = word->shape == BC_POLICY_WORDS && apply_is_list(value) && json_array_size(value) == 0;
  if (json_is_false(value) || is_empty) {
    return BC_ERR_OK;
  }
  apply_remove_group(apply, word, json_object_get(attributes, "next_hop") != NULL);
  if (word->shape != BC_POLICY_RECORDS) {
    return apply_set_one(apply, word, value);
  }
  if (!apply_is_list(value)) {
    return bc_policy_value_expected(apply->fault, word->member, apply_shape_expected(word), value);
  }
  enum bc_err err = BC_ERR_OK;
  for (size_t i = 0; err == BC_ERR_OK && i < json_array_size(value); i++) {
    err = apply_set_one(apply, word, json_array_get(value, i));
  }
  return err;
}

/* ---- add_community … ---- */

/* The fault of the route parser begins with ExaBGP's word: the member's name takes its place. */
static void apply_rename_fault(struct bc_fault *fault, const char *word, const char *member) {
  struct bc_fault old;
  size_t len = strlen(word);
  if (fault != NULL && strncmp(fault->text, word, len) == 0 && fault->text[len] == ':') {
    old = *fault;
    bc_fault_set(fault, 0, "%s%s", member, old.text + len);
  } else if (fault != NULL) {
    fault->column = 0;
  }
}

/* `value`, "[ A B ]", as it would stand in a route's canonical text: owned by the caller, NULL with the fault. */
static char *apply_canonical(const struct apply *apply, const struct bc_policy_attribute *word, struct bc_str value,
                             const char *member) {
  struct bc_buf text;
  bc_buf_init(&text, VALUE_BYTES);
  bc_buf_add_format(&text, "route 0.0.0.0/0 next-hop self %s ", word->word);
  bc_buf_add_str(&text, value);
  struct bc_route probe;
  char *made = NULL;
  if (bc_route_parse(apply->intern, bc_buf_str(&text), &probe, apply->fault) == BC_ERR_OK) {
    struct bc_policy_items items;
    bc_policy_items_read(&items, BC_FAMILY_IPV4_UNICAST, probe.attributes);
    const struct bc_policy_item *item =
        bc_policy_items_find(&items, bc_policy_attribute_find(bc_str_of(word->member), BC_POLICY_IN_ROUTE));
    made = item == NULL ? bc_mem_copy_text("", 0) : bc_mem_copy_text(item->value.at, item->value.len);
    bc_policy_items_free(&items);
    bc_route_release(apply->intern, &probe);
  } else {
    apply_rename_fault(apply->fault, word->word, member);
  }
  bc_buf_free(&text);
  return made;
}

static bool apply_has_word(const char *list, struct bc_str word) {
  struct bc_str rest = bc_str_of(list);
  struct bc_str other;
  while ((other = bc_policy_items_next(&rest)).len > 0) {
    if (bc_str_equal(other, word)) {
      return true;
    }
  }
  return false;
}

/* What is there already is not there twice. */
static void apply_merge(struct apply *apply, const struct bc_policy_attribute *word, const char *had,
                        const char *added) {
  struct bc_buf text;
  bc_buf_init(&text, VALUE_BYTES * 3);
  bc_buf_add_text(&text, "[ ");
  struct bc_str rest = bc_str_of(had);
  struct bc_str one;
  while ((one = bc_policy_items_next(&rest)).len > 0) {
    bc_buf_add_str(&text, one);
    bc_buf_add_char(&text, ' ');
  }
  rest = bc_str_of(added);
  struct bc_str last = {0};
  while ((one = bc_policy_items_next(&rest)).len > 0) {
    if (!apply_has_word(had, one) && !bc_str_equal(one, last)) {
      bc_buf_add_str(&text, one);
      bc_buf_add_char(&text, ' ');
    }
    last = one;
  }
  bc_buf_add_text(&text, "]");
  bool is_empty = text.len == strlen("[ ]");
  bc_policy_items_remove(&apply->items, word);
  if (!is_empty) {
    bc_policy_items_add(&apply->items, word, bc_buf_take(&text));
  }
  bc_buf_free(&text);
}

static enum bc_err apply_add_communities(struct apply *apply, const char *member, const json_t *value) {
  struct bc_str name = bc_str_of(member + strlen("add_"));
  const struct bc_policy_attribute *word = bc_policy_attribute_find(name, apply->items.where);
  if ((word->where & apply->items.where) == 0) {
    bc_fault_set(apply->fault, 0, "%s: ExaBGP does not take it in 'vpls'", member);
    return BC_ERR_SYNTAX;
  }
  struct bc_buf text;
  bc_buf_init(&text, VALUE_BYTES);
  if (json_is_false(value)) {
    return BC_ERR_OK;
  }
  enum bc_err err = BC_ERR_OK;
  if (!apply_add_words(value, &text) || bc_buf_status(&text) != BC_ERR_OK) {
    err = bc_policy_value_expected(apply->fault, member, apply_shape_expected(word), value);
  }
  char *added = err == BC_ERR_OK ? apply_canonical(apply, word, bc_buf_str(&text), member) : NULL;
  const struct bc_policy_item *item = bc_policy_items_find(&apply->items, word);
  char *had = NULL;
  if (added != NULL) {
    had = item == NULL ? bc_mem_copy_text("", 0) : apply_canonical(apply, word, item->value, word->member);
  }
  if (had != NULL) {
    apply_merge(apply, word, had, added);
  }
  free(had);
  free(added);
  bc_buf_free(&text);
  return err != BC_ERR_OK ? err : had == NULL ? BC_ERR_SYNTAX : BC_ERR_OK;
}

/* ---- all ---- */

/* What makes a route this one, or steers ExaBGP. */
static const char *const apply_fixed[] = {
    "prefix",   "path_information",
    "rd",       "route_distinguisher",
    "label",    "neighbor",
    "nlri",     "match",
    "name",     "split",
    "watchdog", "withdraw",
    "endpoint", "base",
    "offset",   "size",
};

static enum bc_err apply_refuse_member(const struct apply *apply, const char *member) {
  for (size_t i = 0; i < sizeof apply_fixed / sizeof apply_fixed[0]; i++) {
    if (strcmp(member, apply_fixed[i]) == 0) {
      bc_fault_set(apply->fault, 0, "%s: a policy cannot change it", member);
      return BC_ERR_SYNTAX;
    }
  }
  for (size_t i = 0; i < BC_POLICY_ATTRIBUTE_COUNT; i++) {
    if (strcmp(member, bc_policy_attributes[i].word) == 0) {
      bc_fault_set(apply->fault, 0, "\"%s\": write %s", member, bc_policy_attributes[i].member);
      return BC_ERR_SYNTAX;
    }
  }
  bc_fault_set(apply->fault, 0,
               "\"%.60s\": there is no such attribute; med, community, add_community, as_path, prepend ...", member);
  return BC_ERR_SYNTAX;
}

static bool apply_is_addition(const char *member) {
  return strcmp(member, "add_community") == 0 || strcmp(member, "add_large_community") == 0 ||
         strcmp(member, "add_extended_community") == 0;
}

static enum bc_err apply_members(struct apply *apply, const json_t *attributes) {
  const char *member;
  const json_t *value;
  enum bc_err err = BC_ERR_OK;
  json_object_foreach((json_t *)attributes, member, value) {
    const struct bc_policy_attribute *word = bc_policy_attribute_find(bc_str_of(member), apply->items.where);
    if (word != NULL) {
      err = apply_set(apply, attributes, word, value);
    } else if (!apply_is_addition(member) && strcmp(member, "prepend") != 0) {
      err = apply_refuse_member(apply, member);
    }
    if (err != BC_ERR_OK) {
      return err;
    }
  }
  json_object_foreach((json_t *)attributes, member, value) {
    if (err == BC_ERR_OK && apply_is_addition(member)) {
      err = apply_add_communities(apply, member, value);
    }
  }
  const json_t *prepend = json_object_get(attributes, "prepend");
  if (err == BC_ERR_OK && prepend != NULL) {
    err = bc_policy_prepend(&apply->items, apply->base->selector, apply->neighbors, apply->neighbor_count, prepend,
                            apply->fault);
  }
  return err;
}

/* One NLRI is enough: all of a route share family and attributes. */
static enum bc_err apply_read(const struct apply *apply, struct bc_route *read) {
  struct bc_buf attributes;
  struct bc_buf text;
  bc_buf_init(&attributes, BC_LIMIT_CONFIG_BYTES);
  bc_buf_init(&text, BC_LIMIT_CONFIG_BYTES);
  bc_policy_items_print(&apply->items, &attributes);
  struct bc_route plain = {.nlri = apply->base->nlri, .attributes = attributes.data};
  bc_route_print(&plain, BC_VERB_NONE, &text);
  enum bc_err err = bc_buf_status(&attributes) == BC_ERR_OK ? bc_buf_status(&text) : BC_ERR_LIMIT;
  if (err == BC_ERR_OK) {
    err = bc_route_parse(apply->intern, bc_buf_str(&text), read, apply->fault);
    for (size_t i = 0; err != BC_ERR_OK && i < BC_POLICY_ATTRIBUTE_COUNT; i++) {
      apply_rename_fault(apply->fault, bc_policy_attributes[i].word, bc_policy_attributes[i].member);
    }
  } else {
    bc_fault_set(apply->fault, 0, "the attributes do not fit in a BGP message");
  }
  if (err == BC_ERR_OK && bc_nlri_compare(&read->nlri, &apply->base->nlri) != 0) {
    bc_route_release(apply->intern, read);
    bc_fault_set(apply->fault, 0, "the attributes would make another prefix of it");
    err = BC_ERR_SYNTAX;
  }
  bc_buf_free(&text);
  bc_buf_free(&attributes);
  return err;
}

enum bc_err bc_policy_apply(struct bc_intern *intern, const struct bc_route *base, const json_t *attributes,
                            const struct bc_neighbor_name *neighbors, size_t neighbor_count, struct bc_route *out,
                            struct bc_fault *fault) {
  if (attributes == NULL || json_object_size(attributes) == 0) {
    *out = bc_route_copy(base);
    return BC_ERR_OK;
  }
  struct apply apply = {
      .intern = intern, .base = base, .neighbors = neighbors, .neighbor_count = neighbor_count, .fault = fault};
  bc_policy_items_read(&apply.items, (enum bc_family)base->nlri.family, base->attributes);
  enum bc_err err = apply_members(&apply, attributes);
  struct bc_route read;
  if (err == BC_ERR_OK) {
    err = apply_read(&apply, &read);
  }
  if (err == BC_ERR_OK) {
    struct bc_route made = bc_route_copy(base);
    bc_intern_put(intern, made.attributes);
    made.attributes = bc_intern_ref(read.attributes);
    made.med = read.med;
    made.has_med = read.has_med;
    made.has_next_hop = read.has_next_hop;
    bc_route_release(intern, &read);
    *out = made;
  }
  bc_policy_items_free(&apply.items);
  return err;
}
