/* The next line for ExaBGP: barriers, single suspects, withdraws, announces, in this order. */
#include "base/mem.h"
#include "model/rib_private.h"

#include <stdlib.h>
#include <string.h>

/* Shown to nobody; any command with an answer of several lines would do (its first line is the sync). */
#define RIB_BARRIER_TEXT "show neighbor summary"

static struct rib_line *rib_line_add(struct bc_rib *rib, size_t count) {
  struct rib_line *line = bc_mem_new(1, sizeof *line + count * sizeof line->works[0]);
  line->epoch = rib->epoch;
  TAILQ_INSERT_TAIL(&rib->lines, line, list);
  rib->counts.lines_written++;
  return line;
}

static void rib_write_barrier(struct bc_rib *rib, struct bc_buf *to) {
  struct rib_line *line = rib_line_add(rib, 0);
  line->is_barrier = true;
  rib->is_barrier_due = false;
  rib->barriers_out++;
  rib->epoch++;
  bc_buf_add_text(to, RIB_BARRIER_TEXT);
}

/* Neighbors that have this text already will not be sent it again (ExaBGP suppresses it). */
static uint64_t rib_seen_before(const struct rib_work *work) {
  const struct rib_entry *entry = work->entry;
  bool is_resent = entry->holds == RIB_HOLDS_DOUBT && work->written_verb == work->verb &&
                   bc_rib_form_equal(&work->written, &work->form);
  uint64_t seen = is_resent ? work->seen : 0;
  if (work->verb != BC_VERB_ANNOUNCE) {
    return seen;
  }
  if (entry->holds != RIB_HOLDS_NONE && bc_rib_form_equal(&entry->told, &work->form)) {
    seen |= entry->on_wire;
  }
  for (struct rib_entry *other = bc_rib_entry_first_beside(entry); other != NULL; other = bc_rib_entry_next(other)) {
    if (other != entry && other->holds == RIB_HOLDS_TOLD && bc_rib_form_equal(&other->told, &work->form)) {
      seen |= other->on_wire & entry->selector->mask;
    }
  }
  return seen;
}

/* What an unwanted one under another selector told there is replaced or withdrawn by this one. */
static void rib_supersede(struct bc_rib *rib, const struct rib_work *work) {
  struct rib_entry *entry = work->entry;
  for (struct rib_entry *other = bc_rib_entry_first_beside(entry); other != NULL; other = bc_rib_entry_next(other)) {
    uint64_t common = other->selector->mask & work->selector->mask & rib->ours;
    if (other != entry && other->wanted.attributes == NULL && other->holds == RIB_HOLDS_TOLD && common != 0) {
      other->holds = RIB_HOLDS_DOUBT;
      other->on_wire &= ~common;
    }
  }
}

/* They differ in nothing that an UPDATE tells. */
static bool rib_is_alike(const struct rib_form *a, const struct rib_form *b) {
  return a->attributes != NULL && !bc_rib_form_equal(a, b) && bc_rib_form_has_med_of(a, b->has_med, b->med);
}

/* Before it is written: who may still show another text that looks like this one. Those who have not shown the one
 * told before; all, when nobody knows whether ExaBGP took the one written before. */
static void rib_work_judge_alike(const struct bc_rib *rib, struct rib_work *work) {
  const struct rib_entry *entry = work->entry;
  bool is_announce = work->verb == BC_VERB_ANNOUNCE;
  bool is_doubtful = is_announce && entry->holds == RIB_HOLDS_DOUBT && work->written_verb == BC_VERB_ANNOUNCE &&
                     rib_is_alike(&work->written, &work->form);
  uint64_t shaky = is_doubtful                               ? bc_rib_expected(rib, entry, work->selector)
                   : rib_is_alike(&entry->told, &work->form) ? entry->missing
                                                             : 0;
  work->is_alike = is_doubtful || (is_announce && bc_rib_has_twin(work));
  work->shaky = is_announce ? shaky & rib->reporting : 0;
}

