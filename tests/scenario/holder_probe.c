/* A holder over any program, for test_holder.py: holder_probe PROGRAM ARGS…, or with --idle in place of
 * PROGRAM. As core (when PROGRAM cannot be run) it says so in BGPCOMMANDER_PROBE_FILE. */
#include "holder/holder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2) {
    return 2;
  }
  if (strcmp(argv[1], "@core") == 0) {
    const char *path = getenv("BGPCOMMANDER_PROBE_FILE");
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT, 0600);
    char byte;
    while (fd >= 0 && read(STDIN_FILENO, &byte, 1) > 0) {
    }
    _exit(0);
  }
  struct bc_holder_options options = {.program = argv[1],
                                      .argv = argv + 1,
                                      .state_dir = getenv("BGPCOMMANDER_STATE_DIR"),
                                      .is_idle = strcmp(argv[1], "--idle") == 0,
                                      .reason = "the reason"};
  /* A process that cannot be traced has no leak check at its end. */
  _exit(bc_holder_run(&options));
}
