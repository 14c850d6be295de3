/* Where the HTTP API listens. */
#include "model/listen.h"

#include "base/limits.h"
#include "model/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct bc_listen read_one(const char *text) {
  struct bc_listen listen = {0};
  assert_int_equal(bc_listen_parse(bc_str_of(text), &listen), BC_ERR_OK);
  return listen;
}

static void an_address_and_a_port_are_read(void **state) {
  (void)state;
  struct bc_listen listen = read_one("127.0.0.1:5000");
  assert_int_equal(listen.port, 5000);
  assert_false(listen.is_ipv6 || listen.is_unix);
  assert_memory_equal(listen.address, "\x7f\0\0\1", 4);
  listen = read_one("[2001:db8::1]:65535");
  assert_int_equal(listen.port, 65535);
  assert_true(listen.is_ipv6);
  listen = read_one("unix:/run/x.sock");
  assert_true(listen.is_unix);
  assert_true(bc_str_is(listen.path, "/run/x.sock"));
}

static void only_what_is_reached_from_here_alone_is_local(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool is_local, is_every;
  } cases[] = {{"127.0.0.1:1", true, false},   {"127.9.9.9:1", true, false},  {"[::1]:1", true, false},
               {"unix:/x", true, false},       {"0.0.0.0:1", false, true},    {"[::]:1", false, true},
               {"128.0.0.1:1", false, false},  {"[::2]:1", false, false},     {"[7f00:1::1]:1", false, false},
               {"10.127.0.1:1", false, false}, {"[::7f00:1]:1", false, false}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_listen listen = read_one(cases[i].text);
    assert_int_equal(bc_listen_is_local(&listen), cases[i].is_local);
    assert_int_equal(bc_listen_is_every(&listen), cases[i].is_every);
  }
}

static void what_is_no_place_to_listen_at_is_refused(void **state) {
  (void)state;
  static const char *const texts[] = {"",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      ":5000",
                                      "localhost:5000",
                                      "127.0.0.1:0",
                                      "127.0.0.1:65536",
                                      "::1:5000",
                                      "[::1]",
                                      "[::1]5000",
                                      "[127.0.0.1]:80",
                                      "[::1:5000",
                                      "::1]:5000",
                                      "127.0.0.1:5x",
                                      "unix:",
                                      "unix:/",
                                      "unix:x",
                                      "unix:/a\nb",
                                      "127.0.0.1:-1",
                                      "127.0.0.1 :80",
                                      "[fe80::1%eth0]:80",
                                      "http://a:1",
                                      "127.1:80",
                                      "0x7f.1:80",
                                      "127.0.0.1:80/x",
                                      "[]:80",
                                      "127.0.0.1:5 000"};
  struct bc_listen listen;
  char path[BC_LISTEN_PATH_BYTES + 8];
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    assert_int_not_equal(bc_listen_parse(bc_str_of(texts[i]), &listen), BC_ERR_OK);
  }
  (void)snprintf(path, sizeof path, "unix:/%0*d", BC_LISTEN_PATH_BYTES - 1, 0);
  assert_int_equal(bc_listen_parse(bc_str_of(path), &listen), BC_ERR_OK);
  (void)snprintf(path, sizeof path, "unix:/%0*d", BC_LISTEN_PATH_BYTES, 0);
  assert_int_equal(bc_listen_parse(bc_str_of(path), &listen), BC_ERR_RANGE);
}

static void a_list_has_no_place_twice_and_no_more_than_the_limit(void **state) {
  (void)state;
  char list[32 * BC_LIMIT_HTTP_LISTEN + 32] = "";
  assert_true(bc_listen_check_list(bc_str_of("127.0.0.1:1,[::1]:1,unix:/x")));
  assert_false(bc_listen_check_list(bc_str_of("127.0.0.1:1,127.0.0.1:1")));
  assert_false(bc_listen_check_list(bc_str_of("127.0.0.1:1,")));
  assert_false(bc_listen_check_list(bc_str_of("")));
  for (int i = 0; i < BC_LIMIT_HTTP_LISTEN; i++) {
    size_t len = strlen(list);
    (void)snprintf(list + len, sizeof list - len, "%s127.0.0.1:%d", i == 0 ? "" : ",", i + 1);
  }
  assert_true(bc_listen_check_list(bc_str_of(list)));
  (void)snprintf(list + strlen(list), sizeof list - strlen(list), ",127.0.0.1:999");
  assert_false(bc_listen_check_list(bc_str_of(list)));
}

static void the_node_file_may_repeat_it(void **state) {
  (void)state;
  char *const argv[] = {"bgpcommander", NULL};
  char *const environment[] = {NULL};
  struct bc_settings settings;
  struct bc_fault fault = {0};
  struct bc_str file = bc_str_of("http 127.0.0.1:5000\nhttp unix:/run/http.sock\n");
  assert_int_equal(bc_settings_parse(1, argv, environment, file, "host", &settings, &fault), BC_ERR_OK);
  assert_string_equal(settings.http, "127.0.0.1:5000,unix:/run/http.sock");
  bc_settings_release(&settings);
  file = bc_str_of("http 127.0.0.1:5000\nhttp 127.0.0.1:5000\n");
  assert_int_not_equal(bc_settings_parse(1, argv, environment, file, "host", &settings, &fault), BC_ERR_OK);
  assert_non_null(strstr(fault.text, "http: expected ADDRESS:PORT"));
  file = bc_str_of("http localhost:5000\n");
  assert_int_not_equal(bc_settings_parse(1, argv, environment, file, "host", &settings, &fault), BC_ERR_OK);
  assert_non_null(strstr(fault.text, ":1: http: expected ADDRESS:PORT"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_address_and_a_port_are_read),
      cmocka_unit_test(only_what_is_reached_from_here_alone_is_local),
      cmocka_unit_test(what_is_no_place_to_listen_at_is_refused),
      cmocka_unit_test(a_list_has_no_place_twice_and_no_more_than_the_limit),
      cmocka_unit_test(the_node_file_may_repeat_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
