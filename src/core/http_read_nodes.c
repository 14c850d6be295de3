/* /v1/nodes: what the nodes tell of themselves. Core follows its own keys only: those of the others are read when
 * somebody asks, once for all who ask within some seconds. */
#include "base/mem.h"
#include "core/http_read.h"
#include "io/store_edit.h"

#include <stdlib.h>
#include <string.h>

enum { NODES_KEPT_MS = 5000, NODES_TIMEOUT_MS = 4000, NODES_MOST = 256, NODES_NAME_BYTES = BC_LIMIT_NAME_BYTES + 1 };

/* A request that waits for the store. */
struct nodes_waiter {
  TAILQ_ENTRY(nodes_waiter) link;
  struct http_nodes *nodes;
  struct bc_httpd_request *request;
};

struct http_nodes {
  struct bc_core *core;
  struct bc_store_edit *edit; /* NULL = not opened yet, or it could not be */
  bool is_reading;
  json_t *statuses; /* by name; null: none. NULL = never read */
  bool has_more;
  struct bc_mono read_at;
  char *problem;
  TAILQ_HEAD(, nodes_waiter) waiters;
};

/* ---- what was read ---- */

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

static void nodes_take_key(struct http_nodes *nodes, const struct bc_store_edit_key *key) {
  char name[NODES_NAME_BYTES];
  const char *rest = nodes_split(key->key, name);
  if (rest == NULL) {
    return;
  }
  bool is_known = json_object_get(nodes->statuses, name) != NULL;
  if (!is_known && json_object_size(nodes->statuses) >= NODES_MOST) {
    nodes->has_more = true;
    return;
  }
  bool is_status = strcmp(rest, "status") == 0 && key->value.at != NULL && key->value.len <= 2U * BC_LIMIT_STATUS_BYTES;
  json_t *status = is_status ? json_loadb(key->value.at, key->value.len, 0, NULL) : NULL;
  if (json_is_object(status) || !is_known) {
    json_object_set(nodes->statuses, name, json_is_object(status) ? status : json_null());
  }
  json_decref(status);
}

static void nodes_take(struct http_nodes *nodes) {
  const struct bc_store_edit_key *key;
  json_decref(nodes->statuses);
  nodes->statuses = json_object();
  nodes->has_more = false;
  for (size_t i = 0; (key = bc_store_edit_at(nodes->edit, i)) != NULL; i++) {
    nodes_take_key(nodes, key);
  }
}

/* ---- the answer ---- */

static void nodes_add(json_t *list, const char *name, bool is_self, json_t *status) {
  json_t *made = json_object();
  json_object_set_new(made, "name", json_string(name));
  json_object_set_new(made, "self", json_boolean(is_self));
  json_object_set_new(made, "status", status);
  json_array_append_new(list, made);
}

static int nodes_compare(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Ourselves first, the others in the order of their names. */
static json_t *nodes_list(const struct http_nodes *nodes) {
  const char *self = nodes->core->settings->node;
  const char *names[NODES_MOST];
  size_t count = 0;
  const char *name;
  json_t *status;
  json_t *list = json_array();
  nodes_add(list, self, true, core_publish_report(nodes->core));
  json_object_foreach(nodes->statuses, name, status) {
    if (strcmp(name, self) != 0) {
      names[count++] = name;
    }
  }
  if (count > 0) {
    qsort(names, count, sizeof names[0], nodes_compare);
  }
  for (size_t i = 0; i < count; i++) {
    nodes_add(list, names[i], false, json_incref(json_object_get(nodes->statuses, names[i])));
  }
  return list;
}

static void nodes_answer(const struct http_nodes *nodes, struct bc_httpd_request *request) {
  json_t *made = json_object();
  double age = (double)bc_mono_ms_between(nodes->read_at, bc_mono_now()) / 1000.0;
  json_object_set_new(made, "nodes", nodes_list(nodes));
  json_object_set_new(made, "age", nodes->statuses == NULL ? json_null() : json_real(age));
  json_object_set_new(made, "more", json_boolean(nodes->has_more));
  json_object_set_new(made, "problem", core_report_text(nodes->problem));
  core_http_json(request, 200, made);
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
    nodes->read_at = bc_mono_now();
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
  bool is_fresh = bc_mono_is_set(nodes->read_at) && bc_mono_ms_between(nodes->read_at, bc_mono_now()) < NODES_KEPT_MS &&
                  nodes->problem == NULL;
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
    json_decref(core->nodes->statuses);
    free(core->nodes->problem);
    free(core->nodes);
    core->nodes = NULL;
  }
}
