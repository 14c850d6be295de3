/* Questions about what stood when this core started. */
#include "model/rib_private.h"

#include <stdlib.h>

static int rib_standing_compare(const void *a, const void *b) {
  const struct rib_standing *left = a;
  const struct rib_standing *right = b;
  return bc_nlri_compare(&left->nlri, &right->nlri);
}

/* The list comes in ExaBGP's order; sorted once it answers for 100,000 routes in no time. */
static void rib_standing_sort(struct bc_rib *rib) {
  if (rib->standing_sorted != rib->standing_count) {
    qsort(rib->standing, rib->standing_count, sizeof rib->standing[0], rib_standing_compare);
    rib->standing_sorted = rib->standing_count;
  }
}

const char *bc_rib_stood_as(struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri,
                            bool journal_is_lost) {
  if (rib->is_started || rib->standing_count == 0) {
    return NULL;
  }
  const struct rib_entry *entry = bc_rib_entry_find(rib, selector, nlri);
  bool is_ours = entry != NULL && entry->journal != NULL;
  if (!is_ours && !journal_is_lost) {
    return NULL;
  }
  rib_standing_sort(rib);
  struct rib_standing wanted = {.nlri = *nlri};
  const struct rib_standing *found =
      bsearch(&wanted, rib->standing, rib->standing_count, sizeof rib->standing[0], rib_standing_compare);
  return found == NULL ? NULL : is_ours ? entry->journal : found->form.attributes;
}

bool bc_rib_stood(struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri, bool journal_is_lost) {
  return bc_rib_stood_as(rib, selector, nlri, journal_is_lost) != NULL;
}

bool bc_rib_said(const struct bc_rib *rib, const struct bc_route *route) {
  bool is_said = true;
  for (size_t i = 0; is_said && i < bc_route_nlri_count(route); i++) {
    const struct rib_entry *entry = bc_rib_entry_find(rib, route->selector, bc_route_nlri(route, i));
    is_said = entry != NULL && entry->journal == route->attributes;
  }
  return is_said;
}

bool bc_rib_is_recorded(const struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri) {
  const struct rib_entry *entry = bc_rib_entry_find(rib, selector, nlri);
  return entry != NULL && entry->journal != NULL;
}

bool bc_rib_stood_any(const struct bc_rib *rib, bool journal_is_lost) {
  for (size_t i = 0; i < rib->standing_count; i++) {
    struct rib_entry *entry = bc_rib_entry_first(rib, &rib->standing[i].nlri);
    for (; entry != NULL; entry = bc_rib_entry_next(entry)) {
      if (entry->journal != NULL) {
        return true;
      }
    }
  }
  return journal_is_lost && rib->standing_count > 0;
}
