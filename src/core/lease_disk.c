/* The file of the leases. What is put counts when its record is on disk; what is removed counts at once, and its record
 * is owed to the file until it is there. Records are on disk in the order in which things happened. */
#include "base/mem.h"
#include "core/lease_private.h"

#include <stdlib.h>
#include <string.h>

enum { DISK_RETRY_MS = 1000, DISK_GROWN_MS = 60000, DISK_CLOCK_BYTES = 1024, DISK_BYTES_MAX = 256 * 1024 * 1024 };

static const char disk_name[] = "leases";

void core_lease_set_problem(struct core_leases *leases, const char *problem) {
  leases->totals.failed += problem != NULL ? 1 : 0;
  bool is_same = problem != NULL && leases->problem != NULL && strcmp(problem, leases->problem) == 0;
  if (problem != NULL && !is_same) {
    bc_log(BC_LOG_ERROR, "routes of the API: %s", problem);
  } else if (problem == NULL && leases->problem != NULL) {
    bc_log(BC_LOG_NOTICE, "routes of the API: their file is in use again");
  }
  if (!is_same) {
    free(leases->problem);
    leases->problem = bc_mem_copy_string(problem);
    core_publish_dirty(leases->core);
  }
}

/* ---- writing it anew ---- */

static void disk_send(struct core_leases *leases);

static void disk_end_op(struct core_lease_op *op, enum bc_err err, bool is_unsure);

/* Who puts something learns that the file cannot have it. */
static void disk_fail_puts(struct core_leases *leases) {
  struct core_lease_op *op;
  do {
    op = TAILQ_FIRST(&leases->ops);
    while (op != NULL && (op->made == NULL || op->is_sent)) {
      op = TAILQ_NEXT(op, link);
    }
    if (op != NULL) {
      disk_end_op(op, BC_ERR_IO, false);
    }
  } while (op != NULL);
}

static void disk_on_rewritten(void *arg, enum bc_err err, const char *text) {
  struct core_leases *leases = arg;
  leases->is_rewriting = false;
  leases->lacks_records = leases->lacks_records && err != BC_ERR_OK;
  leases->must_rewrite = leases->lacks_records;
  core_lease_set_problem(leases, err == BC_ERR_OK ? NULL : text);
  if (err != BC_ERR_OK) {
    leases->grown_after_ms = bc_boot_now_ms() + DISK_GROWN_MS;
    bc_timer_start(leases->retry_timer, DISK_RETRY_MS);
  }
  if (leases->lacks_records) {
    disk_fail_puts(leases);
  }
  disk_send(leases);
}

/* Not while a put is on its way, which the table does not have yet. */
static void disk_rewrite(struct core_leases *leases) {
  struct bc_buf content;
  if (leases->log == NULL || leases->is_rewriting || leases->sent > 0) {
    return;
  }
  core_lease_tick(leases);
  bc_buf_init(&content, DISK_BYTES_MAX);
  bc_leases_print(leases->table, &content);
  bc_disk_log_set_spare(leases->log, bc_leases_removal_bytes(leases->table));
  enum bc_err err = bc_buf_status(&content);
  if (err == BC_ERR_OK) {
    err = bc_disk_log_rewrite(leases->log, bc_buf_str(&content), disk_on_rewritten, leases);
  }
  bc_buf_free(&content);
  leases->is_rewriting = err == BC_ERR_OK;
  if (err != BC_ERR_OK) {
    core_lease_set_problem(leases, "their file is not written: the disk is too slow");
    bc_timer_start(leases->retry_timer, DISK_RETRY_MS);
  }
}

void core_lease_disk_mind(struct core_leases *leases) {
  bool is_grown = leases->log != NULL && bc_leases_is_grown(leases->table, bc_disk_log_bytes(leases->log)) &&
                  bc_boot_now_ms() >= leases->grown_after_ms;
  if ((is_grown || leases->must_rewrite) && !bc_timer_is_armed(leases->retry_timer)) {
    leases->must_rewrite = true;
    disk_rewrite(leases);
  }
}

/* ---- appending ---- */

static void disk_free_op(struct core_lease_op *op) {
  struct core_leases *leases = op->leases;
  TAILQ_REMOVE(&leases->ops, op, link);
  leases->sent -= op->is_sent ? 1 : 0;
  if (op->made != NULL) {
    bc_leases_drop(leases->table, op->made);
  }
  bc_route_release(leases->core->intern, &op->route);
  bc_buf_free(&op->record);
  free(op);
}

