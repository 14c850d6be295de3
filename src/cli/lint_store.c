#include "cli/lint_store.h"

#include "base/duration.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/store.h"
#include "model/config.h"
#include "model/lua_require.h"

#include <dirent.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { STORE_WAIT_MS = 10000, STORE_NODES_MOST = 1000 };

struct store_key {
  char *name;
  char *value; /* NULL: it cannot be had, `why` says why */
  size_t len;
  char *why;
  unsigned users; /* of a module */
};

struct store_read {
  struct bc_loop *loop;
  struct store_key *keys;
  size_t count, room;
  json_t *modules; /* an object: NAME: which of the keys */
  bool is_whole;
  char problem[BC_FAULT_TEXT_BYTES];
};

/* ---- reading ---- */

static void store_forget(struct store_read *read) {
  for (size_t i = 0; i < read->count; i++) {
    free(read->keys[i].name);
    free(read->keys[i].value);
    free(read->keys[i].why);
  }
  read->count = 0;
}

static struct store_key *store_add(struct store_read *read, struct bc_str key) {
  if (read->count == read->room) {
    read->room = read->room * 2 + 64;
    read->keys = bc_mem_resize(read->keys, read->room, sizeof *read->keys);
  }
  struct store_key *added = &read->keys[read->count++];
  *added = (struct store_key){.name = bc_mem_copy_text(key.at, key.len)};
  return added;
}

static void store_on_begin(void *arg, struct bc_store_point point) {
  (void)point;
  store_forget(arg);
}

static void store_on_entry(void *arg, struct bc_str key, struct bc_str value, uint64_t mod_revision) {
  struct store_key *added = store_add(arg, key);
  struct bc_str text = bc_str_trim(value);
  (void)mod_revision;
  added->value = bc_mem_copy_text(text.at, text.len);
  added->len = text.len;
}

static void store_on_unreadable(void *arg, struct bc_str key, const char *text) {
  store_add(arg, key)->why = bc_mem_copy_string(text);
}

static void store_on_end(void *arg, struct bc_store_point point) {
  struct store_read *read = arg;
  (void)point;
  read->is_whole = true;
  bc_loop_stop(read->loop);
}

static void store_on_abort(void *arg) {
  store_forget(arg);
}

static void store_on_change(void *arg, struct bc_str key, struct bc_str value, uint64_t mod_revision) {
  (void)arg;
  (void)key;
  (void)value;
  (void)mod_revision;
}

static void store_on_changes_end(void *arg, struct bc_store_point point) {
  (void)arg;
  (void)point;
}

static void store_on_state(void *arg, enum bc_store_state state, const char *text) {
  struct store_read *read = arg;
  if (state == BC_STORE_STATE_REFUSED || state == BC_STORE_STATE_UNREACHABLE) {
    (void)snprintf(read->problem, sizeof read->problem, "%s", text);
  }
  if (state == BC_STORE_STATE_REFUSED) {
    bc_loop_stop(read->loop);
  }
}

static void store_on_publish_state(void *arg, const char *problem) {
  (void)arg;
  (void)problem;
}

static void store_on_late(void *arg) {
  struct store_read *read = arg;
  if (read->problem[0] == '\0') {
    (void)snprintf(read->problem, sizeof read->problem, "no answer");
  }
  bc_loop_stop(read->loop);
}

static bool store_read_all(const struct bc_store_options *options, int64_t wait_ms, struct store_read *read) {
  const struct bc_store_handler handler = {.arg = read,
                                           .list_begin = store_on_begin,
                                           .list_entry = store_on_entry,
                                           .list_unreadable = store_on_unreadable,
                                           .list_end = store_on_end,
                                           .list_abort = store_on_abort,
                                           .change = store_on_change,
                                           .changes_end = store_on_changes_end,
                                           .state = store_on_state,
                                           .publish_state = store_on_publish_state};
  struct bc_fault fault;
  struct bc_store *store = NULL;
  *read = (struct store_read){.loop = bc_loop_new()};
  struct bc_timer *late = bc_timer_new(read->loop, store_on_late, read);
  if (bc_store_open(read->loop, options, &handler, &store, &fault) == BC_ERR_OK) {
    bc_timer_start(late, wait_ms);
    bc_loop_run(read->loop);
  } else {
    (void)snprintf(read->problem, sizeof read->problem, "%s", fault.text);
  }
  bc_store_close(store);
  bc_timer_free(late);
  bc_loop_free(read->loop);
  return read->is_whole;
}

static void store_release(struct store_read *read) {
  store_forget(read);
  json_decref(read->modules);
  free(read->keys);
}

/* ---- what the daemon would say of the keys ---- */

