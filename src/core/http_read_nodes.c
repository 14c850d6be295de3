/* /v1/nodes: what the nodes tell of themselves. Core follows its own keys only: those of the others are read when
 * somebody asks, once for all who ask within some seconds. */
#include "base/mem.h"
#include "core/http_read.h"
#include "io/store_edit.h"

#include <stdlib.h>
#include <string.h>

enum {
  NODES_KEPT_MS = 5000,
  NODES_TIMEOUT_MS = 4000,
  NODES_MOST = 256,
  NODES_PIECE_BYTES = 65536,
  NODES_NAME_BYTES = BC_LIMIT_NAME_BYTES + 1
};

/* A request that waits for the store. */
struct nodes_waiter {
  TAILQ_ENTRY(nodes_waiter) link;
  struct http_nodes *nodes;
  struct bc_httpd_request *request;
};

/* A node that was seen in the store. */
struct nodes_one {
  char *name;
  char *raw;  /* its status as the store has it; NULL = there is none, or `text` was made of it */
  char *text; /* … as JSON; NULL = not made yet, or none */
};

/* What one reading of the store gave. Answers that are under way keep the one that they began with. */
struct nodes_known {
  unsigned references;
  struct bc_mono read_at;
  bool has_more;
  size_t count;
  struct nodes_one one[NODES_MOST]; /* in the order of their names */
};

struct http_nodes {
  struct bc_core *core;
  struct bc_store_edit *edit; /* NULL = not opened yet, or it could not be */
  bool is_reading;
  struct nodes_known *known; /* NULL = never read */
  char *problem;
  TAILQ_HEAD(, nodes_waiter) waiters;
};

/* ---- what was read ---- */

static void nodes_let_go(struct nodes_known *known) {
  if (known == NULL || --known->references > 0) {
    return;
  }
  for (size_t i = 0; i < known->count; i++) {
    free(known->one[i].name);
    free(known->one[i].raw);
    free(known->one[i].text);
  }
  free(known);
}

/* "node/edge1/status" → "edge1"; what is behind it. */
static const char *nodes_split(const char *key, char name[static NODES_NAME_BYTES]) {
  static const char folder[] = "node/";
  const char *from = key + sizeof folder - 1;
  const char *slash = strncmp(key, folder, sizeof folder - 1) == 0 ? strchr(from, '/') : NULL;
  size_t len = slash == NULL ? 0 : (size_t)(slash - from);
  if (len == 0 || len >= NODES_NAME_BYTES) {
    return NULL;
  }
  memcpy(name, from, len);
  name[len] = '\0';
  return slash + 1;
}

static struct nodes_one *nodes_find(struct nodes_known *known, const char *name) {
  for (size_t i = known->count; i-- > 0;) { /* the keys of one stand side by side */
    if (strcmp(known->one[i].name, name) == 0) {
      return &known->one[i];
    }
  }
  return NULL;
}

static void nodes_take_key(struct nodes_known *known, const struct bc_store_edit_key *key) {
  char name[NODES_NAME_BYTES];
  const char *rest = nodes_split(key->key, name);
  struct nodes_one *one = rest == NULL ? NULL : nodes_find(known, name);
  if (rest == NULL) {
    return;
  }
  if (one == NULL && known->count == NODES_MOST) {
    known->has_more = true;
    return;
  }
  if (one == NULL) {
    one = &known->one[known->count++];
    *one = (struct nodes_one){.name = bc_mem_copy_string(name)};
  }
  if (strcmp(rest, "status") == 0 && key->value.at != NULL && key->value.len <= 2U * BC_LIMIT_STATUS_BYTES) {
    free(one->raw);
    one->raw = bc_mem_copy_text(key->value.at, key->value.len);
  }
}

static int nodes_compare(const void *a, const void *b) {
  return strcmp(((const struct nodes_one *)a)->name, ((const struct nodes_one *)b)->name);
}

