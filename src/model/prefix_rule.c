#include "model/prefix_rule.h"

#include <string.h>

enum { RULE_SHOWN_BYTES = 64 };

static int rule_shown(struct bc_str text) {
  return (int)(text.len < RULE_SHOWN_BYTES ? text.len : RULE_SHOWN_BYTES);
}

static enum bc_err rule_expected(struct bc_fault *fault, const char *subject, const char *expected,
                                 struct bc_str text) {
  bc_fault_set(fault, 0, "%s: expected %s, found \"%.*s\"", subject, expected, rule_shown(text), text.at);
  return BC_ERR_SYNTAX;
}

static enum bc_err rule_read_network(const char *subject, struct bc_str word, struct bc_prefix *prefix,
                                     struct bc_fault *fault) {
  const char *expected = "";
  enum bc_err err = bc_prefix_parse(word, prefix, &expected);
  if (err == BC_ERR_CONFLICT) {
    char network[BC_PREFIX_TEXT_BYTES];
    bc_prefix_print(prefix, network);
    bc_fault_set(fault, 0, "%s: \"%.*s\" has bits set behind its length, expected %s", subject, rule_shown(word),
                 word.at, network);
    return err;
  }
  if (err != BC_ERR_OK) {
    (void)!rule_expected(fault, subject, expected, word);
  }
  return err;
}

/* "ge 24", "le 32": `*limit` is set once. */
static enum bc_err rule_read_limit(const char *subject, struct bc_str word, struct bc_str *rest,
                                   const struct bc_prefix *prefix, int limits[static 2], struct bc_fault *fault) {
  static const char expected[] = "PREFIX, and ge LENGTH and le LENGTH once each";
  unsigned which = bc_str_is(word, "le") ? 1 : 0;
  struct bc_str digits = bc_str_next_word(rest);
  uint64_t length;
  if ((which == 0 && !bc_str_is(word, "ge")) || limits[which] >= 0) {
    return rule_expected(fault, subject, expected, word);
  }
  if (bc_str_to_u64(digits, bc_prefix_bits(prefix), &length) != BC_ERR_OK || length < prefix->length) {
    bc_fault_set(fault, 0, "%s: %s: expected a length from %u to %u, found \"%.*s\"", subject, which == 1 ? "le" : "ge",
                 prefix->length, bc_prefix_bits(prefix), rule_shown(digits), digits.at);
    return BC_ERR_RANGE;
  }
  limits[which] = (int)length;
  return BC_ERR_OK;
}

enum bc_err bc_prefix_rule_parse(const char *subject, enum bc_prefix_meaning meaning, struct bc_str text,
                                 struct bc_prefix_rule *out, struct bc_fault *fault) {
  struct bc_str rest = text;
  int limits[2] = {-1, -1}; /* ge, le */
  enum bc_err err = rule_read_network(subject, bc_str_next_word(&rest), &out->prefix, fault);
  for (struct bc_str word; err == BC_ERR_OK && (word = bc_str_next_word(&rest)).len > 0;) {
    err = rule_read_limit(subject, word, &rest, &out->prefix, limits, fault);
  }
  if (err != BC_ERR_OK) {
    return err;
  }
  /* A never-list means all that lies in its prefixes; but who names the default route means that alone. */
  bool is_short = limits[0] < 0 && limits[1] < 0;
  bool is_wide = limits[0] >= 0 || (is_short && meaning == BC_PREFIX_WITHIN) ||
                 (is_short && meaning == BC_PREFIX_NEVER && out->prefix.length > 0);
  out->least = limits[0] >= 0 ? (unsigned)limits[0] : out->prefix.length;
  out->most = limits[1] >= 0 ? (unsigned)limits[1] : is_wide ? bc_prefix_bits(&out->prefix) : out->prefix.length;
  if (out->least > out->most) {
    bc_fault_set(fault, 0, "%s: ge %u is more than le %u: nothing lies between", subject, out->least, out->most);
    return BC_ERR_RANGE;
  }
  return BC_ERR_OK;
}

bool bc_prefix_rule_holds(const struct bc_prefix_rule *rule, const struct bc_prefix *prefix, bool any_longer) {
  return bc_prefix_contains(&rule->prefix, prefix) && prefix->length >= rule->least &&
         (any_longer || prefix->length <= rule->most);
}

/* "destination-ipv4 10.0.0.0/24 …", "destination-ipv6 2001:db8::/32/0 …" */
static bool rule_read_flow(const char *rule, const char *ipv4, const char *ipv6, struct bc_prefix *to) {
  struct bc_str rest = bc_str_of(rule);
  const char *expected;
  while (rest.len > 0) {
    struct bc_str word = bc_str_next_word(&rest);
    if (!bc_str_is(word, ipv4) && !bc_str_is(word, ipv6)) {
      continue;
    }
    struct bc_str text = bc_str_next_word(&rest);
    const char *length = memchr(text.at, '/', text.len);
    const char *offset = length == NULL ? NULL : memchr(length + 1, '/', text.len - (size_t)(length + 1 - text.at));
    text.len = offset == NULL ? text.len : (size_t)(offset - text.at);
    return bc_prefix_parse(text, to, &expected) == BC_ERR_OK;
  }
  return false;
}

bool bc_prefix_of_nlri(const struct bc_nlri *nlri, struct bc_prefix *to) {
  enum bc_family family = (enum bc_family)nlri->family;
  if (bc_family_kind(family) == BC_NLRI_FLOW) {
    return rule_read_flow(nlri->rule, "destination-ipv4", "destination-ipv6", to);
  }
  *to = (struct bc_prefix){.length = nlri->length, .is_ipv6 = bc_family_is_ipv6(family)};
  if (!bc_family_has_prefix(family)) {
    return false;
  }
  memcpy(to->address, nlri->address, sizeof to->address);
  return true;
}

bool bc_prefix_of_flow_source(const struct bc_nlri *nlri, struct bc_prefix *to) {
  return bc_family_kind((enum bc_family)nlri->family) == BC_NLRI_FLOW &&
         rule_read_flow(nlri->rule, "source-ipv4", "source-ipv6", to);
}
