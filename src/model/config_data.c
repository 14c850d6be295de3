/* What scripts find as data.NAME. */
#include "model/config_private.h"

#include "base/mem.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int data_compare(const struct bc_config_data_node *a, const struct bc_config_data_node *b) {
  return strcmp(a->name, b->name);
}

BC_TREE(bc_config_data_tree, bc_config_data_node, link, data_compare)

/* The functions of <sys/tree.h> take the head without const, though finding changes nothing. */
static struct bc_config_data_tree *data_tree(const struct bc_config *config) {
  return (struct bc_config_data_tree *)(uintptr_t)&config->data.tree;
}

static struct bc_config_data_node *data_find(const struct bc_config *config, const char *name) {
  struct bc_config_data_node wanted = {.name = name};
  return RB_FIND(bc_config_data_tree, data_tree(config), &wanted);
}

static void data_mark(struct bc_config *config, struct bc_config_data_node *data) {
  if (!data->is_changed) {
    data->is_changed = true;
    TAILQ_INSERT_TAIL(&config->data.changed, data, changed);
  }
}

static void data_set_fault(struct bc_config *config, struct bc_config_data_node *data, const char *why) {
  bc_config_node_fault_set(config, &data->fault, why == NULL ? NULL : bc_config_text("data/%s: %s", data->name, why));
}

/* ---- values ---- */

/* Tables within tables, outside of texts; of good JSON. */
size_t bc_config_json_depth(struct bc_str json) {
  size_t depth = 0;
  size_t deepest = 0;
  bool in_text = false;
  for (size_t i = 0; i < json.len; i++) {
    char c = json.at[i];
    if (in_text) {
      i += c == '\\' ? 1 : 0;
      in_text = c != '"';
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      depth++;
      deepest = depth > deepest ? depth : deepest;
    } else if (c == '}' || c == ']') {
      depth--;
    }
  }
  return deepest;
}

