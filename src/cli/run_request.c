#include "cli/run_request.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/script_file.h"
#include "proto/frame.h"
#include "proto/msg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  REQUEST_TIMEOUT_MS = 2000, /* the defaults of a Lua check's options */
  REQUEST_THRESHOLD = 50,
  REQUEST_EGRESS_BYTES = 262144,
  REQUEST_DATA_BYTES = 16777216,
  REQUEST_MODULE_FIRST = 1
};

void bc_run_request_init(struct bc_run_request *request) {
  *request = (struct bc_run_request){.timeout_ms = REQUEST_TIMEOUT_MS,
                                     .threshold = REQUEST_THRESHOLD,
                                     .globals = json_object(),
                                     .modules = json_object(),
                                     .data = json_object()};
  bc_buf_init(&request->script, BC_LIMIT_SCRIPT_BYTES);
  bc_buf_init(&request->egress, REQUEST_EGRESS_BYTES);
}

void bc_run_request_fini(struct bc_run_request *request) {
  json_decref(request->globals);
  json_decref(request->modules);
  json_decref(request->data);
  free(request->state);
  bc_buf_free(&request->script);
  bc_buf_free(&request->egress);
}

/* ---- files ---- */

/* What the store would make of it. */
static bool request_is_lua(const char *name, struct bc_str script) {
  struct bc_str rest = script;
  struct bc_str line;
  (void)bc_str_next_field(&rest, '\n', &line);
  line = bc_str_trim(line);
  if (!bc_str_starts(line, "#!")) {
    (void)fprintf(stderr, "%s: in the store the first line must be #!lua, else it is a shell check\n", name);
    return true;
  }
  if (!bc_str_is(line, "#!lua")) {
    (void)fprintf(stderr, "%s: a Lua check begins with the line #!lua, found \"%.*s\"\n", name,
                  (int)(line.len < 80 ? line.len : 80), line.at);
    return false;
  }
  return true;
}

static void request_shorten_name(const char *path, char name[static BC_RUN_NAME_BYTES + 1]) {
  const char *slash = strrchr(path, '/');
  if (strcmp(path, "-") == 0) {
    path = "stdin";
  } else if (strlen(path) > BC_RUN_NAME_BYTES && slash != NULL) {
    path = slash + 1;
  }
  (void)snprintf(name, BC_RUN_NAME_BYTES + 1, "%s", path);
}

bool bc_run_request_read_script(struct bc_run_request *request, const char *path) {
  request_shorten_name(path, request->name);
  bc_buf_clear(&request->script);
  return bc_script_file_read(path, &request->script) && request_is_lua(request->name, bc_buf_str(&request->script));
}

bool bc_run_request_read_data(struct bc_run_request *request, const char *path) {
  struct bc_buf text;
  json_error_t error = {.line = 1};
  bc_buf_init(&text, REQUEST_DATA_BYTES);
  bool is_read = bc_script_file_read(path, &text);
  json_t *value = is_read ? json_loadb(text.data, text.len, JSON_DECODE_ANY, &error) : NULL;
  bc_buf_free(&text);
  if (is_read && value == NULL) {
    (void)fprintf(stderr, "%s:%d: %s\n", path, error.line, error.text);
  } else if (is_read && !json_is_object(value)) {
    (void)fprintf(stderr, "%s: expected an object: its members are what the script finds as data.NAME\n", path);
  }
  bool is_fine = json_is_object(value);
  if (is_fine) {
    json_decref(request->data);
    request->data = value;
  } else {
    json_decref(value);
  }
  return is_fine;
}

/* ---- modules ---- */

json_t *bc_run_request_required(const struct bc_run_request *request) {
  return bc_script_file_required(bc_buf_str(&request->script));
}

bool bc_run_request_read_modules(struct bc_run_request *request, const char *folder) {
  return bc_script_file_read_modules(folder, bc_buf_str(&request->script), request->modules);
}

/* ---- the daemon's answer ---- */

static void request_replace(json_t **to, const json_t *answer, const char *name) {
  json_t *given = json_object_get(answer, name);
  if (json_is_object(given)) {
    json_decref(*to);
    *to = json_incref(given);
  }
}

