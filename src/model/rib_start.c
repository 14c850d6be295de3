/* The start: what stands in ExaBGP, what the journal says is ours, and what is wanted, made one. */
#include "base/mem.h"
#include "model/rib_private.h"

#include <stdlib.h>
#include <string.h>

void bc_rib_standing_forget(struct bc_rib *rib) {
  for (size_t i = 0; i < rib->standing_count; i++) {
    bc_nlri_put(rib->intern, &rib->standing[i].nlri);
    bc_rib_form_release(rib, &rib->standing[i].form);
  }
  free(rib->standing);
  rib->standing = NULL;
  rib->standing_count = 0;
  rib->standing_cap = 0;
  rib->standing_sorted = 0;
}

void bc_rib_standing_begin(struct bc_rib *rib) {
  if (!rib->is_started) {
    bc_rib_standing_forget(rib);
    bc_rib_foreign_free_all(rib);
    rib->is_standing_cut = false;
    rib->is_standing_unread = false;
  }
}

void bc_rib_standing(struct bc_rib *rib, unsigned neighbor, const struct bc_route *route, struct bc_str raw) {
  if (rib->is_started) {
    return;
  }
  if (route == NULL || neighbor >= rib->neighbors_count) {
    rib->is_standing_unread = true;
    bc_rib_foreign_add(rib, NULL, neighbor, raw);
    return;
  }
  if (rib->standing_count == BC_LIMIT_STANDING) {
    rib->is_standing_cut = true;
    return;
  }
  if (rib->standing_count == rib->standing_cap) {
    rib->standing_cap = rib->standing_cap == 0 ? 64 : rib->standing_cap * 2;
    rib->standing = bc_mem_resize(rib->standing, rib->standing_cap, sizeof rib->standing[0]);
  }
  struct rib_form form = bc_rib_form_of(route);
  rib->standing[rib->standing_count++] =
      (struct rib_standing){.nlri = bc_nlri_ref(&route->nlri), .neighbor = neighbor, .form = bc_rib_form_copy(&form)};
}

/* What `self` means to a neighbor: our address in its session, or our router-id where that is one of IPv6. */
static bool rib_is_self(const struct bc_neighbor_name *name, struct bc_str address) {
  bool is_known = strpbrk(name->local_ip, ".:") != NULL; /* else `auto` */
  return !is_known || bc_str_is(address, name->local_ip) ||
         (strchr(name->local_ip, ':') != NULL && bc_str_is(address, name->router_id));
}

/* Later ExaBGPs than 4.2.21 list `next-hop self` as the address that it stands for. */
static bool rib_differs_in_self_only(const struct rib_form *wanted, const struct rib_form *standing,
                                     const struct bc_neighbor_name *name) {
  const char *self = strstr(wanted->attributes, "next-hop self");
  const char *resolved = strstr(standing->attributes, "next-hop ");
  size_t before = self == NULL ? 0 : (size_t)(self - wanted->attributes);
  if (self == NULL || resolved == NULL || (size_t)(resolved - standing->attributes) != before ||
      strncmp(wanted->attributes, standing->attributes, before) != 0) {
    return false;
  }
  self += strlen("next-hop self");
  resolved += strlen("next-hop ");
  struct bc_str address = {.at = resolved, .len = strcspn(resolved, " ;")};
  return strcmp(self, resolved + address.len) == 0 && rib_is_self(name, address);
}

static bool rib_stands_as_wanted(const struct rib_entry *entry, const struct rib_form *standing,
                                 const struct bc_neighbor_name *name) {
  if (bc_rib_form_equal(&entry->wanted, standing)) {
    return true;
  }
  bool is_said = entry->journal == NULL || entry->journal == entry->wanted.attributes;
  return is_said && rib_differs_in_self_only(&entry->wanted, standing, name);
}

static bool rib_is_reached(const struct bc_rib *rib, const struct rib_entry *entry, unsigned neighbor) {
  return (entry->selector->mask & rib->ours & (UINT64_C(1) << neighbor)) != 0;
}

/* Until the entries are adopted, on_wire says where an entry stands, missing where with other text than
 * the wanted, and doubt that those texts are not all one. */
static void rib_standing_match(struct bc_rib *rib, const struct rib_standing *standing, bool journal_is_lost) {
  bool is_ours = false;
  struct rib_entry *first = bc_rib_entry_first(rib, &standing->nlri);
  for (struct rib_entry *entry = first; entry != NULL; entry = bc_rib_entry_next(entry)) {
    bool is_known = entry->journal != NULL || (journal_is_lost && entry->wanted.attributes != NULL);
    is_ours = is_ours || (is_known && rib_is_reached(rib, entry, standing->neighbor));
  }
  uint64_t bit = UINT64_C(1) << standing->neighbor;
  const struct bc_neighbor_name *name = &rib->neighbors[standing->neighbor].is.name;
  if (!is_ours) {
    struct rib_selector all = {.text = NULL};
    struct rib_entry as_entry = {.nlri = standing->nlri};
    struct bc_route route = bc_rib_route_of(&as_entry, &all, &standing->form);
    struct bc_buf text;
    bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
    bc_route_print(&route, BC_VERB_NONE, &text);
    bc_rib_foreign_add(rib, bc_rib_foreign_make(rib, &standing->nlri), standing->neighbor, bc_buf_str(&text));
    bc_buf_free(&text);
    return;
  }
  for (struct rib_entry *entry = first; entry != NULL; entry = bc_rib_entry_next(entry)) {
    bool is_empty = entry->journal == NULL && entry->wanted.attributes == NULL;
    if (is_empty || !rib_is_reached(rib, entry, standing->neighbor)) {
      continue;
    }
    entry->on_wire |= bit;
    if (entry->wanted.attributes != NULL && rib_stands_as_wanted(entry, &standing->form, name)) {
      continue;
    }
    entry->missing |= bit;
    if (entry->told.attributes != NULL && !bc_rib_form_equal(&entry->told, &standing->form)) {
      entry->holds = RIB_HOLDS_DOUBT;
    }
    bc_rib_form_set(rib, &entry->told, &standing->form);
  }
}

