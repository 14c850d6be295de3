/* Named checks. One without a version says nothing: its users hold what they have. */
#include "model/config_private.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_compare(const struct bc_config_check_node *a, const struct bc_config_check_node *b) {
  return strcmp(a->name, b->name);
}

BC_TREE(bc_config_check_tree, bc_config_check_node, link, check_compare)

/* The functions of <sys/tree.h> take the head without const, though finding changes nothing. */
static struct bc_config_check_tree *check_tree(const struct bc_config *config) {
  return (struct bc_config_check_tree *)(uintptr_t)&config->checks.tree;
}

static struct bc_config_check_node *check_find(const struct bc_config *config, const char *name) {
  struct bc_config_check_node wanted = {.name = name};
  return RB_FIND(bc_config_check_tree, check_tree(config), &wanted);
}

static struct bc_config_check_node *check_provide(struct bc_config *config, const char *name) {
  struct bc_config_check_node *check = check_find(config, name);
  if (check == NULL) {
    size_t len = strlen(name);
    check = bc_mem_new(1, sizeof *check + len + 1);
    check->name = memcpy(check + 1, name, len + 1);
    check->options = bc_options_default();
    (void)RB_INSERT(bc_config_check_tree, &config->checks.tree, check);
  }
  return check;
}

static bool check_is_idle(const struct bc_config_check_node *check) {
  return check->present == 0 && !check->is_changed && LIST_EMPTY(&check->users);
}

void bc_config_check_mark(struct bc_config *config, struct bc_config_check_node *check) {
  if (!check->is_changed) {
    check->is_changed = true;
    TAILQ_INSERT_TAIL(&config->checks.changed, check, changed);
  }
}

static bool check_has_version(const struct bc_config_check_node *check) {
  return !check->is_blocked && (check->script.script != NULL || check->ready.script != NULL);
}

static bool check_is_present(const struct bc_config_check_node *check, enum bc_config_check_key key) {
  return (check->present & (1U << key)) != 0;
}

/* ---- who names it ---- */

void bc_config_check_want(struct bc_config *config, const char *name, struct bc_config_wanted *wanted,
                          struct bc_config_entry *entry) {
  wanted->check = check_provide(config, name);
  wanted->entry = entry;
  wanted->check->user_count++;
  LIST_INSERT_HEAD(&wanted->check->users, wanted, link);
}

void bc_config_check_unwant(struct bc_config *config, struct bc_config_wanted *wanted) {
  struct bc_config_check_node *check = wanted->check;
  LIST_REMOVE(wanted, link);
  check->user_count--;
  if (check_is_idle(check)) {
    RB_REMOVE(bc_config_check_tree, &config->checks.tree, check);
    free(check);
  }
}

static void check_tell_users(struct bc_config *config, struct bc_config_check_node *check) {
  enum bc_config_check_state state = check->present == 0        ? BC_CONFIG_CHECK_ABSENT
                                     : check_has_version(check) ? BC_CONFIG_CHECK_GOOD
                                                                : BC_CONFIG_CHECK_FAULTY;
  if (check->state != state) {
    check->state = state;
    struct bc_config_wanted *wanted;
    LIST_FOREACH(wanted, &check->users, link) {
      bc_config_options_judge_checks(config, wanted->entry);
    }
  }
}

/* ---- faults ---- */

/* NULL: none. */
static void check_set_fault(struct bc_config *config, struct bc_config_check_node *check, enum bc_config_check_key key,
                            const char *why) {
  char *text = why == NULL ? NULL : bc_config_text("checks/%s/%s: %s", check->name, bc_config_check_key_text(key), why);
  char **held = &check->fault[key];
  bool is_same = text == NULL || *held == NULL ? text == *held : strcmp(text, *held) == 0;
  if (is_same) {
    free(text);
    return;
  }
  bc_config_node_fault_set(config, held, text);
  bc_config_check_mark(config, check);
}

/* What is to be said of the script beside the options in force, unless its value is faulty by itself. */
static void check_judge_script(struct bc_config *config, struct bc_config_check_node *check) {
  const struct bc_ready_made *use = check->options.use;
  char text[BC_FAULT_TEXT_BYTES];
  const char *why = NULL;
  if (check->has_bad_script) {
    return;
  }
  if (check_is_present(check, BC_CONFIG_CHECK_SCRIPT) && use != NULL) {
    why = bc_config_idle_text(use, text);
  } else if (!check_is_present(check, BC_CONFIG_CHECK_SCRIPT) && use == NULL && check->present != 0) {
    why = "is missing: put one, or \"check\": {\"use\": NAME, ...} into the options";
  }
  check_set_fault(config, check, BC_CONFIG_CHECK_SCRIPT, why);
}

