/* What Lua checks and policies need beside their scripts: modules, which come before what requires them, and data,
 * which all of them find. */
#include "base/mem.h"
#include "core/private.h"

#include <stdlib.h>
#include <string.h>

/* ---- modules ---- */

enum { SUPPLY_BITS = 64 };

static bool supply_is_sent(const struct core_module *module, unsigned worker) {
  unsigned bit = worker - CORE_WORKER_POLICY;
  return (module->sent[bit / SUPPLY_BITS] >> bit % SUPPLY_BITS & 1) != 0;
}

static void supply_set_sent(struct core_module *module, unsigned worker, bool is_sent) {
  unsigned bit = worker - CORE_WORKER_POLICY;
  uint64_t mask = (uint64_t)1 << bit % SUPPLY_BITS;
  uint64_t *word = &module->sent[bit / SUPPLY_BITS];
  *word = is_sent ? *word | mask : *word & ~mask;
}

static int supply_compare(const struct core_module *a, const struct core_module *b) {
  if (a->hash != b->hash) {
    return a->hash < b->hash ? -1 : 1;
  }
  return strcmp(a->name, b->name);
}

BC_TREE(core_module_tree, core_module, link, supply_compare)

struct core_module *core_module_get(struct bc_core *core, const struct bc_config_module *view) {
  struct core_supply *supply = &core->checks.supply;
  size_t name_len = strlen(view->name);
  struct core_module *module = bc_mem_new(1, sizeof *module + name_len + 1 + view->text.len + 1);
  module->hash = view->hash;
  module->name = memcpy(module + 1, view->name, name_len + 1);
  struct core_module *held = RB_INSERT(core_module_tree, &supply->modules, module);
  if (held != NULL) {
    free(module);
    held->refs++;
    return held;
  }
  char *text = (char *)(module + 1) + name_len + 1;
  if (view->text.len > 0) {
    memcpy(text, view->text.at, view->text.len);
  }
  module->text = (struct bc_str){.at = text, .len = view->text.len};
  module->refs = 1;
  module->number = ++supply->last_number;
  core->checks.script_bytes += module->text.len;
  return module;
}

struct core_module *core_module_ref(struct core_module *module) {
  module->refs++;
  return module;
}

void core_module_put(struct bc_core *core, struct core_module *module) {
  if (--module->refs > 0) {
    return;
  }
  struct bc_msg message = {.type = BC_MSG_LUA_MODULE_REMOVE, .lua_module_remove = {.number = module->number}};
  for (unsigned worker = CORE_WORKER_POLICY; worker < core->pool_count; worker++) {
    if (supply_is_sent(module, worker)) {
      (void)core_pool_send(core, worker, &message);
    }
  }
  RB_REMOVE(core_module_tree, &core->checks.supply.modules, module);
  core->checks.script_bytes -= module->text.len;
  free(module);
}

void core_supply_modules(struct bc_core *core, unsigned worker, const struct core_script *script, struct bc_buf *list) {
  for (unsigned i = 0; i < script->module_count; i++) {
    struct core_module *module = script->modules[i];
    bc_buf_add_format(list, "%s=%u", module->name, (unsigned)module->number);
    bc_buf_add_char(list, '\0');
    if (!supply_is_sent(module, worker)) {
      struct bc_msg message = {
          .type = BC_MSG_LUA_MODULE,
          .lua_module = {.number = module->number, .name = bc_str_of(module->name), .text = module->text}};
      supply_set_sent(module, worker, core_pool_send(core, worker, &message));
    }
  }
}

/* ---- data ---- */

static struct core_told *supply_told(struct bc_core *core, unsigned worker) {
  return &core->checks.supply.told[worker - CORE_WORKER_POLICY];
}

static void supply_send_data(struct bc_core *core, unsigned worker, const struct bc_config_data *data) {
  struct bc_msg message = {.type = BC_MSG_LUA_DATA, .lua_data = {.name = bc_str_of(data->name)}};
  if (data->found) {
    message.lua_data.json = data->json;
  }
  (void)core_pool_send(core, worker, &message);
}

bool core_supply_data(struct bc_core *core, unsigned worker) {
  struct core_told *told = supply_told(core, worker);
  struct bc_config_data data;
  while (!told->is_whole && core->pools[worker].is_running) {
    if (!core_pool_has_room(core, worker)) {
      return false;
    }
    if (!bc_config_each_data(core->config, told->up_to, &data)) {
      told->is_whole = true;
      break;
    }
    supply_send_data(core, worker, &data);
    bc_intern_put(core->intern, told->up_to);
    told->up_to = bc_intern_get(core->intern, bc_str_of(data.name));
  }
  return true;
}

static void supply_tell_again(struct bc_core *core, struct core_told *told) {
  bc_intern_put(core->intern, told->up_to);
  told->up_to = NULL;
  told->is_whole = false;
}

void core_supply_restart(struct bc_core *core, unsigned worker) {
  struct core_module *module;
  RB_FOREACH(module, core_module_tree, &core->checks.supply.modules) {
    supply_set_sent(module, worker, false);
  }
  supply_tell_again(core, supply_told(core, worker));
}

static void supply_change_data(struct bc_core *core, unsigned worker, const struct bc_config_data *data) {
  struct core_told *told = supply_told(core, worker);
  if (!core->pools[worker].is_running) {
    return;
  }
  if (!data->found || core_pool_has_room(core, worker)) {
    supply_send_data(core, worker, data);
  } else if (told->is_whole || (told->up_to != NULL && strcmp(data->name, told->up_to) <= 0)) {
    supply_tell_again(core, told);
  }
}

void core_supply_apply_changes(struct bc_core *core) {
  struct bc_config_module module;
  struct bc_config_data data;
  /* Whose module changed is told as changed itself. */
  while (bc_config_next_changed_module(core->config, &module)) {
    core_lastgood_dirty(core);
  }
  while (bc_config_next_changed_data(core->config, &data)) {
    core_lastgood_dirty(core);
    for (unsigned worker = CORE_WORKER_POLICY; worker < core->pool_count; worker++) {
      supply_change_data(core, worker, &data);
    }
    core_policy_on_data(core, data.name);
  }
  for (unsigned worker = CORE_WORKER_POLICY; worker < core->pool_count; worker++) {
    if (!supply_told(core, worker)->is_whole && core->pools[worker].is_running) {
      core_check_send_soon(core);
    }
  }
}

void core_supply_close(struct bc_core *core) {
  for (unsigned i = 0; i < CORE_WORKERS_SUPPLIED; i++) {
    supply_tell_again(core, &core->checks.supply.told[i]);
  }
}
