#include "base/mem.h"
#include "core/private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define AUDIT_FILE "audit.log"

enum {
  AUDIT_END_BYTES = 512 * 1024,
  AUDIT_RETRY_MS = 2000,
  AUDIT_LINE_BYTES = 256 * 1024,
  AUDIT_MIB = 1048576,
  AUDIT_CHANGE_SHOWN_MS = 24 * 3600 * 1000
};

/* A line at the disk, or one that could not be given to it. */
struct core_audit_wait {
  TAILQ_ENTRY(core_audit_wait) link;
  struct bc_core *core;
  core_audit_fn *done; /* NULL = nobody waits any more */
  void *arg;
  char *text;
  size_t len;
  struct bc_mono deadline;
  enum bc_err err; /* to be told at the next turn of the loop; OK = it is at the disk */
  bool is_done;
  bool is_accepted; /* its outcome */
};

/* ---- the text ---- */

/* JSON has no bytes that are no UTF-8; a text that has some, or is cut within a letter, is shown in ASCII. */
static json_t *audit_text(const char *text) {
  size_t len = strnlen(text, BC_LIMIT_AUDIT_TEXT_BYTES);
  while (len > 0 && text[len] != '\0' && ((unsigned char)text[len] & 0xc0) == 0x80) {
    len--;
  }
  json_t *made = json_stringn(text, len);
  if (made != NULL) {
    return made;
  }
  char *plain = bc_mem_copy_text(text, len);
  for (size_t i = 0; i < len; i++) {
    plain[i] = plain[i] >= ' ' && plain[i] <= '~' ? plain[i] : '?';
  }
  made = json_stringn(plain, len);
  free(plain);
  return made;
}

static void audit_set(json_t *made, const char *member, const char *text) {
  if (text != NULL && text[0] != '\0') {
    json_object_set_new(made, member, audit_text(text));
  }
}

static void audit_set_number(json_t *made, const char *member, uint64_t number) {
  if (number != 0) {
    json_object_set_new(made, member, json_integer((json_int_t)number));
  }
}

static char *audit_print(const struct core_audit_line *line, uint64_t seq) {
  char time[25];
  json_t *made = json_object();
  bc_wall_print(bc_wall_now_ms(), time);
  audit_set(made, "time", time);
  audit_set_number(made, "seq", seq);
  audit_set(made, "who", line->who);
  audit_set(made, "source", line->source);
  audit_set(made, "action", line->action);
  audit_set(made, "name", line->name);
  audit_set(made, "command", line->command);
  audit_set_number(made, "ttl", (line->ttl_ms + 999) / 1000);
  audit_set(made, "reason", line->reason);
  audit_set(made, "outcome", line->outcome);
  audit_set(made, "code", line->code);
  audit_set(made, "detail", line->detail);
  audit_set_number(made, "decision", line->decision);
  audit_set(made, "request", line->request);
  char *text = json_dumps(made, JSON_COMPACT);
  json_decref(made);
  return text;
}

/* ---- what is wrong ---- */

static void audit_fail(struct bc_core *core, const char *problem) {
  struct core_audit *audit = &core->audit;
  if (audit->problem == NULL) {
    bc_log(BC_LOG_ERROR, "audit log: %s: nothing is announced by HTTP until that is mended; withdraws go on", problem);
    core_publish_dirty(core);
  }
  free(audit->problem);
  audit->problem = bc_mem_copy_string(problem);
}

static void audit_mend(struct bc_core *core) {
  struct core_audit *audit = &core->audit;
  if (audit->problem != NULL) {
    bc_log(BC_LOG_NOTICE, "audit log: written again");
    free(audit->problem);
    audit->problem = NULL;
    core_publish_dirty(core);
  }
}

/* Nobody but us has reason to touch the file; who rotates it by another program reads what that does. */
static void audit_look_for_changes(struct bc_core *core) {
  static const char *const texts[] = {
      [BC_DISK_LOG_REMOVED] = "somebody removed it: it was made again, with what it held",
      [BC_DISK_LOG_RENAMED] = "somebody renamed or replaced it: lines go on in the file that has its name now",
      [BC_DISK_LOG_SHORTENED] = "somebody shortened it: lines that came while it was copied may be lost"};
  struct core_audit *audit = &core->audit;
  enum bc_disk_log_change change = bc_disk_log_take_change(audit->log);
  if (change == BC_DISK_LOG_UNCHANGED) {
    return;
  }
  audit->change = texts[change];
  audit->change_ms = bc_wall_now_ms();
  audit->change_until = bc_mono_add_ms(bc_mono_now(), AUDIT_CHANGE_SHOWN_MS);
  audit->bytes = bc_disk_log_bytes(audit->log);
  bc_log(BC_LOG_WARNING, "audit log: %s", audit->change);
  core_publish_dirty(core);
}

