/* What `bgpcommander run` and `eval` ask for, to run a script as it is run here: the local socket's `script` and
 * `context`. The answer comes in pieces: what is small, then each module, then each value of data. */
#include "base/mem.h"
#include "core/private.h"
#include "model/lua_require.h"
#include "model/options_globals.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct trial {
  struct bc_core *core;
  char *modules[BC_LIMIT_LUA_MODULES]; /* names of those that are there */
  size_t module_count;
  size_t told;       /* of them */
  bool has_data;     /* one was told */
  const char *after; /* interned: the last one */
};

static void trial_end(void *arg) {
  struct trial *trial = arg;
  for (size_t i = 0; i < trial->module_count; i++) {
    free(trial->modules[i]);
  }
  bc_intern_put(trial->core->intern, trial->after);
  free(trial);
}

/* ---- modules ---- */

static void trial_add_module(struct trial *trial, struct bc_str name) {
  struct bc_config_module module;
  char *text = bc_mem_copy_text(name.at, name.len);
  bool is_new = trial->module_count < BC_LIMIT_LUA_MODULES &&
                bc_config_find_module(trial->core->config, text, &module) && module.found;
  for (size_t i = 0; i < trial->module_count && is_new; i++) {
    is_new = strcmp(trial->modules[i], text) != 0;
  }
  if (is_new) {
    trial->modules[trial->module_count++] = text;
  } else {
    free(text);
  }
}

static void trial_add_required(struct trial *trial, struct bc_str text) {
  struct bc_str rest = bc_lua_require_begin(text);
  struct bc_str name;
  while (bc_lua_require_next(&rest, &name)) {
    trial_add_module(trial, name);
  }
}

static void trial_find_modules(struct trial *trial, struct bc_str script, const json_t *names) {
  struct bc_config_module module;
  size_t index;
  const json_t *name;
  if (!json_is_array(names)) {
    trial_add_required(trial, script);
  }
  json_array_foreach(names, index, name) {
    trial_add_module(trial, bc_str_of(json_string_value(name)));
  }
  /* The list grows while it is gone through. */
  for (size_t i = 0; i < trial->module_count; i++) {
    if (bc_config_find_module(trial->core->config, trial->modules[i], &module)) {
      trial_add_required(trial, module.text);
    }
  }
}

/* ---- pieces ---- */

