/* The RIB's side of the journal: which records are due, and what it learns from them at the start. */
#include "base/mem.h"
#include "model/journal.h"
#include "model/rib_private.h"

static void rib_journal_set(struct bc_rib *rib, struct rib_entry *entry, const char *attributes) {
  const char *copy = attributes == NULL ? NULL : bc_intern_ref(attributes);
  rib->journal_live += (copy != NULL);
  rib->journal_live -= (entry->journal != NULL);
  bc_intern_put(rib->intern, entry->journal);
  entry->journal = copy;
}

size_t bc_rib_journal_load(struct bc_rib *rib, struct bc_str content) {
  struct bc_journal_reader reader;
  enum bc_journal_kind kind;
  struct bc_str text;
  bc_journal_read_start(&reader, content);
  while (bc_journal_read_next(&reader, &kind, &text)) {
    struct bc_route route;
    enum bc_verb verb;
    if (bc_route_parse_command(rib->intern, text, &verb, &route, NULL) != BC_ERR_OK) {
      continue;
    }
    if (kind == BC_JOURNAL_ANNOUNCED) {
      rib_journal_set(rib, bc_rib_entry_make(rib, route.selector, &route.nlri), route.attributes);
    } else {
      struct rib_entry *entry = bc_rib_entry_find(rib, route.selector, &route.nlri);
      if (entry != NULL) {
        rib_journal_set(rib, entry, NULL);
      }
    }
    bc_route_release(rib->intern, &route);
  }
  rib->has_header = reader.good_bytes > 0;
  return reader.good_bytes;
}

static void rib_journal_print(const struct rib_entry *entry, enum bc_journal_kind kind, const struct rib_form *form,
                              struct bc_buf *to) {
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
  struct bc_route route = bc_rib_route_of(entry, entry->selector, form);
  bc_route_print(&route, kind == BC_JOURNAL_ANNOUNCED ? BC_VERB_NONE : BC_VERB_WITHDRAW, &text);
  if (bc_buf_status(&text) == BC_ERR_OK) {
    bc_journal_add_record(to, kind, bc_buf_str(&text));
  } else {
    to->failed = true;
  }
  bc_buf_free(&text);
}

/* A withdrawn record names the journal's text: its label or rd is part of what is printed. */
static void rib_journal_print_due(const struct rib_entry *entry, struct bc_buf *to) {
  struct rib_form form = {.attributes = entry->journal};
  if (entry->wanted.attributes != NULL) {
    rib_journal_print(entry, BC_JOURNAL_ANNOUNCED, &entry->wanted, to);
  } else if (entry->journal != NULL) {
    rib_journal_print(entry, BC_JOURNAL_WITHDRAWN, &form, to);
  }
}

static void rib_journal_take_one(struct bc_rib *rib, struct rib_work *work) {
  struct rib_entry *entry = work->entry;
  bool is_announce = entry->wanted.attributes != NULL;
  rib_journal_set(rib, entry, entry->wanted.attributes);
  work->is_in_batch = false;
  bc_rib_work_place(rib, work, is_announce ? RIB_PLACE_BATCH : RIB_PLACE_GONE);
}

bool bc_rib_journal_take(struct bc_rib *rib, struct bc_buf *to) {
  size_t start = to->len;
  struct rib_work *work;
  while (!rib->is_batch_out && !to->failed && to->len - start < RIB_JOURNAL_STEP_BYTES &&
         (work = TAILQ_FIRST(&rib->works[RIB_PLACE_JOURNAL])) != NULL) {
    size_t before = to->len;
    if (!rib->has_header) {
      bc_journal_add_header(to);
    }
    rib_journal_print_due(work->entry, to);
    if (to->failed || to->len - start > RIB_JOURNAL_BATCH_BYTES) {
      /* Not this one any more; alone it must fit. */
      bool is_alone = before == start;
      to->len = before;
      to->data[before] = '\0';
      if (!is_alone) {
        to->failed = false;
      }
      break;
    }
    rib->has_header = true;
    rib_journal_take_one(rib, work);
  }
  bool is_any = to->len > start;
  rib->is_batch_out = rib->is_batch_out || is_any;
  bc_rib_reap(rib);
  return is_any;
}

void bc_rib_journal_written(struct bc_rib *rib, struct bc_mono now) {
  rib->last_now = now;
  rib->is_batch_out = false;
  struct rib_work *work;
  while ((work = TAILQ_FIRST(&rib->works[RIB_PLACE_BATCH])) != NULL) {
    bc_rib_work_place(rib, work, RIB_PLACE_IDLE);
    bc_rib_update(rib, work->entry, now);
  }
  bc_rib_reap(rib);
}

bool bc_rib_journal_snapshot(struct bc_rib *rib, struct bc_buf *to) {
  if (rib->is_batch_out) {
    return false;
  }
  bc_journal_add_header(to);
  for (struct rib_entry *entry = bc_rib_entry_min(rib); entry != NULL; entry = bc_rib_entry_after(entry)) {
    bool is_due = entry->work != NULL && entry->work->place == RIB_PLACE_JOURNAL;
    struct rib_form form = {.attributes = entry->journal};
    if (is_due && entry->wanted.attributes != NULL) {
      rib_journal_print(entry, BC_JOURNAL_ANNOUNCED, &entry->wanted, to);
    } else if (!is_due && entry->journal != NULL) {
      rib_journal_print(entry, BC_JOURNAL_ANNOUNCED, &form, to);
    }
  }
  if (to->failed) {
    return false;
  }
  struct rib_work *work;
  while ((work = TAILQ_FIRST(&rib->works[RIB_PLACE_JOURNAL])) != NULL) {
    rib_journal_take_one(rib, work);
  }
  rib->has_header = true;
  rib->is_batch_out = true;
  bc_rib_reap(rib);
  return true;
}

size_t bc_rib_journal_live(const struct bc_rib *rib) {
  return rib->journal_live;
}