/* A flow of ours may be in a line that we cannot read (ExaBGP 5.0 has names for thousands of ports): when nobody wants
 * it its withdraw is written, which costs nothing if it is gone. */
static void rib_doubt_unread(struct bc_rib *rib, struct rib_entry *entry) {
  bool is_rule = !bc_family_has_prefix((enum bc_family)entry->nlri.family);
  if (rib->is_standing_unread && is_rule && entry->journal != NULL && entry->wanted.attributes == NULL) {
    bc_rib_form_set(rib, &entry->told, &(struct rib_form){.attributes = entry->journal});
    entry->holds = RIB_HOLDS_DOUBT;
  }
}

static void rib_adopt(struct bc_rib *rib, struct rib_entry *entry, bool is_unsure) {
  uint64_t stands = entry->on_wire;
  uint64_t differs = entry->missing;
  uint64_t listed = entry->selector->mask & rib->ours & rib->configured[entry->nlri.family];
  /* ExaBGP lists for a neighbor what it keeps for it, also of a family that the session does not carry. */
  uint64_t carried = rib->established & rib->configured[entry->nlri.family] & rib->negotiated[entry->nlri.family];
  bool is_one_text = entry->holds != RIB_HOLDS_DOUBT;
  entry->missing = 0;
  entry->on_wire = stands & carried;
  entry->is_foreign = bc_rib_foreign_covers(rib, entry) && stands == 0;
  entry->is_inherited = stands != 0 || entry->journal != NULL || is_unsure;
  if (stands == 0) {
    rib_doubt_unread(rib, entry);
    return;
  }
  bool is_wanted = entry->wanted.attributes != NULL && differs != stands;
  if (is_wanted) {
    bc_rib_form_set(rib, &entry->told, &entry->wanted);
    entry->on_wire &= ~differs;
    is_one_text = differs == 0;
  } else if (!is_one_text) {
    entry->on_wire = 0;
  }
  entry->holds = is_one_text && (listed & ~stands) == 0 ? RIB_HOLDS_TOLD : RIB_HOLDS_DOUBT;
}

void bc_rib_start(struct bc_rib *rib, bool journal_is_lost, struct bc_mono now) {
  if (rib->is_started) {
    return;
  }
  rib->last_now = now;
  for (size_t i = 0; i < rib->standing_count; i++) {
    rib_standing_match(rib, &rib->standing[i], journal_is_lost);
  }
  bool is_cut = rib->is_standing_cut;
  /* Where nothing stands there was no core before this one, or nothing that it said is left. */
  bool is_unsure = journal_is_lost && rib->standing_count > 0;
  bc_rib_standing_forget(rib);
  for (unsigned i = 0; i < rib->neighbors_count; i++) {
    rib->neighbors[i].initial = 0;
  }
  /* Commands of the core before this one may still be on their way to the wire: changes wait a moment. */
  if ((rib->ours & rib->established) != 0) {
    rib->calm_until = bc_mono_add_ms(now, RIB_START_CALM_MS);
  }
  rib->is_started = true;
  struct rib_entry *entry;
  for (entry = bc_rib_entry_min(rib); entry != NULL; entry = bc_rib_entry_after(entry)) {
    rib_adopt(rib, entry, is_unsure);
    entry->is_unnamed = rib->keeps_unnamed && entry->owner == NULL && entry->holds != RIB_HOLDS_NONE;
    rib->counts.unnamed += entry->is_unnamed;
  }
  for (entry = bc_rib_entry_min(rib); entry != NULL; entry = bc_rib_entry_after(entry)) {
    /* Whether it stands is not known when the list was cut: its record stays for the next start. */
    bool is_unknown = is_cut && entry->wanted.attributes == NULL && entry->holds == RIB_HOLDS_NONE;
    if (!is_unknown) {
      bc_rib_update(rib, entry, now);
    }
  }
  bc_rib_reap(rib);
}

void bc_rib_keep_unnamed(struct bc_rib *rib, bool keep, struct bc_mono now) {
  rib->keeps_unnamed = keep;
  if (keep || rib->counts.unnamed == 0) {
    return;
  }
  rib->last_now = now;
  for (struct rib_entry *entry = bc_rib_entry_min(rib); entry != NULL; entry = bc_rib_entry_after(entry)) {
    if (entry->is_unnamed) {
      bc_rib_entry_name(rib, entry);
      bc_rib_update(rib, entry, now);
    }
  }
  bc_rib_reap(rib);
}

bool bc_rib_is_started(const struct bc_rib *rib) {
  return rib->is_started;
}
