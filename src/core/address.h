/* Service addresses: what routes want of the host, and what we set on it. address.c judges the routes, address_set.c
 * sets and removes. */
#ifndef BC_CORE_ADDRESS_H
#define BC_CORE_ADDRESS_H

#include "base/tree.h"
#include "io/addresses.h"
#include "model/decide.h"
#include "model/options.h"
#include "model/route.h"
#include "proto/msg.h"

#include <jansson.h>
#include <sys/queue.h>

struct bc_core;
struct core_route;

enum { CORE_ADDRESS_COMING_MS = 2000 };

/* One that routes want us to set, or that the state directory says we have set. */
struct core_address {
  RB_ENTRY(core_address) link;
  uint8_t bytes[16]; /* network order, IPv4 in the first four */
  bool is_ipv6;
  bool was_wanted;  /* since the start */
  bool is_recorded; /* ours: belongs into the file … */
  bool is_saving;
  bool is_saved;    /* … and is in it */
  bool is_standing; /* while a step runs: a route with it stands */
  bool is_remove;   /* what is under way */
  uint32_t request; /* under way at the worker; 0 = none */
  int error;        /* of the last try to set it; 0 = none */
  size_t wanted;    /* by so many routes */
  struct bc_mono absent_since;
  struct bc_mono retry_at; /* after a failure: not before */
};

RB_HEAD(core_address_tree, core_address);

/* What a route wants of the host. */
struct core_service {
  TAILQ_ENTRY(core_service) link;
  struct core_route *route;
  struct core_address **wanted; /* "manage": a reference each; NULL = there are too many */
  size_t wanted_count;
  enum bc_address_state state;
  char *reason; /* why it is not FINE; NULL = it is */
  char *fault;  /* "routes/NAME/options: address: …"; NULL = none */
};

TAILQ_HEAD(core_service_list, core_service);

struct core_addresses {
  struct bc_addresses *host;
  struct bc_timer *step_timer;
  struct bc_mono step_at; /* when it fires */
  struct bc_timer *review_timer;
  struct core_service_list services;
  struct core_service *review_next; /* of a review that goes on; NULL = none does */
  bool is_review_due;               /* … and then another one */
  struct core_address_tree set;
  size_t count;
  size_t leaving;   /* wait for their routes to be gone */
  size_t leftovers; /* carry our mark, but neither the file nor a route knows them */
  uint32_t last_request;
  bool is_told; /* the worker said whether it can */
  bool is_able;
  char why[128]; /* not able */
  bool is_save_due;
  bool is_save_busy;
};

/* ---- address.c ---- */
void core_address_open(struct bc_core *core);
/* After the routes are gone. */
void core_address_close(struct bc_core *core);
/* How it stands with what the running version wants; `config` NULL or one that wants nothing: lets go of all. */
struct bc_config_route;
enum bc_address_state core_address_judge(struct bc_core *core, struct core_route *route,
                                         const struct bc_config_route *config);
void core_address_forget(struct bc_core *core, struct core_route *route);
/* What is wrong with its address, as a fault of its options, or NULL. */
const char *core_address_fault(const struct core_route *route);
/* Something that routes were judged by has changed. */
void core_address_review(struct bc_core *core);
/* Routes whose on_exit withdraws them let go of their addresses; then wait until core_address_is_settled. */
void core_address_exit(struct bc_core *core);
/* "managed", "cannot (…)", or "not told yet". */
json_t *core_address_report(const struct bc_core *core);
/* One line, or "". */
void core_address_warn(const struct bc_core *core, char *line, size_t room);

/* ---- address_set.c ---- */
void core_address_set_open(struct bc_core *core);
void core_address_set_close(struct bc_core *core);
/* A reference; NULL when there are too many. */
struct core_address *core_address_want(struct bc_core *core, bool is_ipv6, const uint8_t *bytes);
void core_address_unwant(struct bc_core *core, struct core_address *address);
/* Soon: sets what is wanted and not there, removes what is not wanted and does not stand. */
void core_address_step(struct bc_core *core);
/* Something moved in the rib. */
void core_address_on_rib(struct bc_core *core);
/* ADDRESS_ABLE, ADDRESS_RESULT; the worker ended. */
void core_address_on_message(struct bc_core *core, const struct bc_msg *message);
void core_address_on_worker_gone(struct bc_core *core);
/* Nothing is under way, nor about to be removed. */
bool core_address_is_settled(const struct bc_core *core);
/* The neighbor that has this address, or NULL. */
const char *core_address_neighbor(const struct bc_core *core, bool is_ipv6, const uint8_t *bytes);

#endif
