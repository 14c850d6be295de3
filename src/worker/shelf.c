#include "worker/shelf_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "worker/lua_value.h"

#include <stdlib.h>
#include <string.h>

enum { SHELF_NAMED_BYTES = 65536 };

/* ---- the shelf ---- */

struct bc_shelf *bc_shelf_new(const struct bc_sandbox_options *options, const char *name) {
  struct bc_shelf *shelf = bc_mem_new(1, sizeof *shelf);
  shelf->options = *options;
  shelf->name = name;
  shelf->texts = bc_intern_new();
  RB_INIT(&shelf->modules);
  TAILQ_INIT(&shelf->scripts);
  return shelf;
}

void bc_shelf_free(struct bc_shelf *shelf) {
  if (shelf != NULL) {
    shelf_module_remove_all(shelf);
    bc_intern_free(shelf->texts);
    free((char *)shelf->world.at);
    free(shelf);
  }
}

void bc_shelf_set_world(struct bc_shelf *shelf, struct bc_str json) {
  free((char *)shelf->world.at);
  shelf->world = (struct bc_str){bc_mem_copy_text(json.at, json.len), json.len};
  shelf->world_count++;
}

/* ---- places ---- */

void bc_shelf_take(struct bc_shelf *shelf, struct bc_shelf_place *place, struct bc_str script, struct bc_str modules,
                   struct bc_str globals) {
  *place = (struct bc_shelf_place){.text = bc_intern_get(shelf->texts, script),
                                   .text_len = script.len,
                                   .modules = bc_intern_get(shelf->texts, modules),
                                   .modules_len = modules.len,
                                   .globals = bc_mem_copy_text(globals.at, globals.len),
                                   .globals_len = globals.len};
}

static struct bc_shelf_script *shelf_new_script(struct bc_shelf *shelf, const struct bc_shelf_place *place) {
  struct bc_shelf_script *script = bc_mem_new(1, sizeof *script);
  struct bc_fault fault = {0};
  script->text = bc_intern_ref(place->text);
  script->modules = bc_intern_ref(place->modules);
  script->sandbox = bc_sandbox_new(&shelf->options, shelf->name, (struct bc_str){place->text, place->text_len}, &fault);
  if (script->sandbox != NULL && shelf_module_add(shelf, place, script->sandbox, &fault) != BC_ERR_OK) {
    bc_sandbox_free(script->sandbox);
    script->sandbox = NULL;
  }
  script->fault = script->sandbox == NULL ? bc_mem_copy_string(fault.text) : NULL;
  TAILQ_INSERT_TAIL(&shelf->scripts, script, link);
  return script;
}

static struct bc_shelf_script *shelf_find_script(const struct bc_shelf *shelf, const struct bc_shelf_place *place) {
  struct bc_shelf_script *script;
  TAILQ_FOREACH(script, &shelf->scripts, link) {
    if (script->text == place->text && script->modules == place->modules && script->users < BC_LIMIT_LUA_CHECKS) {
      return script;
    }
  }
  return NULL;
}

static bool shelf_set_globals(struct bc_shelf_place *place, struct bc_fault *fault) {
  struct bc_str rest = {place->globals, place->globals_len};
  struct bc_str one;
  while (bc_str_next_field(&rest, '\0', &one)) {
    struct bc_str name;
    if (one.len == 0 || !bc_str_next_field(&one, '=', &name)) {
      continue;
    }
    char *text = bc_mem_copy_text(name.at, name.len);
    enum bc_err err = bc_sandbox_check_set_global(place->check, text, one, fault);
    free(text);
    if (err != BC_ERR_OK) {
      return false;
    }
  }
  return true;
}

/* Runs without it would be told something else: each of them fails. */
static bool shelf_give_world(struct bc_shelf *shelf, struct bc_shelf_script *script, struct bc_fault *fault) {
  if (script->world == shelf->world_count) {
    return true;
  }
  if (bc_sandbox_set_world(script->sandbox, shelf->world, fault) != BC_ERR_OK) {
    return false;
  }
  script->world = shelf->world_count;
  return true;
}

bool bc_shelf_provide(struct bc_shelf *shelf, struct bc_shelf_place *place, enum bc_sandbox_end *end,
                      struct bc_fault *fault) {
  if (place->script == NULL) {
    struct bc_shelf_script *found = shelf_find_script(shelf, place);
    place->script = found != NULL ? found : shelf_new_script(shelf, place);
    place->script->users++;
  }
  *end = BC_SANDBOX_ERROR;
  if (place->script->sandbox == NULL) {
    bc_fault_set(fault, 0, "%s", place->script->fault);
    return false;
  }
  if (!shelf_give_world(shelf, place->script, fault)) {
    return false;
  }
  if (place->check != NULL) {
    return true;
  }
  place->check = bc_sandbox_check_new(place->script->sandbox);
  if (place->check == NULL || !shelf_set_globals(place, fault)) {
    *end = BC_SANDBOX_MEMORY;
    bc_sandbox_check_free(place->check);
    place->check = NULL;
    return false;
  }
  return true;
}

static void shelf_leave_script(struct bc_shelf *shelf, struct bc_shelf_script *script) {
  if (script == NULL || --script->users > 0) {
    return;
  }
  TAILQ_REMOVE(&shelf->scripts, script, link);
  bc_sandbox_free(script->sandbox);
  bc_intern_put(shelf->texts, script->text);
  bc_intern_put(shelf->texts, script->modules);
  free(script->fault);
  free(script);
}

void bc_shelf_leave(struct bc_shelf *shelf, struct bc_shelf_place *place) {
  bc_sandbox_check_free(place->check);
  shelf_leave_script(shelf, place->script);
  bc_intern_put(shelf->texts, place->text);
  bc_intern_put(shelf->texts, place->modules);
  free(place->globals);
  *place = (struct bc_shelf_place){0};
}

/* ---- errors ---- */

void bc_shelf_name_error(const struct bc_shelf *shelf, const char *name, const char *error, char *to, size_t room) {
  size_t len = strlen(shelf->name);
  struct bc_buf named;
  bc_buf_init(&named, SHELF_NAMED_BYTES);
  if (strncmp(error, shelf->name, len) != 0 || error[len] != ':') {
    bc_buf_add_format(&named, "%s: ", name);
  }
  for (const char *found; (found = strstr(error, shelf->name)) != NULL; error = found + len) {
    bool is_place = found[len] == ':' && found[len + 1] >= '0' && found[len + 1] <= '9';
    bc_buf_add(&named, error, (size_t)(found - error));
    bc_buf_add_text(&named, is_place ? name : shelf->name);
  }
  bc_buf_add_text(&named, error);
  bc_lua_value_clean(bc_buf_str(&named), to, room);
  bc_buf_free(&named);
}
