/* The canonical text of a route's attributes cut into words and values, and put together again; and which of them
 * policies know under which name. Private to src/model. */
#ifndef BC_MODEL_POLICY_ITEMS_H
#define BC_MODEL_POLICY_ITEMS_H

#include "base/buf.h"
#include "model/route.h"

#include <jansson.h>

/* What a value looks like in JSON, and in the text. */
enum bc_policy_shape {
  BC_POLICY_FLAG,       /* true: the word alone */
  BC_POLICY_NUMBER,     /* 5 */
  BC_POLICY_BIG,        /* 5, or "0x…" when a Lua number could not hold it: 0x… */
  BC_POLICY_WORD,       /* "self" */
  BC_POLICY_WORDS,      /* ["65000:1", "no-export"]: [ 65000:1 no-export ] */
  BC_POLICY_AGGREGATOR, /* "65000:10.0.0.1": ( 65000:10.0.0.1 ) */
  BC_POLICY_PATH,       /* [65000, 65001, [1, 2]]: [ 65000 65001 ( 1 2 ) ] */
  BC_POLICY_SID,        /* [5, [100, 200]]: [ 5, [ ( 100,200 ) ] ] */
  BC_POLICY_RECORDS     /* [["0x99", "0xC0", "0x01"]]: attribute [ 0x99 0xC0 0x01 ], as often as there are records */
};

/* Where a word may stand. */
enum { BC_POLICY_IN_ROUTE = 1, BC_POLICY_IN_VPLS = 2, BC_POLICY_IN_FLOW = 4 };

/* Words of one group exclude each other: one that is given takes the place of the others. */
enum bc_policy_group { BC_POLICY_ALONE, BC_POLICY_RATE, BC_POLICY_REDIRECT };

struct bc_policy_attribute {
  const char *member; /* "local_preference" */
  const char *word;   /* "local-preference" */
  enum bc_policy_shape shape;
  unsigned where;
  enum bc_policy_group group;
  uint64_t max; /* of NUMBER */
};
enum { BC_POLICY_ATTRIBUTE_COUNT = 25 };
extern const struct bc_policy_attribute bc_policy_attributes[BC_POLICY_ATTRIBUTE_COUNT];
/* The one of this member that may stand in `where`, else one that may stand elsewhere; NULL = there is none. */
const struct bc_policy_attribute *bc_policy_attribute_find(struct bc_str member, unsigned where);

struct bc_policy_item {
  const struct bc_policy_attribute *word; /* NULL: policies do not know it, it stays as it is */
  struct bc_str text;                     /* the word as it stands */
  struct bc_str value;                    /* "" for a word alone */
  char *owned;                            /* what `value` points to when it was set */
};

struct bc_policy_items {
  struct bc_policy_item *item;
  size_t count;
  size_t room;
  unsigned where; /* one of BC_POLICY_IN_… */
};

/* The items of `attributes`, the canonical text of a route of this family, which must outlive them; release with
 * bc_policy_items_free. */
void bc_policy_items_read(struct bc_policy_items *items, enum bc_family family, const char *attributes);
void bc_policy_items_free(struct bc_policy_items *items);

/* The first of this word; NULL = there is none. */
const struct bc_policy_item *bc_policy_items_find(const struct bc_policy_items *items,
                                                  const struct bc_policy_attribute *word);
void bc_policy_items_remove(struct bc_policy_items *items, const struct bc_policy_attribute *word);
/* Appends one; takes `value` over. */
void bc_policy_items_add(struct bc_policy_items *items, const struct bc_policy_attribute *word, char *value);

/* The text of all of them, as it may stand in a route's `attributes`, though not canonical. */
void bc_policy_items_print(const struct bc_policy_items *items, struct bc_buf *to);
/* All that policies know, as a JSON object of the caller's. */
json_t *bc_policy_items_list(const struct bc_policy_items *items);

/* Sets "MEMBER: expected EXPECTED, found VALUE", BC_ERR_SYNTAX. */
BC_MUST_CHECK enum bc_err bc_policy_value_expected(struct bc_fault *fault, const char *member, const char *expected,
                                                   const json_t *found);
/* A whole number up to `max`, also one that Lua had as a float; false = it is something else. */
bool bc_policy_value_number(const json_t *value, uint64_t max, uint64_t *number);

/* Takes the next word of a value such as "[ 65000:1 no-export ]" from *rest, without brackets, parentheses and commas;
 * an empty slice at the end. */
struct bc_str bc_policy_items_next(struct bc_str *rest);

#endif
