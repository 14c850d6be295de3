/* ExaBGP's answers: matched in order; whatever cannot be told apart for certain is sent again alone. */
#include "base/mem.h"
#include "model/rib_private.h"

#include <stdlib.h>

/* The oldest line leaves; the caller settles its works and frees it. */
static struct rib_line *rib_line_pop(struct bc_rib *rib) {
  struct rib_line *line = TAILQ_FIRST(&rib->lines);
  TAILQ_REMOVE(&rib->lines, line, list);
  if (line->is_barrier) {
    rib->barriers_out--;
  } else {
    rib->counts.outstanding_lines--;
    rib->counts.outstanding_nlri -= line->count;
  }
  if (line->is_solo) {
    rib->is_solo_out = false;
  }
  if (TAILQ_EMPTY(&rib->lines)) {
    rib->epoch_trusted = rib->epoch++;
    rib->unsynced_since = (struct bc_mono){0};
    rib->is_barrier_due = false;
  }
  return line;
}

void bc_rib_line_free(struct bc_rib *rib, struct rib_line *line) {
  TAILQ_REMOVE(&rib->lines, line, list);
  free(line);
}

static const char *rib_error_text(struct bc_rib *rib, const struct rib_work *work, const char *why) {
  struct bc_route route = bc_rib_route_of(work->entry, work->selector, &work->form);
  struct bc_buf text;
  bc_buf_init(&text, 2U * BC_LIMIT_COMMAND_BYTES);
  bc_buf_add_text(&text, why);
  bc_route_print(&route, (enum bc_verb)work->verb, &text);
  struct bc_str cut = bc_buf_str(&text);
  cut.len = cut.len < RIB_ERROR_BYTES ? cut.len : RIB_ERROR_BYTES;
  const char *error = bc_intern_get(rib->intern, cut);
  bc_buf_free(&text);
  return error;
}

static void rib_work_replan(struct bc_rib *rib, struct rib_work *work, struct bc_mono now) {
  struct rib_entry *entry = work->entry;
  bc_rib_work_place(rib, work, RIB_PLACE_IDLE);
  bc_rib_update(rib, entry, now);
  bc_rib_update_siblings(rib, entry, now);
}

void bc_rib_work_refuse(struct bc_rib *rib, struct rib_work *work, const char *why, struct bc_mono now) {
  int64_t delay_ms = RIB_REFUSED_FIRST_MS;
  for (uint8_t i = 0; i < work->refusals && delay_ms < RIB_REFUSED_LAST_MS; i++) {
    delay_ms *= 2;
  }
  const char *error = rib_error_text(rib, work, why);
  bc_intern_put(rib->intern, work->error);
  work->error = error;
  bc_rib_tell_refused(rib, work, error);
  /* It was the only command in doubt: ExaBGP holds what it held before. */
  if (work->place == RIB_PLACE_SENT && work->entry->holds == RIB_HOLDS_DOUBT && !work->is_mixed) {
    work->entry->holds = work->held_before;
  }
  work->retry_at = bc_mono_add_ms(now, delay_ms < RIB_REFUSED_LAST_MS ? delay_ms : RIB_REFUSED_LAST_MS);
  work->refusals = (uint8_t)(work->refusals + (work->refusals < UINT8_MAX));
  work->is_refused = true;
  work->is_bare = work->is_bare || work->verb == BC_VERB_WITHDRAW;
  work->is_suspect = false;
  work->written_verb = work->verb;
  bc_rib_form_set(rib, &work->written, &work->form);
  rib_work_replan(rib, work, now);
}

/* Nobody knows whether ExaBGP took this command. */
static void rib_work_doubt(struct bc_rib *rib, struct rib_work *work, struct bc_mono now) {
  struct rib_entry *entry = work->entry;
  if (work->place == RIB_PLACE_WAIT) {
    bc_rib_flight_revert(rib, work);
  }
  if (entry->holds != RIB_HOLDS_DOUBT) {
    work->held_before = entry->holds;
    work->is_mixed = false;
  }
  entry->holds = RIB_HOLDS_DOUBT;
  work->is_suspect = true;
  rib_work_replan(rib, work, now);
}

