#include "model/address.h"
#include "model/nlri_text.h"
#include "model/route_flow.h"

#include <string.h>

/* What is to be done with the traffic of a flow. An action is an extended community, so it is kept as
 * one, and whatever community is an action is printed as that action. */

enum {
  ACTION_SAMPLE = 2,
  ACTION_TERMINAL = 1,
  MARK_MAX = 63,
  GROUP_MAX = 0x3fff,
  INTERFACE_DIRECTION_SHIFT = 14,
  TYPE_TRAFFIC = 0x80,
  /* IPv6 address specific extended community (RFC 5701), of which ExaBGP writes one. */
  CODE_EXTENDED_IPV6 = 25,
  EXTENDED_IPV6_BYTES = 20,
  GENERIC_HEAD_BYTES = 4,
};

/* ExaBGP cuts higher ones to this. */
static const uint64_t then_rate_max = 1000000000000;

/* member, the word for it, what the text says when there are two: at most one action of a group, as two would
 * contradict each other. In the order in which they are printed. */
#define THEN_ACTION_LIST(X)                                                                                            \
  X(ACTION_ACCEPT, "accept", GROUP_RATE)                                                                               \
  X(ACTION_DISCARD, "discard", GROUP_RATE)                                                                             \
  X(ACTION_RATE, "rate-limit", GROUP_RATE)                                                                             \
  X(ACTION_REDIRECT, "redirect", GROUP_REDIRECT)                                                                       \
  X(ACTION_NEXTHOP, "redirect-to-nexthop", GROUP_REDIRECT)                                                             \
  X(ACTION_IETF, "redirect-to-nexthop-ietf", GROUP_REDIRECT)                                                           \
  X(ACTION_COPY, "copy", GROUP_REDIRECT)                                                                               \
  X(ACTION_MARK, "mark", GROUP_MARK)                                                                                   \
  X(ACTION_ACTION, "action", GROUP_ACTION)                                                                             \
  X(ACTION_INTERFACES, "interface-set", GROUP_INTERFACES)

enum then_action { THEN_ACTION_LIST(BC_ENUM_MEMBER) ACTION_COUNT };

enum then_group { GROUP_RATE, GROUP_REDIRECT, GROUP_MARK, GROUP_ACTION, GROUP_INTERFACES };

static const enum then_group then_groups[] = {
#define THEN_GROUP(member, text, group) group,
    THEN_ACTION_LIST(THEN_GROUP)
#undef THEN_GROUP
};

static BC_ENUM_TEXT_FUNCTION(then_action_text, enum then_action, THEN_ACTION_LIST, "")

    static void then_put(uint8_t *to, unsigned bytes, uint64_t number) {
  for (unsigned i = bytes; i > 0; i--) {
    to[i - 1] = (uint8_t)number;
    number >>= 8;
  }
}

static uint64_t then_get(const uint8_t *from, unsigned bytes) {
  uint64_t number = 0;
  for (unsigned i = 0; i < bytes; i++) {
    number = number << 8 | from[i];
  }
  return number;
}

static float then_get_rate(const uint8_t *bytes) {
  uint32_t bits = (uint32_t)then_get(bytes + 4, 4);
  float rate;
  memcpy(&rate, &bits, sizeof rate);
  return rate;
}