static void rib_work_send(struct bc_rib *rib, struct rib_work *work, struct rib_line *line, struct bc_str text) {
  bool is_repair = work->is_nudge || (work->verb == BC_VERB_WITHDRAW && work->entry->holds == RIB_HOLDS_NONE);
  bool is_other = !bc_rib_form_equal(&work->written, &work->form);
  work->is_mixed = work->is_mixed || (work->entry->holds == RIB_HOLDS_DOUBT && is_other);
  work->seen = rib_seen_before(work);
  rib_work_judge_alike(rib, work);
  rib_supersede(rib, work);
  work->is_proven = false;
  work->waiting = 0;
  work->draining = 0;
  work->late = 0;
  work->twins = 0;
  work->epoch = line->epoch;
  work->tries = (uint8_t)(work->tries + (is_repair && work->tries < UINT8_MAX));
  rib->counts.nudges += work->is_nudge;
  work->written_verb = work->verb;
  bc_rib_form_set(rib, &work->written, &work->form);
  bc_rib_work_place(rib, work, RIB_PLACE_SENT);
  line->works[line->count++] = work;
  bc_rib_tell_sent(rib, work, text);
  bc_rib_refresh(rib, work->entry);
}

/* One line with these works of equal verb, selector and form. False when it is longer than a command
 * may be: then each is tried alone, and one that is alone is refused. */
static bool rib_write_line(struct bc_rib *rib, struct rib_work **works, size_t count, bool is_solo, struct bc_mono now,
                           struct bc_buf *to) {
  struct bc_route routes[BC_LIMIT_GROUP_NLRI];
  const struct bc_route *pointers[BC_LIMIT_GROUP_NLRI] = {NULL};
  for (size_t i = 0; i < count; i++) {
    routes[i] = bc_rib_route_of(works[i]->entry, works[i]->selector, &works[i]->form);
    pointers[i] = &routes[i];
  }
  bc_route_print_group(pointers, count, (enum bc_verb)works[0]->verb, to);
  if (bc_buf_status(to) != BC_ERR_OK || to->len > BC_LIMIT_COMMAND_BYTES) {
    bc_buf_clear(to);
    for (size_t i = 0; i < count; i++) {
      if (count == 1) {
        bc_rib_work_refuse(rib, works[i], "longer than a command may be: ", now);
      } else {
        works[i]->is_suspect = true;
        bc_rib_update(rib, works[i]->entry, now);
      }
    }
    return false;
  }
  struct rib_line *line = rib_line_add(rib, count);
  line->is_solo = is_solo;
  line->sent_at = now;
  for (size_t i = 0; i < count; i++) {
    works[i]->sent_at = now;
    rib_work_send(rib, works[i], line, bc_buf_str(to));
  }
  rib->counts.outstanding_lines++;
  rib->counts.outstanding_nlri += count;
  if (!bc_mono_is_set(rib->unsynced_since)) {
    rib->unsynced_since = now;
  }
  return true;
}

static bool rib_has_room(const struct bc_rib *rib) {
  return rib->counts.outstanding_lines < BC_LIMIT_WINDOW_LINES && rib->counts.outstanding_nlri < BC_LIMIT_WINDOW_NLRI;
}

/* A suspect stands alone between two barriers, so that its answer, or that it has none, is its own. */
static bool rib_write_solo(struct bc_rib *rib, struct bc_mono now, struct bc_buf *to) {
  struct rib_work *work;
  while (!rib->is_solo_out && (work = TAILQ_FIRST(&rib->works[RIB_PLACE_SOLO])) != NULL) {
    const struct rib_line *last = TAILQ_LAST(&rib->lines, rib_lines);
    if (bc_rib_is_blocked(rib, work->entry)) {
      bc_rib_work_place(rib, work, RIB_PLACE_BLOCKED);
    } else if (last != NULL && !last->is_barrier) {
      rib_write_barrier(rib, to);
      return true;
    } else if (rib_write_line(rib, &work, 1, true, now, to)) {
      rib->is_solo_out = true;
      rib->is_barrier_due = true;
      return true;
    }
  }
  return false;
}

/* How many NLRI of this bucket share a line: no more than a pipe takes as a whole, so that a core that is
 * killed while it writes leaves no torn command. */
