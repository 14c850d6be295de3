#include "model/egress.h"

#include "base/limits.h"
#include "base/mem.h"
#include "model/prefix.h"

#include <stdlib.h>
#include <string.h>

enum {
  EGRESS_PORT_MAX = 65535,
  EGRESS_SHOWN_BYTES = 60,
  EGRESS_CARRIED_MAX = 8,
  EGRESS_PORT_HTTP = 80,
  EGRESS_PORT_HTTPS = 443
};

struct egress_rule {
  struct bc_prefix prefix;
  uint16_t first, last; /* ports; from 0: also what has none */
  enum bc_egress_kind kind;
};

struct bc_egress {
  struct egress_rule *rules; /* the first that holds an address decides */
  size_t count;
  size_t of_file; /* DENY and ALLOW among them */
  size_t of_us;   /* ETCD and LISTENER */
};

static const char *const egress_reasons[] = {
#define EGRESS_REASON(kind, word, reason) reason,
    BC_EGRESS_LIST(EGRESS_REASON)
#undef EGRESS_REASON
};

static const struct {
  enum bc_egress_kind kind;
  const char *text;
} egress_defaults[] = {
    {BC_EGRESS_LINK_LOCAL, "169.254.0.0/16"}, {BC_EGRESS_LINK_LOCAL, "fe80::/10"}, {BC_EGRESS_MULTICAST, "224.0.0.0/4"},
    {BC_EGRESS_MULTICAST, "ff00::/8"},        {BC_EGRESS_UNSPECIFIED, "0.0.0.0"},  {BC_EGRESS_UNSPECIFIED, "::"},
    {BC_EGRESS_BROADCAST, "255.255.255.255"},
};

BC_ENUM_TEXT_FUNCTION(bc_egress_kind_text, enum bc_egress_kind, BC_EGRESS_LIST, "no kind")

/* ---- rules as text ---- */

static enum bc_err egress_read_port(struct bc_str text, uint16_t *port) {
  uint64_t number = 0;
  if (bc_str_to_u64(text, EGRESS_PORT_MAX, &number) != BC_ERR_OK || number == 0) {
    return BC_ERR_RANGE;
  }
  *port = (uint16_t)number;
  return BC_ERR_OK;
}

/* "80" or "80-90". */
static enum bc_err egress_read_ports(struct bc_str text, struct egress_rule *rule) {
  struct bc_str first = {0};
  struct bc_str rest = text;
  (void)bc_str_next_field(&rest, '-', &first);
  if (egress_read_port(first, &rule->first) != BC_ERR_OK) {
    return BC_ERR_RANGE;
  }
  rule->last = rule->first;
  if (rest.at != NULL && (egress_read_port(rest, &rule->last) != BC_ERR_OK || rule->last < rule->first)) {
    return BC_ERR_RANGE;
  }
  return BC_ERR_OK;
}

static const char *egress_find(struct bc_str text, char c) {
  return text.len == 0 ? NULL : memchr(text.at, c, text.len);
}

static struct bc_str egress_from(struct bc_str text, const char *at) {
  return (struct bc_str){.at = at, .len = text.len - (size_t)(at - text.at)};
}

/* The colon before the ports; NULL = none. Without brackets it is the only one, or behind the length. */
static const char *egress_find_ports(struct bc_str text) {
  const char *slash = egress_find(text, '/');
  const char *colon = egress_find(slash == NULL ? text : egress_from(text, slash), ':');
  if (slash != NULL || colon == NULL) {
    return colon;
  }
  return egress_find(egress_from(text, colon + 1), ':') == NULL ? colon : NULL;
}

/* Cuts the rule's text in two; *ports without `at` when there are none. */
static bool egress_split(struct bc_str text, struct bc_str *prefix, struct bc_str *ports) {
  const char *colon;
  *ports = (struct bc_str){0};
  *prefix = text;
  if (text.len > 0 && text.at[0] == '[') {
    const char *close = egress_find(text, ']');
    if (close == NULL) {
      return false;
    }
    *prefix = (struct bc_str){.at = text.at + 1, .len = (size_t)(close - text.at) - 1};
    colon = close + 1 == text.at + text.len ? NULL : close + 1;
    if (egress_find(*prefix, ':') == NULL || (colon != NULL && *colon != ':')) {
      return false;
    }
  } else {
    colon = egress_find_ports(text);
    prefix->len = colon == NULL ? text.len : (size_t)(colon - text.at);
  }
  if (colon != NULL) {
    *ports = egress_from(text, colon + 1);
  }
  return true;
}

