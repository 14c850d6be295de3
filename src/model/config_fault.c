#include "model/config_private.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAULT_TEXT_MAX = 2048, FAULT_KEY_SHOWN = 200, FAULT_NODE_MAX = 1024 };

char *bc_config_text(const char *format, ...) {
  char text[FAULT_TEXT_MAX];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return bc_mem_copy_string(text);
}

/* ---- of routes ---- */

bool bc_config_fault_is_set(const struct bc_config_entry *entry, enum bc_config_key key) {
  return entry->faults != NULL && entry->faults->text[key] != NULL;
}

const char *bc_config_fault_first(const struct bc_config_entry *entry) {
  for (int i = 0; entry->faults != NULL && i < BC_CONFIG_FAULT_COUNT; i++) {
    if (entry->faults->text[i] != NULL) {
      return entry->faults->text[i];
    }
  }
  return NULL;
}

bool bc_config_route_fault(const struct bc_config *config, const char *name, size_t index, const char **text) {
  const struct bc_config_entry *entry = bc_config_entry_find(config, name);
  for (int i = 0; entry != NULL && entry->faults != NULL && i < BC_CONFIG_FAULT_COUNT; i++) {
    if (entry->faults->text[i] != NULL && index-- == 0) {
      *text = entry->faults->text[i];
      return true;
    }
  }
  return false;
}

void bc_config_fault_take(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key, char *text) {
  if (entry->faults == NULL) {
    entry->faults = bc_mem_new(1, sizeof *entry->faults);
    config->counts.faulty++;
  }
  char **slot = &entry->faults->text[key];
  if (*slot != NULL && strcmp(*slot, text) == 0) {
    free(text);
    return;
  }
  if (*slot == NULL) {
    entry->faults->count++;
  }
  free(*slot);
  *slot = text;
  bc_config_view_mark(config, entry);
}

void bc_config_fault_set(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key,
                         const struct bc_fault *fault) {
  char place[32] = "";
  if (fault->column > 0) {
    (void)snprintf(place, sizeof place, "column %zu: ", fault->column);
  }
  bc_config_fault_take(
      config, entry, key,
      entry->is_local ? bc_config_text("%s: %s%s", entry->name, place, fault->text)
                      : bc_config_text("routes/%s/%s: %s%s", entry->name, bc_config_key_text(key), place, fault->text));
}

void bc_config_fault_clear(struct bc_config *config, struct bc_config_entry *entry, enum bc_config_key key) {
  if (!bc_config_fault_is_set(entry, key)) {
    return;
  }
  free(entry->faults->text[key]);
  entry->faults->text[key] = NULL;
  if (--entry->faults->count == 0) {
    free(entry->faults);
    entry->faults = NULL;
    config->counts.faulty--;
  }
  bc_config_view_mark(config, entry);
}

/* ---- keys without a meaning ---- */

static int stray_compare(const struct bc_config_stray *a, const struct bc_config_stray *b) {
  return strcmp(a->key, b->key);
}

BC_TREE(bc_config_stray_tree, bc_config_stray, link, stray_compare)

static struct bc_config_stray *stray_new(struct bc_str key) {
  char text[FAULT_KEY_SHOWN + 1];
  size_t len = key.len < FAULT_KEY_SHOWN ? key.len : FAULT_KEY_SHOWN;
  for (size_t i = 0; i < len; i++) {
    text[i] = key.at[i] >= ' ' && key.at[i] <= '~' ? key.at[i] : '?';
  }
  struct bc_config_stray *made = bc_mem_new(1, sizeof *made + len + 1);
  memcpy(made->key, text, len);
  return made;
}

static void stray_remove(struct bc_config *config, struct bc_config_stray *stray) {
  RB_REMOVE(bc_config_stray_tree, &config->strays, stray);
  config->stray_count--;
  config->route_strays -= stray->folder == BC_CONFIG_ROUTES ? 1 : 0;
  config->node_faults_stale = true;
  free(stray);
}

void bc_config_stray_put(struct bc_config *config, struct bc_str key, const struct bc_config_key_parts *parts) {
  struct bc_config_stray *made = stray_new(key);
  made->is_bad_name = parts->kind == BC_CONFIG_BAD_NAME;
  made->folder = parts->folder;
  made->is_seen = true;
  struct bc_config_stray *held = RB_INSERT(bc_config_stray_tree, &config->strays, made);
  if (held != NULL) {
    held->is_seen = true;
    free(made);
    return;
  }
  config->stray_count++;
  config->route_strays += made->folder == BC_CONFIG_ROUTES ? 1 : 0;
  config->node_faults_stale = true;
  if (config->stray_count > BC_LIMIT_STRAY_KEYS) {
    stray_remove(config, made);
    config->has_more_strays = true;
  }
}

void bc_config_stray_delete(struct bc_config *config, struct bc_str key) {
  struct bc_config_stray *wanted = stray_new(key);
  struct bc_config_stray *held = RB_FIND(bc_config_stray_tree, &config->strays, wanted);
  free(wanted);
  if (held != NULL) {
    stray_remove(config, held);
  }
}

void bc_config_stray_list_begin(struct bc_config *config) {
  struct bc_config_stray *at;
  RB_FOREACH(at, bc_config_stray_tree, &config->strays) {
    at->is_seen = false;
  }
  /* Those that were not named had no place to be remembered; the list tells whether they still are. */
  config->has_more_strays = false;
  config->node_faults_stale = true;
}

