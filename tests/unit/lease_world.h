/* Shortcuts for the tests of model/lease: one table, its file, and a time that the test says. */
#ifndef TESTS_UNIT_LEASE_WORLD_H
#define TESTS_UNIT_LEASE_WORLD_H

#include "base/mem.h"
#include "model/lease.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { MINUTE = 60000, HOUR = 60 * MINUTE };

struct fixture {
  struct bc_leases *leases;
  struct bc_buf file;
  struct bc_lease_time now;
};

static struct fixture *world;

__attribute__((unused)) static void world_new_table(void) {
  bc_leases_free(world->leases);
  world->leases = bc_leases_new();
}

__attribute__((unused)) static int setup(void **state) {
  world = calloc(1, sizeof *world);
  bc_buf_init(&world->file, 1U << 26);
  world->now = (struct bc_lease_time){.wall_ms = 1700000000000, .boot_ms = 1000000, .boot_id = "one"};
  world_new_table();
  bc_leases_move(world->leases, &world->now);
  bc_leases_print(world->leases, &world->file);
  *state = world;
  return 0;
}

__attribute__((unused)) static int teardown(void **state) {
  (void)state;
  bc_leases_free(world->leases);
  bc_buf_free(&world->file);
  free(world);
  return 0;
}

__attribute__((unused)) static void tick(int64_t ms) {
  world->now.wall_ms += ms;
  world->now.boot_ms += ms;
  bc_leases_move(world->leases, &world->now);
}

__attribute__((unused)) static void boot(const char *id, int64_t wall_ms) {
  world->now.wall_ms += wall_ms;
  world->now.boot_ms = 5000;
  (void)snprintf(world->now.boot_id, sizeof world->now.boot_id, "%s", id);
}

__attribute__((unused)) static struct bc_lease_load load_text(struct bc_str text) {
  struct bc_lease_load load;
  world_new_table();
  char *copy = bc_mem_copy_text(text.at, text.len);
  bc_leases_load(world->leases, (struct bc_str){copy, text.len}, &world->now, &load);
  free(copy);
  return load;
}

/* As core does: the file tells at once how late it was. */
__attribute__((unused)) static struct bc_lease_load reload(void) {
  struct bc_lease_load load = load_text(bc_buf_str(&world->file));
  if (load.damaged == 0 && !load.is_other) {
    bc_leases_tell_clock(world->leases, &world->file);
  }
  return load;
}

__attribute__((unused)) static struct bc_lease *put_as(const char *name, const char *text, uint64_t ttl_ms,
                                                       bool keeps_identity) {
  struct bc_lease_ask ask = {.name = name,
                             .text = text,
                             .owner = "token t",
                             .reason = "why \"not\"",
                             .source = "a test",
                             .ttl_ms = ttl_ms,
                             .keeps_identity = keeps_identity};
  struct bc_lease *made;
  assert_int_equal(bc_leases_make(world->leases, &ask, &made, &world->file), BC_ERR_OK);
  bc_leases_commit(world->leases, made);
  return made;
}

__attribute__((unused)) static struct bc_lease *put(const char *name, uint64_t ttl_ms) {
  return put_as(name, "route 192.0.2.0/24 next-hop self", ttl_ms, true);
}

__attribute__((unused)) static uint64_t left(const char *name) {
  struct bc_lease *lease = bc_leases_find(world->leases, name);
  assert_non_null(lease);
  return bc_lease_left_ms(world->leases, lease);
}

__attribute__((unused)) static void removed(const char *name) {
  bc_leases_leave(world->leases, bc_leases_find(world->leases, name), &world->file);
}

#define LEASE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
