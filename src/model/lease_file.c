/* The records of the leases: "CHECKSUM JSON", one a line. Each has the time at which it was written, so that reading
 * them moves the clock as it moved then. */
#include "base/crc.h"
#include "base/mem.h"
#include "model/lease_private.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char lease_header[] = "bgpcommander leases 1\n";

/* ---- writing ---- */

static void lease_add_line(json_t *made, struct bc_buf *to) {
  char *text = json_dumps(made, JSON_COMPACT);
  json_decref(made);
  if (text == NULL) {
    to->failed = true; /* a text that is not UTF-8 */
    return;
  }
  struct bc_str line = bc_str_of(text);
  bc_buf_add_format(to, "%08x ", bc_crc_end(bc_crc_add(BC_CRC_BEGIN, line)));
  bc_buf_add_str(to, line);
  bc_buf_add_char(to, '\n');
  free(text);
}

static void lease_set_number(json_t *made, const char *key, uint64_t value) {
  json_object_set_new(made, key, json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

static json_t *lease_begin(const struct bc_leases *leases, const char *what, uint64_t id) {
  json_t *made = json_object();
  lease_set_number(made, what, id);
  json_object_set_new(made, "wall", json_integer(leases->last.wall_ms));
  json_object_set_new(made, "uptime", json_integer(leases->last.boot_ms));
  json_object_set_new(made, "boot", json_string(leases->last.boot_id));
  json_t *gone = json_array();
  json_array_append_new(gone, json_integer((json_int_t)(leases->gone.count & INT64_MAX)));
  json_array_append_new(gone, json_integer((json_int_t)leases->gone.ids));
  json_object_set_new(made, "gone", gone);
  return made;
}

void bc_lease_print_put(const struct bc_leases *leases, const struct bc_lease *lease, struct bc_buf *to) {
  json_t *made = lease_begin(leases, "put", lease->id);
  json_object_set_new(made, "name", json_string(lease->name));
  json_object_set_new(made, "text", json_string(lease->text));
  json_object_set_new(made, "owner", json_string(lease->owner));
  json_object_set_new(made, "reason", json_string(lease->reason));
  json_object_set_new(made, "source", json_string(lease->source));
  json_object_set_new(made, "since", json_integer(lease->since_ms));
  if (lease->ttl_ms > 0) {
    lease_set_number(made, "ttl", lease->ttl_ms);
    lease_set_number(made, "left", bc_lease_left_ms(leases, lease));
  }
  if (lease->keeps_identity) {
    json_object_set_new(made, "same", json_true());
  }
  if (lease->is_leaving) {
    json_object_set_new(made, "leaving", json_true());
  }
  if (lease->is_doubtful) {
    json_object_set_new(made, "doubtful", json_true());
  }
  lease_add_line(made, to);
}

void bc_lease_print_id(const struct bc_leases *leases, const char *what, uint64_t id, struct bc_buf *to) {
  lease_add_line(lease_begin(leases, what, id), to);
}

void bc_leases_print(const struct bc_leases *leases, struct bc_buf *to) {
  bc_buf_add_text(to, lease_header);
  /* The last id that was given goes first: it is never given again. */
  bc_lease_print_id(leases, "clock", leases->last_id, to);
  for (struct bc_lease *lease = bc_leases_after_id(leases, 0); lease != NULL;
       lease = bc_leases_after_id(leases, lease->id)) {
    bc_lease_print_put(leases, lease, to);
  }
}

/* ---- reading ---- */

static const char *lease_text(const json_t *record, const char *key) {
  const char *text = json_string_value(json_object_get(record, key));
  return text == NULL ? "" : text;
}

/* Not there, no number, negative: 0. */
static uint64_t lease_number(const json_t *record, const char *key) {
  json_int_t value = json_integer_value(json_object_get(record, key));
  return value < 0 ? 0 : (uint64_t)value;
}

static bool lease_take_time(const json_t *record, struct bc_lease_time *time) {
  const char *boot = json_string_value(json_object_get(record, "boot"));
  const json_t *wall = json_object_get(record, "wall");
  const json_t *uptime = json_object_get(record, "uptime");
  if (boot == NULL || strlen(boot) >= sizeof time->boot_id || !json_is_integer(wall) || !json_is_integer(uptime)) {
    return false;
  }
  time->wall_ms = json_integer_value(wall);
  time->boot_ms = json_integer_value(uptime);
  (void)snprintf(time->boot_id, sizeof time->boot_id, "%s", boot);
  return true;
}

static bool lease_read_put(struct bc_leases *leases, const json_t *record, struct bc_lease_load *to) {
  struct bc_lease_ask ask = {.name = lease_text(record, "name"),
                             .text = lease_text(record, "text"),
                             .owner = lease_text(record, "owner"),
                             .reason = lease_text(record, "reason"),
                             .source = lease_text(record, "source"),
                             .ttl_ms = lease_number(record, "ttl"),
                             .keeps_identity = json_is_true(json_object_get(record, "same"))};
  uint64_t id = lease_number(record, "put");
  size_t name_len = strlen(ask.name);
  bool is_name = strncmp(ask.name, BC_LEASE_PREFIX, strlen(BC_LEASE_PREFIX)) == 0 &&
                 name_len > strlen(BC_LEASE_PREFIX) && name_len <= BC_LIMIT_NAME_BYTES;
  if (id == 0 || !is_name || ask.text[0] == '\0' || bc_lease_find_id(leases, id) != NULL) {
    return false;
  }
  struct bc_leases_counts counts = leases->counts;
  if (counts.live + counts.leaving >= 3 * BC_LIMIT_LEASES || !bc_lease_has_room(leases, &ask)) {
    to->dropped++;
    return true;
  }
  struct bc_lease *lease = bc_lease_new(leases, id, &ask);
  leases->last_read = id > leases->last_read ? id : leases->last_read;
  lease->since_ms = (int64_t)lease_number(record, "since");
  lease->due = ask.ttl_ms == 0 ? 0 : bc_lease_due(leases->clock, lease_number(record, "left"));
  lease->is_leaving = json_is_true(json_object_get(record, "leaving"));
  lease->is_doubtful = json_is_true(json_object_get(record, "doubtful"));
  lease->keeps_identity = ask.keeps_identity;
  if (!lease->is_leaving) {
    bc_lease_replace(leases, lease);
  }
  bc_lease_insert(leases, lease);
  return true;
}

static bool lease_read_record(struct bc_leases *leases, const json_t *record, struct bc_lease_load *to) {
  struct bc_lease_time time;
  if (!json_is_object(record) || !lease_take_time(record, &time)) {
    return false;
  }
  bc_leases_move(leases, &time);
  if (json_object_get(record, "put") != NULL) {
    return lease_read_put(leases, record, to);
  }
  const char *what = json_object_get(record, "leave") != NULL ? "leave" : "forget";
  uint64_t id = lease_number(record, what);
  struct bc_lease *lease = bc_lease_find_id(leases, id);
  if (json_object_get(record, "clock") != NULL) {
    uint64_t last_id = lease_number(record, "clock");
    leases->last_id = last_id > leases->last_id ? last_id : leases->last_id;
  } else if (strcmp(what, "leave") == 0) {
    bc_lease_count_gone(leases, id);
    if (lease != NULL) {
      bc_lease_set_leaving(leases, lease);
    }
  } else if (lease != NULL) {
    bc_lease_free(leases, lease);
  }
  /* Of one that is not there: its put was damaged. A kind that is not known: of a later program. */
  return true;
}

/* NULL: damaged. */
static json_t *lease_parse_line(struct bc_str line) {
  enum { SUM = 8 };
  uint32_t crc;
  if (line.len <= SUM + 1 || line.at[SUM] != ' ' || !bc_crc_parse((struct bc_str){line.at, SUM}, &crc)) {
    return NULL;
  }
  struct bc_str text = {line.at + SUM + 1, line.len - SUM - 1};
  if (bc_crc_end(bc_crc_add(BC_CRC_BEGIN, text)) != crc) {
    return NULL;
  }
  return json_loadb(text.at, text.len, 0, NULL);
}

/* ---- damage ---- */

/* How far the reading is. */
struct lease_reading {
  struct bc_lease_load *to;
  uint64_t
      doubtful_to; /* leases up to this id stand before a damaged line, and what was in it is not known; 0 = none */
  bool has_base;   /* what the first record told is where the table began to count */
};

static bool lease_take_gone(const json_t *record, struct bc_lease_gone *gone) {
  const json_t *list = json_object_get(record, "gone");
  const json_t *count = json_array_get(list, 0);
  const json_t *ids = json_array_get(list, 1);
  if (!json_is_integer(count) || !json_is_integer(ids)) {
    return false;
  }
  gone->count = (uint64_t)json_integer_value(count);
  gone->ids = (uint64_t)json_integer_value(ids);
  return true;
}

/* A good record behind a damaged line: what it counts and the table does not was in the line. */
static void lease_settle(struct bc_leases *leases, struct lease_reading *reading, const struct bc_lease_gone *told) {
  uint64_t missing = told->count - leases->gone.count;
  uint64_t id = (told->ids - leases->gone.ids) & INT64_MAX;
  struct bc_lease *lease = missing == 1 ? bc_lease_find_id(leases, id) : NULL;
  if (missing > 1 || (missing == 0 && id != 0) || id > reading->doubtful_to) {
    return;
  }
  if (missing == 1) {
    bc_lease_count_gone(leases, id);
    reading->to->inferred++;
  }
  if (lease != NULL) {
    bc_lease_set_leaving(leases, lease);
  }
  reading->doubtful_to = 0;
}

static void lease_read_line(struct bc_leases *leases, struct bc_str line, struct lease_reading *reading) {
  struct bc_lease_gone told;
  json_t *record = lease_parse_line(line);
  bool has_told = record != NULL && lease_take_gone(record, &told);
  /* Whoever wrote the file anew had counted before. */
  if (has_told && !reading->has_base && reading->to->records + reading->to->damaged == 0) {
    leases->gone = told;
    reading->has_base = true;
  }
  bool is_good = record != NULL && lease_read_record(leases, record, reading->to);
  reading->to->records += is_good ? 1 : 0;
  reading->to->damaged += is_good ? 0 : 1;
  if (!is_good) {
    reading->doubtful_to = leases->last_read;
  } else if (has_told && reading->has_base && reading->doubtful_to > 0) {
    lease_settle(leases, reading, &told);
  }
  json_decref(record);
}

static void lease_doubt(struct bc_leases *leases, uint64_t last_id) {
  for (struct bc_lease *lease = bc_leases_after_id(leases, 0); lease != NULL && lease->id <= last_id;
       lease = bc_leases_after_id(leases, lease->id)) {
    lease->is_doubtful = true;
  }
}

void bc_leases_load(struct bc_leases *leases, struct bc_str content, const struct bc_lease_time *now,
                    struct bc_lease_load *to) {
  *to = (struct bc_lease_load){0};
  struct bc_str rest = content;
  bool is_ours = bc_str_starts(content, lease_header);
  if (is_ours) {
    rest.at += sizeof lease_header - 1;
    rest.len -= sizeof lease_header - 1;
  }
  to->is_other = !is_ours && content.len > 0;
  const char *end;
  struct lease_reading reading = {.to = to};
  while (is_ours && rest.len > 0 && (end = memchr(rest.at, '\n', rest.len)) != NULL) {
    struct bc_str line = {rest.at, (size_t)(end - rest.at)};
    lease_read_line(leases, line, &reading);
    rest.at += line.len + 1;
    rest.len -= line.len + 1;
  }
  to->line_bytes = is_ours ? content.len - rest.len : 0;
  to->good_bytes = to->damaged == 0 ? to->line_bytes : 0;
  /* A whole record whose line break alone is missing. */
  if (is_ours && rest.len > 0) {
    struct lease_reading before = reading;
    size_t damaged = to->damaged;
    lease_read_line(leases, rest, &reading);
    reading = to->damaged > damaged ? before : reading;
    to->damaged = damaged;
  }
  lease_doubt(leases, reading.doubtful_to);
  bc_leases_move(leases, now);
}
