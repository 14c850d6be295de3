/* The answer to `decisions`: records read back on the disk thread while the loop goes on. */
#include "base/mem.h"
#include "core/private.h"
#include "io/ring.h"

#include <inttypes.h>
#include <stdlib.h>

enum { RECALL_WAIT_MS = 1000, RECALL_PATIENCE_MS = 4000, RECALL_PIECE = 50, RECALL_PIECE_BYTES = 65536 };

struct core_recall {
  struct bc_core *core;
  struct bc_record_search *search; /* the disk thread's while it reads */
  struct bc_ring_read *reading;    /* NULL = not begun */
  uint64_t target;                 /* what was handed over before is read too, if it is written soon */
  struct bc_mono begun;
  bool is_failed;
  size_t looked; /* at so many decisions */
  bool has_one;  /* of them was told: a comma goes before the next */
};

static void recall_on_line(void *arg, struct bc_str line) {
  bc_record_search_line(arg, line);
}

static void recall_release(void *arg) {
  bc_record_search_free(arg);
}

void core_recall_end(struct core_recall *recall) {
  if (recall->reading != NULL) {
    bc_ring_read_end(recall->reading, recall_release);
  } else {
    bc_record_search_free(recall->search);
  }
  free(recall);
}

bool core_recall_is_ready(struct core_recall *recall) {
  struct bc_core *core = recall->core;
  int64_t waited = bc_mono_ms_between(recall->begun, bc_mono_now());
  const struct bc_ring *ring = core->record.ring;
  bool is_written = ring == NULL || bc_ring_finished(ring) >= recall->target || waited > RECALL_WAIT_MS;
  if (recall->reading == NULL && is_written) {
    recall->is_failed = bc_ring_read_start(core->loop, core->paths.state_dir, CORE_RECORD_FILES, recall_on_line,
                                           recall->search, &recall->reading) != BC_ERR_OK;
    recall->reading = recall->is_failed ? NULL : recall->reading;
  }
  bool is_done = recall->reading != NULL && bc_ring_read_is_done(recall->reading);
  recall->is_failed = recall->is_failed || (!is_done && waited > RECALL_PATIENCE_MS);
  return is_done || recall->is_failed;
}

bool core_recall_has_failed(const struct core_recall *recall) {
  return recall->is_failed;
}

json_t *core_recall_get(const struct core_recall *recall, size_t i) {
  return recall->is_failed || i >= bc_record_search_count(recall->search) ? NULL
                                                                          : bc_record_search_get(recall->search, i);
}

/* ---- the answer ---- */

static bool recall_is_ready(void *arg) {
  return core_recall_is_ready(arg);
}

static void recall_end(void *arg) {
  core_recall_end(arg);
}

/* With the first piece, when it is known that there is no error. */
static void recall_add_head(const struct bc_record_search *search, struct bc_buf *text) {
  bc_buf_add_format(text, "{\"more\":%s,\"begins\":%" PRId64 ",\"lost\":%" PRIu64 ",\"decisions\":[",
                    bc_record_search_has_more(search) ? "true" : "false", bc_record_search_begins_ms(search),
                    bc_record_search_lost(search));
}

static void recall_add(struct core_recall *recall, struct bc_buf *text) {
  json_t *one = bc_record_search_get(recall->search, recall->looked++);
  if (one != NULL) {
    bc_buf_add_text(text, recall->has_one ? "," : "");
    core_report_print(one, text);
    recall->has_one = true;
  }
  json_decref(one);
}

static bool recall_more(void *arg, struct bc_buf *text) {
  struct core_recall *recall = arg;
  if (recall->is_failed) {
    bc_buf_add_text(text, "{\"error\":\"the disk does not answer in time\"}");
    return false;
  }
  size_t count = bc_record_search_count(recall->search);
  if (recall->looked == 0) {
    recall_add_head(recall->search, text);
  }
  for (unsigned i = 0; i < RECALL_PIECE && recall->looked < count && text->len < RECALL_PIECE_BYTES; i++) {
    recall_add(recall, text);
  }
  if (recall->looked < count) {
    return true;
  }
  bc_buf_add_text(text, "]}");
  return false;
}

const char *core_recall_new(struct bc_core *core, const json_t *request, struct core_recall **made) {
  struct bc_record_query query;
  const char *problem = bc_record_query_read(request, &query);
  if (problem != NULL) {
    return problem;
  }
  struct core_recall *recall = bc_mem_new(1, sizeof *recall);
  core_record_flush(core);
  recall->core = core;
  recall->begun = bc_mono_now();
  recall->target = core->record.ring == NULL ? 0 : bc_ring_appended(core->record.ring);
  recall->search = bc_record_search_new(&query);
  *made = recall;
  return NULL;
}

const char *core_recall_begin(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  struct core_recall *recall;
  const char *problem = core_recall_new(core, request, &recall);
  if (problem == NULL) {
    answer->more = recall_more;
    answer->end = recall_end;
    answer->is_ready = recall_is_ready;
    answer->arg = recall;
  }
  return problem;
}
