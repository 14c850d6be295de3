/* What was read of a store, and what is to be read. */
#include "io/store_edit_private.h"

#include <stdlib.h>
#include <string.h>

/* ---- what was read ---- */

void bc_store_edit_list_add(struct bc_store_edit_list *list, struct bc_str key, struct bc_str value, const char *why,
                            uint64_t revision) {
  size_t bytes = key.len + value.len;
  if (bytes > BC_LIMIT_DIR_BYTES - list->bytes) {
    list->is_full = true;
    return;
  }
  list->bytes += bytes;
  if (list->count == list->room) {
    list->room = list->room * 2 + 64;
    list->at = bc_mem_resize(list->at, list->room, sizeof *list->at);
  }
  struct bc_store_edit_entry *entry = &list->at[list->count++];
  *entry = (struct bc_store_edit_entry){.key = bc_mem_copy_text(key.at, key.len), .why = bc_mem_copy_string(why)};
  if (value.at != NULL) {
    entry->value = bc_mem_copy_text(value.at, value.len);
  }
  entry->told = (struct bc_store_edit_key){
      .key = entry->key, .value = {entry->value, value.len}, .why = entry->why, .revision = revision};
}

static int list_compare(const void *a, const void *b) {
  return strcmp(((const struct bc_store_edit_entry *)a)->key, ((const struct bc_store_edit_entry *)b)->key);
}

void bc_store_edit_list_sort(struct bc_store_edit_list *list) {
  if (list->count > 0) {
    qsort(list->at, list->count, sizeof *list->at, list_compare);
  }
}

const struct bc_store_edit_entry *bc_store_edit_list_find(const struct bc_store_edit_list *list, const char *key) {
  char *wanted = bc_mem_copy_string(key);
  const struct bc_store_edit_entry sample = {.key = wanted};
  const struct bc_store_edit_entry *found =
      list->count == 0 ? NULL : bsearch(&sample, list->at, list->count, sizeof *list->at, list_compare);
  free(wanted);
  return found;
}

void bc_store_edit_list_clear(struct bc_store_edit_list *list) {
  for (size_t i = 0; i < list->count; i++) {
    free(list->at[i].key);
    free(list->at[i].value);
    free(list->at[i].why);
  }
  list->count = 0;
  list->bytes = 0;
  list->is_full = false;
}

/* ---- what is to be read ---- */

static void walk_add_item(struct bc_store_edit_walk *walk, char *item) {
  if (walk->count == walk->room) {
    walk->room = walk->room * 2 + 16;
    walk->items = bc_mem_resize(walk->items, walk->room, sizeof *walk->items);
  }
  walk->items[walk->count++] = item;
}

void bc_store_edit_walk_begin(struct bc_store_edit_walk *walk, const struct bc_store_edit_scope *scope) {
  *walk = (struct bc_store_edit_walk){.has_status = scope->has_status};
  for (size_t i = 0; scope->folders[i] != NULL; i++) {
    walk_add_item(walk, bc_mem_copy_string(scope->folders[i]));
  }
  while (scope->states != NULL && scope->states[walk->state_count] != NULL) {
    walk->state_count++;
  }
  walk->states = bc_mem_new(walk->state_count + 1, sizeof *walk->states);
  for (size_t i = 0; i < walk->state_count; i++) {
    walk->states[i] = bc_mem_copy_string(scope->states[i]);
  }
}

void bc_store_edit_walk_end(struct bc_store_edit_walk *walk) {
  for (size_t i = 0; i < walk->count; i++) {
    free(walk->items[i]);
  }
  for (size_t i = 0; i < walk->state_count; i++) {
    free(walk->states[i]);
  }
  free(walk->items);
  free(walk->states);
  free(walk->node);
  *walk = (struct bc_store_edit_walk){.count = 0};
}

/* The states of a node that is met for the first time are read by their names: the ranges that hold them may be long.
 */
static void walk_meet(struct bc_store_edit_walk *walk, struct bc_str node) {
  if (walk->node != NULL && bc_str_is(node, walk->node)) {
    return;
  }
  free(walk->node);
  walk->node = bc_mem_copy_text(node.at, node.len);
  for (size_t i = 0; i < walk->state_count; i++) {
    struct bc_buf key;
    bc_buf_init(&key, BC_LIMIT_KEY_BYTES);
    bc_buf_add_format(&key, "node/%s/routes/%s/state", walk->node, walk->states[i]);
    if (bc_buf_status(&key) == BC_ERR_OK) {
      walk_add_item(walk, bc_buf_take(&key));
    } else {
      bc_buf_free(&key);
    }
  }
}

bool bc_store_edit_walk_takes(struct bc_store_edit_walk *walk, struct bc_str key) {
  struct bc_str rest = key;
  struct bc_str folder;
  struct bc_str node;
  struct bc_str name;
  bool is_asked = walk->item < walk->count && bc_str_is(key, walk->items[walk->item]);
  if (!bc_str_starts(key, "node/") || !bc_str_next_field(&rest, '/', &folder) ||
      !bc_str_next_field(&rest, '/', &node) || !bc_str_next_field(&rest, '/', &name)) {
    return true;
  }
  if (is_asked) {
    return true;
  }
  walk_meet(walk, node);
  bool is_own = rest.at != NULL && (bc_str_is(name, "routes") || bc_str_is(name, "neighbors"));
  return !is_own && (walk->has_status || rest.at != NULL || !bc_str_is(name, "status"));
}
