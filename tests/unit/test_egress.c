/* Where checks may connect to. */
#include "model/egress.h"

#include "base/limits.h"
#include "model/address.h"
#include "model/prefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct bc_egress *egress;

static int start(void **state) {
  (void)state;
  egress = bc_egress_new();
  return 0;
}

static int stop(void **state) {
  (void)state;
  bc_egress_free(egress);
  return 0;
}

static void add(enum bc_egress_kind kind, const char *text) {
  struct bc_fault fault = {0};
  assert_int_equal(bc_egress_add(egress, kind, bc_str_of(text), &fault), BC_ERR_OK);
  assert_string_equal(fault.text, "");
}

static enum bc_err judge(const char *address, uint16_t port, struct bc_fault *fault) {
  uint8_t bytes[16];
  bool is_ipv6;
  assert_true(bc_address_parse(bc_str_of(address), bytes, &is_ipv6));
  return bc_egress_judge(egress, bytes, is_ipv6, port, fault);
}

static void assert_allowed(const char *address, uint16_t port) {
  struct bc_fault fault = {0};
  enum bc_err err = judge(address, port, &fault);
  assert_string_equal(fault.text, "");
  assert_int_equal(err, BC_ERR_OK);
}

static void assert_denied(const char *address, uint16_t port, const char *text) {
  struct bc_fault fault = {0};
  assert_int_equal(judge(address, port, &fault), BC_ERR_REFUSED);
  assert_string_equal(fault.text, text);
}

static void link_local_multicast_unspecified_and_broadcast_are_denied_by_default(void **state) {
  (void)state;
  assert_denied("169.254.169.254", 80, "egress denied: 169.254.169.254 port 80 is link-local");
  assert_denied("169.254.0.0", 0, "egress denied: 169.254.0.0 is link-local");
  assert_denied("fe80::1", 53, "egress denied: fe80::1 port 53 is link-local");
  assert_denied("febf::1", 53, "egress denied: febf::1 port 53 is link-local");
  assert_denied("224.0.0.1", 1, "egress denied: 224.0.0.1 port 1 is multicast");
  assert_denied("239.255.255.255", 65535, "egress denied: 239.255.255.255 port 65535 is multicast");
  assert_denied("ff02::1", 1, "egress denied: ff02::1 port 1 is multicast");
  assert_denied("0.0.0.0", 80, "egress denied: 0.0.0.0 port 80 is the unspecified address");
  assert_denied("::", 80, "egress denied: :: port 80 is the unspecified address");
  assert_denied("255.255.255.255", 67, "egress denied: 255.255.255.255 port 67 is the broadcast address");
}

static void all_else_is_allowed_by_default(void **state) {
  (void)state;
  static const char *const addresses[] = {
      "169.253.255.255", "169.255.0.0", "223.255.255.255", "240.0.0.1", "255.255.255.254", "127.0.0.1", "0.0.0.1",
      "10.0.0.1",        "::1",         "2001:db8::1",     "fec0::1",   "fe7f:ffff::1"};
  for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
    assert_allowed(addresses[i], 80);
    assert_allowed(addresses[i], 0);
  }
}

static void an_etcd_endpoint_is_denied_with_its_port_only(void **state) {
  (void)state;
  add(BC_EGRESS_ETCD, "10.0.0.1:2379");
  add(BC_EGRESS_ETCD, "[2001:db8::1]:2379");
  add(BC_EGRESS_LISTENER, "10.0.0.9:8080-8081");
  assert_denied("10.0.0.1", 2379, "egress denied: 10.0.0.1 port 2379 is an etcd endpoint");
  assert_denied("2001:db8::1", 2379, "egress denied: 2001:db8::1 port 2379 is an etcd endpoint");
  assert_denied("10.0.0.9", 8081, "egress denied: 10.0.0.9 port 8081 is a listener of bgpcommander");
  assert_allowed("10.0.0.1", 2378);
  assert_allowed("10.0.0.1", 2380);
  assert_allowed("10.0.0.1", 0);
  assert_allowed("10.0.0.2", 2379);
  assert_allowed("2001:db8::2", 2379);
  assert_allowed("10.0.0.9", 8082);
}

