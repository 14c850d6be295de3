/* Modules, and which scripts they belong to. A script's modules are found when it comes, and again when one of them
 * changes: the work of a changed module is that of the scripts that require it. */
#include "model/config_private.h"

#include "base/mem.h"
#include "model/lua_require.h"

#include <stdlib.h>
#include <string.h>

static int module_compare(const struct bc_config_module_node *a, const struct bc_config_module_node *b) {
  return strcmp(a->name, b->name);
}

BC_TREE(bc_config_module_tree, bc_config_module_node, link, module_compare)

static struct bc_config_module_node *module_find(const struct bc_config *config, const char *name) {
  struct bc_config_module_node wanted = {.name = name};
  /* The functions of <sys/tree.h> take the head without const, though finding changes nothing. */
  return RB_FIND(bc_config_module_tree, (struct bc_config_module_tree *)(uintptr_t)&config->modules.tree, &wanted);
}

static struct bc_config_module_node *module_provide(struct bc_config *config, const char *name) {
  struct bc_config_module_node *module = module_find(config, name);
  if (module == NULL) {
    size_t len = strlen(name);
    module = bc_mem_new(1, sizeof *module + len + 1);
    module->name = memcpy(module + 1, name, len + 1);
    (void)RB_INSERT(bc_config_module_tree, &config->modules.tree, module);
  }
  return module;
}

static bool module_is_idle(const struct bc_config_module_node *module) {
  return !module->is_present && !module->is_changed && module->wanted == 0 && LIST_EMPTY(&module->users);
}

static void module_release(struct bc_config *config, struct bc_config_module_node *module) {
  if (module_is_idle(module)) {
    RB_REMOVE(bc_config_module_tree, &config->modules.tree, module);
    free(module);
  }
}

static void module_mark(struct bc_config *config, struct bc_config_module_node *module) {
  if (!module->is_changed) {
    module->is_changed = true;
    TAILQ_INSERT_TAIL(&config->modules.changed, module, changed);
  }
}

/* ---- what a text requires ---- */

/* False when there are too many. */
static bool requires_read(struct bc_config *config, struct bc_str text, struct bc_config_requires *out) {
  struct bc_config_module_node *found[BC_LIMIT_LUA_MODULES];
  struct bc_str rest = bc_lua_require_begin(text);
  struct bc_str word;
  uint64_t visit = ++config->modules.visit;
  bool has_room = true;
  *out = (struct bc_config_requires){.modules = NULL};
  while (has_room && bc_lua_require_next(&rest, &word)) {
    char name[BC_LIMIT_NAME_BYTES + 1];
    bc_config_name_copy(word, name);
    struct bc_config_module_node *module = module_provide(config, name);
    if (module->visit != visit) {
      has_room = out->count < BC_LIMIT_LUA_MODULES;
      if (!has_room) {
        module_release(config, module);
        break;
      }
      module->visit = visit;
      module->wanted++;
      found[out->count++] = module;
    }
  }
  if (out->count > 0) {
    out->modules = bc_mem_new(out->count, sizeof found[0]);
    memcpy(out->modules, found, out->count * sizeof found[0]);
  }
  return has_room;
}

static void requires_free(struct bc_config *config, struct bc_config_requires *requires) {
  for (size_t i = 0; i < requires->count; i++) {
    requires->modules[i]->wanted--;
    module_release(config, requires->modules[i]);
  }
  free(requires->modules);
  *requires = (struct bc_config_requires){.modules = NULL};
}

/* ---- all modules of a script ---- */

struct module_walk {
  struct bc_config_module_node *found[BC_LIMIT_LUA_MODULES];
  size_t count;
  bool is_cut;
};

static void walk_add(struct bc_config *config, struct module_walk *walk, const struct bc_config_requires *requires) {
  for (size_t i = 0; i < requires->count; i++) {
    struct bc_config_module_node *module = requires->modules[i];
    if (module->visit == config->modules.visit) {
      continue;
    }
    if (walk->count == BC_LIMIT_LUA_MODULES) {
      walk->is_cut = true;
      return;
    }
    module->visit = config->modules.visit;
    walk->found[walk->count++] = module;
  }
}

static int walk_compare(const void *a, const void *b) {
  const struct bc_config_module_node *const *left = a;
  const struct bc_config_module_node *const *right = b;
  return strcmp((*left)->name, (*right)->name);
}

static void links_drop(struct bc_config *config, struct bc_config_module_link *links, size_t count) {
  for (size_t i = 0; i < count; i++) {
    LIST_REMOVE(&links[i], link);
    module_release(config, links[i].module);
  }
  free(links);
}

static uint64_t module_mix(uint64_t hash, const void *bytes, size_t len) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < len; i++) {
    hash = (hash ^ at[i]) * 0x100000001b3U;
  }
  return hash;
}

