/* Any bytes from ExaBGP: no fault, and every event holds together. */
#include "base/buf.h"
#include "proto/exabgp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte, so that a slice of freed or foreign memory is seen. */
static void fuzz_touch(struct bc_str text) {
  volatile unsigned char seen = 0;
  for (size_t i = 0; i < text.len; i++) {
    seen = (unsigned char)(seen ^ (unsigned char)text.at[i]);
  }
}

static void fuzz_on_nlri(void *arg, const struct bc_exabgp_event *event, bool is_withdraw,
                         const struct bc_exabgp_nlri *nlri) {
  (void)arg;
  (void)is_withdraw;
  /* Either a prefix or the rule of a flow or a VPLS. */
  if (event->kind != BC_EXABGP_LINE_UPDATE || (nlri->prefix.len > 0) == (nlri->rule.len > 0)) {
    abort();
  }
  fuzz_touch(nlri->family);
  fuzz_touch(nlri->prefix);
  fuzz_touch(nlri->rule);
  fuzz_touch(nlri->path_id);
  fuzz_touch(nlri->rd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_exabgp *codec = bc_exabgp_new();
  struct bc_str rest = {.at = (const char *)data, .len = size}, line;
  while (size > 0 && bc_str_next_field(&rest, '\n', &line)) {
    struct bc_exabgp_event event;
    bc_exabgp_read(codec, line, &event, fuzz_on_nlri, NULL);
    fuzz_touch(event.neighbor.peer);
    fuzz_touch(event.neighbor.local);
    fuzz_touch(event.neighbor.router_id);
    fuzz_touch(event.text);
    fuzz_touch(event.family);
    fuzz_touch(event.reason);
    struct bc_exabgp_neighbor_config config;
    if (bc_exabgp_read_config(codec, line, &config) && (config.peer[0] == '\0' || config.family_count > 16)) {
      abort();
    }
    struct bc_exabgp_neighbor_detail detail;
    if (bc_exabgp_read_detail(codec, line, &detail) && (detail.peer[0] == '\0' || detail.family_count > 16)) {
      abort();
    }
  }
  bc_exabgp_free(codec);
  return 0;
}
