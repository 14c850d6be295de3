/* Where work waits: plain lists, buckets of commands that may share a line, and the timers. */
#include "base/mem.h"
#include "model/rib_private.h"

#include <stdlib.h>

static int rib_order(uintptr_t a, uintptr_t b) {
  return (a > b) - (a < b);
}

static int rib_bucket_compare(const struct rib_bucket *a, const struct rib_bucket *b) {
  int order = rib_order((uintptr_t)a->attributes, (uintptr_t)b->attributes);
  order = order != 0 ? order : rib_order((uintptr_t)a->selector, (uintptr_t)b->selector);
  order = order != 0 ? order : (int)a->verb - (int)b->verb;
  order = order != 0 ? order : (int)a->family - (int)b->family;
  return order != 0 ? order : (int)a->is_groupable - (int)b->is_groupable;
}

static int rib_timer_compare(const struct rib_work *a, const struct rib_work *b) {
  if (a->timer_at.us != b->timer_at.us) {
    return a->timer_at.us < b->timer_at.us ? -1 : 1;
  }
  return rib_order((uintptr_t)a, (uintptr_t)b);
}

BC_TREE(rib_bucket_tree, rib_bucket, link, rib_bucket_compare)
BC_TREE(rib_timer_tree, rib_work, timer, rib_timer_compare)

struct rib_work *bc_rib_work_get(struct bc_rib *rib, struct rib_entry *entry) {
  if (entry->work == NULL) {
    struct rib_work *work = bc_slab_get(rib->work_slab);
    work->entry = entry;
    work->place = RIB_PLACE_IDLE;
    TAILQ_INSERT_TAIL(&rib->works[RIB_PLACE_IDLE], work, list);
    rib->placed[RIB_PLACE_IDLE]++;
    entry->work = work;
  }
  return entry->work;
}

static void rib_work_leave_bucket(struct bc_rib *rib, struct rib_work *work) {
  struct rib_bucket *bucket = work->bucket;
  TAILQ_REMOVE(&bucket->works, work, list);
  work->bucket = NULL;
  if (TAILQ_EMPTY(&bucket->works)) {
    TAILQ_REMOVE(&rib->rings[bucket->verb], bucket, ring);
    RB_REMOVE(rib_bucket_tree, &rib->buckets, bucket);
    free(bucket);
  }
}

static void rib_work_enter_bucket(struct bc_rib *rib, struct rib_work *work) {
  struct rib_bucket key = {.selector = work->selector,
                           .attributes = work->form.attributes,
                           .verb = (enum bc_verb)work->verb,
                           .family = work->entry->nlri.family,
                           .is_groupable = work->form.is_groupable};
  struct rib_bucket *bucket = RB_FIND(rib_bucket_tree, &rib->buckets, &key);
  if (bucket == NULL) {
    bucket = bc_mem_new(1, sizeof *bucket);
    *bucket = key;
    TAILQ_INIT(&bucket->works);
    RB_INSERT(rib_bucket_tree, &rib->buckets, bucket);
    TAILQ_INSERT_TAIL(&rib->rings[bucket->verb], bucket, ring);
  }
  TAILQ_INSERT_TAIL(&bucket->works, work, list);
  work->bucket = bucket;
}

void bc_rib_work_set_timer(struct bc_rib *rib, struct rib_work *work, struct bc_mono at) {
  if (bc_mono_is_set(work->timer_at)) {
    RB_REMOVE(rib_timer_tree, &rib->timers, work);
  }
  work->timer_at = at;
  if (bc_mono_is_set(at)) {
    RB_INSERT(rib_timer_tree, &rib->timers, work);
  }
}

struct rib_work *bc_rib_work_first_timer(const struct bc_rib *rib) {
  struct rib_timer_tree *tree = (struct rib_timer_tree *)(uintptr_t)&rib->timers;
  return RB_MIN(rib_timer_tree, tree);
}

void bc_rib_work_place(struct bc_rib *rib, struct rib_work *work, enum rib_place place) {
  bc_rib_work_set_timer(rib, work, (struct bc_mono){0});
  rib->placed[work->place]--;
  if (work->bucket != NULL) {
    rib_work_leave_bucket(rib, work);
  } else {
    TAILQ_REMOVE(&rib->works[work->place], work, list);
  }
  work->place = (uint8_t)place;
  rib->placed[place]++;
  if (place == RIB_PLACE_READY) {
    rib_work_enter_bucket(rib, work);
  } else {
    TAILQ_INSERT_TAIL(&rib->works[place], work, list);
  }
}

void bc_rib_work_free(struct bc_rib *rib, struct rib_work *work) {
  bc_rib_work_place(rib, work, RIB_PLACE_IDLE);
  TAILQ_REMOVE(&rib->works[RIB_PLACE_IDLE], work, list);
  rib->placed[RIB_PLACE_IDLE]--;
  bc_rib_form_release(rib, &work->form);
  bc_rib_form_release(rib, &work->written);
  bc_rib_form_release(rib, &work->before);
  bc_rib_selector_put(rib, work->selector);
  bc_intern_put(rib->intern, work->error);
  work->entry->work = NULL;
  bc_slab_put(rib->work_slab, work);
}

bool bc_rib_work_is_flying(const struct rib_work *work) {
  return work != NULL && (work->place == RIB_PLACE_SENT || work->place == RIB_PLACE_WAIT);
}

bool bc_rib_work_is_busy(const struct rib_work *work) {
  return bc_rib_work_is_flying(work) || (work != NULL && work->place == RIB_PLACE_BATCH);
}
