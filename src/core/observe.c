/* What becomes of commands: the rib tells it here, and here it is passed on to all who want to know. */
#include "core/private.h"

static void observe_on_event(void *arg, const struct bc_rib_event *event) {
  struct bc_core *core = arg;
  core_record_command(core, event);
  core_event_command(core, event);
}

void core_observe_open(struct bc_core *core) {
  bc_rib_observe(core->rib, observe_on_event, core);
}

void core_observe_close(struct bc_core *core) {
  bc_rib_observe(core->rib, NULL, NULL);
}
