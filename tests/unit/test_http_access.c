/* Which requests are taken at all, by their Host, Origin and Sec-Fetch-Site. */
#include "model/http_access.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bc_http_access *access_rules;

static int setup(void **state) {
  (void)state;
  access_rules = bc_http_access_new();
  return 0;
}

static int teardown(void **state) {
  (void)state;
  bc_http_access_free(access_rules);
  return 0;
}

static enum bc_http_access_answer judge(const char *host, const char *origin, const char *site, bool is_open) {
  struct bc_fault fault = {0};
  enum bc_http_access_answer answer = bc_http_access_judge(
      access_rules,
      &(struct bc_http_access_ask){.host = host, .origin = origin, .fetch_site = site, .is_open = is_open}, &fault);
  assert_int_equal(answer == BC_HTTP_ACCESS_ALLOWED, fault.text[0] == '\0');
  return answer;
}

static void assert_host(const char *host, enum bc_http_access_answer answer) {
  enum bc_http_access_answer found = judge(host, NULL, NULL, false);
  if (found != answer) {
    fail_msg("\"%s\": %u, expected %u", host == NULL ? "(none)" : host, bc_http_access_status(found),
             bc_http_access_status(answer));
  }
}

static void addresses_and_localhost_are_always_ours(void **state) {
  (void)state;
  static const char *const hosts[] = {"127.0.0.1",
                                      "127.0.0.1:5000",
                                      "192.0.2.7:80",
                                      "0.0.0.0:5000",
                                      "[::1]",
                                      "[::1]:5000",
                                      "[2001:db8::1]:443",
                                      "[2001:DB8:0:0:0:0:0:1]:443",
                                      "[::ffff:127.0.0.1]:80",
                                      "localhost",
                                      "localhost:5000",
                                      "LocalHost:5000",
                                      "localhost.",
                                      "localhost.:5000"};
  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
    assert_host(hosts[i], BC_HTTP_ACCESS_ALLOWED);
  }
}

/* A name whose DNS somebody points at 127.0.0.1 after the browser has loaded his page from it: the browser takes both
 * for one origin, the Host tells them apart. */
static void any_other_name_is_refused_against_dns_rebinding(void **state) {
  (void)state;
  static const char *const hosts[] = {"evil.example",
                                      "evil.example:5000",
                                      "localhost.evil.example",
                                      "127.0.0.1.evil.example",
                                      "localhostx",
                                      "xlocalhost",
                                      "local-host",
                                      "a",
                                      "127.0.0.1.nip.io:5000",
                                      "0x7f000001x",
                                      "bgp.example.net.evil.example",
                                      "evil.example."};
  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
    assert_host(hosts[i], BC_HTTP_ACCESS_OTHER_HOST);
  }
}

static const char *const no_hosts[] = {NULL,
                                       "",
                                       " ",
                                       ":",
                                       ":80",
                                       ".",
                                       "..",
                                       "localhost..",
                                       ".localhost",
                                       "localhost:",
                                       "localhost:0",
                                       "localhost:65536",
                                       "localhost:080000",
                                       "localhost:80a",
                                       "localhost:+80",
                                       "localhost: 80",
                                       "localhost :80",
                                       "localhost 127.0.0.1",
                                       "localhost,localhost",
                                       "localhost, 127.0.0.1",
                                       "127.0.0.1,evil.example",
                                       "user@localhost",
                                       "localhost@evil.example",
                                       "evil.example@127.0.0.1",
                                       "user:pass@localhost:80",
                                       "localhost/",
                                       "localhost/path",
                                       "localhost?x",
                                       "localhost#x",
                                       "localhost\\evil",
                                       "http://localhost",
                                       "//localhost",
                                       "127.1",
                                       "127.0.0.01",
                                       "127.0.0.256",
                                       "127.0.0.1.",
                                       "2130706433",
                                       "0177.0.0.1",
                                       "0x7f.0.0.1",
                                       "1.2.3.4.5",
                                       "::1",
                                       "::1:5000",
                                       "[::1",
                                       "::1]",
                                       "[::1]]",
                                       "[::1]5000",
                                       "[::1]:",
                                       "[::1]:x",
                                       "[]",
                                       "[]:80",
                                       "[127.0.0.1]",
                                       "[localhost]",
                                       "[::1%25lo]",
                                       "[fe80::1%eth0]:80",
                                       "[v1.fe80]",
                                       "-a.example",
                                       "a-.example",
                                       "a..example",
                                       "b\xc3\xbc.example",
                                       "local\thost",
                                       "localhost\r",
                                       "%6cocalhost",
                                       "*"};

