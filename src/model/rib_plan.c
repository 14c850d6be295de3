/* What is due for an entry, derived from what is wanted, told, held and seen. */
#include "base/mem.h"
#include "model/rib_private.h"

/* ---- entries of the same NLRI whose selectors meet ---- */

static uint64_t rib_common(const struct bc_rib *rib, const struct rib_entry *a, const struct rib_entry *b) {
  return a->selector->mask & b->selector->mask & rib->ours;
}

bool bc_rib_is_blocked(const struct bc_rib *rib, const struct rib_entry *entry) {
  for (struct rib_entry *other = bc_rib_entry_first_beside(entry); other != NULL; other = bc_rib_entry_next(other)) {
    if (other != entry && bc_rib_work_is_flying(other->work) && rib_common(rib, entry, other) != 0) {
      return true;
    }
  }
  return false;
}

static bool rib_is_heir(const struct bc_rib *rib, const struct rib_entry *entry, const struct rib_entry *other) {
  return other != entry && other->wanted.attributes != NULL && !other->is_foreign && rib_common(rib, entry, other) != 0;
}

/* A route whose selector changed is announced under the new one before the old one is withdrawn where the
 * new one does not reach: nobody loses it in between. */
static bool rib_waits_for_heir(const struct bc_rib *rib, const struct rib_entry *entry, uint64_t *inherited) {
  bool must_wait = false;
  *inherited = 0;
  for (struct rib_entry *other = bc_rib_entry_first_beside(entry); other != NULL; other = bc_rib_entry_next(other)) {
    if (rib_is_heir(rib, entry, other)) {
      *inherited |= rib_common(rib, entry, other);
      must_wait = must_wait || other->holds != RIB_HOLDS_TOLD || bc_rib_work_is_flying(other->work) ||
                  !bc_rib_form_equal(&other->told, &other->wanted);
    }
  }
  return must_wait;
}

static void rib_print_neighbor(const struct bc_neighbor_name *name, struct bc_buf *to) {
  const char *parts[][2] = {{"neighbor ", name->ip},
                            {" local-ip ", name->local_ip},
                            {" local-as ", name->local_as},
                            {" peer-as ", name->peer_as},
                            {" router-id ", name->router_id}};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    if (parts[i][1][0] != '\0') {
      bc_buf_add_text(to, parts[i][0]);
      bc_buf_add_text(to, parts[i][1]);
    }
  }
}

/* A reference to the selector of the neighbors that nobody inherits; NULL = none is left. */
static struct rib_selector *rib_narrow(struct bc_rib *rib, const struct rib_entry *entry, uint64_t inherited) {
  if (inherited == 0) {
    return bc_rib_selector_ref(entry->selector);
  }
  uint64_t mask = entry->selector->mask & rib->ours & ~inherited;
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
  for (unsigned i = 0; i < rib->neighbors_count; i++) {
    if ((mask >> i & 1U) != 0) {
      bc_buf_add_text(&text, text.len == 0 ? "" : ", ");
      rib_print_neighbor(&rib->neighbors[i].is.name, &text);
    }
  }
  struct rib_selector *selector = text.len == 0 ? NULL : bc_rib_selector_get(rib, text.data);
  bc_buf_free(&text);
  return selector;
}

/* ---- commands ---- */

struct rib_command {
  enum bc_verb verb;
  struct rib_form form; /* borrowed */
  struct rib_selector *selector;
  bool is_nudge;
};

static bool rib_is_same_command(const struct rib_work *work, const struct rib_command *command) {
  return work->verb == command->verb && work->is_nudge == command->is_nudge && work->selector == command->selector &&
         bc_rib_form_equal(&work->form, &command->form);
}

static bool rib_is_calm(const struct bc_rib *rib, const struct rib_entry *entry, struct bc_mono now) {
  bool is_calm = false;
  if (!bc_mono_reached(rib->calm_until, now)) {
    for (struct rib_entry *other = bc_rib_entry_first_beside(entry); other != NULL; other = bc_rib_entry_next(other)) {
      is_calm = is_calm || other->is_inherited;
    }
  }
  return is_calm;
}

