#include "model/rib.h"

#include "base/mem.h"
#include "model/rib_private.h"

#include <stdlib.h>
#include <string.h>

static int rib_entry_compare(const struct rib_entry *a, const struct rib_entry *b) {
  int order = bc_nlri_compare(&a->nlri, &b->nlri);
  if (order != 0) {
    return order;
  }
  return (a->selector->number > b->selector->number) - (a->selector->number < b->selector->number);
}

static int rib_selector_compare(const struct rib_selector *a, const struct rib_selector *b) {
  if (a->text == NULL || b->text == NULL) {
    return (a->text != NULL) - (b->text != NULL);
  }
  return strcmp(a->text, b->text);
}

BC_TREE(rib_entry_tree, rib_entry, link, rib_entry_compare)
BC_TREE(rib_selector_tree, rib_selector, link, rib_selector_compare)

/* ---- forms ---- */

struct rib_form bc_rib_form_copy(const struct rib_form *form) {
  struct rib_form copy = *form;
  if (copy.attributes != NULL) {
    copy.attributes = bc_intern_ref(copy.attributes);
  }
  return copy;
}

void bc_rib_form_release(struct bc_rib *rib, struct rib_form *form) {
  bc_intern_put(rib->intern, form->attributes);
  *form = (struct rib_form){0};
}

void bc_rib_form_set(struct bc_rib *rib, struct rib_form *to, const struct rib_form *from) {
  struct rib_form copy = from == NULL ? (struct rib_form){0} : bc_rib_form_copy(from);
  bc_rib_form_release(rib, to);
  *to = copy;
}

struct rib_form bc_rib_form_of(const struct bc_route *route) {
  return (struct rib_form){.attributes = route->attributes,
                           .med = route->med,
                           .has_med = route->has_med,
                           .has_next_hop = route->has_next_hop,
                           .is_groupable = route->is_groupable};
}

bool bc_rib_form_equal(const struct rib_form *a, const struct rib_form *b) {
  return a->attributes == b->attributes;
}

bool bc_rib_form_has_med_of(const struct rib_form *form, bool has_med, uint32_t med) {
  return form->has_med == has_med && (!has_med || form->med == med);
}

struct bc_route bc_rib_route_of(const struct rib_entry *entry, const struct rib_selector *selector,
                                const struct rib_form *form) {
  return (struct bc_route){.nlri = entry->nlri,
                           .med = form->med,
                           .has_med = form->has_med,
                           .has_next_hop = form->has_next_hop,
                           .is_groupable = form->is_groupable,
                           .selector = selector->text,
                           .attributes = form->attributes};
}

/* ---- selectors ---- */

struct rib_selector *bc_rib_selector_get(struct bc_rib *rib, const char *text) {
  struct rib_selector key = {.text = text};
  struct rib_selector *selector = RB_FIND(rib_selector_tree, &rib->selectors, &key);
  if (selector == NULL) {
    selector = bc_mem_new(1, sizeof *selector);
    selector->text = text == NULL ? NULL : bc_intern_get(rib->intern, bc_str_of(text));
    selector->number = ++rib->selector_last;
    for (unsigned i = 0; i < rib->neighbors_count; i++) {
      selector->mask |= bc_selector_selects(text, &rib->neighbors[i].is.name) ? UINT64_C(1) << i : 0;
    }
    RB_INSERT(rib_selector_tree, &rib->selectors, selector);
  }
  selector->refs++;
  return selector;
}

struct rib_selector *bc_rib_selector_ref(struct rib_selector *selector) {
  selector->refs++;
  return selector;
}

void bc_rib_selector_put(struct bc_rib *rib, struct rib_selector *selector) {
  if (selector != NULL && --selector->refs == 0) {
    RB_REMOVE(rib_selector_tree, &rib->selectors, selector);
    bc_intern_put(rib->intern, selector->text);
    free(selector);
  }
}