static void rib_line_acked(struct bc_rib *rib, struct rib_line *line, struct bc_mono now) {
  for (size_t i = 0; i < line->count; i++) {
    bc_rib_flight_acked(rib, line->works[i], now);
  }
}

void bc_rib_set_acks(struct bc_rib *rib, bool acks) {
  rib->has_acks = acks;
}

void bc_rib_on_done(struct bc_rib *rib, struct bc_mono now) {
  rib->last_now = now;
  rib->counts.acks++;
  if (TAILQ_EMPTY(&rib->lines)) {
    return;
  }
  struct rib_line *line = rib_line_pop(rib);
  if (line->is_barrier && rib->epoch_trusted < line->epoch) {
    rib->epoch_trusted = line->epoch;
  }
  if (!line->is_barrier) {
    bc_histogram_add(&rib->ack_times, bc_rib_us_since(line->sent_at, now));
  }
  rib_line_acked(rib, line, now);
  free(line);
  bc_rib_reap(rib);
}

void bc_rib_on_error(struct bc_rib *rib, struct bc_mono now) {
  rib->last_now = now;
  if (TAILQ_EMPTY(&rib->lines)) {
    return;
  }
  struct rib_line *line = rib_line_pop(rib);
  const struct rib_line *next = TAILQ_FIRST(&rib->lines);
  bool is_certain = line->count == 1 && (next == NULL || next->is_barrier);
  for (size_t i = 0; i < line->count; i++) {
    if (!is_certain && line->works[i]->is_proven) {
      bc_rib_flight_acked(rib, line->works[i], now);
    } else if (is_certain) {
      bc_rib_work_refuse(rib, line->works[i], "ExaBGP refused: ", now);
    } else {
      rib_work_doubt(rib, line->works[i], now);
    }
  }
  free(line);
  bc_rib_reap(rib);
}

static void rib_line_unanswered(struct bc_rib *rib, struct rib_line *line, struct bc_mono now) {
  rib->counts.acks_missing++;
  for (size_t i = 0; i < line->count; i++) {
    /* The wire is a better witness than an answer that went missing. */
    if (line->works[i]->is_proven) {
      bc_rib_flight_acked(rib, line->works[i], now);
    } else if (line->is_solo) {
      bc_rib_work_refuse(rib, line->works[i], "ExaBGP never answered: ", now);
    } else {
      rib_work_doubt(rib, line->works[i], now);
    }
  }
}

/* Answers of these epochs were taken for those of other lines. */
static void rib_doubt_acked(struct bc_rib *rib, uint64_t epoch_last, struct bc_mono now) {
  struct rib_work *next;
  for (struct rib_work *work = TAILQ_FIRST(&rib->works[RIB_PLACE_WAIT]); work != NULL; work = next) {
    next = TAILQ_NEXT(work, list);
    if (!work->is_proven && work->epoch > rib->epoch_trusted && work->epoch <= epoch_last) {
      rib_work_doubt(rib, work, now);
    }
  }
}

static struct rib_line *rib_barrier_next(struct bc_rib *rib) {
  struct rib_line *line;
  TAILQ_FOREACH(line, &rib->lines, list) {
    if (line->is_barrier && !line->is_header_seen) {
      return line;
    }
  }
  return NULL;
}

void bc_rib_on_barrier(struct bc_rib *rib, struct bc_mono now) {
  rib->last_now = now;
  struct rib_line *barrier = rib_barrier_next(rib);
  if (barrier == NULL) {
    return;
  }
  bool is_missing = false;
  while (TAILQ_FIRST(&rib->lines) != barrier) {
    struct rib_line *line = rib_line_pop(rib);
    if (!rib->has_acks) {
      rib_line_acked(rib, line, now);
    } else if (!line->is_barrier) {
      is_missing = true;
      rib_line_unanswered(rib, line, now);
    }
    free(line);
  }
  if (is_missing) {
    rib_doubt_acked(rib, barrier->epoch, now);
  }
  if (rib->epoch_trusted < barrier->epoch) {
    rib->epoch_trusted = barrier->epoch;
  }
  barrier->is_header_seen = true;
  rib->unsynced_since = TAILQ_NEXT(barrier, list) == NULL ? (struct bc_mono){0} : now;
  if (!rib->has_acks) {
    free(rib_line_pop(rib));
  }
  bc_rib_reap(rib);
}
