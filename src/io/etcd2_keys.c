#include "io/etcd2_keys.h"

#include "base/mem.h"
#include "base/tree.h"

#include <stdlib.h>
#include <string.h>

struct keys_entry {
  RB_ENTRY(keys_entry) link;
  uint64_t revision;
  struct bc_str key; /* behind this struct */
};
RB_HEAD(keys_tree, keys_entry);

struct bc_etcd2_keys {
  struct keys_tree tree;
};

static int keys_compare(const struct keys_entry *a, const struct keys_entry *b) {
  return bc_str_compare(a->key, b->key);
}
BC_TREE(keys_tree, keys_entry, link, keys_compare)

struct bc_etcd2_keys *bc_etcd2_keys_new(void) {
  struct bc_etcd2_keys *keys = bc_mem_new(1, sizeof *keys);
  RB_INIT(&keys->tree);
  return keys;
}

static void keys_drop(struct bc_etcd2_keys *keys, struct keys_entry *entry) {
  RB_REMOVE(keys_tree, &keys->tree, entry);
  free(entry);
}

void bc_etcd2_keys_free(struct bc_etcd2_keys *keys) {
  if (keys == NULL) {
    return;
  }
  while (!RB_EMPTY(&keys->tree)) {
    keys_drop(keys, RB_ROOT(&keys->tree));
  }
  free(keys);
}

static struct keys_entry *keys_find(struct bc_etcd2_keys *keys, struct bc_str key) {
  struct keys_entry wanted = {.key = key};
  return RB_FIND(keys_tree, &keys->tree, &wanted);
}

void bc_etcd2_keys_put(struct bc_etcd2_keys *keys, struct bc_str key, uint64_t revision) {
  struct keys_entry *entry = keys_find(keys, key);
  if (entry == NULL) {
    entry = bc_mem_new(1, sizeof *entry + key.len);
    char *text = (char *)(entry + 1);
    memcpy(text, key.at, key.len);
    entry->key = (struct bc_str){.at = text, .len = key.len};
    (void)RB_INSERT(keys_tree, &keys->tree, entry);
  }
  entry->revision = revision;
}

bool bc_etcd2_keys_remove(struct bc_etcd2_keys *keys, struct bc_str key) {
  struct keys_entry *entry = keys_find(keys, key);
  if (entry != NULL) {
    keys_drop(keys, entry);
  }
  return entry != NULL;
}

char *bc_etcd2_keys_take_below(struct bc_etcd2_keys *keys, struct bc_str directory, uint64_t revision) {
  struct keys_entry wanted = {.key = directory};
  struct keys_entry *entry = RB_NFIND(keys_tree, &keys->tree, &wanted);
  for (; entry != NULL; entry = RB_NEXT(keys_tree, &keys->tree, entry)) {
    if (entry->key.len < directory.len || memcmp(entry->key.at, directory.at, directory.len) != 0) {
      return NULL;
    }
    /* "/bgp/routes-old" sorts between "/bgp/routes" and "/bgp/routes/a". */
    bool is_below = entry->key.len > directory.len && entry->key.at[directory.len] == '/';
    if (is_below && entry->revision < revision) {
      char *key = bc_mem_copy_text(entry->key.at, entry->key.len);
      keys_drop(keys, entry);
      return key;
    }
  }
  return NULL;
}
