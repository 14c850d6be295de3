/* model/lease: nothing has more time left than it had, whatever the clocks do and whatever became of the file; what was
 * removed does not come back. */
#include "lease_world.h"

#include "base/crc.h"

/* ---- the clock ---- */

static void time_goes_by_the_boot_clock_whatever_the_wall_clock_does(void **state) {
  (void)state;
  put("api:a", HOUR);
  world->now.wall_ms += 400LL * 24 * HOUR;
  tick(MINUTE);
  assert_int_equal(left("api:a"), HOUR - MINUTE);
  world->now.wall_ms -= 900LL * 24 * HOUR;
  tick(MINUTE);
  assert_int_equal(left("api:a"), HOUR - 2 * MINUTE);
  assert_int_equal(reload().damaged, 0);
  assert_int_equal(left("api:a"), HOUR - 2 * MINUTE);
}

static void a_boot_clock_that_goes_back_gives_nothing_back(void **state) {
  (void)state;
  put("api:a", HOUR);
  tick(10 * MINUTE);
  tick(-5 * MINUTE);
  assert_int_equal(left("api:a"), HOUR - 10 * MINUTE);
  tick(MINUTE);
  assert_int_equal(left("api:a"), HOUR - 11 * MINUTE);
}

/* Else it would stand still until that clock is again where it was. */
static void where_the_boot_clock_goes_back_in_one_boot_the_wall_clock_counts(void **state) {
  (void)state;
  put("api:a", HOUR);
  tick(30 * MINUTE);
  bc_leases_tell_clock(world->leases, &world->file);
  world->now.wall_ms += MINUTE;
  world->now.boot_ms -= 20 * MINUTE;
  reload();
  assert_int_equal(left("api:a"), HOUR - 31 * MINUTE);
  tick(MINUTE);
  assert_int_equal(left("api:a"), HOUR - 32 * MINUTE);
}

static void after_a_reboot_the_wall_clock_counts(void **state) {
  (void)state;
  put("api:a", HOUR);
  put("api:b", 2 * HOUR);
  boot("two", 90 * MINUTE);
  reload();
  assert_int_equal(left("api:a"), 0);
  assert_ptr_equal(bc_leases_first_due(world->leases), bc_leases_find(world->leases, "api:a"));
  assert_int_equal(left("api:b"), 30 * MINUTE);
  tick(MINUTE);
  assert_int_equal(left("api:b"), 29 * MINUTE);
}

static void after_a_reboot_with_a_wall_clock_gone_back_what_was_left_is_left(void **state) {
  (void)state;
  put("api:a", HOUR);
  tick(20 * MINUTE);
  bc_leases_tell_clock(world->leases, &world->file);
  tick(MINUTE); /* which no record tells */
  boot("two", -1000LL * 24 * HOUR);
  reload();
  assert_int_equal(left("api:a"), 40 * MINUTE);
  tick(10 * MINUTE);
  /* The wall clock was set right meanwhile; this boot goes on by its own. */
  world->now.wall_ms += 1000LL * 24 * HOUR;
  reload();
  assert_int_equal(left("api:a"), 30 * MINUTE);
}

static void each_boot_counts_though_none_wrote_the_file_anew(void **state) {
  (void)state;
  put("api:a", 10 * HOUR);
  for (unsigned i = 0; i < 5; i++) {
    char id[16];
    (void)snprintf(id, sizeof id, "boot %u", i);
    boot(id, HOUR);
    reload();
    tick(10 * MINUTE);
    bc_leases_tell_clock(world->leases, &world->file);
  }
  assert_int_equal(left("api:a"), 10 * HOUR - 5 * HOUR - 50 * MINUTE);
}

static void an_unknown_boot_is_never_the_same_one(void **state) {
  (void)state;
  world_new_table();
  world->now.boot_id[0] = '\0';
  bc_leases_move(world->leases, &world->now);
  put("api:a", HOUR);
  world->now.boot_ms = 10;
  world->now.wall_ms += MINUTE;
  reload();
  assert_int_equal(left("api:a"), HOUR - MINUTE);
}

static void without_a_time_it_stays(void **state) {
  (void)state;
  put("api:a", 0);
  boot("two", 10000LL * 24 * HOUR);
  reload();
  assert_true(left("api:a") == UINT64_MAX);
  assert_null(bc_leases_first_due(world->leases));
  assert_int_equal(bc_leases_counts(world->leases).timed, 0);
}