static enum bc_err egress_parse(struct bc_str text, struct egress_rule *rule, struct bc_fault *fault) {
  const char *expected = "PREFIX, PREFIX:PORT or PREFIX:PORT-PORT such as 10.0.0.0/8:80-90 or [2001:db8::/32]:443";
  struct bc_str prefix;
  struct bc_str ports;
  int shown = (int)(text.len < EGRESS_SHOWN_BYTES ? text.len : EGRESS_SHOWN_BYTES);
  enum bc_err err = BC_ERR_SYNTAX;
  *rule = (struct egress_rule){.last = EGRESS_PORT_MAX};
  if (egress_split(text, &prefix, &ports)) {
    err = bc_prefix_parse(prefix, &rule->prefix, &expected);
  }
  if (err == BC_ERR_CONFLICT) {
    char network[BC_PREFIX_TEXT_BYTES];
    bc_prefix_print(&rule->prefix, network);
    bc_fault_set(fault, 0, "expected no host bits, as in %s, found \"%.*s\"", network, shown, text.at);
    return err;
  }
  if (err == BC_ERR_OK && ports.at != NULL) {
    expected = "a port or PORT-PORT from 1 to 65535 behind the prefix";
    err = egress_read_ports(ports, rule);
  }
  if (err != BC_ERR_OK) {
    bc_fault_set(fault, 0, "expected %s, found \"%.*s\"", expected, shown, shown == 0 ? "" : text.at);
  }
  return err;
}

static void egress_print_rule(const struct egress_rule *rule, struct bc_buf *to) {
  char prefix[BC_PREFIX_TEXT_BYTES];
  if (rule->prefix.length == bc_prefix_bits(&rule->prefix)) {
    bc_prefix_print_address(rule->prefix.address, rule->prefix.is_ipv6, prefix);
  } else {
    bc_prefix_print(&rule->prefix, prefix);
  }
  if (rule->first == 0) {
    bc_buf_add_text(to, prefix);
    return;
  }
  bc_buf_add_format(to, rule->prefix.is_ipv6 ? "[%s]:%u" : "%s:%u", prefix, rule->first);
  if (rule->last != rule->first) {
    bc_buf_add_format(to, "-%u", rule->last);
  }
}

/* ---- the list of rules ---- */

/* Negative: a decides before b. */
static int egress_compare(const struct egress_rule *a, const struct egress_rule *b) {
  if (a->prefix.length != b->prefix.length) {
    return a->prefix.length > b->prefix.length ? -1 : 1;
  }
  int ports_a = a->last - a->first;
  int ports_b = b->last - b->first;
  if (ports_a != ports_b) {
    return ports_a < ports_b ? -1 : 1;
  }
  if (a->kind != b->kind) {
    return a->kind < b->kind ? -1 : 1;
  }
  int order = bc_prefix_compare(&a->prefix, &b->prefix);
  return order != 0 ? order : a->first - b->first;
}

static enum bc_err egress_insert(struct bc_egress *egress, const struct egress_rule *rule, struct bc_fault *fault) {
  size_t at = 0;
  while (at < egress->count && egress_compare(&egress->rules[at], rule) < 0) {
    at++;
  }
  if (at < egress->count && egress_compare(&egress->rules[at], rule) == 0) {
    return BC_ERR_OK;
  }
  size_t none = 0;
  size_t *counted = rule->kind <= BC_EGRESS_ALLOW ? &egress->of_file : &none;
  if (rule->kind == BC_EGRESS_ETCD || rule->kind == BC_EGRESS_LISTENER) {
    counted = &egress->of_us;
  }
  if (*counted >= BC_LIMIT_EGRESS_RULES) {
    bc_fault_set(fault, 0, "expected at most %d egress rules", (int)BC_LIMIT_EGRESS_RULES);
    return BC_ERR_LIMIT;
  }
  (*counted)++;
  egress->rules = bc_mem_resize(egress->rules, egress->count + 1, sizeof *egress->rules);
  memmove(&egress->rules[at + 1], &egress->rules[at], (egress->count - at) * sizeof *egress->rules);
  egress->rules[at] = *rule;
  egress->count++;
  return BC_ERR_OK;
}

