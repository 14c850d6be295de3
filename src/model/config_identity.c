/* Who may announce what. A route whose NLRI overlap with those of another one, for some neighbor, is announced as a
 * whole or not at all: the first by rank wins (what stands before what does not, then the order of keys), and a loser
 * stands in nobody's way. Routes are judged in the order of rank, each only when a better one may have changed. */
#include "model/config_private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { IDENTITY_SHOWN_BYTES = 128 };

struct identity_more {
  struct bc_config_claim claim;
  const struct bc_nlri *nlri; /* the route's */
};

static const struct bc_nlri *claim_nlri(const struct bc_config_claim *claim) {
  return claim == &claim->entry->claim ? &claim->entry->route.nlri
                                       : ((const struct identity_more *)(const void *)claim)->nlri;
}

static int rank_compare(const struct bc_config_entry *a, const struct bc_config_entry *b) {
  if (a->stands != b->stands) {
    return a->stands ? -1 : 1;
  }
  if (a->is_local != b->is_local) {
    return a->is_local ? -1 : 1;
  }
  return bc_config_name_compare(a->name, b->name);
}

/* Winners first: they are few, and only they stand in the way of others. */
static int claim_compare(const struct bc_config_claim *a, const struct bc_config_claim *b) {
  int order = bc_nlri_compare(claim_nlri(a), claim_nlri(b));
  if (order == 0 && a->entry->has_won != b->entry->has_won) {
    return a->entry->has_won ? -1 : 1;
  }
  return order != 0 ? order : rank_compare(a->entry, b->entry);
}

BC_TREE(bc_config_claim_tree, bc_config_claim, link, claim_compare)

static int dispute_compare(const struct bc_config_dispute *a, const struct bc_config_dispute *b) {
  return rank_compare(a->entry, b->entry);
}

BC_TREE(bc_config_dispute_tree, bc_config_dispute, link, dispute_compare)

static bool claim_is_same(const struct bc_config_claim *claim, const struct bc_config_claim *other) {
  return other != NULL && bc_nlri_compare(claim_nlri(claim), claim_nlri(other)) == 0;
}

/* The functions of <sys/tree.h> take the head without const, though finding changes nothing. */
static struct bc_config_claim_tree *claim_tree(const struct bc_config *config) {
  return (struct bc_config_claim_tree *)(uintptr_t)&config->claims;
}

static struct bc_config_claim *claim_find(const struct bc_config *config, struct bc_config_entry *entry, size_t i) {
  struct identity_more key = {.claim = {.entry = entry}, .nlri = bc_route_nlri(&entry->route, i)};
  return i == 0 ? &entry->claim : RB_FIND(bc_config_claim_tree, claim_tree(config), &key.claim);
}

/* The best of the winners, or of the losers, with this NLRI that is not before `from` (NULL: of all); NULL = none. */
static struct bc_config_claim *claim_first(const struct bc_config *config, const struct bc_nlri *nlri, bool has_won,
                                           const struct bc_config_entry *from) {
  struct bc_config_entry rank = {.name = from == NULL ? "" : from->name,
                                 .stands = from == NULL || from->stands,
                                 .is_local = from == NULL || from->is_local,
                                 .has_won = has_won};
  struct identity_more key = {.claim = {.entry = &rank}, .nlri = nlri};
  struct bc_config_claim *first = RB_NFIND(bc_config_claim_tree, claim_tree(config), &key.claim);
  return claim_is_same(&key.claim, first) && first->entry->has_won == has_won ? first : NULL;
}

/* The next one of them. */
static struct bc_config_claim *claim_next(struct bc_config_claim *claim) {
  struct bc_config_claim *next = RB_NEXT(bc_config_claim_tree, NULL, claim);
  return claim_is_same(claim, next) && next->entry->has_won == claim->entry->has_won ? next : NULL;
}

static bool identity_overlaps(const struct bc_config_entry *a, const struct bc_config_entry *b) {
  return bc_selectors_overlap(a->route.selector, b->route.selector);
}

/* ---- what is to be judged ---- */

static void dispute_add(struct bc_config *config, struct bc_config_entry *entry) {
  if (!entry->is_disputed) {
    struct bc_config_dispute *made = bc_mem_new(1, sizeof *made);
    made->entry = entry;
    entry->is_disputed = true;
    (void)RB_INSERT(bc_config_dispute_tree, &config->disputes, made);
  }
}

