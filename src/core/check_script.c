/* The scripts that checks run, each held once: the last version that passed is needed when the configuration has only
 * its successor. */
#include "base/mem.h"
#include "core/private.h"

#include <stdlib.h>
#include <string.h>

static int script_compare(const struct core_script *a, const struct core_script *b) {
  return (a->hash > b->hash) - (a->hash < b->hash);
}

BC_TREE(core_script_tree, core_script, link, script_compare)

struct core_script *core_script_ref(struct core_script *script) {
  script->refs++;
  return script;
}

static void script_take_modules(struct bc_core *core, struct core_script *script,
                                const struct bc_config_script_view *view) {
  struct bc_config_module module;
  for (size_t i = 0; bc_config_script_module(view, i, &module); i++) {
    /* What is not found stays so: the script's error names it. */
    if (module.found) {
      script->modules = bc_mem_resize(script->modules, script->module_count + 1, sizeof script->modules[0]);
      script->modules[script->module_count++] = core_module_get(core, &module);
    }
  }
}

static struct core_script *script_find(const struct bc_core *core, uint64_t hash) {
  struct core_script wanted = {.hash = hash};
  struct core_script_tree scripts = core->checks.scripts; /* the find of a tree wants one that may be changed */
  return RB_FIND(core_script_tree, &scripts, &wanted);
}

bool core_script_is_used(const struct bc_core *core, uint64_t hash) {
  return script_find(core, hash) != NULL;
}

/* Without its modules. */
static struct core_script *script_new(struct bc_core *core, const struct bc_config_script_view *view) {
  struct core_script *script = bc_mem_new(1, sizeof *script + view->len + 1);
  script->hash = view->hash;
  script->refs = 1;
  script->len = view->len;
  script->is_lua = view->is_lua;
  memcpy(script->text, view->text, view->len);
  script->parameters = view->parameters == NULL ? NULL : bc_mem_copy_string(view->parameters);
  (void)RB_INSERT(core_script_tree, &core->checks.scripts, script);
  core->checks.script_bytes += script->len;
  return script;
}

struct core_script *core_script_get(struct bc_core *core, const struct bc_config_script_view *view) {
  struct core_script *script = script_find(core, view->hash);
  if (script != NULL) {
    return core_script_ref(script);
  }
  script = script_new(core, view);
  script_take_modules(core, script, view);
  return script;
}

struct core_script *core_script_restore(struct bc_core *core, const struct bc_config_script_view *view,
                                        struct core_module *const *modules, unsigned count) {
  struct core_script *script = script_find(core, view->hash);
  if (script != NULL) {
    return core_script_ref(script);
  }
  script = script_new(core, view);
  script->modules = bc_mem_new(count, sizeof script->modules[0]);
  for (; script->module_count < count; script->module_count++) {
    script->modules[script->module_count] = core_module_ref(modules[script->module_count]);
  }
  return script;
}

void core_script_put(struct bc_core *core, struct core_script *script) {
  if (script == NULL || --script->refs > 0) {
    return;
  }
  RB_REMOVE(core_script_tree, &core->checks.scripts, script);
  core->checks.script_bytes -= script->len;
  for (unsigned i = 0; i < script->module_count; i++) {
    core_module_put(core, script->modules[i]);
  }
  free(script->modules);
  free(script->parameters);
  free(script);
}

bool core_script_has_room(const struct bc_core *core) {
  return core->checks.script_bytes < BC_LIMIT_KEPT_SCRIPT_BYTES;
}
