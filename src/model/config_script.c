#include "model/config_private.h"

#include "base/mem.h"
#include "model/ready_made.h"

#include <stdlib.h>
#include <string.h>

/* The owner of a use that is its `member`. */
#define SCRIPT_OWNER(use, type, member) ((type *)(void *)((char *)(use)-offsetof(type, member)))

/* The same bytes are two scripts when a policy has them and a check that is none for the sandbox. */
static int script_compare(const struct bc_config_script *a, const struct bc_config_script *b) {
  if (a->is_lua != b->is_lua) {
    return a->is_lua ? 1 : -1;
  }
  if (a->text_hash != b->text_hash) {
    return a->text_hash < b->text_hash ? -1 : 1;
  }
  return bc_str_compare((struct bc_str){a->text, a->len}, (struct bc_str){b->text, b->len});
}

BC_TREE(bc_config_script_tree, bc_config_script, link, script_compare)

/* FNV-1a, 64 bits; 0 is kept for "no script". */
uint64_t bc_config_script_hash(struct bc_str bytes) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (size_t i = 0; i < bytes.len; i++) {
    hash = (hash ^ (unsigned char)bytes.at[i]) * 0x100000001b3U;
  }
  return hash == 0 ? 1 : hash;
}

static struct bc_str script_base_name(struct bc_str path) {
  const char *slash = path.len == 0 ? NULL : memrchr(path.at, '/', path.len);
  if (slash != NULL) {
    size_t skipped = (size_t)(slash - path.at) + 1;
    path.at += skipped;
    path.len -= skipped;
  }
  return path;
}

/* lua, lua5.4, lua54, luajit, luajit-2.1 … */
static bool script_is_lua(struct bc_str program) {
  struct bc_str name = script_base_name(program);
  if (!bc_str_starts(name, "lua")) {
    return false;
  }
  size_t at = bc_str_starts(name, "luajit") ? 6 : 3;
  while (at < name.len && ((name.at[at] >= '0' && name.at[at] <= '9') || name.at[at] == '.' || name.at[at] == '-')) {
    at++;
  }
  return at == name.len;
}

/* The program that the first line names, behind `env`, its options and its variables. */
static struct bc_str script_interpreter(struct bc_str line) {
  struct bc_str word = bc_str_next_word(&line);
  if (!bc_str_is(script_base_name(word), "env")) {
    return word;
  }
  do {
    word = bc_str_next_word(&line);
  } while (word.len > 0 && (word.at[0] == '-' || memchr(word.at, '=', word.len) != NULL));
  return word;
}

bool bc_config_script_is_sandboxed(struct bc_str script) {
  struct bc_str line;
  if (!bc_str_starts(script, "#!") || !bc_str_next_field(&script, '\n', &line)) {
    return false;
  }
  return bc_str_is(bc_str_trim((struct bc_str){line.at + 2, line.len - 2}), "lua");
}

static bool script_is_policy(enum bc_config_user user) {
  return user == BC_CONFIG_USER_ROUTE_POLICY || user == BC_CONFIG_USER_NODE_POLICY;
}

static bool script_check_first_line(struct bc_str bytes, enum bc_config_user user, struct bc_fault *fault) {
  struct bc_str line;
  if (!bc_str_starts(bytes, "#!") || !bc_str_next_field(&bytes, '\n', &line)) {
    return true;
  }
  line = bc_str_trim((struct bc_str){line.at + 2, line.len - 2});
  if (!bc_str_is(line, "lua") && script_is_lua(script_interpreter(line))) {
    bc_fault_set(fault, 0, "the first line names a Lua interpreter: write #!lua");
    return false;
  }
  if (!bc_str_is(line, "lua") && script_is_policy(user)) {
    bc_fault_set(fault, 0, "the first line names a program: a policy is Lua, with or without #!lua");
    return false;
  }
  return true;
}

bool bc_config_script_check_text(struct bc_str bytes, struct bc_fault *fault) {
  if (bc_str_trim(bytes).len == 0) {
    bc_fault_set(fault, 0, "is empty");
    return false;
  }
  if (bytes.len > BC_LIMIT_SCRIPT_BYTES) {
    bc_fault_set(fault, 0, "expected at most %d bytes, found %zu", BC_LIMIT_SCRIPT_BYTES, bytes.len);
    return false;
  }
  const char *nul = memchr(bytes.at, '\0', bytes.len);
  if (nul != NULL) {
    bc_fault_set(fault, 0, "byte %zu is NUL: expected plain text", (size_t)(nul - bytes.at) + 1);
    return false;
  }
  return true;
}

/* ---- uses ---- */

static void script_release(struct bc_config *config, struct bc_config_script *script) {
  if (--script->refs == 0) {
    bc_config_module_unlink(config, script);
    RB_REMOVE(bc_config_script_tree, &config->scripts, script);
    config->counts.scripts -= script->is_counted ? 1 : 0;
    free(script);
  }
}

