/* Policies: the keys routes/NAME/policy, node/ME/policy, policy and admission. That of a route is looked for from the
 * inner one outwards; one that is there and was never good stops the search only while nothing was acted on. */
#include "model/config_private.h"

#include "base/mem.h"
#include "model/ready_made.h"

#include <stdlib.h>
#include <string.h>

static const char policy_builtin[] = "builtin";

/* ---- values ---- */

static bool policy_is_json(struct bc_str text) {
  return text.len > 0 && text.at[0] == '{';
}

static bool policy_is_held(const struct bc_config_policy_value *held, struct bc_str value) {
  struct bc_str trimmed = bc_str_trim(value);
  if (policy_is_json(trimmed)) {
    return held->json != NULL && bc_str_is(trimmed, held->json);
  }
  const struct bc_config_script *script = held->json == NULL ? held->script.script : NULL;
  return script != NULL && bc_str_equal(value, (struct bc_str){script->text, script->len});
}

/* What the object says; *ready NULL: the built-in decision. `parameters` becomes the caller's. */
static bool policy_read_members(const json_t *root, const struct bc_ready_made **ready, char **parameters,
                                struct bc_fault *fault) {
  const json_t *use = json_object_get(root, "use");
  if (!json_is_string(use)) {
    bc_fault_set(fault, 0, "expected Lua, or a JSON object {\"use\": NAME, ...}");
    return false;
  }
  if (strcmp(json_string_value(use), policy_builtin) == 0) {
    if (json_object_size(root) > 1) {
      bc_fault_set(fault, 0, "%s: it has no parameters", policy_builtin);
      return false;
    }
    return true;
  }
  *ready = bc_ready_made_use(BC_READY_POLICIES, root, fault);
  if (*ready == NULL) {
    return false;
  }
  struct bc_fault why = {0};
  if (bc_ready_made_check(*ready, root, parameters, &why) != BC_ERR_OK) {
    bc_fault_set(fault, 0, "%s: %s", (*ready)->name, why.text);
    return false;
  }
  return true;
}

static bool policy_take_json(struct bc_config *config, struct bc_config_policy_value *held, enum bc_config_user user,
                             struct bc_str text, struct bc_fault *fault) {
  if (text.len > BC_LIMIT_OPTIONS_BYTES) {
    bc_fault_set(fault, 0, "expected at most %d bytes of JSON, found %zu", BC_LIMIT_OPTIONS_BYTES, text.len);
    return false;
  }
  json_error_t error;
  json_t *root = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &error);
  if (root == NULL) {
    bc_fault_set(fault, 0, "not JSON: line %d: %s", error.line < 1 ? 1 : error.line, error.text);
    return false;
  }
  const struct bc_ready_made *ready = NULL;
  char *parameters = NULL;
  bool is_good = policy_read_members(root, &ready, &parameters, fault);
  json_decref(root);
  if (!is_good) {
    return false;
  }
  if (ready != NULL) {
    bc_config_use_set_ready(config, &held->script, user, ready);
  } else {
    bc_config_use_drop(config, &held->script);
  }
  free(held->json);
  free(held->parameters);
  held->json = bc_mem_copy_text(text.at, text.len);
  held->parameters = parameters;
  held->ready = ready;
  return true;
}

static void policy_forget_json(struct bc_config_policy_value *held) {
  free(held->json);
  free(held->parameters);
  held->json = NULL;
  held->parameters = NULL;
  held->ready = NULL;
}

/* False and a fault: it holds what it held. */
static bool policy_take(struct bc_config *config, struct bc_config_policy_value *held, enum bc_config_user user,
                        struct bc_str value, struct bc_fault *fault) {
  struct bc_str trimmed = bc_str_trim(value);
  if (policy_is_json(trimmed)) {
    return policy_take_json(config, held, user, trimmed, fault);
  }
  if (!bc_config_use_set(config, &held->script, user, value, fault)) {
    return false;
  }
  policy_forget_json(held);
  return true;
}

static void policy_drop(struct bc_config *config, struct bc_config_policy_value *held) {
  bc_config_use_drop(config, &held->script);
  policy_forget_json(held);
}

static bool policy_has_good(const struct bc_config_policy_value *held) {
  return held != NULL && (held->json != NULL || held->script.script != NULL);
}

struct bc_str bc_config_policy_text(const struct bc_config_policy_value *held) {
  if (!policy_has_good(held)) {
    return (struct bc_str){.at = NULL};
  }
  const struct bc_config_script *script = held->script.script;
  return held->json != NULL ? bc_str_of(held->json) : (struct bc_str){script->text, script->len};
}

/* ---- of routes ---- */