void bc_rib_selector_set_neighbor(struct bc_rib *rib, unsigned number) {
  uint64_t bit = UINT64_C(1) << number;
  struct rib_selector *selector;
  RB_FOREACH(selector, rib_selector_tree, &rib->selectors) {
    bool is_selected = bc_selector_selects(selector->text, &rib->neighbors[number].is.name);
    selector->mask = is_selected ? selector->mask | bit : selector->mask & ~bit;
  }
}

/* ---- entries ---- */

struct rib_entry *bc_rib_entry_from(const struct bc_rib *rib, const struct bc_nlri *nlri) {
  struct rib_selector none = {.number = 0};
  struct rib_entry key = {.selector = &none, .nlri = *nlri};
  struct rib_entry_tree *tree = (struct rib_entry_tree *)(uintptr_t)&rib->entries;
  return RB_NFIND(rib_entry_tree, tree, &key);
}

/* One decision, and one command, look for the same NLRI again and again. */
struct rib_entry *bc_rib_entry_first(const struct bc_rib *rib, const struct bc_nlri *nlri) {
  struct rib_entry *entry = rib->found;
  if (entry == NULL || bc_nlri_compare(&entry->nlri, nlri) != 0) {
    entry = bc_rib_entry_from(rib, nlri);
    entry = entry != NULL && bc_nlri_compare(&entry->nlri, nlri) == 0 ? entry : NULL;
    ((struct bc_rib *)(uintptr_t)rib)->found = entry;
  }
  return entry;
}

struct rib_entry *bc_rib_entry_first_beside(const struct rib_entry *entry) {
  struct rib_entry *first = (struct rib_entry *)(uintptr_t)entry;
  struct rib_entry *before = RB_PREV(rib_entry_tree, NULL, first);
  while (before != NULL && bc_nlri_compare(&before->nlri, &entry->nlri) == 0) {
    first = before;
    before = RB_PREV(rib_entry_tree, NULL, first);
  }
  return first;
}

struct rib_entry *bc_rib_entry_next(struct rib_entry *entry) {
  struct rib_entry *next = RB_NEXT(rib_entry_tree, NULL, entry);
  return next != NULL && bc_nlri_compare(&entry->nlri, &next->nlri) == 0 ? next : NULL;
}

struct rib_entry *bc_rib_entry_min(struct bc_rib *rib) {
  return RB_MIN(rib_entry_tree, &rib->entries);
}

struct rib_entry *bc_rib_entry_after(struct rib_entry *entry) {
  return RB_NEXT(rib_entry_tree, NULL, entry);
}

struct rib_entry *bc_rib_entry_find(const struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri) {
  struct rib_entry *entry = bc_rib_entry_first(rib, nlri);
  struct rib_selector key = {.text = selector};
  while (entry != NULL && rib_selector_compare(entry->selector, &key) != 0) {
    entry = bc_rib_entry_next(entry);
  }
  return entry;
}

struct rib_entry *bc_rib_entry_make(struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri) {
  struct rib_entry *entry = bc_rib_entry_find(rib, selector, nlri);
  if (entry != NULL) {
    return entry;
  }
  entry = bc_mem_new(1, sizeof *entry);
  entry->selector = bc_rib_selector_get(rib, selector);
  entry->nlri = bc_nlri_ref(nlri);
  entry->is_foreign = bc_rib_foreign_covers(rib, entry);
  RB_INSERT(rib_entry_tree, &rib->entries, entry);
  rib->found = bc_rib_entry_first_beside(entry);
  rib->counts.entries++;
  rib->counts.by_state[BC_RIB_NONE]++;
  return entry;
}

static void rib_note_owner(struct bc_rib *rib, struct rib_entry *entry) {
  if (entry->owner == NULL || entry->note != NULL) {
    return;
  }
  struct rib_note *note = bc_mem_new(1, sizeof *note);
  note->entry = entry;
  note->owner = bc_intern_ref(entry->owner);
  entry->note = note;
  STAILQ_INSERT_TAIL(&rib->notes, note, list);
}