/* A module that is not there has the hash 0, which no text has: its coming is a change. */
static uint64_t script_whole_hash(const struct bc_config_script *script) {
  uint64_t hash = script->text_hash;
  for (size_t i = 0; i < script->link_count; i++) {
    const struct bc_config_module_node *module = script->links[i].module;
    hash = module_mix(hash, module->name, strlen(module->name) + 1);
    hash = module_mix(hash, &module->hash, sizeof module->hash);
  }
  return hash == 0 ? 1 : hash;
}

static void script_set_cut(struct bc_config *config, struct bc_config_script *script, bool is_cut) {
  if (script->is_cut != is_cut) {
    script->is_cut = is_cut;
    config->modules.cut_scripts += is_cut ? 1 : (size_t)-1;
    config->node_faults_stale = true;
  }
}

/* True when its hash is another one than before. */
static bool script_find_modules(struct bc_config *config, struct bc_config_script *script) {
  struct module_walk walk = {.count = 0};
  config->modules.visit++;
  walk_add(config, &walk, &script->requires);
  for (size_t i = 0; i < walk.count; i++) {
    walk_add(config, &walk, &walk.found[i]->requires);
  }
  qsort(walk.found, walk.count, sizeof walk.found[0], walk_compare);
  struct bc_config_module_link *old = script->links;
  size_t old_count = script->link_count;
  script->links = walk.count == 0 ? NULL : bc_mem_new(walk.count, sizeof script->links[0]);
  script->link_count = walk.count;
  for (size_t i = 0; i < walk.count; i++) {
    struct bc_config_module_link *link = &script->links[i];
    link->script = script;
    link->module = walk.found[i];
    LIST_INSERT_HEAD(&link->module->users, link, link);
  }
  links_drop(config, old, old_count);
  script_set_cut(config, script, walk.is_cut);
  uint64_t hash = script->hash;
  script->hash = script_whole_hash(script);
  return script->hash != hash;
}

bool bc_config_module_link(struct bc_config *config, struct bc_config_script *script, struct bc_fault *fault) {
  if (!requires_read(config, (struct bc_str){script->text, script->len}, &script->requires)) {
    bc_fault_set(fault, 0, "requires more than %d modules", BC_LIMIT_LUA_MODULES);
    return false;
  }
  (void)script_find_modules(config, script);
  return true;
}

void bc_config_module_unlink(struct bc_config *config, struct bc_config_script *script) {
  links_drop(config, script->links, script->link_count);
  requires_free(config, &script->requires);
  script_set_cut(config, script, false);
}

/* Its text is another one: so are the scripts that require it. */
static void module_changed(struct bc_config *config, struct bc_config_module_node *module) {
  module_mark(config, module);
  size_t count = 0;
  struct bc_config_module_link *link;
  LIST_FOREACH(link, &module->users, link) {
    count++;
  }
  if (count == 0) {
    return;
  }
  /* Finding their modules anew changes the list. */
  struct bc_config_script **scripts = bc_mem_new(count, sizeof(struct bc_config_script *));
  size_t at = 0;
  LIST_FOREACH(link, &module->users, link) {
    scripts[at++] = link->script;
  }
  for (size_t i = 0; i < count; i++) {
    if (script_find_modules(config, scripts[i])) {
      bc_config_script_mark(config, scripts[i]);
    }
  }
  free(scripts);
}

/* ---- keys ---- */

static void module_set_fault(struct bc_config *config, struct bc_config_module_node *module, const char *why) {
  bc_config_node_fault_set(config, &module->fault,
                           why == NULL ? NULL : bc_config_text("lua/%s: %s", module->name, why));
}

/* The module whose key is there now; NULL when there is no room for it. */
static struct bc_config_module_node *module_note(struct bc_config *config, struct bc_str name) {
  struct bc_config_modules *all = &config->modules;
  char text[BC_LIMIT_NAME_BYTES + 1];
  bc_config_name_copy(name, text);
  struct bc_config_module_node *module = module_find(config, text);
  bool is_new = module == NULL || !module->is_present;
  if (is_new && !bc_config_has_room(config, BC_CONFIG_LUA, all->present, all->listed)) {
    bc_config_surplus_put(config, BC_CONFIG_LUA, name);
    return NULL;
  }
  module = module_provide(config, text);
  all->present += is_new ? 1 : 0;
  all->listed += config->in_list && !module->is_seen ? 1 : 0;
  module->is_present = true;
  module->is_seen = true;
  if (is_new) {
    module_mark(config, module);
  }
  return module;
}

void bc_config_module_put(struct bc_config *config, struct bc_str name, struct bc_config_content content) {
  struct bc_config_module_node *module = module_note(config, name);
  struct bc_fault fault = {0};
  struct bc_config_requires requires = {.modules = NULL};
  if (module == NULL) {
    return;
  }
  if (content.unreadable != NULL) {
    bc_fault_set(&fault, 0, "%s", content.unreadable);
    module_set_fault(config, module, fault.text);
    return;
  }
  struct bc_str value = content.value;
  if (module->text != NULL && bc_str_equal(value, (struct bc_str){module->text, module->len})) {
    module_set_fault(config, module, NULL);
    return;
  }
  bool is_good = bc_config_script_check_text(value, &fault);
  if (is_good && !requires_read(config, value, &requires)) {
    bc_fault_set(&fault, 0, "requires more than %d modules", BC_LIMIT_LUA_MODULES);
    requires_free(config, &requires);
    is_good = false;
  }
  module_set_fault(config, module, is_good ? NULL : fault.text);
  if (!is_good) {
    return;
  }
  free(module->text);
  module->text = bc_mem_copy_text(value.at, value.len);
  module->len = value.len;
  module->hash = bc_config_script_hash(value);
  struct bc_config_requires old = module->requires;
  module->requires = requires;
  module_changed(config, module);
  requires_free(config, &old);
}

