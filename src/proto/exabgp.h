/* What ExaBGP writes to its API process, line by line: acks, state and update messages (JSON and
 * text encoder), answers to `show` and `system version`. Pure codec; the dialects of 4.2 and 5.0 meet
 * only here. Source: facts in docs/exabgp.md; ExaBGP 4.2 reactor/api/response/ and command/. */
#ifndef BC_PROTO_EXABGP_H
#define BC_PROTO_EXABGP_H

#include "base/enum_text.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* What a line is. */
enum bc_exabgp_line {
  BC_EXABGP_LINE_OTHER,          /* not understood */
  BC_EXABGP_LINE_DONE,           /* ack: done */
  BC_EXABGP_LINE_ERROR,          /* ack: error */
  BC_EXABGP_LINE_VERSION,        /* exabgp 4.2.21 */
  BC_EXABGP_LINE_SUMMARY_HEADER, /* first line of show neighbor summary */
  BC_EXABGP_LINE_SUMMARY_ROW,    /* a row of show neighbor summary */
  BC_EXABGP_LINE_STANDING,       /* a line of show adj-rib out extensive */
  BC_EXABGP_LINE_STATE,          /* neighbor connected, up or down */
  BC_EXABGP_LINE_UPDATE,         /* an UPDATE sent to a neighbor */
  BC_EXABGP_LINE_EOR,            /* an End-of-RIB sent to a neighbor */
  BC_EXABGP_LINE_SHUTDOWN,       /* ExaBGP shuts down */
};

#define BC_EXABGP_STATE_LIST(X) X(BC_EXABGP_CONNECTED, "connected") X(BC_EXABGP_UP, "up") X(BC_EXABGP_DOWN, "down")
enum bc_exabgp_state { BC_EXABGP_STATE_LIST(BC_ENUM_MEMBER) };
const char *bc_exabgp_state_text(enum bc_exabgp_state value);

/* Neighbor as a message names it; texts are slices of the line or of the event's own memory, empty when not told. */
struct bc_exabgp_neighbor {
  struct bc_str peer;
  struct bc_str local;
  struct bc_str router_id;
  uint32_t local_as; /* 0 = not told */
  uint32_t peer_as;
};

/* One NLRI of an UPDATE. */
struct bc_exabgp_nlri {
  struct bc_str family;  /* "ipv4 unicast" */
  struct bc_str prefix;  /* "10.0.0.0/24"; empty for NLRI without prefix */
  struct bc_str rule;    /* of a flow "flow source-ipv4 10.0.0.0/24 protocol =tcp rd 65000:1", of a VPLS "rd 65000:1
                            endpoint 5 base 10 offset 1 size 8", perhaps with `next-hop ADDRESS`; else empty */
  struct bc_str path_id; /* as printed: "0.0.0.0" for every NLRI of an add-path session */
  struct bc_str rd;
};

struct bc_exabgp_event {
  enum bc_exabgp_line kind;
  struct bc_exabgp_neighbor neighbor; /* STATE UPDATE EOR STANDING SUMMARY_ROW (only peer, peer_as) */
  struct bc_str text;         /* VERSION: "4.2.21"; STANDING: "10.0.0.0/24 next-hop self"; SUMMARY_ROW: state word */
  struct bc_str family;       /* STANDING EOR */
  enum bc_exabgp_state state; /* STATE */
  struct bc_str reason;       /* STATE down */
  bool has_med;               /* UPDATE */
  uint32_t med;
  bool is_text_encoder; /* a message of `encoder text`: it tells less than JSON */
};

/* Called for each NLRI of an UPDATE line, withdraws first. */
typedef void bc_exabgp_nlri_fn(void *arg, const struct bc_exabgp_event *event, bool is_withdraw,
                               const struct bc_exabgp_nlri *nlri);

/* A codec keeps memory from line to line (the text of the last event). */
struct bc_exabgp;
struct bc_exabgp *bc_exabgp_new(void);
void bc_exabgp_free(struct bc_exabgp *codec);

/* Reads one line (without its line break; any bytes). Fills `event`, whose slices stay valid until the
 * next call. For UPDATE calls `fn` (may be NULL) per NLRI before it returns. Received updates
 * (direction receive) and messages of other types are OTHER. Never fails: garbage is OTHER. */
void bc_exabgp_read(struct bc_exabgp *codec, struct bc_str line, struct bc_exabgp_event *event, bc_exabgp_nlri_fn *fn,
                    void *arg);

/* Whether a session with `route-refresh enable` is reset when routes are sent again, be it that the peer asks for them
 * (seen with 4.2.21 and 4.2.25). By the last version read; true before one was. */
bool bc_exabgp_refresh_resets(const struct bc_exabgp *codec);

/* ---- `show neighbor configuration` and `show neighbor extensive`: answers of many lines ---- */

struct bc_exabgp_neighbor_config {
  char peer[48], local[48], router_id[16], local_as[12], peer_as[12];
  char processes[256];   /* "api other": names in `api { processes [ … ] }` */
  char families[32][24]; /* "ipv4 unicast" … */
  unsigned family_count;
  /* ExaBGP prints one api block per process and we do not know our own name there: true only when every block has it.
   */
  bool neighbor_changes; /* api neighbor-changes */
  bool reports_updates;  /* api send { parsed; update; } (or consolidate) */
  bool route_refresh;    /* capability route-refresh enable: see bc_exabgp_refresh_resets */
};

/* Feed the lines of `show neighbor configuration` one by one, `done` excluded. Returns true and fills
 * `out` when a neighbor's block ended with this line. */
BC_MUST_CHECK bool bc_exabgp_read_config(struct bc_exabgp *codec, struct bc_str line,
                                         struct bc_exabgp_neighbor_config *out);

struct bc_exabgp_neighbor_detail {
  char peer[48], local[48];
  char local_as[12], peer_as[12];
  bool is_established;
  char families[32][24]; /* those that both sides enabled */
  unsigned family_count;
};

/* The same for `show neighbor extensive`: true when a neighbor's part is complete (its Families part
 * ended). */
BC_MUST_CHECK bool bc_exabgp_read_detail(struct bc_exabgp *codec, struct bc_str line,
                                         struct bc_exabgp_neighbor_detail *out);

/* Forget a half-read block: before the first line of a new answer. */
void bc_exabgp_read_reset(struct bc_exabgp *codec);

#endif
