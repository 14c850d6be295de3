/* How own keys get into the store: one kind for each API of etcd. What is wanted, what waits and what is under way is
 * kept by io/etcd_publish.c; a writer makes requests of it. */
#ifndef BC_IO_ETCD_WRITER_H
#define BC_IO_ETCD_WRITER_H

#include "base/intern.h"
#include "base/tree.h"
#include "io/etcd_publish.h"

#include <sys/queue.h>

enum bc_etcd_place { BC_ETCD_PLACE_CLEAN, BC_ETCD_PLACE_DIRTY, BC_ETCD_PLACE_IN_FLIGHT };

/* There is one for each route. */
struct bc_etcd_own {
  RB_ENTRY(bc_etcd_own) link;
  TAILQ_ENTRY(bc_etcd_own) queue; /* dirty or in_flight */
  const char *want;  /* interned: most are one of two words. NULL: must not exist, or (stale) nobody has said yet */
  uint64_t revision; /* of the newest that is known of it in the store */
  uint64_t event_revision; /* of somebody's change while our write was in flight */
  struct bc_mono written;
  struct bc_mono not_before;
  uint32_t place : 2;   /* enum bc_etcd_place */
  uint32_t changed : 1; /* wanted otherwise while in flight */
  uint32_t stale : 1;   /* there, and not wanted by anybody since the start */
  uint32_t listed : 1;
  uint32_t key_len : 27; /* no message of etcd is as long */
  char key[];
};
/* With pointers of 8 bytes: each byte counts 100,000 times. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct bc_etcd_own) <= 96, "an own key has grown");
RB_HEAD(bc_etcd_own_tree, bc_etcd_own);
TAILQ_HEAD(bc_etcd_own_queue, bc_etcd_own);

static inline struct bc_str bc_etcd_own_key(const struct bc_etcd_own *own) {
  return (struct bc_str){.at = own->key, .len = own->key_len};
}

struct bc_etcd_writer {
  void *(*new_writer)(struct bc_etcd_publish *publish);
  void (*free_writer)(void *writer);
  /* Something waits and may be written: called again and again until is_writing is set. Each request ends in
   * bc_etcd_publish_confirm, bc_etcd_publish_put_back or _take_error, and in a pause. */
  void (*write)(void *writer);
  /* Ends the request under way. */
  void (*cancel)(void *writer);
  /* Publishing is on (again), or off. */
  void (*turn)(void *writer, bool on);
  /* Another cluster: what held the keys is gone. */
  void (*move)(void *writer);
  /* An own key was deleted by somebody, or by the time. NULL: no matter. */
  void (*lose)(void *writer);
  /* The store holds the key as it should be. */
  bool (*is_right)(const void *writer, const struct bc_etcd_own *own, const struct bc_etcd_kv *kv);
  /* Takes all own keys back; false: there is nothing to do. bc_etcd_publish_end_leave when it is done. */
  bool (*leave)(void *writer);
};
extern const struct bc_etcd_writer bc_etcd3_writer;
extern const struct bc_etcd_writer bc_etcd2_writer;

struct bc_etcd_publish {
  const struct bc_etcd_writer *kind;
  void *writer;
  struct bc_loop *loop;
  struct bc_etcd_link *link;
  const struct bc_etcd_tuning *tuning;
  struct bc_etcd_random *random;
  const struct bc_etcd_names *names;
  const struct bc_etcd_publish_handler *handler;
  struct bc_etcd_own_tree keys;
  struct bc_intern *values;
  struct bc_etcd_own_queue dirty;
  struct bc_etcd_own_queue in_flight;
  bool enabled;
  bool ready;
  bool listed;
  bool is_writing; /* the writer has a request under way */
  uint64_t cluster_id;
  uint64_t revision; /* highest known */
  struct bc_timer *write_timer;
  struct bc_timer *stale_timer;
  struct bc_mono not_before; /* no write before this */
  unsigned failures;
  char *problem;
  bc_loop_fn *leave_done;
  void *leave_arg;
  struct bc_timer *leave_timer;
};

/* ---- for the writers ---- */

/* Writes what waits, if anything may be written now. */
void bc_etcd_publish_pump(struct bc_etcd_publish *publish);
/* Takes the next key that waits and is due out of the queue: it is in flight then. NULL: none, and the pump runs when
 * one is. */
struct bc_etcd_own *bc_etcd_publish_take_due(struct bc_etcd_publish *publish);
/* Whether one is due. */
bool bc_etcd_publish_has_due(const struct bc_etcd_publish *publish);
/* All that is in flight is written, at `revision`. */
void bc_etcd_publish_confirm(struct bc_etcd_publish *publish, uint64_t revision);
/* It did not happen, or nobody knows: all of it again. */
void bc_etcd_publish_put_back(struct bc_etcd_publish *publish);
/* What is in flight is left out: until it changes, or (`ms` > 0) for a while. */
void bc_etcd_publish_set_aside(struct bc_etcd_publish *publish, int64_t ms);
/* After a request that failed: pauses, and says why when it fails again and again. The handler may close the store:
 * nothing may be touched afterwards. */
void bc_etcd_publish_take_error(struct bc_etcd_publish *publish, const struct bc_etcd_reply *reply);
/* Everything again, as what held it is gone, after a random time. */
void bc_etcd_publish_write_all(struct bc_etcd_publish *publish);
void bc_etcd_publish_pause(struct bc_etcd_publish *publish, int64_t ms);
/* See bc_etcd_publish_take_error. */
void bc_etcd_publish_tell(struct bc_etcd_publish *publish, const char *problem);
void bc_etcd_publish_end_leave(struct bc_etcd_publish *publish);

#endif