static void what_we_have_on_loopback_is_denied_on_all_of_loopback(void **state) {
  (void)state;
  add(BC_EGRESS_ETCD, "127.0.0.1:2379");
  add(BC_EGRESS_LISTENER, "[::1]:8080");
  assert_denied("127.0.0.2", 2379, "egress denied: 127.0.0.2 port 2379 is an etcd endpoint");
  assert_denied("::1", 2379, "egress denied: ::1 port 2379 is an etcd endpoint");
  assert_denied("127.255.255.255", 8080, "egress denied: 127.255.255.255 port 8080 is a listener of bgpcommander");
  assert_denied("::ffff:127.0.0.1", 2379,
                "egress denied: ::ffff:127.0.0.1 port 2379 carries 127.0.0.1, which is an etcd endpoint");
  assert_allowed("127.0.0.1", 80);
  assert_allowed("128.0.0.1", 2379);
}

static void an_address_that_carries_a_denied_one_is_denied(void **state) {
  (void)state;
  static const char *const carriers[] = {
      "::ffff:169.254.169.254",             /* mapped */
      "::169.254.169.254",                  /* compatible */
      "::ffff:0:169.254.169.254",           /* translated */
      "2002:a9fe:a9fe::1",                  /* 6to4 */
      "64:ff9b::169.254.169.254",           /* NAT64 */
      "64:ff9b:1::169.254.169.254",         /* NAT64 of a site, /96 */
      "64:ff9b:1:0:a9:fea9:fe00:0",         /* /64 */
      "64:ff9b:1:a9:fe:a9fe::",             /* /56 */
      "64:ff9b:1:a9fe:a9:fe00::",           /* /48 */
      "2001:0:a9fe:a9fe::1",                /* Teredo server */
      "2001:0:808:808::5601:5601",          /* Teredo client: inverted */
      "2001:db8::5efe:169.254.169.254",     /* ISATAP */
      "2001:db8::200:5efe:169.254.169.254", /* ISATAP of a unique address */
  };
  for (size_t i = 0; i < sizeof carriers / sizeof carriers[0]; i++) {
    struct bc_fault fault = {0};
    assert_int_equal(judge(carriers[i], 80, &fault), BC_ERR_REFUSED);
    assert_non_null(strstr(fault.text, " port 80 carries 169.254.169.254, which is link-local"));
  }
}

static void an_address_that_carries_a_harmless_one_is_allowed(void **state) {
  (void)state;
  static const char *const carriers[] = {
      "::ffff:10.0.0.1", "2002:a00:1::1", "64:ff9b::10.0.0.1", "64:ff9b:1::10.0.0.1",
      /* 10.0.0.224 and 10.0.0.0 by a /64: its last byte and three zeros are no address */
      "64:ff9b:1:0:a:0:e000:0", "64:ff9b:1:0:a::", "2001:db8::a9fe:a9fe", "2001:1::a9fe:a9fe"};
  for (size_t i = 0; i < sizeof carriers / sizeof carriers[0]; i++) {
    assert_allowed(carriers[i], 80);
  }
}

static void denied_by_the_file_also_where_it_is_carried(void **state) {
  (void)state;
  add(BC_EGRESS_DENY, "10.0.0.0/8:25");
  assert_denied("10.1.2.3", 25, "egress denied: 10.1.2.3 port 25 is denied by egress_deny 10.0.0.0/8:25");
  assert_denied(
      "64:ff9b::10.1.2.3", 25,
      "egress denied: 64:ff9b::a01:203 port 25 carries 10.1.2.3, which is denied by egress_deny 10.0.0.0/8:25");
  assert_allowed("10.1.2.3", 26);
}

static void a_carrier_passes_only_if_both_pass(void **state) {
  (void)state;
  add(BC_EGRESS_DENY, "::/0");
  add(BC_EGRESS_ALLOW, "10.0.0.0/8");
  assert_allowed("10.0.0.1", 80);
  assert_denied("::ffff:10.0.0.1", 80, "egress denied: ::ffff:10.0.0.1 port 80 is denied by egress_deny ::/0");
}

static void allowing_everything_opens_nothing_that_is_denied_by_default(void **state) {
  (void)state;
  add(BC_EGRESS_ETCD, "10.0.0.1:2379");
  add(BC_EGRESS_ALLOW, "0.0.0.0/0");
  add(BC_EGRESS_ALLOW, "::/0");
  add(BC_EGRESS_ALLOW, "10.0.0.1");
  assert_denied("169.254.1.1", 80, "egress denied: 169.254.1.1 port 80 is link-local");
  assert_denied("fe80::1", 80, "egress denied: fe80::1 port 80 is link-local");
  assert_denied("10.0.0.1", 2379, "egress denied: 10.0.0.1 port 2379 is an etcd endpoint");
}