static void what_is_no_host_is_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof no_hosts / sizeof no_hosts[0]; i++) {
    assert_host(no_hosts[i], BC_HTTP_ACCESS_BAD_HOST);
  }
  char text[400];
  memset(text, 'a', sizeof text);
  text[64] = '\0';
  assert_host(text, BC_HTTP_ACCESS_BAD_HOST); /* a label has 63 bytes at most */
  memset(text, 'a', sizeof text);
  for (size_t i = 50; i < 350; i += 50) {
    text[i] = '.';
  }
  text[254] = '\0';
  assert_host(text, BC_HTTP_ACCESS_BAD_HOST);
  text[253] = '\0';
  assert_host(text, BC_HTTP_ACCESS_OTHER_HOST);
}

static void names_of_the_node_file_are_ours_in_any_case_and_with_any_port(void **state) {
  (void)state;
  struct bc_fault fault;
  assert_int_equal(bc_http_access_add_list(access_rules, bc_str_of("bgp.Example.net,edge1, edge_2.internal."), &fault),
                   BC_ERR_OK);
  static const char *const hosts[] = {"bgp.example.net", "BGP.EXAMPLE.NET:443", "bgp.example.net.:8443", "edge1:5000",
                                      "edge_2.internal"};
  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
    assert_host(hosts[i], BC_HTTP_ACCESS_ALLOWED);
  }
  assert_host("www.bgp.example.net", BC_HTTP_ACCESS_OTHER_HOST);
  assert_host("example.net", BC_HTTP_ACCESS_OTHER_HOST);
  assert_host("edge11", BC_HTTP_ACCESS_OTHER_HOST);
}

static void a_name_of_the_node_file_is_a_name_alone(void **state) {
  (void)state;
  static const char *const names[] = {"",    " ",        "a:80", "10.0.0.1", "[::1]", "*.example.net",
                                      "a b", "http://a", "a/",   "1.2"};
  struct bc_fault fault;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    assert_int_equal(bc_http_access_add(access_rules, bc_str_of(names[i]), &fault), BC_ERR_SYNTAX);
    assert_non_null(strstr(fault.text, "expected a host's name without a port, such as bgp.example.net, found \""));
  }
  for (int i = 0; i < BC_LIMIT_HTTP_HOSTS; i++) {
    assert_int_equal(bc_http_access_add(access_rules, bc_str_of("a.example"), &fault), BC_ERR_OK);
  }
  assert_int_equal(bc_http_access_add(access_rules, bc_str_of("a.example"), &fault), BC_ERR_LIMIT);
}

static void assert_origin(const char *host, const char *origin, bool is_allowed) {
  enum bc_http_access_answer found = judge(host, origin, NULL, false);
  if (found != (is_allowed ? BC_HTTP_ACCESS_ALLOWED : BC_HTTP_ACCESS_FOREIGN)) {
    fail_msg("%s from %s: %u", host, origin, bc_http_access_status(found));
  }
}

static void only_the_own_page_may_ask_from_a_browser(void **state) {
  (void)state;
  assert_int_equal(bc_http_access_add(access_rules, bc_str_of("bgp.example.net"), NULL), BC_ERR_OK);
  assert_origin("127.0.0.1:5000", "http://127.0.0.1:5000", true);
  assert_origin("localhost:5000", "http://localhost:5000", true);
  assert_origin("localhost:5000", "http://LOCALHOST:5000", true);
  assert_origin("[::1]:5000", "http://[::1]:5000", true);
  assert_origin("[0:0::1]:5000", "http://[::1]:5000", true);
  /* Behind a proxy that speaks TLS: the port is the scheme's. */
  assert_origin("bgp.example.net", "https://bgp.example.net", true);
  assert_origin("bgp.example.net", "http://bgp.example.net", true);
  assert_origin("bgp.example.net:443", "https://bgp.example.net", true);
  assert_origin("bgp.example.net", "https://bgp.example.net:443", true);
  assert_origin("bgp.example.net:8443", "https://bgp.example.net:8443", true);

  static const char *const foreign[] = {"null",
                                        "",
                                        " ",
                                        "http://evil.example",
                                        "http://evil.example:5000",
                                        "http://127.0.0.1",
                                        "http://127.0.0.1:5001",
                                        "https://127.0.0.1",
                                        "http://localhost:5000",
                                        "http://127.0.0.1:5000/",
                                        "http://127.0.0.1:5000 http://evil.example",
                                        "http://127.0.0.1:5000,http://evil.example",
                                        "http://127.0.0.1:5000@evil.example",
                                        "http://evil.example@127.0.0.1:5000",
                                        "http://127.0.0.1:5000.evil.example",
                                        "http://127.1:5000",
                                        "http://2130706433:5000",
                                        "file://",
                                        "file://127.0.0.1:5000",
                                        "chrome-extension://abcdef",
                                        "HTTP://127.0.0.1:5000",
                                        "127.0.0.1:5000",
                                        "//127.0.0.1:5000",
                                        "http:127.0.0.1:5000",
                                        "http://",
                                        "http://[::ffff:127.0.0.1]:5000",
                                        "http://bgp.example.net:5000"};
  for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
    assert_origin("127.0.0.1:5000", foreign[i], false);
  }
  assert_origin("bgp.example.net", "https://bgp.example.net:8443", false);
  assert_origin("bgp.example.net:8443", "https://bgp.example.net", false);
  assert_origin("bgp.example.net:443", "http://bgp.example.net", false);
  assert_origin("bgp.example.net", "https://www.bgp.example.net", false);
}

