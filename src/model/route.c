#include "model/route.h"

#include "base/limits.h"
#include "base/mem.h"
#include "model/route_flow.h"
#include "model/route_parse.h"

#include <stdlib.h>
#include <string.h>

static const char *route_ref_or_null(const char *text) {
  return text == NULL ? NULL : bc_intern_ref(text);
}

/* ---- the list behind the first NLRI ---- */

static struct bc_nlri_list *route_list_new(const struct bc_nlri *nlri, size_t count) {
  struct bc_nlri_list *list = bc_mem_new(1, sizeof *list + count * sizeof *nlri);
  list->refs = 1;
  list->count = (unsigned)count;
  for (size_t i = 0; i < count; i++) {
    list->nlri[i] = bc_nlri_ref(&nlri[i]);
  }
  return list;
}

static struct bc_nlri_list *route_list_ref(struct bc_nlri_list *list) {
  if (list != NULL) {
    list->refs++;
  }
  return list;
}

static void route_list_put(struct bc_intern *intern, struct bc_nlri_list *list) {
  if (list == NULL || --list->refs > 0) {
    return;
  }
  for (unsigned i = 0; i < list->count; i++) {
    bc_nlri_put(intern, &list->nlri[i]);
  }
  free(list);
}

/* ---- from texts ---- */

static uint8_t route_internal_words(const struct bc_route_fields *fields) {
  unsigned words = 0;
  words |= bc_route_fields_has(fields, BC_ROUTE_KEYWORD_WATCHDOG) ? BC_ROUTE_WATCHDOG : 0U;
  words |= bc_route_fields_has(fields, BC_ROUTE_KEYWORD_WITHDRAW) ? BC_ROUTE_WITHDRAW : 0U;
  return (uint8_t)words;
}

/* What is kept of a parsed text; `nlri`, `more`, `selector` and `name` are already references. */
struct route_kept {
  struct bc_nlri nlri;
  struct bc_nlri_list *more;
  const char *selector;
  const char *name;
};

static struct bc_route route_make(struct bc_intern *intern, struct bc_route_parse *parse,
                                  const struct route_kept *kept) {
  struct bc_route_fields *fields = &parse->fields;
  bc_buf_clear(&parse->text);
  (void)bc_buf_reserve(&parse->text, 255);
  if (fields->flow != NULL) {
    bc_flow_then_print(fields, &parse->text);
  } else {
    bc_route_text_print(fields, &parse->text);
  }
  bool is_unicast = kept->nlri.family == BC_FAMILY_IPV4_UNICAST || kept->nlri.family == BC_FAMILY_IPV6_UNICAST;
  uint8_t internal = route_internal_words(fields);
  return (struct bc_route){
      .nlri = kept->nlri,
      .more = kept->more,
      .med = fields->med,
      .has_med = bc_route_fields_has(fields, BC_ROUTE_KEYWORD_MED),
      .has_next_hop = bc_route_fields_has(fields, BC_ROUTE_KEYWORD_NEXT_HOP),
      .is_groupable = is_unicast && !kept->nlri.has_path_id && internal == 0,
      .is_split = parse->is_split,
      .internal = internal,
      .selector = kept->selector,
      .attributes = bc_intern_get(intern, bc_buf_str(&parse->text)),
      .name = kept->name,
  };
}

static struct bc_route route_keep(struct bc_intern *intern, struct bc_route_parse *parse) {
  struct bc_str name = parse->fields.name;
  struct route_kept kept = {
      .nlri = bc_route_parse_nlri(intern, parse),
      .more = parse->list_count > 1 ? route_list_new(parse->list + 1, parse->list_count - 1) : NULL,
      .selector = parse->selector.len > 0 ? bc_intern_get(intern, bc_buf_str(&parse->selector)) : NULL,
      .name = name.len > 0 ? bc_intern_get(intern, name) : NULL,
  };
  return route_make(intern, parse, &kept);
}

/* How a text is to be read; what reads it fills the parse. */
struct route_reading {
  enum bc_err (*read)(struct bc_route_lex *lex, struct bc_route_parse *parse, const struct route_reading *reading);
  enum bc_verb *verb;    /* of a line */
  enum bc_family family; /* of a listing */
};