/* "routes/web/config: column 24: med: …" */
static void store_add_fault(struct bc_lint_report *report, const char *prefix, const char *text) {
  char file[PATH_MAX];
  struct bc_str rest = bc_str_of(text);
  struct bc_str key = {0};
  struct bc_str column = {0};
  struct bc_lua_place place = {1, 1};
  uint64_t number = 0;
  const char *colon = strstr(text, ": ");
  if (colon != NULL && memchr(text, ' ', (size_t)(colon - text)) == NULL) {
    key = (struct bc_str){text, (size_t)(colon - text)};
    rest = bc_str_of(colon + 2);
  }
  (void)snprintf(file, sizeof file, "%s%s" BC_STR_FMT, prefix, key.len > 0 ? "/" : "", BC_STR_ARG(key));
  if (bc_str_starts(rest, "column ")) {
    struct bc_str behind = rest;
    (void)bc_str_next_field(&behind, ' ', &column);
    if (bc_str_next_field(&behind, ':', &column) && bc_str_to_u64(column, UINT_MAX, &number) == BC_ERR_OK) {
      place.column = (unsigned)number;
      rest = bc_str_trim(behind);
    }
  }
  bc_lint_report_add(report, file, place, BC_LINT_CONFIG, rest.at);
}

static void store_judge_config(struct bc_lint_report *report, const struct store_read *read, const char *node,
                               const char *prefix) {
  struct bc_intern *intern = bc_intern_new();
  struct bc_config *config = bc_config_new(intern, node);
  struct bc_config_route route;
  const struct bc_mono now = {.us = 1};
  const char *text;
  bc_config_set_settle_ms(config, 0);
  bc_config_list_begin(config);
  for (size_t i = 0; i < read->count; i++) {
    const struct store_key *key = &read->keys[i];
    if (key->value == NULL) {
      bc_config_put_unreadable(config, bc_str_of(key->name), key->why, now);
    } else {
      bc_config_put(config, bc_str_of(key->name), (struct bc_str){key->value, key->len}, now);
    }
  }
  bc_config_list_end(config, now);
  for (const char *after = NULL; bc_config_each(config, after, &route); after = route.name) {
    for (size_t i = 0; bc_config_route_fault(config, route.name, i, &text); i++) {
      store_add_fault(report, prefix, text);
    }
  }
  for (size_t i = 0; bc_config_node_fault(config, i, &text); i++) {
    store_add_fault(report, prefix, text);
  }
  bc_config_free(config);
  bc_intern_free(intern);
}

/* ---- scripts ---- */

enum bc_lint_mode bc_lint_store_mode(const char *name, struct bc_str value) {
  struct bc_str rest = bc_str_of(name);
  struct bc_str folder;
  const char *slash = strrchr(name, '/');
  const char *last = slash == NULL ? name : slash + 1;
  (void)bc_str_next_field(&rest, '/', &folder);
  if (bc_str_is(folder, "lua")) {
    return BC_LINT_MODULE;
  }
  bool is_script = (bc_str_is(folder, "routes") && strcmp(last, "healthcheck") == 0) ||
                   (bc_str_is(folder, "checks") && strcmp(last, "script") == 0);
  if (is_script) {
    return bc_config_script_is_sandboxed(value) ? BC_LINT_CHECK : BC_LINT_MODES;
  }
  bool is_lua = !bc_str_starts(value, "{");
  bool is_policy = strcmp(name, "policy") == 0 ||
                   (strcmp(last, "policy") == 0 && (bc_str_is(folder, "routes") || bc_str_is(folder, "node")));
  return is_policy && is_lua                        ? BC_LINT_POLICY
         : strcmp(name, "admission") == 0 && is_lua ? BC_LINT_ADMISSION
                                                    : BC_LINT_MODES;
}

static enum bc_lint_mode store_mode(const struct store_key *key) {
  return bc_lint_store_mode(key->name, (struct bc_str){key->value, key->len});
}

static struct store_key *store_find_module(const struct store_read *read, struct bc_str name) {
  const json_t *index = json_object_getn(read->modules, name.at, name.len);
  return index == NULL ? NULL : &read->keys[json_integer_value(index)];
}

static void store_index_modules(struct store_read *read) {
  static const char folder[] = "lua/";
  read->modules = json_object();
  for (size_t i = 0; i < read->count; i++) {
    const char *name = read->keys[i].name;
    if (strncmp(name, folder, sizeof folder - 1) == 0) {
      (void)json_object_set_new(read->modules, name + sizeof folder - 1, json_integer((json_int_t)i));
    }
  }
}

static bool store_has_module(void *arg, struct bc_str name) {
  return store_find_module(arg, name) != NULL;
}

/* The modules that `key` requires are used where it is. True: that was not known of one of them. */
static bool store_mark_modules(const struct store_read *read, const struct store_key *key, unsigned users) {
  struct bc_str rest = bc_lua_require_begin((struct bc_str){key->value, key->len});
  struct bc_str name;
  bool is_news = false;
  while (users != 0 && bc_lua_require_next(&rest, &name)) {
    struct store_key *module = store_find_module(read, name);
    if (module != NULL && (users & ~module->users) != 0) {
      module->users |= users;
      is_news = true;
    }
  }
  return is_news;
}

