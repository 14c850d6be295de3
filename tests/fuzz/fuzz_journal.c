/* The journal file may hold anything after a crash: reading it must end, never read beyond it, and what
 * it reads must be a state from which the RIB starts and writes its journal anew. */
#include "base/mem.h"
#include "model/journal.h"
#include "model/rib.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void journal_check_snapshot(struct bc_rib *rib) {
  struct bc_buf snapshot;
  bc_buf_init(&snapshot, 1U << 26);
  if (bc_rib_journal_snapshot(rib, &snapshot)) {
    struct bc_intern *intern = bc_intern_new();
    struct bc_rib *again = bc_rib_new(intern);
    size_t good = bc_rib_journal_load(again, bc_buf_str(&snapshot));
    if (good != snapshot.len || bc_rib_journal_live(again) != bc_rib_journal_live(rib)) {
      abort();
    }
    bc_rib_free(again);
    bc_intern_free(intern);
  }
  bc_buf_free(&snapshot);
}

/* Any one line is read as it was written. */
static void journal_check_record(const uint8_t *data, size_t size) {
  struct bc_buf file;
  struct bc_journal_reader reader;
  enum bc_journal_kind kind;
  struct bc_str text;
  bc_buf_init(&file, 1U << 20);
  bc_journal_add_header(&file);
  bc_journal_add_record(&file, BC_JOURNAL_WITHDRAWN, (struct bc_str){(const char *)data, size});
  bool is_added = bc_buf_status(&file) == BC_ERR_OK;
  bc_journal_read_start(&reader, bc_buf_str(&file));
  bool is_read = bc_journal_read_next(&reader, &kind, &text);
  if (is_read != is_added || (is_read && (kind != BC_JOURNAL_WITHDRAWN || text.len != size ||
                                          (size > 0 && memcmp(text.at, data, size) != 0)))) {
    abort();
  }
  bc_buf_free(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  journal_check_record(data, size);
  struct bc_intern *intern = bc_intern_new();
  struct bc_rib *rib = bc_rib_new(intern);
  struct bc_mono now = {.us = 1000000};
  char *copy = bc_mem_copy_text((const char *)data, size);
  size_t good = bc_rib_journal_load(rib, (struct bc_str){copy, size});
  if (good > size) {
    abort();
  }
  free(copy);
  journal_check_snapshot(rib);
  bc_rib_journal_written(rib, now);
  bc_rib_start(rib, good == 0, now);
  bc_rib_tick(rib, bc_mono_add_ms(now, 10000));
  struct bc_buf records;
  bc_buf_init(&records, 1U << 26);
  while (bc_rib_journal_take(rib, &records)) {
    bc_rib_journal_written(rib, now);
  }
  /* Nothing stands and nothing is wanted: all that it knew is withdrawn. */
  if (bc_rib_journal_live(rib) != 0 || !bc_rib_is_settled(rib)) {
    abort();
  }
  bc_buf_free(&records);
  bc_rib_free(rib);
  bc_intern_free(intern);
  return 0;
}
