/* A command from its ack to its confirmation: by the wire where the neighbor reports its updates, by
 * time where it does not. */
#include "base/mem.h"
#include "model/rib_private.h"

static struct bc_mono rib_later(struct bc_mono a, struct bc_mono b) {
  return a.us > b.us ? a : b;
}

static struct bc_mono rib_drain_end(const struct bc_rib *rib, const struct rib_work *work, struct bc_mono now) {
  struct bc_mono from = now;
  for (unsigned i = 0; i < rib->neighbors_count; i++) {
    if ((work->draining >> i & 1U) != 0) {
      from = rib_later(from, rib->neighbors[i].resend_until);
    }
  }
  size_t backlog = rib->counts.outstanding_nlri + rib->placed[RIB_PLACE_READY] + rib->placed[RIB_PLACE_SOLO];
  int64_t backlog_ms = (int64_t)backlog * 1000 / RIB_DRAIN_NLRI_PER_SECOND;
  return bc_mono_add_ms(from, RIB_DRAIN_MS + backlog_ms);
}

bool bc_rib_has_twin(const struct rib_work *work) {
  bool has_twin = false;
  for (struct rib_entry *other = bc_rib_entry_first_beside(work->entry); other != NULL;
       other = bc_rib_entry_next(other)) {
    bool is_held = other->holds != RIB_HOLDS_NONE && other->told.attributes != NULL;
    has_twin = has_twin || (is_held && !bc_rib_form_equal(&other->told, &work->form) &&
                            bc_rib_form_has_med_of(&other->told, work->form.has_med, work->form.med));
  }
  return has_twin;
}

/* Neighbors whose initial table began before the ack and may hold a twin. */
static uint64_t rib_twins(const struct bc_rib *rib, const struct rib_work *work) {
  uint64_t twins = 0;
  bool has_twin = work->verb == BC_VERB_ANNOUNCE && bc_rib_has_twin(work);
  for (unsigned i = 0; has_twin && i < rib->neighbors_count; i++) {
    bool is_initial = (rib->neighbors[i].initial >> work->entry->nlri.family & 1U) != 0;
    twins |= is_initial ? UINT64_C(1) << i : 0;
  }
  return twins;
}

void bc_rib_flight_acked(struct bc_rib *rib, struct rib_work *work, struct bc_mono now) {
  struct rib_entry *entry = work->entry;
  bc_rib_tell_acked(rib, work);
  uint64_t open = bc_rib_expected(rib, entry, work->selector) & ~work->seen;
  uint64_t twins = rib_twins(rib, work);
  bc_rib_form_set(rib, &work->before, &entry->told);
  work->on_wire_before = entry->on_wire;
  work->held_at_ack = entry->holds;
  if (work->verb == BC_VERB_ANNOUNCE) {
    bc_rib_form_set(rib, &entry->told, &work->form);
    entry->holds = RIB_HOLDS_TOLD;
    entry->on_wire = work->seen & ~work->shaky;
  } else {
    if (entry->told.attributes == NULL) {
      bc_rib_form_set(rib, &entry->told, &work->form);
    }
    entry->holds = RIB_HOLDS_NONE;
  }
  entry->missing = 0;
  uint64_t unsure = work->seen & work->shaky;
  work->seen = 0;
  bc_intern_put(rib->intern, work->error);
  work->error = NULL;
  work->is_refused = false;
  work->is_suspect = false;
  work->is_bare = false;
  work->refusals = 0;
  work->acked_at = now;
  work->waiting = open & rib->reporting;
  work->twins = twins & work->waiting;
  work->draining = (open & ~rib->reporting) | unsure;
  work->drain_at = rib_drain_end(rib, work, now);
  bc_rib_work_place(rib, work, RIB_PLACE_WAIT);
  bc_rib_refresh(rib, entry);
  bc_rib_flight_check(rib, work, now);
}

void bc_rib_flight_proven(struct bc_rib *rib, struct rib_work *work, struct bc_mono now) {
  struct rib_selector *selector = bc_rib_selector_ref(work->entry->selector);
  bc_rib_work_place(rib, work, RIB_PLACE_IDLE);
  bc_rib_form_set(rib, &work->form, &work->written);
  bc_rib_selector_put(rib, work->selector);
  work->selector = selector;
  work->verb = work->written_verb;
  work->is_proven = true;
  bc_rib_flight_acked(rib, work, now);
}

void bc_rib_flight_revert(struct bc_rib *rib, struct rib_work *work) {
  bc_rib_form_set(rib, &work->entry->told, &work->before);
  work->entry->on_wire = work->on_wire_before;
  work->entry->holds = work->held_at_ack;
  work->seen = 0;
}

static void rib_flight_end(struct bc_rib *rib, struct rib_work *work, struct bc_mono now) {
  struct rib_entry *entry = work->entry;
  entry->missing = work->late & bc_rib_expected(rib, entry, work->selector);
  bc_rib_tell_missing(rib, work, entry->missing);
  if (entry->missing == 0 && work->verb == BC_VERB_WITHDRAW) {
    bc_rib_form_release(rib, &entry->told);
    entry->on_wire = 0;
  }
  if (entry->missing != 0 && work->tries >= RIB_TRIES) {
    bc_rib_tell_alarm(rib, work, entry->missing);
    work->is_alarmed = true;
    work->retry_at = bc_mono_add_ms(now, RIB_ALARM_MS);
  }
  if (entry->missing == 0 && !work->is_nudge) {
    work->tries = 0;
    work->is_alarmed = false;
  }
  bc_rib_work_place(rib, work, RIB_PLACE_IDLE);
  bc_rib_update(rib, entry, now);
  bc_rib_update_siblings(rib, entry, now);
}