/* Which action a community is; ACTION_COUNT: none. */
static enum then_action then_action_of(const uint8_t *bytes) {
  unsigned type = bytes[0];
  unsigned subtype = bytes[1];
  if (type == TYPE_TRAFFIC && subtype == 6 && then_get(bytes + 2, 2) == 0) {
    float rate = then_get_rate(bytes);
    bool is_whole = (bytes[4] & 0x80) == 0 && rate <= (float)then_rate_max && (float)(uint64_t)rate == rate;
    return !is_whole ? ACTION_COUNT : rate > 0 ? ACTION_RATE : ACTION_DISCARD;
  }
  if (type == TYPE_TRAFFIC && subtype == 7) {
    bool is_known = then_get(bytes + 2, 5) == 0 && bytes[7] >= 1 && bytes[7] <= (ACTION_SAMPLE | ACTION_TERMINAL);
    return is_known ? ACTION_ACTION : ACTION_COUNT;
  }
  if (type == TYPE_TRAFFIC && subtype == 8) {
    return ACTION_REDIRECT;
  }
  if (type == TYPE_TRAFFIC && subtype == 9) {
    return then_get(bytes + 2, 5) == 0 && bytes[7] <= MARK_MAX ? ACTION_MARK : ACTION_COUNT;
  }
  if (type == 0x08 && subtype == 0 && then_get(bytes + 2, 6) <= 1) {
    return bytes[7] == 0 ? ACTION_NEXTHOP : ACTION_COPY;
  }
  if (type == 0x01 && subtype == 0x0c && then_get(bytes + 6, 2) == 0) {
    return ACTION_IETF;
  }
  bool is_interfaces = (type == 0x07 || type == 0x47) && subtype == 2;
  return is_interfaces && bytes[6] >> 6 != 0 ? ACTION_INTERFACES : ACTION_COUNT;
}

static enum bc_err then_append(const struct bc_route_lex *lex, struct bc_route_fields *fields, unsigned type,
                               unsigned subtype, uint64_t value) {
  uint8_t bytes[8] = {(uint8_t)type, (uint8_t)subtype};
  then_put(bytes + 2, 6, value);
  return bc_route_fields_append(lex, fields, BC_ROUTE_LIST_EXTENDED, bytes, sizeof bytes);
}

/* ---- single actions; `lex` stands behind the word ---- */

static enum bc_err then_parse_rate(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  uint64_t rate;
  enum bc_err err = bc_route_lex_take_number(lex, "rate-limit", then_rate_max, &rate);
  if (err != BC_ERR_OK) {
    return err;
  }
  float value = (float)(double)rate;
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return then_append(lex, fields, TYPE_TRAFFIC, 6, bits);
}

static enum bc_err then_parse_target(struct bc_route_lex *lex, struct bc_route_fields *fields, struct bc_str as_text,
                                     struct bc_str number_text) {
  uint64_t as_number;
  uint64_t number;
  if (memchr(as_text.at, '.', as_text.len) != NULL) {
    return bc_route_lex_expected(lex, "redirect", "AS:NUMBER: ExaBGP no longer takes ADDRESS:NUMBER");
  }
  enum bc_err err = bc_route_lex_number(lex, "redirect", as_text, UINT32_MAX, &as_number);
  if (err == BC_ERR_OK && as_number > UINT16_MAX) {
    return bc_route_lex_fail(
        lex, BC_ERR_RANGE,
        "redirect: AS number %llu: ExaBGP 4.2 dies of more than 65535 when it reports what it sent, "
        "and the session with it; expected 0 to 65535",
        (unsigned long long)as_number);
  }
  if (err == BC_ERR_OK) {
    err = bc_route_lex_number(lex, "redirect", number_text, UINT32_MAX, &number);
  }
  if (err != BC_ERR_OK) {
    return err;
  }
  bc_route_lex_advance(lex);
  return then_append(lex, fields, TYPE_TRAFFIC, 8, as_number << 32 | number);
}

/* `redirect ADDRESS` and `copy ADDRESS`: the address goes where the next hop is. */
static enum bc_err then_parse_address(struct bc_route_lex *lex, struct bc_route_fields *fields, const char *subject,
                                      unsigned copy) {
  if (bc_route_fields_has(fields, BC_ROUTE_KEYWORD_NEXT_HOP)) {
    return bc_route_lex_fail(lex, BC_ERR_SYNTAX, "%s: its address is the next hop, which is given twice", subject);
  }
  if (!bc_address_parse(lex->token, fields->next_hop, &fields->is_next_hop_ipv6)) {
    return bc_route_lex_expected(lex, subject, copy != 0 ? "an IP address" : "AS:NUMBER or an IP address");
  }
  fields->next_hop_column = lex->column;
  fields->seen |= (uint32_t)1 << BC_ROUTE_KEYWORD_NEXT_HOP;
  bc_route_lex_advance(lex);
  return then_append(lex, fields, 0x08, 0, copy);
}

