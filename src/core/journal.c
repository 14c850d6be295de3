/* The journal's file: records go to the disk thread, announces wait for them, withdraws do not. */
#include "base/mem.h"
#include "core/private.h"

#include <stdlib.h>

enum { JOURNAL_RETRY_MS = 1000, JOURNAL_REWRITE_BYTES = 1024 * 1024, JOURNAL_BYTES_MAX = 256 * 1024 * 1024 };

static void journal_failed(struct bc_core *core, const char *problem) {
  struct core_journal *journal = &core->journal;
  if (journal->problem == NULL) {
    bc_log(BC_LOG_ERROR, "journal: %s: announcements wait, withdraws go on", problem);
  }
  free(journal->problem);
  journal->problem = bc_mem_copy_string(problem);
  bc_timer_start(journal->retry_timer, JOURNAL_RETRY_MS);
  core_publish_dirty(core);
}

static void journal_mended(struct bc_core *core) {
  if (core->journal.problem != NULL) {
    bc_log(BC_LOG_NOTICE, "journal: in use again");
    free(core->journal.problem);
    core->journal.problem = NULL;
    core_publish_dirty(core);
  }
}

/* A record is a line. */
static size_t journal_count(struct bc_str records) {
  size_t count = 0;
  for (size_t i = 0; i < records.len; i++) {
    count += records.at[i] == '\n';
  }
  return count;
}

static void journal_on_written(void *arg, enum bc_err err, const char *problem) {
  struct bc_core *core = arg;
  struct core_journal *journal = &core->journal;
  journal->is_busy = false;
  if (err != BC_ERR_OK) {
    journal_failed(core, problem);
    return;
  }
  journal_mended(core);
  size_t count = journal_count(bc_buf_str(&journal->batch));
  journal->records = journal->is_rewrite ? count : journal->records + count;
  bc_buf_free(&journal->batch);
  bc_rib_journal_written(core->rib, bc_mono_now());
  core_link_pump(core);
}

static void journal_write(struct bc_core *core) {
  struct core_journal *journal = &core->journal;
  struct bc_str bytes = bc_buf_str(&journal->batch);
  enum bc_err err = journal->is_rewrite ? bc_disk_log_rewrite(journal->log, bytes, journal_on_written, core)
                                        : bc_disk_log_append(journal->log, bytes, journal_on_written, core);
  journal->is_busy = err == BC_ERR_OK;
  if (err != BC_ERR_OK) {
    journal_failed(core, "the disk is too slow: too much waits to be written");
  }
}

/* More than half of its records are dead. One that only grows is not made anew: announces would wait for it. */
static bool journal_is_grown(const struct bc_core *core) {
  return bc_disk_log_bytes(core->journal.log) > JOURNAL_REWRITE_BYTES &&
         core->journal.records / 2 > bc_rib_journal_live(core->rib);
}

void core_journal_flush(struct bc_core *core) {
  struct core_journal *journal = &core->journal;
  /* A new one would say that nothing is ours: whoever starts next must still know that it is lost. */
  bool must_stay_lost = journal->was_lost && !bc_rib_is_started(core->rib);
  if (must_stay_lost || journal->log == NULL || journal->is_busy || bc_timer_is_armed(journal->retry_timer)) {
    return;
  }
  bool is_due = journal->must_rewrite || journal_is_grown(core);
  journal->is_rewrite = is_due && bc_rib_journal_snapshot(core->rib, &journal->batch);
  if (!journal->is_rewrite && journal->batch.len > 0) {
    bc_buf_free(&journal->batch); /* a snapshot that was too large, or not possible now */
  }
  journal->must_rewrite = journal->must_rewrite && !journal->is_rewrite;
  if (journal->is_rewrite || (!journal->must_rewrite && bc_rib_journal_take(core->rib, &journal->batch))) {
    journal_write(core);
  }
}

/* Without a whole journal ExaBGP may hold announcements of ours that it does not tell: what is wanted
 * and stands is adopted, nothing that it does not name is withdrawn. Of one that comes too late for that no record is
 * taken over. */
static void journal_load(struct bc_core *core, struct bc_str content) {
  struct core_journal *journal = &core->journal;
  bool is_late = bc_rib_is_started(core->rib);
  size_t good = is_late ? 0 : bc_rib_journal_load(core->rib, content);
  if (good < content.len) {
    bc_log(BC_LOG_WARNING, "journal: %zu of %zu bytes are good, the rest is left out", good, content.len);
  }
  journal->records = journal_count(content);
  bool is_whole = good > 0 && good == content.len;
  journal->was_lost = is_late ? journal->was_lost : !is_whole;
  /* Behind a damaged end new records would be lost: the file is made anew first. */
  journal->must_rewrite = !is_whole;
}

static void journal_open_again(struct bc_core *core) {
  struct core_journal *journal = &core->journal;
  struct bc_buf content;
  struct bc_fault fault;
  bc_buf_init(&content, JOURNAL_BYTES_MAX);
  enum bc_err err = bc_disk_log_open(core->disk, "journal", &content, &journal->log, &fault);
  if (err == BC_ERR_LIMIT) {
    bc_log(BC_LOG_ERROR, "journal: %s: set aside as journal.bad", fault.text);
    if (bc_disk_set_aside(core->disk, "journal", &fault) == BC_ERR_OK) {
      err = bc_disk_log_open(core->disk, "journal", &content, &journal->log, &fault);
    }
  }
  if (err == BC_ERR_OK) {
    journal_load(core, bc_buf_str(&content));
    journal_mended(core);
  } else {
    journal->log = NULL;
    journal->was_lost = true;
    journal_failed(core, fault.text);
  }
  bc_buf_free(&content);
}

static void journal_on_retry(void *arg) {
  struct bc_core *core = arg;
  if (core->journal.log == NULL) {
    journal_open_again(core);
  }
  if (core->journal.log == NULL) {
    return;
  }
  if (!core->journal.is_busy && core->journal.batch.len > 0) {
    journal_write(core);
  } else {
    core_journal_flush(core);
  }
}

void core_journal_open(struct bc_core *core) {
  bc_buf_init(&core->journal.batch, JOURNAL_BYTES_MAX);
  core->journal.retry_timer = bc_timer_new(core->loop, journal_on_retry, core);
  journal_open_again(core);
  core_journal_flush(core);
}

void core_journal_close(struct bc_core *core) {
  bc_timer_free(core->journal.retry_timer);
  bc_disk_log_close(core->journal.log);
  bc_buf_free(&core->journal.batch);
  free(core->journal.problem);
}