/* Not before: not set = at once. */
static struct bc_mono rib_command_time(struct bc_rib *rib, struct rib_work *work, const struct rib_command *command,
                                       struct bc_mono now) {
  bool is_repair = command->is_nudge || (command->verb == BC_VERB_WITHDRAW && work->entry->holds == RIB_HOLDS_NONE);
  bool is_repeat =
      work->is_refused && work->written_verb == command->verb && bc_rib_form_equal(&work->written, &command->form);
  if (work->is_refused && !is_repeat) {
    work->is_refused = false;
    work->refusals = 0;
    bc_intern_put(rib->intern, work->error);
    work->error = NULL;
  }
  if ((is_repeat || (work->is_alarmed && is_repair)) && !bc_mono_reached(work->retry_at, now)) {
    return work->retry_at;
  }
  work->is_suspect = work->is_suspect || is_repeat;
  return rib_is_calm(rib, work->entry, now) ? rib->calm_until : (struct bc_mono){0};
}

static void rib_command_place(struct bc_rib *rib, struct rib_entry *entry, const struct rib_command *command,
                              struct bc_mono now) {
  struct rib_work *work = bc_rib_work_get(rib, entry);
  struct bc_mono at = rib_command_time(rib, work, command, now);
  enum rib_place place = work->is_suspect ? RIB_PLACE_SOLO : RIB_PLACE_READY;
  bool is_recorded = entry->journal == command->form.attributes && !(work->is_in_batch && rib->is_batch_out);
  if (command->verb == BC_VERB_ANNOUNCE && !command->is_nudge && !is_recorded) {
    place = RIB_PLACE_JOURNAL;
  } else if (bc_mono_is_set(at)) {
    place = RIB_PLACE_LATER;
  } else if (bc_rib_is_blocked(rib, entry)) {
    place = RIB_PLACE_BLOCKED;
  }
  if (work->place != place || place == RIB_PLACE_LATER || !rib_is_same_command(work, command)) {
    bc_rib_work_place(rib, work, RIB_PLACE_IDLE);
    bc_rib_form_set(rib, &work->form, &command->form);
    struct rib_selector *selector = bc_rib_selector_ref(command->selector);
    bc_rib_selector_put(rib, work->selector);
    work->selector = selector;
    work->verb = (uint8_t)command->verb;
    work->is_nudge = command->is_nudge;
    bc_rib_work_place(rib, work, place);
  }
  if (place == RIB_PLACE_LATER) {
    bc_rib_work_set_timer(rib, work, at);
  }
}

static void rib_command_nudge(struct bc_rib *rib, struct rib_entry *entry, struct bc_mono now) {
  struct bc_route right = bc_rib_route_of(entry, entry->selector, &entry->wanted);
  struct bc_route nudged = bc_route_nudged(rib->intern, &right);
  struct rib_command command = {
      .verb = BC_VERB_ANNOUNCE, .form = bc_rib_form_of(&nudged), .selector = entry->selector, .is_nudge = true};
  rib_command_place(rib, entry, &command, now);
  bc_route_release(rib->intern, &nudged);
}

/* ---- the plan ---- */

static void rib_place_simply(struct bc_rib *rib, struct rib_entry *entry, enum rib_place place) {
  struct rib_work *work = bc_rib_work_get(rib, entry);
  if (work->place != place) {
    bc_rib_work_place(rib, work, place);
  }
}

/* Neighbors that should have it, are past their initial table and yet did not show it. */
static uint64_t rib_gap(const struct bc_rib *rib, const struct rib_entry *entry) {
  uint64_t gap = bc_rib_expected(rib, entry, entry->selector) & ~entry->on_wire;
  for (unsigned i = 0; gap != 0 && i < rib->neighbors_count; i++) {
    bool is_initial = (rib->neighbors[i].initial >> entry->nlri.family & 1U) != 0;
    gap &= is_initial ? ~(UINT64_C(1) << i) : UINT64_MAX;
  }
  return gap;
}

/* Where another one that is wanted as well has won: two that both repaired it would do so for ever. */
static uint64_t rib_held_by_other(const struct bc_rib *rib, const struct rib_entry *entry) {
  uint64_t held = 0;
  for (struct rib_entry *other = bc_rib_entry_first_beside(entry); other != NULL; other = bc_rib_entry_next(other)) {
    held |= rib_is_heir(rib, entry, other) ? other->on_wire & rib_common(rib, entry, other) : 0;
  }
  return held;
}

