/* data/NAME: what scripts find as data.NAME. */
#include "config_helper.h"

#include "base/limits.h"

static struct bc_config_data data(const char *name) {
  struct bc_config_data found = {0};
  (void)bc_config_find_data(helper->config, name, &found);
  return found;
}

static void json_is_given_as_it_is_and_other_text_as_a_string(void **state) {
  (void)state;
  static const struct {
    const char *value, *json;
  } cases[] = {{" {\"a\": [1, 2.5, null]} \n", "{\"a\": [1, 2.5, null]}"},
               {"[]", "[]"},
               {"5", "5"},
               {"true", "true"},
               {"\"text\"", "\"text\""},
               {"plain text\n", "\"plain text\""},
               {"{not json", "\"{not json\""},
               {"1 2", "\"1 2\""},
               {"two\nlines \"and\" more", "\"two\\nlines \\\"and\\\" more\""},
               {"caf\xc3\xa9", "\"caf\xc3\xa9\""}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    put("data/x", cases[i].value);
    if (!data("x").found || !bc_str_is(data("x").json, cases[i].json)) {
      fail_msg("%s: found " BC_STR_FMT, cases[i].value, BC_STR_ARG(data("x").json));
    }
    assert_string_equal(data_changes(), "+x ");
  }
}

static void an_equal_value_is_no_change(void **state) {
  (void)state;
  put("data/x", "{\"a\": 1}");
  (void)data_changes();
  put("data/x", " {\"a\": 1}\n");
  assert_string_equal(data_changes(), "");
  delete_key("data/x");
  assert_false(data("x").found);
  put("data/x", "2");
  assert_string_equal(data_changes(), "+x ");
  delete_key("data/x");
  assert_string_equal(data_changes(), "-x ");
  assert_int_equal(bc_config_counts(helper->config).data_bytes, 0);
}

static void a_faulty_value_keeps_the_good_one(void **state) {
  (void)state;
  static char big[BC_LIMIT_DATA_BYTES + 2];
  char deep[2 * 65 + 1];
  memset(big, '1', sizeof big - 1);
  memset(deep, '[', 65);
  memset(deep + 65, ']', 65);
  deep[130] = '\0';
  put("data/x", "1");
  (void)data_changes();
  put("data/x", " \n");
  assert_string_equal(node_fault(0), "data/x: is empty: write \"\" for an empty text");
  put("data/x", big);
  assert_string_equal(node_fault(0), "data/x: expected at most 65536 bytes, found 65537");
  put("data/x", deep);
  assert_string_equal(node_fault(0), "data/x: more than 64 tables within tables");
  put("data/x", "\xff");
  assert_string_equal(node_fault(0), "data/x: neither JSON nor a text in UTF-8");
  bc_config_put_unreadable(helper->config, bc_str_of("data/x"), "permission denied (/x)", helper->now);
  assert_string_equal(node_fault(0), "data/x: permission denied (/x)");
  assert_true(bc_str_is(data("x").json, "1"));
  assert_string_equal(data_changes(), "");
  put("data/x", "1");
  assert_null(node_fault(0));
  deep[0] = ' ';
  deep[129] = '\0';
  put("data/x", deep);
  assert_null(node_fault(0));
  put("data/x", "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"]");
  assert_null(node_fault(0));
  memset(big, '[', 200);
  memcpy(big, "[\"\\\"", 4);
  memcpy(big + 200, "\"]", 3);
  put("data/x", big);
  assert_null(node_fault(0));
  assert_true(bc_str_is(data("x").json, big));
  put("data/new", "");
  assert_false(data("new").found);
  delete_key("data/new");
  assert_null(node_fault(0));
}

static void fill(char prefix, int count) {
  static char value[BC_LIMIT_DATA_BYTES + 1];
  char key[32];
  memset(value, 'a', sizeof value - 1);
  for (int i = 0; i < count; i++) {
    (void)snprintf(key, sizeof key, "data/%c%d", prefix, i);
    put(key, value);
  }
}

static void all_values_together_are_bounded(void **state) {
  (void)state;
  const int most = BC_LIMIT_DATA_ALL_BYTES / BC_LIMIT_DATA_BYTES;
  fill('a', most);
  assert_null(node_fault(0));
  assert_int_equal(bc_config_counts(helper->config).data_bytes, BC_LIMIT_DATA_ALL_BYTES);
  put("data/b", "1");
  assert_string_equal(node_fault(0), "data/b: the values of data/ have more than 16777216 bytes together");
  assert_false(data("b").found);
  /* One that shrinks makes room, and a list may replace all of them. */
  put("data/a0", "1");
  put("data/b", "1");
  assert_null(node_fault(0));
  bc_config_list_begin(helper->config);
  fill('c', most);
  put("data/d", "1");
  assert_non_null(node_fault(0));
  bc_config_list_end(helper->config, helper->now);
  assert_int_equal(bc_config_counts(helper->config).data_bytes, BC_LIMIT_DATA_ALL_BYTES);
  assert_int_equal(bc_config_counts(helper->config).data, most + 1);
  assert_true(data("c0").found && !data("a0").found && !data("d").found);
}

static void there_are_at_most_10000_values(void **state) {
  (void)state;
  char key[32];
  for (int i = 0; i < BC_LIMIT_DATA_KEYS + 2; i++) {
    (void)snprintf(key, sizeof key, "data/k%d", i);
    put(key, "1");
  }
  assert_string_equal(node_fault(0), "data: more than 10000 values: data/k10000 (and others) is ignored");
}

static void they_are_told_in_order(void **state) {
  (void)state;
  put("data/b", "1");
  put("data/a", "1");
  put("data/bad", "");
  put("data/c", "1");
  char names[16] = "";
  struct bc_config_data at = {0};
  while (bc_config_each_data(helper->config, at.name, &at)) {
    (void)snprintf(names + strlen(names), sizeof names - strlen(names), "%s", at.name);
  }
  assert_string_equal(names, "abc");
}

static void a_list_sweeps_what_it_did_not_tell(void **state) {
  (void)state;
  put("data/a", "1");
  put("data/b", "1");
  put("data/c", "1");
  (void)data_changes();
  bc_config_list_begin(helper->config);
  put("data/a", "2");
  bc_config_put_unreadable(helper->config, bc_str_of("data/b"), "permission denied", helper->now);
  bc_config_list_end(helper->config, helper->now);
  assert_string_equal(data_changes(), "+a -c ");
  assert_true(data("b").found);
}

static void they_are_saved(void **state) {
  (void)state;
  put("data/a", "{\"x\": 1}");
  put("data/b", "plain");
  put("data/b", "");
  restart();
  assert_true(bc_str_is(data("a").json, "{\"x\": 1}"));
  assert_true(bc_str_is(data("b").json, "\"plain\""));
}

static void names_that_are_none_are_told(void **state) {
  (void)state;
  put("data/a/b", "1");
  assert_string_equal(node_fault(0), "data/a/b: not a data name (letters, digits, '.', '_', '-'; at most 128): it is "
                                     "ignored");
}

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      CONFIG_TEST(json_is_given_as_it_is_and_other_text_as_a_string),
      CONFIG_TEST(an_equal_value_is_no_change),
      CONFIG_TEST(a_faulty_value_keeps_the_good_one),
      CONFIG_TEST(all_values_together_are_bounded),
      CONFIG_TEST(there_are_at_most_10000_values),
      CONFIG_TEST(they_are_told_in_order),
      CONFIG_TEST(a_list_sweeps_what_it_did_not_tell),
      CONFIG_TEST(they_are_saved),
      CONFIG_TEST(names_that_are_none_are_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
