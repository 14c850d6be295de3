/* The few rtnetlink(7) messages that service addresses need: a dump of the host's addresses, what the kernel tells of
 * them, and the requests to set and to remove one on the loopback interface. Pure.
 *
 * Ours is marked in the kernel: an IPv4 address by its label, an IPv6 address, which has none, by its protocol
 * (IFA_PROTO, Linux 5.18) and by the metric of its prefix route (IFA_RT_PRIORITY, Linux 4.18), which means nothing for
 * a host address on that interface. Either of both is enough to know it again. */
#ifndef BC_PROTO_RTNETLINK_H
#define BC_PROTO_RTNETLINK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define BC_RTNETLINK_LABEL "lo:bgpc"

enum {
  BC_RTNETLINK_LOOPBACK = 1, /* the index of `lo`: the kernel's LOOPBACK_IFINDEX */
  BC_RTNETLINK_PROTOCOL = 179,
  BC_RTNETLINK_METRIC = 0x62677063, /* "bgpc" */
  BC_RTNETLINK_REQUEST_BYTES = 256
};

enum bc_rtnetlink_kind {
  BC_RTNETLINK_HERE, /* `address` is on the host */
  BC_RTNETLINK_GONE, /* … is not any more */
  BC_RTNETLINK_DONE, /* the end of a dump */
  BC_RTNETLINK_ANSWER,
  BC_RTNETLINK_OTHER
};

struct bc_rtnetlink_address {
  bool is_ipv6;
  bool is_ours;       /* carries our mark */
  bool is_tentative;  /* IPv6 duplicate detection runs */
  bool is_duplicate;  /* … and has found another host that has it */
  uint8_t length;     /* of its prefix, in bits */
  uint32_t interface; /* index */
  uint8_t local[16];  /* network order, IPv4 in the first four, zero behind */
  uint8_t peer[16];   /* the other end of a point-to-point link, else as `local` */
};

struct bc_rtnetlink_message {
  enum bc_rtnetlink_kind kind;
  uint32_t port;       /* netlink address of who asked; a notification has that of who changed something */
  uint32_t sequence;   /* of the request of theirs */
  bool is_interrupted; /* things changed during the dump: it is not whole */
  int error;           /* an errno; 0 = fine; of ANSWER and DONE */
  struct bc_rtnetlink_address address;
};

/* Takes the next message from a datagram. BC_ERR_NOT_FOUND: none is left; BC_ERR_PROTOCOL: what is left is none. */
BC_MUST_CHECK enum bc_err bc_rtnetlink_next(struct bc_str *datagram, struct bc_rtnetlink_message *message);

/* Append one request. Addresses: as in struct bc_rtnetlink_address. */
void bc_rtnetlink_print_dump(uint32_t sequence, struct bc_buf *to);
/* Sets it on the loopback interface with our mark; answered EEXIST when that interface has it already. */
void bc_rtnetlink_print_set(bool is_ipv6, const uint8_t *address, uint32_t sequence, struct bc_buf *to);
/* Removes it from there; an IPv4 address only if it has our label. EADDRNOTAVAIL: there is none. */
void bc_rtnetlink_print_remove(bool is_ipv6, const uint8_t *address, uint32_t sequence, struct bc_buf *to);

#endif
