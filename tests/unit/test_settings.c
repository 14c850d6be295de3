#include "model/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

struct fixture {
  struct bc_settings settings;
  struct bc_fault fault;
  enum bc_err err;
};

/* `words` are split at blanks, `environment` at ';'. */
static struct fixture parse(const char *words, const char *environment, const char *node_file) {
  static char words_text[512];
  static char environment_text[512];
  static char *argv[WORDS_MAX];
  static char *environ_list[WORDS_MAX];
  struct fixture result = {0};
  int argc = 0;
  int variables = 0;
  (void)snprintf(words_text, sizeof words_text, "bgpcommander %s", words);
  (void)snprintf(environment_text, sizeof environment_text, "%s", environment);
  char *rest = words_text;
  char *word;
  while ((word = strsep(&rest, " ")) != NULL) {
    if (*word != '\0') {
      argv[argc++] = word;
    }
  }
  argv[argc] = NULL;
  rest = environment_text;
  while ((word = strsep(&rest, ";")) != NULL) {
    environ_list[variables++] = word;
  }
  environ_list[variables] = NULL;
  result.err = bc_settings_parse(argc, argv, environ_list, bc_str_of(node_file), "killallhumans.local",
                                 &result.settings, &result.fault);
  return result;
}

static void assert_refused(const char *words, const char *environment, const char *node_file, const char *message) {
  struct fixture result = parse(words, environment, node_file);
  assert_int_not_equal(result.err, BC_ERR_OK);
  assert_string_equal(result.fault.text, message);
  assert_null(result.settings.endpoints);
}

static void defaults_are_the_classic_ones_with_etcd_v3_first(void **state) {
  (void)state;
  struct fixture result = parse("", "", NULL);
  assert_int_equal(result.err, BC_ERR_OK);
  assert_string_equal(result.settings.endpoints, "http://127.0.0.1:2379,http://127.0.0.1:4001");
  assert_string_equal(result.settings.node, "killallhumans.local");
  assert_string_equal(result.settings.script_dir, "/tmp");
  assert_string_equal(result.settings.prefix, "/bgp");
  assert_string_equal(result.settings.config, "/etc/bgpcommander/bgpcommander.conf");
  assert_null(result.settings.state_dir);
  assert_null(result.settings.socket);
  assert_int_equal(result.settings.workers, 2);
  assert_int_equal(result.settings.records, 64);
  assert_int_equal(result.settings.etcd_api, BC_SETTINGS_API_AUTO);
  assert_int_equal(result.settings.log_level, BC_LOG_NOTICE);
  assert_int_equal(result.settings.log_format, BC_LOG_TEXT);
  assert_true(result.settings.shell);
  assert_false(result.settings.is_json);
  assert_null(result.settings.command);
  bc_settings_release(&result.settings);
}

static void every_spelling_of_a_flag_is_understood(void **state) {
  (void)state;
  static const char *const spellings[] = {"-c http://a:1",          "-c=http://a:1",          "--c=http://a:1",
                                          "--endpoints http://a:1", "--endpoints=http://a:1", "-endpoints=http://a:1"};
  for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
    struct fixture result = parse(spellings[i], "", NULL);
    assert_int_equal(result.err, BC_ERR_OK);
    assert_string_equal(result.settings.endpoints, "http://a:1");
    bc_settings_release(&result.settings);
  }
}

static void the_last_of_two_flags_counts(void **state) {
  (void)state;
  struct fixture result = parse("-n one -n two", "", NULL);
  assert_string_equal(result.settings.node, "two");
  bc_settings_release(&result.settings);
}

static void commas_that_exabgp_made_words_of_join_the_list_again(void **state) {
  (void)state;
  static const char *const spellings[] = {"-c http://a:1 , http://b:2 , http://c:3 -n x",
                                          "-c=http://a:1 , http://b:2 , http://c:3 -n x"};
  for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
    struct fixture result = parse(spellings[i], "", NULL);
    assert_int_equal(result.err, BC_ERR_OK);
    assert_string_equal(result.settings.endpoints, "http://a:1,http://b:2,http://c:3");
    assert_string_equal(result.settings.node, "x");
    assert_null(result.settings.command);
    bc_settings_release(&result.settings);
  }
  assert_int_not_equal(parse("-c http://a:1 , -n x", "", NULL).err, BC_ERR_OK);
}

