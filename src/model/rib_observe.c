/* What becomes of commands, told to one observer: each thing once, however often it is tried again. */
#include "model/rib_private.h"

void bc_rib_observe(struct bc_rib *rib, bc_rib_event_fn *fn, void *arg) {
  rib->observer = fn;
  rib->observer_arg = arg;
}

void bc_rib_set_mark(struct bc_rib *rib, uint64_t mark) {
  rib->mark = mark;
}

void bc_rib_take_mark(struct bc_rib *rib, struct rib_entry *entry) {
  if (entry->mark != rib->mark) {
    entry->mark = rib->mark;
    entry->is_told = false;
  }
}

static void rib_tell(const struct bc_rib *rib, const struct bc_rib_event *event) {
  if (rib->observer != NULL && event->mark != 0) {
    rib->observer(rib->observer_arg, event);
  }
}

static void rib_tell_each(const struct bc_rib *rib, struct bc_rib_event *event, uint64_t neighbors) {
  for (uint64_t left = neighbors; left != 0; left &= left - 1) {
    event->neighbor = (unsigned)__builtin_ctzll(left);
    rib_tell(rib, event);
  }
}

static struct bc_rib_event rib_event_of(enum bc_rib_event_kind kind, const struct rib_work *work) {
  return (struct bc_rib_event){
      .kind = kind, .owner = work->entry->owner, .mark = work->mark, .verb = (enum bc_verb)work->verb};
}

void bc_rib_tell_sent(struct bc_rib *rib, struct rib_work *work, struct bc_str line) {
  work->mark = work->entry->mark;
  struct bc_rib_event event = rib_event_of(BC_RIB_EVENT_SENT, work);
  event.line = rib->counts.lines_written;
  event.is_repair = work->tries > 0 || work->is_suspect;
  event.text = line;
  if (!work->is_alarmed && work->refusals == 0) {
    rib_tell(rib, &event);
  }
}

void bc_rib_tell_acked(struct bc_rib *rib, const struct rib_work *work) {
  struct bc_rib_event event = rib_event_of(BC_RIB_EVENT_ACKED, work);
  if (!work->is_alarmed && !work->is_nudge) {
    rib_tell(rib, &event);
  }
}

uint64_t bc_rib_us_since(struct bc_mono then, struct bc_mono now) {
  return now.us > then.us ? (uint64_t)(now.us - then.us) : 0;
}

const struct bc_histogram *bc_rib_ack_times(const struct bc_rib *rib) {
  return &rib->ack_times;
}

const struct bc_histogram *bc_rib_wire_times(const struct bc_rib *rib) {
  return &rib->wire_times;
}

void bc_rib_tell_wire(struct bc_rib *rib, struct rib_work *work, uint64_t neighbors, bool is_by_time) {
  struct bc_rib_event event = rib_event_of(BC_RIB_EVENT_WIRE, work);
  uint64_t told = work->is_nudge ? 0 : work->is_alarmed ? neighbors & work->owed : neighbors;
  event.is_by_time = is_by_time;
  work->owed &= ~told;
  work->entry->is_told = work->entry->is_told || (told != 0 && work->mark == work->entry->mark);
  for (uint64_t left = is_by_time ? 0 : told; left != 0; left &= left - 1) {
    bc_histogram_add(&rib->wire_times, bc_rib_us_since(work->sent_at, rib->last_now));
  }
  rib_tell_each(rib, &event, told);
}

void bc_rib_tell_settled(struct bc_rib *rib, struct rib_entry *entry, uint64_t neighbor) {
  struct bc_rib_event event = {
      .kind = BC_RIB_EVENT_WIRE, .owner = entry->owner, .mark = entry->mark, .verb = BC_VERB_ANNOUNCE};
  bool is_owed = entry->work != NULL && (entry->work->owed & neighbor) != 0;
  if (!entry->is_told || is_owed) {
    rib_tell_each(rib, &event, neighbor);
  }
  entry->is_told = true;
  if (is_owed) {
    entry->work->owed &= ~neighbor;
  }
}

void bc_rib_tell_missing(struct bc_rib *rib, struct rib_work *work, uint64_t neighbors) {
  struct bc_rib_event event = rib_event_of(BC_RIB_EVENT_UNCONFIRMED, work);
  uint64_t told = work->is_nudge ? 0 : neighbors & ~work->owed;
  work->owed |= told;
  rib_tell_each(rib, &event, told);
}

void bc_rib_tell_alarm(struct bc_rib *rib, const struct rib_work *work, uint64_t neighbors) {
  struct bc_rib_event event = rib_event_of(BC_RIB_EVENT_ALARMED, work);
  if (!work->is_alarmed) {
    rib_tell_each(rib, &event, neighbors);
  }
}

void bc_rib_tell_refused(struct bc_rib *rib, const struct rib_work *work, const char *why) {
  struct bc_rib_event event = rib_event_of(BC_RIB_EVENT_REFUSED, work);
  event.mark = work->place == RIB_PLACE_SENT ? work->mark : work->entry->mark;
  event.text = bc_str_of(why);
  if (work->refusals == 0) {
    rib_tell(rib, &event);
  }
}