static enum bc_err then_parse_redirect(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  struct bc_str number = lex->token;
  struct bc_str as_text;
  bool is_target =
      bc_str_next_field(&number, ':', &as_text) && number.at != NULL && memchr(number.at, ':', number.len) == NULL;
  return is_target ? then_parse_target(lex, fields, as_text, number) : then_parse_address(lex, fields, "redirect", 0);
}

static enum bc_err then_parse_ietf(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  uint8_t address[16];
  bool is_ipv6;
  if (!bc_address_parse(lex->token, address, &is_ipv6)) {
    return bc_route_lex_expected(lex, "redirect-to-nexthop-ietf", "an IP address");
  }
  if (!is_ipv6) {
    bc_route_lex_advance(lex);
    return then_append(lex, fields, 0x01, 0x0c, then_get(address, 4) << 16);
  }
  uint8_t record[GENERIC_HEAD_BYTES + EXTENDED_IPV6_BYTES] = {CODE_EXTENDED_IPV6,  0xc0, 0,
                                                              EXTENDED_IPV6_BYTES, 0,    0x0c};
  memcpy(record + GENERIC_HEAD_BYTES + 2, address, sizeof address);
  bc_route_lex_advance(lex);
  return bc_route_fields_append(lex, fields, BC_ROUTE_LIST_GENERIC, record, sizeof record);
}

static enum bc_err then_parse_mark(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  uint64_t mark;
  enum bc_err err = bc_route_lex_take_number(lex, "mark", MARK_MAX, &mark);
  return err == BC_ERR_OK ? then_append(lex, fields, TYPE_TRAFFIC, 9, mark) : err;
}

static enum bc_err then_parse_sampling(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  static const char *const words[] = {"terminal", "sample", "sample-terminal"};
  for (unsigned i = 0; i < 3; i++) {
    if (bc_route_lex_take(lex, words[i])) {
      return then_append(lex, fields, TYPE_TRAFFIC, 7, i + 1);
    }
  }
  return bc_route_lex_expected(lex, "action", "sample, terminal or sample-terminal");
}

static enum bc_err then_parse_interface(struct bc_route_lex *lex, struct bc_route_fields *fields, bool is_listed) {
  static const char expected[] = "transitive:input:AS:GROUP (or non-transitive; or output, input-output)";
  static const char *const directions[] = {"input", "output", "input-output"};
  struct bc_str rest = lex->token;
  struct bc_str word;
  unsigned type = 0x07;
  if (!bc_str_next_field(&rest, ':', &word) || rest.at == NULL) {
    return bc_route_lex_expected(lex, "interface-set", expected);
  }
  /* ExaBGP lists both kinds alike, as interface-set:input:AS:GROUP. */
  if (bc_str_is(word, "non-transitive")) {
    type = 0x47;
  } else if (!bc_str_is(word, is_listed ? "interface-set" : "transitive")) {
    return bc_route_lex_expected(lex, "interface-set", expected);
  }
  struct bc_str as_text = {0};
  unsigned direction = 0;
  if (bc_str_next_field(&rest, ':', &word) && bc_str_next_field(&rest, ':', &as_text)) {
    while (direction < 3 && !bc_str_is(word, directions[direction])) {
      direction++;
    }
  }
  if (rest.at == NULL || direction == 3) {
    return bc_route_lex_expected(lex, "interface-set", expected);
  }
  uint64_t as_number;
  uint64_t group = 0;
  enum bc_err err = bc_route_lex_number(lex, "interface-set", as_text, UINT32_MAX, &as_number);
  if (err == BC_ERR_OK) {
    err = bc_route_lex_number(lex, "interface-set", rest, GROUP_MAX, &group);
  }
  if (err != BC_ERR_OK) {
    return err;
  }
  return then_append(lex, fields, type, 2,
                     as_number << 16 | (uint64_t)(direction + 1) << INTERFACE_DIRECTION_SHIFT | group);
}