void bc_rib_entry_set_owner(struct bc_rib *rib, struct rib_entry *entry, const char *owner) {
  const char *text = owner == NULL ? NULL : bc_intern_get(rib->intern, bc_str_of(owner));
  if (text == entry->owner) {
    bc_intern_put(rib->intern, text);
    return;
  }
  rib_note_owner(rib, entry);
  if (entry->note != NULL) {
    entry->note->entry = NULL;
    entry->note = NULL;
  }
  bc_intern_put(rib->intern, entry->owner);
  entry->owner = text;
  rib_note_owner(rib, entry);
}

void bc_rib_entry_name(struct bc_rib *rib, struct rib_entry *entry) {
  rib->counts.unnamed -= entry->is_unnamed;
  entry->is_unnamed = false;
}

static void rib_entry_free(struct bc_rib *rib, struct rib_entry *entry) {
  bc_rib_entry_name(rib, entry);
  rib->found = rib->found == entry ? NULL : rib->found;
  RB_REMOVE(rib_entry_tree, &rib->entries, entry);
  rib->counts.entries--;
  rib->counts.by_state[entry->state]--;
  if (entry->note != NULL) {
    entry->note->entry = NULL;
  }
  if (entry->work != NULL) {
    bc_rib_work_free(rib, entry->work);
  }
  bc_rib_form_release(rib, &entry->wanted);
  bc_rib_form_release(rib, &entry->told);
  bc_intern_put(rib->intern, entry->owner);
  bc_intern_put(rib->intern, entry->journal);
  bc_rib_selector_put(rib, entry->selector);
  bc_nlri_put(rib->intern, &entry->nlri);
  free(entry);
}

uint64_t bc_rib_expected(const struct bc_rib *rib, const struct rib_entry *entry, const struct rib_selector *selector) {
  return selector->mask & rib->ours & rib->established & rib->configured[entry->nlri.family] &
         rib->negotiated[entry->nlri.family];
}

/* ---- state ---- */

static enum bc_rib_state rib_state_unwanted(const struct rib_entry *entry) {
  if (entry->is_unnamed) {
    return BC_RIB_ANNOUNCED;
  }
  if (entry->missing != 0) {
    return BC_RIB_UNCONFIRMED;
  }
  return entry->holds != RIB_HOLDS_NONE || bc_rib_work_is_flying(entry->work) ? BC_RIB_WITHDRAWING : BC_RIB_NONE;
}

static enum bc_rib_state rib_state_wanted(const struct bc_rib *rib, const struct rib_entry *entry) {
  const struct rib_work *work = entry->work;
  if (entry->missing != 0 || (work != NULL && work->tries > 0)) {
    return BC_RIB_UNCONFIRMED;
  }
  bool is_sent = bc_rib_work_is_flying(work);
  if (is_sent && work->verb == BC_VERB_ANNOUNCE && bc_rib_form_equal(&work->form, &entry->wanted)) {
    return work->place == RIB_PLACE_SENT ? BC_RIB_SENT : BC_RIB_ACKED;
  }
  if (is_sent || entry->holds != RIB_HOLDS_TOLD || !bc_rib_form_equal(&entry->told, &entry->wanted)) {
    return BC_RIB_PENDING;
  }
  uint64_t expected = bc_rib_expected(rib, entry, entry->selector);
  if (expected == 0) {
    return BC_RIB_STANDBY;
  }
  return (expected & ~entry->on_wire) == 0 ? BC_RIB_ANNOUNCED : BC_RIB_ACKED;
}

static enum bc_rib_state rib_state_of(const struct bc_rib *rib, const struct rib_entry *entry) {
  bool is_wanted = entry->wanted.attributes != NULL;
  if (!rib->is_started || entry->is_foreign) {
    return !is_wanted ? BC_RIB_NONE : entry->is_foreign ? BC_RIB_FOREIGN : BC_RIB_PENDING;
  }
  if (entry->work != NULL && entry->work->is_refused && entry->work->place != RIB_PLACE_WAIT) {
    return BC_RIB_REFUSED;
  }
  return is_wanted ? rib_state_wanted(rib, entry) : rib_state_unwanted(entry);
}

