/* What stands in ExaBGP since the start and is not ours. */
#include "base/mem.h"
#include "model/rib_private.h"

#include <stdlib.h>
#include <string.h>

static int rib_foreign_compare(const struct rib_foreign *a, const struct rib_foreign *b) {
  return bc_nlri_compare(&a->nlri, &b->nlri);
}

BC_TREE(rib_foreign_tree, rib_foreign, link, rib_foreign_compare)

struct rib_foreign *bc_rib_foreign_find(const struct bc_rib *rib, const struct bc_nlri *nlri) {
  struct rib_foreign key = {.nlri = *nlri};
  struct rib_foreign_tree *tree = (struct rib_foreign_tree *)(uintptr_t)&rib->foreign;
  return RB_FIND(rib_foreign_tree, tree, &key);
}

struct rib_foreign *bc_rib_foreign_make(struct bc_rib *rib, const struct bc_nlri *nlri) {
  struct rib_foreign *foreign = bc_rib_foreign_find(rib, nlri);
  if (foreign == NULL) {
    foreign = bc_mem_new(1, sizeof *foreign);
    foreign->nlri = bc_nlri_ref(nlri);
    RB_INSERT(rib_foreign_tree, &rib->foreign, foreign);
  }
  return foreign;
}

void bc_rib_foreign_each(const struct bc_rib *rib, bc_rib_nlri_fn *fn, void *arg) {
  struct rib_foreign *foreign;
  RB_FOREACH(foreign, rib_foreign_tree, (struct rib_foreign_tree *)(uintptr_t)&rib->foreign) {
    fn(arg, &foreign->nlri);
  }
}

static void rib_foreign_free(struct bc_rib *rib, struct rib_foreign *foreign) {
  RB_REMOVE(rib_foreign_tree, &rib->foreign, foreign);
  bc_nlri_put(rib->intern, &foreign->nlri);
  free(foreign);
}

bool bc_rib_foreign_covers(const struct bc_rib *rib, const struct rib_entry *entry) {
  const struct rib_foreign *foreign = bc_rib_foreign_find(rib, &entry->nlri);
  return foreign != NULL && (foreign->mask & entry->selector->mask & rib->ours) != 0;
}

static size_t *rib_foreign_count(struct bc_rib *rib, unsigned neighbor) {
  return &rib->foreign_at[neighbor < BC_LIMIT_NEIGHBORS ? neighbor : BC_LIMIT_NEIGHBORS];
}

void bc_rib_foreign_add(struct bc_rib *rib, struct rib_foreign *foreign, unsigned neighbor, struct bc_str text) {
  if (foreign != NULL) {
    uint64_t bit = UINT64_C(1) << neighbor;
    if ((foreign->mask & bit) != 0) {
      return; /* counted once, as it goes once */
    }
    foreign->mask |= bit;
  }
  rib->counts.foreign++;
  ++*rib_foreign_count(rib, neighbor);
  size_t count = rib->foreign_texts_count;
  if (count >= RIB_FOREIGN_TEXTS) {
    return;
  }
  if ((count & (count - 1)) == 0) {
    rib->foreign_texts = bc_mem_resize(rib->foreign_texts, count == 0 ? 1 : count * 2, sizeof rib->foreign_texts[0]);
  }
  rib->foreign_texts[count] = (struct rib_foreign_text){
      .neighbor = neighbor, .text = bc_mem_copy_text(text.at, text.len), .before = foreign == NULL ? 0 : foreign->text};
  rib->foreign_texts_count++;
  if (foreign != NULL) {
    foreign->text = count + 1;
  }
}

/* Its place stays, so that whoever reads the list piece by piece misses none. */
static void rib_foreign_forget_text(struct rib_foreign_text *text) {
  free(text->text);
  text->text = NULL;
}

void bc_rib_foreign_drop(struct bc_rib *rib, struct rib_foreign *foreign, unsigned neighbor) {
  uint64_t bit = UINT64_C(1) << neighbor;
  if ((foreign->mask & bit) == 0) {
    return;
  }
  foreign->mask &= ~bit;
  rib->counts.foreign--;
  --*rib_foreign_count(rib, neighbor);
  for (size_t at = foreign->text; at > 0; at = rib->foreign_texts[at - 1].before) {
    if (rib->foreign_texts[at - 1].neighbor == neighbor) {
      rib_foreign_forget_text(&rib->foreign_texts[at - 1]);
    }
  }
  if (foreign->mask == 0) {
    rib_foreign_free(rib, foreign);
  }
}

void bc_rib_foreign_drop_neighbor(struct bc_rib *rib, unsigned neighbor) {
  struct rib_foreign *next;
  for (struct rib_foreign *foreign = RB_MIN(rib_foreign_tree, &rib->foreign); foreign != NULL; foreign = next) {
    next = RB_NEXT(rib_foreign_tree, &rib->foreign, foreign);
    bc_rib_foreign_drop(rib, foreign, neighbor);
  }
  /* What could not be parsed is known by its text alone. */
  for (size_t i = 0; i < rib->foreign_texts_count; i++) {
    struct rib_foreign_text *text = &rib->foreign_texts[i];
    if (text->neighbor == neighbor && text->text != NULL) {
      rib->counts.foreign--;
      --*rib_foreign_count(rib, neighbor);
      rib_foreign_forget_text(text);
    }
  }
}

void bc_rib_foreign_free_all(struct bc_rib *rib) {
  struct rib_foreign *foreign;
  while ((foreign = RB_MIN(rib_foreign_tree, &rib->foreign)) != NULL) {
    rib_foreign_free(rib, foreign);
  }
  for (size_t i = 0; i < rib->foreign_texts_count; i++) {
    free(rib->foreign_texts[i].text);
  }
  free(rib->foreign_texts);
  rib->foreign_texts = NULL;
  rib->foreign_texts_count = 0;
  rib->counts.foreign = 0;
  memset(rib->foreign_at, 0, sizeof rib->foreign_at);
}

size_t bc_rib_count_foreign(const struct bc_rib *rib, unsigned neighbor) {
  return neighbor < BC_LIMIT_NEIGHBORS ? rib->foreign_at[neighbor] : 0;
}
