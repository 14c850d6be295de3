#include "base/limits.h"
#include "base/mem.h"
#include "model/address.h"
#include "model/admission_private.h"
#include "model/policy_items.h"

#include <stdlib.h>
#include <string.h>

enum { BLACKHOLE_WORD_BYTES = 64 };

static const char *const blackhole_kinds[ADMISSION_COMMUNITY_KINDS] = {"community", "large-community",
                                                                       "extended-community"};
static const char *const blackhole_members[ADMISSION_COMMUNITY_KINDS] = {"community", "large_community",
                                                                         "extended_community"};

/* Well-known ones that say something else. */
static const char *const blackhole_others[] = {
    "no-export", "no-advertise", "no-export-subconfed", "local-as",
    "no-peer",   "nopeer",       "graceful-shutdown",   "no-advertise-subconfed"};

static const struct bc_policy_item *blackhole_find(const struct bc_policy_items *items, unsigned kind) {
  const struct bc_policy_attribute *word =
      bc_policy_attribute_find(bc_str_of(blackhole_members[kind]), BC_POLICY_IN_ROUTE);
  return bc_policy_items_find(items, word);
}

/* The canonical text when it is one community of this kind; else NULL. Owned by the caller. */
static char *blackhole_canonical(unsigned kind, struct bc_str community) {
  struct bc_intern *intern = bc_intern_new();
  struct bc_route route;
  struct bc_buf text;
  char *made = NULL;
  bc_buf_init(&text, BC_LIMIT_CONFIG_BYTES);
  bc_buf_add_format(&text, "route 0.0.0.0/0 next-hop self %s " BC_STR_FMT, blackhole_kinds[kind],
                    BC_STR_ARG(community));
  if (bc_route_parse(intern, bc_buf_str(&text), &route, NULL) == BC_ERR_OK) {
    struct bc_policy_items items;
    bc_policy_items_read(&items, BC_FAMILY_IPV4_UNICAST, route.attributes);
    const struct bc_policy_item *item = blackhole_find(&items, kind);
    made = item == NULL || items.count != 2 ? NULL : bc_mem_copy_text(item->value.at, item->value.len);
    bc_policy_items_free(&items);
    bc_route_release(intern, &route);
  }
  bc_buf_free(&text);
  bc_intern_free(intern);
  return made;
}

/* Adds it to the list of its kind. BC_ERR_SYNTAX: it is no community. */
static enum bc_err blackhole_join(char *lists[static ADMISSION_COMMUNITY_KINDS], struct bc_str community,
                                  struct bc_fault *fault) {
  bool is_word = community.len > 0 && community.len < BLACKHOLE_WORD_BYTES && bc_str_is_printable(community);
  for (size_t i = 0; is_word && i < community.len; i++) {
    is_word = strchr(" [](){},;?*", community.at[i]) == NULL;
  }
  for (unsigned kind = 0; is_word && kind < ADMISSION_COMMUNITY_KINDS; kind++) {
    char *canonical = blackhole_canonical(kind, community);
    if (canonical == NULL) {
      continue;
    }
    struct bc_buf joined;
    bc_buf_init(&joined, BC_LIMIT_NODE_FILE_BYTES);
    bc_buf_add_format(&joined, "%s%s%s", lists[kind] == NULL ? "" : lists[kind], lists[kind] == NULL ? "" : " ",
                      canonical);
    free(canonical);
    free(lists[kind]);
    lists[kind] = bc_buf_take(&joined);
    return BC_ERR_OK;
  }
  bc_fault_set(fault, 0, "expected a community such as 65535:666, 65000:666, 65000:1:666 or no-export, found \"%.*s\"",
               (int)(community.len < BLACKHOLE_WORD_BYTES ? community.len : BLACKHOLE_WORD_BYTES), community.at);
  return BC_ERR_SYNTAX;
}

enum bc_err bc_admission_add_community(struct bc_admission *rules, struct bc_str text, struct bc_fault *fault) {
  return blackhole_join(rules->community, text, fault);
}

enum bc_err bc_admission_add_next_hop(struct bc_admission *rules, struct bc_str text, struct bc_fault *fault) {
  uint8_t address[16];
  bool is_ipv6 = false;
  if (!bc_address_parse(text, address, &is_ipv6)) {
    bc_fault_set(fault, 0, "expected an address such as 192.0.2.1 or 100::1, found \"%.*s\"",
                 (int)(text.len < BLACKHOLE_WORD_BYTES ? text.len : BLACKHOLE_WORD_BYTES), text.at);
    return BC_ERR_SYNTAX;
  }
  char **next_hop = &rules->next_hop[is_ipv6 ? 1 : 0];
  if (*next_hop != NULL) {
    bc_fault_set(fault, 0, "an %s address is given twice", is_ipv6 ? "IPv6" : "IPv4");
    return BC_ERR_EXISTS;
  }
  *next_hop = bc_mem_copy_text(text.at, text.len);
  return BC_ERR_OK;
}

/* ---- what is one ---- */

static bool blackhole_holds(const char *words, struct bc_str community) {
  struct bc_str rest = bc_str_of(words == NULL ? "" : words);
  struct bc_str word;
  while ((word = bc_policy_items_next(&rest)).len > 0) {
    if (bc_str_equal(word, community)) {
      return true;
    }
  }
  return false;
}

