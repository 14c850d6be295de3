/* Inside of io/store_edit_dir.c: a job for its thread. */
#ifndef BC_IO_STORE_EDIT_DIR_H
#define BC_IO_STORE_EDIT_DIR_H

#include "io/store_edit_private.h"

struct bc_lane;

/* Belongs to the thread while it works. */
struct bc_store_edit_job {
  struct bc_store_edit *edit; /* for the loop only */
  struct bc_lane *lane;
  char *directory;
  int64_t timeout_ms;
  struct bc_store_edit_walk walk;
  struct bc_store_edit_list keys;
  struct bc_store_edit_step steps[BC_STORE_EDIT_CHANGES];
  size_t step_count;
  enum bc_err err;
  struct bc_fault text;
};

/* The first fault counts. */
void bc_store_edit_job_fail(struct bc_store_edit_job *job, enum bc_err err, const char *why, const char *key);
/* Compares all files with what was read, then replaces them; blocks. */
void bc_store_edit_job_write(void *arg);

#endif
