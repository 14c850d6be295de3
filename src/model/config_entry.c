#include "model/config_private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int bc_config_name_compare(const char *a, const char *b) {
  while (*a == *b) {
    if (*a == '\0') {
      return 0;
    }
    a++;
    b++;
  }
  unsigned char left = *a == '\0' ? '/' : (unsigned char)*a;
  unsigned char right = *b == '\0' ? '/' : (unsigned char)*b;
  return left - right;
}

static int entry_compare(const struct bc_config_entry *a, const struct bc_config_entry *b) {
  return bc_config_name_compare(a->name, b->name);
}

BC_TREE(bc_config_entry_tree, bc_config_entry, by_name, entry_compare)

/* The functions of <sys/tree.h> take the head without const, though finding changes nothing. */
static struct bc_config_entry_tree *entry_tree(const struct bc_config *config) {
  return (struct bc_config_entry_tree *)(uintptr_t)&config->entries;
}

struct bc_config_entry *bc_config_entry_find(const struct bc_config *config, const char *name) {
  struct bc_config_entry wanted = {.name = name};
  struct bc_config_entry *found = config->found;
  /* One decision looks the same route up more than once. */
  if (found == NULL || strcmp(found->name, name) != 0) {
    found = RB_FIND(bc_config_entry_tree, entry_tree(config), &wanted);
    ((struct bc_config *)(uintptr_t)config)->found = found;
  }
  return found;
}

struct bc_config_entry *bc_config_entry_after(const struct bc_config *config, const char *name) {
  if (name == NULL) {
    return RB_MIN(bc_config_entry_tree, entry_tree(config));
  }
  struct bc_config_entry wanted = {.name = name};
  struct bc_config_entry *entry = RB_NFIND(bc_config_entry_tree, entry_tree(config), &wanted);
  return entry != NULL && strcmp(entry->name, name) == 0 ? bc_config_entry_next(entry) : entry;
}

struct bc_config_entry *bc_config_entry_next(struct bc_config_entry *entry) {
  return RB_NEXT(bc_config_entry_tree, NULL, entry);
}

bool bc_config_entry_has_version(const struct bc_config_entry *entry) {
  unsigned blocked = entry->blocked;
  const struct bc_options *options = entry->options == NULL ? NULL : &entry->options->options;
  if (options != NULL && (options->check_is_none || options->use != NULL)) {
    blocked &= ~(1U << BC_CONFIG_KEY_HEALTHCHECK);
  }
  return entry->has_route && blocked == 0;
}

const struct bc_options *bc_config_entry_options(const struct bc_config *config, const struct bc_config_entry *entry) {
  return entry->options == NULL ? &config->default_options : &entry->options->options;
}

static void entry_count(struct bc_config *config, const struct bc_config_entry *entry, size_t more) {
  config->counts.local += entry->is_local ? more : 0;
  config->counts.routes += entry->is_local ? 0 : more;
  config->counts.subscribed += !entry->is_local && entry->is_subscribed ? more : 0;
}

struct bc_config_entry *bc_config_entry_new(struct bc_config *config, const char *name) {
  size_t len = strlen(name);
  struct bc_config_entry *entry = bc_mem_new(1, sizeof *entry + len + 1);
  entry->name = memcpy(entry + 1, name, len + 1);
  entry->is_local = bc_config_is_local_name(name);
  (void)RB_INSERT(bc_config_entry_tree, &config->entries, entry);
  entry->is_subscribed = entry->is_local || bc_config_subscription_count(config, name, true);
  entry_count(config, entry, 1);
  bc_config_view_back(config, entry);
  return entry;
}

