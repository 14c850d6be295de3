/* What the files of the resolver share. */
#ifndef BC_IO_RESOLVER_PRIVATE_H
#define BC_IO_RESOLVER_PRIVATE_H

#include "io/resolver.h"

#include <sys/queue.h>

struct resolver_channel;

struct bc_resolver {
  struct bc_loop *loop;
  struct bc_resolver_options options;
  bool reads_hosts;                       /* it could be read, or was not there, when this was made */
  struct resolver_channel *channel;       /* for new names */
  LIST_HEAD(, resolver_channel) channels; /* that one, and older ones that have names under way */
  LIST_HEAD(, bc_resolver_call) calls;    /* neither called back nor cancelled */
  unsigned names;                         /* at c-ares */
  unsigned queries;                       /* under way */
};

/* The head of what bc_resolver_look_up and bc_resolver_ask make. First its timer is the deadline; when there is a
 * result, it brings the callback, so that none comes from inside. */
struct bc_resolver_call {
  LIST_ENTRY(bc_resolver_call) link;
  struct bc_resolver *resolver;
  struct bc_timer *timer;
  bool is_settled;
  void (*time_out)(struct bc_resolver_call *call); /* makes TIMEOUT the result */
  void (*stop)(struct bc_resolver_call *call);     /* gives back what is the resolver's */
  void (*tell)(struct bc_resolver_call *call);     /* calls back; the resolver may be gone afterwards */
  void (*release)(struct bc_resolver_call *call);  /* frees the call itself */
};

void bc_resolver_call_start(struct bc_resolver *resolver, struct bc_resolver_call *call, int64_t timeout_ms);
/* The result stands; the first one counts. */
void bc_resolver_call_settle(struct bc_resolver_call *call);

#endif