void bc_config_stray_list_end(struct bc_config *config) {
  struct bc_config_stray *at;
  struct bc_config_stray *next;
  RB_FOREACH_SAFE(at, bc_config_stray_tree, &config->strays, next) {
    if (!at->is_seen) {
      stray_remove(config, at);
    }
  }
}

void bc_config_surplus_put(struct bc_config *config, enum bc_config_folder folder, struct bc_str name) {
  struct bc_config_surplus *surplus = &config->surplus[folder];
  config->node_faults_stale = true;
  if (surplus->name == NULL) {
    surplus->name = bc_mem_copy_text(name.at, name.len);
  } else if (!bc_str_is(name, surplus->name)) {
    surplus->count++;
  }
}

void bc_config_surplus_clear(struct bc_config *config) {
  for (int i = 0; i < BC_CONFIG_FOLDER_COUNT; i++) {
    free(config->surplus[i].name);
    config->surplus[i] = (struct bc_config_surplus){.name = NULL};
  }
  config->node_faults_stale = true;
}

/* ---- of the node ---- */

void bc_config_node_fault_set(struct bc_config *config, char **fault, char *text) {
  free(*fault);
  *fault = text;
  config->node_faults_stale = true;
}

static void node_faults_clear(struct bc_config *config) {
  for (size_t i = 0; i < config->node_fault_count; i++) {
    free(config->node_faults[i]);
  }
  config->node_fault_count = 0;
}

void bc_config_node_faults_add(struct bc_config *config, const char *text) {
  if (text == NULL || config->node_fault_count == FAULT_NODE_MAX) {
    return;
  }
  if ((config->node_fault_count & (config->node_fault_count - 1)) == 0) {
    size_t size = config->node_fault_count == 0 ? 1 : config->node_fault_count * 2;
    config->node_faults = bc_mem_resize(config->node_faults, size, sizeof(char *));
  }
  config->node_faults[config->node_fault_count++] = bc_mem_copy_string(text);
}

/* Takes the text over. */
static void node_faults_take(struct bc_config *config, char *text) {
  bc_config_node_faults_add(config, text);
  free(text);
}

static const struct {
  const char *folder, *noun, *plural, *keys;
  int limit;
} fault_folders[] = {
#define FAULT_FOLDER(member, text, most, one, several, names) {text, one, several, names, most},
    BC_CONFIG_FOLDER_LIST(FAULT_FOLDER)
#undef FAULT_FOLDER
};

static void node_faults_add_surplus(struct bc_config *config, enum bc_config_folder folder) {
  const struct bc_config_surplus *surplus = &config->surplus[folder];
  if (surplus->name != NULL) {
    const char *text = fault_folders[folder].folder;
    node_faults_take(config, bc_config_text("%s: more than %d %s: %s/%s%s is ignored", text,
                                            fault_folders[folder].limit, fault_folders[folder].plural, text,
                                            surplus->name, surplus->count > 0 ? " (and others)" : ""));
  }
}

static void node_faults_add_stray(struct bc_config *config, const struct bc_config_stray *stray) {
  const char *noun = fault_folders[stray->folder].noun;
  if (stray->is_bad_name) {
    node_faults_take(config,
                     bc_config_text("%s: not a %s name (letters, digits, '.', '_', '-'; at most %d): it is ignored",
                                    stray->key, noun, BC_LIMIT_NAME_BYTES));
  } else {
    node_faults_take(config, bc_config_text("%s: not a key of a %s (%s): it is ignored", stray->key, noun,
                                            fault_folders[stray->folder].keys));
  }
}

static void node_faults_collect(struct bc_config *config) {
  node_faults_clear(config);
  bc_config_node_faults_add(config, config->admin_fault);
  bc_config_node_faults_add(config, config->labels_fault);
  bc_config_policy_faults(config);
  bc_config_node_faults_add(config, config->subscription.fault);
  node_faults_take(config, bc_config_subscription_lonely_text(config));
  for (int i = 0; i < BC_CONFIG_FOLDER_COUNT; i++) {
    node_faults_add_surplus(config, (enum bc_config_folder)i);
  }
  bc_config_check_faults(config);
  bc_config_module_faults(config);
  bc_config_data_faults(config);
  struct bc_config_stray *at;
  RB_FOREACH(at, bc_config_stray_tree, &config->strays) {
    node_faults_add_stray(config, at);
  }
  if (config->has_more_strays) {
    bc_config_node_faults_add(config, "more keys without a meaning are ignored");
  }
  config->node_faults_stale = false;
}

bool bc_config_node_fault(const struct bc_config *config, size_t index, const char **text) {
  if (config->node_faults_stale) {
    /* Collected when asked for, not on each of 100,000 changes: to the caller nothing changes. */
    node_faults_collect((struct bc_config *)(uintptr_t)config);
  }
  if (index >= config->node_fault_count) {
    return false;
  }
  *text = config->node_faults[index];
  return true;
}

void bc_config_node_faults_free(struct bc_config *config) {
  struct bc_config_stray *at;
  while ((at = RB_MIN(bc_config_stray_tree, &config->strays)) != NULL) {
    stray_remove(config, at);
  }
  bc_config_surplus_clear(config);
  node_faults_clear(config);
  free(config->node_faults);
}