bool bc_config_policy_put_route(struct bc_config *config, struct bc_config_entry *entry, struct bc_str value) {
  bool is_faulty = bc_config_fault_is_set(entry, BC_CONFIG_KEY_POLICY);
  if (entry->policy != NULL && !is_faulty && policy_is_held(entry->policy, value)) {
    return false;
  }
  struct bc_config_policy_value *held = entry->policy;
  if (held == NULL) {
    held = bc_mem_new(1, sizeof *held);
    held->entry = entry;
    held->key = bc_config_text("routes/%s/policy", entry->name);
  }
  struct bc_fault fault = {0};
  bool is_good = policy_take(config, held, BC_CONFIG_USER_ROUTE_POLICY, value, &fault);
  if (is_good) {
    entry->policy = held;
    bc_config_value_unblock(entry, BC_CONFIG_KEY_POLICY);
    bc_config_fault_clear(config, entry, BC_CONFIG_KEY_POLICY);
    bc_config_view_mark(config, entry);
    return true;
  }
  if (entry->policy == NULL) {
    free(held->key);
    free(held);
  }
  bc_config_value_block(entry, BC_CONFIG_KEY_POLICY, entry->policy != NULL);
  bc_config_fault_set(config, entry, BC_CONFIG_KEY_POLICY, &fault);
  return true;
}

void bc_config_policy_free_route(struct bc_config *config, struct bc_config_entry *entry) {
  if (entry->policy != NULL) {
    policy_drop(config, entry->policy);
    free(entry->policy->key);
    free(entry->policy);
    entry->policy = NULL;
  }
}

void bc_config_policy_delete_route(struct bc_config *config, struct bc_config_entry *entry) {
  bc_config_policy_free_route(config, entry);
  bc_config_value_unblock(entry, BC_CONFIG_KEY_POLICY);
  bc_config_fault_clear(config, entry, BC_CONFIG_KEY_POLICY);
  bc_config_view_mark(config, entry);
}

/* ---- of the node ---- */

static void policy_mark(struct bc_config_policy_slot *slot) {
  slot->is_changed = true;
}

void bc_config_policy_mark(struct bc_config *config, const struct bc_config_policy_value *held) {
  for (int i = 0; i < BC_CONFIG_POLICY_COUNT; i++) {
    if (&config->policies[i].value == held) {
      policy_mark(&config->policies[i]);
    }
  }
}

static void policy_set_fault(struct bc_config *config, struct bc_config_policy_slot *slot, const char *why) {
  char *text = why == NULL ? NULL : bc_config_text("%s: %s", slot->value.key, why);
  bool is_same = text == NULL || slot->fault == NULL ? text == slot->fault : strcmp(text, slot->fault) == 0;
  if (is_same) {
    free(text);
    return;
  }
  bc_config_node_fault_set(config, &slot->fault, text);
  policy_mark(slot);
}

/* Routes that are acted on go on with what decides now. */
static bool policy_nothing_is_acted_on(const struct bc_config *config) {
  for (struct bc_config_entry *at = bc_config_entry_after(config, NULL); at != NULL; at = bc_config_entry_next(at)) {
    if (at->is_settled && !at->is_local) {
      return false;
    }
  }
  return true;
}

static void policy_refuse(struct bc_config *config, struct bc_config_policy_slot *slot, const char *why) {
  if (!policy_has_good(&slot->value) && !slot->is_unknown && policy_nothing_is_acted_on(config)) {
    slot->is_unknown = true;
    policy_mark(slot);
  }
  policy_set_fault(config, slot, why);
}

void bc_config_policy_put(struct bc_config *config, enum bc_config_policy_place place,
                          struct bc_config_content content) {
  struct bc_config_policy_slot *slot = &config->policies[place];
  struct bc_fault fault = {0};
  slot->is_seen = true;
  if (!slot->is_present) {
    slot->is_present = true;
    policy_mark(slot);
  }
  if (content.unreadable != NULL) {
    bc_fault_set(&fault, 0, "%s", content.unreadable);
    policy_refuse(config, slot, fault.text);
    return;
  }
  if (slot->fault == NULL && policy_is_held(&slot->value, content.value)) {
    return;
  }
  if (!policy_take(config, &slot->value, BC_CONFIG_USER_NODE_POLICY, content.value, &fault)) {
    policy_refuse(config, slot, fault.text);
    return;
  }
  slot->is_unknown = false;
  policy_mark(slot);
  policy_set_fault(config, slot, NULL);
}

void bc_config_policy_delete(struct bc_config *config, enum bc_config_policy_place place) {
  struct bc_config_policy_slot *slot = &config->policies[place];
  if (slot->is_present) {
    slot->is_present = false;
    slot->is_unknown = false;
    policy_drop(config, &slot->value);
    policy_set_fault(config, slot, NULL);
    policy_mark(slot);
  }
}

void bc_config_policy_list_begin(struct bc_config *config) {
  for (int i = 0; i < BC_CONFIG_POLICY_COUNT; i++) {
    config->policies[i].is_seen = false;
  }
}

void bc_config_policy_list_end(struct bc_config *config) {
  for (int i = 0; i < BC_CONFIG_POLICY_COUNT; i++) {
    if (!config->policies[i].is_seen) {
      bc_config_policy_delete(config, (enum bc_config_policy_place)i);
    }
  }
}

