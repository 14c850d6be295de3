/* What the files of model/lease share: lease.c (table and clock), lease_file.c (records). */
#ifndef BC_MODEL_LEASE_PRIVATE_H
#define BC_MODEL_LEASE_PRIVATE_H

#include "model/lease.h"

RB_HEAD(bc_lease_name_tree, bc_lease);
RB_HEAD(bc_lease_leaving_tree, bc_lease);
RB_HEAD(bc_lease_id_tree, bc_lease);
RB_HEAD(bc_lease_due_tree, bc_lease);

/* What was removed, or gave its name to a lease with other neighbors or NLRI, since the file was begun. */
struct bc_lease_gone {
  uint64_t count;
  uint64_t ids; /* their sum, in 63 bits */
};

struct bc_leases {
  struct bc_lease_name_tree by_name;
  struct bc_lease_leaving_tree leaving; /* by name, the newest first */
  struct bc_lease_id_tree by_id;
  struct bc_lease_due_tree by_due;
  struct bc_leases_counts counts;
  size_t made;       /* and not taken yet */
  size_t text_bytes; /* of all, those too */
  uint64_t last_id;
  uint64_t last_read; /* the highest id of a put that was read */
  struct bc_lease_gone gone;
  uint64_t clock;
  bool has_time;
  struct bc_lease_time last; /* the newest that the clock was moved to */
};

/* ---- lease.c ---- */
/* Owns copies of the texts; in no table. */
struct bc_lease *bc_lease_new(struct bc_leases *leases, uint64_t id, const struct bc_lease_ask *ask);
/* Whether another one of this length may be held. */
bool bc_lease_has_room(const struct bc_leases *leases, const struct bc_lease_ask *ask);
void bc_lease_insert(struct bc_leases *leases, struct bc_lease *lease);
/* The one that has the name of `by` gives way. */
void bc_lease_replace(struct bc_leases *leases, const struct bc_lease *by);
/* One is gone. */
void bc_lease_count_gone(struct bc_leases *leases, uint64_t id);
/* It was live. */
void bc_lease_set_leaving(struct bc_leases *leases, struct bc_lease *lease);
/* Out of the table, and freed. */
void bc_lease_free(struct bc_leases *leases, struct bc_lease *lease);
struct bc_lease *bc_lease_find_id(const struct bc_leases *leases, uint64_t id);
uint64_t bc_lease_due(uint64_t clock, uint64_t left_ms);

/* ---- lease_file.c ---- */
void bc_lease_print_put(const struct bc_leases *leases, const struct bc_lease *lease, struct bc_buf *to);
void bc_lease_print_id(const struct bc_leases *leases, const char *what, uint64_t id, struct bc_buf *to);

#endif
