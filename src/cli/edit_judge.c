/* What the daemon would say of a change: its own model of the configuration, before and after, once for each different
 * subscription of a node; and what `lint` says of changed scripts. */
#include "base/limits.h"
#include "base/mem.h"
#include "cli/edit.h"
#include "cli/lint_report.h"
#include "cli/lint_store.h"
#include "cli/screen.h"
#include "model/config.h"
#include "model/lua_require.h"
#include "model/subscribe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JUDGE_VIEWS_MOST = 64, JUDGE_WARNED_MOST = 10 };

struct judge_item {
  const char *key;
  struct bc_str value; /* `at` NULL: it cannot be had */
  const char *why;
};

/* The store as it is, or as it would be. */
struct judge_view {
  struct judge_item *at;
  size_t count;
};

struct judge {
  struct bc_edit *edit;
  const struct bc_edit_plan *plan;
  struct judge_view before, after;
  size_t refusals;
  json_t *told; /* an object: each refusal once, however many nodes have it */
};

static const struct bc_edit_change *judge_find_change(const struct bc_edit *edit, const char *key) {
  for (size_t i = 0; i < edit->count; i++) {
    if (strcmp(edit->changes[i].key, key) == 0) {
      return &edit->changes[i];
    }
  }
  return NULL;
}

static void judge_make_views(struct judge *judge) {
  const struct bc_edit *edit = judge->edit;
  const struct bc_store_edit_key *key;
  size_t count = 0;
  while (bc_store_edit_at(edit->store, count) != NULL) {
    count++;
  }
  judge->before.at = bc_mem_new(count + 1, sizeof *judge->before.at);
  judge->after.at = bc_mem_new(count + edit->count + 1, sizeof *judge->after.at);
  for (size_t i = 0; (key = bc_store_edit_at(edit->store, i)) != NULL; i++) {
    const struct judge_item item = {.key = key->key,
                                    .value = key->value.at == NULL ? (struct bc_str){0} : bc_str_trim(key->value),
                                    .why = key->why};
    judge->before.at[judge->before.count++] = item;
    if (judge_find_change(edit, key->key) == NULL) {
      judge->after.at[judge->after.count++] = item;
    }
  }
  for (size_t i = 0; i < edit->count; i++) {
    const struct bc_edit_change *change = &edit->changes[i];
    if (change->value != NULL) {
      judge->after.at[judge->after.count++] =
          (struct judge_item){.key = change->key, .value = bc_str_trim((struct bc_str){change->value, change->len})};
    }
  }
}

static const struct judge_item *judge_find(const struct judge_view *view, const char *key) {
  for (size_t i = 0; i < view->count; i++) {
    if (strcmp(view->at[i].key, key) == 0) {
      return &view->at[i];
    }
  }
  return NULL;
}

/* ---- telling ---- */

/* "routes/web/config: column 24: med: …" */
static void judge_refuse(struct judge *judge, const char *text) {
  char shown[BC_FAULT_TEXT_BYTES * 2];
  char key[BC_FAULT_TEXT_BYTES] = "";
  uint64_t column = 0;
  bc_screen_clean(text, shown, sizeof shown);
  const char *colon = strstr(shown, ": ");
  struct bc_str rest = bc_str_of(shown);
  if (colon != NULL && memchr(shown, ' ', (size_t)(colon - shown)) == NULL) {
    (void)snprintf(key, sizeof key, "%.*s", (int)(colon - shown), shown);
    rest = bc_str_of(colon + 2);
  }
  if (bc_str_starts(rest, "column ")) {
    struct bc_str behind = {rest.at + 7, rest.len - 7};
    struct bc_str number;
    if (bc_str_next_field(&behind, ':', &number) && bc_str_to_u64(number, UINT32_MAX, &column) == BC_ERR_OK) {
      rest = bc_str_trim(behind);
    }
  }
  (void)json_array_append_new(json_object_get(judge->edit->answer, "refused"),
                              json_pack("{s:s, s:I, s:s}", "key", key, "column", (json_int_t)column, "text", rest.at));
  (void)fflush(stdout);
  (void)fprintf(stderr, "refused: %s\n", shown);
  judge->refusals++;
}

/* ---- the model ---- */

