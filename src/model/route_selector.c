#include "base/limits.h"
#include "model/address.h"
#include "model/route.h"
#include "model/route_fields.h"

#include <stdlib.h>
#include <string.h>

/* "neighbor IP [local-ip IP] …[, neighbor …]". ExaBGP compares texts with the neighbor's name, so
 * addresses stay as they are written (4.2 reactor/api/command/limit.py). */

enum selector_key { KEY_NEIGHBOR, KEY_LOCAL_IP, KEY_LOCAL_AS, KEY_PEER_AS, KEY_ROUTER_ID, KEY_FAMILIES, KEY_COUNT };

static const char *const selector_keys[] = {"neighbor", "local-ip",  "local-as",
                                            "peer-as",  "router-id", "family-allowed"};

struct selector_term {
  struct bc_str value[KEY_COUNT]; /* empty: any */
};

static enum bc_err selector_parse_as(struct bc_route_lex *lex, enum selector_key key, struct bc_str *value) {
  uint64_t number;
  enum bc_err err = bc_route_lex_number(lex, selector_keys[key], lex->token, UINT32_MAX, &number);
  *value = lex->token;
  while (value->len > 1 && value->at[0] == '0') {
    value->at++;
    value->len--;
  }
  return err;
}

static enum bc_err selector_parse_address(struct bc_route_lex *lex, enum selector_key key, struct bc_str *value) {
  uint8_t address[16];
  bool is_ipv6;
  if (bc_route_lex_is(lex, "*")) {
    return bc_route_lex_fail(lex, BC_ERR_RANGE,
                             "%s: ExaBGP 4.2.21 does not know '*'; leave the selector out to "
                             "mean all neighbors",
                             selector_keys[key]);
  }
  if (!bc_address_parse(lex->token, address, &is_ipv6) || (key == KEY_ROUTER_ID && is_ipv6)) {
    return bc_route_lex_expected(lex, selector_keys[key], key == KEY_ROUTER_ID ? "an IPv4 address" : "an IP address");
  }
  *value = lex->token;
  return BC_ERR_OK;
}

/* "ipv4-unicast" for "ipv4 unicast". */
static bool selector_names_family(struct bc_str word) {
  for (enum bc_family family = 0; family < BC_FAMILY_COUNT; family++) {
    const char *text = bc_family_text(family);
    size_t i = 0;
    while (i < word.len && text[i] != '\0' && word.at[i] == (text[i] == ' ' ? '-' : text[i])) {
      i++;
    }
    if (i == word.len && text[i] == '\0') {
      return true;
    }
  }
  return false;
}

/* No other word may pass: ExaBGP obeys its commands wherever they stand in a line (`family-allowed shutdown route …`
 * ends it). */
static enum bc_err selector_parse_families(struct bc_route_lex *lex, struct bc_str *value) {
  struct bc_str rest = lex->token;
  struct bc_str word;
  size_t families = 0;
  bool is_good = true;
  while (is_good && bc_str_next_field(&rest, '/', &word)) {
    families++;
    is_good = families <= BC_FAMILY_COUNT && selector_names_family(word);
  }
  if (!bc_str_is(lex->token, "in-open") && !(is_good && families > 0)) {
    return bc_route_lex_expected(lex, "family-allowed", "in-open or families such as ipv4-unicast/ipv6-unicast");
  }
  *value = lex->token;
  return BC_ERR_OK;
}

static enum bc_err selector_parse_value(struct bc_route_lex *lex, enum selector_key key, struct bc_str *value) {
  if (!bc_route_lex_at_word(lex)) {
    return bc_route_lex_expected(lex, selector_keys[key], "a value");
  }
  switch (key) {
  case KEY_LOCAL_AS:
  case KEY_PEER_AS:
    return selector_parse_as(lex, key, value);
  case KEY_FAMILIES:
    return selector_parse_families(lex, value);
  default:
    return selector_parse_address(lex, key, value);
  }
}

static unsigned selector_find_key(struct bc_str token) {
  unsigned key = 0;
  while (key < KEY_COUNT && !bc_str_is(token, selector_keys[key])) {
    key++;
  }
  return key;
}

static enum bc_err selector_parse_term(struct bc_route_lex *lex, struct selector_term *term) {
  if (!bc_route_lex_is(lex, selector_keys[KEY_NEIGHBOR])) {
    return bc_route_lex_expected(lex, "selector", "'neighbor'");
  }
  for (;;) {
    unsigned key = selector_find_key(lex->token);
    if (key == KEY_COUNT) {
      return BC_ERR_OK;
    }
    if (term->value[key].len > 0) {
      return bc_route_lex_fail(lex, BC_ERR_SYNTAX, "%s: given twice for one neighbor (a comma separates neighbors)",
                               selector_keys[key]);
    }
    bc_route_lex_advance(lex);
    enum bc_err err = selector_parse_value(lex, (enum selector_key)key, &term->value[key]);
    if (err != BC_ERR_OK) {
      return err;
    }
    bc_route_lex_advance(lex);
  }
}

