/* The text of a node file: any bytes give settings or one printable line, and the limits in it judge any route. */
#include "model/guard.h"
#include "model/settings.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const routes[] = {
    "attributes next-hop self community [ 65000:1 no-export ] nlri 10.0.0.0/8 192.0.2.1",
    "route 2001:db8::/32 next-hop 2001:db8::1 large-community 1:2:3",
    "flow route { match { destination 192.0.2.0/24; } then { discard; extended-community target:1:1; } }",
    "vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1",
};

static void check_guard(const struct bc_settings *settings) {
  struct bc_intern *intern = bc_intern_new();
  struct bc_guard *guard = bc_guard_of(settings);
  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
    struct bc_route route;
    struct bc_fault fault = {0};
    if (bc_route_parse(intern, bc_str_of(routes[i]), &route, NULL) != BC_ERR_OK) {
      abort();
    }
    enum bc_guard_answer answer = bc_guard_judge(guard, &route, &fault);
    if ((answer == BC_GUARD_ALLOWS) != (fault.text[0] == '\0')) {
      abort();
    }
    bc_route_release(intern, &route);
  }
  bc_guard_free(guard);
  bc_intern_free(intern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char program[] = "bgpcommander";
  static char *const argv[] = {program, NULL};
  static char *const environment[] = {NULL};
  struct bc_settings settings;
  struct bc_fault fault = {0};
  struct bc_str file = {.at = (const char *)data, .len = size};
  enum bc_err err = bc_settings_parse(1, argv, environment, file, "host", &settings, &fault);
  if (err == BC_ERR_OK) {
    if (settings.workers < 1 || settings.workers > 64 || settings.node[0] == '\0' || settings.script_dir[0] != '/') {
      abort();
    }
    check_guard(&settings);
    bc_settings_release(&settings);
  } else if (fault.text[0] == '\0' || !bc_str_is_printable(bc_str_of(fault.text))) {
    abort();
  }
  return 0;
}
