/* The scripts of a worker in their sandboxes: equal scripts with equal modules share one, BC_LIMIT_LUA_CHECKS uses at
 * most; then there is another. A script is compiled when its first use is provided. */
#ifndef BC_WORKER_SHELF_H
#define BC_WORKER_SHELF_H

#include "worker/sandbox.h"

struct bc_shelf;
struct bc_shelf_script;

/* One use of a script, a part of what its owner keeps; `check` is for reading. */
struct bc_shelf_place {
  const char *text; /* of the script; one reference in the shelf's texts, as the modules */
  size_t text_len;
  const char *modules;
  size_t modules_len;
  char *globals;
  size_t globals_len;
  struct bc_shelf_script *script; /* NULL: not provided yet */
  struct bc_sandbox_check *check; /* NULL: not provided, or could not be */
};

/* Sandboxes are made with these options; `name` stands for every script in its errors (bc_shelf_name_error), and must
 * be valid as long as the shelf. */
struct bc_shelf *bc_shelf_new(const struct bc_sandbox_options *options, const char *name);
/* After all places have been left. NULL is allowed. */
void bc_shelf_free(struct bc_shelf *shelf);

/* The text of a module by core's number of it; scripts that are taken from now on find it. */
void bc_shelf_set_module(struct bc_shelf *shelf, uint32_t number, struct bc_str text);
void bc_shelf_remove_module(struct bc_shelf *shelf, uint32_t number);
/* For policies: what bc_sandbox_set_world gets, from the next provision on. */
void bc_shelf_set_world(struct bc_shelf *shelf, struct bc_str json);

/* `modules`: "NAME=NUMBER", `globals`: "NAME=JSON", each ended by a NUL. The place is overwritten. Must be left with
 * bc_shelf_leave. */
void bc_shelf_take(struct bc_shelf *shelf, struct bc_shelf_place *place, struct bc_str script, struct bc_str modules,
                   struct bc_str globals);
/* Its place is given back; it must not run. */
void bc_shelf_leave(struct bc_shelf *shelf, struct bc_shelf_place *place);
/* Before each run: makes `place->check` if there is none. False with ERROR or MEMORY and the reason when there is none
 * to be had; a script that does not compile is not tried again. May use the CPU for long. */
BC_MUST_CHECK bool bc_shelf_provide(struct bc_shelf *shelf, struct bc_shelf_place *place, enum bc_sandbox_end *end,
                                    struct bc_fault *fault);

/* An error as a run tells it, with `name` in place of the shelf's own, as uses with other names share a script:
 * "NAME:3: …; required at NAME:5". One that does not begin with a place gets the name in front. One line. */
void bc_shelf_name_error(const struct bc_shelf *shelf, const char *name, const char *error, char *to, size_t room);

#endif
