/* Inside of io/store_edit.h: what the kinds of stores share. */
#ifndef BC_IO_STORE_EDIT_PRIVATE_H
#define BC_IO_STORE_EDIT_PRIVATE_H

#include "base/buf.h"
#include "base/mem.h"
#include "io/etcd.h"
#include "io/etcd_link.h"
#include "io/store_edit.h"

struct bc_store_edit_entry {
  struct bc_store_edit_key told; /* its texts are the entry's own */
  char *key, *value, *why;
};

/* Grows; in the order of the keys once it was sorted. */
struct bc_store_edit_list {
  struct bc_store_edit_entry *at;
  size_t count, room;
  size_t bytes; /* of keys and values; at most BC_LIMIT_DIR_BYTES */
  bool is_full; /* … and there was more, which is left out */
};
/* `value.at` NULL: it cannot be had, for `why`. */
void bc_store_edit_list_add(struct bc_store_edit_list *list, struct bc_str key, struct bc_str value, const char *why,
                            uint64_t revision);
void bc_store_edit_list_sort(struct bc_store_edit_list *list);
const struct bc_store_edit_entry *bc_store_edit_list_find(const struct bc_store_edit_list *list, const char *key);
void bc_store_edit_list_clear(struct bc_store_edit_list *list);

/* What is to be read: folders ("routes/") and keys, one after the other; grows by the states of the nodes that are
 * found. */
struct bc_store_edit_walk {
  char **items;
  size_t count, room, item;
  char **states;
  size_t state_count;
  bool has_status;
  char *node; /* the last one that was met */
};
void bc_store_edit_walk_begin(struct bc_store_edit_walk *walk, const struct bc_store_edit_scope *scope);
void bc_store_edit_walk_end(struct bc_store_edit_walk *walk);
/* Notes which node a key is of, and says whether the key is to be told. */
bool bc_store_edit_walk_takes(struct bc_store_edit_walk *walk, struct bc_str key);

/* One key of a change. */
struct bc_store_edit_step {
  char *key, *value; /* value NULL: it is to go */
  size_t len;
  uint64_t revision; /* as it was read; 0: not there */
  char *old;         /* what it was then; NULL: nothing */
  size_t old_len;
  uint64_t done; /* v2: the index that the change got; 0: not changed yet */
};

struct bc_store_edit_kind {
  enum bc_store_type type;
  /* Reads edit->walk into *edit->into, then bc_store_edit_walked. */
  void (*walk)(struct bc_store_edit *edit);
  /* Makes edit->steps true, then bc_store_edit_finish. */
  void (*write)(struct bc_store_edit *edit);
  /* The request is over, whatever is still under way. */
  void (*stop)(struct bc_store_edit *edit);
};
extern const struct bc_store_edit_kind bc_store_edit3_kind, bc_store_edit2_kind, bc_store_edit_dir_kind;

struct bc_store_edit {
  const struct bc_store_edit_kind *kind; /* NULL: not known yet */
  struct bc_loop *loop;
  struct bc_store_options options; /* its texts are ours */
  int64_t timeout_ms;
  struct bc_etcd_tuning tuning;
  struct bc_etcd_random random;
  char *prefix;             /* "/bgp/" */
  struct bc_store *finder;  /* … of the API, while that is not known */
  struct bc_timer *finding; /* away from the finder's callbacks */
  struct bc_fault found;

  /* The request under way. */
  bc_store_edit_fn *fn; /* NULL: none */
  void *arg;
  bool is_write;
  bool is_over;
  enum bc_err err;
  struct bc_fault text;
  struct bc_timer *late, *tell;
  struct bc_fault trouble; /* the last one on the way */

  struct bc_store_edit_list keys; /* of the last read */
  uint64_t revision;
  struct bc_store_edit_walk walk;
  struct bc_store_edit_list *into;
  void (*walked)(struct bc_store_edit *edit, enum bc_err err);
  struct bc_store_edit_list seen; /* of the keys of a write, read again */
  struct bc_store_edit_step steps[BC_STORE_EDIT_CHANGES];
  size_t step_count;
  bool is_sent; /* a write left us whose end is not known */

  /* etcd */
  struct bc_etcd_link *link;
  struct bc_etcd_call *call;
  char *next;           /* v3: from here on in the item; NULL: from its beginning */
  uint64_t at_revision; /* v3: of all pages */
  uint64_t page;        /* v3: keys in one answer */
  size_t failures;      /* members that failed in a row */
  size_t step;          /* v2: which is being written */
  bool is_undoing;      /* v2 */
  bool has_clash;       /* v2: why: somebody else's change */
  /* directory */
  struct bc_store_edit_job *job;
};

/* Ends the request; the first end counts. */
void bc_store_edit_finish(struct bc_store_edit *edit, enum bc_err err, const char *format, ...) BC_PRINTF(3, 4);
void bc_store_edit_walked(struct bc_store_edit *edit, enum bc_err err, const char *format, ...) BC_PRINTF(3, 4);
/* Reads the keys of edit->steps again, into edit->seen. */
void bc_store_edit_look_again(struct bc_store_edit *edit, void (*fn)(struct bc_store_edit *edit, enum bc_err err));
/* What edit->seen says of a step. */
enum bc_store_edit_sight { BC_STORE_EDIT_AS_BEFORE, BC_STORE_EDIT_AS_WANTED, BC_STORE_EDIT_OTHER };
enum bc_store_edit_sight bc_store_edit_judge(const struct bc_store_edit *edit, const struct bc_store_edit_step *step);
/* "routes/web/config was changed by somebody else meanwhile: nothing is written" */
void bc_store_edit_clash(struct bc_store_edit *edit, const struct bc_store_edit_step *step);

/* ---- etcd (store_edit_etcd.c) ---- */
BC_MUST_CHECK enum bc_err bc_store_edit_etcd_open(struct bc_store_edit *edit, enum bc_store_type type,
                                                  struct bc_fault *fault);
/* After a failed call: true when it is to be made again, to the next member (each once; while they only are slow, as
 * long as there is time); else `err` and `text` say how it ends. */
bool bc_store_edit_etcd_goes_on(struct bc_store_edit *edit, const struct bc_etcd_reply *reply, enum bc_err *err,
                                struct bc_fault *text);

#endif
