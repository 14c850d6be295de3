/* What others read of the RIB. */
#include "model/rib_private.h"

#include <stdlib.h>
#include <string.h>

#define RIB_FOREIGN_ERROR "stands in ExaBGP, but was not announced by this program: it is left alone"

BC_ENUM_TEXT_FUNCTION(bc_rib_state_text, enum bc_rib_state, BC_RIB_STATE_LIST, "unknown")

/* What ExaBGP said last of it leaves nothing open. */
static bool view_is_acked(const struct rib_entry *entry) {
  bool is_wanted = entry->wanted.attributes != NULL;
  bool is_as_wanted = entry->holds == RIB_HOLDS_TOLD && bc_rib_form_equal(&entry->told, &entry->wanted);
  return is_wanted ? is_as_wanted : entry->holds == RIB_HOLDS_NONE;
}

bool bc_rib_find(const struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri, struct bc_rib_view *view) {
  const struct rib_entry *entry = bc_rib_entry_find(rib, selector, nlri);
  if (entry == NULL) {
    return false;
  }
  /* The routes of a view are put together when asked for: entries hold less than two routes. */
  struct bc_rib *scratch = (struct bc_rib *)(uintptr_t)rib;
  const struct rib_work *work = entry->work;
  scratch->view_wanted = bc_rib_route_of(entry, entry->selector, &entry->wanted);
  scratch->view_told = bc_rib_route_of(entry, entry->selector, &entry->told);
  *view = (struct bc_rib_view){.owner = entry->owner,
                               .wanted = entry->wanted.attributes == NULL ? NULL : &rib->view_wanted,
                               .told = entry->told.attributes == NULL ? NULL : &rib->view_told,
                               .state = (enum bc_rib_state)entry->state,
                               .on_wire = rib->is_started ? entry->on_wire : 0,
                               .missing = rib->is_started ? entry->missing : 0,
                               .nudges = work == NULL ? 0 : work->tries,
                               .is_unnamed = entry->is_unnamed,
                               .is_acked = rib->is_started && view_is_acked(entry),
                               .is_alarmed = work != NULL && work->is_alarmed,
                               .error = entry->is_foreign ? RIB_FOREIGN_ERROR
                                        : work != NULL    ? work->error
                                                          : NULL};
  return true;
}

const char *bc_rib_find_wanting(const struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri,
                                const char *except) {
  for (struct rib_entry *entry = bc_rib_entry_first(rib, nlri); entry != NULL; entry = bc_rib_entry_next(entry)) {
    bool is_other = entry->owner != NULL && (except == NULL || strcmp(entry->owner, except) != 0);
    if (is_other && entry->wanted.attributes != NULL && bc_selectors_overlap(entry->selector->text, selector)) {
      return entry->owner;
    }
  }
  return NULL;
}

bool bc_rib_may_be_named(const struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri) {
  for (struct rib_entry *entry = bc_rib_entry_first(rib, nlri); entry != NULL; entry = bc_rib_entry_next(entry)) {
    bool is_nameless = rib->is_started ? entry->is_unnamed : entry->journal != NULL;
    if (is_nameless && bc_selectors_overlap(entry->selector->text, selector)) {
      return true;
    }
  }
  return false;
}

const char *bc_rib_next_changed(struct bc_rib *rib) {
  bc_intern_put(rib->intern, rib->taken_owner);
  rib->taken_owner = NULL;
  struct rib_note *note = STAILQ_FIRST(&rib->notes);
  if (note != NULL) {
    STAILQ_REMOVE_HEAD(&rib->notes, list);
    if (note->entry != NULL) {
      note->entry->note = NULL;
    }
    rib->taken_owner = note->owner;
    free(note);
  }
  return rib->taken_owner;
}

bool bc_rib_foreign(const struct bc_rib *rib, size_t *index, unsigned *neighbor, const char **text) {
  while (*index < rib->foreign_texts_count && rib->foreign_texts[*index].text == NULL) {
    (*index)++;
  }
  if (*index >= rib->foreign_texts_count) {
    return false;
  }
  *neighbor = rib->foreign_texts[*index].neighbor;
  *text = rib->foreign_texts[*index].text;
  (*index)++;
  return true;
}

void bc_rib_count_on_wire(const struct bc_rib *rib, size_t counts[static BC_LIMIT_NEIGHBORS][BC_FAMILY_COUNT]) {
  memset(counts, 0, BC_LIMIT_NEIGHBORS * sizeof counts[0]);
  struct rib_entry *entry = bc_rib_entry_min((struct bc_rib *)(uintptr_t)rib);
  for (; entry != NULL; entry = bc_rib_entry_after(entry)) {
    for (uint64_t left = entry->on_wire; left != 0; left &= left - 1) {
      counts[__builtin_ctzll(left)][entry->nlri.family]++;
    }
  }
}

struct bc_rib_counts bc_rib_counts(const struct bc_rib *rib) {
  struct bc_rib_counts counts = rib->counts;
  counts.queued = rib->placed[RIB_PLACE_READY] + rib->placed[RIB_PLACE_SOLO];
  counts.outstanding_barriers = rib->barriers_out;
  counts.journal_waiting = rib->placed[RIB_PLACE_JOURNAL] + rib->placed[RIB_PLACE_BATCH];
  return counts;
}

bool bc_rib_is_settled(const struct bc_rib *rib) {
  size_t open = 0;
  for (int place = RIB_PLACE_JOURNAL; place <= RIB_PLACE_WAIT; place++) {
    open += rib->placed[place];
  }
  return open == 0 && !rib->is_batch_out && TAILQ_EMPTY(&rib->lines) && !rib->is_barrier_due;
}