void bc_config_policy_faults(struct bc_config *config) {
  for (int i = 0; i < BC_CONFIG_POLICY_COUNT; i++) {
    bc_config_node_faults_add(config, config->policies[i].fault);
  }
}

void bc_config_policy_save(const struct bc_config *config, bc_config_key_fn *fn, void *arg) {
  for (int i = 0; i < BC_CONFIG_POLICY_COUNT; i++) {
    const struct bc_config_policy_slot *slot = &config->policies[i];
    struct bc_str text = bc_config_policy_text(&slot->value);
    if (text.at != NULL || slot->is_unknown) {
      /* Empty: read back it is as little known as now. */
      fn(arg, bc_str_of(slot->value.key), text.at == NULL ? bc_str_of("") : text);
    }
  }
}

void bc_config_policy_init(struct bc_config *config) {
  config->policies[BC_CONFIG_POLICY_NODE].value.key = bc_config_text("node/%s/policy", config->node);
  config->policies[BC_CONFIG_POLICY_DEFAULT].value.key = bc_mem_copy_string("policy");
  config->policies[BC_CONFIG_POLICY_ADMISSION].value.key = bc_mem_copy_string("admission");
}

void bc_config_policy_free(struct bc_config *config) {
  for (int i = 0; i < BC_CONFIG_POLICY_COUNT; i++) {
    struct bc_config_policy_slot *slot = &config->policies[i];
    policy_drop(config, &slot->value);
    free(slot->value.key);
    free(slot->fault);
  }
}

/* ---- views ---- */

static struct bc_config_policy policy_show(const struct bc_config_policy_value *held, const char *fault) {
  return (struct bc_config_policy){
      .key = held->key,
      .script = bc_config_script_show(held->script.script, held->ready, held->parameters),
      .is_builtin = held->json != NULL && held->ready == NULL,
      .fault = fault,
  };
}

static struct bc_config_policy policy_show_slot(const struct bc_config_policy_slot *slot) {
  struct bc_config_policy view = policy_show(&slot->value, slot->fault);
  view.is_unknown = slot->is_unknown;
  return view;
}

static struct bc_config_policy policy_show_route(const struct bc_config_entry *entry) {
  bool is_faulty = bc_config_fault_is_set(entry, BC_CONFIG_KEY_POLICY);
  return policy_show(entry->policy, is_faulty ? entry->faults->text[BC_CONFIG_KEY_POLICY] : NULL);
}

struct bc_config_policy bc_config_policy_of(const struct bc_config *config, const struct bc_config_entry *entry) {
  static const enum bc_config_policy_place outwards[] = {BC_CONFIG_POLICY_NODE, BC_CONFIG_POLICY_DEFAULT};
  if (entry->policy != NULL) {
    return policy_show_route(entry);
  }
  for (size_t i = 0; !entry->is_local && i < sizeof outwards / sizeof outwards[0]; i++) {
    const struct bc_config_policy_slot *slot = &config->policies[outwards[i]];
    if (policy_has_good(&slot->value) || slot->is_unknown) {
      return policy_show_slot(slot);
    }
  }
  return (struct bc_config_policy){.key = NULL};
}

static bool policy_find_of_route(const struct bc_config *config, const struct bc_config_key_parts *parts,
                                 struct bc_config_policy *view) {
  char name[BC_LIMIT_NAME_BYTES + 1];
  bc_config_name_copy(parts->name, name);
  const struct bc_config_entry *entry = bc_config_entry_find(config, name);
  if (entry == NULL || !bc_config_value_is_present(entry, BC_CONFIG_KEY_POLICY)) {
    return false;
  }
  if (entry->policy != NULL) {
    *view = policy_show_route(entry);
  } else {
    *view = (struct bc_config_policy){.key = NULL, .fault = entry->faults->text[BC_CONFIG_KEY_POLICY]};
  }
  return true;
}

bool bc_config_find_policy(const struct bc_config *config, const char *key, struct bc_config_policy *view) {
  struct bc_config_key_parts parts = bc_config_key_parse(config, bc_str_of(key));
  *view = (struct bc_config_policy){.key = NULL};
  if (parts.kind == BC_CONFIG_ROUTE_KEY && parts.key == BC_CONFIG_KEY_POLICY) {
    return policy_find_of_route(config, &parts, view);
  }
  if (parts.kind != BC_CONFIG_POLICY_KEY || !config->policies[parts.policy].is_present) {
    return false;
  }
  *view = policy_show_slot(&config->policies[parts.policy]);
  return true;
}

bool bc_config_next_changed_policy(struct bc_config *config, struct bc_config_policy *view) {
  for (int i = 0; i < BC_CONFIG_POLICY_COUNT; i++) {
    struct bc_config_policy_slot *slot = &config->policies[i];
    if (slot->is_changed) {
      slot->is_changed = false;
      *view = policy_show_slot(slot);
      return true;
    }
  }
  return false;
}