bool bc_run_request_take_answer(struct bc_run_request *request, const json_t *answer, bool with_script) {
  const json_t *script = json_object_get(answer, "script");
  if (with_script) {
    if (!json_is_string(script)) {
      (void)fprintf(stderr, "%s has no Lua check here; name a script to be run in its place\n",
                    bc_client_text(answer, "name"));
      return false;
    }
    bc_buf_clear(&request->script);
    bc_buf_add(&request->script, json_string_value(script), json_string_length(script));
    request_shorten_name(bc_client_text(answer, "name"), request->name);
  }
  request_replace(&request->globals, answer, "globals");
  request_replace(&request->modules, answer, "modules");
  request_replace(&request->data, answer, "data");
  const json_t *state = json_object_get(answer, "state");
  free(request->state);
  request->state = json_is_object(state) ? json_dumps(state, JSON_COMPACT) : NULL;
  if (json_is_string(json_object_get(answer, "egress"))) {
    bc_buf_clear(&request->egress);
    bc_buf_add_text(&request->egress, bc_client_text(answer, "egress"));
  }
  request->timeout_ms = (unsigned)bc_client_number(answer, "timeoutMs");
  request->threshold = (unsigned)bc_client_number(answer, "threshold");
  return true;
}

/* ---- frames ---- */

static void request_add_frame(const struct bc_msg *message, struct bc_buf *to) {
  size_t start = bc_frame_start(to, message->type);
  if (bc_msg_encode(message, to) != BC_ERR_OK || bc_frame_finish(to, start) != BC_ERR_OK) {
    to->failed = true;
  }
}

static void request_add_member(struct bc_buf *to, const char *name, const json_t *value) {
  char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
  bc_buf_add_format(to, "%s=%s", name, text);
  bc_buf_add_char(to, '\0');
  free(text);
}

static void request_add_modules(const struct bc_run_request *request, struct bc_buf *list, struct bc_buf *to) {
  const char *name;
  json_t *value;
  uint32_t number = REQUEST_MODULE_FIRST;
  json_object_foreach(request->modules, name, value) {
    struct bc_str text = {json_string_value(value), json_string_length(value)};
    request_add_frame(&(struct bc_msg){.type = BC_MSG_LUA_MODULE,
                                       .lua_module = {.number = number, .name = bc_str_of(name), .text = text}},
                      to);
    bc_buf_add_format(list, "%s=%u", name, (unsigned)number++);
    bc_buf_add_char(list, '\0');
  }
}

static void request_add_data(const struct bc_run_request *request, struct bc_buf *to) {
  const char *name;
  json_t *value;
  json_object_foreach(request->data, name, value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    request_add_frame(
        &(struct bc_msg){.type = BC_MSG_LUA_DATA, .lua_data = {.name = bc_str_of(name), .json = bc_str_of(text)}}, to);
    free(text);
  }
}

bool bc_run_request_print(const struct bc_run_request *request, struct bc_buf *to) {
  struct bc_buf globals;
  struct bc_buf modules;
  const char *name;
  json_t *value;
  bc_buf_init(&globals, BC_LIMIT_FRAME_BYTES);
  bc_buf_init(&modules, BC_LIMIT_FRAME_BYTES);
  json_object_foreach(request->globals, name, value) {
    request_add_member(&globals, name, value);
  }
  request_add_modules(request, &modules, to);
  request_add_data(request, to);
  request_add_frame(&(struct bc_msg){.type = BC_MSG_LUA_SET,
                                     .lua_set = {.name = bc_str_of(request->name),
                                                 .script = bc_buf_str(&request->script),
                                                 .globals = bc_buf_str(&globals),
                                                 .timeout_ms = request->timeout_ms,
                                                 .threshold = request->threshold,
                                                 .state = bc_str_of(request->state),
                                                 .modules = bc_buf_str(&modules)}},
                    to);
  request_add_frame(
      &(struct bc_msg){.type = BC_MSG_LUA_RUN,
                       .lua_run = {.egress = bc_buf_str(&request->egress), .is_traced = request->is_traced ? 1 : 0}},
      to);
  bool is_fine = !to->failed && !globals.failed && !modules.failed;
  bc_buf_free(&globals);
  bc_buf_free(&modules);
  if (!is_fine) {
    (void)fprintf(stderr, "script, modules, data or options are too long\n");
  }
  return is_fine;
}
