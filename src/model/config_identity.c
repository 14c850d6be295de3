#include "model/config_private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static int claim_compare(const struct bc_config_entry *a, const struct bc_config_entry *b) {
  int order = bc_nlri_compare(&a->route.nlri, &b->route.nlri);
  return order != 0 ? order : bc_config_name_compare(a->name, b->name);
}

BC_TREE(bc_config_claim_tree, bc_config_entry, by_claim, claim_compare)

static int dispute_compare(const struct bc_config_dispute *a, const struct bc_config_dispute *b) {
  return bc_nlri_compare(&a->nlri, &b->nlri);
}

BC_TREE(bc_config_dispute_tree, bc_config_dispute, link, dispute_compare)

static bool identity_is_same(const struct bc_config_entry *entry, const struct bc_config_entry *other) {
  return other != NULL && bc_nlri_compare(&entry->route.nlri, &other->route.nlri) == 0;
}

/* Nearly all claims are alone and cost no dispute. */
static void identity_dispute(struct bc_config *config, struct bc_config_entry *entry) {
  if (!identity_is_same(entry, RB_PREV(bc_config_claim_tree, &config->claims, entry)) &&
      !identity_is_same(entry, RB_NEXT(bc_config_claim_tree, &config->claims, entry))) {
    return;
  }
  struct bc_config_dispute *made = bc_mem_new(1, sizeof *made);
  made->nlri = entry->route.nlri;
  if (RB_INSERT(bc_config_dispute_tree, &config->disputes, made) != NULL) {
    free(made);
  }
}

static void identity_win(struct bc_config *config, struct bc_config_entry *entry) {
  bc_config_fault_clear(config, entry, BC_CONFIG_KEY_IDENTITY);
  if (entry->lost_identity) {
    entry->lost_identity = false;
    bc_config_view_mark(config, entry);
  }
}

static void identity_lose(struct bc_config *config, struct bc_config_entry *entry,
                          const struct bc_config_entry *winner) {
  char *text = winner == NULL
                   ? bc_config_text("routes/%s: more than %d routes have its prefix", entry->name, BC_LIMIT_SAME_PREFIX)
                   : bc_config_text("routes/%s: has the same prefix as routes/%s, which %s", entry->name, winner->name,
                                    winner->stands ? "is announced" : "comes first by name");
  bc_config_fault_take(config, entry, BC_CONFIG_KEY_IDENTITY, text);
  if (!entry->lost_identity) {
    entry->lost_identity = true;
    bc_config_view_mark(config, entry);
  }
}

void bc_config_identity_drop(struct bc_config *config, struct bc_config_entry *entry) {
  if (!entry->has_claim) {
    return;
  }
  identity_dispute(config, entry);
  RB_REMOVE(bc_config_claim_tree, &config->claims, entry);
  entry->has_claim = false;
  identity_win(config, entry);
}

void bc_config_identity_claim(struct bc_config *config, struct bc_config_entry *entry) {
  bool may_claim = entry->is_subscribed && bc_config_entry_has_version(entry);
  if (!may_claim) {
    bc_config_identity_drop(config, entry);
  } else if (!entry->has_claim) {
    (void)RB_INSERT(bc_config_claim_tree, &config->claims, entry);
    entry->has_claim = true;
    identity_dispute(config, entry);
  }
}

void bc_config_identity_standing(struct bc_config *config, struct bc_config_entry *entry, bool stands) {
  if (entry->stands != stands) {
    entry->stands = stands;
    if (entry->has_claim) {
      identity_dispute(config, entry);
    }
  }
}

struct identity_winners {
  const struct bc_config_entry *entry[BC_LIMIT_SAME_PREFIX];
  size_t count;
};

static void identity_judge(struct bc_config *config, struct identity_winners *winners, struct bc_config_entry *entry) {
  for (size_t i = 0; i < winners->count; i++) {
    if (bc_selectors_overlap(winners->entry[i]->route.selector, entry->route.selector)) {
      identity_lose(config, entry, winners->entry[i]);
      return;
    }
  }
  if (winners->count == BC_LIMIT_SAME_PREFIX) {
    identity_lose(config, entry, NULL);
    return;
  }
  winners->entry[winners->count++] = entry;
  identity_win(config, entry);
}

/* Those that stand first, then the others, each in the order of names: never that of arrival. */
static void identity_decide(struct bc_config *config, const struct bc_nlri *nlri) {
  struct identity_winners winners = {.count = 0};
  struct bc_config_entry least = {.name = "", .route = {.nlri = *nlri}};
  struct bc_config_entry *first = RB_NFIND(bc_config_claim_tree, &config->claims, &least);
  for (int round = 0; round < 2; round++) {
    for (struct bc_config_entry *at = first; identity_is_same(&least, at);
         at = RB_NEXT(bc_config_claim_tree, &config->claims, at)) {
      if (at->stands == (round == 0)) {
        identity_judge(config, &winners, at);
      }
    }
  }
}

void bc_config_identity_settle(struct bc_config *config) {
  struct bc_config_dispute *dispute;
  while ((dispute = RB_MIN(bc_config_dispute_tree, &config->disputes)) != NULL) {
    RB_REMOVE(bc_config_dispute_tree, &config->disputes, dispute);
    identity_decide(config, &dispute->nlri);
    free(dispute);
  }
}

void bc_config_identity_free(struct bc_config *config) {
  struct bc_config_dispute *dispute;
  while ((dispute = RB_MIN(bc_config_dispute_tree, &config->disputes)) != NULL) {
    RB_REMOVE(bc_config_dispute_tree, &config->disputes, dispute);
    free(dispute);
  }
}
