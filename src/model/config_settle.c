#include "model/config_private.h"

#include "base/mem.h"

#include <stdlib.h>

static int settle_compare(const struct bc_config_settling *a, const struct bc_config_settling *b) {
  if (a->due.us != b->due.us) {
    return a->due.us < b->due.us ? -1 : 1;
  }
  return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

BC_TREE(bc_config_settling_tree, bc_config_settling, link, settle_compare)

void bc_config_settle_cancel(struct bc_config *config, struct bc_config_entry *entry) {
  if (entry->settling != NULL) {
    RB_REMOVE(bc_config_settling_tree, &config->settling, entry->settling);
    free(entry->settling);
    entry->settling = NULL;
  }
}

void bc_config_settle_end(struct bc_config *config, struct bc_config_entry *entry) {
  bc_config_settle_cancel(config, entry);
  entry->blocked = 0;
  if (!entry->is_settled) {
    entry->is_settled = true;
    bc_config_view_mark(config, entry);
  }
}

void bc_config_settle_touch(struct bc_config *config, struct bc_config_entry *entry, struct bc_mono now) {
  if (entry->is_settled || !bc_config_entry_has_version(entry)) {
    bc_config_settle_cancel(config, entry);
    return;
  }
  if (config->settle_ms == 0 || entry->is_local) {
    bc_config_settle_end(config, entry);
    return;
  }
  if (entry->settling == NULL) {
    entry->settling = bc_mem_new(1, sizeof *entry->settling);
    entry->settling->entry = entry;
  } else {
    RB_REMOVE(bc_config_settling_tree, &config->settling, entry->settling);
  }
  entry->settling->due = bc_mono_add_ms(now, config->settle_ms);
  (void)RB_INSERT(bc_config_settling_tree, &config->settling, entry->settling);
}

void bc_config_set_settle_ms(struct bc_config *config, unsigned settle_ms) {
  config->settle_ms = settle_ms;
}

void bc_config_tick(struct bc_config *config, struct bc_mono now) {
  struct bc_config_settling *first;
  while ((first = RB_MIN(bc_config_settling_tree, &config->settling)) != NULL && bc_mono_reached(first->due, now)) {
    bc_config_settle_end(config, first->entry);
  }
  bc_config_check_tick(config, now);
}

struct bc_mono bc_config_deadline(const struct bc_config *config) {
  struct bc_config_settling_tree all = config->settling;
  const struct bc_config_settling *first = RB_MIN(bc_config_settling_tree, &all);
  return bc_mono_earlier(first == NULL ? (struct bc_mono){0} : first->due, bc_config_check_deadline(config));
}