static void brackets_that_exabgp_made_words_of_join_the_address_again(void **state) {
  (void)state;
  static const struct {
    const char *words, *http, *endpoints;
  } cases[] = {
      {"--http [ ::1 ] :5000 -n x", "[::1]:5000", NULL},
      {"--http= [ ::1 ] :5000 -n x", "[::1]:5000", NULL},
      {"--http 127.0.0.1:5000 , [ ::1 ] :5000 , unix:/x -n x", "127.0.0.1:5000,[::1]:5000,unix:/x", NULL},
      {"-c http:// [ ::1 ] :2379 , http:// [ ::2 ] :2379 -n x", NULL, "http://[::1]:2379,http://[::2]:2379"},
      {"-c=http:// [ ::1 ] :2379 -n x", NULL, "http://[::1]:2379"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fixture result = parse(cases[i].words, "", NULL);
    assert_int_equal(result.err, BC_ERR_OK);
    if (cases[i].http != NULL) {
      assert_string_equal(result.settings.http, cases[i].http);
    }
    if (cases[i].endpoints != NULL) {
      assert_string_equal(result.settings.endpoints, cases[i].endpoints);
    }
    assert_string_equal(result.settings.node, "x");
    assert_null(result.settings.command);
    bc_settings_release(&result.settings);
  }
  struct fixture result = parse("--http 127.0.0.1:5000 status :x", "", NULL);
  assert_int_equal(result.err, BC_ERR_OK);
  assert_string_equal(result.settings.command, "status");
  assert_string_equal(result.settings.words[0], ":x");
  bc_settings_release(&result.settings);
}

static void command_line_wins_over_environment_over_node_file(void **state) {
  (void)state;
  struct fixture result = parse("-n arg", "BGPCOMMANDER_NODE=env;BGPCOMMANDER_PREFIX=/env;PATH=/bin",
                                "node file\nprefix /file\nscripts /srv\n");
  assert_int_equal(result.err, BC_ERR_OK);
  assert_string_equal(result.settings.node, "arg");
  assert_string_equal(result.settings.prefix, "/env");
  assert_string_equal(result.settings.script_dir, "/srv");
  bc_settings_release(&result.settings);
}

static void environment_names_follow_the_options(void **state) {
  (void)state;
  struct fixture result = parse("",
                                "BGPCOMMANDER_ENDPOINTS=http://e:1;BGPCOMMANDER_SCRIPTS=/s;BGPCOMMANDER_STATE_DIR=/d;"
                                "BGPCOMMANDER_LOG_LEVEL=debug;BGPCOMMANDER_WORKERS=7;BGPCOMMANDER_ETCD_USER_FILE=/u",
                                NULL);
  assert_int_equal(result.err, BC_ERR_OK);
  assert_string_equal(result.settings.endpoints, "http://e:1");
  assert_string_equal(result.settings.script_dir, "/s");
  assert_string_equal(result.settings.state_dir, "/d");
  assert_string_equal(result.settings.etcd_user_file, "/u");
  assert_int_equal(result.settings.log_level, BC_LOG_DEBUG);
  assert_int_equal(result.settings.workers, 7);
  bc_settings_release(&result.settings);
}

static void foreign_and_empty_variables_change_nothing(void **state) {
  (void)state;
  struct fixture result =
      parse("", "BGPCOMMANDER_NODE=;BGPCOMMANDER=/x;BGPCOMMANDER_SHELL=off;BGPCOMMANDER_JSON=true;XNODE=y", NULL);
  assert_int_equal(result.err, BC_ERR_OK);
  assert_string_equal(result.settings.node, "killallhumans.local");
  assert_true(result.settings.shell);
  assert_false(result.settings.is_json);
  bc_settings_release(&result.settings);
}

static void node_file_takes_comments_blanks_and_repeated_endpoints(void **state) {
  (void)state;
  struct fixture result = parse("", "",
                                "# the node\r\n\n  endpoints http://a:1  # first\n\tshell\toff\n"
                                "endpoints http://b:2,http://c:3\nscripts /srv/with blank#not a comment");
  assert_int_equal(result.err, BC_ERR_OK);
  assert_string_equal(result.settings.endpoints, "http://a:1,http://b:2,http://c:3");
  assert_string_equal(result.settings.script_dir, "/srv/with blank#not a comment");
  assert_false(result.settings.shell);
  bc_settings_release(&result.settings);
}

static void node_file_endpoints_give_way_to_the_flag_whole(void **state) {
  (void)state;
  struct fixture result = parse("-c http://arg:1", "", "endpoints http://a:1\nendpoints http://b:2\n");
  assert_string_equal(result.settings.endpoints, "http://arg:1");
  bc_settings_release(&result.settings);
}

static void a_fault_in_the_node_file_names_file_line_and_expectation(void **state) {
  (void)state;
  assert_refused("", "", "\nnonsense 3\n",
                 "/etc/bgpcommander/bgpcommander.conf:2: expected a setting of docs/settings.md, found \"nonsense\"");
  assert_refused("--records 0", "", NULL, "--records: expected a number of MiB from 1 to 4096, or off, found \"0\"");
  assert_refused("--records 4097", "", NULL,
                 "--records: expected a number of MiB from 1 to 4096, or off, found \"4097\"");
  assert_refused("--config /c", "", "workers 99", "/c:1: workers: expected a number from 1 to 64, found \"99\"");
  assert_refused("--config /c", "", "node a\n#\nnode b", "/c:3: node: expected once, but it stands in line 1 too");
  assert_refused("--config /c", "", "shell maybe", "/c:1: shell: expected on or off, found \"maybe\"");
  assert_refused("--config /c", "", "node",
                 "/c:1: node: expected letters, digits, '.', '_', '-', a letter or digit "
                 "first, at most 128, found \"\"");
  assert_refused("--config /c", "", "config /d", "/c:1: expected a setting of docs/settings.md, found \"config\"");
  assert_refused("--config /c", "", "c http://a:1", "/c:1: expected a setting of docs/settings.md, found \"c\"");
}

static void egress_rules_are_repeated_in_the_node_file_only(void **state) {
  (void)state;
  struct fixture result = parse("", "",
                                "egress_deny 10.0.0.0/8:25\negress_allow [2001:db8::/32]:443,10.1.0.0/16\n"
                                "egress_deny fd00:ec2::254\n");
  assert_int_equal(result.err, BC_ERR_OK);
  assert_string_equal(result.settings.egress_deny, "10.0.0.0/8:25,fd00:ec2::254");
  assert_string_equal(result.settings.egress_allow, "[2001:db8::/32]:443,10.1.0.0/16");
  bc_settings_release(&result.settings);
  result = parse("", "BGPCOMMANDER_EGRESS_ALLOW=0.0.0.0/0", "");
  assert_null(result.settings.egress_allow);
  bc_settings_release(&result.settings);
  assert_refused("--egress_allow=::/0", "", NULL, "--egress_allow=::/0: there is no such option");
  assert_refused("--config /c", "", "egress_deny 10.0.0.1/8",
                 "/c:1: egress_deny: expected PREFIX, PREFIX:PORT or PREFIX:PORT-PORT such as 10.0.0.0/8:80-90 or "
                 "[2001:db8::/32]:443, without host bits, found \"10.0.0.1/8\"");
}

static void commands_are_repeated_in_the_node_file_only(void **state) {
  (void)state;
  struct fixture result = parse("", "", "exec_allow /bin/a x,y ?  # one\nexec_allow /bin/b ...\n");
  assert_int_equal(result.err, BC_ERR_OK);
  assert_string_equal(result.settings.exec_allow, "/bin/a x,y ?\n/bin/b ...");
  bc_settings_release(&result.settings);
  result = parse("", "BGPCOMMANDER_EXEC_ALLOW=/bin/a", "");
  assert_null(result.settings.exec_allow);
  bc_settings_release(&result.settings);
  assert_refused("--exec_allow=/bin/a", "", NULL, "--exec_allow=/bin/a: there is no such option");
  assert_refused(
      "--config /c", "", "exec_allow birdc show",
      "/c:1: exec_allow: expected a program's absolute path without * and ?, then patterns of its words, ... as "
      "the last at most, found \"birdc show\"");
}

static void egress_rules_above_their_limit_are_refused(void **state) {
  (void)state;
  struct bc_buf file;
  bc_buf_init(&file, 65536);
  for (int i = 0; i < 257; i++) {
    bc_buf_add_format(&file, "egress_deny 10.0.%d.%d\n", i / 256, i % 256);
  }
  assert_refused("--config /c", "", file.data, "/c: expected at most 256 egress rules");
  bc_buf_free(&file);
}

static void the_api_of_etcd_is_one_of_three_words(void **state) {
  (void)state;
  static const struct {
    const char *arguments;
    enum bc_settings_api api;
  } cases[] = {{"--etcd-api auto", BC_SETTINGS_API_AUTO},
               {"--etcd-api=v3", BC_SETTINGS_API_V3},
               {"--etcd-api v2", BC_SETTINGS_API_V2}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fixture result = parse(cases[i].arguments, "", NULL);
    assert_int_equal(result.err, BC_ERR_OK);
    assert_int_equal(result.settings.etcd_api, cases[i].api);
    bc_settings_release(&result.settings);
  }
}

static void a_value_is_refused_where_it_stands(void **state) {
  (void)state;
  assert_refused("--log-level loud", "", NULL,
                 "--log-level: expected error, warning, notice, info or debug, found \"loud\"");
  assert_refused("--etcd-api=v1", "", NULL, "--etcd-api: expected auto, v3 or v2, found \"v1\"");
  assert_refused("--log-format=xml", "", NULL, "--log-format: expected text or json, found \"xml\"");
  assert_refused("", "BGPCOMMANDER_WORKERS=0", NULL,
                 "BGPCOMMANDER_WORKERS: expected a number from 1 to 64, found \"0\"");
  assert_refused("-p scripts", "", NULL, "-p: expected an absolute path, found \"scripts\"");
  assert_refused("-n", "", NULL,
                 "-n: expected letters, digits, '.', '_', '-', a letter or digit first, at most 128, "
                 "found nothing");
  assert_refused("--unknown=1", "", NULL, "--unknown=1: there is no such option");
  assert_refused("--shell=off", "", NULL, "--shell=off: there is no such option");
  assert_refused("--json=maybe", "", NULL, "--json: expected true or false, found \"maybe\"");
}

static void names_and_prefixes_that_cannot_be_keys_are_refused(void **state) {
  (void)state;
  static const char *const bad[] = {
      "-n=a/b",       "-n=..", "-n=",        "--prefix=/",   "--prefix=/bgp/", "--prefix=/a//b",
      "--prefix=bgp", "-c=",   "-c=http://", "-c=host:2379", "-c=http://a,",   "-c=,http://a"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct fixture result = parse(bad[i], "", NULL);
    assert_int_equal(result.err, BC_ERR_SYNTAX);
  }
}

static void more_than_16_endpoints_are_refused_also_by_repetition(void **state) {
  (void)state;
  struct bc_buf file;
  bc_buf_init(&file, 4096);
  for (int i = 0; i < 17; i++) {
    bc_buf_add_format(&file, "endpoints http://h%d:1\n", i);
  }
  struct fixture result = parse("", "", file.data);
  assert_int_equal(result.err, BC_ERR_LIMIT);
  bc_buf_free(&file);
}

static void a_host_name_that_is_no_key_needs_a_node_name(void **state) {
  (void)state;
  char *argv[] = {"bgpcommander", NULL, NULL};
  char *environment[] = {NULL};
  struct bc_settings settings;
  struct bc_fault fault;
  assert_int_equal(bc_settings_parse(1, argv, environment, bc_str_of(NULL), "(none)", &settings, &fault),
                   BC_ERR_SYNTAX);
  assert_non_null(strstr(fault.text, "--node"));
  argv[1] = "-n=a";
  assert_int_equal(bc_settings_parse(2, argv, environment, bc_str_of(NULL), "(none)", &settings, &fault), BC_ERR_OK);
  bc_settings_release(&settings);
}

static void options_stand_before_and_after_the_command(void **state) {
  (void)state;
  struct fixture result = parse("-n a parse one --json - -- -n", "", NULL);
  assert_int_equal(result.err, BC_ERR_OK);
  assert_string_equal(result.settings.command, "parse");
  assert_true(result.settings.is_json);
  assert_string_equal(result.settings.node, "a");
  assert_int_equal(result.settings.word_count, 3);
  assert_string_equal(result.settings.words[0], "one");
  assert_string_equal(result.settings.words[1], "-");
  assert_string_equal(result.settings.words[2], "-n");
  bc_settings_release(&result.settings);
}

static void help_and_version_work_whatever_else_is_wrong(void **state) {
  (void)state;
  struct fixture result = parse("--nonsense -p --help", "BGPCOMMANDER_WORKERS=0", NULL);
  assert_int_not_equal(result.err, BC_ERR_OK); /* here --help is the value of -p */
  static const char *const words[] = {"--nonsense --help", "-h", "-help", "-workers=x --version", "status --help"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    result = parse(words[i], "BGPCOMMANDER_WORKERS=0", "nonsense");
    assert_int_equal(result.err, BC_ERR_OK);
    assert_true(result.settings.wants_help || result.settings.wants_version);
    bc_settings_release(&result.settings);
  }
  result = parse("-- --help", "", NULL);
  assert_false(result.settings.wants_help);
  bc_settings_release(&result.settings);
}

static void usage_begins_as_the_classic_program_printed_it(void **state) {
  (void)state;
  static const char classic[] =
      "Usage of ./bgpcommander:\n"
      "  -c=http://127.0.0.1:2379,http://127.0.0.1:4001: Comma separated list of etcd cluster members, or file:///DIR\n"
      "  -n=\"killallhumans.local\": Override node's name\n"
      "  -p=\"/tmp\": Path to store healthcheck scripts\n";
  struct bc_buf text;
  bc_buf_init(&text, 65536);
  bc_settings_print_usage("./bgpcommander", "killallhumans.local", &text);
  assert_int_equal(strncmp(text.data, classic, strlen(classic)), 0);
  assert_non_null(strstr(text.data, "\n  --prefix=\"/bgp\": "));
  assert_non_null(strstr(text.data, "\n  --workers=2: "));
  assert_null(strstr(text.data, "--shell"));
  bc_buf_free(&text);
}

/* The text of a file of the source tree, in one buffer for all. */
static char *source_file(const char *name) {
  static char content[65536];
  char path[4096];
  const char *folder = strstr(__FILE__, "tests/unit/");
  assert_non_null(folder);
  (void)snprintf(path, sizeof path, "%.*s%s", (int)(folder - __FILE__), __FILE__, name);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  content[fread(content, 1, sizeof content - 1, file)] = '\0';
  (void)fclose(file);
  return content;
}

static void docs_hold_the_table_of_the_list(void **state) {
  (void)state;
  struct bc_buf table;
  bc_buf_init(&table, 65536);
  bc_settings_print_reference(&table);
  if (strstr(source_file("docs/settings.md"), table.data) == NULL) {
    (void)fputs(table.data, stdout);
    fail_msg("docs/settings.md must hold the table above");
  }
  bc_buf_free(&table);
}

static void the_example_node_file_works_with_every_line_used(void **state) {
  (void)state;
  char *text = source_file("src/install/bgpcommander.conf");
  struct fixture result = parse("", "", text);
  assert_int_equal(result.err, BC_ERR_OK);
  assert_string_equal(result.settings.node, "killallhumans.local");
  bc_settings_release(&result.settings);
  for (char *at = text; *at != '\0'; at++) {
    if (at[0] == '#' && at[1] >= 'a' && at[1] <= 'z') {
      *at = ' ';
    }
  }
  result = parse("", "", text);
  assert_string_equal(result.fault.text, "");
  assert_int_equal(result.err, BC_ERR_OK);
  assert_string_equal(result.settings.node, "edge1");
  assert_false(result.settings.shell);
  bc_settings_release(&result.settings);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_are_the_classic_ones_with_etcd_v3_first),
      cmocka_unit_test(every_spelling_of_a_flag_is_understood),
      cmocka_unit_test(the_last_of_two_flags_counts),
      cmocka_unit_test(commas_that_exabgp_made_words_of_join_the_list_again),
      cmocka_unit_test(brackets_that_exabgp_made_words_of_join_the_address_again),
      cmocka_unit_test(command_line_wins_over_environment_over_node_file),
      cmocka_unit_test(environment_names_follow_the_options),
      cmocka_unit_test(foreign_and_empty_variables_change_nothing),
      cmocka_unit_test(node_file_takes_comments_blanks_and_repeated_endpoints),
      cmocka_unit_test(node_file_endpoints_give_way_to_the_flag_whole),
      cmocka_unit_test(a_fault_in_the_node_file_names_file_line_and_expectation),
      cmocka_unit_test(egress_rules_are_repeated_in_the_node_file_only),
      cmocka_unit_test(commands_are_repeated_in_the_node_file_only),
      cmocka_unit_test(egress_rules_above_their_limit_are_refused),
      cmocka_unit_test(the_api_of_etcd_is_one_of_three_words),
      cmocka_unit_test(a_value_is_refused_where_it_stands),
      cmocka_unit_test(names_and_prefixes_that_cannot_be_keys_are_refused),
      cmocka_unit_test(more_than_16_endpoints_are_refused_also_by_repetition),
      cmocka_unit_test(a_host_name_that_is_no_key_needs_a_node_name),
      cmocka_unit_test(options_stand_before_and_after_the_command),
      cmocka_unit_test(help_and_version_work_whatever_else_is_wrong),
      cmocka_unit_test(usage_begins_as_the_classic_program_printed_it),
      cmocka_unit_test(docs_hold_the_table_of_the_list),
      cmocka_unit_test(the_example_node_file_works_with_every_line_used),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