static void dispute_drop(struct bc_config *config, struct bc_config_entry *entry) {
  if (entry->is_disputed) {
    struct bc_config_dispute wanted = {.entry = entry};
    struct bc_config_dispute *dispute = RB_FIND(bc_config_dispute_tree, &config->disputes, &wanted);
    RB_REMOVE(bc_config_dispute_tree, &config->disputes, dispute);
    free(dispute);
    entry->is_disputed = false;
  }
}

/* Those of lower rank with one of its NLRI: winners may lose to it, losers may have lost to it, or because of many. */
static void dispute_lower(struct bc_config *config, struct bc_config_entry *entry, bool winners) {
  for (size_t i = 0; i < bc_route_nlri_count(&entry->route); i++) {
    struct bc_config_claim *claim = claim_first(config, bc_route_nlri(&entry->route, i), winners, entry);
    for (; claim != NULL; claim = claim_next(claim)) {
      if (claim->entry != entry && (!winners || identity_overlaps(entry, claim->entry))) {
        dispute_add(config, claim->entry);
      }
    }
  }
}

/* ---- judging ---- */

static void identity_win(struct bc_config *config, struct bc_config_entry *entry) {
  bc_config_fault_clear(config, entry, BC_CONFIG_KEY_IDENTITY);
  if (entry->lost_identity) {
    entry->lost_identity = false;
    bc_config_view_mark(config, entry);
  }
}

static bool identity_is_prefix(const struct bc_config_entry *entry) {
  return entry->route.more == NULL && bc_family_has_prefix((enum bc_family)entry->route.nlri.family);
}

static const char *identity_folder(const struct bc_config_entry *entry) {
  return entry->is_local ? "" : "routes/";
}

static char *identity_text(const struct bc_config_entry *entry, const struct bc_config_entry *winner,
                           const struct bc_nlri *nlri) {
  if (winner == NULL) {
    return bc_config_text("%s%s: more than %d routes have its prefix", identity_folder(entry), entry->name,
                          BC_LIMIT_SAME_PREFIX);
  }
  bool is_by_api = winner->is_local && !entry->is_local;
  const char *why = winner->stands ? "is announced" : is_by_api ? "came by the API" : "comes first by name";
  if (identity_is_prefix(entry) && identity_is_prefix(winner)) {
    return bc_config_text("%s%s: has the same prefix as %s%s, which %s", identity_folder(entry), entry->name,
                          identity_folder(winner), winner->name, why);
  }
  struct bc_buf shown;
  bc_buf_init(&shown, BC_LIMIT_CONFIG_BYTES);
  bc_nlri_print(nlri, &shown);
  char *text = bc_config_text("%s%s: %.*s%s is also in %s%s, which %s", identity_folder(entry), entry->name,
                              IDENTITY_SHOWN_BYTES, shown.data, shown.len > IDENTITY_SHOWN_BYTES ? "..." : "",
                              identity_folder(winner), winner->name, why);
  bc_buf_free(&shown);
  return text;
}

static void identity_lose(struct bc_config *config, struct bc_config_entry *entry, const struct bc_config_entry *winner,
                          const struct bc_nlri *nlri) {
  bc_config_fault_take(config, entry, BC_CONFIG_KEY_IDENTITY, identity_text(entry, winner, nlri));
  if (!entry->lost_identity) {
    entry->lost_identity = true;
    bc_config_view_mark(config, entry);
  }
}

/* True when a better one has this NLRI; `*winner` NULL: there are too many of them. */
static bool identity_is_taken(const struct bc_config *config, struct bc_config_entry *entry, size_t i,
                              const struct bc_config_entry **winner) {
  size_t winners = 0;
  struct bc_config_claim *at = claim_first(config, bc_route_nlri(&entry->route, i), true, NULL);
  for (; at != NULL && rank_compare(at->entry, entry) < 0; at = claim_next(at)) {
    winners++;
    if (identity_overlaps(at->entry, entry)) {
      *winner = at->entry;
      return true;
    }
  }
  *winner = NULL;
  return winners >= BC_LIMIT_SAME_PREFIX;
}

static void claims_insert(struct bc_config *config, struct bc_config_entry *entry) {
  entry->claim.entry = entry;
  (void)RB_INSERT(bc_config_claim_tree, &config->claims, &entry->claim);
  for (size_t i = 1; i < bc_route_nlri_count(&entry->route); i++) {
    struct identity_more *more = bc_mem_new(1, sizeof *more);
    *more = (struct identity_more){.claim = {.entry = entry}, .nlri = bc_route_nlri(&entry->route, i)};
    (void)RB_INSERT(bc_config_claim_tree, &config->claims, &more->claim);
  }
  entry->has_claim = true;
}