static void a_time_without_end_does_not_wrap(void **state) {
  (void)state;
  tick(HOUR);
  struct bc_lease *lease = put("api:a", UINT64_MAX);
  tick(HOUR);
  assert_true(bc_lease_left_ms(world->leases, lease) > UINT64_MAX / 2);
  reload();
  assert_true(left("api:a") > INT64_MAX / 2);
}

/* ---- the file ---- */

static void what_was_put_is_read_as_it_was(void **state) {
  (void)state;
  put("api:b", HOUR);
  tick(1234);
  put("api:a", 0);
  tick(1);
  uint64_t next = bc_leases_find(world->leases, "api:a")->id + 1;
  for (unsigned round = 0; round < 2; round++) {
    struct bc_lease_load load = reload();
    assert_true(load.good_bytes > 0 && load.good_bytes <= world->file.len);
    struct bc_lease *lease = bc_leases_find(world->leases, "api:b");
    assert_string_equal(lease->text, "route 192.0.2.0/24 next-hop self");
    assert_string_equal(lease->owner, "token t");
    assert_string_equal(lease->reason, "why \"not\"");
    assert_string_equal(lease->source, "a test");
    assert_int_equal(lease->ttl_ms, HOUR);
    assert_int_equal(lease->since_ms, 1700000000000);
    assert_int_equal(left("api:b"), HOUR - 1235);
    assert_int_equal(bc_leases_counts(world->leases).live, 2);
    /* The same of the file that it writes anew. */
    bc_buf_clear(&world->file);
    bc_leases_print(world->leases, &world->file);
  }
  assert_int_equal(put("api:c", 0)->id, next);
}

/* The format is on disks: it may not change without a new version in the header. */
static void the_format_is_fixed(void **state) {
  (void)state;
  put_as("api:a", "route 192.0.2.0/24 next-hop self", 1000, false);
  removed("api:a");
  assert_string_equal(
      world->file.data,
      "bgpcommander leases 1\n"
      "c0720962 {\"clock\":0,\"wall\":1700000000000,\"uptime\":1000000,\"boot\":\"one\",\"gone\":[0,0]}\n"
      "3805dc59 "
      "{\"put\":1,\"wall\":1700000000000,\"uptime\":1000000,\"boot\":\"one\",\"gone\":[0,0],\"name\":\"api:a\","
      "\"text\":"
      "\"route 192.0.2.0/24 next-hop self\",\"owner\":\"token t\",\"reason\":\"why \\\"not\\\"\",\"source\":"
      "\"a test\",\"since\":1700000000000,\"ttl\":1000,\"left\":1000}\n"
      "38bacdbd {\"leave\":1,\"wall\":1700000000000,\"uptime\":1000000,\"boot\":\"one\",\"gone\":[1,1]}\n");
}

static void what_was_removed_is_remembered_as_leaving_until_it_is_gone(void **state) {
  (void)state;
  put("api:a", HOUR);
  removed("api:a");
  reload();
  assert_null(bc_leases_find(world->leases, "api:a"));
  assert_null(bc_leases_first_due(world->leases));
  struct bc_lease *leaving = bc_leases_find_leaving(world->leases, "api:a");
  assert_string_equal(leaving->text, "route 192.0.2.0/24 next-hop self");
  bc_leases_forget(world->leases, leaving, &world->file);
  reload();
  assert_null(bc_leases_after_id(world->leases, 0));
}

static void what_is_replaced_leaves_unless_it_is_the_same_prefix(void **state) {
  (void)state;
  put("api:a", 0);
  put_as("api:a", "route 192.0.2.0/24 next-hop self med 5", HOUR, true);
  for (unsigned round = 0; round < 2; round++) {
    assert_int_equal(bc_leases_counts(world->leases).leaving, 0);
    assert_int_equal(bc_leases_counts(world->leases).live, 1);
    reload();
  }
  put_as("api:a", "route 198.51.100.0/24 next-hop self", HOUR, false);
  for (unsigned round = 0; round < 2; round++) {
    assert_string_equal(bc_leases_find_leaving(world->leases, "api:a")->text, "route 192.0.2.0/24 next-hop self med 5");
    assert_string_equal(bc_leases_find(world->leases, "api:a")->text, "route 198.51.100.0/24 next-hop self");
    assert_int_equal(bc_leases_counts(world->leases).live, 1);
    reload();
  }
}