static void the_file_opens_what_is_denied_by_default_by_naming_it(void **state) {
  (void)state;
  add(BC_EGRESS_ETCD, "10.0.0.1:2379");
  add(BC_EGRESS_ETCD, "127.0.0.1:2379");
  add(BC_EGRESS_ALLOW, "10.0.0.1:2379");
  add(BC_EGRESS_ALLOW, "127.0.0.1:2379");
  add(BC_EGRESS_ALLOW, "169.254.10.1:80");
  add(BC_EGRESS_ALLOW, "fe80::/10");
  assert_allowed("10.0.0.1", 2379);
  assert_allowed("127.0.0.1", 2379);
  assert_denied("127.0.0.2", 2379, "egress denied: 127.0.0.2 port 2379 is an etcd endpoint");
  assert_allowed("169.254.10.1", 80);
  assert_denied("169.254.10.1", 81, "egress denied: 169.254.10.1 port 81 is link-local");
  assert_allowed("fe80::1", 80);
}

static void the_longest_prefix_decides_then_the_fewest_ports_then_deny(void **state) {
  (void)state;
  add(BC_EGRESS_DENY, "0.0.0.0/0");
  add(BC_EGRESS_ALLOW, "10.0.0.0/8");
  add(BC_EGRESS_DENY, "10.1.0.0/16:1-1000");
  add(BC_EGRESS_ALLOW, "10.1.0.0/16:80-81");
  add(BC_EGRESS_ALLOW, "10.1.0.0/16:443");
  add(BC_EGRESS_DENY, "10.1.0.0/16:443");
  assert_denied("192.0.2.1", 80, "egress denied: 192.0.2.1 port 80 is denied by egress_deny 0.0.0.0/0");
  assert_allowed("10.2.0.1", 80);
  assert_denied("10.1.0.1", 79, "egress denied: 10.1.0.1 port 79 is denied by egress_deny 10.1.0.0/16:1-1000");
  assert_allowed("10.1.0.1", 80);
  assert_allowed("10.1.0.1", 81);
  assert_denied("10.1.0.1", 443, "egress denied: 10.1.0.1 port 443 is denied by egress_deny 10.1.0.0/16:443");
  assert_allowed("10.1.0.1", 1001);
  assert_allowed("10.1.0.1", 0);
}

static void every_form_of_a_rule_is_understood_and_printed_canonically(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *printed;
  } cases[] = {{"10.0.0.1", "10.0.0.1"},
               {"10.0.0.1/32", "10.0.0.1"},
               {"10.0.0.0/8", "10.0.0.0/8"},
               {"10.0.0.1:80", "10.0.0.1:80"},
               {"10.0.0.0/8:80-90", "10.0.0.0/8:80-90"},
               {"10.0.0.0/8:80-80", "10.0.0.0/8:80"},
               {"0.0.0.0/0:1-65535", "0.0.0.0/0:1-65535"},
               {"2001:DB8::/32", "2001:db8::/32"},
               {"[2001:db8::/32]", "2001:db8::/32"},
               {"2001:db8::1", "2001:db8::1"},
               {"2001:db8::1:80", "2001:db8::1:80"},
               {"[2001:db8::1]:80", "[2001:db8::1]:80"},
               {"[2001:db8::/32]:80-90", "[2001:db8::/32]:80-90"},
               {"2001:db8::/32:80", "[2001:db8::/32]:80"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_egress *one = bc_egress_new();
    struct bc_fault fault = {0};
    struct bc_buf text;
    char wanted[128];
    bc_buf_init(&text, 1024);
    assert_int_equal(bc_egress_add(one, BC_EGRESS_ALLOW, bc_str_of(cases[i].text), &fault), BC_ERR_OK);
    bc_egress_print(one, &text);
    (void)snprintf(wanted, sizeof wanted, "egress_allow %s\n", cases[i].printed);
    assert_string_equal(text.data, wanted);
    bc_buf_free(&text);
    bc_egress_free(one);
  }
}