static void nodes_take(struct http_nodes *nodes) {
  const struct bc_store_edit_key *key;
  struct nodes_known *known = bc_mem_new(1, sizeof *known);
  known->references = 1;
  known->read_at = bc_mono_now();
  for (size_t i = 0; (key = bc_store_edit_at(nodes->edit, i)) != NULL; i++) {
    nodes_take_key(known, key);
  }
  qsort(known->one, known->count, sizeof known->one[0], nodes_compare);
  nodes_let_go(nodes->known);
  nodes->known = known;
}

/* ---- the answer, in pieces: the statuses of many nodes are megabytes ---- */

struct nodes_answer {
  struct nodes_known *known; /* NULL = none */
  char *self;
  json_t *head;   /* what is told before the nodes */
  json_t *status; /* our own */
  bool has_begun;
  size_t at;
};

/* Others wrote it: what is no JSON object is none. */
static const char *nodes_status_text(struct nodes_one *one) {
  if (one->raw != NULL) {
    json_t *read = json_loads(one->raw, 0, NULL);
    one->text = json_is_object(read) ? json_dumps(read, JSON_COMPACT) : NULL;
    json_decref(read);
    free(one->raw);
    one->raw = NULL;
  }
  return one->text == NULL ? "null" : one->text;
}

/* Without its last brace: more members follow. */
static void nodes_add_open(struct bc_buf *text, const json_t *made) {
  core_report_print(made, text);
  text->len--;
}

static void nodes_add_name(struct bc_buf *text, const char *name, bool is_self) {
  json_t *made = json_object();
  json_object_set_new(made, "name", json_string(name));
  json_object_set_new(made, "self", json_boolean(is_self));
  nodes_add_open(text, made);
  json_decref(made);
}

static void nodes_begin(struct nodes_answer *answer, struct bc_buf *text) {
  nodes_add_open(text, answer->head);
  bc_buf_add_text(text, ",\"nodes\":[");
  nodes_add_name(text, answer->self, true);
  bc_buf_add_text(text, ",\"status\":");
  core_report_print(answer->status, text);
  bc_buf_add_char(text, '}');
  answer->has_begun = true;
}

static bool nodes_more(void *arg, struct bc_buf *text) {
  struct nodes_answer *answer = arg;
  size_t count = answer->known == NULL ? 0 : answer->known->count;
  if (!answer->has_begun) {
    nodes_begin(answer, text);
  }
  for (; answer->at < count && text->len < NODES_PIECE_BYTES; answer->at++) {
    struct nodes_one *one = &answer->known->one[answer->at];
    if (strcmp(one->name, answer->self) != 0) {
      bc_buf_add_char(text, ',');
      nodes_add_name(text, one->name, false);
      bc_buf_add_format(text, ",\"status\":%s}", nodes_status_text(one));
    }
  }
  if (answer->at < count) {
    return true;
  }
  bc_buf_add_text(text, "]}\n");
  return false;
}

static void nodes_end(void *arg) {
  struct nodes_answer *answer = arg;
  nodes_let_go(answer->known);
  json_decref(answer->status);
  json_decref(answer->head);
  free(answer->self);
  free(answer);
}

/* Ourselves first, the others in the order of their names. */
static void nodes_answer(const struct http_nodes *nodes, struct bc_httpd_request *request) {
  struct nodes_known *known = nodes->known;
  struct nodes_answer *answer = bc_mem_new(1, sizeof *answer);
  *answer = (struct nodes_answer){.known = known,
                                  .self = bc_mem_copy_string(nodes->core->settings->node),
                                  .status = core_publish_report(nodes->core),
                                  .head = json_object()};
  if (known != NULL) {
    known->references++;
  }
  double age = known == NULL ? 0 : (double)bc_mono_ms_between(known->read_at, bc_mono_now()) / 1000.0;
  json_object_set_new(answer->head, "age", known == NULL ? json_null() : json_real(age));
  json_object_set_new(answer->head, "more", json_boolean(known != NULL && known->has_more));
  json_object_set_new(answer->head, "problem", core_report_text(nodes->problem));
  const struct bc_httpd_pieces pieces = {.more = nodes_more, .end = nodes_end, .arg = answer};
  bc_httpd_answer_pieces(request, 200, CORE_HTTP_READ_JSON, &pieces, false);
}