static void one_that_is_not_on_disk_yet_is_not_there(void **state) {
  (void)state;
  struct bc_lease_ask ask = {.name = "api:a", .text = "x", .owner = "", .reason = "", .source = ""};
  struct bc_lease *made;
  assert_int_equal(bc_leases_make(world->leases, &ask, &made, &world->file), BC_ERR_OK);
  assert_null(bc_leases_find(world->leases, "api:a"));
  bc_leases_drop(world->leases, made);
  assert_null(bc_leases_find(world->leases, "api:a"));
}

static void there_are_no_more_than_the_limit(void **state) {
  (void)state;
  struct bc_lease_ask ask = {.text = "x", .owner = "", .reason = "", .source = ""};
  struct bc_lease *made = NULL;
  char name[32];
  ask.name = name;
  for (unsigned i = 0; i < BC_LIMIT_LEASES; i++) {
    (void)snprintf(name, sizeof name, "api:%u", i);
    assert_int_equal(bc_leases_make(world->leases, &ask, &made, &world->file), BC_ERR_OK);
    if (i > 0) {
      bc_leases_commit(world->leases, made);
    }
    made = i == 0 ? made : NULL;
    if (i == 0) {
      bc_leases_drop(world->leases, made);
      assert_int_equal(bc_leases_make(world->leases, &ask, &made, &world->file), BC_ERR_OK);
      bc_leases_commit(world->leases, made);
    }
  }
  (void)snprintf(name, sizeof name, "api:more");
  assert_int_equal(bc_leases_make(world->leases, &ask, &made, &world->file), BC_ERR_LIMIT);
  /* Those that are on their way to the disk count too. */
  removed("api:1");
  assert_int_equal(bc_leases_make(world->leases, &ask, &made, &world->file), BC_ERR_OK);
  struct bc_lease *second = NULL;
  (void)snprintf(name, sizeof name, "api:yet more");
  assert_int_equal(bc_leases_make(world->leases, &ask, &second, &world->file), BC_ERR_LIMIT);
  bc_leases_commit(world->leases, made);
  (void)snprintf(name, sizeof name, "api:7");
  assert_int_equal(bc_leases_make(world->leases, &ask, &made, &world->file), BC_ERR_OK);
  bc_leases_commit(world->leases, made);
}

static void a_file_that_grew_is_told_to_be_written_anew(void **state) {
  (void)state;
  put("api:a", HOUR);
  assert_false(bc_leases_is_grown(world->leases, world->file.len));
  while (!bc_leases_is_grown(world->leases, world->file.len)) {
    bc_leases_tell_clock(world->leases, &world->file);
    assert_true(world->file.len < 1U << 20);
  }
  bc_buf_clear(&world->file);
  bc_leases_print(world->leases, &world->file);
  assert_false(bc_leases_is_grown(world->leases, world->file.len));
}

/* ---- damage ---- */

static void some_records(void) {
  put("api:a", HOUR);
  put_as("api:b", "route 198.51.100.0/24 next-hop self", 0, true);
  tick(MINUTE);
  removed("api:a");
  bc_leases_tell_clock(world->leases, &world->file);
  put_as("api:c", "route 203.0.113.0/24 next-hop self", HOUR, true);
}

/* Where a line begins that has this text. */
static char *line_with(const char *text) {
  char *at = memmem(world->file.data, world->file.len, text, strlen(text));
  assert_non_null(at);
  while (at > world->file.data && at[-1] != '\n') {
    at--;
  }
  return at;
}

static bool is_in_line_with(const char *text, size_t at) {
  const char *line = line_with(text);
  const char *end = strchr(line, '\n');
  return world->file.data + at >= line && world->file.data + at < end;
}

/* Two lines become one: then both are damaged. */
static bool is_line_break(size_t at) {
  return world->file.data[at] == '\n';
}

/* The sum is wrong now; and right again. */
static void damage_line_with(const char *text) {
  char *line = line_with(text);
  *line = (char)(*line ^ 1);
}

static void mend_line_with(const char *text) {
  damage_line_with(text);
}

