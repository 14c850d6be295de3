#include "base/log.h"
#include "base/mem.h"
#include "worker/host_private.h"

#include <inttypes.h>
#include <stdlib.h>

static int module_compare(const struct host_module *a, const struct host_module *b) {
  return (a->number > b->number) - (a->number < b->number);
}

BC_TREE(host_modules, host_module, link, module_compare)

static struct host_module *module_find(struct host_worker *worker, uint32_t number) {
  struct host_module key = {.number = number};
  return RB_FIND(host_modules, &worker->modules, &key);
}

void host_module_set(struct host_worker *worker, const struct bc_msg_lua_module *message) {
  struct host_module *module = module_find(worker, message->number);
  if (module == NULL) {
    module = bc_mem_new(1, sizeof *module);
    module->number = message->number;
    (void)RB_INSERT(host_modules, &worker->modules, module);
  }
  free(module->text);
  module->text = bc_mem_copy_text(message->text.at, message->text.len);
  module->len = message->text.len;
}

static void module_free(struct host_worker *worker, struct host_module *module) {
  (void)RB_REMOVE(host_modules, &worker->modules, module);
  free(module->text);
  free(module);
}

void host_module_remove(struct host_worker *worker, uint32_t number) {
  struct host_module *module = module_find(worker, number);
  if (module != NULL) {
    module_free(worker, module);
  }
}

void host_module_remove_all(struct host_worker *worker) {
  struct host_module *module;
  while ((module = RB_ROOT(&worker->modules)) != NULL) {
    module_free(worker, module);
  }
}

static enum bc_err module_add(struct host_worker *worker, struct bc_sandbox *sandbox, struct bc_str name,
                              struct bc_str number_text, struct bc_fault *fault) {
  uint64_t number;
  struct host_module *module = NULL;
  if (bc_str_to_u64(number_text, UINT32_MAX, &number) == BC_ERR_OK) {
    module = module_find(worker, (uint32_t)number);
  }
  if (module == NULL) {
    /* A script that requires it says so. */
    bc_log(BC_LOG_ERROR, "module " BC_STR_FMT " (" BC_STR_FMT ") was not told", BC_STR_ARG(name),
           BC_STR_ARG(number_text));
    return BC_ERR_OK;
  }
  char *text = bc_mem_copy_text(name.at, name.len);
  enum bc_err err = bc_sandbox_add_module(sandbox, text, (struct bc_str){module->text, module->len}, fault);
  free(text);
  return err;
}

enum bc_err host_module_add(struct host_check *check, struct bc_sandbox *sandbox, struct bc_fault *fault) {
  struct bc_str rest = {check->modules, check->modules_len};
  struct bc_str one;
  enum bc_err err = BC_ERR_OK;
  while (err == BC_ERR_OK && bc_str_next_field(&rest, '\0', &one)) {
    struct bc_str name;
    if (one.len > 0 && bc_str_next_field(&one, '=', &name)) {
      err = module_add(check->worker, sandbox, name, one, fault);
    }
  }
  return err;
}
