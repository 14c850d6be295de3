/* The files of a directory store that are keys: what is known of each, and what came of the last look. */
#ifndef BC_IO_DIR_LEAF_H
#define BC_IO_DIR_LEAF_H

#include "base/buf.h"
#include "io/dir_watch.h"
#include "proto/dir_key.h"

#include <stdbool.h>
#include <stdint.h>

struct bc_intern;

/* Zero-filled: there is no such file. */
struct bc_dir_leaf {
  const char *value; /* interned; NULL = none */
  size_t len;
  char *problem; /* why it cannot be read; NULL = it can, or is not there */
  uint64_t id;   /* of the file that `value` was read from */
  bool is_racy;
  bool is_link;
};

/* What all of them share. */
struct bc_dir_reader {
  char *directory;
  struct bc_dir_watch *watch;
  struct bc_intern *values;
  size_t bytes; /* of all values, equal ones once */
  struct bc_buf content;
  /* Set by what is read, cleared by the owner. */
  bool is_changed;                   /* something differs from before */
  bool is_unsettled;                 /* something is being written right now */
  char failure[BC_FAULT_TEXT_BYTES]; /* why nothing can be read */
};

void bc_dir_reader_init(struct bc_dir_reader *reader, const char *directory, struct bc_dir_watch *watch);
void bc_dir_reader_fini(struct bc_dir_reader *reader);
/* "reason (DIR/folder/name)" is why nothing of this scan counts; `folder` and `name` may be "". Always false. */
bool bc_dir_reader_fail(struct bc_dir_reader *reader, const char *why, const char *folder, const char *name);
bool bc_dir_reader_fail_code(struct bc_dir_reader *reader, int code, const char *folder, const char *name);

/* Opens a directory of the tree; `folder` is its place below DIR, "" is DIR. -1: it is not there (then *is_good), or
 * cannot be read (told). */
int bc_dir_reader_open(struct bc_dir_reader *reader, int at_fd, const char *name, const char *folder, int flags,
                       bool *is_good);
/* The name still leads to what was read: else the tree was exchanged meanwhile. */
bool bc_dir_is_still(int at_fd, const char *name, int fd);

/* Looks at DIR/folder/NAME-OF-KIND; `dir_fd` is DIR/folder, "" is DIR. False: the scan is to end, `failure` says why.
 */
bool bc_dir_leaf_read(struct bc_dir_reader *reader, struct bc_dir_leaf *leaf, enum bc_dir_leaf_kind kind, int dir_fd,
                      const char *folder);
/* The same of any name and bound. */
bool bc_dir_leaf_read_named(struct bc_dir_reader *reader, struct bc_dir_leaf *leaf, const char *name, size_t bytes_most,
                            int dir_fd, const char *folder);
/* It is not there. */
void bc_dir_leaf_clear(struct bc_dir_reader *reader, struct bc_dir_leaf *leaf);
/* It is there and cannot be had: "reason (DIR/routes/web/config)". The value that was read before is of no use any
 * more: what is in force is known to who was told. */
void bc_dir_leaf_refuse(struct bc_dir_reader *reader, struct bc_dir_leaf *leaf, const char *why, const char *folder,
                        const char *name);

#endif
