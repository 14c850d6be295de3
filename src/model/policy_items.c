#include "model/policy_items.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { IN_ROUTE = BC_POLICY_IN_ROUTE, IN_VPLS = BC_POLICY_IN_VPLS, IN_FLOW = BC_POLICY_IN_FLOW };
enum { IN_ALL = IN_ROUTE | IN_VPLS | IN_FLOW, IN_BOTH = IN_ROUTE | IN_VPLS };

/* Above this a number of Lua's that came from JSON may not be exact. */
static const uint64_t items_exact_max = (uint64_t)1 << 53;

const struct bc_policy_attribute bc_policy_attributes[BC_POLICY_ATTRIBUTE_COUNT] = {
    {"next_hop", "next-hop", BC_POLICY_WORD, IN_ALL, BC_POLICY_ALONE, 0},
    {"origin", "origin", BC_POLICY_WORD, IN_BOTH, BC_POLICY_ALONE, 0},
    {"as_path", "as-path", BC_POLICY_PATH, IN_BOTH, BC_POLICY_ALONE, 0},
    {"med", "med", BC_POLICY_NUMBER, IN_BOTH, BC_POLICY_ALONE, UINT32_MAX},
    {"local_preference", "local-preference", BC_POLICY_NUMBER, IN_BOTH, BC_POLICY_ALONE, UINT32_MAX},
    {"atomic_aggregate", "atomic-aggregate", BC_POLICY_FLAG, IN_BOTH, BC_POLICY_ALONE, 0},
    {"aggregator", "aggregator", BC_POLICY_AGGREGATOR, IN_BOTH, BC_POLICY_ALONE, 0},
    {"community", "community", BC_POLICY_WORDS, IN_ALL, BC_POLICY_ALONE, 0},
    {"originator_id", "originator-id", BC_POLICY_WORD, IN_BOTH, BC_POLICY_ALONE, 0},
    {"cluster_list", "cluster-list", BC_POLICY_WORDS, IN_BOTH, BC_POLICY_ALONE, 0},
    {"extended_community", "extended-community", BC_POLICY_WORDS, IN_ALL, BC_POLICY_ALONE, 0},
    {"aigp", "aigp", BC_POLICY_BIG, IN_ROUTE, BC_POLICY_ALONE, 0},
    {"large_community", "large-community", BC_POLICY_WORDS, IN_ROUTE | IN_FLOW, BC_POLICY_ALONE, 0},
    {"bgp_prefix_sid", "bgp-prefix-sid", BC_POLICY_SID, IN_ROUTE, BC_POLICY_ALONE, 0},
    {"attribute", "attribute", BC_POLICY_RECORDS, IN_BOTH, BC_POLICY_ALONE, 0},
    {"accept", "accept", BC_POLICY_FLAG, IN_FLOW, BC_POLICY_RATE, 0},
    {"discard", "discard", BC_POLICY_FLAG, IN_FLOW, BC_POLICY_RATE, 0},
    {"rate_limit", "rate-limit", BC_POLICY_NUMBER, IN_FLOW, BC_POLICY_RATE, 1000000000000},
    {"redirect", "redirect", BC_POLICY_WORD, IN_FLOW, BC_POLICY_REDIRECT, 0},
    {"redirect_to_nexthop", "redirect-to-nexthop", BC_POLICY_FLAG, IN_FLOW, BC_POLICY_REDIRECT, 0},
    {"redirect_to_nexthop_ietf", "redirect-to-nexthop-ietf", BC_POLICY_WORD, IN_FLOW, BC_POLICY_REDIRECT, 0},
    {"copy", "copy", BC_POLICY_WORD, IN_FLOW, BC_POLICY_REDIRECT, 0},
    {"mark", "mark", BC_POLICY_NUMBER, IN_FLOW, BC_POLICY_ALONE, 63},
    {"action", "action", BC_POLICY_WORD, IN_FLOW, BC_POLICY_ALONE, 0},
    {"interface_set", "interface-set", BC_POLICY_WORDS, IN_FLOW, BC_POLICY_ALONE, 0},
};

const struct bc_policy_attribute *bc_policy_attribute_find(struct bc_str member, unsigned where) {
  const struct bc_policy_attribute *found = NULL;
  for (size_t i = 0; i < BC_POLICY_ATTRIBUTE_COUNT; i++) {
    if (bc_str_is(member, bc_policy_attributes[i].member) &&
        (found == NULL || (bc_policy_attributes[i].where & where) != 0)) {
      found = &bc_policy_attributes[i];
    }
  }
  return found;
}

static const struct bc_policy_attribute *items_word(struct bc_str text, unsigned where) {
  for (size_t i = 0; i < BC_POLICY_ATTRIBUTE_COUNT; i++) {
    if (bc_str_is(text, bc_policy_attributes[i].word) && (bc_policy_attributes[i].where & where) != 0) {
      return &bc_policy_attributes[i];
    }
  }
  return NULL;
}

/* ---- cutting ---- */