static enum bc_err then_parse_interfaces(struct bc_route_lex *lex, struct bc_route_fields *fields) {
  bool is_list = bc_route_lex_take(lex, "[");
  do {
    enum bc_err err = then_parse_interface(lex, fields, false);
    if (err != BC_ERR_OK) {
      return err;
    }
    bc_route_lex_advance(lex);
  } while (is_list && !bc_route_lex_take(lex, "]"));
  return BC_ERR_OK;
}

static enum bc_err then_parse_action(struct bc_route_lex *lex, struct bc_route_fields *fields,
                                     enum then_action action) {
  switch (action) {
  case ACTION_DISCARD:
    return then_append(lex, fields, TYPE_TRAFFIC, 6, 0);
  case ACTION_RATE:
    return then_parse_rate(lex, fields);
  case ACTION_REDIRECT:
    return then_parse_redirect(lex, fields);
  case ACTION_NEXTHOP:
    return then_append(lex, fields, 0x08, 0, 0);
  case ACTION_IETF:
    return then_parse_ietf(lex, fields);
  case ACTION_COPY:
    return then_parse_address(lex, fields, "copy", 1);
  case ACTION_MARK:
    return then_parse_mark(lex, fields);
  case ACTION_ACTION:
    return then_parse_sampling(lex, fields);
  case ACTION_INTERFACES:
    return then_parse_interfaces(lex, fields);
  default:
    return BC_ERR_OK; /* accept: no community */
  }
}

static enum bc_err then_parse_communities(struct bc_route_lex *lex, struct bc_route_fields *fields, bool *is_action) {
  static const enum bc_route_keyword keywords[] = {BC_ROUTE_KEYWORD_COMMUNITY, BC_ROUTE_KEYWORD_LARGE_COMMUNITY,
                                                   BC_ROUTE_KEYWORD_EXTENDED_COMMUNITY};
  for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
    if (bc_route_lex_is(lex, bc_route_keyword_text(keywords[i]))) {
      enum bc_err err = bc_route_fields_mark(lex, fields, keywords[i]);
      if (err != BC_ERR_OK) {
        return err;
      }
      fields->flow->has_then = true;
      bc_route_lex_advance(lex);
      return keywords[i] == BC_ROUTE_KEYWORD_COMMUNITY         ? bc_route_community_parse(lex, fields)
             : keywords[i] == BC_ROUTE_KEYWORD_LARGE_COMMUNITY ? bc_route_community_parse_large(lex, fields)
                                                               : bc_route_community_parse_extended(lex, fields);
    }
  }
  *is_action = false;
  return BC_ERR_OK;
}

enum bc_err bc_flow_then_parse(struct bc_route_lex *lex, struct bc_route_fields *fields, bool *is_action) {
  *is_action = true;
  for (unsigned i = 0; i < ACTION_COUNT; i++) {
    if (!bc_route_lex_is(lex, then_action_text((enum then_action)i))) {
      continue;
    }
    for (unsigned other = 0; other < ACTION_COUNT; other++) {
      if ((fields->flow->actions >> other & 1U) != 0 && then_groups[other] == then_groups[i]) {
        return bc_route_lex_fail(lex, BC_ERR_SYNTAX, "%s: '%s' is given already, expected one of them",
                                 then_action_text((enum then_action)i), then_action_text((enum then_action)other));
      }
    }
    fields->flow->actions |= 1U << i;
    fields->flow->has_then = fields->flow->has_then || i != ACTION_INTERFACES;
    bc_route_lex_advance(lex);
    return then_parse_action(lex, fields, (enum then_action)i);
  }
  return then_parse_communities(lex, fields, is_action);
}

