/* How much traffic a flow (RFC 8955) means, as far as a rule of thumb can tell: whether it names anything that only a
 * part of a host's traffic has. Pure. */
#ifndef BC_MODEL_FLOW_REACH_H
#define BC_MODEL_FLOW_REACH_H

#include "model/nlri.h"
#include "model/prefix.h"

#include <stdbool.h>

enum {
  BC_FLOW_REACH_PORTS = 256,      /* so many ports at most … */
  BC_FLOW_REACH_LENGTHS = 256,    /* … or lengths of packets up to 1500 bytes … */
  BC_FLOW_REACH_TYPES = 8,        /* … or ICMP types are a part of the traffic */
  BC_FLOW_REACH_SOURCE_IPV4 = 16, /* as is what comes from a prefix of this length or longer */
  BC_FLOW_REACH_SOURCE_IPV6 = 32
};

struct bc_flow_reach {
  bool has_destination, has_source;
  struct bc_prefix destination, source;
  /* It names few ports, packet lengths or ICMP types, fragments alone, or a long source. A protocol, TCP flags, a DSCP
   * and a flow label are no such thing: all of a service's traffic may have them. */
  bool is_narrow;
};

/* `nlri`: of a family of flows. */
void bc_flow_reach_of(const struct bc_nlri *nlri, struct bc_flow_reach *out);

#endif