/* All faults of the view, as members of an object. */
static json_t *judge_faults(const struct judge_view *view, const char *node) {
  struct bc_intern *intern = bc_intern_new();
  struct bc_config *config = bc_config_new(intern, node);
  struct bc_config_route route;
  const struct bc_mono now = {.us = 1};
  json_t *faults = json_object();
  const char *text;
  bc_config_set_settle_ms(config, 0);
  bc_config_list_begin(config);
  for (size_t i = 0; i < view->count; i++) {
    const struct judge_item *item = &view->at[i];
    if (item->value.at == NULL) {
      bc_config_put_unreadable(config, bc_str_of(item->key), item->why, now);
    } else {
      bc_config_put(config, bc_str_of(item->key), item->value, now);
    }
  }
  bc_config_list_end(config, now);
  for (const char *after = NULL; bc_config_each(config, after, &route); after = route.name) {
    for (size_t i = 0; bc_config_route_fault(config, route.name, i, &text); i++) {
      (void)json_object_set_new(faults, text, json_true());
    }
  }
  for (size_t i = 0; bc_config_node_fault(config, i, &text); i++) {
    (void)json_object_set_new(faults, text, json_true());
  }
  bc_config_free(config);
  bc_intern_free(intern);
  return faults;
}

/* It names a key that is written. */
static bool judge_is_of_change(const struct judge *judge, const char *text) {
  for (size_t i = 0; i < judge->edit->count; i++) {
    const struct bc_edit_change *change = &judge->edit->changes[i];
    size_t len = strlen(change->key);
    if (change->value != NULL && strncmp(text, change->key, len) == 0 && text[len] == ':') {
      return true;
    }
  }
  return false;
}

static void judge_look_as(struct judge *judge, const char *node) {
  json_t *before = judge_faults(&judge->before, node);
  json_t *after = judge_faults(&judge->after, node);
  const char *text;
  json_t *unused;
  json_object_foreach(after, text, unused) {
    bool is_new = json_object_get(before, text) == NULL || judge_is_of_change(judge, text);
    if (strstr(text, ": no route matches ") != NULL) {
      /* What only makes routes makes no word of a subscription meaningless; but the words that are left tell another
       * text. */
      if (is_new && (judge->plan->node != NULL || judge->plan->is_delete)) {
        bc_edit_warn(judge->edit, "%s", text);
      }
    } else if (is_new && json_object_get(judge->told, text) == NULL) {
      (void)json_object_set_new(judge->told, text, json_true());
      judge_refuse(judge, text);
    }
  }
  json_decref(before);
  json_decref(after);
}

/* ---- whose view ---- */

static bool judge_concerns(const struct judge *judge, struct bc_str subscription) {
  const char *const *routes = judge->plan->routes;
  for (size_t i = 0; routes != NULL && routes[i] != NULL; i++) {
    if (bc_subscribe_match(subscription, bc_str_of(routes[i])).at != NULL) {
      return true;
    }
  }
  return routes == NULL;
}

/* The nodes whose subscription has one of the changed routes, one of those with an equal one. */
static void judge_look_as_nodes(struct judge *judge) {
  json_t *seen = json_object();
  size_t looked = 0;
  size_t left = 0;
  for (size_t i = 0; i < judge->after.count; i++) {
    const struct judge_item *item = &judge->after.at[i];
    const char *leaf = strrchr(item->key, '/');
    if (strncmp(item->key, "node/", 5) != 0 || leaf == NULL || strcmp(leaf, "/subscribedRoutes") != 0 ||
        item->value.at == NULL || !judge_concerns(judge, item->value) ||
        json_object_getn(seen, item->value.at, item->value.len) != NULL) {
      continue;
    }
    (void)json_object_setn_new_nocheck(seen, item->value.at, item->value.len, json_true());
    if (looked == JUDGE_VIEWS_MOST) {
      left++;
      continue;
    }
    char *node = bc_mem_copy_text(item->key + 5, (size_t)(leaf - item->key) - 5);
    judge_look_as(judge, node);
    free(node);
    looked++;
  }
  json_decref(seen);
  if (looked == 0) {
    judge_look_as(judge, judge->edit->settings->node);
  }
  if (left > 0) {
    bc_edit_warn(judge->edit, "%zu more nodes with other subscriptions were not looked at", left);
  }
}