/* Scheme and port differ only where the other end of a proxy cannot be known. */
static void an_origin_of_another_scheme_is_another_one_when_the_port_is_told(void **state) {
  (void)state;
  assert_origin("127.0.0.1:80", "http://127.0.0.1", true);
  assert_origin("127.0.0.1:80", "https://127.0.0.1", false);
  assert_origin("127.0.0.1:443", "https://127.0.0.1", true);
  assert_origin("127.0.0.1:443", "http://127.0.0.1", false);
}

static void what_the_browser_says_of_itself_counts_besides(void **state) {
  (void)state;
  static const struct {
    const char *origin, *site;
    bool is_allowed;
  } cases[] = {
      {NULL, NULL, true},
      {NULL, "same-origin", true},
      {NULL, "none", true},
      {NULL, "same-site", false},
      {NULL, "cross-site", false},
      {NULL, "", false},
      {NULL, "Same-Origin", false},
      {NULL, "none, cross-site", false},
      {"http://127.0.0.1:5000", "same-origin", true},
      {"http://127.0.0.1:5000", "cross-site", false},
      {"http://evil.example", "same-origin", false},
      {"http://evil.example", "none", false},
      {"null", "none", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    enum bc_http_access_answer found = judge("127.0.0.1:5000", cases[i].origin, cases[i].site, false);
    if ((found == BC_HTTP_ACCESS_ALLOWED) != cases[i].is_allowed) {
      fail_msg("%s, %s: %u", cases[i].origin, cases[i].site, bc_http_access_status(found));
    }
  }
}

/* A link to the page is followed from anywhere; but never under another name. */
static void what_is_public_may_be_linked_to(void **state) {
  (void)state;
  assert_int_equal(judge("127.0.0.1", "http://evil.example", "cross-site", true), BC_HTTP_ACCESS_ALLOWED);
  assert_int_equal(judge("127.0.0.1", NULL, "cross-site", true), BC_HTTP_ACCESS_ALLOWED);
  assert_int_equal(judge("evil.example", NULL, NULL, true), BC_HTTP_ACCESS_OTHER_HOST);
  assert_int_equal(judge("", NULL, NULL, true), BC_HTTP_ACCESS_BAD_HOST);
}

static void each_refusal_has_its_status_and_its_word(void **state) {
  (void)state;
  assert_int_equal(bc_http_access_status(BC_HTTP_ACCESS_BAD_HOST), 400);
  assert_int_equal(bc_http_access_status(BC_HTTP_ACCESS_OTHER_HOST), 421);
  assert_int_equal(bc_http_access_status(BC_HTTP_ACCESS_FOREIGN), 403);
  assert_string_equal(bc_http_access_code(BC_HTTP_ACCESS_FOREIGN), "foreign-origin");
  struct bc_fault fault;
  struct bc_http_access_ask ask = {.host = "evil.example"};
  (void)bc_http_access_judge(access_rules, &ask, &fault);
  assert_string_equal(fault.text,
                      "Host: \"evil.example\" is no name of this node: expected an address, localhost, or a "
                      "name that http_host of the node file lists");
  ask = (struct bc_http_access_ask){.host = "127.0.0.1", .origin = "http://evil.example"};
  (void)bc_http_access_judge(access_rules, &ask, &fault);
  assert_string_equal(fault.text, "Origin: http://evil.example: pages from elsewhere may not ask for this");
  ask = (struct bc_http_access_ask){.host = "127.0.0.1", .fetch_site = "cross-site"};
  (void)bc_http_access_judge(access_rules, &ask, &fault);
  assert_string_equal(fault.text, "Sec-Fetch-Site: cross-site: pages from elsewhere may not ask for this");
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(addresses_and_localhost_are_always_ours, setup, teardown),
      cmocka_unit_test_setup_teardown(any_other_name_is_refused_against_dns_rebinding, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_no_host_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(names_of_the_node_file_are_ours_in_any_case_and_with_any_port, setup, teardown),
      cmocka_unit_test_setup_teardown(a_name_of_the_node_file_is_a_name_alone, setup, teardown),
      cmocka_unit_test_setup_teardown(only_the_own_page_may_ask_from_a_browser, setup, teardown),
      cmocka_unit_test_setup_teardown(an_origin_of_another_scheme_is_another_one_when_the_port_is_told, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(what_the_browser_says_of_itself_counts_besides, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_public_may_be_linked_to, setup, teardown),
      cmocka_unit_test_setup_teardown(each_refusal_has_its_status_and_its_word, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