static void a_file_cut_at_any_byte_tells_no_more_than_it_had(void **state) {
  (void)state;
  some_records();
  for (size_t cut = 0; cut < world->file.len; cut++) {
    struct bc_lease_load load = load_text((struct bc_str){world->file.data, cut});
    assert_int_equal(load.damaged, 0);
    assert_true(load.good_bytes <= cut);
    assert_true(load.good_bytes == 0 || world->file.data[load.good_bytes - 1] == '\n');
    struct bc_lease *a = bc_leases_find(world->leases, "api:a");
    bool is_told_to_leave = memmem(world->file.data, cut, "\"leave\"", 7) != NULL &&
                            memchr(strstr(world->file.data, "\"leave\""), '\n',
                                   cut - (size_t)(strstr(world->file.data, "\"leave\"") - world->file.data)) != NULL;
    assert_true(!is_told_to_leave || a == NULL);
    assert_true(a == NULL || bc_lease_left_ms(world->leases, a) <= HOUR);
  }
}

/* One line anywhere: what was removed is not there, whatever the line was, and what was not removed is not doubted, as
 * long as a record follows that tells. */
static void a_damaged_line_costs_no_more_than_what_it_put(void **state) {
  (void)state;
  some_records();
  const char *last = memrchr(world->file.data, '\n', world->file.len - 1);
  size_t last_line = (size_t)(last - world->file.data) + 1;
  for (size_t at = 0; at < world->file.len; at++) {
    world->file.data[at] = (char)(world->file.data[at] ^ 4);
    struct bc_lease_load load = load_text(bc_buf_str(&world->file));
    bool has_lost_break = memchr(world->file.data + last_line, '\n', world->file.len - last_line) == NULL;
    world->file.data[at] = (char)(world->file.data[at] ^ 4);
    if (has_lost_break) {
      assert_true(load.good_bytes < world->file.len); /* as if it had been cut there */
      continue;
    }
    if (at < strlen("bgpcommander leases 1\n")) {
      assert_true(load.is_other);
      continue;
    }
    assert_true(load.damaged > 0);
    assert_int_equal(load.good_bytes, 0);
    struct bc_lease *a = bc_leases_find(world->leases, "api:a");
    struct bc_lease *b = bc_leases_find(world->leases, "api:b");
    struct bc_lease *c = bc_leases_find(world->leases, "api:c");
    size_t begin = strlen("bgpcommander leases 1\n");
    bool is_base = memchr(world->file.data + begin, '\n', at - begin) == NULL;
    assert_true(a == NULL || (is_base && a->is_doubtful));
    assert_true(c == NULL || at < last_line);
    assert_true(c == NULL || !c->is_doubtful);
    assert_true(b == NULL || is_base || at >= last_line - 1 || !b->is_doubtful);
    bool is_put_of_b = is_in_line_with("\"api:b\"", at);
    assert_true(is_put_of_b == (b == NULL) || is_line_break(at));
  }
}

/* Of several damaged lines one is a removal. */
static void one_removal_among_damaged_lines_is_known_by_what_follows(void **state) {
  (void)state;
  some_records();
  tick(MINUTE);
  bc_leases_tell_clock(world->leases, &world->file);
  damage_line_with("\"api:b\"");
  damage_line_with("\"leave\"");
  struct bc_lease_load load = load_text(bc_buf_str(&world->file));
  assert_int_equal(load.damaged, 2);
  assert_int_equal(load.inferred, 1);
  assert_null(bc_leases_find(world->leases, "api:a"));
  assert_non_null(bc_leases_find_leaving(world->leases, "api:a"));
  assert_false(bc_leases_find(world->leases, "api:c")->is_doubtful);
}

static void two_removals_damaged_one_behind_the_other_leave_doubts(void **state) {
  (void)state;
  static const char *const names[] = {"api:a", "api:b", "api:c"};
  for (size_t i = 0; i < 3; i++) {
    put(names[i], 0);
  }
  removed("api:a");
  removed("api:c");
  bc_leases_tell_clock(world->leases, &world->file);
  damage_line_with("\"leave\":1");
  damage_line_with("\"leave\":3");
  assert_int_equal(load_text(bc_buf_str(&world->file)).inferred, 0);
  for (size_t i = 0; i < 3; i++) {
    assert_true(bc_leases_find(world->leases, names[i])->is_doubtful);
  }
}

static void a_damaged_removal_at_the_end_leaves_doubts(void **state) {
  (void)state;
  put("api:a", 0);
  put("api:b", 0);
  removed("api:a");
  damage_line_with("\"leave\"");
  (void)load_text(bc_buf_str(&world->file));
  assert_true(bc_leases_find(world->leases, "api:a")->is_doubtful);
  assert_true(bc_leases_find(world->leases, "api:b")->is_doubtful);
}

