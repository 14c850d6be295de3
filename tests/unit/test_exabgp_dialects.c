/* What each version of ExaBGP said (tests/data/exabgp, checked with the real one by e2e/test_transcripts) means the
 * same. */
#include "base/buf.h"
#include "model/route.h"
#include "proto/exabgp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATA_FILE(version, encoder) BC_TEST_DATA "/exabgp/" version "-" encoder ".txt"

static const struct dialect {
  const char *version, *self, *path;
  bool is_text, knows_ipv4_words;
} dialects[] = {
    {"4.2.21", "self", DATA_FILE("4.2.21", "json"), .is_text = false, .knows_ipv4_words = false},
    {"4.2.21", "self", DATA_FILE("4.2.21", "text"), .is_text = true, .knows_ipv4_words = false},
    {"4.2.25", "10.99.0.1", DATA_FILE("4.2.25", "json"), .is_text = false, .knows_ipv4_words = false},
    {"4.2.25", "10.99.0.1", DATA_FILE("4.2.25", "text"), .is_text = true, .knows_ipv4_words = false},
    {"5.0.13", "10.99.0.1", DATA_FILE("5.0.13", "json"), .is_text = false, .knows_ipv4_words = true},
    {"5.0.13", "10.99.0.1", DATA_FILE("5.0.13", "text"), .is_text = true, .knows_ipv4_words = true},
};

enum { DIALECTS = sizeof dialects / sizeof dialects[0] };

/* What a transcript told. */
struct story {
  struct bc_exabgp *codec;
  struct bc_intern *intern;
  struct bc_buf wire, standing, told;
  struct bc_exabgp_neighbor_config config;
  struct bc_exabgp_neighbor_detail detail;
  unsigned configs, details, texts, jsons;
};

static void on_nlri(void *arg, const struct bc_exabgp_event *event, bool is_withdraw,
                    const struct bc_exabgp_nlri *nlri) {
  struct story *story = arg;
  bc_buf_add_format(&story->wire, "%c" BC_STR_FMT " " BC_STR_FMT " %u\n", is_withdraw ? '-' : '+',
                    BC_STR_ARG(nlri->family), BC_STR_ARG(nlri->prefix), event->has_med ? event->med : 0);
}

static void on_standing(struct story *story, const struct bc_exabgp_event *event) {
  enum bc_family family;
  struct bc_route route = {0};
  struct bc_fault fault = {0};
  assert_int_equal(bc_family_parse(event->family, &family), BC_ERR_OK);
  if (bc_route_parse_standing(story->intern, family, event->text, &route, &fault) != BC_ERR_OK) {
    fail_msg(BC_STR_FMT ": %s", BC_STR_ARG(event->text), fault.text);
  }
  bc_route_print(&route, BC_VERB_NONE, &story->standing);
  bc_buf_add_char(&story->standing, '\n');
  bc_route_release(story->intern, &route);
}

static void read_answer(struct story *story, struct bc_str command, struct bc_str line) {
  struct bc_exabgp_event event;
  bc_exabgp_read(story->codec, line, &event, on_nlri, story);
  switch (event.kind) {
  case BC_EXABGP_LINE_VERSION:
    bc_buf_add_format(&story->told, "version " BC_STR_FMT "\n", BC_STR_ARG(event.text));
    break;
  case BC_EXABGP_LINE_SUMMARY_HEADER:
    bc_buf_add_text(&story->told, "summary\n");
    break;
  case BC_EXABGP_LINE_SUMMARY_ROW:
    bc_buf_add_format(&story->told, "row " BC_STR_FMT " %u\n", BC_STR_ARG(event.neighbor.peer), event.neighbor.peer_as);
    break;
  case BC_EXABGP_LINE_STATE:
    bc_buf_add_format(&story->told, BC_STR_FMT " %s\n", BC_STR_ARG(event.neighbor.peer),
                      bc_exabgp_state_text(event.state));
    break;
  case BC_EXABGP_LINE_EOR:
    bc_buf_add_format(&story->told, "eor " BC_STR_FMT "\n", BC_STR_ARG(event.family));
    break;
  case BC_EXABGP_LINE_STANDING:
    on_standing(story, &event);
    break;
  case BC_EXABGP_LINE_OTHER:
    story->configs +=
        bc_str_is(command, "show neighbor configuration") && bc_exabgp_read_config(story->codec, line, &story->config);
    story->details +=
        bc_str_is(command, "show neighbor extensive") && bc_exabgp_read_detail(story->codec, line, &story->detail);
    break;
  default:
    break;
  }
  if (event.kind == BC_EXABGP_LINE_STATE || event.kind == BC_EXABGP_LINE_UPDATE || event.kind == BC_EXABGP_LINE_EOR) {
    story->texts += event.is_text_encoder;
    story->jsons += !event.is_text_encoder;
  }
}

