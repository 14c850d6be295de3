/* Neighbors: who is reached, who is up, and what that ends. */
#include "model/rib_private.h"

#include <string.h>

static void rib_mask_set(uint64_t *mask, unsigned number, bool is_in) {
  uint64_t bit = UINT64_C(1) << number;
  *mask = is_in ? *mask | bit : *mask & ~bit;
}

static void rib_masks_set(struct bc_rib *rib, unsigned number) {
  const struct bc_rib_neighbor *is = &rib->neighbors[number].is;
  rib_mask_set(&rib->ours, number, is->is_ours);
  rib_mask_set(&rib->established, number, is->is_established);
  rib_mask_set(&rib->reporting, number, is->reports_updates);
  for (unsigned family = 0; family < BC_FAMILY_COUNT; family++) {
    rib_mask_set(&rib->configured[family], number, (is->configured >> family & 1U) != 0);
    rib_mask_set(&rib->negotiated[family], number, (is->negotiated >> family & 1U) != 0);
  }
}

/* Those in which our commands reach it. */
static uint32_t rib_families(const struct bc_rib_neighbor *neighbor) {
  return neighbor->is_ours ? neighbor->negotiated & neighbor->configured : 0;
}

/* Its first table goes out: what it has is known when each family's End-of-RIB came. */
static void rib_neighbor_begin(struct bc_rib *rib, struct rib_neighbor *neighbor, uint32_t families,
                               struct bc_mono now) {
  int64_t table_ms = (int64_t)rib->counts.entries * 1000 / RIB_DRAIN_NLRI_PER_SECOND;
  neighbor->initial = neighbor->is.reports_updates ? neighbor->initial | families : 0;
  neighbor->initial_until = bc_mono_add_ms(now, RIB_INITIAL_MS);
  neighbor->resend_until = bc_mono_add_ms(now, RIB_DRAIN_MS + table_ms);
}

unsigned bc_rib_neighbor_add(struct bc_rib *rib, const struct bc_rib_neighbor *neighbor) {
  if (rib->neighbors_count == BC_LIMIT_NEIGHBORS) {
    return BC_LIMIT_NEIGHBORS;
  }
  unsigned number = rib->neighbors_count++;
  rib->neighbors[number].is = *neighbor;
  rib->neighbors[number].is.is_established = false;
  rib_masks_set(rib, number);
  bc_rib_selector_set_neighbor(rib, number);
  if (neighbor->is_established) {
    bc_rib_neighbor_set(rib, number, neighbor, rib->last_now);
  }
  return number;
}

struct rib_change {
  uint64_t bit;
  bool is_turn;    /* it went up or down */
  bool is_opening; /* ExaBGP may take for it what it refused before */
  struct bc_mono now;
};

static void rib_change_flight(struct bc_rib *rib, struct rib_work *work, const struct rib_change *change) {
  if (change->is_turn) {
    work->seen &= ~change->bit;
    work->waiting &= ~change->bit;
    work->draining &= ~change->bit;
    work->late &= ~change->bit;
    work->twins &= ~change->bit;
    work->shaky &= ~change->bit;
    work->on_wire_before &= ~change->bit;
    return;
  }
  uint64_t expected = bc_rib_expected(rib, work->entry, work->selector);
  uint64_t open = (work->waiting | work->draining) & expected;
  work->waiting = open & rib->reporting;
  work->draining = open & ~rib->reporting;
  work->late &= expected;
}

static void rib_change_entry(struct bc_rib *rib, struct rib_entry *entry, const struct rib_change *change) {
  struct rib_work *work = entry->work;
  uint64_t on_wire = change->is_turn ? entry->on_wire & ~change->bit : entry->on_wire;
  uint64_t expected = bc_rib_expected(rib, entry, entry->selector);
  uint64_t missing = entry->missing & expected & (change->is_turn ? ~change->bit : UINT64_MAX);
  if (entry->holds == RIB_HOLDS_TOLD) {
    on_wire |= expected & ~rib->reporting & change->bit;
  }
  bool is_changed = on_wire != entry->on_wire || missing != entry->missing;
  entry->on_wire = on_wire;
  entry->missing = missing;
  if (is_changed) {
    bc_rib_refresh(rib, entry);
  }
  if (bc_rib_work_is_flying(work)) {
    rib_change_flight(rib, work, change);
  } else if (work != NULL && work->is_refused && change->is_opening) {
    work->retry_at = change->now;
  }
  if (work != NULL && work->place == RIB_PLACE_WAIT) {
    bc_rib_flight_check(rib, work, change->now);
  } else if (work != NULL || missing != 0) {
    bc_rib_update(rib, entry, change->now);
  } else {
    bc_rib_refresh_state(rib, entry);
  }
}

