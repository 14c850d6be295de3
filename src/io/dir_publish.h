/* This node's own keys in a directory store: what is wanted, what is there, what is to write now. Lives on the loop;
 * a round of work is done elsewhere. */
#ifndef BC_IO_DIR_PUBLISH_H
#define BC_IO_DIR_PUBLISH_H

#include "io/dir.h"

struct bc_dir_publish;
/* Some keys to write, or a look at what is there; holds all that it needs. */
struct bc_dir_round;

struct bc_dir_publish_handler {
  void *arg;
  /* See publish_state in io/store.h. */
  void (*problem)(void *arg, const char *problem);
};

struct bc_dir_publish *bc_dir_publish_new(const struct bc_dir_tuning *tuning, const char *node,
                                          const struct bc_dir_publish_handler *handler);
/* NULL is allowed. */
void bc_dir_publish_free(struct bc_dir_publish *publish);

/* As bc_store_publish, bc_store_publish_enable. */
void bc_dir_publish_set(struct bc_dir_publish *publish, const char *key, const char *value);
void bc_dir_publish_enable(struct bc_dir_publish *publish, bool on, struct bc_mono now);

bool bc_dir_publish_is_enabled(const struct bc_dir_publish *publish);

/* The directory is back, perhaps another one: what failed is tried now, what is missing is written. */
void bc_dir_publish_again(struct bc_dir_publish *publish, struct bc_mono now);

/* When there is something to do next; not set = nothing. */
struct bc_mono bc_dir_publish_due(const struct bc_dir_publish *publish);
/* Fills a round with what is due. bc_dir_publish_take gets it back when it has run; nothing else is begun before. */
void bc_dir_publish_begin(struct bc_dir_publish *publish, struct bc_dir_round *round, struct bc_mono now);
void bc_dir_publish_take(struct bc_dir_publish *publish, struct bc_dir_round *round, struct bc_mono now);

struct bc_dir_round *bc_dir_round_new(const char *directory, const char *node);
/* NULL is allowed. */
void bc_dir_round_free(struct bc_dir_round *round);
/* Blocks. */
void bc_dir_round_run(struct bc_dir_round *round);
/* Removes all own keys; blocks. */
void bc_dir_round_leave(struct bc_dir_round *round);

#endif