/* An announce that nobody wants any more holds its withdraw up for no longer than the ordinary wait: it carries the
 * same attributes, and ExaBGP keeps the order of two such commands. */
static bool rib_flight_is_unwanted(const struct rib_work *work) {
  return work->verb == BC_VERB_ANNOUNCE && work->entry->wanted.attributes == NULL;
}

/* Gives up neighbors whose time is over; returns when the next one's is. */
static struct bc_mono rib_flight_give_up(struct bc_rib *rib, struct rib_work *work, struct bc_mono now) {
  struct bc_mono next = {0};
  struct bc_mono last =
      bc_mono_add_ms(work->acked_at, rib_flight_is_unwanted(work) ? RIB_CONFIRM_MS : RIB_CONFIRM_MAX_MS);
  for (unsigned i = 0; i < rib->neighbors_count; i++) {
    uint64_t bit = UINT64_C(1) << i;
    if ((work->waiting & bit) != 0) {
      struct bc_mono quiet = rib_later(work->acked_at, rib->neighbors[i].updated_at);
      struct bc_mono end = bc_mono_earlier(bc_mono_add_ms(quiet, RIB_CONFIRM_MS), last);
      if (bc_mono_reached(end, now)) {
        work->waiting &= ~bit;
        work->late |= bit;
      } else {
        next = bc_mono_earlier(next, end);
      }
    }
  }
  return next;
}

void bc_rib_flight_check(struct bc_rib *rib, struct rib_work *work, struct bc_mono now) {
  struct rib_entry *entry = work->entry;
  struct bc_mono next = rib_flight_give_up(rib, work, now);
  if (rib_flight_is_unwanted(work)) {
    work->drain_at = bc_mono_earlier(work->drain_at, bc_mono_add_ms(work->acked_at, RIB_CONFIRM_MS));
  }
  if (work->draining != 0 && bc_mono_reached(work->drain_at, now)) {
    bool is_announce = work->verb == BC_VERB_ANNOUNCE;
    entry->on_wire = is_announce ? entry->on_wire | work->draining : entry->on_wire & ~work->draining;
    bc_rib_tell_wire(rib, work, work->draining, true);
    work->draining = 0;
  }
  if (work->draining != 0) {
    next = bc_mono_earlier(next, work->drain_at);
  }
  if (work->waiting == 0 && work->draining == 0) {
    /* An ack that may be another line's proves nothing; a barrier will tell. */
    if (work->is_proven || work->epoch <= rib->epoch_trusted) {
      rib_flight_end(rib, work, now);
      return;
    }
    next = bc_mono_add_ms(now, RIB_UNTRUSTED_MS);
  }
  bc_rib_work_set_timer(rib, work, next);
}

void bc_rib_flight_judge(struct bc_rib *rib, struct rib_work *work, uint64_t neighbor, struct bc_mono now) {
  if ((work->twins & neighbor) != 0) {
    work->twins &= ~neighbor;
    /* What it showed last may be either text: if it was one of them, the new one follows soon. */
    work->draining |= work->waiting & work->seen & neighbor;
    work->waiting &= ~(work->seen & neighbor);
    work->drain_at = rib_later(work->drain_at, bc_mono_add_ms(now, RIB_DRAIN_MS));
    bc_rib_flight_check(rib, work, now);
  } else if ((work->waiting & neighbor) == 0 && (work->entry->on_wire & neighbor) == 0) {
    work->late |= neighbor;
  }
}

void bc_rib_flight_shown(struct bc_rib *rib, struct rib_work *work, uint64_t neighbor, bool is_as_sent,
                         struct bc_mono now) {
  if ((work->twins & neighbor) != 0) {
    work->seen = is_as_sent ? work->seen | neighbor : work->seen & ~neighbor;
    return;
  }
  bool is_shaky = (work->shaky & neighbor) != 0;
  uint64_t open = work->place == RIB_PLACE_SENT ? ~work->seen : work->waiting | work->late;
  bc_rib_tell_wire(rib, work, is_as_sent && !is_shaky ? open & neighbor : 0, false);
  work->is_proven = work->is_proven || (is_as_sent && !work->is_alike);
  work->on_wire_before &= ~neighbor;
  if (work->place == RIB_PLACE_SENT) {
    work->seen = is_as_sent ? work->seen | neighbor : work->seen & ~neighbor;
    return;
  }
  if (is_as_sent) {
    /* If it was the text before, this one follows soon. */
    work->draining |= is_shaky ? work->waiting & neighbor : 0;
    work->drain_at = is_shaky ? rib_later(work->drain_at, bc_mono_add_ms(now, RIB_DRAIN_MS)) : work->drain_at;
    work->waiting &= ~neighbor;
    work->late &= ~neighbor;
  } else {
    work->draining &= ~(neighbor & rib->reporting);
    work->waiting |= neighbor & bc_rib_expected(rib, work->entry, work->selector) & rib->reporting;
  }
  bc_rib_flight_check(rib, work, now);
}
