#include "cli/policy_source.h"

#include "base/intern.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/script_file.h"
#include "model/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOURCE_NAME_BYTES = 50 /* Lua cuts names in its messages a little later */ };

void bc_policy_source_init(struct bc_policy_source *source) {
  *source = (struct bc_policy_source){.modules = json_object()};
  bc_buf_init(&source->script, BC_LIMIT_SCRIPT_BYTES);
}

void bc_policy_source_fini(struct bc_policy_source *source) {
  bc_buf_free(&source->script);
  json_decref(source->modules);
  json_decref(source->data);
  free(source->options);
  free(source->name);
}

static void source_set_name(struct bc_policy_source *source, const char *path) {
  const char *slash = strrchr(path, '/');
  if (strcmp(path, "-") == 0) {
    path = "stdin";
  } else if (strlen(path) > SOURCE_NAME_BYTES && slash != NULL) {
    path = slash + 1;
  }
  free(source->name);
  source->name = bc_mem_copy_text(path, strlen(path) > SOURCE_NAME_BYTES ? SOURCE_NAME_BYTES : strlen(path));
}

/* As the daemon would read the key. */
static bool source_read_value(struct bc_policy_source *source, const char *path, struct bc_str value) {
  static const char key[] = "policy";
  struct bc_intern *intern = bc_intern_new();
  struct bc_config *config = bc_config_new(intern, "eval");
  struct bc_config_policy view = {0};
  bc_config_put(config, bc_str_of(key), value, bc_mono_now());
  (void)bc_config_find_policy(config, key, &view);
  bool is_good = view.script.text != NULL && view.fault == NULL;
  if (view.fault != NULL) {
    bool is_of_key = bc_str_starts(bc_str_of(view.fault), "policy:");
    (void)fprintf(stderr, "%s%s\n", path, is_of_key ? view.fault + strlen(key) : view.fault);
  } else if (view.is_builtin) {
    (void)fprintf(stderr, "%s: the built-in decision is no policy that could be asked\n", path);
  } else if (!is_good) {
    (void)fprintf(stderr, "%s: expected Lua, or a JSON object {\"use\": NAME, ...}\n", path);
  } else {
    bc_buf_clear(&source->script);
    bc_buf_add(&source->script, view.script.text, view.script.len);
    free(source->options);
    const char *options = view.script.parameters;
    source->options = options == NULL ? NULL : bc_mem_copy_text(options, strlen(options));
  }
  bc_config_free(config);
  bc_intern_free(intern);
  return is_good;
}

bool bc_policy_source_read(struct bc_policy_source *source, const char *path, const char *modules) {
  struct bc_buf value;
  bc_buf_init(&value, BC_LIMIT_SCRIPT_BYTES);
  source_set_name(source, path);
  bool is_good =
      bc_script_file_read(path, &value) && source_read_value(source, source->name, bc_buf_str(&value)) &&
      (modules == NULL || bc_script_file_read_modules(modules, bc_buf_str(&source->script), source->modules));
  bc_buf_free(&value);
  return is_good;
}

bool bc_policy_source_take(struct bc_policy_source *source, const json_t *answer) {
  const json_t *policy = json_object_get(answer, "policy");
  const json_t *text = json_object_get(policy, "text");
  const json_t *options = json_object_get(policy, "options");
  json_t *modules = json_object_get(answer, "modules");
  if (!json_is_string(text)) {
    (void)fprintf(stderr, "the route has no policy here: name one to be asked\n");
    return false;
  }
  source_set_name(source, bc_client_text(policy, "key"));
  bc_buf_clear(&source->script);
  bc_buf_add(&source->script, json_string_value(text), json_string_length(text));
  free(source->options);
  source->options = json_is_object(options) ? json_dumps(options, JSON_COMPACT) : NULL;
  if (json_is_object(modules)) {
    json_decref(source->modules);
    source->modules = json_incref(modules);
  }
  return true;
}