struct bc_egress *bc_egress_new(void) {
  struct bc_egress *egress = bc_mem_new(1, sizeof *egress);
  for (size_t i = 0; i < sizeof egress_defaults / sizeof egress_defaults[0]; i++) {
    struct egress_rule rule;
    if (egress_parse(bc_str_of(egress_defaults[i].text), &rule, NULL) != BC_ERR_OK) {
      abort();
    }
    rule.kind = egress_defaults[i].kind;
    if (egress_insert(egress, &rule, NULL) != BC_ERR_OK) {
      abort();
    }
  }
  return egress;
}

void bc_egress_free(struct bc_egress *egress) {
  if (egress != NULL) {
    free(egress->rules);
    free(egress);
  }
}

static bool egress_is_loopback(const struct bc_prefix *prefix) {
  static const uint8_t ipv6[16] = {[15] = 1};
  return prefix->is_ipv6 ? prefix->length == 128 && memcmp(prefix->address, ipv6, sizeof ipv6) == 0
                         : prefix->length >= 8 && prefix->address[0] == 127;
}

enum bc_err bc_egress_add(struct bc_egress *egress, enum bc_egress_kind kind, struct bc_str text,
                          struct bc_fault *fault) {
  struct egress_rule rule;
  enum bc_err err = egress_parse(text, &rule, fault);
  rule.kind = kind;
  bool is_ours = kind == BC_EGRESS_ETCD || kind == BC_EGRESS_LISTENER;
  if (err == BC_ERR_OK && is_ours && egress_is_loopback(&rule.prefix)) {
    rule.prefix = (struct bc_prefix){.address = {[15] = 1}, .length = 128, .is_ipv6 = true};
    err = egress_insert(egress, &rule, fault);
    rule.prefix = (struct bc_prefix){.address = {127}, .length = 8};
  }
  return err == BC_ERR_OK ? egress_insert(egress, &rule, fault) : err;
}

enum bc_err bc_egress_add_list(struct bc_egress *egress, enum bc_egress_kind kind, struct bc_str list,
                               struct bc_fault *fault) {
  struct bc_str text;
  enum bc_err err = BC_ERR_OK;
  while (err == BC_ERR_OK && list.len > 0 && bc_str_next_field(&list, ',', &text)) {
    err = bc_egress_add(egress, kind, bc_str_trim(text), fault);
  }
  return err;
}

enum bc_err bc_egress_check_list(struct bc_str list, struct bc_fault *fault) {
  struct bc_str text;
  struct egress_rule rule;
  enum bc_err err = BC_ERR_OK;
  if (list.len == 0) {
    return egress_parse(list, &rule, fault);
  }
  while (err == BC_ERR_OK && bc_str_next_field(&list, ',', &text)) {
    err = egress_parse(bc_str_trim(text), &rule, fault);
  }
  return err;
}

/* ---- the verdict ---- */

static const struct egress_rule *egress_decide(const struct bc_egress *egress, const struct bc_prefix *address,
                                               uint16_t port) {
  for (size_t i = 0; i < egress->count; i++) {
    const struct egress_rule *rule = &egress->rules[i];
    if (port >= rule->first && port <= rule->last && bc_prefix_contains(&rule->prefix, address)) {
      return rule;
    }
  }
  return NULL;
}