/* All but its name. */
static void rib_neighbor_change(struct bc_rib *rib, unsigned number, const struct bc_rib_neighbor *neighbor,
                                struct bc_mono now) {
  struct rib_neighbor *own = &rib->neighbors[number];
  struct bc_rib_neighbor old = own->is;
  own->is = *neighbor;
  own->is.name = old.name;
  rib_masks_set(rib, number);
  uint32_t families = rib_families(neighbor);
  uint32_t added = families & ~rib_families(&old);
  struct rib_change change = {
      .bit = UINT64_C(1) << number, .is_turn = old.is_established != neighbor->is_established, .now = now};
  change.is_opening = neighbor->is_ours && ((change.is_turn && neighbor->is_established) || !old.is_ours ||
                                            (neighbor->configured & ~old.configured) != 0 || added != 0);
  bool is_same = !change.is_turn && old.is_ours == neighbor->is_ours && old.configured == neighbor->configured &&
                 old.negotiated == neighbor->negotiated && old.reports_updates == neighbor->reports_updates;
  if (is_same) {
    return;
  }
  if (!neighbor->is_established) {
    own->initial = 0;
  } else if (change.is_turn || added != 0) {
    rib_neighbor_begin(rib, own, change.is_turn ? families : added, now);
  }
  for (struct rib_entry *entry = bc_rib_entry_min(rib); rib->is_started && entry != NULL;
       entry = bc_rib_entry_after(entry)) {
    if ((entry->selector->mask & change.bit) != 0 && !entry->is_foreign) {
      rib_change_entry(rib, entry, &change);
    }
  }
  bc_rib_reap(rib);
}

static bool rib_name_is(const struct bc_neighbor_name *a, const struct bc_neighbor_name *b) {
  return strcmp(a->ip, b->ip) == 0 && strcmp(a->local_ip, b->local_ip) == 0 && strcmp(a->local_as, b->local_as) == 0 &&
         strcmp(a->peer_as, b->peer_as) == 0 && strcmp(a->router_id, b->router_id) == 0;
}

static void rib_erase_neighbor(struct rib_entry *entry, uint64_t bit) {
  struct rib_work *work = entry->work;
  entry->on_wire &= ~bit;
  entry->missing &= ~bit;
  if (work != NULL) {
    work->seen &= ~bit;
    work->waiting &= ~bit;
    work->draining &= ~bit;
    work->late &= ~bit;
    work->twins &= ~bit;
    work->shaky &= ~bit;
    work->on_wire_before &= ~bit;
  }
}

/* The one of before leaves nothing behind. */
static void rib_neighbor_rename(struct bc_rib *rib, unsigned number, const struct bc_neighbor_name *name,
                                struct bc_mono now) {
  struct rib_neighbor *own = &rib->neighbors[number];
  rib_neighbor_change(rib, number, &(struct bc_rib_neighbor){0}, now);
  bc_rib_foreign_drop_neighbor(rib, number);
  *own = (struct rib_neighbor){.is = {.name = *name}};
  bc_rib_selector_set_neighbor(rib, number);
  for (struct rib_entry *entry = bc_rib_entry_min(rib); entry != NULL; entry = bc_rib_entry_after(entry)) {
    bool was_foreign = entry->is_foreign;
    rib_erase_neighbor(entry, UINT64_C(1) << number);
    entry->is_foreign = was_foreign && bc_rib_foreign_covers(rib, entry);
    if (entry->work != NULL || entry->is_foreign != was_foreign) {
      bc_rib_update(rib, entry, now);
    } else {
      bc_rib_refresh_state(rib, entry);
    }
  }
  bc_rib_reap(rib);
}

void bc_rib_neighbor_set(struct bc_rib *rib, unsigned number, const struct bc_rib_neighbor *neighbor,
                         struct bc_mono now) {
  rib->last_now = now;
  if (number >= rib->neighbors_count) {
    return;
  }
  if (!rib_name_is(&rib->neighbors[number].is.name, &neighbor->name)) {
    rib_neighbor_rename(rib, number, &neighbor->name, now);
  }
  rib_neighbor_change(rib, number, neighbor, now);
}

const struct bc_rib_neighbor *bc_rib_neighbor_get(const struct bc_rib *rib, unsigned number) {
  return number < rib->neighbors_count ? &rib->neighbors[number].is : NULL;
}

unsigned bc_rib_neighbor_count(const struct bc_rib *rib) {
  return rib->neighbors_count;
}
