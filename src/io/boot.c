#include "io/boot.h"

#include "base/mono.h"
#include "base/str.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void bc_boot_id_read(char id[static BC_BOOT_ID_BYTES]) {
  char text[BC_BOOT_ID_BYTES];
  int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) {
    (void)close(fd);
  }
  struct bc_str found = bc_str_trim((struct bc_str){.at = text, .len = got > 0 ? (size_t)got : 0});
  if (found.len > 0 && bc_str_is_printable(found)) {
    (void)snprintf(id, BC_BOOT_ID_BYTES, BC_STR_FMT, BC_STR_ARG(found));
  } else {
    (void)snprintf(id, BC_BOOT_ID_BYTES, "process %ld %" PRIx64, (long)getpid(), (uint64_t)bc_wall_now_ms());
  }
}