static struct bc_policy_item *items_append(struct bc_policy_items *items) {
  if (items->count == items->room) {
    items->room = items->room == 0 ? 16 : items->room * 2;
    items->item = bc_mem_resize(items->item, items->room, sizeof *items->item);
  }
  struct bc_policy_item *item = &items->item[items->count++];
  *item = (struct bc_policy_item){0};
  return item;
}

static void items_keep(struct bc_policy_items *items, struct bc_str text, struct bc_str value) {
  struct bc_policy_item *item = items_append(items);
  item->word = items_word(text, items->where);
  item->text = text;
  item->value = value;
}

/* One word, or all up to the bracket or parenthesis that closes the first. */
static struct bc_str items_take_unit(struct bc_str *rest) {
  *rest = bc_str_trim(*rest);
  struct bc_str unit = {.at = rest->at, .len = 0};
  unsigned depth = 0;
  while (unit.len < rest->len) {
    char c = rest->at[unit.len];
    if (c == ' ' && depth == 0) {
      break;
    }
    depth += c == '[' || c == '(' ? 1U : 0U;
    depth -= (c == ']' || c == ')') && depth > 0 ? 1U : 0U;
    unit.len++;
  }
  rest->at += unit.len;
  rest->len -= unit.len;
  return unit;
}

/* "med 5 atomic-aggregate community [ 1:1 2:2 ]": each word but these two has one value. */
static void items_read_words(struct bc_policy_items *items, struct bc_str rest) {
  struct bc_str text;
  while ((text = items_take_unit(&rest)).len > 0) {
    bool is_alone = bc_str_is(text, "atomic-aggregate") || bc_str_is(text, "withdraw");
    items_keep(items, text, is_alone ? (struct bc_str){.at = text.at, .len = 0} : items_take_unit(&rest));
  }
}

/* "next-hop 10.0.0.1; scope { interface-set A; } then { discard; mark 5; }" */
static void items_read_statements(struct bc_policy_items *items, struct bc_str rest) {
  static const char *const frames[] = {"scope {", "then {", "}"};
  while ((rest = bc_str_trim(rest)).len > 0) {
    size_t frame = 0;
    while (frame < sizeof frames / sizeof frames[0] && !bc_str_starts(rest, frames[frame])) {
      frame++;
    }
    if (frame < sizeof frames / sizeof frames[0]) {
      rest.at += strlen(frames[frame]);
      rest.len -= strlen(frames[frame]);
      continue;
    }
    struct bc_str statement;
    (void)bc_str_next_field(&rest, ';', &statement);
    struct bc_str text = items_take_unit(&statement);
    items_keep(items, text, bc_str_trim(statement));
  }
}

void bc_policy_items_read(struct bc_policy_items *items, enum bc_family family, const char *attributes) {
  enum bc_nlri_kind kind = bc_family_kind(family);
  *items = (struct bc_policy_items){0};
  items->where = kind == BC_NLRI_FLOW ? IN_FLOW : kind == BC_NLRI_VPLS ? IN_VPLS : IN_ROUTE;
  if (kind == BC_NLRI_FLOW) {
    items_read_statements(items, bc_str_of(attributes));
  } else {
    items_read_words(items, bc_str_of(attributes));
  }
}

void bc_policy_items_free(struct bc_policy_items *items) {
  for (size_t i = 0; i < items->count; i++) {
    free(items->item[i].owned);
  }
  free(items->item);
  *items = (struct bc_policy_items){0};
}

/* ---- changing ---- */

const struct bc_policy_item *bc_policy_items_find(const struct bc_policy_items *items,
                                                  const struct bc_policy_attribute *word) {
  for (size_t i = 0; i < items->count; i++) {
    if (items->item[i].word == word) {
      return &items->item[i];
    }
  }
  return NULL;
}

void bc_policy_items_remove(struct bc_policy_items *items, const struct bc_policy_attribute *word) {
  size_t kept = 0;
  for (size_t i = 0; i < items->count; i++) {
    if (items->item[i].word == word) {
      free(items->item[i].owned);
    } else {
      items->item[kept++] = items->item[i];
    }
  }
  items->count = kept;
}

void bc_policy_items_add(struct bc_policy_items *items, const struct bc_policy_attribute *word, char *value) {
  struct bc_policy_item *item = items_append(items);
  *item =
      (struct bc_policy_item){.word = word, .text = bc_str_of(word->word), .value = bc_str_of(value), .owned = value};
}

/* ---- putting together ---- */

static void items_print_one(const struct bc_policy_item *item, struct bc_buf *to) {
  bc_buf_add_str(to, item->text);
  if (item->value.len > 0) {
    bc_buf_add_char(to, ' ');
    bc_buf_add_str(to, item->value);
  }
}

/* Which part of a flow a word stands in. */
enum items_part { PART_HEAD, PART_SCOPE, PART_THEN };

static enum items_part items_part_of(const struct bc_policy_item *item) {
  return bc_str_is(item->text, "next-hop")        ? PART_HEAD
         : bc_str_is(item->text, "interface-set") ? PART_SCOPE
                                                  : PART_THEN;
}

