#include "base/limits.h"
#include "io/web.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void urls_are_taken_apart(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *canonical; /* NULL: refused */
    const char *host;
    unsigned port;
  } samples[] = {
      {"http://www.test", "http://www.test/", "www.test", 80},
      {"https://WWW.Test:443/a?b#c", "https://WWW.Test:443/a?b", "www.test", 443},
      {"HTTP://www.test:8080/%41", "http://www.test:8080/%41", "www.test", 8080},
      {"http://[2001:DB8:0::1]/", "http://[2001:db8::1]/", "2001:db8::1", 80},
      {"http://[::ffff:10.0.0.1]:81/", "http://[::ffff:10.0.0.1]:81/", "::ffff:10.0.0.1", 81},
      {"http://2130706433/", "http://127.0.0.1/", "127.0.0.1", 80},
      {"http://0x7f.1/", "http://127.0.0.1/", "127.0.0.1", 80},
      {"http://user:pass@www.test/", "http://user:pass@www.test/", "www.test", 80},
      {"www.test", NULL, NULL, 0},
      {"ftp://www.test/", NULL, NULL, 0},
      {"file:///etc/passwd", NULL, NULL, 0},
      {"http:///a", "http://a/", "a", 80},
      {"http://www.test:0/", NULL, NULL, 0},
      {"http://www.test:65536/", NULL, NULL, 0},
      {"http://www.test/a b", NULL, NULL, 0},
      {"http://www.test/\xc3\xa4", NULL, NULL, 0},
      {"http://www.test/\r\nHost: x", NULL, NULL, 0},
      {"http://[fe80::1%25eth0]/", NULL, NULL, 0},
      {"http://[fe80::1%eth0]/", NULL, NULL, 0},
      {"http://%0d%0a/", NULL, NULL, 0},
      {"", NULL, NULL, 0},
  };
  for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
    struct bc_web_url url;
    struct bc_fault fault = {0};
    enum bc_err err = bc_web_url_parse(bc_str_of(samples[i].text), &url, &fault);
    if (samples[i].canonical == NULL) {
      if (err == BC_ERR_OK) {
        fail_msg("%s is taken as %s", samples[i].text, url.text);
      }
      assert_true(fault.text[0] != '\0');
      assert_null(url.text);
    } else {
      assert_string_equal(fault.text, "");
      assert_int_equal(err, BC_ERR_OK);
      assert_string_equal(url.text, samples[i].canonical);
      assert_string_equal(url.host, samples[i].host);
      assert_int_equal(url.port, samples[i].port);
      assert_int_equal(url.is_tls, samples[i].canonical[4] == 's');
    }
    bc_web_url_free(&url);
  }
}

static void a_long_url_is_refused(void **state) {
  (void)state;
  struct bc_buf text;
  struct bc_web_url url;
  struct bc_fault fault;
  bc_buf_init(&text, 100000);
  bc_buf_add_format(&text, "http://w/%0*d", (int)BC_LIMIT_WEB_URL_BYTES - 9, 0);
  assert_int_equal(bc_web_url_parse(bc_buf_str(&text), &url, &fault), BC_ERR_OK);
  bc_web_url_free(&url);
  bc_buf_add_char(&text, '0');
  assert_int_equal(bc_web_url_parse(bc_buf_str(&text), &url, &fault), BC_ERR_LIMIT);
  assert_string_equal(fault.text, "expected a URL of at most 8192 bytes");
  bc_buf_free(&text);
}

static void a_place_is_relative_to_where_it_was_said(void **state) {
  (void)state;
  static const struct {
    const char *place;
    const char *url; /* NULL: refused */
    bool is_same;
  } samples[] = {
      {"/x", "https://u:p@www.test:8443/x", true},
      {"x?y#z", "https://u:p@www.test:8443/a/x?y", true},
      {"?y", "https://u:p@www.test:8443/a/b?y", true},
      {"//other.test/x", "https://other.test/x", false},
      {"https://WWW.TEST:8443/", "https://WWW.TEST:8443/", true},
      {"https://www.test/", "https://www.test/", false},
      {"http://www.test:8443/", "http://www.test:8443/", false},
      {"/a b\xc3\xa4", "https://u:p@www.test:8443/a%20b%c3%a4", true},
      {"ftp://www.test/", NULL, false},
      {"javascript:alert(1)", NULL, false},
      {"https://[::1", NULL, false},
      {"https://\xc3\xa4.test/", NULL, false},
  };
  struct bc_web_url from;
  assert_int_equal(bc_web_url_parse(bc_str_of("https://u:p@www.test:8443/a/b?c"), &from, NULL), BC_ERR_OK);
  for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
    struct bc_web_url url;
    struct bc_fault fault = {0};
    enum bc_err err = bc_web_url_follow(&from, bc_str_of(samples[i].place), &url, &fault);
    if (samples[i].url == NULL) {
      if (err == BC_ERR_OK) {
        fail_msg("%s is taken as %s", samples[i].place, url.text);
      }
    } else {
      assert_string_equal(fault.text, "");
      assert_string_equal(url.text, samples[i].url);
      assert_int_equal(bc_web_url_has_same_origin(&from, &url), samples[i].is_same);
    }
    bc_web_url_free(&url);
  }
  bc_web_url_free(&from);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(urls_are_taken_apart),
      cmocka_unit_test(a_long_url_is_refused),
      cmocka_unit_test(a_place_is_relative_to_where_it_was_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