static size_t rib_bucket_group(const struct rib_bucket *bucket) {
  enum { RIB_WORDS_BYTES = 64, RIB_IPV4_BYTES = sizeof "255.255.255.255/32", RIB_IPV6_BYTES = 44 };
  if (!bucket->is_groupable) {
    return 1;
  }
  const char *selector = bucket->selector->text;
  size_t fixed = RIB_WORDS_BYTES + strlen(bucket->attributes) + (selector == NULL ? 0 : strlen(selector));
  size_t each = bc_family_is_ipv6((enum bc_family)bucket->family) ? RIB_IPV6_BYTES : RIB_IPV4_BYTES;
  size_t fits = fixed >= BC_LIMIT_WHOLE_LINE_BYTES ? 0 : (BC_LIMIT_WHOLE_LINE_BYTES - fixed) / each;
  return fits == 0 ? 1 : fits < BC_LIMIT_GROUP_NLRI ? fits : BC_LIMIT_GROUP_NLRI;
}

/* Takes up to a line's worth out of a bucket; the bucket is gone when it was the last. */
static size_t rib_bucket_take(struct bc_rib *rib, struct rib_bucket *bucket, struct rib_work **works) {
  size_t room = BC_LIMIT_WINDOW_NLRI - rib->counts.outstanding_nlri;
  size_t most = rib_bucket_group(bucket);
  size_t max = room < most ? room : most;
  TAILQ_REMOVE(&rib->rings[bucket->verb], bucket, ring);
  TAILQ_INSERT_TAIL(&rib->rings[bucket->verb], bucket, ring);
  size_t count = 0;
  struct rib_work *work = TAILQ_FIRST(&bucket->works);
  while (work != NULL && count < max) {
    struct rib_work *next = TAILQ_NEXT(work, list);
    bool is_blocked = bc_rib_is_blocked(rib, work->entry);
    bc_rib_work_place(rib, work, is_blocked ? RIB_PLACE_BLOCKED : RIB_PLACE_IDLE);
    if (!is_blocked) {
      works[count++] = work;
    }
    work = next;
  }
  return count;
}

static bool rib_write_ready(struct bc_rib *rib, enum bc_verb verb, struct bc_mono now, struct bc_buf *to) {
  struct rib_bucket *bucket;
  while (rib_has_room(rib) && (bucket = TAILQ_FIRST(&rib->rings[verb])) != NULL) {
    struct rib_work *works[BC_LIMIT_GROUP_NLRI];
    size_t count = rib_bucket_take(rib, bucket, works);
    if (count > 0 && rib_write_line(rib, works, count, false, now, to)) {
      return true;
    }
  }
  return false;
}

/* With acks off the header of a barrier is the only answer. */
static bool rib_ends_unacknowledged(const struct bc_rib *rib) {
  const struct rib_line *last = TAILQ_LAST(&rib->lines, rib_lines);
  return !rib->has_acks && last != NULL && !last->is_barrier;
}

bool bc_rib_next_command(struct bc_rib *rib, struct bc_mono now, struct bc_buf *to) {
  bc_buf_clear(to);
  rib->last_now = now;
  if (!rib->is_started) {
    return false;
  }
  if (rib->is_barrier_due) {
    rib_write_barrier(rib, to);
    return true;
  }
  if (rib_has_room(rib) && rib_write_solo(rib, now, to)) {
    return true;
  }
  if (rib_write_ready(rib, BC_VERB_WITHDRAW, now, to) || rib_write_ready(rib, BC_VERB_ANNOUNCE, now, to)) {
    return true;
  }
  return rib_ends_unacknowledged(rib) && bc_rib_next_barrier(rib, now, to);
}

bool bc_rib_next_barrier(struct bc_rib *rib, struct bc_mono now, struct bc_buf *to) {
  bc_buf_clear(to);
  rib->last_now = now;
  if (!rib->is_started || !(rib->is_barrier_due || rib_ends_unacknowledged(rib))) {
    return false;
  }
  rib_write_barrier(rib, to);
  return true;
}