/* Where IPv6 addresses carry an IPv4 address: `at` are its four bytes. */
static const struct egress_carrier {
  struct bc_prefix prefix;
  uint8_t at[4];
  uint8_t inverted;  /* the bytes are stored as their complement */
  uint8_t zero_from; /* none unless all bytes from here on are zero; 0 = whatever they are */
  uint8_t some_from; /* none if all bytes from here on are zero; 0 = whatever they are */
} egress_carriers[] = {
    /* IPv4-mapped, IPv4-compatible, IPv4-translated */
    {.prefix = {{[10] = 0xff, [11] = 0xff}, 96, true}, .at = {12, 13, 14, 15}},
    {.prefix = {{0}, 96, true}, .at = {12, 13, 14, 15}},
    {.prefix = {{[8] = 0xff, [9] = 0xff}, 96, true}, .at = {12, 13, 14, 15}},
    /* 6to4; Teredo's server and client */
    {.prefix = {{0x20, 0x02}, 16, true}, .at = {2, 3, 4, 5}},
    {.prefix = {{0x20, 0x01}, 32, true}, .at = {4, 5, 6, 7}},
    {.prefix = {{0x20, 0x01}, 32, true}, .at = {12, 13, 14, 15}, .inverted = 0xff},
    /* NAT64 */
    {.prefix = {{0x00, 0x64, 0xff, 0x9b}, 96, true}, .at = {12, 13, 14, 15}},
    /* NAT64 of a site, whose prefix has one of four lengths. The bytes behind the IPv4 address are zero; so zeros at
     * the end are of a shorter prefix rather than of a network's address behind a longer one. */
    {.prefix = {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, true}, .at = {6, 7, 9, 10}, .zero_from = 11},
    {.prefix = {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, true}, .at = {7, 9, 10, 11}, .zero_from = 12},
    {.prefix = {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, true},
     .at = {9, 10, 11, 12},
     .zero_from = 13,
     .some_from = 11},
    {.prefix = {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, true}, .at = {12, 13, 14, 15}, .some_from = 13},
};

static bool egress_is_zero_from(const struct bc_prefix *address, size_t from) {
  for (size_t i = from; i < sizeof address->address; i++) {
    if (address->address[i] != 0) {
      return false;
    }
  }
  return true;
}

static bool egress_carries(const struct egress_carrier *carrier, const struct bc_prefix *address) {
  return bc_prefix_contains(&carrier->prefix, address) &&
         (carrier->zero_from == 0 || egress_is_zero_from(address, carrier->zero_from)) &&
         (carrier->some_from == 0 || !egress_is_zero_from(address, carrier->some_from));
}

static struct bc_prefix egress_take_ipv4(const struct bc_prefix *address, const uint8_t at[static 4],
                                         uint8_t inverted) {
  struct bc_prefix taken = {.length = 32};
  for (size_t i = 0; i < 4; i++) {
    taken.address[i] = address->address[at[i]] ^ inverted;
  }
  return taken;
}

/* The IPv4 addresses that an IPv6 address carries. */
static size_t egress_find_carried(const struct bc_prefix *address, struct bc_prefix found[static EGRESS_CARRIED_MAX]) {
  static const uint8_t isatap_at[4] = {12, 13, 14, 15};
  size_t count = 0;
  /* ::1 is loopback and nothing else. */
  if (!address->is_ipv6 || egress_is_loopback(address)) {
    return 0;
  }
  for (size_t i = 0; i < sizeof egress_carriers / sizeof egress_carriers[0] && count < EGRESS_CARRIED_MAX; i++) {
    if (egress_carries(&egress_carriers[i], address)) {
      found[count++] = egress_take_ipv4(address, egress_carriers[i].at, egress_carriers[i].inverted);
    }
  }
  const uint8_t *bytes = address->address;
  bool is_isatap = (bytes[8] & 0xfd) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
  if (is_isatap && count < EGRESS_CARRIED_MAX) {
    found[count++] = egress_take_ipv4(address, isatap_at, 0);
  }
  return count;
}

static void egress_tell(const struct egress_rule *rule, const struct bc_prefix *address,
                        const struct bc_prefix *carried, uint16_t port, struct bc_fault *fault) {
  char shown[BC_PREFIX_TEXT_BYTES];
  struct bc_buf text;
  bc_buf_init(&text, BC_FAULT_TEXT_BYTES);
  bc_prefix_print_address(address->address, address->is_ipv6, shown);
  bc_buf_add_format(&text, "egress denied: %s", shown);
  if (port != 0) {
    bc_buf_add_format(&text, " port %u", port);
  }
  if (carried != NULL) {
    bc_prefix_print_address(carried->address, false, shown);
    bc_buf_add_format(&text, " carries %s, which", shown);
  }
  bc_buf_add_format(&text, " %s", egress_reasons[rule->kind]);
  if (rule->kind == BC_EGRESS_DENY) {
    bc_buf_add_char(&text, ' ');
    egress_print_rule(rule, &text);
  }
  bc_fault_set(fault, 0, "%s", text.data);
  bc_buf_free(&text);
}