static void read_story(const struct dialect *dialect, struct story *story) {
  *story = (struct story){.codec = bc_exabgp_new(), .intern = bc_intern_new()};
  bc_buf_init(&story->wire, 1 << 20);
  bc_buf_init(&story->standing, 1 << 20);
  bc_buf_init(&story->told, 1 << 20);
  FILE *file = fopen(dialect->path, "r");
  assert_non_null(file);
  char line[8192], command[sizeof line] = "";
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '>') {
      (void)snprintf(command, sizeof command, "%s", line + 2);
    } else {
      assert_int_equal(line[0], '<');
      read_answer(story, bc_str_of(command), bc_str_of(line + 2));
    }
  }
  assert_int_equal(fclose(file), 0);
}

static void free_story(struct story *story) {
  bc_exabgp_free(story->codec);
  bc_intern_free(story->intern);
  bc_buf_free(&story->wire);
  bc_buf_free(&story->standing);
  bc_buf_free(&story->told);
}

static void states_and_answers_mean_the_same(void **state) {
  (void)state;
  for (size_t i = 0; i < DIALECTS; i++) {
    struct story story;
    char expected[512];
    read_story(&dialects[i], &story);
    (void)snprintf(expected, sizeof expected,
                   "10.99.0.2 connected\n10.99.0.2 up\neor ipv4 unicast\neor ipv6 unicast\nversion %s\nsummary\n"
                   "row 10.99.0.2 65001\n",
                   dialects[i].version);
    assert_string_equal(story.told.data, expected);
    free_story(&story);
  }
}

static void the_encoder_is_told_by_its_messages(void **state) {
  (void)state;
  for (size_t i = 0; i < DIALECTS; i++) {
    struct story story;
    read_story(&dialects[i], &story);
    assert_true(dialects[i].is_text ? story.texts > 10 : story.jsons > 10);
    assert_int_equal(dialects[i].is_text ? story.jsons : story.texts, 0);
    free_story(&story);
  }
}

static void neighbors_are_configured_alike(void **state) {
  (void)state;
  for (size_t i = 0; i < DIALECTS; i++) {
    struct story story;
    read_story(&dialects[i], &story);
    assert_int_equal(story.configs, 1);
    assert_string_equal(story.config.peer, "10.99.0.2");
    assert_string_equal(story.config.local, "10.99.0.1");
    assert_string_equal(story.config.router_id, "10.99.0.1");
    assert_string_equal(story.config.local_as, "65000");
    assert_string_equal(story.config.peer_as, "65001");
    assert_string_equal(story.config.processes, "bgpcommander");
    assert_int_equal(story.config.family_count, 3);
    assert_string_equal(story.config.families[1], "ipv4 flow");
    assert_true(story.config.neighbor_changes && story.config.reports_updates && !story.config.route_refresh);
    assert_int_equal(story.details, 1);
    assert_string_equal(story.detail.peer, "10.99.0.2");
    assert_string_equal(story.detail.local, "10.99.0.1");
    assert_true(story.detail.is_established);
    assert_int_equal(story.detail.family_count, 2);
    assert_string_equal(story.detail.families[0], "ipv4 unicast");
    assert_string_equal(story.detail.families[1], "ipv6 unicast");
    free_story(&story);
  }
}