/* ---- settling ---- */

static void check_settle_cancel(struct bc_config *config, struct bc_config_check_node *check) {
  if (check->is_settling) {
    check->is_settling = false;
    TAILQ_REMOVE(&config->checks.settling, check, settling);
  }
}

static void check_settle_end(struct bc_config *config, struct bc_config_check_node *check) {
  check_settle_cancel(config, check);
  check->is_blocked = false;
  if (!check->is_settled) {
    check->is_settled = true;
    bc_config_check_mark(config, check);
  }
}

static void check_settle_touch(struct bc_config *config, struct bc_config_check_node *check, struct bc_mono now) {
  check_settle_cancel(config, check);
  if (check->is_settled || !check_has_version(check)) {
    return;
  }
  if (config->settle_ms == 0) {
    check_settle_end(config, check);
    return;
  }
  check->is_settling = true;
  check->due = bc_mono_add_ms(now, config->settle_ms);
  TAILQ_INSERT_TAIL(&config->checks.settling, check, settling);
}

void bc_config_check_tick(struct bc_config *config, struct bc_mono now) {
  struct bc_config_check_node *first;
  while ((first = TAILQ_FIRST(&config->checks.settling)) != NULL && bc_mono_reached(first->due, now)) {
    check_settle_end(config, first);
  }
}

struct bc_mono bc_config_check_deadline(const struct bc_config *config) {
  const struct bc_config_check_node *first = TAILQ_FIRST(&config->checks.settling);
  return first == NULL ? (struct bc_mono){0} : first->due;
}

/* ---- values: true when something changed ---- */

static bool check_put_script(struct bc_config *config, struct bc_config_check_node *check, struct bc_str value) {
  const struct bc_config_script *old = check->script.script;
  if (old != NULL && !check->has_bad_script && bc_str_equal(value, (struct bc_str){old->text, old->len})) {
    return false;
  }
  struct bc_fault fault = {0};
  check->has_bad_script = !bc_config_use_set(config, &check->script, BC_CONFIG_USER_CHECK, value, &fault);
  if (check->has_bad_script) {
    check_set_fault(config, check, BC_CONFIG_CHECK_SCRIPT, fault.text);
  } else {
    bc_config_check_mark(config, check);
  }
  return true;
}

static void check_block(struct bc_config_check_node *check) {
  check->is_blocked = check->is_blocked || (!check->is_settled && check->options_text == NULL);
}

/* Takes both over; `text` NULL: the defaults. */
static void check_install_options(struct bc_config *config, struct bc_config_check_node *check,
                                  struct bc_options *options, char *text) {
  if (!bc_options_equal(&check->options, options)) {
    bc_config_check_mark(config, check);
  }
  bc_options_release(&check->options);
  check->options = *options;
  free(check->options_text);
  check->options_text = text;
  check->is_blocked = false;
  if (options->use != NULL) {
    bc_config_use_set_ready(config, &check->ready, BC_CONFIG_USER_CHECK_READY, options->use);
  } else {
    bc_config_use_drop(config, &check->ready);
  }
  check_set_fault(config, check, BC_CONFIG_CHECK_OPTIONS, NULL);
}

static bool check_put_options(struct bc_config *config, struct bc_config_check_node *check, struct bc_str value) {
  value = bc_str_trim(value);
  bool is_held = check->options_text != NULL && bc_str_is(value, check->options_text);
  if (is_held && check->fault[BC_CONFIG_CHECK_OPTIONS] == NULL) {
    return false;
  }
  struct bc_options options;
  struct bc_fault fault = {0};
  if (bc_options_parse(value, BC_OPTIONS_OF_CHECK, &options, &fault) != BC_ERR_OK) {
    check_block(check);
    check_set_fault(config, check, BC_CONFIG_CHECK_OPTIONS, fault.text);
    return true;
  }
  check_install_options(config, check, &options, bc_mem_copy_text(value.at, value.len));
  return true;
}

static void check_drop_options(struct bc_config *config, struct bc_config_check_node *check) {
  struct bc_options defaults = bc_options_default();
  check_install_options(config, check, &defaults, NULL);
}

static void check_drop_script(struct bc_config *config, struct bc_config_check_node *check) {
  check->has_bad_script = false;
  if (check->script.script != NULL) {
    bc_config_use_drop(config, &check->script);
    bc_config_check_mark(config, check);
  }
}

/* ---- keys ---- */