static void disk_end_op(struct core_lease_op *op, enum bc_err err, bool is_unsure) {
  struct core_leases *leases = op->leases;
  core_lease_done_fn *done = op->done;
  void *arg = op->arg;
  if (op->made != NULL && err == BC_ERR_OK) {
    core_lease_take(leases, op);
  }
  if (err != BC_ERR_OK) {
    leases->lacks_records = leases->lacks_records || op->is_owed || is_unsure;
    leases->must_rewrite = leases->must_rewrite || leases->lacks_records;
    bc_timer_start(leases->retry_timer, DISK_RETRY_MS);
  }
  disk_free_op(op);
  if (done != NULL) {
    done(arg, is_unsure ? BC_ERR_AGAIN : err);
  }
}

static void disk_on_written(void *arg, enum bc_err err, const char *text) {
  struct core_lease_op *op = arg;
  struct core_leases *leases = op->leases;
  bool is_unsure = op->made != NULL && err != BC_ERR_OK && bc_disk_log_is_unsure(leases->log);
  core_lease_set_problem(leases, err == BC_ERR_OK ? NULL : text);
  disk_end_op(op, err, is_unsure);
  core_lease_disk_mind(leases);
  if (leases->must_rewrite && !bc_timer_is_armed(leases->retry_timer)) {
    disk_rewrite(leases);
  }
}

static enum bc_err disk_append(struct core_lease_op *op) {
  struct core_leases *leases = op->leases;
  struct bc_str record = bc_buf_str(&op->record);
  bc_disk_log_set_spare(leases->log, bc_leases_removal_bytes(leases->table));
  return op->is_removal ? bc_disk_log_append(leases->log, record, disk_on_written, op)
                        : bc_disk_log_append_sparing(leases->log, record, disk_on_written, op);
}

/* A removal does not wait for the file to be written anew, which a full disk does not take; but it stands behind the
 * put that it removes. */
static void disk_send(struct core_leases *leases) {
  struct core_lease_op *next;
  for (struct core_lease_op *op = TAILQ_FIRST(&leases->ops); op != NULL; op = next) {
    next = TAILQ_NEXT(op, link);
    bool waits = (leases->must_rewrite || leases->is_rewriting) && !op->is_removal;
    if (leases->log == NULL || (waits && !op->is_sent && op->made != NULL)) {
      return;
    }
    if (op->is_sent || waits) {
      continue;
    }
    enum bc_err err = disk_append(op);
    if (err == BC_ERR_OK) {
      op->is_sent = true;
      leases->sent++;
    } else {
      core_lease_set_problem(leases, "the disk is too slow: too much waits to be written");
      bc_timer_start(leases->retry_timer, DISK_RETRY_MS);
      return;
    }
  }
}

static void disk_add(struct core_leases *leases, struct core_lease_op *op, struct bc_buf *record) {
  op->leases = leases;
  op->record = *record;
  bc_buf_init(record, record->max);
  TAILQ_INSERT_TAIL(&leases->ops, op, link);
  disk_send(leases);
}

enum bc_err core_lease_disk_put(struct core_leases *leases, struct bc_lease *made, const struct bc_route *route,
                                struct bc_buf *record, core_lease_done_fn *done, void *arg) {
  if (leases->log == NULL || (leases->must_rewrite && leases->problem != NULL)) {
    return BC_ERR_IO;
  }
  if (bc_disk_log_waiting_bytes(leases->log) + record->len > BC_LIMIT_DISK_QUEUE_BYTES) {
    return BC_ERR_LIMIT;
  }
  struct core_lease_op *op = bc_mem_new(1, sizeof *op);
  *op = (struct core_lease_op){.made = made, .route = bc_route_copy(route), .done = done, .arg = arg};
  disk_add(leases, op, record);
  return BC_ERR_OK;
}

void core_lease_disk_note(struct core_leases *leases, struct bc_buf *record, bool is_removal, core_lease_done_fn *done,
                          void *arg) {
  struct core_lease_op *op = bc_mem_new(1, sizeof *op);
  *op = (struct core_lease_op){.is_owed = true, .is_removal = is_removal, .done = done, .arg = arg};
  disk_add(leases, op, record);
}