void bc_rib_refresh(struct bc_rib *rib, struct rib_entry *entry) {
  rib->counts.by_state[entry->state]--;
  entry->state = (uint8_t)rib_state_of(rib, entry);
  rib->counts.by_state[entry->state]++;
  rib_note_owner(rib, entry);
}

void bc_rib_refresh_state(struct bc_rib *rib, struct rib_entry *entry) {
  if (rib_state_of(rib, entry) != (enum bc_rib_state)entry->state) {
    bc_rib_refresh(rib, entry);
  }
}

void bc_rib_reap(struct bc_rib *rib) {
  struct rib_work *work;
  while ((work = TAILQ_FIRST(&rib->works[RIB_PLACE_GONE])) != NULL) {
    rib_entry_free(rib, work->entry);
  }
}

/* ---- life and wants ---- */

struct bc_rib *bc_rib_new(struct bc_intern *intern) {
  struct bc_rib *rib = bc_mem_new(1, sizeof *rib);
  rib->intern = intern;
  rib->work_slab = bc_slab_new(sizeof(struct rib_work));
  rib->has_acks = true;
  rib->epoch = 1;
  for (int i = 0; i < RIB_PLACE_COUNT; i++) {
    TAILQ_INIT(&rib->works[i]);
  }
  for (int i = 0; i <= BC_VERB_WITHDRAW; i++) {
    TAILQ_INIT(&rib->rings[i]);
  }
  TAILQ_INIT(&rib->lines);
  STAILQ_INIT(&rib->notes);
  return rib;
}

void bc_rib_free(struct bc_rib *rib) {
  if (rib == NULL) {
    return;
  }
  struct rib_line *line;
  while ((line = TAILQ_FIRST(&rib->lines)) != NULL) {
    bc_rib_line_free(rib, line);
  }
  struct rib_entry *entry;
  while ((entry = RB_MIN(rib_entry_tree, &rib->entries)) != NULL) {
    rib_entry_free(rib, entry);
  }
  while (bc_rib_next_changed(rib) != NULL) {
  }
  bc_rib_foreign_free_all(rib);
  bc_rib_standing_forget(rib);
  bc_slab_free(rib->work_slab);
  free(rib);
}

static void rib_want_changed(struct bc_rib *rib, struct rib_entry *entry, struct bc_mono now) {
  if (entry->work != NULL) {
    entry->work->tries = 0;
    entry->work->owed = 0;
    entry->work->is_alarmed = false;
  }
  bc_rib_update(rib, entry, now);
  bc_rib_update_siblings(rib, entry, now);
  if (entry->work != NULL && entry->work->place == RIB_PLACE_WAIT) {
    bc_rib_flight_check(rib, entry->work, now);
  }
  bc_rib_reap(rib);
}

void bc_rib_want(struct bc_rib *rib, const char *owner, const struct bc_route *route, struct bc_mono now) {
  struct rib_entry *entry = bc_rib_entry_make(rib, route->selector, &route->nlri);
  struct rib_form form = bc_rib_form_of(route);
  bool is_other = !bc_rib_form_equal(&entry->wanted, &form);
  bc_rib_entry_set_owner(rib, entry, owner);
  bc_rib_entry_name(rib, entry);
  bc_rib_take_mark(rib, entry);
  if (!is_other) {
    return;
  }
  bc_rib_form_set(rib, &entry->wanted, &form);
  rib_want_changed(rib, entry, now);
}

void bc_rib_unwant(struct bc_rib *rib, const char *selector, const struct bc_nlri *nlri, struct bc_mono now) {
  struct rib_entry *entry = bc_rib_entry_find(rib, selector, nlri);
  if (entry == NULL || entry->wanted.attributes == NULL) {
    return;
  }
  bc_rib_take_mark(rib, entry);
  bc_rib_form_release(rib, &entry->wanted);
  rib_want_changed(rib, entry, now);
}
