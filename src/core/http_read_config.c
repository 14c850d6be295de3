/* /v1/config: the keys that this node goes by, in pieces. What may be a secret is told by its size alone. */
#include "base/mem.h"
#include "core/http_read.h"

#include <stdlib.h>
#include <string.h>

enum { CONFIG_ROUTES = 20, CONFIG_KEYS = 100, CONFIG_VALUE_BYTES = 4096 };

struct http_config {
  struct bc_core *core;
  const char *after; /* interned, held: the last route that was told; NULL = none yet */
  bool is_rest;      /* the routes are told */
  size_t told;       /* of the others, so many */
  bool has_one;      /* a comma goes before the next */
  /* While keys are told: */
  struct bc_buf *text;
  size_t passed;
};

static bool config_is_secret(struct bc_str key) {
  return bc_str_starts(key, "data/");
}

static void config_add_key(void *arg, struct bc_str key, struct bc_str value) {
  struct http_config *config = arg;
  json_t *made = json_object();
  json_object_set_new(made, "key", json_stringn(key.at, key.len));
  json_object_set_new(made, "bytes", json_integer((json_int_t)value.len));
  bool is_told = !config_is_secret(key) && value.len <= CONFIG_VALUE_BYTES;
  json_t *text = is_told ? json_stringn(value.at, value.len) : NULL;
  json_object_set_new(made, "value", text == NULL ? json_null() : text);
  bc_buf_add_text(config->text, config->has_one ? "," : "");
  core_report_print(made, config->text);
  config->has_one = true;
  json_decref(made);
}

static void config_add_other(void *arg, struct bc_str key, struct bc_str value) {
  struct http_config *config = arg;
  if (config->passed >= config->told && config->passed < config->told + CONFIG_KEYS) {
    config_add_key(config, key, value);
  }
  config->passed++;
}

static bool config_more(void *arg, struct bc_buf *text) {
  struct http_config *config = arg;
  const struct bc_config *from = config->core->config;
  config->text = text;
  if (!config->is_rest) {
    const char *last = bc_config_save_routes(from, config->after, CONFIG_ROUTES, config_add_key, config);
    bc_intern_put(config->core->intern, config->after);
    config->after = last == NULL ? NULL : bc_intern_get(config->core->intern, bc_str_of(last));
    config->is_rest = last == NULL;
    return true;
  }
  config->passed = 0;
  bc_config_save_policies(from, config_add_other, config);
  bc_config_save_others(from, config_add_other, config);
  config->told += CONFIG_KEYS;
  if (config->told < config->passed) {
    return true;
  }
  bc_buf_add_text(text, "]}");
  return false;
}

static void config_end(void *arg) {
  struct http_config *config = arg;
  bc_intern_put(config->core->intern, config->after);
  free(config);
}

static void config_add_setting(void *arg, const char *name, const char *value) {
  json_object_set_new(arg, name, json_string(value));
}

static void config_add_head(const struct bc_core *core, struct bc_buf *text) {
  json_t *made = json_object();
  json_t *settings = json_object();
  bc_settings_each(core->settings, config_add_setting, settings);
  json_object_set_new(made, "node", json_string(core->settings->node));
  json_object_set_new(made, "revision", json_integer((json_int_t)core->apply.applied_revision));
  json_object_set_new(made, "settings", settings);
  core_report_print(made, text);
  json_decref(made);
  text->len--; /* its end comes behind the keys */
  bc_buf_add_text(text, ",\"keys\":[");
}

void core_http_read_config(struct core_http_call *call) {
  static const struct core_http_member members[] = {{NULL, 0}};
  json_t *query = core_http_read_query(call, members);
  json_decref(query);
  if (query == NULL) {
    return;
  }
  struct http_config *config = bc_mem_new(1, sizeof *config);
  config->core = call->core;
  struct bc_sock_answer answer = {.more = config_more, .end = config_end, .arg = config};
  bc_buf_init(&answer.text, BC_LIMIT_SOCKET_PIECE_BYTES);
  config_add_head(call->core, &answer.text);
  core_http_pieces(call->request, CORE_HTTP_READ_JSON, &answer);
}