enum bc_err bc_flow_then_parse_listed(struct bc_route_lex *lex, struct bc_route_fields *fields, bool *is_known) {
  struct bc_route_lex behind = *lex;
  bc_route_lex_advance(&behind);
  *is_known = true;
  uint64_t number;
  enum bc_err err = BC_ERR_OK;
  if (bc_str_starts(lex->token, "rate-limit:")) {
    struct bc_str digits = {.at = lex->token.at + 11, .len = lex->token.len - 11};
    err = bc_route_lex_number(lex, "rate-limit", digits, then_rate_max, &number);
    float value = err == BC_ERR_OK ? (float)(double)number : 0;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return err == BC_ERR_OK ? then_append(lex, fields, TYPE_TRAFFIC, 6, bits) : err;
  }
  if (bc_str_starts(lex->token, "interface-set:")) {
    return then_parse_interface(lex, fields, true);
  }
  bool is_mark = bc_route_lex_is(lex, "mark");
  bool is_sampling = bc_route_lex_is(lex, "action");
  if (!is_mark && !is_sampling && !bc_route_lex_is(lex, "redirect-to-nexthop-ietf")) {
    *is_known = false;
    return BC_ERR_OK;
  }
  /* Two words each; the caller steps over the last one. */
  *lex = behind;
  behind = *lex;
  return is_mark       ? then_parse_mark(&behind, fields)
         : is_sampling ? then_parse_sampling(&behind, fields)
                       : then_parse_ietf(&behind, fields);
}

/* ---- what depends on the whole ---- */

static enum bc_err then_fail_at(const struct bc_route_lex *lex, size_t column, enum bc_err err, const char *text) {
  bc_fault_set(lex->fault, column, "%s", text);
  return err;
}

static enum bc_err then_check_next_hop(const struct bc_route_lex *lex, const struct bc_route_fields *fields) {
  bool is_ipv6 = bc_family_is_ipv6((enum bc_family)fields->nlri.family);
  if (!bc_route_fields_has(fields, BC_ROUTE_KEYWORD_NEXT_HOP)) {
    return BC_ERR_OK;
  }
  if (fields->has_next_hop_self) {
    return then_fail_at(lex, fields->next_hop_column, BC_ERR_RANGE,
                        "next-hop: self is refused for a flow: ExaBGP 4.2 cannot compare it and never replaces such a "
                        "flow; write the address");
  }
  if (fields->is_next_hop_ipv6 != is_ipv6) {
    return then_fail_at(lex, fields->next_hop_column, BC_ERR_RANGE,
                        is_ipv6 ? "next-hop: an IPv4 address for an IPv6 flow, expected an IPv6 address"
                                : "next-hop: an IPv6 address for an IPv4 flow, expected an IPv4 address");
  }
  return BC_ERR_OK;
}

/* Actions that came as communities count too. */
static enum bc_err then_check_communities(const struct bc_route_lex *lex, const struct bc_route_fields *fields) {
  const struct bc_buf *list = &fields->list[BC_ROUTE_LIST_EXTENDED];
  unsigned groups = fields->list[BC_ROUTE_LIST_GENERIC].len > 0 ? 1U << GROUP_REDIRECT : 0;
  groups |= (fields->flow->actions >> ACTION_ACCEPT & 1U) != 0 ? 1U << GROUP_RATE : 0;
  for (size_t at = 0; at < list->len; at += 8) {
    enum then_action action = then_action_of((const uint8_t *)list->data + at);
    if (action == ACTION_COUNT || action == ACTION_INTERFACES) {
      continue;
    }
    if ((groups >> then_groups[action] & 1U) != 0) {
      bc_fault_set(lex->fault, fields->flow->start_column,
                   "%s: there is another action of its kind, perhaps as an extended community; expected one",
                   then_action_text(action));
      return BC_ERR_SYNTAX;
    }
    groups |= 1U << then_groups[action];
    if (action == ACTION_REDIRECT && bc_route_fields_has(fields, BC_ROUTE_KEYWORD_NEXT_HOP)) {
      return then_fail_at(lex, fields->next_hop_column, BC_ERR_SYNTAX,
                          "next-hop: ExaBGP drops it beside redirect AS:NUMBER, expected one of them");
    }
    bool needs_next_hop = action == ACTION_NEXTHOP || action == ACTION_COPY;
    if (needs_next_hop && !bc_route_fields_has(fields, BC_ROUTE_KEYWORD_NEXT_HOP)) {
      return then_fail_at(lex, fields->flow->start_column, BC_ERR_SYNTAX,
                          "redirect-to-nexthop: next-hop is missing: routers would not know where to, expected "
                          "next-hop ADDRESS before match, or redirect ADDRESS");
    }
  }
  return BC_ERR_OK;
}

