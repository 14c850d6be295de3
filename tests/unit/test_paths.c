#include "io/paths.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { OTHER_USER = 65534, PATH_BYTES = 512 };

struct fixture {
  char folder[PATH_BYTES];
  char private[PATH_BYTES];
  struct bc_paths paths;
  struct bc_fault fault;
};

static int setup(void **state) {
  struct fixture *fixture = calloc(1, sizeof *fixture);
  assert_non_null(fixture);
  (void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/bc-paths-XXXXXX");
  assert_non_null(mkdtemp(fixture->folder));
  assert_int_equal(chmod(fixture->folder, 0777), 0);
  /* Not root: for it /var/lib could be made, and this is about the case that it cannot. */
  if (geteuid() == 0) {
    assert_int_equal(seteuid(OTHER_USER), 0);
  }
  (void)snprintf(fixture->private, sizeof fixture->private, "%.100s/bgpcommander-%u", fixture->folder,
                 (unsigned)geteuid());
  *state = fixture;
  return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where) {
  (void)info;
  (void)kind;
  (void)where;
  return remove(path);
}

static int teardown(void **state) {
  struct fixture *fixture = *state;
  bc_paths_release(&fixture->paths);
  if (getuid() == 0) {
    assert_int_equal(seteuid(0), 0);
  }
  assert_int_equal(nftw(fixture->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
  free(fixture);
  return 0;
}

static enum bc_err resolve(struct fixture *fixture, const char *node, const char *state_dir, const char *socket) {
  struct bc_paths_wish wish = {.node = node, .state_dir = state_dir, .socket = socket, .script_dir = fixture->folder};
  bc_paths_release(&fixture->paths);
  return bc_paths_resolve(&wish, &fixture->paths, &fixture->fault);
}

static void what_is_asked_for_is_taken_as_it_is(void **state) {
  struct fixture *fixture = *state;
  assert_int_equal(resolve(fixture, "n1", "/srv/state", "/srv/d.sock"), BC_ERR_OK);
  assert_string_equal(fixture->paths.state_dir, "/srv/state");
  assert_string_equal(fixture->paths.socket, "/srv/d.sock");
  assert_false(fixture->paths.is_fallback);
}

static void the_fallback_is_private_told_and_found_again(void **state) {
  struct fixture *fixture = *state;
  char expected[PATH_BYTES * 2];
  struct stat info;
  for (int round = 0; round < 2; round++) {
    assert_int_equal(resolve(fixture, "bc-test-node", NULL, NULL), BC_ERR_OK);
    (void)snprintf(expected, sizeof expected, "%s/bc-test-node", fixture->private);
    assert_string_equal(fixture->paths.state_dir, expected);
    assert_true(fixture->paths.is_fallback);
    assert_int_equal(stat(fixture->private, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(stat(expected, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
  }
}

static void assert_refused(struct fixture *fixture) {
  assert_int_equal(resolve(fixture, "bc-test-node", NULL, NULL), BC_ERR_REFUSED);
  assert_non_null(strstr(fixture->fault.text, fixture->private));
  assert_null(fixture->paths.state_dir);
}

static void a_private_directory_that_others_may_enter_is_refused(void **state) {
  struct fixture *fixture = *state;
  assert_int_equal(mkdir(fixture->private, 0700), 0);
  assert_int_equal(chmod(fixture->private, 0755), 0);
  assert_refused(fixture);
}

static void a_link_in_place_of_the_private_directory_is_refused(void **state) {
  struct fixture *fixture = *state;
  char target[PATH_BYTES];
  (void)snprintf(target, sizeof target, "%.100s/elsewhere", fixture->folder);
  assert_int_equal(mkdir(target, 0700), 0);
  assert_int_equal(symlink(target, fixture->private), 0);
  assert_refused(fixture);
}

static void a_private_directory_of_somebody_else_is_refused(void **state) {
  struct fixture *fixture = *state;
  if (getuid() != 0) {
    skip();
  }
  assert_int_equal(seteuid(0), 0);
  assert_int_equal(mkdir(fixture->private, 0700), 0);
  assert_int_equal(seteuid(OTHER_USER), 0);
  assert_refused(fixture);
}

static void a_socket_path_that_is_too_long_is_refused_or_shortened(void **state) {
  struct fixture *fixture = *state;
  char name[130];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  char path[140];
  (void)snprintf(path, sizeof path, "/%s", name);
  assert_int_equal(resolve(fixture, "n1", "/srv/state", path), BC_ERR_RANGE);
  assert_non_null(strstr(fixture->fault.text, "130 bytes, at most 107"));
  name[128] = '\0';
  assert_int_equal(resolve(fixture, name, "/srv/state", NULL), BC_ERR_OK);
  assert_string_equal(fixture->paths.socket, "/srv/state/sock");
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_is_asked_for_is_taken_as_it_is, setup, teardown),
      cmocka_unit_test_setup_teardown(the_fallback_is_private_told_and_found_again, setup, teardown),
      cmocka_unit_test_setup_teardown(a_private_directory_that_others_may_enter_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_link_in_place_of_the_private_directory_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_private_directory_of_somebody_else_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_socket_path_that_is_too_long_is_refused_or_shortened, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
