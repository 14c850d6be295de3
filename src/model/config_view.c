#include "model/config_private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static int gone_compare(const struct bc_config_gone *a, const struct bc_config_gone *b) {
  return strcmp(a->name, b->name);
}

BC_TREE(bc_config_gone_tree, bc_config_gone, link, gone_compare)

static struct bc_config_changed_queue *view_queue(struct bc_config *config, const struct bc_config_entry *entry) {
  return entry->is_local ? &config->changed_local : &config->changed;
}

void bc_config_view_mark(struct bc_config *config, struct bc_config_entry *entry) {
  if (!entry->is_changed) {
    entry->is_changed = true;
    TAILQ_INSERT_TAIL(view_queue(config, entry), entry, changed);
  }
}

static void view_unmark(struct bc_config *config, struct bc_config_entry *entry) {
  if (entry->is_changed) {
    entry->is_changed = false;
    TAILQ_REMOVE(view_queue(config, entry), entry, changed);
  }
}

void bc_config_view_gone(struct bc_config *config, struct bc_config_entry *entry) {
  view_unmark(config, entry);
  size_t len = strlen(entry->name);
  struct bc_config_gone *gone = bc_mem_new(1, sizeof *gone + len + 1);
  gone->name = memcpy(gone + 1, entry->name, len + 1);
  gone->stands = entry->stands;
  gone->stood = entry->stood;
  (void)RB_INSERT(bc_config_gone_tree, &config->gone, gone);
}

void bc_config_view_back(struct bc_config *config, struct bc_config_entry *entry) {
  struct bc_config_gone wanted = {.name = entry->name};
  struct bc_config_gone *gone = RB_FIND(bc_config_gone_tree, &config->gone, &wanted);
  if (gone != NULL) {
    /* To others it never went, so what they told about it still holds. */
    entry->stands = gone->stands;
    entry->stood = gone->stood;
    RB_REMOVE(bc_config_gone_tree, &config->gone, gone);
    free(gone);
  }
  bc_config_view_mark(config, entry);
}

void bc_config_view_free(struct bc_config *config) {
  struct bc_config_gone *gone;
  while ((gone = RB_MIN(bc_config_gone_tree, &config->gone)) != NULL) {
    RB_REMOVE(bc_config_gone_tree, &config->gone, gone);
    free(gone);
  }
  free(config->taken);
}

static void view_fill(const struct bc_config *config, const struct bc_config_entry *entry,
                      struct bc_config_route *view) {
  const struct bc_options *options = bc_config_entry_options(config, entry);
  bool has_version = bc_config_entry_has_version(entry);
  bool has_own = !entry->has_lost_check && !options->check_is_none;
  const struct bc_config_script *script = has_own ? entry->script.script : NULL;
  if (options->use != NULL) {
    script = entry->options->ready.script;
  }
  *view = (struct bc_config_route){
      .name = entry->name,
      .is_local = entry->is_local,
      .is_subscribed = entry->is_subscribed,
      .has_config = (entry->present & (1U << BC_CONFIG_KEY_CONFIG)) != 0,
      .has_version = has_version,
      .is_settled = entry->is_settled,
      .route = has_version ? &entry->route : NULL,
      .options = has_version ? options : NULL,
      .script = bc_config_script_show(has_version ? script : NULL, options->use, options->parameters),
      .has_lost_check = entry->has_lost_check,
      .policy = bc_config_policy_of(config, entry),
      .stands = entry->stands,
      .lost_identity = entry->lost_identity,
      .fault = bc_config_fault_first(entry),
  };
}

/* Who wins a disputed prefix is decided when somebody looks, once for many changes: to the caller of a
 * const function nothing changes. */
static void view_refresh(const struct bc_config *config) {
  bc_config_identity_settle((struct bc_config *)(uintptr_t)config);
}

/* The next one that is gone; NULL = none. */
static struct bc_config_gone *view_first_gone(struct bc_config *config, bool only_local) {
  struct bc_config_gone first = {.name = BC_CONFIG_LOCAL_PREFIX};
  struct bc_config_gone *gone =
      only_local ? RB_NFIND(bc_config_gone_tree, &config->gone, &first) : RB_MIN(bc_config_gone_tree, &config->gone);
  return gone != NULL && only_local && !bc_config_is_local_name(gone->name) ? NULL : gone;
}

static bool view_next_changed(struct bc_config *config, bool only_local, struct bc_config_route *view, bool *found) {
  view_refresh(config);
  free(config->taken);
  config->taken = view_first_gone(config, only_local);
  if (config->taken != NULL) {
    RB_REMOVE(bc_config_gone_tree, &config->gone, config->taken);
    *view =
        (struct bc_config_route){.name = config->taken->name, .is_local = bc_config_is_local_name(config->taken->name)};
    *found = false;
    return true;
  }
  struct bc_config_entry *entry = TAILQ_FIRST(&config->changed_local);
  if (entry == NULL && !only_local) {
    entry = TAILQ_FIRST(&config->changed);
  }
  if (entry == NULL) {
    return false;
  }
  view_unmark(config, entry);
  view_fill(config, entry, view);
  *found = true;
  return true;
}

bool bc_config_next_changed(struct bc_config *config, struct bc_config_route *view, bool *found) {
  return view_next_changed(config, false, view, found);
}

bool bc_config_next_changed_local(struct bc_config *config, struct bc_config_route *view, bool *found) {
  return view_next_changed(config, true, view, found);
}

bool bc_config_next_passed(struct bc_config *config, struct bc_config_route *view) {
  if (config->listing == NULL) {
    return false;
  }
  struct bc_config_entry *entry =
      config->passed == NULL ? bc_config_entry_after(config, NULL) : bc_config_entry_next(config->passed);
  while (entry != NULL && entry->seen == 0) {
    entry = bc_config_entry_next(entry);
  }
  if (entry == NULL || bc_config_name_compare(entry->name, config->listing->name) >= 0) {
    return false;
  }
  if (!config->checks.is_list_settled) {
    /* Their keys come before those of routes. */
    bc_config_check_list_told(config);
  }
  config->passed = entry;
  if (bc_config_entry_has_version(entry)) {
    bc_config_settle_end(config, entry);
  }
  view_refresh(config);
  view_unmark(config, entry);
  view_fill(config, entry, view);
  return true;
}

static bool view_give(const struct bc_config *config, const struct bc_config_entry *entry,
                      struct bc_config_route *view) {
  if (entry == NULL) {
    return false;
  }
  view_fill(config, entry, view);
  return true;
}

bool bc_config_find(const struct bc_config *config, const char *name, struct bc_config_route *view) {
  view_refresh(config);
  return view_give(config, bc_config_entry_find(config, name), view);
}

bool bc_config_each(const struct bc_config *config, const char *after, struct bc_config_route *view) {
  view_refresh(config);
  return view_give(config, bc_config_entry_after(config, after), view);
}

struct bc_config_counts bc_config_counts(const struct bc_config *config) {
  view_refresh(config);
  struct bc_config_counts counts = config->counts;
  counts.checks = config->checks.present;
  counts.modules = config->modules.present;
  counts.data = config->data.present;
  counts.data_bytes = config->data.bytes;
  return counts;
}