void bc_config_use_drop(struct bc_config *config, struct bc_config_use *use) {
  if (use->script != NULL) {
    LIST_REMOVE(use, link);
    script_release(config, use->script);
    use->script = NULL;
  }
}

/* Takes one reference over. */
static void use_take(struct bc_config *config, struct bc_config_use *use, enum bc_config_user user,
                     struct bc_config_script *script) {
  bc_config_use_drop(config, use);
  use->script = script;
  LIST_INSERT_HEAD(&script->users[user], use, link);
}

static struct bc_config_script *script_new(struct bc_config *config, struct bc_str bytes, bool is_lua,
                                           bool is_counted) {
  struct bc_config_script *made = bc_mem_new(1, sizeof *made + bytes.len + 1);
  made->text_hash = bc_config_script_hash(bytes);
  made->hash = made->text_hash;
  made->len = bytes.len;
  made->is_lua = is_lua;
  made->is_counted = is_counted;
  memcpy(made->text, bytes.at, bytes.len);
  struct bc_config_script *held = RB_INSERT(bc_config_script_tree, &config->scripts, made);
  if (held != NULL) {
    free(made);
    held->refs++;
    return held;
  }
  made->refs = 1;
  config->counts.scripts += is_counted ? 1 : 0;
  return made;
}

/* `script` has just been made for `use`, which gives up what it holds right after. */
static bool script_has_room(const struct bc_config *config, const struct bc_config_script *script,
                            const struct bc_config_use *use) {
  size_t leaving = use->script != NULL && use->script->refs == 1 && use->script->is_counted ? 1 : 0;
  return script->refs > 1 || !script->is_counted || config->counts.scripts - leaving <= BC_LIMIT_SCRIPTS;
}

bool bc_config_use_set(struct bc_config *config, struct bc_config_use *use, enum bc_config_user user,
                       struct bc_str bytes, struct bc_fault *fault) {
  if (!bc_config_script_check_text(bytes, fault) || !script_check_first_line(bytes, user, fault)) {
    return false;
  }
  bool is_lua = script_is_policy(user) || bc_config_script_is_sandboxed(bytes);
  struct bc_config_script *script = script_new(config, bytes, is_lua, true);
  if (!script_has_room(config, script, use)) {
    bc_fault_set(fault, 0, "more than %d different scripts", BC_LIMIT_SCRIPTS);
    script_release(config, script);
    return false;
  }
  if (script->refs == 1 && script->is_lua && !bc_config_module_link(config, script, fault)) {
    script_release(config, script);
    return false;
  }
  use_take(config, use, user, script);
  return true;
}

void bc_config_use_set_ready(struct bc_config *config, struct bc_config_use *use, enum bc_config_user user,
                             const struct bc_ready_made *ready) {
  struct bc_config_script *script = script_new(config, (struct bc_str){ready->text, ready->len}, true, false);
  struct bc_fault none;
  if (script->refs == 1) {
    /* One of ours does not require too many. */
    (void)bc_config_module_link(config, script, &none);
  }
  use_take(config, use, user, script);
}

/* ---- to others ---- */

void bc_config_script_mark(struct bc_config *config, const struct bc_config_script *script) {
  struct bc_config_use *use;
  LIST_FOREACH(use, &script->users[BC_CONFIG_USER_ROUTE], link) {
    bc_config_view_mark(config, SCRIPT_OWNER(use, struct bc_config_entry, script));
  }
  LIST_FOREACH(use, &script->users[BC_CONFIG_USER_ROUTE_READY], link) {
    bc_config_view_mark(config, SCRIPT_OWNER(use, struct bc_config_options, ready)->entry);
  }
  LIST_FOREACH(use, &script->users[BC_CONFIG_USER_CHECK], link) {
    bc_config_check_mark(config, SCRIPT_OWNER(use, struct bc_config_check_node, script));
  }
  LIST_FOREACH(use, &script->users[BC_CONFIG_USER_CHECK_READY], link) {
    bc_config_check_mark(config, SCRIPT_OWNER(use, struct bc_config_check_node, ready));
  }
  LIST_FOREACH(use, &script->users[BC_CONFIG_USER_ROUTE_POLICY], link) {
    bc_config_view_mark(config, SCRIPT_OWNER(use, struct bc_config_policy_value, script)->entry);
  }
  LIST_FOREACH(use, &script->users[BC_CONFIG_USER_NODE_POLICY], link) {
    bc_config_policy_mark(config, SCRIPT_OWNER(use, struct bc_config_policy_value, script));
  }
}

struct bc_config_script_view bc_config_script_show(const struct bc_config_script *script,
                                                   const struct bc_ready_made *ready, const char *parameters) {
  if (script == NULL) {
    return (struct bc_config_script_view){.text = NULL};
  }
  struct bc_config_script_view view = {
      .text = script->text, .len = script->len, .hash = script->hash, .is_lua = script->is_lua, .script = script};
  if (ready != NULL) {
    view.ready_made = ready->name;
    view.parameters = parameters;
    view.hash ^= bc_config_script_hash(bc_str_of(parameters));
  }
  return view;
}