static void what_is_no_rule_is_refused_with_what_was_expected(void **state) {
  (void)state;
  static const char form[] =
      "expected PREFIX, PREFIX:PORT or PREFIX:PORT-PORT such as 10.0.0.0/8:80-90 or [2001:db8::/32]:443, found ";
  static const char ports[] = "expected a port or PORT-PORT from 1 to 65535 behind the prefix, found ";
  static const struct {
    const char *text;
    const char *expected;
    enum bc_err err;
  } cases[] = {{"10.0.0.1:", ports, BC_ERR_RANGE},
               {"10.0.0.1:0", ports, BC_ERR_RANGE},
               {"10.0.0.1:65536", ports, BC_ERR_RANGE},
               {"10.0.0.1:90-80", ports, BC_ERR_RANGE},
               {"10.0.0.1:80-", ports, BC_ERR_RANGE},
               {"10.0.0.1:-80", ports, BC_ERR_RANGE},
               {"10.0.0.1:80-90-100", ports, BC_ERR_RANGE},
               {"10.0.0.1:http", ports, BC_ERR_RANGE},
               {"[2001:db8::1", form, BC_ERR_SYNTAX},
               {"[2001:db8::1]80", form, BC_ERR_SYNTAX},
               {"[2001:db8::1]/64", form, BC_ERR_SYNTAX},
               {"[10.0.0.1]:80", form, BC_ERR_SYNTAX},
               {"10.0.0.0/33", "expected a prefix length from 0 to 32, found ", BC_ERR_RANGE},
               {"::/129", "expected a prefix length from 0 to 128, found ", BC_ERR_RANGE},
               {"10.0.0.1/8", "expected no host bits, as in 10.0.0.0/8, found ", BC_ERR_CONFLICT},
               {"[fe80::1/10]:1", "expected no host bits, as in fe80::/10, found ", BC_ERR_CONFLICT}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_fault fault = {0};
    assert_int_equal(bc_egress_add(egress, BC_EGRESS_DENY, bc_str_of(cases[i].text), &fault), cases[i].err);
    assert_memory_equal(fault.text, cases[i].expected, strlen(cases[i].expected));
    assert_non_null(strstr(fault.text, cases[i].text));
  }
  static const char *const others[] = {"", ":80", "host:80", "10.0.0/8", "fe80::1%eth0", "/8", "10.0.0.1 :80"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    struct bc_fault fault = {0};
    assert_int_not_equal(bc_egress_add(egress, BC_EGRESS_DENY, bc_str_of(others[i]), &fault), BC_ERR_OK);
    assert_memory_equal(fault.text, "expected ", 9);
  }
}

static void a_list_of_rules_has_commas_between_them(void **state) {
  (void)state;
  struct bc_fault fault = {0};
  struct bc_str nothing = {0};
  assert_int_equal(bc_egress_add_list(egress, BC_EGRESS_DENY, nothing, &fault), BC_ERR_OK);
  assert_int_equal(bc_egress_add_list(egress, BC_EGRESS_DENY, bc_str_of("10.0.0.1:80, 10.0.0.2"), &fault), BC_ERR_OK);
  assert_denied("10.0.0.2", 1, "egress denied: 10.0.0.2 port 1 is denied by egress_deny 10.0.0.2");
  assert_int_equal(bc_egress_check_list(bc_str_of("10.0.0.1,::1"), &fault), BC_ERR_OK);
  assert_int_equal(bc_egress_check_list(bc_str_of("10.0.0.1,"), &fault), BC_ERR_SYNTAX);
  assert_int_equal(bc_egress_check_list(nothing, &fault), BC_ERR_SYNTAX);
}

static void rules_are_bounded_for_the_file_and_for_us_apart(void **state) {
  (void)state;
  struct bc_fault fault = {0};
  char text[32];
  for (int i = 0; i < BC_LIMIT_EGRESS_RULES; i++) {
    (void)snprintf(text, sizeof text, "10.0.%d.%d", i / 256, i % 256);
    add(i % 2 == 0 ? BC_EGRESS_DENY : BC_EGRESS_ALLOW, text);
    add(i % 2 == 0 ? BC_EGRESS_ETCD : BC_EGRESS_LISTENER, text);
  }
  add(BC_EGRESS_DENY, "10.0.0.0"); /* is there */
  assert_int_equal(bc_egress_add(egress, BC_EGRESS_ALLOW, bc_str_of("10.9.9.9"), &fault), BC_ERR_LIMIT);
  assert_string_equal(fault.text, "expected at most 256 egress rules");
  assert_int_equal(bc_egress_add(egress, BC_EGRESS_ETCD, bc_str_of("10.9.9.9:1"), &fault), BC_ERR_LIMIT);
}