/* ---- scripts ---- */

static bool judge_has_module(void *arg, struct bc_str name) {
  const struct judge *judge = arg;
  char key[BC_LIMIT_KEY_BYTES];
  (void)snprintf(key, sizeof key, "lua/" BC_STR_FMT, BC_STR_ARG(name));
  return judge_find(&judge->after, key) != NULL;
}

static bool judge_requires(struct bc_str script, const char *module) {
  struct bc_str rest = bc_lua_require_begin(script);
  struct bc_str name;
  while (bc_lua_require_next(&rest, &name)) {
    if (bc_str_is(name, module)) {
      return true;
    }
  }
  return false;
}

static void judge_look_at_removed_module(struct judge *judge, const char *module) {
  for (size_t i = 0; i < judge->after.count; i++) {
    const struct judge_item *item = &judge->after.at[i];
    bool is_lua = item->value.at != NULL && bc_lint_store_mode(item->key, item->value) != BC_LINT_MODES;
    if (is_lua && judge_requires(item->value, module)) {
      char text[BC_FAULT_TEXT_BYTES];
      (void)snprintf(text, sizeof text, "lua/%s: %s requires it", module, item->key);
      judge_refuse(judge, text);
    }
  }
}

static void judge_tell_findings(struct judge *judge, const struct bc_lint_report *report) {
  const char *name;
  const struct bc_lint_finding *finding;
  size_t warned = 0;
  for (size_t i = 0; bc_lint_report_at(report, i, &name, &finding); i++) {
    char text[BC_FAULT_TEXT_BYTES * 2];
    (void)snprintf(text, sizeof text, "%s: line %u: %s [%s]", name, finding->place.line, finding->text,
                   bc_lint_rule_name(finding->rule));
    bool is_error = bc_lint_rule_level(finding->rule) == BC_LINT_ERROR;
    if (is_error || judge->edit->settings->is_strict) {
      judge_refuse(judge, text);
    } else if (warned++ < JUDGE_WARNED_MOST) {
      bc_edit_warn(judge->edit, "%s", text);
    }
  }
}

static void judge_look_at_scripts(struct judge *judge) {
  const struct bc_edit *edit = judge->edit;
  struct bc_lint_report *report = bc_lint_report_new();
  bool has_scripts = false;
  for (size_t i = 0; i < edit->count; i++) {
    const struct bc_edit_change *change = &edit->changes[i];
    struct bc_str value = bc_str_trim((struct bc_str){change->value, change->len});
    if (change->value == NULL) {
      if (strncmp(change->key, "lua/", 4) == 0) {
        judge_look_at_removed_module(judge, change->key + 4);
      }
      continue;
    }
    const struct bc_lint_options options = {
        .mode = bc_lint_store_mode(change->key, value), .has_module = judge_has_module, .arg = judge};
    if (options.mode != BC_LINT_MODES) {
      has_scripts = true;
      bc_lint_report_script(report, change->key, value, &options);
    }
  }
  if (has_scripts) {
    if (!bc_lint_report_settle(report)) {
      judge_refuse(judge, "the scripts could not be compiled");
    }
    judge_tell_findings(judge, report);
  }
  bc_lint_report_free(report);
}

json_t *bc_edit_faults(struct bc_edit *edit, const char *node) {
  struct judge judge = {.edit = edit};
  judge_make_views(&judge);
  json_t *faults = judge_faults(&judge.before, node);
  free(judge.before.at);
  free(judge.after.at);
  return faults;
}

int bc_edit_judge(struct bc_edit *edit, const struct bc_edit_plan *plan) {
  struct judge judge = {.edit = edit, .plan = plan, .told = json_object()};
  judge_make_views(&judge);
  if (plan->node != NULL) {
    judge_look_as(&judge, plan->node);
  } else {
    judge_look_as_nodes(&judge);
  }
  judge_look_at_scripts(&judge);
  free(judge.before.at);
  free(judge.after.at);
  json_decref(judge.told);
  if (judge.refusals > 0) {
    return bc_edit_tell(edit, BC_CLI_BAD_NEWS, "refused", "nothing is written");
  }
  return BC_CLI_OK;
}