enum bc_err bc_flow_then_check(const struct bc_route_lex *lex, const struct bc_route_fields *fields,
                               bool needs_actions) {
  enum bc_err err = then_check_next_hop(lex, fields);
  if (err == BC_ERR_OK && needs_actions && !fields->flow->has_then) {
    return then_fail_at(lex, lex->column, BC_ERR_SYNTAX,
                        "then: actions are missing, expected then { discard; }, { rate-limit 9600; }, { accept; } ...");
  }
  return err == BC_ERR_OK ? then_check_communities(lex, fields) : err;
}

/* ---- text ---- */

static void then_print_interface(const uint8_t *bytes, struct bc_buf *to) {
  static const char *const directions[] = {":", ":input:", ":output:", ":input-output:"};
  bc_buf_add_text(to, bytes[0] == 0x47 ? "non-transitive" : "transitive");
  bc_buf_add_text(to, directions[bytes[6] >> 6]);
  bc_nlri_print_number(then_get(bytes + 2, 4), to);
  bc_buf_add_char(to, ':');
  bc_nlri_print_number(then_get(bytes + 6, 2) & GROUP_MAX, to);
}

static void then_print_value(const struct bc_route_fields *fields, enum then_action action, const uint8_t *bytes,
                             struct bc_buf *to) {
  static const char *const sampling[] = {"", "terminal", "sample", "sample-terminal"};
  switch (action) {
  case ACTION_RATE:
    bc_nlri_print_number((uint64_t)then_get_rate(bytes), to);
    break;
  case ACTION_REDIRECT:
    bc_nlri_print_number(then_get(bytes + 2, 2), to);
    bc_buf_add_char(to, ':');
    bc_nlri_print_number(then_get(bytes + 4, 4), to);
    break;
  case ACTION_IETF:
    bc_address_print(bytes + 2, false, to);
    break;
  case ACTION_COPY:
    bc_address_print(fields->next_hop, fields->is_next_hop_ipv6, to);
    break;
  case ACTION_MARK:
    bc_nlri_print_number(bytes[7], to);
    break;
  case ACTION_ACTION:
    bc_buf_add_text(to, sampling[bytes[7]]);
    break;
  default:
    break;
  }
}

/* Moves what is an action from the list of communities into statements. */
static void then_print_actions(struct bc_route_fields *fields, struct bc_buf *to) {
  struct bc_buf *list = &fields->list[BC_ROUTE_LIST_EXTENDED];
  for (unsigned i = 0; i < ACTION_INTERFACES; i++) {
    for (size_t at = 0; at < list->len; at += 8) {
      const uint8_t *bytes = (const uint8_t *)list->data + at;
      if (then_action_of(bytes) == (enum then_action)i) {
        size_t start = to->len;
        bc_buf_add_text(to, then_action_text((enum then_action)i));
        bc_buf_add_char(to, ' ');
        size_t word_end = to->len;
        then_print_value(fields, (enum then_action)i, bytes, to);
        if (to->len == word_end && to->len > start) {
          to->data[--to->len] = '\0';
        }
        bc_buf_add_text(to, "; ");
      }
    }
  }
  const struct bc_buf *generic = &fields->list[BC_ROUTE_LIST_GENERIC];
  if (generic->len > 0) {
    bc_buf_add_text(to, "redirect-to-nexthop-ietf ");
    bc_address_print((const uint8_t *)generic->data + GENERIC_HEAD_BYTES + 2, true, to);
    bc_buf_add_text(to, "; ");
  }
}