static void another_process_judges_by_the_printed_rules_as_we_do(void **state) {
  (void)state;
  add(BC_EGRESS_ETCD, "127.0.0.1:2379");
  add(BC_EGRESS_LISTENER, "10.0.0.9:80");
  add(BC_EGRESS_ALLOW, "169.254.10.0/24:53");
  add(BC_EGRESS_DENY, "[2001:db8::/32]:1-1023");
  struct bc_buf text;
  struct bc_buf again;
  bc_buf_init(&text, 4096);
  bc_buf_init(&again, 4096);
  bc_egress_print(egress, &text);
  assert_string_equal(text.data, "etcd [::1]:2379\nlistener 10.0.0.9:80\negress_deny [2001:db8::/32]:1-1023\n"
                                 "egress_allow 169.254.10.0/24:53\netcd 127.0.0.0/8:2379\n");
  struct bc_egress *other = bc_egress_new();
  struct bc_fault fault = {0};
  assert_int_equal(bc_egress_read(other, bc_buf_str(&text), &fault), BC_ERR_OK);
  bc_egress_print(other, &again);
  assert_string_equal(again.data, text.data);
  assert_int_equal(bc_egress_read(other, bc_str_of("link-local 10.0.0.1\n"), &fault), BC_ERR_SYNTAX);
  assert_string_equal(fault.text, "expected egress_allow, egress_deny, etcd or listener, found \"link-local\"");
  bc_egress_free(other);
  bc_buf_free(&text);
  bc_buf_free(&again);
}

static struct bc_prefix prefix_of(const char *text) {
  struct bc_prefix prefix;
  const char *expected = NULL;
  assert_int_equal(bc_prefix_parse(bc_str_of(text), &prefix, &expected), BC_ERR_OK);
  return prefix;
}

static void prefixes_contain_by_bits_and_never_across_families(void **state) {
  (void)state;
  static const struct {
    const char *outer;
    const char *inner;
    bool wanted;
  } cases[] = {{"10.0.0.0/9", "10.127.0.0/16", true},
               {"10.0.0.0/9", "10.128.0.0/16", false},
               {"0.0.0.0/0", "255.1.2.3", true},
               {"10.0.0.0/24", "10.0.0.0/23", false},
               {"0.0.0.0/0", "::", false},
               {"::/0", "0.0.0.0", false},
               {"2001:db8::/33", "2001:db8:8000::1", false},
               {"2001:db8::1", "2001:db8::1", true}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_prefix outer = prefix_of(cases[i].outer);
    struct bc_prefix inner = prefix_of(cases[i].inner);
    assert_int_equal(bc_prefix_contains(&outer, &inner), cases[i].wanted);
  }
}

static void an_endpoint_leads_to_its_host_and_port(void **state) {
  (void)state;
  static const struct {
    const char *url, *host;
    uint16_t port;
  } cases[] = {
      {"http://127.0.0.1:2379", "127.0.0.1", 2379},
      {"http://etcd.example", "etcd.example", 80},
      {"https://etcd.example/", "etcd.example", 443},
      {"https://[2001:db8::1]:2379/v3", "2001:db8::1", 2379},
      {"http://[::1]", "::1", 80},
      {"http://user:pass@10.0.0.1:4001", "10.0.0.1", 4001},
      {"http://a@b@c:1?x:2", "c", 1},
      {"http://host:", "host", 80},
  };
  static const char *const others[] = {
      "file:///etc", "http://",   "http://:80", "http://[::1", "http://a:0", "http://a:65536",
      "http://a:x",  "etcd:2379", "",           "http://user@"};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_str host;
    uint16_t port;
    assert_true(bc_egress_read_endpoint(bc_str_of(cases[i].url), &host, &port));
    assert_true(bc_str_is(host, cases[i].host));
    assert_int_equal(port, cases[i].port);
  }
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    struct bc_str host;
    uint16_t port;
    assert_false(bc_egress_read_endpoint(bc_str_of(others[i]), &host, &port));
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_endpoint_leads_to_its_host_and_port),
      TEST(link_local_multicast_unspecified_and_broadcast_are_denied_by_default),
      TEST(all_else_is_allowed_by_default),
      TEST(an_etcd_endpoint_is_denied_with_its_port_only),
      TEST(what_we_have_on_loopback_is_denied_on_all_of_loopback),
      TEST(an_address_that_carries_a_denied_one_is_denied),
      TEST(an_address_that_carries_a_harmless_one_is_allowed),
      TEST(denied_by_the_file_also_where_it_is_carried),
      TEST(a_carrier_passes_only_if_both_pass),
      TEST(allowing_everything_opens_nothing_that_is_denied_by_default),
      TEST(the_file_opens_what_is_denied_by_default_by_naming_it),
      TEST(the_longest_prefix_decides_then_the_fewest_ports_then_deny),
      TEST(every_form_of_a_rule_is_understood_and_printed_canonically),
      TEST(what_is_no_rule_is_refused_with_what_was_expected),
      TEST(a_list_of_rules_has_commas_between_them),
      TEST(rules_are_bounded_for_the_file_and_for_us_apart),
      TEST(another_process_judges_by_the_printed_rules_as_we_do),
      TEST(prefixes_contain_by_bits_and_never_across_families),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