static void claims_take_out(struct bc_config *config, struct bc_config_entry *entry) {
  for (size_t i = 1; i < bc_route_nlri_count(&entry->route); i++) {
    struct bc_config_claim *claim = claim_find(config, entry, i);
    RB_REMOVE(bc_config_claim_tree, &config->claims, claim);
    free(claim);
  }
  RB_REMOVE(bc_config_claim_tree, &config->claims, &entry->claim);
  entry->has_claim = false;
}

static void identity_set_won(struct bc_config *config, struct bc_config_entry *entry, bool has_won) {
  if (entry->has_won != has_won) {
    claims_take_out(config, entry);
    entry->has_won = has_won;
    claims_insert(config, entry);
  }
}

static void identity_judge(struct bc_config *config, struct bc_config_entry *entry) {
  bool had_won = entry->has_won;
  const struct bc_config_entry *winner = NULL;
  for (size_t i = 0; i < bc_route_nlri_count(&entry->route); i++) {
    if (identity_is_taken(config, entry, i, &winner)) {
      identity_set_won(config, entry, false);
      identity_lose(config, entry, winner, bc_route_nlri(&entry->route, i));
      if (had_won) {
        dispute_lower(config, entry, false);
      }
      return;
    }
  }
  identity_set_won(config, entry, true);
  identity_win(config, entry);
  if (!had_won) {
    dispute_lower(config, entry, true);
  }
}

void bc_config_identity_settle(struct bc_config *config) {
  struct bc_config_dispute *dispute;
  while ((dispute = RB_MIN(bc_config_dispute_tree, &config->disputes)) != NULL) {
    struct bc_config_entry *entry = dispute->entry;
    dispute_drop(config, entry);
    identity_judge(config, entry);
  }
}

/* ---- claims ---- */

static void claims_remove(struct bc_config *config, struct bc_config_entry *entry) {
  if (entry->has_won) {
    dispute_lower(config, entry, false);
  }
  dispute_drop(config, entry);
  claims_take_out(config, entry);
  entry->has_won = false;
}

void bc_config_identity_drop(struct bc_config *config, struct bc_config_entry *entry) {
  if (entry->has_claim) {
    claims_remove(config, entry);
    identity_win(config, entry);
  }
}

/* Nearly all claims are alone: they cost no dispute, and their rank is of no matter. */
static bool identity_is_shared(const struct bc_config *config, struct bc_config_entry *entry) {
  bool is_shared = false;
  for (size_t i = 0; !is_shared && i < bc_route_nlri_count(&entry->route); i++) {
    struct bc_config_claim *claim = claim_find(config, entry, i);
    is_shared = claim_is_same(claim, RB_PREV(bc_config_claim_tree, claim_tree(config), claim)) ||
                claim_is_same(claim, RB_NEXT(bc_config_claim_tree, NULL, claim));
  }
  return is_shared;
}

void bc_config_identity_claim(struct bc_config *config, struct bc_config_entry *entry) {
  bool may_claim = entry->is_subscribed && bc_config_entry_has_version(entry);
  if (!may_claim) {
    bc_config_identity_drop(config, entry);
  } else if (!entry->has_claim) {
    claims_insert(config, entry);
    if (identity_is_shared(config, entry)) {
      dispute_add(config, entry);
    } else {
      entry->has_won = true;
    }
  }
}

/* ---- what stands ---- */

static uint64_t identity_hash_bytes(uint64_t hash, const void *bytes, size_t len) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < len; i++) {
    hash = (hash ^ at[i]) * 0x100000001b3U;
  }
  return hash;
}

/* Never 0. */
static uint64_t identity_hash(const struct bc_route *route) {
  const char *selector = route->selector == NULL ? "" : route->selector;
  uint64_t hash = identity_hash_bytes(0xcbf29ce484222325U, selector, strlen(selector) + 1);
  for (size_t i = 0; i < bc_route_nlri_count(route); i++) {
    const struct bc_nlri *nlri = bc_route_nlri(route, i);
    const uint8_t kind[] = {nlri->family, nlri->length, nlri->has_path_id};
    bool has_prefix = bc_family_has_prefix((enum bc_family)nlri->family);
    const void *what = has_prefix ? (const void *)nlri->address : nlri->rule;
    hash = identity_hash_bytes(hash, kind, sizeof kind);
    hash = identity_hash_bytes(hash, &nlri->path_id, sizeof nlri->path_id);
    hash = identity_hash_bytes(hash, nlri->rd, sizeof nlri->rd);
    hash = identity_hash_bytes(hash, what, has_prefix ? sizeof nlri->address : strlen(nlri->rule) + 1);
  }
  return hash | 1U;
}