/* The check whose key is there now; NULL when there is no room for it. */
static struct bc_config_check_node *check_note(struct bc_config *config, const struct bc_config_key_parts *parts,
                                               bool *is_new_key) {
  struct bc_config_checks *all = &config->checks;
  char name[BC_LIMIT_NAME_BYTES + 1];
  bc_config_name_copy(parts->name, name);
  struct bc_config_check_node *check = check_find(config, name);
  bool is_new = check == NULL || check->present == 0;
  if (is_new && !bc_config_has_room(config, BC_CONFIG_CHECKS, all->present, all->listed)) {
    bc_config_surplus_put(config, BC_CONFIG_CHECKS, parts->name);
    return NULL;
  }
  check = check_provide(config, name);
  unsigned bit = 1U << parts->check_key;
  all->present += is_new ? 1 : 0;
  all->listed += config->in_list && check->seen == 0 ? 1 : 0;
  *is_new_key = (check->present & bit) == 0;
  check->present = (uint8_t)(check->present | bit);
  check->seen = (uint8_t)(check->seen | bit);
  if (*is_new_key) {
    bc_config_check_mark(config, check);
  }
  return check;
}

static void check_after_change(struct bc_config *config, struct bc_config_check_node *check, bool is_touched,
                               struct bc_mono now) {
  check_judge_script(config, check);
  if (is_touched) {
    check_settle_touch(config, check, now);
  }
  check_tell_users(config, check);
}

static bool check_put_unreadable(struct bc_config *config, struct bc_config_check_node *check,
                                 enum bc_config_check_key key, const char *why) {
  struct bc_fault fault;
  bc_fault_set(&fault, 0, "%s", why);
  bool is_news = check->fault[key] == NULL;
  if (key == BC_CONFIG_CHECK_SCRIPT) {
    check->has_bad_script = true;
  } else {
    check_block(check);
  }
  check_set_fault(config, check, key, fault.text);
  return is_news;
}

static bool check_put(struct bc_config *config, struct bc_config_check_node *check, enum bc_config_check_key key,
                      struct bc_config_content content) {
  if (content.unreadable != NULL) {
    return check_put_unreadable(config, check, key, content.unreadable);
  }
  return key == BC_CONFIG_CHECK_SCRIPT ? check_put_script(config, check, content.value)
                                       : check_put_options(config, check, content.value);
}

void bc_config_check_put(struct bc_config *config, const struct bc_config_key_parts *parts,
                         struct bc_config_content content, struct bc_mono now) {
  bool is_new_key = false;
  struct bc_config_check_node *check = check_note(config, parts, &is_new_key);
  if (check != NULL) {
    bool is_changed = check_put(config, check, parts->check_key, content);
    check_after_change(config, check, is_changed || is_new_key, now);
  }
}

static void check_delete_key(struct bc_config *config, struct bc_config_check_node *check, enum bc_config_check_key key,
                             struct bc_mono now) {
  check->present = (uint8_t)(check->present & ~(1U << key));
  bc_config_check_mark(config, check);
  if (key == BC_CONFIG_CHECK_SCRIPT) {
    check_drop_script(config, check);
  } else {
    check_drop_options(config, check);
  }
  if (check->present == 0) {
    config->checks.present--;
    check->is_settled = false;
  }
  check_after_change(config, check, true, now);
}

void bc_config_check_delete(struct bc_config *config, const struct bc_config_key_parts *parts, struct bc_mono now) {
  char name[BC_LIMIT_NAME_BYTES + 1];
  bc_config_name_copy(parts->name, name);
  struct bc_config_check_node *check = check_find(config, name);
  if (check != NULL && check_is_present(check, parts->check_key)) {
    check_delete_key(config, check, parts->check_key, now);
  }
}

/* ---- lists ---- */

void bc_config_check_list_begin(struct bc_config *config) {
  struct bc_config_check_node *at;
  config->checks.listed = 0;
  config->checks.is_list_settled = false;
  RB_FOREACH(at, bc_config_check_tree, &config->checks.tree) {
    at->seen = 0;
  }
}

void bc_config_check_list_told(struct bc_config *config) {
  struct bc_config_check_node *at;
  config->checks.is_list_settled = true;
  RB_FOREACH(at, bc_config_check_tree, &config->checks.tree) {
    if (at->seen != 0 && check_has_version(at)) {
      check_settle_end(config, at);
    }
  }
}

void bc_config_check_list_end(struct bc_config *config, struct bc_mono now) {
  struct bc_config_check_node *at;
  /* A removed one stays until that is told. */
  RB_FOREACH(at, bc_config_check_tree, &config->checks.tree) {
    for (int key = 0; key < BC_CONFIG_CHECK_KEY_COUNT; key++) {
      if (((at->present & ~(unsigned)at->seen) & (1U << key)) != 0) {
        check_delete_key(config, at, (enum bc_config_check_key)key, now);
      }
    }
  }
}