static void items_print_part(const struct bc_policy_items *items, enum items_part part, const char *opening,
                             const char *closing, struct bc_buf *to) {
  bool is_open = false;
  for (size_t i = 0; i < items->count; i++) {
    if (items_part_of(&items->item[i]) == part) {
      bc_buf_add_text(to, is_open ? "" : opening);
      is_open = true;
      items_print_one(&items->item[i], to);
      bc_buf_add_text(to, "; ");
    }
  }
  bc_buf_add_text(to, is_open ? closing : "");
}

void bc_policy_items_print(const struct bc_policy_items *items, struct bc_buf *to) {
  if (items->where == IN_FLOW) {
    items_print_part(items, PART_HEAD, "", "", to);
    items_print_part(items, PART_SCOPE, "scope { ", "} ", to);
    items_print_part(items, PART_THEN, "then { ", "} ", to);
    return;
  }
  for (size_t i = 0; i < items->count; i++) {
    bc_buf_add_text(to, i > 0 ? " " : "");
    items_print_one(&items->item[i], to);
  }
}

/* ---- JSON ---- */

static bool items_is_frame(char c) {
  return c == ' ' || c == '[' || c == ']' || c == '(' || c == ')' || c == ',';
}

struct bc_str bc_policy_items_next(struct bc_str *rest) {
  while (rest->len > 0 && items_is_frame(rest->at[0])) {
    rest->at++;
    rest->len--;
  }
  struct bc_str word = {.at = rest->at, .len = 0};
  while (word.len < rest->len && !items_is_frame(rest->at[word.len])) {
    word.len++;
  }
  rest->at += word.len;
  rest->len -= word.len;
  return word;
}

static json_t *items_text(struct bc_str text) {
  return json_stringn(text.at, text.len);
}

static json_t *items_number(struct bc_str digits) {
  uint64_t number = 0;
  return bc_str_to_u64(digits, items_exact_max, &number) == BC_ERR_OK ? json_integer((json_int_t)number)
                                                                      : items_text(digits);
}

static json_t *items_big(struct bc_str hex) {
  uint64_t number = 0;
  for (size_t i = 2; i < hex.len; i++) {
    char c = hex.at[i];
    number = number << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return number <= items_exact_max ? json_integer((json_int_t)number) : items_text(hex);
}

static json_t *items_words(struct bc_str value, bool are_numbers) {
  json_t *list = json_array();
  struct bc_str word;
  while ((word = bc_policy_items_next(&value)).len > 0) {
    json_array_append_new(list, are_numbers ? items_number(word) : items_text(word));
  }
  return list;
}

/* The set is the last part, in parentheses. */
static json_t *items_path(struct bc_str value) {
  const char *set = memchr(value.at, '(', value.len);
  if (set == NULL) {
    return items_words(value, true);
  }
  size_t len = (size_t)(set - value.at);
  json_t *path = items_words((struct bc_str){.at = value.at, .len = len}, true);
  json_array_append_new(path, items_words((struct bc_str){.at = set, .len = value.len - len}, true));
  return path;
}

static json_t *items_sid(struct bc_str value) {
  json_t *sid = json_array();
  json_array_append_new(sid, items_number(bc_policy_items_next(&value)));
  struct bc_str base;
  while ((base = bc_policy_items_next(&value)).len > 0) {
    json_t *range = json_array();
    json_array_append_new(range, items_number(base));
    json_array_append_new(range, items_number(bc_policy_items_next(&value)));
    json_array_append_new(sid, range);
  }
  return sid;
}

static json_t *items_value(const struct bc_policy_item *item) {
  struct bc_str value = item->value;
  switch (item->word->shape) {
  case BC_POLICY_FLAG:
    return json_true();
  case BC_POLICY_NUMBER:
    return items_number(value);
  case BC_POLICY_BIG:
    return items_big(value);
  case BC_POLICY_WORD:
    return items_text(value);
  case BC_POLICY_AGGREGATOR:
    return items_text(bc_policy_items_next(&value));
  case BC_POLICY_PATH:
    return items_path(value);
  case BC_POLICY_SID:
    return items_sid(value);
  case BC_POLICY_WORDS:
  case BC_POLICY_RECORDS:
    break;
  }
  return items_words(value, false);
}

json_t *bc_policy_items_list(const struct bc_policy_items *items) {
  json_t *list = json_object();
  for (size_t i = 0; i < items->count; i++) {
    const struct bc_policy_item *item = &items->item[i];
    if (item->word == NULL) {
      continue;
    }
    json_t *value = items_value(item);
    if (item->word->shape != BC_POLICY_RECORDS) {
      json_object_set_new(list, item->word->member, value);
      continue;
    }
    json_t *records = json_object_get(list, item->word->member);
    if (records == NULL) {
      records = json_array();
      json_object_set_new(list, item->word->member, records);
    }
    json_array_append_new(records, value);
  }
  return list;
}
