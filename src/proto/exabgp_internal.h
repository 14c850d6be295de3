/* What the files of the ExaBGP codec share; nobody else includes this. */
#ifndef BC_PROTO_EXABGP_INTERNAL_H
#define BC_PROTO_EXABGP_INTERNAL_H

#include "base/buf.h"
#include "proto/exabgp.h"

#include <jansson.h>

enum bc_exabgp_section {
  BC_EXABGP_SECTION_OTHER,
  BC_EXABGP_SECTION_NEIGHBOR,
  BC_EXABGP_SECTION_CAPABILITY,
  BC_EXABGP_SECTION_FAMILY,
  BC_EXABGP_SECTION_API,
  BC_EXABGP_SECTION_SEND
};

enum { BC_EXABGP_DEPTH_MAX = 8 };

struct bc_exabgp {
  json_t *root;           /* the last JSON line: owns the texts of its event */
  struct bc_buf repaired; /* a line that was no JSON, made so */
  bool is_5;              /* the last version that was told is 5.0 or later */

  /* show neighbor configuration */
  struct bc_exabgp_neighbor_config config;
  enum bc_exabgp_section sections[BC_EXABGP_DEPTH_MAX];
  unsigned depth; /* 0 = between blocks */
  unsigned api_blocks, api_changes, api_updates;
  bool sends_parsed, sends_update; /* of the api block that is being read */

  /* show neighbor extensive */
  struct bc_exabgp_neighbor_detail detail;
  bool in_detail, in_families;
};

/* A line that starts with '{'. */
void bc_exabgp_read_json(struct bc_exabgp *codec, struct bc_str line, struct bc_exabgp_event *event,
                         bc_exabgp_nlri_fn *fn, void *arg);

/* An IPv4 or IPv6 address, nothing else. */
bool bc_exabgp_is_address(struct bc_str text);
/* Decimal up to 2^32-1, else 0 ("auto", "n/a"). */
uint32_t bc_exabgp_number(struct bc_str text);
/* Copies what fits, always terminated. */
void bc_exabgp_copy(char *to, size_t size, struct bc_str from);

#endif