void core_audit_warn(const struct bc_core *core, json_t *list) {
  const struct core_audit *audit = &core->audit;
  char line[BC_FAULT_TEXT_BYTES * 2];
  char time[25];
  if (audit->change != NULL && !bc_mono_reached(audit->change_until, bc_mono_now())) {
    bc_wall_print(audit->change_ms, time);
    (void)snprintf(line, sizeof line, "audit log: %s (found at %s)", audit->change, time);
    json_array_append_new(list, json_string(line));
  }
  if (audit->problem != NULL) {
    (void)snprintf(line, sizeof line,
                   "audit log: %.300s: nothing is announced by HTTP until that is mended; %" PRIu64
                   " lines wait for it, %" PRIu64 " are lost",
                   audit->problem, audit->kept_lines, audit->lost);
    json_array_append_new(list, json_string(line));
  }
}

/* ---- who waits ---- */

static void audit_arm(struct core_audit *audit) {
  struct bc_mono now = bc_mono_now();
  struct bc_mono next = {0};
  const struct core_audit_wait *wait;
  if (audit->log == NULL || audit->kept_lines > 0) {
    next = bc_mono_add_ms(now, AUDIT_RETRY_MS);
  }
  TAILQ_FOREACH(wait, &audit->waits, link) {
    if (wait->done != NULL) {
      next = bc_mono_earlier(next, wait->deadline);
      break; /* those behind it came later */
    }
  }
  next = audit->failed > 0 ? now : next;
  if (bc_mono_is_set(next)) {
    int64_t ms = bc_mono_ms_between(now, next);
    bc_timer_start(audit->timer, ms > 0 ? ms : 0);
  }
}

/* Refusals, of which a client can have as many as it likes, leave room for what has happened. */
static void audit_keep(struct core_audit *audit, const struct core_audit_wait *wait) {
  bool has_room = wait->is_accepted || audit->kept.len + wait->len <= BC_LIMIT_AUDIT_KEPT_BYTES / 2;
  bool is_kept = wait->is_done && has_room;
  if (is_kept) {
    bc_buf_add(&audit->kept, wait->text, wait->len);
  }
  if (is_kept && bc_buf_status(&audit->kept) == BC_ERR_OK) {
    audit->kept_lines++;
  } else {
    audit->lost++;
    audit->kept.failed = false;
  }
}

/* Gone before it is told: who hears of it may write the next. */
static void audit_end(struct core_audit_wait *wait, enum bc_err err, const char *text) {
  struct core_audit *audit = &wait->core->audit;
  core_audit_fn *done = wait->done;
  void *arg = wait->arg;
  TAILQ_REMOVE(&audit->waits, wait, link);
  audit->wait_count--;
  free(wait->text);
  free(wait);
  if (done != NULL) {
    done(arg, err, text);
  }
}

static void audit_unwritten(struct core_audit *audit, size_t len) {
  audit->bytes = audit->bytes > len ? audit->bytes - len : 0;
}

static void audit_on_written(void *arg, enum bc_err err, const char *text) {
  struct core_audit_wait *wait = arg;
  struct bc_core *core = wait->core;
  audit_look_for_changes(core);
  if (err == BC_ERR_OK) {
    core->audit.written++;
    audit_mend(core);
  } else {
    audit_unwritten(&core->audit, wait->len);
    audit_fail(core, text);
    audit_keep(&core->audit, wait);
  }
  audit_end(wait, err, text);
  audit_arm(&core->audit);
}

/* ---- the file ---- */

static void audit_on_turned(void *arg, enum bc_err err, const char *text) {
  struct bc_core *core = arg;
  struct core_audit *audit = &core->audit;
  audit_look_for_changes(core);
  if (err == BC_ERR_OK) {
    audit->is_turn_told = false;
    return;
  }
  audit->bytes += bc_disk_log_bytes(audit->log);
  if (!audit->is_turn_told) {
    audit->is_turn_told = true;
    bc_log(BC_LOG_WARNING, "audit log: it grows on, as it cannot be renamed: %s", text);
  }
}

/* Before the first line that would make it longer than the settings say. */
static void audit_turn(struct bc_core *core, size_t more) {
  struct core_audit *audit = &core->audit;
  size_t most = (size_t)core->settings->audit_size * AUDIT_MIB;
  if (audit->bytes > 0 && audit->bytes + more > most &&
      bc_disk_log_turn(audit->log, core->settings->audit_files, audit_on_turned, core) == BC_ERR_OK) {
    audit->bytes = 0;
  }
}

