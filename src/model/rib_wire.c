/* What ExaBGP sent to the neighbors, and time. */
#include "base/mem.h"
#include "model/rib_private.h"

struct rib_shown {
  unsigned neighbor;
  uint64_t bit;
  enum bc_verb verb;
  bool has_med;
  uint32_t med;
};

/* While the initial table goes out, an old text can come after the new one was written. */
static bool rib_may_be_old(const struct bc_rib *rib, const struct rib_work *work, const struct rib_shown *shown) {
  return work->place == RIB_PLACE_SENT &&
         (rib->neighbors[shown->neighbor].initial >> work->entry->nlri.family & 1U) != 0 && bc_rib_has_twin(work);
}

static void rib_show_flying(struct bc_rib *rib, struct rib_entry *entry, const struct rib_shown *shown,
                            struct bc_mono now) {
  struct rib_work *work = entry->work;
  bool is_announce = shown->verb == BC_VERB_ANNOUNCE;
  bool is_as_sent = shown->verb == (enum bc_verb)work->verb;
  bool is_told =
      is_announce && entry->told.attributes != NULL && bc_rib_form_has_med_of(&entry->told, shown->has_med, shown->med);
  if (is_announce && is_as_sent) {
    is_as_sent = bc_rib_form_has_med_of(&work->form, shown->has_med, shown->med) && !rib_may_be_old(rib, work, shown);
    is_told = is_told && (!is_as_sent || bc_rib_form_equal(&entry->told, &work->form));
  }
  bool is_proof = work->place != RIB_PLACE_WAIT || ((work->twins | work->shaky) & shown->bit) == 0;
  entry->on_wire = is_told && is_proof ? entry->on_wire | shown->bit : entry->on_wire & ~shown->bit;
  bc_rib_refresh(rib, entry);
  bc_rib_flight_shown(rib, work, shown->bit, is_as_sent, now);
}

static void rib_show_settled(struct bc_rib *rib, struct rib_entry *entry, const struct rib_shown *shown,
                             struct bc_mono now) {
  bool is_told = shown->verb == BC_VERB_ANNOUNCE && entry->told.attributes != NULL &&
                 bc_rib_form_has_med_of(&entry->told, shown->has_med, shown->med);
  /* In doubt it may be another text with the same MED. */
  uint64_t told_bit = entry->holds == RIB_HOLDS_TOLD ? shown->bit : entry->on_wire & shown->bit;
  uint64_t on_wire = is_told ? entry->on_wire | told_bit : entry->on_wire & ~shown->bit;
  uint64_t missing = entry->missing;
  if (entry->holds == RIB_HOLDS_TOLD && entry->wanted.attributes != NULL) {
    uint64_t should = bc_rib_expected(rib, entry, entry->selector) & shown->bit;
    missing = is_told ? missing & ~shown->bit : missing | should;
  } else if (shown->verb == BC_VERB_WITHDRAW) {
    missing &= ~shown->bit;
  }
  struct rib_work *work = entry->work;
  if (work != NULL && work->is_suspect && entry->holds == RIB_HOLDS_DOUBT) {
    bool is_as_sent =
        shown->verb == (enum bc_verb)work->written_verb &&
        (shown->verb == BC_VERB_WITHDRAW || bc_rib_form_has_med_of(&work->written, shown->has_med, shown->med));
    if (is_as_sent && shown->verb == BC_VERB_ANNOUNCE && !bc_rib_work_is_busy(work) &&
        !bc_rib_form_has_med_of(&entry->told, shown->has_med, shown->med)) {
      work->seen |= shown->bit;
      bc_rib_flight_proven(rib, work, now);
      return;
    }
    work->seen = is_as_sent ? work->seen | shown->bit : work->seen & ~shown->bit;
  }
  if ((on_wire & ~entry->on_wire) != 0) {
    bc_rib_tell_settled(rib, entry, shown->bit);
  }
  if (on_wire != entry->on_wire || missing != entry->missing) {
    entry->on_wire = on_wire;
    entry->missing = missing;
    bc_rib_update(rib, entry, now);
    bc_rib_update_siblings(rib, entry, now);
  }
}

static void rib_show_foreign(struct bc_rib *rib, const struct bc_nlri *nlri, const struct rib_shown *shown,
                             struct bc_mono now) {
  struct rib_foreign *foreign = bc_rib_foreign_find(rib, nlri);
  if (foreign == NULL || shown->verb != BC_VERB_WITHDRAW || (foreign->mask & shown->bit) == 0) {
    return;
  }
  bc_rib_foreign_drop(rib, foreign, shown->neighbor);
  for (struct rib_entry *entry = bc_rib_entry_first(rib, nlri); entry != NULL; entry = bc_rib_entry_next(entry)) {
    if (entry->is_foreign) {
      entry->is_foreign = bc_rib_foreign_covers(rib, entry);
      bc_rib_update(rib, entry, now);
    }
  }
}

static bool rib_has_prefix_of(const struct rib_entry *entry, const struct bc_nlri *nlri) {
  struct bc_nlri without = entry->nlri;
  without.has_path_id = false;
  without.path_id = 0;
  return bc_nlri_compare(&without, nlri) == 0;
}