/* The address to which blackholes go: a network may drop by it alone, whatever the communities are (RFC 5635). */
static bool blackhole_goes_to_next_hop(const struct bc_admission *rules, const struct bc_policy_items *items) {
  const struct bc_policy_item *item =
      bc_policy_items_find(items, bc_policy_attribute_find(bc_str_of("next_hop"), BC_POLICY_IN_ROUTE));
  uint8_t asked[16] = {0};
  bool is_ipv6 = false;
  if (item == NULL || !bc_address_parse(item->value, asked, &is_ipv6) || rules->next_hop[is_ipv6 ? 1 : 0] == NULL) {
    return false;
  }
  uint8_t ours[16] = {0};
  return bc_address_parse(bc_str_of(rules->next_hop[is_ipv6 ? 1 : 0]), ours, &is_ipv6) &&
         memcmp(asked, ours, is_ipv6 ? 16 : 4) == 0;
}

static bool blackhole_is_other(struct bc_str community) {
  for (size_t i = 0; i < sizeof blackhole_others / sizeof blackhole_others[0]; i++) {
    if (bc_str_is(community, blackhole_others[i])) {
      return true;
    }
  }
  return false;
}

bool bc_admission_is_blackhole(const struct bc_admission *rules, const struct bc_route *route) {
  struct bc_policy_items items;
  bc_policy_items_read(&items, (enum bc_family)route->nlri.family, route->attributes);
  bool is_one = blackhole_goes_to_next_hop(rules, &items);
  for (unsigned kind = 0; kind < ADMISSION_COMMUNITY_KINDS; kind++) {
    const struct bc_policy_item *item = blackhole_find(&items, kind);
    struct bc_str value = item == NULL ? bc_str_of("") : item->value;
    struct bc_str word;
    while (!is_one && (word = bc_policy_items_next(&value)).len > 0) {
      is_one =
          bc_str_is(word, "blackhole") || (blackhole_holds(rules->community[kind], word) && !blackhole_is_other(word));
    }
  }
  bc_policy_items_free(&items);
  return is_one;
}

/* ---- the command ---- */

static enum bc_err blackhole_read_prefix(struct bc_str text, struct bc_prefix *prefix, struct bc_fault *fault) {
  const char *expected = "";
  char network[BC_PREFIX_TEXT_BYTES];
  enum bc_err err = bc_prefix_parse(text, prefix, &expected);
  int shown = (int)(text.len < BLACKHOLE_WORD_BYTES ? text.len : BLACKHOLE_WORD_BYTES);
  if (err == BC_ERR_CONFLICT) {
    bc_prefix_print(prefix, network);
    bc_fault_set(fault, 0, "prefix: \"%.*s\" has bits set behind its length, expected %s", shown, text.at, network);
  } else if (err != BC_ERR_OK) {
    bc_fault_set(fault, 0, "prefix: expected %s, found \"%.*s\"", expected, shown, text.at == NULL ? "" : text.at);
  }
  return err;
}

/* Those of the template, then `more`; release each. */
static enum bc_err blackhole_lists(const struct bc_admission *rules, const struct bc_str *more, size_t more_count,
                                   char *lists[static ADMISSION_COMMUNITY_KINDS], struct bc_fault *fault) {
  struct bc_fault cause;
  bool has_none = true;
  for (unsigned kind = 0; kind < ADMISSION_COMMUNITY_KINDS; kind++) {
    has_none = has_none && rules->community[kind] == NULL;
    lists[kind] = bc_mem_copy_string(rules->community[kind]);
  }
  if (has_none) {
    lists[0] = bc_mem_copy_string("blackhole no-export");
  }
  for (size_t i = 0; i < more_count; i++) {
    if (blackhole_join(lists, more[i], &cause) != BC_ERR_OK) {
      bc_fault_set(fault, 0, "communities: %s", cause.text);
      return BC_ERR_REFUSED;
    }
  }
  return BC_ERR_OK;
}

enum bc_err bc_admission_print_blackhole(const struct bc_admission *rules, struct bc_str prefix,
                                         const struct bc_str *more, size_t more_count, struct bc_buf *to,
                                         struct bc_fault *fault) {
  struct bc_prefix read;
  char text[BC_PREFIX_TEXT_BYTES];
  char *lists[ADMISSION_COMMUNITY_KINDS] = {NULL};
  enum bc_err err = blackhole_read_prefix(prefix, &read, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  bc_prefix_print(&read, text);
  const char *next_hop = rules->next_hop[read.is_ipv6 ? 1 : 0];
  if (next_hop == NULL && read.is_ipv6) {
    bc_fault_set(fault, 0, "blackhole_next_hop: the node file has none of IPv6, and `self` is for IPv4 only");
    return BC_ERR_UNSUPPORTED;
  }
  err = blackhole_lists(rules, more, more_count, lists, fault);
  bc_buf_add_format(to, "announce route %s next-hop %s", text, next_hop == NULL ? "self" : next_hop);
  for (unsigned kind = 0; kind < ADMISSION_COMMUNITY_KINDS; kind++) {
    if (lists[kind] != NULL) {
      bc_buf_add_format(to, " %s [ %s ]", blackhole_kinds[kind], lists[kind]);
    }
    free(lists[kind]);
  }
  return err;
}