static void audit_on_kept_written(void *arg, enum bc_err err, const char *text) {
  struct core_audit_wait *wait = arg;
  struct core_audit *audit = &wait->core->audit;
  audit->is_kept_at_disk = false;
  audit_look_for_changes(wait->core);
  if (err == BC_ERR_OK) {
    bc_buf_consume(&audit->kept, wait->len);
    audit->written += audit->kept_lines;
    audit->kept_lines = 0;
    for (size_t i = 0; i < audit->kept.len; i++) {
      audit->kept_lines += audit->kept.data[i] == '\n';
    }
    audit->written -= audit->kept_lines;
    audit_mend(wait->core);
  } else {
    audit_unwritten(audit, wait->len);
    audit_fail(wait->core, text);
  }
  audit_end(wait, err, text);
  audit_arm(audit);
}

/* What the disk did not take before, in one piece: it stays here until it is written. */
static void audit_write_kept(struct bc_core *core) {
  struct core_audit *audit = &core->audit;
  if (audit->is_kept_at_disk) {
    return;
  }
  struct core_audit_wait *wait = bc_mem_new(1, sizeof *wait);
  *wait = (struct core_audit_wait){.core = core, .len = audit->kept.len};
  audit_turn(core, wait->len);
  if (bc_disk_log_append(audit->log, bc_buf_str(&audit->kept), audit_on_kept_written, wait) != BC_ERR_OK) {
    free(wait);
    return;
  }
  audit->is_kept_at_disk = true;
  audit->bytes += wait->len;
  TAILQ_INSERT_TAIL(&audit->waits, wait, link);
  audit->wait_count++;
}

/* Of the last whole line; 0 = there is none. */
static uint64_t audit_last_seq(struct bc_str end) {
  uint64_t last = 0;
  struct bc_str line;
  while (end.len > 0 && bc_str_next_field(&end, '\n', &line)) {
    json_t *read = json_loadb(line.at, line.len, JSON_REJECT_DUPLICATES, NULL);
    json_int_t seq = json_integer_value(json_object_get(read, "seq"));
    last = seq > 0 && (uint64_t)seq > last ? (uint64_t)seq : last;
    json_decref(read);
  }
  return last;
}

/* An empty file goes on with the numbers of the one before. */
static uint64_t audit_seq_before(struct bc_core *core) {
  struct bc_buf end;
  uint64_t seq = 0;
  bc_buf_init(&end, AUDIT_END_BYTES);
  if (bc_disk_load_end(core->disk, AUDIT_FILE ".1", &end, NULL) == BC_ERR_OK) {
    seq = audit_last_seq(bc_buf_str(&end));
  }
  bc_buf_free(&end);
  return seq;
}

static bool audit_open_file(struct bc_core *core) {
  struct core_audit *audit = &core->audit;
  struct bc_fault fault = {0};
  struct bc_buf end;
  bc_buf_init(&end, AUDIT_END_BYTES);
  enum bc_err err = bc_disk_log_open_end(core->disk, AUDIT_FILE, &end, &audit->log, &fault);
  if (err != BC_ERR_OK) {
    audit->log = NULL;
    audit_fail(core, fault.text);
  } else {
    bc_disk_log_set_durable(audit->log);
    bc_disk_log_set_rotated(audit->log);
    uint64_t seq = end.len > 0 ? audit_last_seq(bc_buf_str(&end)) : audit_seq_before(core);
    audit->seq = seq > audit->seq ? seq : audit->seq;
    audit->bytes = bc_disk_log_bytes(audit->log);
    audit->must_break = end.len > 0 && end.data[end.len - 1] != '\n';
    audit_mend(core);
  }
  bc_buf_free(&end);
  return err == BC_ERR_OK;
}

/* ---- lines ---- */

static void audit_hand_over(struct core_audit_wait *wait) {
  struct bc_core *core = wait->core;
  struct core_audit *audit = &core->audit;
  if (audit->log == NULL) {
    wait->err = BC_ERR_IO;
    return;
  }
  audit_turn(core, wait->len);
  enum bc_err err = bc_disk_log_append(audit->log, (struct bc_str){wait->text, wait->len}, audit_on_written, wait);
  if (err != BC_ERR_OK) {
    wait->err = err;
    audit_fail(core, "the disk is too slow: too much waits to be written");
    return;
  }
  audit->bytes += wait->len;
}