static void trial_add_text(struct bc_buf *to, struct bc_str text) {
  json_t *made = json_stringn(text.at == NULL ? "" : text.at, text.len);
  char *printed = json_dumps(made, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
  bc_buf_add_text(to, printed == NULL ? "\"\"" : printed);
  free(printed);
  json_decref(made);
}

static void trial_add_member(struct bc_buf *to, const char *name, bool is_first) {
  bc_buf_add_text(to, is_first ? "" : ",");
  trial_add_text(to, bc_str_of(name));
  bc_buf_add_char(to, ':');
}

static bool trial_more(void *arg, struct bc_buf *text) {
  struct trial *trial = arg;
  struct bc_config_module module;
  struct bc_config_data data;
  if (trial->told < trial->module_count) {
    const char *name = trial->modules[trial->told];
    bool is_there = bc_config_find_module(trial->core->config, name, &module) && module.found;
    trial_add_member(text, name, trial->told++ == 0);
    trial_add_text(text, is_there ? module.text : (struct bc_str){0});
    if (trial->told == trial->module_count) {
      bc_buf_add_text(text, "},\"data\":{");
    }
    return true;
  }
  if (!bc_config_each_data(trial->core->config, trial->after, &data)) {
    bc_buf_add_text(text, "}}");
    return false;
  }
  trial_add_member(text, data.name, !trial->has_data);
  bc_buf_add_str(text, data.json);
  trial->has_data = true;
  bc_intern_put(trial->core->intern, trial->after);
  trial->after = bc_intern_get(trial->core->intern, bc_str_of(data.name));
  return true;
}

/* "NAME=JSON", each ended by a NUL, as members. */
static void trial_add_globals(struct bc_core *core, const char *name, const struct core_wish *wish, struct bc_buf *to) {
  struct bc_buf globals;
  struct bc_str one;
  struct bc_str member;
  bool is_first = true;
  bc_buf_init(&globals, BC_LIMIT_SOCKET_PIECE_BYTES);
  core_check_print_globals(core, name, wish, &globals);
  struct bc_str rest = bc_buf_str(&globals);
  bc_buf_add_text(to, ",\"globals\":{");
  while (bc_str_next_field(&rest, '\0', &one)) {
    if (one.len > 0 && bc_str_next_field(&one, '=', &member)) {
      bc_buf_add_format(to, "%s\"" BC_STR_FMT "\":", is_first ? "" : ",", BC_STR_ARG(member));
      bc_buf_add_str(to, one);
      is_first = false;
    }
  }
  bc_buf_add_char(to, '}');
  bc_buf_free(&globals);
}

/* Modules and data follow what was added. */
static void trial_add_pieces(struct trial *trial, struct bc_sock_answer *answer) {
  bc_buf_add_text(&answer->text, trial->module_count == 0 ? ",\"modules\":{},\"data\":{" : ",\"modules\":{");
  answer->more = trial_more;
  answer->end = trial_end;
  answer->arg = trial;
}

static void trial_begin(struct bc_core *core, const char *name, const struct core_wish *wish, const char *kept,
                        const json_t *names, struct bc_sock_answer *answer) {
  struct trial *trial = bc_mem_new(1, sizeof *trial);
  struct bc_buf *to = &answer->text;
  struct bc_str script = {wish->script.text, wish->script.text == NULL || !wish->script.is_lua ? 0 : wish->script.len};
  trial->core = core;
  trial_find_modules(trial, script, names);
  bc_buf_add_char(to, '{');
  trial_add_member(to, "name", true);
  trial_add_text(to, bc_str_of(name));
  if (script.len > 0) {
    trial_add_member(to, "script", false);
    trial_add_text(to, script);
  }
  bc_buf_add_format(to, ",\"timeoutMs\":%u,\"threshold\":%u,\"state\":%s", bc_options_lua_timeout_ms(wish->options),
                    wish->options->threshold, kept == NULL ? "{}" : kept);
  trial_add_globals(core, name, wish, to);
  if (core->egress.rules != NULL) {
    trial_add_member(to, "egress", false);
    trial_add_text(to, bc_str_of(core->egress.rules));
  }
  trial_add_pieces(trial, answer);
}

/* ---- which ---- */

/* NULL: it is there. */
static const char *trial_find_route(struct bc_core *core, const char *name, struct core_wish *wish, const char **kept) {
  struct bc_config_route view;
  if (!bc_config_find(core->config, name, &view) || !view.has_config) {
    return "there is no such route";
  }
  if (!view.has_version) {
    return view.fault == NULL ? "the route is not complete" : view.fault;
  }
  const struct core_route *route = core_route_find(core, name);
  *wish = (struct core_wish){.script = view.script, .options = view.options, .route = view.route};
  *kept = route == NULL || route->check == NULL ? NULL : route->check->kept;
  return NULL;
}

static const char *trial_find_check(struct bc_core *core, const char *name, struct core_wish *wish, const char **kept) {
  struct bc_config_check view;
  if (!bc_config_find_check(core->config, name, &view)) {
    return "there is no such check";
  }
  if (!view.has_version) {
    return view.fault == NULL ? "the check is not complete" : view.fault;
  }
  *wish = (struct core_wish){.script = view.script, .options = view.options};
  *kept = core_named_kept(core, name);
  return NULL;
}

const char *core_trial_begin(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  const char *route = json_string_value(json_object_get(request, "route"));
  const char *check = json_string_value(json_object_get(request, "check"));
  const char *kept = NULL;
  struct core_wish wish;
  if ((route == NULL) == (check == NULL)) {
    return "expected `route` or `check`, a text";
  }
  const char *problem =
      route != NULL ? trial_find_route(core, route, &wish, &kept) : trial_find_check(core, check, &wish, &kept);
  if (problem == NULL) {
    trial_begin(core, route != NULL ? route : check, &wish, kept, json_object_get(request, "requires"), answer);
  }
  return problem;
}

/* ---- of a policy ---- */

static void trial_add_policy(const struct core_route *route, const struct bc_config_policy *policy, struct bc_buf *to) {
  const struct bc_config_script_view *script = &policy->script;
  trial_add_member(to, "policy", false);
  if (script->text == NULL) {
    bc_buf_add_text(to, "null");
    return;
  }
  const struct core_policy_version *force = route == NULL || route->policy == NULL ? NULL : route->policy->force;
  bool is_in_force = force != NULL && force->script->hash == script->hash;
  bc_buf_add_char(to, '{');
  trial_add_member(to, "key", true);
  trial_add_text(to, bc_str_of(policy->key));
  trial_add_member(to, "text", false);
  trial_add_text(to, (struct bc_str){script->text, script->len});
  if (script->parameters != NULL) {
    bc_buf_add_format(to, ",\"options\":%s", script->parameters);
  }
  bc_buf_add_format(to, ",\"hash\":\"%016" PRIx64 "\",\"inForce\":%s}", script->hash, is_in_force ? "true" : "false");
}

const char *core_trial_begin_context(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  const char *name = json_string_value(json_object_get(request, "route"));
  struct bc_config_route view;
  if (name == NULL) {
    return "expected `route`, a text";
  }
  const struct core_route *route = core_route_find(core, name);
  if (route == NULL || !bc_config_find(core->config, name, &view) || !view.has_config) {
    return "there is no such route";
  }
  if (!view.has_version) {
    return view.fault == NULL ? "the route is not complete" : view.fault;
  }
  struct trial *trial = bc_mem_new(1, sizeof *trial);
  struct bc_buf context;
  trial->core = core;
  bc_buf_init(&context, BC_LIMIT_POLICY_CONTEXT_BYTES);
  core_policy_print_context(core, route, &context);
  trial_find_modules(trial, (struct bc_str){view.policy.script.text, view.policy.script.len}, NULL);
  bc_buf_add_char(&answer->text, '{');
  trial_add_member(&answer->text, "context", true);
  core_policy_complete_context(core, bc_buf_str(&context), NULL, &answer->text);
  bc_buf_free(&context);
  trial_add_policy(route, &view.policy, &answer->text);
  trial_add_pieces(trial, answer);
  return NULL;
}
