#include "base/intern.h"

#include "base/mem.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

/* A table that grows and shrinks by one bucket at a time (linear hashing): with 200,000 texts nothing ever waits until
 * all of them have moved. Hashes are not kept: a text's memory is looked at anyway, and each byte counts. */
enum { INTERN_BUCKETS_LEAST = 64, INTERN_LOAD = 1 };

struct intern_entry {
  struct intern_entry *next;
  uint32_t refs;
  uint32_t len;
  char text[];
};

struct bc_intern {
  struct intern_entry **buckets;
  size_t used;  /* of the buckets */
  size_t whole; /* the greatest power of two up to that: those from there on were split off the first ones */
  size_t room;
  size_t count; /* texts */
  uint32_t seed;
};

/* Of our own process only: who writes texts must not know which of them meet in one bucket. */
static uint32_t intern_seed(void) {
  uint32_t seed = 0;
  const void *random = (const void *)(uintptr_t)getauxval(AT_RANDOM);
  if (random != NULL) {
    memcpy(&seed, random, sizeof seed);
  }
  return seed;
}

static void intern_mix(uint32_t *a, uint32_t *b) {
  uint64_t product = (uint64_t)(*a ^ 0x53c5ca59U) * (*b ^ 0x74743c1bU);
  *a = (uint32_t)product;
  *b = (uint32_t)(product >> 32);
}

/* As wyhash32 does it: https://github.com/wangyi-fudan/wyhash */
static size_t intern_hash(const struct bc_intern *intern, const char *text, size_t len) {
  uint32_t a = intern->seed;
  uint32_t b = (uint32_t)len;
  uint32_t words[2];
  intern_mix(&a, &b);
  for (; len > 0; text += sizeof words) {
    size_t part = len < sizeof words ? len : sizeof words;
    words[0] = words[1] = 0;
    memcpy(words, text, part);
    a ^= words[0];
    b ^= words[1];
    intern_mix(&a, &b);
    len -= part;
  }
  intern_mix(&a, &b);
  return a ^ b;
}

static struct intern_entry **intern_bucket(const struct bc_intern *intern, const char *text, size_t len) {
  size_t hash = intern_hash(intern, text, len);
  size_t place = hash & (intern->whole * 2 - 1);
  return &intern->buckets[place < intern->used ? place : hash & (intern->whole - 1)];
}

/* The place of the pointer to it; to NULL when there is none. */
static struct intern_entry **intern_find(const struct bc_intern *intern, struct bc_str text) {
  struct intern_entry **at = intern_bucket(intern, text.at, text.len);
  while (*at != NULL && ((*at)->len != text.len || (text.len > 0 && memcmp((*at)->text, text.at, text.len) != 0))) {
    at = &(*at)->next;
  }
  return at;
}

/* One more bucket: some of those of an earlier one belong there now. */
static void intern_split(struct bc_intern *intern) {
  if (intern->used == intern->room) {
    intern->room *= 2;
    intern->buckets = bc_mem_resize(intern->buckets, intern->room, sizeof(struct intern_entry *));
  }
  size_t last = intern->used;
  struct intern_entry **from = &intern->buckets[last - intern->whole];
  struct intern_entry **to = &intern->buckets[last];
  *to = NULL;
  intern->used++;
  intern->whole = intern->used == intern->whole * 2 ? intern->used : intern->whole;
  while (*from != NULL) {
    struct intern_entry *entry = *from;
    if (intern_bucket(intern, entry->text, entry->len) == &intern->buckets[last]) {
      *from = entry->next;
      entry->next = NULL;
      *to = entry;
      to = &entry->next;
    } else {
      from = &entry->next;
    }
  }
}

/* The last bucket goes back to the one that it was split off. */
static void intern_join(struct bc_intern *intern) {
  size_t last = --intern->used;
  intern->whole = last < intern->whole ? intern->whole / 2 : intern->whole;
  struct intern_entry **to = &intern->buckets[last - intern->whole];
  while (*to != NULL) {
    to = &(*to)->next;
  }
  *to = intern->buckets[last];
  if (intern->room > INTERN_BUCKETS_LEAST && intern->used <= intern->room / 4) {
    intern->room /= 2;
    intern->buckets = bc_mem_resize(intern->buckets, intern->room, sizeof(struct intern_entry *));
  }
}

static struct intern_entry *intern_entry_of(const char *text) {
  return (struct intern_entry *)(void *)((char *)(uintptr_t)text - offsetof(struct intern_entry, text));
}

struct bc_intern *bc_intern_new(void) {
  struct bc_intern *intern = bc_mem_new(1, sizeof *intern);
  intern->used = intern->whole = intern->room = INTERN_BUCKETS_LEAST;
  intern->buckets = bc_mem_new(intern->room, sizeof(struct intern_entry *));
  intern->seed = intern_seed();
  return intern;
}

void bc_intern_free(struct bc_intern *intern) {
  if (intern == NULL) {
    return;
  }
  for (size_t i = 0; i < intern->used; i++) {
    struct intern_entry *entry;
    while ((entry = intern->buckets[i]) != NULL) {
      intern->buckets[i] = entry->next;
      free(entry);
    }
  }
  free(intern->buckets);
  free(intern);
}

const char *bc_intern_get(struct bc_intern *intern, struct bc_str text) {
  struct intern_entry **at = intern_find(intern, text);
  struct intern_entry *entry = *at;
  if (entry != NULL) {
    entry->refs++;
    return entry->text;
  }
  entry = bc_mem_new(1, sizeof *entry + text.len + 1);
  entry->refs = 1;
  entry->len = (uint32_t)text.len;
  if (text.len > 0) {
    memcpy(entry->text, text.at, text.len);
  }
  *at = entry;
  intern->count++;
  if (intern->count > intern->used * INTERN_LOAD) {
    intern_split(intern);
  }
  return entry->text;
}

const char *bc_intern_ref(const char *text) {
  intern_entry_of(text)->refs++;
  return text;
}

void bc_intern_put(struct bc_intern *intern, const char *text) {
  if (text == NULL) {
    return;
  }
  struct intern_entry *entry = intern_entry_of(text);
  if (--entry->refs > 0) {
    return;
  }
  struct intern_entry **at = intern_bucket(intern, entry->text, entry->len);
  while (*at != entry) {
    at = &(*at)->next;
  }
  *at = entry->next;
  free(entry);
  intern->count--;
  if (intern->used > INTERN_BUCKETS_LEAST && intern->count < intern->used * INTERN_LOAD / 2) {
    intern_join(intern);
  }
}

size_t bc_intern_count(const struct bc_intern *intern) {
  return intern->count;
}