void core_lease_disk_tell_clock(struct core_leases *leases) {
  struct core_lease_op *op = bc_mem_new(1, sizeof *op);
  struct bc_buf record;
  bc_buf_init(&record, DISK_CLOCK_BYTES);
  bc_leases_tell_clock(leases->table, &record);
  disk_add(leases, op, &record);
  bc_buf_free(&record);
}

void core_lease_disk_retry(struct core_leases *leases) {
  if (leases->must_rewrite) {
    disk_rewrite(leases);
    return;
  }
  disk_send(leases);
  if (leases->problem != NULL && leases->sent == 0) {
    core_lease_tick(leases);
    core_lease_disk_tell_clock(leases);
  }
}

/* ---- the start and the end ---- */

static void disk_load(struct core_leases *leases, struct bc_str content) {
  struct bc_lease_time now = {.wall_ms = bc_wall_now_ms(), .boot_ms = bc_boot_now_ms()};
  struct bc_lease_load load;
  (void)snprintf(now.boot_id, sizeof now.boot_id, "%s", leases->boot_id);
  bc_leases_load(leases->table, content, &now, &load);
  if (load.damaged > 0 || load.dropped > 0) {
    bc_log(
        BC_LOG_ERROR,
        "routes of the API: %zu damaged lines in the file (%zu removals among them, which are known all the same) and "
        "%zu routes over the limits are left out: what is announced by it and was in them is withdrawn once the "
        "store is known",
        load.damaged, load.inferred, load.dropped);
  }
  leases->damaged = load.damaged + load.dropped;
  leases->lacks_records = load.good_bytes < content.len || content.len == 0;
  leases->must_rewrite = leases->lacks_records;
  bc_disk_log_cut(leases->log, load.line_bytes);
  leases->is_loaded = true;
}

/* What cannot be read is no reason to forget it. */
static enum bc_err disk_set_aside(struct core_leases *leases, struct bc_buf *content, struct bc_fault *fault) {
  bc_disk_log_close(leases->log);
  leases->log = NULL;
  bc_buf_clear(content);
  enum bc_err err = bc_disk_set_aside(leases->core->disk, disk_name, fault);
  return err == BC_ERR_OK ? bc_disk_log_open(leases->core->disk, disk_name, content, &leases->log, fault) : err;
}

static bool disk_is_other(struct bc_str content) {
  struct bc_leases *probe = bc_leases_new();
  struct bc_lease_time now = {.boot_id = "probe"};
  struct bc_lease_load load;
  size_t line = 0;
  while (line < content.len && content.at[line] != '\n') {
    line++;
  }
  content.len = line < content.len ? line + 1 : line;
  bc_leases_load(probe, content, &now, &load);
  bc_leases_free(probe);
  return load.is_other;
}

bool core_lease_disk_open(struct core_leases *leases) {
  struct bc_buf content;
  struct bc_fault fault;
  bc_buf_init(&content, DISK_BYTES_MAX);
  enum bc_err err = bc_disk_log_open(leases->core->disk, disk_name, &content, &leases->log, &fault);
  bool is_other = err == BC_ERR_OK && disk_is_other(bc_buf_str(&content));
  if (err == BC_ERR_LIMIT || is_other) {
    bc_log(BC_LOG_ERROR, "routes of the API: %s: set aside as leases.bad",
           is_other ? "their file is none of this program's version" : fault.text);
    err = disk_set_aside(leases, &content, &fault);
  }
  if (err == BC_ERR_OK) {
    bc_disk_log_set_durable(leases->log);
    disk_load(leases, bc_buf_str(&content));
    core_lease_set_problem(leases, NULL);
  } else {
    leases->log = NULL;
    core_lease_set_problem(leases, fault.text);
    bc_timer_start(leases->retry_timer, DISK_RETRY_MS);
  }
  bc_buf_free(&content);
  return err == BC_ERR_OK;
}

void core_lease_disk_close(struct core_leases *leases) {
  struct core_lease_op *op;
  bc_disk_log_close(leases->log);
  leases->log = NULL;
  while ((op = TAILQ_FIRST(&leases->ops)) != NULL) {
    disk_free_op(op);
  }
}
