/* Flows as JSON. */
#include "proto/http_flow.h"

#include "base/intern.h"
#include "model/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool print(const char *json, struct bc_buf *to, char *problem, size_t room) {
  json_t *made = json_loads(json, 0, NULL);
  assert_non_null(made);
  bc_buf_init(to, 65536);
  bool is_fine = bc_http_flow_print(json_object_get(made, "match"), json_object_get(made, "then"), to, problem, room);
  json_decref(made);
  return is_fine;
}

static void a_flow_is_printed_in_exabgps_words_and_parses(void **state) {
  (void)state;
  static const struct {
    const char *json, *text;
  } cases[] = {
      {"{\"match\":{\"destination\":\"192.0.2.1/32\"},\"then\":{\"discard\":true}}",
       "flow route { match { destination 192.0.2.1/32; } then { discard; } }"},
      {"{\"match\":{\"source\":\"10.0.0.0/24\",\"destination-port\":[80,443],\"protocol\":\"tcp\"},"
       "\"then\":{\"rate-limit\":9600}}",
       "flow route { match { source 10.0.0.0/24; destination-port [ =80 =443 ]; protocol tcp; } then { rate-limit "
       "9600; } "
       "}"},
      {"{\"match\":{\"destination\":\"192.0.2.1/32\",\"packet-length\":[\">200&<300\"],\"source-port\":53},"
       "\"then\":{\"redirect\":\"65000:1\"}}",
       "flow route { match { destination 192.0.2.1/32; packet-length >200&<300; source-port =53; } then { redirect "
       "65000:1; } }"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_buf text;
    struct bc_route route;
    struct bc_fault fault = {0};
    char problem[256] = "";
    struct bc_intern *intern = bc_intern_new();
    assert_true(print(cases[i].json, &text, problem, sizeof problem));
    assert_string_equal(text.data, cases[i].text);
    assert_int_equal(bc_route_parse(intern, bc_buf_str(&text), &route, &fault), BC_ERR_OK);
    bc_route_release(intern, &route);
    bc_intern_free(intern);
    bc_buf_free(&text);
  }
}

static void what_could_end_a_word_or_a_part_is_refused(void **state) {
  (void)state;
  static const char *const cases[] = {
      "{\"match\":{\"destination\":\"1.2.3.4/32; } then { accept\"},\"then\":{\"discard\":true}}",
      "{\"match\":{\"destination\":\"1.2.3.4/32\\nshutdown\"},\"then\":{\"discard\":true}}",
      "{\"match\":{\"destination } then {\":\"1.2.3.4/32\"},\"then\":{\"discard\":true}}",
      "{\"match\":{\"destination\":[[\"1.2.3.4/32\"]]},\"then\":{\"discard\":true}}",
      "{\"match\":{\"destination\":{}},\"then\":{\"discard\":true}}",
      "{\"match\":{\"destination\":[]},\"then\":{\"discard\":true}}",
      "{\"match\":{\"destination\":\"\"},\"then\":{\"discard\":true}}",
      "{\"match\":{\"destination\":-1},\"then\":{\"discard\":true}}",
      "{\"match\":{\"destination\":1.5},\"then\":{\"discard\":true}}",
      "{\"match\":{\"destination\":false},\"then\":{\"discard\":true}}",
      "{\"match\":{\"destination\":null},\"then\":{\"discard\":true}}",
      "{\"match\":{\"\":\"1.2.3.4/32\"},\"then\":{\"discard\":true}}",
      "{\"match\":{},\"then\":{\"discard\":true}}",
      "{\"match\":{\"destination\":\"1.2.3.4/32\"},\"then\":{}}",
      "{\"match\":[],\"then\":{\"discard\":true}}",
      "{\"match\":\"destination 1.2.3.4/32\",\"then\":{\"discard\":true}}",
      "{\"match\":{\"Destination\":\"1.2.3.4/32\"},\"then\":{\"discard\":true}}",
      "{\"match\":{\"destination\":\"1.2.3.4/32 #\"},\"then\":{\"discard\":true}}",
      "{\"match\":{\"destination\":\"\\u00e4\"},\"then\":{\"discard\":true}}",
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_buf text;
    char problem[256] = "";
    assert_false(print(cases[i], &text, problem, sizeof problem));
    assert_non_null(strstr(problem, "expected"));
    bc_buf_free(&text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_flow_is_printed_in_exabgps_words_and_parses),
      cmocka_unit_test(what_could_end_a_word_or_a_part_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