/* Who follows the events hears of it, too. An expiry is told as that of its lease. */
static void audit_tell(struct bc_core *core, const struct core_audit_line *line) {
  json_t *detail = json_object();
  audit_set(detail, "who", line->who);
  audit_set(detail, "action", line->action);
  audit_set(detail, "outcome", line->outcome);
  audit_set(detail, "code", line->code);
  audit_set(detail, "reason", line->reason);
  core_event_tell(core, BC_EVENT_HTTP, line->name, line->decision, detail);
}

uint64_t core_audit_write(struct bc_core *core, const struct core_audit_line *line, core_audit_fn *done, void *arg) {
  struct core_audit *audit = &core->audit;
  struct core_audit_wait *wait = bc_mem_new(1, sizeof *wait);
  struct bc_buf text;
  char *printed = audit_print(line, ++audit->seq);
  if (line->request != NULL) {
    audit_tell(core, line);
  }
  bc_buf_init(&text, AUDIT_LINE_BYTES);
  bc_buf_add_format(&text, "%s%s\n", audit->must_break ? "\n" : "", printed);
  free(printed);
  *wait = (struct core_audit_wait){.core = core,
                                   .done = done,
                                   .arg = arg,
                                   .len = text.len,
                                   .deadline = bc_mono_add_ms(bc_mono_now(), CORE_AUDIT_LATE_MS),
                                   .is_done = line->is_done,
                                   .is_accepted = strcmp(line->outcome, "accepted") == 0};
  wait->text = bc_buf_take(&text);
  TAILQ_INSERT_TAIL(&audit->waits, wait, link);
  if (audit->wait_count++ >= BC_LIMIT_AUDIT_WAITS) {
    wait->err = BC_ERR_LIMIT;
  } else {
    audit_hand_over(wait);
  }
  audit->failed += wait->err != BC_ERR_OK ? 1U : 0U;
  audit->must_break = audit->must_break && wait->err != BC_ERR_OK;
  audit_arm(audit);
  return audit->seq;
}

void core_audit_cancel(struct bc_core *core, const void *arg) {
  struct core_audit_wait *wait;
  TAILQ_FOREACH(wait, &core->audit.waits, link) {
    wait->done = wait->arg == arg ? NULL : wait->done;
  }
}

/* Tells one of those that have waited long enough; false: none has. A callback may have written or cancelled others. */
static bool audit_tell_one(struct core_audit *audit, struct bc_mono now) {
  struct core_audit_wait *wait;
  TAILQ_FOREACH(wait, &audit->waits, link) {
    if (wait->err != BC_ERR_OK) {
      audit->failed--;
      audit_keep(audit, wait);
      audit_end(wait, wait->err, audit->problem == NULL ? "too many lines wait for the disk" : audit->problem);
      return true;
    }
    if (wait->done != NULL && bc_mono_reached(wait->deadline, now)) {
      core_audit_fn *done = wait->done;
      wait->done = NULL;
      done(wait->arg, BC_ERR_TIMEOUT, "the disk does not answer in time");
      return true;
    }
  }
  return false;
}

static void audit_on_timer(void *arg) {
  struct bc_core *core = arg;
  struct core_audit *audit = &core->audit;
  struct bc_mono now = bc_mono_now();
  while (audit_tell_one(audit, now)) {
  }
  if (audit->log == NULL) {
    (void)audit_open_file(core);
  }
  if (audit->log != NULL && audit->kept_lines > 0) {
    audit_write_kept(core);
  }
  audit_arm(audit);
}

/* ---- life ---- */

void core_audit_open(struct bc_core *core) {
  struct core_audit *audit = &core->audit;
  TAILQ_INIT(&audit->waits);
  bc_buf_init(&audit->kept, BC_LIMIT_AUDIT_KEPT_BYTES);
  audit->timer = bc_timer_new(core->loop, audit_on_timer, core);
  if (!audit_open_file(core)) {
    audit_arm(audit);
  }
}

void core_audit_close(struct bc_core *core) {
  struct core_audit *audit = &core->audit;
  struct core_audit_wait *wait;
  if (audit->timer == NULL) {
    return;
  }
  if (audit->log != NULL && audit->kept_lines > 0 && !audit->is_kept_at_disk) {
    (void)!bc_disk_log_append(audit->log, bc_buf_str(&audit->kept), NULL, NULL);
  }
  bc_disk_log_close(audit->log); /* what waits is written still, and not told */
  audit->log = NULL;
  while ((wait = TAILQ_FIRST(&audit->waits)) != NULL) {
    TAILQ_REMOVE(&audit->waits, wait, link);
    free(wait->text);
    free(wait);
  }
  bc_buf_free(&audit->kept);
  free(audit->problem);
  audit->problem = NULL;
  bc_timer_free(audit->timer);
  audit->timer = NULL;
}