static bool data_is_json(struct bc_str value) {
  json_t *root = json_loadb(value.at, value.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  json_decref(root);
  return root != NULL;
}

/* As a JSON string; NULL: it is no text. */
static char *data_quote(struct bc_str value) {
  json_t *text = json_stringn(value.at, value.len);
  char *quoted = text == NULL ? NULL : json_dumps(text, JSON_ENCODE_ANY);
  json_decref(text);
  return quoted;
}

/* What its place in the sum of all may be. A list may replace all of them. */
static bool data_has_room(const struct bc_config *config, const struct bc_config_data_node *data, size_t len) {
  const struct bc_config_data_all *all = &config->data;
  if (config->in_list) {
    return all->listed_bytes - data->len + len <= BC_LIMIT_DATA_ALL_BYTES &&
           all->bytes - data->len + len <= (size_t)2 * BC_LIMIT_DATA_ALL_BYTES;
  }
  return all->bytes - data->len + len <= BC_LIMIT_DATA_ALL_BYTES;
}

/* *quoted: NULL when the value is JSON itself; owned by the caller. */
static bool data_check(const struct bc_config *config, const struct bc_config_data_node *data, struct bc_str value,
                       char **quoted, struct bc_fault *fault) {
  *quoted = NULL;
  if (value.len == 0) {
    bc_fault_set(fault, 0, "is empty: write \"\" for an empty text");
    return false;
  }
  if (value.len > BC_LIMIT_DATA_BYTES) {
    bc_fault_set(fault, 0, "expected at most %d bytes, found %zu", BC_LIMIT_DATA_BYTES, value.len);
    return false;
  }
  if (!data_has_room(config, data, value.len)) {
    bc_fault_set(fault, 0, "the values of data/ have more than %d bytes together", BC_LIMIT_DATA_ALL_BYTES);
    return false;
  }
  if (data_is_json(value)) {
    if (bc_config_json_depth(value) > BC_LIMIT_LUA_JSON_DEPTH) {
      bc_fault_set(fault, 0, "more than %d tables within tables", BC_LIMIT_LUA_JSON_DEPTH);
      return false;
    }
    return true;
  }
  *quoted = data_quote(value);
  if (*quoted == NULL) {
    bc_fault_set(fault, 0, "neither JSON nor a text in UTF-8");
  }
  return *quoted != NULL;
}

static void data_count(struct bc_config *config, struct bc_config_data_node *data, size_t len) {
  struct bc_config_data_all *all = &config->data;
  all->bytes = all->bytes - data->len + len;
  if (config->in_list && data->is_seen) {
    all->listed_bytes = all->listed_bytes - data->len + len;
  }
  data->len = len;
}

static void data_drop(struct bc_config *config, struct bc_config_data_node *data) {
  free(data->value);
  free(data->text);
  data->value = NULL;
  data->text = NULL;
  data_count(config, data, 0);
}

/* ---- keys ---- */

/* The one whose key is there now; NULL when there is no room for it. */
static struct bc_config_data_node *data_note(struct bc_config *config, struct bc_str name) {
  struct bc_config_data_all *all = &config->data;
  char text[BC_LIMIT_NAME_BYTES + 1];
  bc_config_name_copy(name, text);
  struct bc_config_data_node *data = data_find(config, text);
  bool is_new = data == NULL || !data->is_present;
  if (is_new && !bc_config_has_room(config, BC_CONFIG_DATA, all->present, all->listed)) {
    bc_config_surplus_put(config, BC_CONFIG_DATA, name);
    return NULL;
  }
  if (data == NULL) {
    data = bc_mem_new(1, sizeof *data + name.len + 1);
    data->name = memcpy(data + 1, text, name.len + 1);
    (void)RB_INSERT(bc_config_data_tree, &all->tree, data);
  }
  all->present += is_new ? 1 : 0;
  if (config->in_list && !data->is_seen) {
    all->listed++;
    all->listed_bytes += data->len;
  }
  data->is_present = true;
  data->is_seen = true;
  if (is_new) {
    data_mark(config, data);
  }
  return data;
}

void bc_config_data_put(struct bc_config *config, struct bc_str name, struct bc_config_content content) {
  struct bc_config_data_node *data = data_note(config, name);
  struct bc_fault fault = {0};
  char *quoted = NULL;
  if (data == NULL) {
    return;
  }
  if (content.unreadable != NULL) {
    bc_fault_set(&fault, 0, "%s", content.unreadable);
    data_set_fault(config, data, fault.text);
    return;
  }
  struct bc_str value = bc_str_trim(content.value);
  if (data->value != NULL && bc_str_equal(value, (struct bc_str){data->value, data->len})) {
    data_set_fault(config, data, NULL);
    return;
  }
  bool is_good = data_check(config, data, value, &quoted, &fault);
  data_set_fault(config, data, is_good ? NULL : fault.text);
  if (is_good) {
    data_drop(config, data);
    data->value = bc_mem_copy_text(value.at, value.len);
    data->text = quoted;
    data->text_len = quoted == NULL ? 0 : strlen(quoted);
    data_count(config, data, value.len);
    data_mark(config, data);
  }
}

static void data_remove(struct bc_config *config, struct bc_config_data_node *data) {
  data_drop(config, data);
  data_set_fault(config, data, NULL);
  data->is_present = false;
  config->data.present--;
  data_mark(config, data);
}

void bc_config_data_delete(struct bc_config *config, struct bc_str name) {
  char text[BC_LIMIT_NAME_BYTES + 1];
  bc_config_name_copy(name, text);
  struct bc_config_data_node *data = data_find(config, text);
  if (data != NULL && data->is_present) {
    data_remove(config, data);
  }
}

void bc_config_data_list_begin(struct bc_config *config) {
  struct bc_config_data_node *at;
  config->data.listed = 0;
  config->data.listed_bytes = 0;
  RB_FOREACH(at, bc_config_data_tree, &config->data.tree) {
    at->is_seen = false;
  }
}

void bc_config_data_list_end(struct bc_config *config) {
  struct bc_config_data_node *at;
  /* A removed one stays until that is told. */
  RB_FOREACH(at, bc_config_data_tree, &config->data.tree) {
    if (at->is_present && !at->is_seen) {
      data_remove(config, at);
    }
  }
}

void bc_config_data_save(const struct bc_config *config, bc_config_key_fn *fn, void *arg) {
  struct bc_config_data_node *at;
  RB_FOREACH(at, bc_config_data_tree, data_tree(config)) {
    bc_config_save_key("data", at->name, NULL, (struct bc_str){at->value, at->len}, fn, arg);
  }
}

void bc_config_data_faults(struct bc_config *config) {
  struct bc_config_data_node *at;
  RB_FOREACH(at, bc_config_data_tree, &config->data.tree) {
    bc_config_node_faults_add(config, at->fault);
  }
}

void bc_config_data_free(struct bc_config *config) {
  struct bc_config_data_node *data;
  while ((data = RB_MIN(bc_config_data_tree, &config->data.tree)) != NULL) {
    RB_REMOVE(bc_config_data_tree, &config->data.tree, data);
    free(data->value);
    free(data->text);
    free(data->fault);
    free(data);
  }
  free(config->data.taken);
}

/* ---- views ---- */

static bool data_show(const struct bc_config_data_node *node, struct bc_config_data *data) {
  bool is_quoted = node->text != NULL;
  *data = (struct bc_config_data){
      .name = node->name,
      .found = node->value != NULL,
      .json = {.at = is_quoted ? node->text : node->value, .len = is_quoted ? node->text_len : node->len}};
  return data->found;
}

bool bc_config_find_data(const struct bc_config *config, const char *name, struct bc_config_data *data) {
  const struct bc_config_data_node *node = data_find(config, name);
  return node != NULL && data_show(node, data);
}

bool bc_config_each_data(const struct bc_config *config, const char *after, struct bc_config_data *data) {
  struct bc_config_data_node wanted = {.name = after == NULL ? "" : after};
  struct bc_config_data_node *at = RB_NFIND(bc_config_data_tree, data_tree(config), &wanted);
  if (at != NULL && after != NULL && strcmp(at->name, after) == 0) {
    at = RB_NEXT(bc_config_data_tree, NULL, at);
  }
  while (at != NULL && !data_show(at, data)) {
    at = RB_NEXT(bc_config_data_tree, NULL, at);
  }
  return at != NULL;
}

bool bc_config_next_changed_data(struct bc_config *config, struct bc_config_data *data) {
  struct bc_config_data_all *all = &config->data;
  free(all->taken);
  all->taken = NULL;
  struct bc_config_data_node *node = TAILQ_FIRST(&all->changed);
  if (node == NULL) {
    return false;
  }
  node->is_changed = false;
  TAILQ_REMOVE(&all->changed, node, changed);
  (void)data_show(node, data);
  if (!node->is_present) {
    RB_REMOVE(bc_config_data_tree, &all->tree, node);
    all->taken = node;
  }
  return true;
}