void bc_config_entry_free(struct bc_config *config, struct bc_config_entry *entry) {
  bc_config_identity_drop(config, entry);
  bc_config_settle_cancel(config, entry);
  for (int i = 0; i < BC_CONFIG_FAULT_COUNT; i++) {
    bc_config_fault_clear(config, entry, (enum bc_config_key)i);
  }
  bc_config_value_free(config, entry);
  bc_config_view_gone(config, entry);
  if (config->listing == entry || config->passed == entry) {
    config->listing = NULL;
  }
  entry_count(config, entry, (size_t)-1);
  RB_REMOVE(bc_config_entry_tree, &config->entries, entry);
  config->found = config->found == entry ? NULL : config->found;
  free(entry);
}

static void entry_after_change(struct bc_config *config, struct bc_config_entry *entry, bool is_touched,
                               struct bc_mono now) {
  if ((entry->present & (1U << BC_CONFIG_KEY_CONFIG)) == 0) {
    struct bc_fault fault;
    bc_fault_set(&fault, 0, "is missing");
    bc_config_fault_set(config, entry, BC_CONFIG_KEY_CONFIG, &fault);
  }
  if (is_touched) {
    bc_config_settle_touch(config, entry, now);
  }
  bc_config_identity_claim(config, entry);
}

/* The entry whose key is there now, made when it is new; NULL when there is no room for it. */
static struct bc_config_entry *entry_note_key(struct bc_config *config, const struct bc_config_key_parts *parts,
                                              bool *is_new_key) {
  char name[BC_LIMIT_NAME_BYTES + 1];
  bc_config_name_copy(parts->name, name);
  /* A list tells the keys of a route together. */
  bool is_same = config->in_list && config->listing != NULL && strcmp(config->listing->name, name) == 0;
  struct bc_config_entry *entry = is_same ? config->listing : bc_config_entry_find(config, name);
  if (entry == NULL) {
    if (!bc_config_has_room(config, BC_CONFIG_ROUTES, config->counts.routes, config->listed)) {
      bc_config_surplus_put(config, BC_CONFIG_ROUTES, parts->name);
      return NULL;
    }
    entry = bc_config_entry_new(config, name);
  }
  unsigned bit = 1U << parts->key;
  if (config->in_list) {
    config->listed += entry->seen == 0 ? 1 : 0;
    config->listing = entry;
  }
  entry->seen = (uint8_t)(entry->seen | bit);
  *is_new_key = (entry->present & bit) == 0;
  if (*is_new_key) {
    config->route_keys++;
    entry->present = (uint8_t)(entry->present | bit);
    bc_config_view_mark(config, entry);
  }
  return entry;
}

void bc_config_entry_put(struct bc_config *config, const struct bc_config_key_parts *parts,
                         struct bc_config_content content, struct bc_mono now) {
  bool is_new_key = false;
  struct bc_config_entry *entry = entry_note_key(config, parts, &is_new_key);
  if (entry != NULL) {
    bool is_changed = content.unreadable == NULL
                          ? bc_config_value_put(config, entry, parts->key, content.value)
                          : bc_config_value_put_unreadable(config, entry, parts->key, content.unreadable);
    entry_after_change(config, entry, is_changed || is_new_key, now);
  }
}

void bc_config_entry_delete(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key,
                            struct bc_mono now) {
  unsigned bit = 1U << key;
  if ((entry->present & bit) == 0) {
    return;
  }
  config->route_keys--;
  entry->present = (uint8_t)(entry->present & ~bit);
  if (entry->present == 0) {
    (void)bc_config_subscription_count(config, entry->name, false);
    bc_config_entry_free(config, entry);
    return;
  }
  bc_config_view_mark(config, entry);
  bc_config_value_delete(config, entry, key);
  entry_after_change(config, entry, true, now);
}

void bc_config_entry_sweep(struct bc_config *config, struct bc_config_entry *entry, struct bc_mono now) {
  unsigned unseen = entry->is_local ? 0 : entry->present & ~(unsigned)entry->seen;
  /* The last of them may free the entry. */
  for (int i = 0; unseen != 0; i++) {
    if ((unseen & (1U << i)) != 0) {
      unseen &= ~(1U << i);
      bc_config_entry_delete(config, entry, (enum bc_config_key)i, now);
    }
  }
}
