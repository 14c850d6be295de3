/* The paths that tell what the local socket tells. */
#include "core/http_private.h"

void core_http_get_status(struct core_http_call *call) {
  core_http_json(call->request, 200, core_report_status(call->core));
}

void core_http_get_routes(struct core_http_call *call) {
  struct bc_sock_answer answer = core_http_new_answer();
  const char *name = bc_httpd_query(call->request, "name");
  json_t *names = name == NULL ? NULL : json_string(name);
  if (core_list_begin(call->core, CORE_LIST_ROUTES, names, &answer)) {
    core_http_pieces(call->request, "application/json", &answer);
  } else {
    bc_buf_free(&answer.text);
    core_http_fail(call->request, 400, "bad-request", "`name` must be a text");
  }
  json_decref(names);
}
