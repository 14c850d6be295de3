#include "io/etcd_seen.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct etcd_seen_key {
  RB_ENTRY(etcd_seen_key) link;
  uint64_t revision;
  struct bc_str key; /* behind this struct, but for the one that is looked for */
};

static int etcd_seen_compare(const struct etcd_seen_key *a, const struct etcd_seen_key *b) {
  return bc_str_compare(a->key, b->key);
}
BC_TREE(bc_etcd_seen, etcd_seen_key, link, etcd_seen_compare)

void bc_etcd_seen_init(struct bc_etcd_seen *seen) {
  RB_INIT(seen);
}

void bc_etcd_seen_clear(struct bc_etcd_seen *seen) {
  struct etcd_seen_key *key;
  while ((key = RB_ROOT(seen)) != NULL) {
    RB_REMOVE(bc_etcd_seen, seen, key);
    free(key);
  }
}

bool bc_etcd_seen_note(struct bc_etcd_seen *seen, struct bc_str key, uint64_t revision) {
  struct etcd_seen_key wanted = {.key = key};
  struct etcd_seen_key *found = RB_FIND(bc_etcd_seen, seen, &wanted);
  if (found == NULL) {
    found = bc_mem_new(1, sizeof *found + key.len);
    char *text = (char *)(found + 1);
    memcpy(text, key.at, key.len);
    found->key = (struct bc_str){.at = text, .len = key.len};
    (void)RB_INSERT(bc_etcd_seen, seen, found);
  } else if (found->revision >= revision) {
    return false;
  }
  found->revision = revision;
  return true;
}