static void module_remove(struct bc_config *config, struct bc_config_module_node *module) {
  struct bc_config_requires old = module->requires;
  module_set_fault(config, module, NULL);
  config->modules.present--;
  free(module->text);
  module->text = NULL;
  module->len = 0;
  module->hash = 0;
  module->is_present = false;
  module->requires = (struct bc_config_requires){.modules = NULL};
  module_changed(config, module);
  requires_free(config, &old);
}

void bc_config_module_delete(struct bc_config *config, struct bc_str name) {
  char text[BC_LIMIT_NAME_BYTES + 1];
  bc_config_name_copy(name, text);
  struct bc_config_module_node *module = module_find(config, text);
  if (module != NULL && module->is_present) {
    module_remove(config, module);
  }
}

void bc_config_module_list_begin(struct bc_config *config) {
  struct bc_config_module_node *at;
  config->modules.listed = 0;
  RB_FOREACH(at, bc_config_module_tree, &config->modules.tree) {
    at->is_seen = false;
  }
}

void bc_config_module_list_end(struct bc_config *config) {
  /* A removed one stays until that is told. */
  struct bc_config_module_node *at = RB_MIN(bc_config_module_tree, &config->modules.tree);
  while (at != NULL) {
    if (at->is_present && !at->is_seen) {
      module_remove(config, at);
    }
    at = RB_NEXT(bc_config_module_tree, NULL, at);
  }
}

void bc_config_module_save(const struct bc_config *config, bc_config_key_fn *fn, void *arg) {
  struct bc_config_module_tree tree = config->modules.tree;
  struct bc_config_module_node *at;
  RB_FOREACH(at, bc_config_module_tree, &tree) {
    bc_config_save_key("lua", at->name, NULL, (struct bc_str){at->text, at->len}, fn, arg);
  }
}

void bc_config_module_faults(struct bc_config *config) {
  struct bc_config_module_node *at;
  RB_FOREACH(at, bc_config_module_tree, &config->modules.tree) {
    bc_config_node_faults_add(config, at->fault);
  }
  if (config->modules.cut_scripts > 0) {
    char *text =
        bc_config_text("lua: %zu %s more than %d modules, with those that these require: what is beyond is not found",
                       config->modules.cut_scripts,
                       config->modules.cut_scripts == 1 ? "script requires" : "scripts require", BC_LIMIT_LUA_MODULES);
    bc_config_node_faults_add(config, text);
    free(text);
  }
}

void bc_config_module_free(struct bc_config *config) {
  struct bc_config_module_node *module;
  RB_FOREACH(module, bc_config_module_tree, &config->modules.tree) {
    free(module->requires.modules);
    free(module->text);
    free(module->fault);
  }
  while ((module = RB_MIN(bc_config_module_tree, &config->modules.tree)) != NULL) {
    RB_REMOVE(bc_config_module_tree, &config->modules.tree, module);
    free(module);
  }
  free(config->modules.taken);
}

/* ---- views ---- */

static struct bc_config_module module_show(const struct bc_config_module_node *module) {
  return (struct bc_config_module){.name = module->name,
                                   .found = module->text != NULL,
                                   .text = {.at = module->text, .len = module->len},
                                   .hash = module->hash};
}

bool bc_config_script_module(const struct bc_config_script_view *view, size_t index, struct bc_config_module *module) {
  if (view->script == NULL || index >= view->script->link_count) {
    return false;
  }
  *module = module_show(view->script->links[index].module);
  return true;
}

bool bc_config_find_module(const struct bc_config *config, const char *name, struct bc_config_module *module) {
  const struct bc_config_module_node *held = module_find(config, name);
  if (held == NULL || held->text == NULL) {
    return false;
  }
  *module = module_show(held);
  return true;
}

bool bc_config_next_changed_module(struct bc_config *config, struct bc_config_module *module) {
  struct bc_config_modules *all = &config->modules;
  free(all->taken);
  all->taken = NULL;
  struct bc_config_module_node *node = TAILQ_FIRST(&all->changed);
  if (node == NULL) {
    return false;
  }
  node->is_changed = false;
  TAILQ_REMOVE(&all->changed, node, changed);
  *module = module_show(node);
  if (module_is_idle(node)) {
    RB_REMOVE(bc_config_module_tree, &all->tree, node);
    all->taken = node;
  }
  return true;
}