void bc_config_identity_standing(struct bc_config *config, struct bc_config_entry *entry, bool stands) {
  entry->stood = stands && entry->has_route ? identity_hash(&entry->route) : 0;
  if (entry->stands == stands) {
    return;
  }
  if (!entry->has_claim || (!entry->is_disputed && !identity_is_shared(config, entry))) {
    entry->stands = stands;
    return;
  }
  claims_remove(config, entry);
  entry->stands = stands;
  claims_insert(config, entry);
  dispute_add(config, entry);
}

static bool identity_is_announced_by_other(const struct bc_config *config, const struct bc_config_entry *entry,
                                           const char *selector, const struct bc_nlri *nlri) {
  for (int has_won = 1; has_won >= 0; has_won--) {
    struct bc_config_claim *at = claim_first(config, nlri, has_won == 1, NULL);
    for (; at != NULL && at->entry->stands; at = claim_next(at)) {
      if (at->entry != entry && bc_selectors_overlap(at->entry->route.selector, selector)) {
        return true;
      }
    }
  }
  return false;
}

const char *bc_config_find_holder(const struct bc_config *config, const struct bc_route *route, const char *except) {
  for (size_t i = 0; i < 2 * bc_route_nlri_count(route); i++) {
    const struct bc_config_claim *at = NULL;
    struct bc_config_claim *claim = claim_first(config, bc_route_nlri(route, i / 2), i % 2 == 0, NULL);
    for (; at == NULL && claim != NULL; claim = claim_next(claim)) {
      bool is_other = except == NULL || strcmp(claim->entry->name, except) != 0;
      at = is_other && bc_selectors_overlap(claim->entry->route.selector, route->selector) ? claim : NULL;
    }
    if (at != NULL) {
      return at->entry->name;
    }
  }
  return NULL;
}

/* It came back to what core last said of it, and nobody else has announced that meanwhile. */
static bool identity_is_as_stood(const struct bc_config *config, const struct bc_config_entry *entry,
                                 const struct bc_route *route) {
  bool is_same = entry->stood != 0 && entry->stood == identity_hash(route);
  for (size_t i = 0; is_same && i < bc_route_nlri_count(route); i++) {
    is_same = !identity_is_announced_by_other(config, entry, route->selector, bc_route_nlri(route, i));
  }
  return is_same;
}

static bool identity_goes_on(const struct bc_config *config, const struct bc_config_entry *entry,
                             const struct bc_route *route) {
  const struct bc_route *old = &entry->route;
  bool is_moved = old->selector != route->selector;
  if (is_moved && !bc_selectors_overlap(old->selector, route->selector)) {
    return false;
  }
  size_t old_count = bc_route_nlri_count(old);
  size_t common = 0;
  size_t at = 0;
  for (size_t i = 0; i < bc_route_nlri_count(route); i++) {
    const struct bc_nlri *nlri = bc_route_nlri(route, i);
    int order = -1;
    while (at < old_count && (order = bc_nlri_compare(bc_route_nlri(old, at), nlri)) < 0) {
      at++;
    }
    bool is_common = at < old_count && order == 0;
    common += is_common;
    if ((!is_common || is_moved) && identity_is_announced_by_other(config, entry, route->selector, nlri)) {
      return false;
    }
  }
  return common > 0;
}

bool bc_config_identity_keeps(const struct bc_config *config, const struct bc_config_entry *entry,
                              const struct bc_route *route) {
  return (entry->stands && entry->has_route && identity_goes_on(config, entry, route)) ||
         identity_is_as_stood(config, entry, route);
}

void bc_config_identity_free(struct bc_config *config) {
  struct bc_config_dispute *dispute;
  while ((dispute = RB_MIN(bc_config_dispute_tree, &config->disputes)) != NULL) {
    RB_REMOVE(bc_config_dispute_tree, &config->disputes, dispute);
    free(dispute);
  }
}
