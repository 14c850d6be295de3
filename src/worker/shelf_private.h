/* What the files of the shelf share: scripts and their uses (shelf.c), modules (shelf_module.c). */
#ifndef BC_WORKER_SHELF_PRIVATE_H
#define BC_WORKER_SHELF_PRIVATE_H

#include "base/intern.h"
#include "base/tree.h"
#include "worker/shelf.h"

#include <sys/queue.h>

struct shelf_module {
  RB_ENTRY(shelf_module) link;
  uint32_t number;
  char *text;
  size_t len;
};
RB_HEAD(shelf_modules, shelf_module);

/* A script in a sandbox with its modules; another of the same when that is full. */
struct bc_shelf_script {
  TAILQ_ENTRY(bc_shelf_script) link;
  const char *text;           /* interned */
  const char *modules;        /* interned */
  struct bc_sandbox *sandbox; /* NULL: it does not compile … */
  char *fault;                /* … and why */
  unsigned users;
  unsigned world; /* that it has, by the shelf's count */
};
TAILQ_HEAD(shelf_scripts, bc_shelf_script);

struct bc_shelf {
  struct bc_sandbox_options options;
  const char *name;
  struct bc_intern *texts;
  struct shelf_modules modules;
  struct shelf_scripts scripts;
  struct bc_str world; /* allocated */
  unsigned world_count;
};

/* ---- shelf_module.c ---- */

void shelf_module_remove_all(struct bc_shelf *shelf);
/* Those of the place into its sandbox. */
BC_MUST_CHECK enum bc_err shelf_module_add(struct bc_shelf *shelf, const struct bc_shelf_place *place,
                                           struct bc_sandbox *sandbox, struct bc_fault *fault);

#endif