static void nodes_answer_all(struct http_nodes *nodes) {
  struct nodes_waiter *waiter;
  while ((waiter = TAILQ_FIRST(&nodes->waiters)) != NULL) {
    struct bc_httpd_request *request = waiter->request;
    TAILQ_REMOVE(&nodes->waiters, waiter, link);
    free(waiter);
    nodes_answer(nodes, request);
  }
}

static void nodes_set_problem(struct http_nodes *nodes, const char *problem) {
  free(nodes->problem);
  nodes->problem = bc_mem_copy_string(problem);
}

static void nodes_on_read(void *arg, enum bc_err err, const char *text) {
  struct http_nodes *nodes = arg;
  nodes->is_reading = false;
  nodes_set_problem(nodes, err == BC_ERR_OK ? NULL : text);
  if (err == BC_ERR_OK) {
    nodes_take(nodes);
  }
  nodes_answer_all(nodes);
}

/* ---- asking ---- */

static void nodes_on_gone(void *arg) {
  struct nodes_waiter *waiter = arg;
  TAILQ_REMOVE(&waiter->nodes->waiters, waiter, link);
  free(waiter);
}

static void nodes_wait(struct http_nodes *nodes, struct bc_httpd_request *request) {
  struct nodes_waiter *waiter = bc_mem_new(1, sizeof *waiter);
  waiter->nodes = nodes;
  waiter->request = request;
  TAILQ_INSERT_TAIL(&nodes->waiters, waiter, link);
  bc_httpd_on_gone(request, nodes_on_gone, waiter);
}

static bool nodes_open(struct http_nodes *nodes) {
  struct bc_store_options options;
  struct bc_fault fault;
  if (nodes->core->options->is_safe_mode) {
    nodes_set_problem(nodes, "safe mode: the store is not asked");
    return false;
  }
  core_apply_store_options(nodes->core, &options);
  if (nodes->edit == NULL &&
      bc_store_edit_open(nodes->core->loop, &options, NODES_TIMEOUT_MS, &nodes->edit, &fault) != BC_ERR_OK) {
    nodes->edit = NULL;
    nodes_set_problem(nodes, fault.text);
    return false;
  }
  return true;
}

static struct http_nodes *nodes_of(struct bc_core *core) {
  if (core->nodes == NULL) {
    core->nodes = bc_mem_new(1, sizeof *core->nodes);
    core->nodes->core = core;
    TAILQ_INIT(&core->nodes->waiters);
  }
  return core->nodes;
}

void core_http_read_nodes(struct core_http_call *call) {
  static const struct core_http_member members[] = {{NULL, 0}};
  static const char *const folders[] = {"node/", NULL};
  static const struct bc_store_edit_scope scope = {.folders = folders, .has_status = true};
  json_t *query = core_http_read_query(call, members);
  json_decref(query);
  if (query == NULL) {
    return;
  }
  struct http_nodes *nodes = nodes_of(call->core);
  bool is_fresh = nodes->known != NULL && nodes->problem == NULL &&
                  bc_mono_ms_between(nodes->known->read_at, bc_mono_now()) < NODES_KEPT_MS;
  if (is_fresh || (!nodes->is_reading && !nodes_open(nodes))) {
    nodes_answer(nodes, call->request);
    return;
  }
  nodes_wait(nodes, call->request);
  if (!nodes->is_reading) {
    nodes->is_reading = true;
    bc_store_edit_read(nodes->edit, &scope, nodes_on_read, nodes);
  }
}

void core_http_read_close(struct bc_core *core) {
  if (core->nodes != NULL) {
    bc_store_edit_close(core->nodes->edit);
    nodes_let_go(core->nodes->known);
    free(core->nodes->problem);
    free(core->nodes);
    core->nodes = NULL;
  }
}