/* It would otherwise stand again, with a prefix that it was moved away from. */
static void a_damaged_move_to_another_prefix_does_not_bring_the_old_one_back(void **state) {
  (void)state;
  put("api:a", 0);
  put_as("api:a", "route 198.51.100.0/24 next-hop self", 0, false);
  put_as("api:b", "route 203.0.113.0/24 next-hop self", 0, true);
  damage_line_with("198.51.100.0");
  (void)load_text(bc_buf_str(&world->file));
  assert_null(bc_leases_find(world->leases, "api:a"));
  assert_non_null(bc_leases_find_leaving(world->leases, "api:a"));
  assert_false(bc_leases_find(world->leases, "api:b")->is_doubtful);
}

static void of_a_damaged_change_of_attributes_the_version_before_stands(void **state) {
  (void)state;
  put("api:a", 0);
  put_as("api:a", "route 192.0.2.0/24 next-hop self med 5", 0, true);
  put_as("api:b", "route 203.0.113.0/24 next-hop self", 0, true);
  damage_line_with("med 5");
  (void)load_text(bc_buf_str(&world->file));
  assert_string_equal(bc_leases_find(world->leases, "api:a")->text, "route 192.0.2.0/24 next-hop self");
  assert_false(bc_leases_find(world->leases, "api:a")->is_doubtful);
}

/* The counting goes on over a restart, and over a file that was written anew. */
static void whoever_wrote_the_file_a_removal_is_known(void **state) {
  (void)state;
  put("api:a", 0);
  removed("api:a");
  put("api:b", 0);
  for (unsigned round = 0; round < 2; round++) {
    (void)reload();
    if (round == 1) {
      bc_buf_clear(&world->file);
      bc_leases_print(world->leases, &world->file);
    }
    const char *name = round == 0 ? "api:c" : "api:d";
    put_as(name, "route 203.0.113.0/24 next-hop self", 0, true);
    uint64_t id = bc_leases_find(world->leases, name)->id;
    char leave[32];
    removed(name);
    bc_leases_tell_clock(world->leases, &world->file);
    (void)snprintf(leave, sizeof leave, "\"leave\":%u,", (unsigned)id);
    damage_line_with(leave);
    assert_int_equal(load_text(bc_buf_str(&world->file)).inferred, 1);
    assert_null(bc_leases_find(world->leases, name));
    assert_false(bc_leases_find(world->leases, "api:b")->is_doubtful);
    mend_line_with(leave);
  }
}

/* A file of before the records told how many had gone. */
static void what_stands_before_a_damaged_line_without_that_is_doubtful(void **state) {
  (void)state;
  static const char *const lines[] = {
      "{\"clock\":0,\"wall\":1,\"uptime\":1,\"boot\":\"one\"}",
      "{\"put\":1,\"wall\":1,\"uptime\":1,\"boot\":\"one\",\"name\":\"api:a\",\"text\":\"t\"}",
      NULL,
      "{\"put\":2,\"wall\":1,\"uptime\":1,\"boot\":\"one\",\"name\":\"api:b\",\"text\":\"t\"}",
  };
  bc_buf_clear(&world->file);
  bc_buf_add_text(&world->file, "bgpcommander leases 1\n");
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    const char *line = lines[i] == NULL ? "?" : lines[i];
    bc_buf_add_format(&world->file, "%08x %s\n",
                      lines[i] == NULL ? 0 : bc_crc_end(bc_crc_add(BC_CRC_BEGIN, bc_str_of(line))), line);
  }
  assert_int_equal(load_text(bc_buf_str(&world->file)).damaged, 1);
  assert_true(bc_leases_find(world->leases, "api:a")->is_doubtful);
  assert_false(bc_leases_find(world->leases, "api:b")->is_doubtful);
}

static void a_later_version_is_not_read(void **state) {
  (void)state;
  struct bc_lease_load load = load_text(bc_str_of("bgpcommander leases 2\nwhatever\n"));
  assert_true(load.is_other);
  assert_int_equal(load.good_bytes, 0);
  load = load_text(bc_str_of(""));
  assert_false(load.is_other);
}

static void a_record_of_an_unknown_kind_is_left_out_without_harm(void **state) {
  (void)state;
  put("api:a", HOUR);
  const char *json = "{\"fancy\":7,\"wall\":1700000000000,\"uptime\":1000000,\"boot\":\"one\"}";
  uint32_t crc = bc_crc_end(bc_crc_add(BC_CRC_BEGIN, bc_str_of(json)));
  bc_buf_add_format(&world->file, "%08x %s\n", crc, json);
  assert_int_equal(reload().damaged, 0);
  assert_int_equal(left("api:a"), HOUR);
  assert_false(bc_leases_find(world->leases, "api:a")->is_doubtful);
}

