#include "base/log.h"
#include "base/mem.h"
#include "worker/shelf_private.h"

#include <inttypes.h>
#include <stdlib.h>

static int module_compare(const struct shelf_module *a, const struct shelf_module *b) {
  return (a->number > b->number) - (a->number < b->number);
}

BC_TREE(shelf_modules, shelf_module, link, module_compare)

static struct shelf_module *module_find(struct bc_shelf *shelf, uint32_t number) {
  struct shelf_module key = {.number = number};
  return RB_FIND(shelf_modules, &shelf->modules, &key);
}

void bc_shelf_set_module(struct bc_shelf *shelf, uint32_t number, struct bc_str text) {
  struct shelf_module *module = module_find(shelf, number);
  if (module == NULL) {
    module = bc_mem_new(1, sizeof *module);
    module->number = number;
    (void)RB_INSERT(shelf_modules, &shelf->modules, module);
  }
  free(module->text);
  module->text = bc_mem_copy_text(text.at, text.len);
  module->len = text.len;
}

static void module_free(struct bc_shelf *shelf, struct shelf_module *module) {
  (void)RB_REMOVE(shelf_modules, &shelf->modules, module);
  free(module->text);
  free(module);
}

void bc_shelf_remove_module(struct bc_shelf *shelf, uint32_t number) {
  struct shelf_module *module = module_find(shelf, number);
  if (module != NULL) {
    module_free(shelf, module);
  }
}

void shelf_module_remove_all(struct bc_shelf *shelf) {
  struct shelf_module *module;
  while ((module = RB_ROOT(&shelf->modules)) != NULL) {
    module_free(shelf, module);
  }
}

static enum bc_err module_add(struct bc_shelf *shelf, struct bc_sandbox *sandbox, struct bc_str name,
                              struct bc_str number_text, struct bc_fault *fault) {
  uint64_t number;
  struct shelf_module *module = NULL;
  if (bc_str_to_u64(number_text, UINT32_MAX, &number) == BC_ERR_OK) {
    module = module_find(shelf, (uint32_t)number);
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

enum bc_err shelf_module_add(struct bc_shelf *shelf, const struct bc_shelf_place *place, struct bc_sandbox *sandbox,
                             struct bc_fault *fault) {
  struct bc_str rest = {place->modules, place->modules_len};
  struct bc_str one;
  enum bc_err err = BC_ERR_OK;
  while (err == BC_ERR_OK && bc_str_next_field(&rest, '\0', &one)) {
    struct bc_str name;
    if (one.len > 0 && bc_str_next_field(&one, '=', &name)) {
      err = module_add(shelf, sandbox, name, one, fault);
    }
  }
  return err;
}