static void rib_plan_wanted(struct bc_rib *rib, struct rib_entry *entry, struct bc_mono now) {
  if (entry->holds != RIB_HOLDS_TOLD || !bc_rib_form_equal(&entry->told, &entry->wanted)) {
    struct rib_command command = {
        .verb = BC_VERB_ANNOUNCE, .form = entry->wanted, .selector = entry->selector, .is_nudge = false};
    rib_command_place(rib, entry, &command, now);
    return;
  }
  entry->missing |= rib_gap(rib, entry);
  entry->missing &= ~rib_held_by_other(rib, entry);
  if (entry->missing != 0) {
    rib_command_nudge(rib, entry, now);
  } else if (entry->journal != entry->wanted.attributes) {
    rib_place_simply(rib, entry, RIB_PLACE_JOURNAL);
  } else if (entry->work != NULL) {
    bc_rib_work_free(rib, entry->work);
  }
}

static void rib_plan_forget(struct bc_rib *rib, struct rib_entry *entry, struct bc_mono now) {
  bc_rib_form_release(rib, &entry->told);
  entry->holds = RIB_HOLDS_NONE;
  entry->on_wire = 0;
  entry->missing = 0;
  if (entry->journal != NULL && rib_is_calm(rib, entry, now)) {
    rib_place_simply(rib, entry, RIB_PLACE_LATER);
    bc_rib_work_set_timer(rib, entry->work, rib->calm_until);
  } else {
    rib_place_simply(rib, entry, entry->journal != NULL ? RIB_PLACE_JOURNAL : RIB_PLACE_GONE);
  }
}

/* ExaBGP finds a prefix by these too, and they are printed as attributes; a flow or a VPLS without attributes still
 * has all of its NLRI. */
static bool rib_has_identity_in_attributes(const struct bc_nlri *nlri) {
  return bc_family_has_prefix((enum bc_family)nlri->family) &&
         (nlri->has_path_id || nlri->has_rd || nlri->family == BC_FAMILY_IPV4_NLRI_MPLS ||
          nlri->family == BC_FAMILY_IPV6_NLRI_MPLS);
}

static void rib_plan_unwanted(struct bc_rib *rib, struct rib_entry *entry, struct bc_mono now) {
  uint64_t inherited;
  if (entry->is_unnamed) {
    return;
  }
  if (entry->holds == RIB_HOLDS_NONE && entry->missing == 0) {
    rib_plan_forget(rib, entry, now);
    return;
  }
  if (rib_waits_for_heir(rib, entry, &inherited)) {
    rib_place_simply(rib, entry, RIB_PLACE_BLOCKED);
    return;
  }
  struct rib_selector *selector = rib_narrow(rib, entry, inherited);
  if (selector == NULL) {
    rib_plan_forget(rib, entry, now);
    return;
  }
  bool is_bare = entry->work != NULL && entry->work->is_bare && !rib_has_identity_in_attributes(&entry->nlri);
  struct rib_form bare = {.attributes = is_bare ? bc_intern_get(rib->intern, bc_str_of("")) : NULL};
  /* Never acknowledged, but perhaps taken: then with the text that was written. */
  bool is_told = entry->told.attributes != NULL || entry->work == NULL;
  struct rib_command command = {.verb = BC_VERB_WITHDRAW,
                                .form = is_bare   ? bare
                                        : is_told ? entry->told
                                                  : entry->work->written,
                                .selector = selector,
                                .is_nudge = false};
  rib_command_place(rib, entry, &command, now);
  bc_rib_selector_put(rib, selector);
  bc_intern_put(rib->intern, bare.attributes);
}

void bc_rib_update(struct bc_rib *rib, struct rib_entry *entry, struct bc_mono now) {
  struct rib_work *work = entry->work;
  /* A withdraw waits for no disk, not even for the record of the announce that it overtakes. */
  bool leaves_batch = work != NULL && work->place == RIB_PLACE_BATCH && entry->wanted.attributes == NULL &&
                      entry->holds != RIB_HOLDS_NONE;
  if (leaves_batch) {
    work->is_in_batch = true;
  }
  if (rib->is_started && (leaves_batch || !bc_rib_work_is_busy(work))) {
    if (entry->wanted.attributes == NULL) {
      rib_plan_unwanted(rib, entry, now);
    } else if (!entry->is_foreign) {
      rib_plan_wanted(rib, entry, now);
    } else if (entry->work != NULL) {
      bc_rib_work_free(rib, entry->work);
    }
  }
  bc_rib_refresh(rib, entry);
}

void bc_rib_update_siblings(struct bc_rib *rib, struct rib_entry *entry, struct bc_mono now) {
  for (struct rib_entry *other = bc_rib_entry_first_beside(entry); other != NULL; other = bc_rib_entry_next(other)) {
    if (other != entry && (other->work == NULL || other->work->place != RIB_PLACE_GONE)) {
      bc_rib_update(rib, other, now);
    }
  }
}