enum bc_err bc_egress_judge(const struct bc_egress *egress, const uint8_t *address, bool is_ipv6, uint16_t port,
                            struct bc_fault *fault) {
  struct bc_prefix whole = bc_prefix_of_address(address, is_ipv6);
  const struct egress_rule *rule = egress_decide(egress, &whole, port);
  if (rule != NULL && rule->kind != BC_EGRESS_ALLOW) {
    egress_tell(rule, &whole, NULL, port, fault);
    return BC_ERR_REFUSED;
  }
  struct bc_prefix carried[EGRESS_CARRIED_MAX];
  size_t count = egress_find_carried(&whole, carried);
  for (size_t i = 0; i < count; i++) {
    rule = egress_decide(egress, &carried[i], port);
    if (rule != NULL && rule->kind != BC_EGRESS_ALLOW) {
      egress_tell(rule, &whole, &carried[i], port, fault);
      return BC_ERR_REFUSED;
    }
  }
  return BC_ERR_OK;
}

/* ---- to another process ---- */

void bc_egress_print(const struct bc_egress *egress, struct bc_buf *to) {
  for (size_t i = 0; i < egress->count; i++) {
    if (egress->rules[i].kind < BC_EGRESS_LINK_LOCAL) {
      bc_buf_add_format(to, "%s ", bc_egress_kind_text(egress->rules[i].kind));
      egress_print_rule(&egress->rules[i], to);
      bc_buf_add_char(to, '\n');
    }
  }
}

enum bc_err bc_egress_read(struct bc_egress *egress, struct bc_str lines, struct bc_fault *fault) {
  struct bc_str line;
  enum bc_err err = BC_ERR_OK;
  while (err == BC_ERR_OK && lines.len > 0 && bc_str_next_field(&lines, '\n', &line)) {
    struct bc_str word = bc_str_next_word(&line);
    enum bc_egress_kind kind = BC_EGRESS_DENY;
    while (kind < BC_EGRESS_LINK_LOCAL && !bc_str_is(word, bc_egress_kind_text(kind))) {
      kind++;
    }
    if (kind == BC_EGRESS_LINK_LOCAL) {
      bc_fault_set(fault, 0, "expected egress_allow, egress_deny, etcd or listener, found \"%.*s\"",
                   (int)(word.len < EGRESS_SHOWN_BYTES ? word.len : EGRESS_SHOWN_BYTES), word.len == 0 ? "" : word.at);
      return BC_ERR_SYNTAX;
    }
    err = bc_egress_add(egress, kind, bc_str_trim(line), fault);
  }
  return err;
}

/* ---- endpoints ---- */

bool bc_egress_read_endpoint(struct bc_str url, struct bc_str *host, uint16_t *port) {
  bool is_tls = bc_str_starts(url, "https://");
  if (!is_tls && !bc_str_starts(url, "http://")) {
    return false;
  }
  size_t skipped = strlen(is_tls ? "https://" : "http://");
  struct bc_str rest = {url.at + skipped, url.len - skipped};
  size_t end = 0;
  while (end < rest.len && strchr("/?#", rest.at[end]) == NULL) {
    end++;
  }
  rest.len = end;
  const char *user_end = memrchr(rest.at, '@', rest.len);
  if (user_end != NULL) {
    rest.len -= (size_t)(user_end + 1 - rest.at);
    rest.at = user_end + 1;
  }
  bool is_bracketed = rest.len > 0 && rest.at[0] == '[';
  const char *close = is_bracketed ? memchr(rest.at, ']', rest.len) : NULL;
  if (is_bracketed && close == NULL) {
    return false;
  }
  const char *from = is_bracketed ? close : rest.at;
  const char *colon = memchr(from, ':', rest.len - (size_t)(from - rest.at));
  uint64_t number = is_tls ? EGRESS_PORT_HTTPS : EGRESS_PORT_HTTP;
  if (colon != NULL && colon + 1 < rest.at + rest.len) {
    struct bc_str digits = {colon + 1, rest.len - (size_t)(colon + 1 - rest.at)};
    if (bc_str_to_u64(digits, UINT16_MAX, &number) != BC_ERR_OK) {
      return false;
    }
  }
  const char *stop = is_bracketed ? close : colon != NULL ? colon : rest.at + rest.len;
  host->at = rest.at + (is_bracketed ? 1 : 0);
  host->len = (size_t)(stop - host->at);
  *port = (uint16_t)number;
  return host->len > 0 && number > 0;
}