void bc_config_check_save(const struct bc_config *config, bc_config_key_fn *fn, void *arg) {
  struct bc_config_check_node *at;
  RB_FOREACH(at, bc_config_check_tree, check_tree(config)) {
    /* What was not acted on yet is no known good. */
    if (at->is_settled && check_has_version(at)) {
      const struct bc_config_script *script = at->script.script;
      struct bc_str text = script == NULL ? (struct bc_str){.at = NULL} : (struct bc_str){script->text, script->len};
      bc_config_save_key("checks", at->name, "options", bc_str_of(at->options_text), fn, arg);
      bc_config_save_key("checks", at->name, "script", text, fn, arg);
    }
  }
}

void bc_config_check_faults(struct bc_config *config) {
  struct bc_config_check_node *at;
  RB_FOREACH(at, bc_config_check_tree, &config->checks.tree) {
    for (int key = 0; key < BC_CONFIG_CHECK_KEY_COUNT; key++) {
      bc_config_node_faults_add(config, at->fault[key]);
    }
  }
}

void bc_config_check_free(struct bc_config *config) {
  struct bc_config_check_node *check;
  while ((check = RB_MIN(bc_config_check_tree, &config->checks.tree)) != NULL) {
    RB_REMOVE(bc_config_check_tree, &config->checks.tree, check);
    bc_config_use_drop(config, &check->script);
    bc_config_use_drop(config, &check->ready);
    bc_options_release(&check->options);
    free(check->options_text);
    for (int key = 0; key < BC_CONFIG_CHECK_KEY_COUNT; key++) {
      free(check->fault[key]);
    }
    free(check);
  }
  free(config->checks.taken);
}

/* ---- views ---- */

static bool check_show(const struct bc_config_check_node *check, struct bc_config_check *view) {
  bool has_version = check_has_version(check);
  const struct bc_config_use *use = check->options.use != NULL ? &check->ready : &check->script;
  const char *fault = check->fault[BC_CONFIG_CHECK_SCRIPT];
  *view = (struct bc_config_check){
      .name = check->name,
      .has_version = has_version,
      .is_settled = check->is_settled && has_version,
      .options = has_version ? &check->options : NULL,
      .script = bc_config_script_show(has_version ? use->script : NULL, check->options.use, check->options.parameters),
      .users = check->user_count,
      .fault = fault != NULL ? fault : check->fault[BC_CONFIG_CHECK_OPTIONS],
  };
  return check->present != 0;
}

bool bc_config_find_check(const struct bc_config *config, const char *name, struct bc_config_check *view) {
  const struct bc_config_check_node *check = check_find(config, name);
  return check != NULL && check_show(check, view);
}

bool bc_config_each_check(const struct bc_config *config, const char *after, struct bc_config_check *view) {
  struct bc_config_check_node wanted = {.name = after == NULL ? "" : after};
  struct bc_config_check_node *at = RB_NFIND(bc_config_check_tree, check_tree(config), &wanted);
  if (at != NULL && after != NULL && strcmp(at->name, after) == 0) {
    at = RB_NEXT(bc_config_check_tree, NULL, at);
  }
  while (at != NULL && !check_show(at, view)) {
    at = RB_NEXT(bc_config_check_tree, NULL, at);
  }
  return at != NULL;
}

bool bc_config_next_changed_check(struct bc_config *config, struct bc_config_check *view, bool *found) {
  struct bc_config_checks *all = &config->checks;
  free(all->taken);
  all->taken = NULL;
  struct bc_config_check_node *check = TAILQ_FIRST(&all->changed);
  if (check == NULL) {
    return false;
  }
  check->is_changed = false;
  TAILQ_REMOVE(&all->changed, check, changed);
  *found = check_show(check, view);
  if (!*found) {
    *view = (struct bc_config_check){.name = check->name, .users = check->user_count};
  }
  if (check_is_idle(check)) {
    RB_REMOVE(bc_config_check_tree, &all->tree, check);
    all->taken = check;
  }
  return true;
}

bool bc_config_next_check_user(const struct bc_config *config, const char *check, const void **cursor,
                               const char **route) {
  const struct bc_config_wanted *at = *cursor;
  if (at == NULL) {
    const struct bc_config_check_node *node = check_find(config, check);
    at = node == NULL ? NULL : LIST_FIRST(&node->users);
  } else {
    at = LIST_NEXT(at, link);
  }
  *cursor = at;
  if (at == NULL) {
    return false;
  }
  *route = at->entry->name;
  return true;
}
