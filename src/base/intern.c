#include "base/intern.h"

#include "base/mem.h"
#include "base/tree.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct intern_entry {
  RB_ENTRY(intern_entry) link;
  size_t refs;
  size_t len;
  char text[];
};

RB_HEAD(intern_tree, intern_entry);

struct bc_intern {
  struct intern_tree tree;
  size_t count;
};

static int intern_compare(const struct intern_entry *a, const struct intern_entry *b) {
  if (a->len != b->len) {
    return a->len < b->len ? -1 : 1;
  }
  return memcmp(a->text, b->text, a->len);
}

BC_TREE(intern_tree, intern_entry, link, intern_compare)

static struct intern_entry *intern_entry_of(const char *text) {
  return (struct intern_entry *)(void *)((char *)(uintptr_t)text - offsetof(struct intern_entry, text));
}

struct bc_intern *bc_intern_new(void) {
  return bc_mem_new(1, sizeof(struct bc_intern));
}

void bc_intern_free(struct bc_intern *intern) {
  if (intern == NULL) {
    return;
  }
  struct intern_entry *entry;
  while ((entry = RB_MIN(intern_tree, &intern->tree)) != NULL) {
    RB_REMOVE(intern_tree, &intern->tree, entry);
    free(entry);
  }
  free(intern);
}

const char *bc_intern_get(struct bc_intern *intern, struct bc_str text) {
  struct intern_entry *made = bc_mem_new(1, sizeof *made + text.len + 1);
  made->len = text.len;
  if (text.len > 0) {
    memcpy(made->text, text.at, text.len);
  }
  struct intern_entry *held = RB_INSERT(intern_tree, &intern->tree, made);
  if (held != NULL) {
    free(made);
    held->refs++;
    return held->text;
  }
  made->refs = 1;
  intern->count++;
  return made->text;
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
  if (--entry->refs == 0) {
    RB_REMOVE(intern_tree, &intern->tree, entry);
    intern->count--;
    free(entry);
  }
}

size_t bc_intern_count(const struct bc_intern *intern) {
  return intern->count;
}