static void each_update_that_goes_out_is_seen(void **state) {
  (void)state;
  for (size_t i = 0; i < DIALECTS; i++) {
    struct story story;
    char expected[1024];
    read_story(&dialects[i], &story);
    /* A withdraw has no MED, whatever its command said. */
    (void)snprintf(expected, sizeof expected,
                   "+ipv4 unicast 10.0.0.1/32 5\n+ipv4 unicast 10.0.0.2/32 0\n+ipv4 unicast 10.0.0.3/32 0\n"
                   "+ipv6 unicast 2001:db8:1::/48 3\n+ipv4 unicast 10.1.0.1/32 9\n+ipv4 unicast 10.1.0.2/32 9\n"
                   "%s+ipv4 unicast 10.6.0.0/24 0\n-ipv4 unicast 10.0.0.1/32 0\n-ipv4 unicast 10.1.0.1/32 0\n"
                   "-ipv4 unicast 10.1.0.2/32 0\n+ipv4 unicast 10.0.0.9/32 0\n+ipv4 unicast 10.0.0.10/32 0\n",
                   dialects[i].knows_ipv4_words ? "+ipv4 unicast 10.5.0.0/24 0\n" : "");
    assert_string_equal(story.wire.data, expected);
    free_story(&story);
  }
}

/* In the words in which they were announced, but for `self`, which all but 4.2.21 resolve. */
static void what_stands_is_read_in_our_own_words(void **state) {
  (void)state;
  for (size_t i = 0; i < DIALECTS; i++) {
    struct story story;
    char expected[2048];
    const char *self = dialects[i].self;
    read_story(&dialects[i], &story);
    (void)snprintf(
        expected, sizeof expected,
        "route 10.0.0.1/32 next-hop %s med 5 community [ 65000:1 65000:2 ]\n"
        "route 10.0.0.2/32 next-hop 10.99.0.7 origin egp as-path [ 65000 65010 ] local-preference 7 atomic-aggregate "
        "aggregator ( 65000:10.0.0.1 ) originator-id 1.2.3.4 cluster-list [ 1.1.1.1 2.2.2.2 ] extended-community "
        "target:65000:1 large-community 1:2:3\n"
        "route 10.0.0.3/32 next-hop %s as-path [ ]\n"
        "route 10.1.0.1/32 next-hop %s med 9\nroute 10.1.0.2/32 next-hop %s med 9\n%s"
        "route 10.6.0.0/24 next-hop %s\n"
        "flow route { match { source-ipv4 10.9.0.0/24; protocol =tcp; destination-port =80; } then { rate-limit 9600; "
        "} }\n"
        "route 2001:db8:1::/48 next-hop 2001:db8:99::1 med 3\n",
        self, self, self, self, dialects[i].knows_ipv4_words ? "route 10.5.0.0/24 next-hop 10.99.0.1\n" : "", self);
    assert_string_equal(story.standing.data, expected);
    free_story(&story);
  }
}

static void a_refresh_resets_sessions_of_4_2_alone(void **state) {
  (void)state;
  for (size_t i = 0; i < DIALECTS; i++) {
    struct story story;
    read_story(&dialects[i], &story);
    assert_int_equal(bc_exabgp_refresh_resets(story.codec), dialects[i].version[0] == '4');
    free_story(&story);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(states_and_answers_mean_the_same),     cmocka_unit_test(the_encoder_is_told_by_its_messages),
      cmocka_unit_test(neighbors_are_configured_alike),       cmocka_unit_test(each_update_that_goes_out_is_seen),
      cmocka_unit_test(what_stands_is_read_in_our_own_words), cmocka_unit_test(a_refresh_resets_sessions_of_4_2_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