static int selector_compare(const void *left, const void *right) {
  const struct selector_term *a = left;
  const struct selector_term *b = right;
  int order = 0;
  for (unsigned key = 0; key < KEY_COUNT && order == 0; key++) {
    order = bc_str_compare(a->value[key], b->value[key]);
  }
  return order;
}

static void selector_print(const struct selector_term *terms, size_t count, struct bc_buf *to) {
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && selector_compare(&terms[i - 1], &terms[i]) == 0) {
      continue;
    }
    bc_buf_add_text(to, i > 0 ? ", " : "");
    for (unsigned key = 0; key < KEY_COUNT; key++) {
      if (terms[i].value[key].len > 0) {
        bc_buf_add_text(to, key == KEY_NEIGHBOR ? "" : " ");
        bc_buf_add_text(to, selector_keys[key]);
        bc_buf_add_char(to, ' ');
        bc_buf_add_str(to, terms[i].value[key]);
      }
    }
  }
}

enum bc_err bc_selector_parse(struct bc_route_lex *lex, struct bc_buf *to) {
  struct selector_term terms[BC_LIMIT_NEIGHBORS];
  size_t count = 0;
  do {
    if (count == BC_LIMIT_NEIGHBORS) {
      return bc_route_lex_fail(lex, BC_ERR_LIMIT, "selector: more than %d neighbors", BC_LIMIT_NEIGHBORS);
    }
    terms[count] = (struct selector_term){0};
    enum bc_err err = selector_parse_term(lex, &terms[count]);
    if (err != BC_ERR_OK) {
      return err;
    }
    count++;
  } while (bc_route_lex_take(lex, ","));
  /* The order means nothing, so equal selectors get equal texts. */
  qsort(terms, count, sizeof terms[0], selector_compare);
  selector_print(terms, count, to);
  if (bc_buf_status(to) != BC_ERR_OK) {
    return bc_route_lex_fail(lex, BC_ERR_LIMIT, "selector: too long");
  }
  return BC_ERR_OK;
}

/* Takes the next neighbor from a canonical selector; false at its end. */
static bool selector_next_term(struct bc_str *rest, struct selector_term *term) {
  struct bc_str text;
  if (!bc_str_next_field(rest, ',', &text)) {
    return false;
  }
  *term = (struct selector_term){0};
  for (;;) {
    struct bc_str word = bc_str_next_word(&text);
    unsigned key = selector_find_key(word);
    if (key == KEY_COUNT) {
      return true;
    }
    term->value[key] = bc_str_next_word(&text);
  }
}

static bool selector_value_fits(struct bc_str value, const char *known) {
  return value.len == 0 || known[0] == '\0' || bc_str_is(value, known);
}

bool bc_selector_selects(const char *selector, const struct bc_neighbor_name *neighbor) {
  if (selector == NULL) {
    return true;
  }
  struct bc_str rest = bc_str_of(selector);
  struct selector_term term;
  while (selector_next_term(&rest, &term)) {
    if (selector_value_fits(term.value[KEY_NEIGHBOR], neighbor->ip) &&
        selector_value_fits(term.value[KEY_LOCAL_IP], neighbor->local_ip) &&
        selector_value_fits(term.value[KEY_LOCAL_AS], neighbor->local_as) &&
        selector_value_fits(term.value[KEY_PEER_AS], neighbor->peer_as) &&
        selector_value_fits(term.value[KEY_ROUTER_ID], neighbor->router_id)) {
      return true;
    }
  }
  return false;
}

static bool selector_terms_overlap(const struct selector_term *a, const struct selector_term *b) {
  for (unsigned key = 0; key < KEY_COUNT; key++) {
    if (a->value[key].len > 0 && b->value[key].len > 0 && !bc_str_equal(a->value[key], b->value[key])) {
      return false;
    }
  }
  return true;
}

bool bc_selectors_overlap(const char *a, const char *b) {
  if (a == NULL || b == NULL || a == b) {
    return true;
  }
  struct bc_str rest_a = bc_str_of(a);
  struct selector_term term_a;
  while (selector_next_term(&rest_a, &term_a)) {
    struct bc_str rest_b = bc_str_of(b);
    struct selector_term term_b;
    while (selector_next_term(&rest_b, &term_b)) {
      if (selector_terms_overlap(&term_a, &term_b)) {
        return true;
      }
    }
  }
  return false;
}
