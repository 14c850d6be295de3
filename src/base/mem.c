#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void mem_exhausted(void) {
  static const char line[] = "bgpcommander: out of memory, ending this process\n";
  ssize_t ignored = write(STDERR_FILENO, line, sizeof line - 1);
  (void)ignored;
  abort();
}

void *bc_mem_new(size_t count, size_t size) {
  void *made = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
  if (made == NULL) {
    mem_exhausted();
  }
  return made;
}

void *bc_mem_resize(void *old, size_t count, size_t size) {
  if (size != 0 && count > SIZE_MAX / size) {
    mem_exhausted();
  }
  size_t bytes = count * size;
  void *made = realloc(old, bytes == 0 ? 1 : bytes);
  if (made == NULL) {
    mem_exhausted();
  }
  return made;
}

char *bc_mem_copy_text(const char *from, size_t len) {
  if (len == SIZE_MAX) {
    mem_exhausted();
  }
  char *made = bc_mem_new(len + 1, 1);
  if (len > 0) {
    memcpy(made, from, len);
  }
  return made;
}

char *bc_mem_copy_string(const char *from) {
  return from == NULL ? NULL : bc_mem_copy_text(from, strlen(from));
}
