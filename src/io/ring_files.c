#include "io/ring_files.h"

#include "base/mem.h"
#include "base/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void bc_ring_files_name(const char *name, uint64_t number, char text[static NAME_MAX + 1]) {
  (void)snprintf(text, NAME_MAX + 1, "%s.%" PRIu64, name, number);
}

static int ring_files_compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a;
  uint64_t y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* 0 when it is another file. */
static uint64_t ring_files_number(const char *file, const char *name) {
  size_t len = strlen(name);
  uint64_t number = 0;
  if (strncmp(file, name, len) != 0 || file[len] != '.' || file[len + 1] == '0' ||
      bc_str_to_u64(bc_str_of(file + len + 1), INT64_MAX, &number) != BC_ERR_OK) {
    return 0;
  }
  return number;
}

bool bc_ring_files_list(int directory, const char *name, uint64_t **numbers, size_t *count) {
  int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *all = fd < 0 ? NULL : fdopendir(fd);
  *numbers = NULL;
  *count = 0;
  if (all == NULL) {
    if (fd >= 0) {
      (void)close(fd);
    }
    return false;
  }
  const struct dirent *entry;
  size_t room = 0;
  while ((entry = readdir(all)) != NULL) {
    uint64_t number = ring_files_number(entry->d_name, name);
    if (number == 0) {
      continue;
    }
    if (*count == room) {
      room = room == 0 ? 16 : room * 2;
      *numbers = bc_mem_resize(*numbers, room, sizeof **numbers);
    }
    (*numbers)[(*count)++] = number;
  }
  (void)closedir(all);
  if (*count > 1) {
    qsort(*numbers, *count, sizeof **numbers, ring_files_compare);
  }
  return true;
}