const struct bc_nlri *bc_rib_nlri_meant(const struct bc_rib *rib, unsigned neighbor, const struct bc_nlri *nlri) {
  if (neighbor >= rib->neighbors_count || nlri->has_path_id) {
    return nlri;
  }
  const struct bc_nlri *meant = nlri;
  for (struct rib_entry *entry = bc_rib_entry_from(rib, nlri); entry != NULL && rib_has_prefix_of(entry, nlri);
       entry = bc_rib_entry_after(entry)) {
    if ((entry->selector->mask >> neighbor & 1U) == 0) {
      continue;
    }
    if (!entry->nlri.has_path_id || (meant != nlri && bc_nlri_compare(meant, &entry->nlri) != 0)) {
      return nlri;
    }
    meant = &entry->nlri;
  }
  return meant;
}

void bc_rib_on_wire(struct bc_rib *rib, unsigned neighbor, enum bc_verb verb, const struct bc_nlri *nlri, bool has_med,
                    uint32_t med, struct bc_mono now) {
  rib->last_now = now;
  if (neighbor >= rib->neighbors_count) {
    return;
  }
  struct rib_neighbor *from = &rib->neighbors[neighbor];
  struct rib_shown shown = {
      .neighbor = neighbor, .bit = UINT64_C(1) << neighbor, .verb = verb, .has_med = has_med, .med = med};
  from->updated_at = now;
  if (from->initial != 0) {
    from->initial_until = bc_mono_add_ms(now, RIB_INITIAL_MS);
  }
  if (!rib->is_started || (rib->ours & shown.bit) == 0) {
    return;
  }
  rib_show_foreign(rib, nlri, &shown, now);
  for (struct rib_entry *entry = bc_rib_entry_first(rib, nlri); entry != NULL; entry = bc_rib_entry_next(entry)) {
    if ((entry->selector->mask & shown.bit) == 0 || entry->is_foreign) {
      continue;
    }
    if (bc_rib_work_is_flying(entry->work) && (entry->work->selector->mask & shown.bit) != 0) {
      rib_show_flying(rib, entry, &shown, now);
    } else {
      rib_show_settled(rib, entry, &shown, now);
    }
  }
  bc_rib_reap(rib);
}

void bc_rib_wire_judge(struct bc_rib *rib, unsigned neighbor, uint32_t families, struct bc_mono now) {
  uint64_t bit = UINT64_C(1) << neighbor;
  if (!rib->is_started || (rib->reporting & bit) == 0) {
    return;
  }
  for (struct rib_entry *entry = bc_rib_entry_min(rib); entry != NULL; entry = bc_rib_entry_after(entry)) {
    bool is_judged = (families >> entry->nlri.family & 1U) != 0 && entry->wanted.attributes != NULL &&
                     entry->holds == RIB_HOLDS_TOLD && (bc_rib_expected(rib, entry, entry->selector) & bit) != 0;
    if (!is_judged) {
      continue;
    }
    if (!bc_rib_work_is_flying(entry->work) && (entry->on_wire & bit) == 0) {
      entry->missing |= bit;
      bc_rib_update(rib, entry, now);
    } else if (entry->work != NULL && entry->work->place == RIB_PLACE_WAIT) {
      bc_rib_flight_judge(rib, entry->work, bit, now);
    }
  }
}

void bc_rib_on_eor(struct bc_rib *rib, unsigned neighbor, enum bc_family family, struct bc_mono now) {
  rib->last_now = now;
  if (neighbor >= rib->neighbors_count) {
    return;
  }
  struct rib_neighbor *from = &rib->neighbors[neighbor];
  uint32_t bit = UINT32_C(1) << family;
  from->updated_at = now;
  if ((from->initial & bit) != 0) {
    from->initial &= ~bit;
    bc_rib_wire_judge(rib, neighbor, bit, now);
    bc_rib_reap(rib);
  }
}

void bc_rib_tick(struct bc_rib *rib, struct bc_mono now) {
  rib->last_now = now;
  struct rib_work *work;
  while ((work = bc_rib_work_first_timer(rib)) != NULL && bc_mono_reached(work->timer_at, now)) {
    bc_rib_work_set_timer(rib, work, (struct bc_mono){0});
    if (work->place == RIB_PLACE_WAIT) {
      bc_rib_flight_check(rib, work, now);
    } else {
      bc_rib_update(rib, work->entry, now);
    }
  }
  for (unsigned i = 0; i < rib->neighbors_count; i++) {
    struct rib_neighbor *neighbor = &rib->neighbors[i];
    if (neighbor->initial != 0 && bc_mono_reached(neighbor->initial_until, now)) {
      uint32_t families = neighbor->initial;
      neighbor->initial = 0;
      bc_rib_wire_judge(rib, i, families, now);
    }
  }
  if (rib->has_acks && bc_mono_is_set(rib->unsynced_since) && rib->barriers_out == 0 &&
      bc_mono_reached(bc_mono_add_ms(rib->unsynced_since, RIB_BARRIER_MS), now)) {
    rib->is_barrier_due = true;
  }
  bc_rib_reap(rib);
}

struct bc_mono bc_rib_deadline(const struct bc_rib *rib) {
  const struct rib_work *work = bc_rib_work_first_timer(rib);
  struct bc_mono deadline = work == NULL ? (struct bc_mono){0} : work->timer_at;
  for (unsigned i = 0; i < rib->neighbors_count; i++) {
    if (rib->neighbors[i].initial != 0) {
      deadline = bc_mono_earlier(deadline, rib->neighbors[i].initial_until);
    }
  }
  if (rib->has_acks && bc_mono_is_set(rib->unsynced_since) && rib->barriers_out == 0 && !rib->is_barrier_due) {
    deadline = bc_mono_earlier(deadline, bc_mono_add_ms(rib->unsynced_since, RIB_BARRIER_MS));
  }
  return deadline;
}