static void lines_with_nonsense_are_damage(void **state) {
  (void)state;
  static const char *const texts[] = {
      "[]",
      "{}",
      "7",
      "{\"put\":1}",
      "{\"put\":1,\"wall\":\"x\",\"uptime\":1,\"boot\":\"one\",\"name\":\"api:a\",\"text\":\"t\"}",
      "{\"put\":0,\"wall\":1,\"uptime\":1,\"boot\":\"one\",\"name\":\"api:a\",\"text\":\"t\"}",
      "{\"put\":-4,\"wall\":1,\"uptime\":1,\"boot\":\"one\",\"name\":\"api:a\",\"text\":\"t\"}",
      "{\"put\":1,\"wall\":1,\"uptime\":1,\"boot\":\"one\",\"name\":\"web\",\"text\":\"t\"}",
      "{\"put\":1,\"wall\":1,\"uptime\":1,\"boot\":\"one\",\"name\":\"api:\",\"text\":\"t\"}",
      "{\"put\":1,\"wall\":1,\"uptime\":1,\"boot\":\"one\",\"name\":\"api:a\"}",
      ("{\"put\":1,\"wall\":1,\"uptime\":1,\"boot\":\"0123456789012345678901234567890123456789\",\"name\":\"api:a\","
       "\"text\":\"t\"}"),
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct bc_buf file;
    bc_buf_init(&file, 4096);
    bc_buf_add_format(&file, "bgpcommander leases 1\n%08x %s\n",
                      bc_crc_end(bc_crc_add(BC_CRC_BEGIN, bc_str_of(texts[i]))), texts[i]);
    struct bc_lease_load load = load_text(bc_buf_str(&file));
    assert_int_equal(load.damaged, 1);
    assert_null(bc_leases_after_id(world->leases, 0));
    bc_buf_free(&file);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LEASE_TEST(time_goes_by_the_boot_clock_whatever_the_wall_clock_does),
      LEASE_TEST(a_boot_clock_that_goes_back_gives_nothing_back),
      LEASE_TEST(where_the_boot_clock_goes_back_in_one_boot_the_wall_clock_counts),
      LEASE_TEST(after_a_reboot_the_wall_clock_counts),
      LEASE_TEST(after_a_reboot_with_a_wall_clock_gone_back_what_was_left_is_left),
      LEASE_TEST(each_boot_counts_though_none_wrote_the_file_anew),
      LEASE_TEST(an_unknown_boot_is_never_the_same_one),
      LEASE_TEST(without_a_time_it_stays),
      LEASE_TEST(a_time_without_end_does_not_wrap),
      LEASE_TEST(what_was_put_is_read_as_it_was),
      LEASE_TEST(the_format_is_fixed),
      LEASE_TEST(what_was_removed_is_remembered_as_leaving_until_it_is_gone),
      LEASE_TEST(what_is_replaced_leaves_unless_it_is_the_same_prefix),
      LEASE_TEST(one_that_is_not_on_disk_yet_is_not_there),
      LEASE_TEST(there_are_no_more_than_the_limit),
      LEASE_TEST(a_file_that_grew_is_told_to_be_written_anew),
      LEASE_TEST(a_file_cut_at_any_byte_tells_no_more_than_it_had),
      LEASE_TEST(a_damaged_line_costs_no_more_than_what_it_put),
      LEASE_TEST(one_removal_among_damaged_lines_is_known_by_what_follows),
      LEASE_TEST(two_removals_damaged_one_behind_the_other_leave_doubts),
      LEASE_TEST(a_damaged_removal_at_the_end_leaves_doubts),
      LEASE_TEST(a_damaged_move_to_another_prefix_does_not_bring_the_old_one_back),
      LEASE_TEST(of_a_damaged_change_of_attributes_the_version_before_stands),
      LEASE_TEST(whoever_wrote_the_file_a_removal_is_known),
      LEASE_TEST(what_stands_before_a_damaged_line_without_that_is_doubtful),
      LEASE_TEST(a_later_version_is_not_read),
      LEASE_TEST(a_record_of_an_unknown_kind_is_left_out_without_harm),
      LEASE_TEST(lines_with_nonsense_are_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
