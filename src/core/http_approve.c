/* POST /v1/approve: what is held, or a store loss, counts from now on. */
#include "base/mem.h"
#include "core/http_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Until its audit line is written. */
struct http_approval {
  struct bc_core *core;
  struct bc_httpd_request *request;
  char id[sizeof((struct bc_core *)NULL)->apply.loss_id];
};

static void approve_on_gone(void *arg) {
  struct http_approval *approval = arg;
  core_audit_cancel(approval->core, approval);
  free(approval);
}

static void approve_on_written(void *arg, enum bc_err err, const char *text) {
  struct http_approval *approval = arg;
  json_t *made = json_object();
  json_object_set_new(made, "approved", json_string(approval->id));
  if (err != BC_ERR_OK) {
    json_object_set_new(made, "auditProblem", json_string(text));
  }
  core_http_json(approval->request, 200, made);
  free(approval);
}

/* `code` NULL: it was done. */
static void approve_write(struct core_http_call *call, const char *id, const char *code, core_audit_fn *done,
                          void *arg) {
  char request[24];
  (void)snprintf(request, sizeof request, "%" PRIu64, call->id);
  struct core_audit_line line = {.who = call->who,
                                 .source = call->source,
                                 .action = "approve",
                                 .name = id,
                                 .outcome = code == NULL ? "accepted" : "refused",
                                 .code = code,
                                 .request = request,
                                 .is_done = true};
  (void)core_audit_write(call->core, &line, done, arg);
}

static void approve(struct core_http_call *call, const char *id) {
  struct bc_core *core = call->core;
  struct http_approval *approval = bc_mem_new(1, sizeof *approval);
  (void)snprintf(approval->id, sizeof approval->id, "%s", id);
  bool is_whole = strlen(id) < sizeof approval->id;
  /* A copy: the id that the loss has goes with it. */
  if (!is_whole ||
      (core_apply_approve(core, approval->id) != BC_ERR_OK && core_policy_approve(core, approval->id) != BC_ERR_OK)) {
    approve_write(call, id, "nothing-waits", NULL, NULL);
    core_http_fail(call->request, 409, "nothing-waits", "nothing waits for approval with this id: see /v1/status");
    free(approval);
    return;
  }
  bc_log(BC_LOG_NOTICE, "HTTP: %s approved %s", call->who, approval->id);
  approval->core = core;
  approval->request = call->request;
  bc_httpd_on_gone(call->request, approve_on_gone, approval);
  approve_write(call, approval->id, NULL, approve_on_written, approval);
}

void core_http_post_approve(struct core_http_call *call) {
  static const char *const members[] = {"id", NULL};
  json_t *body = core_http_ask_json(call, members);
  if (body == NULL) {
    return;
  }
  const char *id = json_string_value(json_object_get(body, "id"));
  if (id == NULL || id[0] == '\0') {
    core_http_fail_at(call->request, 400, "id", 0, "the id that /v1/status names", "id: expected a text");
  } else {
    approve(call, id);
  }
  json_decref(body);
}