static void store_mark_users(const struct store_read *read) {
  bool is_news = true;
  while (is_news) {
    is_news = false;
    for (size_t i = 0; i < read->count; i++) {
      const struct store_key *key = &read->keys[i];
      enum bc_lint_mode mode = key->value == NULL ? BC_LINT_MODES : store_mode(key);
      if (mode != BC_LINT_MODES && store_mark_modules(read, key, mode == BC_LINT_MODULE ? key->users : 1U << mode)) {
        is_news = true;
      }
    }
  }
}

static void store_judge_scripts(struct bc_lint_report *report, struct store_read *read, const char *prefix) {
  store_index_modules(read);
  store_mark_users(read);
  for (size_t i = 0; i < read->count; i++) {
    const struct store_key *key = &read->keys[i];
    enum bc_lint_mode mode = key->value == NULL ? BC_LINT_MODES : store_mode(key);
    const struct bc_lint_options options = {
        .mode = mode, .users = key->users, .has_module = store_has_module, .arg = read};
    char file[PATH_MAX];
    (void)snprintf(file, sizeof file, "%s/%s", prefix, key->name);
    bc_lint_report_count_key(report);
    if (mode != BC_LINT_MODES) {
      bc_lint_report_script(report, file, (struct bc_str){key->value, key->len}, &options);
    }
  }
}

/* ---- whole stores ---- */

static bool store_wait_ms(struct bc_lint_report *report, const struct bc_settings *settings, int64_t *wait_ms) {
  unsigned ms = STORE_WAIT_MS;
  bool is_fine =
      settings->timeout == NULL || (bc_duration_parse(bc_str_of(settings->timeout), &ms) == BC_ERR_OK && ms > 0);
  if (!is_fine) {
    bc_lint_report_fail(report, "--timeout: expected seconds, or a number with a unit (500ms, 2s, 1m)");
  }
  *wait_ms = ms;
  return is_fine;
}

static void store_judge(struct bc_lint_report *report, const struct bc_store_options *options, int64_t wait_ms,
                        const char *prefix) {
  struct store_read read;
  if (store_read_all(options, wait_ms, &read)) {
    store_judge_config(report, &read, options->node, prefix);
    store_judge_scripts(report, &read, prefix);
  } else {
    bc_lint_report_fail(report, "%s: cannot be read: %s", options->endpoints, read.problem);
  }
  store_release(&read);
}

void bc_lint_store_settings(struct bc_lint_report *report, const struct bc_settings *settings) {
  static const enum bc_store_api apis[] = {[BC_SETTINGS_API_AUTO] = BC_STORE_API_AUTO,
                                           [BC_SETTINGS_API_V3] = BC_STORE_API_V3,
                                           [BC_SETTINGS_API_V2] = BC_STORE_API_V2};
  const struct bc_store_options options = {.endpoints = settings->endpoints,
                                           .api = apis[settings->etcd_api],
                                           .prefix = settings->prefix,
                                           .node = settings->node,
                                           .user_file = settings->etcd_user_file,
                                           .cacert = settings->cacert,
                                           .cert = settings->cert,
                                           .key = settings->key};
  static const char scheme[] = "file://";
  bool is_tree = strncmp(settings->endpoints, scheme, sizeof scheme - 1) == 0;
  int64_t wait_ms;
  if (store_wait_ms(report, settings, &wait_ms)) {
    store_judge(report, &options, wait_ms, is_tree ? settings->endpoints + sizeof scheme - 1 : settings->prefix);
  }
}

static void store_judge_node(struct bc_lint_report *report, const char *directory, const char *node, const char *prefix,
                             int64_t wait_ms) {
  char endpoint[PATH_MAX + 16];
  (void)snprintf(endpoint, sizeof endpoint, "file://%s", directory);
  const struct bc_store_options options = {.endpoints = endpoint, .prefix = "/bgp", .node = node};
  store_judge(report, &options, wait_ms, prefix);
}

void bc_lint_store_tree(struct bc_lint_report *report, const struct bc_settings *settings, const char *directory) {
  char *whole = realpath(directory, NULL);
  char path[PATH_MAX];
  struct dirent **nodes = NULL;
  int64_t wait_ms;
  int judged = 0;
  (void)snprintf(path, sizeof path, "%s/node", directory);
  int count = scandir(path, &nodes, NULL, alphasort);
  if (whole == NULL || !store_wait_ms(report, settings, &wait_ms)) {
    count = -1;
    judged = 1;
  }
  for (int i = 0; i < count; i++) {
    if (nodes[i]->d_name[0] != '.' && judged < STORE_NODES_MOST) {
      store_judge_node(report, whole, nodes[i]->d_name, directory, wait_ms);
      judged++;
    }
    free(nodes[i]);
  }
  free(nodes);
  if (judged == 0) {
    store_judge_node(report, whole, settings->node, directory, wait_ms);
  }
  free(whole);
}
