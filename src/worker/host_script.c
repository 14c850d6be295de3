#include "worker/host_private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static struct host_script *script_new(struct host_check *check) {
  struct host_script *script = bc_mem_new(1, sizeof *script);
  struct bc_fault fault = {0};
  script->text = bc_intern_ref(check->text);
  script->modules = bc_intern_ref(check->modules);
  host_page_enter(check);
  const struct bc_sandbox_options options = {.io = check->worker->io, .data = check->worker->data};
  script->sandbox = bc_sandbox_new(&options, HOST_SCRIPT_NAME, (struct bc_str){check->text, check->text_len}, &fault);
  if (script->sandbox != NULL && host_module_add(check, script->sandbox, &fault) != BC_ERR_OK) {
    bc_sandbox_free(script->sandbox);
    script->sandbox = NULL;
  }
  host_page_leave(check);
  script->fault = script->sandbox == NULL ? bc_mem_copy_string(fault.text) : NULL;
  TAILQ_INSERT_TAIL(&check->worker->scripts, script, link);
  return script;
}

static struct host_script *script_find(const struct host_check *check) {
  struct host_script *script;
  TAILQ_FOREACH(script, &check->worker->scripts, link) {
    if (script->text == check->text && script->modules == check->modules && script->users < BC_LIMIT_LUA_CHECKS) {
      return script;
    }
  }
  return NULL;
}

/* "NAME=JSON", each ended by a NUL. */
static bool script_set_globals(struct host_check *check, struct bc_fault *fault) {
  struct bc_str rest = {check->globals, check->globals_len};
  struct bc_str one;
  while (bc_str_next_field(&rest, '\0', &one)) {
    struct bc_str name;
    if (one.len == 0 || !bc_str_next_field(&one, '=', &name)) {
      continue;
    }
    char *text = bc_mem_copy_text(name.at, name.len);
    enum bc_err err = bc_sandbox_check_set_global(check->use, text, one, fault);
    free(text);
    if (err != BC_ERR_OK) {
      return false;
    }
  }
  return true;
}

bool host_script_provide(struct host_check *check, enum bc_check_status *status, struct bc_fault *fault) {
  if (check->script == NULL) {
    struct host_script *found = script_find(check);
    check->script = found != NULL ? found : script_new(check);
    check->script->users++;
  }
  *status = BC_CHECK_ERROR;
  if (check->script->sandbox == NULL) {
    bc_fault_set(fault, 0, "%s", check->script->fault);
    return false;
  }
  if (check->use != NULL) {
    return true;
  }
  check->use = bc_sandbox_check_new(check->script->sandbox);
  host_page_enter(check);
  bool is_set = check->use != NULL && script_set_globals(check, fault);
  host_page_leave(check);
  if (!is_set) {
    *status = BC_CHECK_MEMORY;
    bc_sandbox_check_free(check->use);
    check->use = NULL;
    return false;
  }
  bc_sandbox_check_set_state(check->use, (struct bc_str){check->state, check->state_len});
  return true;
}

void host_script_leave(struct host_check *check) {
  struct host_script *script = check->script;
  bc_sandbox_check_free(check->use);
  check->use = NULL;
  check->script = NULL;
  if (script == NULL || --script->users > 0) {
    return;
  }
  TAILQ_REMOVE(&check->worker->scripts, script, link);
  bc_sandbox_free(script->sandbox);
  bc_intern_put(check->worker->texts, script->text);
  bc_intern_put(check->worker->texts, script->modules);
  free(script->fault);
  free(script);
}