static void then_drop_actions(struct bc_buf *list) {
  size_t kept = 0;
  for (size_t at = 0; at < list->len; at += 8) {
    if (then_action_of((const uint8_t *)list->data + at) == ACTION_COUNT) {
      memmove(list->data + kept, list->data + at, 8);
      kept += 8;
    }
  }
  list->len = kept;
}

static void then_print_interfaces(const struct bc_buf *list, struct bc_buf *to) {
  unsigned count = 0;
  for (size_t at = 0; at < list->len; at += 8) {
    count += then_action_of((const uint8_t *)list->data + at) == ACTION_INTERFACES ? 1U : 0U;
  }
  if (count == 0) {
    return;
  }
  bc_buf_add_text(to, count > 1 ? "scope { interface-set [" : "scope { interface-set");
  for (size_t at = 0; at < list->len; at += 8) {
    if (then_action_of((const uint8_t *)list->data + at) == ACTION_INTERFACES) {
      bc_buf_add_char(to, ' ');
      then_print_interface((const uint8_t *)list->data + at, to);
    }
  }
  bc_buf_add_text(to, count > 1 ? " ]; } " : "; } ");
}

static void then_print_communities(struct bc_route_fields *fields, enum bc_route_keyword keyword, struct bc_buf *to) {
  size_t start = to->len;
  bc_route_community_print(fields, keyword, to);
  if (to->len > start) {
    memmove(to->data + start, to->data + start + 1, to->len - start);
    to->len--;
    bc_buf_add_text(to, "; ");
  }
}

void bc_flow_then_print(struct bc_route_fields *fields, struct bc_buf *to) {
  size_t start = to->len;
  struct bc_buf *list = &fields->list[BC_ROUTE_LIST_EXTENDED];
  bool has_copy = false;
  for (size_t at = 0; at < list->len; at += 8) {
    has_copy = has_copy || then_action_of((const uint8_t *)list->data + at) == ACTION_COPY;
  }
  if (bc_route_fields_has(fields, BC_ROUTE_KEYWORD_NEXT_HOP) && !has_copy) {
    bc_buf_add_text(to, "next-hop ");
    if (fields->has_next_hop_self) {
      bc_buf_add_text(to, "self");
    } else {
      bc_address_print(fields->next_hop, fields->is_next_hop_ipv6, to);
    }
    bc_buf_add_text(to, "; ");
  }
  bc_route_community_sort(fields, BC_ROUTE_KEYWORD_EXTENDED_COMMUNITY);
  then_print_interfaces(list, to);
  size_t before = to->len;
  bc_buf_add_text(to, "then { ");
  size_t inside = to->len;
  then_print_actions(fields, to);
  then_drop_actions(list);
  bool has_communities =
      list->len > 0 || fields->list[BC_ROUTE_LIST_COMMUNITY].len > 0 || fields->list[BC_ROUTE_LIST_LARGE].len > 0;
  if (to->len == inside && (has_communities || fields->flow->has_then)) {
    bc_buf_add_text(to, "accept; ");
  }
  then_print_communities(fields, BC_ROUTE_KEYWORD_COMMUNITY, to);
  then_print_communities(fields, BC_ROUTE_KEYWORD_EXTENDED_COMMUNITY, to);
  then_print_communities(fields, BC_ROUTE_KEYWORD_LARGE_COMMUNITY, to);
  if (to->len > inside) {
    bc_buf_add_text(to, "} ");
  } else {
    to->len = before;
    to->data[before] = '\0';
  }
  if (to->len > start) {
    to->data[--to->len] = '\0';
  }
}