static enum bc_err route_read_line(struct bc_route_lex *lex, struct bc_route_parse *parse,
                                   const struct route_reading *reading) {
  return bc_route_parse_line(lex, parse, reading->verb);
}

static enum bc_err route_read_listing(struct bc_route_lex *lex, struct bc_route_parse *parse,
                                      const struct route_reading *reading) {
  return bc_route_parse_listed(lex, parse, reading->family);
}

static enum bc_err route_read(struct bc_intern *intern, struct bc_str text, const struct route_reading *reading,
                              struct bc_route *route, struct bc_fault *fault) {
  struct bc_route_lex lex;
  enum bc_err err = bc_route_lex_init(&lex, text, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  struct bc_route_parse parse;
  bc_route_parse_init(&parse);
  err = reading->read(&lex, &parse, reading);
  if (err == BC_ERR_OK) {
    *route = route_keep(intern, &parse);
  }
  bc_route_parse_fini(&parse);
  return err;
}

enum bc_err bc_route_parse(struct bc_intern *intern, struct bc_str text, struct bc_route *route,
                           struct bc_fault *fault) {
  struct route_reading reading = {.read = route_read_line};
  return route_read(intern, text, &reading, route, fault);
}

enum bc_err bc_route_parse_command(struct bc_intern *intern, struct bc_str line, enum bc_verb *verb,
                                   struct bc_route *route, struct bc_fault *fault) {
  enum bc_verb found = BC_VERB_NONE;
  struct route_reading reading = {.read = route_read_line, .verb = &found};
  enum bc_err err = route_read(intern, line, &reading, route, fault);
  if (err == BC_ERR_OK) {
    *verb = found;
  }
  return err;
}

enum bc_err bc_route_parse_standing(struct bc_intern *intern, enum bc_family family, struct bc_str text,
                                    struct bc_route *route, struct bc_fault *fault) {
  struct route_reading reading = {.read = route_read_listing, .family = family};
  return route_read(intern, text, &reading, route, fault);
}

enum bc_err bc_route_parse_parts(struct bc_intern *intern, struct bc_str prefix, struct bc_str attributes,
                                 struct bc_route *route, struct bc_fault *fault, bool *in_prefix) {
  struct bc_route_parse parse;
  bc_route_parse_init(&parse);
  struct bc_route_lex lex;
  *in_prefix = true;
  enum bc_err err = bc_route_lex_init(&lex, prefix, fault);
  if (err == BC_ERR_OK) {
    err = bc_route_fields_parse_prefix(&lex, &parse.fields.nlri);
  }
  if (err == BC_ERR_OK && !bc_route_lex_at_end(&lex)) {
    err = bc_route_lex_expected(&lex, "prefix", "nothing behind the prefix");
  }
  if (err == BC_ERR_OK) {
    *in_prefix = false;
    err = bc_route_lex_init(&lex, attributes, fault);
  }
  if (err == BC_ERR_OK) {
    err = bc_route_parse_rest(&lex, &parse, true);
  }
  if (err == BC_ERR_OK) {
    *route = route_keep(intern, &parse);
  }
  bc_route_parse_fini(&parse);
  return err;
}

/* ---- routes ---- */

struct bc_route bc_route_copy(const struct bc_route *route) {
  struct bc_route copy = *route;
  copy.nlri = bc_nlri_ref(&route->nlri);
  copy.more = route_list_ref(route->more);
  copy.selector = route_ref_or_null(route->selector);
  copy.attributes = route_ref_or_null(route->attributes);
  copy.name = route_ref_or_null(route->name);
  return copy;
}

void bc_route_release(struct bc_intern *intern, struct bc_route *route) {
  bc_nlri_put(intern, &route->nlri);
  route_list_put(intern, route->more);
  bc_intern_put(intern, route->selector);
  bc_intern_put(intern, route->attributes);
  bc_intern_put(intern, route->name);
  *route = (struct bc_route){0};
}

size_t bc_route_nlri_count(const struct bc_route *route) {
  return route->more == NULL ? 1 : 1 + (size_t)route->more->count;
}

const struct bc_nlri *bc_route_nlri(const struct bc_route *route, size_t i) {
  return i == 0 ? &route->nlri : &route->more->nlri[i - 1];
}

struct bc_route bc_route_single(const struct bc_route *route, size_t i) {
  struct bc_route single = *route;
  single.nlri = *bc_route_nlri(route, i);
  single.more = NULL;
  single.is_split = false;
  return bc_route_copy(&single);
}

bool bc_route_equal(const struct bc_route *a, const struct bc_route *b) {
  size_t count = bc_route_nlri_count(a);
  bool is_equal = a->attributes == b->attributes && a->selector == b->selector && count == bc_route_nlri_count(b);
  for (size_t i = 0; is_equal && i < count; i++) {
    is_equal = bc_nlri_compare(bc_route_nlri(a, i), bc_route_nlri(b, i)) == 0;
  }
  return is_equal;
}

/* ---- the nudge ---- */

/* Takes the attributes of a route apart again. */
static enum bc_err route_reread(const struct bc_route *route, struct bc_route_parse *parse) {
  struct bc_route_fields *fields = &parse->fields;
  struct bc_route_lex lex;
  enum bc_err err = bc_route_lex_init(&lex, bc_str_of(route->attributes), NULL);
  enum bc_nlri_kind kind = bc_family_kind((enum bc_family)route->nlri.family);
  fields->nlri = route->nlri;
  fields->is_standing = true;
  parse->is_split = route->is_split;
  if (err != BC_ERR_OK) {
    return err;
  }
  if (kind == BC_NLRI_FLOW) {
    fields->kind = BC_ROUTE_KIND_FLOW;
    fields->flow = bc_route_flow_new();
    return bc_route_flow_parse_attributes(&lex, fields);
  }
  fields->kind = kind == BC_NLRI_VPLS ? BC_ROUTE_KIND_VPLS : BC_ROUTE_KIND_ROUTE;
  return bc_route_fields_parse(&lex, fields);
}

/* `change` alters what was read. */
static struct bc_route route_changed(struct bc_intern *intern, const struct bc_route *route,
                                     void (*change)(struct bc_route_fields *fields, uint32_t number), uint32_t number) {
  struct bc_route_parse parse;
  bc_route_parse_init(&parse);
  struct bc_route made;
  if (route_reread(route, &parse) == BC_ERR_OK) {
    struct route_kept kept = {.nlri = bc_nlri_ref(&route->nlri),
                              .more = route_list_ref(route->more),
                              .selector = route_ref_or_null(route->selector),
                              .name = route_ref_or_null(route->name)};
    change(&parse.fields, number);
    made = route_make(intern, &parse, &kept);
  } else {
    made = bc_route_copy(route); /* Cannot be: the text was printed from a parsed route. */
  }
  bc_route_parse_fini(&parse);
  return made;
}

static void route_set_med(struct bc_route_fields *fields, uint32_t med) {
  fields->med = med;
  fields->seen |= (uint32_t)1 << BC_ROUTE_KEYWORD_MED;
}

static void route_toggle_community(struct bc_route_fields *fields, uint32_t number) {
  (void)number;
  struct bc_buf *list = &fields->list[BC_ROUTE_LIST_COMMUNITY];
  static const uint8_t mark[4] = {0xff, 0xff, 0xff, 0xff};
  size_t kept = 0;
  for (size_t at = 0; at < list->len; at += sizeof mark) {
    if (memcmp(list->data + at, mark, sizeof mark) != 0) {
      memmove(list->data + kept, list->data + at, sizeof mark);
      kept += sizeof mark;
    }
  }
  bool was_there = kept < list->len;
  list->len = kept;
  if (!was_there) {
    bc_buf_add(list, mark, sizeof mark);
  }
}

struct bc_route bc_route_with_med(struct bc_intern *intern, const struct bc_route *route, uint32_t med) {
  return route_changed(intern, route, route_set_med, med);
}

struct bc_route bc_route_nudged(struct bc_intern *intern, const struct bc_route *route) {
  if (bc_family_kind((enum bc_family)route->nlri.family) == BC_NLRI_FLOW) {
    return route_changed(intern, route, route_toggle_community, 0);
  }
  uint32_t med = !route->has_med ? 1 : route->med == UINT32_MAX ? route->med - 1 : route->med + 1;
  return bc_route_with_med(intern, route, med);
}
