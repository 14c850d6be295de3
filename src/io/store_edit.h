/* A store of routes that somebody reads once and changes once: for the commands that edit it, and for whoever wants the
 * keys of other nodes. Nothing is watched and nothing is written under a lease.
 *
 * What was read has its revisions, and a change is made only where these are still the same: somebody else's change in
 * between is a conflict, and then nothing is written. In etcd v3 all keys of one change are one transaction. v2 and a
 * directory have none: there the keys are compared first, then written one after the other in the order given; a
 * conflict in the middle takes back what was written before it.
 *
 * Nothing waits longer than the time that was given. A member that does not answer is followed by the next one; when
 * the answer to a write was lost, the keys are read again to find out what became of it. */
#ifndef BC_IO_STORE_EDIT_H
#define BC_IO_STORE_EDIT_H

#include "io/loop.h"
#include "io/store.h"

struct bc_store_edit;

/* On the loop, once per request, never before it returned; `text` is one line for people, "" for OK.
 *   OK
 *   CONFLICT     somebody changed one of the keys meanwhile; nothing is written
 *   REFUSED      the store refuses us (user, certificate, rights, space): trying again does not help
 *   UNSUPPORTED  `auto` cannot tell which API of etcd it is to be; text says what to do
 *   IO, TIMEOUT  the store cannot be reached; nothing is written
 *   AGAIN        a write was sent, and it is not known whether it was done, or it was done in part: `text` says which
 *   LIMIT        too much for one request or one answer
 * Another request may be made from here. */
typedef void bc_store_edit_fn(void *arg, enum bc_err err, const char *text);

/* BC_ERR_SYNTAX/RANGE with a fault when an endpoint or a file is unusable. `timeout_ms`: for each request as a whole.
 * All texts of `options` are copied. */
BC_MUST_CHECK enum bc_err bc_store_edit_open(struct bc_loop *loop, const struct bc_store_options *options,
                                             int64_t timeout_ms, struct bc_store_edit **edit, struct bc_fault *fault);
/* No callback afterwards. NULL is allowed. */
void bc_store_edit_close(struct bc_store_edit *edit);

/* What is read: what people write, and of what daemons write only what is asked for. */
struct bc_store_edit_scope {
  /* NULL behind the last: all keys below "routes/", "node/edge1/"; or one: "policy". Relative to the prefix. */
  const char *const *folders;
  const char *const
      *states;     /* names of routes: node/NODE/routes/NAME/state of each node; NULL at the end; may be NULL */
  bool has_status; /* node/NODE/status */
};

/* Reads at one point of the store's history, as far as the store has one. One request at a time. What was read before
 * is forgotten. */
void bc_store_edit_read(struct bc_store_edit *edit, const struct bc_store_edit_scope *scope, bc_store_edit_fn *fn,
                        void *arg);

struct bc_store_edit_key {
  const char *key;     /* "routes/web/config" */
  struct bc_str value; /* as it is in the store; `at` NULL: it is there and cannot be had */
  const char *why;     /* … and this is why: "permission denied"; else NULL */
  uint64_t revision;   /* v3, v2: of its last change; a directory: a mark of the file */
};
/* What was read, in the order of the keys; NULL behind the last. Valid until the next read. */
const struct bc_store_edit_key *bc_store_edit_at(const struct bc_store_edit *edit, size_t index);
/* Where the first key stands that is not before `key`. */
size_t bc_store_edit_from(const struct bc_store_edit *edit, const char *key);
const struct bc_store_edit_key *bc_store_edit_find(const struct bc_store_edit *edit, const char *key);

struct bc_store_edit_change {
  const char *key;
  struct bc_str value; /* `at` NULL: it is to go */
};
/* Writes if each of these keys is as it was read (not there: still not there). At most BC_STORE_EDIT_CHANGES. Copied.
 */
enum { BC_STORE_EDIT_CHANGES = 100 };
void bc_store_edit_write(struct bc_store_edit *edit, const struct bc_store_edit_change *changes, size_t count,
                         bc_store_edit_fn *fn, void *arg);

/* Which kind of store it is, once something was read. */
enum bc_store_type bc_store_edit_type(const struct bc_store_edit *edit);
/* Where the store stood after the last read or write; 0: it counts none. */
uint64_t bc_store_edit_revision(const struct bc_store_edit *edit);

#endif
